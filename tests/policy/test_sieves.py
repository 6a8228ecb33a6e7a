"""The sieve: a detector is asked about every text in which it may find something, and about few
others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.patterns import compiled, looking
from axonflow_core.policy.rules import Action, Severity
from axonflow_core.policy.sieves import Sieve, is_of_numbers
from axonflow_core.policy.views import View

WORDS = ["ab", "abc", "bc", "c", "abcab", "key", "api-key", "x.y", "=", "3f"]
HINTS = ["a+b", r"\d{3}", r"\d-?\d", "(?i)key", "[xyz]{2}", r"x\d|ab", r"\b1"]


def detector(*, keywords: Sequence[str] = (), hint: str = "") -> Detector:
    return Detector(
        type="thing",
        category="pii",
        action=Action.LOG,
        severity=Severity.LOW,
        description="",
        keywords=tuple(keywords),
        hint=hint,
        pattern="x",
    )


def asked(detectors: Sequence[Detector], text: str) -> set[int]:
    sieve = Sieve((one.keywords, one.hint) for one in detectors)
    return set(sieve.asked(View(text.encode())))


DRAWN = st.lists(
    st.one_of(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(
            lambda words: detector(keywords=words)
        ),
        st.sampled_from(HINTS).map(lambda hint: detector(hint=hint)),
    ),
    max_size=6,
)


@given(DRAWN, st.text(st.sampled_from("abcABC key-api.x=3f127"), max_size=60))
def test_those_are_asked_whose_keyword_or_hint_a_text_has(
    detectors: Sequence[Detector], text: str
) -> None:
    expected = {
        number
        for number, one in enumerate(detectors)
        if any(word in text.lower() for word in one.keywords)
        or (one.hint and compiled(one.hint).search(text.encode()) is not None)
    }
    assert asked(detectors, text) == expected


@pytest.mark.parametrize("size", [10, 500, 10_000])
@pytest.mark.parametrize("filler", ["key", "KEY"], ids=["prose", "noise"])
def test_in_a_text_of_any_length_all_keywords_are_seen(filler: str, size: int) -> None:
    detectors = [detector(keywords=[word]) for word in WORDS] + [detector(hint="z")]
    text = filler * (size // 3) + " abcab"
    assert asked(detectors, text) == {0, 1, 2, 3, 4, 5}
    assert asked(detectors, text + "=z") == {0, 1, 2, 3, 4, 5, 8, 10}


def test_keywords_that_stand_everywhere_one_after_the_other_are_all_seen() -> None:
    words = [f"word{number}." for number in range(9)]
    text = "".join(word * 400 for word in words)
    assert asked([detector(keywords=[word]) for word in words], text) == set(range(9))


def test_nobody_is_asked_where_nobody_is() -> None:
    assert asked([], "text") == set()


def test_every_keyword_of_the_project_is_seen_in_any_case() -> None:
    sieve = Sieve((one.keywords, one.hint) for one in DETECTORS)
    for number, one in enumerate(DETECTORS):
        for word in one.keywords:
            for text in (word, f"now {word.upper()}{word} "):
                assert number in sieve.asked(View(text.encode()))


@pytest.mark.parametrize(
    ("hint", "is_so"),
    [
        (r"\d", True),
        (r"\d{3}-\d", True),
        (r"a\d|b\d\d", True),
        (r"(?:x|\d)\d", True),
        (r"a\d|b", False),
        (r"a\d?", False),
        ("a[0-9]", False),
        (r"\\d", False),
        (r"a[\d-]", False),
        (r"[^\d]a", False),
        (r"\D", False),
    ],
)
def test_a_hint_of_numbers_matches_nothing_without_digits(hint: str, is_so: bool) -> None:
    assert is_of_numbers(hint) is is_so


def test_hints_of_the_project_are_of_numbers_and_of_others() -> None:
    hints = {one.hint for one in DETECTORS if one.hint}
    assert 2 < sum(map(is_of_numbers, hints)) < len(hints)


@given(
    st.sampled_from(HINTS),
    st.text(st.sampled_from("abcxyzKEY1237é"), max_size=40).map(str.encode),
    st.integers(0, 40),
)
def test_what_is_looked_for_is_where_a_search_finds_it(hint: str, data: bytes, start: int) -> None:
    match = compiled(hint).search(data, start)
    found = looking(compiled(hint))(data, min(start, len(data)))
    assert found == (-1 if match is None else match.start())
