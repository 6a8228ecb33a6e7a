"""Gateway Mode: the client calls the model itself. It asks before (`checked`), and reports after
(`reported`, `tool_reported`); both are on record before it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

from attrs import field

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.budgets import book
from axonflow_core.budgets.accounts import Subject
from axonflow_core.budgets.book import CHARGES
from axonflow_core.budgets.estimates import estimate
from axonflow_core.budgets.refusals import Refusal
from axonflow_core.budgets.slices import Reservation
from axonflow_core.budgets.terms import nanos
from axonflow_core.frozen import evolve, frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.screening import evaluated
from axonflow_core.governance.trail import (
    decision_facts,
    model_name,
    refused,
    rules_of,
    token_facts,
    word,
)
from axonflow_core.messages import EMPTY, Json, Usage, hidden
from axonflow_core.modes import contexts
from axonflow_core.modes.contexts import Context
from axonflow_core.modes.decisions import (
    MODE,
    Question,
    decision_on,
    entry_of,
    mode_of,
)
from axonflow_core.modes.pricing import Priced, price_of, priced
from axonflow_core.policy.rules import Decision, Mode, Phase, Verdict
from axonflow_core.policy.terms import Surface

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.provider import Price

Clock: TypeAlias = Callable[[], int]
"""Tells the time, in microseconds since 1970."""


def wall_us() -> int:
    """The time of this machine."""
    return time.time_ns() // 1_000


@frozen(kw_only=True)
class Check:
    """What a client is about to send."""

    query: str = hidden()
    request_type: str | None = None
    """The product's word for the kind of request that the client is about to make."""
    system_prompt: str | None = hidden(default=None)
    """What the client will send before the query, where it says so."""
    user: str | None = field(default=None, repr=False)
    data_sources: tuple[str, ...] = ()
    redacts: bool = True
    """Whether the client can redact; one that cannot is denied what would have to be."""
    provider: str | None = None
    model: str | None = None
    """What the client is about to call, where it says so."""
    max_tokens: int | None = None
    team: str | None = None
    workflow: str | None = None
    """What the client names as the team and the workflow of the call; budgets may be of one."""


@frozen(kw_only=True)
class Checked:
    """The answer to a check. It is on record as `id`."""

    id: str
    context_id: str
    decision: Decision
    expires_us: int
    """When the context ends, in microseconds since 1970; now, for one that was denied."""
    refusal: Refusal | None = None
    """The budget or limit that has no room for the call, where that is why it was denied."""
    exceeded: tuple[str, ...] = ()
    """The ids of budgets that are exceeded and only warn."""


@frozen(kw_only=True)
class Report:
    """A call of a model that a client made under a context."""

    context_id: str
    provider: str
    model: str
    summary: str = hidden(default="")
    usage: Usage = field(factory=Usage)
    latency_ms: float | None = None
    labels: tuple[str | None, str | None] = (None, None)
    """The team and the workflow of the call, as the client names them."""
    body: bytes = hidden(default=b"")
    """The report as it was sent: the same bytes again are the same report."""


@frozen(kw_only=True)
class ToolReport:
    """A call of a tool that a client made."""

    tool: str
    facts: Mapping[str, Json] = EMPTY
    texts: Mapping[Phase, Mapping[str, str]] = hidden(default=EMPTY)
    """What went into the tool (`request`) and came out of it (`answer`), by label."""
    user: str | None = field(default=None, repr=False)


async def checked(
    governance: Governance,
    audit: AuditStore,
    caller: Caller,
    check: Check,
    *,
    ttl_s: float,
    now_us: Clock = wall_us,
) -> Checked:
    """Check what a client is about to send. An approval comes with a context that is valid for
    `ttl_s` seconds; a denial is on record and has none that could be used."""
    question = question_of(check)
    policy = governance.policy_for(caller, question.model, question.surface)
    decision = await decision_on(policy, caller, question)
    entry = await entry_of(governance, audit, caller, question, decision)
    entry = evolve(entry, at_us=now_us())
    answer = Checked(
        id=entry.id, context_id=str(uuid4()), decision=decision, expires_us=entry.at_us
    )
    if decision.is_stopped:
        await audit.append(entry)
        return answer
    reservation = await _reserved(governance, caller, check, entry.user)
    if isinstance(reservation, Refusal):
        decision = refused(reservation)
        await audit.append(_denied(entry, decision))
        return evolve(answer, decision=decision, refusal=reservation)
    answer = evolve(answer, expires_us=entry.at_us + int(ttl_s * 1_000_000))
    context = Context(
        id=answer.context_id,
        tenant=caller.tenant,
        client=caller.client,
        user=entry.user,
        check_id=entry.id,
        policy=decision.version,
        expires_us=answer.expires_us,
    )
    await _approve(governance, audit, entry, context, reservation)
    warnings = () if reservation is None else reservation.warnings
    exceeded = (account.budget.id for account in warnings if account.budget is not None)
    return evolve(answer, exceeded=tuple(exceeded))


