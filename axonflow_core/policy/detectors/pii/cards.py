"""Numbers of payment cards.

One of ten numbers ends in the check digit by chance, so the check digit alone says little. Digits
in the groups of a card are one where a network has such numbers. Digits in one piece could as well
be an identifier: without a word like "card" before them they are those of a network whose numbers
are long and begin narrowly.
"""

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
    luhn,
    luhn_runs,
)
from axonflow_core.policy.detectors.pii.hints import NINE_DIGITS
from axonflow_core.policy.detectors.pii.labels import words_before
from axonflow_core.policy.detectors.pii.runs import is_apart
from axonflow_core.policy.rules import Action, Severity

_MASTERCARD = rb"(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"
_NARROW = re.compile(
    rb"4\d{15}(?:\d{3})?|" + _MASTERCARD + rb"|3[47]\d{13}"  # Visa, American Express
    rb"|3(?:0[0-5]\d|095|[689]\d\d)\d{10}|3(?:0[0-5]\d|095)\d{12}"  # Diners Club
    rb"|35\d{14}|(?:2131|1800)\d{11}"  # JCB
    rb"|(?:6011|64[4-9]\d|65\d\d)\d{12}"  # Discover
    rb"|62\d{14,17}"  # UnionPay
    rb"|220[0-4]\d{12}"  # Mir
    rb"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{12}"  # Maestro
)
_ANY = re.compile(
    rb"4(?:\d{12}|\d{15}|\d{18})|" + _MASTERCARD + rb"|3[47]\d{13}"
    rb"|3(?:0[0-5]\d|095|[689]\d\d)\d{10,15}"
    rb"|35(?:2[89]|[3-8]\d)\d{12,15}|(?:2131|1800)\d{11}"
    rb"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}"
    rb"|(?:60|62|81|82)\d{14,17}|508\d{13}"  # RuPay, UnionPay
    rb"|220[0-4]\d{12,15}|9792\d{12}|1\d{14}"  # Mir, Troy, UATP
    rb"|0604\d{8,15}|(?:50|5[6-8]|6\d)\d{10,17}"  # Maestro, Verve, Dankort, InterPayment
)
"""First digits and lengths of the networks' numbers, those that are told from identifiers and the
lot. Source: the tables of issuer identification numbers (ISO/IEC 7812-1) in Wikipedia's
"Payment card number", November 2026."""
_NAMED = re.compile(rb"[3-6]\d{11,18}|" + _ANY.pattern)
"""What may be a card where a word says so."""
_GROUPS = frozenset(
    [(4, 4, 4, last) for last in range(1, 8)]
    + [(4, 4, 4, 4, last) for last in (1, 2, 3)]
    + [(4, 6, 5), (4, 6, 4), (4, 4, 5), (4, 3, 3, 3), (6, 10), (6, 13), (8, 8)]
)
"""How many digits each group has that the number is written in."""
_DIGITS = re.compile(rb"\d+")
_NOT_DIGITS = re.compile(rb"\D+")
_has_word = words_before(
    "card|credit|debit|charge|payment|visa|maestro|amex|diners|jcb|unionpay|discover"
    r"|\bcc(?:no|num(?:ber)?)?\b|_cc\b|\bpan\b"
    r"|kart[aeuı]|carte|tarjeta|cart[ãa]o|carta|(?:kredit|debit|betal|bank)kort|kaart|kártya"
    r"|карт|卡|カード|카드|บัตร|कार्ड|thẻ|بطاقة|כרטיס"
)
_HAS_WORD_BEHIND = re.compile(
    rb"[\W_]{1,4}(?:\w{1,8}[\W_]{1,3}){0,3}(?i:(?:credit |debit )?card)\b"
)


def _card(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number, if it is one of a network and its check digit is right (ISO/IEC 7812-1); without
    the security code where that stands behind it like a group."""
    number = digits(data, start, end)
    if luhn(number) and luhn(number[:16]):
        return None
    groups = [match.span() for match in _DIGITS.finditer(data, start, end)]
    if len(groups) == 1:
        return (start, end) if _is_card(data, start, end, _NARROW) else None
    for count in (len(groups), len(groups) - 1):
        shape = tuple(last - first for first, last in groups[:count])
        end = groups[count - 1][1]
        is_even = len(set(_NOT_DIGITS.findall(data, start, end))) == 1
        networks = _NARROW if shape == (4, 4, 4, 4) else _ANY
        if is_even and shape in _GROUPS and _is_card(data, start, end, networks):
            is_one = _is_apart(data, start, end, shape) or _has_word(data, start)
            return (start, end) if is_one else None
    return None


def _is_apart(data: bytes, start: int, end: int, shape: tuple[int, ...]) -> bool:
    """Whether the groups are from no table and no longer row of numbers."""
    is_in_table = max(shape) > 7 and b"\t" in data[start:end]
    return not is_in_table and is_apart(data, start, end, others=1 if len(shape) < 5 else 0)


def _is_card(data: bytes, start: int, end: int, networks: re.Pattern[bytes]) -> bool:
    number = digits(data, start, end)
    if luhn(number) or _NAMED.fullmatch(number) is None or is_part_of_longer(data, start, end):
        return False
    is_one = networks.fullmatch(number) is not None and b"\n" not in data[start:end]
    return is_one or _has_word(data, start) or _HAS_WORD_BEHIND.match(data, end) is not None


_S = f"{SEPARATOR}{{1,3}}"

DETECTORS = (
    Detector(
        type="payment_card",
        category="pii",
        action=Action.BLOCK,
        severity=Severity.CRITICAL,
        description="The text holds the number of a payment card (personal data).",
        pattern=rf"{BEGINS}(?:\d{{4}}{_S}\d{{4}}{_S}\d{{4}}{_S}\d{{4}}{_S}\d{{1,3}}"
        rf"|\d{{4}}{_S}(?:\d{{4}}{_S}\d{{4}}{_S}\d{{1,7}}|\d{{4}}{_S}\d{{5}}|\d{{6}}{_S}\d{{4,5}})"
        rf"|\d{{4}}{_S}\d{{3}}{_S}\d{{3}}{_S}\d{{3}}"
        rf"|\d{{6}}{_S}\d{{10}}(?:\d{{3}})?|\d{{8}}{_S}\d{{8}}){ENDS}",
        hint=NINE_DIGITS,
        accept=bare(_card),
        cost_us=9,
        more=lambda data: luhn_runs(data, 12, 19),
        overlaps=True,
    ),
)
