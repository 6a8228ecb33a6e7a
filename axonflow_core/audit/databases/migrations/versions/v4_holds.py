"""Version 4: holds, the beginnings of chains whose first records were removed, and heads that tell
their writers of keys that were destroyed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Make the tables and the column."""
    op.create_table(
        "holds",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("tenant", sa.String),
        sa.Column("client", sa.String),
        sa.Column("user", sa.String),
        sa.Column("start_us", sa.BigInteger),
        sa.Column("end_us", sa.BigInteger),
    )
    op.create_table(
        "beginnings",
        sa.Column("chain", sa.String, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("record", sa.String, nullable=False),
    )
    op.add_column(
        "heads",
        sa.Column("has_lost_key", sa.Boolean, nullable=False, server_default=sa.false()),
    )
