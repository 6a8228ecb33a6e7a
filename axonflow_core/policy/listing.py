"""Rules and detectors as a list of policies shows them."""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.frozen import frozen
from axonflow_core.policy.detectors import Detector
from axonflow_core.policy.rules import CUSTOM, Action, Phase, Rule
from axonflow_core.policy.searches import pattern_of

_SEVERITIES: Mapping[Action, str] = {
    Action.LOG: "low",
    Action.WARN: "low",
    Action.REDACT: "medium",
    Action.REQUIRE_APPROVAL: "high",
    Action.BLOCK: "high",
}
"""Action -> the severity of a rule, which names none."""


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
    """What RE2 searches for; a literal rule has a pattern for that literal."""
    severity: str
    """`critical`, `high`, `medium` or `low`."""
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
        severity=_SEVERITIES[rule.action],
        description=rule.description,
        on=rule.on,
        is_built_in=False,
    )


def listed_detector(detector: Detector) -> ListedRule:
    """A built-in detector."""
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
