"""The sieve: a detector is asked about every text in which it may find something, and about few
others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.rules import Action, Severity
from axonflow_core.policy.sieves import MAX_SCREENED, Sieve
from axonflow_core.policy.views import View

WORDS = ["ab", "abc", "bc", "c", "abcab", "key", "api-key", "x.y", "=", "3f"]
HINTS = ["a+b", r"\d{3}", "(?i)key", "[xyz]{2}"]


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


DETECTORS = st.lists(
    st.one_of(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(
            lambda words: detector(keywords=words)
        ),
        st.sampled_from(HINTS).map(lambda hint: detector(hint=hint)),
    ),
    max_size=6,
)


@given(DETECTORS, st.text(st.sampled_from("abcABC key-api.x=3f127"), max_size=60))
def test_those_are_asked_whose_keyword_or_hint_a_text_has(
    detectors: Sequence[Detector], text: str
) -> None:
    expected = {
        number
        for number, one in enumerate(detectors)
        if any(word in text.lower() for word in one.keywords)
        or (one.hint and asked([detector(hint=one.hint)], text))
    }
    assert asked(detectors, text) == expected


@pytest.mark.parametrize("size", [10, MAX_SCREENED, 20 * MAX_SCREENED])
def test_in_a_text_of_any_length_all_keywords_are_seen(size: int) -> None:
    detectors = [detector(keywords=[word]) for word in WORDS] + [detector(hint="z")]
    text = "key" * (size // 3) + " abcab"
    assert asked(detectors, text) == {0, 1, 2, 3, 4, 5}
    assert asked(detectors, text + "=z") == {0, 1, 2, 3, 4, 5, 8, 10}


def test_nobody_is_asked_where_nobody_is() -> None:
    assert asked([], "text") == set()
