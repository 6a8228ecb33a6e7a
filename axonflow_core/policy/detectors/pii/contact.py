"""Addresses of people."""

from __future__ import annotations

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.rules import Action, Severity

DETECTORS = (
    Detector(
        type="email",
        category="pii",
        action=Action.WARN,
        severity=Severity.MEDIUM,
        description="The text holds an e-mail address (personal data).",
        pattern=r"\w[\w.%+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b",
        hint=r"\w@[A-Za-z0-9]|[.%+-]@[A-Za-z0-9]",
    ),
)
