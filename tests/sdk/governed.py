"""A governed server in a process of its own, over an emulator in this one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson

from axonflow_core.keys import load_keys, make_keys
from axonflow_core.server.auth import client_secret

MODEL = "us.anthropic.claude-sonnet-4-20250514-v1:0"
BUDGET_S = 1.5
"""The time that the server gives a call."""
SCRIPT = (
    {"when": "weather", "answer": "It rains."},
    {"when": "who", "answer": "Ann, badge-17, sits next door."},
    {"when": "plan", "answer": "It is project Aurora."},
    {"when": "patience", "delay_s": 30},
    {"when": "busy", "error": {"code": "ThrottlingException", "message": "Too many requests."}},
)
CLIENTS: Mapping[str, Mapping[str, Any]] = {
    "acme": {"tenant": "acme", "roles": ["call", "gateway", "audit"]},
    "other": {"tenant": "other", "roles": ["call", "gateway", "audit"]},
    "owner": {"tenant": "owned", "roles": ["call", "gateway", "audit", "admin"]},
    "reader": {"tenant": "acme", "roles": ["audit"]},
    "planner": {"tenant": "plans", "roles": ["call", "plans"]},
    "haiku": {"roles": ["call"], "models": ["anthropic.claude-3-haiku-*"]},
}
_PATIENCE_S = 60


class Governed:
    """A server that runs."""

    def __init__(self, url: str, secrets: Mapping[str, str], emulator: Any, stack: ExitStack):
        self.url = url
        self.emulator = emulator
        """The emulator of Bedrock behind it."""
        self._secrets = secrets
        self._emulation = stack

    def options(self, client: str = "acme", **more: Any) -> dict[str, Any]:
        """How the SDK's client is made for one of the server's clients."""
        return {
            "endpoint": self.url,
            "client_id": client,
            "client_secret": self._secrets[client],
            "cache_enabled": False,
            **more,
        }

    def stop_emulator(self) -> None:
        """The provider is gone: its port refuses connections."""
        self._emulation.close()

    @property
    def calls(self) -> int:
        """How often the emulator was called."""
        return len(self.emulator.calls)


@contextmanager
def governed(
    folder: Path,
    script: Any,
    *,
    workers: int = 1,
    more: Mapping[str, Any] | None = None,
    **server: Any,
) -> Iterator[Governed]:
    """`axonflow serve` over an emulator with this script, with these settings of the section
    `server`, and `more` sections."""
    make_keys(folder / "keys")
    server_key = load_keys(folder / "keys", {}).server[0]
    secrets = {id: client_secret(server_key, id, 1) for id in CLIENTS}
    config = _written(folder, server, more or {})
    with served(folder, config, script, workers) as (url, running, emulation):
        yield Governed(url, secrets, running, emulation)


@contextmanager
def served(
    folder: Path, config: Path, script: Any = (), workers: int = 1
) -> Iterator[tuple[str, Any, ExitStack]]:
    """`axonflow serve` of a configuration, with the keys in `folder`: its URL, its emulator, and
    what ends that."""
    from axonflow_bedrock.emulator import emulator
    from axonflow_bedrock.serving import serving

    with ExitStack() as emulation:
        running = emulation.enter_context(serving(emulator(script=list(script))))
        keys = {"AXONFLOW_KEYS_DIR": str(folder / "keys")}
        environment = {**_plain_environment(), **running.environment, **keys}
        with _process(config, environment, folder, workers) as url:
            yield url, running, emulation


def _written(folder: Path, server: Mapping[str, Any], more: Mapping[str, Any]) -> Path:
    """The configuration, as JSON, which is YAML too."""
    path = folder / "axonflow.yaml"
    bedrock = {"enabled": True, "config": {"region": "us-east-1", "model": MODEL}}
    rules = [
        {"name": "no-aurora", "pattern": r"(?i)project\s+aurora", "action": "block"},
        {"name": "badge", "pattern": r"badge-\d+", "action": "redact"},
        {"name": "transfer", "text": "wire transfer", "action": "require_approval"},
    ]
    content = {
        "version": "1.0",
        "llm_providers": {"bedrock": bedrock},
        "server": {"clients": CLIENTS, "call_timeout_s": BUDGET_S, **server},
        "policies": {"rules": rules},
        "audit": {"url": f"sqlite:///{folder}/audit.db"},
        **more,
    }
    path.write_bytes(orjson.dumps(content))
    return path


def _plain_environment() -> dict[str, str]:
    """This process's, without accounts and proxies."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "AXONFLOW_", "BEDROCK_")) and "proxy" not in name.lower()
    }


@contextmanager
def _process(
    config: Path, environment: Mapping[str, str], folder: Path, workers: int
) -> Iterator[str]:
    """The server's process. Its base URL is the last word of the line that says it serves."""
    log = folder / "server.log"
    command = [sys.executable, "-m", "axonflow_core.cli", "serve", "--config", str(config)]
    command += ["--port", "0", "--workers", str(workers)]
    with (
        log.open("wb") as written,
        subprocess.Popen(command, env=environment, stderr=written, cwd=folder) as process,
    ):
        try:
            yield _announced(process, log)
        finally:
            process.terminate()


def _announced(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < until:
        for line in log.read_text().splitlines():
            if "serving http" in line:
                return line.split()[-1]
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")
