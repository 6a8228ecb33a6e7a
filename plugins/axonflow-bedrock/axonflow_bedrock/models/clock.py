"""Today, for the lives of models: one clock, which a test can set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date

_CLOCK: ContextVar[Callable[[], date]] = ContextVar("axonflow_bedrock_clock", default=date.today)


def today() -> date:
    """The day by which a model lives, is legacy or has ended."""
    return _CLOCK.get()()


@contextmanager
def on_day(day: date) -> Iterator[None]:
    """Inside, and in what is started from there, it is that day."""
    token = _CLOCK.set(lambda: day)
    try:
        yield
    finally:
        _CLOCK.reset(token)
