"""The drop-in endpoints: streams of OpenAI's dialect through the governed server, in front of a
Converse model, with policies and a durable audit on.

    chat chunk        CPU of the server's processes for each chunk of a stream, against boto3's for
                      each chunk of `converse_stream` in the same rounds: in bursts, a millisecond
                      apart, and of 200 streams at once with 20 chunks a second each, of which every
                      one must come whole
    400 slow readers  resident memory of the server while so many clients do not read the stream
                      that they asked for, against what the issue allows
    LiteLLM's proxy   the CPU of a chunk and of a whole call there, one worker, no database, against
                      ours with policies and audit; only where it is installed
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from . import litellm_proxy
from .callers import MODEL, SETTINGS, boto3s
from .load import Connection, Load, on_connections, under_load
from .rows import Row, cpu_us, row
from .service import CHUNKS, Service, running_service

SECTION = "drop-in endpoints"
ROUNDS = 5
STREAMS, BASE_STREAMS, AT_ONCE = 64, 16, 32
MANY = 200
READERS, READERS_MB = 400, 100.0
QUESTION = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "word " * 250}],
    "stream": True,
}
_END = b"data: [DONE]\n\n"


def measure() -> Iterator[Row]:
    """The rows of the section."""
    os.environ.update(SETTINGS)
    with running_service(with_tls=False) as service, TemporaryDirectory() as folder:
        yield _chunks(service, service.burst_url, Path(folder, "burst"), "burst")
        yield _chunks(service, service.paced_url, Path(folder, "paced"), "paced")
        yield _many(service, Path(folder, "many"))
        yield _slow_readers(service, Path(folder, "readers"))
        if litellm_proxy.is_installed():
            yield from _litellms(service, Path(folder))


def _chunks(service: Service, url: str, folder: Path, name: str) -> Row:
    base = boto3s(url)["stream"]
    with under_load(folder, url, surface="converse") as server:
        read(server, STREAMS, AT_ONCE)  # warm
        theirs, ours = list[float](), list[float]()
        for _ in range(ROUNDS):
            theirs.append(cpu_us(base, BASE_STREAMS, service.answered) / CHUNKS)
            ours.append(_cost(server, partial(read, server, STREAMS, AT_ONCE), STREAMS))
    return row(SECTION, f"chat chunk, {name}", "boto3's chunk", ours, theirs)


def _many(service: Service, folder: Path) -> Row:
    base = boto3s(service.paced_url)["stream"]
    with under_load(folder, service.slow_url, surface="converse") as server:
        read(server, MANY, MANY)
        theirs = [cpu_us(base, BASE_STREAMS, service.answered) / CHUNKS for _ in range(2)]
        ours = [_cost(server, partial(read, server, MANY, MANY), MANY) for _ in range(2)]
    return row(SECTION, f"chat chunk, paced, {MANY} streams", "boto3's chunk", ours, theirs)


def _litellms(service: Service, folder: Path) -> Iterator[Row]:
    """What LiteLLM's proxy takes for a chunk and for a call, with ours as the baseline."""
    theirs, ours = dict[str, list[float]](), dict[str, list[float]]()
    url = service.burst_url
    with (
        litellm_proxy.litellm_under_load(folder / "litellm", url) as proxy,
        under_load(folder / "beside", url, surface="converse") as server,
    ):
        for load in (proxy, server):  # warm
            read(load, STREAMS, AT_ONCE)
            ask(load, STREAMS, AT_ONCE)
        for _ in range(ROUNDS):
            for costs, load in ((theirs, proxy), (ours, server)):
                stream = _cost(load, partial(read, load, STREAMS, AT_ONCE), STREAMS)
                call = _cost(load, partial(ask, load, STREAMS, AT_ONCE), STREAMS) * CHUNKS
                costs.setdefault("chunk", []).append(stream)
                costs.setdefault("call", []).append(call)
    for name in ("chunk", "call"):
        yield row(SECTION, f"LiteLLM's proxy, {name}", f"our {name}", theirs[name], ours[name])


def _cost(server: Load, work: Callable[[], None], streams: int) -> float:
    """Microseconds of the server's CPU for each chunk."""
    before = server.cpu_ns()
    work()
    return (server.cpu_ns() - before) / streams / CHUNKS / 1e3


def _slow_readers(service: Service, folder: Path) -> Row:
    with under_load(folder, service.burst_url, surface="converse") as server:
        read(server, STREAMS, AT_ONCE)
        before = server.resident_mb()
        after = asyncio.run(_unread(server))
    ours = after - before
    return row(SECTION, f"{READERS} slow readers", "allowed", [ours], [READERS_MB], "MB")


async def _unread(server: Load) -> float:
    """The server's resident memory while nobody reads."""
    loop, request = asyncio.get_running_loop(), server.request("/v1/chat/completions", QUESTION)
    transports = []
    for _ in range(READERS):
        made = await loop.create_connection(asyncio.Protocol, "127.0.0.1", server.server.port)
        made[0].pause_reading()
        made[0].write(request)
        transports.append(made[0])
    ends, most = time.monotonic() + 5, 0.0
    while time.monotonic() < ends:
        await asyncio.sleep(0.2)
        most = max(most, server.resident_mb())
    for transport in transports:
        transport.abort()
    return most


# ── the clients ───────────────────────────────────────────────────────────────────────────────────


class Reader(asyncio.Protocol):
    """Reads one stream after the other, and counts what came."""

    def __init__(self) -> None:
        self._tail = b""
        self._count = 0
        self._ended: asyncio.Future[int] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    async def ask(self, request: bytes) -> int:
        """How many events the stream had, its last one among them."""
        self._tail, self._count = b"", 0
        self._ended = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._ended

    def data_received(self, data: bytes) -> None:
        data = self._tail + data
        self._count += data.count(b"data: ", max(0, len(self._tail) - 5))
        self._tail = data[-64:]
        if _END in data and data.endswith(b"0\r\n\r\n") and self._ended is not None:
            self._ended.set_result(self._count)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(0)


def read(server: Load, count: int, connections: int) -> None:
    """So many streams on so many connections. Each must come whole."""
    turns = iter(range(count))

    async def talk(reader: Reader) -> None:
        for turn in turns:
            question = {**QUESTION, "user": f"{turn}"}
            events = await reader.ask(server.request("/v1/chat/completions", question))
            assert events >= CHUNKS, f"a stream of {events} events"

    async def all_of_them() -> None:
        loop, port = asyncio.get_running_loop(), server.server.port
        made = [await loop.create_connection(Reader, "127.0.0.1", port) for _ in range(connections)]
        try:
            await asyncio.gather(*(talk(reader) for _, reader in made))
        finally:
            for transport, _ in made:
                transport.abort()

    asyncio.run(all_of_them())


def ask(server: Load, count: int, connections: int) -> None:
    """So many whole answers on so many connections."""
    turns = iter(range(count))

    async def talk(connection: Connection) -> None:
        for turn in turns:
            question = {**QUESTION, "stream": False, "user": f"{turn}"}
            status, body = await connection.ask(server.request("/v1/chat/completions", question))
            assert status == 200, body

    asyncio.run(on_connections(server.server.port, connections, talk))
