"""What is searched in the texts of one phase and mode, and how much of it each text is spared.

Each rule searches for itself: one automaton for all of them can take seconds for a text that its
patterns search in milliseconds. But nearly every text is short and has nothing in it, so one
search for all patterns of rules that are small (`_screen`) comes before theirs, and detectors are
asked only about a text in which one of their keywords or hints is found (`policy.sieves`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from hashlib import shake_256
from typing import NamedTuple

from axonflow_core.errors import ConfigError
from axonflow_core.frozen import Unfit
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.patterns import Look, compiled, looking
from axonflow_core.policy.rules import CUSTOM, SEVERITIES, Action, Mode, Phase, Rule, Severity
from axonflow_core.policy.searches import Find, finder_of, is_literal, pattern_of
from axonflow_core.policy.sieves import Sieve, sieve_of
from axonflow_core.policy.views import View, views_of

MAX_SCREENED = 1_024
"""Bytes of a text that is searched for all rules' patterns at once."""
MAX_SCREEN = 256
"""Instructions of all rules' patterns that are searched for in one."""
_WARM_UP = "Warm up: naïve Ａ \0 а %41 42 @"
"""A text with every kind of view."""
_PRINTABLE = bytes(32 + byte % 95 for byte in range(256))
_NOISE = 2_000
"""Characters of noise behind it: an automaton makes many of its states for them. They take 15 ms,
and save the first noise of 100 KB four."""


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
    """Of rules, then of detectors, each in their order."""
    own: Sequence[int]
    """The numbers of those of rules."""
    others: Sequence[int]
    """The numbers of those of rules that `screen` does not search for."""
    screen: Look | None
    """The search for what any rule matches, or any but literals. None where there is none, or where
    they are too large for one."""
    sieve: Sieve
    """Says which detectors are asked."""

    @classmethod
    def build(
        cls,
        phase: Phase,
        mode: Mode,
        rules: Iterable[Rule],
        detectors: Iterable[tuple[Detector, Search]],
    ) -> Program:
        """Compiles rules, for detectors with these searches. Raises `ConfigError` that names the
        rule."""
        rules = [rule for rule in rules if phase in rule.on]
        asked = [(one, search) for one, search in detectors if mode in one.modes]
        others: list[int] = []
        screen = _screen(rules)
        if screen is None:
            others = [number for number, rule in enumerate(rules) if is_literal(rule)]
            screen = _screen(rule for rule in rules if not is_literal(rule))
        return cls(
            searches=(*map(_search_of, rules), *(search for _, search in asked)),
            own=range(len(rules)),
            others=others,
            screen=screen,
            sieve=sieve_of(tuple((one.keywords, one.hint) for one, _ in asked)),
        )

    def searches_in(self, view: View) -> Iterable[int]:
        """The numbers of the searches that may find something, in their order. Detectors look for
        ASCII above all, and in a form that is there folded, too, they are not asked."""
        asked = () if view.is_folded_too else self.sieve.asked(view)
        rules = self._rules_in(view.data) if self.own else self.own
        return (*rules, *sorted(map(len(self.own).__add__, asked))) if asked else rules

    def _rules_in(self, data: bytes) -> Sequence[int]:
        screen = self.screen
        if screen is None or len(data) > MAX_SCREENED or screen(data) >= 0:
            return self.own
        return self.others


def warm_up(programs: Collection[Program]) -> None:
    """Search with everything once, so that the first call does not pay for it. What other policies
    search with as well is warm."""
    sieves = {program.sieve for program in programs if not program.sieve.is_warm}
    finds = {
        search.find
        for program in programs
        for search in program.searches[: None if program.sieve in sieves else len(program.own)]
    }
    noise = shake_256().digest(_NOISE).translate(_PRINTABLE).decode()
    for view in views_of(_WARM_UP + noise):
        for sieve in sieves:
            sieve.warm_up(view)
            sieve.is_warm = True
        for program in programs:
            if program.screen is not None:
                program.screen(view.data)
        for find in finds:
            find(view)


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


def _screen(rules: Iterable[Rule]) -> Look | None:
    """The search for what any of the rules matches. None where there is none, or where they are too
    large for one."""
    patterns = list(map(pattern_of, rules))
    try:
        if not patterns or sum(compiled(one).programsize for one in patterns) > MAX_SCREEN:
            return None
        return looking(compiled("|".join(f"(?:{pattern})" for pattern in patterns)))
    except Unfit:  # a long literal, or two groups of one name, for example
        return None
