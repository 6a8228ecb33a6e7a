"""Servers and proxies for the client to talk to, on the loop of the test, and what they leave."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from axonflow_core.http.client import HttpRequest, Network, Timeouts

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Answer = Callable[["Peer", asyncio.StreamWriter, int], Awaitable[None]]
"""What is written for a request: the peer, its end of the connection, and the number of the request
on that connection, from 0."""


class Peer:
    """A server that answers every request by one coroutine, and counts."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.connections = self.open_connections = 0
        self.url = ""
        self.writers: list[asyncio.StreamWriter] = []
        self.tasks: list[asyncio.Task[None] | None] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        self.tasks.append(asyncio.current_task())
        self.open_connections += 1
        try:
            with suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
                await self._answer_all(reader, writer)
        finally:
            self.open_connections -= 1
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            body = await reader.readexactly(int(length[1])) if length else b""
            self.requests.append(head + body)
            await self.answer(self, writer, number)
            await writer.drain()
            if writer.is_closing():
                return
            number += 1

    def request(self, network: Network | None = None, **limits: float) -> HttpRequest:
        timeouts = Timeouts(**{"connect_s": 5, "first_byte_s": 5, "total_s": 20, **limits})
        url = self.url + "/secret-path"
        return HttpRequest("POST", url, {}, b"{}", timeouts, network or Network())


def always(*pieces: bytes | float, closes: bool = False) -> Answer:
    """Bytes are written, seconds waited for."""

    async def answer(peer: Peer, writer: asyncio.StreamWriter, number: int) -> None:
        for piece in pieces:
            if isinstance(piece, bytes):
                writer.write(piece)
                await writer.drain()
            else:
                await asyncio.sleep(piece)
        if closes:
            writer.close()

    return answer


def in_turn(*answers: Answer) -> Answer:
    """One after the other on a connection, and the last again and again."""

    async def answer(peer: Peer, writer: asyncio.StreamWriter, number: int) -> None:
        await answers[min(number, len(answers) - 1)](peer, writer, number)

    return answer


async def hang_up(peer: Peer, writer: asyncio.StreamWriter, number: int) -> None:
    writer.close()


async def reset(peer: Peer, writer: asyncio.StreamWriter, number: int) -> None:
    writer.transport.abort()


@asynccontextmanager
async def serving(
    answer: Answer, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Peer]:
    peer = Peer(answer)
    server = await asyncio.start_server(peer.serve, host, 0, ssl=tls, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    shown = f"[{host}]" if ":" in host else "localhost" if tls else host
    peer.url = f"{'https' if tls else 'http'}://{shown}:{port}"
    try:
        yield peer
    finally:
        server.close()
        for task in filter(None, peer.tasks):
            task.cancel()
        await settle()


class Proxy:
    """A proxy for CONNECT. It asks for `password`, if it has one, and answers `reply`."""

    def __init__(self, password: str | None = None, reply: bytes | None = None) -> None:
        self.heads: list[str] = []
        self.url = ""
        self._password = password
        self._reply = reply

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError, ssl.SSLError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            if self._reply is not None:
                writer.write(self._reply)
            elif self._password and f"Basic {self._password}" not in head:
                writer.write(b"HTTP/1.1 407 Who?\r\nContent-Length: 6\r\n\r\nsecret")
            else:
                await self._tunnel(head, reader, writer)
        writer.close()

    async def _tunnel(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        host, _, port = head.split()[1].rpartition(":")
        up_reader, up_writer = await asyncio.open_connection(host.strip("[]"), int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_pipe(reader, up_writer), _pipe(up_reader, writer))
        finally:
            up_writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def proxying(proxy: Proxy, tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    scheme = "https" if tls else "http"
    proxy.url = f"{scheme}://{'localhost' if tls else '127.0.0.1'}:{port}"
    try:
        yield proxy
    finally:
        server.close()
        await settle()


async def settle() -> None:
    """Lets the other end of closed connections end too."""
    for _ in range(20):
        await asyncio.sleep(0.002)
        if len(asyncio.all_tasks()) <= 1:
            return


def open_sockets() -> set[str]:
    """The sockets that this process holds. Those of other tests may be among them, and may be gone
    at any time."""
    links = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own descriptor
            links.add(str(link.readlink()))
    return {link for link in links if link.startswith("socket:")}


@contextmanager
def high_descriptors() -> Iterator[None]:
    """Those up to 1,024 are in use, and `select` takes no higher one."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    used = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while used[-1] < 1024:
            used.append(os.dup(used[0]))
        yield
    finally:
        for one in used:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


class Authority:
    """A certificate for localhost that only those trust who are told to."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("makes its certificate with the openssl command")
        command = (
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
            "-keyout key.pem -out cert.pem -addext subjectAltName=DNS:localhost"
        )
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self.certificate = folder / "cert.pem"
        self.client = ssl.create_default_context(cafile=str(self.certificate))
        self.network = Network(tls=self.client)
