"""One connection: uvicorn's protocol on httptools, and the guards that ASGI never sees.

A connection is in one of seven phases:

    FRESH ──first byte──> HEAD ──headers──> BODY ──end──> WORKING ──answer──> RESTING ──> HEAD …
      │                     │                 │              │                   │
      └───────── time over, malformed, too much: a refusal ──┘                   └─ time over: close
                            │
                            v
                         LEAVING ──the client's end, or linger_s──> closed

* **Requests come one after another.** Bytes that come while the app works (WORKING) are not parsed:
  the answer under way is the connection's last. So a request that hides in another one's body is
  never answered, answers cannot change places, and nothing queues. Clients do not pipeline.
* **Time** costs the hot path one assignment: each phase sets `deadline`, and `Worker` looks at all
  connections four times a second.
* **A refusal** is one response, then the connection ends. It is closed for writing and read on for
  a moment (LEAVING), because bytes that meet a closed socket destroy the answer.
* A client that closes its side, even for writing only, has left: the app receives
  `http.disconnect`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import urllib.parse
from typing import Any, Final

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from . import refusals
from .delivery import EXTENSION, LOST, READ, Delivery, has_unread_bytes
from .exchange import Exchange
from .head import check_body, check_host, check_sizes, single_headers, split_target
from .refusals import Refusal, Refused, response_of
from .state import ServerState
from .traces import trace_of

FRESH: Final = 0
RESTING: Final = 1
HEAD: Final = 2
BODY: Final = 3
WORKING: Final = 4
LEAVING: Final = 5
"""Phases, in an order that `data_received` compares by."""
NEVER: Final = math.inf
LOG = logging.getLogger("axonflow.server")
_BUFFERED = 65_536
"""Bytes of a body that wait for the app before reading pauses."""
_SURPLUS = 1_048_576
"""Bytes that are thrown away on a connection that is about to end, before it is reset."""
_FRAMING = 8
"""Bytes of chunk framing for each byte of a body, beyond the allowance of a head. A body in chunks
of one byte takes six."""


class _Nowhere(list[tuple[bytes, bytes]]):
    """Takes the trailers of a request, which are for nobody."""

    def append(self, header: tuple[bytes, bytes], /) -> None:
        pass


_NOWHERE = _Nowhere()


class _Outlet:
    """What an exchange sees of the transport. Closing is the connection's matter."""

    __slots__ = ("abort", "close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Any, abort: Any) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close
        self.abort = abort


class GuardedProtocol(HttpToolsProtocol):
    """One connection of a `Worker`."""

    server_state: ServerState  # type: ignore[assignment]
    connections: set[GuardedProtocol]  # type: ignore[assignment]
    cycle: Exchange

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)  # type: ignore[arg-type]
        self.limits = server_state.limits
        self.phase: int = FRESH
        self.deadline = NEVER
        """When the phase has to be over, by the loop's clock."""
        self.write_deadline = NEVER
        """When a full write buffer has to be drained."""
        self._body_until = NEVER
        self._read_bytes = 0  # of the request under way
        self._body_bytes = 0
        self._progress_at = 0  # what was read when a piece of the body came last
        self._host: bytes | None = None  # the last one that was found right
        self._is_reserve = False
        self._delivery = Delivery(self.loop)
        self._extensions = {EXTENSION: self._delivery}

    # ── the transport's callbacks ─────────────────────────────────────────────────────────────────

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._outlet = _Outlet(transport, self._finish, self.abort)
        self.deadline = self.loop.time() + self.limits.silent_s
        if len(self.connections) > self.limits.max_connections:
            self._enter_full_house()

    def _enter_full_house(self) -> None:
        """The connection that rests longest makes room. Where none rests, this one is for open
        paths, and beyond the reserve for nothing."""
        longest = next(iter(self.server_state.resting), None)
        if longest is not None:
            longest.close()
            return
        self._is_reserve = True
        if len(self.connections) > self.limits.max_connections + self.limits.reserve:
            self.refuse(refusals.OVERLOADED)

    def connection_lost(self, exc: Exception | None) -> None:
        cycle = self.cycle
        is_answered = cycle is None or cycle.response_complete
        super().connection_lost(exc)
        self.server_state.resting.pop(self, None)
        self._delivery.end(is_answered and exc is None)
        self.cycle = self._outlet = None  # type: ignore[assignment]  # cycles of references

    def eof_received(self) -> None:
        """The client has left. Returning None closes the transport, once it is flushed."""
        if self._delivery.is_watched and has_unread_bytes(self.transport):
            self._delivery.settle(LOST)
        if self.phase in (BODY, WORKING):
            self.abort()

    def data_received(self, data: bytes) -> None:
        if self.phase >= WORKING:
            self._throw_away(len(data))
            return
        self._read_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = data[upgrade.args[0] :]
        except httptools.HttpParserError as error:
            self._refuse_unparsed(error)
            return
        else:
            if self.phase <= BODY:
                self._note_progress()
            return
        # Outside `except`: an error that is raised there has its own cause replaced.
        self._read_without_upgrade(rest)

    def pause_writing(self) -> None:
        self.write_deadline = self.loop.time() + self.limits.unread_s
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.write_deadline = NEVER
        self.flow.resume_writing()

    # ── the parser's callbacks ────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        if self.phase > RESTING:
            raise Refused(refusals.TOO_EARLY)
        self.server_state.resting.pop(self, None)
        self.phase = HEAD
        self.deadline = NEVER
        self._body_bytes = 0
        self.url = b""
        self.headers = []
        if self._delivery.is_watched:
            self._delivery.settle(READ)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, headers = self.parser, self.headers
        if parser.should_upgrade():
            return
        version = parser.get_http_version()
        if version != "1.1" and version != "1.0":
            raise Refused(refusals.UNKNOWN_VERSION)
        check_sizes(self.url, headers, self.limits)
        single = single_headers(headers)
        host = single.get(b"host")
        if host is None or host != self._host:
            check_host(host, is_needed=version == "1.1", limits=self.limits)
            self._host = host
        waits = len(single) > 1 and check_body(single, version, self.limits)
        path, query = split_target(self.url, host)
        state = self.server_state
        if len(state.tasks) >= self.limits.max_in_flight or self._is_reserve:
            self._admit(path)
        self.phase = BODY
        self._body_until = self.loop.time() + self.limits.body_s
        self._progress_at = self._read_bytes
        self.headers = _NOWHERE  # trailers come as headers do
        keeps_alive = version == "1.1" and not (waits or state.is_draining or self._is_reserve)
        self._begin(self._scope_of(version, path, query, headers), waits, keeps_alive)

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        self._body_bytes += len(body)
        self._progress_at = self._read_bytes
        if self._body_bytes > self.limits.max_body_bytes:
            raise Refused(refusals.BODY_TOO_LONG)
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > _BUFFERED:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        cycle = self.cycle
        if self.phase != BODY:  # an upgrade, which is read again
            return
        self.phase = WORKING
        self.deadline = NEVER
        self._read_bytes = 0
        self.flow.resume_reading()  # for the client's end; a long body may have paused it
        if cycle.response_complete:
            self._rest()
            return
        cycle.more_body = False
        cycle.message_event.set()

    def _scope_of(
        self, version: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]
    ) -> dict[str, Any]:
        text = path.decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "method": self.parser.get_method().decode("ascii"),
            "scheme": self.scheme,
            "path": urllib.parse.unquote(text) if "%" in text else text,
            "raw_path": path,
            "query_string": query,
            "root_path": self.root_path,
            "headers": headers,
            "server": self.server,
            "client": self.client,
            "state": self.app_state.copy(),
            "extensions": self._extensions,
        }

    def _begin(self, scope: Any, waits: bool, keeps_alive: bool) -> None:
        """Start the app's task."""
        state = self.server_state
        self.cycle = Exchange(
            scope=scope,
            transport=self._outlet,  # type: ignore[arg-type]
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=waits,
            keep_alive=keeps_alive and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        self.cycle.server_state = state
        task = self.loop.create_task(self.cycle.run_asgi(self.app))
        task.add_done_callback(state.tasks.discard)
        state.tasks.add(task)

    def _admit(self, path: bytes) -> None:
        """Refuse a request beyond the limits, save one for an open path within the reserve."""
        limits = self.limits
        has_room = len(self.tasks) < limits.max_in_flight + limits.reserve
        if not (has_room and path in limits.open_paths):
            raise Refused(refusals.OVERLOADED)

    # ── progress and time ─────────────────────────────────────────────────────────────────────────

    def _note_progress(self) -> None:
        """Bytes came that complete no request: set the deadline, and hold them to the limits."""
        if self.phase == HEAD:
            if self.deadline == NEVER:
                self.deadline = self.loop.time() + self.limits.header_s
            if self._read_bytes > self.limits.max_head_bytes:
                is_target = len(self.url) > self.limits.max_target_bytes
                self.refuse(refusals.TARGET_TOO_LONG if is_target else refusals.HEADERS_TOO_LONG)
            elif len(self.headers) > self.limits.max_headers:
                self.refuse(refusals.TOO_MANY_HEADERS)
        elif self.phase == BODY:
            self.deadline = min(self.loop.time() + self.limits.body_idle_s, self._body_until)
            self._check_framing()

    def _check_framing(self) -> None:
        """What is neither head nor body is bounded: chunk extensions and trailers, at once and
        all together."""
        most = self.limits.max_head_bytes
        at_once = self._read_bytes - self._progress_at
        together = self._read_bytes - self._body_bytes - _FRAMING * self._body_bytes
        if at_once > most or together > 2 * most:
            self.refuse(refusals.FRAMING_TOO_LONG)

    def expire(self, now: float) -> None:
        """A deadline is over."""
        if self.write_deadline < now or self.transport.get_write_buffer_size():
            self._count(refusals.UNREAD)
            self.abort()
        elif self.phase == HEAD:
            self.refuse(refusals.HEADERS_LATE)
        elif self.phase == BODY:
            self._expire_body(now)
        else:
            if self.phase == FRESH:
                self._count(refusals.SILENT)
            self.close()

    def _expire_body(self, now: float) -> None:
        """A body that the app does not read is not late."""
        if self.flow.read_paused:
            self.deadline = now + self.limits.body_idle_s
            self._body_until = now + self.limits.body_s
        else:
            self.refuse(refusals.BODY_LATE)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.phase == WORKING:
            self._rest()

    def _rest(self) -> None:
        """Request and response are complete: wait for the next."""
        self.phase = RESTING
        self._read_bytes = 0
        self.deadline = self.loop.time() + self.limits.keep_alive_s
        self.server_state.resting[self] = None

    # ── the end ───────────────────────────────────────────────────────────────────────────────────

    def refuse(self, refusal: Refusal) -> None:
        """Answer by `refusal`, where nothing has been answered yet, and end the connection."""
        self._count(refusal.reason)
        response = response_of(refusal, self.server_state.default_headers)
        cycle = self.cycle
        if self.phase != BODY:
            self.transport.write(response)
        elif not cycle.response_started:
            cycle.disconnected = True
            cycle.message_event.set()
            self.transport.write(response)
        elif not cycle.response_complete:
            self.abort()
            return
        self._leave()

    def abort(self) -> None:
        """Reset the connection. The app receives `http.disconnect`, and sends nothing more."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.abort()

    def _refuse_unparsed(self, error: httptools.HttpParserError) -> None:
        """The parser stopped: by a guard of ours in a callback, or by itself."""
        if self.phase == WORKING:  # the next request came too early, whatever is wrong with it
            self._throw_away(0)
        elif isinstance(error.__context__, Refused):
            self.refuse(error.__context__.refusal)
        elif isinstance(error, httptools.HttpParserCallbackError):
            LOG.error("a guard failed: %s", trace_of(error.__context__))
            self.refuse(refusals.INTERNAL)
        elif isinstance(error, httptools.HttpParserInvalidMethodError):
            self.refuse(refusals.UNKNOWN_METHOD)
        else:
            self.refuse(refusals.MALFORMED)

    def _throw_away(self, size: int) -> None:
        """Bytes that nobody will read: the answer under way becomes the connection's last."""
        if self.phase == WORKING and self.cycle.keep_alive:
            self._count(refusals.PIPELINED)
            self.cycle.keep_alive = False
        self._read_bytes += size
        if self._read_bytes > _SURPLUS:
            self._count(refusals.SURPLUS)
            self.abort()

    def _read_without_upgrade(self, rest: bytes) -> None:
        """Read a request that asks for another protocol as if it did not (RFC 9110, 7.8). llhttp
        skips the body of such a request, so its head is parsed again without the header."""
        if self.parser.get_method() == b"CONNECT":
            self.refuse(refusals.UNKNOWN_METHOD)
            return
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.phase = RESTING
        self._read_bytes = 0
        self.data_received(b"\r\n".join([*lines, b"", rest]))

    def _finish(self) -> None:
        """The app's answer is written and ends the connection."""
        if self.phase == BODY or self._delivery.is_watched:
            self._leave()
        else:
            self.close()

    def close(self) -> None:
        """Close once all is written, or when that takes too long."""
        self.transport.close()
        self.deadline = self.loop.time() + self.limits.unread_s

    def _leave(self) -> None:
        """Close for writing, and read on until the client closes."""
        self.phase = LEAVING
        self._read_bytes = 0
        self.transport.write_eof()
        has_rest = self.transport.get_write_buffer_size() > 0
        patience_s = self.limits.unread_s if has_rest else self.limits.linger_s
        self.deadline = self.loop.time() + patience_s

    def shutdown(self) -> None:
        """The worker drains: the next answer is the last, and there is little time to ask."""
        if self.phase in (FRESH, RESTING):
            self.deadline = min(self.deadline, self.loop.time() + self.limits.last_call_s)
        elif self.phase in (BODY, WORKING):
            self.cycle.keep_alive = False

    def _count(self, reason: str) -> None:
        self.server_state.refused[reason] += 1
