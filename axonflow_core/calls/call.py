"""One call of a chat model, from a request to its answer.

    Route       `route`: what the model alone decides; resolved by the plugin, once an id
    Upstream    `upstream`: the service, as the plugin describes it
    Call        `route`: a route and one request: fitted, encoded, with its deadline
    Caller      here: prepares a call and reads what `attempts` brings

The way of a completion, top to bottom:

    prepare     control tokens ─ fit ─ encode ─ JSON
    attempt     request ─ send ─ status 200 ─ surface.read_answer; repeated by `attempts`
    answer      the caller's names back ─ adjustments ─ receipt

A streamed call is the same up to the first event of its answer, so that an error before it can
still be followed by another attempt; `streams` reads on from there. Embeddings, rankings and token
counts are in `unary`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Mapping
from hashlib import sha256
from typing import TypeVar

from axonflow_core import waiting
from axonflow_core.codec import Codec
from axonflow_core.codec.control_tokens import neutralise_control_tokens
from axonflow_core.errors import AxonFlowError, DecodeError, ProviderError
from axonflow_core.fitting import Fitted, fit
from axonflow_core.fitting.betas import spared_betas
from axonflow_core.fitting.thoughts import has_unsigned_thoughts
from axonflow_core.frozen import evolve
from axonflow_core.http.client import ByteStream, HttpClient, HttpResponse
from axonflow_core.json import dumps, loads
from axonflow_core.json_text import has_one_reading, loads_answer
from axonflow_core.messages import EMPTY, Adjustment, Completion, CompletionRequest, Json, Receipt
from axonflow_core.provider import CompletionStream, ForwardedAnswer, NativeCall

from .attempts import AttemptLog, Attempts
from .route import CompletionCall, Route
from .settings import CommonSettings, ControlTokens
from .streams import DecodedStream
from .unary import UnaryCaller
from .upstream import Upstream

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


class Caller:
    """Makes the calls of one provider. `unary` makes those that are no completions."""

    def __init__(
        self, provider: str, client: HttpClient, settings: CommonSettings, upstream: Upstream
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._upstream = upstream
        self._attempts = Attempts(provider, client, upstream)
        self.unary = UnaryCaller(self._attempts, settings.timeouts)

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
            body = route.codec.encode_request(
                fitted.request, route.facts, is_streamed=is_streamed, asked=fitted.asked
            )
            headers: Mapping[str, str] = EMPTY
            if route.surface.header_members:
                body, headers = route.surface.as_headers(body)
            if (add_members := route.surface.add_members) is not None:
                body = add_members(body, route.called, is_streamed)
            call = self._call(route, fitted, dumps(body), is_streamed, timeout_s)
            return evolve(call, headers={**call.headers, **headers}) if headers else call
        except AxonFlowError as error:
            raise self._attempts.enriched(error, route.model) from error.__cause__

    def prepare_native(
        self, native: NativeCall, route: Route, *, is_streamed: bool, timeout_s: float | None = None
    ) -> CompletionCall:
        """The call that sends a client's own body, byte for byte where its form is the model's and
        its request is the one that was read from it; else as `prepare`. A client knows the betas of
        the model that it names: where another one answers, that one is spared those it lacks. Nor
        can a client help it that somebody else answered an earlier turn, whose thoughts the model
        would refuse."""
        form, own = (native.codec.name, native.surface), (route.codec.name, route.surface.name)
        request, spared = native.request, tuple[Adjustment, ...]()
        if form == own and native.model != route.model:
            request, spared = spared_betas(
                request, route.codec, route.facts, self._settings.unsupported
            )
        body = native.body if request == native.read_request and form == own else None
        if body is None or has_unsigned_thoughts(request, route.codec, route.facts):
            call = self.prepare(
                request,
                route,
                is_streamed=is_streamed,
                timeout_s=timeout_s,
                client=native.codec,
            )
            if spared:
                _log_adjustments(route, Fitted(request, spared))
                told = (*spared, *call.fitted.adjustments)
                call = evolve(call, fitted=evolve(call.fitted, adjustments=told))
            return self._with_headers(call, native)
        body = _addressed(body, route, is_streamed=is_streamed)
        call = self._call(route, Fitted(native.request), body, is_streamed, timeout_s)
        return evolve(self._with_headers(call, native), is_native=True)

    def _with_headers(self, call: CompletionCall, native: NativeCall) -> CompletionCall:
        """`call` with the client's headers, where it travels on the client's surface: they belong
        to its operation, however its body is written."""
        if not native.headers or native.surface != call.route.surface.name:
            return call
        return evolve(call, headers={**call.headers, **native.headers})

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
        started = waiting.now()
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

    async def within(self, call: CompletionCall, step: Awaitable[T]) -> T:
        """A step of the plugin's own before `call` is sent, within its deadline."""
        return await self._attempts.within(call, step)

    async def complete(self, call: CompletionCall) -> Completion:
        """The whole answer. Any `AxonFlowError`."""
        return await self._attempts.answered(call, self._complete_once)

    async def forward(self, call: CompletionCall) -> ForwardedAnswer:
        """The whole answer with its bytes as they came; without them where another reader may read
        in them what nobody read here."""
        return await self._attempts.answered(call, self._forward_once)

    async def stream(self, call: CompletionCall) -> CompletionStream:
        """The open answer, read up to its first event. Any `AxonFlowError`."""
        return await self._attempts.answered(call, self._stream_once)

    async def _complete_once(self, call: CompletionCall, log: AttemptLog) -> Completion:
        response = await self._attempts.sent(call, log)
        return (await self._read(call, log, response))[0]

    async def _forward_once(self, call: CompletionCall, log: AttemptLog) -> ForwardedAnswer:
        response = await self._attempts.sent(call, log)
        completion, native = await self._read(call, log, response)
        passes = call.is_native and has_one_reading(response.body, native)
        return ForwardedAnswer(completion, response.body if passes else None, response.headers)

    async def _read(
        self, call: CompletionCall, log: AttemptLog, response: HttpResponse
    ) -> tuple[Completion, Json]:
        """The answer, and the JSON that it was read from."""
        route = call.route
        try:
            native = loads_answer(response.body)
            completion = route.surface.read_answer(
                route.codec, native, route.facts, response.headers
            )
        except (ValueError, DecodeError) as error:
            raise self._attempts.unreadable(route.codec.name, response.body, error) from error
        receipt = await self._receipt(call, log, is_whole=True)
        return evolve(call.fitted.answer(completion), receipt=receipt), native

    async def _stream_once(self, call: CompletionCall, log: AttemptLog) -> CompletionStream:
        upstream = self._upstream
        http = await self._attempts.client.open_stream(await self._attempts.prepared(call, log))
        log.request_id = http.headers.get(upstream.request_id_header)
        log.first_byte = waiting.now() - call.started
        try:
            await self._expect_stream(call, http)
            receipt = await self._receipt(call, log, is_whole=False)

            def explained(error: AxonFlowError, model: str, id: str | None) -> AxonFlowError:
                return self._attempts.explained(error, log, model, id)

            stream = DecodedStream(http, call, receipt, explained)
            await stream.begin()
        except BaseException:
            await http.aclose()
            raise
        return stream

    async def _expect_stream(self, call: CompletionCall, http: ByteStream) -> None:
        """Returns when the answer is a stream of events; otherwise raises what it is instead."""
        if http.status != 200:
            try:
                body = await http.read_all()
            except ProviderError:
                body = b""  # the refusal has arrived
            raise await self._upstream.error(call, http.status, http.headers, body)
        surface = call.route.surface
        if not http.headers.get("content-type", "").startswith(surface.stream_type):
            raise self._attempts.unreadable(call.route.codec.name, await http.read_all(), None)

    async def _receipt(self, call: CompletionCall, log: AttemptLog, *, is_whole: bool) -> Receipt:
        route, terms = call.route, await self._upstream.terms()
        elapsed_s = waiting.now() - call.started
        first_byte_s = log.first_byte
        self._upstream.answered(call, elapsed_s)
        return Receipt(
            provider=self._provider,
            family=route.codec.name,
            surface=route.surface.name,
            model=route.model,
            called=route.called,
            region=terms.region,
            request_id=log.request_id,
            failed_attempts=tuple(log.failed),
            latency_ms=round(elapsed_s * 1000) if is_whole else None,
            first_byte_ms=None if first_byte_s is None else round(first_byte_s * 1000),
            body_digest=sha256(call.body).hexdigest(),
        )


def _addressed(body: bytes, route: Route, *, is_streamed: bool) -> bytes:
    """A client's body that says where it goes as the route does; unchanged where it does so
    already, or where bodies of the surface do not say it."""
    add_members = route.surface.add_members
    if add_members is None:
        return body
    native = loads(body)
    addressed = add_members(native, route.called, is_streamed)
    return body if addressed == native else dumps(addressed)


def _log_adjustments(route: Route, fitted: Fitted) -> None:
    names = ", ".join(adjustment.feature for adjustment in fitted.adjustments)
    _LOG.info("%s does not take all as asked: %s", route.called, names)
