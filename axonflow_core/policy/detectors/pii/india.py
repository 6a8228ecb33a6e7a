"""Numbers of people in India."""

from __future__ import annotations

import re

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.numbers import (
    BEGINS,
    ENDS,
    SEPARATOR,
    bare,
    digits,
    is_part_of_longer,
    standard,
)
from axonflow_core.policy.detectors.pii.hints import CODE, NINE_DIGITS
from axonflow_core.policy.detectors.pii.labels import behind, start_of, words_before
from axonflow_core.policy.detectors.pii.runs import is_aadhaar, is_apart
from axonflow_core.policy.rules import Action, Severity

# ── Aadhaar ───────────────────────────────────────────────────────────────────────────────────────

_FOURS = rf"\d{{4}}{SEPARATOR}\d{{4}}{SEPARATOR}\d{{4}}"
_BARE = r"\d{4}(?:[\s-]|‐|–)\d{4}(?:[\s-]|‐|–)\d{4}"
"""Without a label: groups with full stops between them are a version or a key of a collation."""
_TWELVE = rf"\d{{12}}|{_FOURS}"
_AADHAAR_LABELS = (
    r"a{1,2}dh{1,2}a{1,2}r|uidai|\buid\b|आधार(?: (?:संख्या|नंबर|कार्ड))?|\be?-?kyc\b"
    r"|national[\W_]id|government[\W_]id"
)
_aadhaar_start = start_of(_TWELVE)


def _aadhaar(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number, if it does not begin with 0 or 1 and its check digit is right (Verhoeff's).
    Source: UIDAI, "Aadhaar numbering", 2010. Without a label it has its usual groups, and no more
    of them follow, save those of cards and of others of its kind."""
    begin = _aadhaar_start(data, start, end)
    if not is_aadhaar(digits(data, begin, end)) or is_part_of_longer(data, begin, end):
        return None
    is_plain = begin == start
    if is_plain and (b"\n" in data[start:end] or not is_apart(data, start, end, others=0)):
        return None
    return begin, end


# ── PAN ───────────────────────────────────────────────────────────────────────────────────────────

_PAN = r"[A-Za-z]{3}[ABCFGHJLKPTabcfghjlkpt][A-Za-z]\d{4}[A-Za-z]"
_PAN_IN_CAPITALS = re.compile(rb"[A-Z]{5}\d{4}[A-Z]")
_is_pan_said = words_before(
    r"\bpan(?:no|num(?:ber)?|card)?\b|_pan\b|\bpan_|पैन|permanent account|income tax", 60
)


def _pan(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number, whose fourth letter is the kind of its holder. Source: Income Tax Department,
    "Structure of PAN". In small letters it wants a label."""
    is_certain = _PAN_IN_CAPITALS.fullmatch(data, start, end) or _is_pan_said(data, start)
    return (start, end) if is_certain else None


DETECTORS = (
    Detector(
        type="in_aadhaar",
        category="pii",
        action=Action.BLOCK,
        severity=Severity.CRITICAL,
        description="The text holds an Indian Aadhaar number (personal data).",
        pattern=f"{BEGINS}{_BARE}{ENDS}|{behind(_AADHAAR_LABELS, _TWELVE)}",
        hint=NINE_DIGITS,
        accept=bare(_aadhaar),
        load=lambda: standard("verhoeff"),
        overlaps=True,
    ),
    Detector(
        type="in_pan",
        category="pii",
        action=Action.BLOCK,
        severity=Severity.CRITICAL,
        description="The text holds an Indian permanent account number (PAN, personal data).",
        pattern=f"{BEGINS}{_PAN}{ENDS}",
        hint=CODE,
        accept=bare(_pan),
    ),
)
