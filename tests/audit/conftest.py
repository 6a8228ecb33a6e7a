"""A database for each test. Without the extra `server` nothing here is collected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from axonflow_core.audit.store import AuditStore

HAS_SERVER = all(find_spec(name) for name in ("sqlalchemy", "cryptography"))
collect_ignore_glob = [] if HAS_SERVER else ["test_*.py"]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the database of this test is, or will be."""
    return tmp_path / "audit.db"


@pytest.fixture
async def store(database: Path) -> AsyncIterator[AuditStore]:
    """An open store."""
    from .making import opened

    async with opened(database) as store:
        yield store
