"""Placeholders: what a model gets in the place of what is redacted, and the way back.

    request   Write to ann@example.com.     ->  Write to [EMAIL_1].
    answer    I wrote to [EMAIL_1].         ->  I wrote to ann@example.com.

A placeholder is the name of the rule or the type, in capitals, and a number. A text that is
replaced twice in a request has the same one, and numbers follow the order of the request, so that
the turns of a conversation, which come in clear each time, have the same ones again. What already
reads like a placeholder somewhere in the request is nobody's: its number is left out, so what is
restored is what was replaced.

Models change the form, and these are read as well, whatever the case of their letters in brackets:

    [EMAIL_1]   [email-1]   \\[EMAIL\\_1\\]   【EMAIL_1】   %5BEMAIL_1%5D   EMAIL_1

What is restored becomes part of what it stands in: it is escaped in the text of JSON, and encoded
between `%5B` and `%5D`. In a whole value of JSON, as the arguments of a tool, it needs neither.
Reasoning is not restored: a signature is of every character of it, and it is not said to the user.
Names and ids are not, either.

A vault is of one call, and forgets with it. It is no part of a record, which has counts, nor of
anything that is kept; it cannot be copied or written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple, NoReturn, TypeVar
from urllib.parse import quote

from axonflow_core.json_text import dumps
from axonflow_core.messages import Completion, ToolUse
from axonflow_core.policy.patterns import Regexp, compiled
from axonflow_core.policy.views import View
from axonflow_core.texts import Place, screened_texts, with_texts

T = TypeVar("T")

_NAMED = r"[a-z][a-z0-9]*(?:(?:\\?_|-)[a-z0-9]+)*(?:\\?_|-)[1-9][0-9]{0,5}"
_BRACKETS = ((r"\\\[", r"\\\]"), (r"\[", r"\]"), ("%5B", "%5D"), ("【", "】"), ("［", "］"))
_BARE = r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_[1-9][0-9]{0,5}\b"
_OTHER = re.compile("[^A-Z0-9]+")
_ENCODED = "%5B"
_MAX_LABEL = 32


class Restored(NamedTuple):
    """A placeholder in a text, by its span in characters."""

    start: int
    end: int
    text: str
    """What stands in its place."""
    name: str
    """The rule or the type that found it."""


class Vault:
    """The placeholders of one call."""

    __slots__ = ("_given", "_is_json", "_numbers", "_taken", "_texts", "_values", "restored")

    def __init__(self, *, is_json: bool = False) -> None:
        """`is_json` says that the whole text of the answer will be JSON."""
        self._is_json = is_json
        self._texts: Iterable[str] = ()
        self._taken: set[str] | None = None
        self._numbers: Counter[str] = Counter()
        self._given: dict[tuple[str, str], str] = {}
        self._values: dict[str, tuple[str, str]] = {}
        """Name of a placeholder -> what found it, and what it stands for."""
        self.restored: Counter[str] = Counter()
        """Rule or type -> how often something of it was restored."""

    def __repr__(self) -> str:
        return f"<Vault of {len(self._values)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a vault is neither copied nor written")

    def __bool__(self) -> bool:
        return bool(self._values)

    @property
    def replaced(self) -> Counter[str]:
        """Rule or type -> how many texts of it have a placeholder."""
        return Counter(name for name, _ in self._values.values())

    @property
    def longest(self) -> int:
        """How many characters the longest placeholder has, in any form."""
        return 2 * max(map(len, self._values), default=0) + len("%5B %5D")

    def avoid(self, texts: Iterable[str]) -> None:
        """The texts of the request: what reads like a placeholder in them is none."""
        self._texts = texts

    def write(self, name: str, found: str) -> str:
        """The placeholder of what a rule or a type found."""
        label = _label(name)
        known = self._given.get((label, found))
        if known is not None:
            return f"[{known}]"
        if self._taken is None:
            self._taken = {each for text in self._texts for *_, each in _placeholders(text)}
            self._texts = ()
        while True:
            self._numbers[label] += 1
            placeholder = f"{label}_{self._numbers[label]}"
            if placeholder not in self._taken:
                break
        self._given[label, found] = placeholder
        self._values[placeholder] = name, found
        return f"[{placeholder}]"

    def forget(self) -> None:
        """The call is over."""
        self._given.clear()
        self._values.clear()

    # ── the way back ──────────────────────────────────────────────────────────────────────────────

    def found_in(self, text: str, *, is_json: bool | None = None) -> Iterator[Restored]:
        """The placeholders in a text of the answer, in their order. `is_json` says whether the text
        is JSON, by default as the text of the answer is."""
        escapes = self._is_json if is_json is None else is_json
        for start, end, is_encoded, placeholder in _placeholders(text):
            if placeholder in self._values:
                name, value = self._values[placeholder]
                if is_encoded:
                    value = quote(value, safe="")
                elif escapes:
                    value = dumps(value).decode()[1:-1]
                yield Restored(start, end, value, name)

    def in_text(self, text: str, *, is_json: bool = False) -> str:
        """A text of the answer with what was replaced."""
        pieces, position = [], 0
        for each in self.found_in(text, is_json=is_json):
            pieces += [text[position : each.start], each.text]
            position = each.end
            self.restored[each.name] += 1
        return "".join([*pieces, text[position:]]) if pieces else text

    def in_value(self, value: T, *, but: Place = ()) -> T:
        """An answer, a part of one or an event with what was replaced, wherever it stands save in
        reasoning, names and ids, and at the place `but`."""
        found = screened_texts(value)
        changed: dict[Place, str] = {}
        for number, (place, text) in enumerate(found.texts):
            if number not in found.reasoning and (place != but or not but):
                new = self.in_text(text, is_json=self._is_in_json(value, place))
                if new != text:
                    changed[place] = new
        return with_texts(value, changed) if changed else value

    def _is_in_json(self, value: object, place: Place) -> bool:
        """Whether the text at a place of an answer is JSON: of the whole answer, or the arguments
        of a tool that are not whole."""
        if type(value) is not Completion or len(place) != 3 or place[0] != "content":
            return False
        block: Any = value.content[place[1]]  # type: ignore[index]
        if type(block) is ToolUse:
            return place[2] == "input" and not block.spelling
        return self._is_json and place[2] == "text"


def _label(name: str) -> str:
    """The name of a rule or a type, as its placeholders have it."""
    label = _OTHER.sub("_", name.upper()).strip("_")[:_MAX_LABEL].strip("_")
    return label if label[:1].isalpha() else f"TEXT_{label}".strip("_")


def _placeholders(text: str) -> Iterator[tuple[int, int, bool, str]]:
    """What reads like a placeholder: its span in characters, whether it is encoded as in a URL, and
    its name."""
    view = View(text.encode("utf-8", "surrogatepass"))
    for match in _form().finditer(view.data):
        first, last = match.span()
        written = view.data[first:last].decode().upper()
        is_encoded = written.startswith(_ENCODED)
        if is_encoded:
            written = written[len(_ENCODED) : -len(_ENCODED)]
        yield *view.span(first, last), is_encoded, _OTHER.sub("_", written).strip("_")


@cache
def _form() -> Regexp:
    """The forms of placeholders."""
    bracketed = "|".join(f"{begin} ?{_NAMED} ?{end}" for begin, end in _BRACKETS)
    return compiled(f"(?i:{bracketed})|{_BARE}")
