"""Where the records that fit a search are, found without a scan of the table.

    series    the values that are asked for select some series (`audit.finding`); their records are
              in the index (series, time), those with a term in that of (term, series, time)
    window    what fits is in many places of an index, each in the order of time. So a page is
              sorted out of a window of time that is wide enough for it and holds not too many,
              which is found by counting: ever wider ones, then halves of the last
    total     counted to a bound

A bound on the cost cuts through a class of costs, and of two terms one is looked up and the other
checked. Then a window may hold fewer that fit than were counted, and the next one is read; after
`MAX_EXAMINED` records the page ends as it is, and the next one goes on there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)

from axonflow_core.audit.finding import cost_class, receipt_term, rule_term, user_term
from axonflow_core.audit.record import Kind
from axonflow_core.audit.schema import RECORDS, SERIES, TERMS
from axonflow_core.frozen import frozen
from axonflow_core.policy.rules import Verdict

MAX_COUNTED = 10_000
"""How far records are counted."""
MAX_EXAMINED = 5_000
"""How many records are looked at for one page, where not all that are counted fit."""
_MAX_SERIES = 2_000
"""Of a tenant with more series that fit, the records are walked through by time."""
_WINDOW = 2_000
_FIRST_US, _WIDER = 1_000_000, 8
"""The width of the first window, and how much wider each next one is."""
_START, _END = -(10**18), 10**18


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
    provider: str | None = None
    model: str | None = None
    """The model as it was called."""
    rule: str | None = None
    """The name of a rule that found something."""
    receipt: str | None = None
    """The id that the upstream gave the call."""
    min_cost_usd: float | None = None
    """Cost at least so much; a call whose cost is not known fits no bound."""
    max_cost_usd: float | None = None
    kinds: tuple[Kind, ...] = ()
    """Any of these; where none is named, any."""


class Place(NamedTuple):
    """Where a record stands among those of a search."""

    at_us: int
    row: int


class Places:
    """The places of the records that fit a filter."""

    def __init__(self, connection: Connection, tenant: str | None, wanted: Filter) -> None:
        _use_indexes(connection)
        self._connection = connection
        self._start = _START if wanted.start_us is None else wanted.start_us
        self._end = _END if wanted.end_us is None else wanted.end_us
        self._table = RECORDS
        self._keys: list[ColumnElement[bool]] = []
        self._checks: list[ColumnElement[bool]] = []
        self._series: tuple[int, ...] | None = None
        """The series that the keys are of; None where the keys stand without."""
        labels, terms = _labels(wanted), _terms(wanted)
        if wanted.id is not None:
            self._walk([RECORDS.c.id == wanted.id], tenant, labels, terms, wanted)
            return
        if tenant is not None and not (labels or terms or _bounds_cost(wanted)):
            self._walk([], tenant, labels, terms, wanted)
            return
        series = _series(connection, tenant, labels, wanted)
        if tenant is not None and not terms and len(series) > _MAX_SERIES:
            self._walk([], tenant, labels, terms, wanted)
            return
        if terms:
            self._table = TERMS
            self._keys = [TERMS.c.term == terms[0]]
        self._series = tuple(series)
        self._keys.append(_among(self._table.c.series, series))
        self._checks = [_has_term(self._table, term) for term in terms[1:]]
        if _bounds_cost(wanted):
            self._checks.append(_costs(self._table, series, wanted))

    def _walk(
        self,
        keys: list[ColumnElement[bool]],
        tenant: str | None,
        labels: dict[str, tuple[str, ...]],
        terms: Sequence[str],
        wanted: Filter,
    ) -> None:
        """Look at records by their ids, or by their tenant and time."""
        self._keys = keys if tenant is None else [*keys, RECORDS.c.tenant == tenant]
        self._checks = [RECORDS.c[name].in_(values) for name, values in labels.items()]
        self._checks += [_has_term(RECORDS, term) for term in terms]
        if _bounds_cost(wanted):
            self._checks.append(_cost_within(wanted))

    def total(self) -> tuple[int, bool]:
        """How many fit, and whether that is exact; else at least so many do."""
        counted = self._count(self._start, None, MAX_COUNTED + 1)
        if not self._checks:
            return min(counted, MAX_COUNTED), counted <= MAX_COUNTED
        if counted > MAX_COUNTED:
            return 0, False
        return self._count(self._start, None, counted, *self._checks), True

    def newest_first(self, before: Place | None, many: int) -> tuple[list[Place], Place | None]:
        """So many places that fit, behind `before`, and where to go on where there are fewer and
        not everything was looked at."""
        found: list[Place] = []
        examined = 0
        while (newest := self._newest(before)) is not None:
            needed = max(MAX_EXAMINED // 10, many) if self._checks else many
            start = self._window(newest, before, needed)
            found += self._fitting(start, before, many - len(found))
            if len(found) == many:
                return found, None
            if start <= self._start:
                break
            examined += self._count(start, before, MAX_EXAMINED)
            before = Place(start, _START)
            if examined >= MAX_EXAMINED:
                return found, before
        return found, None

    def _window(self, newest: int, before: Place | None, needed: int) -> int:
        """The time from which on enough is counted, and not too much."""
        most = max(_WINDOW, 2 * needed)
        if self._count(self._start, before, most + 1) <= most:
            return self._start
        wide, few = _FIRST_US, newest + 1
        many = max(newest - wide, self._start)
        while self._count(many, before, needed) < needed and many > self._start:
            few, wide = many, wide * _WIDER
            many = max(newest - wide, self._start)
        while few - many > 1 and self._count(many, before, most + 1) > most:
            middle = (few + many) // 2
            if self._count(middle, before, needed) < needed:
                few = middle
            else:
                many = middle
        return many

    def _newest(self, before: Place | None) -> int | None:
        """The time of the newest record behind `before`."""
        if self._series == ():
            return None
        at = self._table.c
        newest = select(func.max(at.at_us)).where(*self._keys, *self._between(self._start, before))
        if self._series is not None:
            of_one = (
                select(func.max(at.at_us))
                .where(
                    *self._keys[:-1],
                    at.series == SERIES.c.id,
                    *self._between(self._start, before),
                )
                .scalar_subquery()
            )
            each = select(of_one.label("at_us")).where(_among(SERIES.c.id, self._series))
            newest = select(func.max(each.subquery().c.at_us))
        found: int | None = self._connection.execute(newest).scalar()
        return found

    def _count(
        self, start: int, before: Place | None, most: int, *checks: ColumnElement[bool]
    ) -> int:
        """How many there are from `start` on, at most so many."""
        if self._series == ():
            return 0
        some = (
            select(literal(1).label("one"))
            .select_from(self._table)
            .where(*self._keys, *self._between(start, before), *checks)
            .limit(most)
        )
        counted: int = self._connection.execute(
            select(func.count()).select_from(some.subquery())
        ).scalar_one()
        return counted

    def _fitting(self, start: int, before: Place | None, most: int) -> list[Place]:
        """The newest places from `start` on of what fits."""
        at = self._table.c
        query = (
            select(at.at_us, at.row)
            .where(*self._keys, *self._between(start, before), *self._checks)
            .order_by(at.at_us.desc(), at.row.desc())
            .limit(most)
        )
        return [Place(*row) for row in self._connection.execute(query)]

    def _between(self, start: int, before: Place | None) -> list[ColumnElement[bool]]:
        at = self._table.c
        within = [at.at_us >= start, at.at_us < self._end]
        if before is not None:
            within += [
                at.at_us <= before.at_us,
                (at.at_us < before.at_us) | (at.row < before.row),
            ]
        return within


def _use_indexes(connection: Connection) -> None:
    """PostgreSQL may take a scan for cheap where many records fit, and none of the newest does."""
    if connection.dialect.name == "postgresql":
        scans = ("seqscan", "bitmapscan", "hashjoin", "mergejoin")
        connection.execute(
            select(*(func.set_config(f"enable_{scan}", "off", true()) for scan in scans))
        )


def _labels(wanted: Filter) -> dict[str, tuple[str, ...]]:
    """Label of a series -> any of these values."""
    labels = {
        "client": wanted.client,
        "provider": wanted.provider,
        "model": wanted.model,
        "verdict": wanted.verdict,
        "request_type": wanted.request_type,
    }
    asked: dict[str, tuple[str, ...]] = {
        name: (value,) for name, value in labels.items() if value is not None
    }
    return {**asked, "kind": wanted.kinds} if wanted.kinds else asked


def _terms(wanted: Filter) -> list[str]:
    """The terms of which a record has each, those first that few records have."""
    terms = ((receipt_term, wanted.receipt), (user_term, wanted.user), (rule_term, wanted.rule))
    return [term(value) for term, value in terms if value is not None]


def _bounds_cost(wanted: Filter) -> bool:
    return wanted.min_cost_usd is not None or wanted.max_cost_usd is not None


def _series(
    connection: Connection,
    tenant: str | None,
    labels: dict[str, tuple[str, ...]],
    wanted: Filter,
) -> dict[int, int | None]:
    """The series that may have what fits -> their classes of cost."""
    at = SERIES.c
    conditions: list[ColumnElement[bool]] = [
        at[name].in_(values) for name, values in labels.items()
    ]
    if tenant is not None:
        conditions.append(at.tenant == tenant)
    if wanted.min_cost_usd is not None:
        conditions.append(at.cost_class >= cost_class(wanted.min_cost_usd))
    if wanted.max_cost_usd is not None:
        conditions.append(at.cost_class <= cost_class(wanted.max_cost_usd))
    rows = connection.execute(select(at.id, at.cost_class).where(*conditions))
    return dict(rows.all())


def _among(column: ColumnElement[int], ids: Collection[int]) -> ColumnElement[bool]:
    """Whether a column has one of these numbers: as words, for there may be thousands."""
    return column.op("IN", is_comparison=True)(
        literal_column(f"({', '.join(map(str, ids)) or 'NULL'})")
    )


def _has_term(table: Table, term: str) -> ColumnElement[bool]:
    """Whether a record has another term."""
    other, at = TERMS.alias(), table.c
    return (
        select(other.c.row)
        .where(
            other.c.term == term,
            other.c.series == at.series,
            other.c.at_us == at.at_us,
            other.c.row == at.row,
        )
        .correlate(table)
        .exists()
    )


def _costs(table: Table, series: Mapping[int, int | None], wanted: Filter) -> ColumnElement[bool]:
    """Whether the cost is within its bounds: looked up where they cut through its class."""
    edges = {cost_class(wanted.min_cost_usd), cost_class(wanted.max_cost_usd)}
    within = _cost_within(wanted)
    if table is not RECORDS:
        at, its = table.c, RECORDS.c
        # Not by the row itself, which would be read for it: the index has the cost.
        place = (its.series == at.series, its.at_us == at.at_us, its.row + 0 == at.row)
        within = select(its.row).where(*place, within).exists()
    inner = [id for id, its_class in series.items() if its_class not in edges]
    return or_(_among(table.c.series, inner), within) if inner else within


def _cost_within(wanted: Filter) -> ColumnElement[bool]:
    cost = RECORDS.c.cost_usd
    bounds = []
    if wanted.min_cost_usd is not None:
        bounds.append(cost >= wanted.min_cost_usd)
    if wanted.max_cost_usd is not None:
        bounds.append(cost <= wanted.max_cost_usd)
    return and_(*bounds)
