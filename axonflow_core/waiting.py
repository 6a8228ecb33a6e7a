"""Waiting, in coroutines that run on an event loop and, unchanged, in a thread without one.

    on an event loop           asyncio waits: the coroutine suspends, and the loop does other work
    in a thread without one    the thread waits: the coroutine never suspends, so one step runs it
                               to its end (`drive`)

A coroutine that waits through this module alone, and through an `HttpClient`, runs in both. What
decides is whether a loop runs in this thread, so nothing is handed down and no code asks. A program
without a loop does without asyncio, too.

`ENDS_AT` notes when time is over, and each wait here ends by then. A timer is set only by a wait:
a call that finds all it needs sets none.

Nothing cancels a thread. What `in_order` runs in several is a `_Group`: a wait that another thread
can end says how (`stoppable`), and the group's end ends it, as cancelling a task would.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar, copy_context
from functools import partial
from math import inf
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

ENDS_AT: ContextVar[float] = ContextVar("axonflow_ends_at", default=inf)
"""When the waits of this context end with a `TimeoutError`: a moment of `now`."""


class Suspended(RuntimeError):
    """A coroutine that was driven without an event loop waits for one."""


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` to its end in this thread, which runs no event loop. `Suspended` where it
    waits in another way than by this module; it is closed then.

    It has a context of its own, as a task has: what an interrupt leaves in it is gone with it.
    """
    return copy_context().run(_run, coroutine)


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    try:
        coroutine.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    coroutine.close()
    raise Suspended


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs in this thread, if any: none does where asyncio is not imported."""
    get = getattr(sys.modules.get("asyncio.events"), "_get_running_loop", None)
    return None if get is None else cast("asyncio.AbstractEventLoop | None", get())


now = time.monotonic
"""The clock of every deadline, in seconds; the same in a coroutine on an event loop and off it."""


@asynccontextmanager
async def within(ends_at: float) -> AsyncIterator[None]:
    """What is inside has until `ends_at`, however it waits: on an event loop a timer ends it.
    Without one a client's own limits have to. `TimeoutError`."""
    if running_loop() is None:
        yield
    else:
        import asyncio

        async with asyncio.timeout(ends_at - now()):
            yield


def left_s() -> float:
    """Seconds to the deadline, at least 0; `inf` without one."""
    return max(ENDS_AT.get() - now(), 0.0)


async def sleep(seconds: float) -> None:
    """Wait so long. `TimeoutError` where the deadline comes first."""
    wait_s = min(seconds, left_s())
    if running_loop() is None:
        time.sleep(wait_s)  # noqa: ASYNC251 - no loop runs here
    else:
        import asyncio

        await asyncio.sleep(wait_s)
    if wait_s < seconds:
        raise TimeoutError


def in_thread(function: Callable[[], T]) -> Future[T]:
    """Run `function` in a thread of its own; `outcome` waits for it. The end of the program does
    not, however long it takes."""
    future: Future[T] = Future()
    work = partial(_settle, future, function)
    threading.Thread(target=work, name="axonflow-work", daemon=True).start()
    return future


async def outcome(future: Future[T]) -> T:
    """The result of what runs in a thread. `TimeoutError` where the deadline comes first; the work
    goes on, for others may wait for it."""
    wait_s = left_s()
    limit_s = None if wait_s == inf else wait_s
    if running_loop() is None:
        return future.result(limit_s)
    import asyncio

    here = asyncio.wrap_future(future)
    here.add_done_callback(_look_at)
    done, _ = await asyncio.wait({here}, timeout=limit_s)
    if not done:
        raise TimeoutError
    return here.result()


def _look_at(future: asyncio.Future[Any]) -> None:
    """Take the error of work that nobody waits for any more, of which asyncio would complain."""
    if not future.cancelled():
        future.exception()


