"""Connections: their times and number, clients that leave, and answers that nobody reads."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from on_time import GUARD_S, ends_within, until_still, wait_until

from .cases import HOST, get, post
from .served import Client, Echo, Served, plain_uvicorn, respond, serving

QUICK = {
    "header_s": 0.15,
    "body_idle_s": 0.15,
    "keep_alive_s": 0.15,
    "unread_s": 0.15,
    "linger_s": 0.15,
}
"""Limits under which a connection is over within a second once it has sent something."""
SILENT = {"silent_s": 0.15}

# ── time ──────────────────────────────────────────────────────────────────────────────────────────

SLOW = {
    "half a request line": (b"GET /a", [408]),
    "half a head": (b"GET / HTTP/1.1\r\nHost: local", [408]),
    "no body": (post(b"Content-Length: 4"), [408]),
    "half a body": (post(b"Content-Length: 4", b"ab"), [408]),
    "half a chunk": (post(b"Transfer-Encoding: chunked", b"4\r\nab"), [408]),
    "no end of chunks": (post(b"Transfer-Encoding: chunked", b"4\r\nabcd\r\n"), [408]),
    "resting": (get(), [200]),
}
"""What a client sends before it falls silent, and the answer."""


def ends(port: int, data: bytes, patience_s: float) -> tuple[list[int], bool]:
    """The answers to a client that falls silent, and whether its connection ends."""
    with Client(port) as client:
        client.send(data)
        seen = client.see(patience_s)
        return seen.statuses, seen.is_closed


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n"], ids=["nothing", "blank lines"])
def test_a_connection_without_a_request_ends_unanswered(data: bytes) -> None:
    with serving(Echo(), **SILENT) as served:
        assert ends(served.port, data, GUARD_S) == ([], True)


def test_a_connection_that_falls_silent_ends() -> None:
    with serving(Echo(), **QUICK) as served, ThreadPoolExecutor(len(SLOW)) as threads:
        seen = {
            name: threads.submit(ends, served.port, data, GUARD_S)
            for name, (data, _) in SLOW.items()
        }
        assert {name: each.result() for name, each in seen.items()} == {
            name: (statuses, True) for name, (_, statuses) in SLOW.items()
        }
        wait_until(lambda: not served.state.connections)


def test_uvicorn_alone_keeps_connections_that_fall_silent() -> None:
    with plain_uvicorn(Echo()) as port, ThreadPoolExecutor(len(SLOW)) as threads:
        seen = [threads.submit(ends, port, data, 0.7) for data, _ in SLOW.values()]
        assert [each.result()[1] for each in seen] == [False] * len(SLOW)


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nHost: ", post(b"Content-Length: 9999")])
def test_a_client_that_drips_has_no_more_time(start: bytes) -> None:
    limits = {**QUICK, "body_idle_s": 9.0, "body_s": 0.4}
    with serving(Echo(), **limits) as served, served.connect() as client:
        client.send(start)
        drip = threading.Thread(target=_drip, args=(client,), daemon=True)
        drip.start()
        seen = client.see()
        drip.join()
    assert (seen.statuses, seen.is_closed) == ([408], True)


def _drip(client: Client) -> None:
    """A byte every 50 ms, until nobody takes it."""
    try:
        while True:
            client.send(b"a")
            time.sleep(0.05)
    except OSError:
        pass


class Slow(Echo):
    """Answers after a while."""

    async def answer(self, scope: Any, receive: Any, send: Any, text: bytes) -> None:
        await asyncio.sleep(0.5)
        await respond(send, text)


def test_an_app_may_take_its_time() -> None:
    with serving(Slow(), **QUICK) as served, served.connect() as client:
        client.get()
        assert client.see().statuses == [200]


class Flood(Echo):
    """Streams for ever, and knows how it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0
        self.is_over = False

    async def answer(self, scope: Any, receive: Any, send: Any, text: bytes) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        watching = asyncio.create_task(receive())
        while not watching.done():
            await send({"type": "http.response.body", "body": b"a" * 16_384, "more_body": True})
            self.sent += 16_384
            await asyncio.sleep(0)
        self.is_over = True

    def wait_until_stalled(self) -> None:
        """All buffers on the way to a client that does not read are full."""
        until_still(lambda: self.sent)


