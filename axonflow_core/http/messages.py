"""What is asked of the HTTP client and what it answers: values, and the protocols of a client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from attrs import field, validators

from axonflow_core.frozen import frozen

if TYPE_CHECKING:
    import ssl

MAX_TIMEOUT_S = 366 * 86400
"""The longest time limit, a year: sockets take no infinity, and no more than 292 of them."""
MAX_CONNECTIONS = 512
"""Less than 1,024, the common limit of a process's file descriptors."""
MAX_BODY_BYTES = 32 * 2**20
"""The largest answer that is read. Bedrock's own limit is 25 MB (its service model, 2026-11)."""


def _seconds(default: float) -> Any:
    """A field of `Timeouts`: seconds above 0, and up to a year."""
    return field(default=default, validator=[validators.gt(0), validators.le(MAX_TIMEOUT_S)])


@frozen(kw_only=True)
class Timeouts:
    """The time limits of a call, in seconds, all above 0 and up to a year. Exceeding one is a
    `ProviderTimeout`."""

    connect_s: float = _seconds(10.0)
    """To open a connection: DNS, TCP, TLS and the proxy. Waiting for a place in a full pool is not
    part of it."""
    first_byte_s: float = _seconds(600.0)
    """From the start of the call to the head of the answer, waiting for a place in the pool
    included. Without streaming that includes the whole generation."""
    idle_s: float = _seconds(300.0)
    """Between two reads of an answer."""
    total_s: float = _seconds(3600.0)
    """From the start of the call to the end of the answer."""


@frozen
class Network:
    """How to reach a host: directly with the system's TLS defaults, unless fields are set."""

    proxy_url: str | None = field(default=None, repr=False)
    """The URL of an http or https proxy, used with CONNECT for https. May contain user and
    password."""
    tls: ssl.SSLContext | None = None
    """The trusted authorities and the client certificate, for the service and for an https proxy;
    None: the system's authorities, and no client certificate."""


@frozen
class HttpRequest:
    """One request. It is sent as it is; nothing is added but missing `Host` and `Content-Length`
    headers."""

    method: str
    """`GET`, `POST`, in upper case."""
    url: str
    """Sent exactly as given: already percent-encoded."""
    headers: Mapping[str, str] = field(repr=False)
    """Sent exactly as given; `Host` and `Content-Length` are added where they are missing."""
    body: bytes = field(default=b"", repr=False)
    """The bytes to send; empty: none."""
    timeouts: Timeouts = Timeouts()
    """The time limits of this call."""
    network: Network = Network()
    """Proxy and TLS of this call."""
    given_s: float | None = None
    """What the call had in all, where `timeouts.total_s` is only what is left of it."""


@frozen
class HttpResponse:
    """A whole answer, of any status."""

    status: int
    """The HTTP status, of any class."""
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    """The whole body, not decompressed."""
    first_byte_s: float
    """Seconds from the start of the call to the head of the answer."""


class ByteStream(Protocol):
    """An answer whose body is still arriving, as `HttpStream` has it."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        ...

    async def read(self) -> bytes:
        """The bytes that have arrived since the last read, at least one; `b""` at the end. Raises
        `TruncatedStream` or `ProviderTimeout`."""
        ...

    async def read_all(self) -> bytes:
        """The rest of the body. Raises `Unavailable` where the connection is cut, `AnswerError`
        where the body is too large, `ProviderTimeout`."""
        ...

    async def aclose(self) -> None:
        """Close the connection, which cancels the call, unless the body was read to its end."""
        ...


class HttpClient(Protocol):
    """Makes HTTP calls. `Transport` and `BlockingTransport` are those that use a network; tests
    pass their own.

    One whose coroutines never suspend has `needs_event_loop = False`, so that blocking callers need
    no second thread.
    """

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return the whole answer, whatever its status. Raises as
        `Transport.send` does."""
        ...

    async def open_stream(self, request: HttpRequest) -> ByteStream:
        """Send a request and return when the head of the answer has arrived, whatever its status.
        The caller closes the stream."""
        ...

    async def aclose(self) -> None:
        """Abort open streams and close every connection. May be called twice."""
        ...
