"""What a call costs, as a ratio to the same call through boto3, side by side against the emulator
in its own process.

CPU time of this process (all threads), median over interleaved rounds; the emulator's work is not
counted. One line for each figure:

    complete        one call, sequential, against boto3 `invoke_model`
    complete x32    32 calls in flight on one loop, against boto3 `invoke_model` one after the other
    stream          a streamed answer, read to its end, against boto3
                    `invoke_model_with_response_stream`
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import boto3
import orjson

from axonflow_core import CompletionRequest, Inference, Runtime, user

MODEL = "us.anthropic.claude-sonnet-4-20250514-v1:0"
CALLS, ROUNDS, IN_FLIGHT = 100, 7, 32
REQUEST = CompletionRequest(
    tuple(user("word " * 50) for _ in range(5)), inference=Inference(max_tokens=100)
)
BODY = orjson.dumps(
    {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 100,
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "word " * 50}]} for _ in range(5)
        ],
    }
)


def cpu_us(work: Callable[[], Any], calls: int) -> float:
    before = time.process_time()
    work()
    return (time.process_time() - before) / calls * 1e6


def _run_new(runner: asyncio.Runner, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    runner.run(work())


def report(name: str, ours: list[float], baseline: list[float]) -> None:
    ratio = statistics.median(a / b for a, b in zip(ours, baseline, strict=True))
    mine, theirs = statistics.median(ours), statistics.median(baseline)
    sys.stdout.write(f"{name:<14} {mine:8.0f} us   boto3 {theirs:8.0f} us   ratio {ratio:.2f}\n")


def _measure(environment: dict[str, str]) -> None:
    os.environ.update(environment)
    client: Any = boto3.client("bedrock-runtime")

    def boto3_complete() -> None:
        for _ in range(CALLS):
            orjson.loads(client.invoke_model(modelId=MODEL, body=BODY)["body"].read())

    def boto3_stream() -> None:
        for _ in range(CALLS):
            for event in client.invoke_model_with_response_stream(modelId=MODEL, body=BODY)["body"]:
                orjson.loads(event["chunk"]["bytes"])

    with asyncio.Runner() as runner:
        runtime = runner.run(Runtime.open().__aenter__())

        async def complete() -> None:
            for _ in range(CALLS):
                await runtime.complete(REQUEST, model=MODEL)

        async def complete_together() -> None:
            async def one_after_the_other() -> None:
                for _ in range(CALLS // IN_FLIGHT + 1):
                    await runtime.complete(REQUEST, model=MODEL)

            await asyncio.gather(*(one_after_the_other() for _ in range(IN_FLIGHT)))

        async def stream() -> None:
            for _ in range(CALLS):
                async with runtime.stream(REQUEST, model=MODEL) as answer:
                    async for _ in answer:
                        pass

        cases: list[tuple[str, Callable[[], Any], int, Callable[[], None]]] = [
            ("complete", complete, CALLS, boto3_complete),
            (
                "complete x32",
                complete_together,
                (CALLS // IN_FLIGHT + 1) * IN_FLIGHT,
                boto3_complete,
            ),
            ("stream", stream, CALLS, boto3_stream),
        ]
        for name, ours, calls, baseline in cases:
            runner.run(ours())
            baseline()  # both warm
            work = partial(_run_new, runner, ours)
            rounds = [(cpu_us(work, calls), cpu_us(baseline, CALLS)) for _ in range(ROUNDS)]
            report(name, [a for a, _ in rounds], [b for _, b in rounds])
        runner.run(runtime.__aexit__(None, None, None))


@contextmanager
def emulator() -> Iterator[dict[str, str]]:
    """The emulator in a process of its own, and the environment that its clients need."""
    command = [sys.executable, "-m", "axonflow_core.cli", "emulate", "bedrock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            environment = {}
            for line in server.stdout or ():
                name, _, value = line.removeprefix("export ").strip().partition("=")
                environment[name] = value.strip("'\"")
                if name == "AWS_ENDPOINT_URL_BEDROCK_RUNTIME":
                    break
            yield environment
        finally:
            server.terminate()


def measure() -> None:
    with emulator() as environment:
        _measure(environment)
