"""How much the detectors of personal data find of generated identifiers and of what only looks like
one, and whether two in one text are both found."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.patterns import compiled
from axonflow_core.policy.rules import Finding, Phase, Severity, Verdict
from axonflow_core.policy.scoring import Share, corpus_in, score
from axonflow_core.policy.views import views_of

from .generated import (
    IDENTIFIERS,
    LABELLED,
    NATIONAL,
    PHONE_REGIONS,
    TEMPLATES,
    Planted,
    national_phone,
    phone_in,
    planted,
    planted_with_label,
)
from .hard_negatives import HARD_NEGATIVES

QUICK = 2
THOROUGH = 300
"""Texts for each template, and texts for each kind of hard negative."""
TYPES = list(dict.fromkeys([*IDENTIFIERS, *LABELLED, *NATIONAL]))
SEPARATORS = [" ", ", ", ",", "\n", "\t", "; ", " | ", " / ", " and "]


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.build(PoliciesConfig())


def findings(policy: Policy, text: str) -> Iterable[Finding]:
    return policy.evaluate(Phase.REQUEST, {"text": text}).findings


def is_found(policy: Policy, one: Planted) -> bool:
    """Whether findings of its type have every character of the identifier."""
    return any(
        each.rule == one.type and each.start <= one.start and one.end <= each.end
        for each in findings(policy, one.text)
    )


def share(policy: Policy, texts: Iterable[Planted]) -> Share:
    hits = [is_found(policy, one) for one in texts]
    return Share(sum(hits), len(hits))


def at_least(part: Share, bar: float) -> bool:
    """Whether the share is, with its interval for the report of a failure."""
    return part.value is not None and part.value >= bar


@pytest.mark.parametrize("kind", IDENTIFIERS)
def test_an_identifier_is_found_wherever_it_stands(policy: Policy, kind: str) -> None:
    result = share(policy, planted(kind, IDENTIFIERS[kind], Random(1), QUICK))
    assert at_least(result, 1.0), result


@pytest.mark.parametrize("kind", LABELLED)
def test_an_identifier_is_found_next_to_its_label(policy: Policy, kind: str) -> None:
    result = share(policy, planted_with_label(kind, Random(2), 1))
    assert at_least(result, 0.99), result


def test_most_telephone_numbers_are_found_as_their_region_writes_them(policy: Policy) -> None:
    result = share(policy, planted("phone", national_phone, Random(3), 10))
    assert at_least(result, 0.9), result


@pytest.mark.thorough
@pytest.mark.parametrize("kind", IDENTIFIERS)
def test_hardly_an_identifier_is_missed(policy: Policy, kind: str) -> None:
    result = share(policy, planted(kind, IDENTIFIERS[kind], Random(4), THOROUGH // 10))
    assert at_least(result, 0.99), (result, result.interval)


@pytest.mark.thorough
@pytest.mark.parametrize("region", PHONE_REGIONS)
def test_the_numbers_of_a_region_are_found_next_to_a_word_for_them(
    policy: Policy, region: str
) -> None:
    random = Random(5)
    numbers = [phone_in(random, region, form) for form in (0, 1, 2) for _ in range(THOROUGH // 3)]
    texts = [
        Planted("phone", f"Tel.: {number}", len("Tel.: "), len("Tel.: ") + len(number))
        for number in numbers
    ]
    result = share(policy, texts)
    assert at_least(result, 0.98), (result, result.interval)


def corpora() -> Path:
    """The folder of public data that AXONFLOW_CORPORA names."""
    folder = os.environ.get("AXONFLOW_CORPORA")
    if not folder:
        pytest.skip("detectors are measured where AXONFLOW_CORPORA names a folder of corpora")
    return Path(folder)


@pytest.mark.thorough
def test_entities_that_others_labelled_are_found(policy: Policy) -> None:
    result = score(policy, corpus_in(corpora() / "pii-presidio-research.jsonl"))
    assert result.total.f2 is not None
    assert result.total.f2 >= 0.95, result.total


@pytest.mark.thorough
def test_nothing_critical_is_found_in_texts_that_people_and_models_write(policy: Policy) -> None:
    paths = [*corpora().glob("benign-*.jsonl"), *corpora().glob("answers-*.jsonl")]
    texts = [sample.text for path in paths for sample in corpus_in(path).samples]
    found = [each for text in texts for each in findings(policy, text) if each.category == "pii"]
    assert len(texts) > 7_000
    assert len(found) > 5  # addresses of e-mail and telephones that stand there
    assert not [each for each in found if each.severity is Severity.CRITICAL]


# ── what only looks like an identifier ────────────────────────────────────────────────────────────


def false_alarms(policy: Policy, count: int) -> tuple[Share, Share]:
    """Texts with a critical finding, and texts with any, of `count` of each kind."""
    random, critical, some, whole = Random(6), 0, 0, 0
    for make in HARD_NEGATIVES.values():
        for _ in range(count):
            severities = {finding.severity for finding in findings(policy, make(random))}
            critical += Severity.CRITICAL in severities
            some += bool(severities)
            whole += 1
    return Share(critical, whole), Share(some, whole)


def test_hard_negatives_are_left_alone(policy: Policy) -> None:
    critical, some = false_alarms(policy, 20)
    assert critical.part <= critical.whole * 0.003, critical
    assert some.part <= some.whole * 0.01, some


@pytest.mark.thorough
def test_hardly_a_hard_negative_is_taken_for_an_identifier(policy: Policy) -> None:
    critical, some = false_alarms(policy, THOROUGH)
    assert critical.part <= critical.whole * 0.003, (critical, critical.interval)
    assert some.part <= some.whole * 0.01, (some, some.interval)


@pytest.mark.parametrize("kind", HARD_NEGATIVES)
def test_an_identifier_behind_a_hard_negative_is_found(policy: Policy, kind: str) -> None:
    """The control of the tests above: what is left alone hides nothing."""
    random = Random(7)
    for other, make in IDENTIFIERS.items():
        before, value = HARD_NEGATIVES[kind](random) + "\n", make(random)
        one = Planted(other, before + value, len(before), len(before) + len(value))
        assert is_found(policy, one), one


@pytest.mark.thorough
def test_one_of_ten_numbers_of_a_network_passes_for_a_card(policy: Policy) -> None:
    """What `docs/policies.md` says of bare digits: the check digit alone excludes nine of ten."""
    random = Random(8)
    numbers = [f"4{random.randrange(10**15):015}" for _ in range(5_000)]
    passing = sum(bool(findings(policy, f"reference {number}")) for number in numbers)
    assert 0.08 < passing / len(numbers) < 0.12


# ── two in one text ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.sampled(3)
@pytest.mark.parametrize("first", IDENTIFIERS)
def test_any_two_identifiers_in_one_text_are_both_found(policy: Policy, first: str) -> None:
    random = Random(f"two {first}")
    for second, separator in product(IDENTIFIERS, SEPARATORS):
        one, other = IDENTIFIERS[first](random), IDENTIFIERS[second](random)
        text, behind = f"{one}{separator}{other}", len(one) + len(separator)
        assert is_found(policy, Planted(first, text, 0, len(one))), text
        assert is_found(policy, Planted(second, text, behind, len(text))), text


def of_any_type(kind: str, random: Random) -> tuple[str, str]:
    """The label that an identifier of that type wants, if any, and one."""
    if kind in IDENTIFIERS:
        return "", IDENTIFIERS[kind](random)
    if kind in NATIONAL:
        label, _, number = NATIONAL[kind].partition("|")
        return label, number
    make, labels = LABELLED[kind]
    return f"{labels[0]} ", make(random)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("first", TYPES)
def test_identifiers_of_any_two_types_are_both_found(policy: Policy, first: str) -> None:
    random = Random(f"any {first}")
    for second in TYPES:
        (before, one), (between, other) = of_any_type(first, random), of_any_type(second, random)
        separator = random.choice([", ", "\n", "; ", " | ", " and "])
        text = f"{before}{one}{separator}{between}{other}"
        start = len(text) - len(other)
        assert is_found(policy, Planted(first, text, len(before), len(before) + len(one))), text
        assert is_found(policy, Planted(second, text, start, len(text))), text


@pytest.mark.thorough
def test_many_identifiers_in_one_text_are_all_found(policy: Policy) -> None:
    random, missed = Random(9), Counter[str]()
    for _ in range(300):
        text, places = "", []
        for kind in random.sample(sorted(IDENTIFIERS), len(IDENTIFIERS)):
            value = IDENTIFIERS[kind](random)
            places.append((kind, len(text), len(text) + len(value)))
            text += value + random.choice(SEPARATORS[1:])
        missed.update(
            kind
            for kind, start, end in places
            if not is_found(policy, Planted(kind, text, start, end))
        )
    assert not missed


PIECES = st.sampled_from(
    "ssn passport phone call born card IBAN DE89 GB29 + ( ) - . , : / @ # x 00 0 1 4 9 12 123 1234 "
    "123456 1234567890 4111 1111 2345 6789 é 李 \ud800 \u200b \u2013 ２ a@b.co 1.2.3.4 :: fe80 _ id"
    ' no is = {" 2024-01-02'.split(" ")
)


@given(st.lists(PIECES, max_size=14), st.sampled_from(["", " ", "-", ".", "\n", "\t"]))
def test_no_text_makes_a_detector_raise_or_find_what_is_outside_of_it(
    policy: Policy, pieces: list[str], separator: str
) -> None:
    text = separator.join(pieces)
    decision = policy.evaluate(Phase.REQUEST, {"text": text})
    assert decision.verdict is not Verdict.ERROR
    assert all(0 <= each.start < each.end <= len(text) for each in decision.findings)


# ── the hints ─────────────────────────────────────────────────────────────────────────────────────


def test_every_text_with_a_finding_has_a_hint_of_its_detector() -> None:
    random = Random(10)
    texts = [TEMPLATES[1].format(make(random)) for make in IDENTIFIERS.values() for _ in range(8)]
    for kind in LABELLED:
        texts += [one.text for one in planted_with_label(kind, random, 1)]
    found = set()
    texts += [number.replace("|", "") for number in NATIONAL.values()]
    personal = [detector for detector in DETECTORS if detector.category == "pii"]
    for text, detector in product(texts, personal):
        for view in views_of(text):
            if detector.finder()(view):
                found.add(detector.type)
                assert compiled(detector.clue).search(view.data) is not None, (detector.type, text)
    assert found >= set(TYPES)
