"""Retention: the first records of chains go once their time is over, and the rest verifies.

    chain    ── removed ── seal │ left ── … ── head
                             └── the chain's beginning from now on (table beginnings)

A chain is cut behind a seal, or behind the head of a writer that has ended, that was signed before
the time that is kept. So what is removed is a row of whole segments from the chain's beginning on,
and it ends before

    a record that a hold covers
    a record that an export has not carried out yet (`exported_up_to`)
    a stream that is open: the record that closes it would have nothing to close
    a record that closes a stream whose beginning stays, in another chain

The seals stay. A record of the kind `retention` says where each chain begins now; `verify` believes
no beginning without it. Where a later retention removes records that others still need, its own
record repeats what they said: that record itself, and records that named the ends of chains.

A transaction removes at most `MAX_RECORDS` records, or one segment. Each leaves a database that
verifies, so a command that is ended is given again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import orjson
from attrs import define, field
from sqlalchemy import ColumnElement, Connection, delete, exists, insert, or_, select, update

from axonflow_core.audit.batch import Transaction
from axonflow_core.audit.chain import entry_of
from axonflow_core.audit.export import exported_up_to
from axonflow_core.audit.finding import terms_of
from axonflow_core.audit.holds import Hold, holding, holds_in
from axonflow_core.audit.opening import NAMED
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.schema import BEGINNINGS, HEADS, RECORDS, SEALS, TERMS, TEXTS
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import AuditError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import Json
from axonflow_core.policy.rules import Verdict

MAX_RECORDS = 1_000
"""How many records one transaction removes, or one segment where that has more."""
BEGINS = "beginnings"
"""The fact of a retention's record that says where chains begin: chain -> [seq, hash in hex]."""
_ROWS = 2_000
_SIGNED = ("hash", "count", "at_us", "key", "is_closed", "signature")


@define
class Segment:
    """Records of a chain that are removed together, from the one behind the last removed one on."""

    chain: str
    last_seq: int
    first_row: int = 0
    last_row: int = 0
    count: int = 0
    held_by: str | None = None
    """The name of the first hold that covers one of its records."""
    is_open: bool = False
    """Whether a stream begins in it that nothing closes yet."""
    closes: list[tuple[str, int]] = field(factory=list)
    """The places of streams of other chains that records of it close."""


@frozen(kw_only=True)
class Plan:
    """What would be removed."""

    before_us: int
    segments: tuple[Segment, ...] = ()
    """In an order in which each can be removed."""
    held: tuple[Segment, ...] = ()
    """Segments whose time is over and that a hold keeps."""
    holds: tuple[Hold, ...] = ()
    """The holds of which the plan was made."""

    @property
    def count(self) -> int:
        """How many records would be removed."""
        return sum(segment.count for segment in self.segments)

    def parts(self) -> Iterator[Sequence[Segment]]:
        """The segments of one transaction each."""
        part: list[Segment] = []
        for segment in self.segments:
            if part and sum(each.count for each in part) + segment.count > MAX_RECORDS:
                yield part
                part = []
            part.append(segment)
        if part:
            yield part


# ── what would be removed ─────────────────────────────────────────────────────────────────────────


def plan(connection: Connection, before_us: int) -> Plan:
    """What of the records that were signed before a time can be removed."""
    planner = _Planner(connection, before_us)
    planner.read()
    return planner.plan()


