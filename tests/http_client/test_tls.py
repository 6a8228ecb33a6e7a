"""A layer of TLS without a network: what arrives together, in pieces, or not yet."""

from __future__ import annotations

import ssl
from contextlib import suppress

import pytest

from axonflow_core.http.tls import TlsLayer

from .peers import Authority


class Server:
    """The other end of a layer whose handshake is complete."""

    def __init__(self, authority: Authority) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = authority.server.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.layer = TlsLayer(authority.client, "localhost")
        while not self.layer.handshake(self._outgoing.read()):
            self._incoming.write(self.layer.outgoing())
            with suppress(ssl.SSLWantReadError):
                self._object.do_handshake()
        self._incoming.write(self.layer.outgoing())
        self._object.do_handshake()

    def records(self, *pieces: bytes) -> bytes:
        """Each piece as a record of its own."""
        for piece in pieces:
            self._object.write(piece)
        return self._outgoing.read()


@pytest.mark.parametrize("count", range(5))
def test_records_that_arrive_together_are_decrypted_together(
    authority: Authority, count: int
) -> None:
    pieces = [bytes([65 + number]) * 9000 for number in range(count)]
    server = Server(authority)
    assert server.layer.decrypt(server.records(*pieces)) == b"".join(pieces)


def test_a_record_that_is_not_whole_yet_is_waited_for(authority: Authority) -> None:
    server = Server(authority)
    record = server.records(b"hello")
    assert server.layer.decrypt(record[:9]) == b""
    assert server.layer.decrypt(record[9:]) == b"hello"
    assert not server.layer.is_closed
