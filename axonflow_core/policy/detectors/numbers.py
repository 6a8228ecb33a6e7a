"""Numbers in texts: their digits, their borders and their check digits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

from axonflow_core.errors import ConfigError
from axonflow_core.policy.detectors.detector import Accept

SEPARATOR = "(?:[\\s.-]|‐|–)"
"""What stands between the groups of a number, as RE2 and `re` understand it. NFKC makes a blank of
every other one, and a hyphen of the one that does not break."""
BEGINS, ENDS = r"\b_{0,3}", r"_{0,3}\b"
"""Where a number begins and ends: at the edge of a word, and within Markdown's emphasis, which is
no part of it (`bare`)."""
_EMPHASIS = ord("_")
_NOT_A_DIGIT = bytes(byte for byte in range(256) if byte not in b"0123456789")
_BEFORE = re.compile(rb"\d[.-]?\Z")
_BEHIND = re.compile(rb"[.-]?\d")
_REACH = 60
"""Bytes in which groups around a number are looked for."""
_GROUPS_BEFORE = re.compile(rb"(?:\d{1,6}[ \t])+\Z")
_GROUPS_BEHIND = re.compile(rb"(?:[ \t]\d{1,6}(?![\w:/-]|[.]\d| -))+")
_IS_OTHERS = re.compile(rb"\+\Z|\b[A-Za-z]{2}(?:\d\d(?:[ \t][0-9A-Za-z]{1,4})*[ \t]?)?\Z")
"""What stands before a row that is the rest of a telephone number or an IBAN."""
_IS_JOINED = re.compile(rb"(?:[\w./:-]|- )\Z")
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
"""Digit -> the sum of the digits of its double."""
_VALUE_OF_DIGIT = bytes.maketrans(b"0123456789", bytes(range(10)))
_MODULO_10 = bytes(byte % 10 for byte in range(256))
_RUN = re.compile(rb"\b_{0,3}(\d{7,})_{0,3}\b")


def bare(accept: Accept) -> Accept:
    """`accept` of candidates without the emphasis that they stand in: `_4111 1111 1111 1111_`."""

    def accept_bare(data: bytes, start: int, end: int) -> tuple[int, int] | None:
        while data[start] == _EMPHASIS:
            start += 1
        while data[end - 1] == _EMPHASIS:
            end -= 1
        return accept(data, start, end)

    return accept_bare


def digits(data: bytes, start: int, end: int) -> bytes:
    """The digits of a span, without what separates them."""
    return data[start:end].translate(None, _NOT_A_DIGIT)


def is_part_of_longer(data: bytes, start: int, end: int) -> bool:
    """Whether the digits go on before or behind the span."""
    is_behind = _BEHIND.match(data, end) is not None
    return is_behind or _BEFORE.search(data[max(0, start - 2) : start]) is not None


def groups_before(data: bytes, start: int) -> Sequence[bytes]:
    """The groups of digits that stand before a number with a blank behind each, at most a few."""
    first = max(0, start - _REACH)
    match = _GROUPS_BEFORE.search(data, first, start)
    if match is None or _IS_OTHERS.search(data, first, match.start()):
        return ()
    is_joined = _IS_JOINED.search(data, max(0, match.start() - 2), match.start())
    return match[0].split()[1 if is_joined else 0 :]


def groups_behind(data: bytes, end: int) -> Sequence[bytes]:
    """The groups of digits that stand behind a number with a blank before each, at most a few."""
    match = _GROUPS_BEHIND.match(data, end, end + _REACH)
    return match[0].split() if match else ()


def luhn(number: bytes) -> int:
    """Luhn's sum of the digits (ISO/IEC 7812-1), 0 where the last one is right."""
    backwards = number[::-1]
    return (sum(backwards[::2]) + sum(backwards[1::2].translate(_DOUBLED)) - 48 * len(number)) % 10


def luhn_runs(data: bytes, least: int, most: int) -> Sequence[tuple[int, int]]:
    """The digits in one piece, from `least` to `most` of them, whose last one is right for Luhn.

    Nine of ten are none. So all of one length are summed at once, digit by digit, in integers that
    have a byte for each: a text full of numbers takes 0.4 us for each.
    """
    by_length: dict[int, list[int]] = {}
    for match in _RUN.finditer(data):
        start, end = match.span(1)
        if least <= end - start <= most:
            by_length.setdefault(end - start, []).append(start)
    return sorted(
        (start, start + length)
        for length, starts in by_length.items()
        for start, is_wrong in zip(starts, _luhn_sums(data, starts, length), strict=True)
        if not is_wrong
    )


def _luhn_sums(data: bytes, starts: Sequence[int], length: int) -> bytes:
    """Luhn's sum for each number of that length, modulo 10: at most 19 times 9, which is a byte."""
    together = b"".join([data[start : start + length] for start in starts])
    total = 0
    for place in range(length):
        column = together[place::length]
        is_doubled = (length - place) % 2 == 0
        column = column.translate(_DOUBLED) if is_doubled else column
        total += int.from_bytes(column.translate(_VALUE_OF_DIGIT), "big")
    return total.to_bytes(len(starts), "big").translate(_MODULO_10)


@cache
def standard(name: str) -> Any:
    """The module of python-stdnum of that name, which says what a valid number is: `iban`.

    The package comes with the extra `server`. Raises `ConfigError` where it is not installed.
    """
    try:
        return import_module(f"stdnum.{name}")
    except ImportError:
        message = "policies need the package python-stdnum, which is not installed"
        raise ConfigError(message, hint='pip install "axonflow-core[server]"') from None


def is_valid(module: str, number: str) -> bool:
    """Whether the module of python-stdnum takes the number for valid. Some raise other errors than
    their own, as `cn.ric` of 2.2 does for a region that it does not know."""
    try:
        return bool(standard(module).is_valid(number))
    except (LookupError, ValueError):
        return False
