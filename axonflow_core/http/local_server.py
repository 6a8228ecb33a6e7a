"""Serving an ASGI app on this machine: in the background of a test or a program, or in the
foreground of a command.

The socket is bound before uvicorn sees it. So the port is known at once, a port that is taken is an
error of the caller and not of a thread, and a client that connects too early waits instead of
failing.

Stopping is not graceful: an emulated stream may never end. Every connection is cut, which an ASGI
app hears as `http.disconnect` and a client as a stream that broke off.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Self

from axonflow_core.errors import ConfigError
from axonflow_core.http.asgi import AsgiApp

if TYPE_CHECKING:
    import uvicorn

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
        self._uvicorn.should_exit = True
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


def _uvicorn_server(app: AsgiApp, ready: threading.Event) -> uvicorn.Server:
    import uvicorn  # 80 ms, wanted only by who serves

    class _Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready.set()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            for connection in list(self.server_state.connections):
                if connection.transport is not None:
                    connection.transport.abort()
            await super().shutdown(sockets)

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
