"""`axonflow serve` as a process, in front of Bedrock's emulator in this one, which counts."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import field, frozen
from on_time import GUARD_S, wait_until
from server.served import Client

from axonflow_core.cli.emulate import emulator_of
from axonflow_core.http.local_server import Server
from axonflow_core.keys import Keys, load_keys, make_keys
from axonflow_core.server.auth import client_secret

MODEL = "us.anthropic.claude-sonnet-4-6"


class Counted:
    """An app, and when the calls of a model began and ended there. Answers wait while they may not
    be given."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.began: list[float] = []
        self.ended: list[float] = []
        self.ports: list[tuple[int, int]] = []
        """From which port each call came, and to which."""
        self.may_answer = threading.Event()
        self.may_answer.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/model/"):
            await self._app(scope, receive, send)
            return
        self.ports.append((scope["client"][1], scope["server"][1]))
        self.began.append(time.monotonic())
        try:
            while not self.may_answer.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.01)
            await self._app(scope, receive, send)
        finally:
            self.ended.append(time.monotonic())


@frozen
class Governed:
    """A server that runs."""

    process: subprocess.Popen[str]
    port: int
    folder: Path
    upstream: Counted
    keys: Keys | None = field(repr=False)

    @property
    def workers(self) -> list[int]:
        """The ids of the worker processes."""
        process = self.process.pid
        return [
            int(each)
            for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()
        ]

    def worker_at(self, port: int, peer: int) -> int | None:
        """The worker whose connection from that port to that of a peer is; None where it is no
        worker's, or not yet."""
        ends = {f":{port:04X}", f":{peer:04X}"}
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        sockets = {f"socket:[{row[9]}]" for row in rows if {row[1][8:], row[2][8:]} == ends}
        for worker in self.workers:
            for link in Path(f"/proc/{worker}/fd").iterdir():
                with suppress(FileNotFoundError):
                    if str(link.readlink()) in sockets:
                        return worker
        return None

    @property
    def generation(self) -> int:
        """The oldest generation of the configuration that a worker serves, as far as all have said
        by now."""
        return self._gauge("generation")

    @property
    def serving(self) -> int:
        """How many workers accept connections."""
        return self._gauge("workers")

    def _gauge(self, name: str) -> int:
        with Client(self.port) as client:
            client.get("/metrics", "Connection: close")
            (number,) = re.findall(rb"\naxonflow_%b (\d+)" % name.encode(), client.see().data)
        return int(number)

    def post(self, path: str, body: Mapping[str, Any], **more: Any) -> Client:
        """A connection on which a request was sent."""
        connection = Client(self.port)
        connection.send(self._posted(path, body, **more))
        return connection

    def request(self, query: str, **more: Any) -> bytes:
        """A request of Proxy Mode, as it is sent."""
        return self._posted("/api/request", {"query": query, "user_token": "ann"}, **more)

    def _posted(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        client: str = "acme",
        generation: int = 1,
        host: str = "localhost",
    ) -> bytes:
        data = json.dumps(body).encode()
        lines = [f"Host: {host}", "Connection: close", f"Content-Length: {len(data)}"]
        if self.keys is not None:
            secret = client_secret(self.keys.server[0], client, generation)
            lines.append("Authorization: Bearer " + secret)
        return "\r\n".join([f"POST {path} HTTP/1.1", *lines, "", ""]).encode() + data

    def ask(self, query: str, **more: Any) -> Client:
        return self.post("/api/request", {"query": query, "user_token": "ann"}, **more)

    def records(self, *kinds: str) -> list[dict[str, Any]]:
        """The records of these kinds, in every chain, the oldest first."""
        with sqlite3.connect(self.folder / "audit.db") as database:
            rows = database.execute("SELECT body FROM records ORDER BY row").fetchall()
        database.close()
        bodies = [json.loads(body) for (body,) in rows]
        return [body for body in bodies if body["kind"] in kinds]


