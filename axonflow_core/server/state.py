"""What one worker knows of itself while it serves."""

from __future__ import annotations

import asyncio
from collections import Counter

from uvicorn.server import ServerState as UvicornState

from .limits import Limits


class ServerState(UvicornState):
    """Numbers for readiness and metrics, and the way to stop the worker. The app is built with it.

    All of it belongs to the event loop's thread.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.limits = limits
        self.is_draining = False
        """Whether the worker stops: set at the first signal, before anything is closed."""
        self.refused: Counter[str] = Counter()
        """Reason (`refusals`) -> requests and connections that never reached the app."""
        self.failed = 0
        """Requests whose app raised."""
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Requests that the app is answering."""
        return len(self.tasks)

    @property
    def open_connections(self) -> int:
        """Connections, resting ones included."""
        return len(self.connections)

    def stop(self) -> None:
        """Begin to drain; a second call cancels what is under way, as a second signal does."""
        if self.is_draining:
            self._hurry.set()
        self.is_draining = True
        self._stop.set()

    async def until_stopped(self) -> None:
        """Returns once the worker is to stop."""
        await self._stop.wait()

    async def until_hurried(self) -> None:
        """Returns once the worker is to stop without a drain."""
        await self._hurry.wait()
