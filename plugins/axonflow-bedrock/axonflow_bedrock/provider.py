"""The Bedrock provider: model id -> codec, body -> signature, bytes -> answer.

    complete    encode_request -> sign -> send         -> open_answer
    stream      encode_request -> sign -> open_stream  -> frames -> chunks -> events
    embed       as `complete`, in as many calls as it takes, some at once
    rerank      as `complete`
    count       as `complete`, under the base id first

A model is called through its family's own JSON or through Converse: the target says which
(`surfaces`). A family that does not stream is asked for its whole answer, which then is the
stream's one batch.

Everything slow or clever is elsewhere: whom a call is to in `targets`, how it is made in `calling`,
how a stream is read in `streaming`, families in codecs.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cached_property, partial
from typing import TypeVar

import orjson
from attrs import evolve

from axonflow_core.calls.concurrency import in_order
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.control_tokens import neutralise_control_tokens
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec, TokenCounter
from axonflow_core.errors import CredentialsError, ModelNotFound, ProfileRequired, Uncountable
from axonflow_core.fitting import Fitted, fit
from axonflow_core.http.client import HttpRequest, HttpResponse, HttpStream
from axonflow_core.messages import Completion, CompletionRequest, Json, TokenCount
from axonflow_core.plugin_spec import Services
from axonflow_core.provider import CompletionStream, Explanation, Health
from axonflow_core.retrieval import (
    EmbeddingRequest,
    Embeddings,
    Ranking,
    RerankRequest,
    merge_embeddings,
)

from .aws.credentials import AwsSettings
from .calling import SignedClient
from .config import BedrockConfig, ControlTokens
from .explain import Known, explanation_of
from .models.model_id import ModelId
from .models.profiles import Profiles
from .models.table import ModelTable, load_models
from .resolver import ModelResolver, ResolvedModel, ResolvedUnary, through_profile
from .streaming import BedrockStream, WholeAnswer
from .wire.counting import ids_to_try, wrapped
from .wire.envelope import measured
from .wire.surfaces import CONVERSE, INVOKE

T = TypeVar("T")

_LOG = logging.getLogger(__name__)
_CALLS_AT_ONCE = 8
"""How many calls one request may have under way, where a model takes one input a call."""


class BedrockProvider:
    def __init__(self, config: BedrockConfig, services: Services) -> None:
        self._config = config
        self._codecs = services.codecs
        self._name = services.name
        self._transport = services.transport
        self._settings = AwsSettings(
            region=config.region, session=services.extras.get("boto3_session")
        )

    @property
    def default_model(self) -> str:
        return self._config.model

    @cached_property
    def models(self) -> ModelTable:
        return load_models()

    @cached_property
    def profiles(self) -> Profiles:
        return Profiles(
            self.models, is_on=self._config.profile_fallback, residency=self._config.residency
        )

    @cached_property
    def resolver(self) -> ModelResolver:
        return ModelResolver(self._name, self._config, self._codecs, self.models, self.profiles)

    @cached_property
    def _caller(self) -> SignedClient:
        return SignedClient(
            self._name, self._settings, self._transport, self._config.timeouts, self.models
        )

    async def complete(self, request: CompletionRequest, *, model: str | None = None) -> Completion:
        return await self._through_profile(
            self.resolver.chat(model), partial(self._complete, request)
        )

    async def _complete(self, request: CompletionRequest, target: ResolvedModel) -> Completion:
        with self._caller.error_context(target):
            fitted, body = self._body(request, target, is_streamed=False)

            async def attempt() -> Completion:
                response = await self._transport.send(
                    await self._signed_call(target, body, is_streamed=False)
                )
                with self._caller.error_context(target, response.headers):
                    return await self._read_answer(target, response)

            return fitted.answer(await self._caller.with_retries(target, attempt))

    async def stream(
        self, request: CompletionRequest, *, model: str | None = None
    ) -> CompletionStream:
        target = self.resolver.chat(model)
        if not target.codec.streams:
            return WholeAnswer(await self.complete(request, model=model))
        return await self._through_profile(target, partial(self._stream, request))

    async def _stream(self, request: CompletionRequest, target: ResolvedModel) -> CompletionStream:
        with self._caller.error_context(target):
            fitted, body = self._body(request, target, is_streamed=True)

            async def attempt() -> CompletionStream:
                http = await self._transport.open_stream(
                    await self._signed_call(target, body, is_streamed=True)
                )
                with self._caller.error_context(target, http.headers):
                    return await self._accept_stream(target, fitted, http)

            return await self._caller.with_retries(target, attempt)

    async def embed(self, request: EmbeddingRequest, *, model: str | None = None) -> Embeddings:
        target = self.resolver.unary(EmbeddingCodec, model)
        with self._caller.error_context(target):
            parts = target.codec.split(request)
            bodies = [
                target.codec.encode_request(part, target.facts) for part in parts
            ]  # all, before one is sent
            answers = await in_order(
                [partial(self._vectors, target, body) for body in bodies], _CALLS_AT_ONCE
            )
            return merge_embeddings(
                [(len(part.inputs), answer) for part, answer in zip(parts, answers, strict=True)]
            )

    async def _vectors(self, target: ResolvedUnary[EmbeddingCodec], body: Json) -> Embeddings:
        answer, headers = await self._caller.unary(target, "invoke", body)
        return measured(answer, headers)

    async def rerank(self, request: RerankRequest, *, model: str | None = None) -> Ranking:
        target = self.resolver.unary(RerankCodec, model)
        with self._caller.error_context(target):
            body = target.codec.encode_request(request, target.facts)
            answer, headers = await self._caller.unary(target, "invoke", body)
            return measured(answer, headers)

    async def count(self, request: CompletionRequest, *, model: str | None = None) -> TokenCount:
        chat = self.resolver.chat(model)
        counter = self.resolver.counter(chat)
        with self._caller.error_context(chat):
            body = wrapped(counter.surface, counter.encode_request(request, chat.facts))
            first, *others = ids_to_try(chat.model_id, chat.facts.base_id or None)
            try:
                return await self._counted(first, counter, chat.facts, body)
            except (Uncountable, ModelNotFound):
                for other in others:
                    with suppress(
                        Uncountable, ModelNotFound
                    ):  # the refusal of the first is the one to be told
                        return await self._counted(other, counter, chat.facts, body)
                raise

    async def _counted(
        self, model_id: ModelId, counter: TokenCounter, facts: ModelFacts, body: Json
    ) -> TokenCount:
        answer, _ = await self._caller.unary(
            ResolvedUnary(model_id, counter, facts), "count-tokens", body
        )
        return answer

    async def explain(
        self, request: CompletionRequest, *, model: str | None = None, is_streamed: bool = True
    ) -> Explanation:
        """What the call would be, down to the signed headers. Asks AWS's settings, and sends
        nothing."""
        target = self.resolver.chat(model)
        is_streamed = is_streamed and target.codec.streams
        with self._caller.error_context(target):
            fitted, body = self._body(request, target, is_streamed=is_streamed)
            signed = await self._signed_call(target, body, is_streamed=is_streamed)
            place, source = await self._settings.place(), await self._settings.identity_source()
            guardrail = self._config.guardrail.id if self._config.guardrail else None
            known = Known(
                self.models, self.models.entry(target.facts.base_id), fitted.adjustments, guardrail
            )
            return explanation_of(
                target.model_id, target.codec, signed, place, source, known, is_streamed=is_streamed
            )

    async def health(self) -> Health:
        try:
            await self._settings.signer()
        except CredentialsError as error:
            return Health(is_ready=False, detail=error.message)
        return Health(is_ready=True)

    async def aclose(self) -> None:
        """Nothing to close: the transport is the runtime's."""

    # ── one call ──────────────────────────────────────────────────────────────────────────────────

    def _body(
        self, request: CompletionRequest, target: ResolvedModel, *, is_streamed: bool
    ) -> tuple[Fitted, bytes]:
        """The request as the model takes it, and its JSON."""
        if self._config.control_tokens is ControlTokens.NEUTRALISE:
            request = neutralise_control_tokens(request, target.codec.control_tokens)
        guardrail = self._config.guardrail
        if guardrail is not None and target.surface is CONVERSE:  # InvokeModel has it in headers
            # The operator's guardrail, whatever the caller names.
            request = evolve(
                request, options={**request.options, "guardrailConfig": guardrail.member}
            )
        fitted = fit(
            request, target.codec, target.facts, self._config.unsupported, is_streamed=is_streamed
        )
        if fitted.adjustments:
            names = ", ".join(adjustment.feature for adjustment in fitted.adjustments)
            _LOG.info("%s does not take all as asked: %s", target.model_id.given, names)
        body = target.codec.encode_request(fitted.request, target.facts, is_streamed=is_streamed)
        return fitted, orjson.dumps(body)

    async def _through_profile(
        self, target: ResolvedModel, call: Callable[[ResolvedModel], Awaitable[T]]
    ) -> T:
        """`call`, and where the config has it so once more through an inference profile, which is
        then remembered."""
        if not self._config.profile_fallback:
            return await call(target)
        with self._caller.error_context(target):
            region = (await self._settings.place()).region
        learned = self.profiles.learned(target.model_id, region)
        if learned is not None:
            return await call(through_profile(target, learned))
        try:
            return await call(target)
        except ProfileRequired as refusal:
            profile = self.profiles.instead_of(target.model_id, region, refusal)
        answer = await call(through_profile(target, profile))
        self.profiles.learn(target.model_id, region, profile)
        _LOG.warning("%s is called through %s from now on", target.model_id.given, profile)
        return answer

    async def _signed_call(
        self, target: ResolvedModel, body: bytes, *, is_streamed: bool
    ) -> HttpRequest:
        surface, guardrail = target.surface, self._config.guardrail
        operation = surface.stream_operation if is_streamed else surface.operation
        headers = surface.stream_headers if is_streamed else surface.headers
        if guardrail is not None and surface is INVOKE:
            headers = {**headers, **guardrail.headers}
        return await self._caller.sign(target, operation, headers, body)

    def _read_answer(self, target: ResolvedModel, response: HttpResponse) -> Awaitable[Completion]:
        def read(body: Json) -> Completion:
            return target.surface.open_answer(target.codec, body, target.facts, response.headers)

        return self._caller.read_response(target, response, read)

    async def _accept_stream(
        self, target: ResolvedModel, fitted: Fitted, http: HttpStream
    ) -> CompletionStream:
        await self._caller.expect_event_stream(target, http)
        stream = BedrockStream(http, target, fitted, self._name)
        await stream.begin()
        return stream
