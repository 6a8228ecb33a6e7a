"""Who is working on what, across the workers of one machine: locks on bytes of a file. For servers
on several machines see `database_claims`.

A claim is an exclusive lock on one byte, at an offset that the claimed key gives. Whoever waits for
a claim holds a shared lock on another byte, so that the holder can ask whether anybody waits. The
kernel lets go of both when a process dies, however it dies: there is no lease to wait for, no
heartbeat that a busy worker misses and no clock. (`audit.databases.locks` is built on the same.)

    offset of a claim      the key's first 62 bits
    of those who wait      the same, and 2^62

A claim costs two system calls and no row: of a hundred calls hardly one meets another that is the
same. All writers of an SQLite database are on one machine, so they see each other's locks.

The locks belong to the open file and not to the process (Linux: F_OFD_SETLK, since 3.15), so two
services in one process exclude each other as two workers do.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Protocol

_MASK = (1 << 62) - 1
WAITING = 1 << 62
"""What the number of those who wait for a claim has besides."""
# struct flock of Linux (fcntl.h, 64 bits): type, whence, start, length, pid.
_FLOCK = struct.Struct("@hhqqi4x")


class Claims(Protocol):
    """Claims of one worker. A key is 8 bytes or more that nobody can choose: a MAC. What is asked
    of one key is done in the order in which it was asked. `AuditError` where nobody answers."""

    poll_s: float
    """How long whoever waits leaves between asking and asking again."""

    async def take(self, key: bytes) -> bool:
        """Claim the key. False where another worker has it."""

    def release(self, key: bytes) -> None:
        """Let go of a claim."""

    async def wait(self, key: bytes) -> None:
        """Be known to wait for the key, until `wait_no_more`."""

    def wait_no_more(self, key: bytes) -> None:
        """End `wait`."""

    async def is_awaited(self, key: bytes) -> bool:
        """Whether another worker waits for the key."""

    async def aclose(self) -> None:
        """Let go of everything."""


class OwnClaims:
    """The claims of a worker that is alone: there is nobody to share with."""

    poll_s = 0.1

    async def take(self, key: bytes) -> bool:
        return True

    def release(self, key: bytes) -> None: ...

    async def wait(self, key: bytes) -> None: ...

    def wait_no_more(self, key: bytes) -> None: ...

    async def is_awaited(self, key: bytes) -> bool:
        return False

    async def aclose(self) -> None: ...


class FileClaims:
    """Claims of workers that open the same file."""

    poll_s = 0.02

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    async def take(self, key: bytes) -> bool:
        return self._lock(fcntl.F_WRLCK, number_of(key))

    def release(self, key: bytes) -> None:
        self._lock(fcntl.F_UNLCK, number_of(key))

    async def wait(self, key: bytes) -> None:
        self._lock(fcntl.F_RDLCK, number_of(key) | WAITING)

    def wait_no_more(self, key: bytes) -> None:
        self._lock(fcntl.F_UNLCK, number_of(key) | WAITING)

    async def is_awaited(self, key: bytes) -> bool:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, number_of(key) | WAITING, 1, 0)
        found = fcntl.fcntl(self._descriptor, fcntl.F_OFD_GETLK, asked)
        return bool(_FLOCK.unpack(found)[0] != fcntl.F_UNLCK)

    async def aclose(self) -> None:
        os.close(self._descriptor)

    def _lock(self, kind: int, offset: int) -> bool:
        try:
            fcntl.fcntl(
                self._descriptor,
                fcntl.F_OFD_SETLK,
                _FLOCK.pack(kind, os.SEEK_SET, offset, 1, 0),
            )
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise
        return True


def number_of(key: bytes) -> int:
    """The number of a claim: the key's first 62 bits."""
    return int.from_bytes(key[:8]) & _MASK
