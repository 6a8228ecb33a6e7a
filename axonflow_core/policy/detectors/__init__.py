"""The built-in detectors: personal data, SQL and commands that attack, secrets, and signals.

The set is quiet on purpose, since most of what it finds stops a call: a pattern wants more than
words that people use ("we grant access", "select from the menu or drop by").
"""

from __future__ import annotations

from axonflow_core.policy.detectors import commands, pii, secrets, signals, sql
from axonflow_core.policy.detectors.detector import Detector

DETECTORS: tuple[Detector, ...] = (
    *pii.DETECTORS,
    *sql.DETECTORS,
    *commands.DETECTORS,
    *secrets.DETECTORS,
    *signals.DETECTORS,
)
TYPES = tuple(dict.fromkeys(detector.type for detector in DETECTORS))
