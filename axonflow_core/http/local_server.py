"""Serving an ASGI app on this machine: in the background of a test or a program, or in the
foreground of a command.

The socket is bound before uvicorn sees it. So the port is known at once, a port that is taken is an
error of the caller and not of a thread, and a client that connects too early waits instead of
failing.

Stopping is not graceful: an emulated stream may never end. Every connection is cut, which an ASGI
app hears as `http.disconnect` and a client as a stream that broke off.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any, Self

from axonflow_core.errors import ConfigError
from axonflow_core.http.asgi import AsgiApp

HOST = "127.0.0.1"
_PATIENCE_S = 1
"""How long a stop waits for an app that does not listen for `http.disconnect` before it is
cancelled."""


class Server:
    """Serves `app` while the `with` block runs. Port 0 takes a free one; `base_url` names it."""

    def __init__(self, app: AsgiApp, *, port: int = 0) -> None:
        self._app = app
        self._port = port
        self._ready = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self._port}"

    def wait(self) -> None:
        """Serve on, until interrupted: for a command in the foreground."""
        while self._thread.is_alive():
            self._thread.join(timeout=1.0)  # without a timeout Windows would not hear Ctrl-C

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
        try:
            bound = socket.create_server((HOST, self._port))
            # Connections inherit it. asyncio would set it on sockets that it made itself; on ours
            # it does not, and each small write after the first waits 40 ms for the other side's
            # delayed acknowledgement.
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return bound
        except OSError as error:
            raise ConfigError(
                f"port {self._port} of {HOST} cannot be opened: {error.strerror or error}",
                hint="name another port, or none: then a free one is taken",
            ) from error

    def _serve(self) -> None:
        try:
            self._uvicorn.run(sockets=[self._socket])
        finally:
            self._ready.set()


def _uvicorn_server(app: AsgiApp, ready: threading.Event) -> Any:
    import uvicorn  # 80 ms, wanted only by who serves

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

    return _Server(
        uvicorn.Config(
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
    )
