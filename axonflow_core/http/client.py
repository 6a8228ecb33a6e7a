"""The HTTP client: requests are sent exactly as they were signed, and every wait has a limit.

Four timers run over a call; the error of a timer that expires names it:

    connect ──┐
    first byte ──────────────┐
    total ───────────────────┼──────────────────────────────┐
              connected      head of the answer   idle idle │ end of the answer
                                                  between reads

aiohttp carries the calls (69 µs of CPU a call where httpx takes above 1,000, measured 2026-11). It
is imported by the first call, so that reading a configuration does not pay for it. No type of it is
visible outside this module, and its exceptions are converted here. Redirects are not followed,
cookies are not kept, bodies are not decompressed, and no header is added but `Host` and
`Content-Length`.
"""

from __future__ import annotations

import asyncio
import io
import os
import socket
import ssl
from collections.abc import Mapping
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import urlsplit
from weakref import WeakSet, ref

from attrs import field, frozen, validators

from axonflow_core.errors import (
    AnswerError,
    AxonFlowError,
    ProviderError,
    ProviderTimeout,
    RequestError,
    TruncatedStream,
    Unavailable,
)

if TYPE_CHECKING:
    import aiohttp

MAX_CONNECTIONS = 512
"""Less than 1,024, the common limit of a process's file descriptors."""
MAX_BODY_BYTES = 32 * 2**20
"""The largest answer that is read. Bedrock's own limit is 25 MB (its service model, 2026-11)."""
KEEP_ALIVE_S = 30.0
"""Seconds that an idle connection is kept for the next call."""
TCP_KEEP_ALIVE_S = 60
"""Seconds between TCP keep-alive probes. NAT gateways and AWS endpoints drop a connection that is
silent for 350 s, and a model may take longer to begin its answer."""
_LARGE_BODY_BYTES = 2**20
"""From this size on aiohttp warns about bytes that it sends in one piece."""
_AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""The headers that aiohttp would add. A header that was not signed is not sent."""


def _seconds(default: float) -> Any:
    """A field of `Timeouts`: seconds above 0."""
    return field(default=default, validator=validators.gt(0))


@frozen(kw_only=True)
class Timeouts:
    """The time limits of a call, in seconds, all above 0. Exceeding one is a `ProviderTimeout`."""

    connect_s: float = _seconds(10.0)
    """To get a connection: waiting for the pool, DNS, TCP and TLS."""
    first_byte_s: float = _seconds(600.0)
    """From the start of the call to the head of the answer. Without streaming that includes the
    whole generation."""
    idle_s: float = _seconds(300.0)
    """Between two reads of an answer."""
    total_s: float = _seconds(3600.0)
    """From the start of the call to the end of the answer."""


@frozen
class Network:
    """How to reach a host: directly with the system's TLS defaults, unless fields are set."""

    proxy_url: str | None = field(default=None, repr=False)
    """The URL of an HTTP proxy, used with CONNECT for https. May contain user and password."""
    tls: ssl.SSLContext | None = None
    """The trusted authorities and the client certificate; None: the system's authorities, and no
    client certificate."""


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
    """Makes HTTP calls. `Transport` is the implementation that uses a network; tests pass their
    own."""

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


