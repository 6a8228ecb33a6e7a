"""Whether one record, or one chain, is what was recorded, without reading the whole database.

A record is proved by the next head that was signed behind it: the records up to there hang on each
other by their hashes, and the head is signed over the last one. Heads stay behind every thousand
records (`batch.SEALED`), so the way is short.

    seal ─── … ── record ── … ─── seal      the nearest before tells on what its hash hangs
                  └───────────────┘         this is read

A chain is proved from its beginning, or, where it is long, from the first of the last seals that
are read. What `verify` finds beyond that (heads of other chains, kept heads) is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, RowMapping, select

from axonflow_core.audit.chain import START, Head, link
from axonflow_core.audit.findable import COMPARED, differing
from axonflow_core.audit.keys import is_signed_by, key_id
from axonflow_core.audit.schema import BEGINNINGS, HEADS, RECORDS, REPEATED, SEALS
from axonflow_core.audit.verify import SIGNED, differing_column
from axonflow_core.frozen import frozen

MAX_READ = 100_000
"""The most records of a chain that are read for one proof."""


@frozen(kw_only=True)
class Proof:
    """What is proved of a record, or of a chain."""

    chain: str
    first_seq: int
    """The first record that was read."""
    last_seq: int
    """The last one, which a head is signed over."""
    fault: str | None = None
    """What is wrong; None where nothing is."""
    key: str | None = None
    """The id of the key that the head behind is signed with; None where no head is behind."""
    signed_at_us: int | None = None

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None

    @property
    def is_signed(self) -> bool:
        """Whether a head that a known key signed vouches for it."""
        return self.is_valid and self.key is not None


def prove_record(
    connection: Connection, public_keys: Sequence[bytes], tenant: str, id: str
) -> Proof | None:
    """The proof of a record of a tenant; None where the tenant has no such record."""
    query = select(RECORDS.c.chain, RECORDS.c.seq).where(
        RECORDS.c.id == id, RECORDS.c.tenant == tenant
    )
    found = connection.execute(query).first()
    if found is None:
        return None
    behind = _head_behind(connection, found.chain, found.seq)
    return _proved(connection, public_keys, found.chain, found.seq, behind)


def prove_chain(
    connection: Connection, public_keys: Sequence[bytes], tenant: str, chain: str
) -> Proof | None:
    """The proof of a chain that has a record of the tenant; None where there is none. Of a long
    one its last `MAX_READ` records are read."""
    is_of_tenant = select(RECORDS.c.seq).where(RECORDS.c.chain == chain, RECORDS.c.tenant == tenant)
    if connection.execute(is_of_tenant.limit(1)).first() is None:
        return None
    head = connection.execute(select(HEADS).where(HEADS.c.chain == chain)).mappings().first()
    last = 0 if head is None else head["seq"]
    begins_behind, _ = _beginning(connection, chain)
    first = max(begins_behind + 1, last - MAX_READ + 1)
    return _proved(connection, public_keys, chain, first, head)


def _beginning(connection: Connection, chain: str) -> tuple[int, bytes]:
    """The place and the hash that the first record of a chain hangs on (`audit.retention`)."""
    query = select(BEGINNINGS.c.seq, BEGINNINGS.c.hash).where(BEGINNINGS.c.chain == chain)
    found = connection.execute(query).first()
    return (0, START) if found is None else (found.seq, found.hash)


def _head_behind(connection: Connection, chain: str, seq: int) -> RowMapping | None:
    """The first head that was signed over a record or one behind it."""
    for table in (SEALS, HEADS):
        query = select(table).where(table.c.chain == chain, table.c.seq >= seq)
        if found := connection.execute(query.order_by(table.c.seq).limit(1)).mappings().first():
            return found
    return None


def _proved(
    connection: Connection,
    public_keys: Sequence[bytes],
    chain: str,
    first: int,
    head: RowMapping | None,
) -> Proof:
    """What is proved by the records from `first` up to a head."""
    if head is None or head["seq"] < first:
        return Proof(chain=chain, first_seq=first, last_seq=first, fault="no head is behind it")
    last = min(head["seq"], first + MAX_READ)
    fault = _wrong_with(connection, chain, first, last, head) or _wrong_head(head, public_keys)
    if fault is not None:
        return Proof(chain=chain, first_seq=first, last_seq=last, fault=fault)
    return Proof(
        chain=chain,
        first_seq=first,
        last_seq=last,
        key=head["key"],
        signed_at_us=head["at_us"],
    )


def _wrong_with(
    connection: Connection, chain: str, first: int, last: int, head: Mapping[Any, Any]
) -> str | None:
    """What is wrong with the records of a chain up to its head, if anything."""
    names = ("hash", "body", *REPEATED, *COMPARED)
    columns = [RECORDS.c[name] for name in names]
    query = (
        select(*columns)
        .where(RECORDS.c.chain == chain, RECORDS.c.seq.between(first - 1, last))
        .order_by(RECORDS.c.seq)
    )
    begins_behind, hash_before = _beginning(connection, chain)
    is_first = first == begins_behind + 1
    previous, expected = (hash_before, first) if is_first else (None, first - 1)
    for row in connection.execute(query):
        hash, body, seq = row[0], row[1], row[3]
        if seq != expected:
            return f"record {expected} is missing"
        if previous is not None:
            if link(previous, body) != hash:
                return f"record {seq} was changed, or the one before it"
            members, repeated = orjson.loads(body), row[2 : -len(COMPARED)]
            name = differing_column(members, repeated) or differing(members, row[-len(COMPARED) :])
            if name is not None:
                return f"the column {name} of record {seq} differs from what was recorded"
        previous, expected = hash, seq + 1
    if expected != last + 1:
        return f"record {expected} is missing"
    return None if previous == head["hash"] else "the head is signed over another record"


def _wrong_head(row: Mapping[Any, Any], public_keys: Sequence[bytes]) -> str | None:
    head = Head(**{name: row[name] for name in SIGNED})
    key = {key_id(each): each for each in public_keys}.get(head.key)
    if key is None:
        return f"its head is signed with the key {head.key}, which is not known"
    is_signed = is_signed_by(key, row["signature"], head.message)
    return None if is_signed else "the signature of its head is not its key's"
