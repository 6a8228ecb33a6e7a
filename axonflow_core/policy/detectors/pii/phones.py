"""Telephone numbers.

A telephone number has no check digit, and nearly every number of nine digits is one somewhere, so
that to be valid says nothing. A number is taken for one that is written like one: with its country
(`+44 …`), or in groups in which a region writes its numbers, or next to a word for it. Each way of
writing is a part of the pattern, so that the numbers of other kinds are no candidates.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import NamedTuple

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.numbers import (
    BEGINS,
    ENDS,
    bare,
    digits,
    groups_before,
    groups_behind,
)
from axonflow_core.policy.detectors.pii.dialling import Sizes, plans
from axonflow_core.policy.detectors.pii.hints import SEVEN_DIGITS
from axonflow_core.policy.detectors.pii.labels import behind
from axonflow_core.policy.rules import Action, Severity

_LABELS = (
    r"(?:\b|_)phone|(?-i:[a-hj-z]Phone)|t[ée]l[ée](?:ph|f)|\bt[ée]l\b|\bmobil|_mobil|\bcell"
    r"|(?-i:Handy)|\bfax|_fax|whats ?app|\bsms\b|\btext\b"
    r"|\bcall(?:s|ed|ing)?\b|\bdial|\bring\b|\bcontact|\breach|\bhotline|\bdesk\b|\boffice\b"
    r"|answering|messages? to|\bmy (?:new )?number|\banruf|\brufe?n?\b|appel|joindre"
    r"|m[óo]vil|llam|celular|chiam|\blig(?:ue|ar)\b|\bbel\b"
    r"|тел|звон|电话|手机|電話|携帯|전화"
)
_THINGS = r"office|fax|mobile|home|work|cell|desk|tel|phone"
_LABELS_BEHIND = (
    rf"(?i:[\s(,-]{{0,3}}(?:{_THINGS})"
    rf"| (?:is|still) (?:my|his|her|our|their|your|the) (?:[a-z]{{1,8}} )?(?:{_THINGS}|number))"
)
_REST = r"(?:[ \t.()/\-\x{2010}\x{2013}]{0,3}\d)"
_ANY = rf"[+(]{{0,2}}\d{_REST}{{6,17}}"
_WITH_COUNTRY = rf"\+\(?\d{_REST}{{6,17}}|{BEGINS}00[ .-]?\(?[1-9]{_REST}{{6,15}}"
_WITH_AREA = rf"(?:\b\d{{1,2}} ?)?\(\d{{1,5}}\){_REST}{{4,12}}"
_S = r"[ \t.()/-]"
_WITH_PREFIX = (
    rf"{BEGINS}0(?:\d{{2,5}}{_S}{{1,3}}\d{{2,9}}"
    rf"|\d[ \t()]{_S}{{0,2}}(?:\d{{2,4}}{_S}{{1,3}}\d{{2,9}}|\d{{5,9}})"
    rf"|\d[./-]{_S}{{0,2}}(?:\d{{3,4}}{_S}{{1,3}}\d{{2,9}}|\d{{5,9}})"
    rf"|\d[./-]\d\d[./-]\d\d)(?:{_S}{{1,3}}\d{{2,9}}){{0,3}}"
)
"""Neither the end of a date, as in `2024-06-01 12 …`, nor the beginning of a time: each line of a
log has them."""
_NORTH_AMERICAN = rf"{BEGINS}(?:(?:1|001)[ .-])?[2-9]\d\d[ .-][2-9]\d\d[ .-]\d{{4}}"
_PLAIN = rf"{BEGINS}\d{{1,3}}(?: \d{{2,4}}){{2,4}}"
_WITH_LABEL_BEHIND = rf"\b\d{{2,15}}(?:[ .-]\d{{2,9}}){{0,4}}{_LABELS_BEHIND}"
_EXIT = b"00"
"""What many countries dial for another one, and `+` stands for. An identifier may begin with it,
and a row of bytes."""
_MIN_DIGITS, _MAX_DIGITS = 7, 15
_MOST_WAYS = 4
"""Numbers of groups in which a candidate is read."""
_DIGITS = re.compile(rb"\d+")
_EXTENSION = re.compile(rb" ?(?:x|ext\.?) ?\d{1,6}\b")
_EXTENDED = re.compile(rb"(?<=\d)x\d+")
_BLANKED = bytes(byte if byte in b"0123456789" else ord(" ") for byte in range(256))
_JOINED_BEFORE = re.compile(rb"[0-9A-Za-z_][./-]\Z|\.\Z")
_JOINED_BEHIND = re.compile(rb"_{0,3}[0-9A-Za-z]|[./:-]\d|:[A-Fa-f]")
_JOINED_BEHIND_COUNTRY = re.compile(rb"_{0,3}[0-9A-Za-z]|[.-]\d")
"""A number with its country may stand before another number, or a port."""
_IS_IN_ROW = re.compile(rb"(?:\d|\b[0-9A-Fa-f]{2}) \Z")
_IS_IN_ROW_OF_BYTES = re.compile(rb" {1,2}[0-9A-Fa-f]{2}\b")
_UNIT = re.compile(
    "\\s?(?:€|£|[$%]|(?:EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|CZK|[kMG]?B|k?m|kg)\\b)".encode()
)
"""What stands behind an amount in groups of three digits."""
_OF_OTHERS = re.compile(r"(?i:[\W_]id|order|ticket|invoice|ref|case|session)\b|[a-z]Id\b")
_OF_PHONES = re.compile(
    r"phone|t[ée]l|mob|cell|handy|fax|whats|sms|number|hotline|dial|ruf|calls? to"
    r"|(?:call|text|reach|contact|ring)\W+(?:me|us|him|her|them)\b|[^\x00-\u02ff]"
    r"|\b(?:call|contact|ring) (?:on |at )?\Z",
    re.IGNORECASE,
)
_DATE = re.compile(rb"(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d")


_MIN_ROW, _MAX_ROW = 8, 512
"""Groups of a row of numbers: more than any telephone number has, and how many are read at once."""
_ROW = re.compile(rb"\d+(?: \d+){%d,%d}" % (_MIN_ROW - 1, _MAX_ROW - 1))
_GOES_ON = re.compile(rb"[ \t.()/-]{1,3}\d|[xX]\d|%b" % _LABELS_BEHIND.encode())


class _Written(NamedTuple):
    """A number as a text has it."""

    text: bytes
    digits: bytes
    sizes: Sizes
    """The sizes of its groups."""

    @property
    def is_grouped(self) -> bool:
        """Whether it has groups, and none that is large for a number that people read out."""
        return len(self.sizes) > 1 and max(self.sizes) <= 9

    @property
    def separators(self) -> bytes:
        """What stands before and between its digits."""
        return self.text.translate(None, b"0123456789")


class _Candidate(NamedTuple):
    """What the pattern found, without its label and its extension."""

    start: int
    digits: bytes
    sizes: Sizes
    """The sizes of its groups."""
    is_labelled: bool
    has_country: bool
    has_prefix: bool
    """Whether it has a prefix that people add for a country: `(0)`."""
    is_open: bool
    """Whether the last groups may be of another number: behind a label, a country or an area in
    parentheses."""

    def ways(self) -> Iterator[tuple[bytes, Sizes]]:
        """Its digits and the sizes of its groups, fewer and fewer: the likely numbers."""
        totals = list(accumulate(self.sizes))
        last = bisect_right(totals, _MAX_DIGITS)
        fewest = last - _MOST_WAYS + 1 if self.is_open else len(totals)
        for count in range(last, max(bisect_left(totals, _MIN_DIGITS), fewest - 1), -1):
            yield self.digits[: totals[count - 1]], self.sizes[:count]

    def may_be(self, digits: bytes, sizes: Sizes) -> bool:
        """Whether a number may have these digits in groups of these sizes, whatever is between
        them. It is all that most candidates of a text are asked that was made to have them."""
        if self.is_labelled or _is_usual(sizes):
            return True
        return self.has_country and (self.has_prefix or _is_international(digits))


def _phone(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The longest number that the candidate begins with, with its extension."""
    candidate = _candidate(data, start, end)
    if candidate is None:
        return _end_of_row(data, start)
    joined = _JOINED_BEHIND_COUNTRY if candidate.has_country else _JOINED_BEHIND
    for way in candidate.ways():
        if not candidate.may_be(*way):
            continue
        written = _written(data, candidate.start, *way)
        end = candidate.start + len(written.text)
        extension = _EXTENSION.match(data, end)
        end = extension.end() if extension else end
        if _is_phone(written, candidate, data, end) and joined.match(data, end) is None:
            return candidate.start, end
    return None


