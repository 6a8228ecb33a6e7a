"""`docs/writing-a-codec.md` is run (`pages`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pages import Page

if TYPE_CHECKING:
    from conftest import Environment

pytestmark = pytest.mark.thorough  # environments of their own, pip and processes

PAGE = Page("writing-a-codec.md")
CODEC = "axonflow_bedrock_parrot/__init__.py"


def test_every_block_is_a_file_or_a_command() -> None:
    assert PAGE.idle_blocks() == []


def test_the_commands_print_what_the_page_says(reader: tuple[Environment, Path]) -> None:
    PAGE.run(*reader)


def test_the_family_is_built_in_fewer_than_eighty_lines() -> None:
    lines = [
        line
        for line in PAGE.files()[CODEC].splitlines()
        if line.strip() and not line.startswith("#")
    ]

    assert 40 < len(lines) < 80


def test_the_command_writes_the_same_codec(
    reader: tuple[Environment, Path], tmp_path: Path
) -> None:
    environment, folder = reader
    environment.run("pip", "uninstall", "-q", "-y", "axonflow-bedrock-parrot", cwd=folder)

    written = environment.run("axonflow", "plugins", "new", "codec", "parrot", cwd=tmp_path)

    assert written.returncode == 0, written.stderr
    PAGE.assert_same_code(tmp_path / "axonflow-bedrock-parrot", CODEC, "tests/test_parrot.py")
