"""A streamed answer. A chunk is a whole little answer, so one batch is one chunk.

Blocks are numbered in the order in which they begin: reasoning, the text, the tool calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from axonflow_core.codec import StreamContext
from axonflow_core.codec.json_members import split_prefixed, string, unknown_members
from axonflow_core.errors import EncodeError
from axonflow_core.messages import EMPTY, Json, Reasoning, Text, ToolUse, Usage
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    Extra,
    ReasoningDelta,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
)

from .answers import ANSWER_KEYS, decode_usage, encode_usage, native_stop, read_stop
from .content import call_arguments, call_extra
from .errors import ERRORS
from .form import ChatForm
from .reasoning import MEMBER, OPENING, Part, Parts, TagReader, TagWriter

_DELTA_KEYS = frozenset({"role", "content", "tool_calls"})
_THOUGHTFUL_DELTA_KEYS = _DELTA_KEYS | {"reasoning_content"}
_EMPTY_DELTA = Extra({}, "delta")
"""A choice was there and said nothing: some servers keep a connection alive with such chunks."""
_NO_USAGE = Usage()


class ChunkDecoder:
    """One chunk, one batch. It remembers how its blocks are numbered, and what may yet turn out to
    be a tag."""

    def __init__(self, form: ChatForm) -> None:
        self._form = form
        self._delta_keys = _THOUGHTFUL_DELTA_KEYS if form.thinking else _DELTA_KEYS
        self._tags = TagReader(OPENING if form.is_tagged else "")
        self._has_started = False
        self._is_over = False
        self._count = 0
        self._thought: int | None = None
        self._text: int | None = None
        self._calls: dict[int, int] = {}
        self._tier: UsageUpdate | None = None

    def feed(self, chunk: Json) -> Batch:
        if type(chunk) is str and chunk == self._form.last_chunk:
            return (Ended(),)
        events: list[StreamEvent] = []
        is_first = not self._has_started
        if is_first:
            self._has_started = True
            events.append(Started(chunk.get("id"), chunk.get("model"), chunk.get("created")))
        if "error" in chunk:
            _raise_error(chunk)
        for choice in chunk["choices"]:
            self._read_choice(choice, events, is_first=is_first)
        usage, tier = chunk.get("usage"), chunk.get("service_tier")
        if usage:
            events.append(UsageUpdate(decode_usage(usage), tier))
        elif tier is not None:
            events.append(self._read_tier(tier))
        if not chunk.keys() <= ANSWER_KEYS:
            events.append(Extra(unknown_members(chunk, ANSWER_KEYS), "beside"))
        if (
            self._is_over
        ):  # the last word comes last, so that whoever waits for it has heard the counts
            self._is_over = False
            events.append(Ended())
        return tuple(events)

    def _read_tier(self, tier: str) -> UsageUpdate:
        """Every chunk says the same, so it is one event."""
        if self._tier is None or self._tier.service_tier != tier:
            self._tier = UsageUpdate(_NO_USAGE, tier)
        return self._tier

    def _read_choice(
        self, choice: Mapping[str, Json], events: list[StreamEvent], *, is_first: bool
    ) -> None:
        delta = choice["delta"] if "delta" in choice else choice["message"]
        before = len(events)
        content = delta.get("content")
        if len(delta) > 1 or content is None:
            self._read_beside_content(delta, events, is_first=is_first)
        elif is_first:
            events.append(Extra({"role": None}, "delta"))
        if content is not None:
            self._read_content(string(content), events)
        if calls := delta.get("tool_calls"):
            self._read_calls(calls, events)
        if (
            choice.get(self._form.stop_key) is not None
            or not choice.keys() <= self._form.choice_keys
        ):
            self._read_end(choice, events)
        if len(events) == before and not is_first:
            events.append(_EMPTY_DELTA)

    def _read_beside_content(
        self, delta: Mapping[str, Json], events: list[StreamEvent], *, is_first: bool
    ) -> None:
        if self._form.thinking and (thought := delta.get("reasoning_content")) is not None:
            self._read_thought(string(thought), events)
        beside = unknown_members(delta, self._delta_keys)
        if (
            len(delta) == 1 and "content" in delta
        ):  # and it is null: some servers fill empty deltas with it
            beside = {**beside, "content": None}
        if ("role" in delta) is not is_first:  # the role is said once, in the first chunk
            beside = {**beside, "role": delta.get("role")}
        if beside:
            events.append(Extra(beside, "delta"))

    # ── text and reasoning ────────────────────────────────────────────────────────────────────────

    def _read_content(self, content: str, events: list[StreamEvent]) -> None:
        if self._tags.is_done:
            events.append(TextDelta(content, self._text_index()))
        else:
            self._read_parts(self._tags.feed(content), events)

    def _read_parts(self, parts: Parts, events: list[StreamEvent]) -> None:
        for part, text in parts:
            if part is Part.THOUGHT:
                events.append(ReasoningDelta(text, index=self._thought_index()))
            elif part is Part.TEXT:
                events.append(TextDelta(text, self._text_index()))
            elif part is Part.HELD:
                events.append(Extra({"held": text}, "held"))
            elif part is Part.OPENING:
                events.append(BlockStart(self._thought_index(), Reasoning()))
            else:
                events.append(BlockStop(self._thought_index()))

    def _read_thought(self, thought: str, events: list[StreamEvent]) -> None:
        spelling = MEMBER if self._form.is_tagged else EMPTY
        events.append(ReasoningDelta(thought, index=self._thought_index(), spelling=spelling))

    def _thought_index(self) -> int:
        if self._thought is None:
            self._thought = self._next()
        return self._thought

    def _text_index(self) -> int:
        if self._text is None:
            self._text = self._next()
        return self._text

    def _next(self) -> int:
        self._count += 1
        return self._count - 1

    # ── tool calls, and the end ───────────────────────────────────────────────────────────────────

    def _read_calls(self, calls: list[Json], events: list[StreamEvent]) -> None:
        self._read_parts(self._tags.flush(), events)
        for number, call in enumerate(calls):
            native = call.get("index", number)
            if native not in self._calls:
                self._calls[native] = self._next()
            events += _decode_call_delta(call, self._calls[native])

    def _read_end(self, choice: Mapping[str, Json], events: list[StreamEvent]) -> None:
        stop, in_choice = read_stop(self._form, choice)
        if in_choice:
            events.append(Extra(in_choice, "choice"))
        if stop is None:
            return
        self._read_parts(self._tags.flush(), events)
        events.append(Stopped(self._form.stop_reasons.decode(stop), stop))
        self._is_over = self._form.last_chunk is None


def _raise_error(chunk: Json) -> None:
    """Raise what the chunk reports. Some servers write `"error": null` into each."""
    error = ERRORS.decode_event(chunk)
    if error is not None:
        raise error


_CALL_KEYS = frozenset({"index", "id", "type", "function"})


def _decode_call_delta(call: Mapping[str, Json], index: int) -> list[StreamEvent]:
    function = call.get("function") or EMPTY
    events: list[StreamEvent] = []
    if call.get("id") is not None:
        events.append(BlockStart(index, ToolUse(string(call["id"]), string(function["name"]), {})))
    extra = call_extra(call, _CALL_KEYS)
    if call.get("id") is None and "type" in call:  # most say it once, where the call begins
        extra = {**extra, "type": call["type"]}
    if function.get("arguments") is not None:
        events.append(ToolInputDelta(string(function["arguments"]), index))
    elif "arguments" in function:
        extra = {**extra, "function.arguments": None}
    if extra:
        events.append(Extra(extra, f"call {index}"))
    return events


class ChunkEncoder:
    """One batch, one chunk; a batch that says nothing a chat client could read is none."""

    def __init__(self, form: ChatForm, context: StreamContext) -> None:
        self._form = form
        self._tags = TagWriter()
        self._thought: int | None = None
        facts = {"id": context.id, "created": context.created, "model": context.model}
        self._head: dict[str, Json] = {fact: facts[fact] for fact in form.chunk_facts}
        if form.has_object:
            self._head["object"] = "chat.completion.chunk"
        self._has_started = False
        self._has_ended = False
        self._numbers: dict[int, int] = {}

    def encode(self, batch: Batch) -> list[Json]:
        draft = _Draft()
        for event in batch:
            add = _ADD.get(type(event))
            if add is not None:
                add(self, draft, event)
        chunks: list[Json] = [] if draft.is_empty else [self._chunk(draft)]
        if draft.has_ended and self._form.last_chunk is not None and not self._has_ended:
            self._has_ended = True
            chunks.append(self._form.last_chunk)
        return chunks

    def _chunk(self, draft: _Draft) -> Json:
        chunk = {**self._head, "choices": [self._choice(draft)] if draft.has_choice else []}
        if draft.usage is not None:
            chunk["usage"] = draft.usage
        if draft.service_tier is not None:
            chunk["service_tier"] = draft.service_tier
        chunk.update(draft.beside)
        return chunk

    def _choice(self, draft: _Draft) -> Json:
        delta: dict[str, Json] = {}
        if not self._has_started:
            self._has_started = True
            delta["role"] = "assistant"
        if draft.thought is not None:
            delta["reasoning_content"] = draft.thought
        if draft.content is not None:
            delta["content"] = draft.content
        if draft.calls:
            delta["tool_calls"] = list(draft.calls.values())
        delta.update(draft.in_delta or EMPTY)
        return {"index": 0, "delta": delta, self._form.stop_key: draft.stop, **draft.in_choice}

    # ── text and reasoning ────────────────────────────────────────────────────────────────────────

    def _add_text(self, draft: _Draft, event: TextDelta) -> None:
        draft.write(self._tags.say(event.text))

    def _add_thought(self, draft: _Draft, event: ReasoningDelta) -> None:
        if event.signature is not None or event.redacted is not None:
            return  # another family's, opaque to everybody else
        if self._form.thinking is None:
            raise EncodeError(
                "a chat answer of this family has no place for reasoning", feature="reasoning"
            )
        if not self._form.is_tagged or event.spelling.get("text") == MEMBER["text"]:
            draft.thought = (draft.thought or "") + event.text
        else:
            self._thought = event.index
            draft.write(self._tags.think(event.text))

    def _start_block(self, draft: _Draft, event: BlockStart) -> None:
        match event.block:
            case ToolUse():
                self._start_call(draft, event.index, event.block)
            case Reasoning(text, redacted=None, spelling=spelling) if (
                self._form.is_tagged and spelling.get("text") != MEMBER["text"]
            ):
                self._thought = event.index
                draft.write(self._tags.open())
                draft.write(text or None)
            case Reasoning(text, spelling=spelling) if text:
                delta = ReasoningDelta(text, index=event.index, spelling=spelling)
                self._add_thought(draft, delta)
            case Text(text) if text:
                self._add_text(draft, TextDelta(text, event.index))

    def _stop_block(self, draft: _Draft, event: BlockStop) -> None:
        if event.index == self._thought:
            draft.write(self._tags.close())

    # ── tool calls ────────────────────────────────────────────────────────────────────────────────

    def _start_call(self, draft: _Draft, index: int, call: ToolUse) -> None:
        draft.write(self._tags.close_implied())
        function = {
            "name": call.name,
            "arguments": call_arguments(call.input) if call.input else "",
        }
        draft.calls[index] = {
            "index": self._number(index),
            "id": call.id,
            "type": "function",
            "function": function,
        }

    def _add_arguments(self, draft: _Draft, event: ToolInputDelta) -> None:
        started = {"index": self._number(event.index), "function": {"arguments": ""}}
        draft.calls.setdefault(event.index, started)["function"]["arguments"] += event.json

    def _number(self, index: int) -> int:
        """Tool calls are counted apart from the text: the first is 0, wherever its block stands."""
        return self._numbers.setdefault(index, len(self._numbers))

    # ── facts ─────────────────────────────────────────────────────────────────────────────────────

    def _start(self, draft: _Draft, event: Started) -> None:
        facts = {"id": event.id, "created": event.created, "model": event.model}
        self._head.update({name: fact for name, fact in facts.items() if fact is not None})
        draft.has_begun = True

    def _stop(self, draft: _Draft, event: Stopped) -> None:
        draft.write(self._tags.close_implied())
        draft.stop = native_stop(self._form, event.reason, event.native)

    def _end(self, draft: _Draft, event: Ended) -> None:
        draft.has_ended = True

    def _count(self, draft: _Draft, event: UsageUpdate) -> None:
        draft.usage = encode_usage(event.usage) or draft.usage
        draft.service_tier = event.service_tier or draft.service_tier

    def _place(self, draft: _Draft, event: Extra) -> None:
        """Put members where they stood; those of another dialect have no place here."""
        if event.level == "held":
            draft.write(self._tags.hold(event.members["held"]))
        else:
            draft.place(event.members, event.level)


_ADD: Mapping[type, Callable[[ChunkEncoder, _Draft, Any], None]] = {
    TextDelta: ChunkEncoder._add_text,
    ReasoningDelta: ChunkEncoder._add_thought,
    ToolInputDelta: ChunkEncoder._add_arguments,
    BlockStart: ChunkEncoder._start_block,
    BlockStop: ChunkEncoder._stop_block,
    Started: ChunkEncoder._start,
    UsageUpdate: ChunkEncoder._count,
    Stopped: ChunkEncoder._stop,
    Ended: ChunkEncoder._end,
    Extra: ChunkEncoder._place,
}


class _Draft:
    """What one batch adds up to."""

    def __init__(self) -> None:
        self.content: str | None = None
        self.thought: str | None = None
        self.calls: dict[int, dict[str, Json]] = {}
        self.stop: str | None = None
        self.has_begun = False
        self.has_ended = False
        self.usage: Mapping[str, Json] | None = None
        self.service_tier: str | None = None
        self.beside: Mapping[str, Json] = EMPTY
        self.in_choice: Mapping[str, Json] = EMPTY
        self.in_delta: Mapping[str, Json] | None = None

    def write(self, text: str | None) -> None:
        if text is not None:
            self.content = (self.content or "") + text

    @property
    def has_choice(self) -> bool:
        return (
            self.content is not None
            or self.thought is not None
            or self.stop is not None
            or self.has_begun
            or self.in_delta is not None
            or bool(self.calls or self.in_choice)
        )

    @property
    def is_empty(self) -> bool:
        return not (self.has_choice or self.usage or self.service_tier is not None or self.beside)

    def place(self, members: Mapping[str, Json], level: str) -> None:
        if level == "beside":
            self.beside = members
        elif level == "choice":
            self.in_choice = members
        elif level == "delta":
            self.in_delta = members
        elif level.startswith("call "):
            self._place_in_call(int(level.removeprefix("call ")), members)

    def _place_in_call(self, index: int, members: Mapping[str, Json]) -> None:
        beside, in_function = split_prefixed(members, "function")
        if index in self.calls:
            self.calls[index].update(beside)
            self.calls[index]["function"].update(in_function)
