"""The first records of a chain: what its writer found when it began.

The first record names the heads of other chains, each as far as no record has named it yet. So a
chain that is removed, or cut below what was named, is missed by another chain's record.

Streams that a writer opened and did not close before it died are recorded as interrupted, by the
next writer that begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson
from sqlalchemy import Connection, RowMapping, and_, exists, insert, select, update

from axonflow_core.audit.batch import Batch
from axonflow_core.audit.chain import Head
from axonflow_core.audit.databases import MASTER_NAME, Database, setting
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.schema import HEADS, RECORDS
from axonflow_core.errors import ConfigError
from axonflow_core.policy.rules import Verdict

NAMED = "heads"
"""The fact of a chain's first record that names other chains: chain -> [seq, hash in hex]."""


def begin_chain(connection: Connection, head: Head, batch: Batch, database: Database) -> None:
    """Add the first records to the batch of a new chain, and its head to the table of heads."""
    named = _name_heads(connection)
    connection.execute(
        insert(HEADS).values(
            chain=head.chain,
            seq=head.seq,
            hash=head.hash,
            count=head.count,
            at_us=0,
            key="",
            is_closed=False,
            signature=b"",
        )
    )
    batch.append(Entry(kind=Kind.CHAIN, verdict=Verdict.ALLOWED, facts={NAMED: named}))
    sweep(connection, batch, database)


def sweep(connection: Connection, batch: Batch, database: Database) -> None:
    """Add to the batch the ends of the streams whose writer has ended."""
    for chain in _ended_chains(connection, database, batch.chain):
        for opened in _open_streams(connection, chain):
            batch.append(_interrupted(opened))
        connection.execute(update(HEADS).where(HEADS.c.chain == chain).values(is_swept=True))


def _name_heads(connection: Connection) -> dict[str, list[int | str]]:
    """The heads that no record names as they are; they count as named from now on."""
    is_unnamed = HEADS.c.seq > HEADS.c.named_seq
    rows = connection.execute(select(HEADS.c.chain, HEADS.c.seq, HEADS.c.hash).where(is_unnamed))
    named: dict[str, list[int | str]] = {row.chain: [row.seq, row.hash.hex()] for row in rows}
    connection.execute(update(HEADS).where(is_unnamed).values(named_seq=HEADS.c.seq))
    return named


def _ended_chains(connection: Connection, database: Database, own: str) -> Iterator[str]:
    """The chains whose writer has ended and whose streams nobody has looked at since."""
    query = select(HEADS.c.chain).where(HEADS.c.is_swept.is_(False), HEADS.c.chain != own)
    for chain in connection.execute(query).scalars().all():
        if not database.is_alive(connection, chain):
            yield chain


def _open_streams(connection: Connection, chain: str) -> list[RowMapping]:
    """The records of streams that were opened in a chain and closed in none."""
    closing = RECORDS.alias()
    is_open = and_(RECORDS.c.chain == chain, RECORDS.c.kind == Kind.OPENED.value)
    is_closed = exists().where(closing.c.closes == RECORDS.c.id)
    query = select(RECORDS).where(is_open, ~is_closed).order_by(RECORDS.c.seq)
    return list(connection.execute(query).mappings())


def _interrupted(opened: RowMapping) -> Entry:
    """The record of a stream that nobody closed. What it had cost is known from its beginning
    only."""
    began = orjson.loads(opened["body"])["facts"]
    facts = {"opened": began, "is_lower_bound": True}
    if reserved := began.get("reserved"):  # it may all be spent (`budgets.book`)
        facts |= {"charges": reserved, "charged": "estimate"}
    same = ("tenant", "client", "user", "request_type", "provider", "model")
    return Entry(
        kind=Kind.INTERRUPTED,
        verdict=Verdict.ERROR,
        closes=opened["id"],
        facts=facts,
        **{name: opened[name] for name in same},
    )


def require_master(connection: Connection, database: Database, master_check: bytes) -> None:
    """`ConfigError` where the database was made with another master key."""
    if setting(connection, MASTER_NAME) != master_check:
        raise ConfigError(
            f"{database.name} was made with another master key",
            hint="give the audit-master key that it was made with",
        )


def require_known_keys(connection: Connection, database: Database, known: Sequence[str]) -> None:
    """`ConfigError` where a head is signed with a key that is not among the ids `known`: nobody
    could verify it."""
    for key in connection.execute(select(HEADS.c.key).distinct()).scalars():
        if key not in known:
            raise ConfigError(
                f"{database.name} has heads that are signed with the key {key}, which is not known",
                hint="add its public key to audit-verify (AXONFLOW_AUDIT_VERIFY_KEYS)",
            )
