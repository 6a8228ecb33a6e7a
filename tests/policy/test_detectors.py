"""What the built-in detectors find, and which natural texts they leave alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.frozen import evolve
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.detectors.detector import whole
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.patterns import compiled
from axonflow_core.policy.rules import Phase, Verdict
from axonflow_core.policy.searches import MAX_SPANS
from axonflow_core.policy.views import View, views_of

# What the probe of the real SDK (sdk_probe.py) asks.
PII_QUERY = "Please look up the customer whose SSN is 123-45-6789"
SQLI_QUERY = (
    "SELECT name FROM products WHERE id=1 UNION SELECT password FROM users; DROP TABLE users"
)
CLEAN_QUERY = "Name three primary colours in one short sentence."


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.build(PoliciesConfig())


def found(policy: Policy, text: str) -> list[tuple[str, str]]:
    """The type and the words of every finding."""
    findings = policy.evaluate(Phase.REQUEST, {"text": text}).findings
    return [(finding.rule, text[finding.start : finding.end]) for finding in findings]


@pytest.mark.parametrize(
    ("query", "verdict", "words"),
    [
        (PII_QUERY, Verdict.BLOCKED, ("ssn", "social", "pii", "personal")),
        (SQLI_QUERY, Verdict.BLOCKED, ("sql", "injection", "dangerous", "drop")),
        (CLEAN_QUERY, Verdict.ALLOWED, ("",)),
    ],
    ids=["pii", "sqli", "clean"],
)
def test_the_probe_is_answered_as_it_expects(
    policy: Policy, query: str, verdict: Verdict, words: tuple[str, ...]
) -> None:
    decision = policy.evaluate(Phase.REQUEST, {"query": query})
    assert decision.verdict is verdict
    assert any(word in (decision.reason or "").lower() for word in words)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("123-45-6789", "123-45-6789"),
        ("(123-45-6789).", "123-45-6789"),
        ("my ssn: 123456789!", "123456789"),
        ("SSN 123 45 6789", "123 45 6789"),
        ("Social Security number is 899-99-9999", "899-99-9999"),
        ("social  security no. 001-01-0001", "001-01-0001"),
        ("SSN of: 123-45-6789, thanks", "123-45-6789"),
        ("１２３-４５-６７８９", "１２３-４５-６７８９"),
        ("12\u200b3-45-6789", "12\u200b3-45-6789"),
    ],
)
def test_a_social_security_number_is_found_without_its_label(
    policy: Policy, text: str, number: str
) -> None:
    assert found(policy, text) == [("us_ssn", number)]


def test_every_number_of_a_text_is_found(policy: Policy) -> None:
    text = "123-45-6789, 000-45-6789 and 123-45-6780; 4111111111111111 4111 1111 1111 1111"
    assert [words for _, words in found(policy, text)] == [
        "123-45-6789",
        "123-45-6780",
        "4111111111111111",
        "4111 1111 1111 1111",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "000-12-3456",
        "666-12-3456",
        "900-12-3456",
        "123-00-4567",
        "123-45-0000",
        "1123-45-6789",
        "123-45-67890",
        "1-123-45-6789",
        "123-45-6789-1",
        "order 123456789",
        "ssn 12345678",
        "ssn is a number of 9 digits, 555123456 would be one",
    ],
)
def test_a_number_that_is_no_social_security_number_is_left_alone(
    policy: Policy, text: str
) -> None:
    assert found(policy, text) == []


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "6011111111111117",
        "3530111333300000",
        "30569309025904",
        "6759649826438453",
        "４１１１ １１１１ １１１１ １１１１",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "card {}, please", "in 2024 {}.", "<{}>", "x={};"])
def test_a_card_number_is_found(policy: Policy, number: str, frame: str) -> None:
    assert found(policy, frame.format(number)) == [("payment_card", number)]


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # check digit
        "1111111111111117",  # no network
        "41111111111111111111111",  # too long
        "14111111111111111",
        "4111111111111111.5",
        "0.4111111111111111",
        "a4111111111111111",
        "9999 4111 1111 1111 1112",
        "123456789012345678",
    ],
)
def test_a_number_that_is_no_card_is_left_alone(policy: Policy, text: str) -> None:
    assert found(policy, text) == []


def test_an_address_is_warned_of(policy: Policy) -> None:
    text = "Write to Jane.Doe+x@mail.example.co.uk, or @jane, or a@b."
    decision = policy.evaluate(Phase.REQUEST, {"text": text})
    assert decision.verdict is Verdict.ALLOWED
    assert found(policy, text) == [("email", "Jane.Doe+x@mail.example.co.uk")]


NATURAL = [
    "We grant access to all staff on request.",
    "The board will grant all on site staff a day off.",
    "Please select from the menu or drop by.",
    "The trade union select committee met members from each branch.",
    "Drop the table by the window; delete from your list what you do not need.",
    "We plan to drop database support in the next release, and schema checks too.",
    "Do you truncate tables in a report, or wrap them?",
    "Insert the key, update the firmware, and select the mode.",
    "It's 'all or nothing' and 1 of 2 is the answer, or 3.",
    "The students' choice: 'yes' or 'no'?",
    "Is x = 5 or 6? And y = 1 or 2?",
    "if name == 'a' or name == 'b': time.sleep(5)",
    "if (a == '1' or b == '2') and c: print(\"or\")",
    "Run a benchmark (about 100 calls), sleep (8 hours), and wait for a delay.",
    "SELECT name FROM users WHERE city = 'Paris' OR city = 'Rome' ORDER BY name;",
    "INSERT INTO a (x) VALUES (1);\nUPDATE b SET y = 2 WHERE id = 3;",
    "Call us before 2024-01-02 12:30, or in the year 2025.",
    "AWS account 123456789012, order 12345678901234567, ZIP 12345-6789.",
    "ISBN 978-3-16-148410-0, part 12-34-5678, version 1.2.3-45-6789.",
    "The SHA is 4111111111111111aaaaaaaaaaaaaaaaaaaaaaaa.",
    "Meet me @ noon; price is 5$ @ 10 each.",
    "Shut down the server; shutdown takes a minute.",
    "-- a comment, # another, and a dash -- like this",
    "Don't -- and I mean it -- touch the dogs' bowls.",
    CLEAN_QUERY,
]


@pytest.mark.parametrize("text", NATURAL)
def test_natural_texts_are_left_alone(policy: Policy, text: str) -> None:
    assert found(policy, text) == []


FRAGMENTS = st.sampled_from(
    "' \" ; -- # = or and 1 1=1 '1'='1 ( ) union select null from users drop table truncate delete "
    "shutdown sleep(5) waitfor delay ssn is 123-45-6789 123456789 4111 1111 4111111111111111 a@b.co"
    " 3782 822463 10005 xp_cmdshell /**/ + where grant all on to admin'-- into outfile".split()
)


@given(st.lists(FRAGMENTS, max_size=12), st.sampled_from(["", " ", "\n", "/**/"]))
def test_every_text_with_a_finding_matches_the_hint_of_its_detector(
    words: list[str], blank: str
) -> None:
    for view in views_of(blank.join(words)):
        for detector in DETECTORS:
            if detector.finder()(view):
                assert compiled(detector.clue).search(view.data) is not None


# ── public data ───────────────────────────────────────────────────────────────────────────────────


def corpus(name: str) -> Iterator[dict[str, object]]:
    """The lines of a corpus in the folder that AXONFLOW_CORPORA names."""
    folder = os.environ.get("AXONFLOW_CORPORA")
    if not folder:
        pytest.skip("detectors are measured where AXONFLOW_CORPORA names a folder of corpora")
    with (Path(folder) / name).open() as lines:
        yield from map(json.loads, lines)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "phase", "most"),
    [
        ("benign-gsm8k-questions.jsonl", Phase.REQUEST, 0),
        ("benign-self-instruct-prompts.jsonl", Phase.REQUEST, 0),
        ("benign-humaneval-code-prompts.jsonl", Phase.REQUEST, 0),
        ("benign-sql-eval-nl-questions.jsonl", Phase.REQUEST, 0),
        ("benign-sql-eval-legit-sql.jsonl", Phase.REQUEST, 3),
        ("answers-gsm8k.jsonl", Phase.ANSWER, 0),
    ],
)
def test_hardly_anything_benign_is_stopped(
    policy: Policy, name: str, phase: Phase, most: int
) -> None:
    decisions = [policy.evaluate(phase, {"text": str(line["text"])}) for line in corpus(name)]
    assert decisions
    assert sum(decision.is_stopped for decision in decisions) <= most


def test_what_stands_behind_very_many_findings_of_one_pattern_counts_as_found() -> None:
    """Also where those of another pattern join them: what is left are fewer, and none was looked
    for behind them."""
    some = next(one for one in DETECTORS if one.type == "us_ssn")
    both = evolve(some, pattern="a b", others=("b a",), accept=whole)
    text = b"a b " * (2 * MAX_SPANS)
    spans = both.finder()(View(text))
    assert len(spans) < MAX_SPANS
    assert spans[-1][1] == len(text)
