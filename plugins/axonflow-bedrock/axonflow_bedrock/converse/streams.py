"""A ConverseStream: each event is one chunk, an object of one key.

    {"messageStart": {"role": "assistant"}}
    {"contentBlockStart": {"start": {"toolUse": {"toolUseId", "name"}}, "contentBlockIndex": 1}} ?
    {"contentBlockDelta": {"delta": {"text": "…"}, "contentBlockIndex": 0}} *
    {"contentBlockStop": {"contentBlockIndex": 0}}
    {"messageStop": {"stopReason": "end_turn"}}
    {"metadata": {"usage": {"inputTokens": 9, "outputTokens": 128, "totalTokens": 137},
                  "metrics": {"latencyMs": 1850}, "trace": {…}, "serviceTier": {"type": "flex"}}}

Theory of operation. Native block numbers are content blocks here, so the decoder is nearly
stateless: a table from the key of the event to a function. It keeps the stop reason only, because
`metadata`, which arrives after `messageStop`, reports on the guardrail that caused it. The stream
is complete with `metadata`; without it the token counts, and so the cost, are unknown.

The encoder has to supply what other families do not have:

    _open     the block that has had a start or a delta and no stop; an event of another block
              closes it first
    _unsaid   a text or reasoning that was started. Converse has no start for these, so the block
              is opened by its first delta, or by an empty delta at its stop
    _usage, _metadata   counts, latency, trace and tier, which arrive at any time in other
              families and are sent at the end

Unknown members travel in `Extra` events: level `event` for those inside the event object, `chunk`
for those next to it, `in start`, `in delta` and `in delta.toolUse` for those next to content,
`delta N` for a whole delta of block N of which nothing is known, `serviceTier` and `trace` for
those of `metadata`. A member that is new silences no content next to it.

Source: API reference of ConverseStream and recorded traffic, November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.codec.json_members import (
    index_in,
    known_beside,
    mapping_or_empty,
    object_in,
    set_members,
    string,
    unknown_members,
    with_facts,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.json_text import canonical
from axonflow_core.messages import (
    ContentBlock,
    Json,
    Opaque,
    Reasoning,
    Text,
    ToolResult,
    ToolUse,
    Usage,
)
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    CitationDelta,
    Ended,
    Extra,
    GuardrailUpdate,
    MetricsUpdate,
    ReasoningDelta,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolResultDelta,
    UsageUpdate,
    merge_usage,
)

from .answers import STOP_REASONS, decode_usage, encode_usage, guardrail_of
from .blocks import DIALECT, decode_block, decode_content, encode_content

_CHUNK, _EVENT = "chunk", "event"
"""Where in a chunk the members of an `Extra` stood: next to the event, or in it."""
_IN_START, _IN_DELTA = "in start", "in delta"
_IN_UNION: Mapping[str, tuple[str, ...]] = {
    _IN_START: ("contentBlockStart", "start"),
    _IN_DELTA: ("contentBlockDelta", "delta"),
    f"{_IN_DELTA}.toolUse": ("contentBlockDelta", "delta", "toolUse"),
    f"{_IN_DELTA}.reasoningContent": ("contentBlockDelta", "delta", "reasoningContent"),
}
"""Level of an `Extra` next to content -> the way to the object that it stood in."""


def stream_decoder(facts: ModelFacts) -> ChunkDecoder:
    """A decoder for one ConverseStream."""
    return ChunkDecoder()


def stream_encoder(context: StreamContext, facts: ModelFacts) -> ChunkEncoder:
    """An encoder for one ConverseStream."""
    return ChunkEncoder()


# ── decoding ──────────────────────────────────────────────────────────────────────────────────────


class ChunkDecoder:
    """One chunk, one batch. It remembers only whether a guardrail ended the message, which the
    metadata report on."""

    def __init__(self) -> None:
        self._stop: str | None = None
        self._decode: Mapping[str, Callable[[Mapping[str, Json]], Batch]] = {
            "messageStart": _decode_message_start,
            "contentBlockStart": _decode_block_start,
            "contentBlockDelta": _decode_delta,
            "contentBlockStop": _decode_block_stop,
            "messageStop": self._decode_message_stop,
            "metadata": self._decode_metadata,
        }

    def feed(self, chunk: Mapping[str, Json]) -> Batch:
        """The batch of one chunk. A chunk of an unknown kind is kept whole."""
        if not chunk:
            raise ValueError("a chunk has one member at least")
        if len(chunk) == 1:
            for name, event in chunk.items():
                decode = self._decode.get(name)
                return _unknown(chunk) if decode is None else decode(event)
        if None in chunk.values() and len(only := set_members(chunk)) < len(chunk):
            return self.feed(only)
        for known in chunk.keys() & self._decode.keys():
            return (
                *self._decode[known](chunk[known]),
                Extra(unknown_members(chunk, frozenset({known})), _CHUNK),
            )
        return _unknown(chunk)

    def _decode_message_stop(self, event: Mapping[str, Json]) -> Batch:
        self._stop = string(event["stopReason"])
        stopped = Stopped(STOP_REASONS.decode(self._stop), self._stop)
        return _with_rest((stopped,), event, _STOP_KEYS)

    def _decode_metadata(self, event: Mapping[str, Json]) -> Batch:
        """The terminal event: counts in tokens, `latencyMs` in milliseconds, the guardrail's
        trace."""
        metrics, trace, tier = (
            mapping_or_empty(event.get(key)) for key in ("metrics", "trace", "serviceTier")
        )
        in_tier, kind = unknown_members(tier, frozenset({"type"})), tier.get("type")
        if not isinstance(kind, str | NoneType):
            in_tier, kind = tier, None
        events: list[StreamEvent] = [UsageUpdate(decode_usage(event.get("usage")), kind)]
        if metrics:
            others = unknown_members(metrics, frozenset(_TIMES))
            events.append(with_facts(MetricsUpdate, metrics, _TIMES, others, usage=Usage()))
        guardrail = guardrail_of(trace.get("guardrail"), self._stop)
        if guardrail is not None:
            events.append(GuardrailUpdate(guardrail))
        if in_tier:
            events.append(Extra(in_tier, "serviceTier"))
        if in_trace := unknown_members(trace, frozenset({"guardrail"})):
            events.append(Extra(in_trace, "trace"))
        known = known_beside(event, _METADATA_KEYS, *_METADATA_KEYS)
        return _with_rest((*events, Ended()), event, known)


_TIMES = {"latencyMs": "latency_ms"}
_STOP_KEYS = frozenset({"stopReason"})
_METADATA_KEYS = frozenset({"usage", "metrics", "trace", "serviceTier"})
_BLOCK_KEYS = frozenset({"contentBlockIndex", "start", "delta"})
_INDEX_KEYS = frozenset({"contentBlockIndex"})
_START_KEYS = frozenset({"toolUseId", "name"})
_INPUT_KEYS = frozenset({"input"})


def _with_rest(batch: Batch, event: Mapping[str, Json], known: frozenset[str]) -> Batch:
    """`batch`, followed by the members of the event that are not in `known`."""
    rest = unknown_members(event, known)
    return (*batch, Extra(rest, _EVENT)) if rest else batch


def _decode_message_start(event: Mapping[str, Json]) -> Batch:
    return _with_rest((Started(),), event, frozenset({"role"}))


def _decode_block_start(event: Mapping[str, Json]) -> Batch:
    """A tool call or a tool result, whose content follows in deltas; any other start is kept as
    `Opaque`."""
    index, start = index_in(event, "contentBlockIndex"), set_members(object_in(event, "start"))
    known = frozenset(start.keys() & _STARTS.keys())
    if len(known) != 1:
        return _with_rest((BlockStart(index, Opaque(DIALECT, dict(start))),), event, _BLOCK_KEYS)
    (kind,) = known
    batch: Batch = (BlockStart(index, _STARTS[kind](start[kind])),)
    if len(start) > 1:
        batch = (*batch, Extra(unknown_members(start, known), _IN_START))
    return _with_rest(batch, event, _BLOCK_KEYS)


def _start_of_call(call: Mapping[str, Json]) -> ContentBlock:
    extra = unknown_members(call, _START_KEYS)
    return ToolUse(string(call["toolUseId"]), string(call["name"]), {}, extra=extra)


def _start_of_result(result: Mapping[str, Json]) -> ContentBlock:
    return decode_block({"toolResult": {**result, "content": []}})


_STARTS: Mapping[str, Callable[[Any], ContentBlock]] = {
    "toolUse": _start_of_call,
    "toolResult": _start_of_result,
}


def _decode_delta(event: Mapping[str, Json]) -> Batch:
    """The event of one delta. Text, which most deltas are, is decoded at once."""
    index, delta = event.get("contentBlockIndex"), event.get("delta")
    text = delta.get("text") if type(delta) is dict and len(delta) == 1 else None
    if type(text) is str and type(index) is int:
        batch: Batch = (TextDelta(text, index),)
    else:
        index = index_in(event, "contentBlockIndex")
        batch = _delta_events(set_members(object_in(event, "delta")), index)
    return batch if len(event) == 2 else _with_rest(batch, event, _BLOCK_KEYS)


def _unknown(chunk: Mapping[str, Json]) -> Batch:
    """A chunk of which nothing is known, whole."""
    return (Extra(dict(chunk), _CHUNK, ", ".join(sorted(chunk)) or None),)


def _delta_events(delta: Mapping[str, Json], index: int) -> Batch:
    """The events of what is known in a delta, then the rest in an `Extra`. A delta of which nothing
    is known is kept whole."""
    events: list[StreamEvent] = []
    rest: dict[str, Json] = {}
    for kind, value in delta.items():
        decode = _DELTAS.get(kind)
        batch = () if decode is None else decode(value, index)
        events += batch
        if not batch:
            rest[kind] = value
    if not events:
        return (Extra(delta, f"delta {index}", ", ".join(sorted(delta)) or None),)
    return (*events, Extra(rest, _IN_DELTA)) if rest else tuple(events)


def _text_delta(text: Json, index: int) -> Batch:
    return (TextDelta(text, index),) if isinstance(text, str) else ()


def _call_delta(call: Json, index: int) -> Batch:
    """A piece of a call's arguments, which are JSON text."""
    match call:
        case {"input": str(json)}:
            return _and_rest(ToolInputDelta(json, index), call, _INPUT_KEYS, "toolUse")
    return ()


