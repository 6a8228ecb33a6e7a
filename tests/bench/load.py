"""A server of ours under load: `axonflow serve` as a process, and clients that cost little.

The clients send bytes that were made before, each on a connection of its own, one request after the
other; so what the machine spends beside them is the server's. The server's CPU time is that of all
threads of all its processes, as the kernel counts it, in nanoseconds.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from attrs import frozen

from ..governed_server import GovernedServer, governed_server
from .callers import MODEL, SETTINGS

CLIENT = "bench"
CONFIG = f"""\
version: "1.0"
llm_providers:
  bedrock:
    enabled: true
    config: {{region: us-east-1, model: "{MODEL}", surface: %(surface)s}}
server:
  clients:
    {CLIENT}: {{tenant: bench, roles: [call, gateway, audit]}}
policies:
  rules:
    - {{name: no-aurora, pattern: '(?i)project\\s+aurora', action: block}}
    - {{name: no-quokka, text: quokka, action: redact}}
audit: {{url: "sqlite:///%(folder)s/audit.db"}}
"""


@frozen
class Load:
    """A server under load, and what it costs."""

    server: GovernedServer

    @property
    def pids(self) -> list[int]:
        """The server's processes: itself, and its workers where it has several."""
        pid = self.server.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def cpu_ns(self, *, is_counted: Callable[[int, int], bool] = lambda pid, thread: True) -> int:
        """The CPU time of the threads that are counted; of all."""
        return sum(
            _cpu_ns(thread)
            for pid in self.pids
            for thread in Path(f"/proc/{pid}/task").iterdir()
            if is_counted(pid, int(thread.name))
        )

    def beside_loops_ns(self) -> int:
        """The CPU time of all threads beside the event loops': of the audit's writers."""
        return self.cpu_ns(is_counted=lambda pid, thread: pid != thread)

    def resident_mb(self) -> float:
        """The resident memory of the largest process."""
        return max(map(_resident_mb, self.pids))

    def request(self, path: str, body: object) -> bytes:
        """A request of the client, as bytes; `body` is bytes, or a value to be written as JSON."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: {self.server.basic(CLIENT)}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        return head.encode() + data


@contextmanager
def under_load(
    folder: Path, upstream: str, *, surface: str = "auto", arguments: Sequence[str] = ()
) -> Iterator[Load]:
    """A server in front of the service at `upstream`."""
    config = CONFIG.replace("%(surface)s", surface)
    environment = {**SETTINGS, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": upstream}
    with governed_server(folder, config, environment, arguments=arguments) as server:
        yield Load(server)


def _cpu_ns(thread: Path) -> int:
    try:
        return int((thread / "schedstat").read_text().split()[0])
    except FileNotFoundError:  # it ended
        return 0


def _resident_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


# ── the clients ───────────────────────────────────────────────────────────────────────────────────


class Connection(asyncio.Protocol):
    """One connection of a client, for a user of its own: requests of one user that are the same
    share a call while it is in flight. One request after the other."""

    def __init__(self) -> None:
        self._user = b"\r\nX-User-Token: %s\r\n" % os.urandom(8).hex().encode()
        self._heard = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request.replace(b"\r\n", self._user, 1))
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, end, body = self._heard.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if end and len(body) >= int(length):
            self._heard = b""
            self._settle((int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle((0, b""))

    def _settle(self, answer: tuple[int, bytes]) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


async def connected(port: int) -> Connection:
    """A new connection."""
    made = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return made[1]


async def on_connections(port: int, count: int, talk: Callable[[Connection], Any]) -> list[Any]:
    """What `talk` returns on each of `count` connections, at once."""
    connections = [await connected(port) for _ in range(count)]
    try:
        return await asyncio.gather(*map(talk, connections))
    finally:
        for each in connections:
            each.transport.abort()
