"""The words of budgets, and the spans of time that they are for.

Spans are those of the calendar in UTC, and a minute's begins with the minute: so when a span is
over depends on nobody's first call, and no refused attempt makes it longer.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import ceil

from axonflow_core.frozen import frozen

NANOS = 1_000_000_000
"""Money is counted in whole nano-dollars: a token of the cheapest model costs dozens of them."""
_OFF = 5e-4
"""How far above a whole nano-dollar an amount is that one only because floats are a little off."""
_MINUTE_US = 60_000_000


class Scope(StrEnum):
    """Whose calls a budget is for. The first five are the product's words."""

    ORGANIZATION = "organization"
    """A tenant."""
    TEAM = "team"
    """What calls of a tenant name as their `team_id`."""
    AGENT = "agent"
    """A client of the server."""
    WORKFLOW = "workflow"
    """What calls of a tenant name as their `workflow_id`."""
    USER = "user"
    """A user of a tenant."""
    PROVIDER = "provider"
    MODEL = "model"


class Period(StrEnum):
    """How long a budget lasts, by the calendar in UTC."""

    DAILY = "daily"
    WEEKLY = "weekly"
    """From Monday on (ISO 8601)."""
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"


class OnExceed(StrEnum):
    """What becomes of a call that a budget has no room for."""

    BLOCK = "block"
    """It is refused."""
    WARN = "warn"
    """It is made, and its answer says so."""
    DOWNGRADE = "downgrade"
    """It goes to a cheaper model where there is one, and is refused otherwise."""


class UnknownPrice(StrEnum):
    """What becomes of a call whose price is not known."""

    BLOCK = "block"
    ALLOW = "allow"
    """It is made, and counted as a call of unknown price."""


class Unit(StrEnum):
    """What is counted."""

    NANOS = "nanos"
    REQUESTS = "requests"
    TOKENS = "tokens"


@frozen
class Span:
    """From a time to another, which is not in it; microseconds since 1970."""

    starts_us: int
    ends_us: int


def span(period: Period | None, at_us: int) -> Span:
    """The span that a time is in; the minute's for None."""
    if period is None:
        starts_us = at_us - at_us % _MINUTE_US
        return Span(starts_us, starts_us + _MINUTE_US)
    starts, ends = _days(period, datetime.fromtimestamp(at_us // 1_000_000, UTC))
    return Span(round(starts.timestamp()) * 1_000_000, round(ends.timestamp()) * 1_000_000)


def _days(period: Period, at: datetime) -> tuple[datetime, datetime]:
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if period is Period.DAILY:
        return day, day + timedelta(days=1)
    if period is Period.WEEKLY:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=7)
    months = {Period.MONTHLY: 1, Period.QUARTERLY: 3, Period.YEARLY: 12}[period]
    first = day.replace(day=1, month=(day.month - 1) // months * months + 1)
    return first, _months_later(first, months)


def _months_later(first: datetime, months: int) -> datetime:
    years, month = divmod(first.month - 1 + months, 12)
    return first.replace(year=first.year + years, month=month + 1)


def nanos(usd: float) -> int:
    """An amount of money in nano-dollars, rounded up: what costs anything is not free."""
    return ceil(usd * NANOS - _OFF)


def usd(nanos: int) -> float:
    """An amount of money in dollars."""
    return nanos / NANOS
