"""A second call where the first is silent: the first answer is taken, the other call is ended.

    first     ─────────────────────────────────────────►  answer, or cancelled
    second              after `after_s`  ──────────────►  answer, or cancelled

Where one of them fails the other goes on. Whoever waits and leaves ends both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def first_answer(
    first: Coroutine[Any, Any, T | None],
    second: Callable[[], Coroutine[Any, Any, T | None]],
    after_s: float,
    discard: Callable[[T], Awaitable[None]],
) -> T | None:
    """What the one that is first brings; None where both find nobody to answer. The first error
    where that is all that there is. `discard` gets an answer that came too late."""
    tasks = [asyncio.ensure_future(first)]
    winner: asyncio.Future[T | None] | None = None
    try:
        done, _ = await asyncio.wait(tasks, timeout=after_s)
        if not done:
            tasks.append(asyncio.ensure_future(second()))
        winner = await _winner(tasks)
        if winner is not None:
            return winner.result()
        _raise_first_error(tasks)
        return None
    finally:
        await _end([task for task in tasks if task is not winner], discard)


async def _winner(tasks: Sequence[asyncio.Future[T | None]]) -> asyncio.Future[T | None] | None:
    """The first that has an answer; None where none has."""
    pending = set(tasks)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task in done and task.exception() is None and task.result() is not None:
                return task
    return None


def _raise_first_error(tasks: Sequence[asyncio.Future[T | None]]) -> None:
    for task in tasks:
        if (error := task.exception()) is not None:
            raise error


async def _end(
    losers: Sequence[asyncio.Future[T | None]], discard: Callable[[T], Awaitable[None]]
) -> None:
    for task in losers:
        task.cancel()
    if losers:
        await asyncio.wait(losers)
    for task in losers:
        if not task.cancelled() and task.exception() is None:
            answer = task.result()
            if answer is not None:
                await discard(answer)