def question_of(check: Check) -> Question:
    """What the policy is asked before a call."""
    texts = {"query": check.query}
    if check.system_prompt is not None:
        texts["system_prompt"] = check.system_prompt
    return Question(
        request_type="pre_check",
        phase=Phase.REQUEST,
        texts=texts,
        modes={"query": mode_of(check.request_type)},
        unalterable=frozenset() if check.redacts else frozenset(texts),
        user=check.user,
        facts={"data_sources": list(map(word, check.data_sources))},
    )


async def _approve(
    governance: Governance,
    audit: AuditStore,
    entry: Entry,
    context: Context,
    reservation: Reservation | None,
) -> None:
    """Keep the context with the record of its approval, and with what is held for its call."""

    def approve(transaction: Transaction) -> None:
        transaction.append(entry)
        contexts.keep(transaction, context)
        if contexts.is_time_to_forget(context):
            contexts.forget(transaction, entry.at_us)
        if reservation is not None:
            parts = reservation.held()
            book.hold(transaction, audit.chain, context.id, parts, context.expires_us)

    ledger = governance.ledger
    if ledger is None or reservation is None:
        await audit.transact(approve)
        return
    try:
        await audit.transact(approve)
    except BaseException:
        ledger.doubt(reservation)
        raise
    reservation.end()  # it is held for the context now


async def _reserved(
    governance: Governance, caller: Caller, check: Check, user: str | None
) -> Reservation | Refusal | None:
    """What budgets and limits set aside for the call that the client is about to make; None where
    there are none. Of a call whose model is not named the price is that of the client's first
    provider, and no price is a reason to refuse it: it must fit in, and is settled by its
    report."""
    ledger = governance.ledger
    if ledger is None:
        return None
    provider, model, price = _expected(governance, caller, check)
    subject = Subject(
        caller.tenant, caller.client, user, provider, model, check.team, check.workflow
    )
    # Of a budget of all tenants nothing is held: checks without a call would use it up.
    accounts = [
        each
        for each in ledger.accounts(subject)
        if each.budget is None or not each.budget.is_of_operator
    ]
    if not accounts:
        return None
    texts = (check.query, check.system_prompt or "")
    expected = estimate(texts, None, price, max_tokens=check.max_tokens)
    if check.model is None:
        expected = expected._replace(nanos=max(1, expected.nanos or 0))
    return await ledger.admit(accounts, expected)


def _expected(
    governance: Governance, caller: Caller, check: Check
) -> tuple[str | None, str | None, Price | None]:
    """The provider, the model and the price of a call that is about to be made, as far as it is
    known."""
    providers = governance.providers
    if check.model is not None:
        name, price = price_of(providers, governance.prices, check.provider or "", check.model)
        return name or None, check.model, price
    name = next(filter(caller.may_use_provider, providers), "")
    if name not in providers:
        return check.provider, None, None
    model = providers[name].default_model
    return check.provider, None, governance.prices.expected(name, providers[name], model)


def _denied(entry: Entry, decision: Decision) -> Entry:
    """The record of a check whose call has no room."""
    decisions = [*entry.facts["decisions"], decision_facts(decision)]
    facts = {**entry.facts, "decisions": decisions}
    return evolve(entry, verdict=decision.verdict, rules=decision.rules, facts=facts)


