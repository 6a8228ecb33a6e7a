"""The bytes of a server, read as one answer at a time, or the rule that they break. No I/O.

    begin(method)    before a request is sent: what follows is its answer
    feed(data)       what one read of the socket brought      ┐ raise `BadResponse`
    feed_eof()       the server sends no more                 ┘
    head             status and headers, once they are whole
    take()           the body that arrived since the last take, in one piece
    is_complete      the answer is whole; `can_reuse` tells whether another may follow it

httptools (llhttp, the parser of Node.js and uvicorn) cuts the bytes. It runs without any of its
leniencies; what it lacks is added here: limits, and rules against answers that two readers could
read differently. A wrong end of an answer makes the next answer another call's.

    interim (1xx) ──► head ──► body: Content-Length │ chunks │ until the connection closes ──► end
    at most MAX_INTERIM   MAX_HEAD_BYTES, MAX_HEADERS   what is no body: MAX_OVERHEAD_BYTES

Neither the words of a server nor its header values stand in a `BadResponse`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

import httptools

MAX_HEAD_BYTES = 64 * 2**10
"""The longest head of an answer: status line and headers."""
MAX_HEADERS = 128
"""The most headers of an answer. Bedrock sends about ten."""
MAX_INTERIM = 8
"""The most interim answers (1xx) before an answer."""
MAX_OVERHEAD_BYTES = 16 * 2**10
"""The most bytes of a chunked body that are no body: chunk extensions and trailers."""
_CHUNK_ALLOWANCE_BYTES = 64
"""What each chunk may have beside its data before it counts as overhead."""
_STATUS_LINE_BYTES = 64
"""What a status line is taken to be long."""
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What llhttp lets pass in a reason."""
_CODING = "transfer-encoding"
_FIRST_BYTE = ord("H")


class Rule(Enum):
    """What an answer may not do: the rules by which it is refused."""

    NOT_HTTP = "it does not begin with a status line of HTTP/1.0 or 1.1"
    STATUS = "its status is not a number from 100 to 599"
    HEAD_SYNTAX = "its head is malformed"
    HEAD_SIZE = f"its head is longer than {MAX_HEAD_BYTES} bytes"
    HEADER_COUNT = f"it has more than {MAX_HEADERS} headers"
    LENGTH = "its Content-Length is not one number"
    LENGTH_TWICE = "it has Content-Length twice"
    LENGTH_AND_CODING = "it has both Content-Length and Transfer-Encoding"
    CODING = "its Transfer-Encoding is not `chunked` alone"
    INTERIM = f"it has more than {MAX_INTERIM} interim answers before it"
    UPGRADE = "it changes to another protocol"
    BODY_SIZE = "its body is too large"
    CHUNK = "a chunk of its body is malformed"
    OVERHEAD = f"its chunks have more than {MAX_OVERHEAD_BYTES} bytes of extensions and trailers"
    AFTER_END = "bytes follow after its end"
    UNASKED = "it came before the request was sent"


_RULES_BY_REASON: Mapping[str, Rule] = {
    "Duplicate Content-Length": Rule.LENGTH_TWICE,
    "Transfer-Encoding can't be present with Content-Length": Rule.LENGTH_AND_CODING,
    "Content-Length can't be present with Transfer-Encoding": Rule.LENGTH_AND_CODING,
    "Invalid character in Content-Length": Rule.LENGTH,
    "Content-Length overflow": Rule.LENGTH,
    "Empty Content-Length": Rule.LENGTH,
    "Empty Transfer-Encoding": Rule.CODING,
    "Expected HTTP/, RTSP/ or ICE/": Rule.NOT_HTTP,
    "Expected HTTP/": Rule.NOT_HTTP,
    "Invalid HTTP version": Rule.NOT_HTTP,
    "Invalid major version": Rule.NOT_HTTP,
    "Invalid minor version": Rule.NOT_HTTP,
    "Expected dot": Rule.NOT_HTTP,
    "Expected space after version": Rule.NOT_HTTP,
    "Pause on CONNECT/Upgrade": Rule.UPGRADE,
    "Data after `Connection: close`": Rule.AFTER_END,
}
"""llhttp's reason -> rule. What is not here is syntax, of the head or of a chunk."""


class BadResponse(Exception):
    """The server broke `rule`. Nothing that it sends after that can be read."""

    def __init__(self, rule: Rule, detail: str | None = None) -> None:
        super().__init__(f"{rule.value} ({detail})" if detail else rule.value)
        self.rule = rule


class ResponseHead(NamedTuple):
    """Status and headers: names in lower case, of namesakes the last."""

    status: int
    headers: Mapping[str, str]


@lru_cache(maxsize=512)
def _lower(name: bytes) -> str:
    """A header's name as it is kept. Servers send the same few over and over."""
    return name.lower().decode("latin-1")