def test_a_client_that_does_not_read_stops_the_stream_and_is_dropped() -> None:
    app = Flood()
    with serving(app, **QUICK) as served, served.connect(receive_buffer=4_096) as client:
        client.get()
        wait_until(lambda: app.is_over)
        assert served.state.refused["unread"] == 1
    assert app.sent < 8_000_000  # the system's own buffers and 64 KiB of ours


class Large(Echo):
    async def answer(self, scope: Any, receive: Any, send: Any, text: bytes) -> None:
        await respond(send, b"a" * 8_000_000)


@pytest.mark.parametrize("more", ["X-A: b", "Connection: close"])
def test_an_answer_that_nobody_reads_does_not_keep_its_connection(more: str) -> None:
    with serving(Large(), **QUICK) as served, served.connect(receive_buffer=4_096) as client:
        client.get("/", more)
        wait_until(lambda: served.state.refused["unread"] == 1)
        wait_until(lambda: not served.state.connections)


@pytest.mark.parametrize("more", ["X-A: b", "Connection: close"])
def test_the_last_bytes_of_an_answer_do_not_keep_a_connection_either(more: str) -> None:
    """Too few to hold up the app, they wait in the server alone."""

    class Small(Echo):
        async def answer(self, scope: Any, receive: Any, send: Any, text: bytes) -> None:
            await respond(send, b"a" * 50_000)

    with serving(Small(), send_buffer=4_096, **QUICK) as served:
        served.connect(receive_buffer=4_096).get("/", more)
        wait_until(lambda: served.state.refused["unread"] == 1)
        wait_until(lambda: not served.state.connections)


def test_a_slow_reader_gets_all() -> None:
    with serving(Large(), **{**QUICK, "unread_s": 5.0}) as served, served.connect() as client:
        client.get("/", "Connection: close")
        time.sleep(0.5)
        assert len(client.see().data) > 8_000_000


# ── number ────────────────────────────────────────────────────────────────────────────────────────


