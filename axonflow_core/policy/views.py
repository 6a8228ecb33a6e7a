"""A text as rules see it: in bytes of UTF-8, in which RE2 searches, and in several forms.

What somebody hides from a rule is seen by a person or a model all the same, in one of the forms
(`policy.forms`) that a text has:

    the text itself
    its normal form, and that of what it is decoded to (URLs, HTML, JSON, in any order), layer by
    layer
    each of these with ASCII for what looks like it
    the same with a blank for each character that is not displayed, where there are any

A form that is the same as another is left out: most texts have one view, those with typographic
quotes two or three. What is found in any view is a span of the original text, in characters.

A long text has forms at a few places, as a rule, and at each of them others. So its forms are those
of its parts: a core, in which something changes, and what stands around it.

    text    ──────────────────── ％２７ ────────────────────── &quot; ──────────────
    cores                        └──┘                          └──┘
    parts            └──────────────────────┘      └──────────────────────┘

At the ends of a part a rule could see what is none: the end of a text, half of a number. What it
finds there counts only where it reaches into the core; anything else is found in another view.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from axonflow_core.policy import forms
from axonflow_core.policy.forms import CONTROLS, Form, Span

LAYERS = 3
"""How often a text is decoded: who hides something encodes it twice, and may have found it
encoded."""
MAX_VIEWS = 1 + 3 * (LAYERS + 1)
"""The views of a text, or of a part of one."""
AROUND = 400
"""Characters before and behind what changes in a long text that are searched in its forms."""
SPACING = 150
"""Characters behind one that changes that are not looked at: they count as changing, too."""
MAX_CORE = 2_400
"""Characters of a core."""
MAX_WHOLE = MAX_CORE + 2 * AROUND
"""Characters of a text that has no parts."""
_EDGE = 64
"""Characters at the end of a part in which what is found may be none."""
_CONTINUATION = bytes(range(0x80, 0xC0))
"""The bytes of UTF-8 that begin no character."""
_CHANGING = b"%&\\" + bytes(range(0x80, 0x100)) + "".join(CONTROLS).encode()
"""Bytes without which a text has one form."""
_PLAIN = bytes(set(range(0x80)) - set(_CHANGING) - set(b"0123456789"))
"""The others, without digits."""
_SLICE = 65_536
_STEP = 1_024
"""Bytes between two places at which the characters before are counted."""


class _Part(NamedTuple):
    """A part of a text, in characters."""

    start: int
    end: int
    core: Span
    length: int
    """Of the text."""

    def has(self, start: int, end: int) -> bool:
        """Whether what is found there counts."""
        is_inside = start - self.start >= _EDGE or self.start == 0
        is_inside = is_inside and (self.end - end >= _EDGE or self.end == self.length)
        return is_inside or (start < self.core[1] and end > self.core[0])


class View:
    """A form of a text, or of a part of it, in bytes."""

    def __init__(
        self,
        data: bytes,
        form: Form | None = None,
        part: _Part | None = None,
        *,
        is_folded_too: bool = False,
    ) -> None:
        """`form` is what `data` has in bytes; None for the text itself. Without a `part` it is of
        all of the text."""
        self.data = data
        """The form in UTF-8. Halves of surrogate pairs are three bytes that match nothing."""
        self.is_folded_too = is_folded_too
        """Whether another view is the same with ASCII for what looks like it."""
        self._form = form
        self._part = part
        self._lowered: bytes | None = None  # `cached_property` takes a lock
        self._signs: bytes | None = None

    @property
    def is_part(self) -> bool:
        """Whether it is of a part of the text."""
        return self._part is not None

    @property
    def start(self) -> int:
        """Where what the view is of begins in the text."""
        return self._part.start if self._part else 0

    @property
    def lowered(self) -> bytes:
        """`data` with the capitals of ASCII as small letters."""
        if self._lowered is None:
            self._lowered = self.data.lower()
        return self._lowered

    @property
    def has_digits(self) -> bool:
        """Whether there are digits of ASCII."""
        return bool(self._rest) and bool(self._rest.translate(None, _CHANGING))

    @property
    def may_change(self) -> bool:
        """Whether there may be other forms of it."""
        return bool(self._rest) and not self._rest.isdigit()

    @property
    def _rest(self) -> bytes:
        """The digits, and the bytes that may change."""
        if self._signs is None:
            self._signs = _without_plain(self.data)
        return self._signs

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original that the bytes from `start` to before `end` are."""
        first, last = self._characters(start), self._characters(end)
        if self._form is not None:
            first, last = self._form.span(first, last)
        return first + self.start, last + self.start

    def places(self, spans: Iterable[Span]) -> list[Span]:
        """What is found at these bytes, as characters of the original."""
        places = [self.span(start, end) for start, end in spans]
        return [one for one in places if self._part.has(*one)] if self._part else places

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


