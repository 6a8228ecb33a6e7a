"""Budgets and rate limits as accounts: what is counted for whom, in which span, up to where.

    the file      budgets, limits of clients and tenants ─┐
    the store     budgets that were made through the API ─┴─> Register ─> the accounts of a call

A budget that the file and the store both have is the file's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from attrs import field

from axonflow_core.budgets.terms import OnExceed, Period, Scope, Unit, UnknownPrice, nanos
from axonflow_core.config.values import BudgetConfig, ClientConfig, Config, RateLimits
from axonflow_core.frozen import frozen

MAX_CACHED = 10_000
"""Subjects whose accounts are remembered."""


@frozen(kw_only=True)
class Budget:
    """Money that may be spent in a period."""

    id: str
    tenant: str
    """Whose it is; empty for the operator's own, which no tenant sees."""
    name: str
    scope: Scope
    of: str | None = None
    """Who or what of that scope. None in the scope `organization`: each tenant has its own."""
    limit_nanos: int
    period: Period
    on_exceed: OnExceed = OnExceed.BLOCK
    alert_thresholds: tuple[int, ...] = ()
    """Percents of the limit, in order."""
    unknown_price: UnknownPrice = UnknownPrice.BLOCK
    is_of_file: bool = False
    """Whether the configuration has it, so that the API cannot change it."""
    created_us: int = 0
    updated_us: int = 0

    @property
    def is_of_operator(self) -> bool:
        """Whether it is of all tenants together, so that none may hear how much is in it."""
        is_for_each = self.scope is Scope.ORGANIZATION and self.of is None
        return not self.tenant and not is_for_each

    @property
    def is_hard(self) -> bool:
        """Whether calls that it has no room for are not made as they are."""
        return self.on_exceed is not OnExceed.WARN


class Subject(NamedTuple):
    """Whose call it is and where it goes: what accounts are chosen by."""

    tenant: str
    client: str
    user: str | None = None
    """The user's pseudonym."""
    provider: str | None = None
    model: str | None = None
    team: str | None = None
    workflow: str | None = None


SubjectKey: TypeAlias = tuple[str, str, str | None, str | None, str | None, str | None, str | None]
"""A plain tuple of what a `Subject` has, which is equal to it."""


@frozen(kw_only=True)
class Account:
    """Something that is counted up to a limit."""

    key: str
    """Names it in the store and in records."""
    rule: str
    """Names it in decisions: `budget:monthly`, `limit:acme-app requests_per_minute`."""
    unit: Unit
    limit: int
    """In its unit."""
    period: Period | None
    """None for a minute."""
    is_hard: bool = True
    budget: Budget | None = field(default=None, repr=False)


def key_of(tenant: str, id: str) -> str:
    """The key of a budget's account."""
    return f"{tenant}/{id}"


def account_of(budget: Budget, tenant: str) -> Account:
    """The account of a budget; of one that each tenant has for itself, that of `tenant`."""
    return Account(
        key=key_of(budget.tenant or (tenant if budget.of is None else ""), budget.id),
        rule=f"budget:{budget.id}",
        unit=Unit.NANOS,
        limit=budget.limit_nanos,
        period=budget.period,
        is_hard=budget.is_hard,
        budget=budget,
    )


def budgets_of(config: Config) -> Iterator[Budget]:
    """The budgets of a configuration."""
    clients = config.server.clients
    for id, written in config.budgets.items():
        yield Budget(
            id=id,
            tenant=_tenant_of(written, clients),
            name=id,
            scope=written.scope,
            of=written.of,
            limit_nanos=nanos(written.limit_usd),
            period=written.period,
            on_exceed=written.on_exceed,
            alert_thresholds=tuple(sorted(set(written.alert_thresholds))),
            unknown_price=written.unknown_price or default_for_unknown(written.on_exceed),
            is_of_file=True,
        )


def default_for_unknown(on_exceed: OnExceed) -> UnknownPrice:
    """A budget that refuses calls refuses those of unknown price too: it could not keep its limit
    otherwise."""
    return UnknownPrice.ALLOW if on_exceed is OnExceed.WARN else UnknownPrice.BLOCK


