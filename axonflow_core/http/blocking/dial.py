"""Opening a connection as `http.dial` does, in the caller's thread: several addresses at once, one
poll over their sockets."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import ssl
from collections import deque
from collections.abc import Sequence
from math import inf
from typing import cast

from axonflow_core.waiting import now

from .. import faults
from ..ends import ConnectionEnded
from ..limits import DialStep, LimitExpired, Until
from ..request_bytes import Endpoint, connect_head
from ..response_parser import BadResponse, ResponseParser
from ..sockets import HEAD_START_S, Address, alternating, lookup, set_options
from .connection import Connection


def dial(
    connection: Connection,
    endpoint: Endpoint,
    proxy: Endpoint | None,
    tls: ssl.SSLContext | None,
    until: Until,
) -> None:
    """As `dial.dial`, within `until`."""
    hop, is_proxy = proxy or endpoint, proxy is not None
    connection.dialling = DialStep("lookup", hop, is_proxy)
    addresses = _resolved(hop, proxy, until)
    connection.dialling = DialStep("connect", hop, is_proxy)
    try:
        _connect(connection, addresses, until)
    except OSError as error:
        unconnected = faults.proxy_unconnected if proxy else faults.unconnected
        raise unconnected(hop, error) from error
    if hop.scheme == "https":
        connection.dialling = DialStep("handshake", hop, is_proxy)
        _secure(connection, hop, tls, until)
    if proxy is not None and endpoint.scheme == "https":
        connection.dialling = DialStep("tunnel", proxy, is_proxy=True)
        _tunnel(connection, endpoint, proxy, until)
        connection.dialling = DialStep("handshake", endpoint)
        _secure(connection, endpoint, tls, until)


def _resolved(hop: Endpoint, proxy: Endpoint | None, until: Until) -> list[Address]:
    ends_at, limit = until
    try:
        return alternating(lookup(hop.host, hop.port).result(max(ends_at - now(), 0.0)))
    except TimeoutError:
        raise LimitExpired(limit) from None
    except (OSError, UnicodeError) as error:
        unresolved = faults.proxy_unconnected if proxy else faults.unresolved
        raise unresolved(hop, error) from error


def _connect(connection: Connection, addresses: Sequence[Address], until: Until) -> None:
    """Connect to the first address that answers; the first error where none does."""
    ends_at, limit = until
    left, tries = deque(addresses), set[socket.socket]()
    first_error: OSError | None = None
    with selectors.DefaultSelector() as selector:
        try:
            while left or tries:
                if left:
                    error = _begin(left.popleft(), tries, selector)
                    first_error = first_error or error
                patience_s = HEAD_START_S if left else inf
                wait_s = max(min(ends_at - now(), patience_s), 0.0)
                for key, _ in selector.select(wait_s if tries else 0.0):
                    made = cast(socket.socket, key.fileobj)
                    selector.unregister(made)
                    code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if not code:
                        connection.sock = made
                        tries.discard(made)
                        return
                    tries.discard(made)
                    made.close()
                    first_error = first_error or OSError(code, os.strerror(code))
                if now() >= ends_at:
                    raise LimitExpired(limit)
            raise first_error or OSError()
        finally:
            for made in tries:
                if made is not connection.sock:
                    made.close()


def _begin(
    address: Address, tries: set[socket.socket], selector: selectors.BaseSelector
) -> OSError | None:
    """Begin to connect to `address`. Returns the error of one that fails at once."""
    family, kind, protocol, _, where = address
    try:
        made = socket.socket(family, kind, protocol)
        tries.add(made)
        made.settimeout(0)
        set_options(made)
        code = made.connect_ex(where)
        if code not in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
            raise OSError(code, os.strerror(code))
        selector.register(made, selectors.EVENT_WRITE)
    except OSError as error:
        return error
    return None


def _secure(
    connection: Connection, hop: Endpoint, tls: ssl.SSLContext | None, until: Until
) -> None:
    """TLS to `hop`. Not h2, whatever the context offers: this client speaks HTTP/1.1."""
    if tls is None:
        raise ValueError("https without a TLS context")
    try:
        layer = connection.start_tls(tls, hop.host.partition("%")[0], until)
    except ssl.SSLCertVerificationError as error:
        raise faults.untrusted(hop, error) from error
    except (ssl.SSLError, ValueError) as error:
        raise faults.handshake_failed(hop, error) from error
    except ConnectionEnded as ended:
        raise faults.handshake_failed(hop, ended.cause) from ended
    if layer.protocol not in (None, "http/1.1"):
        raise faults.handshake_failed(hop, ValueError("it chose another protocol than HTTP/1.1"))


def _tunnel(connection: Connection, endpoint: Endpoint, proxy: Endpoint, until: Until) -> None:
    """Ask the proxy for a tunnel. A refusal is told by its status alone."""
    parser = ResponseParser()
    parser.begin("CONNECT")
    try:
        connection.write(connect_head(endpoint, proxy), until)
        while parser.head is None:
            data = connection.received(until)
            if not data:
                raise ConnectionEnded
            parser.feed(data)
    except ConnectionEnded as ended:
        raise faults.proxy_left(endpoint, proxy, ended.cause) from ended
    except BadResponse as bad:
        if parser.head is None or parser.head.status // 100 == 2:
            raise faults.proxy_unreadable(proxy, bad) from bad
    if parser.head is not None and parser.head.status // 100 != 2:
        raise faults.proxy_refused(endpoint, proxy, parser.head.status)
