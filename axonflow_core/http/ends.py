"""What ends an answer early. `HttpCall` puts each into words."""

from __future__ import annotations

from .limits import LimitExpired
from .response_parser import BadResponse


class ConnectionEnded(Exception):
    """The other side closed the connection, or it broke: `cause` tells how; `has_begun`, whether
    anything of an answer had arrived."""

    def __init__(self, cause: Exception | None = None, *, has_begun: bool = False) -> None:
        super().__init__()
        self.cause = cause
        self.has_begun = has_begun


class ClosedHere(Exception):
    """This side closed the connection."""


ENDS = (BadResponse, ClosedHere, ConnectionEnded, LimitExpired)
"""All of them."""


class PoolClosed(Exception):
    """The pool was closed before or while a connection was waited for."""
