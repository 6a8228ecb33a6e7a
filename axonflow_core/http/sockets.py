"""What connections of both clients have in common: sizes and times, addresses, options of a
socket.

DNS may take the system any time, and nothing ends a lookup. So each has a thread of its own, for
which neither other lookups nor the end of the program wait; for an event loop's executor both do.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import chain, zip_longest
from typing import Any, TypeAlias

from axonflow_core import waiting

READ_BYTES = 64 * 2**10
"""The most bytes that one read brings."""
KEEP_ALIVE_S = 30.0
"""Seconds that an idle connection is kept for the next call."""
TCP_KEEP_ALIVE_S = 60
"""Seconds between TCP keep-alive probes. NAT gateways and AWS endpoints drop a connection that is
silent for 350 s, and a model may take longer to begin its answer."""
HEAD_START_S = 0.25
"""How long an address is tried alone (RFC 8305, section 8)."""

Address: TypeAlias = tuple[Any, ...]
"""What `getaddrinfo` gives: family, type, protocol, name, address of a socket."""


def lookup(host: str, port: int) -> Future[list[Address]]:
    """The addresses of `host`. One that is an address itself needs no thread and no DNS."""
    find = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    if ":" in host or host[-1:].isdigit():
        found: Future[list[Address]] = Future()
        with suppress(socket.gaierror):
            found.set_result(find(flags=socket.AI_NUMERICHOST))
            return found
    return waiting.in_thread(find)


def alternating(addresses: Sequence[Address]) -> list[Address]:
    """The addresses, of either family in turn, beginning with the system's first choice."""
    first = [address for address in addresses if address[0] == addresses[0][0]]
    others = [address for address in addresses if address[0] != addresses[0][0]]
    pairs = chain.from_iterable(zip_longest(first, others))
    return [address for address in pairs if address is not None]


def set_options(made: socket.socket) -> None:
    """Small writes leave at once, and a silent connection is kept alive."""
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE"):  # Linux and Windows; macOS
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), TCP_KEEP_ALIVE_S)


def arrivals_at(made: socket.socket) -> Callable[[], bool]:
    """A function that tells whether a read would not wait: bytes have arrived, or the end. It is
    not to be called once the socket is closed, for its number may be another one's then."""
    if not hasattr(select, "poll"):  # Windows
        return lambda: bool(select.select([made], [], [], 0)[0])
    poll = select.poll()
    poll.register(made, select.POLLIN)
    return lambda: bool(poll.poll(0))
