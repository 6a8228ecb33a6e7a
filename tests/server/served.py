"""Servers for these tests: a worker of ours in a thread, and uvicorn as it comes for the controls;
and what a client sees of them over a raw socket."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
import uvloop
from attrs import field, frozen
from on_time import GUARD_S

from axonflow_core.server.limits import Limits
from axonflow_core.server.serving import bound_socket
from axonflow_core.server.state import ServerState
from axonflow_core.server.worker import Worker


class Echo:
    """An app that answers with the length of the body, and knows what it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, bytes]] = []
        self.scopes: list[dict[str, Any]] = []
        self.is_closed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        self.requests.append((scope["path"], body))
        self.scopes.append(scope)
        await self.answer(scope, receive, send, b"%d bytes" % len(body))

    async def answer(self, scope: Any, receive: Any, send: Any, text: bytes) -> None:
        """Other apps answer otherwise."""
        await respond(send, text)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.is_closed = True
        await send({"type": "lifespan.shutdown.complete"})


async def respond(send: Any, body: bytes, status: int = 200) -> None:
    length = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": length})
    await send({"type": "http.response.body", "body": body})


@frozen
class Served:
    """A server that runs."""

    port: int
    state: ServerState
    loop: asyncio.AbstractEventLoop = field(repr=False)
    clients: list[Client] = field(factory=list)
    """All that were connected; closed at the end."""

    def connect(self, **options: Any) -> Client:
        client = Client(self.port, **options)
        self.clients.append(client)
        return client

    def soon(self, call: Callable[[], object]) -> None:
        """Run `call` on the server's loop."""
        self.loop.call_soon_threadsafe(call)


@contextmanager
def serving(app: Any, *, send_buffer: int | None = None, **limits: Any) -> Iterator[Served]:
    """Our worker, on uvloop, in a thread."""
    listening = bound_socket("127.0.0.1", 0)
    if send_buffer is not None:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    made: list[Served] = []
    is_up = threading.Event()

    async def run() -> None:
        state = ServerState(
            Limits(**{"drain_s": 0.2, "last_call_s": 0.0, "grace_s": 0.2, **limits})
        )
        worker = Worker(app, state, tick_s=0.02)
        await worker.start([listening])
        port = listening.getsockname()[1]
        made.append(Served(port, state, asyncio.get_running_loop()))
        is_up.set()
        await state.until_stopped()
        await worker.drain()

    thread = threading.Thread(target=lambda: uvloop.run(run()), daemon=True)
    thread.start()
    assert is_up.wait(GUARD_S)
    try:
        yield made[0]
    finally:
        for client in made[0].clients:
            client.socket.close()
        with suppress(RuntimeError):  # it has stopped
            made[0].soon(made[0].state.stop)
        thread.join(GUARD_S)
        assert not thread.is_alive()


@contextmanager
def plain_uvicorn(app: Any) -> Iterator[int]:
    """uvicorn with httptools, as it comes: the port."""
    listening = bound_socket("127.0.0.1", 0)
    config = uvicorn.Config(
        app, http="httptools", loop="uvloop", lifespan="off", log_config=None, log_level="critical"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
    port = listening.getsockname()[1]
    thread.start()
    try:
        yield port
    finally:
        server.force_exit = server.should_exit = True
        thread.join(GUARD_S)


_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


@frozen
class Seen:
    """What came on a connection until it ended or nothing more came."""

    data: bytes
    is_closed: bool

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in _STATUS.findall(self.data)]


class Client:
    """A connection on which anything can be sent."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(GUARD_S)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def get(self, path: str = "/", *more: str) -> None:
        """Send a GET."""
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", *more, "", ""]
        self.send("\r\n".join(lines).encode())

    def read_until(self, end: bytes) -> bytes:
        data = b""
        while not data.endswith(end):
            piece = self.socket.recv(65_536)
            assert piece, f"closed after {data[-100:]!r}"
            data += piece
        return data

    def see(self, seconds: float = GUARD_S) -> Seen:
        """Read until the connection ends, at most so long."""
        data, ends = b"", time.monotonic() + seconds
        while True:
            self.socket.settimeout(max(ends - time.monotonic(), 0.001))
            try:
                piece = self.socket.recv(65_536)
            except TimeoutError:
                return Seen(data, is_closed=False)
            except ConnectionError:
                return Seen(data, is_closed=True)
            if not piece:
                return Seen(data, is_closed=True)
            data += piece
