"""Plans, as the product's SDK reads them.

It takes a plan's steps from `data.steps` alone, and none of a step's members may be null. What
`execute-plan` says of failure stands in `data` too, with the status 200 (SDK 9.5.0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from axonflow_core.budgets.terms import usd
from axonflow_core.errors import MalformedRequest
from axonflow_core.framing.sse import encode_event
from axonflow_core.json_text import dumps
from axonflow_core.messages import Json
from axonflow_core.plans.book import Version
from axonflow_core.plans.calls import STEP_CALL
from axonflow_core.plans.order import depth
from axonflow_core.plans.plan import SYNTHESIS, Plan, StepState, Wish
from axonflow_core.plans.planner import Planned
from axonflow_core.plans.requests import Made, Refused, Standing, Wanted, Why
from axonflow_core.plans.runs import steps_of
from axonflow_core.plans.service import WHOLE
from axonflow_core.plans.terms import ExecutionMode, PlanStatus, StepStatus
from axonflow_core.server.client_request import Answer, json_answer, refusal
from axonflow_core.server.fields import MAX_TOKEN, Fields
from axonflow_core.server.wire.budgets import warning_headers
from axonflow_core.server.wire.policies import risk_score
from axonflow_core.server.wire.proxy import MAX_QUERY
from axonflow_core.server.wire.times import timestamp

DEFAULT_LISTED, MAX_LISTED = 20, 100
MAX_COMPLEXITY = 5
"""The product's scale."""
MAX_DESCRIPTION = 100
"""Characters of a task that describe its step, as in the product."""
_STEP_TYPE = "llm-call"
_STATUS_OF: Mapping[Why, int] = {
    Why.UNKNOWN: 404,
    Why.EXPIRED: 410,
    Why.EXECUTED: 409,
    Why.CONFLICT: 409,
    Why.STATE: 400,
    Why.FOREIGN: 403,
}
"""Why nothing was done -> status. The SDK reads every 409 as a conflict of versions."""


def wanted_plan(fields: Fields, user: str | None, domain: str) -> Wanted:
    """What a body asks a plan for, on behalf of `user` where it names none. The mode may stand in
    `context`, where the SDK has it, or beside it, where the product reads it."""
    context = fields.object("context")
    mode = context.optional_text("execution_mode") or fields.optional_text("execution_mode")
    return Wanted(
        query=fields.text("query", most=MAX_QUERY),
        user=fields.optional_text("user_token", most=MAX_TOKEN) or user,
        domain=context.optional_text("domain", most=64) or domain,
        mode=None if mode is None else mode_named(mode),
        wish=Wish(
            provider=context.optional_text("provider"),
            model=context.optional_text("model", most=2_048),
            team=context.optional_text("team_id"),
        ),
    )


def changed_plan(fields: Fields) -> tuple[int, dict[str, object]]:
    """The version that a body changes, and the members of the draft that it has."""
    version = fields.count("version", least=1)
    if version is None:
        raise MalformedRequest("version field is required")
    changes: dict[str, object] = {}
    if (mode := fields.optional_text("execution_mode")) is not None:
        changes["mode"] = mode_named(mode)
    if (domain := fields.optional_text("domain", most=64)) is not None:
        changes["domain"] = domain
    if "metadata" in fields:
        changes["metadata"] = fields.members("metadata")
    return version, changes


def limit_of(query: Mapping[str, str]) -> int:
    """How many plans a query asks for."""
    text = query.get("limit", str(DEFAULT_LISTED))
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        raise MalformedRequest("limit is a whole number")
    return Fields({"limit": int(text)}).count("limit", least=1, most=MAX_LISTED) or DEFAULT_LISTED


def mode_named(name: str) -> ExecutionMode:
    """The execution mode of that name. `MalformedRequest` where there is none."""
    try:
        return ExecutionMode(name)
    except ValueError:
        known = ", ".join(ExecutionMode)
        raise MalformedRequest(f"execution_mode is one of {known}") from None


def made_answer(made: Made) -> Answer:
    """A plan that was made, with what the policies found in the call that wrote it."""
    plan, outcome = made.plan, made.outcome
    data: dict[str, Json] = {
        "success": True,
        "plan_id": plan.id,
        "status": plan.status,
        "steps": described_steps(plan),
        "domain": plan.draft.domain,
        "complexity": min(len(plan.draft.steps), MAX_COMPLEXITY),
        "parallel": depth(plan.draft.steps) < len(plan.draft.steps),
        "version": plan.version,
        "execution_mode": plan.mode,
        "expires_at": timestamp(plan.expires_us),
        "policy_info": {
            "allowed": True,
            "applied_policies": list(outcome.rules),
            "risk_score": risk_score(outcome.decisions),
        },
    }
    metadata: dict[str, Json] = {
        "tasks_executed": 0,
        "execution_mode": plan.mode,
        "status": plan.status,
        "tasks": [],
    }
    body = {"success": True, "plan_id": plan.id, "data": data, "metadata": metadata}
    return json_answer(body, 200, **warning_headers(outcome.exceeded))