class Held(Echo):
    """Answers `/held` when it is told to, all else at once."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    async def answer(self, scope: Any, receive: Any, send: Any, text: bytes) -> None:
        if scope["path"] == "/held":
            await asyncio.to_thread(self.go_on.wait, GUARD_S)
        await respond(send, text)


def test_requests_beyond_the_limit_are_refused_save_health_checks() -> None:
    app = Held()
    with serving(app, max_in_flight=2, reserve=1) as served:
        held = [served.connect() for _ in range(2)]
        for client in held:
            client.get("/held")
        wait_until(lambda: served.state.in_flight == 2)
        with served.connect() as client:
            client.get("/health?full=1")
            assert b" 200 OK" in client.read_until(b" bytes")
        with served.connect() as client:
            client.get("/api/request")
            seen = client.see()
        app.go_on.set()
        assert [client.read_until(b" bytes")[9:12] for client in held] == [b"200"] * 2
    assert (seen.statuses, seen.is_closed) == ([503], True)
    assert b"\r\nretry-after: 1\r\n" in seen.data
    assert b'{"success":false,"error":"overloaded",' in seen.data
    assert [path for path, _ in app.requests] == ["/held", "/held", "/health"]


def test_a_request_is_shed_before_its_body_is_read() -> None:
    app = Held()
    with serving(app, max_in_flight=1, reserve=0) as served, served.connect() as client:
        served.connect().get("/held")
        wait_until(lambda: served.state.in_flight == 1)
        client.send(post(b"Content-Length: 4000000", b"a" * 100_000))
        assert client.see().statuses == [503]
        app.go_on.set()


def test_connections_beyond_the_limit_are_refused_save_health_checks() -> None:
    with serving(Echo(), max_connections=2, reserve=1) as served:
        resting = [served.connect() for _ in range(2)]
        wait_until(lambda: len(served.state.connections) == 2)
        for path, status in (("/health/live", 200), ("/api/request", 503)):
            with served.connect() as client:
                client.get(path)
                assert client.see().statuses == [status]
            wait_until(lambda: len(served.state.connections) == 2)
        with served.connect(), served.connect() as client:
            assert client.see().statuses == [503]
        for client in resting:
            client.get()
            client.read_until(b" bytes")


def test_a_connection_that_rests_longest_makes_room() -> None:
    with serving(Echo(), max_connections=2, reserve=0) as served:
        resting = [served.connect() for _ in range(2)]
        for client in resting:
            client.get()
            client.read_until(b" bytes")
            time.sleep(0.01)
        with served.connect() as client:
            client.get()
            assert b" 200 OK" in client.read_until(b" bytes")
            assert resting[0].see().is_closed
            assert not resting[1].see(0.1).is_closed


# ── clients that leave ────────────────────────────────────────────────────────────────────────────


class Watching(Echo):
    """Waits for the client to leave."""

    def __init__(self) -> None:
        super().__init__()
        self.is_left = False

    async def answer(self, scope: Any, receive: Any, send: Any, text: bytes) -> None:
        assert (await receive())["type"] == "http.disconnect"
        self.is_left = True


def reset(client: Client) -> None:
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


LEAVING = {
    "close": lambda client: client.socket.close(),
    "half a close": lambda client: client.socket.shutdown(socket.SHUT_WR),
    "reset": reset,
}


@pytest.mark.parametrize("body", [b"abcd", b"a" * 2_000_000], ids=["short", "long"])
@pytest.mark.parametrize("how", LEAVING)
def test_an_app_that_listens_learns_that_its_client_left(how: str, body: bytes) -> None:
    app = Watching()
    with serving(app) as served, served.connect() as client:
        client.send(post(b"Content-Length: %d" % len(body), body))
        wait_until(lambda: app.requests)
        with ends_within(1.0):
            LEAVING[how](client)
            wait_until(lambda: app.is_left)
        wait_until(lambda: not served.state.connections)


def test_a_stream_ends_when_its_client_closes_half_and_does_not_read() -> None:
    app = Flood()
    with serving(app) as served, served.connect(receive_buffer=4_096) as client:
        client.get()
        app.wait_until_stalled()
        client.socket.shutdown(socket.SHUT_WR)
        wait_until(lambda: app.is_over)


def test_uvicorn_alone_does_not_notice_a_client_that_closes_half_and_does_not_read() -> None:
    app = Flood()
    with plain_uvicorn(app) as port, Client(port, receive_buffer=4_096) as client:
        client.get()
        app.wait_until_stalled()
        client.socket.shutdown(socket.SHUT_WR)
        time.sleep(0.5)
        assert not app.is_over


# ── requests one after another ────────────────────────────────────────────────────────────────────


def test_a_request_that_comes_before_the_last_answer_ends_the_connection_after_it() -> None:
    app = Held()
    with serving(app) as served, served.connect() as client:
        client.get("/held")
        wait_until(lambda: app.requests)
        client.get("/second")
        wait_until(lambda: served.state.refused["pipelined"] == 1)
        app.go_on.set()
        seen = client.see()
    assert (seen.statuses, seen.is_closed) == ([200], True)
    assert [path for path, _ in app.requests] == ["/held"]


def test_junk_without_end_while_an_answer_is_made_resets_the_connection() -> None:
    app = Held()
    with serving(app) as served, served.connect() as client:
        client.get("/held")
        wait_until(lambda: app.requests)
        with pytest.raises(OSError):
            while True:
                client.send(b"a" * 65_536)
        assert served.state.refused["surplus"] == 1
        app.go_on.set()


def test_a_request_of_any_length_that_ends_its_connection_may_be_followed_by_junk() -> None:
    app = Held()
    with serving(app) as served, served.connect() as client:
        head = b"POST /held HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2000000"
        client.send(head + b"\r\n\r\n" + b"a" * 2_000_000)
        wait_until(lambda: app.requests)
        client.send(b"\r\n")
        time.sleep(0.3)
        app.go_on.set()
        assert client.see().statuses == [200]


def test_trailers_without_end_are_refused_after_a_long_body() -> None:
    """What a body allows for the framing of its chunks is not for trailers."""
    with serving(Echo()) as served, served.connect() as client:
        client.send(
            post(b"Transfer-Encoding: chunked", b"f4240\r\n" + b"a" * 1_000_000 + b"\r\n0\r\n")
        )
        with suppress(OSError):
            for _ in range(20):
                client.send(b"X-A: " + b"a" * 50_000)
        seen = client.see()
    assert (seen.statuses, seen.is_closed) == ([400], True)


class Early(Echo):
    """Answers before it has the body."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await super().__call__(scope, receive, send)
        else:
            await respond(send, b"0 bytes", 401)


