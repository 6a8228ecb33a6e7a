"""The call of a step, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.budgets.terms import nanos
from axonflow_core.config.agents import AgentConfig
from axonflow_core.errors import RequestError
from axonflow_core.frozen import evolve
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.trail import GovernedCall, Outcome
from axonflow_core.messages import CompletionRequest, Inference, Text, Tool, user
from axonflow_core.plans import prompts
from axonflow_core.plans.agents import agents_of
from axonflow_core.plans.clock import now_us
from axonflow_core.plans.ground import Ground
from axonflow_core.plans.plan import SYNTHESIS, Plan, StepState
from axonflow_core.plans.planner import MODE
from axonflow_core.plans.terms import StepStatus
from axonflow_core.policy.rules import Verdict

STEP_CALL = "plan-step"
SYNTHESIS_CALL = "plan-synthesis"
"""The request types of the calls of steps."""
_MAKER = AgentConfig(description="makes one answer of all results", system_prompt=prompts.SYNTHESIS)
"""The agent of the last step."""


def call_of(
    plan: Plan,
    id: str,
    begun: StepState,
    states: Mapping[str, StepState],
    ground: Ground,
    caller: Caller,
) -> GovernedCall:
    """The call of a step, in the name of the plan's client. `RequestError` where its agent is not
    there any more."""
    draft = plan.draft
    if id == SYNTHESIS:
        agent, asked, name = _MAKER, prompts.synthesis(draft, states), ""
    else:
        step = draft.step(id)
        agents = agents_of(ground.agents, draft.written_for)
        if step.agent not in agents:
            raise RequestError(f"the agent of {id} is not there any more")
        agent, asked, name = agents[step.agent], prompts.task(draft, step, states), step.agent
    return GovernedCall(
        caller=caller,
        request=CompletionRequest(
            messages=(user(asked),),
            system=(Text(agent.system_prompt),),
            inference=Inference(max_tokens=agent.max_tokens, temperature=agent.temperature),
            tools=tuple(
                Tool(tool, each.description, each.parameters or {"type": "object"})
                for tool, each in agent.tools.items()
            ),
        ),
        mode=MODE,
        request_type=SYNTHESIS_CALL if id == SYNTHESIS else STEP_CALL,
        user=draft.user,
        provider=agent.provider or draft.wish.provider,
        model=agent.model or draft.wish.model,
        timeout_s=min(agent.timeout_s, _left_s(plan, ground)),
        team=draft.wish.team,
        workflow=plan.id,
        facts={
            "plan": plan.id,
            "step": id,
            **({"agent": name} if name else {}),
            "attempt": begun.attempt,
            "is_repeated": begun.attempt > 1,
            "idempotency_key": f"{plan.id}/{id}",
        },
    )


def _left_s(plan: Plan, ground: Ground) -> float:
    """What is left of the time of a plan, in seconds."""
    spent_us = now_us() - (plan.begun_us or now_us())
    return max(ground.plans.max_wall_s - spent_us / 1e6, 0.001)


def state_of(begun: StepState, outcome: Outcome) -> StepState:
    """What came of a step's call."""
    completion, usage = outcome.completion, outcome.usage
    state = evolve(
        begun,
        record=outcome.id,
        provider=outcome.provider,
        model=outcome.model,
        tokens_in=(usage.input_tokens or 0) if usage else 0,
        tokens_out=(usage.output_tokens or 0) if usage else 0,
        cost_nanos=nanos(outcome.cost_usd or 0),
        ended_us=now_us(),
    )
    if completion is not None:
        calls = [{"name": each.name, "arguments": each.input} for each in completion.tool_uses]
        if not completion.text and not calls:
            reason = "the model answered nothing"
            return evolve(state, status=StepStatus.FAILED, code="empty_answer", reason=reason)
        return evolve(state, status=StepStatus.COMPLETED, result=completion.text, tool_calls=calls)
    return evolve(state, **_without_result(outcome))


def _without_result(outcome: Outcome) -> dict[str, Any]:
    """State, code and reason of a call without an answer."""
    if outcome.refusal is not None:
        is_rate = outcome.refusal.is_rate
        code = "rate_limited" if is_rate else "budget_exceeded"
        reason = "a limit has no room for it" if is_rate else "a budget has no room for it"
        return {"status": StepStatus.FAILED, "code": code, "reason": reason}
    if outcome.stopping is not None:
        rules = ", ".join(outcome.stopping.rules)
        is_held = outcome.stopping.verdict is Verdict.NEEDS_APPROVAL
        return {
            "status": StepStatus.BLOCKED,
            "code": "needs_approval" if is_held else "blocked",
            "reason": f"a policy stopped it: {rules}",
        }
    if outcome.error is not None:
        error = outcome.error
        return {"status": StepStatus.FAILED, "code": error.code, "reason": error.message}
    return {"status": StepStatus.CANCELLED, "code": "cancelled", "reason": "it was cancelled"}


def broke_off(outcome: Outcome) -> bool:
    """Whether a call ended by nobody's decision or error."""
    return (outcome.completion, outcome.refusal, outcome.stopping, outcome.error) == (None,) * 4
