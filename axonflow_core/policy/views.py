"""A text as rules see it: bytes in UTF-8, in which RE2 searches, and the way back to characters.

A text has one view or two. The first is the text itself. The second, where it differs, is the
normal form: NFKC, so that full-width letters and their like are plain ones, and without characters
that are not displayed (controls, zero-width and other format characters, surrogates). What is found
in either view is a span of the original text, in characters.

The normal form is made segment by segment. A segment is a run of ASCII, or a character with the
combining marks behind it. So a byte of the normal form has a place in the original, the time is
linear whatever the text (Unicode's ordering of marks is quadratic in their number, and a segment
has few), and the price is that jamo which would become one syllable of Hangul stay apart.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from unicodedata import category, combining, normalize

_BLANKS = "\t\n\v\f\r"
_CONTROLS = bytes(byte for byte in [*range(32), 127] if chr(byte) not in _BLANKS)
_CONTINUATION = bytes(range(0x80, 0xC0))
"""The bytes of UTF-8 that begin no character."""
_UNSEEN_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
"""Letters and marks that are not displayed: the joiner of graphemes, fillers of Hangul, vowels that
Khmer does not write. Source: Unicode's Default_Ignorable_Code_Point."""
_VARIATIONS = (("\u180b", "\u180f"), ("\ufe00", "\ufe0f"), ("\U000e0100", "\U000e01ef"))
_RUN = re.compile("[ -~\t-\r]+(?![^ -~\t-\r])")
_MAX_MARKS = 30
"""Combining marks of one segment, as in Unicode's Stream-Safe Text Format."""
_STEP = 1_024
"""Bytes between two places at which the characters before are counted."""


class View:
    """A text as it is: `data`, and the spans of characters that spans of bytes are."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        """The text in UTF-8. Halves of surrogate pairs are three bytes that match nothing."""

    @cached_property
    def lowered(self) -> bytes:
        """`data` with the capitals of ASCII as small letters."""
        return self.data.lower()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original that the bytes from `start` to before `end` are of."""
        return (start, end) if self._is_ascii else (self._characters(start), self._characters(end))

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

    def _characters(self, end: int) -> int:
        step, rest = divmod(end, _STEP)
        return self._counted[step] + _beginnings(self.data[end - rest : end])


class NormalView(View):
    """The normal form of a text: `data` is its bytes, spans are those of the original."""

    def __init__(self, text: str) -> None:
        pieces: list[bytes] = []
        self._at, self._starts, self._ends = array("L"), array("L"), array("L")
        length, known = 0, dict[str, bytes]()
        for start, end in _segments(text):
            segment = text[start:end]
            piece = known.get(segment)
            if piece is None:
                piece = _normal(segment).encode("utf-8", "surrogatepass")
                if len(segment) == 1:
                    known[segment] = piece
            if piece:
                self._at.append(length)
                self._starts.append(start)
                self._ends.append(end)
                pieces.append(piece)
                length += len(piece)
        super().__init__(b"".join(pieces))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original whose segments the bytes belong to."""
        if not self._at:
            return 0, 0
        first, last = self._segment(start), self._segment(max(start, end - 1))
        begin = self._starts[first]
        if self._is_run(first):
            begin += start - self._at[first]
        finish = self._ends[last]
        if self._is_run(last):
            finish = self._starts[last] + end - self._at[last]
        return begin, (begin if start == end else finish)

    def _segment(self, byte: int) -> int:
        return bisect_right(self._at, byte) - 1

    def _is_run(self, segment: int) -> bool:
        """Whether it is a run of ASCII, whose bytes are its characters."""
        at = self._at[segment]
        after = self._at[segment + 1] if segment + 1 < len(self._at) else len(self.data)
        is_long = after - at == self._ends[segment] - self._starts[segment]
        return is_long and self.data[at:after].isascii()


def views_of(text: str) -> Iterator[View]:
    """The text itself, and its normal form where that differs."""
    data = text.encode("utf-8", "surrogatepass")
    yield View(data)
    if data.isascii():
        if len(data.translate(None, _CONTROLS)) != len(data):
            yield NormalView(text)
    elif any(map(_changes, set(text))):
        yield NormalView(text)


def normal(text: str) -> str:
    """The normal form of `text`."""
    return "".join(_normal(text[start:end]) for start, end in _segments(text))


def _normal(segment: str) -> str:
    if segment.isascii() and segment.isprintable():
        return segment
    seen = "".join(character for character in segment if not _is_unseen(character))
    return "".join(c for c in normalize("NFKC", seen) if not _is_unseen(c))


def _segments(text: str) -> Iterator[tuple[int, int]]:
    """Where the segments of `text` begin and end: runs of ASCII, and characters with their marks.
    The last character of a run stands alone where marks may follow."""
    position, length = 0, len(text)
    while position < length:
        run = _RUN.match(text, position)
        end = run.end() if run else _end_of_marks(text, position + 1)
        yield position, end
        position = end


def _end_of_marks(text: str, start: int) -> int:
    """Where the combining marks that begin at `start` end."""
    end, limit = start, min(len(text), start + _MAX_MARKS)
    while end < limit and (combining(text[end]) or _is_unseen(text[end])):
        end += 1
    return end


def _is_unseen(character: str) -> bool:
    if category(character) in ("Cc", "Cf", "Cs"):
        return character not in _BLANKS
    is_variation = any(first <= character <= last for first, last in _VARIATIONS)
    return is_variation or character in _UNSEEN_LETTERS


def _changes(character: str) -> bool:
    """Whether a text with this character may not be its own normal form."""
    if " " <= character <= "~" or character in _BLANKS:
        return False
    is_joined = combining(character) != 0
    return is_joined or _is_unseen(character) or normalize("NFKC", character) != character


def _beginnings(data: bytes) -> int:
    """How many characters begin in `data`."""
    return len(data.translate(None, _CONTINUATION))
