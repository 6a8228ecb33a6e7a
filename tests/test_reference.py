"""The API reference says what the code says, and no value of the machine that it was made on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import axonflow_core
from axonflow_core import testing

from . import reference

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"
NAMES = [*axonflow_core.__all__, *testing.__all__]


def missing_in(page: str) -> list[str]:
    """The public names that have no heading of their own."""
    headings = re.findall(r"^#### (\w+)$", page, re.M)
    return [name for name in NAMES if headings.count(name) != 1]


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == reference.page(), (
        "make the page again: python -m tests.reference > docs/reference.md"
    )


def test_every_public_name_has_one_entry() -> None:
    assert missing_in(PAGE.read_text("utf-8")) == []


def test_a_missing_name_is_seen() -> None:
    page = PAGE.read_text("utf-8").replace("#### Runtime\n", "")

    assert missing_in(page) == ["Runtime"]


def test_a_name_that_its_module_does_not_define_is_refused() -> None:
    with pytest.raises(LookupError, match="Rutime"):
        list(reference._module("axonflow_core", "axonflow_core.runtime", ["Rutime"]))


def test_defaults_types_and_docstrings_of_fields_are_shown() -> None:
    page = PAGE.read_text("utf-8")

    assert (
        "- `breaks_off: bool = False`: Whether the connection is cut after the last read." in page
    )
    assert "- `headers: Mapping[str, str] = {}`: Names in lower case." in page
    assert "async Runtime.complete(\n    prompt: Prompt | None = None,\n    *,\n" in page
    assert "CompletionStream.request_id: str | None" in page
