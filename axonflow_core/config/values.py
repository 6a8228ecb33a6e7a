"""The configuration as values, whether it comes from a file, the environment or Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrs import Factory, field, validators

from axonflow_core.budgets.terms import OnExceed, Period, Scope, UnknownPrice
from axonflow_core.config.agents import AgentConfig, PlansConfig
from axonflow_core.config.faults import Fault, Place
from axonflow_core.config.nodes import YAML_KEY, Section, section_of
from axonflow_core.frozen import Unfit, frozen
from axonflow_core.policy.masks import Redaction
from axonflow_core.policy.rules import Action, OnError, Rule, VendorFetches
from axonflow_core.policy.terms import NO_VARIABLES, PolicyVariables, Profile
from axonflow_core.routing.rules import NO_MODELS, NamedModels, RoutingRules

VERSION = "1.0"
"""The `version:` of a configuration file that this release reads."""
_BY_HAND = Place("<python>")


def _as_section(value: Mapping[str, Any]) -> Section:
    return value if isinstance(value, Section) else section_of(value, _BY_HAND)


def _nothing() -> Section:
    return Section({}, _BY_HAND)


@frozen
class ProviderConfig:
    """One entry of `llm_providers`."""

    name: str = field(default="", metadata={YAML_KEY: None})
    """The key of the entry."""
    type: str = field(default=Factory(lambda entry: entry.name, takes_self=True))
    """The provider plugin, by the name of its entry point. Default: the key of the entry."""
    is_enabled: bool = field(default=False, kw_only=True, metadata={YAML_KEY: "enabled"})
    display_name: str = field(default="", kw_only=True)
    """The name shown to people. Default: the plugin's."""
    priority: int = field(default=5, kw_only=True, validator=validators.ge(0))
    """Providers of a higher priority are asked first; 0 or more."""
    weight: float = field(default=1.0, kw_only=True, validator=[validators.ge(0), validators.le(1)])
    """The share of the calls among providers of one priority, 0 to 1; 0: only where others
    fail."""
    config: Section = field(factory=_nothing, converter=_as_section, kw_only=True)
    """The provider's own settings, as written and with their places; `structure_provider_config`
    reads them. A plain mapping is accepted and converted."""
    credentials: Section = field(factory=_nothing, converter=_as_section, kw_only=True, repr=False)
    """Name -> secret. Kept out of every repr and message."""


class Role(StrEnum):
    """What a client of the server may do."""

    CALL = "call"
    """Proxy Mode and the drop-in endpoints."""
    GATEWAY = "gateway"
    """Gateway Mode: pre-checks, audit posts, decisions."""
    AUDIT = "audit"
    """Search and verify the records of its tenant."""
    PLANS = "plans"
    """Multi-agent plans."""
    ADMIN = "admin"
    """Reload the configuration, read the keys' state."""


@frozen
class RateLimits:
    """Calls of models in a minute, from its first second to its last. None is no limit."""

    requests_per_minute: int | None = field(
        default=None, kw_only=True, validator=validators.optional(validators.ge(1))
    )
    tokens_per_minute: int | None = field(
        default=None, kw_only=True, validator=validators.optional(validators.ge(1))
    )
    """Tokens that go in and come out; of a call under way, those that it may need."""


@frozen
class TenantConfig:
    """One entry of `server.tenants`: what holds for all clients of a tenant together."""

    limits: RateLimits = field(factory=RateLimits, kw_only=True)


@frozen
class ClientConfig:
    """One entry of `server.clients`: who may call, and what it may use."""

    id: str = field(default="", metadata={YAML_KEY: None})
    """The key of the entry."""
    generation: int = field(default=1, kw_only=True, validator=validators.ge(1))
    """Raising it rotates the client's secret."""
    tenant: str = field(default="", kw_only=True)
    """Whose records and contexts it works on. Default: the id."""
    roles: tuple[Role, ...] = field(default=(), kw_only=True)
    """What it may do; nothing where none is named."""
    providers: tuple[str, ...] = field(default=("*",), kw_only=True)
    """The providers that it may use, by their key; `*` is all."""
    models: tuple[str, ...] = field(default=("*",), kw_only=True)
    """The models that it may use, by id or by the name of a named model; a `*` at the end of one
    stands for any ending."""
    regions: tuple[str, ...] = field(default=("*",), kw_only=True)
    """The regions that its calls may be processed in, among those of `routing: {regions: …}`; a `*`
    at the end of one stands for any ending."""
    limits: RateLimits = field(factory=RateLimits, kw_only=True)


