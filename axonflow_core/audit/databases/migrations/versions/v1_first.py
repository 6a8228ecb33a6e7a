"""The tables of version 1: settings, records, heads, keys of tenants, texts. They are there."""

from __future__ import annotations

revision = "1"
down_revision = None


def upgrade() -> None:
    """Nothing to do."""
