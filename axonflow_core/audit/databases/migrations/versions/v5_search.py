"""Version 5: what records are found by. The records that are there get it too."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from axonflow_core.audit import databases, finding
from axonflow_core.audit.chain import entry_of
from axonflow_core.audit.databases import migrations
from axonflow_core.audit.finding import LABELS, Labels, cost_of, labels_of, series_id, terms_of
from axonflow_core.errors import AuditError

revision = "5"
down_revision = "4"
_PLACE, _TERM = ("row", "series", "cost_usd"), ("term", "series", "at_us", "row")
_PLACE_ALL = sa.text(
    """UPDATE records SET series = given.series, cost_usd = given.cost_usd
    FROM unnest(CAST(:row AS bigint[]), CAST(:series AS bigint[]), CAST(:cost_usd AS float8[]))
    AS given ("row", series, cost_usd) WHERE records."row" = given."row\""""
)
_ADD_ALL = sa.text(
    """INSERT INTO terms SELECT * FROM unnest(CAST(:term AS text[]), CAST(:series AS bigint[]),
    CAST(:at_us AS bigint[]), CAST(:row AS bigint[]))"""
)
_LOG = logging.getLogger(migrations.__name__)  # Alembic gives this module another name


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
    connection = op.get_bind()
    is_postgres = connection.dialect.name == "postgresql"
    terms = op.create_table(
        "terms",
        *(
            sa.Column(name, kind, primary_key=not is_postgres, nullable=False, autoincrement=False)
            for name, kind in zip(_TERM, (sa.String, *[sa.BigInteger] * 3), strict=True)
        ),
        sqlite_with_rowid=False,
    )
    _fill(connection, series, terms)
    if is_postgres:  # which sorts them at once, rather than look for the place of each
        op.create_primary_key("terms_pkey", "terms", list(_TERM))
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
    write = _write_arrays if connection.dialect.name == "postgresql" else _write_rows
    known: dict[Labels, int] = {}
    last, told_s = 0, time.monotonic()
    most = connection.execute(sa.select(sa.func.max(records.c.row))).scalar()
    query = sa.select(records.c.row, records.c.body).order_by(records.c.row).limit(finding.SLICE)
    while rows := connection.execute(query.where(records.c.row > last)).all():
        last = rows[-1].row
        places: list[tuple[Any, ...]] = []
        new_terms: list[tuple[Any, ...]] = []
        for number, body in rows:
            try:
                entry = entry_of(body)
            except AuditError:
                continue  # it was changed, which verifying tells
            cost = cost_of(entry)
            labels = labels_of(entry, cost)
            if (id := known.get(labels)) is None:
                id = known[labels] = series_id(labels)
                connection.execute(
                    series.insert(), {"id": id, **dict(zip(LABELS, labels, strict=True))}
                )
            places.append((number, id, cost))
            new_terms += [(term, id, entry.at_us, number) for term in terms_of(entry)]
        write(connection, terms, places, new_terms)
        if time.monotonic() - told_s >= databases.TELL_S:
            told_s = time.monotonic()
            _LOG.warning("the audit's tables are brought up to date: row %d of %d", last, most)


def _write_arrays(
    connection: sa.Connection,
    _: sa.Table,
    places: Sequence[tuple[Any, ...]],
    new_terms: Sequence[tuple[Any, ...]],
) -> None:
    """With one statement each: PostgreSQL takes ten times as long for a statement a row."""
    for statement, names, rows in ((_PLACE_ALL, _PLACE, places), (_ADD_ALL, _TERM, new_terms)):
        if rows:
            columns = map(list, zip(*rows, strict=True))
            connection.execute(statement, dict(zip(names, columns, strict=True)))


def _write_rows(
    connection: sa.Connection,
    terms: sa.Table,
    places: Sequence[tuple[Any, ...]],
    new_terms: Sequence[tuple[Any, ...]],
) -> None:
    records = sa.table("records", *map(sa.column, _PLACE))
    placed = (
        sa.update(records)
        .where(records.c.row == sa.bindparam("of"))
        .values(series=sa.bindparam("to"), cost_usd=sa.bindparam("cost"))
    )
    if places:
        named = ("of", "to", "cost")
        connection.execute(placed, [dict(zip(named, each, strict=True)) for each in places])
    if new_terms:
        connection.execute(
            terms.insert(), [dict(zip(_TERM, each, strict=True)) for each in new_terms]
        )
