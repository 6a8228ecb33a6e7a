"""Which step waits for which: the steps of a plan as a graph without a cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from axonflow_core.plans.plan import Step
from axonflow_core.plans.terms import ExecutionMode

ONE_BY_ONE = frozenset((ExecutionMode.SEQUENTIAL, ExecutionMode.STEP))
"""The modes in which no two steps run at once."""


def ordered(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, each behind those that it depends on, else as they were. `ValueError` where some
    wait for one another, or for a step that there is none of."""
    left, done = list(steps), dict[str, Step]()
    while left:
        step = next((each for each in left if done.keys() >= set(each.depends_on)), None)
        if step is None:
            raise ValueError(f"{len(left)} steps wait for one another")
        done[step.id] = step
        left.remove(step)
    return tuple(done.values())


def depth(steps: Sequence[Step]) -> int:
    """How many steps the longest chain has. `steps` are ordered."""
    depths: dict[str, int] = {}
    for step in steps:
        depths[step.id] = 1 + max((depths[each] for each in step.depends_on), default=0)
    return max(depths.values(), default=0)


def waits(steps: Sequence[Step], mode: ExecutionMode) -> Mapping[str, frozenset[str]]:
    """Id -> the ids of the steps that must be over before it begins. `steps` are ordered."""
    waiting: dict[str, frozenset[str]] = {}
    last_of: dict[str, str] = {}
    """Agent -> its last step."""
    for step in steps:
        others = set(step.depends_on)
        lane = "" if mode in ONE_BY_ONE else step.agent
        if mode in ONE_BY_ONE or mode is ExecutionMode.BALANCED:
            others |= {last_of[lane]} if lane in last_of else set()
        waiting[step.id] = frozenset(others)
        last_of[lane] = step.id
    return waiting
