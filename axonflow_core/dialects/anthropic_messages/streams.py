"""A streamed answer: chunks of these types, in this order.

    {"type": "message_start", "message": {"id": "msg_1", "role": "assistant", "content": [], …}}
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
    {"type": "content_block_stop", "index": 0}
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
    {"type": "message_stop"}

Theory of operation. Reading keeps no state: every chunk holds its own index and type, so a table
from type to function makes its batch (`_DECODE_CHUNK`). The neutral events were drawn after this
form, so most chunks are one event. A chunk of an unknown type (`ping`) is kept whole, as an `Extra`
at the level `chunk`; unknown members next to known ones have the levels `delta`, `answer` and
`beside` (next to `type`).

Writing has to supply what other families leave out, because Anthropic's clients build the message
from the frame: they fail on a delta before `message_start`, or for a block that was not started.
`ChunkEncoder` therefore keeps

* whether `message_start` and the `message_delta` with the stop reason have been written;
* which block is open. A delta of another block closes it and opens its own (`_enter`);
* the counts that came and were not written yet. `message_start` and `message_delta` take them;
  counts that come in a batch of their own make a `message_delta` of their own.

Invariant: a delta of text, reasoning or a citation stands in a block that was started, and one
block is open at a time. A tool call's deltas rely on its `BlockStart`, which alone has its id and
name. A batch that one chunk was decoded into is encoded as that chunk.

`message_stop` is the terminal event: without it the stream is truncated, although the stop reason
was read. Source: Anthropic's API reference, "Streaming messages", and recorded Bedrock streams,
November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from axonflow_core.codec import StreamContext
from axonflow_core.codec.json_members import (
    apart,
    index_in,
    known_beside,
    mapping_or_empty,
    object_in,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.errors import RequestError
from axonflow_core.messages import Json, StopReason, Usage
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    CitationDelta,
    Ended,
    Extra,
    MetricsUpdate,
    ReasoningDelta,
    Started,
    Stopped,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    merge_usage,
)

from .answers import ANSWER_KEYS, STOP_REASONS, decode_usage, encode_usage
from .blocks import decode_block, encode_block
from .errors import ERRORS

_DELTA_KEYS = frozenset({"stop_reason", "stop_sequence", "stop_details"})
_MESSAGE_DELTA_KEYS = frozenset({"type", "delta", "usage"})


class ChunkDecoder:
    """One chunk in, its batch out; no state."""

    def feed(self, chunk: Mapping[str, Json]) -> Batch:
        """The events of one chunk. `ProviderError` for a chunk of the type `error`."""
        kind = chunk["type"]
        decode = _DECODE_CHUNK.get(kind)
        if decode is not None:
            return decode(chunk)
        return (Extra(chunk, "chunk", None if kind == "ping" else string(kind)),)


def _decode_delta(chunk: Mapping[str, Json]) -> Batch:
    """The event of a piece of a block, by the type of its `delta`. An unknown type is kept
    whole."""
    delta, index = chunk["delta"], chunk["index"]
    if type(delta) is not dict or type(index) is not int:
        delta, index = object_in(chunk, "delta"), index_in(chunk, "index")
    kind = delta["type"]
    if kind == "text_delta":
        event: Any = TextDelta(delta["text"], index)
    elif kind == "input_json_delta":
        event = ToolInputDelta(delta["partial_json"], index)
    elif kind == "thinking_delta":
        event = ReasoningDelta(delta["thinking"], index=index)
    elif kind == "signature_delta":
        event = ReasoningDelta(signature=string(delta["signature"]), index=index)
    elif kind == "citations_delta":
        event = CitationDelta(delta["citation"], index)
    else:
        return (Extra(chunk, "chunk", string(kind)),)
    return (
        (event,) if len(chunk) == 3 and len(delta) == 2 else (event, *_delta_extras(chunk, delta))
    )


_DELTA_VALUES = frozenset({"type", "text", "partial_json", "thinking", "signature", "citation"})


def _delta_extras(chunk: Mapping[str, Json], delta: Mapping[str, Json]) -> Batch:
    """The unknown members of a delta, and those next to it."""
    in_delta = unknown_members(delta, _DELTA_VALUES)
    return (
        *((Extra(in_delta, "delta"),) if in_delta else ()),
        *_beside(chunk, "type", "index", "delta"),
    )


def _beside(chunk: Mapping[str, Json], *known: str) -> Batch:
    """The members of a chunk that are not `known`, as an `Extra` at the level `beside`; else no
    event."""
    extra = unknown_members(chunk, frozenset(known))
    return (Extra(extra, "beside"),) if extra else ()


_LATER = ("content", "stop_reason", "stop_sequence")
"""Members of an answer that are empty in its head."""


def _decode_message_start(chunk: Mapping[str, Json]) -> Batch:
    """The head of the answer. Its `usage` has the input tokens, and a first count of output tokens
    that `message_delta` replaces."""
    message = {} if chunk["message"] is None else object_in(chunk, "message")
    usage, service_tier = decode_usage(mapping_or_empty(message.get("usage")))
    extra = unknown_members(message, known_beside(message, ANSWER_KEYS, "usage"))
    facts = {"id": message.get("id"), "model": message.get("model")}
    try:
        started = Started(**facts)
    except RequestError:
        fit, misfit = apart(Started, facts)
        started, extra = Started(**fit), {**extra, **misfit}
    return (
        started,
        UsageUpdate(usage, service_tier),
        *((Extra(extra),) if extra else ()),
        *_too_early(message),
        *_beside(chunk, "type", "message"),
    )


def _too_early(message: Mapping[str, Json]) -> Batch:
    """What the head of an answer has of the rest of it. Anthropic sends none; clients that add an
    answer up would begin with it."""
    early = {name: message[name] for name in _LATER if message.get(name)}
    return (Extra(early, "message_start", unknown=", ".join(early)),) if early else ()


def _decode_block_start(chunk: Mapping[str, Json]) -> Batch:
    start = BlockStart(index_in(chunk, "index"), decode_block(object_in(chunk, "content_block")))
    return (start, *_beside(chunk, "type", "index", "content_block"))


def _decode_block_stop(chunk: Mapping[str, Json]) -> Batch:
    return (BlockStop(index_in(chunk, "index")), *_beside(chunk, "type", "index"))


def _decode_message_delta(chunk: Mapping[str, Json]) -> Batch:
    """The stop reason and the counts up to it. `delta` is empty in a chunk that has counts
    alone."""
    delta = chunk.get("delta") or {}
    events: list[Any] = []
    reason = delta.get("stop_reason")
    if reason is not None:
        sequence, details = delta.get("stop_sequence"), delta.get("stop_details")
        events.append(Stopped(STOP_REASONS.decode(reason), reason, sequence, details))
    if counts := mapping_or_empty(chunk.get("usage")):
        events.append(UsageUpdate(*decode_usage(counts)))
    if in_delta := unknown_members(delta, _DELTA_KEYS):
        events.append(Extra(in_delta, "delta"))
    return (*events, *_beside(chunk, *known_beside(chunk, _MESSAGE_DELTA_KEYS, "usage")))


def _decode_message_stop(chunk: Mapping[str, Json]) -> Batch:
    return (Ended(), *_beside(chunk, "type"))


def _decode_error(chunk: Mapping[str, Json]) -> Batch:
    ERRORS.raise_reported(chunk)
    raise KeyError("error")


_DECODE_CHUNK: Mapping[str, Callable[[Mapping[str, Json]], Batch]] = {
    "content_block_delta": _decode_delta,
    "message_start": _decode_message_start,
    "content_block_start": _decode_block_start,
    "content_block_stop": _decode_block_stop,
    "message_delta": _decode_message_delta,
    "message_stop": _decode_message_stop,
    "error": _decode_error,
}


class ChunkEncoder:
    """Batches of any family in, Anthropic's chunks out: starts and stops that a family leaves out
    are supplied."""

    def __init__(self, context: StreamContext) -> None:
        self._context = context
        self._has_started = False
        self._has_stopped = False
        self._open: int | None = None
        self._usage = Usage()
        self._service_tier: str | None = None
        self._is_counted = False
        """Whether there are counts that no chunk has."""

    def encode(self, batch: Batch) -> list[Json]:
        """The chunks of one batch, in the order that Anthropic's clients require."""
        chunks: list[Json] = []
        self._note_usage(batch)
        is_usage_alone = self._has_started and all(
            isinstance(event, UsageUpdate | Extra) for event in batch
        )
        for event in batch:
            encode = _ENCODE.get(type(event))
            if encode is not None:
                encode(self, chunks, event)
            elif is_usage_alone and type(event) is UsageUpdate:
                self._count(chunks)
        return chunks

    def has_pattern(self, index: int) -> bool:
        """Whether a piece of text of that block is a delta and nothing else: while it is open."""
        return self._open == index

    def _note_usage(self, batch: Batch) -> None:
        """Add up the counts of a batch before anything of it is written: the chunk that they belong
        to may be made by an event before them."""
        for event in batch:
            if isinstance(event, UsageUpdate | MetricsUpdate):
                self._usage = merge_usage(self._usage, event.usage)
            if isinstance(event, UsageUpdate):
                self._service_tier = event.service_tier or self._service_tier
                self._is_counted = True

    def _take_usage(self) -> dict[str, Json]:
        """The counts since they were last written."""
        native = encode_usage(self._usage, self._service_tier)
        self._usage, self._service_tier, self._is_counted = Usage(), None, False
        return native

    def _count(self, chunks: list[Json]) -> None:
        """Write counts that no other chunk takes along."""
        chunks.append({"type": "message_delta", "delta": {}, "usage": self._take_usage()})

    def _start(self, chunks: list[Json], id: str | None, model: str | None) -> None:
        """Write `message_start` with the counts so far. It has no content and no stop reason
        yet."""
        self._has_started = True
        message = {
            **without_none({"id": id}),
            "type": "message",
            "role": "assistant",
            **without_none({"model": model}),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._take_usage(),
        }
        chunks.append({"type": "message_start", "message": message})

    def _ensure_started(self, chunks: list[Json]) -> None:
        """Write `message_start` for a family whose first event is content."""
        if not self._has_started:
            self._start(chunks, self._context.id, self._context.model)

    def _enter(self, chunks: list[Json], index: int, native_block: Json) -> None:
        """Make the block `index` the open one; `native_block` is its start where it had none."""
        if self._open != index:
            self._start_block(chunks, index, native_block)

    def _start_block(self, chunks: list[Json], index: int, native_block: Json) -> None:
        """Open a block, after closing the one that is open: Anthropic's blocks do not overlap."""
        self._ensure_started(chunks)
        self._stop_block(chunks)
        self._open = index
        chunks.append(
            {"type": "content_block_start", "index": index, "content_block": native_block}
        )

    def _stop_block(self, chunks: list[Json]) -> None:
        """Close the open block, if any."""
        if self._open is not None:
            chunks.append({"type": "content_block_stop", "index": self._open})
            self._open = None

    def _encode_text(self, chunks: list[Json], event: TextDelta) -> None:
        self._enter(chunks, event.index, {"type": "text", "text": ""})
        chunks.append(_delta(event.index, {"type": "text_delta", "text": event.text}))

    def _encode_tool_input(self, chunks: list[Json], event: ToolInputDelta) -> None:
        """A piece of arguments. Its block was started by the `BlockStart` that has the call's id
        and name."""
        delta = {"type": "input_json_delta", "partial_json": event.json}
        chunks.append(_delta(event.index, delta))

    def _encode_citation(self, chunks: list[Json], event: CitationDelta) -> None:
        self._enter(chunks, event.index, {"type": "text", "text": ""})
        delta = {"type": "citations_delta", "citation": event.citation}
        chunks.append(_delta(event.index, delta))

    def _encode_reasoning(self, chunks: list[Json], event: ReasoningDelta) -> None:
        """A piece of reasoning: its text, its signature, or a redacted block, which comes in one
        piece."""
        if event.redacted is not None:
            # There is no delta of redacted reasoning: the block's start has all of it.
            self._start_block(
                chunks, event.index, {"type": "redacted_thinking", "data": event.redacted}
            )
            return
        self._enter(chunks, event.index, {"type": "thinking", "thinking": "", "signature": ""})
        if event.text or event.signature is None:
            chunks.append(_delta(event.index, {"type": "thinking_delta", "thinking": event.text}))
        if event.signature is not None:
            chunks.append(
                _delta(event.index, {"type": "signature_delta", "signature": event.signature})
            )

    def _stop(self, chunks: list[Json], event: Stopped) -> None:
        """Close the open block and write the stop reason with the counts so far."""
        self._ensure_started(chunks)
        self._stop_block(chunks)
        self._has_stopped = True
        delta = {
            "stop_reason": STOP_REASONS.encode(event.reason, event.native),
            "stop_sequence": event.stop_sequence,
            **without_none({"stop_details": event.stop_details}),
        }
        usage = self._take_usage()
        chunks.append(
            {"type": "message_delta", "delta": delta, **({"usage": usage} if usage else {})}
        )

    def _end(self, chunks: list[Json]) -> None:
        """Write `message_stop`, after counts that came with it. A stream that ended without a stop
        reason gets `end_turn`, because clients require one."""
        if not self._has_stopped:
            self._stop(chunks, Stopped(StopReason.END_TURN))
        elif self._is_counted:
            self._count(chunks)
        chunks.append({"type": "message_stop"})


