"""Values that are known by the words before them: `Passport no.: X1234567`.

A label is followed by its value at once, or behind signs and up to three words: `"ssn": "…"`,
`| SSN | … |`, `the SSN of Jane is …`. What stands between is a gap.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from axonflow_core.policy.detectors.detector import Accept
from axonflow_core.policy.detectors.numbers import ENDS, bare
from axonflow_core.policy.patterns import Look, compiled, looking

_GAP = r"[\W_]{0,6}(?:[A-Za-z]{1,12}[\W_]{1,6}){0,3}"


def behind(labels: str, value: str) -> str:
    """The RE2 pattern of a value with its label before it. `labels` are found in any case."""
    return rf"(?i:{labels}){_GAP}(?:{value}){ENDS}"


def start_of(value: str) -> Callable[[bytes, int, int], int]:
    """(text, start, end of a candidate) -> where the `value` at its end begins: at a word, or else
    within one, as in `ssn123456789`."""
    anywhere = re.compile(rb"(?:%b)\Z" % value.encode()).search
    at_a_word = re.compile(rb"(?<![0-9A-Za-z])(?:%b)\Z" % value.encode()).search

    def start(data: bytes, start: int, end: int) -> int:
        found = at_a_word(data, start, end) or anywhere(data, start, end)
        return found.start() if found else start

    return start


def labelled(value: str, accept: Accept) -> Accept:
    """`accept` of the value alone, for candidates that begin with a label."""
    begin = start_of(value)
    return bare(lambda data, start, end: accept(data, begin(data, start, end), end))


def words_before(words: str, reach: int = 60) -> Callable[[bytes, int], bool]:
    """Whether one of the `words`, an RE2 pattern, stands in the `reach` bytes before a place:
    (text, place)."""

    @cache
    def look() -> Look:
        return looking(compiled(f"(?i:{words})"))

    return lambda data, start: look()(data[max(0, start - reach) : start]) >= 0
