"""Why a decision fell, and what it found, as several answers tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from axonflow_core.messages import Json
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Action, Decision, Verdict

RISKS: Mapping[Action, str] = {
    Action.LOG: "low",
    Action.WARN: "low",
    Action.REDACT: "medium",
    Action.REQUIRE_APPROVAL: "high",
    Action.BLOCK: "high",
}
"""Action -> the risk that the product names beside a match."""


def block_reason(decision: Decision) -> str:
    """Why a decision stops a call, for people. The SDK shows it, and compares it with
    `require_approval`."""
    if decision.verdict is Verdict.NEEDS_APPROVAL:
        return "require_approval"
    return decision.reason or "Request blocked by policy"


def risk_of(actions: Iterable[Action]) -> str:
    """The highest risk of these actions; `low` where there are none."""
    levels = ("low", "medium", "high")
    return max((RISKS[action] for action in actions), key=levels.index, default="low")


def matches(decision: Decision) -> list[Json]:
    """Each rule that found something, once, in the form of `policy_matches`."""
    return [match(rule, action) for rule, action in actions_of(decision).items()]


def match(rule: str, action: Action) -> dict[str, Json]:
    """One rule that found something."""
    return {
        "policy_id": rule,
        "policy_name": rule,
        "action": action,
        "risk_level": RISKS[action],
        "allow_override": False,
    }


def actions_of(decision: Decision) -> Mapping[str, Action]:
    """Rule -> its action, of those that found something, the most severe first."""
    actions = {finding.rule: finding.action for finding in decision.findings}
    return {rule: actions[rule] for rule in decision.rules}


def policy_info(decision: Decision, policy: Policy, elapsed_ms: float) -> dict[str, Json]:
    """A decision of `policy` in the form of a connector's `policy_info`."""
    known = {rule.name: rule for rule in policy.listed()} if decision.findings else {}
    counts = Counter(finding.rule for finding in decision.findings)
    return {
        "policies_evaluated": len(policy.rules) + len(policy.detectors),
        "blocked": decision.is_stopped,
        "block_reason": block_reason(decision) if decision.is_stopped else None,
        "redactions_applied": sum(
            counts[rule] for rule, action in actions_of(decision).items() if action is Action.REDACT
        ),
        "processing_time_ms": round(elapsed_ms),
        "matched_policies": [
            {
                "policy_id": rule,
                "policy_name": rule,
                "category": known[rule].category if rule in known else "",
                "severity": known[rule].severity if rule in known else RISKS[action],
                "action": action,
            }
            for rule, action in actions_of(decision).items()
        ],
    }
