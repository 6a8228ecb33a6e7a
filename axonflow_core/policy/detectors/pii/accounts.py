"""Accounts: bank accounts of all countries and of the United States, and wallets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.numbers import (
    BEGINS,
    bare,
    digits,
    is_part_of_longer,
    is_valid,
    standard,
)
from axonflow_core.policy.detectors.pii.hints import ADDRESS, CODE, SEVEN_DIGITS
from axonflow_core.policy.detectors.pii.labels import behind, start_of, words_before
from axonflow_core.policy.rules import Action, Severity

# ── IBAN ──────────────────────────────────────────────────────────────────────────────────────────

COUNTRIES = (
    "AD AE AL AT AZ BA BE BG BH BI BR BY CH CR CY CZ DE DJ DK DO EE EG ES FI FK FO FR GB GE GI GL"
    " GR GT HN HR HU IE IL IQ IS IT JO KW KZ LB LC LI LT LU LV LY MC MD ME MK MN MR MT MU NI NL NO"
    " OM PK PL PS PT QA RO RS RU SA SC SD SE SI SK SM SO ST SV TL TN TR UA VA VG XK YE"
)
"""Those with IBANs, so that few other words are candidates. Source: as of their lengths."""
_COUNTRY = "|".join(COUNTRIES.split())
_IBAN = (
    rf"{BEGINS}(?:(?i:{_COUNTRY})|(?:{_COUNTRY})[\s.-])\d\d[\s.-]?[0-9A-Za-z]{{4}}"
    r"(?:[\s.-]?[0-9A-Za-z]){7}"
)
"""The beginning of an IBAN, as long as the shortest one."""
_SIZES = re.compile(r"(\d+)!")
_VALUES = {
    ord(character): str(int(character, 36))
    for character in "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
}
_SEPARATORS = b" \t\r\n\f\v.-"


@cache
def _shapes() -> Mapping[bytes, re.Pattern[bytes]]:
    """Country -> its IBANs, each character with a separator before it or none. Lengths are from
    python-stdnum's copy of the registry of SWIFT."""
    standard("iban")
    countries = standard("numdb").get("iban").prefixes
    return {
        name.encode(): _shape(4 + sum(map(int, _SIZES.findall(facts["bban"]))))
        for _, name, _, facts, _ in countries
    }


def _shape(length: int) -> re.Pattern[bytes]:
    return re.compile(rb"[A-Za-z](?:[\s.-]?[0-9A-Za-z]){%d}(?!_{0,3}[0-9A-Za-z])" % (length - 1))


def _iban(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The IBAN that begins there, as long as those of its country, if its check digits are right
    (ISO 13616)."""
    shape = _shapes().get(data[start : start + 2].upper())
    match = shape.match(data, start) if shape else None
    if match is None or not _is_checked(match[0].translate(None, _SEPARATORS)):
        return None
    number = b"".join(match[0].split()).decode()
    return match.span() if standard("iban").is_valid(number, check_country=False) else None


def _is_checked(number: bytes) -> bool:
    """Whether the check digits are right: all that most candidates are asked, for a microsecond."""
    return int("".join(map(_VALUES.__getitem__, number[4:] + number[:4]))) % 97 == 1


# ── accounts and routing numbers of the United States ─────────────────────────────────────────────

_WITH_ROUTING = r"\d{9}[ -]\d{8,17}"
"""A routing number of the United States and the account there."""
_ACCOUNT = rf"{_WITH_ROUTING}|\d{{7,17}}|\d{{2,6}}(?:[ -]\d{{2,6}}){{1,4}}"
_ACCOUNT_LABELS = (
    r"(?:bank|checking|chequing|savings|deposit|current|giro|beneficiary)[\W_]{0,2}acc(?:oun)?t"
    r"|\bacc(?:oun)?t[\W_]{0,3}(?:number|num|no|nr|#)|\ba/c\b|\bkonto-?n(?:r|umm)"
    r"|cuenta bancaria|n[úu]mero de cuenta|compte bancaire|num[ée]ro de compte|conto corrente"
    r"|conta banc[áa]ria|n[úu]mero da conta|rekeningnummer|numer (?:konta|rachunku)"
    r"|номер сч[её]та|银行账[号户]|口座番号|계좌번호"
    r"|\brouting|\baba\b|\brtn\b|\bsort[ _-]?code"
)
_account_start = start_of(_ACCOUNT)
_is_routing = re.compile(rb"routing|\baba\b|\brtn\b", re.IGNORECASE)
_is_elsewhere = words_before(r"\b(?:aws|amazon|azure|gcp|google|cloud|customer|user|tenant)\b", 24)


def _account(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number behind the label; one for routing has the check digit of the American Bankers
    Association. Accounts of clouds are none of a bank."""
    begin = _account_start(data, start, end)
    number = digits(data, begin, end)
    if not 7 <= len(number) <= 26 or is_part_of_longer(data, begin, end):
        return None
    if _is_routing.search(data, start, begin) and not is_valid("us.rtn", number.decode()):
        return None
    return None if _is_elsewhere(data, start + 1) else (begin, end)


# ── wallets ───────────────────────────────────────────────────────────────────────────────────────


def _wallet(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The address of Bitcoin, if its checksum is right (Base58Check, BIP 173)."""
    return (start, end) if is_valid("bitcoin", data[start:end].decode()) else None


DETECTORS = (
    Detector(
        type="iban",
        category="pii",
        action=Action.BLOCK,
        severity=Severity.CRITICAL,
        description="The text holds the number of a bank account (IBAN, personal data).",
        pattern=_IBAN,
        hint=CODE,
        accept=bare(_iban),
        load=_shapes,
    ),
    Detector(
        type="bank_account",
        category="pii",
        action=Action.WARN,
        severity=Severity.HIGH,
        description="The text holds the number of a bank account (personal data).",
        pattern=rf"{behind(_ACCOUNT_LABELS, _ACCOUNT)}|{behind('bank', _WITH_ROUTING)}",
        hint=SEVEN_DIGITS,
        accept=bare(_account),
        load=lambda: standard("us.rtn"),
    ),
    Detector(
        type="crypto_wallet",
        category="pii",
        action=Action.WARN,
        severity=Severity.MEDIUM,
        description="The text holds the address of a wallet (Bitcoin, personal data).",
        pattern=(
            r"\b(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}"
            r"|bc1[02-9ac-hj-np-z]{11,71}|BC1[02-9AC-HJ-NP-Z]{11,71})\b"
        ),
        hint=ADDRESS,
        accept=_wallet,
        cost_us=28,
        load=lambda: standard("bitcoin"),
    ),
)
