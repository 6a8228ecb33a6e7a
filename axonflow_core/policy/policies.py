"""The policies of one configuration: which one holds for a call.

A call is judged before its model is chosen, so its policy is that of all models that it may go to
(`profiles`). Where nothing is known of them, as in a check that names none, it is the strictest of
all. Scopes of the same rules and actions have one policy, and policies that differ share what they
search with. Those that sections alone bring about are built at the start, others when a call first
needs them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from axonflow_core.detector_plugins import load_detectors
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.profiles import (
    EVERYBODY,
    Scope,
    acting,
    allows_fetches,
    rules_in,
    told,
)
from axonflow_core.policy.terms import Surface, Told
from axonflow_core.routing.targets import matches

if TYPE_CHECKING:
    from axonflow_core.config.values import PoliciesConfig
    from axonflow_core.policy.detectors.detector import Detector
    from axonflow_core.policy.rules import Rule

_MAX_LATER = 256
"""Scopes that are kept of those that calls bring about: models are clients' choice."""


class Policies:
    """For each client, its models and the surface that asks, a policy."""

    def __init__(
        self,
        general: Policy,
        config: PoliciesConfig | None = None,
        detectors: Sequence[Detector] = DETECTORS,
    ) -> None:
        """`general` is the policy of everybody, without `config` of all."""
        self.general = general
        self._config = config
        self._detectors = detectors
        self._clients = frozenset(() if config is None else config.clients)
        self._models = () if config is None else tuple(config.models)
        self._surfaces = frozenset(() if config is None else _surfaces_of(config))
        self._unknown = frozenset(((), *((key,) for key in self._models)))
        self._distinct = WeakValueDictionary({_facts_of(general.rules, general.detectors): general})
        """Rules and actions -> the policy."""
        self._first = {EVERYBODY: general}
        self._later: dict[Scope, Policy] = {}

    @classmethod
    def build(
        cls, config: PoliciesConfig, environment: Mapping[str, str] | None = None
    ) -> Policies:
        """Compile the policies, with the detectors of plugins. `ConfigError` as `Policy.build`,
        `PluginError` as `load_detectors`."""
        detectors = (*DETECTORS, *load_detectors(config.detectors, environment))
        built = cls(Policy.build(config, detectors=detectors), config, detectors)
        for scope in built._foreseen():
            built._first.setdefault(scope, built._made(scope))
        return built

    def _foreseen(self) -> Iterator[Scope]:
        """What each section brings about alone, and where the model is not known."""
        for surface in (Surface.GATEWAY, *self._surfaces):
            for client in (None, *self._clients):
                yield Scope(client=client, surface=surface)
                yield Scope(client=client, models=self._unknown, surface=surface)
            for key in self._models:
                yield Scope(models=frozenset(((key,),)), surface=surface)

    @property
    def allows_fetches(self) -> bool:
        """Whether a request may have its vendor fetch what stands at a URL."""
        return self._config is None or allows_fetches(self._config)

    @property
    def vary_by_model(self) -> bool:
        """Whether it matters which models a call may go to."""
        return bool(self._models)

    def of(
        self,
        client: str,
        models: Iterable[str] | None = None,
        *,
        called: str | None = None,
        surface: Surface = Surface.GATEWAY,
    ) -> Policy:
        """The policy of a call of `client` that may go to `models`, by id; none of them is one
        without a section; None where that is not known. `called` is what the call names, a model or
        the name of some."""
        return self._policy(self._scope(client, models, called, surface))

    def told(
        self, client: str, models: Iterable[str] | None = None, *, surface: Surface
    ) -> Mapping[str, Told]:
        """Type of a detector -> what follows from its findings in such a call, and who says so, of
        policies of a configuration."""
        if self._config is None:
            return {}
        scope = self._scope(client, models, None, surface)
        return {one.type: told(one, self._config, scope) for one in self._detectors}

    def _scope(
        self, client: str, models: Iterable[str] | None, called: str | None, surface: Surface
    ) -> Scope:
        return Scope(
            client=client if client in self._clients else None,
            models=self._unknown if models is None else self._named(models, called),
            surface=surface if surface in self._surfaces else Surface.GATEWAY,
        )

    def _named(self, models: Iterable[str], called: str | None) -> frozenset[tuple[str, ...]]:
        """For each model, the keys that name it."""
        named = frozenset(
            tuple(
                key
                for key in self._models
                if matches((key,), model) or (called is not None and matches((key,), called))
            )
            for model in models
        )
        return named or EVERYBODY.models

    def _policy(self, scope: Scope) -> Policy:
        policy = self._first.get(scope) or self._later.get(scope)
        if policy is None:
            if len(self._later) >= _MAX_LATER:
                self._later.clear()
            policy = self._later[scope] = self._made(scope)
        return policy

    def _made(self, scope: Scope) -> Policy:
        """The policy of a scope; another one's, where that is the same."""
        assert self._config is not None  # noqa: S101 - without one the only scope is everybody
        rules = tuple(rules_in(self._config, scope))
        detectors = tuple(acting(self._detectors, self._config, scope))
        policy = self._distinct.get(facts := _facts_of(rules, detectors))
        if policy is None:
            policy = self._distinct[facts] = Policy.of(self._config, rules, detectors)
        return policy


def _facts_of(rules: tuple[Rule, ...], detectors: Iterable[Detector]) -> Hashable:
    """What one policy of a configuration differs in from another."""
    return rules, tuple((one.type, one.modes, one.action) for one in detectors)


def _surfaces_of(config: PoliciesConfig) -> Iterable[Surface]:
    """The surfaces that the environment says something of that it does not say of the gateway."""
    told = config.variables
    for surface in Surface:
        is_named = any(whose is surface for whose, _ in told.actions)
        if is_named or surface in told.off or surface in told.skipped:
            yield surface
