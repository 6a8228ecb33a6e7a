"""The life of a model in words, against today's date, and the id to call in its place."""

from __future__ import annotations

from datetime import date

from .profiles import callable_id
from .table import ModelEntry, ModelTable, Status


def life_of(entry: ModelEntry, today: date) -> str:
    """`active`, `legacy until 2027-01-15`, `ended on 2026-10-14`."""
    status, end = entry.status_on(today), entry.end_of_life
    if status is Status.END_OF_LIFE:
        return f"ended on {end}" if end and end <= today else "ended"
    return f"{status} until {end}" if end else str(status)


def successor_id(
    models: ModelTable, entry: ModelEntry, region: str | None, today: date
) -> str | None:
    """The id to call instead of a model that has ended, or ends; None where nothing succeeds it."""
    successor = models.successor(entry, today)
    return None if successor is None else callable_id(successor, region)


def end_of(entry: ModelEntry, today: date) -> str | None:
    """What is to be said of a model that has reached its end of life, or will; None for any
    other."""
    status, day = entry.status_on(today), entry.end_of_life
    if status is Status.END_OF_LIFE:
        return f"{entry.base_id} reached its end of life{f' on {day}' if day else ''}"
    if status is Status.ACTIVE and day is None:
        return None
    when = f"on {day}" if day else "soon"
    return f"{entry.base_id} is {status} and reaches its end of life {when}"
