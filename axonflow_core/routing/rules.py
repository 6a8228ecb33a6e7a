"""What a configuration says of routing. Attribute names are the keys of the YAML."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from attrs import field, validators

from axonflow_core.frozen import frozen

DEFAULT = "default"
"""The named model of a call that names none, where there is one."""


class Strategy(StrEnum):
    """In which order targets of one priority are tried."""

    WEIGHTED = "weighted"
    """At random, each as often as its weight says."""
    ROUND_ROBIN = "round_robin"
    """In turn."""
    FAILOVER = "failover"
    """The default provider, then by weight, the heaviest first; then by name, or as listed."""
    COST_OPTIMIZED = "cost_optimized"
    """By the expected price of the call, the lowest first; an unknown price comes last."""
    LATENCY = "latency"
    """By how soon the last calls were answered."""


@frozen
class Hedge:
    """A second call to another target where the first is silent."""

    after_s: float = field(kw_only=True, validator=validators.gt(0))
    """Seconds of silence."""


@frozen
class Shadow:
    """A copy of some calls to a target that answers nobody."""

    provider: str = field(kw_only=True)
    """The key of a provider under `llm_providers`."""
    model: str = field(kw_only=True, validator=validators.min_len(1))
    """The id that this provider has for it."""
    share: float = field(kw_only=True, validator=[validators.gt(0), validators.le(1)])
    """The share of the calls that are copied, up to 1."""


@frozen
class RoutingRules:
    """The section `routing`."""

    strategy: Strategy = field(default=Strategy.WEIGHTED, kw_only=True)
    """In which order targets of one priority are tried."""
    default_provider: str | None = field(default=None, kw_only=True)
    """The first of the strategy `failover`, and whom a model is asked of that no provider knows."""
    strict_provider: bool = field(default=False, kw_only=True)
    """Whether a provider that a call names is the only one it may go to."""
    regions: tuple[str, ...] = field(default=(), kw_only=True)
    """The only regions that calls may be processed in; a `*` at the end of one stands for any
    ending. Empty: everywhere."""
    failover_on_silence: bool = field(default=False, kw_only=True)
    """Whether another target is tried after one that was sent the whole request and did not
    answer, so that both may be billed."""
    hedge: Mapping[str, Hedge] = field(factory=dict, kw_only=True)
    """Named model -> when a second target is asked beside the first, which is billed too."""
    shadow: Mapping[str, Shadow] = field(factory=dict, kw_only=True)
    """Named model -> a target that gets a copy of some calls; the server records what it answers
    and costs."""


@frozen
class NamedTarget:
    """One target of a named model: an item of `models.NAME`."""

    provider: str = field(kw_only=True)
    """The key of a provider under `llm_providers`."""
    model: str = field(kw_only=True, validator=validators.min_len(1))
    """The id that this provider has for it."""
    weight: float | None = field(
        default=None,
        kw_only=True,
        validator=validators.optional([validators.ge(0), validators.le(1)]),
    )
    """Default: the provider's."""
    priority: int | None = field(
        default=None, kw_only=True, validator=validators.optional(validators.ge(0))
    )
    """Default: the provider's."""


@frozen(kw_only=True)
class Standing:
    """How a provider stands among the others."""

    priority: int = 5
    weight: float = 1.0


NamedModels = Mapping[str, tuple[NamedTarget, ...]]
NO_MODELS: NamedModels = MappingProxyType({})
