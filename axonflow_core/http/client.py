"""The HTTP client: requests are sent exactly as they were signed, and every wait has a limit.

Four timers run over a call; the error of a timer that expires names it:

    first byte ──────────────────────────────┐
    total ───────────────────────────────────┼───────────────────────┐
       place in the pool ─┐ connect ─┐       │
                        taken    connected  head of the answer  idle │ end of the answer
                                                          between reads

The modules, from the bytes up. Those above the line do no I/O and know no event loop:

    response_parser   an answer, cut, bounded and checked        request_bytes   a request
    tls               one layer of TLS                           limits          when time is over
    messages          what is asked and answered                 faults          errors in words
    ───────────────────────────────────────────────────────────────────────────────────────────────
    connection        one connection on an event loop            dial            how it is opened
    pool              which there are, and who waits             client          calls

A request is sent once. The exception: a connection that answered before and ends before the first
byte of this answer was closed while it rested, so the request is sent again, once, on a new one.
Redirects are not followed, cookies are not kept, bodies are not decompressed, and no header is
added but `Host` and `Content-Length` (and a proxy's password, for the proxy of an http URL).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Hashable
from typing import NamedTuple, Self

from axonflow_core.errors import AxonFlowError, TruncatedStream

from . import faults
from .connection import ClosedHere, Connection, ConnectionEnded
from .dial import dial
from .limits import Deadlines, LimitExpired
from .messages import ByteStream as ByteStream
from .messages import HttpClient as HttpClient
from .messages import HttpRequest as HttpRequest
from .messages import HttpResponse as HttpResponse
from .messages import Network as Network
from .messages import Timeouts as Timeouts
from .pool import Pool, PoolClosed
from .request_bytes import Endpoint, encode_head, endpoint_of, proxy_headers
from .response_parser import BadResponse, ResponseHead

MAX_CONNECTIONS = 512
"""Less than 1,024, the common limit of a process's file descriptors."""
MAX_BODY_BYTES = 32 * 2**20
"""The largest answer that is read. Bedrock's own limit is 25 MB (its service model, 2026-11)."""
_ENDS = (BadResponse, ClosedHere, ConnectionEnded, LimitExpired)
"""Whatever ends an answer early. `_Call.error` puts them into words."""