def views_of(text: str) -> list[View]:
    """The views of a text, itself first."""
    view = View(text.encode("utf-8", "surrogatepass"))
    views = [view]
    if view.may_change:
        if len(text) <= MAX_WHOLE:
            views += _views(text, None)
        else:
            for part in _parts(text):
                views += _views(text[part.start : part.end], part)
    return views


def _without_plain(data: bytes) -> bytes:
    """The digits, and the bytes that may change. A slice at a time: each keeps the interpreter's
    lock."""
    if len(data) <= _SLICE:
        return data.translate(None, _PLAIN)
    slices = (data[start : start + _SLICE] for start in range(0, len(data), _SLICE))
    return b"".join(one.translate(None, _PLAIN) for one in slices)


def _views(text: str, part: _Part | None) -> Iterator[View]:
    """The views of a text, or of a part of one, without itself."""
    forms = {form.text: (form, is_folded_too) for form, is_folded_too in _forms(text)}
    forms.pop(text, None)
    for each, (form, is_folded_too) in forms.items():
        data = each.encode("utf-8", "surrogatepass")
        yield View(data, form, part, is_folded_too=is_folded_too)


def _parts(text: str) -> Iterator[_Part]:
    """The parts of a long text in which something may change. Cores whose surroundings overlap are
    one."""
    length, core = len(text), (0, 0)
    for start in forms.changes(text, SPACING):
        end = start + SPACING
        if core[1] and start - core[1] < 2 * AROUND and end - core[0] <= MAX_CORE:
            core = core[0], end
        else:
            yield from _around(core, length)
            core = start, end
    yield from _around(core, length)


def _around(core: Span, length: int) -> Iterator[_Part]:
    start, end = core
    if end:
        yield _Part(max(0, start - AROUND), min(length, end + AROUND), core, length)


def normal(text: str) -> str:
    """The normal form of `text`."""
    return forms.normal(Form(text)).text


def _forms(text: str) -> Iterator[tuple[Form, bool]]:
    """Every form of `text`, some of them more than once, and whether it is there folded, too."""
    hides = False
    for form, is_hiding in _layers(Form(text), blank=False):
        hides |= is_hiding
        folded = forms.folded(form)
        yield form, folded is not form
        yield folded, False
    if hides:
        for form, _ in _layers(Form(text), blank=True):
            yield forms.folded(form), False


def _layers(form: Form, *, blank: bool) -> Iterator[tuple[Form, bool]]:
    """The normal form and those of what it is decoded to; and whether it hides characters."""
    for layer in range(LAYERS + 1):
        normal = forms.normal(form, blank=blank)
        yield normal, normal is not form and forms.hides(form)
        if layer < LAYERS and (decoded := forms.decoded(normal)) is not normal:
            form = decoded
        else:
            return


def _beginnings(data: bytes) -> int:
    """How many characters begin in `data`."""
    return len(data.translate(None, _CONTINUATION))
