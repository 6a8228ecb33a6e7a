"""Version 5: what records are found by. The records that are there get it too."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from axonflow_core.audit import finding
from axonflow_core.audit.chain import entry_of
from axonflow_core.audit.finding import LABELS, cost_of, labels_of, series_id, terms_of
from axonflow_core.errors import AuditError

revision = "5"
down_revision = "4"


def upgrade() -> None:
    """Make the tables of series and terms, and fill them."""
    op.add_column("records", sa.Column("series", sa.BigInteger))
    op.add_column("records", sa.Column("cost_usd", sa.Float))
    series = op.create_table(
        "series",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("client", sa.String, nullable=False),
        sa.Column("provider", sa.String),
        sa.Column("model", sa.String),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("request_type", sa.String),
        sa.Column("cost_class", sa.Integer),
    )
    terms = op.create_table(
        "terms",
        sa.Column("term", sa.String, primary_key=True),
        sa.Column("series", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at_us", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("row", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    _fill(op.get_bind(), series, terms)
    op.create_index("series_of_a_tenant", "series", ["tenant"])
    op.create_index(
        "records_of_a_series",
        "records",
        ["series", "at_us", "cost_usd"],
        postgresql_include=["row"],
    )


def _fill(connection: sa.Connection, series: sa.Table, terms: sa.Table) -> None:
    """Read the records in slices, and write what they are found by."""
    records = sa.table("records", *map(sa.column, ("row", "body", "series", "cost_usd")))
    known: set[int] = set()
    last = 0
    query = sa.select(records.c.row, records.c.body).order_by(records.c.row).limit(finding.SLICE)
    placed = (
        sa.update(records)
        .where(records.c.row == sa.bindparam("of"))
        .values(series=sa.bindparam("to"), cost_usd=sa.bindparam("cost"))
    )
    while rows := connection.execute(query.where(records.c.row > last)).all():
        last = rows[-1].row
        places: list[dict[str, Any]] = []
        new_terms: list[dict[str, Any]] = []
        for number, body in rows:
            try:
                entry = entry_of(body)
            except AuditError:
                continue  # it was changed, which verifying tells
            labels = labels_of(entry)
            id = series_id(labels)
            if id not in known:
                known.add(id)
                connection.execute(
                    series.insert(), {"id": id, **dict(zip(LABELS, labels, strict=True))}
                )
            places.append({"of": number, "to": id, "cost": cost_of(entry)})
            new_terms += [
                {"term": term, "series": id, "at_us": entry.at_us, "row": number}
                for term in terms_of(entry)
            ]
        if places:
            connection.execute(placed, places)
        if new_terms:
            connection.execute(terms.insert(), new_terms)
