"""The moments at which the time limits of one call end. No I/O, no clock."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from .messages import Timeouts
from .request_bytes import Endpoint


class Limit(NamedTuple):
    """Why time is over: by the field of `Timeouts` of that name, in a step of the call."""

    name: str
    step: str
    """`connect`, `head` or `body`: what is waited for."""


_FIRST_BYTE = Limit("first_byte_s", "head")
IDLE = Limit("idle_s", "body")
"""Of the time between two reads, while somebody waits for the next one."""
_TOTAL = {step: Limit("total_s", step) for step in ("head", "body")}
_CONNECTING = {name: Limit(name, "connect") for name in ("connect_s", "first_byte_s", "total_s")}
NO_LIMIT = Limit("", "")
"""Of a moment that no call waits for."""
Until: TypeAlias = tuple[float, Limit]
"""When a wait ends, and by which limit."""


class DialStep(NamedTuple):
    """What is under way while a connection is opened, and with whom."""

    what: str
    """`lookup`, `connect`, `handshake` or `tunnel`."""
    hop: Endpoint
    is_proxy: bool = False


class LimitExpired(Exception):
    """A time limit is over; `at` says where, while a connection is opened."""

    def __init__(self, limit: Limit, at: DialStep | None = None) -> None:
        super().__init__(limit.name)
        self.limit = limit
        self.at = at


class Deadlines:
    """When a call that starts `now` has to be how far: pairs of a moment and its limit."""

    __slots__ = ("_connect_s", "_idle_s", "head", "started", "total")

    def __init__(self, timeouts: Timeouts, now: float) -> None:
        self.started = now
        total = now + timeouts.total_s
        self.total = (total, _TOTAL["body"])
        self.head = min((now + timeouts.first_byte_s, _FIRST_BYTE), (total, _TOTAL["head"]))
        self._idle_s = timeouts.idle_s
        self._connect_s = timeouts.connect_s

    def idle(self, now: float) -> Until:
        """When the next bytes of the answer have to be there."""
        ends_at = now + self._idle_s
        return (ends_at, IDLE) if ends_at < self.total[0] else self.total

    def connect(self, now: float) -> Until:
        """When a connection that is begun `now` has to be open."""
        ends_at, limit = self.head
        own = (now + self._connect_s, _CONNECTING["connect_s"])
        return min(own, (ends_at, _CONNECTING[limit.name]))


def span_of(seconds: float, given_s: float | None) -> str:
    """`seconds` in words, as what was left of `given_s` where that is set."""
    return (
        f"{seconds:g} s"
        if given_s is None
        else (f"the {seconds:.3g} s that were left of {given_s:g} s")
    )
