"""Decisions alone: a client asks what the policy says, and enforces it itself.

A decision is made on texts, by the engine that governed calls go through, and is on record before
it is answered. The record has commitments to the texts, masked where something was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING

from attrs import field

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.frozen import evolve, frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.screening import evaluated
from axonflow_core.governance.trail import decision_facts
from axonflow_core.messages import EMPTY, Json, hidden
from axonflow_core.policy.rules import Decision, Mode, Phase, Verdict
from axonflow_core.policy.terms import Surface

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.policy.engine import Policy

_DATABASES = (
    *("sql", "postgres", "mariadb", "oracle", "snowflake", "bigquery", "redshift", "databricks"),
    *("duckdb", "clickhouse", "trino", "athena", "cockroach", "db2"),
)
"""In the names of connectors that take statements of SQL."""
MODE = "gateway"
"""The mode that records of decisions name."""


def mode_of(request_type: str | None) -> Mode:
    """The kind of text that a query of that type is."""
    return Mode.SQL if request_type == "sql" else Mode.PROMPT


def mode_of_connector(connector_type: str | None) -> Mode:
    """The kind of text that goes into a connector of that type: statements into a database."""
    name = (connector_type or "").lower()
    return Mode.SQL if any(word in name for word in _DATABASES) else Mode.PARAMETER


@frozen(kw_only=True)
class Question:
    """What is to be decided on."""

    request_type: str
    """The product's word for the kind of question; for the record."""
    phase: Phase
    texts: Mapping[str, str] = hidden()
    """Label -> text. Labels are ours."""
    unalterable: frozenset[str] = frozenset()
    """The labels of texts that cannot be redacted, for the answer has no place for them or the
    client cannot do it: where one of them would have to be, the question is denied."""
    user: str | None = field(default=None, repr=False)
    """On whose behalf the client asks, as it names them."""
    provider: str | None = None
    model: str | None = None
    """What the client is about to call, where it says so."""
    modes: Mapping[str, Mode] = EMPTY
    """Label -> the kind of a text that is not of the phase's own."""
    surface: Surface = Surface.GATEWAY
    facts: Mapping[str, Json] = EMPTY


@frozen(kw_only=True)
class Decided:
    """What was decided. It is on record as `id`."""

    id: str
    at_us: int
    decision: Decision
    policy: Policy
    """What decided."""
    elapsed_ms: float


async def decided(
    governance: Governance, audit: AuditStore, caller: Caller, question: Question
) -> Decided:
    """The decision on one question, on record."""
    (answer,) = await all_decided(governance, audit, caller, [question])
    return answer


async def all_decided(
    governance: Governance, audit: AuditStore, caller: Caller, questions: Sequence[Question]
) -> tuple[Decided, ...]:
    """The decisions on several questions, in their order, on record together or not at all."""
    answers, entries = [], []
    decided_on: Question | None = None
    for question in questions:
        began = perf_counter()
        if decided_on is None or not _is_same(question, decided_on):
            policy = governance.policy_for(caller, question.model, question.surface)
            decision, decided_on = await decision_on(policy, caller, question), question
        elapsed_ms = (perf_counter() - began) * 1_000
        entry = await entry_of(governance, audit, caller, question, decision)
        entries.append(entry)
        answers.append(
            Decided(
                id=entry.id,
                at_us=entry.at_us,
                decision=decision,
                policy=policy,
                elapsed_ms=elapsed_ms,
            )
        )

    def record(transaction: Transaction) -> None:
        for entry in entries:
            transaction.append(entry)

    await audit.transact(record)
    return tuple(answers)


def _is_same(one: Question, other: Question) -> bool:
    """Whether two questions have one answer: the preconditions of an operation share their text."""
    return evolve(one, user=None, facts=EMPTY) == evolve(other, user=None, facts=EMPTY)


async def decision_on(policy: Policy, caller: Caller, question: Question) -> Decision:
    """What the policy decides on the texts, and no less than what the client may call at all."""
    decision = await evaluated(policy, question.phase, question.texts, question.modes)
    denial = _denial(caller, question, decision)
    if denial is None or decision.verdict in (Verdict.BLOCKED, Verdict.ERROR):
        return decision
    return evolve(decision, verdict=Verdict.BLOCKED, reason=denial)


def _denial(caller: Caller, question: Question, decision: Decision) -> str | None:
    """Why the question is denied whatever the rules say; None where it is not."""
    if question.provider is not None and not caller.may_use_provider(question.provider):
        return f"the client {caller.client} may not use this provider"
    if question.model is not None and not caller.may_use_model(question.model):
        return f"the client {caller.client} may not use this model"
    if decision.verdict is Verdict.REDACTED and decision.texts.keys() & question.unalterable:
        return "A text has to be redacted, and cannot be here."
    return None


async def entry_of(
    governance: Governance,
    audit: AuditStore,
    caller: Caller,
    question: Question,
    decision: Decision,
) -> Entry:
    """The record of a decision."""
    user = question.user
    return Entry(
        kind=Kind.CHECK,
        verdict=decision.verdict,
        tenant=caller.tenant,
        client=caller.client,
        user=await audit.pseudonym(caller.tenant, user) if user else None,
        request_type=question.request_type,
        provider=question.provider,
        model=question.model,
        rules=decision.rules,
        facts={
            "mode": MODE,
            "generation": governance.generation,
            "decisions": [decision_facts(decision)],
            **question.facts,
        },
        texts=texts_of(question, decision),
    )


def texts_of(question: Question, decision: Decision) -> dict[str, str]:
    """Label -> text, masked where something was found, as the record has it."""
    texts = {} if decision.is_blind else {**question.texts, **decision.kept}
    return {f"{question.phase}.{label}": text for label, text in texts.items()}
