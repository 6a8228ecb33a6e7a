"""`docs/writing-a-provider.md` is run (`pages`), on the core alone."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pages import Page

if TYPE_CHECKING:
    from conftest import Environment

PAGE = Page("writing-a-provider.md")
PROVIDER = "axonflow_provider_acme/__init__.py"
ERRORS = "axonflow_provider_acme/errors.toml"


def test_every_block_is_a_file_or_a_command() -> None:
    assert PAGE.idle_blocks() == []


@pytest.mark.thorough
def test_the_commands_print_what_the_page_says(reader: tuple[Environment, Path]) -> None:
    PAGE.run(*reader)


@pytest.mark.thorough
def test_the_files_pass_lint_format_and_types(reader: tuple[Environment, Path]) -> None:
    environment, folder = reader
    for command in (
        ("ruff", "check", "--line-length=100"),
        ("ruff", "format", "--check", "--line-length=100", "--exclude=conftest.py"),
        ("mypy", "--strict", "axonflow_provider_acme", "crow.py", "talk.py", "serve.py", "tests"),
    ):
        if find_spec(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed here")
        checked = environment.run("python", "-m", *command, cwd=folder)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.thorough
def test_the_command_writes_the_same_provider(
    reader: tuple[Environment, Path], tmp_path: Path
) -> None:
    environment, folder = reader
    environment.run("pip", "uninstall", "-q", "-y", "axonflow-provider-acme", cwd=folder)

    written = environment.run("axonflow", "plugins", "new", "provider", "acme", cwd=tmp_path)

    assert written.returncode == 0, written.stderr
    PAGE.assert_same_code(
        tmp_path / "axonflow-provider-acme", PROVIDER, ERRORS, "tests/test_acme.py"
    )
