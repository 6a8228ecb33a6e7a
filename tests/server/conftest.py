from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .in_process import Served
from .in_process import serving as serving_in


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """The application over a new audit."""
    async with serving_in(tmp_path) as served:
        yield served
