"""The runtime for programs without an event loop: the same runtime, on a loop in its own thread.

    caller's thread          loop's thread
    complete() ── call ────> task: runtime.complete()
               <── result ──
    next(stream) ── call ──> task: stream.read()           one crossing for each network read …
                 <── every batch of that read ──           … however many events it brought

A crossing costs two thread switches, some 30 µs; with 200 events a stream, paying it for each
would cost more than all the decoding (measured 2026-11). A caller that is interrupted, or lets its
stream go, cancels the call upstream.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, Self, TypeVar, Unpack, overload
from weakref import finalize

from axonflow_core.asking import CallOptions, Prompt, RequestOptions
from axonflow_core.config import Config
from axonflow_core.errors import (
    AxonFlowError,
    BlockingCallError,
    RequestError,
    TruncatedStream,
)
from axonflow_core.http.client import HttpClient
from axonflow_core.messages import EMPTY, Adjustment, Completion, Parsed, Receipt, TokenCount
from axonflow_core.provider import CompletionStream, Provider, read_before, texts_of_batch
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Ranking, RerankRequest
from axonflow_core.runtime import Runtime
from axonflow_core.statements import refuses
from axonflow_core.stream import Batch

T = TypeVar("T")


@refuses("async with", write="async with Runtime.open() as runtime")
class BlockingRuntime:
    """A `Runtime` for code without an event loop. Any number of threads may use one at once.

    Closed by its `with` block, by `close`, when nobody holds it any more, or at the end of the
    program.
    """

    def __init__(self, runtime: Runtime) -> None:
        _refuse_on_event_loop()
        self._runtime = runtime
        self._thread = _LoopThread()
        self._finalizer = finalize(self, self._thread.stop, runtime.aclose)

    @classmethod
    def open(
        cls,
        config: Config | str | Path | None = None,
        *,
        provider: str | None = None,
        environment: Mapping[str, str] | None = None,
        credentials: Mapping[str, str] = EMPTY,
        extras: Mapping[str, Mapping[str, Any]] = EMPTY,
        client: HttpClient | None = None,
        **settings: Any,
    ) -> Self:
        """As `Runtime.open`: `with BlockingRuntime.open() as runtime`."""
        return cls(
            Runtime.open(
                config,
                provider=provider,
                environment=environment,
                credentials=credentials,
                extras=extras,
                client=client,
                **settings,
            )
        )

    @property
    def providers(self) -> Mapping[str, Provider]:
        """As `Runtime.providers`."""
        return self._runtime.providers

    @overload
    def complete(
        self,
        prompt: Prompt | None = None,
        *,
        output_schema: type[T],
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[CallOptions],
    ) -> Completion[T]: ...
    @overload
    def complete(
        self,
        prompt: Prompt | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> Completion: ...
    def complete(
        self,
        prompt: Prompt | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> Completion[Any]:
        """As `Runtime.complete`. `BlockingCallError` on a thread that runs an event loop."""
        complete = partial(self._runtime.complete, prompt, **options)
        return self._thread.call(partial(complete, model=model, provider=provider, timeout=timeout))

    @overload
    def stream(
        self,
        prompt: Prompt | None = None,
        *,
        output_schema: type[T],
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[CallOptions],
    ) -> BlockingStream[T]: ...
    @overload
    def stream(
        self,
        prompt: Prompt | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> BlockingStream: ...
    def stream(
        self,
        prompt: Prompt | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> BlockingStream[Any]:
        """The answer as it comes: `with runtime.stream(…) as stream`. Returns once the provider
        has accepted the call; an error before the first event is raised here."""
        opening = self._runtime.stream(
            prompt, model=model, provider=provider, timeout=timeout, **options
        )
        return BlockingStream(self._thread.call(opening.__aenter__), self, self._thread)

    def embed(
        self,
        request: EmbeddingRequest | Sequence[str] | str,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
    ) -> Embeddings:
        """As `Runtime.embed`."""
        embed = partial(self._runtime.embed, request)
        return self._thread.call(partial(embed, model=model, provider=provider, timeout=timeout))

    def rerank(
        self,
        request: RerankRequest,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
    ) -> Ranking:
        """As `Runtime.rerank`."""
        rerank = partial(self._runtime.rerank, request)
        return self._thread.call(partial(rerank, model=model, provider=provider, timeout=timeout))

    def count_tokens(
        self,
        prompt: Prompt | None = None,
        *,
        model: str | None = None,
        provider: str | None = None,
        timeout: float | None = None,
        **options: Unpack[RequestOptions],
    ) -> TokenCount:
        """As `Runtime.count_tokens`."""
        count = partial(self._runtime.count_tokens, prompt, **options)
        return self._thread.call(partial(count, model=model, provider=provider, timeout=timeout))

    def close(self) -> None:
        """Cancels what is still running. May be called twice."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


