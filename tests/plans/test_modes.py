"""The modes: what runs side by side, what waits, and for whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from on_time import until

from axonflow_core.governance.caller import Caller
from axonflow_core.plans.plan import Plan
from axonflow_core.plans.terms import ExecutionMode

from .planned import CHAIN, WIDE, Model, Planning, written

pytestmark = pytest.mark.asyncio(loop_scope="module")
BY_ITSELF = [mode for mode in ExecutionMode if mode not in ("confirm", "step")]
FREE = [(f"free-{number}", []) for number in range(4)]
"""Steps that wait for nothing."""


@pytest.mark.parametrize("mode", BY_ITSELF)
async def test_a_plan_ends_in_each_mode(served: Planning, mode: str) -> None:
    model = served.use(Model(written(WIDE)))
    executed = (await served.execute(await served.made(execution_mode=mode))).json
    assert executed["result"] == "synthesis is done"
    assert model.order.index("both") > max(map(model.order.index, ("left", "right")))


@pytest.mark.parametrize(
    ("mode", "most"), [("auto", 4), ("parallel", 4), ("sequential", 1), ("balanced", 2)]
)
async def test_so_many_steps_run_at_once(served: Planning, mode: str, most: int) -> None:
    async def together() -> str:
        await until(lambda: model.most_under_way >= most)
        await asyncio.sleep(0.1)  # a further one could begin
        return "done"

    plan = written(FREE, agents=["worker", "checker"])
    model = served.use(Model(plan, **{name: together for name, _ in FREE}))
    await served.execute(await served.made(execution_mode=mode))
    assert model.most_under_way == most


async def pending(served: Planning, query: str = "") -> list[Any]:
    """The approvals that are awaited."""
    found = (await served.get(f"/api/v1/plans/approvals/pending{query}")).json
    approvals: list[Any] = found["pending_approvals"]
    assert found["count"] == len(approvals)
    return approvals


async def test_a_plan_to_confirm_waits_for_somebody(served: Planning) -> None:
    model = served.use(Model(written(CHAIN)))
    id = await served.made(execution_mode="confirm")
    assert (await served.execute(id)).json["data"]["status"] == "awaiting_approval"
    assert model.calls == {"plan": 1}
    assert [each["plan_id"] for each in await pending(served, f"?limit=20&plan_id={id}")] == [id]
    resumed = (await served.resume(id, client="acme-too")).json
    assert (resumed["status"], resumed["result"]) == ("completed", "synthesis is done")


async def test_a_plan_by_steps_waits_before_each(served: Planning) -> None:
    model = served.use(Model(written(CHAIN)))
    id = await served.made(execution_mode="step")
    await served.execute(id)
    seen = []
    for _ in CHAIN:
        seen.append((await served.status(id))["awaits_approval_of"])
        last = (await served.resume(id)).json
    assert seen == ["step_1", "step_2", "step_3"]
    assert (last["status"], last["result"]) == ("completed", "synthesis is done")
    assert model.order == ["plan", "first", "second", "third", "synthesis"]


async def test_the_approvals_that_are_awaited_are_listed_as_many_as_are_asked_for(
    served: Planning, time_passes: Callable[[float], None]
) -> None:
    served.use(Model(written(CHAIN)))
    begun = [await served.made(execution_mode=mode) for mode in ("auto", "step", "step", "confirm")]
    for id in begun:
        await served.execute(id)
    waiting = begun[:0:-1]
    assert [each["plan_id"] for each in await pending(served)][:3] == waiting
    assert [each["plan_id"] for each in await pending(served, "?limit=2")] == waiting[:2]
    (first,) = await pending(served, f"?limit=1&plan_id={begun[1]}")
    assert (first["step_id"], first["step_index"]) == ("step_1", 0)
    time_passes(60.0)
    await served.resume(begun[1])
    (second,) = await pending(served, f"?limit=1&plan_id={begun[1]}")
    assert (second["step_id"], second["step_index"]) == ("step_2", 1)
    asked = [datetime.fromisoformat(each["created_at"]) for each in (first, second)]
    assert 60 <= (asked[1] - asked[0]).total_seconds() < 120
    for id in (begun[0], "plan_0_none"):
        assert await pending(served, f"?plan_id={id}") == []


async def test_the_time_that_a_plan_waits_for_somebody_is_not_its_own(
    served: Planning, time_passes: Callable[[float], None]
) -> None:
    served.use(Model(written(CHAIN)), max_wall_s=100.0)
    id = await served.made(execution_mode="step")
    await served.execute(id)
    for _ in CHAIN:
        time_passes(60.0)
        last = (await served.resume(id)).json
    assert last["status"] == "completed"


async def test_an_approval_that_comes_too_late_is_refused(
    served: Planning, time_passes: Callable[[float], None]
) -> None:
    model = served.use(Model(written(CHAIN)), expires_s=100.0)
    id = await served.made(execution_mode="confirm")
    await served.execute(id)
    time_passes(101.0)
    assert await pending(served, f"?plan_id={id}") == []
    late = await served.resume(id)
    assert (late.status, late.json["code"]) == (410, "plan_expired")
    assert model.calls == {"plan": 1}
    assert (await served.resume(id, approved=False)).json["status"] == "cancelled"


async def test_a_refusal_that_another_approval_was_faster_than_is_told_so(
    served: Planning, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.use(Model(written(CHAIN)))
    id = await served.made(execution_mode="confirm")
    await served.execute(id)
    plans = served.service.plans
    assert plans is not None
    find, answers = plans._found, list[object]()

    async def found_before_it_was_approved(caller: Caller, id: str) -> Plan | None:
        plan = await find(caller, id)
        if not answers:
            answers.append(None)
            answers.append(await plans.resume(caller, id, approves=True, wait_s=10))
        return plan

    monkeypatch.setattr(plans, "_found", found_before_it_was_approved)
    refused = await served.resume(id, approved=False)
    assert (refused.status, refused.json["code"]) == (400, "plan_state")
    assert (await served.status(id))["status"] == "completed"


async def test_a_refused_approval_ends_the_plan_and_keeps_what_there_is(served: Planning) -> None:
    model = served.use(Model(written(CHAIN)))
    id = await served.made(execution_mode="step")
    await served.execute(id)
    await served.resume(id)
    assert (await served.resume(id, approved=False)).json["status"] == "cancelled"
    status = await served.status(id)
    assert status["error"] == "the approval of step_2 was refused"
    assert status["step_results"]["step_1"]["output"] == "first is done"
    assert model.calls["second"] == 0
    assert (await served.resume(id)).status == 400
