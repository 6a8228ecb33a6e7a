"""What a detector is: a pattern of candidates, and what is a finding among them.

A detector finds candidates with an RE2 pattern, and its `accept` says which part of a candidate is
a finding, if any: the digits of a card have to end in their check digit. Where a pattern cannot say
what is looked for, `find` searches instead. Every text with a finding matches the detector's `hint`
or has one of its `keywords`, so that nearly every text is spared the search itself.

What a pattern matches is checked in Python, for microseconds each, and a hostile text has one every
few bytes. So what is refused costs effort, and a text that takes more than it has is not judged:
the detector fails. Of an ordinary text less is refused. What is accepted is counted: where one
pattern has `MAX_SPANS`, everything from the last of them on is found, and nobody looks behind it.

Several detectors may have one type, each for modes of its own: what is suspicious in the value of
a parameter can be quite usual in an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import TypeAlias

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.policy.patterns import Within, compiled, quoted, within
from axonflow_core.policy.rules import Action, Mode, Severity
from axonflow_core.policy.searches import MAX_SPANS, Find, Spans, TooDear, together
from axonflow_core.policy.views import View

Accept: TypeAlias = Callable[[bytes, int, int], tuple[int, int] | None]
"""(text, start, end of a candidate) -> start and end of what is found in it; None for nothing.
Where nothing is found behind it either, as in a row of numbers: where the search goes on, twice."""

More: TypeAlias = Callable[[bytes], Spans]
"""text -> candidates, in ascending order."""

EVERYWHERE = tuple(Mode)
_EFFORT_US, _MB = 32_000, 1_048_576
"""What may be refused of a text of a megabyte or less, in microseconds that it takes; of a longer
one it is more by its length."""


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
    others: tuple[str, ...] = ()
    """Further ones, each searched for by itself: one automaton for all would be too large."""
    accept: Accept = field(default=whole)
    more: More | None = None
    """Finds candidates that a pattern finds too many of."""
    cost_us: int = 5
    """What it takes to refuse a candidate, in microseconds of a machine of 2026."""
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
        return self.find or _finder(
            (self.pattern, *self.others), self.accept, self.more, self.cost_us, self.overlaps
        )


@lru_cache(maxsize=1_024)
def _finder(
    patterns: Sequence[str], accept: Accept, more: More | None, cost_us: int, overlaps: bool
) -> Find:
    ways = [
        partial(_accepted, within(compiled(pattern)), accept, overlaps=overlaps)
        for pattern in patterns
    ]
    if more is not None:
        ways.append(partial(_accepted_of, more, accept))

    def find(view: View) -> Spans:
        data, spans = view.data, list[tuple[int, int]]()
        effort, until = _Effort(len(data), cost_us), len(data)
        for way in ways:
            accepted = list(islice(way(effort, data, until), MAX_SPANS))
            spans += accepted
            if len(accepted) == MAX_SPANS:
                until = accepted[-1][0]
        found = sorted(spans) if overlaps else together(spans)
        if until < len(data):
            found = [*(span for span in found if span[0] < until), (until, len(data))]
        return found[:MAX_SPANS]

    return find


class _Effort:
    """How many candidates of a text may still be refused."""

    def __init__(self, length: int, cost_us: int) -> None:
        """`length` of the text, in bytes."""
        self._left = _EFFORT_US * max(length, _MB) // _MB // cost_us

    def refuse(self) -> None:
        """Refuse one more. Raises `TooDear` where that is too many."""
        if not self._left:
            raise TooDear
        self._left -= 1


def _accepted(
    search: Within, accept: Accept, effort: _Effort, data: bytes, until: int, *, overlaps: bool
) -> Iterator[tuple[int, int]]:
    """What is accepted of the candidates that begin before `until`. Behind one that is refused the
    next one may begin at its second word, as a card does behind a year; where findings overlap,
    behind every one."""
    position = 0
    while position < until:
        start, end = search(data, position, len(data))[0]
        if not 0 <= start < until:
            return
        span = accept(data, start, end)
        if span is None or span[0] == span[1]:
            effort.refuse()
        else:
            yield span
        if span is None or overlaps:
            position = _second_word(data, start, end)
        else:
            position = max(span[1], start + 1)


def _accepted_of(
    more: More, accept: Accept, effort: _Effort, data: bytes, until: int
) -> Iterator[tuple[int, int]]:
    for start, end in more(data[:until]):
        span = accept(data, start, end)
        if span is None:
            effort.refuse()
        else:
            yield span


_WORD = re.compile(rb"\w*\W*")


def _second_word(data: bytes, start: int, end: int) -> int:
    word = _WORD.match(data, start, end)
    return max(start + 1, word.end() if word else end)
