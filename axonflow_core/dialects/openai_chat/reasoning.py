"""Reasoning at the head of the content, between two tags that a stream may cut anywhere.

    <reasoning>The user asks …</reasoning>Hello!

`TagReader` takes the content of a stream apart. Characters that may belong to a tag are *held*
until the next ones decide, and then they are said as what they were. `TagWriter` puts the content
together again; of what it hears it leaves out what had been written as held, so every chunk gets
back exactly the characters that it came with.

Text that itself begins with the opening tag, or reasoning that holds the closing one, is read as
the tags say: the form has no way to say it otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TypeAlias

from axonflow_core.messages import ContentBlock, Json, Reasoning, Text

OPENING, CLOSING = "<reasoning>", "</reasoning>"


MEMBER: Mapping[str, Json] = {"text": "reasoning_content"}
UNCLOSED: Mapping[str, Json] = {"text": "unclosed"}
"""`Reasoning.spelling` in a family that tags it: it came in a member of its own; its answer ended
in it, without a closing tag."""


def parted(content: str) -> tuple[ContentBlock, ...]:
    """The content of a whole answer as blocks."""
    if not content.startswith(OPENING):
        return (Text(content),)
    thought, closing, text = content.removeprefix(OPENING).partition(CLOSING)
    if not closing:
        return (Reasoning(thought, spelling=UNCLOSED),)
    return (Reasoning(thought), Text(text)) if text else (Reasoning(thought),)


def tagged(thought: str, text: str, spelling: Mapping[str, Json]) -> str:
    """Reasoning and the text after it as one content."""
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

    A family without tags has the `opening` "": then only an empty beginning is held, behind which
    reasoning may yet come in a member of its own.
    """

    def __init__(self, opening: str = OPENING) -> None:
        self.is_done = False
        self._opening = opening
        self._held: str | None = None
        self._read: Callable[[str], Parts] = self._at_the_head

    def feed(self, content: str) -> Parts:
        return self._read(content)

    def flush(self) -> Parts:
        """What is held was no tag after all: something else than content came."""
        if self._held is None:
            return []
        held, self._held = self._held, None
        self.is_done = self._read == self._at_the_head
        return [(Part.TEXT if self.is_done else Part.THOUGHT, held)]

    def _at_the_head(self, content: str) -> Parts:
        read = (self._held or "") + content
        if self._opening and read.startswith(self._opening):
            self._held, self._read = None, self._inside
            behind = read.removeprefix(self._opening)
            return [(Part.OPENING, ""), *(self._inside(behind) if behind else ())]
        if self._opening.startswith(read):
            self._held = read
            return [(Part.HELD, content)]
        said = [*self.flush(), (Part.TEXT, content)]
        self.is_done = True
        return said

    def _inside(self, content: str) -> Parts:
        if self._held is None and "<" not in content:
            return [(Part.THOUGHT, content)]
        held, self._held = self._held or "", None
        thought, closing, text = (held + content).partition(CLOSING)
        if closing:
            self._read = self._behind
            return [
                *_thoughts(thought, held),
                (Part.CLOSING, ""),
                *(self._behind(text) if text else ()),
            ]
        kept = _beginning_of_closing(thought)
        if not kept:
            return _thoughts(thought, held)
        self._held = thought[-kept:]
        if kept == len(thought):
            return [(Part.HELD, content)]
        return [*_thoughts(thought[:-kept], held), (Part.HELD, self._held)]

    def _behind(self, content: str) -> Parts:
        """Behind the closing tag an empty piece is no text: there may be none."""
        self.is_done = bool(content)
        return [(Part.TEXT if content else Part.HELD, content)]


def _thoughts(thought: str, held: str) -> Parts:
    """What was held comes first and by itself. A tag has one `<`, so none begins inside of what is
    held."""
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
        self._ahead = (self._ahead or "") + text
        return text

    def open(self) -> str | None:
        self._is_inside = True
        return self._behind(OPENING)

    def close(self) -> str | None:
        if not self._is_inside:
            return None
        self._is_inside = self._is_implied = False
        return self._behind(CLOSING)

    def close_implied(self) -> str | None:
        """Close what a family without block starts never opened."""
        return self.close() if self._is_implied else None

    def think(self, thought: str) -> str | None:
        if self._is_inside:
            return self._behind(thought)
        self._is_inside = self._is_implied = True
        return OPENING + thought

    def say(self, text: str) -> str | None:
        return (self.close() or "") + text if self._is_inside else self._behind(text)

    def _behind(self, text: str) -> str | None:
        """`text` without what of it had been written."""
        if self._ahead is None:
            return text
        rest, self._ahead = text.removeprefix(self._ahead), None
        return rest or None
