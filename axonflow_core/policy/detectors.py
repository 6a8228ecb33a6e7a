"""The built-in detectors: numbers of people and of payment cards, addresses, SQL that attacks.

A detector finds candidates with an RE2 pattern, and its `accept` says which part of a candidate is
a finding, if any: the digits of a card have to end in their check digit. Every text with a finding
matches the detector's `hint` as well. One search for the hints of all detectors spares nearly every
text the detectors themselves.

The set is small and quiet on purpose, since most of what it finds stops a call: a pattern wants
more than words that people use ("we grant access", "select from the menu or drop by").
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.policy import sql
from axonflow_core.policy.patterns import Regexp, compiled
from axonflow_core.policy.rules import Action, Phase
from axonflow_core.policy.searches import MAX_SPANS, Find, Spans

Accept: TypeAlias = Callable[[bytes, int, int], tuple[int, int] | None]
"""(text, start, end of a candidate) -> start and end of what is found in it; None for nothing."""


def _whole(data: bytes, start: int, end: int) -> tuple[int, int]:
    return start, end


@frozen(kw_only=True)
class Detector:
    """Something that is looked for whatever the configuration says."""

    type: str
    """Names it in findings, in masks and under `policies.actions`: `us_ssn`."""
    category: str
    """What `policies.actions` may name for all of its kind: `pii`, `sqli`."""
    action: Action
    """What follows from a finding where the configuration does not say."""
    severity: str
    """`critical`, `high`, `medium` or `low`, for whoever lists detectors."""
    description: str
    """What a person whose call is stopped is told."""
    pattern: str
    """The RE2 pattern of candidates."""
    hint: str
    """An RE2 pattern that every text with a finding matches."""
    on: tuple[Phase, ...] = (Phase.REQUEST, Phase.ANSWER)
    """What it is evaluated on."""
    accept: Accept = field(default=_whole)

    def finder(self) -> Find:
        """The function that searches, with its pattern compiled."""
        regexp, accept = compiled(self.pattern), self.accept
        return lambda view: _accepted(regexp, accept, view.data)


def _accepted(regexp: Regexp, accept: Accept, data: bytes) -> Spans:
    """What is accepted of the candidates. Behind one that is refused the next one may begin at its
    second word, as a card does behind a year."""
    spans: list[tuple[int, int]] = []
    position = 0
    while len(spans) < MAX_SPANS and (match := regexp.search(data, position)) is not None:
        start, end = match.span()
        span = accept(data, start, end)
        if span is None:
            position = _second_word(data, start, end)
        else:
            spans.append(span)
            position = end
    return spans


_WORD = re.compile(rb"\w*\W*")


def _second_word(data: bytes, start: int, end: int) -> int:
    word = _WORD.match(data, start, end)
    return max(start + 1, word.end() if word else end)


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────

_NOT_A_DIGIT = bytes(byte for byte in range(256) if byte not in b"0123456789")
_BEFORE = re.compile(rb"\d[.-]?\Z")
_BEHIND = re.compile(rb"[.-]?\d")
_FIRST_DIGIT = re.compile(rb"\d")


def _number(data: bytes, start: int, end: int) -> bytes:
    """The digits of a span, without what separates them."""
    return data[start:end].translate(None, _NOT_A_DIGIT)


def _is_part_of_longer(data: bytes, start: int, end: int) -> bool:
    """Whether the digits go on before or behind the span."""
    is_behind = _BEHIND.match(data, end) is not None
    return is_behind or _BEFORE.search(data[max(0, start - 2) : start]) is not None


def _ssn(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number, without its label, if it may have been given: no area 000, 666 or from 900 on, no
    group 00, no serial 0000. Source: SSA, "Social Security Number Randomization", June 2011."""
    first = _FIRST_DIGIT.search(data, start, end)
    start = first.start() if first else start
    number = _number(data, start, end)
    area, group, serial = number[:3], number[3:5], number[5:]
    is_given = area not in (b"000", b"666") and area < b"900" and group != b"00"
    is_given = is_given and serial != b"0000"
    return (start, end) if is_given and not _is_part_of_longer(data, start, end) else None


_NETWORKS = re.compile(
    rb"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    rb"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    rb"|3[47]\d{13}"  # American Express
    rb"|3(?:0[0-59]|[689]\d)\d{11,16}"  # Diners Club
    rb"|35(?:2[89]|[3-8]\d)\d{12,15}|(?:2131|1800)\d{11}"  # JCB
    rb"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}"  # Discover
    rb"|62\d{14,17}"  # UnionPay
    rb"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}"  # Maestro
)
"""First digits and lengths of the networks' numbers. Source: the tables of issuer identification
numbers (ISO/IEC 7812-1) in Wikipedia's "Payment card number", November 2026."""
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
"""Digit -> the sum of the digits of its double."""


def _card(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number, if it is one of a network and its check digit is right (ISO/IEC 7812-1)."""
    number = _number(data, start, end)
    is_card = _NETWORKS.fullmatch(number) is not None and _check_sum(number) == 0
    return (start, end) if is_card and not _is_part_of_longer(data, start, end) else None


def _check_sum(number: bytes) -> int:
    """Luhn's sum of the digits, 0 where the last one is right."""
    backwards = number[::-1]
    return (sum(backwards[::2]) + sum(backwards[1::2].translate(_DOUBLED)) - 48 * len(number)) % 10


# ── the table ─────────────────────────────────────────────────────────────────────────────────────

DETECTORS: tuple[Detector, ...] = (
    Detector(
        type="us_ssn",
        category="pii",
        action=Action.BLOCK,
        severity="critical",
        description="The text holds a US social security number (SSN).",
        pattern=r"\b\d{3}-\d{2}-\d{4}\b"
        r"|(?i:\b(?:ssn|social\s+security)(?:\s+(?:number|no|num)\b)?[^\w\n]{0,4}"
        r"(?:(?:is|was|of|number|no)\b[^\w\n]{0,4}){0,2})\d{3}[ -]?\d{2}[ -]?\d{4}\b",
        hint=r"\d{3}-\d{2}-\d{4}|(?i:ssn|social\s+security)",
        accept=_ssn,
    ),
    Detector(
        type="payment_card",
        category="pii",
        action=Action.BLOCK,
        severity="critical",
        description="The text holds the number of a payment card (personal data).",
        pattern=r"\b(?:\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{12,19})\b",
        hint=r"\d{4}[ -]?\d{4}[ -]?\d{4}|\d{4}[ -]\d{6}[ -]\d{4}",
        accept=_card,
    ),
    Detector(
        type="email",
        category="pii",
        action=Action.WARN,
        severity="medium",
        description="The text holds an e-mail address (personal data).",
        pattern=r"\w[\w.%+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b",
        hint=r"\w@[A-Za-z0-9]|[.%+-]@[A-Za-z0-9]",
    ),
    Detector(
        type="sql_injection",
        category="sqli",
        action=Action.BLOCK,
        severity="critical",
        description="The text looks like an SQL injection.",
        pattern=sql.pattern_of(sql.INJECTIONS),
        hint=sql.hint_of(sql.INJECTIONS),
    ),
    Detector(
        type="dangerous_statement",
        category="sqli",
        action=Action.BLOCK,
        severity="high",
        description="The text holds a dangerous SQL statement: it drops or empties tables.",
        pattern=sql.pattern_of(sql.DANGERS),
        hint=sql.hint_of(sql.DANGERS),
    ),
)
TYPES = tuple(detector.type for detector in DETECTORS)
CATEGORIES = tuple(dict.fromkeys(detector.category for detector in DETECTORS))
