"""The way to Bedrock, side by side with an unmodified boto3: a CONNECT proxy, a private authority,
NO_PROXY, and a server that wants a certificate of its client.

Both clients run in a process of their own with the same environment, against the same emulator
behind TLS and behind the same proxy, and must get there or fail alike.
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
from on_time import GUARD_S

from axonflow_bedrock.serving import RunningEmulator

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
WITH_CERTIFICATE = """
import boto3, os, botocore.session
from botocore.config import Config
certificate = tuple(os.environ["CERTIFICATE"].split(":"))
session = botocore.session.Session()
client_cert = certificate[0] if len(certificate) == 1 else certificate
session.set_default_client_config(Config(client_cert=client_cert))
ready = boto3.Session(botocore_session=session)
"""
CERTIFIED = {
    "boto3": WITH_CERTIFICATE + CLIENTS["boto3"].replace("boto3.client", "ready.client"),
    "ours": WITH_CERTIFICATE
    + CLIENTS["ours"].replace("open()", 'open(extras={"bedrock": {"boto3_session": ready}})'),
}
"""The same clients with `client_cert` in the client config of their session: one PEM file, or
certificate and key."""


class Relay:
    """A TCP server in a thread of its own: with a certificate it takes TLS off, without one it is a
    CONNECT proxy."""

    def __init__(
        self, target: tuple[str, int] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._target = target
        self._tls = tls
        self.asked: list[str] = []
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            host, port = self._target or await self._connect_target(reader, writer)
            up_reader, up_writer = await asyncio.open_connection(host, port)
            await asyncio.gather(self._pipe(reader, up_writer), self._pipe(up_reader, writer))

    async def _connect_target(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int]:
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
        started.wait(GUARD_S)
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(self._stop.set)
            thread.join()
            loop.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a certificate for localhost that nobody in the world trusts."""
    return made_certificate(tmp_path_factory.mktemp("authority"))


def made_certificate(folder: Path) -> Path:
    """`folder`, with a certificate and its key in it, and both in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with the openssl command")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        "-keyout key.pem -out cert.pem"
    )
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=DNS:localhost"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / "both.pem").write_text(
        (folder / "cert.pem").read_text() + (folder / "key.pem").read_text()
    )
    return folder


@pytest.fixture(scope="module")
def https_port(authority: Path, bedrock_emulator_of_session: RunningEmulator) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    behind = urlsplit(bedrock_emulator_of_session.base_url)
    with Relay((str(behind.hostname), int(behind.port or 0)), context).running() as relay:
        yield relay.port


@pytest.fixture
def proxy() -> Iterator[Relay]:
    with Relay().running() as relay:
        yield relay


@pytest.fixture
def environment(
    bedrock_emulator: RunningEmulator, https_port: int, authority: Path
) -> dict[str, str]:
    """Nothing but what a test says: the emulator behind TLS, and the authority that signed for
    it."""
    ours = dict(bedrock_emulator.environment)
    ours["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = f"https://localhost:{https_port}"
    return {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        **ours,
        "HOME": str(authority),
        "AWS_CA_BUNDLE": str(authority / "cert.pem"),
        "AWS_MAX_ATTEMPTS": "1",
    }


def run(program: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    ran = subprocess.run(
        [sys.executable, "-c", program], env=dict(environment), capture_output=True
    )
    sys.stdout.write((ran.stdout + ran.stderr).decode())  # where planted secrets are looked for
    return ran


def outcomes(
    environment: Mapping[str, str], clients: Mapping[str, str] = CLIENTS
) -> dict[str, bool]:
    return {name: run(program, environment).returncode == 0 for name, program in clients.items()}


def test_a_private_authority_is_trusted_as_boto3_trusts_it(environment: dict[str, str]) -> None:
    assert outcomes(environment) == {"boto3": True, "ours": True}


@pytest.mark.thorough
def test_without_the_authority_neither_gets_there(environment: dict[str, str]) -> None:
    del environment["AWS_CA_BUNDLE"]
    assert outcomes(environment) == {"boto3": False, "ours": False}
    assert b"not trusted" in run(CLIENTS["ours"], environment).stderr


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_both_go_through_the_proxy(
    environment: dict[str, str], proxy: Relay, https_port: int, name: str
) -> None:
    proxied = {**environment, name: f"http://user:word@127.0.0.1:{proxy.port}"}
    assert outcomes(proxied) == {"boto3": True, "ours": True}
    assert [line.split()[:2] for line in proxy.asked] == [
        ["CONNECT", f"localhost:{https_port}"]
    ] * 2


@pytest.mark.thorough
def test_both_leave_the_proxy_aside_where_no_proxy_says_so(
    environment: dict[str, str], proxy: Relay
) -> None:
    proxied = {
        **environment,
        "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
        "NO_PROXY": "localhost",
    }
    assert outcomes(proxied) == {"boto3": True, "ours": True}
    assert proxy.asked == []


@pytest.mark.thorough
def test_a_proxy_that_is_not_there_is_named_without_its_password(
    environment: dict[str, str],
) -> None:
    ran = run(CLIENTS["ours"], {**environment, "HTTPS_PROXY": "http://user:word@127.0.0.1:1"})
    assert b"no connection to the proxy 127.0.0.1:1" in ran.stderr
    assert b"user:word" not in ran.stderr


@pytest.mark.thorough
def test_an_authority_that_is_no_file_is_a_fault_of_the_configuration(
    environment: dict[str, str],
) -> None:
    ran = run(CLIENTS["ours"], {**environment, "AWS_CA_BUNDLE": "/nowhere.pem"})
    assert b"ConfigError" in ran.stderr and b"/nowhere.pem" in ran.stderr


# ── a server that wants a certificate of its client ───────────────────────────────────────────────


@pytest.fixture(scope="module")
def wallet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the certificate that the server wants to see."""
    return made_certificate(tmp_path_factory.mktemp("wallet"))