class _Planner:
    def __init__(self, connection: Connection, before_us: int) -> None:
        self._connection = connection
        self._before_us = before_us
        self._holds = tuple(holds_in(connection))
        self._reached = _beginnings(connection)
        self._ends = {
            chain: iter(sorted(seqs))
            for chain, seqs in _ends(connection, before_us, self._reached).items()
        }
        self._segments: dict[str, list[Segment]] = {chain: [] for chain in self._ends}
        self._current: dict[str, Segment] = {}
        for chain in list(self._ends):
            self._advance(chain)
        self._opened: dict[str, tuple[str, int, Segment | None]] = {}
        """The streams whose end was not read yet: id of the beginning -> its place."""

    def _advance(self, chain: str) -> None:
        """Go on with the next segment of a chain, if there is one that may be removed."""
        end = next(self._ends[chain], None)
        if end is None:
            self._current.pop(chain, None)
        else:
            self._current[chain] = Segment(chain, end)

    def read(self) -> None:
        """Read the records up to the last one that may be removed."""
        names = ("row", "chain", "seq", "id", "kind", "tenant", "client", "user", "at_us", "closes")
        query = select(*(RECORDS.c[name] for name in names)).order_by(RECORDS.c.row)
        streamed = self._connection.execution_options(stream_results=True)
        with streamed.execute(query) as found:
            for rows in found.partitions(_ROWS):
                for row in rows:
                    self._add(row)
                if not self._current:
                    break
        self._mark_open()

    def _add(self, row: Any) -> None:
        segment = self._current.get(row.chain)
        if row.kind == Kind.OPENED:
            self._opened[row.id] = (row.chain, row.seq, segment)
        opened = None if row.closes is None else self._opened.pop(row.closes, None)
        if segment is None:
            return
        if opened is not None and opened[0] != row.chain:
            segment.closes.append(opened[:2])
        segment.first_row = segment.first_row or row.row
        segment.last_row, segment.count = row.row, segment.count + 1
        if segment.held_by is None:
            held_by = holding(self._holds, row.tenant, row.client, row.user, row.at_us)
            segment.held_by = None if held_by is None else held_by.name
        if row.seq == segment.last_seq:
            self._segments[row.chain].append(segment)
            self._advance(row.chain)

    def _mark_open(self) -> None:
        """Find the streams that no record closes, not even one behind those that were read."""
        for id, (_, _, segment) in self._opened.items():
            if (
                segment is not None
                and not self._connection.execute(
                    select(exists().where(RECORDS.c.closes == id))
                ).scalar()
            ):
                segment.is_open = True

    def plan(self) -> Plan:
        """Take segments, as long as one can be taken: taking one may free another."""
        taken: list[Segment] = []
        waiting = {chain: list(segments) for chain, segments in self._segments.items()}
        while True:
            before = len(taken)
            for segments in waiting.values():
                while segments and self._is_free(segments[0]):
                    self._reached[segments[0].chain] = segments[0].last_seq
                    taken.append(segments.pop(0))
            if len(taken) == before:
                break
        return Plan(
            before_us=self._before_us,
            segments=tuple(taken),
            held=tuple(each for segments in waiting.values() for each in segments if each.held_by),
            holds=self._holds,
        )

    def _is_free(self, segment: Segment) -> bool:
        reached = self._reached
        return (
            segment.held_by is None
            and not segment.is_open
            and all(seq <= reached.get(chain, 0) for chain, seq in segment.closes)
        )


def _beginnings(connection: Connection | Transaction) -> dict[str, int]:
    """Chain -> the last record that was removed."""
    rows = connection.execute(select(BEGINNINGS.c.chain, BEGINNINGS.c.seq))
    return {row.chain: row.seq for row in rows}


def _ends(
    connection: Connection, before_us: int, reached: Mapping[str, int]
) -> Mapping[str, set[int]]:
    """Chain -> the places behind which it can be cut."""
    exported = exported_up_to(connection)
    of_seals = select(SEALS.c.chain, SEALS.c.seq).where(SEALS.c.at_us < before_us)
    of_heads = select(HEADS.c.chain, HEADS.c.seq).where(
        HEADS.c.at_us < before_us, or_(HEADS.c.is_closed, HEADS.c.is_swept)
    )
    ends: dict[str, set[int]] = {}
    for query in (of_seals, of_heads):
        for chain, seq in connection.execute(query):
            is_exported = exported is None or seq <= exported.get(chain, 0)
            if seq > reached.get(chain, 0) and is_exported:
                ends.setdefault(chain, set()).add(seq)
    return ends


# ── removing ──────────────────────────────────────────────────────────────────────────────────────


async def removal(store: AuditStore, before_us: int, *, command: str) -> tuple[Plan, list[str]]:
    """Remove what was signed before a time: what was planned, and the ids of the records that say
    what is removed. Servers may write meanwhile. `command` is who asked, as it is recorded."""
    done: list[Segment] = []
    removals: list[str] = []
    while True:
        planned = await store.read(partial(plan, before_us=before_us))
        for part in planned.parts():
            work = partial(remove, segments=part, planned=planned, command=command)
            if (id := await store.transact(work)) is None:
                break  # something changed meanwhile
            removals.append(id)
            done += part
        else:
            return evolve(planned, segments=tuple(done)), removals


def remove(
    transaction: Transaction, segments: Sequence[Segment], planned: Plan, *, command: str
) -> str | None:
    """Remove one part of a plan. Returns the id of the record that says so; None where holds,
    exports or beginnings are others than those of the plan, which is to be made again then."""
    if not _is_as_planned(transaction, segments, planned):
        return None
    last = {segment.chain: segment.last_seq for segment in segments}
    facts = _facts(transaction, segments, last)
    for segment in segments:
        is_of_it = RECORDS.c.row.between(segment.first_row, segment.last_row) & (
            RECORDS.c.chain == segment.chain
        )
        transaction.execute(
            delete(TEXTS).where(TEXTS.c.record.in_(select(RECORDS.c.id).where(is_of_it)))
        )
        _remove_terms(transaction, is_of_it)
        transaction.execute(delete(RECORDS).where(is_of_it))
    entry = Entry(
        kind=Kind.RETENTION,
        verdict=Verdict.ALLOWED,
        facts={
            **facts,
            "command": command,
            "before_us": planned.before_us,
            "removed": sum(segment.count for segment in segments),
        },
    )
    transaction.append(entry)
    _begin_behind(transaction, facts[BEGINS], entry.id)
    return entry.id


