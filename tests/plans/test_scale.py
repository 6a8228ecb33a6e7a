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
    """At least 30 times faster than one by one, which takes 200 s and what the steps cost besides:
    within 6.6 s. The answer is made in no time."""
    served.use(Model(written(CHAIN)))
    await served.execute(await served.made())  # the engine finds its queue within a second
    steps = [(f"s-{number}", []) for number in range(40)]
    slow = {name: lambda: asyncio.sleep(STEP_S, "done") for name, _ in steps}
    model = served.use(Model(written(steps), **slow), max_steps=40)
    id = await served.made()
    with timed() as took:
        executed = (await served.execute(id)).json
    assert executed["result"] == "synthesis is done" and model.most_under_way == 40
    times = 40 * STEP_S / took.own_s
    print(f"40 steps of {STEP_S:g} s: {took.own_s:.2f} s, {times:.1f}x")  # noqa: T201
    assert times > 30


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
