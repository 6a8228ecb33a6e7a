"""What a client does with plans, each a story to be read from top to bottom.

    generate   a model writes a plan, which is kept
    execute    the plan runs once, and the request waits for its end
    resume     whoever looks after plans agrees to what waits for it, or refuses; or a plan that
               failed goes on
    cancel     calls under way are broken off; results stay
    update     a new version, where nobody made another meanwhile; rollback makes one of an old one

A plan is seen by the clients of its tenant. It is executed and changed by the client that made it
alone, for its steps run in that client's name.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Self

from axonflow_core.audit.record import new_id
from axonflow_core.audit.store import AuditStore
from axonflow_core.frozen import evolve
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.trail import Outcome
from axonflow_core.plans.agents import agents_of
from axonflow_core.plans.book import Book, Version
from axonflow_core.plans.changes import Changes
from axonflow_core.plans.clock import now_us
from axonflow_core.plans.databases import EngineDatabase
from axonflow_core.plans.engine import Engine
from axonflow_core.plans.ground import Ground
from axonflow_core.plans.plan import Draft, Plan
from axonflow_core.plans.planner import Planned, Planning, planned
from axonflow_core.plans.requests import Made, Refused, Standing, Wanted, Why
from axonflow_core.plans.runs import Runs, plan_entry
from axonflow_core.plans.sealing import PlanSeal
from axonflow_core.plans.terms import ExecutionMode, PlanStatus

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from axonflow_core.audit.batch import Transaction

WHOLE = "plan"
"""What an approval of a whole plan is of."""
_POLL_S = 0.25
"""How often a request looks how far a plan is that runs elsewhere."""
_DAY_US = 86_400_000_000


class Plans:
    """The plans of one server."""

    def __init__(
        self,
        audit: AuditStore,
        book: Book,
        ground: Callable[[], Ground],
        database: EngineDatabase,
        takeover_s: float,
    ) -> None:
        self.changes = Changes()
        self._audit = audit
        self._book = book
        self._ground = ground
        self._runs = Runs(audit, book, ground, database.executor, self.changes.tell)
        self._engine = Engine(self._runs, database, takeover_s)

    @classmethod
    async def open(
        cls,
        audit: AuditStore,
        server_keys: Sequence[bytes],
        ground: Callable[[], Ground],
        database: EngineDatabase,
    ) -> Self:
        """Begin to run plans. `ConfigError` where that cannot be."""
        takeover_s = ground().plans.takeover_s
        plans = cls(audit, Book(PlanSeal(server_keys)), ground, database, takeover_s)
        await plans._engine.open()
        return plans

    @property
    def executor(self) -> str:
        """The id of the executor that this process is."""
        return self._runs.executor

    async def aclose(self) -> None:
        """Break off what is under way: it goes on at the next start, or elsewhere."""
        await self._engine.aclose()

    # ── stories ───────────────────────────────────────────────────────────────────────────────────

    async def generate(
        self, caller: Caller, wanted: Wanted, *, timeout_s: float
    ) -> Made | Outcome | Planned:
        """A new plan, which is kept; what came of the call where there is none. `RequestError`
        where nobody works on the domain."""
        ground = self._ground()
        agents = agents_of(ground.agents, wanted.domain)
        id = f"plan_{new_id()}"
        planning = Planning(
            caller=caller,
            query=wanted.query,
            user=wanted.user,
            agents=agents,
            wish=wanted.wish,
            plan=id,
        )
        with ground.hold():
            made = await planned(ground.governance, ground.plans, planning, timeout_s=timeout_s)
        if not made.steps:
            return made if made.faults else made.outcome
        at_us = now_us()
        user = wanted.user and await self._audit.pseudonym(caller.tenant, wanted.user)
        plan = Plan(
            id=id,
            tenant=caller.tenant,
            client=caller.client,
            user=user,
            draft=Draft(
                query=wanted.query,
                user=wanted.user,
                steps=made.steps,
                wish=wanted.wish,
                metadata=wanted.metadata,
                domain=wanted.domain,
                written_for=wanted.domain,
                mode=wanted.mode or ground.plans.mode,
            ),
            created_us=at_us,
            expires_us=at_us + int(ground.plans.expires_s * 1e6),
        )

        made_entry = plan_entry(plan, "created", steps=len(plan.draft.steps))

        def keep(transaction: Transaction) -> None:
            transaction.append(made_entry)
            self._book.add(transaction, plan, made_entry.id)

        await self._audit.transact(keep)
        if _is_time_to_forget(plan):
            await self._forget(at_us - ground.plans.keep_days * _DAY_US)
        return Made(plan=plan, outcome=made.outcome)

    async def execute(self, caller: Caller, id: str, *, wait_s: float) -> Standing | Refused:
        """The plan at its end, or as it stands after `wait_s`. A plan that runs is waited for."""
        plan = await self._own(caller, id)
        if isinstance(plan, Refused):
            return plan
        if plan.status is PlanStatus.PENDING:
            if now_us() >= plan.expires_us:
                return Refused(Why.EXPIRED, f"the plan {id} has expired: make another", plan)
            plan = await self._begun(plan, caller)
        if plan.status.is_over:
            return Refused(Why.EXECUTED, f"the plan {id} was executed already: {plan.status}", plan)
        return await self._settled(plan, wait_s)

    async def resume(
        self, caller: Caller, id: str, *, approves: bool, wait_s: float
    ) -> Standing | Refused:
        """Agree to what a plan waits for, or refuse it. A plan that failed goes on with the steps
        that have no result. The plan at its end, or as it stands after `wait_s`."""
        plan = await self._found(caller, id)
        if plan is None:
            return _unknown(id)
        if plan.status is PlanStatus.FAILED and plan.client != caller.client:
            return _foreign(plan)
        if plan.status not in (PlanStatus.AWAITING_APPROVAL, PlanStatus.FAILED):
            message = f"the plan {id} is {plan.status}: nothing of it waits for an approval"
            return Refused(Why.STATE, message, plan)
        has_failed = plan.status is PlanStatus.FAILED
        if approves and not (has_failed or _is_waiting(plan, self._waiting_since_us())):
            return Refused(Why.EXPIRED, f"the plan {id} has waited for too long", plan)
        if not approves:
            reason = f"the approval of {plan.awaits or 'the plan'} was refused"
            has_ended = await self._runs.ended(
                plan, PlanStatus.CANCELLED, code="refused", reason=reason, client=caller.client
            )
            if has_ended or has_failed:
                return await self._standing(plan.id)
        elif await self._went_on(plan, caller):
            return await self._settled(plan, wait_s)
        return Refused(Why.STATE, f"the plan {id} was resumed or ended meanwhile", plan)

    async def cancel(self, caller: Caller, id: str) -> Plan | Refused:
        """The plan, cancelled where it was not over."""
        plan = await self._found(caller, id)
        if plan is None:
            return _unknown(id)
        reason = f"the client {caller.client} cancelled it"
        while not plan.status.is_over and not await self._runs.ended(
            plan, PlanStatus.CANCELLED, code="cancelled", reason=reason, client=caller.client
        ):  # its next leg began meanwhile
            plan = (await self._standing(id)).plan
        await self._engine.cancel(id)
        return (await self._standing(id)).plan

    async def update(
        self, caller: Caller, id: str, version: int, changes: Mapping[str, object]
    ) -> Plan | Refused:
        """A new version of a plan that is not executed yet, with other members of its draft. Its
        steps stay, and who does them. A domain that none works on is a `RequestError`."""
        plan = await self._own(caller, id)
        if isinstance(plan, Refused):
            return plan
        if (domain := changes.get("domain")) is not None:
            agents_of(self._ground().agents, str(domain))
        summary = ", ".join(sorted(changes)) or "nothing"
        draft = evolve(plan.draft, **changes)  # type: ignore[arg-type]  # names of its fields
        return await self._redrafted(plan, draft, version, caller, "updated", summary)

    async def rollback(self, caller: Caller, id: str, version: int) -> Plan | Refused:
        """A new version that says what an old one said."""
        plan = await self._own(caller, id)
        if isinstance(plan, Refused):
            return plan
        old = await self._audit.read(
            lambda connection: self._book.at_version(connection, plan, version)
        )
        if old is None:
            return Refused(Why.UNKNOWN, f"the plan {id} has no version {version}", plan)
        summary = f"to version {version}"
        return await self._redrafted(plan, old.draft, plan.version, caller, "rolled_back", summary)

    # ── reading ───────────────────────────────────────────────────────────────────────────────────

    async def standing(self, caller: Caller, id: str) -> Standing | None:
        """How far a plan is; None where the caller's tenant has none of that id."""
        return None if await self._found(caller, id) is None else await self._standing(id)

    async def versions(self, caller: Caller, id: str) -> list[Version] | None:
        """The history of a plan, the oldest first; None where there is no such plan."""
        if await self._found(caller, id) is None:
            return None
        return await self._audit.read(lambda connection: self._book.versions(connection, id))

    async def awaiting(self, caller: Caller, *, limit: int, id: str | None) -> list[Plan]:
        """The plans that can be approved, the newest first; of the one of that `id` whether it
        can."""
        since_us = self._waiting_since_us()
        if id is None:
            return await self._newest(caller, limit=limit, waiting_since_us=since_us)
        plan = await self._found(caller, id)
        return [] if plan is None or not _is_waiting(plan, since_us) else [plan]

    async def listing(self, caller: Caller, *, limit: int) -> list[Plan]:
        """The newest plans of the caller's tenant."""
        return await self._newest(caller, limit=limit)

    # ── steps ─────────────────────────────────────────────────────────────────────────────────────

    async def _found(self, caller: Caller, id: str) -> Plan | None:
        return await self._audit.read(
            lambda connection: self._book.find(connection, id, caller.tenant)
        )

    async def _newest(
        self, caller: Caller, *, limit: int, waiting_since_us: int | None = None
    ) -> list[Plan]:
        return await self._audit.read(
            lambda connection: self._book.of_tenant(
                connection, caller.tenant, limit=limit, waiting_since_us=waiting_since_us
            )
        )

    def _waiting_since_us(self) -> int:
        """When a plan must have begun to wait for somebody that can still be approved."""
        return now_us() - int(self._ground().plans.expires_s * 1e6) + 1

    async def _own(self, caller: Caller, id: str) -> Plan | Refused:
        """A plan that the caller made."""
        plan = await self._found(caller, id)
        if plan is None:
            return _unknown(id)
        return plan if plan.client == caller.client else _foreign(plan)

    async def _standing(self, id: str) -> Standing:
        def read(connection: Connection) -> Standing:
            plan = self._book.get(connection, id)
            assert plan is not None  # noqa: S101 - it was found
            return Standing(plan=plan, steps=self._book.steps(connection, id))

        return await self._audit.read(read)

    async def _begun(self, plan: Plan, caller: Caller) -> Plan:
        """The plan, set going, or waiting for the first approval; as it stands where somebody else
        was faster."""
        awaited = {ExecutionMode.CONFIRM: WHOLE, ExecutionMode.STEP: plan.draft.steps[0].id}
        if plan.mode in awaited:
            status, awaits, leg = PlanStatus.AWAITING_APPROVAL, awaited[plan.mode], 0
        else:
            status, awaits, leg = PlanStatus.EXECUTING, None, 1
        at_us = now_us()
        changes = {"status": status, "awaits": awaits, "leg": leg, "begun_us": at_us}
        if awaits is not None:
            changes["ended_us"] = at_us
        has_begun = await self._runs.moved(
            plan, (PlanStatus.PENDING,), "begun", changes, client=caller.client
        )
        plan = (await self._standing(plan.id)).plan
        if has_begun and plan.status is PlanStatus.EXECUTING:
            await self._engine.start(plan)
        return plan

    async def _went_on(self, plan: Plan, caller: Caller) -> bool:
        """Have the next leg of a plan run. Returns whether this did it."""
        has_failed = plan.status is PlanStatus.FAILED
        changes = {
            "status": PlanStatus.EXECUTING,
            "leg": plan.leg + 1,
            "awaits": None,
            "approved": plan.awaits or plan.approved,
            "begun_us": now_us() - (0 if has_failed else _spent_us(plan)),
            "ended_us": None,
        }
        if has_failed:
            changes |= {"code": None, "end": None}
        has_moved = await self._runs.moved(
            plan,
            (plan.status,),
            "resumed" if has_failed else "approved",
            changes,
            client=caller.client,
            reopens=has_failed,
        )
        if has_moved:
            await self._engine.start((await self._standing(plan.id)).plan)
        return has_moved

    async def _forget(self, before_us: int) -> None:
        gone = await self._audit.transact(
            lambda transaction: self._book.forget(transaction, before_us)
        )
        await self._engine.forget(gone)

    async def _redrafted(
        self, plan: Plan, draft: Draft, version: int, caller: Caller, change: str, summary: str
    ) -> Plan | Refused:
        changed = evolve(plan, draft=draft, version=version + 1)

        def redraft(transaction: Transaction) -> bool:
            is_new = self._book.redraft(
                transaction, changed, now_us(), change, caller.client, summary
            )
            if is_new:
                transaction.append(plan_entry(changed, change, client=caller.client))
            return is_new

        if await self._audit.transact(redraft):
            return changed
        plan = (await self._standing(plan.id)).plan
        if plan.status is not PlanStatus.PENDING:
            return Refused(Why.STATE, f"the plan {plan.id} is {plan.status}", plan)
        message = f"the plan {plan.id} is at version {plan.version}"
        return Refused(Why.CONFLICT, message, plan, expected=version)

    async def _settled(self, plan: Plan, wait_s: float) -> Standing:
        """The plan once nothing more happens by itself, or after a while."""
        until = time.monotonic() + wait_s
        while True:
            with self.changes.waiting(plan.id) as changed:
                standing = await self._standing(plan.id)
                left = until - time.monotonic()
                if standing.plan.status is not PlanStatus.EXECUTING or left <= 0:
                    return standing
                await asyncio.wait({changed}, timeout=min(_POLL_S, left))


def _is_waiting(plan: Plan, since_us: int) -> bool:
    """Whether a plan waits for somebody, and began to then or later."""
    return plan.status is PlanStatus.AWAITING_APPROVAL and (plan.ended_us or 0) >= since_us


def _spent_us(plan: Plan) -> int:
    """How long a plan that waits has run, in microseconds."""
    if plan.begun_us is None or plan.ended_us is None:
        return 0
    return plan.ended_us - plan.begun_us


def _unknown(id: str) -> Refused:
    return Refused(Why.UNKNOWN, f"there is no plan {id[:80]!a}")


def _foreign(plan: Plan) -> Refused:
    return Refused(Why.FOREIGN, f"the plan {plan.id} is another client's", plan)


def _is_time_to_forget(plan: Plan) -> bool:
    """Whether old plans are removed beside the keeping of this one: at one in 32, by its random
    id, so that nobody counts."""
    return int(plan.id[-2:], 16) < 8