@frozen
class ServerConfig:
    """The section `server`. Times are in seconds, sizes in bytes."""

    clients: Mapping[str, ClientConfig] = field(factory=dict, kw_only=True)
    """Id -> client."""
    tenants: Mapping[str, TenantConfig] = field(factory=dict, kw_only=True)
    """Tenant of clients -> what holds for all of them together."""
    keys_dir: str | None = field(default=None, kw_only=True)
    """The folder of `axonflow keys init`. Default: $AXONFLOW_KEYS_DIR."""
    key_command: str | None = field(default=None, kw_only=True)
    """A command that prints a key when its name is appended as an argument."""
    open: bool = field(default=False, kw_only=True)
    """Whether everybody is the client `community`; on a loopback address only."""
    max_body_bytes: int = field(default=4_194_304, kw_only=True, validator=validators.ge(1_024))
    max_concurrent: int = field(default=512, kw_only=True, validator=validators.ge(1))
    """Requests that one worker answers at once; more are refused with 503."""
    call_timeout_s: float = field(default=55.0, kw_only=True, validator=validators.gt(0))
    """The longest call of a model: below the 60 s after which the SDK gives up."""
    retry_grace_s: float = field(default=10.0, kw_only=True, validator=validators.ge(0))
    """How long a proxy call goes on after its client left, for the client's next attempt."""
    retry_window_s: float = field(default=60.0, kw_only=True, validator=validators.ge(0))
    """How long an answer that nobody read is kept for the client's next attempt."""
    context_ttl_s: float = field(default=300.0, kw_only=True, validator=validators.gt(0))
    """How long an approved context of Gateway Mode is valid."""
    dialects: tuple[str, ...] = field(default=("openai", "anthropic", "bedrock"), kw_only=True)
    """The plugins of providers in whose dialect clients may call this server, where they are
    installed; of two that have a path, the first has it."""
    drain_s: float = field(default=30.0, kw_only=True, validator=validators.ge(0))
    """How long a stop waits for calls that are being answered."""


MAX_LIMIT_USD = 1e9
MAX_THRESHOLD = 1_000
"""The highest alert threshold, in percent of the limit."""


@frozen
class BudgetConfig:
    """One entry of `budgets`: money that may be spent in a period."""

    scope: Scope = field(kw_only=True)
    of: str | None = field(default=None, kw_only=True)
    """Who or what of that scope: a tenant, a client, a user, a provider, a model (a `*` at the end
    stands for any ending). Without it, in the scope `organization`, each tenant has its own."""
    tenant: str | None = field(default=None, kw_only=True)
    """The tenant of a `team`, a `workflow` or a `user`; narrows a `provider` or a `model`."""
    limit_usd: float = field(kw_only=True)
    period: Period = field(kw_only=True)
    on_exceed: OnExceed = field(default=OnExceed.BLOCK, kw_only=True)
    alert_thresholds: tuple[int, ...] = field(
        default=(50, 80, 100),
        kw_only=True,
        validator=validators.deep_iterable(
            validators.and_(validators.ge(1), validators.le(MAX_THRESHOLD))
        ),
    )
    """Percents of the limit."""
    unknown_price: UnknownPrice | None = field(default=None, kw_only=True)
    """Default: `allow` where the budget only warns, else `block`."""

    @limit_usd.validator
    def _is_a_sum(self, _: object, limit_usd: float) -> None:
        if not 0 < limit_usd <= MAX_LIMIT_USD:
            raise Unfit("more than 0, and at most 1,000,000,000", f"{limit_usd:g}")


@frozen
class PolicySection:
    """What holds for the calls of a client, or to some models, beside what holds for all."""

    profile: Profile | None = field(default=None, kw_only=True)
    """What follows from findings, for what `actions` does not name."""
    rules: tuple[Rule, ...] = field(default=(), kw_only=True)
    actions: Mapping[str, Action] = field(factory=dict, kw_only=True)
    """Category (`pii`, `sqli`) or type (`email`) of the detectors -> what follows from a
    finding."""
    redaction: Redaction = field(default=Redaction.MASK, kw_only=True)
    """What a model gets in the place of what is redacted in a request."""


