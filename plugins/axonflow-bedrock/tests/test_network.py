"""The way to Bedrock, side by side with an unmodified boto3: a CONNECT proxy, a private authority, NO_PROXY.

Both clients run in a process of their own with the same environment, against the same emulator behind TLS and behind
the same proxy, and must get there or fail alike.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from axonflow_bedrock.pytest_plugin import RunningEmulator

MODEL = "amazon.titan-text-express-v1"
CLIENTS = {
    "boto3": f"""
import boto3
client = boto3.client("bedrock-runtime")
client.invoke_model(modelId="{MODEL}", body=b'{{"inputText":"User: Hi\\\\nBot:"}}')["body"].read()
""",
    "ours": f"""
from axonflow_core import BlockingRuntime
with BlockingRuntime.open() as runtime:
    runtime.complete("Hi", model="{MODEL}")
""",
}


class Relay:
    """A TCP server in a thread of its own: with a certificate it takes TLS off, without one it is a CONNECT proxy."""

    def __init__(self, target: tuple[str, int] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._target = target
        self._tls = tls
        self.asked: list[str] = []
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            host, port = self._target or await self._connect_target(reader, writer)
            up_reader, up_writer = await asyncio.open_connection(host, port)
            await asyncio.gather(self._pipe(reader, up_writer), self._pipe(up_reader, writer))

    async def _connect_target(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int]:
        line = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[0]
        self.asked.append(line)
        host, _, port = line.split()[1].rpartition(":")
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return host, int(port)

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    @contextmanager
    def running(self) -> Iterator[Relay]:
        started, loop = threading.Event(), asyncio.new_event_loop()

        async def live() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
            self.port = server.sockets[0].getsockname()[1]
            self._stop = asyncio.Event()
            started.set()
            await self._stop.wait()
            server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

        thread = threading.Thread(target=lambda: loop.run_until_complete(live()))
        thread.start()
        started.wait(5)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(self._stop.set)
            thread.join()
            loop.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a certificate for localhost that nobody in the world trusts."""
    folder = tmp_path_factory.mktemp("authority")
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with the openssl command")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=DNS:localhost"], cwd=folder, check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def https_port(authority: Path, bedrock_emulator: RunningEmulator) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    behind = urlsplit(bedrock_emulator.base_url)
    with Relay((str(behind.hostname), int(behind.port or 0)), context).running() as relay:
        yield relay.port


@pytest.fixture
def proxy() -> Iterator[Relay]:
    with Relay().running() as relay:
        yield relay


@pytest.fixture
def environment(bedrock_emulator: RunningEmulator, https_port: int, authority: Path) -> dict[str, str]:
    """Nothing but what a test says: the emulator behind TLS, and the authority that signed for it."""
    ours = dict(bedrock_emulator.environment)
    ours["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = f"https://localhost:{https_port}"
    return {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        **ours,
        "HOME": str(authority),
        "AWS_CA_BUNDLE": str(authority / "cert.pem"),
        "AWS_MAX_ATTEMPTS": "1",
    }


def run(client: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", CLIENTS[client]], env=dict(environment), capture_output=True)


def outcomes(environment: Mapping[str, str]) -> dict[str, bool]:
    return {client: run(client, environment).returncode == 0 for client in CLIENTS}


def test_a_private_authority_is_trusted_as_boto3_trusts_it(environment: dict[str, str]) -> None:
    assert outcomes(environment) == {"boto3": True, "ours": True}


def test_without_the_authority_neither_gets_there(environment: dict[str, str]) -> None:
    del environment["AWS_CA_BUNDLE"]
    assert outcomes(environment) == {"boto3": False, "ours": False}
    assert b"not trusted" in run("ours", environment).stderr


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_both_go_through_the_proxy(environment: dict[str, str], proxy: Relay, https_port: int, name: str) -> None:
    proxied = {**environment, name: f"http://user:word@127.0.0.1:{proxy.port}"}
    assert outcomes(proxied) == {"boto3": True, "ours": True}
    assert [line.split()[:2] for line in proxy.asked] == [["CONNECT", f"localhost:{https_port}"]] * 2


def test_both_leave_the_proxy_aside_where_no_proxy_says_so(environment: dict[str, str], proxy: Relay) -> None:
    proxied = {**environment, "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}", "NO_PROXY": "localhost"}
    assert outcomes(proxied) == {"boto3": True, "ours": True}
    assert proxy.asked == []


def test_a_proxy_that_is_not_there_is_named_without_its_password(environment: dict[str, str]) -> None:
    ran = run("ours", {**environment, "HTTPS_PROXY": "http://user:word@127.0.0.1:1"})
    assert b"no connection to the proxy 127.0.0.1:1" in ran.stderr
    assert b"user:word" not in ran.stderr


def test_an_authority_that_is_no_file_is_a_fault_of_the_configuration(environment: dict[str, str]) -> None:
    ran = run("ours", {**environment, "AWS_CA_BUNDLE": "/nowhere.pem"})
    assert b"ConfigError" in ran.stderr and b"/nowhere.pem" in ran.stderr
