"""A text as rules see it: bytes in UTF-8, in which RE2 searches, and the way back to characters.

A text has one view, two or three. The first is the text itself. The second, where it may differ, is
the normal form: NFKC, so that full-width letters and their like are plain ones, and without
characters that are not displayed (controls, zero-width and other format characters, surrogates).
The third, where there are such characters, has a blank for each: they may stand within a word or
between two. What is found in any view is a span of the original text, in characters.

The normal form is made segment by segment, so that its bytes have places in the original:

    text      P a y   １ ２ \u200b ３ e ◌́ s
    segments  └run┘   │ │   │    │ └┬┘ └run, characters that stay as they are
    form      P a y   1 2        3  é  s

A character that changes is a segment, with the combining marks behind it. Runs are found without a
loop over characters, so common texts cost little; jamo that would become one syllable of Hangul
stay apart. Unicode's ordering of marks takes quadratic time, and a segment has few of them.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Set
from functools import cache, cached_property
from typing import TypeAlias
from unicodedata import category, combining, normalize

_BLANKS = "\t\n\v\f\r"
_CONTROLS = frozenset(map(chr, (*range(32), 127))) - set(_BLANKS)
_CONTROL_BYTES = bytes(sorted(map(ord, _CONTROLS)))
_CONTINUATION = bytes(range(0x80, 0xC0))
"""The bytes of UTF-8 that begin no character."""
_UNSEEN_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
"""Letters and marks that are not displayed: the joiner of graphemes, fillers of Hangul, vowels that
Khmer does not write. Source: Unicode's Default_Ignorable_Code_Point."""
_VARIATIONS = (("\u180b", "\u180f"), ("\ufe00", "\ufe0f"), ("\U000e0100", "\U000e01ef"))
_KEPT = re.compile("[^\0]+")
_MAX_MARKS = 30
"""Combining marks of a segment, as in Unicode's Stream-Safe Text Format."""
_MAX_REPLACED = 16
_STEP = 1_024
"""Bytes between two places at which the characters before are counted."""


class View:
    """A text as it is: `data`, and the characters that its bytes are."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        """The text in UTF-8. Halves of surrogate pairs are three bytes that match nothing."""
        self._lowered: bytes | None = None  # `cached_property` takes a lock

    @property
    def lowered(self) -> bytes:
        """`data` with the capitals of ASCII as small letters."""
        if self._lowered is None:
            self._lowered = self.data.lower()
        return self._lowered

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original that the bytes from `start` to before `end` are."""
        return self._characters(start), self._characters(end)

    def _characters(self, end: int) -> int:
        """How many characters begin before the byte `end`."""
        if self._is_ascii:
            return end
        step, rest = divmod(end, _STEP)
        return self._counted[step] + _beginnings(self.data[end - rest : end])

    @cached_property
    def _is_ascii(self) -> bool:
        return self.data.isascii()

    @cached_property
    def _counted(self) -> list[int]:
        """How many characters begin before every `_STEP`-th byte."""
        counts, total = [], 0
        for at in range(0, len(self.data) + 1, _STEP):
            counts.append(total)
            total += _beginnings(self.data[at : at + _STEP])
        return counts


