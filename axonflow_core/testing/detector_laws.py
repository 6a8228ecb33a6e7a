"""The laws of detectors, as one test for their author.

test_badges = detector_test(BADGES, found={"badge B-1234": ["B-1234"]}, passed=["badge no. 5"])
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import strategies as st

from axonflow_core.detector_plugins import fault_of
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.guests import Guest, Page
from axonflow_core.policy.views import View

from .checking import for_all, require

SIZE = 100_000
"""Characters of the texts that a detector is timed on."""
LIMIT_S = 0.25
"""What a detector has for them: as `policies.detector_limit_s`, where nothing else is said."""


def detector_test(
    detector: Detector, *, found: Mapping[str, Sequence[str]], passed: Sequence[str]
) -> Callable[[Callable[[], None]], None]:
    """A pytest test that holds `detector` to its laws: it can be registered; it finds in each text
    of `found` what is named, and nothing in those of `passed`; whatever a text is, it answers with
    spans of it; and long texts, made of these, are searched in time.
    """

    laws = {
        "can be registered": lambda: require(
            fault_of(detector) is None, f"the detector {fault_of(detector)}"
        ),
        "finds what is named": lambda: _check_findings(detector, found),
        "finds nothing else": lambda: _check_findings(detector, dict.fromkeys(passed, ())),
        "answers any text with spans": lambda: for_all(
            _texts([*found, *passed]), lambda text: _check_answer(detector, text)
        ),
        "searches long texts in time": lambda: _check_time(detector, [*found, *passed]),
    }

    @pytest.mark.parametrize("law", laws.values(), ids=laws)
    def test(law: Callable[[], None]) -> None:
        law()

    return test


def _check_answer(detector: Detector, text: str) -> None:
    _found(detector, text)  # raises where these are no spans


def _check_findings(detector: Detector, expected: Mapping[str, Sequence[str]]) -> None:
    for text, named in expected.items():
        found = _found(detector, text)
        require(found == list(named), f"finds {found} in {text!a}, and not {list(named)}")


def _check_time(detector: Detector, texts: Sequence[str]) -> None:
    for text in texts:
        long = text * (SIZE // max(len(text), 1) + 1)
        began = time.perf_counter()
        _found(detector, long)
        took = time.perf_counter() - began
        require(took < LIMIT_S, f"{len(long):,} characters took {took:.2f} s: {text[:40]!a}…")


def _found(detector: Detector, text: str) -> list[str]:
    """What the detector finds in a text, as the engine asks it."""
    guest, view = Guest(detector), View(text.encode("utf-8", "surrogatepass"))
    if not guest.may_find(Page("text", detector.modes[0], (view,))):
        return []
    return [view.data[start:end].decode("utf-8", "replace") for start, end in guest.found_in(view)]


def _texts(examples: Sequence[str]) -> st.SearchStrategy[str]:
    """Texts that have pieces of the examples in them."""
    pieces = st.sampled_from(examples).flatmap(
        lambda text: st.integers(0, len(text)).map(lambda end: text[:end])
    )
    return st.lists(pieces | st.text(max_size=8), max_size=6).map("".join)
