"""The blocking client is held to the tests of the other one: what is sent, what is refused, time
limits, words. Left out is what only a task on a loop can do: to be cancelled."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator

import pytest

from . import test_connections, test_dial, test_pool
from .in_threads import ThreadedTransport

pytestmark = [pytest.mark.sampled(4), pytest.mark.timely]
"""The other client's tests run always."""
OF_TASKS = ("cancel", "two_reads", "second_read")
"""Words in the names of tests that are about tasks."""
OF_INSIDES = (
    "whatever_ended",
    "slow_reader",
    "before_the_whole_request",
    "timer",
    "rests_too_long",
)
"""Words in the names of tests that look into the other client; `test_blocking` has their twins."""


@pytest.fixture
async def transport() -> AsyncIterator[ThreadedTransport]:
    made = ThreadedTransport()
    yield made
    await made.aclose()


for module in (test_connections, test_dial, test_pool):
    for name, found in vars(module).items():
        is_test = name.startswith("test_") and inspect.isfunction(found)
        is_left_out = any(word in name for word in OF_TASKS + OF_INSIDES)
        if is_test and not is_left_out and "transport" in inspect.signature(found).parameters:
            globals()[name] = found
