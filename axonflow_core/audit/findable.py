"""Whether a search finds each record, and finds it by what was recorded.

A search reads what stands beside the records (`audit.places`): whoever changes that hides a record
and leaves its chain whole. So all of it is compared with the bodies, which are signed for.

    series, cost_usd    the columns of a record: those that its body gives
    series              the id of a row is a hash of its values, so that a row proves itself
    terms               are in the order of the terms, and records in that of the commits. Neither
                        is sorted for the other: of both the sum of a hash of each term is made,
                        one sum for each slice of the rows. The hash is Python's own, SipHash (PEP
                        456), of the term behind a text that is drawn for one verification: nobody
                        can choose terms of an equal sum, and others have it once in 2^64. In slices
                        whose sums differ, each term that records should have is looked up, and then
                        for each term the record

Records of a chain that has a fault are counted in as they are, so that the others' sums are right;
none of them is looked at again. Memory does not grow with the records, the usual case reads each
table once, and the worst one twice, with one look-up for each record and each term.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar, cast

import orjson
from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, or_, select

from axonflow_core.audit.finding import LABELS, Findable, cost_of, labels_of, series_id, terms_of
from axonflow_core.audit.schema import RECORDS, SERIES, TERMS

T = TypeVar("T")

COMPARED = ("series", "cost_usd")
"""The columns of `records` that a body gives, and no member of it."""
_MAX_REMEMBERED = 100_000
_LOOKED_UP = 200
"""Terms, or rows, that are looked up at once."""
_ROWS = 2_000
_SLICE = 4_096
"""How many rows, one behind the other, have one sum."""
_SLICES = 16_384
"""How many sums there are. Of more rows, several slices share one."""
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
    cost = cost_of(record)
    return _differing(columns, series_id(labels_of(record, cost)), cost)


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
        self._sums = [0] * _SLICES
        """Slice of the rows -> the sum of its records' terms, less that of the terms there are."""
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
        cost = cost_of(record)
        series = self._series_id(labels_of(record, cost))
        slice = _slice_of(row)
        for term in terms_of(record):
            self._sums[slice] += self._hash(term, series, record.at_us, row)
        if (name := _differing(columns, series, cost)) is not None:
            return f"the column {name} differs from what was recorded"
        return None if series in self._series else "no search finds it: its series was changed"

    def pass_over(self, body: bytes, row: int) -> None:
        """Count the terms in of a record that nothing is told of."""
        slice = _slice_of(row)
        for term in _terms_of({"body": body, "row": row}):
            self._sums[slice] += self._hash(*term)

    def misses(self, is_told: Callable[[str], bool]) -> Iterator[Miss]:
        """The records that a search by a term misses or finds wrongly, once all were added. Of a
        chain that `is_told`, and of what is in no chain where that is, none has to be found."""
        terms = select(TERMS.c.term, TERMS.c.series, TERMS.c.at_us, TERMS.c.row)
        streamed = self._connection.execution_options(stream_results=True)
        for rows in streamed.execute(terms).partitions(_ROWS):
            for row in rows:
                self._sums[_slice_of(row[-1])] -= self._hash(*row)
        if any(self._sums):
            yield from self._missing(is_told)
            yield from self._additional(is_told)

    def _hash(self, term: object, series: object, at_us: object, row: object) -> int:
        """A hash of a row of `terms`."""
        return hash(f"{self._drawn}{term}\0{series} {at_us} {row}")

    def _missing(self, is_told: Callable[[str], bool]) -> Iterator[Miss]:
        """Records that have not all of their terms."""
        placed = self._differing(select(*_PLACED).order_by(RECORDS.c.row))
        for records in _parts(each for each in placed if not is_told(each["chain"])):
            wanted = {term: record for record in records for term in _terms_of(record)}
            for terms in _parts(wanted):
                query = select(TERMS).where(or_(*map(_is_there, terms)))
                found = {_Term(**row) for row in self._connection.execute(query).mappings()}
                for term in terms:
                    if term not in found:
                        yield _miss(wanted[term], f"a search by its {term.kind} does not find it")

    def _additional(self, is_told: Callable[[str], bool]) -> Iterator[Miss]:
        """Terms that their record does not have."""
        for rows in _parts(self._differing(select(TERMS).order_by(TERMS.c.term))):
            terms = [_Term(**row) for row in rows]
            query = select(*_PLACED).where(RECORDS.c.row.in_({term.row for term in terms}))
            found = self._connection.execute(query).mappings()
            records = {record["row"]: record for record in found}
            for term in terms:
                record = records.get(term.row)
                if record is None:
                    what = f"a search by a {term.kind} finds a record that is not there"
                    yield Miss("", None, None, what)
                elif not is_told(record["chain"]) and term not in _terms_of(record):
                    yield _miss(record, f"a search by a {term.kind} finds it that is not its own")

    def _differing(self, query: Select[Any]) -> Iterator[RowMapping]:
        """The rows of a query that stand in a slice whose sum says that something is wrong."""
        streamed = self._connection.execution_options(stream_results=True)
        for rows in streamed.execute(query).mappings().partitions(_ROWS):
            yield from (row for row in rows if self._sums[_slice_of(row["row"])])


_PLACED = (RECORDS.c.row, RECORDS.c.chain, RECORDS.c.seq, RECORDS.c.id, RECORDS.c.body)


def _miss(record: RowMapping, what: str) -> Miss:
    return Miss(record["chain"], record["seq"], record["id"], what)


def _terms_of(record: Mapping[Any, Any]) -> list[_Term]:
    """The rows of `terms` that a record should have, by its `body` and `row`; none where it is no
    record."""
    try:
        members = _members(orjson.loads(record["body"]))
        series = series_id(labels_of(members, cost_of(members)))
        return [_Term(each, series, members.at_us, record["row"]) for each in terms_of(members)]
    except MALFORMED:
        return []


def _slice_of(row: object) -> int:
    """The slice of a row; the first one of what is no number, as SQLite may have it."""
    return row // _SLICE % _SLICES if isinstance(row, int) else 0


def _is_there(term: _Term) -> ColumnElement[bool]:
    """Whether a row of `terms` is this one. SQLite looks it up by its key; among a list of tuples
    it looks for each row that there is."""
    at = TERMS.c
    return and_(
        at.term == term.term,
        at.series == term.series,
        at.at_us == term.at_us,
        at.row == term.row,
    )


def _parts(all_of_them: Iterable[T]) -> Iterator[list[T]]:
    """So many at a time as are looked up at once."""
    left = iter(all_of_them)
    while some := list(islice(left, _LOOKED_UP)):
        yield some
