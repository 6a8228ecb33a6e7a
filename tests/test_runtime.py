"""The runtime: which provider answers, how streams cross from the loop's thread, and that
everything ends."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from on_time import GUARD_S

from axonflow_core.asking import Question
from axonflow_core.blocking import BlockingRuntime
from axonflow_core.config import Config, ProviderConfig
from axonflow_core.errors import BlockingCallError, ConfigError, RequestError, TruncatedStream
from axonflow_core.http.client import Transport
from axonflow_core.messages import Completion, CompletionRequest, Receipt, StopReason, Text, user
from axonflow_core.provider import CompletionStream, Health
from axonflow_core.runtime import Runtime
from axonflow_core.stream import Batch, Ended, TextDelta

RECEIPT = Receipt(
    provider="first",
    family="echo",
    surface="echo",
    model="m",
    called="m",
    request_id="r-1",
)
HI = CompletionRequest(messages=(user("hi"),))


class Reads(CompletionStream):
    """A stream of so many reads, each of so many batches; then it ends, breaks off, or waits for
    ever."""

    def __init__(
        self, reads: int, batches: int = 1, *, then: Exception | None = None, stalls: bool = False
    ) -> None:
        self._left = reads
        self._batches = batches
        self._then = then
        self._stalls = stalls
        self.receipt = RECEIPT
        self.closed = threading.Event()
        self.stalled = threading.Event()
        self.was_cancelled = False

    async def read(self) -> tuple[Batch, ...]:
        await asyncio.sleep(0)
        if self._left:
            self._left -= 1
            return ((TextDelta("a"),),) * self._batches
        if self._then is not None:
            raise self._then
        if self._stalls:
            await self._stall()
        return ()

    async def _stall(self) -> None:
        self.stalled.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise

    async def aclose(self) -> None:
        self.closed.set()


class Scripted:
    """A provider that answers with its own name and with the streams it was given."""

    def __init__(self, name: str = "first", stream: CompletionStream | None = None) -> None:
        self.name = name
        self.default_model = f"{name}-model"
        self.asked: list[tuple[CompletionRequest, str | None]] = []
        self.tasks = 0
        self.is_closed = False
        self._stream = stream or Reads(1)

    async def complete(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Completion:
        self.asked.append((request, model))
        return Completion(content=(Text(self.name),), stop_reason=StopReason.END_TURN)

    async def stream(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> CompletionStream:
        asyncio.get_running_loop().set_task_factory(self._count)
        return self._stream

    async def health(self) -> Health:
        return Health(is_ready=True)

    async def aclose(self) -> None:
        self.is_closed = True

    def _count(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> asyncio.Task[Any]:
        self.tasks += 1
        return asyncio.Task(coroutine, loop=loop, **options)


def runtime_of(*providers: Scripted) -> Runtime:
    return Runtime({provider.name: provider for provider in providers}, Transport())


def config_of(**entries: ProviderConfig) -> Config:
    return Config(providers=entries)


@pytest.fixture
def blocking() -> Iterator[Callable[..., BlockingRuntime]]:
    opened: list[BlockingRuntime] = []

    def build(*providers: Scripted) -> BlockingRuntime:
        opened.append(BlockingRuntime(runtime_of(*providers)))
        return opened[-1]

    yield build
    for runtime in opened:
        runtime.close()


# ── which provider answers ────────────────────────────────────────────────────────────────────────


async def test_text_becomes_a_request_of_one_user_message() -> None:
    provider = Scripted()
    async with runtime_of(provider) as runtime:
        await runtime.complete("hi", model="m-1")
    assert provider.asked == [(HI, "m-1")]


async def test_the_first_provider_answers_unless_another_is_named() -> None:
    async with runtime_of(Scripted("first"), Scripted("second")) as runtime:
        assert (await runtime.complete("hi")).text == "first"
        assert (await runtime.complete("hi", provider="second")).text == "second"


async def test_an_unknown_provider_names_those_there_are() -> None:
    async with runtime_of(Scripted("first"), Scripted("second")) as runtime:
        with pytest.raises(RequestError, match="no provider 'third'") as caught:
            await runtime.open_stream(Question(HI), provider="third")
    assert caught.value.hint == "the enabled providers are first, second"


async def test_the_configured_priority_decides_and_the_order_of_the_file_settles_a_draw() -> None:
    def echo(name: str, priority: int, *, is_enabled: bool = True) -> ProviderConfig:
        return ProviderConfig(name, "echo", is_enabled=is_enabled, priority=priority)

    config = config_of(
        low=echo("low", 1),
        high=echo("high", 9),
        same=echo("same", 9),
        off=echo("off", 99, is_enabled=False),
    )
    async with Runtime.open(config) as runtime:
        assert list(runtime.providers) == ["high", "same", "low"]


async def test_an_opened_runtime_answers_through_the_plugin() -> None:
    async with Runtime.open(config_of(echo=ProviderConfig("echo", is_enabled=True))) as runtime:
        assert (await runtime.complete("say this")).text == "say this"
        async with runtime.stream("say this") as stream:
            events = [event async for batch in stream for event in batch]
    assert events[-1] == Ended()


def test_nothing_enabled_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="no provider is enabled"):
        Runtime.open(config_of(echo=ProviderConfig("echo")))


# ── ends ──────────────────────────────────────────────────────────────────────────────────────────


async def test_closing_closes_streams_and_providers() -> None:
    stream = Reads(9)
    providers = [Scripted("first", stream), Scripted("second")]
    async with runtime_of(*providers) as runtime:
        held = await runtime.open_stream(Question(HI))
        await held.read()
    assert stream.closed.is_set()
    assert [provider.is_closed for provider in providers] == [True, True]


async def test_a_provider_that_fails_to_close_does_not_keep_the_others_open() -> None:
    class Stuck(Scripted):
        async def aclose(self) -> None:
            raise OSError("stuck")

    providers = [Scripted("first"), Stuck("second"), Scripted("third")]
    with pytest.raises(OSError, match="stuck"):
        await runtime_of(*providers).aclose()
    assert [provider.is_closed for provider in providers] == [True, False, True]


# ── the blocking façade ───────────────────────────────────────────────────────────────────────────


def test_a_script_gets_its_answer(blocking: Callable[..., BlockingRuntime]) -> None:
    assert blocking(Scripted()).complete("hi").text == "first"


def test_a_blocking_stream_gives_every_batch_in_order() -> None:
    with BlockingRuntime.open(config_of(echo=ProviderConfig("echo", is_enabled=True))) as runtime:
        events = [event for batch in runtime.stream("one two three") for event in batch]
    assert (
        "".join(event.text for event in events if isinstance(event, TextDelta)) == "one two three"
    )
    assert events[-1] == Ended()


def test_a_stream_crosses_threads_once_for_each_read_however_many_events_it_brings(
    blocking: Callable[..., BlockingRuntime],
) -> None:
    provider = Scripted(stream=Reads(7, batches=1000))
    batches = list(blocking(provider).stream("hi"))
    assert len(batches) == 7000
    assert provider.tasks == 8  # the last read is the one that finds the end


def test_a_stream_read_to_its_end_is_closed(blocking: Callable[..., BlockingRuntime]) -> None:
    stream = Reads(2)
    list(blocking(Scripted(stream=stream)).stream("hi"))
    assert stream.closed.is_set()


def test_many_threads_use_one_runtime_at_once(blocking: Callable[..., BlockingRuntime]) -> None:
    together = asyncio.Barrier(8)

    class Meeting(Scripted):
        async def complete(
            self,
            request: CompletionRequest,
            *,
            model: str | None = None,
            timeout_s: float | None = None,
        ) -> Completion:
            await together.wait()
            return await super().complete(request, model=model)

    runtime = blocking(Meeting())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(runtime.complete, ["hi"] * 8))
    assert [answer.text for answer in answers] == ["first"] * 8


def test_an_error_arrives_in_the_callers_thread_and_closes_the_stream(
    blocking: Callable[..., BlockingRuntime],
) -> None:
    stream = Reads(2, then=TruncatedStream("cut"))
    batches = blocking(Scripted(stream=stream)).stream("hi")
    assert [next(batches), next(batches)] == [(TextDelta("a"),)] * 2
    with pytest.raises(TruncatedStream, match="cut"):
        next(batches)
    assert stream.closed.wait(GUARD_S)
    with pytest.raises(TruncatedStream, match="cut"):
        next(batches)


def test_a_second_thread_that_reads_a_stream_is_refused_and_the_first_goes_on(
    blocking: Callable[..., BlockingRuntime],
) -> None:
    answer = Reads(1, stalls=True)
    runtime = blocking(Scripted(stream=answer))
    stream = runtime.stream(HI)
    next(stream)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(next, stream)
        assert answer.stalled.wait(GUARD_S)

        with pytest.raises(RequestError, match="another thread is reading this stream"):
            next(stream)

        assert not first.done()
        assert not answer.was_cancelled
        runtime.close()
    assert answer.was_cancelled


def test_leaving_the_loop_cancels_the_call_upstream(
    blocking: Callable[..., BlockingRuntime],
) -> None:
    stream = Reads(9)
    for _ in blocking(Scripted(stream=stream)).stream("hi"):
        break
    gc.collect()
    assert stream.closed.wait(GUARD_S)


def test_a_with_block_around_a_stream_ends_the_call_upstream(
    blocking: Callable[..., BlockingRuntime],
) -> None:
    stream = Reads(9)
    with blocking(Scripted(stream=stream)).stream("hi") as batches:
        next(batches)
        assert batches.request_id == "r-1"
    assert stream.closed.is_set()
    with pytest.raises(TruncatedStream, match="this program closed the stream"):
        next(batches)


def test_an_interrupt_cancels_the_read_and_the_call_upstream(
    blocking: Callable[..., BlockingRuntime],
) -> None:
    stream = Reads(1, stalls=True)
    batches = blocking(Scripted(stream=stream)).stream("hi")
    next(batches)
    interrupting = threading.Thread(target=_interrupt_main_thread_after, args=(stream.stalled,))
    interrupting.start()
    with pytest.raises(KeyboardInterrupt):
        next(batches)
    interrupting.join()
    assert stream.was_cancelled
    assert stream.closed.wait(GUARD_S)


def _interrupt_main_thread_after(event: threading.Event) -> None:
    main = threading.main_thread().ident
    assert event.wait(GUARD_S)
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


async def test_a_blocking_call_on_an_event_loop_is_refused_with_a_way_out() -> None:
    with pytest.raises(BlockingCallError, match="runs an event loop") as caught:
        BlockingRuntime(runtime_of(Scripted()))
    assert "async with Runtime.open()" in str(caught.value.hint)


def test_a_blocking_call_from_a_coroutine_is_refused(
    blocking: Callable[..., BlockingRuntime],
) -> None:
    runtime = blocking(Scripted())

    async def misuse() -> None:
        runtime.complete("hi")

    with pytest.raises(BlockingCallError):
        asyncio.run(misuse())


def test_closing_ends_the_thread_and_is_no_harm_twice(
    blocking: Callable[..., BlockingRuntime],
) -> None:
    provider, before = Scripted(), set(threading.enumerate())
    runtime = blocking(provider)
    runtime.complete("hi")
    assert len(set(threading.enumerate()) - before) == 1
    runtime.close()
    runtime.close()
    assert set(threading.enumerate()) <= before
    assert provider.is_closed


def test_a_closed_runtime_says_so(blocking: Callable[..., BlockingRuntime]) -> None:
    runtime = blocking(Scripted())
    runtime.close()
    with pytest.raises(RequestError, match="closed"):
        runtime.complete("hi")


def test_closing_releases_a_thread_that_waits_for_an_answer(
    blocking: Callable[..., BlockingRuntime],
) -> None:
    stream = Reads(0, stalls=True)
    runtime = blocking(Scripted(stream=stream))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(list, runtime.stream("hi"))
        assert stream.stalled.wait(GUARD_S)
        runtime.close()
        with pytest.raises(RequestError, match="closed"):
            waiting.result(GUARD_S)


def test_a_runtime_that_nobody_holds_ends_its_thread() -> None:
    provider, before = Scripted(), set(threading.enumerate())
    BlockingRuntime(runtime_of(provider)).complete("hi")
    gc.collect()
    assert set(threading.enumerate()) <= before
    assert provider.is_closed


def test_a_stream_keeps_its_runtime() -> None:
    stream = BlockingRuntime(runtime_of(Scripted(stream=Reads(3)))).stream("hi")
    gc.collect()
    assert list(stream) == [(TextDelta("a"),)] * 3


PROGRAM = """
import sys
sys.path.append("tests")
from tests.test_runtime import BlockingRuntime, Reads, Scripted, runtime_of

