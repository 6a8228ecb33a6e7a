"""A request as bytes, and where they go. No I/O.

Nothing is added to what was signed but `Host` and `Content-Length`, where they are missing. What
HTTP cannot carry is a `RequestError` that does not show it: a line break in a header would end the
header and begin another of somebody else's choice.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from axonflow_core.errors import RequestError

_PORTS = {"http": 80, "https": 443}
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose request has a length even where it has no body (RFC 9110, section 8.6)."""
_METHODS = _WITH_BODY | {"GET", "DELETE", "OPTIONS"}
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_ALLOWED = b"\t" + bytes(code for code in range(0x20, 0x100) if code != 0x7F)
"""The bytes of header values (RFC 9110, section 5.5)."""
_PRINTABLE = re.compile(r"[!-~]+")


class Endpoint(NamedTuple):
    """What a URL says: whom to connect to, and what to ask for."""

    scheme: str
    host: str
    """Without brackets, as DNS and TLS want it."""
    port: int
    authority: str
    """Host and port as in the URL, without user and password: for `Host` and for messages."""
    target: str
    """Path and query, exactly as in the URL."""
    origin: str
    """Scheme, host and port: what a connection is for."""
    userinfo: str | None
    """`user:password`, still encoded. A proxy's is sent to it; another URL's is not sent."""


@lru_cache(maxsize=1024)
def endpoint_of(url: str) -> Endpoint:
    """The parts of `url`. `RequestError` for one that HTTP cannot carry."""
    if not _PRINTABLE.fullmatch(url):  # `urlsplit` drops line breaks without a word
        raise unwritable()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise unwritable() from error
    host = parts.hostname
    if parts.scheme not in _PORTS or not host or port == 0:
        raise unwritable()
    target = url.partition("#")[0].partition("://")[2].removeprefix(parts.netloc)
    if not target.startswith("/"):
        target = f"/{target}"
    userinfo, _, authority = parts.netloc.rpartition("@")
    number = _PORTS[parts.scheme] if port is None else port
    origin = f"{parts.scheme}://{host}:{number}"
    return Endpoint(parts.scheme, host, number, authority, target, origin, userinfo or None)


def encode_head(
    method: str, endpoint: Endpoint, headers: Mapping[str, str], size: int, *, target: str
) -> bytes:
    """Request line and headers, with the empty line. `size` is that of the body."""
    has_host, has_length = _given(method, tuple(headers))
    if endpoint.userinfo is not None:
        raise RequestError(
            f"the URL of {endpoint.authority} has a user or password, which is not sent",
            hint="take it out of the endpoint; credentials belong into the provider's settings",
        )
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    if not has_host:
        lines.insert(0, f"Host: {endpoint.authority}\r\n")
    if has_length:
        _check_length(headers, size)
    elif size or method in _WITH_BODY:
        lines.append(f"Content-Length: {size}\r\n")
    return _encoded(f"{method} {target} HTTP/1.1\r\n{''.join(lines)}\r\n", len(lines) + 2)


def _encoded(head: str, lines: int) -> bytes:
    """`head` as UTF-8. What is left of it without the bytes that HTTP allows in a line is the ends
    of its `lines`; a value with a line break in it leaves one more."""
    try:
        data = head.encode()
    except UnicodeEncodeError as error:
        raise unwritable() from error
    if data.translate(None, _ALLOWED) != b"\r\n" * lines:
        raise unwritable()
    return data


@lru_cache(maxsize=512)
def _given(method: str, headers: tuple[str, ...]) -> tuple[bool, bool]:
    """Whether headers of these names have `Host` and `Content-Length`; `RequestError` for what this
    client does not send. A program sends the same few names over and over."""
    if not all(map(_NAME.fullmatch, headers)):
        raise unwritable()
    if method not in _METHODS:
        raise RequestError(f"the HTTP client sends no request with the method {method!r}")
    names = {name.lower() for name in headers}
    if "transfer-encoding" in names:
        raise RequestError("a request is sent with its length; Transfer-Encoding is not supported")
    return "host" in names, "content-length" in names


def _check_length(headers: Mapping[str, str], size: int) -> None:
    """A length that is not the body's would make the next request part of this one."""
    lengths = [value for name, value in headers.items() if name.lower() == "content-length"]
    if lengths != [str(size)]:
        raise RequestError(f"Content-Length is not the length of the body, {size} bytes")


def connect_head(endpoint: Endpoint, proxy: Endpoint) -> bytes:
    """The request for a tunnel through `proxy` to `endpoint`."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    target = f"{host}:{endpoint.port}"
    lines = "".join(f"{name}: {value}\r\n" for name, value in proxy_headers(proxy).items())
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{lines}\r\n".encode()


def proxy_headers(proxy: Endpoint) -> dict[str, str]:
    """What proves to a proxy who asks: its URL's user and password."""
    if proxy.userinfo is None:
        return {}
    userinfo = proxy.userinfo if ":" in proxy.userinfo else f"{proxy.userinfo}:"
    return {"Proxy-Authorization": f"Basic {b64encode(unquote(userinfo).encode()).decode()}"}


def unwritable() -> RequestError:
    """The error for a URL or a header that would not be read as it is meant."""
    return RequestError(
        "the call cannot be written as HTTP: its URL or a header contains a character that is not "
        "allowed",
        hint="check the endpoint, and keys and tokens for a trailing line break",
    )
