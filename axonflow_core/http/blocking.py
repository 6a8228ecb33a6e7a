"""The HTTP client for a thread without an event loop: the same calls over blocking sockets.

Its coroutines never suspend, so `waiting.drive` runs each to its end in the caller's thread. What
an answer may be, and what its errors say, is decided where `client` decides it: in
`response_parser`, `request_bytes`, `limits`, `tls` and `faults`. Only the waits are other ones:

    resolve         in a thread of its own, for DNS knows no time limit
    connect         several addresses at once, one poll over their sockets
    read, write     poll until bytes can pass or the limit is over, then one system call
    the pool        a lock; the queue is served in order, each thread waits for its own turn

Threads. A connection belongs to one call, and so to one thread at a time. What another thread does
to it (`aclose` of the transport) is to shut its socket down, which ends the wait at it.

Interrupts. A signal handler may raise between any two calls, so what must be undone is known before
it is done: a `Lease` is made first, takes its place in the pool, and holds whatever was opened.
`end` undoes each of that once, however often and in which state it is called; the collector calls
it for a lease that was lost.

Forks. A child has copies of the parent's sockets and locks. It closes the copies, which the parent
does not notice, sends nothing through them, waits for no lock, and opens a pool of its own.
"""

from __future__ import annotations

import errno
import os
import select
import selectors
import socket
import ssl
import threading
from collections import deque
from collections.abc import Hashable, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from typing import NamedTuple, cast
from weakref import WeakSet

from axonflow_core import waiting
from axonflow_core.errors import AxonFlowError, RequestError, TruncatedStream
from axonflow_core.waiting import now

from . import faults
from .client import MAX_BODY_BYTES, MAX_CONNECTIONS
from .connection import READ_BYTES, ClosedHere, ConnectionEnded
from .dial import Address, alternating, set_options
from .limits import Deadlines, LimitExpired
from .messages import HttpRequest, HttpResponse
from .pool import KEEP_ALIVE_S, PoolClosed
from .request_bytes import Endpoint, connect_head, encode_head, endpoint_of, proxy_headers
from .response_parser import BadResponse, ResponseHead, ResponseParser, Rule
from .tls import TlsLayer

HEAD_START_S = 0.25
"""How long an address is tried alone (RFC 8305, section 8)."""
_TURN_S = 0.5
"""How often a thread in the queue looks whether it was given a place and not woken."""
_ENDS = (BadResponse, ClosedHere, ConnectionEnded, LimitExpired)
"""Whatever ends an answer early."""
_LONGEST_S = 2e6
"""What poll takes is milliseconds in 32 bits: 24 days."""
_POLL_IN, _POLL_OUT = 1, 4
"""`select.POLLIN` and `select.POLLOUT`, which Windows lacks."""


