"""Rules and detectors as the product's static policies. They come from the configuration file, so
they are read here and never written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from axonflow_core.messages import Json
from axonflow_core.modes.decisions import Decided, Question, mode_of
from axonflow_core.policy.engine import PatternTest
from axonflow_core.policy.listing import ListedRule
from axonflow_core.policy.rules import Action, Decision, Phase, Severity
from axonflow_core.server.client_request import Answer, json_answer
from axonflow_core.server.fields import MAX_TEXT, Fields
from axonflow_core.server.wire.matches import actions_of, block_reason
from axonflow_core.server.wire.times import timestamp

FROZEN = "LEGACY_POLICY_WRITE_FROZEN"
"""The code that the SDK knows for a policy that cannot be written."""
_CATEGORIES: Mapping[str, str] = {
    "us_ssn": "pii-us",
    "pii": "pii-global",
    "sqli": "security-sqli",
    "dangerous_queries": "security-dangerous",
    "dangerous_commands": "security-dangerous",
    "sensitive_data": "code-secrets",
    "high_risk": "sensitive-data",
    "custom": "sensitive-data",
}
"""The type or the category of a detector -> the product's category."""

_RISKS: Mapping[Severity, float] = {
    Severity.LOW: 0.25,
    Severity.MEDIUM: 0.5,
    Severity.HIGH: 0.75,
    Severity.CRITICAL: 1.0,
}
"""Severity -> the product's score of risk, from 0 to 1."""


def tried(fields: Fields) -> Question:
    """The query of a trial of the policies."""
    return Question(
        request_type="policy_test",
        phase=Phase.REQUEST,
        texts={"query": fields.text("query", most=MAX_TEXT)},
        modes={"query": mode_of(fields.optional_text("request_type"))},
    )


def policy(rule: ListedRule, at_us: int) -> dict[str, Json]:
    """One rule; `at_us` is when its configuration came into force."""
    at = timestamp(at_us)
    return {
        "id": rule.id,
        "policy_id": rule.name,
        "name": rule.name,
        "description": rule.description,
        "category": _CATEGORIES.get(rule.name) or _CATEGORIES.get(rule.category, rule.category),
        "tier": "system" if rule.is_built_in else "organization",
        "pattern": rule.pattern,
        "severity": rule.severity,
        "enabled": True,
        "action": rule.action,
        "phases": list(rule.on),
        "created_at": at,
        "updated_at": at,
        "version": 1,
        "has_override": False,
    }


def policies(
    rules: Iterable[ListedRule], query: Mapping[str, str], at_us: int
) -> list[dict[str, Json]]:
    """The rules that the filters of a query leave: `category`, `tier`, `enabled`, `search`."""
    listed = [policy(rule, at_us) for rule in rules]
    for name in ("category", "tier"):
        if wanted := query.get(name):
            listed = [each for each in listed if each[name] == wanted]
    if query.get("enabled") == "false":
        return []
    if text := query.get("search", "").lower():
        listed = [
            each for each in listed if text in f"{each['name']} {each['description']}".lower()
        ]
    return listed


def page(listed: Sequence[Json], offset: int, limit: int) -> Answer:
    """A page of static policies."""
    return json_answer(
        {
            "policies": list(listed[offset : offset + limit]),
            "pagination": {"offset": offset, "limit": limit, "total": len(listed)},
        }
    )


def write_refused() -> Answer:
    """The answer to whoever would write a policy: the SDK raises its own error for it."""
    message = "policies come from the server's configuration file: change it, and reload"
    return json_answer({"error": {"code": FROZEN, "message": message}, "message": message}, 409)


def pattern_answer(pattern: str, inputs: Sequence[str], test: PatternTest) -> Answer:
    """Whether a pattern is valid, and where it was found."""
    body: dict[str, Json] = {
        "valid": test.error is None,
        "pattern": pattern,
        "inputs": list(inputs),
        "matches": [
            {"input": text, "matched": matched}
            for text, matched in zip(inputs, test.matches, strict=False)
        ],
    }
    if test.error is not None:
        body["error"] = test.error
    return json_answer(body)


def trial_answer(decided: Decided) -> Answer:
    """What the policies make of a query that is tried."""
    decision = decided.decision
    return json_answer(
        {
            "blocked": decision.is_stopped,
            "reason": block_reason(decision) if decision.is_stopped else "",
            "triggered_policies": list(decision.rules),
            "checks_performed": [rule.name for rule in decided.policy.listed()],
            "processing_time_ms": round(decided.elapsed_ms, 3),
            "decision_id": decided.id,
        }
    )


def simulation_answer(decided: Decided) -> Answer:
    """What the policies would make of a query."""
    decision = decided.decision
    return json_answer(
        {
            "allowed": not decision.is_stopped,
            "applied_policies": list(decision.rules),
            "risk_score": risk_score((decision,)),
            "required_actions": list(dict.fromkeys(actions_of(decision).values())),
            "processing_time_ms": round(decided.elapsed_ms),
            "total_policies": len(decided.policy.listed()),
            "dry_run": True,
            "simulated_at": timestamp(decided.at_us),
            "decision_id": decided.id,
        }
    )


def risk_score(decisions: Iterable[Decision]) -> float:
    """The product's score of the worst that these decisions found; 0 where they found nothing."""
    found = (one.severity for decision in decisions for one in decision.findings)
    return max(map(_RISKS.__getitem__, found), default=0.0)


def impact_answer(rule: ListedRule, answers: Sequence[Decided]) -> Answer:
    """What one policy found in each of several queries, and how often it stops one."""
    actions = [actions_of(answer.decision).get(rule.name) for answer in answers]
    matched = sum(action is not None for action in actions)
    blocked = sum(action is Action.BLOCK for action in actions)
    total = len(answers)
    return json_answer(
        {
            "policy_id": rule.id,
            "policy_name": rule.name,
            "total_inputs": total,
            "matched": matched,
            "blocked": blocked,
            "match_rate": matched / total if total else 0.0,
            "block_rate": blocked / total if total else 0.0,
            "results": [
                {
                    "input_index": index,
                    "matched": action is not None,
                    "blocked": action is Action.BLOCK,
                    "actions": [] if action is None else [action],
                }
                for index, action in enumerate(actions)
            ],
            "processing_time_ms": round(sum(answer.elapsed_ms for answer in answers)),
            "generated_at": timestamp(max((each.at_us for each in answers), default=0)),
        }
    )