async def reported(
    governance: Governance,
    audit: AuditStore,
    caller: Caller,
    report: Report,
    *,
    now_us: Clock = wall_us,
) -> str | None:
    """Record a call that was made under a context, which it uses up. Returns the record's id: that
    of the first report, where the same bytes are sent again. None where there is no such context
    for this client, it is over, or another report used it."""
    policy = governance.policy_for(caller, report.model, Surface.GATEWAY)
    decision = await evaluated(policy, Phase.ANSWER, {"summary": report.summary})
    price = priced(
        governance.providers, report.provider, report.model, report.usage, governance.prices
    )

    def record(transaction: Transaction) -> str | None:
        context = contexts.found(transaction, report.context_id)
        at_us = now_us()
        if context is None or not context.is_valid_for(caller.tenant, caller.client, at_us):
            return None
        mark = contexts.mark(transaction, context, report.body)
        if context.report_id is not None:
            return context.report_id if context.report_mark == mark else None
        entry = evolve(_entry(governance, caller, report, decision, context, price), at_us=at_us)
        entry = _charged(governance, entry, report, book.release(transaction, context.id, at_us))
        transaction.append(entry)
        contexts.use(transaction, context.id, entry.id, mark)
        return entry.id

    return await audit.transact(record)


def _charged(
    governance: Governance, entry: Entry, report: Report, held: Mapping[str, tuple[int, int]]
) -> Entry:
    """`entry` with what it charges budgets with. What was set aside for the call is no more."""
    ledger = governance.ledger
    if ledger is None:
        return entry
    subject = Subject(
        entry.tenant, entry.client, entry.user, entry.provider, report.model, *report.labels
    )
    cost_usd: float | None = entry.facts["cost_usd"]
    is_price_known = (
        price_of(governance.providers, governance.prices, report.provider, report.model)[1]
        is not None
    )
    charges = ledger.reported(
        subject,
        held,
        None if cost_usd is None else nanos(cost_usd),
        is_price_known=is_price_known,
        at_us=entry.at_us,
    )
    if not charges:
        return entry
    how = "cost" if cost_usd is not None else "estimate" if is_price_known else "unknown"
    return evolve(entry, facts={**entry.facts, CHARGES: charges, "charged": how})


def _entry(
    governance: Governance,
    caller: Caller,
    report: Report,
    decision: Decision,
    context: Context,
    price: Priced,
) -> Entry:
    return Entry(
        kind=Kind.GATEWAY_CALL,
        verdict=decision.verdict,
        tenant=caller.tenant,
        client=caller.client,
        user=context.user,
        request_type="llm_call",
        provider=word(price.provider),
        model=model_name(report.model),
        rules=decision.rules,
        facts={
            "mode": MODE,
            "generation": governance.generation,
            "check_id": context.check_id,
            "policy_of_check": context.policy,
            "reported_provider": word(report.provider),
            "decisions": [decision_facts(decision)],
            "tokens": token_facts(report.usage),
            "cost_usd": price.cost_usd,
            "latency_ms": report.latency_ms,
        },
        texts={}
        if decision.is_blind
        else {"answer.summary": decision.kept.get("summary", report.summary)},
    )


async def tool_reported(
    governance: Governance, audit: AuditStore, caller: Caller, report: ToolReport
) -> Entry:
    """Record a call of a tool, with what the policy finds in it. Returns the entry."""
    policy = governance.policy_for(caller, None, Surface.MCP)
    decisions = [
        await evaluated(policy, phase, texts, _modes_of(phase, texts))
        for phase, texts in report.texts.items()
        if texts
    ]
    entry = Entry(
        kind=Kind.TOOL_CALL,
        verdict=max(
            (decision.verdict for decision in decisions),
            key=tuple(Verdict).index,
            default=Verdict.ALLOWED,
        ),
        tenant=caller.tenant,
        client=caller.client,
        user=await audit.pseudonym(caller.tenant, report.user) if report.user else None,
        request_type="tool_call",
        rules=rules_of(decisions),
        facts={
            "mode": MODE,
            "generation": governance.generation,
            "tool": word(report.tool),
            "decisions": list(map(decision_facts, decisions)),
            **report.facts,
        },
        texts={
            f"{decision.phase}.{label}": decision.kept.get(label, text)
            for decision in decisions
            if not decision.is_blind
            for label, text in report.texts[decision.phase].items()
        },
    )
    await audit.append(entry)
    return entry


def _modes_of(phase: Phase, texts: Iterable[str]) -> Mapping[str, Mode]:
    """What goes into a tool is a value, and no prose."""
    return dict.fromkeys(texts, Mode.PARAMETER) if phase is Phase.REQUEST else EMPTY
