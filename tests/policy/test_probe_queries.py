"""What the probe of the real SDK asks (`sdk_probe.py`): its denials and what passes."""

from __future__ import annotations

import pytest

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Phase, Verdict

PII_QUERY = "Please look up the customer whose SSN is 123-45-6789"
SQLI_QUERY = (
    "SELECT name FROM products WHERE id=1 UNION SELECT password FROM users; DROP TABLE users"
)
CLEAN_QUERY = "Name three primary colours in one short sentence."


@pytest.mark.parametrize(
    ("query", "verdict", "words"),
    [
        (PII_QUERY, Verdict.BLOCKED, ("ssn", "social", "pii", "personal")),
        (SQLI_QUERY, Verdict.BLOCKED, ("sql", "injection", "dangerous", "drop")),
        (CLEAN_QUERY, Verdict.ALLOWED, ("",)),
    ],
    ids=["pii", "sqli", "clean"],
)
def test_the_probe_is_answered_as_it_expects(
    query: str, verdict: Verdict, words: tuple[str, ...]
) -> None:
    decision = Policy.build(PoliciesConfig()).evaluate(Phase.REQUEST, {"query": query})
    assert decision.verdict is verdict
    assert any(word in (decision.reason or "").lower() for word in words)
