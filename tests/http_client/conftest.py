"""What the tests of the HTTP client share: a transport that is closed, and a private authority."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from axonflow_core.http.client import Transport

from .peers import Authority


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = Transport()
    yield made
    await made.aclose()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
