"""Secrets: keys, tokens and passwords of programs, found by gitleaks' rules.

Each rule is a detector of its own, whose type is the rule's id. What follows from a finding depends
on how sure it is:

* A secret with a form of its own (`AKIA…`, `ghp_…`, a private key) is critical, and blocks.
* One that a label tells (`datadog_token = …`), or whose form is that of other things too
  (`FORM_OF_OTHERS`), is high, and warns.
* Behind a general label (`password = …`) stands a secret or anything else: medium, and warns.

Texts are searched rule by rule (`search`), and only for those whose keywords they have. Nothing is
compiled before the first search.
"""

from __future__ import annotations

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.secrets import pem
from axonflow_core.policy.detectors.secrets.forms import hint_of
from axonflow_core.policy.detectors.secrets.gitleaks import GENERAL, SecretRule, rules
from axonflow_core.policy.detectors.secrets.search import SecretSearch
from axonflow_core.policy.rules import Action, Severity
from axonflow_core.policy.searches import Find

FORM_OF_OTHERS = frozenset(
    {
        "curl-auth-header",
        "curl-auth-user",
        "facebook-access-token",
        "flutterwave-public-key",
        "jwt",
        "jwt-base64",
        "kubernetes-secret-yaml",
        "nuget-config-password",
        "square-access-token",
        "vault-service-token",
    }
)
"""Ids of rules without a label that find what is often harmless: examples of commands, tokens that
have expired, public keys, base64."""
_HINTS = {
    "jwt": r"\bey[a-zA-Z0-9]{17}",
    "twilio-api-key": r"SK[0-9a-fA-F]{8}",
    "vault-service-token": r"\b(?:hvs\.|s\.[a-zA-Z0-9]{24})",
}
"""Id -> the hint, where the keyword is a syllable (`ey`, `sk`, `s.`) that every page has."""


def _detector(rule: SecretRule) -> Detector:
    severity, action = _severity(rule)
    hint = hint_of(rule) if rule.id == GENERAL else _HINTS.get(rule.id, "")
    return Detector(
        type=rule.id.replace("-", "_"),
        category="sensitive_data",
        action=action,
        severity=severity,
        description=f"The text holds what looks like a secret ({rule.id.replace('-', ' ')}).",
        hint=hint,
        keywords=() if hint else rule.keywords,
        pattern=rule.pattern,
        find=_find(rule),
    )


def _severity(rule: SecretRule) -> tuple[Severity, Action]:
    if rule.id == GENERAL:
        return Severity.MEDIUM, Action.WARN
    if rule.is_labelled or rule.id in FORM_OF_OTHERS:
        return Severity.HIGH, Action.WARN
    return Severity.CRITICAL, Action.BLOCK


def _find(rule: SecretRule) -> Find:
    return pem.find_private_keys if rule.id == pem.RULE else SecretSearch(rule)


DETECTORS: tuple[Detector, ...] = tuple(map(_detector, rules()))
