"""Forms of a text, each made of another one by rewriting pieces of it, and the way back.

    text        i d = % 3 1   % e f % b c % 9 2
    decoded     i d = 1       ２                   pieces that are escapes
    normal      i d = 1       2                    pieces that are not in their normal form

A form knows its source. Where something is found in it, the span goes back from form to form, by
the lengths of the pieces, to characters of the text: `%31`, not its neighbours. Nearly every text
has nothing in it, so the places of the pieces are looked up only then.

    normal      NFKC, so that full-width letters and their like are plain ones; blanks of any kind
                are blanks; without characters that are not displayed (controls, zero-width and
                other format characters, surrogates), or with a blank for each: they may stand
                within a word or between two
    decoded     one layer of what URLs, HTML and JSON write for a character; `+` is a blank where
                there are escapes of URLs
    folded      ASCII for what looks like it (`confusables`)

A text is split and joined in C, and so keeps the interpreter's lock: a long one has forms of its
parts (`views`). A combining mark belongs to the piece of the character before it. Jamo that would
become one syllable of Hangul stay apart. Unicode's ordering of marks takes quadratic time, and a
piece has few of them.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from html import unescape
from itertools import accumulate
from typing import NamedTuple, TypeAlias
from unicodedata import category, combining, is_normalized, normalize

from axonflow_core.policy.confusables import find_alike
from axonflow_core.policy.confusables import folded as folded_text

CONTROLS = frozenset(map(chr, (*range(32), 127))) - set("\t\n\f\r")
"""The controls of ASCII that are no blanks for RE2."""
_CONTROLS = "".join(CONTROLS).encode()
_BLANKS = str.maketrans(dict.fromkeys("\v\x85\u1680\u2028\u2029", " "))
"""Blanks that are none for RE2, and stay what they are in NFKC."""
_UNSEEN_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
"""Letters and marks that are not displayed: the joiner of graphemes, fillers of Hangul, vowels that
Khmer does not write. Source: Unicode's Default_Ignorable_Code_Point."""
_AROUND = "\u20dd\u20de\u20df\u20e0\u20e2\u20e3\u20e4"
"""Marks around a character, as in a digit on a key; read past as what is not displayed."""
_VARIATIONS = (("\u180b", "\u180f"), ("\ufe00", "\ufe0f"), ("\U000e0100", "\U000e01ef"))
_MAX_MARKS = 30
"""Combining marks of a piece, as in Unicode's Stream-Safe Text Format."""
_MAX_LONGER = 8
"""Characters that one may become. One ligature of Arabic is a sentence of 18."""
_OUTER = "\U00010000-\U0010ffff"
"""Characters behind the Basic Multilingual Plane: each is a piece, for a class of some of them
would make the search slow."""
_OUTER_UNSEEN = (
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
"""Of these, those that are not displayed."""

Span: TypeAlias = tuple[int, int]
Rewrite: TypeAlias = Callable[[str], str]
_Search: TypeAlias = Callable[[str, int, int], re.Match[str] | None]


class Form:
    """A text, and the way from its characters back to those of the original."""

    def __init__(self, text: str) -> None:
        self.text = text

    def span(self, start: int, end: int) -> Span:
        """The characters of the original that those from `start` to before `end` are."""
        return start, end


class _Rewriting(NamedTuple):
    """A way to rewrite a text."""

    pattern: Callable[[str], re.Pattern[str]]
    """(text) -> what the pieces match that are rewritten; its one group is all of it."""
    rewrite: Rewrite

    def of(self, form: Form) -> Form:
        """The form rewritten; itself where nothing changes."""
        pieces = self.pieces(form.text)
        if len(pieces) == 1:
            return form
        text = "".join(self.new(pieces))
        return form if text == form.text else _Rewritten(form, text, self)

    def pieces(self, text: str) -> list[str]:
        """The pieces of a text: as they stay, rewritten, as they stay, and so on."""
        return self.pattern(text).split(text)

    def new(self, pieces: list[str]) -> list[str]:
        """The pieces as they become."""
        pieces = pieces.copy()
        pieces[1::2] = map(self.rewrite, pieces[1::2])
        return pieces


class _Rewritten(Form):
    def __init__(self, source: Form, text: str, rewriting: _Rewriting) -> None:
        super().__init__(text)
        self._source = source
        self._rewriting = rewriting
        self._places: tuple[array[int], array[int]] | None = None

    def span(self, start: int, end: int) -> Span:
        first = self._before(start, 0)
        return self._source.span(first, first if start == end else self._before(end - 1, 1))

    def _before(self, character: int, behind: int) -> int:
        """The place in the source of a character, or the place `behind` it."""
        new, old = self._places = self._places or self._all_places()
        piece = bisect_right(new, character) - 1
        if piece + 1 == len(new):
            return old[piece]
        inside, length = character - new[piece], new[piece + 1] - new[piece]
        start, width = old[piece], old[piece + 1] - old[piece]
        if width == length or self._is_even(start, width, length):
            return start + (inside + behind) * (width // length)
        return start + width * behind

    def _is_even(self, start: int, width: int, length: int) -> bool:
        """Whether each character of a piece was written in as many."""
        return self._rewriting is _DECODING and width % length == 0 and not self._is_entity(start)

    def _is_entity(self, start: int) -> bool:
        return self._source.text[start] == "&"

    def _all_places(self) -> tuple[array[int], array[int]]:
        """Where each piece begins, in this text and in the source, and where the last one ends."""
        pieces = self._rewriting.pieces(self._source.text)
        return _places(self._rewriting.new(pieces)), _places(pieces)


def _places(pieces: Iterable[str]) -> array[int]:
    return array("L", accumulate(map(len, pieces), initial=0))


class _Folded(Form):
    def __init__(self, source: Form, text: str) -> None:
        super().__init__(text)
        self.span = source.span  # type: ignore[method-assign]


# ── the normal form ───────────────────────────────────────────────────────────────────────────────


def normal(form: Form, *, blank: bool = False) -> Form:
    """The form in its normal form; with `blank` it has a blank for what is not displayed."""
    if _is_plain(form.text):
        return form
    return (_BLANKING if blank else _NORMALIZING).of(form)


def hides(form: Form) -> bool:
    """Whether the form has characters that are not displayed."""
    text = form.text
    return not _is_plain(text) if text.isascii() else _patterns().unseen.search(text) is not None


def _is_plain(text: str) -> bool:
    """Whether a text is of ASCII, without controls, and so its own normal form."""
    return text.isascii() and len(text.encode().translate(None, _CONTROLS)) == len(text)


def is_unseen(character: str) -> bool:
    """Whether a character is not displayed; blanks are."""
    if category(character) in ("Cc", "Cf", "Cs"):
        return character not in "\t\n\f\r" and ord(character) not in _BLANKS
    is_variation = any(first <= character <= last for first, last in _VARIATIONS)
    return is_variation or character in _UNSEEN_LETTERS or character in _AROUND


@lru_cache(4_096)
def _normal(piece: str) -> str:
    return _normalized("".join(one for one in piece if not is_unseen(one)))


@lru_cache(4_096)
def _blanked(piece: str) -> str:
    return _normalized("".join(" " if is_unseen(one) else one for one in piece))


def _normalized(piece: str) -> str:
    """The piece in its normal form. Digits, and what of ASCII makes no letter with them, have no
    marks."""
    new = normalize("NFKC", piece.translate(_BLANKS))
    if len(new) > 1 and (new[0].isascii() or new[0].isdecimal()):
        new = "".join(one for one in new if not combining(one))
    return piece if len(new) > len(piece) * _MAX_LONGER else new


def _changing(text: str) -> re.Pattern[str]:
    """What may change of `text`. A mark is looked for behind every character, where there are
    any."""
    patterns = _patterns()
    if text.isascii():
        return patterns.control
    return patterns.marked if patterns.mark.search(text) else patterns.single


class _Patterns(NamedTuple):
    control: re.Pattern[str]
    single: re.Pattern[str]
    """Of characters that change by themselves."""
    marked: re.Pattern[str]
    """Of those with the marks behind them."""
    mark: re.Pattern[str]
    unseen: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    """Of what Python knows of Unicode; takes some 20 ms."""
    all = list(map(chr, range(0x80, 0x10000)))
    marks = set(filter(combining, all))
    hidden = CONTROLS.union(filter(is_unseen, all))
    changing = {one for one in all if not is_normalized("NFKC", one)} | marks | hidden
    changing |= set(map(chr, _BLANKS))
    one, mark = _class(changing, _OUTER), _class(marks)
    return _Patterns(
        control=re.compile(f"({_class(CONTROLS)})"),
        single=re.compile(f"({one})"),
        marked=re.compile(rf"(?s)((?:{one}|.(?={mark})){mark}{{0,{_MAX_MARKS}}})"),
        mark=re.compile(mark),
        unseen=re.compile(_class(hidden, _OUTER_UNSEEN)),
    )


def _class(characters: Iterable[str], more: str = "") -> str:
    """The class of `characters` and of `more` ranges, as a pattern."""
    ranges: list[list[int]] = []
    for code in sorted(map(ord, characters)):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return f"[{''.join(f'{chr(first)}-{chr(last)}' for first, last in ranges)}{more}]"


# ── decoding ──────────────────────────────────────────────────────────────────────────────────────

_URL = (
    r"%[0-7][0-9A-Fa-f](?:%[0-7][0-9A-Fa-f]){0,31}",
    r"%[CcDd][0-9A-Fa-f]%[89ABab][0-9A-Fa-f](?:%[CcDd][0-9A-Fa-f]%[89ABab][0-9A-Fa-f]){0,15}",
    r"%[Ee][0-9A-Fa-f](?:%[89ABab][0-9A-Fa-f]){2}",
    r"%[Ff][0-7](?:%[89ABab][0-9A-Fa-f]){3}",
    r"%[89A-Fa-f][0-9A-Fa-f]",
    r"%[uU][Dd][89ABab][0-9A-Fa-f]{2}%[uU][Dd][C-Fc-f][0-9A-Fa-f]{2}",
    r"%[uU][0-9A-Fa-f]{4}",
)
"""What a URL has for characters: their bytes in UTF-8, else in Latin-1 (RFC 3986, 2.1), or in the
way of old scripts (ECMA-262, `unescape`). The characters of one match are equally long."""
_HTML = (
    r"&#0{0,8}[0-9]{1,7};?",
    r"&#[xX]0{0,8}[0-9A-Fa-f]{1,6};?",
    r"&[A-Za-z][A-Za-z0-9]{1,31};",
)
_JSON = (
    r"\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}",
    r"\\u[0-9A-Fa-f]{4}",
    r"\\x[0-9A-Fa-f]{2}",
    r"\\[nrtbf\"'/\\]",
)
"""Escapes in strings of JSON and of programs."""
_PLUS = r"\+{1,99}"
# Each alternative begins with its sign: so `re` passes over everything else at once.
_ESCAPED = re.compile(f"({'|'.join((*_URL, *_HTML, *_JSON))})")
_ESCAPED_OR_PLUS = re.compile(f"({'|'.join((*_URL, *_HTML, *_JSON, _PLUS))})")
_IN_URL = re.compile("|".join(_URL))
_MAX_ESCAPE = 48
"""Characters of the longest escape that stands for one."""
_WINDOW = 400
"""Characters that are searched at once for what may change."""
_OF_JSON = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def decoded(form: Form) -> Form:
    """The form with the characters that its escapes stand for, one layer of them."""
    return _DECODING.of(form)


def _escapes(text: str) -> re.Pattern[str]:
    has_blanks = "+" in text and "%" in text and _IN_URL.search(text) is not None
    return _ESCAPED_OR_PLUS if has_blanks else _ESCAPED


@lru_cache(4_096)
def _decoded(piece: str) -> str:
    match piece[0]:
        case "+":
            return " " * len(piece)
        case "&":
            return unescape(piece if piece.endswith(";") else f"{piece};")
        case "%" if piece[1] not in "uU":
            data = bytes.fromhex(piece.replace("%", ""))
            try:
                return data.decode()
            except UnicodeDecodeError:
                return data.decode("latin-1")
        case "\\" if piece[1] not in "ux":
            return _OF_JSON.get(piece[1], piece[1])
    units = [int(unit, 16) for unit in re.findall(r"[0-9A-Fa-f]+", piece)]
    return b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be", "surrogatepass")


_NORMALIZING = _Rewriting(_changing, _normal)
_BLANKING = _Rewriting(_changing, _blanked)
_DECODING = _Rewriting(_escapes, _decoded)


# ── what may change ───────────────────────────────────────────────────────────────────────────────


def changes(text: str, spacing: int) -> Iterator[int]:
    """Where characters may be others in another form, in ascending order. Behind each of them
    `spacing` characters are not looked at."""
    searches: list[_Search] = [_ESCAPED.search]
    if not text.isascii():
        searches = [_patterns().single.search, find_alike, _ESCAPED.search]
    elif not _is_plain(text):
        searches = [_patterns().control.search, _ESCAPED.search]
    place = 0
    while place < len(text):
        first = end = place + _WINDOW
        for search in searches:
            match = search(text, place, first + _MAX_ESCAPE)
            first = min(first, match.start()) if match else first
        if first < end:
            yield first
            place = first + spacing
        else:
            place = end


# ── folding ───────────────────────────────────────────────────────────────────────────────────────


def folded(form: Form) -> Form:
    """The form with ASCII for what looks like it, character by character."""
    if form.text.isascii():
        return form
    text = folded_text(form.text)
    return form if text == form.text else _Folded(form, text)
