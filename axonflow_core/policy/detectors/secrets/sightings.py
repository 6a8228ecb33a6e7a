"""Where secrets of a rule may be, and what finds such places."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Candidate(NamedTuple):
    """What may be a secret, in bytes of a text."""

    start: int
    end: int
    match: tuple[int, int]
    """The span of all that the pattern matches, its label included."""


class Sighting(NamedTuple):
    """Where a candidate may be, in bytes of a text."""

    value: tuple[int, int]
    """The span that a secret is in; empty where there is none."""
    match: tuple[int, int]
    """The span of what was searched for."""


class Form(Protocol):
    """How the secrets of a rule are found."""

    def search(self, data: bytes, position: int) -> Sighting | None:
        """The first sighting from `position` on."""

    def candidate(self, data: bytes, sighting: Sighting) -> Candidate | None:
        """What may be a secret there, if anything."""

    def behind(self, data: bytes, sighting: Sighting) -> int:
        """Where the next sighting may begin if this one is of no secret."""
