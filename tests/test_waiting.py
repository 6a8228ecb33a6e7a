"""What a caller that gives up leaves behind: nothing that anybody complains of."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from functools import partial

import pytest
from on_time import GUARD_S

from axonflow_core import waiting


def failing_after(event: threading.Event) -> None:
    event.wait(GUARD_S)
    raise ZeroDivisionError


async def given_up(work: waiting.SharedWork[None]) -> None:
    outer = waiting.ENDS_AT.set(waiting.now() + 0.02)
    try:
        with pytest.raises(TimeoutError):
            await work.result()
    finally:
        waiting.ENDS_AT.reset(outer)


async def test_work_that_fails_when_nobody_waits_any_more_fails_in_silence(
    own_log: pytest.LogCaptureFixture,
) -> None:
    is_left = threading.Event()
    work = waiting.SharedWork(partial(failing_after, is_left))
    await given_up(work)
    cancelled = asyncio.create_task(work.result())
    await asyncio.sleep(0.01)
    cancelled.cancel()
    future = work.start()

    is_left.set()
    with pytest.raises(ZeroDivisionError):
        await asyncio.wrap_future(future)
    await asyncio.sleep(0.02)  # the other waits hear of it in the next turns of the loop
    del cancelled, future
    gc.collect()

    assert [record.getMessage() for record in own_log.records] == []


async def test_work_whose_caller_waits_fails_for_each_caller() -> None:
    is_due = threading.Event()
    work = waiting.SharedWork(partial(failing_after, is_due))
    callers = [asyncio.create_task(work.result()) for _ in range(2)]
    is_due.set()

    results = await asyncio.gather(*callers, return_exceptions=True)

    assert [type(result) for result in results] == [ZeroDivisionError] * 2


def test_a_call_that_went_on_because_another_was_cancelled_is_cancelled_too() -> None:
    is_ended, sent = threading.Event(), []

    def end_slowly() -> None:
        is_ended.set()
        time.sleep(0.1)  # the other's turn, before its own stop has come

    async def first() -> None:
        with waiting.stoppable(end_slowly):
            is_ended.wait(GUARD_S)
            raise ConnectionError

    async def second() -> None:
        with waiting.stoppable(lambda: None):
            is_ended.wait(GUARD_S)
            waiting.raise_if_cancelled()
            sent.append("second")

    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        waiting.drive(waiting.in_order([first, second, fail], 3))

    assert is_ended.wait(GUARD_S)
    time.sleep(0.2)
    assert sent == []