class BlockingTransport:
    """An `HttpClient` whose coroutines never suspend, for any number of threads.

    Options as those of `Transport`; errors and limits too. Threads that find the pool full are
    served in the order in which they came.
    """

    needs_event_loop = False

    def __init__(
        self, *, max_connections: int = MAX_CONNECTIONS, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._max_connections = max_connections
        self._max_body_bytes = max_body_bytes
        self._pool = Pool(max_connections)
        self._default_tls: ssl.SSLContext | None = None
        self._is_closed = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        """As `Transport.send`."""
        call = self._call(request, self._max_body_bytes)
        lease, head = call.lease, None
        try:
            head = self._answered(call)
            connection = lease.opened
            body = connection.whole()
        except _ENDS as end:
            raise call.error(end, head) from end
        finally:
            lease.end()
        first_byte_s = connection.head_at - call.deadlines.started
        return HttpResponse(head.status, head.headers, body, first_byte_s)

    async def open_stream(self, request: HttpRequest) -> BlockingHttpStream:
        """As `Transport.open_stream`."""
        call = self._call(request, None)
        try:
            head = self._answered(call)
        except BaseException as end:
            call.lease.end()
            if isinstance(end, _ENDS):
                raise call.error(end, None) from end
            raise
        return BlockingHttpStream(call, head, self._max_body_bytes)

    async def aclose(self) -> None:
        """Close every connection, from whatever thread; calls that wait end with an error. May be
        called twice."""
        self._is_closed = True
        self._pool.close()

    def _call(self, request: HttpRequest, most: int | None) -> _Call:
        """The request with its way, its time, its first bytes and its place in the pool."""
        network = request.network
        endpoint = endpoint_of(request.url)
        proxy = endpoint_of(network.proxy_url) if network.proxy_url else None
        headers, target = request.headers, endpoint.target
        if proxy is not None and endpoint.scheme == "http":
            headers = {**headers, **proxy_headers(proxy)}
            target = f"http://{endpoint.authority}{target}"
        head = encode_head(request.method, endpoint, headers, len(request.body), target=target)
        key = (endpoint.origin, network.proxy_url, network.tls)
        lease = Lease(self._pool_here(), key)
        return _Call(
            lease, request, endpoint, proxy, head, Deadlines(request.timeouts, now()), most
        )

    def _pool_here(self) -> Pool:
        """The pool of this process."""
        if self._is_closed:
            raise faults.closed()
        if not self._pool.is_of_this_process:
            self._pool = Pool(self._max_connections)
        return self._pool

    def _answered(self, call: _Call) -> ResponseHead:
        """The head of the answer. A redirect is an error, because a signature is valid for one
        host."""
        connection = self._taken(call)
        try:
            head = call.ask(connection)
        except ConnectionEnded:
            if connection.parser.fed or not connection.has_answered:
                raise
            head = call.ask(self._dialled(call))
        if 300 <= head.status < 400:
            raise faults.redirect(call.endpoint, head)
        return head

    def _taken(self, call: _Call) -> Connection:
        """A connection of the pool, or a new one in a place of the pool; waits for a place."""
        lease = call.lease
        ends_at, limit = call.deadlines.head
        try:
            lease.take(ends_at)
        except TimeoutError:
            timeouts = call.request.timeouts
            raise faults.pool_full(limit, self._max_connections, call.endpoint, timeouts) from None
        except PoolClosed:
            raise faults.closed() from None
        connection = lease.connection
        return self._dialled(call) if connection is None or connection.is_stale else connection

    def _dialled(self, call: _Call) -> Connection:
        """A new connection, instead of the one that the call had."""
        lease = call.lease
        connection = lease.renew()
        dial(connection, call.endpoint, call.proxy, self._tls(call), call.deadlines.connect(now()))
        if lease.pool.is_closed:
            raise ClosedHere
        return connection

    def _tls(self, call: _Call) -> ssl.SSLContext | None:
        """The TLS of the call: its own, or the system's, which takes 17 ms to load."""
        needs_tls = "https" in (call.endpoint.scheme, call.proxy and call.proxy.scheme)
        if not needs_tls or call.request.network.tls is not None:
            return call.request.network.tls
        if self._default_tls is None:
            context = ssl.create_default_context()
            context.set_alpn_protocols(["http/1.1"])
            self._default_tls = context
        return self._default_tls


class _Call(NamedTuple):
    """One request on its way."""

    lease: Lease
    request: HttpRequest
    endpoint: Endpoint
    proxy: Endpoint | None
    head: bytes
    deadlines: Deadlines
    most: int | None
    """The largest body that is collected; None: a stream's consumer takes what comes."""

    def ask(self, connection: Connection) -> ResponseHead:
        """Send the request on `connection` and wait for the head of its answer."""
        request = self.request
        return connection.ask(request.method, self.head, request.body, self.deadlines, self.most)

    def error(self, end: Exception, head: ResponseHead | None) -> AxonFlowError:
        """What ended the answer, in words. `head`: what was known of it."""
        endpoint = self.endpoint
        match end:
            case LimitExpired():
                return faults.timeout(end.limit, endpoint, self.request.timeouts)
            case BadResponse():
                return faults.refused(endpoint, end, self.most)
            case ConnectionEnded() if head is not None:
                return faults.incomplete(faults.cut(endpoint, end.cause), head.status)
            case ConnectionEnded():
                return faults.unanswered(endpoint, end.cause, has_begun=end.has_begun)
        return faults.closed_in_call(endpoint)

    def stream_error(self, end: Exception) -> AxonFlowError:
        """What ended the body of a stream, in words."""
        match end:
            case LimitExpired():
                return faults.timeout(end.limit, self.endpoint, self.request.timeouts)
            case BadResponse():
                return faults.refused_in_stream(self.endpoint, end)
            case ConnectionEnded():
                return faults.cut(self.endpoint, end.cause)
        return faults.closed_in_stream(self.endpoint)


class BlockingHttpStream:
    """A `ByteStream` that is read in one thread at a time. One that is no longer referenced closes
    its connection."""

    def __init__(self, call: _Call, head: ResponseHead, max_body_bytes: int) -> None:
        self.status, self.headers = head
        self._call = call
        self._connection: Connection | None = call.lease.opened
        self._max_body_bytes = max_body_bytes
        self._size = 0
        self._fault: AxonFlowError | None = None
        self._is_reading = False

    async def read(self) -> bytes:
        """As `HttpStream.read`. `RequestError` in a process that was forked since."""
        if self._is_reading:
            raise faults.two_reads()
        connection = self._connection
        if connection is None:
            return self._nothing_more()
        if not connection.is_of_this_process:
            raise _opened_before_fork()
        self._is_reading = True
        try:
            data = connection.more()
        except BaseException as end:
            self._let_go()
            if not isinstance(end, _ENDS):
                raise
            self._fault = self._fault or self._call.stream_error(end)
            raise self._fault from end
        finally:
            self._is_reading = False
        self._size += len(data)
        if connection.parser.is_complete and connection.fault is None:
            self._let_go()
        return data

    async def read_all(self) -> bytes:
        """As `HttpStream.read_all`."""
        parts = []
        try:
            while data := await self.read():
                parts.append(data)
                self._check_size()
        except TruncatedStream as cut:
            raise faults.incomplete(cut, self.status) from cut
        return b"".join(parts)

    async def aclose(self) -> None:
        """As `HttpStream.aclose`, from whatever thread."""
        connection = self._connection
        if connection is None:
            return
        if not connection.parser.is_complete or connection.fault is not None:
            self._fault = self._fault or faults.closed_in_stream(self._call.endpoint)
        elif not self._is_reading:
            connection.more()  # what arrived whole is read by that
        if self._is_reading and connection.is_of_this_process:
            connection.shut()  # the thread that reads lets it go
        else:
            self._let_go()

    def _let_go(self) -> None:
        """The connection goes back to the pool; one whose answer is not whole is closed."""
        self._connection = None
        self._call.lease.end()

    def _nothing_more(self) -> bytes:
        if self._fault is not None:
            raise self._fault
        return b""

    def _check_size(self) -> None:
        if self._size > self._max_body_bytes:
            self._fault = faults.too_large(self._call.endpoint.authority, self._max_body_bytes)
            self._let_go()
            raise self._fault


# ── the pool ──────────────────────────────────────────────────────────────────────────────────────


class Seat:
    """What the pool gave to one call: a place, and perhaps a connection in it."""

    __slots__ = ("connection", "has_place", "is_over", "key", "turn")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.connection: Connection | None = None
        self.has_place = False
        self.is_over = False
        """Nobody needs it any more."""
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
        """As `Pool.take`."""
        self.pool.take(self._seat, ends_at)

    def renew(self) -> Connection:
        """A connection to be opened, instead of the present one."""
        seat = self._seat
        if seat.connection is not None:
            seat.connection.close()
        seat.connection = self.pool.connection(seat.key)
        return seat.connection

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
        while not seat.has_place:
            left_s = ends_at - now()
            if left_s <= 0:
                raise TimeoutError
            turn.acquire(timeout=min(left_s, _TURN_S))
            if self.is_closed:
                raise PoolClosed
            with self._lock:
                self._serve()

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


# ── a connection ──────────────────────────────────────────────────────────────────────────────────


class Connection:
    """One connection for `key`: whom it is to, through which proxy, with which TLS."""

    sock: socket.socket | None = None

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.parser = ResponseParser()
        self.fault: Exception | None = None
        """Why nothing more is read of the present answer."""
        self.has_answered = False
        """Whether it is used again: an answer was read from it before."""
        self.head_at = 0.0
        """When the head of the answer arrived, on the clock of `now`."""
        self.rested_at = 0.0
        self._process = os.getpid()
        self._layers: tuple[TlsLayer, ...] = ()
        self._early = b""
        """What arrived with the end of a handshake."""
        self._was_sent_whole = True
        self._was_read_whole = False
        """Set last of all: a call that was interrupted at any moment leaves it unset."""
        self._is_shut = False
        self._deadlines: Deadlines | None = None

    @property
    def is_of_this_process(self) -> bool:
        """Whether it was opened here, not before a fork."""
        return self._process == os.getpid()

    @property
    def is_stale(self) -> bool:
        """Of one that rests: whether it ended, or something arrived that nobody asked for."""
        is_too_old = self.rested_at + KEEP_ALIVE_S < now()
        return self.sock is None or is_too_old or _polled(self.sock, _POLL_IN, 0.0) != 0

    @property
    def can_rest(self) -> bool:
        """Whether another request may be sent: the answer was read whole, and its request sent."""
        is_good = self.fault is None and not self._is_shut and self._was_sent_whole
        return is_good and self._was_read_whole and self.parser.can_reuse and self.sock is not None

    def close(self) -> None:
        """Close this process's end, without a word to the other side."""
        made, self.sock = self.sock, None
        if made is not None:
            made.close()

    def shut(self) -> None:
        """End it from another thread than the one that uses it, which then closes it."""
        self._is_shut = True
        made = self.sock
        if made is not None:
            with suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)

    def __del__(self) -> None:
        self.close()

    # ── an answer ─────────────────────────────────────────────────────────────────────────────────

    def ask(
        self, method: str, head: bytes, body: bytes, deadlines: Deadlines, most: int | None
    ) -> ResponseHead:
        """Send a request and wait for the head of its answer, whose body may have `most` bytes."""
        parser, self._deadlines, self.fault = self.parser, deadlines, None
        self._was_read_whole = False
        parser.begin(method, most)
        if self._early:
            raise BadResponse(Rule.UNASKED)
        self._was_sent_whole = False
        self._was_sent_whole = self._send(head + body, deadlines.head)
        while (answered := parser.head) is None:
            try:
                self._read(deadlines.head)
            except BadResponse as bad:
                if parser.head is None:
                    raise
                self.fault = bad  # raised once what precedes it was handed out
        self.head_at = now()
        return answered

    def whole(self) -> bytes:
        """The body, when the answer is whole."""
        parser, deadlines = self.parser, self._deadlines
        while not parser.is_complete and deadlines is not None and self.fault is None:
            self._read(deadlines.idle(now()))
        if self.fault is not None:
            raise self.fault
        body = parser.take()
        self._was_read_whole = True
        return body

    def more(self) -> bytes:
        """What has arrived of the body; `b""` at its end. Raises `fault` after what came before
        it."""
        parser, deadlines = self.parser, self._deadlines
        while not (parser.buffered or parser.is_complete or self.fault) and deadlines is not None:
            try:
                self._read(deadlines.idle(now()))
            except _ENDS as end:
                self.fault = end
        data = parser.take()
        if not data and self.fault is not None:
            raise self.fault
        self._was_read_whole = parser.is_complete and self.fault is None
        return data

    def _read(self, until: tuple[float, str]) -> None:
        """Wait for bytes of the answer, and feed them to the parser."""
        data = self.received(until)
        if data:
            self.parser.feed(data)
            return
        # Without TLS's own farewell anybody may have cut the connection.
        is_clean = not self._layers or self._layers[0].is_closed
        if self._is_shut or not is_clean or not self.parser.feed_eof():
            raise self._ended()

    # ── bytes ─────────────────────────────────────────────────────────────────────────────────────

    def received(self, until: tuple[float, str]) -> bytes:
        """What arrives next, without its TLS; `b""`: no more will. Raises `LimitExpired`,
        `ConnectionEnded`, `ClosedHere`."""
        if self._early:
            early, self._early = self._early, b""
            return early
        ends_at, limit = until
        while True:
            made = self._alive()
            if not _polled(made, _POLL_IN, ends_at - now()):
                raise LimitExpired(limit)
            try:
                data = made.recv(READ_BYTES)
            except BlockingIOError:
                continue  # nothing after all
            except OSError as error:
                raise self._ended(error) from error
            if not self._layers:
                return data
            if not data or (plain := self._decrypted(data)) or self._layers[0].is_closed:
                return data and plain

    def write(self, data: bytes, until: tuple[float, str]) -> None:
        """Send all of `data`, through every layer of TLS."""
        try:
            for layer in self._layers:
                data = layer.encrypt(data)
        except ssl.SSLError as error:
            raise self._ended(error) from error
        self._send_raw(data, until)

    def start_tls(
        self, context: ssl.SSLContext, hostname: str, until: tuple[float, str]
    ) -> TlsLayer:
        """Lay TLS over what there is. `ssl.SSLError`, `ConnectionEnded`."""
        layer = TlsLayer(context, hostname)
        data = b""
        while True:
            try:
                is_complete = layer.handshake(data)
            finally:
                if said := layer.outgoing():
                    self.write(said, until)
            if is_complete:
                break
            data = self.received(until)
            if not data:
                raise self._ended()
        self._layers = (layer, *self._layers)
        self._early = layer.decrypt(b"")
        return layer

    def _send(self, data: bytes, until: tuple[float, str]) -> bool:
        """Send a request. False: its answer came before it was sent whole."""
        try:
            self.write(data, until)
        except _AnsweredEarly:
            return False
        return True

    def _send_raw(self, data: bytes, until: tuple[float, str]) -> None:
        left = memoryview(data)
        while left:
            made = self._alive()
            try:
                left = left[made.send(left) :]
            except BlockingIOError:
                ends_at, limit = until
                ready = _polled(made, _POLL_IN | _POLL_OUT, ends_at - now())
                if not ready:
                    raise LimitExpired(limit) from None
                if ready & ~_POLL_OUT:
                    raise _AnsweredEarly from None
            except OSError as error:
                self._say_why(error)

    def _say_why(self, error: OSError) -> None:
        """The other side takes no more. If it has said something before that, it is the answer."""
        made = self._alive()
        if self.parser.fed == 0 and _polled(made, _POLL_IN, 0.0) & _POLL_IN and not self._layers:
            with suppress(OSError):
                if made.recv(1, socket.MSG_PEEK):
                    raise _AnsweredEarly from None
        raise self._ended(error) from error

    def _decrypted(self, data: bytes) -> bytes:
        """`data` without its layers, the outermost first."""
        layers = self._layers
        try:
            for number in reversed(range(len(layers))):
                data = layers[number].decrypt(data)
                if reply := layers[number].outgoing():
                    for outer in layers[number + 1 :]:
                        reply = outer.encrypt(reply)
                    self._send_raw(reply, (now() + HEAD_START_S, "idle_s"))
        except ssl.SSLError as error:
            raise self._ended(error) from error
        return data

    def _alive(self) -> socket.socket:
        if self._is_shut or self.sock is None:
            raise ClosedHere
        return self.sock

    def _ended(self, cause: Exception | None = None) -> Exception:
        if self._is_shut:
            return ClosedHere()
        return ConnectionEnded(cause, has_begun=self.parser.fed > 0)


