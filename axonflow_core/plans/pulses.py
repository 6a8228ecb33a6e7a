"""Which executors live.

Each writes a beat every few seconds, and lives for as long as its beat changes. How long it did not
change is counted in looks of the executor that wants to know, which follow one another as its own
beats do. No clock is compared: machines whose clocks differ, one whose clock is put right, and a
database that was gone for a while take no plan from anybody who runs it.
"""

from __future__ import annotations

from collections.abc import Mapping


class Pulses:
    """What one executor has seen of the others."""

    def __init__(self, looks: int) -> None:
        """An executor has ended whose beat is the same in so many looks after the first."""
        self._looks = looks
        self._seen: dict[str, tuple[int, int]] = {}
        """Executor -> its beat, and in how many looks it was that one before."""

    def living(self, beats: Mapping[str, int]) -> frozenset[str]:
        """The executors that live. `beats` has the last one of each; this is a look."""
        before, self._seen = self._seen, {}
        for id, beat in beats.items():
            last, count = before.get(id, (None, 0))
            self._seen[id] = beat, count + 1 if last == beat else 0
        return frozenset(id for id, (_, count) in self._seen.items() if count < self._looks)
