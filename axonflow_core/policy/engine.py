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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from axonflow_core.errors import ConfigError
from axonflow_core.frozen import Unfit, frozen
from axonflow_core.messages import EMPTY, Json
from axonflow_core.policy.consistency import inconsistencies, outlines
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.fingerprint import fingerprint
from axonflow_core.policy.guests import Guest, GuestFault, Page, searched
from axonflow_core.policy.hits import (
    MAX_FINDINGS,
    Failed,
    Found,
    Hit,
    Places,
    found_by,
    masked,
)
from axonflow_core.policy.listing import ListedRule, listed_detectors, listed_rule
from axonflow_core.policy.masks import Redaction, Write, mask_of
from axonflow_core.policy.patterns import compiled
from axonflow_core.policy.profiles import EVERYBODY, Scope, acting, rules_in, tolerated
from axonflow_core.policy.programs import Program, Search, search_of, warm_up
from axonflow_core.policy.rules import (
    MODES,
    POLICY_ERROR,
    RANKS,
    Action,
    Decision,
    Mode,
    Phase,
    Rule,
    Severity,
    Verdict,
    counted,
)
from axonflow_core.policy.searches import Spans, TooDear, find_pattern
from axonflow_core.policy.views import View, views_of

if TYPE_CHECKING:
    from axonflow_core.config.values import PoliciesConfig

_log = logging.getLogger(__name__)

LOOK_AHEAD = 128
"""Characters of a streamed text that are held back: more than the longest card, number or address,
and than most statements of SQL that are looked for."""
MAX_LOOK_AHEAD = 1_024
"""The most that a pattern has held back."""
OVERSIZE = "policies.max_characters"
"""What a decision on too long a text names in the place of a rule."""
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


