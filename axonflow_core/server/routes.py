"""Every route of the server, with the role that it needs and the way it takes.

The table is all there is: the application serves nothing else, tests read it to see that no route
reaches a provider around governance, and make the matrix of roles and routes of it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
from typing import TypeAlias

from axonflow_core.config.values import Role
from axonflow_core.frozen import frozen
from axonflow_core.server.client_request import Answer, ClientRequest

Handler: TypeAlias = Callable[[ClientRequest], Awaitable[Answer]]


class Way(StrEnum):
    """What a route does."""

    CALL = "call"
    """Calls models, through governance; recorded."""
    DECISION = "decision"
    """Decides or takes a report; recorded."""
    READ = "read"
    """Reads; changes nothing."""
    CHANGE = "change"
    """Changes the configuration; recorded."""


@frozen
class Route:
    """One method of one path. A part of the path in braces, `{id}`, stands for one segment."""

    method: str
    path: str
    handler: Handler
    role: Role
    way: Way


class RouteTable:
    """Finds the route of a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._exact = {(r.method, r.path): r for r in self.routes if "{" not in r.path}
        self._patterns = [(_pattern(r.path), r) for r in self.routes if "{" in r.path]

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        """The route and the named parts of the path; None where there is none."""
        route = self._exact.get((method, path))
        if route is not None:
            return route, {}
        for pattern, candidate in self._patterns:
            if candidate.method == method and (match := pattern.fullmatch(path)):
                return candidate, match.groupdict()
        return None

    def methods(self, path: str) -> tuple[str, ...]:
        """The methods that a path has; none where it does not exist."""
        exact = [method for method, known in self._exact if known == path]
        named = [r.method for pattern, r in self._patterns if pattern.fullmatch(path)]
        return tuple(sorted({*exact, *named}))


def _pattern(path: str) -> re.Pattern[str]:
    """What a path matches. No part of one has a NUL, which PostgreSQL takes in no text."""
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile(
        "".join(
            f"(?P<{part}>[^/\\0]+)" if index % 2 else re.escape(part)
            for index, part in enumerate(parts)
        )
    )
