"""Answers of servers, written by hand, each with what must happen to it.

A row is `(name, bytes, outcome)`. An outcome is `Whole`, with what is read; `Cut`, where the
connection closes too early; or the `Rule` that the server breaks. The server closes after the
bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from axonflow_core.http.response_parser import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_INTERIM,
    MAX_OVERHEAD_BYTES,
    Rule,
)

MAX_BODY_BYTES = 1000
"""The limit under which the rows are read."""


class Whole(NamedTuple):
    """A complete answer."""

    body: bytes = b""
    status: int = 200


class Cut(NamedTuple):
    """The connection closed before the end of the answer; `body` had arrived."""

    body: bytes = b""


Outcome: TypeAlias = Whole | Cut | Rule
Row: TypeAlias = tuple[str, bytes, Outcome]

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


def of_length(length: int | bytes, body: bytes, headers: bytes = b"") -> bytes:
    number = length if isinstance(length, bytes) else b"%d" % length
    return OK + headers + b"Content-Length: " + number + b"\r\n\r\n" + body


def with_head(head: bytes, body: bytes = b"hi") -> bytes:
    """`head`, lines without an end, of an answer whose length is right."""
    return b"%s\r\nContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


def chunked(*chunks: bytes, last: bytes = LAST) -> bytes:
    return CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + last


STATUS_LINES: list[Row] = [
    ("plain", with_head(b"HTTP/1.1 200 OK"), Whole(b"hi")),
    ("no reason", with_head(b"HTTP/1.1 200"), Whole(b"hi")),
    ("an empty reason", with_head(b"HTTP/1.1 200 "), Whole(b"hi")),
    ("a long reason", with_head(b"HTTP/1.1 200 " + b"very " * 20 + b"OK"), Whole(b"hi")),
    ("a reason in UTF-8", with_head("HTTP/1.1 200 Schön".encode()), Whole(b"hi")),
    ("a reason with a tab", with_head(b"HTTP/1.1 200 O\tK"), Whole(b"hi")),
    ("HTTP/1.0", with_head(b"HTTP/1.0 200 OK"), Whole(b"hi")),
    ("HTTP/0.9", with_head(b"HTTP/0.9 200 OK"), Rule.NOT_HTTP),
    ("HTTP/1.2", with_head(b"HTTP/1.2 200 OK"), Rule.NOT_HTTP),
    ("HTTP/2.0", with_head(b"HTTP/2.0 200 OK"), Rule.NOT_HTTP),
    ("HTTP/2", with_head(b"HTTP/2 200 OK"), Rule.NOT_HTTP),
    ("HTTP/3.0", with_head(b"HTTP/3.0 200 OK"), Rule.NOT_HTTP),
    ("HTTP/11.1", with_head(b"HTTP/11.1 200 OK"), Rule.NOT_HTTP),
    ("HTTP/1.10", with_head(b"HTTP/1.10 200 OK"), Rule.NOT_HTTP),
    ("HTTP/1,1", with_head(b"HTTP/1,1 200 OK"), Rule.NOT_HTTP),
    ("HTTP/x.y", with_head(b"HTTP/x.y 200 OK"), Rule.NOT_HTTP),
    ("HTTP/-1.1", with_head(b"HTTP/-1.1 200 OK"), Rule.NOT_HTTP),
    ("HTTP 1.1", with_head(b"HTTP 1.1 200 OK"), Rule.NOT_HTTP),
    ("lower case", with_head(b"http/1.1 200 OK"), Rule.NOT_HTTP),
    ("mixed case", with_head(b"Http/1.1 200 OK"), Rule.NOT_HTTP),
    ("HTTPS", with_head(b"HTTPS/1.1 200 OK"), Rule.NOT_HTTP),
    ("RTSP", with_head(b"RTSP/1.0 200 OK"), Rule.NOT_HTTP),
    ("ICE", with_head(b"ICE/1.0 200 OK"), Rule.NOT_HTTP),
    ("ICY", with_head(b"ICY 200 OK"), Rule.NOT_HTTP),
    ("a space first", with_head(b" HTTP/1.1 200 OK"), Rule.NOT_HTTP),
    ("an empty line first", with_head(b"\r\nHTTP/1.1 200 OK"), Rule.NOT_HTTP),
    ("a line feed first", with_head(b"\nHTTP/1.1 200 OK"), Rule.NOT_HTTP),
    ("a byte order mark first", with_head(b"\xef\xbb\xbfHTTP/1.1 200 OK"), Rule.NOT_HTTP),
    ("a NUL first", with_head(b"\0HTTP/1.1 200 OK"), Rule.NOT_HTTP),
    ("two spaces before the status", with_head(b"HTTP/1.1  200 OK"), Rule.STATUS),
    ("a tab before the status", with_head(b"HTTP/1.1\t200 OK"), Rule.NOT_HTTP),
    ("no space before the status", with_head(b"HTTP/1.1200 OK"), Rule.NOT_HTTP),
    ("no space after the status", with_head(b"HTTP/1.1 200OK"), Rule.STATUS),
    ("a status of two digits", with_head(b"HTTP/1.1 20 OK"), Rule.STATUS),
    ("a status of one digit", with_head(b"HTTP/1.1 2 OK"), Rule.STATUS),
    ("a status of four digits", with_head(b"HTTP/1.1 2000 OK"), Rule.STATUS),
    ("a status with a sign", with_head(b"HTTP/1.1 +200 OK"), Rule.STATUS),
    ("a negative status", with_head(b"HTTP/1.1 -200 OK"), Rule.STATUS),
    ("a status in hexadecimal", with_head(b"HTTP/1.1 2A0 OK"), Rule.STATUS),
    ("a status with a fraction", with_head(b"HTTP/1.1 200.1 OK"), Rule.STATUS),
    ("a status in words", with_head(b"HTTP/1.1 OK"), Rule.STATUS),
    ("status 000", with_head(b"HTTP/1.1 000 OK"), Rule.STATUS),
    ("status 099", with_head(b"HTTP/1.1 099 OK"), Rule.STATUS),
    ("status 600", with_head(b"HTTP/1.1 600 No"), Rule.STATUS),
    ("status 999", with_head(b"HTTP/1.1 999 No"), Rule.STATUS),
    ("a status line without CR", b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", Rule.HEAD_SYNTAX),
    ("a CR inside the reason", with_head(b"HTTP/1.1 200 O\rK"), Rule.HEAD_SYNTAX),
    ("a NUL inside the reason", with_head(b"HTTP/1.1 200 O\0K"), Rule.HEAD_SYNTAX),
    ("a greeting of SMTP", b"220 mail.example ESMTP\r\n", Rule.NOT_HTTP),
    ("a greeting of SSH", b"SSH-2.0-OpenSSH_9.2\r\n", Rule.NOT_HTTP),
    ("a greeting of HELO", b"HELO there\r\n", Rule.NOT_HTTP),
    ("a page without a head", b"<html>Welcome</html>", Rule.NOT_HTTP),
    ("JSON without a head", b'{"a": 1}', Rule.NOT_HTTP),
    ("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x16", Rule.NOT_HTTP),
    ("settings of HTTP/2", b"\x00\x00\x06\x04\x00\x00\x00\x00\x00" + b"\0" * 6, Rule.NOT_HTTP),
    ("a request", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", Rule.NOT_HTTP),
    ("a request of HEAD", b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", Rule.NOT_HTTP),
]

STATUSES: list[Row] = [
    (f"status {status}", with_head(b"HTTP/1.1 %d Said" % status), Whole(b"hi", status))
    for status in (
        *(200, 201, 202, 203, 206, 207, 226, 299, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402),
        *(403, 404, 405, 408, 409, 410, 413, 418, 422, 424, 429, 431, 499, 500, 501, 502, 503, 504),
        *(505, 529, 599),
    )
]

NO_BODY: list[Row] = [
    ("204", b"HTTP/1.1 204 No Content\r\n\r\n", Whole(status=204)),
    ("204 and a length of 0", with_head(b"HTTP/1.1 204 No", b""), Whole(status=204)),
    ("204 and a length", b"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n", Whole(status=204)),
    ("204 and a body", with_head(b"HTTP/1.1 204 No"), Rule.AFTER_END),
    (
        "204 and chunks",
        b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
        Rule.AFTER_END,
    ),
    ("304", b"HTTP/1.1 304 Not Modified\r\n\r\n", Whole(status=304)),
    ("304 and a length", b"HTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\n", Whole(status=304)),
    ("304 and a body", with_head(b"HTTP/1.1 304 Not"), Rule.AFTER_END),
    ("a length of 0", of_length(0, b""), Whole()),
    ("205 and a length of 0", with_head(b"HTTP/1.1 205 Reset", b""), Whole(status=205)),
]

HEADERS: list[Row] = [
    ("no header but a length", of_length(2, b"hi"), Whole(b"hi")),
    ("an empty value", with_head(OK + b"X-Empty:"), Whole(b"hi")),
    ("a value of blanks", with_head(OK + b"X-Empty:   "), Whole(b"hi")),
    ("no blank after the colon", with_head(OK + b"X-A:b"), Whole(b"hi")),
    ("many blanks after the colon", with_head(OK + b"X-A: \t  b"), Whole(b"hi")),
    ("blanks after the value", with_head(OK + b"X-A: b \t "), Whole(b"hi")),
    ("a tab in a value", with_head(OK + b"X-A: b\tc"), Whole(b"hi")),
    ("bytes above 127", with_head(OK + b"X-A: \xff\xfe\x80"), Whole(b"hi")),
    ("UTF-8", with_head(OK + "X-A: grün".encode()), Whole(b"hi")),
    ("a colon in a value", with_head(OK + b"X-A: b:c"), Whole(b"hi")),
    ("a repeated Date", with_head(OK + b"Date: 1\r\nDate: 2"), Whole(b"hi")),
    ("a repeated cookie", with_head(OK + b"Set-Cookie: a=1\r\nSet-Cookie: b=2"), Whole(b"hi")),
    ("a compressed body", with_head(OK + b"Content-Encoding: gzip"), Whole(b"hi")),
    ("a header of 10 kB", with_head(OK + b"X-A: " + b"a" * 10_000), Whole(b"hi")),
    (
        "the most headers",
        with_head(OK + b"\r\n".join(b"X-%d: 1" % n for n in range(MAX_HEADERS - 1))),
        Whole(b"hi"),
    ),
    (
        "one header too many",
        with_head(OK + b"\r\n".join(b"X-%d: 1" % n for n in range(MAX_HEADERS))),
        Rule.HEADER_COUNT,
    ),
    (
        "500 headers",
        with_head(OK + b"\r\n".join(b"X-%d: 1" % n for n in range(500))),
        Rule.HEADER_COUNT,
    ),
    ("a head that is too long", with_head(OK + b"X-A: " + b"a" * MAX_HEAD_BYTES), Rule.HEAD_SIZE),
    ("a name that is too long", with_head(OK + b"a" * MAX_HEAD_BYTES + b": 1"), Rule.HEAD_SIZE),
    ("a value without end", OK + b"X-A: " + b"a" * 2 * MAX_HEAD_BYTES, Rule.HEAD_SIZE),
    ("a name without end", OK + b"a" * 2 * MAX_HEAD_BYTES, Rule.HEAD_SIZE),
    ("a reason without end", b"HTTP/1.1 200 " + b"a" * 2 * MAX_HEAD_BYTES, Rule.HEAD_SIZE),
    ("a folded value", with_head(OK + b"X-A: b\r\n c"), Rule.HEAD_SYNTAX),
    ("a value folded by a tab", with_head(OK + b"X-A: b\r\n\tc"), Rule.HEAD_SYNTAX),
    ("a folded first header", with_head(OK + b" X-A: b"), Rule.HEAD_SYNTAX),
    ("a blank before the colon", with_head(OK + b"X-A : b"), Rule.HEAD_SYNTAX),
    ("a tab before the colon", with_head(OK + b"X-A\t: b"), Rule.HEAD_SYNTAX),
    ("a blank in a name", with_head(OK + b"X A: b"), Rule.HEAD_SYNTAX),
    ("no name", with_head(OK + b": b"), Rule.HEAD_SYNTAX),
    ("no colon", with_head(OK + b"X-A"), Rule.HEAD_SYNTAX),
    ("a name in UTF-8", with_head(OK + "X-Ä: b".encode()), Rule.HEAD_SYNTAX),
    ("a line feed alone", OK + b"X-A: b\nContent-Length: 0\r\n\r\n", Rule.HEAD_SYNTAX),
    ("line feeds alone at the end", OK + b"Content-Length: 0\n\n", Rule.HEAD_SYNTAX),
    ("a CR alone", OK + b"X-A: b\rX-B: c\r\n\r\n", Rule.HEAD_SYNTAX),
    ("CR CR LF", with_head(OK + b"X-A: b\r"), Rule.HEAD_SYNTAX),
]

CONTROLS = [code for code in (*range(32), 127) if code not in b"\t\r\n"]
CHARACTERS: list[Row] = [
    *(
        (f"byte {code} in a value", with_head(OK + b"X-A: b%cc" % code), Rule.HEAD_SYNTAX)
        for code in CONTROLS
    ),
    *(
        (f"byte {code} in a name", with_head(OK + b"X%cA: b" % code), Rule.HEAD_SYNTAX)
        for code in [*CONTROLS, *b'()<>@,;\\"/[]?={}', 0x80, 0xFF]
    ),
    *(
        (f"{code:c} in a name", with_head(OK + b"X%cA: b" % code), Whole(b"hi"))
        for code in b"!#$%&'*+-.^_`|~0"
    ),
]

LENGTHS: list[Row] = [
    ("a body of its length", of_length(5, b"hello"), Whole(b"hello")),
    ("the name in lower case", OK + b"content-length: 5\r\n\r\nhello", Whole(b"hello")),
    ("the name in upper case", OK + b"CONTENT-LENGTH: 5\r\n\r\nhello", Whole(b"hello")),
    ("no blank", OK + b"Content-Length:5\r\n\r\nhello", Whole(b"hello")),
    ("blanks around", OK + b"Content-Length:  5  \r\n\r\nhello", Whole(b"hello")),
    ("a tab after", of_length(b"5\t", b"hello"), Whole(b"hello")),
    ("leading zeros", of_length(b"0005", b"hello"), Whole(b"hello")),
    ("a body with line breaks", of_length(8, b"a\r\n\r\nb\r\n"), Whole(b"a\r\n\r\nb\r\n")),
    ("a body like a head", of_length(len(OK), OK), Whole(OK)),
    ("a body of NULs", of_length(4, b"\0" * 4), Whole(b"\0" * 4)),
    ("the largest body", of_length(1000, b"x" * 1000), Whole(b"x" * 1000)),
    ("a body that is too large", of_length(1001, b"x" * 1001), Rule.BODY_SIZE),
    ("a length that is too large", of_length(1001, b""), Rule.BODY_SIZE),
    ("a length of 9 EB", of_length(9 * 10**18, b""), Rule.BODY_SIZE),
    ("no body", of_length(5, b""), Cut()),
    ("a short body", of_length(5, b"hell"), Cut(b"hell")),
    ("a body without its last line", of_length(9, b"a\r\nb"), Cut(b"a\r\nb")),
    ("a long body", of_length(5, b"hello!"), Rule.AFTER_END),
    ("a very long body", of_length(5, b"hello" * 50), Rule.AFTER_END),
    ("a body after none", of_length(0, b"x"), Rule.AFTER_END),
    ("an empty line after the end", of_length(2, b"hi\r\n"), Whole(b"hi")),
    ("a second answer", of_length(2, b"hi") * 2, Rule.AFTER_END),
    ("half a second answer", of_length(2, b"hi") + b"HTTP/1", Rule.AFTER_END),
    ("a NUL after the end", of_length(2, b"hi\0"), Rule.AFTER_END),
    (
        "more after `Connection: close`",
        of_length(2, b"hi!", b"Connection: close\r\n"),
        Rule.AFTER_END,
    ),
    ("the length twice", of_length(b"5\r\nContent-Length: 5", b"hello"), Rule.LENGTH_TWICE),
    ("two lengths", of_length(b"5\r\nContent-Length: 6", b"hello"), Rule.LENGTH_TWICE),
    ("two spellings", of_length(b"5\r\ncontent-length: 5", b"hello"), Rule.LENGTH_TWICE),
    ("a header between", of_length(b"5\r\nX: y\r\nContent-Length: 5", b""), Rule.LENGTH_TWICE),
    ("a list", of_length(b"5, 5", b"hello"), Rule.LENGTH),
    ("a list of different ones", of_length(b"5, 6", b"hello"), Rule.LENGTH),
    ("a list without blank", of_length(b"5,5", b"hello"), Rule.LENGTH),
    ("a plus", of_length(b"+5", b"hello"), Rule.LENGTH),
    ("a minus", of_length(b"-5", b"hello"), Rule.LENGTH),
    ("a fraction", of_length(b"5.0", b"hello"), Rule.LENGTH),
    ("an exponent", of_length(b"5e0", b"hello"), Rule.LENGTH),
    ("hexadecimal", of_length(b"0x5", b"hello"), Rule.LENGTH),
    ("a letter", of_length(b"5a", b"hello"), Rule.LENGTH),
    ("a word", of_length(b"five", b"hello"), Rule.LENGTH),
    ("empty", of_length(b"", b"hello"), Rule.LENGTH),
    ("a blank inside", of_length(b"1 5", b"hello"), Rule.LENGTH),
    ("an underscore", of_length(b"1_0", b"hello"), Rule.LENGTH),
    ("digits of another script", of_length("٥".encode(), b"hello"), Rule.LENGTH),
    ("quotes", of_length(b'"5"', b"hello"), Rule.LENGTH),
    ("a semicolon", of_length(b"5;x", b"hello"), Rule.LENGTH),
    ("beyond 64 bits", of_length(b"18446744073709551621", b"hello"), Rule.LENGTH),
    ("5,000 digits", of_length(b"9" * 5000, b"hello"), Rule.LENGTH),
]

CODINGS: list[Row] = [
    ("chunked", chunked(b"hello"), Whole(b"hello")),
    ("in upper case", OK + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n" + LAST, Whole()),
    ("in mixed case", OK + b"Transfer-encoding: Chunked\r\n\r\n" + LAST, Whole()),
    ("blanks before", OK + b"Transfer-Encoding: \t chunked\r\n\r\n" + LAST, Whole()),
    ("a blank after", OK + b"Transfer-Encoding: chunked \r\n\r\n" + LAST, Rule.CODING),
    ("a tab after", OK + b"Transfer-Encoding: chunked\t\r\n\r\n" + LAST, Rule.CODING),
    *(
        (
            f"coding {coding.decode('latin-1')!r}",
            OK + b"Transfer-Encoding: " + coding + b"\r\n\r\n" + LAST,
            Rule.CODING,
        )
        for coding in (
            *(b"", b"identity", b"gzip", b"deflate", b"gzip, chunked", b"chunked, gzip"),
            *(b"chunked, chunked", b"chunked,", b",chunked", b"chunked;q=1", b"chunkedfoo"),
            *(b"xchunked", b'"chunked"', b"chunked chunked", b"chunked\tx", b"chunked\xa0"),
            *(b"chunk", b"c", b"identity, chunked"),
        )
    ),
    (
        "twice",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
        Rule.CODING,
    ),
    (
        "another first",
        OK + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
        Rule.CODING,
    ),
    ("in HTTP/1.0", b"HTTP/1.0 200 OK\r\n" + CHUNKED[len(OK) :] + LAST, Rule.CODING),
    (
        "a length before",
        OK + b"Content-Length: 5\r\n" + CHUNKED[len(OK) :] + LAST,
        Rule.LENGTH_AND_CODING,
    ),
    (
        "a length after",
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + LAST,
        Rule.LENGTH_AND_CODING,
    ),
    (
        "a length of 0",
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + LAST,
        Rule.LENGTH_AND_CODING,
    ),
    (
        "identity and a length",
        OK + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
        Rule.LENGTH_AND_CODING,
    ),
]

CHUNKS: list[Row] = [
    ("none", chunked(), Whole()),
    ("one", chunked(b"hello"), Whole(b"hello")),
    ("three", chunked(b"a", b"bc", b"def"), Whole(b"abcdef")),
    ("fifty of one byte", chunked(*[b"a"] * 50), Whole(b"a" * 50)),
    ("with line breaks", chunked(b"\r\n", b"0\r\n\r\n"), Whole(b"\r\n0\r\n\r\n")),
    ("the largest body", chunked(b"x" * 600, b"x" * 400), Whole(b"x" * 1000)),
    ("a body that is too large", chunked(b"x" * 600, b"x" * 401), Rule.BODY_SIZE),
    ("upper case", CHUNKED + b"A\r\n0123456789\r\n" + LAST, Whole(b"0123456789")),
    ("lower case", CHUNKED + b"a\r\n0123456789\r\n" + LAST, Whole(b"0123456789")),
    ("leading zeros", CHUNKED + b"00005\r\nhello\r\n000\r\n\r\n", Whole(b"hello")),
    ("an extension", CHUNKED + b"5;a=b\r\nhello\r\n0;c\r\n\r\n", Whole(b"hello")),
    ("a quoted extension", CHUNKED + b'5;a="b;c"\r\nhello\r\n' + LAST, Whole(b"hello")),
    ("a trailer", chunked(b"hello", last=b"0\r\nX-T: 1\r\n\r\n"), Whole(b"hello")),
    ("two trailers", chunked(b"hello", last=b"0\r\nX-T: 1\r\nX-U: 2\r\n\r\n"), Whole(b"hello")),
    ("a status as a trailer", chunked(last=b"0\r\nStatus: 500\r\n\r\n"), Whole()),
    ("no chunk and no end", CHUNKED, Cut()),
    ("no end", chunked(b"hello", last=b""), Cut(b"hello")),
    ("an end without its empty line", chunked(b"hello", last=b"0\r\n"), Cut(b"hello")),
    ("an end without its size", chunked(b"hello", last=b"\r\n"), Rule.CHUNK),
    ("half an end", chunked(b"hello", last=b"0\r\n\r"), Cut(b"hello")),
    ("a trailer without an end", chunked(b"hello", last=b"0\r\nX-T: 1\r\n"), Cut(b"hello")),
    ("half a chunk", CHUNKED + b"5\r\nhel", Cut(b"hel")),
    ("a size without a chunk", CHUNKED + b"5\r\n", Cut()),
    ("half a size", CHUNKED + b"5", Cut()),
    ("a second answer", chunked(b"hi") + chunked(b"hi"), Rule.AFTER_END),
    ("a byte after the end", chunked(b"hi") + b"x", Rule.AFTER_END),
    ("an empty line after the end", chunked(b"hi") + b"\r\n", Whole(b"hi")),
    ("a longer chunk", CHUNKED + b"5\r\nhello!\r\n" + LAST, Rule.CHUNK),
    ("a shorter chunk", CHUNKED + b"5\r\nhell\r\n" + LAST, Rule.CHUNK),
    ("no line end after a chunk", CHUNKED + b"5\r\nhello0\r\n\r\n", Rule.CHUNK),
    ("a line feed after a size", CHUNKED + b"5\nhello\r\n" + LAST, Rule.CHUNK),
    ("a line feed after a chunk", CHUNKED + b"5\r\nhello\n" + LAST, Rule.CHUNK),
    ("line feeds at the end", CHUNKED + b"5\r\nhello\r\n0\n\n", Rule.CHUNK),
    ("a CR alone", CHUNKED + b"5\rhello\r\n" + LAST, Rule.CHUNK),
    ("a blank before a size", CHUNKED + b" 5\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("a blank after a size", CHUNKED + b"5 \r\nhello\r\n" + LAST, Rule.CHUNK),
    ("a tab after a size", CHUNKED + b"5\t\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("a plus", CHUNKED + b"+5\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("a minus", CHUNKED + b"-5\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("0x", CHUNKED + b"0x5\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("an h", CHUNKED + b"5h\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("a g", CHUNKED + b"g\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("a comma", CHUNKED + b"5,5\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("a fraction", CHUNKED + b"5.0\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("an underscore", CHUNKED + b"0_5\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("no size", CHUNKED + b"\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("no size but an extension", CHUNKED + b";a=b\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("a size beyond 64 bits", CHUNKED + b"1" + b"0" * 16 + b"\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("a size of 64 bits", CHUNKED + b"f" * 16 + b"\r\nhello", Cut(b"hello")),
    ("a control character", CHUNKED + b"5;\x01\r\nhello\r\n" + LAST, Rule.CHUNK),
    ("a line feed in an extension", CHUNKED + b"5;a\nhello\r\n" + LAST, Rule.CHUNK),
    ("a line feed in quotes", CHUNKED + b'5;a="\n"\r\nhello\r\n' + LAST, Rule.CHUNK),
    (
        "a long extension",
        CHUNKED + b"5;a=" + b"b" * 2 * MAX_OVERHEAD_BYTES + b"\r\nhello\r\n" + LAST,
        Rule.OVERHEAD,
    ),
    (
        "many long extensions",
        CHUNKED + (b"1;a=" + b"b" * 500 + b"\r\nx\r\n") * 50 + LAST,
        Rule.OVERHEAD,
    ),
    (
        "a long trailer",
        chunked(last=b"0\r\nX-T: " + b"t" * 2 * MAX_OVERHEAD_BYTES + b"\r\n\r\n"),
        Rule.OVERHEAD,
    ),
    (
        "many trailers",
        chunked(last=b"0\r\n" + b"X-T: 1\r\n" * MAX_OVERHEAD_BYTES + b"\r\n"),
        Rule.OVERHEAD,
    ),
    ("zeros without end", CHUNKED + b"0" * 2 * MAX_OVERHEAD_BYTES, Rule.OVERHEAD),
    ("a trailer without a colon", chunked(last=b"0\r\nX-T\r\n\r\n"), Rule.CHUNK),
    ("a folded trailer", chunked(last=b"0\r\nX-T: 1\r\n 2\r\n\r\n"), Rule.CHUNK),
    (
        "a length as a trailer",
        chunked(last=b"0\r\nContent-Length: 9\r\n\r\n"),
        Rule.LENGTH_AND_CODING,
    ),
]

UNTIL_CLOSE: list[Row] = [
    ("a body", OK + b"\r\nhello", Whole(b"hello")),
    ("no body", OK + b"\r\n", Whole()),
    ("in HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\nhello", Whole(b"hello")),
    ("with `Connection: close`", OK + b"Connection: close\r\n\r\nhello", Whole(b"hello")),
    ("with `keep-alive`", OK + b"Connection: keep-alive\r\n\r\nhello", Whole(b"hello")),
    ("a body like an answer", OK + b"\r\n" + OK, Whole(OK)),
    ("the largest body", OK + b"\r\n" + b"x" * 1000, Whole(b"x" * 1000)),
    ("a body that is too large", OK + b"\r\n" + b"x" * 1001, Rule.BODY_SIZE),
    ("an error", b"HTTP/1.1 503 No\r\n\r\nbusy", Whole(b"busy", 503)),
]

INTERIM: list[Row] = [
    ("100", b"HTTP/1.1 100 Continue\r\n\r\n" + of_length(2, b"hi"), Whole(b"hi")),
    ("102", b"HTTP/1.1 102 Processing\r\n\r\n" + of_length(2, b"hi"), Whole(b"hi")),
    (
        "103 with headers",
        b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n" + of_length(2, b"hi"),
        Whole(b"hi"),
    ),
    ("199", b"HTTP/1.1 199 Other\r\n\r\n" + of_length(2, b"hi"), Whole(b"hi")),
    (
        "the most",
        b"HTTP/1.1 100 Continue\r\n\r\n" * MAX_INTERIM + of_length(2, b"hi"),
        Whole(b"hi"),
    ),
    (
        "one too many",
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_INTERIM + 1) + of_length(2, b"hi"),
        Rule.INTERIM,
    ),
    ("a storm", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, Rule.INTERIM),
    (
        "a length in it",
        b"HTTP/1.1 100 Go\r\nContent-Length: 0\r\n\r\n" + of_length(2, b"hi"),
        Whole(b"hi"),
    ),
    (
        "a body in it",
        b"HTTP/1.1 100 Go\r\nContent-Length: 2\r\n\r\nhi" + of_length(2, b"hi"),
        Rule.NOT_HTTP,
    ),
    ("nothing after it", b"HTTP/1.1 100 Continue\r\n\r\n", Cut()),
    ("rubbish after it", b"HTTP/1.1 100 Continue\r\n\r\nrubbish", Rule.NOT_HTTP),
    ("101", b"HTTP/1.1 101 Switching\r\n\r\n", Rule.UPGRADE),
    (
        "101 with an upgrade",
        b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        Rule.UPGRADE,
    ),
    (
        "an upgrade that is offered",
        of_length(2, b"hi", b"Upgrade: h2c\r\nConnection: upgrade\r\n"),
        Whole(b"hi"),
    ),
    (
        "426 with an upgrade",
        with_head(b"HTTP/1.1 426 No\r\nUpgrade: h2c\r\nConnection: upgrade"),
        Whole(b"hi", 426),
    ),
]

NOTHING: list[Row] = [
    ("nothing", b"", Cut()),
    ("half a status line", b"HTTP/1.1 2", Cut()),
    ("one byte", b"H", Cut()),
    ("a status line", OK, Cut()),
    ("half a header", OK + b"Content-Le", Cut()),
    ("a head without its empty line", OK + b"Content-Length: 0\r\n", Cut()),
    ("half the empty line", OK + b"Content-Length: 0\r\n\r", Cut()),
]

TABLES: dict[str, list[Row]] = {
    "status line": STATUS_LINES,
    "status": STATUSES,
    "no body": NO_BODY,
    "headers": HEADERS,
    "characters": CHARACTERS,
    "length": LENGTHS,
    "coding": CODINGS,
    "chunks": CHUNKS,
    "until close": UNTIL_CLOSE,
    "interim": INTERIM,
    "nothing": NOTHING,
}


def rows() -> Iterator[Row]:
    """Every row of every table, its table in its name."""
    for table, entries in TABLES.items():
        for name, data, outcome in entries:
            yield f"{table}: {name}", data, outcome