class Loud(Scripted):
    async def aclose(self):
        print("closed", flush=True)

runtime = BlockingRuntime(runtime_of(Loud(stream=Reads(1, stalls=True))))
stream = runtime.stream("hi")
print(len(next(stream)), flush=True)
"""


def run(program: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    root = Path(__file__).parent.parent
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=root, stdout=pipe, stderr=pipe, text=True
    )


@pytest.mark.parametrize("given", [(), (None,), ("axonflow.yaml",), ({"region": "x"}.keys(),)])
@pytest.mark.parametrize("kind", [Runtime, BlockingRuntime])
def test_a_runtime_that_is_called_says_how_it_is_opened(
    kind: type[Any], given: tuple[object, ...]
) -> None:
    with pytest.raises(ConfigError) as caught:
        kind(*given)
    assert f"{kind.__name__}.open()" in str(caught.value.hint)


def test_a_program_that_forgets_to_close_ends_cleanly() -> None:
    finished = run(PROGRAM)
    assert finished.communicate(timeout=GUARD_S) == ("1\nclosed\n", "")
    assert finished.returncode == 0


def test_ctrl_c_ends_a_program_in_the_middle_of_a_stream() -> None:
    running = run(PROGRAM + "next(stream)")
    assert running.stdout is not None
    assert running.stdout.readline() == "1\n"
    time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=GUARD_S)
    assert (out, err.splitlines()[-1]) == ("closed\n", "KeyboardInterrupt")
