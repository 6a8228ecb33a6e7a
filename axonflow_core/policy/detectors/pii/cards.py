"""Numbers of payment cards."""

from __future__ import annotations

import re

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.numbers import digits, is_part_of_longer, luhn
from axonflow_core.policy.rules import Action, Severity

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


def _card(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number, if it is one of a network and its check digit is right (ISO/IEC 7812-1)."""
    number = digits(data, start, end)
    is_card = _NETWORKS.fullmatch(number) is not None and luhn(number) == 0
    return (start, end) if is_card and not is_part_of_longer(data, start, end) else None


DETECTORS = (
    Detector(
        type="payment_card",
        category="pii",
        action=Action.BLOCK,
        severity=Severity.CRITICAL,
        description="The text holds the number of a payment card (personal data).",
        pattern=r"\b(?:\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}|\d{4}[ -]\d{6}[ -]\d{4,5}|\d{12,19})\b",
        hint=r"\d{4}[ -]?\d{4}[ -]?\d{4}|\d{4}[ -]\d{6}[ -]\d{4}",
        accept=_card,
    ),
)
