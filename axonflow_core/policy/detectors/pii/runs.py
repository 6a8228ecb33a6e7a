"""Groups of digits in a row: which numbers they are, where several stand side by side."""

from __future__ import annotations

from collections.abc import Sequence

from axonflow_core.policy.detectors.numbers import groups_before, groups_behind, luhn, standard


def is_aadhaar(number: bytes) -> bool:
    """Whether a number may be one of Aadhaar: it has 12 digits, begins with neither 0 nor 1, and
    its check digit is right (Verhoeff's). Source: UIDAI, "Aadhaar numbering", 2010."""
    if len(number) != 12 or number[:1] in b"01":
        return False
    is_right: bool = standard("verhoeff").checksum(number.decode()) == 0
    return is_right


def is_apart(data: bytes, start: int, end: int, *, others: int) -> bool:
    """Whether a number in groups is not from the middle of a row of numbers. It is apart where its
    groups are parted by something else than blanks, and where on either side stand other numbers,
    groups of other sizes, or no more than so many `others`: the year before a card, the security
    code behind it. A parcel's number has groups of four and ends in one of two."""
    if data[start:end].translate(None, b"0123456789 \t\r\n"):
        return True
    before, behind = groups_before(data, start), groups_behind(data, end)
    row = [*_rest(before, before[-1:]), *_rest(behind, behind[:1])]
    return len(row) <= others or all(len(group) != 4 for group in row)


def _rest(groups: Sequence[bytes], nearest: Sequence[bytes]) -> Sequence[bytes]:
    """The groups on one side, unless they are others' whatever stands on the other one."""
    is_large = any(len(group) > 4 for group in nearest)
    return () if is_large or are_numbers(groups) else groups


def are_numbers(groups: Sequence[bytes]) -> bool:
    """Whether all of the groups are cards and numbers of Aadhaar, one behind the other."""
    if not groups:
        return True
    ways = (count for count in range(2, 6) if _is_number(b"".join(groups[:count])))
    return any(are_numbers(groups[count:]) for count in ways)


def _is_number(number: bytes) -> bool:
    is_card = 13 <= len(number) <= 19 and luhn(number) == 0
    return is_card or is_aadhaar(number)
