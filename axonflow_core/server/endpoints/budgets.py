"""Budgets made, changed and watched; what a tenant used; what calls cost.

A budget that is made here belongs to the tenant of whoever makes it, and stands in the store. Those
of the configuration are shown and not changed. Every change is on record, in the transaction that
makes it, and holds in this worker when it is answered, in the others a moment later.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.budgets import book, usage
from axonflow_core.budgets.accounts import Budget, Subject
from axonflow_core.budgets.book import Spent
from axonflow_core.budgets.ledger import wall_us
from axonflow_core.budgets.terms import Period, Scope, Span, Unit, span, usd
from axonflow_core.errors import MalformedRequest, PluginError
from axonflow_core.messages import Json
from axonflow_core.plugins import codecs_on_demand, load_provider
from axonflow_core.policy.rules import Verdict
from axonflow_core.provider import Price
from axonflow_core.server.client_request import Answer, ClientRequest, json_answer, refusal
from axonflow_core.server.fields import MAX_TOKEN, read_object
from axonflow_core.server.wire import budgets as wire
from axonflow_core.server.wire.records import is_pseudonym, number_in

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from axonflow_core.audit.batch import Transaction
    from axonflow_core.server.generations import Generation

MAX_BUDGETS = 1_000
"""Budgets that one tenant may make."""
MAX_PAGE, MAX_OFFSET = 100, 1_000_000_000
_SUBJECT = ("org_id", "team_id", "agent_id", "workflow_id", "user_id")


# ── budgets ───────────────────────────────────────────────────────────────────────────────────────


async def create(request: ClientRequest) -> Answer:
    """`POST /api/v1/budgets`."""
    caller, ledger = request.caller, request.service.ledger
    budget = wire.created(read_object(request.body), caller.tenant, caller.client, wall_us())
    if ledger.register.found(caller.tenant, budget.id) is not None:
        return _taken(budget.id)

    def work(transaction: Transaction) -> Answer | None:
        if book.number_of(transaction, caller.tenant) >= MAX_BUDGETS:
            message = f"the tenant has {MAX_BUDGETS:,} budgets, and may have no more"
            return refusal(409, message, code="too_many")
        if not book.add(transaction, budget):
            return _taken(budget.id)
        transaction.append(_entry(request, budget, "created"))
        return None

    return await _changed(request, budget, await request.service.audit.transact(work), 201)


async def update(request: ClientRequest) -> Answer:
    """`PUT /api/v1/budgets/{id}`."""
    fields, tenant = read_object(request.body), request.caller.tenant
    budget = request.service.ledger.register.found(tenant, request.parameters["id"])
    if budget is None or budget.is_of_file:
        return _missing() if budget is None else _of_file(budget)
    new = wire.updated(fields, budget, wall_us())

    def work(transaction: Transaction) -> Answer | Budget:
        known = book.stored_budget(transaction, tenant, new.id)
        if known is None:
            return _missing()
        changed = wire.updated(fields, known, new.updated_us)
        book.change(transaction, changed)
        transaction.append(_entry(request, changed, "changed"))
        return changed

    done = await request.service.audit.transact(work)
    if isinstance(done, Answer):
        return done
    return await _changed(request, done, None, 200)


async def delete(request: ClientRequest) -> Answer:
    """`DELETE /api/v1/budgets/{id}`."""
    tenant = request.caller.tenant
    budget = request.service.ledger.register.found(tenant, request.parameters["id"])
    if budget is None or budget.is_of_file:
        return _missing() if budget is None else _of_file(budget)

    def work(transaction: Transaction) -> None:
        if book.stored_budget(transaction, tenant, budget.id) is not None:
            book.remove(transaction, tenant, budget.id)
            transaction.append(_entry(request, budget, "removed"))

    await request.service.audit.transact(work)
    await request.service.ledger.follow()
    return Answer(204)


async def listing(request: ClientRequest) -> Answer:
    """`GET /api/v1/budgets`: the page that `?scope=`, `?limit=` and `?offset=` ask for."""
    tenant, scope = request.caller.tenant, request.query.get("scope")
    if scope and scope not in wire.SCOPES:
        raise MalformedRequest(f"scope is one of {', '.join(wire.SCOPES)}")
    found = [
        budget
        for budget in request.service.ledger.register.visible(tenant)
        if not scope or budget.scope == scope
    ]
    limit, offset = _page(request)
    shown = [wire.budget_body(budget, tenant) for budget in found[offset : offset + limit]]
    return json_answer({"budgets": shown, "total": len(found)})


async def one(request: ClientRequest) -> Answer:
    """`GET /api/v1/budgets/{id}`."""
    budget = _found(request)
    if budget is None:
        return _missing()
    return json_answer(wire.budget_body(budget, request.caller.tenant))


async def status(request: ClientRequest) -> Answer:
    """`GET /api/v1/budgets/{id}/status`: of the period that is now."""
    budget, tenant, now_us = _found(request), request.caller.tenant, wall_us()
    if budget is None:
        return _missing()
    of_time = span(budget.period, now_us)
    spent = await request.service.audit.read(
        lambda connection: _spent(connection, budget, tenant, of_time, now_us)
    )
    return json_answer(wire.status_body(budget, tenant, spent, of_time))


async def alerts(request: ClientRequest) -> Answer:
    """`GET /api/v1/budgets/{id}/alerts`: of this period and the earlier ones."""
    budget = _found(request)
    if budget is None:
        return _missing()
    key = wire.key_for(budget, request.caller.tenant)
    found = await request.service.audit.read(lambda connection: book.alerts(connection, key))
    listed: list[Json] = [wire.alert_body(budget, alert) for alert in found]
    return json_answer({"alerts": listed, "count": len(listed)})


async def check(request: ClientRequest) -> Answer:
    """`POST /api/v1/budgets/check`: whether a call of that subject would be made. Nothing is
    reserved."""
    fields, caller = read_object(request.body or b"{}"), request.caller
    if unknown := sorted(fields.names - set(_SUBJECT)):
        raise MalformedRequest(f"{unknown[0][:64]!r} is no field of a budget check")
    if fields.text("org_id", default=caller.tenant) != caller.tenant:
        message = f"the client {caller.client} checks the budgets of its own tenant"
        return refusal(403, message, code="forbidden")
    user = fields.optional_text("user_id", most=MAX_TOKEN)
    if user is not None and not is_pseudonym(user):
        user = await request.service.audit.pseudonym(caller.tenant, user)
    agent = fields.text("agent_id", default=caller.client)
    team, workflow = fields.optional_text("team_id"), fields.optional_text("workflow_id")
    subject = Subject(caller.tenant, agent, user, team=team, workflow=workflow)
    ledger, now_us = request.service.ledger, wall_us()
    visible = set(ledger.register.visible(caller.tenant))
    budgets = [
        account.budget
        for account in ledger.accounts(subject)
        if account.unit is Unit.NANOS and account.budget in visible
    ]

    def look(connection: Connection) -> list[tuple[Budget, Spent]]:
        return [
            (budget, _spent(connection, budget, caller.tenant, span(budget.period, now_us), now_us))
            for budget in budgets
            if budget is not None
        ]

    return json_answer(wire.check_body(await request.service.audit.read(look), caller.tenant))


def _spent(
    connection: Connection, budget: Budget, tenant: str, of_time: Span, now_us: int
) -> Spent:
    return book.spent(connection, wire.key_for(budget, tenant), of_time.starts_us, now_us)


def _found(request: ClientRequest) -> Budget | None:
    register = request.service.ledger.register
    return register.found(request.caller.tenant, request.parameters["id"])


async def _changed(
    request: ClientRequest, budget: Budget, refused: Answer | None, status: int
) -> Answer:
    if refused is not None:
        return refused
    await request.service.ledger.follow()
    return json_answer(wire.budget_body(budget, request.caller.tenant), status)


def _entry(request: ClientRequest, budget: Budget, what: str) -> Entry:
    """The record of a change. Whose budget it is may be a person's name, and is left out."""
    return Entry(
        kind=Kind.BUDGET,
        verdict=Verdict.ALLOWED,
        tenant=request.caller.tenant,
        client=request.caller.client,
        facts={
            "what": what,
            "budget": budget.id,
            "scope": budget.scope,
            "of": None if budget.scope is Scope.USER else budget.of,
            "limit_usd": usd(budget.limit_nanos),
            "period": budget.period,
            "on_exceed": budget.on_exceed,
            "alert_thresholds": list(budget.alert_thresholds),
            "unknown_price": budget.unknown_price,
        },
    )


