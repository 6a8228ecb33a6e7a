"""What is searched in the texts of one phase and mode, and how much of it each text is spared.

Each rule searches for itself: one automaton for all of them can take seconds for a text that its
patterns search in milliseconds. But nearly every text is short and has nothing in it, so one
search for all patterns that are small (`_screen`) comes before theirs, and detectors are asked only
about a text in which one of their hints is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

from axonflow_core.errors import ConfigError
from axonflow_core.frozen import Unfit
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.patterns import compiled
from axonflow_core.policy.rules import CUSTOM, SEVERITIES, Action, Mode, Phase, Rule, Severity
from axonflow_core.policy.searches import Find, finder_of, is_literal, pattern_of
from axonflow_core.policy.views import View, views_of

Look: TypeAlias = Callable[[bytes], Any]
"""Whether a text has something in it: None where it has not."""

MAX_SCREENED = 4_096
"""Bytes of a text that the search for all patterns reads. Where their automaton does not fit into
RE2's memory it takes a microsecond for each."""
MAX_SCREEN = 256
"""Instructions of all rules' patterns that are searched for in one."""
_WARM_UP = "Warm up: naïve Ａ \0 42 @"
"""A text with two views, neither of them ASCII alone."""


class Search(NamedTuple):
    """A rule or a detector, ready to search."""

    name: str
    category: str
    action: Action
    severity: Severity
    reason: str
    """What a client is told whose call it stops."""
    find: Find


class Program(NamedTuple):
    """The searches of one phase and mode."""

    searches: tuple[Search, ...]
    """Of rules and detectors, in their order."""
    own: tuple[Search, ...]
    """Of rules alone."""
    literal: tuple[Search, ...]
    """Of rules that are searched for without RE2."""
    screen: Look | None
    """The search for whatever a pattern or a hint matches. None where the patterns are too large
    for one."""
    find_hint: Look
    """The search for the hints of the detectors."""

    @classmethod
    def build(
        cls, phase: Phase, mode: Mode, rules: Iterable[Rule], detectors: Iterable[Detector]
    ) -> Program:
        """Compiles rules and detectors. Raises `ConfigError` that names the rule."""
        rules = [rule for rule in rules if phase in rule.on]
        detectors = [detector for detector in detectors if mode in detector.modes]
        own = [_search_of(rule) for rule in rules]
        hints = [detector.clue for detector in detectors]
        return cls(
            searches=(*own, *(search_of(each, each.finder()) for each in detectors)),
            own=tuple(own),
            literal=tuple(one for rule, one in zip(rules, own, strict=True) if is_literal(rule)),
            screen=_screen(rules, hints),
            find_hint=compiled(_any_of(hints)).search if hints else _nothing,
        )

    def warm_up(self) -> None:
        """Search with each once, so that the first call does not pay for it."""
        for view in views_of(_WARM_UP):
            self.find_hint(view.data)
            if self.screen is not None:
                self.screen(view.data)
            for search in self.searches:
                search.find(view)

    def searches_in(self, views: Iterable[View]) -> Sequence[Search]:
        """The searches that may find something, in their order."""
        searches, look = self.literal, self.screen
        if look is None or any(len(view.data) > MAX_SCREENED for view in views):
            searches, look = self.own, self.find_hint
        for view in views:
            if look(view.data) is not None:
                return self.searches
        return searches


def _nothing(_: bytes) -> None:
    return None


def _search_of(rule: Rule) -> Search:
    reason = rule.description or f"The rule {rule.name} does not allow the text."
    try:
        find = finder_of(rule)
    except Unfit as unfit:
        raise ConfigError(f"rule `{rule.name}`: {unfit}", hint=unfit.hint) from None
    return Search(rule.name, CUSTOM, rule.action, SEVERITIES[rule.action], reason, find)


def search_of(detector: Detector, find: Find) -> Search:
    """The search for what `detector` looks for, by `find`."""
    return Search(
        detector.type,
        detector.category,
        detector.action,
        detector.severity,
        detector.description,
        find,
    )


def _screen(rules: Iterable[Rule], hints: Iterable[str]) -> Look | None:
    """The search for whatever a pattern or a hint matches. None where the patterns are too large
    for one."""
    patterns = [pattern_of(rule) for rule in rules if not is_literal(rule)]
    if sum(compiled(pattern).programsize for pattern in patterns) > MAX_SCREEN:
        return None
    try:
        return cast(Look, compiled(_any_of([*hints, *patterns])).search)
    except Unfit:  # two groups of one name, for example
        return None


def _any_of(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)
