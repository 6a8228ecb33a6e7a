"""What is found in clear is found as well however it is written: `evasions` has the ways."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Action, Phase, Rule
from axonflow_core.policy.views import View

from .evasions import EVASIONS, between, cyrillic, full_width, url, url_whole

IDENTIFIERS = {
    "payment_card": "4111 1111 1111 1111",
    "us_ssn": "123-45-6789",
    "email": "jane.doe@example.com",
}
OF_BLANKS = {
    "URL, blanks as plus",
    "blanks as tabs",
    "blanks as new lines",
    "blanks as comments",
    "blanks as controls",
    "JSON's new lines",
}
"""Of statements: a number over several lines or columns is a table."""
KEPT = 0.95
"""The share of what is found in clear that is found in every other way of writing."""
SQL = {"sql_injection", "dangerous_statement"}
LEAST = 400
"""Payloads that are found in clear."""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.build(PoliciesConfig())


def spans(policy: Policy, text: str, type: str) -> list[str]:
    """What is found of one type."""
    findings = policy.evaluate(Phase.REQUEST, {"text": text}).findings
    return [text[one.start : one.end] for one in findings if one.rule == type]


@pytest.mark.parametrize("type", IDENTIFIERS)
@pytest.mark.parametrize("evasion", [name for name in EVASIONS if name not in OF_BLANKS])
def test_an_identifier_is_found_however_it_is_written(
    policy: Policy, evasion: str, type: str
) -> None:
    hidden = EVASIONS[evasion](IDENTIFIERS[type])
    assert hidden in spans(policy, f"Note it down: {hidden} and go on.", type)


@pytest.mark.parametrize("word", ["aurora", "секрет", "Größe"])
@pytest.mark.parametrize(
    "evasion", [url_whole, full_width, between("\u200b"), cyrillic, lambda text: url(url(text))]
)
def test_a_literal_of_the_configuration_is_found_however_it_is_written(
    evasion: Callable[[str], str], word: str
) -> None:
    rule = Rule(name="r", action=Action.BLOCK, text=word)
    hidden = evasion(word)
    assert spans(Policy.build(PoliciesConfig(rules=(rule,))), f"- {hidden} -", "r") == [hidden]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("padding", ["lorem ipsum ", "\u200b", "%41", "é"])
def test_behind_a_megabyte_of_anything_a_finding_is_found(policy: Policy, padding: str) -> None:
    number = IDENTIFIERS["us_ssn"]
    text = f"{padding * (1_000_000 // len(padding))} {url(number)}"
    assert spans(policy, text, "us_ssn") == [url(number)]


def payloads() -> Iterator[str]:
    folder = os.environ.get("AXONFLOW_CORPORA")
    if not folder:
        pytest.skip("evasions are measured where AXONFLOW_CORPORA names a folder of corpora")
    with (Path(folder) / "sqli-payloadbox.jsonl").open() as lines:
        for line in lines:
            if (text := json.loads(line)["text"].strip()).isascii():
                yield text


@pytest.fixture(scope="module")
def found_in_clear(policy: Policy) -> list[str]:
    return [text for text in payloads() if is_found(policy, text)]


def is_found(policy: Policy, text: str) -> bool:
    decision = policy.evaluate(Phase.REQUEST, {"text": text})
    return not SQL.isdisjoint(decision.rules)


@pytest.mark.thorough
@pytest.mark.parametrize("evasion", EVASIONS)
def test_attacks_are_found_however_they_are_written(
    policy: Policy, found_in_clear: list[str], evasion: str
) -> None:
    written = [EVASIONS[evasion](text) for text in found_in_clear]
    kept = sum(is_found(policy, text) for text in written) / len(found_in_clear)
    assert len(found_in_clear) >= LEAST
    sys.stdout.write(f"{evasion}: {kept:.3f} of {len(found_in_clear):,}\n")
    assert kept >= KEPT


@pytest.mark.thorough
@pytest.mark.parametrize(
    "evasion", ["URL", "HTML, decimal", "full width", "zero width between", "Cyrillic"]
)
def test_without_its_forms_little_is_found_of_a_text(
    found_in_clear: list[str], evasion: str
) -> None:
    """The control: the patterns themselves find no such writing."""
    searches = [
        detector.finder()
        for detector in Policy.build(PoliciesConfig()).detectors
        if detector.type in SQL
    ]
    written = [View(EVASIONS[evasion](text).encode()) for text in found_in_clear]
    kept = sum(any(find(view) for find in searches) for view in written)
    assert kept / len(found_in_clear) < 0.5