def _missing() -> Answer:
    return refusal(404, "there is no such budget", code="not_found")


def _taken(id: str) -> Answer:
    return refusal(409, f"there is a budget {id} already", code="taken")


def _of_file(budget: Budget) -> Answer:
    message = f"the configuration has the budget {budget.id}: change the file, and reload"
    return refusal(409, message, code="read_only")


def _page(request: ClientRequest) -> tuple[int, int]:
    limit = number_in(request.query, "limit", default=50, most=MAX_PAGE)
    return limit or 1, number_in(request.query, "offset", default=0, most=MAX_OFFSET)


# ── usage ─────────────────────────────────────────────────────────────────────────────────────────


async def usage_summary(request: ClientRequest) -> Answer:
    """`GET /api/v1/usage`."""
    period, of_time = _period(request)
    tenant = request.caller.tenant
    found = await request.service.audit.read(
        lambda connection: usage.summary(connection, tenant, of_time)
    )
    return json_answer(wire.usage_body(found, period, of_time))


async def usage_breakdown(request: ClientRequest) -> Answer:
    """`GET /api/v1/usage/breakdown`."""
    period, of_time = _period(request)
    tenant, group_by = request.caller.tenant, request.query.get("group_by", "")
    if group_by not in usage.GROUPS:
        raise MalformedRequest(f"group_by is one of {', '.join(usage.GROUPS)}")
    rows = await request.service.audit.read(
        lambda connection: usage.breakdown(connection, tenant, group_by, of_time)
    )
    return json_answer(wire.breakdown_body(rows, group_by, period, of_time))


