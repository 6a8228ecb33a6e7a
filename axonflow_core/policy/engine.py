"""Evaluation: texts to a decision, by every rule and every detector.

Nothing ends the search early: all findings of all rules in all parts are collected, and the most
severe action decides. Each rule searches for itself; one automaton for all of them (RE2's Set) can
take seconds for a text that its parts search in milliseconds. A text is searched as it is and in
its normal form (`policy.views`).

A `Policy` is immutable and may be used from several threads. It fails closed: where the engine
itself fails, the verdict is `error`, and nothing is answered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from axonflow_core.errors import ConfigError
from axonflow_core.frozen import Unfit, evolve, frozen
from axonflow_core.messages import EMPTY
from axonflow_core.policy.consistency import inconsistencies
from axonflow_core.policy.detectors import DETECTORS, Detector, Find
from axonflow_core.policy.patterns import Regexp, compiled, quoted
from axonflow_core.policy.rules import (
    SEVERITY,
    Action,
    Decision,
    Finding,
    Phase,
    Rule,
    Verdict,
)
from axonflow_core.policy.views import View, normal, views_of

if TYPE_CHECKING:
    from axonflow_core.config.values import PoliciesConfig

MAX_FINDINGS = 20
"""Findings of one rule in one part that a decision lists; `Decision.unlisted` counts the others."""
MAX_SPANS = 1_000
"""Spans of one rule in one part that are looked for. The last of so many ends with the text, so
that a redaction leaves nothing behind it."""
CUSTOM = "custom"
"""The category of the configuration's own rules."""
_WARM_UP = "Warm up: 'é' \uff21 1 = 2; 000-00-0000 @"
_VERDICTS: Mapping[Action, Verdict] = {
    Action.LOG: Verdict.ALLOWED,
    Action.WARN: Verdict.ALLOWED,
    Action.REDACT: Verdict.REDACTED,
    Action.REQUIRE_APPROVAL: Verdict.NEEDS_APPROVAL,
    Action.BLOCK: Verdict.BLOCKED,
}


@frozen(kw_only=True)
class ListedRule:
    """A rule or a detector as a list of policies shows it."""

    id: str
    """Stable while the name is: `rule:no-aurora`, `detector:us_ssn`."""
    name: str
    category: str
    """`custom`, or the detector's: `pii`, `sqli`."""
    action: Action
    pattern: str
    """What RE2 searches for; for a literal rule, a pattern for that literal."""
    severity: str
    """`critical`, `high`, `medium` or `low`."""
    description: str
    on: tuple[Phase, ...]
    is_built_in: bool


@frozen(kw_only=True)
class PatternTest:
    """What became of a pattern that somebody tries."""

    error: str | None = None
    """Why RE2 or a limit refuses the pattern; None where it is valid."""
    matches: tuple[bool, ...] = ()
    """For each input, whether the pattern is found in it."""


class _Search(NamedTuple):
    """A rule or a detector, ready to search."""

    name: str
    category: str
    action: Action
    reason: str
    """What a client is told whose call it stops."""
    find: Find


class _Hit(NamedTuple):
    """What one search found in one part."""

    search: _Search
    part: str
    spans: list[tuple[int, int]]

    def findings(self, phase: Phase) -> Iterator[Finding]:
        """The first `MAX_FINDINGS` of them."""
        for start, end in self.spans[:MAX_FINDINGS]:
            yield Finding(
                rule=self.search.name,
                category=self.search.category,
                action=self.search.action,
                phase=phase,
                part=self.part,
                start=start,
                end=end,
            )


