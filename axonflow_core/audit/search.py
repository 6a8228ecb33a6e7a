"""Records found again: by time, user, client, verdict, kind of request, id or rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import eq, ge, lt

import orjson
from attrs import field
from sqlalchemy import ColumnElement, Connection, func, select

from axonflow_core.audit.chain import entry_of
from axonflow_core.audit.members import has_rule
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.schema import RECORDS
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import RequestError
from axonflow_core.frozen import frozen
from axonflow_core.policy.rules import Verdict

MAX_LIMIT = 1_000
"""The most records of one page."""
MAX_OFFSET = 1_000_000_000


@frozen(kw_only=True)
class Filter:
    """Which records are wanted; None wants every one."""

    user: str | None = None
    """The pseudonym of a user (`AuditStore.pseudonym`)."""
    client: str | None = None
    start_us: int | None = None
    """Not before this time, in microseconds since 1970-01-01T00:00Z."""
    end_us: int | None = None
    """Before this time."""
    verdict: Verdict | None = None
    request_type: str | None = None
    id: str | None = None
    rule: str | None = None
    """The name of a rule that found something."""
    kinds: tuple[Kind, ...] = ()
    """Any of these; where none is named, any."""


@frozen(kw_only=True)
class Recorded:
    """An entry with its place in a chain."""

    entry: Entry
    """Without its texts."""
    chain: str
    seq: int
    commitments: Mapping[str, str]
    """Label -> commitment to the text, in hex."""
    hash: bytes = field(repr=False)


@frozen(kw_only=True)
class Page:
    """Some of the records that fit."""

    records: tuple[Recorded, ...]
    """The newest first."""
    total: int
    """How many fit in all."""


async def search(
    store: AuditStore,
    tenant: str,
    wanted: Filter | None = None,
    *,
    limit: int = 50,
    offset: int = 0,
) -> Page:
    """The records of one tenant that fit, from the newest on. `RequestError` for a limit that is
    not 1 to 1,000, or a negative offset."""
    require_page(limit, offset)
    return await store.read(
        lambda connection: search_in(
            connection, tenant, wanted or Filter(), limit=limit, offset=offset
        )
    )


def require_page(limit: int, offset: int) -> None:
    """`RequestError` for a page that cannot be had."""
    if not 1 <= limit <= MAX_LIMIT:
        raise RequestError(f"a page has 1 to {MAX_LIMIT} records, not {limit}")
    if not 0 <= offset <= MAX_OFFSET:
        raise RequestError(f"the offset is {offset}, not 0 to {MAX_OFFSET}")


def search_in(
    connection: Connection, tenant: str | None, wanted: Filter, *, limit: int, offset: int
) -> Page:
    """As `search`, on a connection; of every tenant where that is None, for whoever owns the
    database."""
    conditions = _conditions(tenant, wanted)
    total = connection.execute(select(func.count()).select_from(RECORDS).where(*conditions))
    rows = connection.execute(
        select(*_COLUMNS)
        .where(*conditions)
        .order_by(RECORDS.c.at_us.desc(), RECORDS.c.row.desc())
        .limit(limit)
        .offset(offset)
    )
    return Page(
        records=tuple(recorded(body, hash) for body, hash in rows), total=total.scalar_one()
    )


def newest(connection: Connection, limit: int, *, after: int = 0) -> tuple[list[Recorded], int]:
    """The last `limit` records behind row `after`, in the order of their commits, and the row of
    the last one."""
    rows = connection.execute(
        select(*_COLUMNS, RECORDS.c.row)
        .where(RECORDS.c.row > after)
        .order_by(RECORDS.c.row.desc())
        .limit(limit)
    ).all()
    found = [recorded(row.body, row.hash) for row in reversed(rows)]
    return found, rows[0].row if rows else after


_COLUMNS = (RECORDS.c.body, RECORDS.c.hash)


def recorded(body: bytes, hash: bytes) -> Recorded:
    """A record, read from its row. `AuditError` where it is none."""
    entry = entry_of(body)
    members = orjson.loads(body)
    return Recorded(
        entry=entry,
        chain=members["chain"],
        seq=members["seq"],
        commitments=members["commitments"],
        hash=hash,
    )


def _conditions(tenant: str | None, wanted: Filter) -> Sequence[ColumnElement[bool]]:
    columns = RECORDS.c
    conditions = (
        (tenant, eq, columns.tenant),
        (wanted.user, eq, columns.user),
        (wanted.client, eq, columns.client),
        (wanted.start_us, ge, columns.at_us),
        (wanted.end_us, lt, columns.at_us),
        (wanted.verdict, eq, columns.verdict),
        (wanted.request_type, eq, columns.request_type),
        (wanted.id, eq, columns.id),
    )
    made = [compare(column, value) for value, compare, column in conditions if value is not None]
    if wanted.kinds:
        made.append(columns.kind.in_(wanted.kinds))
    if wanted.rule is not None:
        made.append(has_rule(wanted.rule))
    return made