def _end_of_row(data: bytes, start: int) -> tuple[int, int] | None:
    """The end of a row of numbers from whose middle the candidate is, in which no other is one, or
    where its last groups begin, if they may be part of what follows; None where it is from no row.
    """
    if not _IS_IN_ROW.search(data, max(0, start - 2), start):
        return None
    row = _ROW.match(data, start)
    if row is None:
        return None
    end = row.end()
    if _GOES_ON.match(data, end):
        end = start + len(row[0].rsplit(b" ", _MIN_ROW - 1)[0])
    return end, end


def _candidate(data: bytes, start: int, end: int) -> _Candidate | None:
    """What may be a number: no day, nothing that belongs to other words or numbers."""
    is_plain = data[start : start + 1].isdigit() and data[end - 1 : end].isdigit()
    if is_plain and _JOINED_BEFORE.search(data, max(0, start - 2), start):
        return None
    extension = data.rfind(b"x", start, end)
    if extension > 0 and _EXTENDED.fullmatch(data, extension, end):
        end = extension
    text = data[start:end]
    groups = text.translate(_BLANKED).split()
    first = start + text.find(groups[0])
    begin = start + len(data[start:first].rstrip(b"+("))
    is_labelled = begin > start or not text[-1:].isdigit()
    is_bare = len(groups) == 1 and data[begin] in b"123456789"
    if begin > start and is_bare and not _is_said(data[start:begin]):
        return None
    if _DATE.match(data, begin) or (not is_labelled and _is_part(data, begin, end)):
        return None
    digits, sizes = b"".join(groups), tuple(map(len, groups))
    is_apart = is_labelled or (len(sizes) > 1 and max(sizes) > 2)
    has_country = data.startswith(b"+", begin) or (is_apart and digits.startswith(_EXIT))
    return _Candidate(
        start=begin,
        digits=digits,
        sizes=sizes,
        is_labelled=is_labelled,
        has_country=has_country,
        has_prefix=b"(0)" in text,
        is_open=is_labelled or has_country or begin < first,
    )


