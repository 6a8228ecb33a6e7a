"""Whether a search finds each record, and finds it by what was recorded.

A search reads what stands beside the records (`audit.places`): whoever changes that hides a record
and leaves its chain whole. So all of it is compared with the bodies, which are signed for.

    series, cost_usd    the columns of a record: those that its body gives
    series              the id of a row is a hash of its values, so that a row proves itself
    terms               are in the order of the terms, and records in that of the commits. Neither
                        is sorted for the other: of both the sum of a hash of each term is made.
                        The hash is Python's own, SipHash (PEP 456), of the term behind a text that
                        is drawn for one verification: nobody can choose terms of an equal sum,
                        and others have it once in 2^64. Where the sums differ, each term that
                        records should have is looked up, and then for each term the record

Memory does not grow with the records, and the usual case reads each table once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import orjson
from sqlalchemy import Connection, RowMapping, select, tuple_

from axonflow_core.audit.finding import LABELS, Findable, cost_of, labels_of, series_id, terms_of
from axonflow_core.audit.schema import RECORDS, SERIES, TERMS

COMPARED = ("series", "cost_usd")
"""The columns of `records` that a body gives, and no member of it."""
_MAX_REMEMBERED = 100_000
_LOOKED_UP = 200
"""Terms, or rows, that are looked up at once."""
_ROWS = 2_000
MALFORMED = (ValueError, KeyError, TypeError, AttributeError)
"""What a value of another type than the audit writes raises, somewhere."""


class Miss(NamedTuple):
    """A record that a search would miss, or find wrongly."""

    chain: str
    """Empty where no record is there."""
    seq: int | None
    id: str | None
    what: str


class _Term(NamedTuple):
    """A row of `terms`."""

    term: str
    series: int
    at_us: int
    row: int

    @property
    def kind(self) -> str:
        """`user`, `rule`, `receipt`."""
        return str(self.term).partition(" ")[0]


def differing(members: Mapping[str, Any], columns: Sequence[Any]) -> str | None:
    """The first of the columns `COMPARED` that is not what a body gives, if any."""
    record = _members(members)
    return _differing(columns, series_id(labels_of(record)), cost_of(record))


def _differing(columns: Sequence[Any], series: int, cost: float | None) -> str | None:
    if columns[0] != series:
        return "series"
    return "cost_usd" if columns[1] != (None if cost is None else float(cost)) else None


def _members(members: Mapping[str, Any]) -> Findable:
    """A body, as what it is found by is made of it."""
    return cast(Findable, SimpleNamespace(**members))


class Index:
    """What the records of a database are found by, on the way through the records."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._drawn = os.urandom(16).hex()
        self._sum = 0
        self._series_id = lru_cache(_MAX_REMEMBERED)(series_id)
        self._series = {
            row[0]
            for row in connection.execute(select(SERIES.c.id, *(SERIES.c[each] for each in LABELS)))
            if series_id(tuple(row[1:])) == row[0]
        }
        """The series whose row is as it was written."""

    def add(self, members: Mapping[str, Any], columns: Sequence[Any], row: int) -> str | None:
        """Count the terms of a record in. Returns what is wrong with the columns `COMPARED`."""
        record = _members(members)
        series = self._series_id(labels_of(record))
        for term in terms_of(record):
            self._sum += self._hash(term, series, record.at_us, row)
        if (name := _differing(columns, series, cost_of(record))) is not None:
            return f"the column {name} differs from what was recorded"
        return None if series in self._series else "no search finds it: its series was changed"

    def misses(self) -> Iterator[Miss]:
        """The records that a search by a term misses or finds wrongly, once all were added."""
        terms = select(TERMS.c.term, TERMS.c.series, TERMS.c.at_us, TERMS.c.row)
        streamed = self._connection.execution_options(stream_results=True)
        for rows in streamed.execute(terms).partitions(_ROWS):
            for row in rows:
                self._sum -= self._hash(*row)
        if self._sum:
            yield from self._missing()
            yield from self._additional()

    def _hash(self, term: object, series: object, at_us: object, row: object) -> int:
        """A hash of a row of `terms`."""
        return hash(f"{self._drawn}{term}\0{series} {at_us} {row}")

    def _missing(self) -> Iterator[Miss]:
        """Records that have not all of their terms."""
        for records in _chunks(self._connection, select(*_PLACED).order_by(RECORDS.c.row)):
            wanted = {term: record for record in records for term in _terms_of(record)}
            among = tuple_(TERMS.c.term, TERMS.c.series, TERMS.c.at_us, TERMS.c.row)
            for some in _parts(list(wanted)):
                query = select(TERMS).where(among.in_([tuple(each) for each in some]))
                found = {_Term(**row) for row in self._connection.execute(query).mappings()}
                for term in some:
                    if term not in found:
                        yield _miss(wanted[term], f"a search by its {term.kind} does not find it")

    def _additional(self) -> Iterator[Miss]:
        """Terms that their record does not have."""
        for rows in _chunks(self._connection, select(TERMS).order_by(TERMS.c.term)):
            terms = [_Term(**row) for row in rows]
            query = select(*_PLACED).where(RECORDS.c.row.in_({term.row for term in terms}))
            found = self._connection.execute(query).mappings()
            records = {record["row"]: record for record in found}
            for term in terms:
                record = records.get(term.row)
                if record is None:
                    what = f"a search by a {term.kind} finds a record that is not there"
                    yield Miss("", None, None, what)
                elif term not in _terms_of(record):
                    yield _miss(record, f"a search by a {term.kind} finds it that is not its own")


_PLACED = (RECORDS.c.row, RECORDS.c.chain, RECORDS.c.seq, RECORDS.c.id, RECORDS.c.body)


def _miss(record: RowMapping, what: str) -> Miss:
    return Miss(record["chain"], record["seq"], record["id"], what)


def _terms_of(record: RowMapping) -> list[_Term]:
    """The rows of `terms` that a record should have; none where it is no record."""
    try:
        members = _members(orjson.loads(record["body"]))
        series = series_id(labels_of(members))
        return [_Term(each, series, members.at_us, record["row"]) for each in terms_of(members)]
    except MALFORMED:
        return []


def _chunks(connection: Connection, query: Any) -> Iterator[Sequence[RowMapping]]:
    streamed = connection.execution_options(stream_results=True)
    yield from streamed.execute(query).mappings().partitions(_LOOKED_UP)


def _parts(terms: list[_Term]) -> Iterator[list[_Term]]:
    for start in range(0, len(terms), _LOOKED_UP):
        yield terms[start : start + _LOOKED_UP]
