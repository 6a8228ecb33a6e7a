"""A text as rules see it: in bytes of UTF-8, in which RE2 searches, and in several forms.

What somebody hides from a rule is seen by a person or a model all the same, in one of the forms
(`policy.forms`) that a text has:

    the text itself
    its normal form, and that of what it is decoded to (URLs, HTML, JSON, in any order), layer by
    layer
    each of these with ASCII for what looks like it
    the same with a blank for each character that is not displayed, where there are any

A form that is the same as another is left out: most texts have one view, those with typographic
quotes two, and none has more than `MAX_VIEWS`. What is found in any view is a span of the original
text, in characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from axonflow_core.policy import forms
from axonflow_core.policy.forms import CONTROLS, Form

LAYERS = 3
"""How often a text is decoded: who hides something encodes it twice, and may have found it
encoded."""
MAX_VIEWS = 1 + 3 * (LAYERS + 1)
_CONTINUATION = bytes(range(0x80, 0xC0))
"""The bytes of UTF-8 that begin no character."""
_CHANGING = b"%&\\" + bytes(range(0x80, 0x100)) + "".join(CONTROLS).encode()
"""Bytes without which a text has one form."""
_STEP = 1_024
"""Bytes between two places at which the characters before are counted."""


class View:
    """A form of a text in bytes."""

    def __init__(self, data: bytes, form: Form | None = None) -> None:
        """`form` is what `data` has in bytes; None for the text itself."""
        self.data = data
        """The form in UTF-8. Halves of surrogate pairs are three bytes that match nothing."""
        self._form = form
        self._lowered: bytes | None = None  # `cached_property` takes a lock

    @property
    def lowered(self) -> bytes:
        """`data` with the capitals of ASCII as small letters."""
        if self._lowered is None:
            self._lowered = self.data.lower()
        return self._lowered

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The characters of the original that the bytes from `start` to before `end` are."""
        first, last = self._characters(start), self._characters(end)
        return (first, last) if self._form is None else self._form.span(first, last)

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


def views_of(text: str) -> tuple[View, ...]:
    """The views of a text, itself first."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data.translate(None, _CHANGING)) == len(data):
        return (View(data),)
    others = {form.text: form for form in _forms(text)}
    others.pop(text, None)
    return View(data), *(View(_bytes(text), form) for text, form in others.items())


def normal(text: str) -> str:
    """The normal form of `text`."""
    return forms.normal(Form(text)).text


def _forms(text: str) -> Iterator[Form]:
    """Every form of `text`, some of them more than once."""
    hides = False
    for form, is_hiding in _layers(Form(text), blank=False):
        hides |= is_hiding
        yield form
        yield forms.folded(form)
    if hides:
        for form, _ in _layers(Form(text), blank=True):
            yield forms.folded(form)


def _layers(form: Form, *, blank: bool) -> Iterator[tuple[Form, bool]]:
    """The normal form and those of what it is decoded to; and whether it hides characters."""
    for layer in range(LAYERS + 1):
        normal = forms.normal(form, blank=blank)
        yield normal, forms.hides(form)
        if layer < LAYERS and (decoded := forms.decoded(normal)) is not normal:
            form = decoded
        else:
            return


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _beginnings(data: bytes) -> int:
    """How many characters begin in `data`."""
    return len(data.translate(None, _CONTINUATION))