class Transport:
    """A pool of connections, opened by the first call and bound to that call's event loop.

    `max_connections` limits the pool: further calls wait, within `Timeouts.connect_s`.
    `max_body_bytes` limits `HttpStream.read_all`, and so `send`.
    """

    def __init__(
        self, *, max_connections: int = MAX_CONNECTIONS, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._max_connections = max_connections
        self._max_body_bytes = max_body_bytes
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._streams: WeakSet[HttpStream] = WeakSet()
        self._is_closed = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return the whole answer, whatever its status.

        Raises `Unavailable` (no connection, or cut in mid-answer), `ProviderTimeout`, `AnswerError`
        (too large, or not HTTP), `ProviderError` (TLS certificate) or `RequestError` (a URL or
        header that HTTP cannot carry; another event loop; a closed transport).
        """
        started = perf_counter()
        async with await self._open(request) as stream:
            first_byte_s = perf_counter() - started
            body = await stream.read_all()
        return HttpResponse(stream.status, stream.headers, body, first_byte_s)

    async def open_stream(self, request: HttpRequest) -> HttpStream:
        """Send a request and return when the head of the answer has arrived, whatever its status.

        The caller closes the stream. Raises what `send` raises.
        """
        stream = await self._open(request)
        self._streams.add(stream)
        return stream

    async def aclose(self) -> None:
        """Abort open streams and close every connection. May be called twice."""
        self._is_closed = True
        for stream in tuple(self._streams):
            await stream.aclose()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _open(self, request: HttpRequest) -> HttpStream:
        """Send the request and wait for the head of the answer, within the first-byte and total
        limits. A redirect is an error, because a signature is valid for one host."""
        loop, timeouts = asyncio.get_running_loop(), request.timeouts
        session = self._session_of(loop)
        ends_at = loop.time() + timeouts.total_s
        try:
            async with asyncio.timeout(min(timeouts.first_byte_s, timeouts.total_s)) as waiting:
                response = await _head_of_answer(session, request)
        except TimeoutError as error:
            if not waiting.expired():
                raise _timeout("connect_s", request) from error
            phase = "total_s" if timeouts.total_s < timeouts.first_byte_s else "first_byte_s"
            raise _timeout(phase, request) from error
        except Exception as error:
            raise _refusal(error, request) from error
        stream = HttpStream(response, request, ends_at, self._max_body_bytes)
        # A redirect would send signed headers to another host.
        if 300 <= stream.status < 400:
            await stream.aclose()
            raise _redirect(stream, request)
        return stream

    def _session_of(self, loop: asyncio.AbstractEventLoop) -> aiohttp.ClientSession:
        """The session of this event loop. `RequestError` on any other loop than that of the first
        call: aiohttp's connections belong to one loop."""
        if self._session is None:
            self._session = self._open_session(loop)
        if self._loop is not loop:
            raise RequestError(
                "this runtime was opened on another event loop",
                hint="open one runtime for each event loop, or use BlockingRuntime from several "
                "threads",
            )
        return self._session

    def _open_session(self, loop: asyncio.AbstractEventLoop) -> aiohttp.ClientSession:
        """A session without cookies, decompression, proxies of the environment, and headers of its
        own."""
        import aiohttp

        if self._is_closed:
            raise RequestError(
                "this runtime is closed",
                hint="make the call inside the runtime's `async with` block; a closed runtime is "
                "not opened again: `Runtime.open()` makes another",
            )
        self._loop = loop
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._max_connections,
                keepalive_timeout=KEEP_ALIVE_S,
                socket_factory=_kept_alive_socket,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_AUTO_HEADERS,
            auto_decompress=False,
            trust_env=False,
        )


async def _head_of_answer(
    session: aiohttp.ClientSession, request: HttpRequest
) -> aiohttp.ClientResponse:
    """The answer when its head has come. A body of 1 MiB or more is given as a file object, which
    aiohttp writes in pieces."""
    import yarl

    body = request.body
    return await session.request(
        request.method,
        yarl.URL(request.url, encoded=True),
        headers=request.headers,
        data=body if len(body) < _LARGE_BODY_BYTES else io.BytesIO(body),
        allow_redirects=False,
        proxy=request.network.proxy_url,
        ssl=request.network.tls or True,
        timeout=_connect_timeout(request.timeouts.connect_s),
    )


@lru_cache(maxsize=64)
def _connect_timeout(connect_s: float) -> aiohttp.ClientTimeout:
    """aiohttp's own limit, for the connection alone. Cached: it is the same for nearly every
    call."""
    import aiohttp

    # aiohttp rounds a timeout above the threshold up to a whole second of the loop's clock.
    return aiohttp.ClientTimeout(connect=connect_s, ceil_threshold=float("inf"))


def _kept_alive_socket(address: Any) -> socket.socket:
    """A TCP socket with keep-alive probes every `TCP_KEEP_ALIVE_S`."""
    family, kind, protocol, *_ = address
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE"):  # Linux and Windows; macOS
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), TCP_KEEP_ALIVE_S)
    return made


