"""How detectors are measured: what counts as found, as missed and as wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.errors import ConfigError
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Mode
from axonflow_core.policy.scoring import Score, Share, corpus_in, score


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.build(PoliciesConfig())


def scored(policy: Policy, path: Path, *lines: object) -> Score:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return score(policy, corpus_in(path))


@pytest.mark.parametrize(
    ("share", "low", "high"),
    [
        (Share(0, 200), 0.0, 0.0188),
        (Share(10, 10), 0.7225, 1.0),
        (Share(50, 100), 0.4038, 0.5962),
        (Share(0, 0), 0.0, 1.0),
    ],
)
def test_intervals_are_wilsons(share: Share, low: float, high: float) -> None:
    """Of none and of all it is z² / (n + z²) wide."""
    assert share.interval == pytest.approx((low, high), abs=1e-4)


def test_an_entity_is_found_where_a_finding_of_its_type_overlaps_it(
    policy: Policy, tmp_path: Path
) -> None:
    text = "a@b.example and c@d.example, 123-45-6789"
    spans = [
        {"type": "EMAIL_ADDRESS", "start": 2, "end": 11},
        {"type": "US_SSN", "start": 0, "end": 11},
        {"type": "PERSON", "start": 0, "end": 1},
    ]
    result = scored(policy, tmp_path / "pii.jsonl", {"text": text, "spans": spans})
    email, ssn = result.types["email"], result.types["us_ssn"]
    assert (email.recall, email.precision) == ((1, 1), (1, 2))
    assert (ssn.recall, ssn.precision) == ((0, 1), (0, 1))
    assert email.f2 == pytest.approx(5 * 0.5 / 3) and ssn.f2 is None
    assert result.total.recall == (1, 2) and "PERSON" not in result.types
    assert result.wrong == {"email": 1, "us_ssn": 1} and result.critical == (1, 1)


def test_an_attack_is_found_by_any_detector_of_what_is_expected(
    policy: Policy, tmp_path: Path
) -> None:
    lines = ({"text": "' or 1=1 --"}, {"text": "; drop table users;"}, {"text": "hello"})
    result = scored(policy, tmp_path / "sqli-few.jsonl", *lines)
    assert (result.found, result.stopped, result.alarms) == ((2, 3), (2, 3), (0, 3))


def test_whatever_is_found_where_nothing_is_expected_is_wrong(
    policy: Policy, tmp_path: Path
) -> None:
    lines = ({"text": "123-45-6789"}, {"text": "a@b.example"}, {"text": "hello"})
    result = scored(policy, tmp_path / "benign-few.jsonl", *lines)
    assert (result.found, result.alarms, result.critical) == ((0, 0), (2, 3), (1, 3))
    assert result.stopped == (1, 3)


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("benign-x.jsonl", Mode.PROMPT),
        ("answers-x.jsonl", Mode.ANSWER),
        ("benign-legit-sql.jsonl", Mode.SQL),
        ("sqli-x.jsonl", Mode.PROMPT),
    ],
)
def test_the_name_of_a_corpus_says_what_its_texts_are(
    tmp_path: Path, name: str, mode: Mode
) -> None:
    (tmp_path / name).write_text('{"text": "x"}\n\n')
    corpus = corpus_in(tmp_path / name)
    assert (corpus.mode, len(corpus.samples)) == (mode, 1)
    assert bool(corpus.expected) is name.startswith("sqli")
    assert corpus_in(tmp_path / name, mode=Mode.PARAMETER).mode is Mode.PARAMETER


@pytest.mark.parametrize(
    "line", ["{", "[]", '"x"', "{}", '{"text": 1}', '{"text": "x", "spans": [{"type": "T"}]}']
)
def test_a_line_that_is_no_text_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(f'{{"text": "x"}}\n{line}\n')
    with pytest.raises(ConfigError, match=r"c\.jsonl:2 is no text of a corpus"):
        corpus_in(path)
