"""Serving an ASGI app on 127.0.0.1: in a background thread of a test or program, or in a command.

The socket is bound before uvicorn starts. So the port is known at once, a port in use raises in the
caller and not in a thread, and a client that connects early waits instead of failing.

Stopping is not graceful, because an emulated stream may never end: every connection is aborted. The
ASGI app receives `http.disconnect`, and a client sees a connection that was reset.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from axonflow_core.errors import ConfigError
from axonflow_core.http.asgi import AsgiApp

HOST = "127.0.0.1"
"""The only address that is served: nothing outside this machine can connect."""
_PATIENCE_S = 1
"""Seconds that a stop waits for an app that ignores `http.disconnect` before cancelling it."""


class Server:
    """Serves `app` on 127.0.0.1 while the `with` block runs, in a daemon thread.

        with Server(service.app()) as server:
            call(server.base_url)

    Port 0 takes a free port; `base_url` is known inside the block. Entering raises `ConfigError`
    where the port cannot be opened.
    """

    def __init__(self, app: AsgiApp, *, port: int = 0) -> None:
        self._app = app
        self._port = port
        self._ready = threading.Event()

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://{HOST}:{self._port}"

    def wait(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Block until the server ends, the process is interrupted, or it `is_over`, which is asked
        five times a second; for commands."""
        while self._thread.is_alive() and not is_over():
            self._thread.join(timeout=0.2)  # without a timeout Ctrl-C has no effect on Windows

    def __enter__(self) -> Self:
        self._socket = self._bound()
        self._port = self._socket.getsockname()[1]
        self._uvicorn = _uvicorn_server(self._app, self._ready)
        self._thread = threading.Thread(
            target=self._serve, name=f"serving {self.base_url}", daemon=True
        )
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._uvicorn.stop()
        self._thread.join()
        self._socket.close()

    def _bound(self) -> socket.socket:
        """The listening socket. `ConfigError` where the port is taken or not allowed."""
        try:
            bound = socket.create_server((HOST, self._port))
            # Accepted connections inherit the option. asyncio sets it on sockets that it creates
            # but not on ours; without it each small write after the first waits up to 40 ms for the
            # client's delayed acknowledgement (Nagle's algorithm).
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return bound
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {HOST}:{self._port}: {_reason_of(error)}",
                hint="choose another port, or 0 for a free one",
            ) from error

    def _serve(self) -> None:
        """Run the server in its thread. The event is set even when it fails, so that `__enter__`
        does not wait for ever."""
        try:
            self._uvicorn.run(sockets=[self._socket])
        finally:
            self._ready.set()


def _reason_of(error: OSError) -> str:
    """The system's own words, which `socket.create_server` adds the address to."""
    return os.strerror(error.errno) if error.errno is not None else str(error)


def _uvicorn_server(app: AsgiApp, ready: threading.Event) -> Any:
    """A uvicorn server that stops at once, configured for `app`."""
    import uvicorn  # takes 80 ms to import, needed only here

    class _Server(uvicorn.Server):
        """uvicorn looks every 0.1 s whether it is to stop, and then waits 0.1 s for connections
        to close. Here a stop is noticed at once, and waits for nothing where nothing is open."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
            await super().startup(sockets)
            ready.set()

        async def main_loop(self) -> None:
            ticks = asyncio.create_task(super().main_loop())
            stop = asyncio.create_task(self._stopped.wait())
            done, waiting = await asyncio.wait({ticks, stop}, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()
            for task in done:
                task.result()

        def stop(self) -> None:
            """Ends `main_loop`. For other threads; a server that has ended already stays so."""
            self.should_exit = True
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopped.set)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            for connection in list(self.server_state.connections):
                if connection.transport is not None:
                    connection.transport.abort()
            await asyncio.sleep(0)  # an aborted connection is closed in the next turn of the loop
            if self.server_state.connections or self.server_state.tasks:
                await super().shutdown(sockets)
            for server in self.servers:
                server.close()

    return _Server(_config_of(app))


def _config_of(app: AsgiApp) -> Any:
    """uvicorn without what a local service has no use for: lifespan, web sockets, logs, headers."""
    import uvicorn

    return uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE_S,
    )
