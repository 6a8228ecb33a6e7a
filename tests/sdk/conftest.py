"""The product's own SDK, unmodified, through `axonflow serve` to the emulator of Bedrock.

The tests of this folder run where `axonflow` 9.5.0 is installed, which is the version that the
server is written for, and are skipped by name elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest

from axonflow_core.server.endpoints.health import SDK_MINIMUM

from .governed import SCRIPT, Governed, governed


def _installed() -> str:
    try:
        return version("axonflow")
    except PackageNotFoundError:
        return "none"


HAS_SDK = _installed() == SDK_MINIMUM and find_spec("axonflow_bedrock") is not None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if HAS_SDK:
        return
    skipped = pytest.mark.skip(reason=f"the product's SDK, axonflow {SDK_MINIMUM}, is missing")
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(skipped)


@pytest.fixture(scope="session", autouse=True)
def quiet() -> Iterator[None]:
    """The SDK neither pings its makers nor goes elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AXONFLOW_TELEMETRY", "off")
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        for name in ("AXONFLOW_TRY", *(name for name in os.environ if "_proxy" in name.lower())):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Governed]:
    """One server for the tests that change nothing of it."""
    with governed(tmp_path_factory.mktemp("governed"), SCRIPT) as server:
        yield server
