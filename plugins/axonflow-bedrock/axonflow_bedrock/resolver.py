"""Which codec, facts and surface a model id stands for, with what the configuration says
of the model.

What depends on the id of a chat model alone is worked out once for each id.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import TypeVar

from axonflow_core.calls.route import Route, UnaryRoute
from axonflow_core.codec import Codec, FamilyCodec, ModelFacts
from axonflow_core.codec.registry import AnyCodec, CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec, TokenCounter
from axonflow_core.errors import RequestError, UndetectedFamily
from axonflow_core.frozen import evolve

from .config import BedrockConfig, SurfaceChoice
from .models import clock
from .models.lifecycle import end_of, successor_id
from .models.model_id import ModelId, parse_model_id, vendors_of
from .models.profiles import Profiles, callable_id, meant_id
from .models.rules import facts_of
from .models.table import ModelTable, Status
from .wire.surfaces import CONVERSE_CODECS, INVOKE, INVOKE_CODECS, SURFACES, surface_of

C = TypeVar("C", bound=AnyCodec)

_UNARY: Mapping[type[AnyCodec], tuple[str, str, str]] = {
    EmbeddingCodec: ("an embedding model", "embed", "embedding"),
    RerankCodec: ("a reranking model", "rerank", "rerank"),
}
"""Kind of codec -> its models, the method that asks them, and their mode in the model table."""
_CHAT_EXAMPLE = "us.anthropic.claude-sonnet-4-6"

_LOG = logging.getLogger(__name__)
_MAX_ROUTES = 1024
"""Model ids come from callers, so what is kept for each is bounded."""


def through_profile(route: Route, profile: str) -> Route:
    """The same model, called through an inference profile."""
    facts = evolve(route.facts, model_id=profile)
    return evolve(route, called=profile, address=parse_model_id(profile), facts=facts)


def unary_route(model_id: ModelId, codec: C, facts: ModelFacts, operation: str) -> UnaryRoute[C]:
    """The route of a call that is one request and one answer."""
    return UnaryRoute(
        model=model_id.given,
        called=model_id.given,
        codec=codec,
        facts=facts,
        operation=operation,
        headers=INVOKE.headers,
        address=model_id,
    )


class ModelResolver:
    """The routes of one provider's models."""

    def __init__(
        self,
        provider: str,
        config: BedrockConfig,
        codecs: CodecRegistry,
        models: ModelTable,
        profiles: Profiles,
    ) -> None:
        self._provider = provider
        self._config = config
        self._codecs = codecs
        self._models = models
        self._profiles = profiles
        self._known: dict[tuple[str, str, str], Route] = {}

    def chat(self, model: str | None = None) -> Route:
        """The codec for a model id. `UndetectedFamily` when nothing says which; never a guess."""
        given = model or self._config.model
        route = self._known.get((given, "", ""))
        if route is None:
            model_id, base_id, family = self._described(given)
            codec = self._find_codec(model_id, base_id, family)
            route = self._checked_route(given, model_id, base_id, codec)
            self._keep((given, "", ""), route)
        return route

    def in_form_of(self, codec: Codec, model: str | None = None) -> Route:
        """The route on which a client's own JSON, that of `codec`, can go upstream as it came;
        as `chat` where the model or the configuration takes another form."""
        given = model or self._config.model
        if not isinstance(codec, FamilyCodec) or self._refuses_surface(codec.surface):
            return self.chat(model)
        key = (given, codec.name, codec.surface)
        route = self._known.get(key)
        if route is None:
            model_id, base_id, _ = self._described(given)
            if base_id is not None and not self._takes(base_id, codec):
                return self.chat(model)
            route = self._checked_route(given, model_id, base_id, codec)
            self._keep(key, route)
        return route

    def _refuses_surface(self, surface: str) -> bool:
        chosen = self._config.surface
        if surface not in SURFACES:  # of another vendor's dialect
            return True
        return chosen is not SurfaceChoice.AUTO and chosen.value != surface

    def _takes(self, base_id: str, codec: FamilyCodec) -> bool:
        with suppress(UndetectedFamily):
            forms = self._codecs.forms_of(base_id, codec.surface)
            return any(form.name == codec.name for form in forms)
        return False

    def _keep(self, key: tuple[str, str, str], route: Route) -> None:
        if len(self._known) < _MAX_ROUTES:
            self._known[key] = route

    def converse(self, own: Route) -> Route | None:
        """The same model on Converse, where `own` is another surface and the model is known."""
        base_id = own.facts.base_id
        if own.surface is not INVOKE or not base_id:
            return None
        key = (own.model, "", CONVERSE_CODECS)
        route = self._known.get(key)
        if route is None:
            codec = self._codecs.for_base_id(base_id, CONVERSE_CODECS)
            route = self._route(own.model, own.address, base_id, codec)
            self._keep(key, route)
        return route

    def _checked_route(
        self, given: str, model_id: ModelId, base_id: str | None, codec: FamilyCodec
    ) -> Route:
        """As `_route`, for a model and codec that the configuration was not asked about yet."""
        self._refuse_other_families(given, self._family_of(base_id, codec))
        self._warn_of_other_region(model_id)
        self._warn_of_end(base_id)
        return self._route(given, model_id, base_id, codec)

    def _route(
        self, given: str, model_id: ModelId, base_id: str | None, codec: FamilyCodec
    ) -> Route:
        entry = self._models.entry(base_id) or self._models.newest_like(base_id)
        facts = facts_of(base_id, codec.surface, self._facts(given, base_id), entry)
        return Route(
            model=given,
            called=model_id.given,
            codec=codec,
            facts=facts,
            surface=surface_of(codec),
            address=model_id,
        )

    def _facts(self, given: str, base_id: str | None) -> ModelFacts:
        config = self._config
        return ModelFacts(
            model_id=given,
            base_id=base_id or "",
            default_max_tokens=config.max_tokens,
            betas=frozenset(config.betas) or None,
        )

    def unary(self, kind: type[C], model: str | None, *, asked: C | None = None) -> UnaryRoute[C]:
        """The codec for a model that embeds or reranks. `UndetectedFamily`, unless a client says by
        its own body, which is in the form of `asked`, what a model is of which nothing else does.
        """
        given = model or self._config.model
        model_id, base_id, family = self._described(given)
        if family is not None:
            codec = self._codecs.find_by_name(kind, family)
        elif base_id is not None:
            codec = self._unary_codec(kind, base_id, model_id)
        elif asked is not None:
            codec = asked
        else:
            raise self._undescribed(model_id, self._codecs.names_of(kind))
        self._refuse_other_families(given, codec)
        self._warn_of_other_region(model_id)
        return unary_route(model_id, codec, self._facts(given, base_id), INVOKE.operation)

    def _unary_codec(self, kind: type[C], base_id: str, model_id: ModelId) -> C:
        try:
            return self._codecs.find(kind, base_id)
        except UndetectedFamily as refusal:
            if kind not in _UNARY or not self._is_chat(base_id):
                raise self._with_meant(refusal, model_id) from None
        what, _, mode = _UNARY[kind]
        raise UndetectedFamily(
            f"{model_id.given} is a chat model, and {what} is asked for",
            hint=f"name {what} with `model=`: {', '.join(self._living(kind, mode))}; a chat model "
            "is asked with `runtime.complete`",
        )

    def _is_chat(self, base_id: str) -> bool:
        entry = self._models.entry(base_id)
        return self._has(FamilyCodec, base_id) or (entry is not None and entry.mode == "chat")

    def _living(self, kind: type[AnyCodec], mode: str) -> list[str]:
        """The ids of the models of a mode that have not ended, and that a codec is there for."""
        today, region = clock.today(), self._config.region
        return [
            callable_id(entry, region)
            for entry in self._models
            if entry.mode == mode
            and entry.status_on(today) is not Status.END_OF_LIFE
            and self._has(kind, entry.base_id)
        ]

    def _refuse_unary(self, given: str, base_id: str) -> None:
        """`UndetectedFamily` for a model that embeds or reranks, which answers no prompt."""
        for kind, (what, method, _) in _UNARY.items():
            if self._has(kind, base_id):
                raise UndetectedFamily(
                    f"{given} is {what}: it answers no prompt",
                    hint=f"name a chat model with `model=`, {_CHAT_EXAMPLE} for example, or ask "
                    f"with `runtime.{method}`",
                )

    def _has(self, kind: type[AnyCodec], base_id: str) -> bool:
        with suppress(UndetectedFamily):
            self._codecs.find(kind, base_id)
            return True
        return False

    def counter(self, chat: Route) -> TokenCounter:
        """What counts for a model: its family's own JSON, or Converse's where no counter takes
        that."""
        base_id = chat.facts.base_id
        try:
            return self._codecs.find(TokenCounter, base_id, chat.surface.name)
        except UndetectedFamily:
            return self._codecs.find(TokenCounter, base_id, CONVERSE_CODECS)

    def counts_by(self, codec: object, chat: Route) -> bool:
        """Whether `codec` is what counts for a model, in that form of request."""
        if not isinstance(codec, TokenCounter):
            return False
        with suppress(UndetectedFamily):
            return self._codecs.find(TokenCounter, chat.facts.base_id, codec.surface) is codec
        return False

    def _described(self, given: str) -> tuple[ModelId, str | None, str | None]:
        """The id, the base id and the family, as far as id and configuration say them."""
        vendors = vendors_of(self._codecs)
        model_id = parse_model_id(given, vendors)
        self._profiles.refuse_other_geographies(model_id)
        base_id, family = model_id.base_id, None
        if (
            given == self._config.model
        ):  # `base_model` and `family` describe the configured model and no other
            family = self._config.family
            if self._config.base_model is not None:
                base_id = parse_model_id(self._config.base_model, vendors).base_id
        return model_id, base_id, family

    def _find_codec(
        self, model_id: ModelId, base_id: str | None, family: str | None
    ) -> FamilyCodec:
        if self._config.surface is SurfaceChoice.CONVERSE:
            return self._codecs.for_base_id(base_id or "", CONVERSE_CODECS)
        try:
            return self._find_own_codec(model_id, base_id, family)
        except UndetectedFamily as refusal:
            if self._config.surface is SurfaceChoice.INVOKE and base_id is not None:
                self._with_meant(refusal, model_id)
            if self._config.surface is SurfaceChoice.INVOKE or family is not None:
                raise
            self._refuse_unary(model_id.given, base_id or "")
            return self._codecs.for_base_id(base_id or "", CONVERSE_CODECS)

    def _find_own_codec(
        self, model_id: ModelId, base_id: str | None, family: str | None
    ) -> FamilyCodec:
        """The codec of the family's own JSON."""
        if family is not None:
            return self._codecs.for_name(family)
        if base_id is not None:
            return self._codecs.for_base_id(base_id)
        raise self._undescribed(model_id, self._codecs.names)

    def _undescribed(self, model_id: ModelId, families: tuple[str, ...]) -> UndetectedFamily:
        error = UndetectedFamily(
            f"{model_id.given} does not say which model is behind it",
            hint="add one line to the provider's config: `base_model:` with that model's id, or "
            f"`family:` with one of {', '.join(families)}",
        )
        return self._with_meant(error, model_id)

    def _with_meant(self, error: UndetectedFamily, model_id: ModelId) -> UndetectedFamily:
        """`error` with the id that is meant by one that the table does not have."""
        near = meant_id(self._models, model_id, self._config.region, clock.today())
        if near is not None:
            error.hint = f"did you mean `{near}`? Else {error.hint}"
        return error

    def _family_of(self, base_id: str | None, codec: FamilyCodec) -> FamilyCodec:
        """The codec that says which family a model is of: its own, whatever surface carries the
        call."""
        if codec.surface != INVOKE_CODECS and base_id is not None:
            with suppress(UndetectedFamily):
                return self._codecs.for_base_id(base_id)
        return codec

    def _refuse_other_families(self, given: str, codec: AnyCodec) -> None:
        allowed = self._config.families
        if allowed is not None and codec.family not in allowed and codec.name not in allowed:
            raise RequestError(
                f"{given} is a model of the {codec.family} family, which this provider may not "
                "call",
                hint=f"`families:` of the provider {self._provider} allows "
                f"{', '.join(allowed) or 'none'}",
            )

    def _warn_of_end(self, base_id: str | None) -> None:
        """One line for a model that has ended, with the id to write in its place."""
        entry, today = self._models.entry(base_id), clock.today()
        if entry is None or entry.status_on(today) is not Status.END_OF_LIFE:
            return
        successor = successor_id(self._models, entry, self._config.region, today)
        instead = f"; write `model: {successor}`" if successor is not None else ""
        _LOG.warning("%s%s", end_of(entry, today), instead)

    def _warn_of_other_region(self, model_id: ModelId) -> None:
        if model_id.region and self._config.region and model_id.region != self._config.region:
            _LOG.warning(
                "the ARN of the model names region %s, and the call goes to %s",
                model_id.region,
                self._config.region,
            )
