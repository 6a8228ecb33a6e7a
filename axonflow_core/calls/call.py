"""One call, from a request to its answer. Plugins describe their service; this module calls it.

    Route       what the model alone decides: codec, facts, surface, ids; resolved once an id
    Call        a route and one request: fitted, encoded, with its deadline    `prepare`
    Upstream    the service: where an attempt goes, how it is signed, what a refusal means
    Caller      makes the attempts of a call, and reads the one that is answered

The way of a completion, top to bottom:

    prepare     control tokens ─ fit ─ encode ─ JSON
    attempt     upstream.request ─ client.send ─ status 200?  ─ surface.read_answer
                     ▲                             │ no
                     │                        upstream.error
                     └── again ◄──────────────────┘
                         at once, where `upstream.recover` mended what was refused (once a call)
                         after a pause, where the error passes and time is left (`retries`)
    answer      the caller's names back ─ adjustments ─ receipt

A streamed call is the same up to the first event of its answer, so that an error before it can
still be followed by another attempt; `streams` reads on from there. Every error that leaves here
knows its provider, its model and, where there was an answer, the provider's request id.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from attrs import evolve, field, frozen

from axonflow_core.codec import Codec, ModelFacts
from axonflow_core.codec.control_tokens import neutralise_control_tokens
from axonflow_core.codec.unary import EmbeddingCodec, Unary
from axonflow_core.errors import AxonFlowError, DecodeError, ProviderError
from axonflow_core.fitting import Fitted, fit
from axonflow_core.http.client import (
    ByteStream,
    HttpClient,
    HttpRequest,
    HttpResponse,
    Timeouts,
)
from axonflow_core.json import dumps, loads
from axonflow_core.messages import (
    EMPTY,
    Completion,
    CompletionRequest,
    FailedAttempt,
    Json,
    Receipt,
    hidden,
)
from axonflow_core.provider import CompletionStream, ForwardedAnswer, NativeCall
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, merge_embeddings

from .concurrency import in_order
from .retries import Retries
from .settings import CommonSettings, ControlTokens
from .streams import DecodedStream
from .surface import Surface
from .unreadable import unreadable

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")
C_co = TypeVar("C_co", covariant=True)

_LOG = logging.getLogger(__name__)
_CALLS_AT_ONCE = 8
"""How many calls one request may have under way, where a model takes few inputs a call."""


# ── what is called ────────────────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class Route:
    """Where the calls of one chat model go, and in which native JSON."""

    model: str
    """As the caller or the configuration names it."""
    called: str
    """The id that is sent."""
    codec: Codec
    facts: ModelFacts
    surface: Surface
    address: Any = None
    """The plugin's own form of `called`."""


@frozen(kw_only=True)
class UnaryRoute(Generic[C_co]):
    """As `Route`, for embeddings, rankings and token counts."""

    model: str
    called: str
    codec: C_co
    facts: ModelFacts
    operation: str
    headers: Mapping[str, str] = EMPTY
    address: Any = None


class AnyRoute(Protocol):
    """What every call says of where it goes."""

    @property
    def model(self) -> str: ...
    @property
    def called(self) -> str: ...
    @property
    def address(self) -> Any: ...


@frozen(kw_only=True)
class Call:
    """What every attempt sends, and the deadline of them all."""

    route: AnyRoute
    operation: str
    """What the plugin makes a URL of."""
    headers: Mapping[str, str] = field(repr=False)
    """Sent besides what proves the caller's identity."""
    body: bytes = hidden()
    timeouts: Timeouts
    """What is left for the present attempt."""
    started: float
    """On the event loop's clock, as `ends_at`."""
    ends_at: float


@frozen(kw_only=True)
class CompletionCall(Call):
    """A call of a chat model."""

    route: Route
    fitted: Fitted
    is_streamed: bool
    is_native: bool = False
    """Whether a client's own body is sent, in the model's form: then the answer's bytes are the
    client's too."""


@frozen(kw_only=True)
class Terms:
    """What the service's own settings say of calls."""

    region: str | None = None
    retries: Retries = Retries()


