"""Plans need DBOS, the extra `plans`; without it these tests are skipped."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio

from axonflow_core.plans import clock

from .planned import CHAIN, Model, Planning, planning, written


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if find_spec("dbos") is not None:
        return
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.skip(reason="the package dbos is missing"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server_of_module(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Planning]:
    """One application for the tests of a module, for its start takes a second or two."""
    async with planning(tmp_path_factory.mktemp("plans"), Model(written(CHAIN))) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def served(server_of_module: Planning) -> Planning:
    """The application of the module, whose records are those of this test. A module that uses it
    runs on one event loop: `pytestmark = pytest.mark.asyncio(loop_scope="module")`."""
    return await server_of_module.from_now_on()


@pytest.fixture
def time_passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets so many seconds pass on the clock of plans, at once."""
    passed_ns = 0

    def passes(seconds: float) -> None:
        nonlocal passed_ns
        passed_ns += int(seconds * 1e9)

    later = SimpleNamespace(time_ns=lambda: time.time_ns() + passed_ns)
    monkeypatch.setattr(clock, "time", later)
    return passes