class HttpStream:
    """An answer whose body is still arriving: `read` it, or iterate over it. One consumer at a
    time.

    One timer watches the body. It is set again when it fires and not with every read, and it holds
    a weak reference only, so that a stream that is no longer referenced frees its connection.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        request: HttpRequest,
        ends_at: float,
        max_body_bytes: int,
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in response.headers.items()
        }
        self._response = response
        self._request = request
        self._ends_at = ends_at
        self._max_body_bytes = max_body_bytes
        self._size = 0
        self._fault: AxonFlowError | None = None
        self._loop = asyncio.get_running_loop()
        self._reading_since: float | None = None
        self._timer = self._watch()

    async def read(self) -> bytes:
        """The bytes that have arrived since the last read, at least one; `b""` at the end and after
        it.

        Raises `TruncatedStream` where the connection is cut before the end (known by chunked
        encoding or Content-Length), and `ProviderTimeout`.
        """
        if self._fault is not None:
            raise self._fault
        self._reading_since = self._loop.time()
        try:
            data = await self._response.content.readany()
        except Exception as error:
            data = self._rescue(_cut(error, self._request))
        finally:
            self._reading_since = None
        self._size += len(data)
        if not data:
            self._timer.cancel()
        return data

    async def read_all(self) -> bytes:
        """The rest of the body. `AnswerError` where it is larger than the transport's limit,
        `Unavailable` where the connection is cut, `ProviderTimeout`.
        """
        parts = []
        try:
            while data := await self.read():
                parts.append(data)
                self._check_size()
        except TruncatedStream as cut:
            raise Unavailable(cut.message, status=self.status) from cut
        return b"".join(parts)

    async def aclose(self) -> None:
        """Close the connection, which cancels the call, unless the body was read to its end."""
        if self._response.content.at_eof():
            self._timer.cancel()
        else:
            self._break_off(
                TruncatedStream(
                    f"this program closed the stream from {_host(self._request)} before its end",
                    hint="read it inside its `async with` block: `await stream.completion()` reads "
                    "what is left",
                )
            )

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        data = await self.read()
        if not data:
            raise StopAsyncIteration
        return data

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # Response and connection reference each other, so dropping the response alone would close
        # neither. The garbage collector may run in any thread.
        if not self._response.closed and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._response.close)

    def _break_off(self, fault: AxonFlowError) -> None:
        """End the stream with `fault`, which every later read raises, and close the connection."""
        self._timer.cancel()
        self._fault = self._fault or fault
        self._response.close()

    def _rescue(self, cut: TruncatedStream) -> bytes:
        """The bytes that arrived before the connection was cut, which aiohttp keeps although it
        raises. The next read raises `cut`; this one does where there are none.
        """
        if self._fault is not None:
            raise self._fault
        self._break_off(cut)
        data: bytes = self._response.content._read_nowait(-1)
        if not data:
            raise cut
        return data

    def _check_size(self) -> None:
        """`AnswerError` for a body above `max_body_bytes`; the connection is closed, not read to
        its end."""
        if self._size > self._max_body_bytes:
            fault = AnswerError(
                f"the answer of {_host(self._request)} is larger than {self._max_body_bytes} bytes"
            )
            self._break_off(fault)
            raise fault

    def _watch(self) -> asyncio.TimerHandle:
        """The timer that fires at the next moment at which a limit may have expired."""
        since = self._loop.time() if self._reading_since is None else self._reading_since
        rings_at = min(since + self._request.timeouts.idle_s, self._ends_at)
        return self._loop.call_at(rings_at, _ring, ref(self))

    def _check_clocks(self) -> None:
        """End the stream where a limit has expired; else set the timer again."""
        if self._response.content.is_eof():  # all has arrived: only the consumer is slow
            return
        now, idle_s = self._loop.time(), self._request.timeouts.idle_s
        if now >= self._ends_at:
            self._break_off(_timeout("total_s", self._request))
        elif self._reading_since is not None and now >= self._reading_since + idle_s:
            self._break_off(_timeout("idle_s", self._request))
        else:
            self._timer = self._watch()


def _ring(stream: ref[HttpStream]) -> None:
    """The timer's callback. It holds the stream weakly, so that the timer keeps no stream alive."""
    alive = stream()
    if alive is not None:
        alive._check_clocks()


# ── faults: aiohttp's into ours ───────────────────────────────────────────────────────────────────

_OVERDUE = {
    "connect_s": ("did not accept a connection", "connect"),
    "first_byte_s": ("did not begin its answer", "first byte"),
    "idle_s": ("sent no more of its answer", "idle"),
    "total_s": ("did not finish its answer", "total"),
}
"""Limit -> what did not happen in time, and the phase, for the message."""


def _timeout(limit: str, request: HttpRequest) -> ProviderTimeout:
    """The error of a time limit: it names the phase, the seconds and the setting that raises
    them."""
    what, phase = _OVERDUE[limit]
    seconds = getattr(request.timeouts, limit)
    of_call = "`timeout=` of the call, or " if limit == "total_s" else ""
    setting = f"`timeouts: {{{limit}: …}}` in the provider's config"
    return ProviderTimeout(
        f"{_host(request)} {what} within {seconds:g} s ({phase} timeout)",
        hint=f"if that is too short, raise {of_call}{setting}",
    )


