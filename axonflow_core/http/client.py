"""The HTTP client: requests are sent exactly as they were signed, and every wait has a limit.

Four timers run over a call; the error of a timer that expires names it:

    first byte ──────────────────────────────┐
    total ───────────────────────────────────┼───────────────────────┐
       place in the pool ─┐ connect ─┐       │
                        taken    connected  head of the answer  idle │ end of the answer
                                                          between reads

The modules, from the bytes up. Those above the line do no I/O and know no event loop:

    response_parser   an answer, cut, bounded and checked        request_bytes   a request
    tls               one layer of TLS                           limits          when time is over
    messages          what is asked and answered                 faults          errors in words
    ends              what ends an answer early                  call            a call on its way
    sockets           sizes, times, addresses, options
    ───────────────────────────────────────────────────────────────────────────────────────────────
    connection        one connection on an event loop            dial            how it is opened
    pool              which there are, and who waits             loop_client     calls

A request is sent once. The exception: a connection that answered before and ends before the first
byte of this answer was closed while it rested, so the request is sent again, once, on a new one.
Redirects are not followed, cookies are not kept, bodies are not decompressed, and no header is
added but `Host` and `Content-Length` (and a proxy's password, for the proxy of an http URL).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from .messages import MAX_BODY_BYTES as MAX_BODY_BYTES
from .messages import MAX_CONNECTIONS as MAX_CONNECTIONS
from .messages import ByteStream as ByteStream
from .messages import HttpClient as HttpClient
from .messages import HttpRequest as HttpRequest
from .messages import HttpResponse as HttpResponse
from .messages import Network as Network
from .messages import Timeouts as Timeouts

if TYPE_CHECKING:
    from .loop_client import HttpStream, LoopClient


class Transport:
    """A pool of connections, opened by the first call and bound to that call's event loop.

    `max_connections` limits the pool: further calls wait their turn, within
    `Timeouts.first_byte_s` and `total_s`. `max_body_bytes` limits `HttpStream.read_all`, and so
    `send`.
    """

    def __init__(
        self, *, max_connections: int = MAX_CONNECTIONS, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._max_connections = max_connections
        self._max_body_bytes = max_body_bytes

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return the whole answer, whatever its status.

        Raises `Unavailable` (no connection, or cut in mid-answer), `ProviderTimeout`, `AnswerError`
        (too large, or not HTTP), `ProviderError` (TLS certificate) or `RequestError` (a URL or
        header that HTTP cannot carry; another event loop; a closed transport).
        """
        return await self._client.send(request)

    async def open_stream(self, request: HttpRequest) -> HttpStream:
        """Send a request and return when the head of the answer has arrived, whatever its status.

        The caller closes the stream. Raises what `send` raises.
        """
        return await self._client.open_stream(request)

    async def aclose(self) -> None:
        """Abort open streams and close every connection. May be called twice."""
        await self._client.aclose()

    @cached_property
    def _client(self) -> LoopClient:
        """Imported with the first call: a program without an event loop needs none of it."""
        from .loop_client import LoopClient

        return LoopClient(
            max_connections=self._max_connections, max_body_bytes=self._max_body_bytes
        )
