"""The service that every client of a benchmark calls, in a process of its own.

It answers with fixed bytes, so that only the clients are measured, and counts what it answered: a
figure is divided by that, and not by what a benchmark meant to do. Calls and streams go to both of
its ports; at the second one a millisecond passes before each chunk of a stream, at the third a
twentieth of a second, as a model takes it. A connection to the last is told the count.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from attrs import frozen

from axonflow_bedrock.wire.eventstream import frame_of_event
from axonflow_core.messages import Json

CHUNKS = 200
_HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 10:00:00 GMT\r\nConnection: keep-alive\r\n"
    b"x-amzn-RequestId: 7b0f0b1e\r\n"
)
_TEXT = "word " * 100


def _whole(headers: bytes, body: Json) -> bytes:
    data = orjson.dumps(body)
    length = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(data)
    return b"%s%s%s\r\n%s" % (_HEAD, headers, length, data)


_INVOKED = _whole(
    b"X-Amzn-Bedrock-Invocation-Latency: 400\r\nX-Amzn-Bedrock-Output-Token-Count: 100\r\n"
    b"X-Amzn-Bedrock-Input-Token-Count: 300\r\n",
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-20250514",
        "content": [{"type": "text", "text": _TEXT}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 300, "output_tokens": 100},
    },
)
_METADATA: Json = {
    "usage": {"inputTokens": 300, "outputTokens": 400, "totalTokens": 700},
    "metrics": {"latencyMs": 400},
}
_CONVERSED = _whole(
    b"",
    {
        "output": {"message": {"role": "assistant", "content": [{"text": _TEXT}]}},
        "stopReason": "end_turn",
        **_METADATA,
    },
)
_STREAM_HEAD = (
    _HEAD
    + b"Content-Type: application/vnd.amazon.eventstream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def _events() -> Iterator[Json]:
    yield {"messageStart": {"role": "assistant"}}
    for number in range(CHUNKS):  # LiteLLM takes a hundred equal chunks for a model in a loop
        text = f"word {number:03} "
        yield {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": text}}}
    yield {"contentBlockStop": {"contentBlockIndex": 0}}
    yield {"messageStop": {"stopReason": "end_turn"}}
    yield {"metadata": _METADATA}


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


_STREAM = tuple(_chunked(frame_of_event(event)) for event in _events())
_END = b"0\r\n\r\n"


class _Answers(asyncio.Protocol):
    """Answers by path: `/converse`, anything with `-stream`, and InvokeModel."""

    count = 0

    def __init__(self, *, pause_s: float) -> None:
        self._pause_s = pause_s
        self._heard = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, end, body = self._heard.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if end and len(body) >= int(length):
            self._heard = b""
            self._answer(head.partition(b"\r\n")[0])

    def _answer(self, line: bytes) -> None:
        _Answers.count += 1
        if b"-stream" not in line:
            self._transport.write(_CONVERSED if b"/converse" in line else _INVOKED)
        elif self._pause_s:
            asyncio.ensure_future(self._pace())  # noqa: RUF006 - ends with its stream
        else:
            self._transport.write(_STREAM_HEAD + b"".join(_STREAM) + _END)

    async def _pace(self) -> None:
        self._transport.write(_STREAM_HEAD)
        for chunk in _STREAM:
            await asyncio.sleep(self._pause_s)
            if self._transport.is_closing():
                return
            self._transport.write(chunk)
        self._transport.write(_END)


class _Count(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        transport.write(b"%d" % _Answers.count)
        transport.close()


def serve(folder: str = "") -> None:
    """Serve until the end of the process, over TLS with the certificate in `folder`, if any."""
    tls = None
    if folder:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(Path(folder, "cert.pem"), Path(folder, "key.pem"))

    async def run() -> None:
        open_server = partial(asyncio.get_running_loop().create_server, host="127.0.0.1", port=0)
        servers = [
            *[
                await open_server(partial(_Answers, pause_s=pause_s), ssl=tls)
                for pause_s in (0, 0.001, 0.05)
            ],
            await open_server(_Count),
        ]
        ports = (str(server.sockets[0].getsockname()[1]) for server in servers)
        sys.stdout.write(f"{' '.join(ports)}\n")
        sys.stdout.flush()
        await asyncio.gather(*(server.serve_forever() for server in servers))

    asyncio.run(run())


@frozen
class Service:
    """The running service, as its clients find it."""

    burst_url: str
    paced_url: str
    slow_url: str
    count_port: int

    def answered(self) -> int:
        """How many calls it has answered, of all clients."""
        with socket.create_connection(("127.0.0.1", self.count_port)) as connection:
            return int(connection.makefile("rb").read())


@contextmanager
def running_service(*, with_tls: bool) -> Iterator[Service]:
    """The service in a process of its own. With TLS, this process trusts its certificate."""
    with TemporaryDirectory() as folder:
        if with_tls:
            os.environ["AWS_CA_BUNDLE"] = _certificate(folder)
        code = "import sys; from tests.bench.service import serve; serve(*sys.argv[1:])"
        command = [sys.executable, "-c", code, *([folder] if with_tls else [])]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                *ports, count = server.stdout.readline().split()
                base = "https://localhost" if with_tls else "http://127.0.0.1"
                yield Service(*(f"{base}:{port}" for port in ports), int(count))
            finally:
                server.terminate()


def _certificate(folder: str) -> str:
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        "-keyout key.pem -out cert.pem -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return str(Path(folder, "cert.pem"))