def test_the_rest_of_a_body_that_was_answered_early_is_no_request() -> None:
    with serving(Early()) as served, served.connect() as client:
        client.send(post(b"Content-Length: 8", b"abcd"))
        assert b" 401 " in client.read_until(b"0 bytes")
        client.send(b"efgh")
        client.get("/next")
        assert b" 401 " in client.read_until(b"0 bytes")


def test_a_broken_body_that_was_answered_early_gets_no_second_answer() -> None:
    with serving(Early()) as served, served.connect() as client:
        client.send(post(b"Transfer-Encoding: chunked", b"4\r\nabcd\r\n"))
        client.read_until(b"0 bytes")
        client.send(b"junk\r\n\r\n" + get())
        seen = client.see()
    assert (seen.data, seen.is_closed) == (b"", True)


def test_a_body_beyond_the_limit_ends_in_413_and_the_app_learns_of_it() -> None:
    app = Echo()
    body = b"3e8\r\n" + b"a" * 1_000 + b"\r\n"
    with serving(app, max_body_bytes=100_000) as served, served.connect() as client:
        client.send(post(b"Transfer-Encoding: chunked", body * 101))
        seen = client.see()
        wait_until(lambda: not served.state.tasks)
    assert (seen.statuses, app.requests) == ([413], [])


def test_a_body_that_the_app_does_not_read_waits_in_the_client() -> None:
    class Deaf(Echo):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                await super().__call__(scope, receive, send)
            else:
                await asyncio.sleep(0.5)
                await super().__call__(scope, receive, send)

    patient = {**QUICK, "body_idle_s": 5.0}  # the sender is a thread of this busy process
    with serving(Deaf(), **patient) as served, served.connect() as client:
        client.send(post(b"Content-Length: 4000000"))
        sending = threading.Thread(target=client.send, args=(b"a" * 4_000_000,))
        sending.start()
        assert b" 200 OK" in client.read_until(b"4000000 bytes")
        sending.join()


# ── many ──────────────────────────────────────────────────────────────────────────────────────────


def _answered_once(served: Served) -> Client:
    """A client that was fast enough to ask, and rests."""
    while True:
        client = served.connect()
        with suppress(AssertionError, ConnectionError):
            client.get()
            client.read_until(b" bytes")
            return client


def _crowd(served: Served, size: int) -> list[Client]:
    """Clients that are slow or silent, each in another way."""
    starts = (b"", b"\r\n", b"GET / HT", b"GET / HTTP/1.1\r\n" + HOST, post(b"Content-Length: 9"))
    clients = [served.connect() for _ in range(size)]
    for number, client in enumerate(clients):
        client.send(starts[number % len(starts)])
    return clients


@pytest.mark.parametrize(
    ("size", "limits"),
    [
        (50, {**QUICK, **SILENT, "keep_alive_s": 75.0}),
        pytest.param(500, {}, marks=pytest.mark.thorough),
    ],
)
def test_a_crowd_of_slow_and_silent_connections_is_closed_and_others_are_served(
    size: int, limits: dict[str, float]
) -> None:
    with serving(Echo(), **limits) as served:
        normal, served_meanwhile = _answered_once(served), 0
        with ends_within(10.0):
            crowd = _crowd(served, size)
            while served_meanwhile < 10 or len(served.state.connections) > 1:
                normal.get()
                assert b" 200 OK" in normal.read_until(b" bytes")
                served_meanwhile += 1
                time.sleep(0.02)
        assert [client.see().is_closed for client in crowd] == [True] * size