class Transport:
    """A pool of connections, opened by the first call and bound to that call's event loop.

    `max_connections` limits the pool: further calls wait their turn, within
    `Timeouts.first_byte_s` and `total_s`. `max_body_bytes` limits `HttpStream.read_all`, and so
    `send`.
    """

    def __init__(
        self, *, max_connections: int = MAX_CONNECTIONS, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._max_connections = max_connections
        self._max_body_bytes = max_body_bytes
        self._pool: Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._default_tls: ssl.SSLContext | None = None
        self._is_closed = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return the whole answer, whatever its status.

        Raises `Unavailable` (no connection, or cut in mid-answer), `ProviderTimeout`, `AnswerError`
        (too large, or not HTTP), `ProviderError` (TLS certificate) or `RequestError` (a URL or
        header that HTTP cannot carry; another event loop; a closed transport).
        """
        call = self._call(request, self._max_body_bytes)
        connection, head = await self._answered(call)
        try:
            body = await connection.whole()
        except _ENDS as end:
            raise call.error(end, head) from end
        finally:
            call.pool.give_back(connection)
        first_byte_s = connection.head_at - call.deadlines.started
        return HttpResponse(head.status, head.headers, body, first_byte_s)

    async def open_stream(self, request: HttpRequest) -> HttpStream:
        """Send a request and return when the head of the answer has arrived, whatever its status.

        The caller closes the stream. Raises what `send` raises.
        """
        call = self._call(request, None)
        connection, head = await self._answered(call)
        return HttpStream(call, connection, head, self._max_body_bytes)

    async def aclose(self) -> None:
        """Abort open streams and close every connection. May be called twice."""
        self._is_closed = True
        if self._pool is not None and self._loop is asyncio.get_running_loop():
            self._pool.close()
            await asyncio.sleep(0)  # sockets are closed in the next turn of the loop

    def _call(self, request: HttpRequest, most: int | None) -> _Call:
        """The request with its way, its time and its first bytes."""
        loop, network = asyncio.get_running_loop(), request.network
        pool = self._pool_of(loop)
        endpoint = endpoint_of(request.url)
        proxy = endpoint_of(network.proxy_url) if network.proxy_url else None
        headers, target = request.headers, endpoint.target
        if proxy is not None and endpoint.scheme == "http":
            headers = {**headers, **proxy_headers(proxy)}
            target = f"http://{endpoint.authority}{target}"
        head = encode_head(request.method, endpoint, headers, len(request.body), target=target)
        key = (endpoint.origin, network.proxy_url, network.tls)
        deadlines = Deadlines(request.timeouts, loop.time())
        return _Call(pool, request, endpoint, proxy, head, key, deadlines, most)

    def _pool_of(self, loop: asyncio.AbstractEventLoop) -> Pool:
        """The pool of this event loop. `RequestError` on any other loop than that of the first
        call: connections belong to one loop."""
        if self._is_closed:
            raise faults.closed()
        if self._pool is None:
            self._pool, self._loop = Pool(loop, self._max_connections), loop
        if self._loop is not loop:
            raise faults.another_loop()
        return self._pool

    async def _answered(self, call: _Call) -> tuple[Connection, ResponseHead]:
        """A connection on which the head of the answer has come; it is the caller's to give back.
        A redirect is an error, because a signature is valid for one host."""
        connection = call.pool.resting(call.key) or await self._taken(call)
        try:
            if not await call.ask(connection):
                call.pool.close_one(connection)
                connection = await self._dialled(call)
                await call.ask(connection)
            head = await connection.head()
            if 300 <= head.status < 400:
                raise faults.redirect(call.endpoint, head)
        except BaseException as error:
            call.pool.discard(connection)
            if isinstance(error, _ENDS):
                raise call.error(error, None) from error
            raise
        return connection, head

    async def _taken(self, call: _Call) -> Connection:
        """A connection of the pool, or a new one in a place of the pool; waits for a place."""
        until, limit = call.deadlines.head
        try:
            async with asyncio.timeout_at(until):
                connection = await call.pool.take(call.key)
        except TimeoutError:
            timeouts = call.request.timeouts
            raise faults.pool_full(limit, self._max_connections, call.endpoint, timeouts) from None
        except PoolClosed:
            raise faults.closed() from None
        if connection is not None:
            return connection
        try:
            return await self._dialled(call)
        except BaseException as error:
            call.pool.free_place()
            if isinstance(error, _ENDS):
                raise call.error(error, None) from error
            raise

    async def _dialled(self, call: _Call) -> Connection:
        """A new connection, in a place that was taken."""
        loop = asyncio.get_running_loop()
        connection = call.pool.connection(call.key)
        until, limit = call.deadlines.connect(loop.time())
        try:
            async with asyncio.timeout_at(until):
                await dial(connection, call.endpoint, call.proxy, self._tls(call))
        except BaseException as error:
            call.pool.close_one(connection)
            if isinstance(error, TimeoutError):
                raise LimitExpired(limit) from None
            raise
        if call.pool.is_closed:
            call.pool.close_one(connection)
            raise ClosedHere
        return connection

    def _tls(self, call: _Call) -> ssl.SSLContext | None:
        """The TLS of the call: its own, or the system's, which takes 17 ms to load."""
        needs_tls = "https" in (call.endpoint.scheme, call.proxy and call.proxy.scheme)
        if not needs_tls or call.request.network.tls is not None:
            return call.request.network.tls
        if self._default_tls is None:
            self._default_tls = ssl.create_default_context()
            self._default_tls.set_alpn_protocols(["http/1.1"])
        return self._default_tls


class _Call(NamedTuple):
    """One request on its way."""

    pool: Pool
    request: HttpRequest
    endpoint: Endpoint
    proxy: Endpoint | None
    head: bytes
    key: Hashable
    deadlines: Deadlines
    most: int | None
    """The largest body that is collected; None: a stream's consumer takes what comes."""

    async def ask(self, connection: Connection) -> bool:
        """Send the request and wait for the head of its answer. False: the connection was used
        before and ended before the first byte of this answer, so it was closed while it rested."""
        request = self.request
        try:
            connection.begin(request.method, self.head, request.body, self.deadlines, self.most)
            await connection.head()
        except ConnectionEnded:
            if connection.parser.fed or not connection.has_answered:
                raise
            return False
        return True

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


class HttpStream:
    """An answer whose body is still arriving: `read` it, or iterate over it. One consumer at a
    time.

    Reading from the network stops while 128 KiB wait to be read here. A stream that is no longer
    referenced frees its connection.
    """

    def __init__(
        self, call: _Call, connection: Connection, head: ResponseHead, max_body_bytes: int
    ) -> None:
        self.status, self.headers = head
        self._call = call
        self._connection: Connection | None = connection
        self._max_body_bytes = max_body_bytes
        self._size = 0
        self._fault: AxonFlowError | None = None
        self._is_reading = False
        self._loop = asyncio.get_running_loop()

    async def read(self) -> bytes:
        """The bytes that have arrived since the last read, at least one; `b""` at the end and after
        it.

        Raises `TruncatedStream` where the connection is cut before the end (known by chunked
        encoding or Content-Length) or the rest is no HTTP, `ProviderTimeout`, and `RequestError`
        for a second read at the same time, which harms nothing.
        """
        if self._is_reading:
            raise faults.two_reads()
        if self._connection is None:
            return self._nothing_more()
        self._is_reading = True
        try:
            return await self._read(self._connection)
        finally:
            self._is_reading = False

    async def read_all(self) -> bytes:
        """The rest of the body. `AnswerError` where it is larger than the transport's limit,
        `Unavailable` where the connection is cut, `ProviderTimeout`.
        """
        parts = []
        try:
            while data := await self.read():
                parts.append(data)
                self._check_size()
        except TruncatedStream as cut:
            raise faults.incomplete(cut, self.status) from cut
        return b"".join(parts)

    async def aclose(self) -> None:
        """Close the connection, which cancels the call, unless the answer has arrived whole."""
        connection = self._connection
        if connection is None:
            return
        if not connection.parser.is_complete or connection.fault is not None:
            self._fault = self._fault or faults.closed_in_stream(self._call.endpoint)
        self._let_go(connection)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        data = await self.read()
        if not data:
            raise StopAsyncIteration
        return data

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # The garbage collector may run in any thread.
        connection = self._connection
        if connection is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._call.pool.give_back, connection)

    async def _read(self, connection: Connection) -> bytes:
        try:
            data = await connection.more()
        except _ENDS as end:
            self._fault = self._fault or self._call.stream_error(end)
            self._let_go(connection)
            raise self._fault from end
        self._size += len(data)
        if connection.parser.is_complete and connection.fault is None:
            self._let_go(connection)
        return data

    def _let_go(self, connection: Connection) -> None:
        """The connection goes back to the pool, once; one whose answer is not whole is closed."""
        if self._connection is not None:
            self._connection = None
            self._call.pool.give_back(connection)

    def _nothing_more(self) -> bytes:
        if self._fault is not None:
            raise self._fault
        return b""

    def _check_size(self) -> None:
        """`AnswerError` for a body above `max_body_bytes`; the connection is closed, not read to
        its end."""
        if self._size > self._max_body_bytes:
            host = self._call.endpoint.authority
            self._fault = faults.too_large(host, self._max_body_bytes)
            if self._connection is not None:
                self._let_go(self._connection)
            raise self._fault