class ResponseParser:
    """Reads the answers of one connection, one after the other."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._fields: list[tuple[bytes, bytes]] = []
        self._ready: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self.begin("GET")

    def begin(self, method: str, max_body_bytes: int | None = None) -> None:
        """Await the answer to a request with `method`, with a body of up to `max_body_bytes`."""
        self.head: ResponseHead | None = None
        self.is_complete = self.can_reuse = False
        self.buffered = 0
        """Bytes of the body that `take` would return."""
        self.fed = 0
        """Bytes of the answer so far; 0: the server has not begun it."""
        self._is_connect = method == "CONNECT"
        self._max_body_bytes = max_body_bytes
        self._bad: BadResponse | None = None
        self._body_bytes = self._interim = 0
        self._accounted = 0
        """Bytes that are head, body, or what a chunk needs: what is fed beyond them is bounded."""
        self._is_chunked = False
        self._pieces.clear()
        self._fields.clear()
        self._ready.clear()

    def feed(self, data: bytes | memoryview) -> None:
        """Read `data`, at least one byte. What precedes a fault is in `head` and `take`."""
        if self.is_complete:
            if bytes(data).strip(b"\r\n"):  # empty lines are of no answer (RFC 9112, section 2.2)
                raise BadResponse(Rule.AFTER_END)
            return
        if self.fed == 0 and data[0] != _FIRST_BYTE:
            raise BadResponse(Rule.NOT_HTTP)
        self.fed += len(data)
        bad: BadResponse | None = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            bad = self._broken(error)
        if self._pieces:
            self._collect()
        if bad is not None:
            raise bad
        self._check_limits()

    def feed_eof(self) -> bool:
        """The server sends no more. Whether the answer is whole; of one whose length is not known
        this is the end."""
        if self.head is not None and self._ends_with_connection(self.head):
            self.is_complete = True
        return self.is_complete

    def take(self) -> bytes:
        """The body that arrived since the last take; `b""`: none."""
        ready = self._ready
        data = ready[0] if len(ready) == 1 else b"".join(ready)
        ready.clear()
        self.buffered = 0
        return data

    # ── what httptools calls ──────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        if self.is_complete:
            self._refuse(Rule.AFTER_END)

    def on_status(self, reason: bytes) -> None:
        if _CONTROL.search(reason):
            self._refuse(Rule.HEAD_SYNTAX)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))  # a trailer too, which is not read

    def on_headers_complete(self) -> None:
        parser, fields = self._parser, self._fields
        status = parser.get_status_code()
        if self.fed > MAX_HEAD_BYTES and self._account_head() > MAX_HEAD_BYTES:
            self._refuse(Rule.HEAD_SIZE)
        if len(fields) > MAX_HEADERS:
            self._refuse(Rule.HEADER_COUNT)
        if status < 200:
            self._count_interim(status)
            return
        headers = {_lower(name): value.decode("latin-1").rstrip(" \t") for name, value in fields}
        self._check_head(status, headers)
        self.head = ResponseHead(status, headers)
        self.is_complete = self._is_connect

    def on_message_complete(self) -> None:
        if self.head is not None:
            self.is_complete = True
            self.can_reuse = self._parser.should_keep_alive()

    # ── rules ─────────────────────────────────────────────────────────────────────────────────────

    def _account_head(self) -> int:
        """Roughly the size of the head that is complete."""
        size = _STATUS_LINE_BYTES + sum(len(name) + len(value) + 4 for name, value in self._fields)
        self._accounted += size
        return size

    def _count_interim(self, status: int) -> None:
        self._interim += 1
        self._account_head()
        self._fields.clear()
        if status < 100:
            self._refuse(Rule.STATUS)
        if status == 101:
            self._refuse(Rule.UPGRADE)
        if self._interim > MAX_INTERIM:
            self._refuse(Rule.INTERIM)

    def _check_head(self, status: int, headers: Mapping[str, str]) -> None:
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            self._refuse(Rule.NOT_HTTP)
        if status > 599:
            self._refuse(Rule.STATUS)
        if _CODING in headers:
            # To the byte: after `chunked` llhttp takes a blank and, for another coding, a tab.
            codings = [value for name, value in self._fields if _lower(name) == _CODING]
            if [coding.lower() for coding in codings] != [b"chunked"] or version == "1.0":
                self._refuse(Rule.CODING)
            self._is_chunked = True
            self._account_head()
        length = int(headers.get("content-length", 0))
        if self._max_body_bytes is not None and length > self._max_body_bytes:
            self._refuse(Rule.BODY_SIZE)

    def _check_limits(self) -> None:
        """What is no body is bounded, whatever it is: a head without end, extensions, trailers."""
        if self.head is None:
            if self.fed > MAX_HEAD_BYTES:
                raise BadResponse(Rule.HEAD_SIZE)
        elif self._is_chunked and self.fed - self._accounted > MAX_OVERHEAD_BYTES:
            raise BadResponse(Rule.OVERHEAD)

    def _collect(self) -> None:
        """Joins what one read brought of the body."""
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        size = len(data)
        self._accounted += size + len(pieces) * _CHUNK_ALLOWANCE_BYTES
        pieces.clear()
        self._ready.append(data)
        self.buffered += size
        self._body_bytes += size
        if self._is_connect:
            raise BadResponse(Rule.AFTER_END)
        if self._max_body_bytes is not None and self._body_bytes > self._max_body_bytes:
            raise BadResponse(Rule.BODY_SIZE)

    def _ends_with_connection(self, head: ResponseHead) -> bool:
        headers = head.headers
        return "content-length" not in headers and _CODING not in headers

    def _refuse(self, rule: Rule) -> None:
        """Stops httptools, which tells of any exception of a callback in its own words only."""
        self._bad = BadResponse(rule)
        raise self._bad

    def _broken(self, error: httptools.HttpParserError) -> BadResponse:
        """What the parser stopped at. Its reasons are constants; they quote no byte."""
        cause = error.__context__
        if cause is not None and not isinstance(cause, Exception):
            raise cause  # an interrupt, which came while a callback ran, a refusing one too
        if self._bad is not None:
            return self._bad
        if isinstance(error, httptools.HttpParserUpgrade):
            return BadResponse(Rule.UPGRADE)
        if isinstance(error, httptools.HttpParserInvalidStatusError):
            return BadResponse(Rule.STATUS)
        reason = str(error)
        rule = _RULES_BY_REASON.get(reason)
        if self.is_complete:
            return BadResponse(Rule.AFTER_END)
        if rule is not None and (self.head is None or rule is not Rule.NOT_HTTP):
            return BadResponse(rule)
        return BadResponse(Rule.CHUNK if self.head else Rule.HEAD_SYNTAX, reason)
