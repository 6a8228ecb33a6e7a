"""The steps of a plan as a graph."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.plans.order import depth, ordered, waits
from axonflow_core.plans.plan import Step
from axonflow_core.plans.terms import ExecutionMode


@st.composite
def graphs(draw: st.DrawFn) -> list[Step]:
    """Steps without a cycle, in any order."""
    count = draw(st.integers(1, 8))
    made = [
        Step(
            id=f"s{number}",
            name="n",
            agent=draw(st.sampled_from("xy")),
            task="t",
            depends_on=tuple(f"s{other}" for other in range(number) if draw(st.booleans())),
        )
        for number in range(count)
    ]
    return draw(st.permutations(made))


@given(graphs(), st.sampled_from(ExecutionMode))
def test_in_every_mode_a_step_waits_for_what_it_depends_on_and_for_earlier_ones_only(
    steps: list[Step], mode: ExecutionMode
) -> None:
    behind: set[str] = set()
    in_order = ordered(steps)
    waiting = waits(in_order, mode)
    for step in in_order:
        assert set(step.depends_on) <= waiting[step.id] <= behind
        behind.add(step.id)
    assert behind == {step.id for step in steps}


@given(graphs())
def test_one_after_another_each_step_but_the_first_waits_for_the_one_before(
    steps: list[Step],
) -> None:
    in_order = ordered(steps)
    waiting = waits(in_order, ExecutionMode.SEQUENTIAL)
    for before, step in itertools.pairwise(in_order):
        assert before.id in waiting[step.id]
    assert 1 <= depth(in_order) <= len(steps)


def steps(*pairs: tuple[str, str, tuple[str, ...]]) -> list[Step]:
    return [
        Step(id=id, name=id, agent=agent, task="t", depends_on=depends_on)
        for id, agent, depends_on in pairs
    ]


def test_balanced_steps_of_one_agent_wait_for_each_other() -> None:
    plan = steps(("a", "x", ()), ("b", "y", ()), ("c", "x", ()), ("d", "y", ("a",)))
    assert waits(plan, ExecutionMode.BALANCED) == {
        "a": frozenset(),
        "b": frozenset(),
        "c": {"a"},
        "d": {"a", "b"},
    }


def test_a_cycle_has_no_order() -> None:
    with pytest.raises(ValueError, match="2 steps wait"):
        ordered(steps(("a", "x", ("b",)), ("b", "x", ("a",)), ("c", "x", ())))
