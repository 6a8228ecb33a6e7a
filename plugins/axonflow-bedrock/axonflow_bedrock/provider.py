"""The Bedrock provider: what it offers, and which calls of Bedrock that makes.

    complete, stream     a chat model, through its family's own JSON or through Converse
    forward              the same for a client's own body, which goes upstream as it came
    embed, rerank        one request and one answer; embeddings in as many calls as they take
    count                CountTokens, under the base id first
    explain              what a completion would send, with nothing sent

`resolver` says which codec, facts and surface a model id stands for; `upstream` where a call goes
and what a refusal means; the core's `Caller` makes the calls.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import cached_property, partial
from typing import TypeVar

from axonflow_core.calls.attempts import failed_attempt
from axonflow_core.calls.call import Caller
from axonflow_core.calls.forwarding import forwarded
from axonflow_core.calls.route import CompletionCall, Route
from axonflow_core.calls.settings import ControlTokens
from axonflow_core.calls.streams import WholeAnswer
from axonflow_core.calls.unary import Deadline
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec, TokenCounter
from axonflow_core.errors import (
    AxonFlowError,
    CredentialsError,
    CredentialsExpired,
    CredentialsMissing,
    EncodeError,
    ModelNotFound,
    ProfileRequired,
    RequestError,
    Uncountable,
)
from axonflow_core.fitting.betas import with_taken_betas
from axonflow_core.frozen import evolve
from axonflow_core.messages import EMPTY, Completion, CompletionRequest, Receipt, TokenCount
from axonflow_core.plugin_spec import Services
from axonflow_core.provider import (
    Checkup,
    CompletionStream,
    EncodedCall,
    Explanation,
    ForwardedAnswer,
    Health,
    NativeCall,
    Price,
)
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Ranking, RerankRequest

from .aws.credentials import AwsSettings
from .config import BedrockConfig, SurfaceChoice
from .explain import Known, deciding_rules, explanation_of
from .models.model_id import ModelId, is_callable_from, parse_model_id, vendors_of
from .models.profiles import Profiles
from .models.residency import regions_of
from .models.table import ModelTable, load_models
from .resolver import ModelResolver, through_profile, unary_route
from .upstream import BedrockUpstream
from .wire.choice import carry_on_converse
from .wire.count_tokens import ids_to_try, wrapped
from .wire.envelope import measured
from .wire.guardrails import guarded, in_body, wish_of, with_guardrail
from .wire.surfaces import CONVERSE_CODECS

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

MAX_PRICES = 1_024
"""Prices that are kept at hand. Ids come from clients, so their number has no end."""


class BedrockProvider:
    """Amazon Bedrock in one region, with one identity."""

    def __init__(self, config: BedrockConfig, services: Services) -> None:
        self._config = config
        self._services = services
        session = services.extras.get("boto3_session")
        self._settings = AwsSettings(region=config.region, session=session)
        self._prices: dict[tuple[str, str | None], Price | None] = {}

    @property
    def default_model(self) -> str:
        return self._config.model

    @cached_property
    def models(self) -> ModelTable:
        """Limits, prices, profiles and lifecycles."""
        return load_models()

    @cached_property
    def profiles(self) -> Profiles:
        """Which inference profile stands for a model."""
        is_on, residency = self._config.profile_fallback, self._config.residency
        return Profiles(self.models, is_on=is_on, residency=residency)

    @cached_property
    def resolver(self) -> ModelResolver:
        """Model ids to routes."""
        services = self._services
        return ModelResolver(
            services.name, self._config, services.codecs, self.models, self.profiles
        )

    @cached_property
    def _upstream(self) -> BedrockUpstream:
        return BedrockUpstream(self._services.name, self._settings, self.models)

    @cached_property
    def _caller(self) -> Caller:
        services = self._services
        return Caller(services.name, services.client, self._config, self._upstream)

    # ── chat models ───────────────────────────────────────────────────────────────────────────────

    async def complete(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Completion:
        route = self.resolver.chat(model)
        call = self._prepare(request, route, is_streamed=False, timeout_s=timeout_s)
        return await self._through_profile(call, self._caller.complete)

    async def stream(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> CompletionStream:
        route = self.resolver.chat(model)
        if not route.codec.streams:
            return WholeAnswer(await self.complete(request, model=model, timeout_s=timeout_s))
        call = self._prepare(request, route, is_streamed=True, timeout_s=timeout_s)
        return await self._through_profile(call, self._caller.stream)

    async def forward(
        self, call: NativeCall, *, model: str | None = None, timeout_s: float | None = None
    ) -> ForwardedAnswer:
        if call.is_counted:
            return await self._forward_count(call, model, timeout_s)
        if isinstance(call.codec, EmbeddingCodec | RerankCodec):
            unary = self.resolver.unary(type(call.codec), model, asked=call.codec)
            if call.codec.name != unary.codec.name:
                return await forwarded(self, call, model, timeout_s)
            return await self._caller.unary.forward(unary, call, measured, timeout_s)
        route = self.resolver.in_form_of(call.codec, model)
        prepared = self._prepare_native(call, route, is_streamed=False, timeout_s=timeout_s)
        return await self._through_profile(prepared, self._caller.forward)

    async def forward_stream(
        self, call: NativeCall, *, model: str | None = None, timeout_s: float | None = None
    ) -> CompletionStream:
        route = self.resolver.in_form_of(call.codec, model)
        if not route.codec.streams:
            return WholeAnswer((await self.forward(call, model=model, timeout_s=timeout_s)).answer)
        prepared = self._prepare_native(call, route, is_streamed=True, timeout_s=timeout_s)
        return await self._through_profile(prepared, self._caller.stream)

    def _prepare(
        self,
        request: CompletionRequest,
        route: Route,
        *,
        is_streamed: bool,
        timeout_s: float | None = None,
    ) -> CompletionCall:
        """The call on the surface of `route`, or on Converse where that alone carries it."""
        prepare = partial(self._prepare_on, is_streamed=is_streamed, timeout_s=timeout_s)
        try:
            return prepare(request, route)
        except EncodeError as refusal:
            return self._carry_on_converse(refusal, request, route, prepare)

    def _carry_on_converse(
        self,
        refusal: EncodeError,
        request: CompletionRequest,
        route: Route,
        prepare: Callable[[CompletionRequest, Route], CompletionCall],
    ) -> CompletionCall:
        return carry_on_converse(
            refusal,
            request,
            route,
            self.resolver.converse(route),
            prepare,
            may_switch=self._config.surface is SurfaceChoice.AUTO,
            neutralises=self._config.control_tokens is ControlTokens.NEUTRALISE,
        )

    def _prepare_on(
        self,
        request: CompletionRequest,
        route: Route,
        *,
        is_streamed: bool,
        timeout_s: float | None = None,
    ) -> CompletionCall:
        guardrail, asked = self._config.guardrail, request
        request = _carried(request, route.surface.name, route.facts)
        if guardrail is not None:
            request = guarded(request, guardrail, route.surface, is_streamed=is_streamed)
        call = self._caller.prepare(request, route, is_streamed=is_streamed, timeout_s=timeout_s)
        if guardrail is None:
            return call
        return with_guardrail(call, guardrail, wish_of(asked, EMPTY), is_streamed=is_streamed)

    def _prepare_native(
        self, native: NativeCall, route: Route, *, is_streamed: bool, timeout_s: float | None
    ) -> CompletionCall:
        on = partial(self._prepare_native_on, is_streamed=is_streamed, timeout_s=timeout_s)

        def prepare(request: CompletionRequest, route: Route) -> CompletionCall:
            return on(evolve(native, request=request), route)

        try:
            return on(native, route)
        except EncodeError as refusal:
            return self._carry_on_converse(refusal, native.request, route, prepare)

    def _prepare_native_on(
        self, native: NativeCall, route: Route, *, is_streamed: bool, timeout_s: float | None
    ) -> CompletionCall:
        guardrail, asked = self._config.guardrail, native.request
        request = _carried(in_body(native, route.surface), route.surface.name, route.facts)
        if guardrail is not None:
            request = guarded(request, guardrail, route.surface, is_streamed=is_streamed)
        if request is not native.request:
            native = evolve(native, request=request)
        call = self._caller.prepare_native(
            native, route, is_streamed=is_streamed, timeout_s=timeout_s
        )
        if guardrail is None:
            return call
        wish = wish_of(asked, native.headers)
        return with_guardrail(call, guardrail, wish, is_streamed=is_streamed)

    async def _through_profile(
        self, call: CompletionCall, send: Callable[[CompletionCall], Awaitable[T]]
    ) -> T:
        """The call; where the configuration has it so, once more through an inference profile,
        which is then remembered."""
        if not self._config.profile_fallback:
            return await send(call)
        route, model_id = call.route, call.route.address
        region = (await self._caller.within(call, self._settings.place())).region
        learned = self.profiles.learned(model_id, region)
        if learned is not None:
            return await send(evolve(call, route=through_profile(route, learned)))
        try:
            return await send(call)
        except ProfileRequired as refusal:
            profile = self.profiles.instead_of(model_id, region, refusal)
            refused = failed_attempt(refusal)
        through = evolve(call, route=through_profile(route, profile), earlier_attempts=(refused,))
        answer = await send(through)
        self.profiles.learn(model_id, region, profile)
        _LOG.warning("%s is called through %s from now on", route.model, profile)
        return answer

    # ── what routing asks ─────────────────────────────────────────────────────────────────────────

    def serves(self, model: str) -> bool | None:
        """Whether it is an id of Bedrock's: an ARN, or one of a vendor that has models there."""
        vendors = vendors_of(self._services.codecs)
        try:
            model_id = parse_model_id(model, vendors)
            self.profiles.refuse_other_geographies(model_id)
        except RequestError:
            return False
        if model == self._config.model or model_id.partition is not None:
            return True
        return model_id.vendor in vendors

    def context_tokens(self, model: str) -> int | None:
        """The limit of the prompt, as the model table has it."""
        base_id = parse_model_id(model, vendors_of(self._services.codecs)).base_id
        entry = self.models.entry(base_id)
        return None if entry is None else entry.context_tokens

    def regions(self, model: str) -> frozenset[str] | None:
        """Every region that the call may be processed in: its own, those of an inference profile's
        geography, those of the profiles that it may be repeated through. None without `region:`,
        for AWS's settings are not read for it."""
        region = self._config.region
        if region is None:
            return None
        vendors = vendors_of(self._services.codecs)
        named = parse_model_id(model, vendors)
        ids = (
            named,
            *(parse_model_id(p, vendors) for p in self.profiles.may_become(named, region)),
        )
        told = [regions_of(each, region) for each in ids]
        return None if None in told else frozenset().union(*filter(None, told))

    def elsewhere(self, model: str) -> Mapping[str, BedrockProvider]:
        """Those of `failover_regions` that the id can be called from. An ARN names its region: its
        calls go nowhere else."""
        if not self._elsewhere:
            return {}
        model_id = parse_model_id(model, vendors_of(self._services.codecs))
        return {
            region: provider
            for region, provider in self._elsewhere.items()
            if is_callable_from(model_id, region)
        }

    @cached_property
    def _elsewhere(self) -> Mapping[str, BedrockProvider]:
        """One provider a region, with settings, credentials and limits of its own."""
        config = self._config
        return {
            region: BedrockProvider(
                evolve(config, region=region, failover_regions=()), self._services
            )
            for region in config.failover_regions
            if region != config.region
        }

    # ── embeddings, rankings, token counts ────────────────────────────────────────────────────────

    def price(self, receipt: Receipt) -> Price | None:
        """The on-demand price of the standard tier. Higher ones of long prompts are not known."""
        called = (receipt.called, receipt.region)
        if called not in self._prices:
            if len(self._prices) >= MAX_PRICES:
                self._prices.clear()
            model_id = parse_model_id(receipt.called, vendors_of(self._services.codecs))
            entry = self.models.entry(model_id.base_id)
            price = None if entry is None else entry.price(model_id.geo, receipt.region)
            self._prices[called] = price
        return self._prices[called]

    async def embed(
        self,
        request: EmbeddingRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Embeddings:
        unary, route = self._caller.unary, self.resolver.unary(EmbeddingCodec, model)
        return await unary.embed(route, request, measured, unary.deadline(timeout_s))

    async def rerank(
        self,
        request: RerankRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Ranking:
        unary, route = self._caller.unary, self.resolver.unary(RerankCodec, model)
        deadline = unary.deadline(timeout_s)
        return await unary.ask(route, request, measure=measured, deadline=deadline)

    async def count(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> TokenCount:
        deadline = self._caller.unary.deadline(timeout_s)
        chat = self.resolver.chat(model)
        counter = self.resolver.counter(chat)
        count = partial(self._count, request, counter, chat.facts, deadline)
        first, *others = ids_to_try(chat.address, chat.facts.base_id or None)
        try:
            return await count(first)
        except (Uncountable, ModelNotFound):
            for other in others:
                with suppress(Uncountable, ModelNotFound):  # the first id's refusal is raised
                    return await count(other)
            raise

    async def _forward_count(
        self, call: NativeCall, model: str | None, timeout_s: float | None
    ) -> ForwardedAnswer:
        """The count of a client's own request, under the id that it names, else as `count`."""
        chat = self.resolver.chat(model)
        if self.resolver.counts_by(call.codec, chat):
            route = unary_route(chat.address, call.codec, chat.facts, "count-tokens")
            with suppress(Uncountable, ModelNotFound):
                return await self._caller.unary.forward(route, call, _unmeasured, timeout_s)
        return await forwarded(self, call, model, timeout_s)

    async def _count(
        self,
        request: CompletionRequest,
        counter: TokenCounter,
        facts: ModelFacts,
        deadline: Deadline,
        model_id: ModelId,
    ) -> TokenCount:
        request = with_taken_betas(request, counter.codec, facts)
        request = _carried(request, counter.surface, facts)
        route = unary_route(model_id, counter, facts, "count-tokens")
        route = evolve(route, wrap=partial(wrapped, counter.surface))
        return await self._caller.unary.ask(route, request, deadline=deadline)

    # ── without a call of a model ─────────────────────────────────────────────────────────────────

    def encode(
        self, request: CompletionRequest, *, model: str | None = None, is_streamed: bool = False
    ) -> EncodedCall:
        """As `SupportsEncoding.encode`."""
        route = self.resolver.chat(model)
        is_streamed = is_streamed and route.codec.streams
        return self._prepare(request, route, is_streamed=is_streamed).encoded

    def encode_native(
        self, call: NativeCall, *, model: str | None = None, is_streamed: bool = False
    ) -> EncodedCall:
        """As `SupportsEncoding.encode_native`."""
        route = self.resolver.in_form_of(call.codec, model)
        is_streamed = is_streamed and route.codec.streams
        prepare = self._prepare_native
        return prepare(call, route, is_streamed=is_streamed, timeout_s=None).encoded

    async def explain(
        self, request: CompletionRequest, *, model: str | None = None, is_streamed: bool = True
    ) -> Explanation:
        """What the call would be, down to the signed headers. Asks AWS's settings and sends
        nothing."""
        route = self.resolver.chat(model)
        is_streamed = is_streamed and route.codec.streams
        call = self._prepare(request, route, is_streamed=is_streamed, timeout_s=None)
        route = call.route
        refused: tuple[str, ...] = ()
        try:
            place = await self._settings.place()
            try:
                sent = await self._upstream.request(call)
                source = await self._settings.identity_source()
            except (CredentialsMissing, CredentialsExpired) as error:
                sent, source = await self._upstream.unsigned(call), "none"
                refused = (f"the call would be refused: {error.message} ({error.hint})",)
        except AxonFlowError as error:
            error.enrich(provider=self._services.name, model=route.model)
            raise
        guardrail = self._config.guardrail.id if self._config.guardrail else None
        entry = self.models.entry(route.facts.base_id)
        like = entry or self.models.newest_like(route.facts.base_id)
        rules = deciding_rules(request, route, like, is_streamed=is_streamed)
        known = Known(self.models, entry, call.fitted.adjustments, rules, guardrail)
        told = explanation_of(route, sent, place, source, known, is_streamed=is_streamed)
        return evolve(told, warnings=(*refused, *told.warnings))

    async def check(self, *, with_credentials: bool = True) -> Checkup:
        """What the first call would find, by the way that it takes. Sends nothing to a model."""
        from .checkup import Examiner

        examiner = Examiner(
            self._config,
            self._services.codecs,
            self.models,
            self.resolver,
            self._settings,
            self._upstream,
        )
        return await examiner.checkup(with_credentials=with_credentials)

    async def health(self) -> Health:
        try:
            await self._settings.signer()
        except CredentialsError as error:
            return Health(is_ready=False, detail=error.message)
        return Health(is_ready=True)

    async def aclose(self) -> None:
        """Nothing to close: the HTTP client is the runtime's."""


def _carried(request: CompletionRequest, surface: str, facts: ModelFacts) -> CompletionRequest:
    """`request` with what Converse has a place for, where it travels there."""
    if surface != CONVERSE_CODECS:
        return request
    from .converse.model_fields import carry_betas  # with it comes all of Converse's codec

    return carry_betas(request, facts.base_id)


def _unmeasured(count: TokenCount, headers: Mapping[str, str]) -> TokenCount:
    """A count is not billed."""
    return count