def _is_as_planned(transaction: Transaction, segments: Sequence[Segment], planned: Plan) -> bool:
    reached, exported = _beginnings(transaction), exported_up_to(transaction)
    for segment in segments:
        first = transaction.execute(
            select(RECORDS.c.seq).where(RECORDS.c.row == segment.first_row)
        ).scalar()
        if first != reached.get(segment.chain, 0) + 1:
            return False
        if exported is not None and segment.last_seq > exported.get(segment.chain, 0):
            return False
        reached[segment.chain] = segment.last_seq
    return tuple(holds_in(transaction)) == planned.holds


def _facts(
    transaction: Transaction, segments: Iterable[Segment], last: Mapping[str, int]
) -> dict[str, Any]:
    """Where chains begin now, and what the removed records said that is still needed."""
    beginnings: dict[str, Json] = {}
    named: dict[str, Json] = {}
    for chain, seq in last.items():
        beginnings[chain] = [seq, _seal(transaction, chain, seq).hex()]
    for facts, id in _still_needed(transaction, segments):
        named |= {
            chain: seq for chain, seq in _named_in(facts) if _named_seq(transaction, chain) == seq
        }
        for chain, place in facts.get(BEGINS, {}).items():
            is_it = (BEGINNINGS.c.chain == chain) & (BEGINNINGS.c.record == id)
            query = select(BEGINNINGS.c.seq).where(is_it)
            if chain not in last and transaction.execute(query).first():
                beginnings[chain] = place
    return {BEGINS: beginnings, "named": named}


def _still_needed(
    transaction: Transaction, segments: Iterable[Segment]
) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The facts and the id of each record to be removed that others may need."""
    for segment in segments:
        query = select(RECORDS.c.body, RECORDS.c.id).where(
            RECORDS.c.row.between(segment.first_row, segment.last_row),
            RECORDS.c.chain == segment.chain,
            RECORDS.c.kind.in_((Kind.CHAIN.value, Kind.RETENTION.value)),
        )
        for row in transaction.execute(query).all():
            yield orjson.loads(row.body)["facts"], row.id


def _named_in(facts: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """The ends of chains that a record names: chain and place."""
    for chain, place in facts.get(NAMED, {}).items():
        yield chain, place[0]
    yield from facts.get("named", {}).items()


def _named_seq(transaction: Transaction, chain: str) -> int | None:
    query = select(HEADS.c.named_seq).where(HEADS.c.chain == chain)
    return transaction.execute(query).scalar()


def _seal(transaction: Transaction, chain: str, seq: int) -> bytes:
    """The hash at the place behind which a chain is cut; the head of a writer that has ended stays
    as a seal."""
    of = (SEALS.c.chain == chain) & (SEALS.c.seq == seq)
    hash: bytes | None = transaction.execute(select(SEALS.c.hash).where(of)).scalar()
    if hash is None:
        head = transaction.execute(
            select(*(HEADS.c[name] for name in _SIGNED)).where(
                HEADS.c.chain == chain, HEADS.c.seq == seq
            )
        )
        values = head.mappings().one()
        transaction.execute(insert(SEALS).values(chain=chain, seq=seq, **values))
        hash = values["hash"]
    return hash


def _remove_terms(transaction: Transaction, is_of_it: ColumnElement[bool]) -> None:
    """Remove what the records of a segment are found by. The series stay: others have them."""
    at = RECORDS.c
    records = transaction.execute(select(at.row, at.series, at.at_us, at.body).where(is_of_it))
    for each in records.all():
        try:
            terms = terms_of(entry_of(each.body))
        except AuditError:
            continue  # it was changed, and nobody knows its terms
        for term in terms:
            is_it = (
                *(TERMS.c.term == term, TERMS.c.series == each.series),
                *(TERMS.c.at_us == each.at_us, TERMS.c.row == each.row),
            )
            transaction.execute(delete(TERMS).where(*is_it))


def _begin_behind(transaction: Transaction, beginnings: Mapping[str, Any], record: str) -> None:
    for chain, (seq, hash) in beginnings.items():
        values = {"seq": seq, "hash": bytes.fromhex(hash), "record": record}
        is_it = BEGINNINGS.c.chain == chain
        if transaction.execute(update(BEGINNINGS).where(is_it).values(values)).rowcount == 0:
            transaction.execute(insert(BEGINNINGS).values(chain=chain, **values))
