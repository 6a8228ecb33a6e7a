"""Streamed answers as a program reads them: their text, their events, what they come to, and how
they end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from attrs import evolve
from on_time import GUARD_S
from toy_chat import SERVICE, answered, runtime_on

from axonflow_core.blocking import BlockingRuntime, BlockingStream
from axonflow_core.calls.streams import WholeAnswer
from axonflow_core.errors import RequestError, Throttled, TruncatedStream
from axonflow_core.http.client import ByteStream, HttpRequest
from axonflow_core.messages import Completion, CompletionRequest, Reasoning, StopReason, Text, Usage
from axonflow_core.stream import Ended, TextDelta
from axonflow_core.testing import MockAnswer, MockTransport

WORDS = ("Because ", "of ", "Rayleigh ", "scattering.")
ANSWER = Completion(
    (Text("".join(WORDS)),), StopReason.END_TURN, Usage(input_tokens=3, output_tokens=4)
)


def sky(request: CompletionRequest) -> Completion:
    return ANSWER


def chunked(sent: HttpRequest, *, keeps: int | None = None) -> MockAnswer:
    """The answer word by word, a read each. With `keeps` the connection is cut after so many."""
    whole = SERVICE.answer(sent, evolve(ANSWER, content=(Text("SPLIT"),)))
    reads: list[bytes] = []
    for read in whole.reads:
        words = WORDS if b"SPLIT" in read else (None,)
        reads += [read if word is None else read.replace(b"SPLIT", word.encode()) for word in words]
    return evolve(whole, reads=reads[:keeps], breaks_off=keeps is not None)


def by_words() -> MockTransport:
    return MockTransport(chunked)


def cut() -> MockTransport:
    return MockTransport(lambda sent: chunked(sent, keeps=3))


@contextmanager
def blocking(client: MockTransport) -> Iterator[BlockingStream]:
    with BlockingRuntime(runtime_on(client)) as runtime, runtime.stream("Why?") as stream:
        yield stream


# ── text and completion ───────────────────────────────────────────────────────────────────────────


async def test_text_comes_in_pieces_and_the_completion_is_the_whole() -> None:
    async with runtime_on(by_words()) as runtime, runtime.stream("Why?") as stream:
        pieces = [text async for text in stream.text()]
        completion = await stream.completion()

    assert pieces == list(WORDS)
    assert completion.text == "".join(WORDS)
    assert completion.usage == ANSWER.usage
    assert completion.stop_reason is StopReason.END_TURN


async def test_a_stream_comes_to_what_the_whole_answer_is() -> None:
    async with runtime_on(answered(sky)) as runtime:
        whole = await runtime.complete("Why?")
        async with runtime.stream("Why?") as stream:
            streamed = await stream.completion()

    assert (streamed.content, streamed.usage) == (whole.content, whole.usage)


async def test_the_completion_after_a_part_was_read_is_the_whole_all_the_same() -> None:
    async with runtime_on(by_words()) as runtime, runtime.stream("Why?") as stream:
        async for text in stream.text():
            if text == WORDS[1]:
                break
        completion = await stream.completion()

    assert completion.text == "".join(WORDS)


async def test_batches_end_with_the_terminal_event() -> None:
    async with runtime_on(by_words()) as runtime, runtime.stream("Why?") as stream:
        events = [event async for batch in stream for event in batch]

    assert [event.text for event in events if isinstance(event, TextDelta)] == list(WORDS)
    assert events[-1] == Ended()


async def test_the_completion_may_be_asked_for_twice() -> None:
    async with runtime_on(by_words()) as runtime, runtime.stream("Why?") as stream:
        assert await stream.completion() == await stream.completion()


async def test_reasoning_is_no_part_of_the_text() -> None:
    answer = evolve(ANSWER, content=(Reasoning("Light scatters."), Text("Scattering.")))
    stream = WholeAnswer(answer)
    pieces = [text async for text in stream.text()]
    completion = await stream.completion()

    assert "".join(pieces) == completion.text == "Scattering."
    assert completion.reasoning == "Light scatters."
    assert completion.message.content == completion.content


# ── the receipt ───────────────────────────────────────────────────────────────────────────────────


async def test_the_latency_is_known_at_the_end_and_not_before() -> None:
    async with runtime_on(by_words()) as runtime, runtime.stream("Why?") as stream:
        assert stream.receipt is not None
        assert stream.receipt.latency_ms is None
        completion = await stream.completion()

    assert completion.receipt == stream.receipt
    assert completion.receipt.latency_ms is not None
    assert completion.receipt.request_id == stream.request_id == "request-1"


async def test_the_receipt_of_a_stream_tells_who_answered() -> None:
    async with runtime_on(by_words()) as runtime, runtime.stream("Why?", model="toy-2") as stream:
        receipt = stream.receipt

    assert receipt is not None
    assert (receipt.provider, receipt.family, receipt.model) == ("toy", "toy", "toy-2")


async def test_the_receipt_keeps_an_attempt_that_failed() -> None:
    replies = iter([Throttled("slow down", retry_after_s=0.0), ANSWER])
    client = answered(lambda request: next(replies))
    async with runtime_on(client) as runtime, runtime.stream("Why?") as stream:
        completion = await stream.completion()

    assert completion.receipt is not None
    assert [failed.code for failed in completion.receipt.failed_attempts] == ["throttled"]


# ── ends ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_stream_that_breaks_off_has_no_completion_but_its_text() -> None:
    async with runtime_on(cut()) as runtime, runtime.stream("Why?") as stream:
        with pytest.raises(TruncatedStream) as broken:
            await stream.completion()

    assert broken.value.partial_text
    assert "".join(WORDS).startswith(broken.value.partial_text)


async def test_a_stream_that_breaks_off_gives_its_text_before_the_error() -> None:
    pieces = []
    async with runtime_on(cut()) as runtime, runtime.stream("Why?") as stream:
        with pytest.raises(TruncatedStream):
            async for text in stream.text():
                pieces.append(text)  # noqa: PERF401 - the error comes in between

    assert pieces
    assert list(WORDS)[: len(pieces)] == pieces


async def test_a_stream_that_is_left_is_closed() -> None:
    client = by_words()
    async with runtime_on(client) as runtime:
        async with runtime.stream("Why?") as stream:
            await anext(stream)
        assert client.streams[0].is_closed


async def test_a_stream_that_was_broken_off_has_no_completion_when_asked_again() -> None:
    async with runtime_on(cut()) as runtime, runtime.stream("Why?") as stream:
        for _ in range(2):
            with pytest.raises(TruncatedStream):
                await stream.completion()


async def test_a_stream_that_failed_raises_its_first_error_again() -> None:
    async with runtime_on(cut()) as runtime, runtime.stream("Why?") as stream:
        with pytest.raises(TruncatedStream) as first:
            async for _ in stream:
                pass
        with pytest.raises(TruncatedStream) as again:
            await stream.completion()

    assert again.value is first.value


async def test_one_stream_is_opened_once() -> None:
    client = by_words()
    async with runtime_on(client) as runtime:
        opening = runtime.stream("Why?")
        async with opening:
            with pytest.raises(RequestError, match="opened already"):
                await opening.__aenter__()
            with pytest.raises(RequestError, match="opened already"):
                await opening
        assert client.streams[0].is_closed

    assert len(client.requests) == 1


async def test_a_stream_that_was_closed_early_has_no_completion() -> None:
    async with runtime_on(by_words()) as runtime:
        async with runtime.stream("Why?") as stream:
            await anext(stream)
        with pytest.raises(TruncatedStream):
            await stream.completion()


# ── the blocking twins ────────────────────────────────────────────────────────────────────────────


class Stalling(MockTransport):
    """A network whose streams give one read, and the next only when they are let go on."""

    def __init__(self) -> None:
        super().__init__(chunked)
        self.stalled, self.go_on = asyncio.Event(), asyncio.Event()

    async def open_stream(self, request: HttpRequest) -> ByteStream:
        stream = await super().open_stream(request)
        read, reads = stream.read, count()

        async def stalling() -> bytes:
            if next(reads):
                self.stalled.set()
                await self.go_on.wait()
            return await read()

        stream.read = stalling  # type: ignore[method-assign]
        return stream


async def test_a_second_task_that_reads_a_stream_is_refused_and_the_first_goes_on() -> None:
    network = Stalling()
    async with runtime_on(network) as runtime, runtime.stream("Why?") as stream:
        first = asyncio.create_task(stream.completion())
        await network.stalled.wait()

        with pytest.raises(RequestError, match="another task is reading this stream"):
            async with asyncio.timeout(GUARD_S):
                await stream.completion()
        network.go_on.set()

        assert (await first).text == "".join(WORDS)


async def test_a_task_may_read_on_where_another_was_cancelled() -> None:
    network = Stalling()
    async with runtime_on(network) as runtime, runtime.stream("Why?") as stream:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await stream.completion()
        network.go_on.set()

        assert (await stream.completion()).text == "".join(WORDS)


def test_a_blocking_stream_gives_text_and_the_completion() -> None:
    with blocking(by_words()) as stream:
        pieces = list(stream.text())
        completion = stream.completion()

    assert pieces == list(WORDS)
    assert completion.text == "".join(WORDS)
    assert completion.receipt == stream.receipt
    assert completion.receipt is not None
    assert completion.receipt.latency_ms is not None


def test_a_blocking_completion_after_a_part_was_read_is_the_whole_all_the_same() -> None:
    with blocking(by_words()) as stream:
        for text in stream.text():
            if text == WORDS[1]:
                break
        completion = stream.completion()

    assert completion.text == "".join(WORDS)


def test_a_blocking_stream_that_breaks_off_has_no_completion_but_its_text() -> None:
    with blocking(cut()) as stream, pytest.raises(TruncatedStream) as broken:
        stream.completion()

    assert broken.value.partial_text


def test_a_blocking_stream_that_was_broken_off_has_no_completion_when_asked_again() -> None:
    with blocking(cut()) as stream:
        for _ in range(2):
            with pytest.raises(TruncatedStream):
                stream.completion()


def test_a_blocking_stream_that_failed_raises_its_first_error_again() -> None:
    with blocking(cut()) as stream:
        with pytest.raises(TruncatedStream) as first:
            list(stream)
        with pytest.raises(TruncatedStream) as again:
            stream.completion()

    assert again.value is first.value


def test_a_blocking_stream_that_was_closed_early_has_no_completion() -> None:
    with blocking(by_words()) as stream:
        next(stream)
        stream.close()
        with pytest.raises(TruncatedStream):
            stream.completion()
