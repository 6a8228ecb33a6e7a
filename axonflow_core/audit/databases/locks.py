"""Which writers live: each holds a lock on a file of its own, beside the database.

The kernel lets go of a lock when its process dies, however it dies: no clock, no heartbeat that a
busy process misses, no wait until a silent one counts as dead. All writers of a WAL database are on
one machine, so they see each other's locks.

A writer takes its lock before its chain is in the database, and whoever asks reads chains from
there, so a lock that is not held means a writer that has ended.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from axonflow_core.audit.databases import wait_for


def folder_of(database: Path) -> Path:
    """The folder of the locks of a database."""
    return database.with_name(f"{database.name}-writers")


class Lock:
    """One writer's lock, held from `__init__` to `end`."""

    def __init__(self, database: Path, chain: str) -> None:
        folder = folder_of(database)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / chain
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def beat(self, driver: object) -> None:
        """The kernel shows that the writer lives."""

    def end(self) -> None:
        """Let go of the lock."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_held(database: Path, chain: str) -> bool:
    """Whether the writer of a chain lives. The file of one that died is removed."""
    path = folder_of(database) / chain
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    with suppress(OSError):
        path.unlink()
    return False


@contextmanager
def alone(database: Path) -> Iterator[None]:
    """One process at a time opens a database; the others wait."""
    folder = folder_of(database)
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / "opening", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        wait_for(lambda: _is_locked(descriptor), str(database))
        yield
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    """Whether the file is locked now, by this process."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
