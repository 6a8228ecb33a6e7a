"""Calls on an event loop, and the streams of their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Self

from . import faults
from .call import BodyStream, HttpCall, TlsDefaults
from .connection import Connection
from .dial import dial
from .ends import ENDS, ClosedHere, ConnectionEnded, PoolClosed
from .limits import LimitExpired
from .messages import HttpRequest, HttpResponse
from .pool import Pool
from .response_parser import ResponseHead


class LoopClient:
    """The pool of a `Transport`, and the calls over it."""

    def __init__(self, *, max_connections: int, max_body_bytes: int) -> None:
        self._max_connections = max_connections
        self._max_body_bytes = max_body_bytes
        self._pool: Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tls = TlsDefaults()
        self._is_closed = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        """As `Transport.send`."""
        call = _Call(self._pool_here(), request, self._max_body_bytes)
        connection, head = await self._answered(call)
        try:
            body = await connection.whole()
        except ENDS as end:
            raise call.error(end, head) from end
        finally:
            call.pool.give_back(connection)
        first_byte_s = connection.head_at - call.deadlines.started
        return HttpResponse(head.status, head.headers, body, first_byte_s)

    async def open_stream(self, request: HttpRequest) -> HttpStream:
        """As `Transport.open_stream`."""
        call = _Call(self._pool_here(), request, None)
        connection, head = await self._answered(call)
        return HttpStream(call, connection, head, self._max_body_bytes)

    async def aclose(self) -> None:
        """As `Transport.aclose`."""
        self._is_closed = True
        if self._pool is not None and self._loop is asyncio.get_running_loop():
            self._pool.close()
            await asyncio.sleep(0)  # sockets are closed in the next turn of the loop

    def _pool_here(self) -> Pool:
        """The pool of this event loop. `RequestError` on any other loop than that of the first
        call: connections belong to one loop."""
        loop = asyncio.get_running_loop()
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
            try:
                head = await call.ask(connection)
            except ConnectionEnded:
                if connection.parser.fed or not connection.has_answered:
                    raise
                call.pool.close_one(connection)  # it was closed while it rested
                connection = await self._dialled(call)
                head = await call.ask(connection)
            if 300 <= head.status < 400:
                raise faults.redirect(call.endpoint, head)
        except BaseException as error:
            call.pool.discard(connection)
            if isinstance(error, ENDS):
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
            size = self._max_connections
            raise faults.pool_full(limit, size, call.endpoint, call.request) from None
        except PoolClosed:
            raise faults.closed() from None
        if connection is not None:
            return connection
        try:
            return await self._dialled(call)
        except BaseException as error:
            call.pool.free_place()
            if isinstance(error, ENDS):
                raise call.error(error, None) from error
            raise

    async def _dialled(self, call: _Call) -> Connection:
        """A new connection, in a place that was taken."""
        loop = asyncio.get_running_loop()
        connection = call.pool.connection(call.key)
        until, limit = call.deadlines.connect(loop.time())
        try:
            async with asyncio.timeout_at(until):
                await dial(connection, call.endpoint, call.proxy, self._tls.of(call))
        except BaseException as error:
            call.pool.close_one(connection)
            if isinstance(error, TimeoutError):
                raise LimitExpired(limit, connection.dialling) from None
            raise
        if call.pool.is_closed:
            call.pool.close_one(connection)
            raise ClosedHere
        return connection


class _Call(HttpCall):
    """A call with the pool that it takes its connection from."""

    __slots__ = ("pool",)

    def __init__(self, pool: Pool, request: HttpRequest, most: int | None) -> None:
        super().__init__(request, most, pool.now())
        self.pool = pool

    def ask(self, connection: Connection) -> Awaitable[ResponseHead]:
        """Send the request on `connection`; the head of its answer, when it is there."""
        request = self.request
        connection.begin(request.method, self.head, request.body, self.deadlines, self.most)
        return connection.head()


class HttpStream(BodyStream):
    """An answer whose body is still arriving: `read` it, or iterate over it. One consumer at a
    time.

    Reading from the network stops while 128 KiB wait to be read here. A stream that is no longer
    referenced frees its connection.
    """

    def __init__(
        self, call: _Call, connection: Connection, head: ResponseHead, max_body_bytes: int
    ) -> None:
        super().__init__(call, head, max_body_bytes)
        self._call = call
        self._connection: Connection | None = connection
        self._loop = asyncio.get_running_loop()

    async def read(self) -> bytes:
        if self._is_reading:
            raise faults.two_reads()
        connection = self._connection
        if connection is None:
            return self._nothing_more()
        self._is_reading = True
        try:
            while (data := connection.more()) is None:
                await connection.arrival()
        except ENDS as end:
            self._fault = self._fault or self._call.stream_error(end)
            self._let_go()
            raise self._fault from end
        finally:
            self._is_reading = False
        self._size += len(data)
        if connection.parser.is_complete and connection.fault is None:
            self._let_go()
        return data

    async def aclose(self) -> None:
        connection = self._connection
        if connection is None:
            return
        if not connection.parser.is_complete or connection.fault is not None:
            self._fault = self._fault or faults.closed_in_stream(self._call.endpoint)
        self._let_go()

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

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._call.pool.give_back(connection)
