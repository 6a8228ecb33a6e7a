"""The head of a request: what the parser accepts and this server does not. Pure functions.

llhttp refuses most ambiguous framing itself: a Content-Length next to a Transfer-Encoding or
repeated, folded headers, blanks before a colon, bare line feeds. What it accepts and two readers
could read differently, or what has no meaning here, is refused by these functions with `Refused`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .limits import Limits
from .refusals import (
    BAD_HOST,
    BAD_TARGET,
    BODY_TOO_LONG,
    HEADERS_TOO_LONG,
    LENGTH_UNCLEAR,
    NO_HOST,
    REPEATED_HEADER,
    TARGET_TOO_LONG,
    TOO_MANY_HEADERS,
    UNKNOWN_CODING,
    UNKNOWN_EXPECTATION,
    UNKNOWN_HOST,
    Refused,
)

_SINGLE = frozenset(
    (
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"expect",
        b"authorization",
        b"x-api-key",
        b"content-type",
    )
)
"""Headers that stand once: of two, one reader takes the first and another the last."""
_HOST = re.compile(
    rb"([A-Za-z0-9](?:[A-Za-z0-9_.-]{0,254})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
)
_EMPTY = b""


def single_headers(headers: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The headers that may stand once, by name."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _SINGLE:
            if name in found:
                raise Refused(REPEATED_HEADER)
            found[name] = value
    return found


def check_sizes(target: bytes, headers: Sequence[tuple[bytes, bytes]], limits: Limits) -> None:
    """Refuse a target or headers beyond the limits."""
    if len(target) > limits.max_target_bytes:
        raise Refused(TARGET_TOO_LONG)
    if len(headers) > limits.max_headers:
        raise Refused(TOO_MANY_HEADERS)
    size = len(target) + 4 * len(headers)  # a colon, a blank and a line end each
    for name, value in headers:
        size += len(name) + len(value)
    if size > limits.max_head_bytes:
        raise Refused(HEADERS_TOO_LONG)


def check_host(host: bytes | None, *, is_needed: bool, limits: Limits) -> None:
    """Refuse a Host that is missing, no host name, or none of `limits.hosts`. HTTP/1.0, which some
    health checks speak, does not need one."""
    if host is None:
        if is_needed:
            raise Refused(NO_HOST)
        return
    match = _HOST.fullmatch(host)
    if match is None:
        raise Refused(BAD_HOST)
    if limits.hosts is not None and match[1].lower() not in limits.hosts:
        raise Refused(UNKNOWN_HOST)


def check_body(single: dict[bytes, bytes], version: str, limits: Limits) -> bool:
    """Refuse a body whose length is not clear or too long. Returns whether the client waits for
    100 (Continue), which HTTP/1.0 does not know."""
    coding = single.get(b"transfer-encoding")
    if coding is not None:
        if version == "1.0" or b"content-length" in single:
            raise Refused(LENGTH_UNCLEAR)
        if coding.lower() != b"chunked":
            raise Refused(UNKNOWN_CODING)
    length = single.get(b"content-length")
    if length is not None and int(length) > limits.max_body_bytes:
        raise Refused(BODY_TOO_LONG)
    expectation = single.get(b"expect")
    if expectation is None or version == "1.0":
        return False
    if expectation.lower() != b"100-continue":
        raise Refused(UNKNOWN_EXPECTATION)
    return True


def split_target(target: bytes, host: bytes | None) -> tuple[bytes, bytes]:
    """Path and query of a request target, as they were sent."""
    if not target.startswith(b"/"):
        target = _path_of_absolute(target, host)
    if b"#" in target or not target.isascii():
        raise Refused(BAD_TARGET)
    path, _, query = target.partition(b"?")
    return path, query


def _path_of_absolute(target: bytes, host: bytes | None) -> bytes:
    """The path of `http://host/path`, whose host has to be the one of the Host header."""
    scheme, separator, rest = target.partition(b"://")
    if not separator or scheme.lower() not in (b"http", b"https"):
        raise Refused(BAD_TARGET)
    authority, slash, path = rest.partition(b"/")
    if host is None or authority.lower() != host.lower():
        raise Refused(BAD_HOST)
    return slash + path or b"/"
