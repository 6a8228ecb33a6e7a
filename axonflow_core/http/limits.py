"""The moments at which the time limits of one call end. No I/O, no clock."""

from __future__ import annotations

from .messages import Timeouts


class LimitExpired(Exception):
    """The time limit of that name (a field of `Timeouts`) is over."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


class Deadlines:
    """When a call that starts `now` has to be how far: pairs of a moment and its limit's name."""

    __slots__ = ("_connect_s", "_idle_s", "head", "started", "total")

    def __init__(self, timeouts: Timeouts, now: float) -> None:
        self.started = now
        self.total = (now + timeouts.total_s, "total_s")
        self.head = min((now + timeouts.first_byte_s, "first_byte_s"), self.total)
        self._idle_s = timeouts.idle_s
        self._connect_s = timeouts.connect_s

    def idle(self, now: float) -> tuple[float, str]:
        """When the next bytes of the answer have to be there."""
        return min((now + self._idle_s, "idle_s"), self.total)

    def connect(self, now: float) -> tuple[float, str]:
        """When a connection that is begun `now` has to be open."""
        return min((now + self._connect_s, "connect_s"), self.head)
