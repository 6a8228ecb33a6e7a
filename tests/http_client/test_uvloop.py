"""The same tests on uvloop, where it is installed: those without parameters of their own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from axonflow_core.http.client import Transport

from . import test_connections, test_dial, test_endurance, test_pool
from .peers import Authority

MODULES = (test_connections, test_pool, test_dial, test_endurance)
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.timely,
    pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed"),
]


def scenarios() -> Iterator[Callable[..., Any]]:
    for module in MODULES:
        for name, found in vars(module).items():
            is_scenario = name.startswith("test_") and inspect.iscoroutinefunction(found)
            if is_scenario and {*inspect.signature(found).parameters} <= {"transport", "authority"}:
                yield found


async def run(scenario: Callable[..., Any], authority: Authority) -> None:
    transport = Transport()
    offered = {"transport": transport, "authority": authority}
    wanted = inspect.signature(scenario).parameters
    try:
        await scenario(**{name: offered[name] for name in wanted})
    finally:
        await transport.aclose()


@pytest.mark.parametrize("scenario", list(scenarios()), ids=lambda found: found.__name__)
def test_it_is_the_same_on_uvloop(scenario: Callable[..., Any], authority: Authority) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(scenario, authority))
