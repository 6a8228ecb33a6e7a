"""Requests that are changed at random: one answer at most, a right one, and the server goes on."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from contextlib import suppress

import pytest

from .cases import FRAMING, GUARDED, PARSED, SECOND, get, post
from .served import Client, Echo, plain_uvicorn, serving

SEEDS = (
    get(b"Accept: */*", target=b"/a?b=c") + SECOND,
    post(b"Content-Length: %d" % len(SECOND), SECOND),
    post(b"Transfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(SECOND), SECOND)),
    post(b"Transfer-Encoding: chunked", b"1;a=b\r\n\r\r\n4\r\nabcd\r\n0\r\nX: y\r\n\r\n", SECOND),
    post(b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d" % len(SECOND), SECOND),
    post(b"Expect: 100-continue\r\nContent-Length: 4", b"abcd", SECOND),
    *(case.data for case in (*FRAMING, *PARSED, *GUARDED) if len(case.data) < 2_000),
)
PIECES = (b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"0", b"\x00", b",", b";", b"HTTP/1.1", b"\x80")
PIECES += (b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Upgrade: a\r\n", SECOND)
RIGHT = {100, 200, 400, 413, 414, 417, 431, 501, 505}


def changed(data: bytes, draw: random.Random) -> bytes:
    """`data` with one to three small changes."""
    for _ in range(draw.randint(1, 3)):
        at, length = draw.randrange(len(data) + 1), draw.choice((0, 0, 1, 2, 8))
        piece = draw.choice((b"", draw.choice(PIECES), bytes([draw.randrange(256)])))
        data = data[:at] + piece + data[at + length :]
    return data


def statuses_of(port: int, data: bytes) -> list[int]:
    """What comes back to a client that sends all at once and ends its side."""
    with Client(port) as client, suppress(OSError):
        client.send(data)
        client.socket.shutdown(socket.SHUT_WR)
        return client.see().statuses
    return []


def most_requests(app: Echo, port: int, seeds: Sequence[bytes], count: int) -> int:
    """How many requests the app got on one connection, at most. Asserts that the answers are
    right, and one for each."""
    draw, most = random.Random(12), 0
    for _ in range(count):
        app.requests.clear()
        statuses = statuses_of(port, changed(draw.choice(seeds), draw))
        most = max(most, len(app.requests))
        assert RIGHT.issuperset(statuses)
        assert len([each for each in statuses if each != 100]) <= max(most, 1)
    return most


@pytest.mark.parametrize("count", [150, pytest.param(10_000, marks=pytest.mark.thorough)])
@pytest.mark.parametrize("seeds", [SEEDS, SEEDS[:6]], ids=["all", "with a request inside"])
def test_a_changed_request_gets_one_right_answer_at_most(
    seeds: Sequence[bytes], count: int
) -> None:
    app = Echo()
    with serving(app) as served:
        assert most_requests(app, served.port, seeds, count) == 1
        assert served.state.failed == 0
        with served.connect() as client:
            client.get()
            assert b" 200 OK" in client.read_until(b" bytes")


def test_uvicorn_alone_takes_two_requests_from_one_that_was_changed() -> None:
    app = Echo()
    with plain_uvicorn(app) as port:
        assert most_requests(app, port, SEEDS[:6], 100) > 1
