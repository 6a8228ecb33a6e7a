"""One connection on an event loop: bytes to the parser, back-pressure, and one timer.

    DIALLING ──► RESTING ──begin──► ANSWERING ──rest──► RESTING ──► …
        └────────────┴───────────────────┴──► closed: `fault` says why

A coroutine waits in `received` (dialling), `head` or `whole`, or for `arrival`; whatever ends the
wait sets one future. An end is never told by the loop's own exceptions: `fault` is kept, so that
what arrived before it is handed out first and it is raised after that.

The timer is lazy. A later deadline is only noted; the timer rings at most every `TICK_S`, looks at
the note and goes on. So a call on an open connection sets no timer at all.

A read brings at most `READ_BYTES`, and reading stops while `HIGH_WATER_BYTES` wait to be taken.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Hashable
from enum import Enum, auto
from math import inf
from typing import cast

from .ends import ClosedHere, ConnectionEnded
from .limits import IDLE, NO_LIMIT, Deadlines, DialStep, Limit, LimitExpired
from .response_parser import BadResponse, ResponseHead, ResponseParser, Rule
from .sockets import arrivals_at
from .tls import TlsLayer

HIGH_WATER_BYTES = 128 * 2**10
"""From this size of what is not taken on, no more is read. With one read that is 192 KiB."""
TICK_S = 5.0
"""How often a timer rings that has nothing to do."""
_JOINED_BYTES = 64 * 2**10
"""Up to this size a body is sent in one piece with its head."""


class _Phase(Enum):
    DIALLING = auto()
    RESTING = auto()
    ANSWERING = auto()


_DIALLING, _RESTING, _ANSWERING = _Phase  # CPython 3.11 takes 0.1 us to look a member up


class Connection(asyncio.BufferedProtocol):
    """A connection for `key`: whom it is to, through which proxy, with which TLS.

    `buffer` is where reads arrive. Connections of one loop share it where the loop reads and tells
    in one step (selectors, uvloop), and not under Windows' proactor.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, key: Hashable, buffer: memoryview) -> None:
        self.key = key
        self.parser = ResponseParser()
        self.fault: Exception | None = None
        self.dialling: DialStep | None = None
        """The present or last step of its opening."""
        self.has_answered = False
        """Whether it is used again: an answer was read from it before."""
        self.head_at = 0.0
        """When the head of the answer arrived, in the loop's time."""
        self._loop = loop
        self._buffer = buffer
        self._transport: asyncio.Transport | None = None
        self._arrivals: Callable[[], bool] | None = None
        """Asks the system whether anything has arrived that was not read."""
        self._layers: tuple[TlsLayer, ...] = ()
        self._phase = _DIALLING
        self._early = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._on_lost: Callable[[Connection], None] | None = None
        self._is_collecting = self._is_paused = False
        self._deadlines: Deadlines | None = None
        self._deadline, self._limit = inf, NO_LIMIT
        self._rings_at = inf
        self._timer: asyncio.TimerHandle | None = None

    # ── opening ───────────────────────────────────────────────────────────────────────────────────

    async def received(self) -> bytes:
        """What has arrived while nothing was asked: for handshakes and proxies."""
        if not self._early:
            await self._wait()
        if self.fault is not None and not self._early:
            raise self.fault
        data = bytes(self._early)
        self._early.clear()
        return data

    async def start_tls(self, context: ssl.SSLContext, hostname: str) -> TlsLayer:
        """Lay TLS over what there is. `ssl.SSLError`, `ConnectionEnded`."""
        layer = TlsLayer(context, hostname)
        data = b""
        while True:
            try:
                is_complete = layer.handshake(data)
            finally:
                self.write(layer.outgoing())
            if is_complete:
                break
            data = await self.received()
        self._layers = (layer, *self._layers)
        self._early += layer.decrypt(b"")
        return layer

    # ── an answer ─────────────────────────────────────────────────────────────────────────────────

    def begin(
        self, method: str, head: bytes, body: bytes, deadlines: Deadlines, most: int | None
    ) -> None:
        """Send a request. `most` bytes of its answer are collected as fast as they come; None: a
        consumer takes them, and reading waits for it."""
        self.parser.begin(method, most)
        if self._early:
            self.fault = BadResponse(Rule.UNASKED)
        if self.fault is not None:
            is_stale = self.has_answered and not isinstance(self.fault, ClosedHere)
            raise ConnectionEnded() if is_stale else self.fault
        self._phase = _ANSWERING
        self._is_collecting = most is not None
        self._deadlines = deadlines
        self._watch(*deadlines.head)
        if len(body) <= _JOINED_BYTES:
            self.write(head + body)
        else:
            self.write(head)
            self.write(body)

    async def head(self) -> ResponseHead:
        """The head of the answer, when it is there."""
        while (head := self.parser.head) is None:
            if self.fault is not None:
                raise self.fault
            await self._wait()
        return head

    async def whole(self) -> bytes:
        """The body, when the answer is whole."""
        while not self.parser.is_complete or self.fault is not None:
            if self.fault is not None:
                raise self.fault
            self._watch_idle()
            await self._wait()
        return self.parser.take()

    def more(self) -> bytes | None:
        """What has arrived of the body; `b""` at its end, None: nothing yet. Raises `fault` after
        what came before it."""
        parser = self.parser
        if parser.buffered:
            data = parser.take()
            self._resume()
            return data
        if self.fault is not None:
            raise self.fault
        return b"" if parser.is_complete else None

    def arrival(self) -> asyncio.Future[None]:
        """Done when `more` has something else to say."""
        self._watch_idle()
        return self._wait()

    # ── the pool's ────────────────────────────────────────────────────────────────────────────────

    @property
    def can_rest(self) -> bool:
        """Whether another request may be sent: the answer is whole, and so was its request."""
        transport = self._transport
        return (
            self.parser.can_reuse
            and self.fault is None
            and transport is not None
            and not transport.is_closing()
            and not transport.get_write_buffer_size()
        )

    def rest(self, until: float, on_lost: Callable[[Connection], None]) -> None:
        """Wait for the next request, `until` then. `on_lost` is called where it ends before."""
        self._on_lost = on_lost
        self._phase = _RESTING
        self.has_answered = True
        self._deadlines = None
        self._watch(until, NO_LIMIT)
        self._resume()

    @property
    def is_readable(self) -> bool:
        """Whether bytes have arrived, or the end. True where it is closed."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return True
        if self._arrivals is None:
            self._arrivals = arrivals_at(transport.get_extra_info("socket"))
        return self._arrivals()

    def abort(self, fault: Exception) -> None:
        """Close the connection at once; whoever waits gets `fault`."""
        if self.fault is None:
            self.fault = fault
        self._close()
        if self._phase is _RESTING and self._on_lost is not None:
            self._on_lost(self)

    def _close(self) -> None:
        self._set_timer(None)
        if self._transport is not None:
            self._transport.abort()
        self._wake()

    # ── what the loop calls ───────────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no such class
        if self.fault is not None:
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.fault is not None:
            return
        if not self._layers:
            self._take_in(self._buffer[:nbytes])
            return
        try:
            data = self._decrypted(self._buffer[:nbytes])
        except ssl.SSLError as error:
            self._end(error)
            return
        if data:
            self._take_in(data)
        if self._layers[-1].is_closed or self._layers[0].is_closed:
            self.eof_received()

    def eof_received(self) -> None:
        # Without TLS's own farewell anybody may have cut the connection.
        is_clean = not self._layers or self._layers[0].is_closed
        if self._phase is _ANSWERING and is_clean and self.fault is None:
            self.parser.feed_eof()
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end(exc)

    # ── inside ────────────────────────────────────────────────────────────────────────────────────

    def write(self, data: bytes) -> None:
        """Send `data` through every layer."""
        try:
            for layer in self._layers:
                data = layer.encrypt(data) if data else b""
        except ssl.SSLError as error:
            self._end(error)
            return
        if data and self._transport is not None:
            self._transport.write(data)

    def _decrypted(self, data: bytes | memoryview) -> bytes:
        """`data` without its layers, the outermost first."""
        for layer in reversed(self._layers):
            data = layer.decrypt(data)
            if reply := layer.outgoing():
                self._send_from(layer, reply)
        return bytes(data)

    def _send_from(self, layer: TlsLayer, data: bytes) -> None:
        """Send what `layer` itself says, through the layers around it."""
        for outer in self._layers[self._layers.index(layer) + 1 :]:
            data = outer.encrypt(data)
        if self._transport is not None:
            self._transport.write(data)

    def _take_in(self, data: bytes | memoryview) -> None:
        if self._phase is _ANSWERING:
            self._parse(data)
            return
        self._early += data
        if self._phase is _RESTING or len(self._early) > HIGH_WATER_BYTES:
            self.abort(BadResponse(Rule.UNASKED))
        self._wake()

    def _parse(self, data: bytes | memoryview) -> None:
        """Feed the parser, and wake whoever waits for what came of it."""
        parser = self.parser
        had_head = parser.head is not None
        try:
            parser.feed(data)
        except BadResponse as bad:
            self.abort(bad)
            return
        if parser.is_complete:
            self._watch(inf, NO_LIMIT)
        elif had_head and self._is_collecting:
            self._watch_idle()
            return
        if not had_head and parser.head is not None:
            self.head_at = self._loop.time()
            self._watch_total()
        if parser.head is not None:
            self._wake()
        if parser.buffered >= HIGH_WATER_BYTES and not self._is_collecting:
            self._pause()

    def _end(self, cause: Exception | None = None) -> None:
        """The other side sends no more. An answer that is whole stays so."""
        if self._phase is _ANSWERING and self.parser.is_complete:
            self._close()
        else:
            self.abort(ConnectionEnded(cause, has_begun=self.parser.fed > 0))

    def _pause(self) -> None:
        if self._transport is not None and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()

    def _wait(self) -> asyncio.Future[None]:
        """What the next `_wake` sets."""
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # ── the timer ─────────────────────────────────────────────────────────────────────────────────

    def _watch_idle(self) -> None:
        if self._deadlines is not None:
            self._watch(*self._deadlines.idle(self._loop.time()))

    def _watch_total(self) -> None:
        if self._deadlines is not None and not self.parser.is_complete and self.fault is None:
            self._watch(*self._deadlines.total)

    def _watch(self, deadline: float, limit: Limit) -> None:
        """From now on the time ends at `deadline`, by `limit`."""
        self._deadline, self._limit = deadline, limit
        if deadline < self._rings_at:
            self._set_timer(min(deadline, self._loop.time() + TICK_S))

    def _set_timer(self, at: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if at is None else self._loop.call_at(at, self._ring)
        self._rings_at = inf if at is None else at

    def _ring(self) -> None:
        now = self._loop.time()
        if self._limit is IDLE and (self._waiter is None or self._waiter.done()):
            self._watch_total()  # a consumer that takes its time is no idle server
        if now >= self._deadline:
            self._timer, self._rings_at = None, inf
            self.abort(LimitExpired(self._limit))
        else:
            self._set_timer(min(self._deadline, now + TICK_S))