def _reasoning_delta(thought: Json, index: int) -> Batch:
    """A piece of text, a signature or redacted content."""
    if not isinstance(thought, dict):
        return ()
    known = frozenset(key for key in _THOUGHTS if isinstance(thought.get(key), str))
    if not known:
        return ()
    pieces = {_THOUGHTS[key]: thought[key] for key in known}
    return _and_rest(ReasoningDelta(**pieces, index=index), thought, known, "reasoningContent")


_THOUGHTS = {"text": "text", "signature": "signature", "redactedContent": "redacted"}
"""What a piece of reasoning may be -> the attribute of `ReasoningDelta`."""


def _result_delta(blocks: Json, index: int) -> Batch:
    return (ToolResultDelta(decode_content(blocks), index),) if isinstance(blocks, list) else ()


def _citation_delta(citation: Json, index: int) -> Batch:
    return (CitationDelta(citation, index),) if isinstance(citation, dict) else ()


def _and_rest(
    event: StreamEvent, native: Mapping[str, Json], known: frozenset[str], kind: str
) -> Batch:
    """`event`, and the members of the delta's `kind` that are set and not `known`."""
    if len(native) == len(known):
        return (event,)
    rest = without_none(unknown_members(native, known))
    return (event, Extra(rest, f"{_IN_DELTA}.{kind}")) if rest else (event,)


