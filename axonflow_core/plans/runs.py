"""Runs the steps of plans, each through governance.

    take      the plan is this executor's to run, until another takes it
    run       one step: what it waits for has results? room left? begin, call, settle
    close     all steps of the leg are over: what became of the plan

Whatever is asked again gives the same answer: a step whose end is recorded is not run again, a plan
that is over stays as it is. So an engine may call these as often as it likes, and after any crash.
A step without a recorded end is made again under the same idempotency key; the record of its call
says which attempt it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.store import AuditStore
from axonflow_core.budgets.terms import nanos
from axonflow_core.errors import RequestError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.governance.trail import Outcome
from axonflow_core.messages import Json
from axonflow_core.plans.book import Book
from axonflow_core.plans.calls import broke_off, call_of, state_of
from axonflow_core.plans.clock import now_us
from axonflow_core.plans.ground import Ground
from axonflow_core.plans.order import ONE_BY_ONE, waits
from axonflow_core.plans.plan import SYNTHESIS, Plan, StepState
from axonflow_core.plans.planner import MODE
from axonflow_core.plans.terms import ExecutionMode, OnFailure, PlanStatus, StepStatus
from axonflow_core.policy.rules import Verdict

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction


@frozen(kw_only=True)
class Leg:
    """A part of an execution that runs without anybody's approval."""

    plan: Plan
    waits: Mapping[str, frozenset[str]]
    """Id of a step of this leg -> those of it that must be over before."""


