"""The numbers of several workers, each in a file that it alone writes.

A file is replaced whole, so whoever reads it sees the numbers of one moment. Counters outlive their
worker; gauges are those of workers that have written of late.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import orjson

from axonflow_core.frozen import frozen

Key: TypeAlias = tuple[str, ...]
"""The name of a family, and the values of its labels."""
Numbers: TypeAlias = dict[Key, float]
ALIVE_S = 10.0
"""How old the numbers of a worker may be that writes them every second."""


@frozen
class Tally:
    """What one worker wrote."""

    counters: Numbers
    gauges: Numbers


class SharedCounts:
    """The file of one worker, and those beside it in the folder, which is the server's own."""

    def __init__(self, folder: Path, worker: int, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._own = folder / f"worker-{worker}.json"
        self._clock = clock

    def left_by_predecessor(self) -> Numbers:
        """What the worker of this number had counted before."""
        return self._tally(self._own).counters if self._own.exists() else {}

    def write(self, counters: Numbers, gauges: Numbers) -> None:
        """Write the numbers of this worker."""
        new = self._own.with_suffix(".new")
        new.write_bytes(orjson.dumps([self._clock(), *map(_listed, (counters, gauges))]))
        os.replace(new, self._own)  # noqa: PTH105 - the plain name of the call that is atomic

    def read(self) -> Sequence[Tally]:
        """The numbers of all workers."""
        return [self._tally(path) for path in sorted(self._folder.glob("worker-*.json"))]

    def _tally(self, path: Path) -> Tally:
        at, counters, gauges = orjson.loads(path.read_bytes())
        is_alive = self._clock() - at <= ALIVE_S
        return Tally(_keyed(counters), _keyed(gauges) if is_alive else {})


def summed(
    tallies: Iterable[Tally], merged: Mapping[str, Callable[[Iterable[float]], float]]
) -> Numbers:
    """The numbers of all: counters added, gauges as `merged` has it for each family."""
    counters: Numbers = {}
    gauges: dict[Key, list[float]] = {}
    for tally in tallies:
        for key, value in tally.counters.items():
            counters[key] = counters.get(key, 0) + value
        for key, value in tally.gauges.items():
            gauges.setdefault(key, []).append(value)
    return counters | {key: merged[key[0]](values) for key, values in gauges.items()}


def _listed(numbers: Numbers) -> list[tuple[Key, float]]:
    return list(numbers.items())


def _keyed(listed: Iterable[tuple[Iterable[str], float]]) -> Numbers:
    return {tuple(key): value for key, value in listed}
