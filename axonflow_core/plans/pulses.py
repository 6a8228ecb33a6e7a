"""Which executors live.

Each writes a beat every few seconds, and lives for as long as its beat changes. How long one did
not change is measured here, by a clock that nobody sets: machines whose clocks differ, and a clock
that is put right, take no plan from anybody who runs it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


class Pulses:
    """What one executor has seen of the others."""

    def __init__(self, silence_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """After `silence_s` without another beat an executor counts as ended."""
        self._silence_s = silence_s
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}
        """Executor -> its beat, and when that was new here."""

    def living(self, beats: Mapping[str, int]) -> frozenset[str]:
        """The executors that live. `beats` has the last one of each; a beat that is seen for the
        first time is new."""
        now = self._clock()
        before, self._seen = self._seen, {id: (beat, now) for id, beat in beats.items()}
        for id, (beat, at) in before.items():
            if beats.get(id) == beat:
                self._seen[id] = beat, at
        return frozenset(id for id, (_, at) in self._seen.items() if now - at < self._silence_s)
