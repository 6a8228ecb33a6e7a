"""What a model writes as a plan: what is taken, what is repaired once, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.config.agents import PlansConfig
from axonflow_core.emulator.schema_examples import example_of
from axonflow_core.errors import DecodeError
from axonflow_core.plans.planner import schema_of, steps_of

from .planned import AGENTS, CHAIN, Model, Planning, written

CONFIG = PlansConfig(max_steps=4, max_depth=3)


def step(**changes: Any) -> dict[str, Any]:
    return {"name": "a", "agent": "worker", "task": "t", "depends_on": [], **changes}


UNSEEN = ("a\nb", "a\x00", "\x1b[2Ja", "a\u202eb", "\u200b", "a\r")
"""Names that a terminal and a log would show as something else."""


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        (None, "the plan has no list of steps"),
        ([], "the plan has no list of steps"),
        ([step(name=str(number)) for number in range(5)], "5 steps, of at most 4"),
        ([1], "step 1 is no object"),
        ([step(name="")], "step 1 has no name"),
        *(([step(name=name)], "the name of step 1 is not one line") for name in UNSEEN),
        ([step(task=3)], "step 1 has no task"),
        ([step(task="x" * 10_001)], "the task of step 1 has 10001 characters, of at most 10000"),
        ([step(depends_on="a")], "depends_on of step 1 is no list of names"),
        ([step(), step()], "steps 1 and 2 have one name"),
        ([step(agent="spy")], "step 1 is for an agent that there is none of"),
        ([step(depends_on=["z"])], "step 1 depends on a step that there is none of"),
        ([step(depends_on=["a"])], "a cycle: 1 steps wait for one another"),
        (
            [
                step(),
                step(name="b", depends_on=["a"]),
                step(name="c", depends_on=["b"]),
                step(name="d", depends_on=["c"]),
            ],
            "4 steps wait for one another, of at most 3",
        ),
    ],
)
def test_a_plan_that_cannot_be_executed_is_refused(steps: Any, fault: str) -> None:
    with pytest.raises(DecodeError) as refused:
        steps_of({"steps": steps}, AGENTS, CONFIG)
    assert fault in refused.value.message


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "b", ""]) | _JSON,
        "agent": st.sampled_from(["worker", "checker"]) | _JSON,
        "task": st.just("t") | _JSON,
        "depends_on": st.lists(st.sampled_from(["a", "b"])) | _JSON,
    },
)


@given(_JSON | st.fixed_dictionaries({"steps": st.lists(_MEMBERS, max_size=5) | _JSON}))
def test_whatever_a_model_writes_is_a_plan_within_bounds_or_a_decode_error(value: Any) -> None:
    try:
        steps = steps_of(value, AGENTS, CONFIG)
    except DecodeError:
        return
    behind: set[str] = set()
    for each in steps:
        assert set(each.depends_on) <= behind and each.agent in AGENTS and each.task
        behind.add(each.id)
    assert 0 < len(steps) <= 4


def test_the_schema_has_an_example_that_is_a_plan() -> None:
    schema = schema_of(AGENTS).schema
    assert len(steps_of(example_of(schema), AGENTS, CONFIG)) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_a_plan_with_a_fault_is_written_again_once(served: Planning) -> None:
    model = served.use(Model(written([("a", ["b"])]), written(CHAIN)))
    await served.made()
    assert model.calls["plan"] == 2
    told = model.asked["plan"].messages[-1].text
    assert "step 1 depends on a step that there is none of" in told


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("second", ["It is sunny.", written([("a", ["b"])])])
async def test_a_plan_that_is_not_repaired_is_refused(served: Planning, second: str) -> None:
    model = served.use(Model("no JSON", second))
    failed = (await served.generate()).json
    assert failed["success"] is False and failed["data"]["code"] == "no_plan"
    assert model.calls["plan"] == 2
