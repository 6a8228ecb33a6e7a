"""Faults of `budgets` and `server.tenants` that only the rest of the file makes faults."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from axonflow_core.budgets.terms import Scope
from axonflow_core.config.clients import COMMUNITY
from axonflow_core.config.faults import Fault, Place, suggest
from axonflow_core.config.nodes import Node, Scalar, Section
from axonflow_core.config.structuring import fields_of, meant
from axonflow_core.config.values import BudgetConfig, ServerConfig

MAX_ID = 128
"""Characters of a budget's id."""
_OF_A_TENANT = (Scope.TEAM, Scope.WORKFLOW, Scope.USER)
"""Scopes whose names mean something in a tenant only."""


def unusable_budgets(
    budgets: Section, server: ServerConfig, providers: Collection[str]
) -> Iterator[Fault]:
    """Ids that no path can have, budgets of nobody, and tenants that are missing or needless. What
    is not of the right kind is passed over: structuring reports it."""
    for id, node in budgets.items():
        place = budgets.place_of(id)
        if not is_id(id):
            hint = f"1 to {MAX_ID} printable characters without a blank or one of / ? # %"
            yield Fault(place, f"`{id[:MAX_ID]!a}` cannot be a budget's id", hint)
        if isinstance(node, Section):
            section = meant(node, fields_of(BudgetConfig))
            scope = _text(section.get("scope"))
            if scope in set(Scope):
                yield from _faults_of(id, place, section, Scope(scope), server, providers)


def is_id(id: str) -> bool:
    """Whether a budget can have that id: it is a part of paths."""
    return id.isprintable() and 0 < len(id) <= MAX_ID and not set(id) & set(" /?#%")


def _faults_of(
    id: str,
    place: Place,
    budget: Section,
    scope: Scope,
    server: ServerConfig,
    providers: Collection[str],
) -> Iterator[Fault]:
    of, tenant = _text(budget.get("of")), _text(budget.get("tenant"))
    tenants = {client.tenant for client in server.clients.values()}
    if of is None and scope is not Scope.ORGANIZATION:
        hint = f"`of:` names the {scope.value}"
        yield Fault(place, f"the budget `{id}` is of no {scope.value}", hint)
    if tenant is None and scope in _OF_A_TENANT:
        hint = f"`tenant:` names the tenant of the {scope.value}"
        yield Fault(place, f"the budget `{id}` is of no tenant", hint)
    if tenant is not None and scope in (Scope.ORGANIZATION, Scope.AGENT):
        hint = f"remove it: `of:` names the {scope.value}"
        yield Fault(budget.place_of("tenant"), f"`tenant` says nothing of an {scope.value}", hint)
    known: dict[Scope, Collection[str]] = {
        Scope.ORGANIZATION: tenants,
        Scope.AGENT: server.clients,
        Scope.PROVIDER: providers,
    }
    if of is not None and scope in known:
        yield from _unknown(budget["of"], of, _NOUNS[scope], known[scope], server)
    if tenant is not None:
        yield from _unknown(budget["tenant"], tenant, "tenant", tenants, server)


_NOUNS = {Scope.ORGANIZATION: "tenant", Scope.AGENT: "client", Scope.PROVIDER: "provider"}


def _unknown(
    node: Node, name: str, noun: str, known: Collection[str], server: ServerConfig
) -> Iterator[Fault]:
    is_server_known = bool(server.clients)  # it may be at fault itself
    if name in known or (server.open and name == COMMUNITY) or not is_server_known:
        return
    yield Fault(node.place, f"there is no {noun} `{name}`", suggest(name, known, noun=f"{noun}s"))


def unused_tenants(node: Node | None, server: ServerConfig) -> Iterator[Fault]:
    """Entries of `server.tenants` that no client is of."""
    if not isinstance(node, Section):
        return
    tenants = meant(node, fields_of(ServerConfig)).get("tenants")
    if not isinstance(tenants, Section):
        return
    known = {client.tenant for client in server.clients.values()}
    for name in tenants:
        if known and name not in known:
            yield Fault(
                tenants.place_of(name),
                f"no client is of the tenant `{name}`",
                suggest(name, known, noun="tenants of clients"),
            )


def _text(node: Node | None) -> str | None:
    return node.text if isinstance(node, Scalar) and not node.is_null else None
