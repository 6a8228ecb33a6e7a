"""Many steps, many plans."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest
from on_time import timed

from .planned import CHAIN, Model, Planning, written

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.thorough]
STEP_S = 5.0


async def test_forty_independent_steps_take_the_time_of_one(served: Planning) -> None:
    """At least 30 times faster than one by one, which takes 200 s: within 6.6 s, and what forty
    steps need besides, on a slow disk more. That is what forty take that are done at once. The
    answer is made in no time."""
    served.use(Model(written(CHAIN)))
    await served.execute(await served.made())  # the engine finds its queue within a second
    besides_s, _ = await forty(served, 0.0)
    took_s, at_once = await forty(served, STEP_S)
    print(f"40 steps of {STEP_S:g} s: {took_s:.2f} s, of 0 s: {besides_s:.2f} s")  # noqa: T201
    assert took_s - besides_s < 40 * STEP_S / 30
    assert at_once == 40


async def forty(served: Planning, step_s: float) -> tuple[float, int]:
    """What a plan of forty such steps takes, in seconds, and how many of them run at once."""
    steps = [(f"s-{number}", []) for number in range(40)]
    does = {name: lambda: asyncio.sleep(step_s, "done") for name, _ in steps}
    model = served.use(Model(written(steps), **does), max_steps=40)
    id = await served.made()
    with timed() as took:
        executed = (await served.execute(id)).json
    assert executed["result"] == "synthesis is done"
    return took.own_s, model.most_under_way


async def test_of_two_hundred_plans_at_once_none_is_lost(served: Planning) -> None:
    model = served.use(Model(written(CHAIN)))
    began = time.monotonic()
    ids = await asyncio.gather(*(served.made(f"Do {number}.") for number in range(200)))
    await asyncio.gather(*map(served.execute, ids))  # which waits for a while only
    statuses = [(await served.over(id))["status"] for id in ids]
    took_s = time.monotonic() - began
    print(f"200 plans of 4 steps: {took_s:.1f} s")  # noqa: T201
    assert Counter(statuses) == {"completed": 200} and len(set(ids)) == 200
    assert model.calls == dict.fromkeys(("plan", "first", "second", "third", "synthesis"), 200)
