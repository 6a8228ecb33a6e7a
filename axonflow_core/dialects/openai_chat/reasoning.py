"""Reasoning at the head of the content, between two tags that a stream may cut anywhere.

    <reasoning>The user asks …</reasoning>Hello!

Theory of operation. A whole answer is split once (`parted`) and joined once (`tagged`). A stream is
read by `TagReader`, a machine of three states, each a method that takes the next piece:

    at the head  ──opening tag──▶  inside  ──closing tag──▶  after  ──any text──▶  done
         └───────anything else: text──────────────────────────────────────────────▶  done

Where the end of a piece could be the beginning of a tag (`<rea`, `</`), those characters are
*held*: reported at once as `Part.HELD`, and again as what they are when the next piece decides.
They are reported at once because one chunk must give one batch. Only the two tags matter, and each
has one `<`, so at most one candidate is held, and it is shorter than a tag.

`TagWriter` is the inverse. It writes held characters when they are reported, keeps them in
`_ahead`, and removes them from the front of what follows. So each chunk gets back exactly the
characters that it had, and the concatenation of all pieces is the content without the HELD parts:

    pieces read      "<rea"            "soning>Hm"
    parts            HELD "<rea"       OPENING, THOUGHT "Hm"
    pieces written   "<rea"            "soning>" + "Hm"

A piece without `<` inside the reasoning, and every piece after the first text, takes the fast path:
one comparison and no copying.

Text that itself begins with the opening tag, or reasoning that holds the closing one, is read as
the tags have it: the form has no escape for them. Reasoning without a closing tag (an answer cut by
its limit of tokens) keeps `UNCLOSED` in its `spelling`, so that it is encoded without one.

Source: AWS user guide and a published capture of a stream of gpt-oss on Bedrock, November 2026.
OpenAI's own reference has no text of reasoning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TypeAlias

from axonflow_core.codec.json_members import string
from axonflow_core.messages import EMPTY, ContentBlock, Json, Reasoning, Text

OPENING, CLOSING = "<reasoning>", "</reasoning>"


UNCLOSED: Mapping[str, Json] = {"text": "unclosed"}
"""`Reasoning.spelling` in a family that tags it: its answer ended in it, without a closing tag."""

_USUAL = "reasoning_content"
_MEMBERS: Mapping[Json, tuple[str, ...]] = {
    _USUAL: (_USUAL,),
    "reasoning": ("reasoning",),
    "both": (_USUAL, "reasoning"),
}
"""`text` in the `spelling` of reasoning that came in a member of its own -> its names there. The
second is what newer servers of this form write; some write both."""


def thought_in(native: Mapping[str, Json], *, is_tagged: bool) -> Reasoning | None:
    """The reasoning that a message or delta has in a member of its own. The usual name needs no
    spelling in a form that has the member and no tags."""
    thought, other = native.get(_USUAL), native.get("reasoning")
    way = _USUAL
    if thought is None and isinstance(other, str):
        thought, way = other, "reasoning"
    elif thought is not None and thought == other:
        way = "both"
    if thought is None:
        return None
    is_usual = way == _USUAL and not is_tagged
    return Reasoning(string(thought), spelling=EMPTY if is_usual else {"text": way})


def is_in_member(spelling: Mapping[str, Json]) -> bool:
    """Whether reasoning of this spelling came in a member of its own."""
    return spelling.get("text") in _MEMBERS


def members_of(spelling: Mapping[str, Json]) -> tuple[str, ...]:
    """The names of the members that reasoning of this spelling stands in."""
    return _MEMBERS.get(spelling.get("text"), _MEMBERS[_USUAL])


def parted(content: str) -> tuple[ContentBlock, ...]:
    """The content of a whole answer as blocks: one `Text`, or `Reasoning` and the text after it, if
    any."""
    if not content.startswith(OPENING):
        return (Text(content),)
    thought, closing, text = content.removeprefix(OPENING).partition(CLOSING)
    if not closing:
        return (Reasoning(thought, spelling=UNCLOSED),)
    return (Reasoning(thought), Text(text)) if text else (Reasoning(thought),)


def tagged(thought: str, text: str, spelling: Mapping[str, Json]) -> str:
    """Reasoning and the text after it as one content: the inverse of `parted`. An `UNCLOSED`
    thought gets its closing tag only where text follows, which would be reasoning otherwise.
    """
    is_closed = text or spelling.get("text") != UNCLOSED["text"]
    return f"{OPENING}{thought}{CLOSING}{text}" if is_closed else f"{OPENING}{thought}"


class Part(Enum):
    """What a piece of tagged content is. A HELD piece may yet become a part of a tag."""

    HELD = "held"
    OPENING = "opening"
    THOUGHT = "thought"
    CLOSING = "closing"
    TEXT = "text"


Parts: TypeAlias = list[tuple[Part, str]]


class TagReader:
    """The content of a stream, piece by piece. `is_done` once nothing but text can come.

    A family without tags has the `opening` "": then only an empty beginning is held, after which
    reasoning may yet come in a member of its own.
    """

    def __init__(self, opening: str = OPENING) -> None:
        self.is_done = False
        self._opening = opening
        self._held: str | None = None
        self._read: Callable[[str], Parts] = self._at_the_head

    def feed(self, content: str) -> Parts:
        """The parts of the next piece of content, in order. A piece may be empty: it is held at the
        head."""
        return self._read(content)

    def flush(self) -> Parts:
        """The held characters as what they are when no more content decides it: text at the head,
        reasoning inside. Called when a tool call or the end of the answer comes."""
        if self._held is None:
            return []
        held, self._held = self._held, None
        self.is_done = self._read == self._at_the_head
        return [(Part.TEXT if self.is_done else Part.THOUGHT, held)]

    def _at_the_head(self, content: str) -> Parts:
        """The state before the first character that is not of an opening tag."""
        read = (self._held or "") + content
        if self._opening and read.startswith(self._opening):
            self._held, self._read = None, self._inside
            rest = read.removeprefix(self._opening)
            return [(Part.OPENING, ""), *(self._inside(rest) if rest else ())]
        if self._opening.startswith(read):
            self._held = read
            return [(Part.HELD, content)]
        parts = [*self.flush(), (Part.TEXT, content)]
        self.is_done = True
        return parts

    def _inside(self, content: str) -> Parts:
        """The state between the tags. All is reasoning up to the closing tag, which may come in
        several pieces."""
        if self._held is None and "<" not in content:
            return [(Part.THOUGHT, content)]
        held, self._held = self._held or "", None
        thought, closing, text = (held + content).partition(CLOSING)
        if closing:
            self._read = self._after
            return [
                *_thoughts(thought, held),
                (Part.CLOSING, ""),
                *(self._after(text) if text else ()),
            ]
        kept = _beginning_of_closing(thought)
        if not kept:
            return _thoughts(thought, held)
        self._held = thought[-kept:]
        if kept == len(thought):
            return [(Part.HELD, content)]
        return [*_thoughts(thought[:-kept], held), (Part.HELD, self._held)]

    def _after(self, content: str) -> Parts:
        """The state after the closing tag. An empty piece is held: an answer may have no text."""
        self.is_done = bool(content)
        return [(Part.TEXT if content else Part.HELD, content)]


def _thoughts(thought: str, held: str) -> Parts:
    """The reasoning in `thought`, of which `held` comes first and by itself, because it had been
    written so. A tag has one `<`, so none begins inside of what is held."""
    pieces = (held, thought[len(held) :]) if thought else ()
    return [(Part.THOUGHT, piece) for piece in pieces if piece]


def _beginning_of_closing(text: str) -> int:
    """How many characters at the end of `text` may be the beginning of the closing tag."""
    start = text.rfind("<", -len(CLOSING) + 1)
    return len(text) - start if start >= 0 and CLOSING.startswith(text[start:]) else 0


class TagWriter:
    """The content of chunks. Every method returns the characters to write, or None where all had
    been written."""

    def __init__(self) -> None:
        self._is_inside = False
        self._is_implied = False
        self._ahead: str | None = None

    def hold(self, text: str) -> str:
        """Write characters that may be part of a tag, and remember them for what follows."""
        self._ahead = (self._ahead or "") + text
        return text

    def open(self) -> str | None:
        """The opening tag of a block that has a start event; it is closed by `close`, even when
        empty."""
        self._is_inside = True
        return self._rest_of(OPENING)

    def close(self) -> str | None:
        """The closing tag, where one is open."""
        if not self._is_inside:
            return None
        self._is_inside = self._is_implied = False
        return self._rest_of(CLOSING)

    def close_implied(self) -> str | None:
        """Close what a family without block starts never opened."""
        return self.close() if self._is_implied else None

    def think(self, thought: str) -> str | None:
        """A piece of reasoning. Without a start event the opening tag is implied, and written
        before it."""
        if self._is_inside:
            return self._rest_of(thought)
        self._is_inside = self._is_implied = True
        return OPENING + thought

    def say(self, text: str) -> str | None:
        """A piece of text, after the closing tag where reasoning is open."""
        return (self.close() or "") + text if self._is_inside else self._rest_of(text)

    def _rest_of(self, text: str) -> str | None:
        """`text` without the characters at its head that were written when they were held."""
        if self._ahead is None:
            return text
        rest, self._ahead = text.removeprefix(self._ahead), None
        return rest or None
