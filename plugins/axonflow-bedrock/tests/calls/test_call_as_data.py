"""A call traced as data: how often it goes between provider and client, and how many functions it
runs.

The second call of a process is traced, with the network replaced: what is built once is built.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType
from typing import Any

import orjson
import pytest
from attrs import frozen
from aws_account import AccountSession

from axonflow_bedrock.wire.eventstream import frame_of_chunk
from axonflow_core.http.client import HttpRequest
from axonflow_core.messages import CompletionRequest, Inference, user
from axonflow_core.runtime import Runtime
from axonflow_core.testing import MockAnswer, MockTransport, json_answer

MODEL = "us.anthropic.claude-sonnet-4-20250514-v1:0"
REQUEST = CompletionRequest((user("word " * 50),), inference=Inference(max_tokens=100))
REQUEST_ID = {"x-amzn-requestid": "request-1"}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude"}
STOPPED = {"stop_reason": "end_turn", "stop_sequence": None}
ANSWER = {
    **MESSAGE,
    **STOPPED,
    "content": [{"type": "text", "text": "Hello there."}],
    "usage": {"input_tokens": 3, "output_tokens": 4},
}


def chunks() -> Iterator[dict[str, Any]]:
    """The 21 chunks of a streamed answer of Claude's on InvokeModel."""
    started = {**MESSAGE, "content": [], "usage": {"input_tokens": 3, "output_tokens": 1}}
    yield {"type": "message_start", "message": started}
    block = {"type": "text", "text": ""}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    for _ in range(16):
        delta = {"type": "text_delta", "text": "word "}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": STOPPED, "usage": {"output_tokens": 16}}
    metrics = {"inputTokenCount": 3, "outputTokenCount": 16, "invocationLatency": 5}
    yield {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}


STREAM = b"".join(map(frame_of_chunk, chunks()))


def service(request: HttpRequest) -> MockAnswer:
    if request.url.endswith("/invoke"):
        return json_answer(ANSWER, headers=REQUEST_ID)
    headers = {"content-type": "application/vnd.amazon.eventstream", **REQUEST_ID}
    return MockAnswer(headers=headers, reads=(STREAM,))


async def complete(runtime: Runtime) -> None:
    await runtime.complete(REQUEST)


async def stream(runtime: Runtime) -> None:
    async with runtime.stream(REQUEST) as answer:
        async for _ in answer:
            pass


@frozen
class Trace:
    """The calls of our functions: the caller's module, and the function's own module and name."""

    calls: tuple[tuple[str, str, str], ...]

    def crossings(self) -> list[str]:
        """The calls that lead from the provider to what makes calls, or back."""
        provider, client = "axonflow_bedrock.provider", "axonflow_core.calls"
        return [
            f"{caller} -> {module}.{name}"
            for caller, module, name in self.calls
            if (caller == provider and module.startswith(client))
            or (caller.startswith(client) and module == provider)
        ]


def traced(work: Callable[[Runtime], Awaitable[None]]) -> Trace:
    """The second run of `work`, as data."""
    calls: list[tuple[str, str, str]] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        module = str(frame.f_globals.get("__name__", ""))
        if event == "call" and module.startswith("axonflow_") and ".testing" not in module:
            back = frame.f_back
            caller = str(back.f_globals.get("__name__", "")) if back else ""
            calls.append((caller, module, frame.f_code.co_qualname))

    async def run() -> None:
        extras = {"bedrock": {"boto3_session": AccountSession("http://127.0.0.1:1")}}
        client = MockTransport(service)
        opened = Runtime.open(
            provider="bedrock",
            region="us-east-1",
            model=MODEL,
            client=client,
            extras=extras,
            environment={},
        )
        async with opened as runtime:
            await work(runtime)
            sys.setprofile(note)
            try:
                await work(runtime)
            finally:
                sys.setprofile(None)

    asyncio.run(run())
    return Trace(tuple(calls))


@pytest.mark.parametrize(("work", "most"), [(complete, 110), (stream, 330)])
def test_a_call_runs_few_functions(work: Callable[[Runtime], Awaitable[None]], most: int) -> None:
    trace = traced(work)

    assert 50 < len(trace.calls) <= most


@pytest.mark.parametrize("work", [complete, stream])
def test_a_call_crosses_between_provider_and_client_at_most_twice(
    work: Callable[[Runtime], Awaitable[None]],
) -> None:
    assert 1 <= len(traced(work).crossings()) <= 2


def test_a_crossing_is_seen() -> None:
    calls = (("axonflow_core.calls.call", "axonflow_bedrock.provider", "BedrockProvider.complete"),)

    assert len(Trace(calls).crossings()) == 1
    assert orjson.loads(service(HttpRequest("POST", "/invoke", {})).reads[0]) == ANSWER