class _AnsweredEarly(Exception):
    """The other side answers while the request is being sent."""


def _polled(made: socket.socket, events: int, wait_s: float) -> int:
    """Which of `events` a socket is ready for within `wait_s`; an end or an error is any."""
    wait_s = min(max(wait_s, 0.0), _LONGEST_S)
    if not hasattr(select, "poll"):  # Windows
        reading, writing = [made] * bool(events & _POLL_IN), [made] * bool(events & _POLL_OUT)
        readable, writable, broken = select.select(reading, writing, [made], wait_s)
        return _POLL_IN * bool(readable) | _POLL_OUT * bool(writable) | 8 * bool(broken)
    poll = select.poll()
    poll.register(made, events)
    ready = poll.poll(wait_s * 1000)
    return ready[0][1] if ready else 0


# ── opening one ───────────────────────────────────────────────────────────────────────────────────


def dial(
    connection: Connection,
    endpoint: Endpoint,
    proxy: Endpoint | None,
    tls: ssl.SSLContext | None,
    until: tuple[float, str],
) -> None:
    """As `dial.dial`, within `until`."""
    hop = proxy or endpoint
    try:
        _connect(connection, _resolved(hop, proxy, until), until)
    except OSError as error:
        unconnected = faults.proxy_unconnected if proxy else faults.unconnected
        raise unconnected(hop, error) from error
    if hop.scheme == "https":
        _secure(connection, hop, tls, until)
    if proxy is not None and endpoint.scheme == "https":
        _tunnel(connection, endpoint, proxy, until)
        _secure(connection, endpoint, tls, until)