_ENCODE: Mapping[type, Callable[[ChunkEncoder, list[Json], Any], None]] = {
    TextDelta: ChunkEncoder._encode_text,
    ToolInputDelta: ChunkEncoder._encode_tool_input,
    ReasoningDelta: ChunkEncoder._encode_reasoning,
    CitationDelta: ChunkEncoder._encode_citation,
    BlockStart: lambda encoder, chunks, event: encoder._start_block(
        chunks, event.index, encode_block(event.block)
    ),
    BlockStop: lambda encoder, chunks, event: encoder._stop_block(chunks),
    Started: lambda encoder, chunks, event: encoder._start(chunks, event.id, event.model),
    Stopped: ChunkEncoder._stop,
    Ended: lambda encoder, chunks, event: encoder._end(chunks),
    Extra: lambda encoder, chunks, event: _place(chunks, event.members, event.level),
}
"""Event -> how its chunks are appended. Counts are not here: they wait for the chunk they go
into."""


def _delta(index: int, delta: dict[str, Json]) -> dict[str, Json]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _place(chunks: list[Json], members: Mapping[str, Json], level: str) -> None:
    """Put unknown members back where they stood; those of another family have no place and are left
    out."""
    if level == "chunk":
        chunks.append(dict(members))
    elif not chunks:
        return
    elif level == "beside":
        chunks[-1].update(members)
    elif level == "delta" and "delta" in chunks[-1]:
        chunks[-1]["delta"].update(members)
    elif level == "answer" and "message" in chunks[-1]:
        chunks[-1]["message"].update(members)
