"""Records found again, page by page from the newest on (`places` has how)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from attrs import field
from sqlalchemy import Connection, select

from axonflow_core.audit.chain import entry_of
from axonflow_core.audit.places import Filter, Place, Places
from axonflow_core.audit.record import Entry
from axonflow_core.audit.schema import RECORDS
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import RequestError
from axonflow_core.frozen import frozen

MAX_LIMIT = 1_000
"""The most records of one page."""
MAX_OFFSET = 10_000
"""The most records that a page may pass over. A cursor goes on from wherever a page ended."""


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
    """How many fit in all; where that is not exact, at least so many do."""
    is_total_exact: bool = True
    next: Place | None = None
    """Where the next page begins; None behind the last. A page may be short, even empty, and have
    a next one, where few of very many fit."""


async def search(
    store: AuditStore,
    tenant: str,
    wanted: Filter | None = None,
    *,
    limit: int = 50,
    offset: int = 0,
    before: Place | None = None,
) -> Page:
    """The records of one tenant that fit, from the newest on, or from behind `before` on.
    `RequestError` for a limit that is not 1 to 1,000, or an offset that is not 0 to 10,000."""
    require_page(limit, offset)
    return await store.read(
        lambda connection: search_in(
            connection, tenant, wanted or Filter(), limit=limit, offset=offset, before=before
        )
    )


def require_page(limit: int, offset: int) -> None:
    """`RequestError` for a page that cannot be had."""
    if not 1 <= limit <= MAX_LIMIT:
        raise RequestError(f"a page has 1 to {MAX_LIMIT:,} records, not {limit}")
    if not 0 <= offset <= MAX_OFFSET:
        raise RequestError(
            f"the offset is {offset}, not 0 to {MAX_OFFSET:,}",
            hint="go on with the cursor of the page before, or name a time",
        )


def search_in(
    connection: Connection,
    tenant: str | None,
    wanted: Filter,
    *,
    limit: int,
    offset: int = 0,
    before: Place | None = None,
) -> Page:
    """As `search`, on a connection; of every tenant where that is None, for whoever owns the
    database."""
    places = Places(connection, tenant, wanted)
    total, is_exact = places.total()
    found, rest = places.newest_first(before, offset + limit + 1)
    shown = found[offset : offset + limit]
    if len(found) > offset + limit:
        rest = shown[-1]
    return Page(
        records=_at(connection, tenant, shown),
        total=max(total, len(found)),
        is_total_exact=is_exact,
        next=rest,
    )


def _at(
    connection: Connection, tenant: str | None, places: Sequence[Place]
) -> tuple[Recorded, ...]:
    """The records at some places, in their order."""
    rows = [at.row for at in places]
    query = select(RECORDS.c.row, RECORDS.c.tenant, *_COLUMNS).where(RECORDS.c.row.in_(rows))
    found = {
        row: (body, hash)
        for row, whose, body, hash in connection.execute(query)
        if tenant is None or whose == tenant  # whatever the series say
    }
    return tuple(recorded(*found[row]) for row in rows if row in found)


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
