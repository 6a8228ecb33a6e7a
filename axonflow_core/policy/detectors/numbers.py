"""Numbers in texts: their digits, their borders and their check digits."""

from __future__ import annotations

import re

_NOT_A_DIGIT = bytes(byte for byte in range(256) if byte not in b"0123456789")
_BEFORE = re.compile(rb"\d[.-]?\Z")
_BEHIND = re.compile(rb"[.-]?\d")
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
"""Digit -> the sum of the digits of its double."""


def digits(data: bytes, start: int, end: int) -> bytes:
    """The digits of a span, without what separates them."""
    return data[start:end].translate(None, _NOT_A_DIGIT)


def is_part_of_longer(data: bytes, start: int, end: int) -> bool:
    """Whether the digits go on before or behind the span."""
    is_behind = _BEHIND.match(data, end) is not None
    return is_behind or _BEFORE.search(data[max(0, start - 2) : start]) is not None


def luhn(number: bytes) -> int:
    """Luhn's sum of the digits (ISO/IEC 7812-1), 0 where the last one is right."""
    backwards = number[::-1]
    return (sum(backwards[::2]) + sum(backwards[1::2].translate(_DOUBLED)) - 48 * len(number)) % 10