class Runs:
    """Runs steps in the name of one executor. What it does is on record when it returns."""

    def __init__(
        self,
        audit: AuditStore,
        book: Book,
        ground: Callable[[], Ground],
        executor: str,
        tell: Callable[[Plan, StepState | None], None] = lambda plan, state: None,
    ) -> None:
        """`tell` hears of every change of a plan and of its steps."""
        self.audit = audit
        self.book = book
        self.executor = executor
        self._ground = ground
        self._tell = tell

    async def take(self, id: str, leg: int) -> Leg | None:
        """Make the plan this executor's, and say what the leg has to do. None where that leg is
        not to be run any more."""

        def take(transaction: Transaction) -> Plan | None:
            plan = self.book.get(transaction, id)
            if plan is None or plan.leg != leg or plan.status is not PlanStatus.EXECUTING:
                return None
            alive = (PlanStatus.EXECUTING,)
            self.book.change(transaction, plan, alive, owner=self.executor)
            return evolve(plan, owner=self.executor)

        plan = await self.audit.transact(take)
        if plan is None:
            return None
        self._tell(plan, None)
        return Leg(plan=plan, waits=_waits_of(plan))

    async def run(self, plan: Plan, id: str) -> StepStatus:
        """Run a step of a plan that this executor took. Where it stands afterwards; `running` where
        the plan is another's by now, which then has what this step waits for under way."""
        ground = self._ground()
        states = await self._states(plan)
        if _is_over(states, id):
            return states[id].status
        if not all(_is_over(states, each) for each in _needs(plan, id)):
            return StepStatus.RUNNING
        reason = self._hindrance(plan, id, states, ground)
        if reason is not None:
            return await self._noted(plan, id, reason)
        begun = await self.audit.transact(
            lambda transaction: self.book.begin(transaction, plan, id, now_us())
        )
        if begun is None:
            return StepStatus.RUNNING
        if begun.status.is_over:
            return begun.status
        self._tell(plan, begun)
        with ground.hold():
            return await self._called(plan, id, begun, states, ground)

    async def close(self, leg: Leg) -> PlanStatus:
        """The steps of a leg are over. Where the plan stands then: `executing` where they are not,
        for another executor took it, or it was cancelled."""
        plan, states = leg.plan, await self._states(leg.plan)
        if not all(_is_over(states, id) for id in leg.waits):
            return PlanStatus.EXECUTING
        awaited = _next_to_approve(plan, states)
        if awaited is not None:
            changes = {
                "status": PlanStatus.AWAITING_APPROVAL,
                "awaits": awaited,
                "ended_us": now_us(),
            }
            await self.moved(plan, (PlanStatus.EXECUTING,), "awaits_approval", changes)
            return PlanStatus.AWAITING_APPROVAL
        status, code, reason, result = _end_of(plan, states)
        await self.ended(plan, status, code=code, reason=reason, result=result)
        return status

    # ── changes of plans ──────────────────────────────────────────────────────────────────────────

    async def moved(
        self,
        plan: Plan,
        before: tuple[PlanStatus, ...],
        what: str,
        to: Mapping[str, object],
        *,
        client: str = "",
        reopens: bool = False,
    ) -> bool:
        """Change the plan where it stands in one of these states, on record. With `reopens` the
        steps without a result are to run again. Returns whether it did."""

        def move(transaction: Transaction) -> bool:
            if not self.book.change(transaction, plan, before, **to):
                return False
            if reopens:
                self.book.reopen(transaction, plan.id)
            transaction.append(plan_entry(plan, what, client=client))
            return True

        has_moved = await self.audit.transact(move)
        if has_moved:
            self._tell(plan, None)
        return has_moved

    async def ended(
        self,
        plan: Plan,
        status: PlanStatus,
        *,
        code: str | None = None,
        reason: str | None = None,
        result: str | None = None,
        client: str = "",
    ) -> bool:
        """The plan is over, on record. Returns whether it was not before."""

        def end(transaction: Transaction) -> bool:
            is_new = self.book.finish(
                transaction,
                plan,
                status,
                at_us=now_us(),
                code=code,
                reason=reason,
                result=result,
            )
            if is_new:
                facts = {} if code is None else {"code": code}
                entry = plan_entry(plan, str(status), client=client, **facts)
                transaction.append(entry)
            return is_new

        is_new = await self.audit.transact(end)
        if is_new:
            self._tell(plan, None)
        return is_new

    # ── one step ──────────────────────────────────────────────────────────────────────────────────

    async def _states(self, plan: Plan) -> dict[str, StepState]:
        return await self.audit.read(lambda connection: self.book.steps(connection, plan.id))

    def _hindrance(
        self, plan: Plan, id: str, states: Mapping[str, StepState], ground: Ground
    ) -> StepState | None:
        """The end of a step that is not begun; None where nothing keeps it from running."""

        def skipped(code: str, reason: str) -> StepState:
            return StepState(id=id, status=StepStatus.SKIPPED, code=code, reason=reason)

        over = [state for state in states.values() if state.status.is_over]
        if _stops(plan, ground) and any(not state.has_result for state in over):
            return skipped("stopped", "an earlier step has no result")
        if id == SYNTHESIS:
            if not any(state.has_result for state in over):
                return skipped("no_results", "no step has a result")
        else:
            missing = [each for each in _needs(plan, id) if not states[each].has_result]
            if missing:
                return skipped("missing_result", f"{', '.join(missing)} has no result")
        return self._over_limit(plan, id, states.values(), ground)

    def _over_limit(
        self, plan: Plan, id: str, states: Collection[StepState], ground: Ground
    ) -> StepState | None:
        config, spent = ground.plans, sum(each.cost_nanos for each in states)
        tokens = sum(each.tokens_in + each.tokens_out for each in states)
        elapsed_s = (now_us() - (plan.begun_us or now_us())) / 1e6
        limits = (
            (elapsed_s >= config.max_wall_s, "max_wall_s", f"{config.max_wall_s:g} s"),
            (tokens >= config.max_tokens, "max_tokens", f"{config.max_tokens:,} tokens"),
            (
                config.max_cost_usd is not None and spent >= nanos(config.max_cost_usd),
                "max_cost_usd",
                f"${config.max_cost_usd or 0:g}",
            ),
        )
        for is_reached, code, what in limits:
            if is_reached:
                reason = f"the plan has used its {what}"
                return StepState(id=id, status=StepStatus.FAILED, code=code, reason=reason)
        return None

    async def _noted(self, plan: Plan, id: str, state: StepState) -> StepStatus:
        is_kept = await self.audit.transact(
            lambda transaction: self.book.note(transaction, plan, state)
        )
        if not is_kept:
            return StepStatus.RUNNING
        self._tell(plan, state)
        return state.status

    async def _called(
        self,
        plan: Plan,
        id: str,
        begun: StepState,
        states: Mapping[str, StepState],
        ground: Ground,
    ) -> StepStatus:
        """Make the call of a step that was begun."""
        caller = ground.caller(plan.client)
        try:
            if caller is None or caller.tenant != plan.tenant:
                raise RequestError(f"the client {plan.client} is not there any more")
            call = call_of(plan, id, begun, states, ground, caller)
        except RequestError as error:
            state = evolve(begun, status=StepStatus.FAILED, code=error.code, reason=error.message)
            return await self._settled(plan, evolve(state, ended_us=now_us()))
        settled = begun

        def settle(transaction: Transaction, outcome: Outcome) -> None:
            nonlocal settled
            if broke_off(outcome) and not self._is_cancelled(transaction, plan):
                return  # the executor ends, and the step is begun again elsewhere
            settled = state_of(begun, outcome)
            self.book.settle(transaction, plan.id, settled)

        try:
            await ground.governance.complete(evolve(call, on_record=settle))
        finally:
            self._tell(plan, settled)
        return settled.status

    def _is_cancelled(self, transaction: Transaction, plan: Plan) -> bool:
        statuses = self.book.statuses(transaction, [plan.id])
        return statuses.get(plan.id) is PlanStatus.CANCELLED

    async def _settled(self, plan: Plan, state: StepState) -> StepStatus:
        await self.audit.transact(lambda transaction: self.book.settle(transaction, plan.id, state))
        self._tell(plan, state)
        return state.status