def status_of(client: Client) -> int:
    """The status of the answer; 0 where the connection ended without one. Reads all of it."""
    with client:
        data = client.see(40).data
    return int(data[9:12]) if data else 0


def seen(client: Client) -> Any:
    """The JSON of the answer."""
    with client:
        return json.loads(client.see(40).data.partition(b"\r\n\r\n")[2])


def config_text(
    folder: Path,
    *,
    url: str | None = None,
    server: str = "",
    rules: str = "[]",
    generation: int = 1,
) -> str:
    return f"""
version: "1.0"
llm_providers: {{bedrock: {{enabled: true, config: {{region: us-east-1, model: {MODEL}}}}}}}
server:
  clients:
    acme: {{generation: {generation}, roles: [call, gateway]}}
    ops: {{roles: [admin]}}
  {server}
policies: {{rules: {rules}}}
audit: {{url: "{url or f"sqlite:///{folder}/audit.db"}"}}
"""


@contextmanager
def serving(
    folder: Path, *, workers: int = 2, text: str | None = None, delay_s: float = 0.0, **more: Any
) -> Iterator[Governed]:
    """A governed server; a call whose text has `slow` in it is answered after `delay_s`."""
    file = folder / "axonflow.yaml"
    file.write_text(config_text(folder, **more) if text is None else text)
    if text is None:
        make_keys(folder / "keys")
    with (
        emulated(folder, delay_s) as (upstream, environment),
        running(file, workers, upstream, environment) as server,
    ):
        wait_until(lambda: server.serving == workers)
        yield server


@contextmanager
def serving_on_two_machines(
    folder: Path, url: str, *, delay_s: float = 0.0
) -> Iterator[tuple[Governed, Governed]]:
    """Two servers of one worker that have nothing in common but the keys, the configuration and the
    database at `url`."""
    file = folder / "axonflow.yaml"
    file.write_text(config_text(folder, url=url))
    if not (folder / "keys").is_dir():
        make_keys(folder / "keys")
    with (
        emulated(folder, delay_s) as (upstream, environment),
        running(file, 1, upstream, environment) as one,
        running(file, 1, upstream, environment) as other,
    ):
        yield one, other


@contextmanager
def emulated(folder: Path, delay_s: float) -> Iterator[tuple[Counted, Mapping[str, str]]]:
    """The emulator, and the environment of servers that call it."""
    (folder / "script.json").write_text(
        json.dumps({"rules": [{"when": "slow", "delay_s": delay_s, "answer": "at last"}]})
    )
    made = emulator_of("bedrock", folder / "script.json")
    upstream = Counted(made.app)
    with Server(upstream) as server:
        yield upstream, {**os.environ, **made.environment(server.base_url)}


@contextmanager
def running(
    file: Path, workers: int, upstream: Counted, environment: Mapping[str, str]
) -> Iterator[Governed]:
    """A server of that configuration, with the keys beside it where there are any."""
    keys = file.with_name("keys")
    named = {"AXONFLOW_KEYS_DIR": str(keys)} if keys.is_dir() else {}
    with start(file, workers, {**environment, **named}) as process:
        try:
            port = port_of(process)
            known = load_keys(keys, {}) if keys.is_dir() else None
            yield Governed(process, port, file.parent, upstream, known)
        finally:
            stop(process)


def start(file: Path, workers: int, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "axonflow_core.cli", "serve", "--config", str(file)]
    return subprocess.Popen(
        [*command, "--port", "0", "--workers", str(workers)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=environment,
    )


def port_of(process: subprocess.Popen[str]) -> int:
    """The port that the server says it serves."""
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(line)
        if line.startswith("serving http"):
            return int(line.rpartition(":")[2])
    raise AssertionError("".join(told))


def stop(process: subprocess.Popen[str]) -> None:
    """End the server, which says nothing more that anybody reads."""
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=GUARD_S)
    finally:
        process.kill()