@pytest.fixture
def mutual(
    environment: dict[str, str], bedrock_emulator: RunningEmulator, authority: Path, wallet: Path
) -> Iterator[dict[str, str]]:
    """The environment, with the emulator behind a TLS server that lets nobody in without that
    certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    context.load_verify_locations(wallet / "cert.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    behind = urlsplit(bedrock_emulator.base_url)
    with Relay((str(behind.hostname), int(behind.port or 0)), context).running() as relay:
        yield {**environment, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": f"https://localhost:{relay.port}"}


@pytest.mark.thorough
@pytest.mark.parametrize(
    "files", [["both.pem"], ["cert.pem", "key.pem"]], ids=["one file", "two files"]
)
def test_both_show_the_certificate_of_the_sessions_client_config(
    mutual: dict[str, str], wallet: Path, files: list[str]
) -> None:
    certificate = ":".join(str(wallet / file) for file in files)
    assert outcomes({**mutual, "CERTIFICATE": certificate}, CERTIFIED) == {
        "boto3": True,
        "ours": True,
    }


@pytest.mark.thorough
def test_without_a_certificate_neither_is_let_in(mutual: dict[str, str]) -> None:
    assert outcomes(mutual) == {"boto3": False, "ours": False}
    assert b"axonflow_core.errors.Unavailable: " in run(CLIENTS["ours"], mutual).stderr


@pytest.mark.thorough
def test_with_a_certificate_of_somebody_else_neither_is_let_in(
    mutual: dict[str, str], authority: Path
) -> None:
    somebodys = {**mutual, "CERTIFICATE": str(authority / "both.pem")}
    assert outcomes(somebodys, CERTIFIED) == {"boto3": False, "ours": False}


@pytest.mark.thorough
def test_a_certificate_that_is_no_file_is_a_fault_of_the_configuration(
    mutual: dict[str, str],
) -> None:
    ran = run(CERTIFIED["ours"], {**mutual, "CERTIFICATE": "/nowhere.pem"})
    assert (
        b"ConfigError: the client certificate in /nowhere.pem cannot be used: No such file"
        in ran.stderr
    )
