"""Every plan method of the SDK, through the whole chain."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

axonflow = pytest.importorskip("axonflow", reason="the product's SDK, axonflow, is not installed")

from axonflow import AxonFlow  # noqa: E402
from axonflow.exceptions import (  # noqa: E402
    AxonFlowError,
    PlanExecutionError,
    PolicyViolationError,
    VersionConflictError,
)
from axonflow.types import ExecutionMode, UpdatePlanRequest  # noqa: E402

from .governed import Governed, governed  # noqa: E402

pytestmark = pytest.mark.skipif(find_spec("dbos") is None, reason="the package dbos is missing")
STEPS = [
    {"name": "facts", "agent": "researcher", "task": "Gather facts.", "depends_on": []},
    {"name": "text", "agent": "writer", "task": "Write a text.", "depends_on": ["facts"]},
]
SCRIPT = (
    {"when": "broken.*\n</request>$", "answer": "no plan"},
    {"when": "</request>$", "answer": json.dumps({"steps": STEPS})},
    {"when": "cannot be executed", "answer": "no plan either"},
    {"when": "^Gather", "answer": "Facts."},
    {"when": "^Write", "answer": "A text."},
    {"when": "result step", "answer": "All of it."},
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Governed]:
    folder = tmp_path_factory.mktemp("plans")
    with governed(folder, SCRIPT, more={"plans": {"enabled": True}}) as server:
        yield server


@pytest.fixture
async def client(server: Governed) -> AsyncIterator[Any]:
    async with AxonFlow(**server.options("planner")) as client:
        yield client


async def test_a_plan_is_generated_executed_and_asked_for(client: Any) -> None:
    plan = await client.generate_plan("Write about tea.", domain="generic", user_token="ann")
    assert (plan.status, plan.domain, plan.version, plan.success) == ("pending", "generic", 1, True)
    assert [(step.name, step.agent) for step in plan.steps] == [
        *(("facts", "researcher"), ("text", "writer"), ("synthesize-results", "")),
    ]
    assert plan.steps[1].depends_on == ["step_1"] and plan.policy_info.allowed
    executed = await client.execute_plan(plan.plan_id)
    assert (executed.status, executed.result) == ("completed", "All of it.")
    assert executed.step_results["step_2"]["output"] == "A text."
    assert executed.workflow_id.startswith("wf_") and executed.duration.endswith("s")
    status = await client.get_plan_status(plan.plan_id)
    assert (status.status, status.result) == ("completed", "All of it.")
    assert set(status.step_results) == {"step_1", "step_2", "synthesis"}


async def test_what_cannot_be_executed_is_the_sdks_own_error(client: Any) -> None:
    with pytest.raises(PlanExecutionError, match="there is no plan"):
        await client.execute_plan("plan_0_none")
    with pytest.raises(AxonFlowError, match="404"):
        await client.get_plan_status("plan_0_none")
    plan = await client.generate_plan("Write about tea.")
    await client.execute_plan(plan.plan_id)
    with pytest.raises(PlanExecutionError, match="was executed already"):
        await client.execute_plan(plan.plan_id, user_token="somebody else")
    with pytest.raises(AxonFlowError, match="no plan was made"):
        await client.generate_plan("A broken one")
    with pytest.raises(PolicyViolationError):
        await client.generate_plan("What is project Aurora?")


async def test_a_plan_is_updated_rolled_back_and_its_versions_are_listed(client: Any) -> None:
    id = (await client.generate_plan("Write about tea.")).plan_id
    asked = UpdatePlanRequest(version=1, execution_mode=ExecutionMode.SEQUENTIAL, domain="travel")
    updated = await client.update_plan(id, asked)
    assert (updated.version, updated.status, updated.success) == (2, "pending", True)
    with pytest.raises(VersionConflictError) as conflict:
        await client.update_plan(id, asked)
    assert (conflict.value.expected_version, conflict.value.current_version) == (1, 2)
    back = await client.rollback_plan(id, 1)
    assert (back.version, back.previous_version, back.status) == (3, 2, "pending")
    versions = (await client.get_plan_versions(id)).versions
    assert [each.change_type for each in versions] == ["created", "updated", "rolled_back"]
    assert versions[0].changed_by == "planner"


async def test_a_plan_waits_for_approvals_and_is_resumed(client: Any) -> None:
    id = (await client.generate_plan("Write about tea.", execution_mode=ExecutionMode.STEP)).plan_id
    assert (await client.execute_plan(id)).status == "awaiting_approval"
    pending = (await client.get_pending_plan_approvals(plan_id=id)).pending_approvals
    assert [(each.plan_id, each.step_id) for each in pending] == [(id, "step_1")]
    assert (await client.resume_plan(id)).status == "awaiting_approval"
    resumed = await client.resume_plan(id, approved=True)
    assert (resumed.status, resumed.result, resumed.approved) == ("completed", "All of it.", True)


async def test_a_plan_is_cancelled_and_one_that_is_refused_is_too(client: Any) -> None:
    id = (
        await client.generate_plan("Write about tea.", execution_mode=ExecutionMode.CONFIRM)
    ).plan_id
    await client.execute_plan(id)
    assert (await client.resume_plan(id, approved=False)).status == "cancelled"
    other = (await client.generate_plan("Write about tea.")).plan_id
    cancelled = await client.cancel_plan(other, reason="no tea")
    assert (cancelled.plan_id, cancelled.status, cancelled.success) == (other, "cancelled", True)
    with pytest.raises(PlanExecutionError, match="cancelled"):
        await client.execute_plan(other)
