"""The connections of one process, whose turn it is, and what a call holds of them."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Hashable
from weakref import WeakSet

from axonflow_core.waiting import now

from ..ends import ClosedHere, PoolClosed
from ..sockets import KEEP_ALIVE_S
from .connection import Connection

_TURN_S = 0.5
"""How often a thread in the queue looks whether it was given a place and not woken."""


class Seat:
    """What the pool gave to one call: a place, and perhaps a connection in it."""

    __slots__ = ("connection", "has_place", "is_over", "is_shut", "key", "turn")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.connection: Connection | None = None
        self.has_place = False
        self.is_over = False
        """Nobody needs it any more."""
        self.is_shut = False
        """Its call is to end."""
        self.turn: threading.Lock | None = None
        """Held while the call waits for a place; None: it never waited."""


class Lease:
    """A call's hold on its seat. `end` gives the seat back, as does losing the lease."""

    __slots__ = ("_seat", "pool")

    def __init__(self, pool: Pool, key: Hashable) -> None:
        self.pool = pool
        self._seat = Seat(key)

    @property
    def connection(self) -> Connection | None:
        """The present connection."""
        return self._seat.connection

    @property
    def opened(self) -> Connection:
        """The connection, which an answer has come from."""
        if self._seat.connection is None:
            raise ClosedHere
        return self._seat.connection

    def take(self, ends_at: float) -> None:
        """As `Pool.take`. `ClosedHere`."""
        self.pool.take(self._seat, ends_at)
        if self._seat.is_shut:
            raise ClosedHere

    def renew(self) -> Connection:
        """A connection to be opened, instead of the present one. `ClosedHere`."""
        seat = self._seat
        if seat.connection is not None:
            seat.connection.close()
        seat.connection = self.pool.connection(seat.key)
        if seat.is_shut:  # after it is put down, where `Pool.shut` looks
            raise ClosedHere
        return seat.connection

    def shut(self) -> None:
        """End the call from another thread: it gets a `ClosedHere`, and gives the seat back."""
        self.pool.shut(self._seat)

    def end(self) -> None:
        """The connection rests for the next call if it can, else it is closed; the place is the
        next one's. May be called twice."""
        if not self._seat.is_over:
            self.pool.take_back(self._seat)

    def __del__(self) -> None:
        if hasattr(self, "_seat"):  # an interrupt may have come while it was made
            self.end()


class Pool:
    """The connections of one process, at most `max_connections` at once, resting ones included.

    Seats come in by `_queue` and leave by `_ended`; `_serve` alone moves places between them. The
    collector may give a seat back while this thread is there: so the lock is reentrant, and what is
    put down meanwhile is taken up by the call that is under way.
    """

    def __init__(self, max_connections: int) -> None:
        self.is_closed = False
        self._process = os.getpid()
        self._max_connections = max_connections
        self._lock = threading.RLock()
        self._is_serving = False
        self._taken = 0
        """Places that seats have."""
        self._resting: list[Connection] = []
        """Connections of no seat, the longest resting first."""
        self._queue: deque[Seat] = deque()
        self._ended: deque[Seat] = deque()
        self._open: WeakSet[Connection] = WeakSet()

    @property
    def is_of_this_process(self) -> bool:
        """Whether it was made here, not before a fork."""
        return self._process == os.getpid()

    def connection(self, key: Hashable) -> Connection:
        """A connection to be opened in a place that was taken."""
        made = Connection(key)
        with self._lock:
            self._open.add(made)
        return made

    def take(self, seat: Seat, ends_at: float) -> None:
        """Give `seat` a place, and a connection if one rests for its key. Waits where all places
        are taken: `TimeoutError`, `PoolClosed`."""
        with self._lock:
            if self.is_closed:
                raise PoolClosed
            self._queue.append(seat)
            self._serve()
            if seat.has_place:
                return
            seat.turn = turn = threading.Lock()
            turn.acquire()
        while not (seat.has_place or seat.is_shut):
            left_s = ends_at - now()
            if left_s <= 0:
                raise TimeoutError
            turn.acquire(timeout=min(left_s, _TURN_S))
            if self.is_closed:
                raise PoolClosed
            with self._lock:
                self._serve()

    def shut(self, seat: Seat) -> None:
        """End the call that has `seat`, if it does still: its connection may be another's soon."""
        with self._lock:
            seat.is_shut = True
            if seat.connection is not None:
                seat.connection.shut()
            _wake(seat)

    def take_back(self, seat: Seat) -> None:
        """Nobody needs `seat` any more."""
        if self.is_of_this_process:
            self._ended.append(seat)
            seat.is_over = True  # after it is put down: a lost lease looks here
            with self._lock:
                self._serve()
        elif seat.connection is not None:  # a child's copy of the parent's
            seat.connection.close()

    def close(self) -> None:
        """Close what rests, and shut down what is in use."""
        self.is_closed = True
        if not self.is_of_this_process:
            return
        with self._lock:
            resting, self._resting = self._resting, []
            in_use = tuple(self._open)
            for seat in self._queue:
                _wake(seat)
        for connection in resting:
            connection.close()
        for connection in in_use:
            connection.shut()

    # ── inside ────────────────────────────────────────────────────────────────────────────────────

    def _serve(self) -> None:
        """Take up what ended, and give places to those who wait, the first first.

        An interrupt may end this between any two calls. So an end is undone step by step, and the
        seat leaves `_ended` last: whoever comes next goes on with it.
        """
        if self._is_serving:
            return
        self._is_serving = True
        try:
            while self._ended:
                self._empty(self._ended[0])
                self._ended.popleft()
            while self._queue and (self._queue[0].is_over or self._place(self._queue[0])):
                _wake(self._queue[0])
                self._queue.popleft()
        finally:
            self._is_serving = False

    def _place(self, seat: Seat) -> bool:
        """Give `seat` a place, if there is one that it lacks."""
        resting = self._resting
        if seat.has_place:
            return True
        for number in reversed(range(len(resting))):
            if resting[number].key == seat.key:
                seat.connection = resting.pop(number)
                break
        else:
            if self._taken + len(resting) >= self._max_connections:
                if not resting:
                    return False
                resting.pop(0).close()
        # No call stands between the two, so no interrupt comes between them.
        self._taken += 1
        seat.has_place = True
        return True

    def _empty(self, seat: Seat) -> None:
        self._taken -= seat.has_place
        seat.has_place = False
        connection, seat.connection = seat.connection, None
        if connection is None:
            return
        if self.is_closed or not connection.can_rest:
            connection.close()
            return
        resting = self._resting
        connection.rested_at = now()
        connection.has_answered = True
        resting.append(connection)
        while resting[0].rested_at + KEEP_ALIVE_S < connection.rested_at:
            resting.pop(0).close()


def _wake(seat: Seat) -> None:
    """The call that waits with `seat` looks again."""
    if seat.turn is not None and seat.turn.locked():
        seat.turn.release()
