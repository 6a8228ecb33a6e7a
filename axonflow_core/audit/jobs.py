"""What waits to be written, and how those who wait are told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

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


def settle(outcomes: Sequence[Outcome]) -> None:
    """Wake each event loop once, for all of its futures."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome[0].future.get_loop(), []).append(outcome)
    for loop, own in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(_resolve, own)


def _resolve(outcomes: Sequence[Outcome]) -> None:
    for job, result, error in outcomes:
        if job.future.done():
            continue
        if error is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(error)
