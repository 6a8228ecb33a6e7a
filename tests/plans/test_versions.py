"""Versions of plans: what changes one, who loses a race, and the way back."""

from __future__ import annotations

import pytest

from .planned import CHAIN, Model, Planning, written

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_update_makes_a_new_version_and_a_stale_one_is_refused(served: Planning) -> None:
    served.use(Model(written(CHAIN)))
    id = await served.made()
    changed = await served.change(id, version=1, execution_mode="sequential", metadata={"a": 1})
    assert changed.json == {"success": True, "plan_id": id, "version": 2, "status": "pending"}
    stale = await served.change(id, version=1, domain="travel")
    assert (stale.status, stale.json["plan_id"]) == (409, id)
    assert (stale.json["expected_version"], stale.json["current_version"]) == (1, 2)
    status = await served.status(id)
    assert (status["execution_mode"], status["metadata"]) == ("sequential", {"a": 1})
    assert status["domain"] == "generic"


async def test_a_plan_of_another_domain_keeps_its_steps_and_who_does_them(served: Planning) -> None:
    """Nobody of the domain `travel` is called as those are who do the steps."""
    served.use(Model(written(CHAIN)))
    id = await served.made()
    assert (await served.change(id, version=1, domain="travel")).json["version"] == 2
    assert (await served.execute(id)).json["data"]["status"] == "completed"
    status = await served.status(id)
    assert status["domain"] == "travel"
    assert {step["agent"] for step in status["steps"]} == {"worker", ""}


async def test_a_rollback_is_a_new_version_that_says_what_an_old_one_said(served: Planning) -> None:
    served.use(Model(written(CHAIN)))
    id = await served.made(execution_mode="balanced")
    await served.change(id, version=1, execution_mode="sequential")
    back = (await served.post(f"/api/v1/plan/{id}/rollback/1", {})).json
    assert (back["version"], back["previous_version"]) == (3, 2)
    assert (await served.status(id))["execution_mode"] == "balanced"
    history = (await served.get(f"/api/v1/plan/{id}/versions")).json["versions"]
    assert [(each["version"], each["change_type"]) for each in history] == [
        *((1, "created"), (2, "updated"), (3, "rolled_back")),
    ]
    assert (await served.post(f"/api/v1/plan/{id}/rollback/9", {})).status == 404


async def test_a_plan_that_was_executed_is_not_changed(served: Planning) -> None:
    served.use(Model(written(CHAIN)))
    id = await served.made()
    await served.execute(id)
    assert (await served.change(id, version=1, execution_mode="step")).status == 400


@pytest.mark.parametrize(
    "body", [{}, {"version": "1"}, {"version": 1, "execution_mode": "fast"}, {"version": 0}]
)
async def test_an_update_that_says_nothing_right_is_refused(served: Planning, body: object) -> None:
    served.use(Model(written(CHAIN)))
    id = await served.made()
    assert (await served.ask("PUT", f"/api/v1/plan/{id}", body)).status == 400
    assert (await served.status(id))["version"] == 1
