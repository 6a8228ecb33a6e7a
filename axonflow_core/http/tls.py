"""One layer of TLS between a connection and its bytes. No I/O.

`ssl.SSLObject` over two memory buffers, so that a layer can lie over another (an https proxy, and
an https service behind it), on any event loop and without one, and buffers no more than one read.
"""

from __future__ import annotations

import ssl

_READ_BYTES = 64 * 2**10


class TlsLayer:
    """The client's side. `ssl.SSLError` where the other side breaks TLS or is not trusted."""

    def __init__(self, context: ssl.SSLContext, hostname: str) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        self.is_closed = False
        """The other side said that it sends no more."""

    def handshake(self, data: bytes) -> bool:
        """Go on with what has arrived. Whether the handshake is complete; `outgoing` is sent in
        any case."""
        self._incoming.write(data)
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    @property
    def protocol(self) -> str | None:
        """What ALPN chose; None: nothing."""
        return self._object.selected_alpn_protocol()

    def decrypt(self, data: bytes | memoryview) -> bytes:
        """The plain bytes that `data` completes; `b""`: none yet."""
        self._incoming.write(data)
        pieces = []
        try:
            while piece := self._object.read(_READ_BYTES):
                pieces.append(piece)
            self.is_closed = True
        except ssl.SSLWantReadError:
            pass
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def encrypt(self, data: bytes) -> bytes:
        """What to send for `data`."""
        self._object.write(data)
        return self._outgoing.read()

    def outgoing(self) -> bytes:
        """What TLS itself has to send: handshakes, alerts, new keys."""
        return self._outgoing.read() if self._outgoing.pending else b""
