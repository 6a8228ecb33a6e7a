"""Which targets may take a call, by what its caller wishes and the configuration says.

    a named model            its targets
    nothing                  the targets of the model `default`; else every provider's own model
    a provider               that one first; others with a target of `default`, unless it is strict
    a model id               the providers that know it, else the first that may; nobody else

So a model id is only ever sent to a provider that it belongs to: each other target has an id of its
own. What is left of these may be forbidden: to the client, by the request, outside the regions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType

from attrs import field

from axonflow_core.errors import AxonFlowError, RequestError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import Choice, SkippedTarget
from axonflow_core.provider import (
    Provider,
    SupportsFailoverRegions,
    SupportsModels,
    SupportsResidency,
)

from .rules import DEFAULT, NO_MODELS, NamedModels, NamedTarget, RoutingRules, Standing
from .targets import ANY, Target, Wish, matches

Group = tuple[Target, ...]
Ability = tuple[str, type, str | None]
"""What a provider has to support, in words, its protocol, and what to do where nobody does."""


@frozen
class Candidates:
    """The targets that may take a call: groups of one priority, the highest first."""

    groups: tuple[Group, ...] = ()
    skipped: tuple[SkippedTarget, ...] = ()
    regions: tuple[str, ...] = ()
    """The regions that it may be processed in; empty where that is open."""
    followers: Mapping[Target, Group] = MappingProxyType({})
    """Target -> the same in its other regions, which come right after it."""
    _choices: dict[str, Choice] = field(factory=dict, init=False, eq=False, repr=False)
    is_single: bool = field(init=False)
    """Whether there was nothing to choose, and no rule to put on record."""

    def __attrs_post_init__(self) -> None:
        targets = sum(map(len, self.groups))
        is_single = targets == 1 and not (self.skipped or self.regions or self.followers)
        object.__setattr__(self, "is_single", is_single)

    def choice(self, by: str) -> Choice:
        """Why a call was made where it was, of one whose first target answered."""
        known = self._choices.get(by)
        if known is None:
            known = Choice(by=by, skipped=self.skipped, regions=self.regions)
            self._choices[by] = known
        return known

    def with_followers(self, targets: Iterable[Target]) -> list[Target]:
        """`targets`, each with its other regions behind it."""
        if not self.followers:
            return list(targets)
        return [each for target in targets for each in (target, *self.followers.get(target, ()))]


class Catalogue:
    """The targets of one configuration."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        rules: RoutingRules,
        standings: Mapping[str, Standing],
        named: NamedModels = NO_MODELS,
    ) -> None:
        self._providers = providers
        self._rules = rules
        self._standings = standings
        self._ranks = {name: rank for rank, name in enumerate(standings)}
        self.named: Mapping[str, Group] = {
            name: tuple(self._named(targets)) for name, targets in named.items()
        }
        """Name -> the targets at providers that are enabled."""

    def candidates(self, wish: Wish, ability: Ability | None = None) -> Candidates:
        """Who may take a call of `wish`. `RequestError` where nobody may, with the reasons."""
        self._refuse_unknown_provider(wish)
        offered = self._offered(wish)
        kept: list[Target] = []
        skipped: list[SkippedTarget] = []
        followers: dict[Target, Group] = {}
        for target in offered:
            free: list[Target] = []
            for each in (target, *self._elsewhere(target)):
                reason = self._reason_against(each, wish, ability)
                if reason is None:
                    free.append(each)
                else:
                    skipped.append(SkippedTarget(each.provider, each.model, reason))
            kept += free[:1]
            if free[1:]:
                followers[free[0]] = tuple(free[1:])
        if not kept:
            raise self._nobody(wish, skipped, ability)
        ordered = sorted(kept, key=lambda target: _place(target, wish))
        groups = [tuple(group) for _, group in groupby(ordered, lambda each: _place(each, wish))]
        return Candidates(tuple(groups), tuple(skipped), self._regions_of(wish), followers)

    # ── who is asked ──────────────────────────────────────────────────────────────────────────────

    def _named(self, targets: Sequence[NamedTarget]) -> Iterator[Target]:
        for rank, each in enumerate(targets):
            if each.provider in self._providers:
                own = self._standings.get(each.provider, Standing())
                yield Target(
                    each.provider,
                    each.model,
                    own.priority if each.priority is None else each.priority,
                    own.weight if each.weight is None else each.weight,
                    rank,
                )

    def _target(self, provider: str, model: str | None = None) -> Target:
        own = self._standings.get(provider, Standing())
        named = self._providers[provider].default_model if model is None else model
        rank = self._ranks.get(provider, 0)
        return Target(provider, named, own.priority, own.weight, rank, model is None)

    def provider(self, target: Target) -> Provider:
        """The provider of `target`, in its region."""
        provider = self._providers[target.provider]
        if target.region is None or not isinstance(provider, SupportsFailoverRegions):
            return provider
        return provider.elsewhere(target.model)[target.region]

    def _elsewhere(self, target: Target) -> Iterator[Target]:
        """`target` in the other regions of its provider."""
        provider = self._providers[target.provider]
        if isinstance(provider, SupportsFailoverRegions):
            for region in provider.elsewhere(target.model):
                yield evolve(target, region=region)

    def _offered(self, wish: Wish) -> Sequence[Target]:
        if wish.model is not None:
            named = self.named.get(wish.model)
            return self._of_id(wish, wish.model) if named is None else self._of_name(wish, named)
        by_default = self.named.get(DEFAULT)
        if wish.provider is None:
            return by_default or [self._target(name) for name in self._providers]
        own = [each for each in by_default or () if each.provider == wish.provider]
        others = [each for each in by_default or () if each.provider != wish.provider]
        own = own or [self._target(wish.provider)]
        return own if self._is_strict(wish) else [*own, *others]

    def _of_name(self, wish: Wish, targets: Group) -> Sequence[Target]:
        if wish.provider is None:
            return targets
        own = [target for target in targets if target.provider == wish.provider]
        if not own:
            raise RequestError(
                f"the model {wish.model} has no target at {wish.provider}",
                hint=f"it has targets at {', '.join(dict.fromkeys(t.provider for t in targets))}",
            )
        return own if self._is_strict(wish) else targets

    def _of_id(self, wish: Wish, model: str) -> Sequence[Target]:
        """The named provider, and who knows the id; where nobody does, the first that may."""
        if len(self._providers) == 1:
            return [self._target(name, model) for name in self._providers]
        if wish.provider is not None and self._is_strict(wish):
            return [self._target(wish.provider, model)]
        known = {name: self.serves(name, model) for name in self._providers}
        knowing = [self._target(name, model) for name in known if known[name]]
        if wish.provider is not None:
            return [
                self._target(wish.provider, model),
                *(target for target in knowing if target.provider != wish.provider),
            ]
        return knowing or [self._first(wish, model, known)]

    def _first(self, wish: Wish, model: str, known: Mapping[str, bool | None]) -> Target:
        """Whom an id is asked of that no provider knows: of those that may, one that cannot tell,
        the default provider before others, else in the order of priorities."""
        targets = [self._target(name, model) for name in known]
        allowed = [each for each in targets if self._reason_against(each, wish, None) is None]
        default = self._rules.default_provider
        return min(
            allowed or targets,
            key=lambda each: (
                known[each.provider] is False,
                each.provider != default,
                -each.priority,
                each.rank,
            ),
        )

    def serves(self, provider: str, model: str) -> bool | None:
        """Whether `provider` serves that id; None where it cannot say."""
        asked = self._providers[provider]
        if not isinstance(asked, SupportsModels):
            return None
        try:
            return asked.serves(model)
        except AxonFlowError:
            return None

    def _is_strict(self, wish: Wish) -> bool:
        return self._rules.strict_provider if wish.is_strict is None else wish.is_strict

    # ── who may not be ────────────────────────────────────────────────────────────────────────────

    def _reason_against(self, target: Target, wish: Wish, ability: Ability | None) -> str | None:
        for reason, is_free in _CHECKS:
            if not is_free(target, wish):
                return reason
        if ability is not None and not isinstance(self.provider(target), ability[1]):
            return f"it does not support {ability[0]}"
        return self._reason_of_place(target, wish)

    def _reason_of_place(self, target: Target, wish: Wish) -> str | None:
        """Why the regions forbid it, where they do."""
        limits = self._regions_of(wish)
        if not limits:
            return None
        told = self.regions(target)
        if told is None:
            return _OF_NOWHERE
        outside = sorted(each for each in told if not matches(limits, each))
        return f"{_OF_PLACES}{', '.join(outside)}" if outside else None

    def regions(self, target: Target) -> frozenset[str] | None:
        """Where a call of `target` may be processed; None where its provider does not say."""
        provider = self.provider(target)
        if not isinstance(provider, SupportsResidency):
            return None
        try:
            return provider.regions(target.model)
        except AxonFlowError:
            return None

    def _regions_of(self, wish: Wish) -> tuple[str, ...]:
        """The regions that both the configuration and the client allow; empty where both leave
        them open."""
        of_all, of_client = self._rules.regions or ANY, wish.regions
        if of_client == ANY:
            return self._rules.regions
        both = (
            *(each for each in of_all if matches(of_client, each)),
            *(each for each in of_client if matches(of_all, each)),
        )
        return tuple(dict.fromkeys(both)) or _NOWHERE

    # ── nobody ────────────────────────────────────────────────────────────────────────────────────

    def _refuse_unknown_provider(self, wish: Wish) -> None:
        if wish.provider is None or wish.provider in self._providers:
            return
        if wish.client:
            raise self._not_theirs(wish)
        raise RequestError(
            f"there is no provider {wish.provider!r}",
            hint=f"the enabled providers are {', '.join(self._providers)}",
        )

    def _not_theirs(self, wish: Wish) -> RequestError:
        allowed = [name for name in self._providers if _may_use(name, wish)]
        asked = "any provider" if wish.model is None else f"any provider of {wish.model[:256]}"
        if wish.provider is not None:
            asked = f"the provider {wish.provider[:64]!r}"
        return RequestError(
            f"the client {wish.client} may not use {asked}",
            hint=f"name one of these: {', '.join(allowed)}"
            if allowed
            else "its `providers:` in the configuration names those that it may",
        )

    def _nobody(
        self, wish: Wish, skipped: Sequence[SkippedTarget], ability: Ability | None
    ) -> RequestError:
        reasons = {each.reason for each in skipped}
        if reasons == {_OF_PROVIDERS}:
            return self._not_theirs(wish)
        if reasons == {_OF_MODELS}:
            model = wish.model or skipped[0].model
            return RequestError(
                f"the client {wish.client} may not use the model {model[:256]}",
                hint="its `models:` in the configuration names those that it may",
            )
        if ability is not None and len(skipped) == 1:
            return self._unable(skipped[0].provider, ability)
        told = "; ".join(
            f"{each.provider} {each.model[:256]}: {each.reason}"
            for each in skipped
            if each.reason != _OF_PROVIDERS  # what a client may not use it does not hear of
        )
        return RequestError(f"no target may take the call: {told}", hint=self._way_out(reasons))

    def _unable(self, name: str, ability: Ability) -> RequestError:
        able = [each for each, one in self._providers.items() if isinstance(one, ability[1])]
        return RequestError(
            f"provider {name!r} does not support {ability[0]}",
            hint=f"name one that does with `provider=`: {', '.join(able)}" if able else ability[2],
        )

    def _way_out(self, reasons: set[str]) -> str | None:
        if any(reason.startswith(_OF_PLACES) for reason in reasons):
            return "name a model that stays within `routing: {regions: …}`, or widen that"
        if _OF_NOWHERE in reasons:
            return "write `data_region:` into the config of the provider"
        return None


def _place(target: Target, wish: Wish) -> tuple[bool, int]:
    """The provider that was asked for comes before all others."""
    return wish.provider is not None and target.provider != wish.provider, -target.priority


def _may_use(provider: str, wish: Wish) -> bool:
    return "*" in wish.providers or provider in wish.providers


def _may_use_model(target: Target, wish: Wish) -> bool:
    return wish.models == ANY or any(
        matches(wish.models, name) for name in (target.model, wish.model) if name is not None
    )


_OF_PROVIDERS = "the client may not use the provider"
_OF_MODELS = "the client may not use the model"
_OF_PLACES = "it may be processed in "
_OF_NOWHERE = "it does not say in which regions it is processed"
_NOWHERE = ("none",)
"""What two rules without a region in common leave."""
_CHECKS: tuple[tuple[str, Callable[[Target, Wish], bool]], ...] = (
    (_OF_PROVIDERS, lambda target, wish: _may_use(target.provider, wish)),
    (
        "the request does not allow the provider",
        lambda target, wish: wish.allowed is None or target.provider in wish.allowed,
    ),
    (_OF_MODELS, _may_use_model),
)
"""Why a target may not take a call, and whether it may."""