class NormalView(View):
    """The normal form of a text: `data` is its bytes, and spans are those of the original."""

    def __init__(self, text: str, changing: Set[str], unseen: bytes = b"") -> None:
        """`changing` are the characters of `text` that change it. `unseen` is put for each that is
        not displayed."""
        self._at, self._starts, self._ends = array("L"), array("L"), array("L")
        self._is_run = bytearray()
        pieces, length, normal_of = list[bytes](), 0, cache(_normal)
        for start, end, is_run in _segments(text, changing, keeps_unseen=bool(unseen)):
            segment = text[start:end] if is_run else normal_of(text[start:end])
            self._at.append(length)
            self._starts.append(start)
            self._ends.append(end)
            self._is_run.append(is_run)
            pieces.append(segment.encode("utf-8", "surrogatepass") or unseen)
            length += len(pieces[-1])
        super().__init__(b"".join(pieces))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original that the bytes are from: whole segments, save of runs."""
        begin = self._original(start, self._starts)
        return begin, (begin if start == end else self._original(end - 1, self._ends, behind=1))

    def _original(self, byte: int, edges: array[int], behind: int = 0) -> int:
        """The edge of the segment that a byte is of; in a run, its own place, or that `behind`."""
        segment = bisect_right(self._at, byte) - 1
        if not self._is_run[segment]:
            return edges[segment]
        inside = self._characters(byte + behind) - self._characters(self._at[segment])
        return self._starts[segment] + inside


def views_of(text: str) -> tuple[View, ...]:
    """The text itself, its normal form where that may differ, and the one with blanks for what is
    not displayed."""
    data = text.encode("utf-8", "surrogatepass")
    if data.isascii() and len(data.translate(None, _CONTROL_BYTES)) == len(data):
        return (View(data),)
    changing = _changing(text)
    if not changing:
        return (View(data),)
    if not any(map(_is_unseen, changing)):
        return View(data), NormalView(text, changing)
    return View(data), NormalView(text, changing), NormalView(text, changing, unseen=b" ")


def normal(text: str) -> str:
    """The normal form of `text`."""
    segments = _segments(text, _changing(text))
    return "".join(text[s:e] if is_run else _normal(text[s:e]) for s, e, is_run in segments)


_Segment: TypeAlias = tuple[int, int, bool]
"""Start, end, and whether it is a run, whose characters stay as they are."""


def _segments(text: str, changing: Set[str], *, keeps_unseen: bool = False) -> Iterator[_Segment]:
    """The segments of `text` in their order. A character that is not displayed is a segment where
    they are kept, and none else."""
    marks = {one for one in changing if combining(one)}
    unseen = {one for one in changing if _is_unseen(one)}
    blanked = _blanked(text, changing)
    position, length = 0, len(text)
    while position < length:
        kept = _KEPT.match(blanked, position)
        end = kept.end() if kept else position
        if kept and end < length and text[end] in marks:
            end -= 1  # the marks may compose with the last character
        if end > position:
            yield position, end, True
        elif text[position] in unseen:
            end = position + 1
            if keeps_unseen:
                yield position, end, False
        else:
            end = _end_of_marks(text, position + 1, marks)
            yield position, end, False
        position = end


def _blanked(text: str, changing: Set[str]) -> str:
    """`text` with NUL for each character of `changing`. Replacing takes a twentieth of the time of
    translating, as long as there are few."""
    if len(changing) > _MAX_REPLACED:
        return text.translate(dict.fromkeys(map(ord, changing), 0))
    for character in changing:
        text = text.replace(character, "\0")
    return text


def _end_of_marks(text: str, start: int, marks: Set[str]) -> int:
    """Where the combining marks end that begin at `start`."""
    end, limit = start, min(len(text), start + _MAX_MARKS)
    while end < limit and text[end] in marks:
        end += 1
    return end


def _normal(segment: str) -> str:
    """The normal form of a segment that is no run."""
    return normalize("NFKC", "".join(one for one in segment if not _is_unseen(one)))


def _changing(text: str) -> Set[str]:
    """The characters of `text` that its normal form may not have."""
    if text.isascii():
        return _CONTROLS.intersection(text)
    return {one for one in set(text) if (one in _CONTROLS if one.isascii() else _changes(one))}


def _changes(character: str) -> bool:
    is_joined = combining(character) != 0
    return is_joined or _is_unseen(character) or normalize("NFKC", character) != character


def _is_unseen(character: str) -> bool:
    if category(character) in ("Cc", "Cf", "Cs"):
        return character not in _BLANKS
    is_variation = any(first <= character <= last for first, last in _VARIATIONS)
    return is_variation or character in _UNSEEN_LETTERS


def _beginnings(data: bytes) -> int:
    """How many characters begin in `data`."""
    return len(data.translate(None, _CONTINUATION))
