"""The runtime for programs without an event loop.

Its coroutines are those of `Runtime`. Where they never suspend, because every provider waits only
through a client that does not, each is run to its end in the caller's thread:

    complete() ── runtime.complete() ── sockets            no other thread, no loop
    next(stream) ── stream.read() ── socket                one wait for each network read

So there is nothing that a fork loses or an exit waits for. A provider that needs an event loop
(`ProviderSpec.needs_event_loop`) has one, in a thread of its own:

    caller's thread          loop's thread
    complete() ── call ────> task: runtime.complete()
               <── result ──
    next(stream) ── call ──> task: stream.read()           one crossing for each network read …
                 <── every batch of that read ──           … however many events it brought

A crossing costs two thread switches, some 30 µs; with 200 events a stream, paying it for each
would cost more than all the decoding (measured 2026-11). Which of the two it is, is settled when
the runtime is opened.

A caller that is interrupted, or lets its stream go, cancels the call upstream.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar, Unpack, overload
from weakref import finalize

from axonflow_core import waiting
from axonflow_core.asking import CallOptions, Prompt, RequestOptions
from axonflow_core.config import Config
from axonflow_core.converters import described
from axonflow_core.errors import (
    AxonFlowError,
    ConfigError,
    PluginError,
    RequestError,
    TruncatedStream,
)
from axonflow_core.http.client import HttpClient, Transport
from axonflow_core.messages import EMPTY, Adjustment, Completion, Parsed, Receipt, TokenCount
from axonflow_core.provider import CompletionStream, Provider, read_before, texts_of_batch
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Ranking, RerankRequest
from axonflow_core.runtime import Runtime, open_runtime
from axonflow_core.statements import refuses
from axonflow_core.stream import Batch

from .exits import Calls
from .refusals import closed, refuse_on_event_loop

T = TypeVar("T")


@refuses("async with", write="async with Runtime.open() as runtime")
class BlockingRuntime:
    """A `Runtime` for code without an event loop. Any number of threads may use one at once.

    Closed by its `with` block, by `close`, when nobody holds it any more, or at the end of the
    program.
    """

    def __new__(cls, *given: object, **named: object) -> Self:
        """`ConfigError` where no runtime is given: `BlockingRuntime.open()` is meant."""
        runtime = given[0] if given else named.get("runtime")
        if not isinstance(runtime, Runtime):
            raise ConfigError(
                f"BlockingRuntime(…) takes a Runtime, not {described(runtime)}",
                hint="open one from axonflow.yaml or the environment: `BlockingRuntime.open()`",
            )
        return super().__new__(cls)

    def __init__(self, runtime: Runtime) -> None:
        refuse_on_event_loop()
        self._runtime = runtime
        self._runner = _runner_of(runtime)
        self._finalizer = finalize(self, self._runner.stop, runtime.aclose)

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
            open_runtime(
                _client,
                config,
                provider=provider,
                environment=environment,
                credentials=credentials,
                extras=extras,
                client=client,
                settings=settings,
                kind=Runtime,
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
        return self._runner.call(partial(complete, model=model, provider=provider, timeout=timeout))

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
        return BlockingStream(self._runner.call(opening.__aenter__), self, self._runner)

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
        return self._runner.call(partial(embed, model=model, provider=provider, timeout=timeout))

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
        return self._runner.call(partial(rerank, model=model, provider=provider, timeout=timeout))

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
        return self._runner.call(partial(count, model=model, provider=provider, timeout=timeout))

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
        self, stream: CompletionStream[Parsed], owner: BlockingRuntime, runner: _Runner
    ) -> None:
        self._answer = stream
        self._stream: CompletionStream[Parsed] | None = stream
        self._owner = owner  # for a runtime that nobody holds is closed
        self._runner = runner
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
            self._runner.call(stream.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        stream, self._stream = getattr(self, "_stream", None), None  # it may be half made
        if stream is not None:
            self._runner.drop(stream.aclose)

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
            batches = self._runner.call(partial(_read, self._stream))
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
            self._runner.post(stream.aclose)


async def _read(stream: CompletionStream) -> tuple[Batch, ...]:
    """One read, with the on_close at the end in the same crossing."""
    batches = await stream.read()
    if not batches:
        await stream.aclose()
    return batches


def _client(needs_event_loop: bool) -> HttpClient:
    if needs_event_loop:
        return Transport()
    from axonflow_core.http.blocking import BlockingTransport

    return BlockingTransport()


def _runner_of(runtime: Runtime) -> _Runner:
    """What runs the coroutines of `runtime`. asyncio is imported for one that needs it."""
    if not runtime.needs_event_loop:
        return _CallersThread()
    from .loop_thread import LoopThread

    return LoopThread()


class _Runner(Protocol):
    """What runs the coroutines of a blocking runtime."""

    def call(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `function` returns. A caller that is interrupted ends it."""
        ...

    def post(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Run `function` and do not wait for it; nothing where the runtime is closed."""
        ...

    def drop(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """As `post`, for what the collector found, in whatever thread it runs."""
        ...

    def stop(self, on_close: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Run `on_close` and end; at the program's exit only where no call is under way."""
        ...


class _CallersThread:
    """Runs every coroutine to its end in the thread that calls."""

    def __init__(self) -> None:
        self._is_closed = False
        self._calls = Calls()

    def call(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        refuse_on_event_loop()
        if self._is_closed:
            raise closed()
        try:
            with self._calls:
                return waiting.drive(function())
        except waiting.Suspended as error:
            raise PluginError(
                "a provider waits for an event loop, though its plugin says that it needs none",
                hint="set `needs_event_loop=True` in its ProviderSpec, or wait through "
                "`Services.client` and `axonflow_core.waiting` alone",
            ) from error

    def post(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        waiting.drive(function())

    def drop(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Nothing: a connection that nobody holds closes itself."""

    def stop(self, on_close: Callable[[], Coroutine[Any, Any, object]]) -> None:
        if self._calls.outlive_program():
            return
        self._is_closed = True
        waiting.drive(on_close())