class Policy:
    """Rules and detectors, compiled, each with what follows from its findings."""

    @classmethod
    def build(
        cls,
        config: PoliciesConfig,
        scope: Scope = EVERYBODY,
        detectors: Sequence[Detector] = DETECTORS,
    ) -> Policy:
        """Compile the rules of that scope, and search with each once, so that the first call does
        not pay for it. Raises `ConfigError` that names the rule, or the key of an action."""
        types = frozenset(detector.type for detector in detectors)
        for found in inconsistencies(outlines(config), types):
            raise ConfigError(found.message, hint=found.hint)
        return cls.of(config, rules_in(config, scope), acting(detectors, config, scope))

    @classmethod
    def of(
        cls, config: PoliciesConfig, rules: Iterable[Rule], detectors: Iterable[Detector]
    ) -> Policy:
        """The policy of these rules and detectors, with the settings of all policies."""
        rules, detectors = tuple(rules), tuple(detectors)
        return cls(
            rules,
            detectors,
            tolerated=tolerated(config, rules, detectors),
            limit_s=config.detector_limit_s,
            max_characters=config.max_characters,
            redaction=config.redaction,
        )

    def __init__(
        self,
        rules: Iterable[Rule],
        detectors: Iterable[Detector] = DETECTORS,
        *,
        tolerated: Collection[str] = (),
        limit_s: float = 0.25,
        max_characters: int = 8_388_608,
        redaction: Redaction = Redaction.MASK,
    ) -> None:
        """`tolerated` are the names of rules and the types of detectors that may fail."""
        self.rules = tuple(rules)
        self.detectors = tuple(detectors)
        """The detectors, each with its action in this policy."""
        self.redaction = redaction
        """What stands in a request in the place of what is redacted."""
        self._tolerated = frozenset(tolerated)
        self._limit_s, self._max_characters = limit_s, max_characters
        settings: Json = [sorted(tolerated), limit_s, max_characters, redaction]
        self.version = _digest(self.rules, self.detectors, settings)
        """The digest of rules, detectors and actions: 32 hex digits."""
        self._guests = tuple(Guest(one) for one in self.detectors if one.origin)
        own = [(one, search_of(one, one.finder())) for one in self.detectors if not one.origin]
        self._programs = {
            (phase, mode): Program.build(phase, mode, self.rules, own)
            for phase in Phase
            for mode in Mode
        }
        warm_up(self._programs.values())
        self._look_ahead = {
            phase: _look_ahead(self.rules, self.detectors, self._programs[phase, MODES[phase]])
            for phase in Phase
        }

    @property
    def has_guests(self) -> bool:
        """Whether detectors of third parties decide too, which keep whoever evaluates waiting."""
        return bool(self._guests)

    def is_on(self, phase: Phase) -> bool:
        """Whether anything is looked for in that phase."""
        return self.has_guests or bool(self._programs[phase, MODES[phase]].searches)

    def look_ahead(self, phase: Phase) -> int:
        """How many characters of a text that is still arriving are held back, so that a finding of
        that length is whole before any of it leaves. 0 where nothing is replaced or stopped."""
        return self._look_ahead[phase]

    def found(self, phase: Phase, text: str) -> Sequence[Found]:
        """What is found in one piece of a text that is still arriving. Unlike `evaluate` it raises
        what the engine raises, and every span is listed."""
        hits = self._all_hits(phase, {"": text}, EMPTY)
        return [found_by(hit) for hit in hits if hit.spans]

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
            if not isinstance(error, Failed):
                _log.error("the policies could not be evaluated: %s", _origin(error))
            return Decision(
                verdict=Verdict.ERROR,
                phase=phase,
                findings=error.hit.findings(phase) if isinstance(error, Failed) else (),
                reason="The policies could not be evaluated.",
                screened=counted(parts),
                version=self.version,
            )

    def _evaluate(
        self, phase: Phase, parts: Mapping[str, str], modes: Mapping[str, Mode], write: Write
    ) -> Decision:
        if sum(map(len, parts.values())) > self._max_characters:
            return self._oversize(phase, parts)
        hits = self._all_hits(phase, parts, modes)
        if hits:
            return self._decision(phase, parts, hits, write)
        return Decision(
            verdict=Verdict.ALLOWED, phase=phase, screened=counted(parts), version=self.version
        )

    def _oversize(self, phase: Phase, parts: Mapping[str, str]) -> Decision:
        """The decision on texts that are longer than what is judged. They are not searched in
        part: what is wanted would stand in the other one."""
        reason = f"The texts have more than {self._max_characters:,} characters together."
        search = Search(OVERSIZE, POLICY_ERROR, Action.BLOCK, Severity.HIGH, reason, _never)
        return Decision(
            verdict=Verdict.BLOCKED,
            phase=phase,
            findings=Hit(search, next(iter(parts)), []).findings(phase),
            reason=reason,
            screened=counted(parts),
            version=self.version,
        )

    def _all_hits(
        self, phase: Phase, parts: Mapping[str, str], modes: Mapping[str, Mode]
    ) -> list[Hit]:
        """What each rule and detector finds in these parts."""
        hits: list[Hit] = []
        pages: list[Page] = []
        for label, text in parts.items():
            if text:
                mode, views = modes.get(label) or MODES[phase], views_of(text)
                program = self._programs[phase, mode]
                if searches := [
                    (view, asked) for view in views if (asked := program.searches_in(view))
                ]:
                    hits += self._hits(program, label, searches, len(text))
                if self._guests:
                    pages.append(Page(label, mode, views))
        if pages:
            hits += self._hits_of_guests(parts, pages)
        return hits

    def _hits(
        self,
        program: Program,
        label: str,
        searches: Iterable[tuple[View, Iterable[int]]],
        length: int,
    ) -> Iterable[Hit]:
        """What the searches with these numbers find in the views of one part."""
        found: dict[int, Places] = {}
        failed: dict[int, Hit] = {}
        for view, numbers in searches:
            for number in numbers:
                search, places = program.searches[number], found.get(number)
                if places is not None and not places.wants(view):
                    continue
                try:
                    spans = search.find(view)
                except Exception as error:
                    failed[number] = self._failed(search, label, _why(error))
                    continue
                if spans:
                    found.setdefault(number, Places(length)).add(view, spans)
        hits = [
            Hit(program.searches[number], label, spans)
            for number in sorted(found)
            if (spans := found[number].sorted())
        ]
        return [*hits, *failed.values()] if failed else hits

    def _hits_of_guests(self, parts: Mapping[str, str], pages: Sequence[Page]) -> Iterator[Hit]:
        """What the detectors of third parties find."""
        for detector, found in searched(self._guests, pages, self._limit_s):
            search = search_of(detector, _never)
            if isinstance(found, GuestFault):
                yield self._failed(search, pages[0].label, f"{found} ({detector.origin})")
            else:
                places: dict[str, Places] = {}
                for label, view, spans in found:
                    places.setdefault(label, Places(len(parts[label]))).add(view, spans)
                for label, own in places.items():
                    if merged := own.sorted():
                        yield Hit(search, label, merged)

    def _failed(self, search: Search, label: str, why: str) -> Hit:
        """That a rule or a detector failed, where it may; else raises `Failed`."""
        _log.error("%s could not be evaluated: it %s", search.name, why)
        if search.name in self._tolerated:
            return Hit.of_failure(search, label, Action.LOG)
        raise Failed(Hit.of_failure(search, label, Action.BLOCK))

    def _decision(
        self,
        phase: Phase,
        parts: Mapping[str, str],
        hits: Sequence[Hit],
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
            screened=counted(parts),
            version=self.version,
            texts=masked(hits, parts, Action.REDACT, write),
            kept=masked(hits, parts, Action.LOG),
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


def _never(_: View) -> Spans:
    return ()


def _look_ahead(rules: Iterable[Rule], detectors: Iterable[Detector], program: Program) -> int:
    """Every finding up to `LOOK_AHEAD` is held back whole, one of a literal rule whatever its
    length, one of a pattern up to its longest or `MAX_LOOK_AHEAD`: a program of RE2 without loops
    reads at most one byte with each of its instructions."""
    acting = {each.name for each in program.searches if RANKS[each.action] >= RANKS[Action.REDACT]}
    acting |= {
        one.type for one in detectors if one.origin and RANKS[one.action] >= RANKS[Action.REDACT]
    }
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


def _digest(rules: Iterable[Rule], detectors: Iterable[Detector], others: Json) -> str:
    """A digest of everything that decides."""
    facts = [
        [fingerprint(), others],
        [[rule.name, rule.action, rule.text, rule.pattern, *rule.on] for rule in rules],
        [
            [
                *(one.type, one.category, one.action, one.severity, one.origin),
                *(one.pattern, *one.others, one.hint, *one.keywords, *one.modes),
            ]
            for one in detectors
        ],
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _why(error: Exception) -> str:
    if isinstance(error, TooDear):
        return "found more candidates in a text than it checks"
    return f"raised {_origin(error)}"


def _origin(error: Exception) -> str:
    """The class of an error and where it was raised. Its message may quote a text."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"