async def usage_records(request: ClientRequest) -> Answer:
    """`GET /api/v1/usage/records`."""
    limit, offset = _page(request)
    tenant, query = request.caller.tenant, request.query
    found, total = await request.service.audit.read(
        lambda connection: usage.calls(
            connection,
            tenant,
            provider=query.get("provider"),
            model=query.get("model"),
            limit=limit,
            offset=offset,
        )
    )
    return json_answer({"records": [wire.record_body(call) for call in found], "total": total})


def _period(request: ClientRequest) -> tuple[str, Span]:
    """The period that now is in; the month where none is named."""
    name = request.query.get("period", "") or Period.MONTHLY.value
    if name not in set(Period):
        raise MalformedRequest(f"period is one of {', '.join(Period)}")
    return name, span(Period(name), wall_us())


# ── prices ────────────────────────────────────────────────────────────────────────────────────────


async def pricing(request: ClientRequest) -> Answer:
    """`GET /api/v1/pricing`: of all models whose price is known, of one provider, of one model.
    What is not known is not listed."""
    generation, query = request.service.generation, request.query
    providers = [
        name
        for name in generation.governance.providers
        if request.caller.may_use_provider(name) and query.get("provider", name) == name
    ]
    if model := query.get("model"):
        found = [(name, model, _price(generation, name, model)) for name in providers]
    else:
        found = await asyncio.to_thread(_listed, generation, providers)
    bodies = [wire.price_body(name, id, price) for name, id, price in found if price is not None]
    listed: list[Json] = [body for body in bodies if body is not None]
    return json_answer({"pricing": listed})


Listed = tuple[str, str, Price | None]


def _listed(generation: Generation, providers: list[str]) -> list[Listed]:
    """Each model that a provider knows or the operator prices, once."""
    found: dict[tuple[str, str], Price | None] = {}
    for name, pattern, price in generation.governance.prices.listed():
        if name in providers:
            found[name, pattern] = price
    for name in providers:
        for id in _models(generation, name):
            found.setdefault((name, id), _price(generation, name, id))
    return [(name, id, price) for (name, id), price in found.items()]


def _models(generation: Generation, name: str) -> Iterator[str]:
    entry = generation.config.providers[name]
    try:
        spec = load_provider(entry.type, os.environ)
    except PluginError:
        return
    yield generation.governance.providers[name].default_model
    if spec.models is not None:
        codecs = codecs_on_demand(spec.name, spec.codec_claims(), os.environ)
        for model in spec.models(codecs).models:
            yield from model.ids


def _price(generation: Generation, name: str, model: str) -> Price | None:
    governance = generation.governance
    return governance.prices.expected(name, governance.providers[name], model)