def unplanned_answer(made: Planned) -> Answer:
    """What the model wrote is no plan."""
    return failed_answer(f"no plan was made: {'; '.join(made.faults)}", "no_plan")


def failed_answer(message: str, code: str, **more: Json) -> Answer:
    """A request of Proxy Mode about plans that failed. The SDK raises the message."""
    data: dict[str, Json] = {"success": False, "error": message, "code": code, **more}
    return json_answer({"success": False, "error": message, "data": data, "metadata": {}})


def described_steps(plan: Plan) -> list[Json]:
    """The steps of a plan, as the SDK has them."""
    steps: list[Json] = [
        {
            "id": step.id,
            "name": step.name,
            "type": _STEP_TYPE,
            "description": step.task[:MAX_DESCRIPTION],
            "depends_on": list(step.depends_on),
            "agent": step.agent,
            "parameters": {},
        }
        for step in plan.draft.steps
    ]
    if len(steps) > 1:
        before: list[Json] = [step.id for step in plan.draft.steps]
        steps.append(
            {
                "id": SYNTHESIS,
                "name": "synthesize-results",
                "type": _STEP_TYPE,
                "description": "makes one answer of all results",
                "depends_on": before,
                "agent": "",
                "parameters": {},
            }
        )
    return steps


def executed_answer(standing: Standing) -> Answer:
    """A plan that was executed, or is still."""
    plan = standing.plan
    if plan.status in (PlanStatus.FAILED, PlanStatus.CANCELLED):
        reason = plan.reason or str(plan.status)
        return failed_answer(
            reason, plan.code or str(plan.status), plan_id=plan.id, **_facts(standing)
        )
    metadata: dict[str, Json] = {**_facts(standing), "execution_mode": plan.mode}
    body: dict[str, Json] = {
        "success": True,
        "plan_id": plan.id,
        "data": {
            "status": plan.status,
            "plan_id": plan.id,
            "workflow_id": workflow_id(plan),
            "version": plan.version,
        },
        "metadata": metadata,
    }
    if plan.result is not None:
        body["result"] = plan.result
    return json_answer(body)


def _facts(standing: Standing) -> dict[str, Json]:
    plan = standing.plan
    return {
        "status": plan.status,
        "step_results": step_results(standing),
        "duration": duration(plan),
        "tasks": [
            {"name": _name(plan, id), "status": _state(standing, id).status}
            for id in steps_of(plan)
        ],
    }


def standing_body(standing: Standing) -> dict[str, Json]:
    """A plan as it stands, for the route of its status."""
    plan, steps = standing.plan, standing.steps
    spent = sum(each.cost_nanos for each in steps.values())
    ids = steps_of(plan)
    over = sum(_state(standing, id).status.is_over for id in ids)
    body: dict[str, Json] = {
        "success": True,
        "plan_id": plan.id,
        "execution_id": workflow_id(plan),
        "workflow_id": workflow_id(plan),
        "status": plan.status,
        "version": plan.version,
        "org_id": plan.tenant,
        "client_id": plan.client,
        "query": plan.draft.query,
        "domain": plan.draft.domain,
        "execution_mode": plan.mode,
        "complexity": min(len(plan.draft.steps), MAX_COMPLEXITY),
        "total_steps": len(ids),
        "completed_steps": sum(_state(standing, id).has_result for id in ids),
        "progress_percent": round(100 * over / len(ids)),
        "created_at": timestamp(plan.created_us),
        "expires_at": timestamp(plan.expires_us),
        "actual_cost_usd": usd(spent),
        "step_results": step_results(standing),
        "steps": [step_body(standing, index, id) for index, id in enumerate(ids)],
        "result": plan.result,
        "execution_result": plan.result,
        "duration": duration(plan),
        "error": plan.reason,
        "code": plan.code,
        "awaits_approval_of": plan.awaits,
        "metadata": dict(plan.draft.metadata),
    }
    return _without_nulls(body)


def event(standing: Standing) -> bytes:
    """The same as an event of a stream."""
    return encode_event(dumps(standing_body(standing)).decode(), "plan")


