"""An event loop in a thread of its own, for the coroutines of a provider that needs one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from axonflow_core.errors import RequestError

from .exits import Calls
from .refusals import closed, forked, refuse_on_event_loop

T = TypeVar("T")

_EXIT_S = 5.0
"""How long closing waits for what a provider does when it is closed."""


class LoopThread:
    """An event loop in a daemon thread, and the only way to it from other threads."""

    def __init__(self) -> None:
        self._lock = (
            threading.RLock()
        )  # reentrant: the collector may close an abandoned stream while it is held
        self._is_stopped = False
        self._process = os.getpid()
        self._calls = Calls()
        self._background_tasks: set[asyncio.Task[object]] = set()
        started: SimpleQueue[asyncio.AbstractEventLoop] = SimpleQueue()
        self._thread = threading.Thread(
            target=self._serve, args=(started,), name="axonflow-loop", daemon=True
        )
        self._thread.start()
        self._loop = started.get()

    def call(self, function: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of `function` on the loop. A caller that is interrupted cancels it and waits
        for its end."""
        refuse_on_event_loop()
        call = _Call(function)
        try:
            with self._calls:
                self._schedule(call.start)
                task = call.done.get()
        except BaseException:  # Ctrl-C, or what else a signal handler raises, at whatever moment
            with suppress(RequestError):  # the loop has ended, so nothing runs
                self._schedule(call.cancel)
                call.wait()
            raise
        if task.cancelled():
            raise closed()
        return task.result()

    def post(self, function: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Start `function` on the loop and go on. From any thread, the loop's own too; nothing once
        it has ended."""
        with suppress(RequestError):
            self._schedule(lambda: self._run_in_background(function))

    drop = post

    def stop(self, on_close: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Run `on_close`, cancel what is left and end the thread. Waits for that, except on the
        loop's own thread, and in a forked process, which has no such thread. Nothing at the
        program's exit where calls are under way."""
        if self._process != os.getpid() or self._calls.outlive_program():
            return
        call = _Call(on_close)
        with self._lock:
            self._schedule(lambda: self._stopping.set_result(call))
            self._is_stopped = (
                True  # whatever was scheduled before comes before the end, so nobody waits for ever
            )
        if threading.current_thread() is not self._thread:
            self._thread.join(_EXIT_S)
            if not self._thread.is_alive():
                call.done.get().result()

    def _schedule(self, callback: Callable[[], object]) -> None:
        if self._process != os.getpid():
            raise forked()
        with self._lock:
            if self._is_stopped:
                raise closed()
            self._loop.call_soon_threadsafe(callback)

    def _run_in_background(self, function: Callable[[], Awaitable[object]]) -> None:
        background_task = _Call(function).start()
        self._background_tasks.add(background_task)
        background_task.add_done_callback(self._background_tasks.discard)

    def _serve(self, started: SimpleQueue[asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            self._stopping: asyncio.Future[_Call[object]] = loop.create_future()
            started.put(loop)
            runner.run(self._live())

    async def _live(self) -> None:
        on_close = await self._stopping
        await asyncio.wait({on_close.start()})


class _Call(Generic[T]):
    """A coroutine that runs as a task on the loop, and the box in which its caller finds the
    finished task."""

    def __init__(self, function: Callable[[], Awaitable[T]]) -> None:
        self.done: SimpleQueue[asyncio.Task[T]] = SimpleQueue()
        self._function = function
        self._task: asyncio.Task[T] | None = None

    def start(self) -> asyncio.Task[T]:
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self.done.put)
        return self._task

    def cancel(self) -> None:
        (
            self._task or self.start()
        ).cancel()  # a caller interrupted before the start waits for an end all the same

    def wait(self) -> None:
        """Until the task is done. The box may be empty by then: the interrupted caller had the task
        in hand."""
        if self._task is None or not self._task.done():
            self.done.get()

    async def _run(self) -> T:
        return await self._function()
