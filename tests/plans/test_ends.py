"""How plans end that do not go well: each in its state, with what there is."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from on_time import until

from axonflow_core.audit.record import Kind
from axonflow_core.errors import Unavailable
from axonflow_core.governance.caller import Caller
from axonflow_core.plans.plan import Plan
from axonflow_core.plans.terms import OnFailure
from axonflow_core.policy.rules import Verdict
from axonflow_core.server.auth import Directory

from .planned import CHAIN, WIDE, Model, Planning, written

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_step_that_fails_leaves_the_others(served: Planning) -> None:
    served.use(Model(written([("left", []), ("right", [])]), left=Unavailable("it is down")))
    id = await served.made()
    assert (await served.execute(id)).json["data"]["status"] == "completed"
    steps = await served.steps(id)
    assert steps == {"left": "failed", "right": "completed", "synthesize-results": "completed"}
    status = await served.status(id)
    assert status["step_results"]["step_1"]["code"] == "unavailable"


async def test_what_needs_a_missing_result_is_skipped(served: Planning) -> None:
    model = served.use(Model(written(WIDE), left=Unavailable("it is down")))
    id = await served.made()
    await served.execute(id)
    assert (await served.steps(id))["both"] == "skipped"
    assert model.calls["both"] == 0 and model.calls["synthesis"] == 1
    assert "(there is no result)" in model.asked["synthesis"].messages[-1].text


SLOW = (("bad", []), ("good", []), ("next", ["good"]))
"""A step that fails at once, and two that do not need it."""


@pytest.mark.parametrize("on_failure", OnFailure)
async def test_a_failure_stops_the_plan_where_the_configuration_says_so(
    served: Planning, on_failure: OnFailure
) -> None:
    async def good() -> str:
        while (await served.steps(id))["bad"] != "failed":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return "good is done"

    down = Unavailable("it is down")
    model = served.use(Model(written(SLOW), bad=down, good=good), on_failure=on_failure)
    id = await served.made()
    executed = (await served.execute(id)).json
    goes_on = on_failure is OnFailure.CONTINUE
    assert executed["data"]["status"] == ("completed" if goes_on else "failed")
    assert model.calls["next"] == model.calls["synthesis"] == goes_on
    assert (await served.steps(id))["good"] == "completed"
    assert goes_on or "it is down" in executed["error"]


async def test_a_failure_stops_a_plan_whose_steps_run_one_by_one(served: Planning) -> None:
    model = served.use(Model(written(SLOW), bad=Unavailable("it is down")))
    id = await served.made(execution_mode="sequential")
    failed = (await served.execute(id)).json
    assert failed["data"]["success"] is False and failed["data"]["status"] == "failed"
    assert model.calls == {"plan": 1, "bad": 1}


async def test_a_plan_without_any_result_has_failed(served: Planning) -> None:
    down = Unavailable("it is down")
    model = served.use(Model(written([("left", []), ("right", [])]), left=down, right=down))
    id = await served.made()
    await served.execute(id)
    assert (await served.status(id))["status"] == "failed"
    assert model.calls["synthesis"] == 0


async def test_a_plan_that_failed_goes_on_with_the_steps_that_have_no_result(
    served: Planning,
) -> None:
    model = served.use(
        Model(written(CHAIN), second=Unavailable("it is down")), on_failure=OnFailure.STOP
    )
    id = await served.made()
    await served.execute(id)
    model.does = {}
    resumed = (await served.resume(id)).json
    assert (resumed["status"], resumed["result"]) == ("completed", "synthesis is done")
    assert model.calls == {"plan": 1, "first": 1, "second": 2, "third": 1, "synthesis": 1}
    steps = {step["step_id"]: step["attempt"] for step in (await served.status(id))["steps"]}
    assert steps == {"step_1": 1, "step_2": 2, "step_3": 1, "synthesis": 1}
    facts = [each.facts for each in await served.records() if each.facts.get("step") == "step_2"]
    assert [(each["attempt"], each["is_repeated"]) for each in facts] == [(1, False), (2, True)]
    assert len({each["idempotency_key"] for each in facts}) == 1


async def test_what_a_plan_may_spend_is_no_more_for_being_resumed(served: Planning) -> None:
    """An answer that a policy stops costs $0.00045 each time."""
    model = served.use(
        Model(written(CHAIN[:1]), first="It is project Aurora."), max_cost_usd=0.001, max_steps=1
    )
    id = await served.made()
    await served.execute(id)
    codes = [(await served.status(id))["code"]]
    for _ in range(3):
        await served.resume(id)
        codes.append((await served.status(id))["code"])
    assert codes == ["blocked"] * 3 + ["max_cost_usd"]
    (step,) = (await served.status(id))["steps"]
    assert (step["cost_usd"], step["input_tokens"], step["output_tokens"]) == (0.00135, 300, 30)
    assert model.calls["first"] == 3


async def test_of_two_who_resume_a_plan_one_does(served: Planning) -> None:
    model = served.use(Model(written(CHAIN), first=Unavailable("it is down")))
    id = await served.made(execution_mode="sequential")
    await served.execute(id)
    model.does = {"first": lambda: asyncio.sleep(0.3, "done")}
    replies = await asyncio.gather(served.resume(id), served.resume(id))
    assert sorted(reply.status for reply in replies) == [200, 400]
    assert (await served.status(id))["status"] == "completed"
    assert model.calls["first"] == 2


async def test_a_policy_stops_a_step_and_not_the_others(served: Planning) -> None:
    served.use(Model(written([("left", []), ("right", [])]), left="It is project Aurora."))
    id = await served.made()
    await served.execute(id)
    status = await served.status(id)
    assert status["step_results"]["step_1"]["status"] == "blocked"
    assert "output" not in status["step_results"]["step_1"]
    assert status["status"] == "completed"
    blocked = [each for each in await served.records() if each.verdict is Verdict.BLOCKED]
    assert [each.facts["step"] for each in blocked] == ["step_1"]


async def test_a_query_that_a_policy_stops_makes_no_plan(served: Planning) -> None:
    model = served.use(Model(written(CHAIN)))
    refused = await served.generate("Sum up project Aurora.")
    assert (refused.status, refused.json["blocked"]) == (403, True)
    assert model.calls["plan"] == 0


async def test_a_plan_says_what_the_policies_found_in_its_query(served: Planning) -> None:
    served.use(Model(written(CHAIN)))
    clean, masked = [
        (await served.generate(query)).json["data"]["policy_info"]
        for query in ("Whose badge is it?", "Whose is badge-17?")
    ]
    assert clean == {"allowed": True, "applied_policies": [], "risk_score": 0.0}
    assert masked["allowed"] and masked["applied_policies"] == ["badge"]
    assert 0 < masked["risk_score"] <= 1


async def test_what_a_step_says_is_redacted_before_another_is_given_it(served: Planning) -> None:
    model = served.use(Model(written(CHAIN), first="Ann has badge-17."))
    await served.execute(await served.made())
    assert "badge-17" not in model.asked["second"].messages[-1].text
    assert "Ann has" in model.asked["second"].messages[-1].text


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"max_tokens": 150}, "max_tokens"), ({"max_cost_usd": 0.0005}, "max_cost_usd")],
)
async def test_a_plan_that_has_used_what_it_may_begins_no_further_step(
    served: Planning, settings: dict[str, float], code: str
) -> None:
    """A step has 110 tokens and costs $0.00045."""
    model = served.use(Model(written(CHAIN)), **settings)
    id = await served.made()
    await served.execute(id)
    status = await served.status(id)
    assert (status["status"], status["code"]) == ("failed", code)
    assert [model.calls[name] for name in ("first", "second", "third")] == [1, 1, 0]
    assert status["step_results"]["step_2"]["output"] == "second is done"


async def test_a_plan_whose_time_is_over_begins_no_further_step(served: Planning) -> None:
    served.use(Model(written(CHAIN), delay_s=0.1), max_wall_s=0.15)
    id = await served.made()
    await served.execute(id)
    assert (await served.status(id))["code"] == "max_wall_s"


async def test_a_plan_that_is_cancelled_breaks_its_calls_off(served: Planning) -> None:
    model = served.use(Model(written(CHAIN), second=lambda: asyncio.sleep(30)))
    id = await served.made()
    executing = asyncio.create_task(served.execute(id))
    await model.begun("second")
    assert (await served.cancel(id)).json == {
        "success": True,
        "plan_id": id,
        "status": "cancelled",
    }
    assert (await executing).json["data"]["status"] == "cancelled"
    status = await served.status(id)
    assert status["step_results"]["step_1"]["output"] == "first is done"
    assert status["step_results"]["step_2"]["status"] == "cancelled"
    assert model.calls["third"] == 0 and model.under_way == 0
    plans = served.service.plans
    assert plans is not None
    await until(lambda: not plans._engine._running)
    calls = [each for each in await served.records() if each.kind is Kind.CALL]
    assert [each.facts.get("step") for each in calls] == [None, "step_1", "step_2"]


async def test_a_plan_that_begins_while_it_is_cancelled_is_cancelled(
    served: Planning, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = served.use(Model(written(CHAIN), first=lambda: asyncio.sleep(30)))
    id = await served.made()
    plans = served.service.plans
    assert plans is not None
    find, executing = plans._found, list[asyncio.Task[Any]]()

    async def found_before_it_began(caller: Caller, id: str) -> Plan | None:
        plan = await find(caller, id)
        if not executing:
            executing.append(asyncio.create_task(plans.execute(caller, id, wait_s=10)))
            await model.begun("first")
        return plan

    monkeypatch.setattr(plans, "_found", found_before_it_began)
    assert (await served.cancel(id)).json["status"] == "cancelled"
    assert (await served.status(id))["status"] == "cancelled"
    await executing[0]


async def test_a_plan_that_is_over_is_not_cancelled(served: Planning) -> None:
    served.use(Model(written(CHAIN)))
    id = await served.made()
    await served.execute(id)
    assert (await served.cancel(id)).json["success"] is False
    assert (await served.status(id))["status"] == "completed"


async def test_a_client_that_is_gone_has_no_further_step(served: Planning) -> None:
    is_gone = asyncio.Event()

    async def first() -> str:
        await is_gone.wait()
        return "first is done"

    model = served.use(Model(written(CHAIN), first=first))
    id = await served.made()
    executing = asyncio.create_task(served.execute(id))
    await model.begun("first")
    clients = served.service.generation.clients
    served.service.generation.clients = Directory({}, [])
    is_gone.set()
    try:
        await executing
    finally:
        served.service.generation.clients = clients
    status = await served.status(id)
    assert status["step_results"]["step_2"]["error"] == "the client acme is not there any more"
    assert status["step_results"]["step_1"]["output"] == "first is done"
    assert model.calls["second"] == 0 and status["status"] == "failed"