def _redirect(stream: HttpStream, request: HttpRequest) -> Unavailable:
    """The error of an answer with a status of 3xx. It is not retryable: the next attempt is
    redirected too."""
    target = urlsplit(stream.headers.get("location", "")).hostname or "nowhere"
    error = Unavailable(
        f"{_host(request)} answered {stream.status}, a redirect to {target}; redirects are not "
        "followed",
        hint="a signed request is valid for one host: set the provider's endpoint to the service "
        "itself",
        status=stream.status,
    )
    error.is_retryable = False
    return error


def _cut(error: Exception, request: HttpRequest) -> TruncatedStream:
    """The error of a body that ended early, with the operating system's reason."""
    reason = getattr(error, "strerror", None) or "its body is incomplete"
    return TruncatedStream(f"the connection to {_host(request)} was cut in mid-answer: {reason}")


def _refusal(error: Exception, request: HttpRequest) -> AxonFlowError:
    """The error for an aiohttp exception before the answer. Quotes the operating system and
    OpenSSL, never the request.
    """
    import aiohttp

    unconnected = _unconnected(error, request)
    if unconnected is not None:
        return unconnected
    host = _host(request)
    match error:
        case aiohttp.ServerDisconnectedError():
            return Unavailable(f"{host} closed the connection without an answer")
        case aiohttp.ClientOSError():
            return Unavailable(
                f"the connection to {host} broke before the answer: {_reason(error)}"
            )
        case aiohttp.ClientResponseError():
            return AnswerError(
                f"{host} did not answer with HTTP", hint="check the endpoint's scheme and port"
            )
        case aiohttp.ClientError() | OSError():
            return Unavailable(f"the call to {host} failed: {type(error).__name__}")
        case ValueError():
            return RequestError(
                f"the call to {host} cannot be written as HTTP: its URL or a header contains a "
                "character that is not allowed",
                hint="check the endpoint, and keys and tokens for a trailing line break",
            )
        case _:
            raise error


def _unconnected(error: Exception, request: HttpRequest) -> AxonFlowError | None:
    """The error where no connection was made, by what failed: certificate, TLS, proxy, DNS, TCP;
    None for any other. The order matters: aiohttp derives the particular from the general.
    """
    import aiohttp

    host = _host(request)
    match error:
        case aiohttp.ClientConnectorCertificateError():
            reason = (
                getattr(error.certificate_error, "verify_message", None)
                or type(error.certificate_error).__name__
            )
            return ProviderError(
                f"the TLS certificate of {host} is not trusted: {reason}",
                hint="if a proxy or a private authority signed it, set SSL_CERT_FILE to that "
                "authority's file",
            )
        case aiohttp.ClientSSLError():
            return Unavailable(f"the TLS handshake with {host} failed: {_reason(error.os_error)}")
        case aiohttp.ClientHttpProxyError():
            return Unavailable(
                f"the proxy {_proxy(request)} refused to connect to {host}: {error.status}",
                hint="check HTTPS_PROXY, the proxy's user and password, and that it allows this "
                "host; NO_PROXY lists hosts to reach without a proxy",
            )
        case aiohttp.ClientProxyConnectionError():
            hint = "check HTTPS_PROXY; NO_PROXY lists hosts to reach without a proxy"
            return Unavailable(
                f"no connection to the proxy {_proxy(request)}: {_reason(error.os_error)}",
                hint=hint,
            )
        case aiohttp.ClientConnectorDNSError():
            hint = (
                "check the region and the endpoint in the provider's config, and this machine's DNS"
            )
            return Unavailable(f"cannot resolve {host}: {_reason(error.os_error)}", hint=hint)
        case aiohttp.ClientConnectorError():
            hint = "check the endpoint, and that no firewall blocks this machine"
            return Unavailable(f"no connection to {host}: {_reason(error.os_error)}", hint=hint)
    return None


def _reason(error: OSError) -> str:
    """OpenSSL's reason, else the operating system's message. (asyncio's own message for a refused
    connection repeats the address instead of the reason.)
    """
    if isinstance(error, ssl.SSLError):
        return error.reason or type(error).__name__
    named = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return named or type(error).__name__


def _host(request: HttpRequest) -> str:
    """Host and port of the URL, without user and password."""
    return urlsplit(request.url).netloc.rpartition("@")[2]


def _proxy(request: HttpRequest) -> str:
    """Host and port of the proxy, without user and password."""
    return urlsplit(request.network.proxy_url or "").netloc.rpartition("@")[2]
