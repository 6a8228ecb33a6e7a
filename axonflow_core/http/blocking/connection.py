"""One connection over a blocking socket: bytes to the parser, each wait within its limit."""

from __future__ import annotations

import os
import select
import socket
import ssl
from collections.abc import Hashable
from contextlib import suppress

from axonflow_core.waiting import now

from ..ends import ENDS, ClosedHere, ConnectionEnded
from ..limits import NO_LIMIT, Deadlines, DialStep, LimitExpired, Until
from ..response_parser import BadResponse, ResponseHead, ResponseParser, Rule
from ..sockets import KEEP_ALIVE_S, READ_BYTES
from ..tls import TlsLayer

_FAREWELL_S = 0.25
"""How long TLS's own replies may take to leave."""
_LONGEST_S = 2e6
"""What poll takes is milliseconds in 32 bits: 24 days."""
_POLL_IN, _POLL_OUT, _POLL_ERR = 1, 4, 8
"""`select.POLLIN` and so on, which Windows lacks."""


class Connection:
    """One connection for `key`: whom it is to, through which proxy, with which TLS."""

    sock: socket.socket | None = None

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.parser = ResponseParser()
        self.fault: Exception | None = None
        """Why nothing more is read of the present answer."""
        self.dialling: DialStep | None = None
        """The present or last step of its opening."""
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
        self._reads: select.poll | None = None

    @property
    def is_of_this_process(self) -> bool:
        """Whether it was opened here, not before a fork."""
        return self._process == os.getpid()

    @property
    def is_stale(self) -> bool:
        """Of one that rests: whether it ended, or something arrived that nobody asked for."""
        is_too_old = self.rested_at + KEEP_ALIVE_S < now()
        return self.sock is None or is_too_old or self._arrives(self.sock, 0.0)

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
            except ENDS as end:
                self.fault = end
        data = parser.take()
        if not data and self.fault is not None:
            raise self.fault
        self._was_read_whole = parser.is_complete and self.fault is None
        return data

    def _read(self, until: Until) -> None:
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

    def received(self, until: Until) -> bytes:
        """What arrives next, without its TLS; `b""`: no more will. Raises `LimitExpired`,
        `ConnectionEnded`, `ClosedHere`."""
        if self._early:
            early, self._early = self._early, b""
            return early
        ends_at, limit = until
        while True:
            made = self._alive()
            left_s = ends_at - now()
            if left_s <= 0 or not self._arrives(made, left_s):
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

    def write(self, data: bytes, until: Until) -> None:
        """Send all of `data`, through every layer of TLS."""
        try:
            for layer in self._layers:
                data = layer.encrypt(data)
        except ssl.SSLError as error:
            raise self._ended(error) from error
        self._send_raw(data, until)

    def start_tls(self, context: ssl.SSLContext, hostname: str, until: Until) -> TlsLayer:
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

    def _send(self, data: bytes, until: Until) -> bool:
        """Send a request. False: its answer came before it was sent whole."""
        try:
            self.write(data, until)
        except _AnsweredEarly:
            return False
        return True

    def _send_raw(self, data: bytes, until: Until) -> None:
        left = memoryview(data)
        while left:
            made = self._alive()
            try:
                left = left[made.send(left) :]
            except BlockingIOError:
                ends_at, limit = until
                left_s = ends_at - now()
                ready = _polled(made, _POLL_IN | _POLL_OUT, left_s) if left_s > 0 else 0
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
                    self._send_raw(reply, (now() + _FAREWELL_S, NO_LIMIT))
        except ssl.SSLError as error:
            raise self._ended(error) from error
        return data

    def _arrives(self, made: socket.socket, wait_s: float) -> bool:
        """Whether bytes, an end or an error arrive within `wait_s`. One poll object serves every
        read of the connection: to make one costs more than to ask it."""
        if not hasattr(select, "poll"):
            return _selected(made, _POLL_IN, wait_s) != 0
        if self._reads is None:
            self._reads = select.poll()
            self._reads.register(made, _POLL_IN)
        return bool(self._reads.poll(min(wait_s, _LONGEST_S) * 1000))

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
    if not hasattr(select, "poll"):
        return _selected(made, events, wait_s)
    poll = select.poll()
    poll.register(made, events)
    ready = poll.poll(wait_s * 1000)
    return ready[0][1] if ready else 0


def _selected(made: socket.socket, events: int, wait_s: float) -> int:
    """The same under Windows, which has no poll."""
    reading, writing = [made] * bool(events & _POLL_IN), [made] * bool(events & _POLL_OUT)
    readable, writable, broken = select.select(reading, writing, [made], wait_s)
    return _POLL_IN * bool(readable) | _POLL_OUT * bool(writable) | _POLL_ERR * bool(broken)
