"""Time in tests, on a machine that may be busy.

What comes about by itself is waited for, by `until` in a coroutine and by `wait_until` elsewhere: a
sleep is too short on some day. Both fail after a minute, which is a guard and no limit.

`ends_within(0.5)` fails where its block took longer than half a second and what the machine was
late by meanwhile; `timed()` measures both. A thread that does nothing but sleep, in steps of 10 ms,
stands beside the block and adds up how late it wakes: on an idle machine nothing, on one where
three processes share two cores as much as the block itself lost. A thread that sleeps gets its turn
sooner than one that works: where Linux says how long the block's own thread waited for a processor,
that counts if it is more.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

STEP_S = 0.01
GUARD_S = 60.0
OTHERS_LATE_S = 4.0
"""What other processes may be late by, whom nobody measures."""


async def until(is_true: Callable[[], object | Awaitable[object]]) -> None:
    """Look until it is true; what it returns may have to be awaited."""
    async with asyncio.timeout(GUARD_S):
        while True:
            found = is_true()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.002)


def wait_until(is_true: Callable[[], object]) -> None:
    """Look until it is true."""
    ends = time.monotonic() + GUARD_S
    while not is_true():
        assert time.monotonic() < ends, "it did not come true"
        time.sleep(0.005)


def until_still(count: Callable[[], int]) -> int:
    """The count, once there is one and it has not grown for 0.3 s in which the machine was not
    late."""
    ends = time.monotonic() + GUARD_S
    while time.monotonic() < ends:
        before = count()
        with timed() as waited:
            time.sleep(0.3)
        if 0 < before == count() and waited.late_s < 0.1:
            return before
    raise AssertionError("it grew on")


class _Lateness:
    """How late plain sleeps wake, or how long the thread waited for a processor, in seconds, from
    `start` to `end`."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sleep, daemon=True)
        self._late_s = 0.0

    def _sleep(self) -> None:
        due = time.monotonic() + STEP_S
        while not self._stop.wait(STEP_S):
            now = time.monotonic()
            self._late_s += max(now - due, 0.0)
            due = now + STEP_S

    def start(self) -> None:
        self._waited_s = _waited_s()
        self._thread.start()

    def end(self) -> float:
        waited_s = _waited_s() - self._waited_s
        self._stop.set()
        self._thread.join()
        return max(self._late_s, waited_s)


def _waited_s() -> float:
    """How long this thread has waited for a processor, in all; 0 where nothing tells it."""
    try:
        _, waited_ns, _ = Path("/proc/thread-self/schedstat").read_text().split()
    except OSError:
        return 0.0
    return int(waited_ns) / 1e9


class Timed:
    """How long a block took, and how much of that the machine was late; both known at its end."""

    elapsed_s = late_s = 0.0

    @property
    def own_s(self) -> float:
        """What the block itself took."""
        return self.elapsed_s - self.late_s


@contextmanager
def timed() -> Iterator[Timed]:
    """Measures its block, however it ends."""
    measured, lateness = Timed(), _Lateness()
    lateness.start()
    started = time.monotonic()
    try:
        yield measured
    finally:
        measured.elapsed_s = time.monotonic() - started
        measured.late_s = lateness.end()


@contextmanager
def ends_within(at_most_s: float, *, not_before_s: float = 0.0) -> Iterator[None]:
    """Fails where the block ends before `not_before_s` or after `at_most_s` and the lateness of
    the machine. A block that raises fails by what it raises."""
    with timed() as measured:
        yield
    assert not_before_s <= measured.elapsed_s <= at_most_s + measured.late_s, (
        f"it took {measured.elapsed_s:.3f} s, {measured.late_s:.3f} s of it the machine's"
    )
