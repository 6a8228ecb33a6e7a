"""Gateway Mode: the client calls the model itself. It asks before (`checked`), and reports after
(`reported`, `tool_reported`); both are on record before it is answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias
from uuid import uuid4

from attrs import field

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.frozen import evolve, frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.trail import (
    decision_facts,
    model_name,
    rules_of,
    token_facts,
    word,
)
from axonflow_core.messages import EMPTY, Json, Usage, hidden
from axonflow_core.modes import contexts
from axonflow_core.modes.contexts import Context
from axonflow_core.modes.decisions import MODE, Question, decision_on, entry_of
from axonflow_core.modes.pricing import Priced, priced
from axonflow_core.policy.rules import Decision, Phase, Verdict

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction
    from axonflow_core.audit.store import AuditStore

Clock: TypeAlias = Callable[[], int]
"""Tells the time, in microseconds since 1970."""


def wall_us() -> int:
    """The time of this machine."""
    return time.time_ns() // 1_000


@frozen(kw_only=True)
class Check:
    """What a client is about to send."""

    query: str = hidden()
    system_prompt: str | None = hidden(default=None)
    """What the client will send before the query, where it says so."""
    user: str | None = field(default=None, repr=False)
    data_sources: tuple[str, ...] = ()
    redacts: bool = True
    """Whether the client can redact; one that cannot is denied what would have to be."""


@frozen(kw_only=True)
class Checked:
    """The answer to a check. It is on record as `id`."""

    id: str
    context_id: str
    decision: Decision
    expires_us: int
    """When the context ends, in microseconds since 1970; now, for one that was denied."""


@frozen(kw_only=True)
class Report:
    """A call of a model that a client made under a context."""

    context_id: str
    provider: str
    model: str
    summary: str = hidden(default="")
    usage: Usage = field(factory=Usage)
    latency_ms: float | None = None
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
    texts = {"query": check.query}
    if check.system_prompt is not None:
        texts["system_prompt"] = check.system_prompt
    question = Question(
        request_type="pre_check",
        phase=Phase.REQUEST,
        texts=texts,
        unalterable=frozenset() if check.redacts else frozenset(texts),
        user=check.user,
        facts={"data_sources": list(map(word, check.data_sources))},
    )
    decision = await decision_on(governance, caller, question)
    entry = await entry_of(governance, audit, caller, question, decision)
    entry = evolve(entry, at_us=now_us())
    answer = Checked(
        id=entry.id, context_id=str(uuid4()), decision=decision, expires_us=entry.at_us
    )
    if decision.is_stopped:
        await audit.append(entry)
        return answer
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

    def approve(transaction: Transaction) -> None:
        transaction.append(entry)
        contexts.keep(transaction, context)
        if contexts.is_time_to_forget(context):
            contexts.forget(transaction, entry.at_us)

    await audit.transact(approve)
    return answer


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
    decision = await governance.decide(Phase.ANSWER, {"summary": report.summary})
    price = priced(governance.providers, report.provider, report.model, report.usage)

    def record(transaction: Transaction) -> str | None:
        context = contexts.found(transaction, report.context_id)
        at_us = now_us()
        if context is None or not context.is_valid_for(caller.tenant, caller.client, at_us):
            return None
        mark = contexts.mark(transaction, context, report.body)
        if context.report_id is not None:
            return context.report_id if context.report_mark == mark else None
        entry = evolve(_entry(governance, caller, report, decision, context, price), at_us=at_us)
        transaction.append(entry)
        contexts.use(transaction, context.id, entry.id, mark)
        return entry.id

    return await audit.transact(record)


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
        texts={"answer.summary": decision.kept.get("summary", report.summary)},
    )


async def tool_reported(
    governance: Governance, audit: AuditStore, caller: Caller, report: ToolReport
) -> Entry:
    """Record a call of a tool, with what the policy finds in it. Returns the entry."""
    decisions = [
        await governance.decide(phase, texts) for phase, texts in report.texts.items() if texts
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
            for label, text in report.texts[decision.phase].items()
        },
    )
    await audit.append(entry)
    return entry
