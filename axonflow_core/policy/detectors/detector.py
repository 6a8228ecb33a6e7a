"""What a detector is: a pattern of candidates, and what is a finding among them.

A detector finds candidates with an RE2 pattern, and its `accept` says which part of a candidate is
a finding, if any: the digits of a card have to end in their check digit. Where a pattern cannot say
what is looked for, `find` searches instead. Every text with a finding matches the detector's `hint`
or has one of its `keywords`, so that nearly every text is spared the search itself.

Several detectors may have one type, each for modes of its own: what is suspicious in the value of
a parameter can be quite usual in an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.policy.patterns import Regexp, compiled, quoted
from axonflow_core.policy.rules import Action, Mode, Severity
from axonflow_core.policy.searches import MAX_SPANS, Find, Spans

Accept: TypeAlias = Callable[[bytes, int, int], tuple[int, int] | None]
"""(text, start, end of a candidate) -> start and end of what is found in it; None for nothing."""

EVERYWHERE = tuple(Mode)


def whole(data: bytes, start: int, end: int) -> tuple[int, int]:
    """The candidate as it is."""
    return start, end


@frozen(kw_only=True)
class Detector:
    """Something that is looked for whatever the configuration says."""

    type: str
    """Names it in findings, in masks and under `policies.actions`: `us_ssn`."""
    category: str
    """What `policies.actions` may name for all of its kind: `pii`, `sqli`."""
    action: Action
    """What follows from a finding where neither configuration nor profile says."""
    severity: Severity
    description: str
    """What a person whose call is stopped is told."""
    modes: tuple[Mode, ...] = EVERYWHERE
    """The kinds of text that it searches."""
    hint: str = ""
    """An RE2 pattern that every text with a finding matches. One of `hint` and `keywords`."""
    keywords: tuple[str, ...] = ()
    """Small letters, digits and signs of ASCII: every text with a finding has one of these, in any
    case."""
    pattern: str = ""
    """The RE2 pattern of candidates; empty where `find` searches."""
    accept: Accept = field(default=whole)
    overlaps: bool = False
    """Whether a finding may begin inside another: groups of digits can be read in several ways."""
    load: Callable[[], object] | None = None
    """Loads what `accept` needs of other packages, when a policy is built. Raises `ConfigError`
    where one is not installed."""
    find: Find | None = None
    """Searches without a pattern."""
    origin: str = ""
    """The distribution that it comes from, and its version; empty for those of the project."""

    @property
    def clue(self) -> str:
        """The pattern that every text with a finding matches, by `hint` or by `keywords`."""
        return self.hint or f"(?i:{'|'.join(map(quoted, self.keywords))})"

    def finder(self) -> Find:
        """The function that searches, with its pattern compiled: the same one for all policies."""
        if self.load is not None:
            self.load()
        return self.find or _finder(self.pattern, self.accept, self.overlaps)


@lru_cache(maxsize=1_024)
def _finder(pattern: str, accept: Accept, overlaps: bool) -> Find:
    regexp = compiled(pattern)
    return lambda view: _accepted(regexp, accept, view.data, overlaps=overlaps)


def _accepted(regexp: Regexp, accept: Accept, data: bytes, *, overlaps: bool) -> Spans:
    """What is accepted of the candidates. Behind one that is refused the next one may begin at its
    second word, as a card does behind a year; where findings overlap, behind every one."""
    spans: list[tuple[int, int]] = []
    position = 0
    while len(spans) < MAX_SPANS and (match := regexp.search(data, position)) is not None:
        start, end = match.span()
        span = accept(data, start, end)
        if span is not None:
            spans.append(span)
        if span is None or overlaps:
            position = _second_word(data, start, end)
        else:
            position = max(span[1], start + 1)
    return spans


_WORD = re.compile(rb"\w*\W*")


def _second_word(data: bytes, start: int, end: int) -> int:
    word = _WORD.match(data, start, end)
    return max(start + 1, word.end() if word else end)
