"""The provider against the emulator: over a socket, through a runtime, as an operator has it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from axonflow_core import Runtime
from axonflow_core.config import load_config
from axonflow_core.emulator.serving import RunningEmulator, serving
from axonflow_core.errors import CredentialsError, InvalidCall, ModelNotFound, Throttled
from axonflow_core.messages import (
    CompletionRequest,
    Image,
    Media,
    Message,
    OutputSchema,
    Tool,
    ToolResult,
    user,
)
from axonflow_openai.emulator import emulator

WEATHER = Tool("get_weather", "Tells the weather.", {"type": "object"})
SCRIPT = [
    {"when": "weather", "calls": [{"name": "get_weather", "input": {"city": "Oslo"}}], "times": 2},
    {"when": "quota", "error": {"code": "insufficient_quota", "message": "Spent."}},
    {"when": "busy", "error": {"code": "rate_limit_exceeded", "retry_after_s": 0.01}, "times": 1},
]
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6"
    "kgAAAABJRU5ErkJggg=="
)


@pytest.fixture
def running() -> Iterator[RunningEmulator]:
    with serving(emulator(SCRIPT)) as running:
        yield running


def run(running: RunningEmulator, work: Any, folder: Path, **variables: str) -> Any:
    """What `work` makes of a runtime that the environment alone configures."""

    async def opened() -> Any:
        environment = {**running.environment, **variables}
        config = load_config(environment=environment, folder=folder)
        async with Runtime.open(config, environment=environment) as runtime:
            return await work(runtime)

    return asyncio.run(opened())


def test_the_environment_of_the_emulator_is_enough(
    running: RunningEmulator, tmp_path: Path
) -> None:
    completion = run(running, lambda runtime: runtime.complete("Hello."), tmp_path)

    assert completion.text
    assert (completion.receipt.provider, completion.receipt.called) == ("openai", "gpt-4o")
    assert completion.receipt.request_id


def test_a_stream_is_the_same_answer(running: RunningEmulator, tmp_path: Path) -> None:
    async def both(runtime: Runtime) -> Any:
        whole = await runtime.complete("Hello.")
        async with runtime.stream("Hello.") as stream:
            return whole, await stream.completion()

    whole, streamed = run(running, both, tmp_path)

    assert (whole.text, whole.usage) == (streamed.text, streamed.usage)


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5.4", "gpt-6.1-sol"])
def test_tools_are_called_and_answered(
    running: RunningEmulator, tmp_path: Path, model: str
) -> None:
    async def conversation(runtime: Runtime) -> Any:
        asked = CompletionRequest((user("weather"),), tools=(WEATHER,))
        called = await runtime.complete(asked, model=model)
        (use,) = called.tool_uses
        results = Message("user", [ToolResult(use.id, "It rains.")])
        answer = Message("assistant", called.content)
        asked = CompletionRequest((*asked.messages, answer, results), tools=(WEATHER,))
        return use, await runtime.complete(asked, model=model)

    use, _ = run(running, conversation, tmp_path)

    assert use.input == {"city": "Oslo"}


def test_a_picture_and_a_schema_reach_a_model_that_reasons(
    running: RunningEmulator, tmp_path: Path
) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    picture = Image(Media("base64", PIXEL, "image/png"))
    asked = CompletionRequest(
        (Message("user", ["What is this?", picture]),), output_schema=OutputSchema(schema)
    )

    completion = run(running, lambda runtime: runtime.complete(asked, model="gpt-5.2"), tmp_path)

    assert '"city"' in completion.text


def test_vectors_are_made(running: RunningEmulator, tmp_path: Path) -> None:
    answer = run(
        running,
        lambda runtime: runtime.embed(["one", "two"], model="text-embedding-3-small"),
        tmp_path,
    )

    assert [len(vector) for vector in answer.floats] == [1536, 1536]


@pytest.mark.parametrize(
    ("text", "model", "error"),
    [
        ("Hello.", "gpt-0", ModelNotFound),
        ("Hello.", "gpt-4-turbo", ModelNotFound),
        ("quota", "gpt-4o", Throttled),
        ("word " * 130_000, "gpt-4o", InvalidCall),
    ],
)
def test_a_refusal_is_typed(
    running: RunningEmulator, tmp_path: Path, text: str, model: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        run(running, lambda runtime: runtime.complete(text, model=model), tmp_path)
    assert len(running.calls) == 1


def test_a_wrong_key_is_refused(running: RunningEmulator, tmp_path: Path) -> None:
    with pytest.raises(CredentialsError) as caught:
        run(running, lambda runtime: runtime.complete("Hi"), tmp_path, OPENAI_API_KEY="sk-no")

    assert caught.value.hint and "OPENAI_API_KEY" in caught.value.hint


def test_a_limit_that_passes_is_waited_out(running: RunningEmulator, tmp_path: Path) -> None:
    completion = run(running, lambda runtime: runtime.complete("busy"), tmp_path)

    assert [attempt.native_code for attempt in completion.receipt.failed_attempts] == [
        "rate_limit_exceeded"
    ]


def test_tokens_are_counted_as_they_are_billed(running: RunningEmulator, tmp_path: Path) -> None:
    async def both(runtime: Runtime) -> Any:
        return await runtime.count_tokens("Hello."), await runtime.complete("Hello.")

    counted, completion = run(running, both, tmp_path)

    assert counted.input_tokens == completion.usage.input_tokens
