"""What a client does with plans, through the routes that the SDK asks."""

from __future__ import annotations

from pathlib import Path

from axonflow_core.audit.record import Kind

from .planned import CHAIN, WIDE, Model, planning, written


async def test_a_plan_is_made_and_runs_once(tmp_path: Path) -> None:
    model = Model(written(CHAIN))
    async with planning(tmp_path, model) as served:
        made = (await served.generate()).json
        assert [step["name"] for step in made["data"]["steps"]] == [
            *("first", "second", "third"),
            "synthesize-results",
        ]
        executed = (await served.execute(made["plan_id"])).json
        again = (await served.execute(made["plan_id"])).json
    assert (executed["success"], executed["result"]) == (True, "synthesis is done")
    assert executed["data"]["status"] == "completed"
    assert again["data"]["success"] is False and "executed already" in again["error"]
    assert model.calls == {"plan": 1, "first": 1, "second": 1, "third": 1, "synthesis": 1}


async def test_a_step_is_given_the_results_that_it_depends_on(tmp_path: Path) -> None:
    model = Model(written(WIDE), left="LEFT", right="RIGHT")
    async with planning(tmp_path, model) as served:
        await served.execute(await served.made())
    assert "LEFT" not in model.asked["right"].messages[-1].text
    both = model.asked["both"].messages[-1].text
    assert "LEFT" in both and "RIGHT" in both


async def test_each_call_of_a_plan_is_one_record_of_its_client_and_user(tmp_path: Path) -> None:
    async with planning(tmp_path, Model(written(CHAIN))) as served:
        id = await served.made()
        await served.execute(id)
        records = [each for each in await served.records() if each.kind is Kind.CALL]
        status = await served.status(id)
    assert {(each.client, each.user) for each in records} == {("acme", records[0].user)}
    assert records[0].user is not None
    steps = {each.facts["step"]: each.id for each in records if "step" in each.facts}
    assert steps == {each["step_id"]: each["audit_id"] for each in status["steps"]}
    assert {each.facts["plan"] for each in records} == {id}
