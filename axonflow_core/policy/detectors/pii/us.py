"""Numbers of people in the United States."""

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
)
from axonflow_core.policy.detectors.pii.hints import NINE_DIGITS
from axonflow_core.policy.detectors.pii.labels import behind, start_of, words_before
from axonflow_core.policy.rules import Action, Severity

_DASH = "(?:-|\u2010|\u2013)"
_DASHED = rf"\d{{3}}{_DASH}\d{{2}}{_DASH}\d{{4}}"
_NINE = rf"\d{{3}}{SEPARATOR}{{0,3}}\d{{2}}{SEPARATOR}{{0,3}}\d{{4}}"
_NINE_FROM_9 = rf"9\d\d{SEPARATOR}?\d{{2}}{SEPARATOR}?\d{{4}}"
_SSN_LABELS = (
    r"\bssn|_ssn|(?-i:[a-z](?:SSN|Ssn))|s\.s\.n\.|\bss ?(?:#|no\b|num)"
    r"|soc(?:ial)?[\W_]{0,2}sec(?:urity)?|seguro[\W_]social|s[ée]curit[ée][\W_]sociale"
    r"|社会(?:保障|安全)号"
)
_ITIN_LABELS = r"\bitin\b|_itin\b|\bitin_|(?:individual[\W_])?taxpayer[\W_](?:id|identification)"
_is_ssn_said = words_before(_SSN_LABELS, 100)
_IS_SPACED = re.compile(rb"\d{3}([ .])\d{2}\1\d{4}")
_start = start_of(_NINE)


def _ssn(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number, without its label, if it may have been given: no area 000, 666 or from 900 on, no
    group 00, no serial 0000. Source: SSA, "Social Security Number Randomization", June 2011."""
    begin = _start(data, start, end)
    number = digits(data, begin, end)
    area, group, serial = number[:3], number[3:5], number[5:]
    is_given = area not in (b"000", b"666") and area < b"900" and group != b"00"
    if not is_given or serial == b"0000" or is_part_of_longer(data, begin, end):
        return None
    if begin == start and _IS_SPACED.match(data, start, end) and not _is_ssn_said(data, start):
        return None
    return begin, end


def _itin(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The number, without its label, if its area begins with 9 and its group is one of those that
    are given. Source: IRS, Internal Revenue Manual 3.21.263.4, August 2023."""
    begin = _start(data, start, end)
    number = digits(data, begin, end)
    group = int(number[3:5])
    is_given = 50 <= group <= 99 and not 66 <= group <= 69 and group not in (89, 93)
    return (begin, end) if is_given and not is_part_of_longer(data, begin, end) else None


DETECTORS = (
    Detector(
        type="us_ssn",
        category="pii",
        action=Action.BLOCK,
        severity=Severity.CRITICAL,
        description="The text holds a US social security number (SSN).",
        pattern=rf"{BEGINS}{_DASHED}{ENDS}|{behind(_SSN_LABELS, _NINE)}"
        rf"|{BEGINS}(?:\d{{3}} \d{{2}} \d{{4}}|\d{{3}}\.\d{{2}}\.\d{{4}}){ENDS}",
        hint=NINE_DIGITS,
        accept=bare(_ssn),
    ),
    Detector(
        type="us_itin",
        category="pii",
        action=Action.BLOCK,
        severity=Severity.CRITICAL,
        description="The text holds a US taxpayer identification number (ITIN, personal data).",
        pattern=rf"{BEGINS}9\d\d{_DASH}\d\d{_DASH}\d{{4}}{ENDS}"
        rf"|{behind(_ITIN_LABELS, _NINE_FROM_9)}",
        hint=NINE_DIGITS,
        accept=bare(_itin),
    ),
)
