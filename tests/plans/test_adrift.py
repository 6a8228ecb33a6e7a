"""Plans that should run and that nobody runs: who goes on with them, and with nothing else."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import update

from axonflow_core.errors import AuditError
from axonflow_core.plans.engine import Engine
from axonflow_core.plans.tables import PLANS

from .planned import CHAIN, Model, Planning, written

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.thorough]


async def begun(served: Planning, model: Model) -> tuple[Engine, str, str]:
    """The engine, which looks for plans only when it is told, and two plans in their first step,
    which does not end. Whoever begins it again ends it."""
    model.does["first"] = lambda: asyncio.sleep(600)
    served.use(model, answer_s=0.01)
    ids = [await served.made(), await served.made()]
    for number, id in enumerate(ids, 1):
        await served.execute(id)
        await model.begun("first", number)
    model.does = {}
    plans = served.service.plans
    assert plans is not None and plans._engine._sweeping is not None
    plans._engine._sweeping.cancel()
    return plans._engine, ids[0], ids[1]


async def test_a_plan_that_nobody_runs_goes_on_and_no_other_is_begun_again(
    served: Planning,
) -> None:
    """Who looks finds a leg that is taken and not begun, as on a busy machine. Of two who do, one
    goes on (`dbos-inc/dbos-transact-py#742`, `#805`)."""
    engine, lost, kept = await begun(served, Model(written(CHAIN)))
    engine._running = {place for place in engine._running if place.plan != lost}
    await engine._look()
    await asyncio.gather(engine._look(), engine._look())
    assert (await served.over(lost))["status"] == "completed"
    await asyncio.sleep(1)
    assert [step["attempt"] for step in (await served.status(kept))["steps"]] == [1, 0, 0, 0]
    picked = [each for each in await served.records() if each.facts.get("what") == "picked_up"]
    assert [each.facts["plan"] for each in picked] == [lost]
    await served.cancel(kept)


async def test_a_plan_that_cannot_be_read_keeps_no_other_from_going_on(served: Planning) -> None:
    """What was sealed under a key that is there no more."""
    engine, unreadable, other = await begun(served, Model(written(CHAIN)))
    spoil = update(PLANS).where(PLANS.c.id == unreadable).values(draft=b"0" * 64)
    await served.service.audit.transact(lambda transaction: transaction.execute(spoil))
    engine._running = set()
    await engine._look()
    with pytest.raises(AuditError, match="does not decrypt"):
        await engine._look()
    assert (await served.over(other))["status"] == "completed"
