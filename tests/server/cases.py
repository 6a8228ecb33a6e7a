"""What clients send that two readers could read differently, or that has no end: for each the
answers that are right."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

HOST = b"Host: localhost\r\n"
SECOND = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


@frozen
class Case:
    """One connection's bytes."""

    name: str
    data: bytes
    statuses: Sequence[int] = (400,)
    """Each is right; the connection ends after one."""


def get(*headers: bytes, target: bytes = b"/", host: bytes = HOST) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"GET " + target + b" HTTP/1.1\r\n" + host + lines + b"\r\n"


def post(headers: bytes, body: bytes = b"", rest: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\n" + HOST + headers + b"\r\n\r\n" + body + rest


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", body, SECOND)


_INNER = b"0\r\n\r\n" + SECOND

FRAMING = (
    Case(
        "Content-Length and Transfer-Encoding",
        post(b"Content-Length: %d\r\nTransfer-Encoding: chunked" % len(_INNER), _INNER),
    ),
    Case("two Content-Lengths", post(b"Content-Length: 4\r\nContent-Length: 5", b"abcde")),
    Case(
        "an unknown coding",
        post(b"Transfer-Encoding: xchunked", b"4\r\nabcd\r\n0\r\n\r\n"),
        (400, 501),
    ),
    Case("a length with a sign", post(b"Content-Length: +4", b"abcd")),
    Case("a chunk size with a blank", chunked(b"4 \r\nabcd\r\n0\r\n\r\n")),
    Case("a chunk without its line end", chunked(b"4\r\nabcd0\r\n\r\n")),
    Case("a blank before the colon", get(b"X-A : b")),
    Case("a folded header", get(b"X-A: b\r\n c")),
    Case("10,000 headers", get(*(b"X-%d: a" % number for number in range(10_000))), (431,)),
    Case("a header of 1 MB", get(b"X-A: " + b"a" * 1_000_000), (431,)),
    Case("a target of 1 MB", get(target=b"/" + b"a" * 1_000_000), (414,)),
    Case("no Host", get(host=b"")),
)
"""The twelve cases of the probe that compared servers."""

PARSED = (
    Case(
        "Transfer-Encoding and Content-Length",
        post(b"Transfer-Encoding: chunked\r\nContent-Length: 4", _INNER),
    ),
    Case("two equal Content-Lengths", post(b"Content-Length: 4\r\nContent-Length: 4", b"abcd")),
    Case("a list of lengths", post(b"Content-Length: 4,4", b"abcd")),
    Case("a list of lengths with a blank", post(b"Content-Length: 4, 4", b"abcd")),
    Case("a hexadecimal length", post(b"Content-Length: 0x4", b"abcd")),
    Case("a negative length", post(b"Content-Length: -4", b"abcd")),
    Case("a length with a fraction", post(b"Content-Length: 4.0", b"abcd")),
    Case("an empty length", post(b"Content-Length: ", b"abcd")),
    Case("a length of words", post(b"Content-Length: four", b"abcd")),
    Case(
        "a length beyond 64 bits",
        post(b"Content-Length: 18446744073709551620", b"abcd"),
        (400, 413),
    ),
    Case("a length with a blank inside", post(b"Content-Length: 4 4", b"abcd")),
    Case("a length with an underscore", post(b"Content-Length: 1_0", b"abcdefghij")),
    Case("a chunk size with a sign", chunked(b"+4\r\nabcd\r\n0\r\n\r\n")),
    Case("a negative chunk size", chunked(b"-4\r\nabcd\r\n0\r\n\r\n")),
    Case("a chunk size with 0x", chunked(b"0x4\r\nabcd\r\n0\r\n\r\n")),
    Case("a chunk size with an underscore", chunked(b"1_0\r\nabcd\r\n0\r\n\r\n")),
    Case("an empty chunk size", chunked(b"\r\nabcd\r\n0\r\n\r\n")),
    Case("a chunk size with a blank before", chunked(b" 4\r\nabcd\r\n0\r\n\r\n")),
    Case("a chunk size beyond 64 bits", chunked(b"fffffffffffffffff\r\nabcd\r\n0\r\n\r\n")),
    Case("a chunk that ends in a line feed", chunked(b"4\nabcd\n0\n\n")),
    Case("a chunk longer than its size", chunked(b"3\r\nabcd\r\n0\r\n\r\n")),
    Case("a chunk extension with a line feed", chunked(b"4;a\nabcd\r\n0\r\n\r\n")),
    Case(
        "a chunk with a coding that is repeated",
        post(b"Transfer-Encoding: chunked, chunked", _INNER),
        (400, 501),
    ),
    Case(
        "two Transfer-Encodings",
        post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", _INNER),
    ),
    Case(
        "chunked and identity",
        post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", _INNER),
    ),
    Case("chunked, then gzip", post(b"Transfer-Encoding: chunked, gzip", _INNER), (400, 501)),
    Case("identity", post(b"Transfer-Encoding: identity", SECOND), (400, 501)),
    Case("an empty Transfer-Encoding", post(b"Transfer-Encoding: ", _INNER), (400, 501)),
    Case("a quoted coding", post(b'Transfer-Encoding: "chunked"', _INNER), (400, 501)),
    Case("a coding with a tab before it", post(b"Transfer-Encoding:\x0bchunked", _INNER)),
    Case("a line feed for a line end", b"GET / HTTP/1.1\nHost: localhost\n\n"),
    Case("a carriage return alone", b"GET / HTTP/1.1\rHost: localhost\r\r"),
    Case("a line feed inside a header", get(b"X-A: b\nX-B: c")),
    Case("a carriage return in a header", get(b"X-A: b\rc")),
    Case("NUL in a header", get(b"X-A: b\x00c")),
    Case("NUL in a name", get(b"X\x00A: b")),
    Case("a control character in a header", get(b"X-A: b\x1bc")),
    Case("DEL in a header", get(b"X-A: b\x7fc")),
    Case("an empty name", get(b": b")),
    Case("a name with a blank", get(b"X A: b")),
    Case("a name beyond ASCII", get(b"X-\xe4: b")),
    Case("a name with brackets", get(b"X[A]: b")),
    Case("a header without a colon", get(b"X-A")),
    Case("a folded first header", b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n"),
    Case("a target that is no path", get(target=b"x")),
    Case("a target beyond ASCII", get(target=b"/\xe4")),
    Case("a target with a tab", get(target=b"/a\tb")),
    Case("no target", b"GET  HTTP/1.1\r\n" + HOST + b"\r\n"),
    Case("HTTP/1.2", b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", (400, 505)),
    Case("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 501, 505)),
    Case("a method of junk", b"G\x00T / HTTP/1.1\r\n" + HOST + b"\r\n", (400, 501)),
    Case("a method that nobody knows", b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", (400, 501)),
    Case("a method in lower case", b"get / HTTP/1.1\r\n" + HOST + b"\r\n", (400, 501)),
    Case("a tunnel", b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n", (400, 501)),
    Case(
        "TLS to a plain port",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 64,
        (400, 501),
    ),
    Case("HTTP/1.0 and a second request", b"GET / HTTP/1.0\r\n\r\n" + SECOND, (200,)),
)
"""Refused by the parser, llhttp, as uvicorn has it."""

GUARDED = (
    Case(
        "an upgrade to a host that is none",
        get(b"Connection: Upgrade", b"Upgrade: h2c", host=b"Host: a b\r\n"),
    ),
    Case("an upgrade and two hosts", get(b"Connection: Upgrade", b"Upgrade: h2c", HOST.strip())),
    Case("a length of a terabyte", post(b"Content-Length: 1099511627776", b"abcd"), (413,)),
    Case(
        "a flood of a chunk extension", post(b"Transfer-Encoding: chunked", b"4;" + b"a" * 200_000)
    ),
    Case(
        "a flood of chunk extensions",
        post(b"Transfer-Encoding: chunked", (b"1;" + b"a" * 64 + b"\r\na\r\n") * 4_000),
    ),
    Case(
        "a flood of trailers",
        post(b"Transfer-Encoding: chunked", b"4\r\nabcd\r\n0\r\n" + b"X-A: b\r\n" * 40_000),
    ),
    Case("gzip, then chunked", post(b"Transfer-Encoding: gzip, chunked", _INNER), (501,)),
    Case(
        "a coding in HTTP/1.0",
        b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + _INNER,
    ),
    Case("two Hosts", get(HOST.strip())),
    Case("two Hosts that differ", get(b"Host: elsewhere")),
    Case("an empty Host", get(host=b"Host: \r\n")),
    Case("a Host with a path", get(host=b"Host: localhost/x\r\n")),
    Case("a Host with a user", get(host=b"Host: me@localhost\r\n")),
    Case("a Host with a blank", get(host=b"Host: local host\r\n")),
    Case("a Host list", get(host=b"Host: a, b\r\n")),
    Case("a Host with a port of letters", get(host=b"Host: localhost:http\r\n")),
    Case("a Host with two ports", get(host=b"Host: localhost:80:80\r\n")),
    Case("a Host of brackets", get(host=b"Host: [::1\r\n")),
    Case("two Authorizations", get(b"Authorization: Basic YTpi", b"Authorization: Basic YTpj")),
    Case("a target of another host", get(target=b"http://elsewhere/")),
    Case("a target of another scheme", get(target=b"ftp://localhost/")),
    Case("a target with a user", get(target=b"http://a@localhost/")),
    Case("a target of an asterisk", get(target=b"*")),
    Case("a target with a fragment", get(target=b"/a#b")),
    Case("HTTP/0.9", b"GET /\r\n\r\n", (400, 505)),
    Case("HTTP/0.9 with its number", b"GET / HTTP/0.9\r\n" + HOST + b"\r\n", (400, 505)),
    Case("HTTP/2.0 in a line", b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", (400, 505)),
    Case("an expectation that nobody knows", post(b"Content-Length: 4\r\nExpect: 200-ok"), (417,)),
    Case(
        "an h2c upgrade that hides a request",
        post(b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4", b"abcd", SECOND),
        (200,),
    ),
    Case(
        "a websocket",
        get(
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: eA==",
        )
        + SECOND,
        (200,),
    ),
    Case("two requests at once", get() + SECOND, (200,)),
    Case(
        "a request in a body that is announced shorter", post(b"Content-Length: 0", SECOND), (200,)
    ),
    Case("junk after a request", get() + b"\x00\x01\x02", (200,)),
    Case("101 headers", get(*(b"X-%d: a" % number for number in range(100))), (431,)),
    Case(
        "headers of 40 KB",
        get(*(b"X-%d: " % number + b"a" * 4_000 for number in range(10))),
        (431,),
    ),
    Case("a target of 10 KB", get(target=b"/" + b"a" * 10_000), (414,)),
    Case("a target of 10 KB in the query", get(target=b"/?" + b"a" * 10_000), (414,)),
)
"""Refused, or ended, by guards of ours: uvicorn alone answers otherwise."""
