"""Whether a client read its answer, told by what its connection does next, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from on_time import GUARD_S, wait_until

from axonflow_core.server.delivery import EXTENSION

from .served import Client, Echo, Served, respond, serving


class Watched(Echo):
    """Notes whether its answers are read. It answers when told to, and hears no disconnect."""

    def __init__(self, size: int = 1_000) -> None:
        super().__init__()
        self.size = size
        self.go_on = threading.Event()
        self.go_on.set()
        self.read: list[bool] = []

    async def answer(self, scope: Any, receive: Any, send: Any, text: bytes) -> None:
        await asyncio.to_thread(self.go_on.wait, GUARD_S)
        scope["extensions"][EXTENSION].watch(self.read.append)
        await respond(send, b"a" * self.size)


def has_arrived(client: Client, size: int = 1) -> None:
    """The answer is in the client's receive buffer, unread."""
    wait_until(lambda: len(client.socket.recv(1 << 20, 2)) >= size)  # MSG_PEEK


def reads_and_closes(client: Client, app: Watched) -> None:
    client.get()
    client.read_until(b"aaaa")
    client.socket.close()


def reads_and_asks_again(client: Client, app: Watched) -> None:
    client.get()
    client.read_until(b"aaaa")
    client.get()
    wait_until(lambda: len(app.requests) == 2)


def reads_an_answer_that_ends_the_connection(client: Client, app: Watched) -> None:
    client.get("/", "Connection: close")
    client.see()
    client.socket.close()


def closes_with_the_answer_unread(client: Client, app: Watched) -> None:
    client.get()
    has_arrived(client)
    client.socket.close()


def closes_with_half_of_it_read(client: Client, app: Watched) -> None:
    client.get()
    has_arrived(client, 1_000)
    client.socket.recv(500)
    client.socket.close()


def closes_an_ending_connection_unread(client: Client, app: Watched) -> None:
    client.get("/", "Connection: close")
    has_arrived(client)
    client.socket.close()


def closes_before_the_answer(client: Client, app: Watched) -> None:
    app.go_on.clear()
    client.get()
    wait_until(lambda: app.requests)
    client.socket.close()
    time.sleep(0.05)
    app.go_on.set()


READ = [reads_and_closes, reads_and_asks_again, reads_an_answer_that_ends_the_connection]
LOST = [
    closes_with_the_answer_unread,
    closes_with_half_of_it_read,
    closes_an_ending_connection_unread,
    closes_before_the_answer,
]


@pytest.mark.parametrize("client_does", [*READ, *LOST], ids=lambda each: each.__name__)
def test_the_app_learns_once_whether_its_answer_was_read(
    client_does: Callable[[Client, Watched], None],
) -> None:
    app = Watched()
    with serving(app) as served, served.connect() as client:
        client_does(client, app)
        wait_until(lambda: app.read)
        time.sleep(0.05)
        assert app.read[0] is (client_does in READ)
    assert len(app.read) == (2 if client_does is reads_and_asks_again else 1)


def test_a_close_that_crosses_the_answer_is_noticed() -> None:
    """The client's end (FIN) waits in the server's socket when the answer is written; the reset
    comes after. Reading reports the end alone."""

    class Busy(Watched):
        async def answer(self, scope: Any, receive: Any, send: Any, text: bytes) -> None:
            scope["extensions"][EXTENSION].watch(self.read.append)
            time.sleep(0.3)  # noqa: ASYNC251 - the loop is busy while the client closes
            await respond(send, text)

    app = Busy()
    with serving(app) as served, served.connect() as client:
        client.get()
        wait_until(lambda: app.requests)
        client.socket.close()
        wait_until(lambda: app.read)
    assert app.read == [False]


def test_an_answer_larger_than_all_buffers_is_lost_where_the_client_leaves() -> None:
    app = Watched(size=20_000_000)
    with serving(app) as served, served.connect() as client:
        client.get()
        has_arrived(client)
        client.socket.close()
        wait_until(lambda: app.read)
    assert app.read == [False]


def test_an_answer_that_the_clients_system_did_not_take_whole_was_not_read() -> None:
    """Its window is full and it ends its side: the rest waits in the kernel, not in the server."""
    app = Watched(size=300_000)
    with serving(app) as served, served.connect(receive_buffer=4_096) as client:
        client.get()
        has_arrived(client)
        time.sleep(0.1)
        client.socket.shutdown(socket.SHUT_WR)
        wait_until(lambda: app.read)
    assert app.read == [False]


def _resting(served: Served) -> Client:
    client = served.connect()
    client.get()
    client.read_until(b"aaaa")
    return client


def test_an_answer_on_a_connection_that_rests_until_its_time_is_over_was_read() -> None:
    app = Watched()
    with serving(app, keep_alive_s=0.2) as served:
        _resting(served)
        wait_until(lambda: app.read)
    assert app.read == [True]


def test_an_answer_before_a_drain_was_read() -> None:
    app = Watched()
    with serving(app) as served:
        _resting(served)
        served.soon(served.state.stop)
        wait_until(lambda: app.read)
    assert app.read == [True]


def test_a_client_that_keeps_an_ending_connection_open_has_read() -> None:
    app = Watched()
    with serving(app, linger_s=0.2) as served, served.connect() as client:
        client.get("/", "Connection: close")
        client.see()
        wait_until(lambda: app.read)
    assert app.read == [True]