def _written(data: bytes, start: int, digits: bytes, sizes: Sizes) -> _Written:
    """The number of these digits, as the text has it."""
    *_, last = islice(_DIGITS.finditer(data, start), len(sizes))
    return _Written(data[start : last.end()], digits, sizes)


def _is_phone(written: _Written, candidate: _Candidate, data: bytes, end: int) -> bool:
    if candidate.has_country and _is_with_country(written):
        return True
    if candidate.is_labelled:
        return _may_be_labelled(written)
    return _is_written_so(written, data, candidate.start, end)


def _is_said(label: bytes) -> bool:
    """Whether the label is for telephones alone: a number that begins with neither a prefix nor a
    country may be anything, as in `call_id=…`."""
    text = label.decode(errors="replace")
    return _OF_PHONES.search(text) is not None and _OF_OTHERS.search(text) is None


def _is_part(data: bytes, start: int, end: int) -> bool:
    """Whether the candidate is part of a word, a sum or a row of numbers."""
    if data.startswith(b"+", start):
        return data[start - 1 : start].isalnum()
    before = data[max(0, start - 4) : start]
    is_plain = not data[start:end].translate(None, b"0123456789 ")
    is_in_row = _IS_IN_ROW.search(before) or _IS_IN_ROW_OF_BYTES.match(data, end)
    return _JOINED_BEFORE.search(before) is not None or (is_plain and is_in_row is not None)


