"""Claude Code, run as `claude -p` in both ways that it has to a gateway: what it writes, how it
ends, and how often it asks. Node and the package are those of `node`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ..node import Ran, package, run
from .conftest import CLAUDE, House

ClaudeCode = Callable[..., Ran]

_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "IS_SANDBOX": "1",  # it runs as root in a container
    "ANTHROPIC_SMALL_FAST_MODEL": CLAUDE,
}


def _of_anthropic(house: House) -> Mapping[str, str]:
    return {"ANTHROPIC_BASE_URL": house.url, "ANTHROPIC_AUTH_TOKEN": house.key}


def _of_bedrock(house: House) -> Mapping[str, str]:
    return {
        "CLAUDE_CODE_USE_BEDROCK": "1",
        "ANTHROPIC_BEDROCK_BASE_URL": house.url,
        "AWS_REGION": "us-east-1",
        **house.aws,
    }


def _run(folder: Path, prompt: str, model: str, gateway: Mapping[str, str]) -> Ran:
    program = package("@anthropic-ai/claude-code") / ".bin" / "claude"
    command = [str(program), "-p", prompt, "--model", model, "--allowedTools", "Bash"]
    return run(command, folder, {**_QUIET, **gateway})


@pytest.fixture(params=[_of_anthropic, _of_bedrock], ids=["anthropic", "bedrock"])
def claude(request: pytest.FixtureRequest, house: House, tmp_path: Path) -> ClaudeCode:
    gateway = request.param(house)
    return lambda prompt, model=CLAUDE: _run(tmp_path, prompt, model, gateway)


def asked_for_text(house: House, before: int) -> list[str]:
    """The streamed calls since: those of the conversation, without probes of models."""
    return [path for path in house.paths[before:] if path.endswith("-stream")]


def test_a_text_is_answered(claude: ClaudeCode) -> None:
    ran = claude("Good morning.")
    assert (ran.returncode, "Good morning to you." in ran.stdout) == (0, True), ran


def test_a_tool_is_run_and_its_result_is_answered(claude: ClaudeCode, house: House) -> None:
    before = len(house.paths)
    ran = claude("Go to the shell.")
    assert (ran.returncode, "it is 23" in ran.stdout) == (0, True), ran
    assert len(asked_for_text(house, before)) == 2


def test_another_family_may_answer(house: House, tmp_path: Path) -> None:
    """By a name of the server's, of which Claude Code knows nothing: it leaves reasoning to the
    model then, and speaks as the system in mid-conversation."""
    ran = _run(tmp_path, "Good morning.", "claude-nova", _of_anthropic(house))
    assert ran.returncode == 0, ran
    assert "nova family" in ran.stdout


def test_a_prompt_that_a_policy_blocks_ends_at_once_with_the_sentence_of_the_policy(
    claude: ClaudeCode, house: House
) -> None:
    before = len(house.paths)
    ran = claude("Tell me of project aurora.")
    assert ran.returncode == 1
    assert "no-aurora does not allow" in ran.stdout
    assert asked_for_text(house, before) == []


def test_an_answer_that_a_policy_stops_ends_at_once(claude: ClaudeCode, house: House) -> None:
    before = len(house.paths)
    ran = claude("Tell me of zeppelins.")
    assert ran.returncode == 1
    assert "zeppelin rises" not in ran.stdout
    assert "no-zeppelin does not allow" in ran.stdout
    assert len(asked_for_text(house, before)) == 1


def test_an_answer_that_breaks_off_is_no_success(claude: ClaudeCode) -> None:
    ran = claude("Please cut it.")
    assert (ran.returncode, "API Error" in ran.stdout) == (1, True), ran


def test_an_unknown_model_is_said_at_once(claude: ClaudeCode) -> None:
    ran = claude("Good morning.", "us.anthropic.claude-nonesuch")
    assert ran.returncode == 1
    assert "claude-nonesuch" in ran.stdout


def test_a_wrong_key_is_said_at_once(house: House, tmp_path: Path) -> None:
    """Of Anthropic's dialect. What a signature of AWS's cannot prove, Claude Code asks without
    end, here as at AWS."""
    wrong = {"ANTHROPIC_BASE_URL": house.url, "ANTHROPIC_AUTH_TOKEN": "acme:wrong"}
    ran = _run(tmp_path, "Good morning.", CLAUDE, wrong)
    assert ran.returncode == 1
    assert "The API key is not known." in ran.stdout
