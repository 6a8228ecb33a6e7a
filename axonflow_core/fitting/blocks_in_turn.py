"""The blocks of a streamed answer one after the other, each with a number of its own.

    one family's    text 0   call 1 {"a"   call 2 {"b"   call 1 :1}   call 2 :2}   text 0   the end
    every client's  text 0   call 1 {"a"                 :1}                                call 2
                    {"b":2}  text 3   the end

Dialects differ in what may come under which index. Between the texts of OpenAI's chat stand calls
and thoughts, and all its texts have one index; calls that are made at once may come in turns, piece
by piece; Converse has a thought and a text under one index. Other dialects close a block where the
next one begins, and never open it again.

Theory of operation. A block that goes on after another has begun is a new block, as it is to the
`Assembler`: it gets the next number. An empty piece begins none, unless the whole answer is empty:
some services send one beside every piece of a call.

A call is not to be cut in two. So where another block begins while the arguments of a call are no
whole JSON yet, everything but this call waits, and comes block by block at the end. Whoever sends
one call after the other waits for nothing: the arguments are looked at once for each block that
follows a call, and once a block waits, no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from axonflow_core.frozen import evolve
from axonflow_core.json_text import loads
from axonflow_core.messages import Reasoning, Text, ToolUse
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    ReasoningDelta,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
)

_KINDS: Mapping[type, type] = {TextDelta: Text, ReasoningDelta: Reasoning}
"""A piece that may begin a block -> the kind of that block."""
_APART = {Text, Reasoning}
"""Blocks that are two though they have one index."""


class BlocksInTurn:
    """The blocks of one stream, made to fit batch by batch."""

    def __init__(self) -> None:
        self._count = 0
        self._index: int | None = None
        """The index that the open block has in the family."""
        self._kind: type = Text
        self._text: int | None = None
        """The index of an open text that is its number too."""
        self._arguments: list[str] | None = None
        """Of an open call that began without any: what came of them."""
        self._blank: TextDelta | None = None
        """An empty text that began no block."""
        self._waiting: dict[int, list[StreamEvent]] = {}

    def fit(self, batch: Batch) -> Batch:
        """The batch with its blocks in turn."""
        if len(batch) == 1 and type(batch[0]) is TextDelta and batch[0].index == self._text:
            return batch  # by far the most
        return tuple(fitted for event in batch for fitted in self._fit(event))

    def _fit(self, event: StreamEvent) -> Iterator[StreamEvent]:
        match event:
            case TextDelta("") if not self._is_open(event):
                self._blank = event
            case ReasoningDelta("", None, None) if not self._is_open(event):
                pass
            case BlockStart() | BlockStop() | TextDelta() | ReasoningDelta() | ToolInputDelta():
                if self._has_to_wait(event.index):
                    self._waiting.setdefault(event.index, []).append(event)
                else:
                    yield from self._placed(event)
            case Stopped() | Ended():
                yield from self._released()
                if self._count == 0 and self._blank is not None:
                    yield from self._placed(self._blank)
                yield event
            case _:
                yield event

    def _has_to_wait(self, index: int) -> bool:
        """Whether an event of that index would end a call in the middle of its arguments."""
        if self._arguments is None or index == self._index:
            return False
        if not self._waiting and _is_json("".join(self._arguments)):
            self._arguments = None
            return False
        return True

    def _released(self) -> Iterator[StreamEvent]:
        """What waited, block by block."""
        waiting, self._waiting = self._waiting, {}
        for events in waiting.values():
            for event in events:
                yield from self._placed(event)

    def _placed(self, event: Any) -> Iterator[StreamEvent]:
        """The event with the number of its block. A block that is over has no second end."""
        if type(event) is BlockStart:
            self._begin(event.index, type(event.block))
            if type(event.block) is ToolUse and event.block.input == {}:
                self._arguments = []
        elif not self._is_open(event):
            if type(event) not in _KINDS:
                return
            self._begin(event.index, _KINDS[type(event)])
        elif type(event) is ToolInputDelta and self._arguments is not None:
            self._arguments.append(event.json)
        number = self._count - 1
        yield event if number == event.index else evolve(event, index=number)
        if type(event) is BlockStop:
            self._index = self._text = self._arguments = None
            yield from self._released()

    def _begin(self, index: int, kind: type) -> None:
        self._index, self._kind, self._arguments = index, kind, None
        self._text = index if kind is Text and index == self._count else None
        self._count += 1

    def _is_open(self, event: Any) -> bool:
        """Whether the event goes on with the open block."""
        return event.index == self._index and {self._kind, _KINDS.get(type(event))} != _APART


def _is_json(arguments: str) -> bool:
    try:
        loads(arguments)
    except ValueError:
        return False
    return True
