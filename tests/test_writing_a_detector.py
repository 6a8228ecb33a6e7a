"""`docs/writing-a-detector.md` is run (`pages`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pages import Page

if TYPE_CHECKING:
    from conftest import Environment

PAGE = Page("writing-a-detector.md")


def test_every_block_is_a_file_or_a_command() -> None:
    assert PAGE.idle_blocks() == []


def test_the_page_is_short() -> None:
    assert len(PAGE.text.splitlines()) <= 120


@pytest.mark.thorough
def test_the_commands_print_what_the_page_says(reader: tuple[Environment, Path]) -> None:
    PAGE.run(*reader)
