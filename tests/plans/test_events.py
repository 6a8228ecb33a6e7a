"""How far a plan is, told while it runs."""

from __future__ import annotations

import asyncio

import pytest

from axonflow_core.framing.sse import SseDecoder

from .planned import CHAIN, Model, Planning, written

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_each_change_of_a_plan_is_an_event_and_the_last_one_is_its_end(
    served: Planning,
) -> None:
    served.use(Model(written(CHAIN), delay_s=0.05))
    id = await served.made()
    watching = asyncio.create_task(served.get(f"/api/v1/plan/{id}/events"))
    await asyncio.sleep(0)
    await served.execute(id)
    reply = await asyncio.wait_for(watching, 5)
    assert reply.headers["content-type"] == "text/event-stream"
    events = [each.json() for each in SseDecoder().feed(reply.body)]
    seen = [[step["status"] for step in event["steps"]] for event in events]
    assert seen[0] == ["pending"] * 4 and seen[-1] == ["completed"] * 4
    assert ["completed", "running", "pending", "pending"] in seen
    assert (events[-1]["status"], events[-1]["result"]) == ("completed", "synthesis is done")
    assert len(events) == len({str(each) for each in events})


async def test_events_of_a_plan_are_for_its_tenant(served: Planning) -> None:
    served.use(Model(written(CHAIN)))
    id = await served.made()
    assert (await served.get(f"/api/v1/plan/{id}/events", client="other")).status == 404
