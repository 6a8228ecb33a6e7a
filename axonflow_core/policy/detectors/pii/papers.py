"""Papers that people carry and the day of their birth: what only a label tells from other words."""

from __future__ import annotations

import re
from datetime import date

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.numbers import digits, is_part_of_longer
from axonflow_core.policy.detectors.pii.labels import behind, labelled
from axonflow_core.policy.rules import Action, Severity

_PASSPORT = r"[A-Za-z]{0,3}\d{6,9}|[A-Za-z]\d{2,3} ?\d{4,5}|[0-9A-Za-z]{9,10}"
_PASSPORT_LABELS = (
    r"passport|passeport|reisepass|pasaporte|passaporto|passaporte|paspoort|pasfoto-?nr"
    r"|pass-?n(?:r|umm)|paszport|pasaport"
    r"|hộ chiếu|паспорт|护照|護照|パスポート|여권|पासपोर्ट|جواز (?:ال)?سفر|דרכון"
)
_MIN_DIGITS = 4
_DAY = re.compile(rb"(?:19|20)\d\d([-/.]?)(?:0\d|1[0-2])\1[0-3]\d")


def _paper(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number, if it has digits enough and is not the day until which the paper is valid."""
    is_number = len(digits(data, start, end)) >= _MIN_DIGITS and not _DAY.fullmatch(
        data, start, end
    )
    return (start, end) if is_number and not is_part_of_longer(data, start, end) else None


_LICENSE = r"[A-Za-z]{0,3}\d[0-9A-Za-z]{4,17}|[A-Za-z]{0,2}\d{2,4}(?:[ -]\d{2,6}){1,4}"
_LICENSE_LABELS = (
    r"(?:driver'?s?|driver’s|driving)[\W_]{0,2}licen[cs]e|\bdl ?(?:no|num|#)"
    r"|führerschein|permis de conduire|rijbewijs|patente di guida|carnet de conducir"
    r"|licencia de (?:conducir|manejo)|carteira de motorista|prawo jazdy|körkort|f[øö]rerkort"
    r"|водительск(?:ое|ого|ие) удостоверени|驾驶证|驾照|運転免許|운전면허"
)


# ── the day of birth ──────────────────────────────────────────────────────────────────────────────

_BIRTH_LABELS = (
    r"\bborn\b|birth[\W_]?da(?:te|y)|date[\W_]?of[\W_]?birth|\bd\.?o\.?b\b|_dob\b"
    r"|geburtsdatum|geboren|\bgeb\.|n[ée]e? le\b|date de naissance|fecha de nacimiento|nacid[oa] el"
    r"|data di nascita|nat[oa] il|data de nascimento|nascid[oa] em|geboortedatum|födelsedatum|född"
    r"|fødselsdato|født|syntymäaika|data urodzenia|doğum tarihi|tanggal lahir|ngày sinh"
    r"|дата рождения|родил(?:ся|ась)|出生日期|生日|生年月日|생년월일|जन्म तिथि"
    r"|تاريخ الميلاد|תאריך לידה|วันเกิด"
)
_MONTH = (
    r"(?i:jan|feb|m(?:a|ä)r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]"
    r"|ene|abr|ago|dic|f(?:e|é)v|ao(?:u|û)|avr|juin|juil|gen|mag|giu|lug|ott|set|out|fev)"
    r"(?:[a-z]|é)*\.?"
)
_DATE = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.)?(?: de| of)? ?{_MONTH}(?: de)?,? ?\d{{4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}|\d{{4}}年\d{{1,2}}月\d{{1,2}}"
)
_FIGURES = re.compile(rb"\d+")


def _birth(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The day, if there is one of that year, month and day, and if a person may live who was born
    on it."""
    figures = [int(each) for each in _FIGURES.findall(data, start, end)]
    year = max(figures)
    others = sorted(each for each in figures if each != year)
    is_day = all(1 <= each <= 31 for each in others) and (len(others) < 2 or others[0] <= 12)
    is_year = 1900 <= year <= date.today().year or year < 100
    return (start, end) if is_day and is_year and not is_part_of_longer(data, start, end) else None


_LABELS = f"(?i:{_PASSPORT_LABELS}|{_LICENSE_LABELS}|{_BIRTH_LABELS})"
"""The hint of all of them."""

DETECTORS = (
    Detector(
        type="passport",
        category="pii",
        action=Action.WARN,
        severity=Severity.HIGH,
        description="The text holds the number of a passport (personal data).",
        pattern=behind(_PASSPORT_LABELS, _PASSPORT),
        hint=_LABELS,
        accept=labelled(_PASSPORT, _paper),
    ),
    Detector(
        type="us_driver_license",
        category="pii",
        action=Action.WARN,
        severity=Severity.HIGH,
        description="The text holds the number of a driver's license (personal data).",
        pattern=behind(_LICENSE_LABELS, _LICENSE),
        hint=_LABELS,
        accept=labelled(_LICENSE, _paper),
    ),
    Detector(
        type="date_of_birth",
        category="pii",
        action=Action.WARN,
        severity=Severity.MEDIUM,
        description="The text holds the day of somebody's birth (personal data).",
        pattern=behind(_BIRTH_LABELS, _DATE),
        hint=_LABELS,
        accept=labelled(_DATE, _birth),
        cost_us=8,
    ),
)
