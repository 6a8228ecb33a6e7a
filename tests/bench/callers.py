"""The clients that are compared: boto3, ours, and others where they are installed.

Each is a mapping of cases to `Work`. `call` is InvokeModel, unless a client has Converse alone;
`stream` is ConverseStream of `service.CHUNKS` chunks.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any

import orjson

from axonflow_core import BlockingRuntime, CompletionRequest, Inference, Runtime, user

from .rows import Work

MODEL = "us.anthropic.claude-sonnet-4-20250514-v1:0"
IN_FLIGHT, THREADS = 32, 8
REQUEST = CompletionRequest(
    tuple(user("word " * 50) for _ in range(5)), inference=Inference(max_tokens=100)
)
_TURNS = [{"role": "user", "content": [{"type": "text", "text": "word " * 50}]} for _ in range(5)]
BODY = orjson.dumps(
    {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": _TURNS}
)
_CONVERSED = [{"role": "user", "content": [{"text": "word " * 50}]} for _ in range(5)]
_STREAMED_BODY = orjson.dumps({"messages": _CONVERSED})
_HEAD = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def boto3s(url: str) -> Mapping[str, Work]:
    import boto3

    client: Any = boto3.client("bedrock-runtime", endpoint_url=url)

    def call(count: int) -> None:
        for _ in range(count):
            orjson.loads(client.invoke_model(modelId=MODEL, body=BODY)["body"].read())

    def stream(count: int) -> None:
        for _ in range(count):
            for _ in client.converse_stream(modelId=MODEL, messages=_CONVERSED)["stream"]:
                pass

    return {"call": call, "stream": stream}


def blockings(url: str) -> Mapping[str, Work]:
    os.environ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = url
    whole = BlockingRuntime.open(provider="bedrock", model=MODEL)
    streamed = BlockingRuntime.open(provider="bedrock", model=MODEL, surface="converse")
    pool = ThreadPoolExecutor(THREADS)
    whole.complete(REQUEST)  # reads the settings while they are these
    streamed.stream(REQUEST).close()

    def call_for(turns: Iterable[int]) -> None:
        for _ in turns:
            whole.complete(REQUEST)

    def in_threads(count: int) -> None:
        turns = iter(range(count))  # the threads share them
        list(pool.map(call_for, [turns] * THREADS))

    def stream(count: int) -> None:
        for _ in range(count):
            for _ in streamed.stream(REQUEST):
                pass

    return {
        "call, blocking": lambda count: call_for(range(count)),
        f"call, blocking, {THREADS} threads": in_threads,
        "stream, blocking": stream,
    }


def asyncs(url: str, runner: asyncio.Runner, loop: str = "async") -> Mapping[str, Work]:
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

    async def stream(turns: Iterable[int]) -> None:
        for _ in turns:
            async with streamed.stream(REQUEST) as answer:
                async for _ in answer:
                    pass

    runner.run(settle())
    return {
        f"call, {loop}": _one_by_one(runner, call),
        f"call, {loop}, {IN_FLIGHT} at once": _together(runner, call),
        f"stream, {loop}": _one_by_one(runner, stream),
        f"stream, {loop}, {IN_FLIGHT} at once": _together(runner, stream),
    }


def _one_by_one(runner: asyncio.Runner, run: Callable[[Iterable[int]], Any]) -> Work:
    return lambda count: runner.run(run(range(count)))


def _together(runner: asyncio.Runner, run: Callable[[Iterable[int]], Any]) -> Work:
    async def tasks(count: int) -> None:
        turns = iter(range(count))  # the tasks share them
        await asyncio.gather(*(run(turns) for _ in range(IN_FLIGHT)))

    return lambda count: runner.run(tasks(count))


def floors(url: str, runner: asyncio.Runner) -> Mapping[str, Work]:
    """The least that asyncio asks for: the bytes are sent, and each read wakes a task that looks
    for the last bytes of the answer. Nothing is signed, parsed or decoded."""
    port = int(url.rpartition(":")[2])
    resting: list[_Bare] = []

    async def ask(path: str, body: bytes, last: bytes) -> None:
        loop = asyncio.get_running_loop()
        if not resting:
            resting.append((await loop.create_connection(_Bare, "127.0.0.1", port))[1])
        connection = resting.pop()
        await connection.ask(_HEAD % (path.encode(), len(body)) + body, last)
        resting.append(connection)

    async def call(turns: Iterable[int]) -> None:
        for _ in turns:
            await ask("/invoke", BODY, b"}}")

    async def stream(turns: Iterable[int]) -> None:
        for _ in turns:
            await ask("/converse-stream", _STREAMED_BODY, b"\r\n0\r\n\r\n")

    return {
        f"call, bare asyncio, {IN_FLIGHT} at once": _together(runner, call),
        "stream, bare asyncio": _one_by_one(runner, stream),
        f"stream, bare asyncio, {IN_FLIGHT} at once": _together(runner, stream),
    }


class _Bare(asyncio.BufferedProtocol):
    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._buffer = memoryview(bytearray(2**16))
        self._waiter: asyncio.Future[int] | None = None

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(nbytes)

    async def ask(self, request: bytes, last: bytes) -> None:
        loop, end = asyncio.get_running_loop(), b""
        self._transport.write(request)
        while not end.endswith(last):
            self._waiter = loop.create_future()
            count = await self._waiter
            end = (end + self._buffer[max(count - 16, 0) : count])[-16:]


def others(url: str, runner: asyncio.Runner) -> Mapping[str, Work]:
    """The clients of other people that are installed."""
    cases: dict[str, Work] = {}
    if find_spec("aiobotocore"):
        cases |= _aiobotocores(url, runner)
    if find_spec("langchain_aws"):
        cases |= _langchains(url)
    if find_spec("litellm"):
        cases |= _litellms(url)
    return cases


def _aiobotocores(url: str, runner: asyncio.Runner) -> Mapping[str, Work]:
    from aiobotocore.session import get_session

    opening: Any = get_session().create_client("bedrock-runtime", endpoint_url=url)
    client: Any = runner.run(opening.__aenter__())

    async def call(turns: Iterable[int]) -> None:
        for _ in turns:
            answer = await client.invoke_model(modelId=MODEL, body=BODY)
            orjson.loads(await answer["body"].read())

    async def stream(turns: Iterable[int]) -> None:
        for _ in turns:
            answer = await client.converse_stream(modelId=MODEL, messages=_CONVERSED)
            async for _ in answer["stream"]:
                pass

    return {
        f"call, aiobotocore, {IN_FLIGHT} at once": _together(runner, call),
        "stream, aiobotocore": _one_by_one(runner, stream),
    }


def _langchains(url: str) -> Mapping[str, Work]:
    from langchain_aws import ChatBedrockConverse

    chat: Any = ChatBedrockConverse(model=MODEL, base_url=url, region_name="us-east-1")
    turns = [("human", "word " * 50) for _ in range(5)]

    def call(count: int) -> None:
        for _ in range(count):
            chat.invoke(turns)

    def stream(count: int) -> None:
        for _ in range(count):
            for _ in chat.stream(turns):
                pass

    return {"call, langchain-aws": call, "stream, langchain-aws": stream}


def _litellms(url: str) -> Mapping[str, Work]:
    import litellm

    where = {"model": f"bedrock/{MODEL}", "aws_bedrock_runtime_endpoint": url}
    turns = [{"role": "user", "content": "word " * 50} for _ in range(5)]

    def call(count: int) -> None:
        for _ in range(count):
            litellm.completion(messages=turns, **where)

    def stream(count: int) -> None:
        for _ in range(count):
            for _ in litellm.completion(messages=turns, stream=True, **where):
                pass

    return {"call, LiteLLM": call, "stream, LiteLLM": stream}