def step_body(standing: Standing, index: int, id: str) -> dict[str, Json]:
    """One step as it stands."""
    plan, state = standing.plan, _state(standing, id)
    elapsed_ms = state.elapsed_ms
    agent = "" if id == SYNTHESIS else plan.draft.step(id).agent
    body: dict[str, Json] = {
        "step_id": id,
        "step_index": index,
        "step_name": _name(plan, id),
        "step_type": STEP_CALL if id != SYNTHESIS else "synthesis",
        "agent": agent,
        "status": state.status,
        "attempt": state.attempt,
        "duration": None if elapsed_ms is None else f"{elapsed_ms / 1_000:.3f}s",
        "model": state.model,
        "provider": state.provider,
        "cost_usd": usd(state.cost_nanos),
        "input_tokens": state.tokens_in,
        "output_tokens": state.tokens_out,
        "audit_id": state.record,
        "error": state.reason,
        "code": state.code,
    }
    return _without_nulls(body)


def step_results(standing: Standing) -> dict[str, Json]:
    """Id -> what came of each step that is over."""
    results: dict[str, Json] = {}
    for id, state in standing.steps.items():
        if state.status.is_over:
            entry: dict[str, Json] = {
                "name": _name(standing.plan, id),
                "status": state.status,
                "output": state.result,
                "tool_calls": [dict(each) for each in state.tool_calls] or None,
                "error": state.reason,
                "code": state.code,
            }
            results[id] = _without_nulls(entry)
    return results


def versions_body(id: str, versions: Sequence[Version]) -> dict[str, Json]:
    """The history of a plan."""
    return {
        "plan_id": id,
        "versions": [
            {
                "version": each.version,
                "changed_at": timestamp(each.at_us),
                "change_type": each.change,
                "changed_by": each.client,
                "change_summary": each.summary,
            }
            for each in versions
        ],
    }


def pending_body(plans: Sequence[Plan]) -> dict[str, Json]:
    """What waits for approvals. The SDK needs the ids, `workflow_name` and `created_at`."""
    pending: list[Json] = [
        {
            "plan_id": plan.id,
            "step_id": plan.awaits,
            "step_name": _name(plan, plan.awaits or WHOLE),
            "step_index": next(
                (index for index, id in enumerate(steps_of(plan)) if id == plan.awaits), 0
            ),
            "step_type": STEP_CALL,
            "workflow_id": workflow_id(plan),
            "workflow_name": plan.draft.domain,
            "decision": "require_approval",
            "approval_status": "pending",
            "created_at": timestamp(plan.ended_us or plan.created_us),
            "requester": plan.client,
            "reason": f"execution mode {plan.mode}",
        }
        for plan in plans
    ]
    return {"pending_approvals": pending, "count": len(pending), "total": len(pending)}


def listing_body(plans: Sequence[Plan]) -> dict[str, Json]:
    """Plans in a list, without what was asked and answered."""
    listed: list[Json] = [
        {
            "plan_id": plan.id,
            "status": plan.status,
            "domain": plan.draft.domain,
            "execution_mode": plan.mode,
            "total_steps": len(steps_of(plan)),
            "version": plan.version,
            "client_id": plan.client,
            "created_at": timestamp(plan.created_us),
        }
        for plan in plans
    ]
    return {"plans": listed, "count": len(listed)}


def refused_answer(refused: Refused) -> Answer:
    """Nothing was done. A conflict of versions says which one was expected and which there is."""
    answer = refusal(_STATUS_OF[refused.why], refused.message, code=refused.why)
    if refused.why is not Why.CONFLICT or refused.plan is None:
        return answer
    return json_answer(
        {
            "success": False,
            "error": refused.message,
            "message": refused.message,
            "code": refused.why,
            "plan_id": refused.plan.id,
            "expected_version": refused.expected,
            "current_version": refused.plan.version,
        },
        409,
    )


def workflow_id(plan: Plan) -> str:
    """The id of a plan's execution."""
    return f"wf_{plan.id.removeprefix('plan_')}"


def duration(plan: Plan) -> str | None:
    """How long the execution took; None where it is not over."""
    if plan.begun_us is None or plan.ended_us is None:
        return None
    return f"{(plan.ended_us - plan.begun_us) / 1e6:.1f}s"


def _name(plan: Plan, id: str) -> str:
    if id == WHOLE:
        return "the whole plan"
    return "synthesize-results" if id == SYNTHESIS else plan.draft.step(id).name


def _state(standing: Standing, id: str) -> StepState:
    return standing.steps.get(id) or StepState(id=id, status=StepStatus.PENDING)


def _without_nulls(body: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in body.items() if value is not None}
