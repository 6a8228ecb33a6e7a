"""The event loop goes on while a long request is governed, whatever is in it."""

from __future__ import annotations

import asyncio

import pytest
from costs import REFERENCE_US, reference_us

from axonflow_core.policy.rules import Phase
from tests.bench.policies import LAG_US, policy
from tests.bench.turns import MB, TEXTS, Profiler, Turns, longest_on_loop, measured
from tests.policy import noise


def is_short(stretches: Turns) -> bool:
    """Whether none of them keeps the loop for longer than it may be kept on a machine of 2026."""
    slower = max(1.0, reference_us() / REFERENCE_US)
    return max(stretches) <= LAG_US * slower


@pytest.mark.thorough
def test_no_request_keeps_the_event_loop_from_its_turn() -> None:
    """Neither what the loop does itself, nor what a thread does with the interpreter's lock."""
    found = measured()
    assert found.keys() > TEXTS.keys()
    assert all(stretches.on_loop > 0 for stretches in found.values())
    assert all(found[name].in_thread > 0 for name in TEXTS)
    slow = {name: stretches for name, stretches in found.items() if not is_short(stretches)}
    assert not slow


@pytest.mark.thorough
async def test_a_loop_that_judges_itself_is_kept_from_its_turn() -> None:
    """The control of the stretch on the loop."""
    text = noise.repeated(TEXTS["numbers"], MB)
    policy_of_all = policy()

    async def judged() -> None:
        policy_of_all.evaluate(Phase.REQUEST, {"text": text})

    assert not is_short(Turns(await longest_on_loop(judged), 0))


@pytest.mark.thorough
async def test_a_thread_that_keeps_the_lock_is_heard_of() -> None:
    """The control of the stretch in a thread: one call that does all of the work in C."""
    with Profiler() as profiler:
        await asyncio.to_thread(sum, range(5_000_000))
    assert not is_short(Turns(0, profiler.longest_us))
