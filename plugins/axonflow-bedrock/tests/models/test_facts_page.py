"""The page of facts says what the tables say, and every row says something with its source."""

from __future__ import annotations

from pathlib import Path

import facts_page
import pytest
from attrs import fields

from axonflow_bedrock.models.fact_words import _WORDS, words_of
from axonflow_bedrock.models.rules import RULES
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.model_rules import ModelRule

PAGE = Path(__file__).parents[4] / "docs" / "models.md"
SAID_ELSEWHERE = {"model_id", "base_id", "default_max_tokens"}


def test_the_page_is_what_the_tables_say() -> None:
    assert PAGE.read_text("utf-8") == f"{facts_page.page()}\n", "make the page again"


def test_every_field_has_words() -> None:
    assert {field.name for field in fields(ModelFacts)} - SAID_ELSEWHERE == set(_WORDS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.models[0]}-{rule.surface}")
def test_every_row_says_what_it_is_about_with_source_and_year(rule: ModelRule) -> None:
    assert list(words_of(rule.facts))
    assert any(f"20{year}" in rule.source for year in range(23, 30))
