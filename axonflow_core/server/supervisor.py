"""Several workers behind one port, and the process that starts, watches and ends them.

    exit_code = supervise("package.module:function", argument, workers=4, port=8080)

The supervisor listens and accepts nothing. It has a socket for each worker, all with one address
(SO_REUSEPORT), and the worker inherits its own. So the kernel spreads connections evenly: of one
shared socket the first worker to wake accepts all that wait, measured 32 of a pool's 32. And what
waits at a worker that dies is still there for its successor.

Workers are new interpreters, never forks: a fork copies locks that other threads hold. Two pipes
connect a worker with the supervisor:

* The **lifeline** gives the worker its orders, one line of JSON, and then stays open. Its end is
  the end of the supervisor, however that came, and the worker drains. Linux could kill the worker
  then (PR_SET_PDEATHSIG), but only there, and in the middle of a write.
* The **report** is one line of JSON: the worker is ready, or why it did not start.

The first worker starts alone. What it cannot do (read the configuration, open the audit) no other
could, so its error is the one that is reported, and ends the start. Later a worker that dies is
started again, after a pause that doubles while it dies at once; after `_TRIES` of those in a row
the supervisor ends, by the worker's exit code.

Workers have a session of their own: Ctrl-C reaches the supervisor alone, which passes it on once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import orjson

from axonflow_core.errors import AxonFlowError, ConfigError

from .serving import base_url, bound_socket
from .worker import LOG

_TRIES = 6
"""How many times in a row a worker may die at once."""
_AT_ONCE_S = 10.0
_PAUSE_S = 0.1
_MAX_PAUSE_S = 5.0
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def supervise(
    factory: str,
    argument: Any = None,
    *,
    workers: int,
    host: str = "127.0.0.1",
    port: int = 8080,
    patience_s: float = 60.0,
    on_ready: Callable[[str], None] | None = None,
) -> int:
    """Serve with several processes until SIGTERM or SIGINT. Returns the exit code, 0 after a drain.

    `factory` names a function, `package.module:function`, which each worker imports and calls with
    `argument`, anything that JSON holds; it returns a `WorkerSpec`. Workers that have not drained
    `patience_s` after a signal are killed. `on_ready` is called with the base URL once the first
    worker accepts connections. Raises `ConfigError` where the address cannot be listened on or the
    first worker does not start.
    """
    with ExitStack() as stack:
        listening = [stack.enter_context(each) for each in _bound_sockets(host, port, workers)]
        supervisor = Supervisor(factory, argument, listening, patience_s)
        return asyncio.run(supervisor.run(on_ready))


def _bound_sockets(host: str, port: int, count: int) -> Iterator[socket.socket]:
    """Sockets that share an address. The first, which shares with nobody, finds out whether the
    address is free: those that share would join another server's of the same user."""
    with bound_socket(host, port) as probe:
        port = probe.getsockname()[1]
    for _ in range(count):
        yield bound_socket(host, port, is_shared=True)


