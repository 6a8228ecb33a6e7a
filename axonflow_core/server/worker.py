"""One worker: it accepts connections, keeps their time, and ends them in order.

start    the app's lifespan, then listening
serve    a clock of four ticks a second ends connections whose deadline is over
drain    1. `is_draining`, by the signal itself        4. cancel what is left, a last word
         2. listening ends, resting connections close  5. reset what is still open
         3. requests under way get `drain_s`           6. the app's lifespan ends
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Sequence
from email.utils import formatdate
from typing import TYPE_CHECKING, cast

import uvicorn

from .lifespan import Lifespan
from .protocol import GuardedProtocol
from .state import ServerState
from .traces import trace_of

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

    from axonflow_core.http.asgi import AsgiApp

_LOOK_S = 0.02
"""How often a drain looks whether it is over."""
_HURRIED_S = 0.5
"""How long a request that is cancelled by a second signal may take for its last word."""
BACKLOG = 2_048
"""Connections that the system holds until they are accepted."""
LOG = logging.getLogger("axonflow.server")


class Worker:
    """Serves `app` on sockets that listen, on the running event loop."""

    def __init__(self, app: AsgiApp, state: ServerState, *, tick_s: float = 0.25) -> None:
        self._tick_s = tick_s
        self._config = _config_of(app)
        self._state = state
        self._lifespan = Lifespan(app)
        self._servers: list[asyncio.Server] = []
        self._clock: asyncio.Task[None] | None = None

    async def start(self, listening: Sequence[socket.socket]) -> None:
        """Start the app, then accept connections. Raises what the app raises."""
        await self._lifespan.start()
        loop = asyncio.get_running_loop()
        self._tick()
        self._clock = asyncio.create_task(self._keep_time())
        for each in listening:
            server = await loop.create_server(self._connection, sock=each, backlog=BACKLOG)
            self._servers.append(server)

    async def drain(self) -> None:
        """Stop accepting, let requests end, close the app. Not later than the limits say."""
        for server in self._servers:
            server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        await self._wait_for_requests()
        await self._cancel_requests()
        for connection in list(self._state.connections):
            connection.abort()
        if self._clock is not None:
            self._clock.cancel()
        await self._close_app()

    def _connection(self) -> GuardedProtocol:
        return GuardedProtocol(self._config, self._state, self._lifespan.state)

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(self._tick_s)
            self._tick()

    def _tick(self) -> None:
        """Renew the Date header, and end the connections whose time is over."""
        date = formatdate(time.time(), usegmt=True).encode()
        self._state.default_headers = [(b"date", date)]
        now = asyncio.get_running_loop().time()
        for connection in list(self._state.connections):
            if connection.deadline < now or connection.write_deadline < now:
                connection.expire(now)

    async def _wait_for_requests(self) -> None:
        state, now = self._state, asyncio.get_running_loop().time
        ends_at = now() + state.limits.drain_s
        while (state.tasks or state.connections) and not state.is_hurried:
            left = ends_at - now()
            if left <= 0:
                return
            await state.until_hurried(min(_LOOK_S, left))

    async def _cancel_requests(self) -> None:
        state = self._state
        if not state.tasks:
            return
        LOG.warning("%d requests are cancelled at the end of the drain", len(state.tasks))
        for task in state.tasks:
            task.cancel()
        await asyncio.wait(state.tasks, timeout=self._grace_s())

    def _grace_s(self) -> float:
        grace_s = self._state.limits.grace_s
        return min(grace_s, _HURRIED_S) if self._state.is_hurried else grace_s

    async def _close_app(self) -> None:
        try:
            await asyncio.wait_for(self._lifespan.shut_down(), self._state.limits.close_s)
        except Exception as error:
            LOG.error("the app did not shut down: %s", trace_of(error))


def _config_of(app: AsgiApp) -> uvicorn.Config:
    """uvicorn's settings, as far as its protocol reads them."""
    config = uvicorn.Config(
        cast("ASGIApplication", app),
        http=GuardedProtocol,
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    config.load()
    return config