@refuses(
    "async with", "async for", write="with runtime.stream(…) as stream: for text in stream.text()"
)
class BlockingStream(Generic[Parsed]):
    """An open streamed answer, as `CompletionStream` without `async`.

    To leave it before its end, by `break` or by an exception, cancels the call upstream. One thread
    at a time reads it: a `RequestError` in any other, and in a second loop after its end. An error
    while it is read is raised again by whatever reads it later.
    """

    def __init__(
        self, stream: CompletionStream[Parsed], owner: BlockingRuntime, thread: _LoopThread
    ) -> None:
        self._answer = stream
        self._stream: CompletionStream[Parsed] | None = stream
        self._owner = owner  # for a runtime that nobody holds is closed
        self._thread = thread
        self._ready: Iterator[Batch] = iter(())
        self._fault: AxonFlowError | None = None
        self._is_at_end = False
        self._reading = threading.Lock()

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:
        """What of the request was not sent as it was asked, and of the answer so far not handed
        out as it came."""
        return self._answer.adjustments

    @property
    def receipt(self) -> Receipt | None:
        """How the call was made; its latency is known once the answer was read to its end."""
        return self._answer.receipt

    @property
    def request_id(self) -> str | None:
        """The provider's own id of the call."""
        return self._answer.request_id

    def text(self) -> Iterator[str]:
        """The pieces of the answer's text, as they arrive."""
        for batch in self:
            yield from texts_of_batch(batch)

    def completion(self) -> Completion[Parsed]:
        """The whole answer, with its receipt: reads what is left of the stream."""
        while next(self, None) is not None:
            pass
        return self._answer.assembled()

    def __iter__(self) -> Self:
        if self._is_at_end:
            raise read_before("stream.completion()")
        return self

    def __next__(self) -> Batch:
        for batch in self._ready:
            return batch
        if not self._reading.acquire(blocking=False):
            raise RequestError(
                "another thread is reading this stream",
                hint="read a stream in one thread, and hand on what it gives",
            )
        try:
            return self._next_of_read()
        finally:
            self._reading.release()

    def close(self) -> None:
        """Returns when the call upstream is cancelled. May be called twice."""
        stream, self._stream, self._ready = self._stream, None, iter(())
        if stream is not None:
            self._fault = TruncatedStream(
                "this program closed the stream before its end",
                partial_text="".join(self._answer.kept_texts()),
                hint="read it inside its `with` block: `stream.completion()` reads what is left",
            )
            self._thread.call(stream.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._abandon()

    def _next_of_read(self) -> Batch:
        for batch in self._ready:  # of another thread, which has just read
            return batch
        batches = self._read()
        self._answer.keep(batches)
        ready = iter(batches)
        batch = next(ready)
        self._ready = ready
        return batch

    def _read(self) -> tuple[Batch, ...]:
        if self._fault is not None:
            raise self._fault
        if self._stream is None:
            return ()
        try:
            batches = self._thread.call(partial(_read, self._stream))
        except BaseException as error:
            self._fault = error if isinstance(error, AxonFlowError) else None
            self._abandon()
            raise
        if not batches:
            self._stream, self._is_at_end = None, True
        return batches

    def _abandon(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            self._thread.post(stream.aclose)


async def _read(stream: CompletionStream) -> tuple[Batch, ...]:
    """One read, with the on_close at the end in the same crossing."""
    batches = await stream.read()
    if not batches:
        await stream.aclose()
    return batches


class _LoopThread:
    """An event loop in a daemon thread, and the only way to it from other threads."""

    def __init__(self) -> None:
        self._lock = (
            threading.RLock()
        )  # reentrant: the collector may close an abandoned stream while it is held
        self._is_stopped = False
        self._background_tasks: set[asyncio.Task[object]] = set()
        started: SimpleQueue[asyncio.AbstractEventLoop] = SimpleQueue()
        self._thread = threading.Thread(
            target=self._serve, args=(started,), name="axonflow-loop", daemon=True
        )
        self._thread.start()
        self._loop = started.get()

    def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """The result of `function` on the loop. A caller that is interrupted cancels it and waits
        for its end."""
        _refuse_on_event_loop()
        call = _Call(function)
        try:
            self._schedule(call.start)
            task = call.done.get()
        except BaseException:  # Ctrl-C, or what else a signal handler raises, at whatever moment
            with suppress(RequestError):  # the loop has ended, so nothing runs
                self._schedule(call.cancel)
                call.wait()
            raise
        if task.cancelled():
            raise _closed()
        return task.result()

    def post(self, function: Callable[[], Awaitable[object]]) -> None:
        """Start `function` on the loop and go on. From any thread, the loop's own too; nothing once
        it has ended."""
        with suppress(RequestError):
            self._schedule(lambda: self._run_in_background(function))

    def stop(self, on_close: Callable[[], Awaitable[object]]) -> None:
        """Run `on_close`, cancel what is left and end the thread. Waits for that, except on the
        loop's own thread."""
        call = _Call(on_close)
        with self._lock:
            self._schedule(lambda: self._stopping.set_result(call))
            self._is_stopped = (
                True  # whatever was scheduled before comes before the end, so nobody waits for ever
            )
        if threading.current_thread() is not self._thread:
            self._thread.join()
            call.done.get().result()

    def _schedule(self, callback: Callable[[], object]) -> None:
        with self._lock:
            if self._is_stopped:
                raise _closed()
            self._loop.call_soon_threadsafe(callback)

    def _run_in_background(self, function: Callable[[], Awaitable[object]]) -> None:
        background_task = _Call(function).start()
        self._background_tasks.add(background_task)
        background_task.add_done_callback(self._background_tasks.discard)

    def _serve(self, started: SimpleQueue[asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            self._stopping: asyncio.Future[_Call[object]] = loop.create_future()
            started.put(loop)
            runner.run(self._live())

    async def _live(self) -> None:
        on_close = await self._stopping
        await asyncio.wait({on_close.start()})


class _Call(Generic[T]):
    """A coroutine that runs as a task on the loop, and the box in which its caller finds the
    finished task."""

    def __init__(self, function: Callable[[], Awaitable[T]]) -> None:
        self.done: SimpleQueue[asyncio.Task[T]] = SimpleQueue()
        self._function = function
        self._task: asyncio.Task[T] | None = None

    def start(self) -> asyncio.Task[T]:
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self.done.put)
        return self._task

    def cancel(self) -> None:
        (
            self._task or self.start()
        ).cancel()  # a caller interrupted before the start waits for an end all the same

    def wait(self) -> None:
        """Until the task is done. The box may be empty by then: the interrupted caller had the task
        in hand."""
        if self._task is None or not self._task.done():
            self.done.get()

    async def _run(self) -> T:
        return await self._function()


def _refuse_on_event_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise BlockingCallError(
        "a blocking call on a thread that runs an event loop: every other task would stand still",
        hint="use `async with Runtime.open() as runtime` and `await`, or hand the call to "
        "`asyncio.to_thread`",
    )


def _closed() -> RequestError:
    return RequestError(
        "this runtime is closed",
        hint="make the call inside the runtime's `with` block; a closed runtime is not opened "
        "again: `BlockingRuntime.open()` makes another",
    )
