"""Reports of the records: where calls were processed, what was used, what was decided.

    residency   calls and failed attempts by provider, region called, verdict, and whether that is
                within the regions that the operator and the client allowed
    usage       calls, tokens and cost by day, tenant, client and model
    decisions   records by rule, action and verdict

Records are read one after the other and counted, so a report takes the room of its own rows. One
that has more than `MAX_ROWS` is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from attrs import field
from sqlalchemy import ColumnElement, Connection, select

from axonflow_core.audit.chain import entry_of
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.schema import RECORDS
from axonflow_core.errors import RequestError
from axonflow_core.frozen import frozen

MAX_ROWS = 100_000
MAX_NAMED = 100
"""How many records a report names of those that are outside of their regions."""
Within: TypeAlias = Callable[[tuple[str, ...], str], bool]
"""Whether a region is one of some patterns."""
_READ = 2_000


@frozen
class Report:
    """Rows under the names of their columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    """In the order of their first columns."""
    outside: tuple[str, ...] = ()
    """Of a report of residency: the ids of records outside of their regions, the first hundred."""


@frozen(kw_only=True)
class Period:
    """The records that a report is of; None is any."""

    tenant: str | None = None
    start_us: int | None = None
    end_us: int | None = None
    progress: Callable[[int], object] | None = field(default=None, repr=False)
    """Told now and then how many records were read."""


class _Sums:
    """Key -> sums of some numbers."""

    def __init__(self) -> None:
        self._sums: dict[tuple[Any, ...], list[float]] = {}

    def add(self, key: tuple[Any, ...], *numbers: float) -> None:
        sums = self._sums.get(key)
        if sums is None:
            if len(self._sums) >= MAX_ROWS:
                raise RequestError(
                    f"the report has more than {MAX_ROWS:,} rows",
                    hint="name a tenant or a shorter time: --tenant, --since, --until",
                )
            self._sums[key] = list(numbers)
        else:
            for place, number in enumerate(numbers):
                sums[place] += number

    def rows(self) -> tuple[tuple[Any, ...], ...]:
        ordered = sorted(self._sums.items(), key=lambda each: [str(part) for part in each[0]])
        return tuple((*key, *sums) for key, sums in ordered)


# ── residency ─────────────────────────────────────────────────────────────────────────────────────


def residency(connection: Connection, period: Period, within: Within) -> Report:
    """Where calls were processed. An attempt that failed was sent to a region, too, and counts as
    an `error`. `within` is yes, no, `unknown` where no region is on record, and `open` where no
    regions were asked for."""
    sums, outside = _Sums(), list[str]()
    for entry in _entries(connection, period, (Kind.CALL,)):
        receipt = _member(entry.facts, "receipt")
        allowed = tuple(_member(receipt, "choice").get("regions", ()))
        is_outside = False
        for provider, region, verdict in _sent(entry, receipt):
            state = _state(allowed, region, within)
            is_outside = is_outside or state == "no"
            sums.add((provider, region, verdict, state), 1)
        if is_outside and len(outside) < MAX_NAMED:
            outside.append(entry.id)
    columns = ("provider", "region", "verdict", "within", "calls")
    return Report(columns, sums.rows(), tuple(outside))


def _sent(entry: Entry, receipt: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Provider, region and verdict of each time that a call was sent."""
    region = receipt.get("region") or ""
    attempts = receipt.get("failed_attempts")
    if attempts is None:
        attempts = _member(entry.facts, "error").get("failed_attempts", ())
    for attempt in attempts:
        place = attempt.get("region") or region
        yield attempt.get("provider") or entry.provider or "", place, "error"
    if receipt or not attempts:
        yield entry.provider or "", region, str(entry.verdict)


def _state(allowed: tuple[str, ...], region: str, within: Within) -> str:
    if not allowed:
        return "open"
    if not region:
        return "unknown"
    return "yes" if within(allowed, region) else "no"


# ── usage ─────────────────────────────────────────────────────────────────────────────────────────

_CALLS = (Kind.CALL, Kind.GATEWAY_CALL, Kind.INTERRUPTED)
_TOKENS = ("input", "output", "cache_read", "cache_write")


def usage(connection: Connection, period: Period) -> Report:
    """What was used, by day in UTC. The cost is that of the calls whose cost is known; the others
    that have tokens are counted in `cost_unknown`."""
    sums = _Sums()
    for entry in _entries(connection, period, _CALLS):
        day = datetime.fromtimestamp(entry.at_us / 1_000_000, UTC).date().isoformat()
        tokens, cost = _member(entry.facts, "tokens"), entry.facts.get("cost_usd")
        sums.add(
            (day, entry.tenant, entry.client, entry.provider or "", entry.model or ""),
            1,
            *(tokens.get(name, 0) for name in _TOKENS),
            cost or 0.0,
            1 if tokens and cost is None else 0,
        )
    columns = ("day", "tenant", "client", "provider", "model", "calls")
    counted = tuple(f"{name}_tokens" for name in _TOKENS)
    return Report((*columns, *counted, "cost_usd", "cost_unknown"), sums.rows())


# ── decisions ─────────────────────────────────────────────────────────────────────────────────────


def decisions(connection: Connection, period: Period) -> Report:
    """What was decided: records by each rule that found something, what it did, and the verdict on
    the whole. Records in which none did have an empty rule."""
    sums = _Sums()
    kinds = (Kind.CALL, Kind.CHECK, Kind.GATEWAY_CALL, Kind.TOOL_CALL)
    for entry in _entries(connection, period, kinds):
        found = {
            (finding["rule"], finding["action"])
            for decision in entry.facts.get("decisions", ())
            for finding in decision.get("findings", ())
        }
        for rule, action in found or {("", "")}:
            sums.add((rule, action, str(entry.verdict)), 1)
    return Report(("rule", "action", "verdict", "records"), sums.rows())


# ── what they read ────────────────────────────────────────────────────────────────────────────────


def _entries(connection: Connection, period: Period, kinds: Iterable[Kind]) -> Iterator[Entry]:
    columns = RECORDS.c
    conditions: list[ColumnElement[bool]] = [columns.kind.in_(tuple(kinds))]
    if period.tenant is not None:
        conditions.append(columns.tenant == period.tenant)
    if period.start_us is not None:
        conditions.append(columns.at_us >= period.start_us)
    if period.end_us is not None:
        conditions.append(columns.at_us < period.end_us)
    query = select(columns.body).where(*conditions)
    count = 0
    streamed = connection.execution_options(stream_results=True)
    for rows in streamed.execute(query).scalars().partitions(_READ):
        for body in rows:
            yield entry_of(body)
        count += len(rows)
        if period.progress is not None:
            period.progress(count)


def _member(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A member that is an object; an empty one where there is none."""
    member = of.get(name)
    return member if isinstance(member, Mapping) else {}
