"""The provider against the emulator: over a socket, through a runtime, as an operator has it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from axonflow_azure_openai.emulator import ENTRA_TOKEN, emulator
from axonflow_core import Runtime
from axonflow_core.config import load_config
from axonflow_core.emulator.serving import RunningEmulator, serving
from axonflow_core.errors import CredentialsError, InvalidCall, ModelNotFound
from axonflow_core.messages import CompletionRequest, Tool, user

WEATHER = Tool("get_weather", "Tells the weather.", {"type": "object"})
SCRIPT = [
    {"when": "weather", "calls": [{"name": "get_weather", "input": {"city": "Oslo"}}]},
    {"when": "harm", "error": {"code": "content_filter", "message": "It was filtered."}},
]


@pytest.fixture
def running() -> Iterator[RunningEmulator]:
    with serving(emulator(SCRIPT)) as running:
        yield running


def run(
    running: RunningEmulator,
    work: Any,
    folder: Path,
    extras: Any = None,
    **variables: str,
) -> Any:
    """What `work` makes of a runtime that the environment alone configures."""

    async def opened() -> Any:
        environment = {**running.environment, **variables}
        config = load_config(environment=environment, folder=folder)
        async with Runtime.open(config, environment=environment, extras=extras or {}) as runtime:
            return await work(runtime)

    return asyncio.run(opened())


VERSIONS = ["2024-08-01-preview", "2024-10-21", "v1"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_answers_whole_streamed_and_with_tools(
    running: RunningEmulator, tmp_path: Path, version: str
) -> None:
    async def all_ways(runtime: Runtime) -> Any:
        whole = await runtime.complete("Hello.")
        async with runtime.stream("Hello.") as stream:
            streamed = await stream.completion()
        called = await runtime.complete(CompletionRequest((user("weather"),), tools=(WEATHER,)))
        return whole, streamed, called

    whole, streamed, called = run(running, all_ways, tmp_path, AZURE_OPENAI_API_VERSION=version)

    assert whole.text == streamed.text
    assert streamed.usage.output_tokens == (
        None if version == VERSIONS[0] else whole.usage.output_tokens
    )
    assert called.tool_uses[0].input == {"city": "Oslo"}
    assert whole.receipt.request_id and whole.receipt.provider == "azure-openai"


def test_a_model_that_reasons_and_an_unknown_one_are_called_with_v1(
    running: RunningEmulator, tmp_path: Path
) -> None:
    async def both(runtime: Runtime) -> Any:
        asked = CompletionRequest((user("weather"),), "Be brief.", tools=(WEATHER,))
        return await runtime.complete(asked, model="gpt-6.1-sol-eu")

    completion = run(running, both, tmp_path, AZURE_OPENAI_API_VERSION="v1")

    assert completion.tool_uses


def test_vectors_are_made(running: RunningEmulator, tmp_path: Path) -> None:
    answer = run(
        running,
        lambda runtime: runtime.embed(["one", "two"], model="text-embedding-3-small"),
        tmp_path,
    )

    assert [len(vector) for vector in answer.floats] == [1536, 1536]


def test_a_token_provider_is_handed_in(running: RunningEmulator, tmp_path: Path) -> None:
    extras = {"azure-openai": {"token_provider": lambda: ENTRA_TOKEN}}

    completion = run(running, lambda runtime: runtime.complete("Hello."), tmp_path, extras)

    assert completion.text


@pytest.mark.parametrize(
    ("text", "model", "error"),
    [("Hello.", "nothing", ModelNotFound), ("harm", "gpt-4o", InvalidCall)],
)
def test_a_refusal_is_typed(
    running: RunningEmulator, tmp_path: Path, text: str, model: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        run(running, lambda runtime: runtime.complete(text, model=model), tmp_path)

    assert caught.value.hint  # type: ignore[attr-defined]


def test_a_wrong_key_is_refused(running: RunningEmulator, tmp_path: Path) -> None:
    with pytest.raises(CredentialsError):
        run(running, lambda runtime: runtime.complete("Hi"), tmp_path, AZURE_OPENAI_API_KEY="no")