class SharedWork(Generic[T]):
    """A blocking function that runs in a thread, once at a time: callers in any thread and on any
    loop share one run. A forked process starts its own."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._present: Future[T] | None = None
        self._forget()

    def start(self) -> Future[T]:
        """The present run, begun if there is none."""
        if self._process != os.getpid():  # neither the thread nor the lock's holder came along
            self._forget()
        with self._lock:
            if self._present is None:
                self._present = in_thread(self._run)
            return self._present

    async def result(self) -> T:
        """What the present or a new run brings. Whoever gives up does not end it."""
        return await outcome(self.start())

    def _run(self) -> T:
        try:
            return self._function()
        finally:
            with self._lock:
                self._present = None  # the next caller starts anew, after a failure too

    def _forget(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._present = None


async def in_order(calls: Sequence[Callable[[], Awaitable[T]]], at_once: int) -> list[T]:
    """What `calls` return, in their order, with no more than `at_once` under way.

    The first that fails is raised, as is an interrupt of the caller: no other is begun, and those
    under way are cancelled. Without an event loop they run in threads of their own, and nobody
    waits for their ends.
    """
    if len(calls) == 1:
        return [await calls[0]()]
    if running_loop() is None:
        return _in_threads(calls, at_once)
    return await _in_tasks(calls, at_once)


async def _in_tasks(calls: Sequence[Callable[[], Awaitable[T]]], at_once: int) -> list[T]:
    import asyncio

    free = asyncio.Semaphore(at_once)

    async def run(call: Callable[[], Awaitable[T]]) -> T:
        async with free:
            return await call()

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(call)) for call in calls]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures.exceptions[0].__cause__
    return [task.result() for task in tasks]


class Cancelled(BaseException):
    """The group of this call is over: what `CancelledError` is to a task."""


class _Group:
    """Calls in several threads that end together."""

    def __init__(self) -> None:
        self.is_over = False
        self._lock = threading.Lock()
        self._stops: set[Callable[[], None]] = set()

    def cancel(self) -> None:
        """End what is under way; what would begin is `Cancelled`. May be called twice."""
        with self._lock:
            self.is_over = True
            stops, self._stops = self._stops, set()
        for stop in stops:
            stop()

    @contextmanager
    def stoppable(self, stop: Callable[[], None]) -> Iterator[None]:
        """As the function of this name."""
        with self._lock:
            if self.is_over:
                raise Cancelled
            self._stops.add(stop)
        try:
            yield
        except Exception:
            if self.is_over:
                raise Cancelled from None
            raise
        finally:
            with self._lock:
                self._stops.discard(stop)


_GROUP: ContextVar[_Group | None] = ContextVar("axonflow_group", default=None)


def stoppable(stop: Callable[[], None]) -> AbstractContextManager[None]:
    """What is inside waits without an event loop, and `stop` ends it from another thread, with any
    error; it may come when it is over. Raises `Cancelled` where it came to that."""
    group = _GROUP.get()
    return nullcontext() if group is None else group.stoppable(stop)


def raise_if_cancelled() -> None:
    """`Cancelled` where this call's group is over, also before the call's own `stop` has come: the
    end of one call may be what another waits for."""
    group = _GROUP.get()
    if group is not None and group.is_over:
        raise Cancelled


def _in_threads(calls: Sequence[Callable[[], Awaitable[T]]], at_once: int) -> list[T]:
    ended: SimpleQueue[tuple[int, Future[T]]] = SimpleQueue()
    left = enumerate(calls)  # threads share it: each call is taken once
    group = _Group()

    def work() -> None:
        _GROUP.set(group)
        for number, call in left:
            if group.is_over:
                return
            future: Future[T] = Future()
            _settle(future, partial(drive, _as_coroutine(call)))
            ended.put((number, future))
            if future.exception() is not None:
                group.cancel()  # after it is told: the others fail of this

    context = copy_context()
    try:
        for _ in range(min(at_once, len(calls))):
            in_thread(partial(context.copy().run, work))
        results = dict(_next_of(ended) for _ in calls)
    finally:
        group.cancel()
    return [results[number] for number in range(len(calls))]


def _next_of(ended: SimpleQueue[tuple[int, Future[T]]]) -> tuple[int, T]:
    wait_s = left_s()
    try:
        number, future = ended.get(timeout=None if wait_s == inf else wait_s)
    except Empty:
        raise TimeoutError from None
    return number, future.result()


def _settle(future: Future[T], function: Callable[[], T]) -> None:
    """Run `function`; `future` has what it returns or raises."""
    try:
        future.set_result(function())
    except BaseException as error:
        future.set_exception(error)


async def _as_coroutine(call: Callable[[], Awaitable[T]]) -> T:
    return await call()
