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
from axonflow_core.errors import CredentialsError, ModelNotFound, Throttled
from axonflow_core.messages import (
    CompletionRequest,
    Document,
    Image,
    Media,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
    Tool,
    ToolResult,
    ToolUse,
    assistant,
    user,
)
from axonflow_core.retrieval import EmbeddingRequest
from axonflow_gemini.codec.errors import DAILY
from axonflow_gemini.emulator import emulator

WEATHER = Tool("weather", "Tells the weather.", {"type": "object"})
SCRIPT: list[dict[str, Any]] = [
    {"when": "weather", "calls": [{"name": "weather", "input": {"city": "Oslo"}}]},
    {"when": "spent", "error": {"code": DAILY, "message": "You exceeded your current quota."}},
    {"when": "busy", "error": {"code": "UNAVAILABLE", "retry_after_s": 0.01}, "times": 1},
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

    receipt = completion.receipt
    assert completion.text.endswith("You said: Hello.")
    assert (receipt.provider, receipt.called) == ("gemini", "gemini-3.8-flash")


def test_a_stream_is_the_same_answer(running: RunningEmulator, tmp_path: Path) -> None:
    async def both(runtime: Runtime) -> Any:
        whole = await runtime.complete("Hello.")
        async with runtime.stream("Hello.") as stream:
            return whole, await stream.completion()

    whole, streamed = run(running, both, tmp_path)

    assert (whole.content, whole.usage, whole.stop_reason) == (
        streamed.content,
        streamed.usage,
        streamed.stop_reason,
    )


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "gemini-2.5-flash-lite"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_tools_are_called_and_answered_with_the_signature(
    running: RunningEmulator, tmp_path: Path, model: str, is_streamed: bool
) -> None:
    async def conversation(runtime: Runtime) -> Any:
        asked = CompletionRequest((user("weather"),), tools=(WEATHER,))
        if is_streamed:
            async with runtime.stream(asked, model=model) as stream:
                called = await stream.completion()
        else:
            called = await runtime.complete(asked, model=model)
        (use,) = called.tool_uses
        turns = (*asked.messages, called.message, user([ToolResult(use.id, "It rains.")]))
        answered = await runtime.complete(CompletionRequest(turns, tools=(WEATHER,)), model=model)
        return called, answered

    called, answered = run(running, conversation, tmp_path)

    signatures = [each.signature for each in called.content if isinstance(each, Reasoning)]
    assert bool(signatures) is (model == "gemini-3.8-flash")
    assert called.tool_uses[0].input == {"city": "Oslo"}
    assert "It rains." in answered.text


def test_a_call_of_another_model_is_taken(running: RunningEmulator, tmp_path: Path) -> None:
    turns = (user("hi"), assistant(ToolUse("1", "weather", {})), user(ToolResult("1", "rain")))

    completion = run(running, lambda runtime: runtime.complete(CompletionRequest(turns)), tmp_path)

    assert "rain" in completion.text


def test_pictures_documents_schema_and_thoughts_reach_the_model(
    running: RunningEmulator, tmp_path: Path
) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    picture = Image(Media("base64", PIXEL, "image/png"))
    paper = Document(Media("base64", "JVBERi0xLjQK", "application/pdf"), name="paper")
    asked = CompletionRequest(
        (user(["What is this?", picture, paper]),),
        output_schema=OutputSchema(schema),
        reasoning=ReasoningRequest(effort="low"),
    )

    completion = run(running, lambda runtime: runtime.complete(asked), tmp_path)

    assert '"city"' in completion.text
    assert completion.reasoning
    assert not completion.adjustments


def test_vectors_are_made(running: RunningEmulator, tmp_path: Path) -> None:
    asked = EmbeddingRequest(["one", "two"], dimensions=8)

    vectors = run(
        running, lambda runtime: runtime.embed(asked, model="gemini-embedding-2"), tmp_path
    )

    assert [len(vector) for vector in vectors.floats] == [8, 8]


@pytest.mark.parametrize(
    ("text", "model", "error"),
    [
        ("Hello.", "gemini-0", ModelNotFound),
        ("Hello.", "gemini-2.0-flash", ModelNotFound),
        ("Hello.", "gemini-embedding-2", ModelNotFound),
        ("spent", "gemini-3.8-flash", Throttled),
    ],
)
def test_a_refusal_is_typed_and_not_tried_again(
    running: RunningEmulator, tmp_path: Path, text: str, model: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        run(running, lambda runtime: runtime.complete(text, model=model), tmp_path)
    assert len(running.calls) == 1


def test_a_wrong_key_is_refused(running: RunningEmulator, tmp_path: Path) -> None:
    with pytest.raises(CredentialsError) as caught:
        run(running, lambda runtime: runtime.complete("Hi"), tmp_path, GOOGLE_API_KEY="no-key")

    assert caught.value.status == 400
    assert "aistudio.google.com" in str(caught.value.hint)


def test_a_passing_failure_is_answered_by_another_attempt(
    running: RunningEmulator, tmp_path: Path
) -> None:
    completion = run(running, lambda runtime: runtime.complete("busy"), tmp_path)

    assert completion.receipt.attempts == 2
