"""A streamed answer: events that are numbered from 0, of which the last has the whole answer.

    response.created  response.in_progress
    response.output_item.added
        response.content_part.added          of a message
        response.output_text.delta*  response.output_text.done
        response.content_part.done
        response.function_call_arguments.delta*  ….done          of a call
        response.reasoning_summary_part.added                    of reasoning
        response.reasoning_summary_text.delta*  ….done
        response.reasoning_summary_part.done
    response.output_item.done
    response.completed | response.incomplete

Theory of operation. A block of the answer is an item, `_Item`, which knows its events: how it
begins, how it goes on, and what it is when it is done. The encoder numbers items in the order in
which they begin (`output_index`) and events in the order in which they are written
(`sequence_number`), and keeps what is done for the last event. A call may have deltas until the
end, as some providers mix those of several calls; any other item ends where the next one begins.

The text of a custom tool's call stands in a JSON string, which is whole at its end alone: such a
call has one delta.

A whole answer is the `response` of the last event of the stream that has its events, so that both
say the same.

Invariant: every item that was added is done, and done once, before the last event.

Source: OpenAI's API reference, "Streaming events", and openai-python 3.57 (`types/responses`),
November 2026. Codex 0.171.0 takes a stream without `response.completed` for a broken one and sends
the request again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from axonflow_core.codec import StreamContext
from axonflow_core.dialects.openai_chat.content import call_arguments, is_refusal
from axonflow_core.messages import Json, Reasoning, StopReason, Text, ToolUse, Usage
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    MetricsUpdate,
    ReasoningDelta,
    Started,
    Stopped,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    merge_usage,
    tool_input,
)

from .answers import COMPLETED, INCOMPLETE, Asked, response_of, why_incomplete
from .reasoning import sealed
from .tools import INPUT

Event = dict[str, Json]
_IN_PROGRESS = "in_progress"


class ResponseEncoder:
    """The events of one answer, for the request that `asked` is of."""

    def __init__(self, context: StreamContext, asked: Asked) -> None:
        self.context = context
        self._asked = asked
        self._count = 0
        self._has_started = False
        self._usage = Usage()
        self._tier: str | None = None
        self._stop: StopReason | None = None
        self._open: dict[int, _Item] = {}
        """Index of a block -> its item, while it may go on."""
        self._items: list[_Item] = []

    def encode(self, batch: Batch) -> list[Json]:
        """The events of a batch."""
        written: list[Event] = []
        for event in batch:
            handle = _HANDLERS.get(type(event))
            if handle is not None:
                if not self._has_started:
                    written += self._begin()
                written += handle(self, event)
        return [self._numbered(event) for event in written]

    def _numbered(self, event: Event) -> Json:
        self._count += 1
        return {"type": event.pop("type"), "sequence_number": self._count - 1, **event}

    def _begin(self) -> list[Event]:
        self._has_started = True
        begun = response_of(self.context, self._asked, [], status=_IN_PROGRESS)
        return [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
        ]

    # ── items ─────────────────────────────────────────────────────────────────────────────────────

    def _start_block(self, event: BlockStart) -> list[Event]:
        match event.block:
            case ToolUse():
                return self._start(event.index, _Call(self._asked, event.block))
            case Reasoning() as thought:
                begun = self._start(event.index, _Thought(self._asked))
                return begun + self._thought(
                    ReasoningDelta(thought.text, thought.signature, thought.redacted, event.index)
                )
            case Text(text):
                kind = _Refusal if is_refusal(event.block) else _Message
                begun = self._start(event.index, kind(self._asked))
                return begun + (self._open[event.index].add(text) if text else [])
        return []

    def _start(self, index: int, item: _Item) -> list[Event]:
        """Begin an item. What can no longer go on ends before it."""
        over = [each for each, begun in self._open.items() if each == index or not begun.may_wait]
        ended = [event for each in over for event in self._open.pop(each).end()]
        item.place(len(self._items), self.context.id)
        self._items.append(item)
        self._open[index] = item
        return ended + item.begin()

    def _text(self, event: TextDelta) -> list[Event]:
        begun = self._opened(event.index, _Message)
        return begun + self._open[event.index].add(event.text)

    def _thought(self, event: ReasoningDelta) -> list[Event]:
        begun = self._opened(event.index, _Thought)
        item = self._open[event.index]
        item.seal(event.signature, event.redacted)
        return begun + (item.add(event.text) if event.text else [])

    def _opened(self, index: int, kind: type[_Item]) -> list[Event]:
        """Begin an item that no start announced: deltas of two kinds may have one index."""
        item = self._open.get(index)
        return [] if isinstance(item, kind) else self._start(index, kind(self._asked))

    def _arguments(self, event: ToolInputDelta) -> list[Event]:
        item = self._open.get(event.index)
        return [] if item is None else item.add(event.json)

    def _stop_block(self, event: BlockStop) -> list[Event]:
        item = self._open.pop(event.index, None)
        return [] if item is None else item.end()

    # ── facts, and the end ────────────────────────────────────────────────────────────────────────

    def _started(self, event: Started) -> list[Event]:
        return []

    def _counted(self, event: UsageUpdate | MetricsUpdate) -> list[Event]:
        self._usage = merge_usage(self._usage, event.usage)
        if isinstance(event, UsageUpdate):
            self._tier = event.service_tier or self._tier
        return []

    def _stopped(self, event: Stopped) -> list[Event]:
        self._stop = event.reason
        return []

    def _end(self, event: Ended) -> list[Event]:
        why = why_incomplete(self._stop)
        status = COMPLETED if why is None else INCOMPLETE
        ended = [event for item in self._open.values() for event in item.end()]
        self._open.clear()
        whole = response_of(
            self.context,
            self._asked,
            [item.whole for item in self._items],
            status=status,
            why_incomplete=why,
            usage=self._usage,
            tier=self._tier,
        )
        return [*ended, {"type": f"response.{status}", "response": whole}]


_HANDLERS: Mapping[type, Callable[[ResponseEncoder, Any], list[Event]]] = {
    Started: ResponseEncoder._started,
    BlockStart: ResponseEncoder._start_block,
    TextDelta: ResponseEncoder._text,
    ReasoningDelta: ResponseEncoder._thought,
    ToolInputDelta: ResponseEncoder._arguments,
    BlockStop: ResponseEncoder._stop_block,
    UsageUpdate: ResponseEncoder._counted,
    MetricsUpdate: ResponseEncoder._counted,
    Stopped: ResponseEncoder._stopped,
    Ended: ResponseEncoder._end,
}


class _Item:
    """One item of the output: its events, and `whole`, what it is once it is done."""

    prefix = ""
    may_wait = False
    """Whether it may go on after another item has begun."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.pieces: list[str] = []
        self.whole: Event = {}

    def place(self, index: int, answer: str) -> None:
        """Where it stands in the answer, which its id follows from."""
        self._index = index
        self._id = f"{self.prefix}_{answer.partition('_')[2] or answer}_{index}"

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def begin(self) -> list[Event]:
        return [self._about_item("added", self.item(_IN_PROGRESS)), *self.open()]

    def add(self, piece: str) -> list[Event]:
        self.pieces.append(piece)
        return [self.event(self.delta, delta=piece)]

    def seal(self, signature: str | None, redacted: str | None) -> None:
        """What the model has to read again; of reasoning alone."""

    def end(self) -> list[Event]:
        """Done: whether the answer was cut in it is said of the answer alone, later."""
        closed = self.close()
        self.whole = self.item(COMPLETED)
        return [*closed, self._about_item("done", self.whole)]

    def _about_item(self, what: str, item: Event) -> Event:
        return {
            "type": f"response.output_item.{what}",
            "output_index": self._index,
            "item": item,
        }

    def event(self, kind: str, **members: Json) -> Event:
        """An event of what is inside."""
        place = {"item_id": self._id, "output_index": self._index}
        return {"type": f"response.{kind}", **place, **members}

    delta = ""

    def item(self, status: str) -> Event:
        raise NotImplementedError

    def open(self) -> list[Event]:
        return []

    def close(self) -> list[Event]:
        return []


