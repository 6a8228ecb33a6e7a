"""Version 3: how far records were exported."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """Make the table of exports."""
    op.create_table(
        "exports",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("chain", sa.String, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
    )
