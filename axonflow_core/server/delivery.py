"""Whether the client read an answer, as far as its TCP connection tells.

An answer that is handed to the transport may be in the write buffer, in the kernel, on the way, in
the client's receive buffer, or read. The end of the connection tells these apart:

* The client's next request on the connection: it read the answer.
* A reset: it closed with bytes unread (Linux sends RST instead of FIN then), or had closed before.
* An end of its stream (FIN) while bytes of ours are not acknowledged: it closed before they came.
  Whoever closes after reading all acknowledges all with its FIN.
* An end of its stream, and the kernel holds an error: our bytes came after its close. Reading
  reports the FIN that came first, the error (EPIPE) stands in SO_ERROR.
* Any other end: it read the answer.

An answer that ends its connection would hide this, for a socket that is closed reports nothing. So
the connection of a watched answer is closed for writing only, and the client's end awaited
(`Limits.linger_s`). Behind a proxy all of this is about the proxy.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

OnDelivery: TypeAlias = Callable[[bool], None]
"""Called once, on the event loop: True where the client read the answer, as far as is known."""
READ, LOST = True, False
EXTENSION = "axonflow.delivery"
"""The name of a `Delivery` in `scope["extensions"]`."""


class Delivery:
    """What becomes of the answer of the request under way on one connection."""

    __slots__ = ("_callback", "_is_over", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.loop = loop
        """The loop of the connection, where it is known: to ask which one runs is a system call."""
        self._callback: OnDelivery | None = None
        self._is_over = False

    def watch(self, callback: OnDelivery) -> None:
        """Have `callback` called once it is known whether the client read the answer of the request
        under way. To be called before the last piece of the answer is sent. A connection that is
        lost already, or is lost before the whole answer is handed over, counts as not read.
        """
        if self._is_over:
            callback(LOST)
        else:
            self._callback = callback

    @property
    def is_watched(self) -> bool:
        """Whether somebody waits to know."""
        return self._callback is not None

    def settle(self, is_read: bool) -> None:
        """Tell whoever waits."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(is_read)

    def end(self, is_read: bool) -> None:
        """Tell whoever waits, and that the connection is no more."""
        self._is_over = True
        self.settle(is_read)


def has_unread_bytes(transport: asyncio.Transport) -> bool:
    """Whether bytes that were written are not acknowledged by the client's system, or met a closed
    socket. Elsewhere than on Linux only what the transport itself holds is known."""
    if transport.get_write_buffer_size():
        return True
    connected = transport.get_extra_info("socket")
    with suppress(OSError):
        # For systems without the queue below, which on Linux holds what met a closed socket too.
        if connected.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            return True
        if sys.platform == "linux":
            return _unacknowledged(connected.fileno()) > 0
    return False


def _unacknowledged(descriptor: int) -> int:
    """Bytes in the kernel's send queue (SIOCOUTQ): not sent, or sent and not acknowledged."""
    count = bytearray(4)
    fcntl.ioctl(descriptor, termios.TIOCOUTQ, count)
    return int(struct.unpack("i", count)[0])
