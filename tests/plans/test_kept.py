"""What is kept of plans, and how it goes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from axonflow_core.audit import erasure, holds
from axonflow_core.audit.holds import Hold
from axonflow_core.config.agents import PlansConfig
from axonflow_core.config.values import AuditConfig, Config
from axonflow_core.errors import ConfigError
from axonflow_core.plans import book
from axonflow_core.plans.clock import now_us
from axonflow_core.plans.sealing import PlanSeal
from axonflow_core.server.launch import require_one_executor

from .planned import CHAIN, Model, Planning, written

pytestmark = pytest.mark.asyncio(loop_scope="module")
PENDING = "/api/v1/plans/approvals/pending"


async def test_a_plan_of_which_one_record_is_erased_is_gone(served: Planning) -> None:
    served.use(Model(written(CHAIN)))
    ids = [await served.made() for _ in range(3)]
    for id in ids:
        await served.execute(id)
    step = (await served.status(ids[0]))["steps"][1]["audit_id"]
    created = [each for each in await served.records() if each.facts.get("what") == "created"]
    made = next(each.id for each in created if each.facts["plan"] == ids[1])
    outcome = await erasure.erase_all(
        served.service.audit, [step, made], command="test", forget={"plans": book.erase}
    )
    assert outcome.forgotten["plans"] == 2
    statuses = [(await served.get(f"/api/v1/plan/{id}")).status for id in ids]
    assert statuses == [404, 404, 200]


async def is_known_leg(plan: str) -> bool:
    """Whether the engine knows the first leg of a plan."""
    from dbos import DBOS

    return await asyncio.to_thread(DBOS.get_workflow_status, f"{plan}-1") is not None


async def test_old_plans_are_removed_with_what_the_engine_knows_of_them(served: Planning) -> None:
    plans = served.service.plans
    assert plans is not None
    served.use(Model(written(CHAIN)))
    old = await served.made()
    await served.execute(old)
    before_us = now_us()
    new = await served.made()
    assert await is_known_leg(old)
    await plans._forget(before_us)
    assert (await served.get(f"/api/v1/plan/{old}")).status == 404
    assert (await served.get(f"/api/v1/plan/{new}")).status == 200
    assert not await is_known_leg(old)


@pytest.mark.parametrize(
    ("hold", "is_kept"),
    [
        ({"tenant": "acme"}, True),
        ({"client": "acme"}, True),
        ({"start_us": 1}, True),
        ({"tenant": "other"}, False),
        ({"end_us": 1}, False),
    ],
)
async def test_an_old_plan_under_a_hold_is_kept(
    served: Planning, hold: dict[str, Any], is_kept: bool
) -> None:
    plans, audit = served.service.plans, served.service.audit
    assert plans is not None
    served.use(Model(written(CHAIN)))
    id = await served.made()
    await audit.transact(lambda to: holds.add(to, Hold(name="case", reason="a letter", **hold)))
    await plans._forget(now_us())
    status = (await served.get(f"/api/v1/plan/{id}")).status
    await audit.transact(lambda to: holds.release(to, "case"))
    await plans._forget(now_us())
    assert status == (200 if is_kept else 404)
    assert (await served.get(f"/api/v1/plan/{id}")).status == 404


async def test_plans_under_a_key_that_is_gone_are_not_listed_and_hide_no_others(
    served: Planning,
) -> None:
    plans = served.service.plans
    assert plans is not None
    served.use(Model(written(CHAIN)))
    gone, seal = await served.made(execution_mode="confirm"), plans._book._seal
    await served.execute(gone)
    plans._book._seal = PlanSeal([b"new" * 11])
    kept = await served.made(execution_mode="confirm")
    await served.execute(kept)
    for route, key in (("/api/v1/plans", "plans"), (PENDING, "pending_approvals")):
        listed = {each["plan_id"] for each in (await served.get(route)).json[key]}
        assert kept in listed and gone not in listed
    refused = await served.get(f"/api/v1/plan/{gone}")
    assert (refused.status, refused.json["code"]) == (503, "audit_unavailable")
    plans._book._seal = seal


@pytest.mark.parametrize(
    ("workers", "url", "is_refused"),
    [
        (2, "sqlite:///x.db", True),
        (1, "sqlite:///x.db", False),
        (2, "postgresql://h/d", False),
    ],
)
async def test_several_workers_do_not_run_plans_on_a_file(
    workers: int, url: str, is_refused: bool, tmp_path: Path
) -> None:
    config = Config(audit=AuditConfig(url=url), plans=PlansConfig(is_enabled=True))
    if not is_refused:
        require_one_executor(config, workers)
        return
    with pytest.raises(ConfigError, match="have one executor"):
        require_one_executor(config, workers)
