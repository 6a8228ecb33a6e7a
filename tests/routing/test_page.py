"""The page about routing says what the code does: its commands are run, its tables compared."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from axonflow_core.config.routing import PROVIDERS, VARIABLES, WEIGHTS
from axonflow_core.config.structuring import fields_of
from axonflow_core.routing.conversations import MAX_KNOWN
from axonflow_core.routing.rules import RoutingRules, Strategy
from axonflow_core.routing.strategies import ANSWER_TOKENS, CHARACTERS_A_TOKEN, EXPLORED

PAGE = (Path(__file__).parents[2] / "docs" / "routing.md").read_text("utf-8")


def first_words(heading: str) -> list[str]:
    """The code that the rows of the first table under a heading begin with."""
    section = PAGE.split(f"## {heading}\n")[1]
    return re.findall(r"^\| `([^`]+)` \|", section.split("\n## ")[0], re.M)


def test_every_strategy_and_every_key_has_its_row() -> None:
    assert first_words("Order")[1:] == [*Strategy]
    assert first_words("All keys") == [*fields_of(RoutingRules)]


def test_every_variable_is_named() -> None:
    for variable in (*VARIABLES.values(), WEIGHTS, PROVIDERS):
        assert f"`{variable}" in PAGE


def test_the_numbers_are_those_of_the_code() -> None:
    assert (ANSWER_TOKENS, CHARACTERS_A_TOKEN, EXPLORED, MAX_KNOWN) == (1_000, 4, 0.05, 4_096)
    for words in ("`max_tokens` or 1,000", "a quarter of", "one call in twenty", "the last 4,096"):
        assert words in PAGE


@pytest.mark.thorough
def test_the_commands_print_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("axonflow_bedrock")
    file, *_ = re.findall(r"^```yaml\n(version.*?)^```", PAGE, re.M | re.S)
    (tmp_path / "axonflow.yaml").write_text(file)
    console, *_ = re.findall(r"^```console\n(.*?)^```", PAGE, re.M | re.S)
    monkeypatch.delenv("AXONFLOW_CONFIG_FILE", raising=False)
    for part in console.split("$ ")[1:]:
        command, _, shown = part.partition("\n")
        python = f"{sys.executable} -W error -m axonflow_core.cli"
        ran = subprocess.run(
            command.replace("axonflow ", f"{python} ", 1),
            shell=True,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        assert re.fullmatch(re.escape(shown).replace("…", r"[\s\S]*"), ran.stdout), ran.stdout
