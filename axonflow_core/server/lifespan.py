"""The lifespan of an ASGI app: its start and its shutdown, with the app's own errors.

uvicorn's lifespan logs what the app raises and goes on, or exits. Here the start fails by the app's
own exception, so that a `ConfigError` reaches whoever started the server.
"""

from __future__ import annotations

import asyncio
from typing import Any

from axonflow_core.errors import ConfigError
from axonflow_core.http.asgi import AsgiApp


class Lifespan:
    """One app's `lifespan` scope, in a task of its own as ASGI demands."""

    def __init__(self, app: AsgiApp) -> None:
        self.state: dict[str, Any] = {}
        """What the app gives to each request, as `scope["state"]`."""
        self._app = app
        self._asked: asyncio.Queue[str] = asyncio.Queue()
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once the app has started. Raises what it raises, `ConfigError` where it says that
        it failed."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}
        running = self._app({**scope, "state": self.state}, self._receive, self._told.put)
        self._task = asyncio.ensure_future(running)
        await self._ask("startup")

    async def shut_down(self) -> None:
        """Returns once the app has closed what it opened. Raises what it raises."""
        if self._task is not None:
            await self._ask("shutdown")

    async def _ask(self, step: str) -> None:
        assert self._task is not None  # noqa: S101 - `start` comes first
        self._asked.put_nowait(f"lifespan.{step}")
        answer = asyncio.ensure_future(self._told.get())
        try:
            await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                self._task.result()
                raise ConfigError(f"the app ended before lifespan.{step}")
            if answer.result()["type"] != f"lifespan.{step}.complete":
                raise ConfigError(f"the app failed at lifespan.{step}")
        finally:
            answer.cancel()

    async def _receive(self) -> dict[str, Any]:
        return {"type": await self._asked.get()}
