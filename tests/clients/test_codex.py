"""OpenAI's Codex, run as `codex exec`: what it writes and how it ends.

It offers `web_search` and a namespace of tools with every call, and takes a stream without
`response.completed` for one that broke.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Endpoint
from .node import Ran, package, run

CONFIG = """\
model = "{model}"
model_provider = "axonflow"
[model_providers.axonflow]
name = "AxonFlow"
base_url = "{url}/v1"
env_key = "AXONFLOW_KEY"
wire_api = "responses"
"""
THINKING = 'model_reasoning_effort = "low"\nmodel_supports_reasoning_summaries = true\n'
AT_ONCE_S = 20
"""Codex waits longer before it asks for the fifth time."""

Codex = Callable[..., Ran]


@pytest.fixture(scope="module")
def modules() -> Path:
    return package("@openai/codex")


@pytest.fixture
def codex(modules: Path, endpoint: Endpoint, tmp_path: Path) -> Codex:
    def codex(prompt: str, model: str = "claude", settings: str = "") -> Ran:
        config = settings + CONFIG.format(model=model, url=endpoint.url)
        (tmp_path / "config.toml").write_text(config)
        command = [str(modules / ".bin" / "codex"), "exec", "--skip-git-repo-check"]
        environment = {"CODEX_HOME": str(tmp_path), "AXONFLOW_KEY": endpoint.key}
        return run([*command, "--sandbox", "danger-full-access", prompt], tmp_path, environment)

    return codex


@pytest.mark.parametrize("model", ["claude", "nova", "mistral"])
def test_a_text_is_answered(codex: Codex, model: str) -> None:
    ran = codex("hi", model)

    assert (ran.returncode, "You said: hi" in ran.stdout) == (0, True), ran.stderr


@pytest.mark.parametrize("model", ["claude", "nova"])
def test_a_command_is_run_and_its_result_answered(codex: Codex, model: str) -> None:
    ran = codex("list files", model)

    assert (ran.returncode, ran.stdout.strip()) == (0, "Take an umbrella."), ran.stderr
    assert "echo rain" in ran.stderr


def test_a_model_that_thinks_reads_its_thoughts_again_after_the_command(codex: Codex) -> None:
    ran = codex("think and list", settings=THINKING)

    assert (ran.returncode, ran.stdout.strip()) == (0, "Take an umbrella."), ran.stderr
    assert "I list them." in ran.stderr and "reasoning effort: low" in ran.stderr


@pytest.mark.parametrize(
    ("prompt", "rule"), [("project aurora", "no-aurora"), ("late", "no-heliotrope")]
)
def test_a_blocked_prompt_ends_at_once_and_says_why(codex: Codex, prompt: str, rule: str) -> None:
    began = time.monotonic()
    ran = codex(prompt)

    assert ran.returncode != 0 and rule in ran.stderr
    assert "Reconnecting" not in ran.stderr
    assert time.monotonic() - began < AT_ONCE_S


def test_an_unknown_model_is_said_once(codex: Codex) -> None:
    ran = codex("hi", "gpt-99")

    assert ran.returncode != 0 and "Reconnecting" not in ran.stderr
    assert "The provided model identifier is invalid." in ran.stderr
