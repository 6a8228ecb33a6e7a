"""A database for each test."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the database of this test is, or will be."""
    return tmp_path / "audit.db"
