"""One worker: an ASGI app behind `GuardedProtocol`, on uvloop, from its start to its drain."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import contextmanager
from email.utils import formatdate
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias

import uvicorn
import uvloop

from axonflow_core.errors import ConfigError

from .limits import Limits
from .protocol import GuardedProtocol
from .state import ServerState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from axonflow_core.http.asgi import AsgiApp

AppFactory: TypeAlias = "Callable[[ServerState], AsgiApp | Awaitable[AsgiApp]]"
"""Builds the app of a worker, on its event loop. What it raises ends the start."""
_TICK_S = 0.25


def serve(
    app_factory: AppFactory,
    *,
    sockets: Sequence[socket.socket],
    limits: Limits | None = None,
    on_reload: Callable[[], None] | None = None,
    on_ready: Callable[[], None] | None = None,
) -> int:
    """Serve until a signal stops the worker; returns the exit code, 0 after a drain."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(_run(app_factory, sockets, limits or Limits(), on_reload, on_ready))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return 0


async def _run(
    app_factory: AppFactory,
    sockets: Sequence[socket.socket],
    limits: Limits,
    on_reload: Callable[[], None] | None,
    on_ready: Callable[[], None] | None,
) -> None:
    state = ServerState(limits)
    with _signals(state, on_reload):
        made = app_factory(state)
        app = await made if isawaitable(made) else made
        await Worker(app, state, on_ready).serve(list(sockets))


@contextmanager
def _signals(state: ServerState, on_reload: Callable[[], None] | None) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    handlers = {signal.SIGTERM: state.stop, signal.SIGINT: state.stop}
    if on_reload is not None:
        handlers[signal.SIGHUP] = on_reload
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def bound_socket(host: str, port: int) -> socket.socket:
    """A listening socket. `ConfigError` where the address is taken or not allowed."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="choose another address or port",
        ) from error
    # Accepted connections inherit it; without it small writes wait for acknowledgements.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


class Worker(uvicorn.Server):
    """uvicorn's server with a clock for all connections and a drain in steps."""

    def __init__(
        self, app: AsgiApp, state: ServerState, on_ready: Callable[[], None] | None = None
    ) -> None:
        super().__init__(_config_of(app))
        self.server_state: ServerState = state
        self._on_ready = on_ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are handled by the event loop, see `_signals`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise ConfigError("the server's app did not start", hint="the log says why")
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(self._connection, sock=sock, backlog=2048)
            for sock in sockets or ()
        ]
        self._tick()
        self._clock = asyncio.create_task(self._run_clock())
        self.started = True
        if self._on_ready is not None:
            self._on_ready()

    def _connection(self) -> GuardedProtocol:
        return GuardedProtocol(self.config, self.server_state, self.lifespan.state)

    async def main_loop(self) -> None:
        await self.server_state.until_stopped()

    async def _run_clock(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self._tick()

    def _tick(self) -> None:
        """Set the Date header, and end connections whose time is over."""
        date = formatdate(time.time(), usegmt=True).encode()
        self.server_state.default_headers = [(b"date", date)]
        now = asyncio.get_running_loop().time()
        for connection in list(self.server_state.connections):
            if connection.deadline < now or connection.write_deadline < now:
                connection.expire(now)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, cancel what is left, close the app."""
        state, limits = self.server_state, self.server_state.limits
        for server in self.servers:
            server.close()
        for listening in sockets or ():
            listening.close()
        for connection in list(state.connections):
            connection.shutdown()
        hurry = asyncio.create_task(state.until_hurried())
        ends = asyncio.get_running_loop().time() + limits.drain_s
        while (state.tasks or state.connections) and not hurry.done():
            left = ends - asyncio.get_running_loop().time()
            if left <= 0:
                break
            await asyncio.wait({hurry}, timeout=min(0.02, left))
        await self._cancel(0.5 if hurry.done() else limits.grace_s)
        hurry.cancel()
        for connection in list(state.connections):
            connection.transport.abort()
        self._clock.cancel()
        await asyncio.wait_for(self.lifespan.shutdown(), limits.close_s)

    async def _cancel(self, grace_s: float) -> None:
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)


def _config_of(app: AsgiApp) -> Any:
    return uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws=None,  # type: ignore[arg-type]
        interface="asgi3",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
