"""Calls in the caller's thread, and the streams of their answers."""

from __future__ import annotations

from axonflow_core import waiting
from axonflow_core.errors import RequestError
from axonflow_core.waiting import now

from .. import faults
from ..call import BodyStream, HttpCall, TlsDefaults
from ..ends import ENDS, ClosedHere, ConnectionEnded, PoolClosed
from ..limits import LimitExpired
from ..messages import MAX_BODY_BYTES, MAX_CONNECTIONS, HttpRequest, HttpResponse
from ..response_parser import ResponseHead
from .connection import Connection
from .dial import dial
from .pool import Lease, Pool


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
        self._tls = TlsDefaults()
        self._is_closed = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        """As `Transport.send`."""
        call = _Call(self._pool_here(), request, self._max_body_bytes)
        lease, head = call.lease, None
        with waiting.stoppable(lease.shut):
            try:
                head = self._answered(call)
                connection = lease.opened
                body = connection.whole()
            except ENDS as end:
                raise call.error(end, head) from end
            finally:
                lease.end()
        first_byte_s = connection.head_at - call.deadlines.started
        return HttpResponse(head.status, head.headers, body, first_byte_s)

    async def open_stream(self, request: HttpRequest) -> BlockingHttpStream:
        """As `Transport.open_stream`."""
        call = _Call(self._pool_here(), request, None)
        try:
            head = self._answered(call)
        except BaseException as end:
            call.lease.end()
            if isinstance(end, ENDS):
                raise call.error(end, None) from end
            raise
        return BlockingHttpStream(call, head, self._max_body_bytes)

    async def aclose(self) -> None:
        """Close every connection, from whatever thread; calls that wait end with an error. May be
        called twice."""
        self._is_closed = True
        self._pool.close()

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
            size = self._max_connections
            raise faults.pool_full(limit, size, call.endpoint, call.request) from None
        except PoolClosed:
            raise faults.closed() from None
        waiting.raise_if_cancelled()
        connection = lease.connection
        return self._dialled(call) if connection is None or connection.is_stale else connection

    def _dialled(self, call: _Call) -> Connection:
        """A new connection, instead of the one that the call had."""
        lease = call.lease
        connection, until = lease.renew(), call.deadlines.connect(now())
        try:
            dial(connection, call.endpoint, call.proxy, self._tls.of(call), until)
        except LimitExpired as expired:
            expired.at = connection.dialling
            raise
        if lease.pool.is_closed:
            raise ClosedHere
        return connection


class _Call(HttpCall):
    """A call with its hold on a place of the pool."""

    __slots__ = ("lease",)

    def __init__(self, pool: Pool, request: HttpRequest, most: int | None) -> None:
        super().__init__(request, most, now())
        self.lease = Lease(pool, self.key)

    def ask(self, connection: Connection) -> ResponseHead:
        """Send the request on `connection` and wait for the head of its answer."""
        request = self.request
        return connection.ask(request.method, self.head, request.body, self.deadlines, self.most)


class BlockingHttpStream(BodyStream):
    """A `ByteStream` that is read in one thread at a time. One that is no longer referenced closes
    its connection."""

    def __init__(self, call: _Call, head: ResponseHead, max_body_bytes: int) -> None:
        super().__init__(call, head, max_body_bytes)
        self._call = call
        self._connection: Connection | None = call.lease.opened

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
            if not isinstance(end, ENDS):
                raise
            self._fault = self._fault or self._call.stream_error(end)
            raise self._fault from end
        finally:
            self._is_reading = False
        self._size += len(data)
        if connection.parser.is_complete and connection.fault is None:
            self._let_go()
        return data

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
        self._connection = None
        self._call.lease.end()


def _opened_before_fork() -> RequestError:
    return RequestError(
        "this stream was opened before the process was forked",
        hint="read it in the parent, or make the call in the child",
    )
