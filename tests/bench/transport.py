"""What a call costs the HTTP client, as a ratio to aiohttp in the same run.

A server in its own process answers with fixed bytes, so that only the client is measured. CPU time
of this process, median over interleaved rounds:

    call          one call after the other, 1.2 kB up and 0.6 kB down
    call x32      32 calls in flight
    burst stream  200 chunks of 300 bytes that come together
    paced stream  200 chunks, 1 ms apart: a wake-up of the loop for each

`floor` is a bare protocol that waits for the known length of the answer. aiohttp is no dependency:
`pip install aiohttp` first.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any, TypeAlias

from axonflow_core.http.client import HttpRequest, Transport

from .rows import Row, row

CALLS, STREAMS, PACED, ROUNDS, IN_FLIGHT = 400, 40, 2, 7, 32
BODY = b'{"messages":"' + b"x" * 1200 + b'"}'
HEADERS = {
    "X-Amz-Date": "20260101T000000Z",
    "Authorization": "AWS4-HMAC-SHA256 " + "c" * 200,
    "X-Amz-Security-Token": "t" * 430,
    "Content-Type": "application/json",
    "Accept": "application/json",
}
ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: 600\r\nConnection: keep-alive\r\nx-amzn-RequestId: 7b0f0b1e\r\n"
    b"X-Amzn-Bedrock-Invocation-Latency: 400\r\nX-Amzn-Bedrock-Output-Token-Count: 100\r\n"
    b"X-Amzn-Bedrock-Input-Token-Count: 20\r\n\r\n" + b"x" * 600
)
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
)
CHUNK = b"12c\r\n" + b"x" * 300 + b"\r\n"
Work: TypeAlias = Callable[[Iterable[int]], Awaitable[None]]
"""Makes a call or a stream for each turn; tasks share the turns."""


class _Service(asyncio.Protocol):
    """Answers by path: `/call`, `/burst`, `/paced`."""

    def connection_made(self, transport: Any) -> None:
        self._transport, self._heard = transport, b""

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if self._heard.endswith(BODY):
            path, self._heard = self._heard[5:10], b""
            self._answer(path)

    def _answer(self, path: bytes) -> None:
        if path == b"/call":
            self._transport.write(ANSWER)
        elif path == b"/burs":
            self._transport.write(STREAM_HEAD + CHUNK * 200 + b"0\r\n\r\n")
        else:
            asyncio.ensure_future(self._pace())  # noqa: RUF006 - ends with its stream

    async def _pace(self) -> None:
        self._transport.write(STREAM_HEAD)
        for _ in range(200):
            await asyncio.sleep(0.001)
            self._transport.write(CHUNK)
        self._transport.write(b"0\r\n\r\n")


def serve() -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(_Service, "127.0.0.1", 0)
        sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()

    asyncio.run(run())


class _Floor(asyncio.Protocol):
    """The least that a call costs on this loop: bytes out, a known number of bytes in."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def ask(self, data: bytes, size: int) -> asyncio.Future[None]:
        self._left, self._done = size, asyncio.get_running_loop().create_future()
        self.transport.write(data)
        return self._done

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left == 0:
            self._done.set_result(None)


async def floor(port: int) -> Mapping[str, Work]:
    loop = asyncio.get_running_loop()
    protocols = [
        (await loop.create_connection(_Floor, "127.0.0.1", port))[1] for _ in range(IN_FLIGHT)
    ]
    lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()).encode()
    data = b"POST /call HTTP/1.1\r\n%s\r\n%s" % (lines, BODY)

    async def asked(protocol: _Floor, turns: Iterable[int]) -> None:
        for _ in turns:
            await protocol.ask(data, len(ANSWER))

    async def together(turns: Iterable[int]) -> None:
        await asyncio.gather(*(asked(one, turns) for one in protocols))

    return {"call": lambda turns: asked(protocols[0], turns), "call x32": together}


async def ours(port: int) -> Mapping[str, Work]:
    transport = Transport()

    def request(path: str) -> HttpRequest:
        return HttpRequest("POST", f"http://127.0.0.1:{port}{path}", HEADERS, BODY)

    async def call(turns: Iterable[int]) -> None:
        for _ in turns:
            await transport.send(request("/call"))

    def streams(path: str) -> Work:
        async def stream(turns: Iterable[int]) -> None:
            for _ in turns:
                async with await transport.open_stream(request(path)) as answer:
                    async for _ in answer:
                        pass

        return stream

    return cases(call, streams)


async def aiohttps(port: int) -> Mapping[str, Work]:
    import aiohttp

    session = aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
    )

    def request(path: str) -> Any:
        return session.post(f"http://127.0.0.1:{port}{path}", data=BODY, headers=HEADERS)

    async def call(turns: Iterable[int]) -> None:
        for _ in turns:
            async with request("/call") as response:
                await response.read()

    def streams(path: str) -> Work:
        async def stream(turns: Iterable[int]) -> None:
            for _ in turns:
                async with request(path) as response:
                    async for _ in response.content.iter_any():
                        pass

        return stream

    return cases(call, streams)


def cases(call: Work, streams: Callable[[str], Work]) -> Mapping[str, Work]:
    async def together(turns: Iterable[int]) -> None:
        await asyncio.gather(*(call(turns) for _ in range(IN_FLIGHT)))

    return {
        "call": call,
        "call x32": together,
        "burst stream": streams("/burst"),
        "paced stream": streams("/paced"),
    }


COUNTS = {"call": CALLS, "call x32": CALLS, "burst stream": STREAMS, "paced stream": PACED}


async def cpu_us(work: Work, count: int) -> float:
    before = time.process_time()
    await work(iter(range(count)))
    return (time.process_time() - before) / count * 1e6


async def compare(port: int, loop_name: str) -> list[Row]:
    rows = []
    mine, theirs, least = await ours(port), await aiohttps(port), await floor(port)
    for name, count in COUNTS.items():
        clients = [clients[name] for clients in (mine, theirs, least) if name in clients]
        for work in clients:
            await work(range(2))  # warm
        rounds = [[await cpu_us(work, count) for work in clients] for _ in range(ROUNDS)]
        section = f"HTTP client, {loop_name}"
        mine_us, theirs_us, *bare = zip(*rounds, strict=True)
        rows.append(row(section, name, "aiohttp", mine_us, theirs_us))
        if bare:
            rows.append(row(section, f"{name}, floor", "aiohttp", bare[0], theirs_us))
    return rows


def measure(*, with_uvloop: bool) -> Iterator[Row]:
    if find_spec("aiohttp") is None:
        sys.stderr.write("transport: skipped, aiohttp is not installed\n")
        return
    command = [sys.executable, "-c", "from tests.bench.transport import serve; serve()"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            yield from asyncio.run(compare(port, "asyncio"))
            if with_uvloop:
                import uvloop

                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    yield from runner.run(compare(port, "uvloop"))
        finally:
            server.terminate()
