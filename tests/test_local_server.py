"""Serving: the port is known at once, and stopping leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from http.client import HTTPConnection, IncompleteRead
from signal import SIGINT
from typing import Any
from urllib.parse import urlsplit

import pytest
from on_time import GUARD_S, ends_within

from axonflow_core.errors import ConfigError
from axonflow_core.http.local_server import Server

pytestmark = pytest.mark.timely


async def greeting(scope: Any, receive: Any, send: Any) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]}
    )
    await send({"type": "http.response.body", "body": b"hello"})


class EndlessStream:
    """An app that has never said all, and notes how it ended."""

    def __init__(self, *, listens: bool) -> None:
        self.listens = listens
        self.end = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"and ", "more_body": True})
        try:
            await receive()
            while self.listens and (await receive())["type"] != "http.disconnect":
                pass
            await asyncio.sleep(0 if self.listens else 60)
            self.end = "disconnect"
        except asyncio.CancelledError:
            self.end = "cancelled"
            raise


def get(base_url: str) -> bytes:
    connection = HTTPConnection(urlsplit(base_url).netloc, timeout=GUARD_S)
    connection.request("GET", "/")
    data = connection.getresponse().read()
    connection.close()
    return data


def open_stream(base_url: str) -> tuple[HTTPConnection, Any]:
    connection = HTTPConnection(urlsplit(base_url).netloc, timeout=GUARD_S)
    connection.request("GET", "/")
    response = connection.getresponse()
    assert response.read(4) == b"and "
    return connection, response


def test_an_app_is_reachable_as_soon_as_the_block_begins() -> None:
    with Server(greeting) as server:
        assert get(server.base_url) == b"hello"


def test_two_servers_take_two_ports() -> None:
    with Server(greeting) as one, Server(greeting) as other:
        assert one.base_url != other.base_url


def test_the_port_can_be_chosen_and_is_free_again_afterwards() -> None:
    with Server(greeting) as server:
        port = urlsplit(server.base_url).port or 0

    with Server(greeting, port=port) as again:
        assert get(again.base_url) == b"hello"


def test_a_port_that_is_taken_is_an_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(ConfigError, match=rf"on .*:{port}: Address already in use\n"):
            Server(greeting, port=port).__enter__()


def test_stopping_leaves_no_thread_and_no_listener() -> None:
    before = set(threading.enumerate())
    with Server(greeting) as server:
        get(server.base_url)
        assert set(threading.enumerate()) - before

    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        get(server.base_url)


def test_stopping_cuts_an_open_stream_at_once_and_the_client_sees_that_it_is_cut() -> None:
    app = EndlessStream(listens=True)
    with ExitStack() as running:
        connection, response = open_stream(running.enter_context(Server(app)).base_url)
        with ends_within(0.9):
            running.close()

    assert app.end == "disconnect"
    with pytest.raises((IncompleteRead, ConnectionResetError)):
        response.read()
    connection.close()


def test_stopping_is_silent(own_log: pytest.LogCaptureFixture) -> None:
    with Server(EndlessStream(listens=True)) as server:
        connection, _ = open_stream(server.base_url)

    connection.close()
    assert own_log.records == []


def test_an_app_that_does_not_listen_is_cancelled_and_named_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = EndlessStream(listens=False)
    with Server(app) as server:
        connection, _ = open_stream(server.base_url)

    connection.close()
    assert app.end == "cancelled"
    assert "timeout graceful shutdown exceeded" in caplog.text


def test_an_idle_connection_does_not_hold_up_the_stop() -> None:
    with ExitStack() as running:
        port = urlsplit(running.enter_context(Server(greeting)).base_url).port
        idle = socket.create_connection(("127.0.0.1", port or 0))
        with ends_within(0.9):
            running.close()

    idle.close()


def test_in_the_foreground_it_serves_until_it_is_interrupted() -> None:
    program = (
        "from axonflow_core.http.local_server import Server\n"
        "async def app(scope, receive, send): ...\n"
        "try:\n"
        "    with Server(app) as server: print(server.base_url, flush=True); server.wait()\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=-1, stderr=-1, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline().startswith(
            "http://127.0.0.1:"
        )
        process.send_signal(SIGINT)
        output, errors = process.communicate(timeout=GUARD_S)

    assert (output, errors, process.returncode) == ("interrupted\n", "", 0)


def test_importing_it_does_not_import_uvicorn() -> None:
    program = "import axonflow_core.http.local_server, sys; sys.exit('uvicorn' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
