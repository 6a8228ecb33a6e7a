"""A streamed answer: chunks of these types, in this order.

    message_start
    (content_block_start  content_block_delta*  content_block_stop)*
    message_delta  message_stop

Every chunk says all it means, so each is one batch of events and reading them keeps no state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from axonflow_core.codec import StreamContext
from axonflow_core.codec.json_members import string, unknown_members, without_none
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


class ChunkDecoder:
    """One chunk in, its batch out."""

    def feed(self, chunk: Mapping[str, Json]) -> Batch:
        decode = _DECODE_CHUNK.get(chunk["type"])
        return (Extra(chunk, "chunk"),) if decode is None else decode(chunk)


def _decode_delta(chunk: Mapping[str, Json]) -> Batch:
    delta, index = chunk["delta"], chunk["index"]
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
        return (Extra(chunk, "chunk"),)
    return (
        (event,) if len(chunk) == 3 and len(delta) == 2 else (event, *_delta_extras(chunk, delta))
    )


_DELTA_VALUES = frozenset({"type", "text", "partial_json", "thinking", "signature", "citation"})


def _delta_extras(chunk: Mapping[str, Json], delta: Mapping[str, Json]) -> Batch:
    in_delta = unknown_members(delta, _DELTA_VALUES)
    return (
        *((Extra(in_delta, "delta"),) if in_delta else ()),
        *_beside(chunk, "type", "index", "delta"),
    )


def _beside(chunk: Mapping[str, Json], *known: str) -> Batch:
    extra = unknown_members(chunk, frozenset(known))
    return (Extra(extra, "beside"),) if extra else ()


def _decode_message_start(chunk: Mapping[str, Json]) -> Batch:
    message = chunk["message"]
    usage, service_tier = decode_usage(message.get("usage") or {})
    extra = unknown_members(message, ANSWER_KEYS)
    return (
        Started(message.get("id"), message.get("model")),
        UsageUpdate(usage, service_tier),
        *((Extra(extra),) if extra else ()),
        *_beside(chunk, "type", "message"),
    )


def _decode_block_start(chunk: Mapping[str, Json]) -> Batch:
    start = BlockStart(chunk["index"], decode_block(chunk["content_block"]))
    return (start, *_beside(chunk, "type", "index", "content_block"))


def _decode_block_stop(chunk: Mapping[str, Json]) -> Batch:
    return (BlockStop(chunk["index"]), *_beside(chunk, "type", "index"))


def _decode_message_delta(chunk: Mapping[str, Json]) -> Batch:
    delta = chunk["delta"]
    events: list[Any] = []
    reason = delta.get("stop_reason")
    if reason is not None:
        sequence, details = delta.get("stop_sequence"), delta.get("stop_details")
        events.append(Stopped(STOP_REASONS.decode(reason), reason, sequence, details))
    if chunk.get("usage"):
        events.append(UsageUpdate(*decode_usage(chunk["usage"])))
    if in_delta := unknown_members(delta, _DELTA_KEYS):
        events.append(Extra(in_delta, "delta"))
    return (*events, *_beside(chunk, "type", "delta", "usage"))


def _decode_message_stop(chunk: Mapping[str, Json]) -> Batch:
    return (Ended(), *_beside(chunk, "type"))


def _decode_error(chunk: Mapping[str, Json]) -> Batch:
    raise ERRORS.decode_event(chunk) or KeyError("error")


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
    """Batches of any family in, Anthropic's chunks out: what a family leaves unsaid (starts, stops)
    is supplied."""

    def __init__(self, context: StreamContext) -> None:
        self._context = context
        self._has_started = False
        self._has_stopped = False
        self._open: int | None = None
        self._usage = Usage()
        self._service_tier: str | None = None

    def encode(self, batch: Batch) -> list[Json]:
        chunks: list[Json] = []
        self._note_usage(batch)
        is_usage_alone = self._has_started and all(
            isinstance(event, UsageUpdate | Extra) for event in batch
        )
        for event in batch:
            match event:
                case UsageUpdate() if is_usage_alone:
                    chunks.append(
                        {"type": "message_delta", "delta": {}, "usage": self._take_usage()}
                    )
                case TextDelta(text, index):
                    self._enter(chunks, index, {"type": "text", "text": ""})
                    chunks.append(_delta(index, {"type": "text_delta", "text": text}))
                case ToolInputDelta(json, index):
                    chunks.append(_delta(index, {"type": "input_json_delta", "partial_json": json}))
                case ReasoningDelta(index=index):
                    self._encode_reasoning(chunks, event)
                case CitationDelta(citation, index):
                    self._enter(chunks, index, {"type": "text", "text": ""})
                    chunks.append(_delta(index, {"type": "citations_delta", "citation": citation}))
                case BlockStart(index, block):
                    self._start_block(chunks, index, encode_block(block))
                case BlockStop(index):
                    self._stop_block(chunks)
                case Started(id, model):
                    self._start(chunks, id, model)
                case Stopped():
                    self._stop(chunks, event)
                case Ended():
                    self._end(chunks)
                case Extra(members, level):
                    _place(chunks, members, level)
        return chunks

    def _note_usage(self, batch: Batch) -> None:
        for event in batch:
            if isinstance(event, UsageUpdate | MetricsUpdate):
                self._usage = merge_usage(self._usage, event.usage)
                self._service_tier = getattr(event, "service_tier", None) or self._service_tier

    def _take_usage(self) -> dict[str, Json]:
        """What was counted since it was last told."""
        native = encode_usage(self._usage, self._service_tier)
        self._usage, self._service_tier = Usage(), None
        return native

    def _start(self, chunks: list[Json], id: str | None, model: str | None) -> None:
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
        if not self._has_started:
            self._start(chunks, self._context.id, self._context.model)

    def _enter(self, chunks: list[Json], index: int, native_block: Json) -> None:
        if self._open != index:
            self._start_block(chunks, index, native_block)

    def _start_block(self, chunks: list[Json], index: int, native_block: Json) -> None:
        self._ensure_started(chunks)
        self._stop_block(chunks)
        self._open = index
        chunks.append(
            {"type": "content_block_start", "index": index, "content_block": native_block}
        )

    def _stop_block(self, chunks: list[Json]) -> None:
        if self._open is not None:
            chunks.append({"type": "content_block_stop", "index": self._open})
            self._open = None

    def _encode_reasoning(self, chunks: list[Json], event: ReasoningDelta) -> None:
        if event.redacted is not None:
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
        if not self._has_stopped:
            self._stop(chunks, Stopped(StopReason.END_TURN))
        chunks.append({"type": "message_stop"})


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