class Supervisor:
    """The parent of the workers."""

    def __init__(
        self, factory: str, argument: Any, listening: Sequence[socket.socket], patience_s: float
    ) -> None:
        self._orders = {"factory": factory, "argument": argument}
        self._listening = listening
        self._patience_s = patience_s
        self._running: dict[int, WorkerProcess] = {}
        self._is_stopping = asyncio.Event()
        self._exit_code = 0

    async def run(self, on_ready: Callable[[str], None] | None) -> int:
        """Start, watch and end a process for each socket."""
        loop = asyncio.get_running_loop()
        for number in _FORWARDED:
            loop.add_signal_handler(number, self._forward, number)
        serving = asyncio.create_task(self._serve(on_ready))
        stopping = asyncio.create_task(self._is_stopping.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({serving}, timeout=self._patience_s)
            if serving.done():
                serving.result()
            return self._exit_code
        finally:
            serving.cancel()
            stopping.cancel()
            await self._kill_all()

    async def _serve(self, on_ready: Callable[[str], None] | None) -> None:
        """Returns once all workers have ended after a stop."""
        workers = await self._start_all()
        if on_ready is not None and not self._is_stopping.is_set():
            on_ready(base_url(self._listening[0]))
        await asyncio.gather(*(self._keep(*each) for each in enumerate(workers)))

    async def _start_all(self) -> Sequence[WorkerProcess | None]:
        """All workers, ready; None for one that a stop came before."""
        first = await self._started(0)
        others = range(1, len(self._listening))
        return [first, *await asyncio.gather(*map(self._started, others))]

    def _forward(self, number: signal.Signals) -> None:
        if number != signal.SIGHUP:
            self._is_stopping.set()
            for each in self._listening:  # what no worker will accept is refused
                each.close()
        for worker in self._running.values():
            worker.send(number)

    async def _started(self, index: int) -> WorkerProcess | None:
        """A worker that is ready; None where a stop came first. `AxonFlowError` where it failed."""
        if self._is_stopping.is_set():
            return None
        mine = {"index": index, "socket": self._listening[index].fileno()}
        worker = await WorkerProcess.start({**self._orders, **mine})
        self._running[index] = worker
        if self._is_stopping.is_set():
            worker.send(signal.SIGTERM)
        failure = await worker.failure()
        if failure is None:
            return worker
        await worker.ended()
        del self._running[index]
        if self._is_stopping.is_set():
            return None
        raise failure

    async def _keep(self, index: int, worker: WorkerProcess | None) -> None:
        """Have one worker running until the stop."""
        deaths, now = 0, asyncio.get_running_loop().time
        while not self._is_stopping.is_set():
            began, code = now(), 3
            try:
                worker = worker or await self._started(index)
                code = await worker.ended() if worker is not None else 0
                what = f"ended with exit code {code}"
            except AxonFlowError as error:
                what = f"did not start: {error}"
            worker = None
            self._running.pop(index, None)
            if self._is_stopping.is_set():
                return
            LOG.error("worker %d %s", index, what)
            deaths = deaths + 1 if now() < began + _AT_ONCE_S else 1
            if deaths >= _TRIES:
                self._exit_code = code if code > 0 else 1
                self._forward(signal.SIGTERM)
            await self._pause(min(_PAUSE_S * 2**deaths, _MAX_PAUSE_S))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_stopping.wait(), seconds)

    async def _kill_all(self) -> None:
        """What is still there has not drained in time."""
        for index, worker in list(self._running.items()):
            LOG.error("worker %d is killed", index)
            self._exit_code = self._exit_code or 1
            worker.send(signal.SIGKILL)
            await worker.ended()


class WorkerProcess:
    """One worker, as its supervisor sees it."""

    def __init__(self, process: Process, lifeline: int, report: asyncio.StreamReader) -> None:
        self._process = process
        self._lifeline = lifeline
        self._report = report

    @classmethod
    async def start(cls, orders: dict[str, Any]) -> WorkerProcess:
        """Start a process that has got its orders."""
        orders_in, lifeline = os.pipe()
        report_out, report_in = os.pipe()
        inherited = (orders_in, report_in, orders["socket"])
        # -P: the folder that the server was started in is not searched for modules.
        command = (sys.executable, "-P", "-m", "axonflow_core.server.child")
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                str(orders_in),
                str(report_in),
                stdin=DEVNULL,
                pass_fds=inherited,
                start_new_session=True,
            )
        finally:
            os.close(orders_in)
            os.close(report_in)
        os.write(lifeline, orjson.dumps(orders) + b"\n")
        return cls(process, lifeline, await _reader_of(report_out))

    async def failure(self) -> AxonFlowError | None:
        """Why the worker did not start; None once it is ready."""
        line = await self._report.readline()
        if not line:
            code = await self._process.wait()
            return ConfigError(f"a worker ended with exit code {code} before it was ready")
        error = orjson.loads(line)["error"]
        return error and ConfigError(error["message"], hint=error["hint"])

    async def ended(self) -> int:
        """The exit code, once the process has ended."""
        code = await self._process.wait()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        return code

    def send(self, number: signal.Signals) -> None:
        """Send a signal to a process that may have ended."""
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


async def _reader_of(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe = os.fdopen(descriptor, "rb")
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader
