"""Serving an app until a signal: the sockets, the event loop, the signals, the exit code.

    def build(state: ServerState) -> AsgiApp:       # or a coroutine function
        state.on_reload = …                         # SIGHUP
        return app                                  # reads state.is_draining, state.refused, …

    exit_code = serve(build, host="127.0.0.1", port=8080)

The app speaks ASGI's lifespan: what it opened, it closes at `lifespan.shutdown`, which comes after
the last request and after every kind of stop save SIGKILL. SIGTERM and SIGINT drain; a second one
cancels what is under way and stops within a second. See `worker` for the steps and `limits` for
their times. `supervisor` serves with several workers.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from inspect import isawaitable
from typing import Any, TypeAlias

import uvloop
from attrs import field

from axonflow_core.errors import ConfigError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.http.asgi import AsgiApp

from .limits import Limits
from .state import ServerState
from .traces import trace_of
from .worker import BACKLOG, LOG, Worker

AppFactory: TypeAlias = Callable[[ServerState], AsgiApp | Awaitable[AsgiApp]]
"""Builds the app of a worker, on the worker's event loop. What it raises ends the start."""
_OTHER_FILES = 128
"""File descriptors that are not for connections: stores, upstream calls have their own pool."""
SWITCH_INTERVAL_S = 0.001
"""After so long a thread that judges a long text hands over the interpreter's lock, for which the
event loop waits at each of its turns: Python's 5 ms are half of what the loop may be late."""
_NEW_OBJECTS = 10_000
"""New objects at which the collector begins. Python's 700 are fewer than what a few dozen calls in
flight hold: it would look through all of them, and again, and find nothing to collect."""


@frozen
class WorkerSpec:
    """What a worker serves."""

    app_factory: AppFactory
    limits: Limits = field(factory=Limits)


def serve(
    app_factory: AppFactory,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    limits: Limits | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> int:
    """Serve in this process until SIGTERM or SIGINT. Returns the exit code, 0 after a drain.

    `on_ready` is called with the base URL once connections are accepted; port 0 takes a free port.
    Raises `ConfigError` where the address cannot be listened on, and whatever `app_factory` raises.
    """
    with bound_socket(host, port) as listening:
        url = base_url(listening)
        ready = (lambda: on_ready(url)) if on_ready is not None else _nothing
        return serve_on([listening], WorkerSpec(app_factory, limits or Limits()), on_ready=ready)


def serve_on(
    listening: Sequence[socket.socket],
    spec: WorkerSpec,
    *,
    on_ready: Callable[[], None],
    worker: int = 0,
    lifeline: int | None = None,
) -> int:
    """Serve on sockets that listen already, as the worker of that number. `lifeline` is a
    descriptor to read from: its end, like a signal, stops the worker."""
    loop = uvloop.new_event_loop()
    state = ServerState(_within_descriptors(spec.limits), worker=worker)
    loop.set_exception_handler(_log_stray_error)
    try:
        loop.run_until_complete(_run(listening, spec.app_factory, state, on_ready, lifeline))
    finally:
        # Not the default executor: its threads may hang, and a stop has an end.
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    return 0


def spare_collector() -> None:
    """Have the collector of cyclic garbage look at what requests leave, and at nothing else: what
    the start made stays until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)


async def _run(
    listening: Sequence[socket.socket],
    app_factory: AppFactory,
    state: ServerState,
    on_ready: Callable[[], None],
    lifeline: int | None,
) -> None:
    with _signals(state), _lifeline(state, lifeline):
        worker = await _started_before_stop(listening, app_factory, state)
        if worker is not None:
            spare_collector()
            sys.setswitchinterval(SWITCH_INTERVAL_S)
            on_ready()
            await state.until_stopped()
            await worker.drain()


async def _started_before_stop(
    listening: Sequence[socket.socket], app_factory: AppFactory, state: ServerState
) -> Worker | None:
    """The worker, or None where a stop came first and the start was cancelled."""
    starting = asyncio.create_task(_started(listening, app_factory, state))
    stopping = asyncio.create_task(state.until_stopped())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        return starting.result()
    starting.cancel()
    await asyncio.wait({starting}, timeout=state.limits.close_s)
    return None


async def _started(
    listening: Sequence[socket.socket], app_factory: AppFactory, state: ServerState
) -> Worker:
    made = app_factory(state)
    worker = Worker(await made if isawaitable(made) else made, state)
    await worker.start(listening)
    return worker


@contextmanager
def _signals(state: ServerState) -> Iterator[None]:
    """Signals become calls on the event loop, from before the app is built."""
    loop = asyncio.get_running_loop()
    handlers = {
        signal.SIGTERM: state.stop,
        signal.SIGINT: state.stop,
        signal.SIGHUP: state.reload,
    }
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


@contextmanager
def _lifeline(state: ServerState, descriptor: int | None) -> Iterator[None]:
    """The other end is held by the supervisor. When it is gone, however it went, we go."""
    if descriptor is None:
        yield
        return
    loop = asyncio.get_running_loop()

    def is_cut() -> None:
        loop.remove_reader(descriptor)
        state.stop()

    loop.add_reader(descriptor, is_cut)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)


def bound_socket(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A socket that listens; others may share its address if they say so too. `ConfigError` where
    the address is taken or not allowed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server(
            (host, port), family=family, backlog=BACKLOG, reuse_port=is_shared
        )
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="choose another address or port",
        ) from error
    # Accepted connections inherit the option, which the event loop sets on its own sockets alone.
    # Without it a small write waits up to 40 ms for the client's delayed acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def base_url(listening: socket.socket) -> str:
    """`http://HOST:PORT` of a socket that listens."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _within_descriptors(limits: Limits) -> Limits:
    """`limits` with no more connections than the process may have files. The soft limit is raised
    first: it is low for the sake of programs that use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = hard - _OTHER_FILES - limits.reserve if hard != resource.RLIM_INFINITY else soft
    return evolve(limits, max_connections=max(min(limits.max_connections, room), 1))


def _log_stray_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An error that nobody awaited. The rest of `context` shows values, which are not for logs."""
    LOG.error("%s: %s", context.get("message"), trace_of(context.get("exception")))


def _nothing() -> None:
    """Instead of a callback that nobody gave."""
