"""What one worker knows of itself while it serves; its app is built with it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .limits import Limits

if TYPE_CHECKING:
    from .protocol import GuardedProtocol


class ServerState:
    """Numbers for readiness and metrics, and the way to stop the worker. All of it belongs to the
    event loop's thread."""

    def __init__(self, limits: Limits, *, worker: int = 0) -> None:
        self.limits = limits
        self.worker = worker
        """The number of this worker, from 0; a worker that is started again keeps it."""
        self.is_draining = False
        """Whether the worker stops: set at the first signal, before anything is closed."""
        self.on_reload: Callable[[], None] | None = None
        """Called at SIGHUP, on the event loop. Set by the app; without it SIGHUP does nothing."""
        self.refused: Counter[str] = Counter()
        """Reason -> requests and connections that never reached the app; `refusals` has them."""
        self.failed = 0
        """Requests whose app raised, or ended without an answer."""
        self.total_requests = 0
        """Requests that were answered by the app."""
        self.connections: set[GuardedProtocol] = set()
        """Open connections, resting ones included."""
        self.resting: dict[GuardedProtocol, None] = {}
        """Those that wait for their next request, the one that rests longest first."""
        self.tasks: set[asyncio.Task[None]] = set()
        """The app's tasks, one for each request under way."""
        self.default_headers: list[tuple[bytes, bytes]] = []
        """What every response has: the date."""
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Requests that the app is answering."""
        return len(self.tasks)

    def reload(self) -> None:
        """Have the app read its configuration again."""
        if self.on_reload is not None:
            self.on_reload()

    def stop(self) -> None:
        """Begin to drain. A second call cancels what is under way, as a second signal does."""
        if self.is_draining:
            self._hurry.set()
        self.is_draining = True
        self._stop.set()

    @property
    def is_hurried(self) -> bool:
        """Whether the drain is cut short."""
        return self._hurry.is_set()

    async def until_stopped(self) -> None:
        """Returns once the worker is to stop."""
        await self._stop.wait()

    async def until_hurried(self, at_most_s: float) -> None:
        """Returns once the drain is cut short, or after a while."""
        hurry: asyncio.Task[Any] = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait({hurry}, timeout=at_most_s)
        hurry.cancel()
