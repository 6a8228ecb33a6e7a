"""A stream that does not end is ended here, and what is kept of its text is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from toy_upstream import CHUNKS, ROUTE, scripted

from axonflow_core.calls.streams import MAX_STREAM_BYTES, MAX_STREAM_CHUNKS
from axonflow_core.codec.record import MAX_PARTIAL_CHARS
from axonflow_core.errors import TruncatedStream
from axonflow_core.framing.sse import encode_event
from axonflow_core.json import dumps
from axonflow_core.messages import CompletionRequest, Json, user
from axonflow_core.provider import CompletionStream
from axonflow_core.testing import MockAnswer

HI = CompletionRequest((user("hi"),))


def event(chunk: Json) -> bytes:
    return encode_event(dumps(chunk).decode())


class Reads:
    """So many reads of the same bytes, and then an end; one a time, however many there are."""

    def __init__(self, data: bytes, times: int) -> None:
        self._data, self._times = data, times

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self._times):
            yield self._data
        yield event(CHUNKS[1])

    def __len__(self) -> int:
        return self._times

    def __getitem__(self, index: int) -> bytes:
        return self._data


async def opened(data: bytes, times: int) -> tuple[CompletionStream, list[Any]]:
    reads: Any = Reads(data, times)
    answer = MockAnswer(headers={"content-type": "text/event-stream"}, reads=reads)
    caller, network, _ = scripted([answer])
    stream = await caller.stream(caller.prepare(HI, ROUTE, is_streamed=True))
    return stream, list(network.streams)


LARGE = event({"text": "x" * 2**19})


async def test_a_stream_of_too_many_bytes_is_cut_and_its_connection_closed() -> None:
    stream, connections = await opened(LARGE, MAX_STREAM_BYTES // len(LARGE) + 10)

    with pytest.raises(TruncatedStream, match="128 MiB") as caught:
        while await stream.read():
            pass

    assert caught.value.is_text_cut
    assert len(caught.value.partial_text) == MAX_PARTIAL_CHARS
    assert connections[0].is_closed


@pytest.mark.thorough
async def test_a_stream_of_too_many_chunks_is_cut() -> None:
    small = event({"text": "x"}) * 1024
    stream, _ = await opened(small, MAX_STREAM_CHUNKS // 1024 + 1)

    with pytest.raises(TruncatedStream, match="262144 chunks"):
        while await stream.read():
            pass


async def test_the_control_a_long_stream_below_the_limits_is_whole() -> None:
    stream, _ = await opened(LARGE, 4)

    assert len((await stream.completion()).text) == 4 * 2**19 + len("lo.")


async def test_an_answer_of_thousands_of_chunks_is_whole() -> None:
    stream, _ = await opened(event({"text": "x"}) * 512, 8)

    assert (await stream.completion()).text == "x" * 4096 + "lo."


@pytest.mark.parametrize(("bytes_less", "chunks_less"), [(0, 0), (1, 0), (0, 1)])
async def test_a_stream_may_reach_its_limits_and_not_exceed_them(
    bytes_less: int, chunks_less: int
) -> None:
    stream: Any
    stream, _ = await opened(event({"text": "x"}), 3)
    stream._bytes_left = 2 * len(event({"text": "x"})) + len(event(CHUNKS[1])) - bytes_less
    stream._chunks_left = 3 - chunks_less

    if bytes_less or chunks_less:
        with pytest.raises(TruncatedStream, match="128 MiB or 262144 chunks"):
            await stream.completion()
    else:
        assert (await stream.completion()).text == "xxxlo."


async def test_a_short_text_is_kept_whole_and_says_so() -> None:
    stream, _ = await opened(event({"text": "Hel"}), 1)
    await stream.aclose()

    with pytest.raises(TruncatedStream) as caught:
        await stream.completion()

    assert (caught.value.partial_text, caught.value.is_text_cut) == ("Hel", False)