@frozen
class PoliciesConfig(PolicySection):
    """The section `policies`."""

    on_error: OnError = field(default=OnError.BLOCK, kw_only=True)
    """What follows where a rule or a detector fails, or overruns its time."""
    on_errors: Mapping[str, OnError] = field(factory=dict, kw_only=True)
    """The same for detectors, by category or type."""
    detectors: tuple[str, ...] = field(default=(), kw_only=True)
    """The plugins whose detectors search too, by the names of their entry points."""
    detector_limit_s: float = field(
        default=0.25, kw_only=True, validator=[validators.gt(0), validators.le(60)]
    )
    """How long the detectors of third parties may search in one request, or one answer."""
    max_characters: int = field(default=8_388_608, kw_only=True, validator=validators.ge(1_024))
    """The longest request and the longest answer that are judged; longer ones are stopped."""
    vendor_fetches: VendorFetches | None = field(default=None, kw_only=True)
    """What follows where a request would have its vendor fetch what stands at a URL. None: what the
    profile makes of it (`profiles.allows_fetches`)."""
    clients: Mapping[str, PolicySection] = field(factory=dict, kw_only=True)
    """Id of a client -> what holds for its calls."""
    models: Mapping[str, PolicySection] = field(factory=dict, kw_only=True)
    """Model, by id or by the name of a named model, a `*` at the end for any ending -> what holds
    for calls that may go to it."""
    variables: PolicyVariables = field(
        default=NO_VARIABLES, kw_only=True, metadata={YAML_KEY: None}
    )
    """What the environment says."""


class KeptTexts(StrEnum):
    """Which texts the audit keeps, under a key for each record."""

    NONE = "none"
    REDACTED = "redacted"


@frozen
class WitnessConfig:
    """The section `audit.witness`: where heads are kept that whoever owns the database cannot
    change. A bearer token for the URL stands in AXONFLOW_WITNESS_TOKEN."""

    file: str | None = field(default=None, kw_only=True)
    url: str | None = field(default=None, kw_only=True, repr=False)

    def __attrs_post_init__(self) -> None:
        if (self.file is None) == (self.url is None):
            got = "neither" if self.file is None else "both"
            raise Unfit("one of `file` and `url`", got, "write one of them")

    @url.validator
    def _is_of_the_web(self, _: object, url: str | None) -> None:
        if url is not None and not re.match(r"https?://[^/]", url):
            raise Unfit("an https:// or http:// URL", "another text")


SHORT_RETENTION_DAYS = 180
"""Regulation (EU) 2024/1689 (AI Act), Articles 19(1) and 26(6): logs of high-risk systems are kept
for at least six months."""


@frozen
class AuditConfig:
    """The section `audit`."""

    url: str = field(default="sqlite:///./axonflow-audit.db", kw_only=True, repr=False)
    """Where the records are kept, as an SQLAlchemy URL."""
    texts: KeptTexts = field(default=KeptTexts.NONE, kw_only=True)
    anchor: str | None = field(default=None, kw_only=True)
    """The file that each signed head is added to, outside of the database. Default: beside a
    database that is a file, and none for one on a server."""
    witness: WitnessConfig | None = field(default=None, kw_only=True)
    retention_days: int | None = field(
        default=None, kw_only=True, validator=validators.optional(validators.ge(1))
    )
    """After how many days `axonflow audit retain` removes records; None removes none."""


@frozen
class Config:
    """A checked configuration, as `load_config` returns it. Build one in Python to configure a
    runtime without a file."""

    version: str = VERSION
    providers: Mapping[str, ProviderConfig] = field(factory=dict)
    """Key under `llm_providers` -> entry, enabled or not."""
    path: Path | None = None
    """The file it was read from; None for a configuration from the environment or from Python."""
    warnings: tuple[Fault, ...] = ()
    """What is accepted and probably not intended, such as a secret in the file."""
    server: ServerConfig = field(factory=ServerConfig, kw_only=True)
    policies: PoliciesConfig = field(factory=PoliciesConfig, kw_only=True)
    audit: AuditConfig = field(factory=AuditConfig, kw_only=True)
    routing: RoutingRules = field(factory=RoutingRules, kw_only=True)
    models: NamedModels = field(default=NO_MODELS, kw_only=True)
    """Name -> the targets that answer for it."""
    budgets: Mapping[str, BudgetConfig] = field(factory=dict, kw_only=True)
    """Id -> budget."""
    agents: Mapping[str, AgentConfig] = field(factory=dict, kw_only=True)
    """Name -> who does steps of plans."""
    plans: PlansConfig = field(factory=PlansConfig, kw_only=True)

    @property
    def enabled(self) -> Mapping[str, ProviderConfig]:
        """The enabled entries of `providers`."""
        return {name: entry for name, entry in self.providers.items() if entry.is_enabled}
