"""LiteLLM's proxy before the service that ours stands before, where it is installed: the extra
`proxy` of `litellm`, in the environment that runs the benchmarks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from attrs import frozen

from ..governed_server import GovernedServer
from .callers import MODEL
from .load import Load

_START_S = 90
_KEY = "sk-bench"
_CONFIG = """\
model_list:
  - model_name: "{model}"
    litellm_params:
      model: "bedrock/converse/{model}"
      aws_region_name: us-east-1
      aws_bedrock_runtime_endpoint: "{url}"
      aws_access_key_id: AKIABENCH
      aws_secret_access_key: bench
general_settings: {{master_key: {key}}}
litellm_settings: {{telemetry: false}}
"""


def is_installed() -> bool:
    """Whether there is a proxy to compare with."""
    return find_spec("litellm") is not None and find_spec("fastapi") is not None


@frozen
class Proxy(Load):
    """LiteLLM under load: its requests have its key."""

    def request(self, path: str, body: object) -> bytes:
        return (
            super()
            .request(path, body)
            .replace(
                b"Authorization: " + self.server.basic("bench").encode(),
                b"Authorization: Bearer " + _KEY.encode(),
            )
        )


@contextmanager
def litellm_under_load(folder: Path, upstream: str) -> Iterator[Load]:
    """A proxy with one worker."""
    folder.mkdir()
    (folder / "config.yaml").write_text(_CONFIG.format(model=MODEL, url=upstream, key=_KEY))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = (sys.executable, "-m", "litellm.proxy.proxy_cli", "--config", "config.yaml")
    with (folder / "log").open("wb") as log:
        proxy = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"],
            cwd=folder,
            env={**os.environ, "LITELLM_LOG": "ERROR", "LITELLM_TELEMETRY": "False"},
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(port, proxy, folder / "log")
        yield Proxy(_Served(port, proxy.pid, folder, None))
    finally:
        proxy.terminate()
        proxy.wait(60)


@frozen
class _Served(GovernedServer):
    """The proxy where a server of ours is expected."""

    def secret(self, client: str) -> str:
        return _KEY


def _wait_for(port: int, proxy: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + _START_S
    while time.monotonic() < ends:
        assert proxy.poll() is None, log.read_text()[-2_000:]
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"LiteLLM does not listen: {log.read_text()[-2_000:]}")
