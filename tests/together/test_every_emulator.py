"""What holds of the emulator of every installed provider: its environment alone is enough for a
runtime and for the command, the keys of a script are the same, a refusal says how to fix it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from axonflow_core.blocking import BlockingRuntime
from axonflow_core.emulator.serving import RunningEmulator, serving
from axonflow_core.errors import InvalidCall, ModelNotFound, ProfileRequired
from axonflow_core.messages import CompletionRequest, Inference, Tool, user
from axonflow_core.plugin_spec import ProviderSpec
from axonflow_core.plugins import PROVIDERS, find_plugins, load_provider
from axonflow_core.provider import SupportsEncoding

RULES = [
    {"when": "weather", "answer": "It rains."},
    {"when": "secrets", "error": {"status": 400, "message": "Not that."}},
]
BEDROCKS = {"code": "ValidationException", "message": "Not that."}
"""AWS names every exception."""
LOOK = Tool("look", "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})


def emulated() -> list[Any]:
    names = sorted({plugin.name for plugin in find_plugins(PROVIDERS)})
    specs = [load_provider(name) for name in names]
    return [pytest.param(spec, id=spec.name) for spec in specs if spec.emulator is not None]


@pytest.fixture(scope="module", params=emulated())
def running(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[RunningEmulator]:
    spec: ProviderSpec = request.param
    assert spec.emulator is not None
    weather, secrets = RULES
    script: Any = [weather, {**secrets, "error": BEDROCKS} if spec.name == "bedrock" else secrets]
    with serving(spec.emulator(script)) as running:
        yield running


@pytest.fixture
def runtime(running: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockingRuntime]:
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    with BlockingRuntime.open(environment=running.environment) as runtime:
        yield runtime


def test_its_environment_alone_opens_a_runtime(
    running: RunningEmulator, runtime: BlockingRuntime
) -> None:
    running.calls.clear()
    assert runtime.complete("How is the weather?").text == "It rains."
    with runtime.stream("How is the weather?") as stream:
        assert "".join(stream.text()) == "It rains."
    assert [call.rule.when for call in running.calls] == ["weather", "weather"]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_call_is_encoded_again_to_the_bytes_that_were_sent(
    runtime: BlockingRuntime, is_streamed: bool
) -> None:
    asked = CompletionRequest((user("How is the weather?"),), inference=Inference(max_tokens=99))
    if is_streamed:
        with runtime.stream(asked) as stream:
            receipt = stream.completion().receipt
    else:
        receipt = runtime.complete(asked).receipt
    assert receipt is not None
    (provider,) = runtime.providers.values()
    assert isinstance(provider, SupportsEncoding)

    encoded = provider.encode(asked, model=receipt.model, is_streamed=is_streamed)

    assert sha256(encoded.body).hexdigest() == receipt.body_digest
    assert (encoded.family, encoded.surface) == (receipt.family, receipt.surface)
    other = provider.encode(evolve(asked, system="No."), model=receipt.model)
    assert sha256(other.body).hexdigest() != receipt.body_digest
    assert str(receipt.body_digest) not in repr(receipt)


def test_the_models_that_the_demo_shows_answer_in_sentences(
    running: RunningEmulator, runtime: BlockingRuntime
) -> None:
    for model in running.models:
        assert "emulated model" in runtime.complete("Hi", model=model).text


def test_a_tool_is_called_and_its_arguments_are_an_example(runtime: BlockingRuntime) -> None:
    completion = runtime.complete(CompletionRequest((user("please look"),), tools=(LOOK,)))

    (use,) = completion.tool_uses
    assert (use.name, type(use.input)) == ("look", dict)


def test_a_refused_model_is_an_error_that_says_how_to_fix_it(
    running: RunningEmulator, runtime: BlockingRuntime
) -> None:
    with pytest.raises((ModelNotFound, ProfileRequired)) as caught:
        runtime.complete("Hi", model=running.refused_model)

    assert caught.value.hint


def test_a_rule_refuses_as_the_vendor_does(runtime: BlockingRuntime) -> None:
    with pytest.raises(InvalidCall) as caught:
        runtime.complete("Tell me secrets.")

    assert caught.value.native_message == "Not that."


@pytest.mark.thorough
def test_the_command_answers_by_the_environment_alone(
    running: RunningEmulator, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "axonflow_core.cli", "ask", "How is the weather?"]
    own: Mapping[str, str] = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    ran = subprocess.run(
        command, env={**own, **running.environment}, cwd=tmp_path, capture_output=True, text=True
    )

    assert (ran.returncode, ran.stdout) == (0, "It rains.\n"), ran.stderr
