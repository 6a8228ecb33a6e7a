"""How far a plan is, told while it runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from on_time import until

from axonflow_core.framing.sse import SseDecoder
from axonflow_core.plans.requests import Standing
from axonflow_core.server.wire import plans as wire

from .planned import CHAIN, Model, Planning, written

pytestmark = pytest.mark.asyncio(loop_scope="module")


def statuses_of(event: Any) -> list[str]:
    return [step["status"] for step in event["steps"]]


BEGUN = ["pending"] * 4
IN_SECOND = ["completed", "running", "pending", "pending"]


async def test_each_change_of_a_plan_is_an_event_and_the_last_one_is_its_end(
    served: Planning, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, event = list[list[str]](), wire.event

    def telling(standing: Standing) -> bytes:
        told.append(statuses_of(wire.standing_body(standing)))
        return event(standing)

    async def second() -> str:
        await until(lambda: IN_SECOND in told)
        return "second is done"

    monkeypatch.setattr(wire, "event", telling)
    served.use(Model(written(CHAIN), second=second))
    id = await served.made()
    watching = asyncio.create_task(served.get(f"/api/v1/plan/{id}/events"))
    await until(lambda: BEGUN in told)
    await served.execute(id)
    reply = await watching
    assert reply.headers["content-type"] == "text/event-stream"
    events = [each.json() for each in SseDecoder().feed(reply.body)]
    seen = list(map(statuses_of, events))
    assert seen[0] == BEGUN and seen[-1] == ["completed"] * 4
    assert IN_SECOND in seen
    assert (events[-1]["status"], events[-1]["result"]) == ("completed", "synthesis is done")
    assert len(events) == len({str(each) for each in events})


async def test_events_of_a_plan_are_for_its_tenant(served: Planning) -> None:
    served.use(Model(written(CHAIN)))
    id = await served.made()
    assert (await served.get(f"/api/v1/plan/{id}/events", client="other")).status == 404
