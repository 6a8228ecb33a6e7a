"""Keeps plans, their versions, and what came of their steps.

**The end of a step is written in the transaction that writes the record of its call.** So there is
a record exactly where a step is over, wherever a process is killed, and a step that is over never
runs again. A step is begun in a transaction of its own, which counts its attempts: a second attempt
says that somebody was killed inside the first. Whoever settles names its attempt, so what an
executor has to say that others gave up changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from axonflow_core.audit.holds import Hold, holding, holds_in
from axonflow_core.frozen import evolve, frozen
from axonflow_core.json_text import dumps, loads
from axonflow_core.plans.plan import Plan, StepState, draft_of_json, draft_to_json
from axonflow_core.plans.sealing import PlanSeal, Unreadable
from axonflow_core.plans.tables import EXECUTORS, PLANS, STEPS, VERSIONS
from axonflow_core.plans.terms import PlanStatus, StepStatus

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row, RowMapping

    from axonflow_core.audit.batch import Transaction
    from axonflow_core.audit.erasure import Chosen

_OF_STEP = (
    *("id", "status", "attempt", "record", "provider", "model", "tokens_in", "tokens_out"),
    *("cost_nanos", "begun_us", "ended_us", "code"),
)
_SPENT = ("tokens_in", "tokens_out", "cost_nanos")
"""What adds up over the attempts of a step."""
_OF_ATTEMPT = ("record", "provider", "model", "begun_us", "ended_us", "code", "end")
"""What is of one attempt alone."""
_OF_PLAN = (
    *("id", "tenant", "client", "user", "version", "status", "leg", "owner", "created_us"),
    *("expires_us", "begun_us", "ended_us", "awaits", "approved", "code"),
)


@frozen(kw_only=True)
class Version:
    """One entry of a plan's history."""

    version: int
    at_us: int
    change: str
    client: str
    summary: str


