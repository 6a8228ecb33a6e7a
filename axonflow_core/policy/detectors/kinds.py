"""Kinds of attack: patterns of candidates in SQL or in commands, and the search for all of them.

A kind has a small pattern that every one of its attacks matches somewhere, its hint. One automaton
looks for the hints of all kinds, and the kinds themselves are looked for around what it finds:

    text      ─────────────────────────────── ' or ────────────────────────────────────────
    piece                     ├── 512 bytes ──┴──── 1,024 bytes ────┤

At the ends of a piece a pattern could see what is none, the end of a text or half of a string. So
what is found there does not count. A text with a hint every few lines is searched in large pieces.

A comment of SQL may stand wherever a blank may. Patterns know nothing of them: a text that has any
is searched once more with blanks in their place, byte for byte, so that spans stay where they are.

    text      1 /*!50000union*/ select/**/pass
    blanked   1         union   select    pass
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial

from attrs import field

from axonflow_core.frozen import evolve, frozen
from axonflow_core.policy.detectors.detector import Accept, whole
from axonflow_core.policy.patterns import (
    Possible,
    Regexp,
    Within,
    possible_of,
    size_of,
    united,
    within,
)
from axonflow_core.policy.searches import MAX_SPANS, Find, Spans, TooDear, together
from axonflow_core.policy.views import View

S = r"[\s+]*"
"""Blanks, if any; in a URL a blank is `+`."""
B = r"[\s+]+"
"""At least one blank."""

_BEFORE, _AFTER = 512, 1_024
"""Bytes before and behind a hint that are searched for what it hints at."""
_BLANK = 16_384
"""Bytes before and behind it where comments became blanks."""
_REACH = 65_536
"""Bytes that are searched for a hint at once. What may end far behind its beginning, as a comment
in a keyword does, has RE2 read that far for each."""
_SLICE = 131_072
"""Bytes that are searched for a kind at once."""
_TOGETHER = 1_000
"""Instructions of the kinds that are searched for together."""
_EDGE = 128
"""Bytes at an end of a piece that are not searched, but looked at."""
_MAX_FOUND, _MAX_REFUSED = 256, 4_096
"""Attacks of one kind in a text, and candidates of all kinds that are none, in a megabyte or less:
they take some 25 ms. A text with more of them was made to have them: all of its rest counts as an
attack."""
_READ_AGAIN = 2_048
"""Bytes that are read in the time that it takes to refuse a candidate."""
_TO_END_OF_LINE = r"[^\n"
"""What a pattern has that reads on to the end of a line."""
_MB = 1_048_576
_OPENS = re.compile(rb"(?:^|[\s=(,\[{:<>!|+])[bfru]{0,2}\Z")
"""What stands before a quote that opens a string."""
_PREFIX = 3
"""Bytes of it."""
_LOOK_BACK = 120
"""Bytes before a quote in which the one that opened it is looked for."""
_MAX_COMMENTS = 65_536
"""Comments in a text of a megabyte or less, which take 20 ms: one in 16 bytes."""
_COMMENT = re.compile(rb"(/\*.*?\*/)", re.DOTALL)
_LINE = re.compile(rb"((?:--|#)[^\n]*\n)")
_VERSION = re.compile(rb"/\*!\d{0,6}")
_GOES_ON = r"\n[\s+(-]*(?:union|select)"
_BROKEN_OFF = rf"(?:--|#)[^\n]*{_GOES_ON}"
"""A comment to the end of a line, and what goes on behind it."""
_COMMENTED = rf"\*/|{_GOES_ON}"
"""What stands in a text that is searched without its comments, too. With the beginning of such a
comment the automaton of all hints would read on to the end of each line with a `#`."""


@frozen(kw_only=True)
class Kind:
    """One kind of attack."""

    pattern: str
    """The RE2 pattern of candidates, in any case."""
    hint: str
    """A small RE2 pattern that every candidate matches, in any case."""
    accept: Accept = field(default=whole)
    most: int = 0
    """The longest text that is searched, in bytes: a fragment of SQL is one where it is all that
    there is. 0: texts of any length."""


def hint_of(kinds: Iterable[Kind]) -> str:
    """The pattern that every text with a finding of the kinds matches."""
    return f"(?is){'|'.join(dict.fromkeys([_COMMENTED, *(kind.hint for kind in kinds)]))}"


def finder_of(kinds: Sequence[Kind], *, comments: bool = True) -> Find:
    """The function that searches for all of the kinds, which are compiled when it is first called.
    `comments`: whether those of SQL stand for blanks."""
    searches = cache(partial(_searches, tuple(kinds)))

    def find(view: View) -> Spans:
        hint, spans = united((hint_of(kinds),)), list[tuple[int, int]]()
        each, possible = searches()
        effort, until = _Effort(len(view.data)), len(view.data)
        for data in _forms(view) if comments else (view.data,):
            around = (_BEFORE, _AFTER) if data is view.data else (_BLANK, _BLANK)
            for start, end in _pieces(hint, data, *around):
                if start >= until:
                    break
                piece = data[start:end]
                least = _EDGE if start else 0
                most = rest = len(piece)
                if end < len(data):
                    most -= _EDGE
                for kind, search in map(each.__getitem__, possible(piece)):
                    if kind.most and len(data) > kind.most:
                        continue
                    found, rest = _accepted(search, kind, piece, rest, effort)
                    for first, last in found:
                        if least <= first and last <= most:
                            spans.append((start + first, start + last))
                if rest < len(piece) or len(spans) >= MAX_SPANS:
                    until = min(until, start + rest)
        if until < len(view.data):
            spans.append((until, len(view.data)))
        return together(spans)[:MAX_SPANS]

    return find


@cache
def _searches(kinds: Sequence[Kind]) -> tuple[Sequence[tuple[Kind, Within]], Possible]:
    """The searches for groups of the kinds, and which of them a text may have: the same ones
    whoever asks."""
    groups = list(_grouped(kinds))
    patterns = [f"(?is){group.pattern}" for group in groups]
    finds = [within(united((pattern,))) for pattern in patterns]
    return list(zip(groups, finds, strict=True)), possible_of(patterns)


def _grouped(kinds: Iterable[Kind]) -> Iterator[Kind]:
    """The kinds, those together that are told from harmless texts in one way, as many as fit into
    an automaton of `_TOGETHER`: a long text is read once for each."""
    ways: dict[tuple[Accept, int], list[Kind]] = {}
    for kind in kinds:
        ways.setdefault((kind.accept, kind.most), []).append(kind)
    for alike in ways.values():
        group, size = list[Kind](), 0
        for kind in alike:
            own = size_of(f"(?is){kind.pattern}")
            if group and size + own > _TOGETHER:
                yield _group(group)
                group, size = [], 0
            group.append(kind)
            size += own
        yield _group(group)


def _group(kinds: Sequence[Kind]) -> Kind:
    patterns, hints = zip(*((f"(?:{kind.pattern})", kind.hint) for kind in kinds), strict=True)
    return evolve(kinds[0], pattern="|".join(patterns), hint="|".join(hints))


def _pieces(hint: Regexp, data: bytes, before: int, behind: int) -> Sequence[tuple[int, int]]:
    """What is searched of a text: around each hint, or all of it, slice by slice, where that is
    half of what was read."""
    if len(data) <= before + behind:
        return [(0, len(data))]
    pieces: list[tuple[int, int]] = []
    position = covered = 0
    while position < len(data):
        match = hint.search(data, position, position + _REACH)
        if match is None:
            position += _REACH if position + _REACH >= len(data) else _REACH - _BLANK
            continue
        start = max(0, match.start() - before)
        position = min(len(data), match.end() + behind)
        pieces.append((start, position))
        covered += position - start
        if 2 * covered > max(position, min(_REACH, len(data))):
            return list(_slices(len(data), before, behind))
    return pieces


def _slices(length: int, before: int, behind: int) -> Iterator[tuple[int, int]]:
    """All of a text: each search of RE2 keeps the interpreter's lock, and a new automaton takes
    50 ms for a megabyte."""
    for start in range(0, length, _SLICE):
        yield max(0, start - before), min(length, start + _SLICE + behind)


class _Effort:
    """How many candidates of a text may still be refused."""

    def __init__(self, length: int) -> None:
        """`length` of the text, in bytes."""
        self.left = _MAX_REFUSED * max(length, _MB) // _MB

    def refuse(self, kind: Kind, data: bytes, start: int, end: int) -> None:
        """Refuse a candidate. The search for the next one may read all of it again, and some kinds
        read to the end of its line whether more of them stands there or not."""
        if _TO_END_OF_LINE in kind.pattern:
            newline = data.find(b"\n", end)
            end = newline if newline >= 0 else len(data)
        self.left -= 1 + (end - start) // _READ_AGAIN


def _accepted(
    search: Within, kind: Kind, data: bytes, until: int, effort: _Effort
) -> tuple[Spans, int]:
    """What is accepted of the candidates that begin before `until`, and where all of the rest
    counts. Behind one that is refused the next one may begin within it."""
    spans: list[tuple[int, int]] = []
    position = 0
    while position < until:
        start, end = search(data, position, len(data))[0]
        if not 0 <= start < until:
            break
        span = kind.accept(data, start, end)
        if len(spans) == _MAX_FOUND or (span is None and effort.left <= 0):
            return spans, start
        if span is None:
            effort.refuse(kind, data, start, end)
            position = start + 1
        else:
            position = max(end, span[1])
            spans.append(span)
    return spans, until


def behind_open_quote(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The candidate, if the quote that it begins with ends no string that the text itself opened:
    `x' or name = 'b`, but not `city = 'Paris' or city = 'Rome'`."""
    before = data[max(0, start - _LOOK_BACK) : start]
    return None if _opens(before, before.rfind(data[start : start + 1])) else (start, end)


