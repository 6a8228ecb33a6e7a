"""Processes that record calls until they are killed, two at a time, and what is left of what they
had acknowledged."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import select

from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.schema import RECORDS

from .making import verified

WRITING = Path(__file__).parent / "writing.py"


def stored(url: str) -> list[str]:
    """The ids of the records."""
    with database_of(url).reading() as connection:
        return list(connection.execute(select(RECORDS.c.id)).scalars())


class Writing:
    """Processes that record calls until they are killed."""

    def __init__(self, url: str, folder: Path, count: int) -> None:
        self._outputs = [folder / f"{uuid4().hex}.txt" for _ in range(count)]
        self._processes = [self._begun(url, output) for output in self._outputs]

    def _begun(self, url: str, output: Path) -> subprocess.Popen[bytes]:
        with output.open("wb") as file:  # a pipe that nobody reads would be full soon
            return subprocess.Popen([sys.executable, WRITING, url], stdout=file)

    def until_written(self) -> None:
        """Returns once each has acknowledged something."""
        until_s = time.monotonic() + 60
        while not all(output.stat().st_size for output in self._outputs):
            assert time.monotonic() < until_s
            time.sleep(0.02)

    def kill(self, pause_s: float = 0.0) -> list[str]:
        """What they had acknowledged. They are killed one after another, so far apart."""
        for number, process in enumerate(self._processes):
            if number:
                time.sleep(pause_s)
            process.kill()
            process.wait()
        texts = [output.read_text() for output in self._outputs]
        return [id for text in texts for id in text[: text.rfind("\n") + 1].split()]


@contextmanager
def writing(url: str, folder: Path, count: int = 2) -> Iterator[Writing]:
    """So many processes that write, each of which has acknowledged something."""
    processes = Writing(url, folder, count)
    try:
        processes.until_written()
        yield processes
    finally:
        processes.kill()


def found_lost(url: str, acked: list[str]) -> int:
    """How many of the acknowledged records are missing. What is there verifies, and is there
    once."""
    there = stored(url)
    assert verified(database_of(url)).faults == () and len(set(there)) == len(there)
    return len(set(acked) - set(there))


def kills(new_url: Callable[[], str], folder: Path, rounds: int, seed: int) -> None:
    """Two writers of one database, killed at drawn times, the second at once or a moment later."""
    draw, acked, lost = random.Random(seed), 0, 0
    url = new_url()
    for _ in range(rounds):
        with writing(url, folder) as processes:
            time.sleep(draw.uniform(0.02, 0.3))
            ids_acked = processes.kill(draw.choice((0.0, draw.uniform(0.0, 0.2))))
        lost += found_lost(url, ids_acked)
        acked += len(ids_acked)
    print(  # noqa: T201
        f"{2 * rounds} kills of two writers, seed {seed}: {acked} acknowledged, {lost} lost"
    )
    assert (lost, acked > 2 * rounds) == (0, True)
