"""Rules as functions that search a view of a text for spans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypeAlias

from axonflow_core.policy.confusables import folded
from axonflow_core.policy.patterns import Regexp, compiled, quoted
from axonflow_core.policy.rules import Rule
from axonflow_core.policy.views import View, normal

Spans: TypeAlias = Sequence[tuple[int, int]]
"""Starts and ends, in ascending order."""
Find: TypeAlias = Callable[[View], Spans]
"""The spans of a view, in bytes, that a rule or a detector finds: at most `MAX_SPANS`."""

MAX_SPANS = 1_000
"""The spans of one search. RE2 searches once in linear time, and may read to the end of the text
for each span."""


class TooDear(Exception):
    """A text has more candidates than are checked. It cannot be judged: what is wanted could be one
    of the others."""


def together(spans: Iterable[tuple[int, int]]) -> Spans:
    """The spans in ascending order, those that overlap as one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def pattern_of(rule: Rule) -> str:
    """The RE2 pattern that a rule searches for. A literal has one for its characters in any case,
    as they are, in their normal form, or folded."""
    if rule.pattern is not None:
        return rule.pattern
    text = rule.text or ""
    forms = dict.fromkeys(filter(None, (text, normal(text), folded(normal(text)))))
    return f"(?i){'|'.join(map(quoted, forms))}"


def finder_of(rule: Rule) -> Find:
    """The function that searches for what `rule` names. Raises `Unfit` where RE2 does not compile
    it."""
    if rule.text is not None and is_literal(rule):
        return find_literal(rule.text)
    return find_pattern(compiled(pattern_of(rule)))


def is_literal(rule: Rule) -> bool:
    """Whether the rule is searched for without RE2."""
    return rule.text is not None and rule.text.isascii()


def find_pattern(regexp: Regexp) -> Find:
    """Finds the matches of a pattern that do not overlap."""

    def find(view: View) -> Spans:
        if regexp.search(view.data) is None:
            return ()
        return [match.span() for match in islice(regexp.finditer(view.data), MAX_SPANS)]

    return find


def find_literal(text: str) -> Find:
    """Finds a text of ASCII characters, in any case, without RE2: it is a tenth of the cost."""
    needle = text.lower().encode()

    def find(view: View) -> Spans:
        data = view.lowered
        if needle not in data:
            return ()
        spans: list[tuple[int, int]] = []
        start = data.find(needle)
        while start >= 0 and len(spans) < MAX_SPANS:
            end = start + len(needle)
            spans.append((start, end))
            start = data.find(needle, end)
        return spans

    return find