class _Message(_Item):
    """A message of one part."""

    prefix = "msg"
    delta = "output_text.delta"

    def item(self, status: str) -> Event:
        content = [] if status == _IN_PROGRESS else [self.part(self.text)]
        head: Event = {"id": self._id, "type": "message", "role": "assistant", "status": status}
        return {**head, "content": content}

    def part(self, text: str) -> Event:
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}

    def open(self) -> list[Event]:
        return [self.event("content_part.added", content_index=0, part=self.part(""))]

    def add(self, piece: str) -> list[Event]:
        self.pieces.append(piece)
        return [self.event(self.delta, content_index=0, delta=piece, logprobs=[])]

    def close(self) -> list[Event]:
        text = self.text
        return [
            self.event("output_text.done", content_index=0, text=text, logprobs=[]),
            self.event("content_part.done", content_index=0, part=self.part(text)),
        ]


class _Refusal(_Message):
    """What the model says instead of an answer."""

    def part(self, text: str) -> Event:
        return {"type": "refusal", "refusal": text}

    def add(self, piece: str) -> list[Event]:
        self.pieces.append(piece)
        return [self.event("refusal.delta", content_index=0, delta=piece)]

    def close(self) -> list[Event]:
        text = self.text
        return [
            self.event("refusal.done", content_index=0, refusal=text),
            self.event("content_part.done", content_index=0, part=self.part(text)),
        ]


