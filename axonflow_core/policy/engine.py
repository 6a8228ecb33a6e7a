"""Evaluation: texts to a decision, by every rule and every detector.

Nothing ends the search early. The findings of all rules in all parts are collected, and the most
severe action among them decides. A text is searched as it is and in its normal form
(`policy.views`), by what its phase and its mode have (`policy.programs`).

A `Policy` is immutable and may be used by several threads at once. It fails closed: where the
engine itself fails, the verdict is `error`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from axonflow_core.errors import ConfigError
from axonflow_core.frozen import Unfit, frozen
from axonflow_core.messages import EMPTY
from axonflow_core.policy.consistency import inconsistencies, outlines
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.listing import ListedRule, listed_detectors, listed_rule
from axonflow_core.policy.masks import Masked, Write, mask_of, with_masks
from axonflow_core.policy.patterns import compiled
from axonflow_core.policy.profiles import EVERYBODY, Scope, acting, rules_in
from axonflow_core.policy.programs import Program, Search
from axonflow_core.policy.rules import (
    MODES,
    RANKS,
    Action,
    Decision,
    Finding,
    Mode,
    Phase,
    Rule,
    Verdict,
)
from axonflow_core.policy.searches import (
    MAX_SPANS,
    find_pattern,
)
from axonflow_core.policy.views import views_of

if TYPE_CHECKING:
    from axonflow_core.config.values import PoliciesConfig

_log = logging.getLogger(__name__)

MAX_FINDINGS = 20
"""Findings of one rule in one part that a decision lists; `Decision.unlisted` counts the others."""
LOOK_AHEAD = 128
"""Characters of a streamed text that are held back: more than the longest card, number or address,
and than most statements of SQL that are looked for."""
MAX_LOOK_AHEAD = 1_024
"""The most that a pattern has held back."""
_VERDICTS: Mapping[Action, Verdict] = {
    Action.LOG: Verdict.ALLOWED,
    Action.WARN: Verdict.ALLOWED,
    Action.REDACT: Verdict.REDACTED,
    Action.REQUIRE_APPROVAL: Verdict.NEEDS_APPROVAL,
    Action.BLOCK: Verdict.BLOCKED,
}


@frozen(kw_only=True)
class PatternTest:
    """What became of a pattern that somebody tries."""

    error: str | None = None
    """Why it is refused; None where it is valid."""
    matches: tuple[bool, ...] = ()
    """For each input, whether the pattern is found in it; empty where it is refused."""


class _Hit(NamedTuple):
    """What one search found in one part, in characters."""

    search: Search
    part: str
    spans: list[tuple[int, int]]

    @property
    def rank(self) -> int:
        return RANKS[self.search.action]

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
                severity=self.search.severity,
                reason=self.search.reason,
            )


class Found(NamedTuple):
    """What one rule or detector finds in a text whose end may still be missing (`Policy.found`)."""

    name: str
    category: str
    action: Action
    reason: str
    """What a client is told whose call it stops."""
    spans: Sequence[tuple[int, int]]
    """Where, in characters, in ascending order."""


def _found(hit: _Hit) -> Found:
    search = hit.search
    return Found(search.name, search.category, search.action, search.reason, hit.spans)


class Policy:
    """Rules and detectors, compiled, each with what follows from its findings."""

    @classmethod
    def build(cls, config: PoliciesConfig, scope: Scope = EVERYBODY) -> Policy:
        """Compile the rules of that scope, and search with each once, so that the first call does
        not pay for it. Raises `ConfigError` that names the rule, or the key of an action."""
        for found in inconsistencies(outlines(config)):
            raise ConfigError(found.message, hint=found.hint)
        return cls(rules_in(config, scope), acting(DETECTORS, config, scope))

    def __init__(self, rules: Iterable[Rule], detectors: Iterable[Detector] = DETECTORS) -> None:
        self.rules = tuple(rules)
        self.detectors = tuple(detectors)
        """The detectors, each with its action in this policy."""
        self.version = _digest(self.rules, self.detectors)
        """The digest of rules, detectors and actions: 32 hex digits."""
        self._programs = {
            (phase, mode): Program.build(phase, mode, self.rules, self.detectors)
            for phase in Phase
            for mode in Mode
        }
        for program in self._programs.values():
            program.warm_up()
        self._look_ahead = {
            phase: _look_ahead(self.rules, self._programs[phase, MODES[phase]]) for phase in Phase
        }

    def is_on(self, phase: Phase) -> bool:
        """Whether anything is looked for in that phase."""
        return bool(self._programs[phase, MODES[phase]].searches)

    def look_ahead(self, phase: Phase) -> int:
        """How many characters of a text that is still arriving are held back, so that a finding of
        that length is whole before any of it leaves. 0 where nothing is replaced or stopped."""
        return self._look_ahead[phase]

    def found(self, phase: Phase, text: str) -> Sequence[Found]:
        """What is found in one piece of a text that is still arriving. Unlike `evaluate` it raises
        what the engine raises, and every span is listed."""
        hits = self._hits(phase, MODES[phase], "", text) if text else ()
        return [_found(hit) for hit in hits]

    def evaluate(
        self,
        phase: Phase,
        parts: Mapping[str, str],
        modes: Mapping[str, Mode] = EMPTY,
        write: Write = mask_of,
    ) -> Decision:
        """The decision on the texts of a phase, by their labels (`messages.0`, `answer`). `modes`
        says of which kind a text is that is not of the phase's own (`MODES`), and `write` what
        stands in the place of what is redacted.

        Takes time linear in their length: some 10 us for 1 KB in which nothing is found. Never
        raises.
        """
        try:
            return self._evaluate(phase, parts, modes, write)
        except Exception as error:
            _log.error("the policies could not be evaluated: %s", _origin(error))
            return Decision(
                verdict=Verdict.ERROR,
                phase=phase,
                reason="The policies could not be evaluated.",
                screened=tuple(parts),
                version=self.version,
            )

    def _evaluate(
        self, phase: Phase, parts: Mapping[str, str], modes: Mapping[str, Mode], write: Write
    ) -> Decision:
        hits: list[_Hit] = []
        for label, text in parts.items():
            if text:
                mode = modes.get(label, MODES[phase])
                hits += self._hits(phase, mode, label, text)
        if hits:
            return self._decision(phase, parts, hits, write)
        return Decision(
            verdict=Verdict.ALLOWED, phase=phase, screened=tuple(parts), version=self.version
        )

    def _hits(self, phase: Phase, mode: Mode, label: str, text: str) -> Iterable[_Hit]:
        """What each rule and detector finds in one part."""
        views = views_of(text)
        searches = self._programs[phase, mode].searches_in(views)
        found: dict[int, set[tuple[int, int]]] = {}
        for view in views:
            for number, search in enumerate(searches):
                if spans := search.find(view):
                    spans = [view.span(start, end) for start, end in spans]
                    found.setdefault(number, set()).update(_to_the_end(spans, len(text)))
        return [_Hit(searches[number], label, sorted(found[number])) for number in sorted(found)]

    def _decision(
        self,
        phase: Phase,
        parts: Mapping[str, str],
        hits: Sequence[_Hit],
        write: Write,
    ) -> Decision:
        worst = max(hits, key=lambda hit: hit.rank).search
        verdict = _VERDICTS[worst.action]
        is_stopped = verdict in (Verdict.BLOCKED, Verdict.NEEDS_APPROVAL)
        return Decision(
            verdict=verdict,
            phase=phase,
            findings=tuple(finding for hit in hits for finding in hit.findings(phase)),
            unlisted=sum(max(0, len(hit.spans) - MAX_FINDINGS) for hit in hits),
            reason=worst.reason if is_stopped else None,
            screened=tuple(parts),
            version=self.version,
            texts=_masked(hits, parts, Action.REDACT, write),
            kept=_masked(hits, parts, Action.LOG),
        )

    def listed(self) -> tuple[ListedRule, ...]:
        """Every detector and rule with what follows from its findings."""
        return (*listed_detectors(self.detectors), *map(listed_rule, self.rules))

    @staticmethod
    def test_pattern(pattern: str, inputs: Sequence[str]) -> PatternTest:
        """Whether a rule may have the `pattern`, and in which of the `inputs` it is found."""
        try:
            find = find_pattern(compiled(pattern))
        except Unfit as unfit:
            return PatternTest(error=str(unfit))
        return PatternTest(matches=tuple(any(map(find, views_of(text))) for text in inputs))


# ── rules and detectors to searches ───────────────────────────────────────────────────────────────


def _look_ahead(rules: Iterable[Rule], program: Program) -> int:
    """Every finding up to `LOOK_AHEAD` is held back whole, one of a literal rule whatever its
    length, one of a pattern up to its longest or `MAX_LOOK_AHEAD`: a program of RE2 without loops
    reads at most one byte with each of its instructions."""
    acting = {each.name for each in program.searches if RANKS[each.action] >= RANKS[Action.REDACT]}
    if not acting:
        return 0
    sizes = [
        len(rule.text)
        if rule.text
        else min(compiled(rule.pattern or "").programsize, MAX_LOOK_AHEAD)
        for rule in rules
        if rule.name in acting
    ]
    return max([LOOK_AHEAD, *sizes])


def _digest(rules: Iterable[Rule], detectors: Iterable[Detector]) -> str:
    """A digest of everything that decides, save the code itself."""
    facts = [
        [[rule.name, rule.action, rule.text, rule.pattern, *rule.on] for rule in rules],
        [
            [one.type, one.action, one.pattern, one.hint, *one.keywords, *one.modes]
            for one in detectors
        ],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _origin(error: Exception) -> str:
    """The class of an error and where it was raised. Its message may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"


# ── what was found ────────────────────────────────────────────────────────────────────────────────


def _to_the_end(spans: list[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """The spans of one search. The last of `MAX_SPANS` ends with the text: there may be more, which
    a mask must not leave."""
    if len(spans) == MAX_SPANS:
        spans[-1] = (spans[-1][0], length)
    return spans


def _masked(
    hits: Iterable[_Hit], parts: Mapping[str, str], least: Action, write: Write = mask_of
) -> Mapping[str, str]:
    """The texts with everything replaced whose action is `least` or more severe."""
    spans: dict[str, list[Masked]] = {}
    for search, part, found in hits:
        if RANKS[search.action] >= RANKS[least]:
            masks = (Masked(*span, search.name, search.action) for span in found)
            spans.setdefault(part, []).extend(masks)
    if not spans:
        return EMPTY
    return {part: with_masks(parts[part], masks, write) for part, masks in spans.items()}