class Book:
    """Reads and writes the tables. Its methods run in a transaction or on a connection of the
    audit's store, which they are given."""

    def __init__(self, seal: PlanSeal) -> None:
        self._seal = seal

    # ── plans ─────────────────────────────────────────────────────────────────────────────────────

    def add(self, transaction: Transaction, plan: Plan, record: str) -> None:
        """Keep a new plan, and its first version. `record` is the id of the record that says that
        it was made."""
        row = {name: getattr(plan, name) for name in _OF_PLAN}
        kept = {"record": record, "draft": self._sealed_draft(plan)}
        transaction.execute(insert(PLANS), {**row, **kept})
        self._note_version(transaction, plan, plan.created_us, "created", plan.client, "")

    def find(self, connection: Connection | Transaction, id: str, tenant: str) -> Plan | None:
        """The plan of that id; None where the tenant has none."""
        query = select(PLANS).where(PLANS.c.id == id, PLANS.c.tenant == tenant)
        row = connection.execute(query).mappings().first()
        return None if row is None else self._plan(row)

    def get(self, connection: Connection | Transaction, id: str) -> Plan | None:
        """The plan of that id, whoever's."""
        row = connection.execute(select(PLANS).where(PLANS.c.id == id)).mappings().first()
        return None if row is None else self._plan(row)

    def of_tenant(
        self,
        connection: Connection,
        tenant: str,
        *,
        limit: int,
        waiting_since_us: int | None = None,
    ) -> list[Plan]:
        """The newest plans of a tenant that can be read; with `waiting_since_us` those that began
        to wait for somebody then or later, and still do."""
        query = select(PLANS).where(PLANS.c.tenant == tenant)
        if waiting_since_us is not None:
            is_waiting = PLANS.c.status == PlanStatus.AWAITING_APPROVAL
            query = query.where(is_waiting, PLANS.c.ended_us >= waiting_since_us)
        rows = connection.execute(query.order_by(PLANS.c.created_us.desc()).limit(limit)).mappings()
        plans = []
        for row in rows:
            with suppress(Unreadable):
                plans.append(self._plan(row))
        return plans

    def change(
        self, transaction: Transaction, plan: Plan, statuses: Iterable[PlanStatus], **changes: Any
    ) -> bool:
        """Change columns of a plan that still stands in one of these states, and in the leg that
        it was read in. Returns whether it did."""
        wanted = [str(status) for status in statuses]
        query = update(PLANS).where(
            PLANS.c.id == plan.id, PLANS.c.leg == plan.leg, PLANS.c.status.in_(wanted)
        )
        return bool(transaction.execute(query.values(**changes)).rowcount)

    def redraft(
        self,
        transaction: Transaction,
        plan: Plan,
        at_us: int,
        change: str,
        client: str,
        summary: str,
    ) -> bool:
        """Put a new version in the place of the one before it. Returns whether that still was the
        newest, and the plan waits to be executed."""
        query = update(PLANS).where(
            PLANS.c.id == plan.id,
            PLANS.c.version == plan.version - 1,
            PLANS.c.status == PlanStatus.PENDING,
        )
        changes = {"version": plan.version, "draft": self._sealed_draft(plan)}
        if not transaction.execute(query.values(**changes)).rowcount:
            return False
        self._note_version(transaction, plan, at_us, change, client, summary)
        return True

    def versions(self, connection: Connection, id: str) -> list[Version]:
        """The history of a plan, the oldest first."""
        columns = (VERSIONS.c[name] for name in Version.__annotations__)
        query = select(*columns).where(VERSIONS.c.plan == id).order_by(VERSIONS.c.version)
        return [Version(**row) for row in connection.execute(query).mappings()]

    def at_version(self, connection: Connection, plan: Plan, version: int) -> Plan | None:
        """The plan as that version says; None where there is none."""
        query = select(VERSIONS.c.draft).where(
            VERSIONS.c.plan == plan.id, VERSIONS.c.version == version
        )
        sealed = connection.execute(query).scalar()
        if sealed is None:
            return None
        return evolve(plan, draft=draft_of_json(self._seal.open(plan.id, sealed)), version=version)

    def finish(
        self,
        transaction: Transaction,
        plan: Plan,
        status: PlanStatus,
        *,
        at_us: int,
        code: str | None = None,
        reason: str | None = None,
        result: str | None = None,
    ) -> bool:
        """The plan is over. Returns whether it was not before."""
        end = self._seal.seal(f"{plan.id}/end", dumps([reason, result]))
        values = {"status": status, "ended_us": at_us, "code": code, "end": end, "awaits": None}
        alive = (PlanStatus.PENDING, PlanStatus.EXECUTING, PlanStatus.AWAITING_APPROVAL)
        return self.change(transaction, plan, alive, **values)

    # ── steps ─────────────────────────────────────────────────────────────────────────────────────

    def steps(self, connection: Connection | Transaction, plan: str) -> dict[str, StepState]:
        """Id -> state of every step that was begun."""
        rows = connection.execute(select(STEPS).where(STEPS.c.plan == plan)).mappings()
        return {row["id"]: self._step(row) for row in rows}

    def begin(
        self, transaction: Transaction, plan: Plan, step: str, at_us: int
    ) -> StepState | None:
        """Begin a step, once more where it was begun before. Its state: `running`, or the end that
        is recorded already. None where the plan is not this executor's to run any more."""
        state = self.steps(transaction, plan.id).get(step)
        if state is not None and state.status.is_over:
            return state
        if not _is_owned(transaction, plan):
            return None
        attempt = 1 if state is None else state.attempt + 1
        _run(transaction, plan.id, step, state, attempt=attempt, begun_us=at_us)
        return StepState(id=step, status=StepStatus.RUNNING, attempt=attempt, begun_us=at_us)

    def settle(self, transaction: Transaction, plan: str, state: StepState) -> bool:
        """The step is over. Returns whether that attempt was the one under way."""
        values = {name: getattr(state, name) for name in _OF_STEP if name not in ("id", "begun_us")}
        values |= {name: STEPS.c[name] + values[name] for name in _SPENT}
        end = [state.reason, state.result, [dict(each) for each in state.tool_calls]]
        values["end"] = self._seal.seal(f"{plan}/{state.id}", dumps(end))
        query = _of_step(plan, state.id).where(
            STEPS.c.attempt == state.attempt, STEPS.c.status == StepStatus.RUNNING
        )
        return bool(transaction.execute(query.values(**values)).rowcount)

    def note(self, transaction: Transaction, plan: Plan, state: StepState) -> bool:
        """Keep the end of a step that is not begun now. Returns whether the plan is this
        executor's to run."""
        if not _is_owned(transaction, plan):
            return False
        begun = self.steps(transaction, plan.id).get(state.id)
        attempt = 0 if begun is None else begun.attempt
        _run(transaction, plan.id, state.id, begun, attempt=attempt)
        return self.settle(transaction, plan.id, evolve(state, attempt=attempt))

    def reopen(self, transaction: Transaction, plan: str) -> None:
        """Have the steps without a result run again, each in its next attempt. What they spent
        counts on."""
        query = update(STEPS).where(STEPS.c.plan == plan, STEPS.c.status != StepStatus.COMPLETED)
        nothing = dict.fromkeys(_OF_ATTEMPT)
        transaction.execute(query.values(status=StepStatus.PENDING, **nothing))

    # ── executors ─────────────────────────────────────────────────────────────────────────────────

    def beat(self, transaction: Transaction, executor: str, at_us: int) -> None:
        """The executor lives."""
        there = update(EXECUTORS).where(EXECUTORS.c.id == executor)
        if not transaction.execute(there.values(beat_us=at_us)).rowcount:
            transaction.execute(insert(EXECUTORS), {"id": executor, "beat_us": at_us})

    def beats(self, connection: Connection) -> Mapping[str, int]:
        """Executor -> its last beat."""
        rows = connection.execute(select(EXECUTORS.c.id, EXECUTORS.c.beat_us))
        return {row.id: row.beat_us for row in rows}

    def leave(self, transaction: Transaction, executor: str, before_us: int = 0) -> None:
        """The executor runs no plans any more, nor do those that were not heard of since."""
        is_gone = (EXECUTORS.c.id == executor) | (EXECUTORS.c.beat_us < before_us)
        transaction.execute(delete(EXECUTORS).where(is_gone))

    def statuses(
        self, connection: Connection | Transaction, ids: Sequence[str]
    ) -> Mapping[str, PlanStatus]:
        """Id -> state of these plans."""
        query = select(PLANS.c.id, PLANS.c.status).where(PLANS.c.id.in_(ids))
        return {row.id: PlanStatus(row.status) for row in connection.execute(query)}

    def executing(self, connection: Connection) -> Mapping[str, str | None]:
        """Id -> the executor that took it last, of the plans that are to go on by themselves."""
        query = select(PLANS.c.id, PLANS.c.owner).where(PLANS.c.status == PlanStatus.EXECUTING)
        return {row.id: row.owner for row in connection.execute(query)}

    def forget(self, transaction: Transaction, before_us: int) -> Mapping[str, int]:
        """Remove the plans that were made before that time, do not run, and are under no hold. Id
        -> the last leg of each."""
        names = ("id", "leg", "tenant", "client", "user", "created_us", "ended_us")
        old = select(*(PLANS.c[name] for name in names)).where(
            PLANS.c.created_us < before_us, PLANS.c.status != PlanStatus.EXECUTING
        )
        holds = holds_in(transaction)
        gone = {row.id: row.leg for row in transaction.execute(old) if not _is_held(row, holds)}
        _remove(transaction, gone)
        return gone

    # ── rows ──────────────────────────────────────────────────────────────────────────────────────

    def _sealed_draft(self, plan: Plan) -> bytes:
        return self._seal.seal(plan.id, draft_to_json(plan.draft))

    def _note_version(
        self,
        transaction: Transaction,
        plan: Plan,
        at_us: int,
        change: str,
        client: str,
        summary: str,
    ) -> None:
        row = {
            "plan": plan.id,
            "version": plan.version,
            "at_us": at_us,
            "change": change,
            "client": client,
            "summary": summary,
            "draft": self._sealed_draft(plan),
        }
        transaction.execute(insert(VERSIONS), row)

    def _plan(self, row: RowMapping) -> Plan:
        reason = result = None
        if row["end"] is not None:
            reason, result = loads(self._seal.open(f"{row['id']}/end", row["end"]))
        return Plan(
            draft=draft_of_json(self._seal.open(row["id"], row["draft"])),
            reason=reason,
            result=result,
            **{**{name: row[name] for name in _OF_PLAN}, "status": PlanStatus(row["status"])},
        )

    def _step(self, row: RowMapping) -> StepState:
        reason, result, tool_calls = None, None, []
        if row["end"] is not None:
            name = f"{row['plan']}/{row['id']}"
            reason, result, tool_calls = loads(self._seal.open(name, row["end"]))
        return StepState(
            reason=reason,
            result=result,
            tool_calls=tool_calls,
            **{**{name: row[name] for name in _OF_STEP}, "status": StepStatus(row["status"])},
        )