def _resolved(hop: Endpoint, proxy: Endpoint | None, until: tuple[float, str]) -> list[Address]:
    """The addresses of `hop`. One that is an address itself needs no thread and no DNS."""
    if ":" in hop.host or hop.host[-1:].isdigit():
        with suppress(socket.gaierror):
            return socket.getaddrinfo(
                hop.host, hop.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
    ends_at, limit = until
    asked = waiting.in_thread(
        partial(socket.getaddrinfo, hop.host, hop.port, type=socket.SOCK_STREAM)
    )
    try:
        return alternating(asked.result(max(ends_at - now(), 0.0)))
    except TimeoutError:
        raise LimitExpired(limit) from None
    except (OSError, UnicodeError) as error:
        unresolved = faults.proxy_unconnected if proxy else faults.unresolved
        raise unresolved(hop, error) from error


def _connect(
    connection: Connection, addresses: Sequence[Address], until: tuple[float, str]
) -> None:
    """Connect to the first address that answers; the first error where none does."""
    ends_at, limit = until
    left, tries = deque(addresses), set[socket.socket]()
    first_error: OSError | None = None
    with selectors.DefaultSelector() as selector:
        try:
            while left or tries:
                if left:
                    error = _begin(left.popleft(), tries, selector)
                    first_error = first_error or error
                patience_s = HEAD_START_S if left else inf
                wait_s = max(min(ends_at - now(), patience_s), 0.0)
                for key, _ in selector.select(wait_s if tries else 0.0):
                    made = cast(socket.socket, key.fileobj)
                    selector.unregister(made)
                    code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if not code:
                        connection.sock = made
                        tries.discard(made)
                        return
                    tries.discard(made)
                    made.close()
                    first_error = first_error or OSError(code, os.strerror(code))
                if now() >= ends_at:
                    raise LimitExpired(limit)
            raise first_error or OSError()
        finally:
            for made in tries:
                if made is not connection.sock:
                    made.close()


def _begin(
    address: Address, tries: set[socket.socket], selector: selectors.BaseSelector
) -> OSError | None:
    """Begin to connect to `address`. Returns the error of one that fails at once."""
    family, kind, protocol, _, where = address
    try:
        made = socket.socket(family, kind, protocol)
        tries.add(made)
        made.settimeout(0)
        set_options(made)
        code = made.connect_ex(where)
        if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            raise OSError(code, os.strerror(code))
        selector.register(made, selectors.EVENT_WRITE)
    except OSError as error:
        return error
    return None


def _secure(
    connection: Connection, hop: Endpoint, tls: ssl.SSLContext | None, until: tuple[float, str]
) -> None:
    """TLS to `hop`. Not h2, whatever the context offers: this client speaks HTTP/1.1."""
    if tls is None:
        raise ValueError("https without a TLS context")
    try:
        layer = connection.start_tls(tls, hop.host.partition("%")[0], until)
    except ssl.SSLCertVerificationError as error:
        raise faults.untrusted(hop, error) from error
    except (ssl.SSLError, ValueError) as error:
        raise faults.handshake_failed(hop, error) from error
    except ConnectionEnded as ended:
        raise faults.handshake_failed(hop, ended.cause) from ended
    if layer.protocol not in (None, "http/1.1"):
        raise faults.handshake_failed(hop, ValueError("it chose another protocol than HTTP/1.1"))


def _tunnel(
    connection: Connection, endpoint: Endpoint, proxy: Endpoint, until: tuple[float, str]
) -> None:
    """Ask the proxy for a tunnel. A refusal is told by its status alone."""
    parser = ResponseParser()
    parser.begin("CONNECT")
    try:
        connection.write(connect_head(endpoint, proxy), until)
        while parser.head is None:
            data = connection.received(until)
            if not data:
                raise ConnectionEnded
            parser.feed(data)
    except ConnectionEnded as ended:
        raise faults.proxy_left(endpoint, proxy, ended.cause) from ended
    except BadResponse as bad:
        if parser.head is None or parser.head.status // 100 == 2:
            raise faults.proxy_unreadable(proxy, bad) from bad
    if parser.head is not None and parser.head.status // 100 != 2:
        raise faults.proxy_refused(endpoint, proxy, parser.head.status)


def _opened_before_fork() -> RequestError:
    return RequestError(
        "this stream was opened before the process was forked",
        hint="read it in the parent, or make the call in the child",
    )
