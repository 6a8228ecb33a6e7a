"""The examples of `docs/clients.md` for clients of Claude run as they stand there, but for the
port."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..node import package, run
from ..test_page import FILES, URL
from .conftest import House

ANSWER = "Shorter waves are scattered more."


def written(name: str, folder: Path, house: House) -> str:
    path = folder / name
    path.write_text(FILES[name].replace(URL, house.url))
    return str(path)


def test_the_example_of_anthropics_sdk_runs(house: House, tmp_path: Path) -> None:
    pytest.importorskip("anthropic", reason="Anthropic's client is not installed: anthropic")
    ran = subprocess.run(
        [sys.executable, written("anthropic_sdk.py", tmp_path, house)],
        env={**os.environ, "AXONFLOW_KEY": house.key},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert ran.stdout.startswith(ANSWER), ran.stderr
    assert "The rule no-aurora does not allow the text." in ran.stdout


@pytest.mark.parametrize("name", ["claude-code.sh", "claude-code-bedrock.sh"])
def test_the_examples_of_claude_code_run(house: House, tmp_path: Path, name: str) -> None:
    binaries = package("@anthropic-ai/claude-code") / ".bin"
    environment = {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "AXONFLOW_KEY": house.key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    ran = run(["sh", "-e", written(name, tmp_path, house)], tmp_path, environment)
    assert ran.stdout.strip() == ANSWER, ran