class Policy:
    """The rules of one configuration with the built-in detectors, compiled."""

    @classmethod
    def build(cls, config: PoliciesConfig) -> Policy:
        """Compile the rules and warm them up. Raises `ConfigError` that names the rule, or the key
        of `policies.actions`, and what is wrong with it."""
        for found in inconsistencies((rule.name for rule in config.rules), config.actions):
            raise ConfigError(found.message, hint=found.hint)
        return cls(config.rules, config.actions)

    def __init__(self, rules: Iterable[Rule], actions: Mapping[str, Action]) -> None:
        self.rules = tuple(rules)
        self.detectors = tuple(_with_action(detector, actions) for detector in DETECTORS)
        """The built-in detectors, each with the action that this configuration names."""
        self.version = _digest(self.rules, self.detectors)
        """The digest of rules, detectors and actions: 32 hex digits."""
        custom = [(rule.on, _search_of(rule)) for rule in self.rules]
        built_in = [(detector.on, _search_of_detector(detector)) for detector in self.detectors]
        self._custom = {phase: _of_phase(custom, phase) for phase in Phase}
        self._all = {phase: _of_phase(custom + built_in, phase) for phase in Phase}
        self._hints = compiled("|".join(f"(?:{detector.hint})" for detector in self.detectors))
        for phase in Phase:
            self._evaluate(phase, {"warm-up": _WARM_UP})

    def evaluate(self, phase: Phase, parts: Mapping[str, str]) -> Decision:
        """The decision on texts by their labels (`messages.0`, `answer`). Takes time linear in
        their length and never raises."""
        try:
            return self._evaluate(phase, parts)
        except Exception:
            reason = "The policies could not be evaluated."
            return Decision(
                verdict=Verdict.ERROR,
                phase=phase,
                reason=reason,
                screened=tuple(parts),
                version=self.version,
            )

    def _evaluate(self, phase: Phase, parts: Mapping[str, str]) -> Decision:
        hits = [
            hit for label, text in parts.items() if text for hit in self._hits(phase, label, text)
        ]
        worst = max(hits, key=lambda hit: SEVERITY[hit.search.action]).search if hits else None
        verdict = _VERDICTS[worst.action] if worst else Verdict.ALLOWED
        is_stopped = verdict in (Verdict.BLOCKED, Verdict.NEEDS_APPROVAL)
        return Decision(
            verdict=verdict,
            phase=phase,
            findings=tuple(finding for hit in hits for finding in hit.findings(phase)),
            unlisted=sum(max(0, len(hit.spans) - MAX_FINDINGS) for hit in hits),
            reason=worst.reason if worst and is_stopped else None,
            screened=tuple(parts),
            version=self.version,
            texts=_masked(hits, parts) if hits else EMPTY,
        )

    def _hits(self, phase: Phase, label: str, text: str) -> Iterator[_Hit]:
        """What each rule and detector finds in one part."""
        views = tuple(views_of(text))
        searches = self._custom[phase]
        if any(self._hints.search(view.data) is not None for view in views):
            searches = self._all[phase]
        for search in searches:
            spans = {span for view in views for span in _spans(search.find, view, len(text))}
            if spans:
                yield _Hit(search, label, sorted(spans))

    def listed(self) -> tuple[ListedRule, ...]:
        """Every rule and detector with what follows from its findings, for whoever lists them."""
        return (
            *(_listed_detector(detector) for detector in self.detectors),
            *(_listed_rule(rule) for rule in self.rules),
        )

    @staticmethod
    def test_pattern(pattern: str, inputs: Sequence[str]) -> PatternTest:
        """Whether RE2 takes `pattern`, and which `inputs` it is found in."""
        try:
            find = _finder(compiled(pattern))
        except Unfit as unfit:
            return PatternTest(error=str(unfit))
        found = (any(True for view in views_of(text) for _ in find(view)) for text in inputs)
        return PatternTest(matches=tuple(found))


# ── rules and detectors to searches ───────────────────────────────────────────────────────────────


def _with_action(detector: Detector, actions: Mapping[str, Action]) -> Detector:
    """The detector with the action that is named for its type, else for its category."""
    for key in (detector.type, detector.category):
        if key in actions:
            return evolve(detector, action=actions[key])
    return detector


def _search_of(rule: Rule) -> _Search:
    reason = rule.description or f"The rule {rule.name} does not allow the text."
    try:
        find = _finder(compiled(rule.pattern)) if rule.pattern else _literal(rule.text or "")
    except Unfit as unfit:
        raise ConfigError(f"rule {rule.name}: {unfit}", hint=unfit.hint) from None
    return _Search(rule.name, CUSTOM, rule.action, reason, find)


def _search_of_detector(detector: Detector) -> _Search:
    return _Search(
        detector.type,
        detector.category,
        detector.action,
        detector.description,
        detector.finder(),
    )


def _of_phase(
    searches: Iterable[tuple[tuple[Phase, ...], _Search]], phase: Phase
) -> tuple[_Search, ...]:
    return tuple(search for on, search in searches if phase in on)


