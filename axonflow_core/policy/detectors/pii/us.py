"""Numbers of people in the United States."""

from __future__ import annotations

import re

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.numbers import digits, is_part_of_longer
from axonflow_core.policy.rules import Action, Severity

_FIRST_DIGIT = re.compile(rb"\d")


def _ssn(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number, without its label, if it may have been given: no area 000, 666 or from 900 on, no
    group 00, no serial 0000. Source: SSA, "Social Security Number Randomization", June 2011."""
    first = _FIRST_DIGIT.search(data, start, end)
    start = first.start() if first else start
    number = digits(data, start, end)
    area, group, serial = number[:3], number[3:5], number[5:]
    is_given = area not in (b"000", b"666") and area < b"900" and group != b"00"
    is_given = is_given and serial != b"0000"
    return (start, end) if is_given and not is_part_of_longer(data, start, end) else None


DETECTORS = (
    Detector(
        type="us_ssn",
        category="pii",
        action=Action.BLOCK,
        severity=Severity.CRITICAL,
        description="The text holds a US social security number (SSN).",
        pattern=r"\b\d{3}-\d{2}-\d{4}\b"
        r"|(?i:\b(?:ssn|social\s+security)(?:\s+(?:number|no|num)\b)?[^\w\n]{0,4}"
        r"(?:(?:is|was|of|number|no)\b[^\w\n]{0,4}){0,2})\d{3}[ -]?\d{2}[ -]?\d{4}\b",
        hint=r"\d{3}-\d{2}-\d{4}|(?i:ssn|social\s+security)",
        accept=_ssn,
    ),
)
