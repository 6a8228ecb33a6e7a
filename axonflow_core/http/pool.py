"""The connections of one event loop: how many there are, which rest, and who waits for one.

    take ── one rests for this key ───────────────────► it
         ── there is room, or another key's rests ────► None: open one, in the place that is yours
         ── all are in use ── the queue, first come ──► what is given back, or its place

A place is an open connection, resting ones included, so `max_connections` bounds descriptors.
Whoever took a place gives it back once: `give_back` a connection, or `free_place`. A place that is
given back goes to the first in the queue at once, so nobody overtakes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Hashable

from .connection import Connection
from .ends import ClosedHere, PoolClosed
from .sockets import KEEP_ALIVE_S, READ_BYTES


class Pool:
    """Connections of `loop`, at most `max_connections` at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, max_connections: int) -> None:
        self.is_closed = False
        self.now = loop.time
        """The clock of its calls."""
        self._loop = loop
        self._max_connections = max_connections
        self._places_taken = 0
        self._resting: OrderedDict[Connection, None] = OrderedDict()
        self._by_key: dict[Hashable, list[Connection]] = {}
        self._queue: deque[tuple[Hashable, asyncio.Future[Connection | None]]] = deque()
        self._open: set[Connection] = set()
        self._buffer = None if _reads_ahead(loop) else _new_buffer()

    def connection(self, key: Hashable) -> Connection:
        """A connection to be opened in a place that was taken."""
        made = Connection(self._loop, key, self._buffer or _new_buffer())
        self._open.add(made)
        return made

    def resting(self, key: Hashable) -> Connection | None:
        """One that rests for `key`, the last that was used. One at which something arrived, which
        can only be its end or a second answer, is closed."""
        resting = self._by_key.get(key)
        while resting:
            connection = resting[-1]
            self._drop(connection)
            if not connection.is_readable:
                return connection
            self.discard(connection)
        return None

    async def take(self, key: Hashable) -> Connection | None:
        """One that rested for `key`, or None: a place to open one in. Waits where all are taken;
        `PoolClosed`."""
        if self.is_closed:
            raise PoolClosed
        connection = self.resting(key)
        if connection is not None:
            return connection
        if self._places_taken < self._max_connections or self._evict():
            self._places_taken += 1
            return None
        connection = await self._queued(key)
        if connection is not None and connection.is_readable:
            self.close_one(connection)
            return None
        return connection

    def give_back(self, connection: Connection) -> None:
        """The answer was read, or nobody wants it: the connection rests, or it is closed."""
        if self.is_closed or not connection.can_rest:
            self.discard(connection)
            return
        waiting = self._next()
        if waiting is None:
            self._rest(connection)
        elif waiting[0] == connection.key:
            connection.rest(self._loop.time() + KEEP_ALIVE_S, self._forget)
            waiting[1].set_result(connection)
        else:
            self.close_one(connection)
            waiting[1].set_result(None)

    def discard(self, connection: Connection) -> None:
        """Close a connection that was taken, and free its place."""
        self.close_one(connection)
        self.free_place()

    def close_one(self, connection: Connection) -> None:
        """Close a connection that was taken, and keep its place."""
        self._open.discard(connection)
        connection.abort(ClosedHere())

    def free_place(self) -> None:
        """A place was taken, and no connection is in it any more."""
        waiting = self._next()
        if waiting is None:
            self._places_taken -= 1
        else:
            waiting[1].set_result(None)

    def close(self) -> None:
        """Close every connection; whoever waits for one or for an answer gets an error."""
        self.is_closed = True
        while (waiting := self._next()) is not None:
            waiting[1].set_exception(PoolClosed())
        for connection in tuple(self._open):
            connection.abort(ClosedHere())
        self._open.clear()

    # ── inside ────────────────────────────────────────────────────────────────────────────────────

    def _rest(self, connection: Connection) -> None:
        self._by_key.setdefault(connection.key, []).append(connection)
        self._resting[connection] = None
        connection.rest(self._loop.time() + KEEP_ALIVE_S, self._forget)

    def _forget(self, connection: Connection) -> None:
        """A resting connection was closed by the other side, or rested too long."""
        self._open.discard(connection)
        if connection in self._resting:
            self._drop(connection)
            self.free_place()

    def _drop(self, connection: Connection) -> None:
        del self._resting[connection]
        resting = self._by_key[connection.key]
        resting.remove(connection)  # nearly always its last or its first
        if not resting:
            del self._by_key[connection.key]

    def _evict(self) -> bool:
        """Make room: close the connection that rests longest. False: none does."""
        if not self._resting:
            return False
        connection = next(iter(self._resting))
        self._drop(connection)
        self.close_one(connection)
        self._places_taken -= 1
        return True

    async def _queued(self, key: Hashable) -> Connection | None:
        waiting: asyncio.Future[Connection | None] = self._loop.create_future()
        self._queue.append((key, waiting))
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                self._return(waiting.result())
            raise

    def _return(self, given: Connection | None) -> None:
        """What was given to somebody who was cancelled in the same moment goes to the next."""
        if given is None:
            self.free_place()
        elif given.fault is None:
            self.give_back(given)
        else:
            self.discard(given)

    def _next(self) -> tuple[Hashable, asyncio.Future[Connection | None]] | None:
        """The first in the queue who still waits."""
        while self._queue:
            waiting = self._queue.popleft()
            if not waiting[1].done():
                return waiting
        return None


def _new_buffer() -> memoryview:
    return memoryview(bytearray(READ_BYTES))


def _reads_ahead(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether reads of several connections are under way at once, each into its own buffer."""
    proactor = getattr(asyncio, "ProactorEventLoop", None)  # Windows
    return proactor is not None and isinstance(loop, proactor)
