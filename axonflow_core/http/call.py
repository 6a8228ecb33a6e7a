"""What both clients share: one call on its way, and the body of its answer. No I/O, no event loop.

A client adds where it waits: on an event loop (`client`), or in the caller's thread (`blocking`).
"""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Hashable

from axonflow_core.errors import AxonFlowError, ProviderError, TruncatedStream

from . import faults
from .ends import ConnectionEnded
from .limits import Deadlines, LimitExpired
from .messages import HttpRequest
from .request_bytes import encode_head, endpoint_of, proxy_headers
from .response_parser import BadResponse, ResponseHead


class HttpCall:
    """One request with its way, its time and its first bytes. It begins at `started`; `most` is the
    largest body that is collected, None where a stream's consumer takes what comes."""

    __slots__ = ("deadlines", "endpoint", "head", "key", "most", "proxy", "request")

    def __init__(self, request: HttpRequest, most: int | None, started: float) -> None:
        network = request.network
        endpoint = endpoint_of(request.url)
        proxy = endpoint_of(network.proxy_url) if network.proxy_url else None
        headers, target = request.headers, endpoint.target
        if proxy is not None and endpoint.scheme == "http":
            headers = {**headers, **proxy_headers(proxy)}
            target = f"http://{endpoint.authority}{target}"
        self.request = request
        self.endpoint = endpoint
        self.proxy = proxy
        self.head = encode_head(request.method, endpoint, headers, len(request.body), target=target)
        self.key: Hashable = (endpoint.origin, network.proxy_url, network.tls)
        """What a connection is for: only calls of the same key share one."""
        self.deadlines = Deadlines(request.timeouts, started)
        self.most = most

    def error(self, end: Exception, head: ResponseHead | None) -> AxonFlowError:
        """What ended the answer, in words. `head`: what was known of it."""
        error = self._in_words(end, head)
        if head is not None:
            error.answer_headers = head.headers
            if isinstance(error, ProviderError):
                error.status = head.status
        return error

    def _in_words(self, end: Exception, head: ResponseHead | None) -> AxonFlowError:
        endpoint = self.endpoint
        match end:
            case LimitExpired():
                return faults.timeout(end.limit, endpoint, self.request, end.at)
            case BadResponse():
                return faults.refused(endpoint, end, self.most)
            case ConnectionEnded() if head is not None:
                return faults.incomplete(faults.cut(endpoint, end.cause), head.status)
            case ConnectionEnded():
                return faults.unanswered(endpoint, end.cause, has_begun=end.has_begun)
        return faults.closed_in_call(endpoint)

    def stream_error(self, end: Exception) -> AxonFlowError:
        """What ended the body of a stream, in words."""
        match end:
            case LimitExpired():
                return faults.timeout(end.limit, self.endpoint, self.request)
            case BadResponse():
                return faults.refused_in_stream(self.endpoint, end)
            case ConnectionEnded():
                return faults.cut(self.endpoint, end.cause)
        return faults.closed_in_stream(self.endpoint)


class TlsDefaults:
    """The TLS of calls that name none: the system's, loaded by the first of them in 17 ms."""

    def __init__(self) -> None:
        self._context: ssl.SSLContext | None = None

    def of(self, call: HttpCall) -> ssl.SSLContext | None:
        """The TLS of `call`; None where neither service nor proxy needs it."""
        given = call.request.network.tls
        schemes = (call.endpoint.scheme, call.proxy and call.proxy.scheme)
        if given is not None or "https" not in schemes:
            return given
        if self._context is None:
            context = ssl.create_default_context()
            context.set_alpn_protocols(["http/1.1"])
            self._context = context
        return self._context


class BodyStream(ABC):
    """A `ByteStream` over one connection, which a client's stream reads and lets go."""

    def __init__(self, call: HttpCall, head: ResponseHead, max_body_bytes: int) -> None:
        self.status, self.headers = head
        self._endpoint = call.endpoint
        self._max_body_bytes = max_body_bytes
        self._size = 0
        self._fault: AxonFlowError | None = None
        self._is_reading = False

    @abstractmethod
    async def read(self) -> bytes:
        """The bytes that have arrived since the last read, at least one; `b""` at the end and after
        it.

        Raises `TruncatedStream` where the connection is cut before the end (known by chunked
        encoding or Content-Length) or the rest is no HTTP, `ProviderTimeout`, and `RequestError`
        for a second read at the same time, which harms nothing.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connection, which cancels the call, unless the answer has arrived whole."""

    @abstractmethod
    def _let_go(self) -> None:
        """The connection goes back to the pool, once; one whose answer is not whole is closed."""

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
            raise faults.incomplete(cut, self.status) from cut
        return b"".join(parts)

    def _nothing_more(self) -> bytes:
        if self._fault is not None:
            raise self._fault
        return b""

    def _check_size(self) -> None:
        """`AnswerError` for a body above `max_body_bytes`; the connection is closed, not read to
        its end."""
        if self._size > self._max_body_bytes:
            self._fault = faults.too_large(self._endpoint.authority, self._max_body_bytes)
            self._let_go()
            raise self._fault