def _opens(before: bytes, quote: int) -> bool:
    """Whether the last quote of a text opens a string that does not end on its line. In a program
    that stands in JSON there are backslashes before it."""
    if quote < 0 or before.find(b"\n", quote) >= 0:
        return False
    opening = before[:quote].rstrip(b"\\")
    return _OPENS.search(opening, max(0, len(opening) - _PREFIX)) is not None


# ── comments ──────────────────────────────────────────────────────────────────────────────────────


def _forms(view: View) -> Iterator[bytes]:
    """The text, and the text with blanks for comments."""
    yield view.data
    data = view.data
    if b"*/" in data:
        data = _blanked(_COMMENT, data, data.rfind(b"*/") + 2)
    if united((f"(?i){_BROKEN_OFF}",)).search(data) is not None:
        data = _blanked(_LINE, data, data.rfind(b"\n") + 1)
    if data != view.data:
        yield data


def _blanked(comment: re.Pattern[bytes], data: bytes, end: int) -> bytes:
    """`data` with blanks for its comments, none of which ends behind `end`: so each that begins
    before is found to end, and the search takes linear time. Raises `TooDear` where there are more
    than people write."""
    most = _MAX_COMMENTS * max(len(data), _MB) // _MB
    pieces = comment.split(data[:end], most)
    if len(pieces) > 2 * most:
        raise TooDear
    if b"/*!" in data:
        pieces[1::2] = map(_blanks, pieces[1::2])
    else:
        pieces[1::2] = map(b" ".__mul__, map(len, pieces[1::2]))
    return b"".join(pieces).replace(b"*/", b"  ") + data[end:]


def _blanks(comment: bytes) -> bytes:
    """As many blanks. What MySQL runs of a comment stays: `/*!50000union*/`."""
    version = _VERSION.match(comment)
    if version is None:
        return b" " * len(comment)
    return b" " * version.end() + comment[version.end() :]