_DELTAS: Mapping[str, Callable[[Json, int], Batch]] = {
    "text": _text_delta,
    "toolUse": _call_delta,
    "reasoningContent": _reasoning_delta,
    "toolResult": _result_delta,
    "citation": _citation_delta,
}
"""A member of a delta -> its events; none where it is not as documented."""


def _decode_block_stop(event: Mapping[str, Json]) -> Batch:
    return _with_rest((BlockStop(index_in(event, "contentBlockIndex")),), event, _INDEX_KEYS)


# ── encoding ──────────────────────────────────────────────────────────────────────────────────────


class ChunkEncoder:
    """Encodes events of any family as chunks; the module describes what is supplied and what
    waits."""

    def __init__(self) -> None:
        self._open: int | None = None
        self._unsaid: Text | Reasoning | None = None
        """A block that was announced and that Converse begins with its first delta."""
        self._usage = Usage()
        self._metadata: dict[str, Json] = {}
        self._encode: Mapping[type, Callable[[Any, list[Json]], None]] = {
            Started: self._started,
            BlockStart: self._block_start,
            TextDelta: self._text,
            ReasoningDelta: self._reasoning,
            ToolInputDelta: self._tool_input,
            ToolResultDelta: self._tool_result,
            CitationDelta: self._citation,
            BlockStop: self._block_stop,
            UsageUpdate: self._add_usage,
            MetricsUpdate: self._add_metrics,
            GuardrailUpdate: self._add_guardrail,
            Stopped: self._stopped,
            Ended: self._ended,
            Extra: self._extra,
        }

    def encode(self, batch: Batch) -> list[Json]:
        chunks: list[Json] = []
        for event in batch:
            self._encode[type(event)](event, chunks)
        return chunks

    # blocks

    def _started(self, event: Started, chunks: list[Json]) -> None:
        chunks.append({"messageStart": {"role": "assistant"}})

    def _block_start(self, event: BlockStart, chunks: list[Json]) -> None:
        """Announces a tool call, tool result or opaque block. Arguments that a call starts with
        follow as a delta: a start of Converse has no place for them. `EncodeError` for a block that
        a Converse stream cannot have, such as an image."""
        index, block = event.index, event.block
        self._turn_to(index, chunks)
        match block:
            case ToolUse():
                call = {"toolUseId": block.id, "name": block.name, **block.extra}
                chunks.append(
                    {"contentBlockStart": {"start": {"toolUse": call}, "contentBlockIndex": index}}
                )
                if block.input:
                    written = _as_text(block.input)
                    self._add(index, {"toolUse": {"input": written}}, chunks)
            case ToolResult():
                (native,) = encode_content((evolve(block, content=()),))
                start = {
                    "toolResult": unknown_members(native["toolResult"], frozenset({"content"}))
                }
                chunks.append({"contentBlockStart": {"start": start, "contentBlockIndex": index}})
                if block.content:
                    self._tool_result(ToolResultDelta(_as_blocks(block.content), index), chunks)
            case Opaque():
                chunks.append(
                    {"contentBlockStart": {"start": block.data, "contentBlockIndex": index}}
                )
            case Text() | Reasoning():
                self._unsaid = block
            case _:
                raise EncodeError(
                    "a stream of Converse has no place for a block of the kind "
                    f"{type(block).__name__}",
                    feature=type(block).__name__.lower(),
                )

    def _block_stop(self, event: BlockStop, chunks: list[Json]) -> None:
        if self._open not in (None, event.index):
            self._close(chunks)
        self._say_unsaid(event.index, chunks)
        chunks.append({"contentBlockStop": {"contentBlockIndex": event.index}})
        self._open = None

    def _turn_to(self, index: int, chunks: list[Json]) -> None:
        """Makes `index` the open block and closes the one that was open."""
        if self._open not in (None, index):
            self._close(chunks)
        self._open = index

    def _close(self, chunks: list[Json]) -> None:
        if self._open is not None:
            self._block_stop(BlockStop(self._open), chunks)

    def _say_unsaid(self, index: int, chunks: list[Json]) -> None:
        """The first delta of a block that was announced: what it began with, or nothing."""
        block, self._unsaid = self._unsaid, None
        match block:
            case Text(text):
                self._add(index, {"text": text}, chunks)
            case Reasoning(text, signature, redacted):
                self._reasoning(ReasoningDelta(text, signature, redacted, index), chunks)

    def _add(self, index: int, delta: Json, chunks: list[Json]) -> None:
        """One delta. If the block was started with a text of its own, that goes first; an empty one
        is dropped, since this delta opens the block."""
        if self._open != index:
            self._turn_to(index, chunks)
        if self._unsaid is not None:
            if self._unsaid in _EMPTY:
                self._unsaid = None
            else:
                self._say_unsaid(index, chunks)
        chunks.append(_delta(index, delta))

    # deltas

    def _text(self, event: TextDelta, chunks: list[Json]) -> None:
        self._add(event.index, {"text": event.text}, chunks)

    def _reasoning(self, event: ReasoningDelta, chunks: list[Json]) -> None:
        """Text, signature and redacted content are a union in Converse: one delta for each."""
        says_more = event.signature is not None or event.redacted is not None
        if event.text or not says_more:
            self._add(event.index, {"reasoningContent": {"text": event.text}}, chunks)
        if event.signature is not None:
            self._add(event.index, {"reasoningContent": {"signature": event.signature}}, chunks)
        if event.redacted is not None:
            self._add(
                event.index, {"reasoningContent": {"redactedContent": event.redacted}}, chunks
            )

    def _tool_input(self, event: ToolInputDelta, chunks: list[Json]) -> None:
        self._add(event.index, {"toolUse": {"input": event.json}}, chunks)

    def _tool_result(self, event: ToolResultDelta, chunks: list[Json]) -> None:
        self._add(event.index, {"toolResult": encode_content(event.content)}, chunks)

    def _citation(self, event: CitationDelta, chunks: list[Json]) -> None:
        self._add(event.index, {"citation": event.citation}, chunks)

    # the end

    def _stopped(self, event: Stopped, chunks: list[Json]) -> None:
        self._close(chunks)
        chunks.append(
            {"messageStop": {"stopReason": STOP_REASONS.encode(event.reason, event.native)}}
        )

    def _add_usage(self, event: UsageUpdate, chunks: list[Json]) -> None:
        self._usage = merge_usage(self._usage, event.usage)
        if event.service_tier is not None:
            self._metadata["serviceTier"] = {"type": event.service_tier}

    def _add_metrics(self, event: MetricsUpdate, chunks: list[Json]) -> None:
        self._usage = merge_usage(self._usage, event.usage)
        self._metadata["metrics"] = {**without_none({"latencyMs": event.latency_ms}), **event.extra}

    def _add_guardrail(self, event: GuardrailUpdate, chunks: list[Json]) -> None:
        if event.guardrail.trace is not None:
            self._place("trace", {"guardrail": event.guardrail.trace})

    def _ended(self, event: Ended, chunks: list[Json]) -> None:
        """`metadata`, which is sent even without counts: it marks the end of the stream."""
        chunks.append({"metadata": {"usage": encode_usage(self._usage), **self._metadata}})
        self._usage, self._metadata = Usage(), {}

    def _place(self, member: str, native: Mapping[str, Json]) -> None:
        self._metadata[member] = {**self._metadata.get(member, {}), **native}

    def _extra(self, event: Extra, chunks: list[Json]) -> None:
        """Puts unknown members where they stood; those of another dialect have no place here."""
        level = event.level
        if level in ("serviceTier", "trace"):
            self._place(level, event.members)
        elif level.startswith("delta "):
            self._add(int(level.removeprefix("delta ")), dict(event.members), chunks)
        elif level in _IN_UNION:
            _place_within(event.members, chunks, _IN_UNION[level])
        elif level == _EVENT and chunks:
            next(iter(chunks[-1].values())).update(event.members)
        elif level == _CHUNK:
            self._place_beside(event.members, chunks)

    def _place_beside(self, members: Mapping[str, Json], chunks: list[Json]) -> None:
        if chunks:
            chunks[-1].update(members)
        else:
            chunks.append(dict(members))


def _place_within(members: Mapping[str, Json], chunks: list[Json], way: tuple[str, ...]) -> None:
    """Puts members into the object to which `way` leads in the last chunk, if it has one."""
    owner: Json = chunks[-1] if chunks else None
    for key in way:
        owner = owner.get(key) if isinstance(owner, dict) else None
    if isinstance(owner, dict):
        owner.update(members)


# A block that starts empty has nothing to send before its first delta.
_EMPTY = (Text(""), Reasoning())


def _delta(index: int, delta: Json) -> Json:
    return {"contentBlockDelta": {"delta": delta, "contentBlockIndex": index}}


def _as_text(arguments: Json) -> str:
    """Arguments as JSON text; those that are text already, because they are broken, unchanged."""
    return arguments if isinstance(arguments, str) else canonical(arguments)


def _as_blocks(content: tuple[ContentBlock, ...] | str) -> tuple[ContentBlock, ...]:
    return (Text(content),) if isinstance(content, str) else content