def _is_held(plan: Row[Any], holds: Sequence[Hold]) -> bool:
    """Whether a hold covers the beginning or the end of a plan."""
    times = (plan.created_us, plan.ended_us or plan.created_us)
    return any(holding(holds, plan.tenant, plan.client, plan.user, at_us) for at_us in times)


def _is_owned(transaction: Transaction, plan: Plan) -> bool:
    """Whether the plan runs, in that leg, and no other executor took it since."""
    query = select(PLANS.c.status, PLANS.c.owner, PLANS.c.leg).where(PLANS.c.id == plan.id)
    row = transaction.execute(query).first()
    return row is not None and tuple(row) == (PlanStatus.EXECUTING, plan.owner, plan.leg)


def erase(transaction: Transaction, chosen: Chosen) -> int:
    """Remove the plans of which a record is erased, whole: each of their texts may repeat another.
    Returns how many."""
    made = {row.record: row.id for row in transaction.execute(select(PLANS.c.record, PLANS.c.id))}
    query = select(STEPS.c.record, STEPS.c.plan).where(STEPS.c.record.is_not(None))
    made |= {row.record: row.plan for row in transaction.execute(query)}
    gone = {made[record] for record in chosen(made.keys())}
    _remove(transaction, gone)
    return len(gone)


def _remove(transaction: Transaction, plans: Iterable[str]) -> None:
    for id in plans:
        for table, column in ((STEPS, "plan"), (VERSIONS, "plan"), (PLANS, "id")):
            transaction.execute(delete(table).where(table.c[column] == id))


def _run(
    transaction: Transaction, plan: str, step: str, state: StepState | None, **values: Any
) -> None:
    """Have a step running, whose state is known where it was begun before."""
    values["status"] = StepStatus.RUNNING
    if state is None:
        transaction.execute(insert(STEPS), {"plan": plan, "id": step, **values})
    else:
        transaction.execute(_of_step(plan, step).values(**values))


def _of_step(plan: str, step: str) -> Any:
    return update(STEPS).where(STEPS.c.plan == plan, STEPS.c.id == step)