class Upstream(ABC):
    """A service, as a plugin describes it. Only `request` and `error` must be written."""

    request_id_header = "x-request-id"
    """The header of an answer that holds the provider's id of the call; lower case."""
    unreadable_hint = (
        "check that the endpoint is the service itself, and that the model is one of this family"
    )
    """The hint of an answer that the codec cannot read."""

    async def terms(self) -> Terms:
        """Region and retries. Called for every call, so what is slow is kept."""
        return _NO_TERMS

    @abstractmethod
    async def request(self, call: Call) -> HttpRequest:
        """The attempt, addressed and signed anew. `call.timeouts` is what it may take."""

    @abstractmethod
    async def error(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        """The error that an answer other than 200 stands for. Returned, not raised; it never fails
        itself, whatever stands in `body`."""

    async def recover(self, error: AxonFlowError, request: HttpRequest) -> bool:
        """Whether what `error` refused was mended since `request` was signed: other credentials, a
        corrected clock. Asked at most once a call; then the call is made again at once."""
        return False

    def answered(self, call: Call, elapsed_s: float) -> None:  # noqa: B027 - a hook, not a duty
        """A call was answered, or its first event has come, after so many seconds. For warnings;
        does nothing by default."""


_NO_TERMS = Terms()


# ── the attempts of one call ──────────────────────────────────────────────────────────────────────


class _Attempts:
    """What is known of the attempts of one call so far."""

    __slots__ = (
        "call",
        "failed",
        "first_byte",
        "last_error",
        "request",
        "request_id",
        "was_mended",
    )

    def __init__(self, call: Any) -> None:
        self.call = call
        self.failed: list[FailedAttempt] = []
        self.request: HttpRequest | None = None
        self.request_id: str | None = None
        self.first_byte: float | None = None
        self.last_error: AxonFlowError | None = None
        self.was_mended = False

    def note(self, error: AxonFlowError) -> None:
        """The attempt that ends with `error` is followed by another."""
        native, status = getattr(error, "native_code", None), getattr(error, "status", None)
        self.failed.append(FailedAttempt(error.code, native, status, error.request_id))
        self.last_error = error


class Caller:
    """Makes the calls of one provider."""

    def __init__(
        self, provider: str, client: HttpClient, settings: CommonSettings, upstream: Upstream
    ) -> None:
        self._provider = provider
        self._client = client
        self._settings = settings
        self._upstream = upstream

    # prepare

    def prepare(
        self,
        request: CompletionRequest,
        route: Route,
        *,
        is_streamed: bool = False,
        timeout_s: float | None = None,
        client: Codec | None = None,
    ) -> CompletionCall:
        """The call that sends `request` to the model of `route`. `RequestError` where the model
        cannot take it. `client` is the codec of the dialect that the answer is for."""
        try:
            if self._settings.control_tokens is ControlTokens.NEUTRALISE:
                request = neutralise_control_tokens(request, route.codec.control_tokens)
            unsupported = self._settings.unsupported
            fitted = fit(
                request,
                route.codec,
                route.facts,
                unsupported,
                is_streamed=is_streamed,
                client=client,
            )
            if fitted.adjustments:
                _log_adjustments(route, fitted)
            body = route.codec.encode_request(fitted.request, route.facts, is_streamed=is_streamed)
            if (add_members := route.surface.add_members) is not None:
                body = add_members(body, route.called, is_streamed)
            return self._call(route, fitted, dumps(body), is_streamed, timeout_s)
        except AxonFlowError as error:
            raise error.enrich(provider=self._provider, model=route.model) from error.__cause__

    def prepare_native(
        self, native: NativeCall, route: Route, *, is_streamed: bool, timeout_s: float | None = None
    ) -> CompletionCall:
        """The call that sends a client's own body, byte for byte where its form is the model's and
        nobody changed it; else as `prepare`."""
        form, own = (native.codec.name, native.surface), (route.codec.name, route.surface.name)
        if native.body is None or form != own:
            return self.prepare(
                native.request,
                route,
                is_streamed=is_streamed,
                timeout_s=timeout_s,
                client=native.codec,
            )
        call = self._call(route, Fitted(native.request), native.body, is_streamed, timeout_s)
        return evolve(call, is_native=True)

    def _call(
        self,
        route: Route,
        fitted: Fitted,
        body: bytes,
        is_streamed: bool,
        timeout_s: float | None,
    ) -> CompletionCall:
        surface, timeouts = route.surface, self._settings.timeouts
        if timeout_s is not None:
            timeouts = evolve(timeouts, total_s=min(timeout_s, timeouts.total_s))
        started = asyncio.get_running_loop().time()
        return CompletionCall(
            route=route,
            operation=surface.stream_operation if is_streamed else surface.operation,
            headers=surface.stream_headers if is_streamed else surface.headers,
            body=body,
            timeouts=timeouts,
            started=started,
            ends_at=started + timeouts.total_s,
            fitted=fitted,
            is_streamed=is_streamed,
        )

    # send and read

    async def complete(self, call: CompletionCall) -> Completion:
        """The whole answer. Any `AxonFlowError`."""
        return await self._answered(call, self._complete_once)

    async def forward(self, call: CompletionCall) -> ForwardedAnswer:
        """The whole answer with its bytes as they came."""
        return await self._answered(call, self._forward_once)

    async def stream(self, call: CompletionCall) -> CompletionStream:
        """The open answer, read up to its first event. Any `AxonFlowError`."""
        return await self._answered(call, self._stream_once)

    async def _complete_once(self, call: CompletionCall, attempts: _Attempts) -> Completion:
        response = await self._sent(call, attempts)
        return await self._read(call, attempts, response)

    async def _forward_once(self, call: CompletionCall, attempts: _Attempts) -> ForwardedAnswer:
        response = await self._sent(call, attempts)
        completion = await self._read(call, attempts, response)
        body = response.body if call.is_native else None
        return ForwardedAnswer(completion, body, response.headers)

    async def _sent(self, call: Call, attempts: _Attempts) -> HttpResponse:
        """The answer of the service, whose status is 200."""
        upstream = self._upstream
        attempts.request = request = await upstream.request(call)
        response = await self._client.send(request)
        attempts.request_id = response.headers.get(upstream.request_id_header)
        attempts.first_byte = response.first_byte_s
        if response.status != 200:
            raise await upstream.error(call, response.status, response.headers, response.body)
        return response

    async def _read(
        self, call: CompletionCall, attempts: _Attempts, response: HttpResponse
    ) -> Completion:
        route = call.route
        try:
            body = loads(response.body)
            completion = route.surface.read_answer(route.codec, body, route.facts, response.headers)
        except (ValueError, DecodeError) as error:
            raise self._unreadable(route.codec.name, response.body, error) from error
        receipt = await self._receipt(call, attempts, is_whole=True)
        return evolve(call.fitted.answer(completion), receipt=receipt)

    async def _stream_once(self, call: CompletionCall, attempts: _Attempts) -> CompletionStream:
        upstream = self._upstream
        attempts.request = request = await upstream.request(call)
        http = await self._client.open_stream(request)
        attempts.request_id = http.headers.get(upstream.request_id_header)
        attempts.first_byte = asyncio.get_running_loop().time() - call.started
        try:
            await self._expect_stream(call, http)
            receipt = await self._receipt(call, attempts, is_whole=False)
            stream = DecodedStream(http, call, receipt)
            await stream.begin()
        except BaseException:
            await http.aclose()
            raise
        return stream

    async def _expect_stream(self, call: CompletionCall, http: ByteStream) -> None:
        """Returns when the answer is a stream of events; otherwise raises what it is instead."""
        if http.status != 200:
            raise await self._upstream.error(call, http.status, http.headers, await http.read_all())
        surface = call.route.surface
        if not http.headers.get("content-type", "").startswith(surface.stream_type):
            raise self._unreadable(call.route.codec.name, await http.read_all(), None)

    async def _receipt(
        self, call: CompletionCall, attempts: _Attempts, *, is_whole: bool
    ) -> Receipt:
        route, terms = call.route, await self._upstream.terms()
        elapsed_s = asyncio.get_running_loop().time() - call.started
        self._upstream.answered(call, elapsed_s)
        return Receipt(
            provider=self._provider,
            family=route.codec.name,
            surface=route.surface.name,
            model=route.model,
            called=route.called,
            region=terms.region,
            request_id=attempts.request_id,
            failed_attempts=tuple(attempts.failed),
            latency_ms=round(elapsed_s * 1000) if is_whole else None,
            first_byte_ms=_ms(attempts.first_byte),
        )

    # again

    async def _answered(self, call: Any, attempt: Callable[[Any, _Attempts], Awaitable[T]]) -> T:
        """What the first attempt brings that does not fail, or the error of the last."""
        attempts = _Attempts(call)
        try:
            return await attempt(call, attempts)
        except AxonFlowError as error:
            self._enrich(error, attempts)
            return await self._again(attempts, attempt, error)

    async def _again(
        self,
        attempts: _Attempts,
        attempt: Callable[[Any, _Attempts], Awaitable[T]],
        error: AxonFlowError,
    ) -> T:
        """Later attempts have what is left of the deadline. When it runs out during one, the error
        that made it necessary is raised."""
        while await self._may_repeat(attempts, error):
            attempts.note(error)
            try:
                async with asyncio.timeout_at(attempts.call.ends_at):
                    return await attempt(self._shortened(attempts.call), attempts)
            except TimeoutError:
                break
            except AxonFlowError as next_error:
                error = self._enrich(next_error, attempts)
        raise error from error.__cause__

    async def _may_repeat(self, attempts: _Attempts, error: AxonFlowError) -> bool:
        """Whether to make the call again; waits out the pause before it."""
        if not attempts.was_mended and attempts.request is not None:
            attempts.was_mended = await self._upstream.recover(error, attempts.request)
            if attempts.was_mended:
                return True
        if not isinstance(error, ProviderError) or not error.is_retryable:
            return False
        retries = (await self._upstream.terms()).retries
        failed = len(attempts.failed) + 1 - attempts.was_mended
        pause_s = max(retries.pause_s(failed), error.retry_after_s or 0.0)
        is_in_time = asyncio.get_running_loop().time() + pause_s < attempts.call.ends_at
        if failed >= retries.max_attempts or not is_in_time:
            return False
        await retries.pause(pause_s)
        return True

    def _shortened(self, call: Call) -> Call:
        left_s = max(call.ends_at - asyncio.get_running_loop().time(), 0.001)
        return evolve(call, timeouts=evolve(call.timeouts, total_s=left_s))

    def _enrich(self, error: AxonFlowError, attempts: _Attempts) -> AxonFlowError:
        model = attempts.call.route.model
        return error.enrich(provider=self._provider, model=model, request_id=attempts.request_id)

    def _unreadable(self, family: str, body: bytes, cause: Exception | None) -> DecodeError:
        return unreadable(family, body, cause, self._upstream.unreadable_hint)

    # embeddings, rankings, token counts

    async def ask(
        self,
        route: UnaryRoute[Unary[Q, A]],
        request: Q,
        *,
        wrap: Callable[[Json], Json] = lambda body: body,
        measure: Callable[[A, Mapping[str, str]], A] = lambda answer, headers: answer,
    ) -> A:
        """One request and its one answer. `wrap` puts the service's own members around the body;
        `measure` adds to the answer what its headers bill."""
        try:
            body = wrap(route.codec.encode_request(request, route.facts))
        except AxonFlowError as error:
            raise error.enrich(provider=self._provider, model=route.model) from error.__cause__
        answered = await self._asked(route, dumps(body), measure)
        answer: A = answered.answer
        return answer

    async def forward_unary(
        self,
        route: UnaryRoute[Any],
        native: NativeCall,
        measure: Callable[[A, Mapping[str, str]], A],
    ) -> ForwardedAnswer:
        """As `forward`, for a client's call that is one request and one answer."""
        if native.body is not None and native.codec.name == route.codec.name:
            return await self._asked(route, native.body, measure)
        answer = await self.ask(route, native.request, measure=measure)
        return ForwardedAnswer(answer)

    async def embed(
        self,
        route: UnaryRoute[EmbeddingCodec],
        request: EmbeddingRequest,
        measure: Callable[[Embeddings, Mapping[str, str]], Embeddings],
    ) -> Embeddings:
        """One answer for all inputs, however many calls they take; all are encoded before one is
        sent. The first call that fails cancels the others."""
        try:
            parts = route.codec.split(request)
            bodies = [dumps(route.codec.encode_request(part, route.facts)) for part in parts]
        except AxonFlowError as error:
            raise error.enrich(provider=self._provider, model=route.model) from error.__cause__
        calls = [partial(self._asked, route, body, measure) for body in bodies]
        answers = await in_order(calls, _CALLS_AT_ONCE)
        return merge_embeddings(
            [(len(part.inputs), got.answer) for part, got in zip(parts, answers, strict=True)]
        )

    async def _asked(
        self,
        route: UnaryRoute[Any],
        body: bytes,
        measure: Callable[[A, Mapping[str, str]], A],
    ) -> ForwardedAnswer:
        timeouts, started = self._settings.timeouts, asyncio.get_running_loop().time()
        call = Call(
            route=route,
            operation=route.operation,
            headers=route.headers,
            body=body,
            timeouts=timeouts,
            started=started,
            ends_at=started + timeouts.total_s,
        )

        async def ask_once(call: Call, attempts: _Attempts) -> ForwardedAnswer:
            response = await self._sent(call, attempts)
            try:
                native = loads(response.body)
                answer: A = route.codec.decode_response(native, route.facts)
            except (ValueError, DecodeError) as error:
                raise self._unreadable(route.codec.name, response.body, error) from error
            self._upstream.answered(call, asyncio.get_running_loop().time() - started)
            measured = measure(answer, response.headers)
            return ForwardedAnswer(measured, response.body, response.headers)

        return await self._answered(call, ask_once)


def _log_adjustments(route: Route, fitted: Fitted) -> None:
    names = ", ".join(adjustment.feature for adjustment in fitted.adjustments)
    _LOG.info("%s does not take all as asked: %s", route.called, names)


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