class _Thought(_Item):
    """Reasoning, as a summary of one part, and sealed where the client asked for that."""

    prefix = "rs"
    delta = "reasoning_summary_text.delta"

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._signatures: list[str] = []
        self._redacted: list[str] = []

    def seal(self, signature: str | None, redacted: str | None) -> None:
        self._signatures += filter(None, (signature,))
        self._redacted += filter(None, (redacted,))

    def item(self, status: str) -> Event:
        item: Event = {"id": self._id, "type": "reasoning", "summary": []}
        if status != _IN_PROGRESS and self.pieces:
            item["summary"] = [self._part(self.text)]
        if self.asked.has_encrypted:
            item["encrypted_content"] = sealed(
                "".join(self._signatures) or None, "".join(self._redacted) or None
            )
        return item

    def _part(self, text: str) -> Event:
        return {"type": "summary_text", "text": text}

    def add(self, piece: str) -> list[Event]:
        is_first = not self.pieces
        self.pieces.append(piece)
        delta = self.event(self.delta, summary_index=0, delta=piece)
        if not is_first:
            return [delta]
        begun = self.event("reasoning_summary_part.added", summary_index=0, part=self._part(""))
        return [begun, delta]

    def close(self) -> list[Event]:
        if not self.pieces:
            return []
        text = self.text
        return [
            self.event("reasoning_summary_text.done", summary_index=0, text=text),
            self.event("reasoning_summary_part.done", summary_index=0, part=self._part(text)),
        ]


class _Call(_Item):
    """A call of a function, or of a custom tool."""

    may_wait = True

    def __init__(self, asked: Asked, call: ToolUse) -> None:
        super().__init__(asked)
        self._call = call
        self._is_custom = call.name in asked.custom
        self.prefix = "ctc" if self._is_custom else "fc"

    @property
    def text(self) -> str:
        """The arguments: no text is none."""
        return super().text or call_arguments(self._call.input or {})

    def item(self, status: str) -> Event:
        is_over = status != _IN_PROGRESS
        item: Event = {"id": self._id, "call_id": self._call.id, "status": status}
        item.update(self.asked.name(self._call.name))
        if self._is_custom:
            item |= {"type": "custom_tool_call", "input": self._free_text if is_over else ""}
        else:
            item |= {"type": "function_call", "arguments": self.text if is_over else ""}
        return item

    @property
    def _free_text(self) -> str:
        """The text of a custom tool's call; what else the model gave is its text as it is."""
        given = tool_input(self.text)
        free = given.get(INPUT) if isinstance(given, dict) else None
        return free if isinstance(free, str) else self.text

    def add(self, piece: str) -> list[Event]:
        if not piece:
            return []
        self.pieces.append(piece)
        if self._is_custom:
            return []
        return [self.event("function_call_arguments.delta", delta=piece)]

    def close(self) -> list[Event]:
        if self._is_custom:
            text = self._free_text
            return [
                self.event("custom_tool_call_input.delta", delta=text),
                self.event("custom_tool_call_input.done", input=text),
            ]
        whole = self.event(
            "function_call_arguments.done", arguments=self.text, name=self._call.name
        )
        if self.pieces:
            return [whole]
        return [self.event("function_call_arguments.delta", delta=self.text), whole]