def _tenant_of(written: BudgetConfig, clients: Mapping[str, ClientConfig]) -> str:
    if written.scope is Scope.ORGANIZATION:
        return written.of or ""
    if written.scope is Scope.AGENT and (client := clients.get(written.of or "")):
        return client.tenant
    return written.tenant or ""


class Register:
    """The accounts of one state of configuration and store."""

    def __init__(
        self,
        config: Config,
        stored: Iterable[Budget] = (),
        pseudonyms: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        """`pseudonyms` has those of the users whom budgets name, by tenant and name."""
        self._pseudonyms = pseudonyms or {}
        self._config = config
        found = {(each.tenant, each.id): each for each in (*stored, *budgets_of(config))}
        self.budgets = tuple(found.values())
        self._by_tenant: dict[str, list[Budget]] = {}
        for budget in self.budgets:
            self._by_tenant.setdefault(budget.tenant, []).append(budget)
        self._cached: dict[Subject, tuple[Account, ...]] = {}
        self._known: dict[str, Account] = {}
        """Key -> account: one for all subjects."""
        self._rates = {
            **{("client", id): each.limits for id, each in config.server.clients.items()},
            **{("tenant", id): each.limits for id, each in config.server.tenants.items()},
        }

    @property
    def is_empty(self) -> bool:
        """Whether nothing is counted."""
        return not self.budgets and not any(map(_rates_of, self._rates.values()))

    def accounts(self, subject: Subject) -> tuple[Account, ...]:
        """What a call of that subject is counted in: rates first, for they are told soonest."""
        found = self._cached.get(subject)
        if found is None:
            if len(self._cached) >= MAX_CACHED:
                self._cached.clear()
                self._known.clear()
            made = (*self._limits(subject), *self._money(subject))
            found = tuple(self._known.setdefault(each.key, each) for each in made)
            self._cached[subject] = found
        return found

    def visible(self, tenant: str) -> tuple[Budget, ...]:
        """The budgets that a tenant sees: its own, and those that each tenant has for itself."""
        shared = [
            each
            for each in self._by_tenant.get("", ())
            if each.scope is Scope.ORGANIZATION and each.of is None
        ]
        own = {budget.id: budget for budget in (*shared, *self._by_tenant.get(tenant, ()))}
        return tuple(own.values())

    def found(self, tenant: str, id: str) -> Budget | None:
        """The budget of that id that a tenant sees."""
        return next((each for each in self.visible(tenant) if each.id == id), None)

    def _limits(self, subject: Subject) -> Iterator[Account]:
        for kind, id in (("client", subject.client), ("tenant", subject.tenant)):
            for name, unit, limit in _rates_of(self._rates.get((kind, id))):
                yield Account(
                    key=f"limit/{kind}/{id}/{name}",
                    rule=f"limit:{name}",
                    unit=unit,
                    limit=limit,
                    period=None,
                )

    def _money(self, subject: Subject) -> Iterator[Account]:
        for tenant in dict.fromkeys(("", subject.tenant)):
            for budget in self._by_tenant.get(tenant, ()):
                if self._is_for(budget, subject):
                    yield account_of(budget, subject.tenant)

    def _is_for(self, budget: Budget, subject: Subject) -> bool:
        of = budget.of
        match budget.scope:
            case Scope.ORGANIZATION:
                return of is None or of == subject.tenant
            case Scope.USER:
                known = self._pseudonyms.get((budget.tenant, of or ""))
                return subject.user is not None and subject.user == known
            case Scope.MODEL:
                return _fits(of or "", subject.model or "")
        named = {
            Scope.TEAM: subject.team,
            Scope.AGENT: subject.client,
            Scope.WORKFLOW: subject.workflow,
            Scope.PROVIDER: subject.provider,
        }
        return of is not None and of == named[budget.scope]


def _fits(pattern: str, model: str) -> bool:
    """As a client's `models:`: a `*` at the end stands for any ending."""
    return model.startswith(pattern[:-1]) if pattern.endswith("*") else model == pattern


def _rates_of(limits: RateLimits | None) -> list[tuple[str, Unit, int]]:
    if limits is None:
        return []
    named = (
        ("requests_per_minute", Unit.REQUESTS, limits.requests_per_minute),
        ("tokens_per_minute", Unit.TOKENS, limits.tokens_per_minute),
    )
    return [(name, unit, limit) for name, unit, limit in named if limit is not None]
