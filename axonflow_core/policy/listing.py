"""Rules and detectors as a list of policies shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from axonflow_core.frozen import frozen
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.rules import CUSTOM, SEVERITIES, Action, Mode, Phase, Rule, Severity
from axonflow_core.policy.searches import pattern_of

_MODES: Mapping[Phase, tuple[Mode, ...]] = {
    Phase.REQUEST: (Mode.PROMPT, Mode.PARAMETER, Mode.SQL),
    Phase.ANSWER: (Mode.ANSWER, Mode.PARAMETER),
}
"""Phase -> the kinds of texts that it has."""


@frozen(kw_only=True)
class ListedRule:
    """One rule or detector. There is no time in it: rules change with the configuration."""

    id: str
    """The same as long as the name is: `rule:no-aurora`, `detector:us_ssn`."""
    name: str
    """The rule's name, or the detector's type."""
    category: str
    """`custom`, or the detector's: `pii`, `sqli`."""
    action: Action
    """What follows from a finding in this configuration."""
    pattern: str
    """What RE2 searches for; a literal rule has a pattern for that literal. Of a detector that
    searches otherwise, what it takes a look at."""
    severity: Severity
    description: str
    on: tuple[Phase, ...]
    is_built_in: bool
    """Whether it is a detector, which every configuration has."""


def listed_rule(rule: Rule) -> ListedRule:
    """A rule of the configuration."""
    return ListedRule(
        id=f"rule:{rule.name}",
        name=rule.name,
        category=CUSTOM,
        action=rule.action,
        pattern=pattern_of(rule),
        severity=SEVERITIES[rule.action],
        description=rule.description,
        on=rule.on,
        is_built_in=False,
    )


def listed_detectors(detectors: Iterable[Detector]) -> Iterator[ListedRule]:
    """Each type of the built-in detectors."""
    by_type: dict[str, list[Detector]] = {}
    for detector in detectors:
        by_type.setdefault(detector.type, []).append(detector)
    for same in by_type.values():
        first, modes = same[0], {mode for each in same for mode in each.modes}
        yield ListedRule(
            id=f"detector:{first.type}",
            name=first.type,
            category=first.category,
            action=first.action,
            pattern=first.pattern or first.clue,
            severity=first.severity,
            description=first.description,
            on=tuple(phase for phase in Phase if not modes.isdisjoint(_MODES[phase])),
            is_built_in=not first.origin,
        )
