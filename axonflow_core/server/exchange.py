"""One request and its response: the app's task, what it sends, and what the client gets where the
app fails.

The head of a response waits for the first piece of the body: one write instead of two is one system
call, one packet and one wake-up of the client less. Where the length of the body is known it is at
hand; the head of any other waits until the loop's next turn at most.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from .refusals import INTERNAL, SHUTTING_DOWN, Refusal, body_of, headers_of
from .traces import trace_of

if TYPE_CHECKING:
    from .state import ServerState

LOG = logging.getLogger("axonflow.server")
_JOINED = 65_536
"""Bytes of a piece up to which it is copied behind the head that waits for it."""
_BODYLESS = frozenset((204, 304))


class Exchange(RequestResponseCycle):
    """uvicorn's cycle with a `send` and an end of its own. An app that raises, or ends without an
    answer, is answered for: by 503 where the drain cancelled it, else by 500. A response that had
    begun is broken off."""

    server_state: ServerState
    _head = b""
    """The head of the response, until it is written."""

    async def run_asgi(self, app: Any) -> None:
        """Run the app. Never raises."""
        try:
            await app(self.scope, self.receive, self.send)
            if not (self.response_complete or self.disconnected):
                self._note_failure("it ended without an answer")
                await self._answer(INTERNAL)
        except asyncio.CancelledError:
            await self._answer(SHUTTING_DOWN)
        except BaseException as error:  # the worker outlives every request
            self._note_failure(trace_of(error))
            await self._answer(INTERNAL)
        finally:
            self.on_response = _nothing

    async def send(self, message: Any) -> None:
        """ASGI's `send`. Waits while the client leaves 64 KiB unread; does nothing once it left."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started:
            _expect(message, "http.response.start")
            self._start(message["status"], message.get("headers", ()))
        elif not self.response_complete:
            _expect(message, "http.response.body")
            self._write(message.get("body", b""), message.get("more_body", False))
        else:
            raise RuntimeError(f"{message['type']} after the end of the response")

    def _start(self, status: int, headers: Any) -> None:
        """Make the head, and have it written with the first piece of the body."""
        lines = [STATUS_LINE[status]]
        for name, value in (*self.default_headers, *headers):
            name = name.lower()
            if name == b"content-length":
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif name == b"connection":
                self.keep_alive = self.keep_alive and b"close" not in value.lower()
                continue
            elif name == b"transfer-encoding":
                raise RuntimeError("transfer-encoding is the server's to choose")
            lines.append(b"%b: %b\r\n" % (name, value))
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if self.chunked_encoding is None:
            self._frame(status, lines)
            asyncio.get_running_loop().call_soon(self._flush)
        head = b"".join(lines)
        if not head.count(b"\n") == head.count(b"\r") == len(lines) or b"\0" in head:
            raise RuntimeError("a header contains a line end")
        self._head = head + b"\r\n"
        self.response_started = True
        self.waiting_for_100_continue = False

    def _frame(self, status: int, lines: list[bytes]) -> None:
        """A body of unknown length is sent in chunks; to HTTP/1.0, until the connection ends."""
        has_body = status not in _BODYLESS and self.scope["method"] != "HEAD"
        if has_body and self.scope["http_version"] != "1.0":
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head and not self.disconnected and not self.transport.is_closing():
            self.transport.write(head)

    def _write(self, body: bytes, more_body: bool) -> None:
        """Write a piece, behind the head where that still waits."""
        if self.scope["method"] == "HEAD":
            body, self.expected_content_length = b"", 0
        elif self.chunked_encoding:
            body = _chunk(body, is_last=not more_body)
        elif self.chunked_encoding is not None:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("the response is longer than its content-length")
        if len(body) <= _JOINED:
            body, self._head = self._head + body, b""
        else:
            self._flush()
        if body:
            self.transport.write(body)
        if not more_body:
            self._complete()

    def _complete(self) -> None:
        if self.expected_content_length > 0:
            raise RuntimeError("the response is shorter than its content-length")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _note_failure(self, what: str) -> None:
        self.server_state.failed += 1
        LOG.error("a request failed in the app: %s", what)

    async def _answer(self, refusal: Refusal) -> None:
        """Answer for the app, or break off what it had begun."""
        if self.disconnected or self.response_complete:
            return
        if self.response_started:
            self.transport.abort()
            return
        body = body_of(refusal)
        self._start(refusal.status, headers_of(refusal, body))
        self._write(body, more_body=False)


def _chunk(body: bytes, *, is_last: bool) -> bytes:
    end = b"0\r\n\r\n" if is_last else b""
    return b"%x\r\n%b\r\n%b" % (len(body), body, end) if body else end


def _expect(message: Any, kind: str) -> None:
    if message["type"] != kind:
        raise RuntimeError(f"{message['type']} where {kind} is due")


def _nothing() -> None:
    """Instead of the connection's callback, so that a finished exchange keeps nothing alive."""
