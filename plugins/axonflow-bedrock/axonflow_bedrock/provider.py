"""The Bedrock provider: model id -> codec, body -> signature, bytes -> answer.

    complete    encode_request -> sign -> send         -> open_answer
    stream      encode_request -> sign -> open_stream  -> frames -> chunks -> events
    embed       as `complete`, in as many calls as it takes, some at once
    rerank      as `complete`
    count       as `complete`, under the base id first

A model is called through its family's own JSON or through Converse: the target says which (`surfaces`).

Everything slow or clever is elsewhere: ids in `model_id`, credentials in `credentials`, faults in `errors`, frames in
`eventstream`, families in codecs. What depends on the model id alone is worked out once for each id.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from time import perf_counter
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import orjson
from attrs import frozen

from axonflow_core.codec import AnyCodec, FamilyCodec, ModelFacts, neutralise_control_tokens
from axonflow_core.errors import (
    AxonFlowError,
    CredentialsError,
    CredentialsExpired,
    DecodeError,
    ModelNotFound,
    RequestError,
    TruncatedStream,
    Uncountable,
    UndetectedFamily,
)
from axonflow_core.exchanges import EmbeddingCodec, Exchange, RerankCodec, TokenCounter
from axonflow_core.messages import Completion, CompletionRequest, Json, TokenCount
from axonflow_core.provider import CompletionStream, Explanation, Health, Services
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Ranking, RerankRequest, joined
from axonflow_core.stream import Batch
from axonflow_core.transport import HttpRequest, HttpResponse, HttpStream

from .concurrency import in_order
from .config import BedrockConfig, ControlTokens, SurfaceChoice
from .counting import ids_to_try, wrapped
from .credentials import AwsSettings
from .envelope import measured
from .errors import diagnose
from .eventstream import FrameDecoder
from .explain import explanation_of
from .model_id import ModelId, parse_model_id
from .retries import Retrier
from .signing import BearerToken
from .surfaces import CONVERSE_CODECS, INVOKE_CODECS, Surface, surface_of
from .surroundings import Clock, Distance

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")
C = TypeVar("C", bound=AnyCodec)
C_co = TypeVar("C_co", covariant=True)

_LOG = logging.getLogger(__name__)
_EVENT_STREAM = "application/vnd.amazon.eventstream"
_JSON_HEADERS = {"content-type": "application/json", "accept": "application/json"}
_CALLS_AT_ONCE = 8
"""How many calls one request may have under way, where a model takes one input a call."""
_MAX_TARGETS = 1024
"""Model ids come from callers, so what is kept for each is bounded."""
_SHOWN_BYTES = 60
"""How much of an answer that nobody can read an error quotes."""


@frozen
class Target:
    """Everything about a call that depends on the model id alone."""

    model_id: ModelId
    codec: FamilyCodec
    facts: ModelFacts
    surface: Surface


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Addressed(Protocol):
    """Whom a call is to, and whose JSON it speaks."""

    @property
    def model_id(self) -> ModelId: ...
    @property
    def codec(self) -> Named: ...


@frozen
class ExchangeTarget(Generic[C_co]):
    """As `Target`, for what is one request and one answer."""

    model_id: ModelId
    codec: C_co
    facts: ModelFacts


class BedrockProvider:
    def __init__(self, config: BedrockConfig, services: Services) -> None:
        self._config = config
        self._name = services.name
        self._codecs = services.codecs
        self._transport = services.transport
        self._settings = AwsSettings(region=config.region, session=services.extras.get("boto3_session"))
        self._targets: dict[str, Target] = {}
        self._clock = Clock()
        self._distance = Distance(services.name, os.environ)

    @property
    def default_model(self) -> str:
        return self._config.model

    async def complete(self, request: CompletionRequest, *, model: str | None = None) -> Completion:
        target = self.target(model)
        with self._naming(target):
            body = self._body(request, target)

            async def attempt() -> Completion:
                signed = await self._signed(target, target.surface.operation, target.surface.headers, body)
                response = await self._transport.send(signed)
                with self._naming(target, response.headers):
                    return await self._read_answer(target, response)

            return await self._persist(target, attempt)

    async def stream(self, request: CompletionRequest, *, model: str | None = None) -> CompletionStream:
        target = self.target(model)
        with self._naming(target):
            body = self._body(request, target)

            async def attempt() -> CompletionStream:
                surface = target.surface
                signed = await self._signed(target, surface.stream_operation, surface.stream_headers, body)
                http = await self._transport.open_stream(signed)
                with self._naming(target, http.headers):
                    return await self._accept_stream(target, http)

            return await self._persist(target, attempt)

    async def embed(self, request: EmbeddingRequest, *, model: str | None = None) -> Embeddings:
        target = self._exchange_target(EmbeddingCodec, model)
        with self._naming(target):
            parts = target.codec.split(request)
            bodies = [target.codec.encode_request(part, target.facts) for part in parts]  # all, before one is sent
            answers = await in_order([partial(self._vectors, target, body) for body in bodies], _CALLS_AT_ONCE)
            return joined([(len(part.inputs), answer) for part, answer in zip(parts, answers, strict=True)])

    async def _vectors(self, target: ExchangeTarget[EmbeddingCodec], body: Json) -> Embeddings:
        answer, headers = await self._exchanged(target, "invoke", body)
        return measured(answer, headers)

    async def rerank(self, request: RerankRequest, *, model: str | None = None) -> Ranking:
        target = self._exchange_target(RerankCodec, model)
        with self._naming(target):
            body = target.codec.encode_request(request, target.facts)
            answer, headers = await self._exchanged(target, "invoke", body)
            return measured(answer, headers)

    async def count(self, request: CompletionRequest, *, model: str | None = None) -> TokenCount:
        chat = self.target(model)
        counter = self._counter(chat)
        with self._naming(chat):
            body = wrapped(counter.surface, counter.encode_request(request, chat.facts))
            first, *others = ids_to_try(chat.model_id, chat.facts.base_id or None)
            try:
                return await self._counted(first, counter, chat.facts, body)
            except (Uncountable, ModelNotFound):
                for other in others:
                    with suppress(Uncountable, ModelNotFound):  # the refusal of the first is the one to be told
                        return await self._counted(other, counter, chat.facts, body)
                raise

    async def _counted(self, model_id: ModelId, counter: TokenCounter, facts: ModelFacts, body: Json) -> TokenCount:
        answer, _ = await self._exchanged(ExchangeTarget(model_id, counter, facts), "count-tokens", body)
        return answer

    async def explain(
        self, request: CompletionRequest, *, model: str | None = None, is_streamed: bool = True
    ) -> Explanation:
        """What the call would be, down to the signed headers. Asks AWS's settings, and sends nothing."""
        target = self.target(model)
        with self._naming(target):
            surface = target.surface
            operation = surface.stream_operation if is_streamed else surface.operation
            headers = surface.stream_headers if is_streamed else surface.headers
            signed = await self._signed(target, operation, headers, self._body(request, target))
            place, source = await self._settings.place(), await self._settings.identity_source()
            return explanation_of(target.model_id, target.codec, signed, place, source, is_streamed=is_streamed)

    async def health(self) -> Health:
        try:
            await self._settings.signer()
        except CredentialsError as error:
            return Health(is_ready=False, detail=error.message)
        return Health(is_ready=True)

    async def aclose(self) -> None:
        """Nothing to close: the transport is the runtime's."""

    # ── what depends on the model ───────────────────────────────────────────────────────────────────────────────────

    def target(self, model: str | None = None) -> Target:
        """The codec for a model id. `UndetectedFamily` when nothing says which; never a guess."""
        given = model or self._config.model
        target = self._targets.get(given)
        if target is None:
            target = self._find_target(given)
            if len(self._targets) < _MAX_TARGETS:
                self._targets[given] = target
        return target

    def _find_target(self, given: str) -> Target:
        model_id, base_id, family = self._described(given)
        codec = self._find_codec(model_id, base_id, family)
        self._refuse_other_families(given, self._family_of(base_id, codec))
        self._warn_of_other_region(model_id)
        return Target(model_id, codec, self._facts(given, base_id), surface_of(codec))

    def _facts(self, given: str, base_id: str | None) -> ModelFacts:
        return ModelFacts(model_id=given, base_id=base_id or "", default_max_tokens=self._config.max_tokens)

    def _exchange_target(self, kind: type[C], model: str | None) -> ExchangeTarget[C]:
        given = model or self._config.model
        model_id, base_id, family = self._described(given)
        if family is not None:
            codec = self._codecs.find_by_name(kind, family)
        elif base_id is not None:
            codec = self._codecs.find(kind, base_id)
        else:
            raise self._undescribed(model_id, self._codecs.names_of(kind))
        self._refuse_other_families(given, codec)
        self._warn_of_other_region(model_id)
        return ExchangeTarget(model_id, codec, self._facts(given, base_id))

    def _counter(self, chat: Target) -> TokenCounter:
        """What counts for a model: its family's own JSON, or Converse's where no counter takes that."""
        base_id = chat.facts.base_id
        try:
            return self._codecs.find(TokenCounter, base_id, chat.codec.surface)
        except UndetectedFamily:
            return self._codecs.find(TokenCounter, base_id, CONVERSE_CODECS)

    def _described(self, given: str) -> tuple[ModelId, str | None, str | None]:
        """The id, the base id and the family, as far as id and configuration say them."""
        model_id = parse_model_id(given)
        base_id, family = model_id.base_id, None
        if given == self._config.model:  # `base_model` and `family` describe the configured model and no other
            family = self._config.family
            if self._config.base_model is not None:
                base_id = parse_model_id(self._config.base_model).base_id
        return model_id, base_id, family

    def _find_codec(self, model_id: ModelId, base_id: str | None, family: str | None) -> FamilyCodec:
        if self._config.surface is SurfaceChoice.CONVERSE:
            return self._codecs.for_base_id(base_id or "", CONVERSE_CODECS)
        try:
            return self._find_own_codec(model_id, base_id, family)
        except UndetectedFamily:
            if self._config.surface is SurfaceChoice.INVOKE or family is not None:
                raise
            return self._codecs.for_base_id(base_id or "", CONVERSE_CODECS)

    def _find_own_codec(self, model_id: ModelId, base_id: str | None, family: str | None) -> FamilyCodec:
        """The codec of the family's own JSON."""
        if family is not None:
            return self._codecs.for_name(family)
        if base_id is not None:
            return self._codecs.for_base_id(base_id)
        raise self._undescribed(model_id, self._codecs.names)

    def _undescribed(self, model_id: ModelId, families: tuple[str, ...]) -> UndetectedFamily:
        return UndetectedFamily(
            f"{model_id.given} does not say which model is behind it",
            hint="add one line to the provider's config: `base_model:` with that model's id, or `family:` with one of "
            + ", ".join(families),
        )

    def _family_of(self, base_id: str | None, codec: FamilyCodec) -> FamilyCodec:
        """The codec that says which family a model is of: its own, whatever surface carries the call."""
        if codec.surface != INVOKE_CODECS and base_id is not None:
            with suppress(UndetectedFamily):
                return self._codecs.for_base_id(base_id)
        return codec

    def _refuse_other_families(self, given: str, codec: AnyCodec) -> None:
        allowed = self._config.families
        if allowed is not None and codec.family not in allowed and codec.name not in allowed:
            raise RequestError(
                f"{given} is a model of the {codec.family} family, which this provider may not call",
                hint=f"`families:` of the provider {self._name} allows {', '.join(allowed) or 'none'}",
            )

    def _warn_of_other_region(self, model_id: ModelId) -> None:
        if model_id.region and self._config.region and model_id.region != self._config.region:
            _LOG.warning(
                "the ARN of the model names region %s, and the call goes to %s", model_id.region, self._config.region
            )

    # ── one call ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _body(self, request: CompletionRequest, target: Target) -> bytes:
        if self._config.control_tokens is ControlTokens.NEUTRALISE:
            request = neutralise_control_tokens(request, target.codec.control_tokens)
        return orjson.dumps(target.codec.encode_request(request, target.facts))

    async def _exchanged(
        self, target: ExchangeTarget[Exchange[Q, A]], operation: str, body: Json
    ) -> tuple[A, Mapping[str, str]]:
        """One request and the one answer to it, with the answer's headers."""
        data = orjson.dumps(body)

        def read(native: Json) -> A:
            return target.codec.decode_response(native, target.facts)

        async def attempt() -> tuple[A, Mapping[str, str]]:
            signed = await self._signed(target, operation, _JSON_HEADERS, data)
            response = await self._transport.send(signed)
            with self._naming(target, response.headers):
                return await self._read_whole(target, response, read), response.headers

        return await self._persist(target, attempt)

    async def _signed(self, target: Addressed, operation: str, headers: Mapping[str, str], body: bytes) -> HttpRequest:
        signer, place = await self._settings.signer(), await self._settings.place()
        if isinstance(signer, BearerToken):
            _refuse_open_air(place.endpoint_url)
        url = f"{place.endpoint_url}/model/{target.model_id.path_segment}/{operation}"
        signed = signer.sign("POST", url, headers, body, self._clock.now())
        return HttpRequest("POST", url, signed, body, self._config.timeouts, place.network)

    async def _persist(self, target: Addressed, attempt: Callable[[], Awaitable[T]]) -> T:
        """The call, as often as AWS's retry settings have it; of a slow one it is told if distance may be the cause."""
        place = await self._settings.place()
        retrier = Retrier(retries=place.retries, total_s=self._config.timeouts.total_s)
        started = perf_counter()
        answer = await retrier.call(partial(self._with_live_credentials, attempt))
        self._distance.tell(perf_counter() - started, place.region, target.model_id.given)
        return answer

    async def _with_live_credentials(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Expired credentials are refreshed once and a wrong clock is corrected once; nothing was generated yet."""
        offset = self._clock.offset
        try:
            return await attempt()
        except CredentialsExpired:
            if not await self._settings.refresh():
                raise
        except CredentialsError:
            if self._clock.offset == offset:
                raise
        return await attempt()

    async def _read_answer(self, target: Target, response: HttpResponse) -> Completion:
        def read(body: Json) -> Completion:
            return target.surface.open_answer(target.codec, body, target.facts, response.headers)

        return await self._read_whole(target, response, read)

    async def _read_whole(self, target: Addressed, response: HttpResponse, read: Callable[[Json], T]) -> T:
        if response.status != 200:
            raise await self._diagnosed(target, response.status, response.headers, response.body)
        try:
            return read(orjson.loads(response.body))
        except orjson.JSONDecodeError as error:
            raise _unreadable(target, response.body) from error
        except DecodeError as error:
            raise _unreadable(target, response.body, error) from error

    async def _accept_stream(self, target: Target, http: HttpStream) -> CompletionStream:
        try:
            if http.status != 200:
                raise await self._diagnosed(target, http.status, http.headers, await http.read_all())
            if not http.headers.get("content-type", "").startswith(_EVENT_STREAM):
                raise _unreadable(target, await http.read_all())
        except BaseException:
            await http.aclose()
            raise
        stream = BedrockStream(http, target, self._name)
        await stream.begin()
        return stream

    async def _diagnosed(
        self, target: Addressed, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        error = diagnose(
            status,
            headers.get("x-amzn-errortype"),
            body,
            model=target.model_id,
            region=(await self._settings.place()).region,
            request_id=headers.get("x-amzn-requestid"),
        )
        if isinstance(error, CredentialsError):
            self._clock.learn(headers.get("date"))
        return error

    @contextmanager
    def _naming(self, target: Addressed, headers: Mapping[str, str] | None = None) -> Iterator[None]:
        """Errors that pass learn whose call it was."""
        try:
            yield
        except AxonFlowError as error:
            request_id = headers.get("x-amzn-requestid") if headers else None
            error.enrich(provider=self._name, model=target.model_id.given, request_id=request_id)
            raise


class BedrockStream(CompletionStream):
    """One network read gives the batches of every frame that it completes."""

    def __init__(self, http: HttpStream, target: Target, provider: str) -> None:
        self.request_id = http.headers.get("x-amzn-requestid")
        self._http = http
        self._target = target
        self._provider = provider
        self._frames = FrameDecoder()
        self._events = target.surface.stream_decoder(target.codec, target.facts)
        self._read_frame = target.surface.read_frame
        self._fault: AxonFlowError | None = None
        self._ahead: tuple[Batch, ...] | None = None

    async def begin(self) -> None:
        """Read up to the first event: until then a fault is the call's, and the call may be made again."""
        try:
            self._ahead = await self.read()
        except BaseException:
            await self.aclose()
            raise

    async def read(self) -> tuple[Batch, ...]:
        if self._ahead is not None:
            batches, self._ahead = self._ahead, None
            return batches
        try:
            while self._fault is None and (data := await self._http.read()):
                batches = self._decode(data)
                if batches:
                    return batches
            self._finish()
        except AxonFlowError as error:
            if isinstance(error, TruncatedStream):
                error.partial_text = self._events.partial_text
            model = self._target.model_id.given
            raise error.enrich(provider=self._provider, model=model, request_id=self.request_id) from error.__cause__
        return ()

    def _decode(self, data: bytes) -> tuple[Batch, ...]:
        """What the frames in `data` say. A fault waits until the caller has what came before it."""
        batches: list[Batch] = []
        try:
            for frame in self._frames.feed(data):
                chunk = self._read_frame(frame, model=self._target.model_id, request_id=self.request_id)
                batches.append(self._events.feed(chunk))
        except AxonFlowError as fault:
            self._fault = fault
        return tuple(batches)

    def _finish(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._frames.finish()
        self._events.finish()

    async def aclose(self) -> None:
        await self._http.aclose()


def _refuse_open_air(endpoint_url: str) -> None:
    """A signature is worth nothing to who overhears it; an API key is worth everything. On this machine nobody does."""
    endpoint = urlsplit(endpoint_url)
    if endpoint.scheme != "https" and endpoint.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise CredentialsError(
            f"a Bedrock API key is not sent to {endpoint.hostname} over plain http",
            hint="give the endpoint as https://…, or unset AWS_BEARER_TOKEN_BEDROCK and sign with credentials",
        )


def _unreadable(target: Addressed, body: bytes, cause: DecodeError | None = None) -> DecodeError:
    """A 200 that the family's codec cannot read: an error with the first bytes, never an empty answer."""
    begins = body[:_SHOWN_BYTES].decode("utf-8", "replace")
    what = cause.message if cause else f"the answer is not one of the {target.codec.name} family (no JSON)"
    return DecodeError(
        f"{what}; its {len(body)} bytes begin {begins!r}",
        hint="if the model belongs to another family, name it with `family:` or `base_model:` in the provider's config",
    )
