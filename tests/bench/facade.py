"""What a call costs a blocking and an async caller, as a ratio to boto3 in the same run.

A server in its own process answers with fixed bytes, so that only the callers are measured. CPU
time of this process (all threads) for each answer that the server counts, median over interleaved
rounds. The baselines are boto3's
`invoke_model`, one call after the other, and `converse_stream` of 200 chunks:

    call            one call after the other
    call x8         8 threads at once
    call x32        32 calls in flight on one event loop
    burst stream    200 chunks that come together
    paced stream    200 chunks, 1 ms apart, as a model sends them
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.request import urlopen

import orjson

from axonflow_bedrock.wire.eventstream import frame_of_event
from axonflow_core import BlockingRuntime, CompletionRequest, Inference, Runtime, user
from axonflow_core.messages import Json

MODEL = "us.anthropic.claude-sonnet-4-20250514-v1:0"
CALLS, STREAMS, PACED, ROUNDS, IN_FLIGHT, THREADS, CHUNKS = 100, 10, 3, 5, 32, 8, 200
REQUEST = CompletionRequest(
    tuple(user("word " * 50) for _ in range(5)), inference=Inference(max_tokens=100)
)
TURNS = [{"role": "user", "content": [{"type": "text", "text": "word " * 50}]} for _ in range(5)]
BODY = orjson.dumps(
    {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": TURNS}
)
CONVERSED = [{"role": "user", "content": [{"text": "word " * 50}]} for _ in range(5)]
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BARS = {
    "call blocking": (0.25, 0.15),
    "call x32 async": (0.15, 0.10),
    "burst stream async": (0.20, 0.15),
    "burst stream blocking": (0.23, 0.18),
    "paced stream blocking": (1.2, 0.65),
}
"""Case -> the bar and the goal of the design."""

# ── the service ───────────────────────────────────────────────────────────────────────────────────


def _answer() -> bytes:
    body = orjson.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-20250514",
            "content": [{"type": "text", "text": "word " * 100}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 300, "output_tokens": 100},
        }
    )
    head = (
        b"HTTP/1.1 200 OK\r\nDate: Sat, 28 Nov 2026 10:00:00 GMT\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: keep-alive\r\n"
        b"x-amzn-RequestId: 7b0f0b1e\r\nX-Amzn-Bedrock-Invocation-Latency: 400\r\n"
        b"X-Amzn-Bedrock-Output-Token-Count: 100\r\nX-Amzn-Bedrock-Input-Token-Count: 300\r\n\r\n"
    )
    return head % len(body) + body


def _events() -> Iterator[Json]:
    yield {"messageStart": {"role": "assistant"}}
    for _ in range(CHUNKS):
        yield {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "word word "}}}
    yield {"contentBlockStop": {"contentBlockIndex": 0}}
    yield {"messageStop": {"stopReason": "end_turn"}}
    usage = {"inputTokens": 300, "outputTokens": 400, "totalTokens": 700}
    yield {"metadata": {"usage": usage, "metrics": {"latencyMs": 400}}}


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class _Service(asyncio.Protocol):
    """Answers by path and by port: the streams of the second port are paced. `GET` tells how many
    calls have been answered at both."""

    answered = 0

    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\nx-amzn-RequestId: 7b0f\r\n\r\n"
    )
    whole = _answer()
    chunks = tuple(_chunked(frame_of_event(event)) for event in _events())

    def __init__(self, *, is_paced: bool) -> None:
        self._is_paced = is_paced
        self._heard = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if self._heard.startswith(b"GET "):
            told = b"%d" % _Service.answered
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(told) + told
            )
            self._heard = b""
            return
        head, end, body = self._heard.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if end and len(body) >= int(length):
            self._heard = b""
            self._answer(is_streamed=b"-stream" in head[:200])

    def _answer(self, *, is_streamed: bool) -> None:
        _Service.answered += 1
        if not is_streamed:
            self._transport.write(self.whole)
        elif self._is_paced:
            asyncio.ensure_future(self._pace())  # noqa: RUF006 - ends with its stream
        else:
            self._transport.write(self.head + b"".join(self.chunks) + b"0\r\n\r\n")

    async def _pace(self) -> None:
        self._transport.write(self.head)
        for chunk in self.chunks:
            await asyncio.sleep(0.001)
            if self._transport.is_closing():
                return
            self._transport.write(chunk)
        self._transport.write(b"0\r\n\r\n")


def serve() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_server(partial(_Service, is_paced=is_paced), "127.0.0.1", 0)
            for is_paced in (False, True)
        ]
        ports = (str(server.sockets[0].getsockname()[1]) for server in servers)
        sys.stdout.write(f"{' '.join(ports)}\n")
        sys.stdout.flush()
        await asyncio.gather(*(server.serve_forever() for server in servers))

    asyncio.run(run())


# ── the callers ───────────────────────────────────────────────────────────────────────────────────


Work = Callable[[int], None]
"""Makes so many calls or streams."""


def boto3s(url: str) -> dict[str, Work]:
    import boto3

    client: Any = boto3.client("bedrock-runtime", endpoint_url=url)

    def call(count: int) -> None:
        for _ in range(count):
            orjson.loads(client.invoke_model(modelId=MODEL, body=BODY)["body"].read())

    def stream(count: int) -> None:
        for _ in range(count):
            for _ in client.converse_stream(modelId=MODEL, messages=CONVERSED)["stream"]:
                pass

    return {"call": call, "stream": stream}


def blockings(url: str) -> dict[str, Work]:
    os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = url
    whole = BlockingRuntime.open(provider="bedrock", model=MODEL)
    streamed = BlockingRuntime.open(provider="bedrock", model=MODEL, surface="converse")
    pool = ThreadPoolExecutor(THREADS)
    whole.complete(REQUEST)  # reads the settings while they are these
    streamed.stream(REQUEST).close()

    def call_for(turns: Iterable[int]) -> None:
        for _ in turns:
            whole.complete(REQUEST)

    def call(count: int) -> None:
        call_for(range(count))

    def together(count: int) -> None:
        list(pool.map(call_for, [iter(range(count))] * THREADS))

    def stream(count: int) -> None:
        for _ in range(count):
            for _ in streamed.stream(REQUEST):
                pass

    return {"call": call, "call x8": together, "stream": stream}


def asyncs(url: str, runner: asyncio.Runner) -> dict[str, Work]:
    os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = url
    whole = Runtime.open(provider="bedrock", model=MODEL)
    streamed = Runtime.open(provider="bedrock", model=MODEL, surface="converse")

    async def settle() -> None:  # reads the settings while they are these
        await whole.complete(REQUEST)
        async with streamed.stream(REQUEST):
            pass

    async def call(turns: Iterable[int]) -> None:
        for _ in turns:
            await whole.complete(REQUEST)

    async def together(count: int) -> None:
        turns = iter(range(count))
        await asyncio.gather(*(call(turns) for _ in range(IN_FLIGHT)))

    async def stream(count: int) -> None:
        for _ in range(count):
            async with streamed.stream(REQUEST) as answer:
                async for _ in answer:
                    pass

    runner.run(settle())
    return {
        "call": lambda count: runner.run(call(range(count))),
        "call x32": lambda count: runner.run(together(count)),
        "stream": lambda count: runner.run(stream(count)),
    }


def cpu_us(work: Work, count: int, url: str) -> float:
    """Of one call, of as many as the server at `url` answered."""
    answered, before = answered_at(url), time.process_time()
    work(count)
    used = time.process_time() - before
    return used / (answered_at(url) - answered) * 1e6


def answered_at(url: str) -> int:
    with urlopen(url) as answer:
        return int(answer.read())


def report(name: str, ours: list[float], baseline: list[float]) -> None:
    ratio = statistics.median(a / b for a, b in zip(ours, baseline, strict=True))
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    bar = "bar {}  goal {}".format(*BARS[name]) if name in BARS else ""
    sys.stdout.write(
        f"{name:<22} {mine:8.0f} us   boto3 {theirs:8.0f} us   ratio {ratio:.2f}   {bar}\n"
    )


def _measure(burst: str, paced: str) -> None:
    os.environ.update(SETTINGS)
    with asyncio.Runner() as runner:
        base, base_paced = boto3s(burst), boto3s(paced)
        blocking, blocking_paced = blockings(burst), blockings(paced)
        coroutines, coroutines_paced = asyncs(burst, runner), asyncs(paced, runner)
        cases: list[tuple[str, Work, Work, int]] = [
            ("call blocking", blocking["call"], base["call"], CALLS),
            ("call x8 blocking", blocking["call x8"], base["call"], CALLS),
            ("call async", coroutines["call"], base["call"], CALLS),
            ("call x32 async", coroutines["call x32"], base["call"], CALLS),
            ("burst stream blocking", blocking["stream"], base["stream"], STREAMS),
            ("burst stream async", coroutines["stream"], base["stream"], STREAMS),
            ("paced stream blocking", blocking_paced["stream"], base_paced["stream"], PACED),
            ("paced stream async", coroutines_paced["stream"], base_paced["stream"], PACED),
        ]
        for name, ours, baseline, count in cases:
            ours(count)
            baseline(count)  # both warm
            rounds = [
                (cpu_us(ours, count, burst), cpu_us(baseline, count, burst)) for _ in range(ROUNDS)
            ]
            report(name, [a for a, _ in rounds], [b for _, b in rounds])


def measure() -> None:
    command = [sys.executable, "-c", "from tests.bench.facade import serve; serve()"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            ports = server.stdout.readline().split()
            _measure(*(f"http://127.0.0.1:{port}" for port in ports))
        finally:
            server.terminate()