def _finder(regexp: Regexp) -> Find:
    """Finds the matches of a pattern."""
    return lambda view: (match.span() for match in regexp.finditer(view.data))


def _literal(text: str) -> Find:
    """Finds a literal in any case. In ASCII, small letters are compared; other letters have more
    than one other case, which RE2 knows."""
    if not text.isascii():
        return _finder(compiled(_pattern_of(text)))
    needle = text.lower().encode()
    return lambda view: _occurrences(needle, view.lowered)


def _occurrences(needle: bytes, data: bytes) -> Iterator[tuple[int, int]]:
    start = data.find(needle)
    while start >= 0:
        yield start, start + len(needle)
        start = data.find(needle, start + len(needle))


def _pattern_of(text: str) -> str:
    """The pattern for a literal, as it is and in its normal form."""
    forms = dict.fromkeys(filter(None, (text, normal(text))))
    return f"(?i){'|'.join(map(quoted, forms))}"


def _digest(rules: Iterable[Rule], detectors: Iterable[Detector]) -> str:
    """A digest of everything that decides, save the code itself."""
    facts = [
        *([rule.name, rule.action, rule.text, rule.pattern, *rule.on] for rule in rules),
        *([one.type, one.action, one.pattern, one.hint, *one.on] for one in detectors),
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


# ── rules and detectors as they are listed ────────────────────────────────────────────────────────

_SEVERITIES: Mapping[Action, str] = {
    Action.LOG: "low",
    Action.WARN: "low",
    Action.REDACT: "medium",
    Action.REQUIRE_APPROVAL: "high",
    Action.BLOCK: "high",
}
"""The severity of a rule, which has none of its own."""


def _listed_rule(rule: Rule) -> ListedRule:
    return ListedRule(
        id=f"rule:{rule.name}",
        name=rule.name,
        category=CUSTOM,
        action=rule.action,
        pattern=rule.pattern or _pattern_of(rule.text or ""),
        severity=_SEVERITIES[rule.action],
        description=rule.description,
        on=rule.on,
        is_built_in=False,
    )


def _listed_detector(detector: Detector) -> ListedRule:
    return ListedRule(
        id=f"detector:{detector.type}",
        name=detector.type,
        category=detector.category,
        action=detector.action,
        pattern=detector.pattern,
        severity=detector.severity,
        description=detector.description,
        on=detector.on,
        is_built_in=True,
    )


# ── findings and masks ────────────────────────────────────────────────────────────────────────────


def _spans(find: Find, view: View, length: int) -> Iterator[tuple[int, int]]:
    """What `find` finds, as spans of the original of `length` characters."""
    found = list(islice(find(view), MAX_SPANS))
    for start, end in found:
        yield view.span(start, end)
    if len(found) == MAX_SPANS:
        yield view.span(*found[-1])[0], length


def _masked(hits: Iterable[_Hit], parts: Mapping[str, str]) -> Mapping[str, str]:
    """The texts with everything masked that is not merely recorded or warned of."""
    spans: dict[str, list[tuple[int, int, _Search]]] = {}
    for search, part, found in hits:
        if SEVERITY[search.action] >= SEVERITY[Action.REDACT]:
            spans.setdefault(part, []).extend((start, end, search) for start, end in found)
    return {part: _with_masks(parts[part], found) for part, found in spans.items()}


def _with_masks(text: str, spans: list[tuple[int, int, _Search]]) -> str:
    """`text` with a mask for each span. Overlapping spans get one, by the most severe of them."""
    pieces, position = [], 0
    for start, end, search in _merged(spans):
        pieces += [text[position:start], f"[REDACTED:{search.name}]"]
        position = end
    return "".join([*pieces, text[position:]])


def _merged(spans: list[tuple[int, int, _Search]]) -> list[tuple[int, int, _Search]]:
    merged: list[tuple[int, int, _Search]] = []
    for start, end, search in sorted(spans, key=lambda span: (span[0], -span[1])):
        if merged and start < merged[-1][1]:
            first, last, other = merged.pop()
            worst = max(other, search, key=lambda one: SEVERITY[one.action])
            merged.append((first, max(last, end), worst))
        elif not merged or (start, end) != merged[-1][:2]:
            merged.append((start, end, search))
    return merged
