"""`axonflow serve` in a process of its own, for tests and benchmarks, and a client of it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from attrs import field, frozen

from axonflow_core.keys import Keys, make_keys
from axonflow_core.server.auth import client_secret

_START_S = 60


@frozen
class Reply:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@frozen
class GovernedServer:
    """A server that runs. Its files are in `folder`: keys, the configuration, log and audit."""

    port: int
    pid: int
    folder: Path
    keys: Keys = field(repr=False)

    @property
    def log(self) -> bytes:
        return (self.folder / "serve.log").read_bytes()

    def secret(self, client: str) -> str:
        return client_secret(self.keys.server[0], client, 1)

    def basic(self, client: str, secret: str | None = None) -> str:
        """The value of `Authorization` that proves a client, or does not."""
        pair = f"{client}:{self.secret(client) if secret is None else secret}"
        return f"Basic {b64encode(pair.encode()).decode()}"

    def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        client: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request on a connection of its own; `body` is bytes, or a value to be written as
        JSON."""
        data = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        sent = {} if client is None else {"Authorization": self.basic(client)}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, data, {**sent, **(headers or {})})
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()


@contextmanager
def governed_server(
    folder: Path,
    config: str,
    environment: Mapping[str, str],
    *,
    arguments: Sequence[str] = (),
) -> Iterator[GovernedServer]:
    """A server with new keys. `config` is its YAML, in which `%(folder)s` stands for the folder;
    to `environment` its keys are added and what a process needs."""
    folder.mkdir(exist_ok=True)
    (folder / "axonflow.yaml").write_text(config % {"folder": folder})
    keys = make_keys(folder / "keys")
    given = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "AXONFLOW_KEYS_DIR": str(folder / "keys"),
        **environment,
    }
    command = [sys.executable, "-m", "axonflow_core.cli", "serve", "--port", "0", *arguments]
    with (folder / "serve.log").open("wb") as log:
        server = subprocess.Popen(command, env=given, cwd=folder, stdout=log, stderr=log)
    try:
        yield GovernedServer(_port_of(server, folder / "serve.log"), server.pid, folder, keys)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def _port_of(server: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the server names once it serves."""
    ends = time.monotonic() + _START_S
    while time.monotonic() < ends:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text()):
            return int(found[1])
        assert server.poll() is None, log.read_text()
        time.sleep(0.02)
    raise AssertionError(f"no server within {_START_S} s: {log.read_text()}")