def plan_entry(plan: Plan, what: str, *, client: str = "", **facts: Json) -> Entry:
    """The record of a change of a plan. `client` is who made it; empty where it happened by
    itself."""
    return Entry(
        kind=Kind.PLAN,
        verdict=Verdict.ALLOWED,
        tenant=plan.tenant,
        client=client or plan.client,
        user=plan.user,
        facts={"mode": MODE, "plan": plan.id, "what": what, "version": plan.version, **facts},
    )


def steps_of(plan: Plan) -> tuple[str, ...]:
    """The ids of all steps of a plan, that which makes the answer last; a single step's result is
    the answer."""
    ids = tuple(step.id for step in plan.draft.steps)
    return ids if len(ids) < 2 else (*ids, SYNTHESIS)


def _waits_of(plan: Plan) -> Mapping[str, frozenset[str]]:
    """What the leg of a plan has to do. Of a plan in the mode `step`: the step that was approved,
    and the answer behind the last."""
    steps = plan.draft.steps
    if plan.mode is ExecutionMode.STEP:
        waiting = {plan.approved or "": frozenset[str]()}
        if len(steps) > 1 and plan.approved == steps[-1].id:
            waiting[SYNTHESIS] = frozenset((steps[-1].id,))
        return waiting
    waiting = dict(waits(steps, plan.mode))
    if len(steps) > 1:
        waiting[SYNTHESIS] = frozenset(waiting)
    return waiting


def _next_to_approve(plan: Plan, states: Mapping[str, StepState]) -> str | None:
    """The step that somebody has to agree to next; None where there is none, or one failed."""
    if plan.mode is not ExecutionMode.STEP:
        return None
    if any(state.status.is_over and not state.has_result for state in states.values()):
        return None
    return next((step.id for step in plan.draft.steps if not _is_over(states, step.id)), None)


def _end_of(
    plan: Plan, states: Mapping[str, StepState]
) -> tuple[PlanStatus, str | None, str | None, str | None]:
    """State, code, reason and result of a plan whose steps are over."""
    ids = steps_of(plan)
    last = states.get(ids[-1])
    if last is not None and last.has_result:
        return PlanStatus.COMPLETED, None, None, last.result
    causes = [
        states[id]
        for id in ids
        if id in states and states[id].status in (StepStatus.FAILED, StepStatus.BLOCKED)
    ]
    if not causes:
        return PlanStatus.FAILED, "no_result", "the last step has no result", None
    cause = causes[0]
    return PlanStatus.FAILED, cause.code, f"{cause.id}: {cause.reason}", None


def _needs(plan: Plan, id: str) -> tuple[str, ...]:
    """The ids of the steps whose results a step is given."""
    if id == SYNTHESIS:
        return tuple(step.id for step in plan.draft.steps)
    return plan.draft.step(id).depends_on


def _is_over(states: Mapping[str, StepState], id: str) -> bool:
    return id in states and states[id].status.is_over


def _stops(plan: Plan, ground: Ground) -> bool:
    """Whether no step begins once another has no result."""
    return plan.mode in ONE_BY_ONE or ground.plans.on_failure is OnFailure.STOP
