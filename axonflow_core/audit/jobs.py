"""What waits to be written, and how those who wait are told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from axonflow_core.audit.batch import Transaction
from axonflow_core.audit.record import Entry

Work = Callable[[Transaction], Any]
"""A function that runs in the transaction of a batch."""


class Job:
    """Something to write, and who waits for it."""

    __slots__ = ("at", "future", "what")

    def __init__(self, what: Entry | Work) -> None:
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.what = what
        self.at = time.monotonic()


Outcome = tuple[Job, Any, BaseException | None]
"""A job with its result, or with its error."""


class Waiting(Protocol):
    """Something that somebody waits for on an event loop."""

    future: asyncio.Future[Any]


_Told = tuple[Waiting, Any, BaseException | None]


def settle(outcomes: Sequence[_Told]) -> None:
    """Wake each event loop once, for all of its futures, with their results or errors."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Told]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome[0].future.get_loop(), []).append(outcome)
    for loop, own in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(_resolve, own)


def _resolve(outcomes: Sequence[_Told]) -> None:
    for waiting, result, error in outcomes:
        if waiting.future.done():
            continue
        if error is None:
            waiting.future.set_result(result)
        else:
            waiting.future.set_exception(error)
