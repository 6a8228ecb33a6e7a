"""Opening a connection: addresses, TCP, a proxy's tunnel, TLS.

    lookup ─► race of addresses ─► [TLS to an https proxy] ─► [CONNECT] ─► [TLS to the service]

Addresses are tried in the manner of Happy Eyeballs (RFC 8305): the families alternate, and the next
is tried when one fails or `HEAD_START_S` passed. Each step converts the errors of its own; time
limits are the caller's, and so is closing a connection that did not come about.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Sequence

from axonflow_core import waiting

from . import faults
from .connection import Connection
from .ends import ConnectionEnded
from .limits import DialStep
from .request_bytes import Endpoint, connect_head
from .response_parser import BadResponse, ResponseParser
from .sockets import HEAD_START_S, Address, alternating, lookup, set_options
from .tls import TlsLayer


async def dial(
    connection: Connection, endpoint: Endpoint, proxy: Endpoint | None, tls: ssl.SSLContext | None
) -> None:
    """Open `connection` to `endpoint`, ready for a request. Raises `Unavailable`, `ProviderError`
    and `AnswerError` in the words of `faults`. `tls` is for https, of service and proxy."""
    hop = proxy or endpoint
    loop = asyncio.get_running_loop()
    made = await _connected(connection, loop, hop, is_proxy=proxy is not None)
    try:
        await loop.create_connection(lambda: connection, sock=made)
    except BaseException:
        made.close()
        raise
    if hop.scheme == "https":
        connection.dialling = DialStep("handshake", hop, proxy is not None)
        await _secured(connection, hop, tls)
    if proxy is not None and endpoint.scheme == "https":
        connection.dialling = DialStep("tunnel", proxy, is_proxy=True)
        await _tunnelled(connection, endpoint, proxy)
        connection.dialling = DialStep("handshake", endpoint)
        await _secured(connection, endpoint, tls)


async def _connected(
    connection: Connection, loop: asyncio.AbstractEventLoop, hop: Endpoint, *, is_proxy: bool
) -> socket.socket:
    connection.dialling = DialStep("lookup", hop, is_proxy)
    try:
        found = lookup(hop.host, hop.port)
        addresses = found.result() if found.done() else await waiting.outcome(found)
    except TimeoutError:
        raise  # the caller's limit, though it is an OSError
    except (OSError, UnicodeError) as error:
        raise (
            faults.proxy_unconnected(hop, error) if is_proxy else faults.unresolved(hop, error)
        ) from error
    connection.dialling = DialStep("connect", hop, is_proxy)
    try:
        return await first_connected(loop, alternating(addresses))
    except OSError as error:
        raise (
            faults.proxy_unconnected(hop, error) if is_proxy else faults.unconnected(hop, error)
        ) from error


async def first_connected(
    loop: asyncio.AbstractEventLoop, addresses: Sequence[Address]
) -> socket.socket:
    """A socket to the first address that answers; the first error where none does."""
    if len(addresses) == 1:
        return await _socket_to(loop, addresses[0])
    tries: list[asyncio.Task[socket.socket]] = []
    try:
        for address in addresses:
            tries.append(loop.create_task(_socket_to(loop, address)))
            is_last = len(tries) == len(addresses)
            winner = await _winner(tries, None if is_last else HEAD_START_S)
            if winner is not None:
                tries.remove(winner)
                return winner.result()
        raise tries[0].exception() or OSError
    finally:
        for lost in tries:
            lost.add_done_callback(let_go)
            lost.cancel()


async def _winner(
    tries: Sequence[asyncio.Task[socket.socket]], patience_s: float | None
) -> asyncio.Task[socket.socket] | None:
    """The try that succeeded. None: no try is left, or the next address is due, which it is when
    one failed or `patience_s` passed."""
    while (winner := _succeeded(tries)) is None:
        pending = [one for one in tries if not one.done()]
        if not pending or (patience_s is not None and len(pending) < len(tries)):
            return None
        done, _ = await asyncio.wait(
            pending, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED
        )
        if not done:
            return None
    return winner


def _succeeded(
    tries: Sequence[asyncio.Task[socket.socket]],
) -> asyncio.Task[socket.socket] | None:
    return next((one for one in tries if one.done() and one.exception() is None), None)


def let_go(lost: asyncio.Task[socket.socket]) -> None:
    """Closes the socket of a try that succeeded too late."""
    if not lost.cancelled() and lost.exception() is None:
        lost.result().close()


async def _socket_to(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    family, kind, protocol, _, where = address
    made = socket.socket(family, kind, protocol)
    try:
        made.settimeout(0)
        set_options(made)
        await loop.sock_connect(made, where)
    except BaseException:
        made.close()
        raise
    return made


async def _secured(connection: Connection, hop: Endpoint, tls: ssl.SSLContext | None) -> None:
    """TLS to `hop`. Not h2, whatever the context offers: this client speaks HTTP/1.1."""
    if tls is None:
        raise ValueError("https without a TLS context")
    layer = await _told(hop, connection.start_tls(tls, hop.host.partition("%")[0]))
    if layer.protocol not in (None, "http/1.1"):
        raise faults.handshake_failed(hop, ValueError("it chose another protocol than HTTP/1.1"))


async def _told(hop: Endpoint, handshake: Awaitable[TlsLayer]) -> TlsLayer:
    """What `handshake` gives, its errors in our words."""
    try:
        return await handshake
    except ssl.SSLCertVerificationError as error:
        raise faults.untrusted(hop, error) from error
    except (ssl.SSLError, ValueError) as error:
        raise faults.handshake_failed(hop, error) from error
    except ConnectionEnded as ended:
        raise faults.handshake_failed(hop, ended.cause) from ended


async def _tunnelled(connection: Connection, endpoint: Endpoint, proxy: Endpoint) -> None:
    """Ask the proxy for a tunnel. A refusal is told by its status alone."""
    connection.write(connect_head(endpoint, proxy))
    parser = ResponseParser()
    parser.begin("CONNECT")
    try:
        while parser.head is None:
            parser.feed(await connection.received())
    except ConnectionEnded as ended:
        raise faults.proxy_left(endpoint, proxy, ended.cause) from ended
    except BadResponse as bad:
        if parser.head is None or parser.head.status // 100 == 2:
            raise faults.proxy_unreadable(proxy, bad) from bad
    if parser.head is not None and parser.head.status // 100 != 2:
        raise faults.proxy_refused(endpoint, proxy, parser.head.status)
