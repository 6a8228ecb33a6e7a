"""What holds of every plan, however its steps depend on each other and whichever fail."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from axonflow_core.audit.record import Kind
from axonflow_core.errors import Unavailable
from axonflow_core.plans.terms import ExecutionMode, OnFailure

from .planned import Line, Model, Planning, written

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.thorough]
ENDS = {"completed", "failed", "blocked", "skipped"}
MODES = [mode for mode in ExecutionMode if mode not in ("confirm", "step")]


def drawn(random: Random) -> tuple[list[Line], dict[str, object]]:
    """Steps, and what those do that do not go well."""
    names = [f"s-{number}" for number in range(random.randint(1, 8))]
    steps = [
        (name, random.sample(names[:number], random.randint(0, min(2, number))))
        for number, name in enumerate(names)
    ]
    bad = random.sample(names, random.randint(0, len(names)))
    ways = [Unavailable("it is down"), "It is project Aurora.", ""]
    return steps, {name: random.choice(ways) for name in bad}


@pytest.mark.parametrize("seed", range(40))
async def test_each_step_has_one_end_and_each_call_one_record(served: Planning, seed: int) -> None:
    random = Random(seed)
    steps, does = drawn(random)
    mode, on_failure = random.choice(MODES), random.choice(list(OnFailure))
    model = served.use(Model(written(steps), delay_s=0.01, **does), on_failure=on_failure)
    id = await served.made(execution_mode=mode)
    await served.execute(id)
    plan = await served.status(id)
    states = {each["step_name"]: each for each in plan["steps"]}
    assert {each["status"] for each in states.values()} <= ENDS
    for name, depends_on in steps:
        state = states[name]
        assert (model.calls[name] == 1) is ("audit_id" in state) is (state["status"] != "skipped")
        assert (state["status"] == "completed") <= (name not in does)
        for other in depends_on:
            assert states[other]["status"] == "completed" or state["status"] == "skipped"
    calls = [each for each in await served.records() if each.kind is Kind.CALL]
    on_record = Counter(each.facts["step"] for each in calls if "step" in each.facts)
    assert on_record == {each["step_id"]: 1 for each in plan["steps"] if "audit_id" in each}
    has_answer = plan["steps"][-1]["status"] == "completed"
    assert plan["status"] == ("completed" if has_answer else "failed")
    assert ("result" in plan) is has_answer