def _is_with_country(written: _Written) -> bool:
    """Whether the country has the number, without the prefix that people add for it. With that, its
    length is enough."""
    text = written.text.replace(b"(0)", b"")
    if text == written.text:
        return _is_international(written.digits)
    return plans().is_long_enough(digits(text, 0, len(text)).removeprefix(_EXIT))


def _is_international(digits: bytes) -> bool:
    """Whether the country that the digits name has the number."""
    return plans().is_international(digits.removeprefix(_EXIT))


def _is_written_so(written: _Written, data: bytes, start: int, end: int) -> bool:
    """Whether a region has the number and writes it like that: in parentheses and groups, behind a
    prefix, or in groups with blanks, and then not in a row of numbers."""
    text, digits, sizes = written
    if not written.is_grouped or not _is_usual(sizes):
        return False
    separators = written.separators
    if _is_other(digits, sizes, separators):
        return False
    if sizes[-3:] == (3, 3, 4) and separators.strip() and _IS_NORTH_AMERICAN.fullmatch(digits):
        return True
    has_area = b"(" in text
    is_marked = has_area or digits.startswith(b"0")
    is_long = len(digits) >= (8 if has_area or len(sizes) >= 3 else 9)
    if not is_long or not (is_marked or set(separators) == {ord(" ")}):
        return False
    if not is_marked and set(sizes[1:]) == {3} and _UNIT.match(data, end):
        return False
    is_alone = has_area or not (groups_before(data, start) or groups_behind(data, end))
    return is_alone and plans().are_written(digits, sizes)


def _is_usual(sizes: Sizes) -> bool:
    """Whether any region writes numbers in such groups."""
    return sizes[-3:] == (3, 3, 4) or sizes in plans().by_sizes


_IS_NORTH_AMERICAN = re.compile(rb"(?:1|001)?[2-9]\d\d[2-9]\d{6}")


def _is_other(digits: bytes, sizes: Sizes, separators: bytes) -> bool:
    """Whether the groups are rather those of something else: a code of the US post, a book, an
    address of IP, a decimal number, a social security number, an amount, a card."""
    is_post_code = sizes == (5, 4) and separators == b"-"
    is_book = digits.startswith((b"978", b"979")) and len(digits) == 13
    is_decimal = separators.count(b".") == 1 or separators == b"..."
    is_social = sizes == (3, 2, 4) and (not digits.startswith(b"0") or b"-" in separators)
    is_amount = set(sizes[1:]) == {3} and b"000" in digits
    return is_post_code or is_book or is_decimal or is_social or is_amount or set(sizes) == {4}


def _may_be_labelled(written: _Written) -> bool:
    """Whether a number next to a word for it is one: it has groups and is no sum, or a region has
    it."""
    digits, sizes, separators = written.digits, written.sizes, written.separators
    is_sum = b"/" in separators and not digits.startswith(b"0")
    is_social = sizes == (3, 2, 4) and b"-" in separators
    is_address = separators == b"..." and max(sizes) <= 3
    if is_sum or is_social or is_address or separators.count(b".") == 1:
        return False
    return written.is_grouped or separators[:1] == b"+" or plans().are_given(digits)


_WAYS = (
    (_WITH_LABEL_BEHIND,),
    (_WITH_COUNTRY, _WITH_AREA),
    (_WITH_PREFIX, _NORTH_AMERICAN, _PLAIN),
)
"""One automaton for all of them forgets its states in a text of digits and signs."""

DETECTORS = (
    Detector(
        type="phone",
        category="pii",
        action=Action.WARN,
        severity=Severity.MEDIUM,
        description="The text holds a telephone number (personal data).",
        pattern=behind(_LABELS, rf"{_ANY}(?:x\d+)?"),
        others=tuple("|".join(rf"{way}(?:x\d+)?{ENDS}" for way in ways) for ways in _WAYS),
        hint=SEVEN_DIGITS,
        accept=bare(_phone),
        cost_us=12,
        load=plans,
    ),
)
