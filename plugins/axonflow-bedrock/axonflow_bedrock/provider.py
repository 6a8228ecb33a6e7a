"""The Bedrock provider: model id -> codec, body -> signature, bytes -> answer.

    complete    encode_request -> sign -> send         -> open_answer
    stream      encode_request -> sign -> open_stream  -> frames -> chunks -> events
    embed       as `complete`, in as many calls as it takes, some at once
    rerank      as `complete`
    count       as `complete`, under the base id first

A model is called through its family's own JSON or through Converse: the target says which (`surfaces`). A family that
does not stream is asked for its whole answer, which then is the stream's one batch.

Everything slow or clever is elsewhere: ids in `model_id`, credentials in `credentials`, faults in `errors`, frames in
`eventstream`, families in codecs. What depends on the model id alone is worked out once for each id.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from time import perf_counter
from typing import Generic, Protocol, TypeVar

import orjson
from attrs import evolve, frozen

from axonflow_core.codec import AnyCodec, FamilyCodec, ModelFacts, neutralise_control_tokens
from axonflow_core.errors import (
    AxonFlowError,
    CredentialsError,
    CredentialsExpired,
    DecodeError,
    ModelNotFound,
    ProfileRequired,
    RequestError,
    TruncatedStream,
    Uncountable,
    UndetectedFamily,
)
from axonflow_core.exchanges import EmbeddingCodec, Exchange, RerankCodec, TokenCounter
from axonflow_core.fitting import Fitted, fit
from axonflow_core.messages import Completion, CompletionRequest, Json, TokenCount
from axonflow_core.provider import CompletionStream, Explanation, Health, Services
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Ranking, RerankRequest, joined
from axonflow_core.stream import Batch, batch_of
from axonflow_core.transport import HttpRequest, HttpResponse, HttpStream

from .concurrency import in_order
from .config import BedrockConfig, ControlTokens, SurfaceChoice
from .counting import ids_to_try, wrapped
from .credentials import AwsSettings, refuse_open_air
from .envelope import measured
from .errors import diagnose
from .eventstream import FrameDecoder
from .explain import Known, explanation_of
from .model_id import ModelId, parse_model_id, vendors_of
from .models.rules import facts_of
from .models.table import ModelTable, load_models
from .profiles import Profiles
from .retries import Retrier
from .signing import BearerToken
from .surfaces import CONVERSE, CONVERSE_CODECS, INVOKE, INVOKE_CODECS, Surface, surface_of
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

    @cached_property
    def models(self) -> ModelTable:
        return load_models()

    @cached_property
    def profiles(self) -> Profiles:
        return Profiles(self.models, is_on=self._config.profile_fallback, residency=self._config.residency)

    async def complete(self, request: CompletionRequest, *, model: str | None = None) -> Completion:
        return await self._through_profile(self.target(model), partial(self._complete, request))

    async def _complete(self, request: CompletionRequest, target: Target) -> Completion:
        with self._naming(target):
            fitted, body = self._body(request, target, is_streamed=False)

            async def attempt() -> Completion:
                response = await self._transport.send(await self._signed_call(target, body, is_streamed=False))
                with self._naming(target, response.headers):
                    return await self._read_answer(target, response)

            return fitted.answer(await self._persist(target, attempt))

    async def stream(self, request: CompletionRequest, *, model: str | None = None) -> CompletionStream:
        target = self.target(model)
        if not target.codec.streams:
            return WholeAnswer(await self.complete(request, model=model))
        return await self._through_profile(target, partial(self._stream, request))

    async def _stream(self, request: CompletionRequest, target: Target) -> CompletionStream:
        with self._naming(target):
            fitted, body = self._body(request, target, is_streamed=True)

            async def attempt() -> CompletionStream:
                http = await self._transport.open_stream(await self._signed_call(target, body, is_streamed=True))
                with self._naming(target, http.headers):
                    return await self._accept_stream(target, fitted, http)

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
        is_streamed = is_streamed and target.codec.streams
        with self._naming(target):
            fitted, body = self._body(request, target, is_streamed=is_streamed)
            signed = await self._signed_call(target, body, is_streamed=is_streamed)
            place, source = await self._settings.place(), await self._settings.identity_source()
            guardrail = self._config.guardrail.id if self._config.guardrail else None
            known = Known(self.models, self.models.entry(target.facts.base_id), fitted.adjustments, guardrail)
            return explanation_of(target.model_id, target.codec, signed, place, source, known, is_streamed=is_streamed)

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
        facts = facts_of(base_id, codec.surface, self._facts(given, base_id), self.models.entry(base_id))
        return Target(model_id, codec, facts, surface_of(codec))

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
        vendors = vendors_of(self._codecs)
        model_id = parse_model_id(given, vendors)
        self.profiles.refuse_other_geographies(model_id)
        base_id, family = model_id.base_id, None
        if given == self._config.model:  # `base_model` and `family` describe the configured model and no other
            family = self._config.family
            if self._config.base_model is not None:
                base_id = parse_model_id(self._config.base_model, vendors).base_id
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

    def _body(self, request: CompletionRequest, target: Target, *, is_streamed: bool) -> tuple[Fitted, bytes]:
        """The request as the model takes it, and its JSON."""
        if self._config.control_tokens is ControlTokens.NEUTRALISE:
            request = neutralise_control_tokens(request, target.codec.control_tokens)
        guardrail = self._config.guardrail
        if guardrail is not None and target.surface is CONVERSE:  # InvokeModel has it in headers
            # The operator's guardrail, whatever the caller names.
            request = evolve(request, options={**request.options, "guardrailConfig": guardrail.member})
        fitted = fit(request, target.codec, target.facts, self._config.unsupported, is_streamed=is_streamed)
        if fitted.adjustments:
            names = ", ".join(adjustment.feature for adjustment in fitted.adjustments)
            _LOG.info("%s does not take all as asked: %s", target.model_id.given, names)
        body = target.codec.encode_request(fitted.request, target.facts, is_streamed=is_streamed)
        return fitted, orjson.dumps(body)

    async def _through_profile(self, target: Target, call: Callable[[Target], Awaitable[T]]) -> T:
        """`call`, and where the config has it so once more through an inference profile, which is then remembered."""
        if not self._config.profile_fallback:
            return await call(target)
        with self._naming(target):
            region = (await self._settings.place()).region
        learned = self.profiles.learned(target.model_id, region)
        if learned is not None:
            return await call(_behind(target, learned))
        try:
            return await call(target)
        except ProfileRequired as refusal:
            profile = self.profiles.instead_of(target.model_id, region, refusal)
        answer = await call(_behind(target, profile))
        self.profiles.learn(target.model_id, region, profile)
        _LOG.warning("%s is called through %s from now on", target.model_id.given, profile)
        return answer

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

    async def _signed_call(self, target: Target, body: bytes, *, is_streamed: bool) -> HttpRequest:
        surface, guardrail = target.surface, self._config.guardrail
        operation = surface.stream_operation if is_streamed else surface.operation
        headers = surface.stream_headers if is_streamed else surface.headers
        if guardrail is not None and surface is INVOKE:
            headers = {**headers, **guardrail.headers}
        return await self._signed(target, operation, headers, body)

    async def _signed(self, target: Addressed, operation: str, headers: Mapping[str, str], body: bytes) -> HttpRequest:
        signer, place = await self._settings.signer(), await self._settings.place()
        if isinstance(signer, BearerToken):
            refuse_open_air(place.endpoint_url)
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
        """Credentials that are no longer taken are fetched anew once, or a wrong clock is corrected once.

        Keys that were rotated are unknown to AWS before they expire. Nothing was generated yet.
        """
        offset = self._clock.offset
        try:
            return await attempt()
        except CredentialsError as error:
            was_corrected, is_awss_word = self._clock.offset != offset, error.status is not None
            if not was_corrected and not (is_awss_word and await self._settings.refresh()):
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

    async def _accept_stream(self, target: Target, fitted: Fitted, http: HttpStream) -> CompletionStream:
        try:
            if http.status != 200:
                raise await self._diagnosed(target, http.status, http.headers, await http.read_all())
            if not http.headers.get("content-type", "").startswith(_EVENT_STREAM):
                raise _unreadable(target, await http.read_all())
        except BaseException:
            await http.aclose()
            raise
        stream = BedrockStream(http, target, fitted, self._name)
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
            models=self.models,
            request_id=headers.get("x-amzn-requestid"),
        )
        if isinstance(error, CredentialsError):
            self._clock.learn(headers.get("date"))
        if isinstance(error, CredentialsExpired):
            error.hint = self._settings.login() or error.hint
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

    def __init__(self, http: HttpStream, target: Target, fitted: Fitted, provider: str) -> None:
        self.request_id = http.headers.get("x-amzn-requestid")
        self.adjustments = fitted.adjustments
        self._fitted = fitted
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
                batches.append(self._fitted.events(self._events.feed(chunk)))
            self._frames.feed(b"")  # raises what is wrong behind these frames, for no more bytes may come
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


class WholeAnswer(CompletionStream):
    """The stream of a family that has none: the whole answer in one batch."""

    def __init__(self, completion: Completion) -> None:
        self.adjustments = completion.adjustments
        self._left: tuple[Batch, ...] = (batch_of(completion),)

    async def read(self) -> tuple[Batch, ...]:
        batches, self._left = self._left, ()
        return batches

    async def aclose(self) -> None:
        """Nothing is open."""


def _behind(target: Target, profile: str) -> Target:
    """The same model, called through an inference profile."""
    return evolve(target, model_id=parse_model_id(profile), facts=evolve(target.facts, model_id=profile))


def _unreadable(target: Addressed, body: bytes, cause: DecodeError | None = None) -> DecodeError:
    """A 200 that the family's codec cannot read: an error with the first bytes, never an empty answer."""
    begins = body[:_SHOWN_BYTES].decode("utf-8", "replace")
    what = cause.message if cause else f"the answer is not one of the {target.codec.name} family (no JSON)"
    return DecodeError(
        f"{what}; its {len(body)} bytes begin {begins!r}",
        hint="if the model belongs to another family, name it with `family:` or `base_model:` in the provider's config",
    )
