from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from .in_process import Served
from .in_process import serving as serving_in


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server_of_module(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """The application over a new audit, one for the tests of a module."""
    async with serving_in(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module")
async def served(server_of_module: Served) -> Served:
    """The application of the module, whose records are those of this test. A module that uses it
    runs on one event loop: `pytestmark = pytest.mark.asyncio(loop_scope="module")`."""
    return await server_of_module.from_now_on()
