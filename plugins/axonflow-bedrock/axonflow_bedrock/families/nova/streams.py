"""A streamed answer of Nova on InvokeModel, and the block numbers that Nova assigns.

Each chunk is an object of one key, in this order (`*` any number, `?` optional):

    {"messageStart": {"role": "assistant"}}
    {"contentBlockStart": {"start": {"toolUse": {"toolUseId", "name"}}, "contentBlockIndex": 0}} ?
    {"contentBlockDelta": {"delta": {"text": "…"}, "contentBlockIndex": 0}} *
    {"contentBlockStop": {"contentBlockIndex": 0}} *
    {"messageStop": {"stopReason": "end_turn"}}
    {"metadata": {"usage": {"inputTokens", "outputTokens", …}, "metrics": {}, "trace": {}}}

Theory of operation. The shape is Converse's, the numbering is not. Only a tool call is announced by
a `contentBlockStart`. In recorded traffic each text delta is a block of its own: it has the next
`contentBlockIndex` and is followed by its own `contentBlockStop`, although the whole answer holds
one text. A decoder that mapped native numbers to content blocks would split an answer into as many
texts as it has chunks.

So two counters run in parallel, in the decoder and in the encoder alike:

    _native   the `contentBlockIndex` that the next native block is expected to have
    _block    the index of the content block in the neutral model; it advances when the kind of
              content changes (text, reasoning) and at every announced block

Invariant: decoder and encoder advance `_native` by the same rule, one for every stop. As long as
the stream numbers its blocks by that rule, nothing but the place of each stop is carried, as an
`Extra` of level `nova stop`; where it deviates, an `Extra` of level `nova number` holds the number
that was received. Thus decoding and encoding gives back the same chunks.

Members that have no field in the neutral model travel in `Extra` events, by level:

    nova chunk      a whole chunk of an unknown kind
    nova members    further keys of the chunk, next to the known one
    nova event      further members of the event object
    nova delta      further members of `delta`
    nova call       further members of a delta's `toolUse`
    nova thought    further members of a delta's `reasoningContent`
    nova start      further members of `start`
    nova metadata   the members of `metadata` other than `usage`, if not the usual empty ones

Two adjacent texts, which Nova itself does not send, are kept apart by a start that announces
nothing: `{"start": {}}`. A blocked answer ends with `{"error": "…"}` instead of `messageStop`.

Source: recorded streams of Nova Micro and Lite; Amazon Nova user guide, "Response structure",
November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from axonflow_core.codec.json_members import (
    index_in,
    known_beside,
    object_in,
    set_members,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.json_text import canonical
from axonflow_core.messages import EMPTY, Json, Opaque, Reasoning, StopReason, Text, ToolUse, Usage
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    Extra,
    ReasoningDelta,
    Started,
    Stopped,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    merge_usage,
)

from ...shapes.converse_shapes import decode_tool_use
from .answers import STOP_REASONS, decode_usage, encode_usage
from .blocks import DIALECT, encode_block

_STARTED: Batch = (Started(),)
_PIECE_STOP: Batch = (Extra({}, "nova stop"),)
"""The stop of a piece of text: no block of ours ends with it."""

_TEXT, _REASONING, _ANNOUNCED = "text", "reasoning", "announced"
"""What kind of block is open. A text or a reasoning goes on through all its pieces."""


class ChunkDecoder:
    """Decodes one chunk into one batch; holds the two counters that the module describes.

    `_is_open` tells whether native block `_native` has had a start or a delta and no stop yet;
    `_kind` is the kind of the current content block.
    """

    def __init__(self) -> None:
        self._native = 0
        self._is_open = False
        self._block = -1
        self._kind: str | None = None

    def feed(self, chunk: Mapping[str, Json]) -> Batch:
        if len(chunk) > 1:
            chunk = set_members(chunk)
        elif not chunk:
            raise ValueError("a chunk has one member at least")
        for kind, native_event in chunk.items():
            decode = self._DECODE.get(kind)
            if decode is not None:
                batch = decode(self, native_event)
                return (
                    batch
                    if len(chunk) == 1
                    else (*batch, Extra(unknown_members(chunk, frozenset({kind})), "nova members"))
                )
        return (Extra(chunk, "nova chunk", ", ".join(sorted(chunk))),)

    def _delta(self, native_event: Mapping[str, Json]) -> Batch:
        """The event for one delta: `{"delta": {"text": "…"}, "contentBlockIndex": 3}`.

        Several deltas with one number belong together only for a tool call, whose JSON arrives in
        pieces; a second text delta under an open number deviates from Nova's numbering and is
        recorded as such.
        """
        delta, native = native_event["delta"], native_event["contentBlockIndex"]
        if type(delta) is not dict or type(native) is not int:
            delta = object_in(native_event, "delta")
            native = index_in(native_event, "contentBlockIndex")
        is_next = native == self._native and not self._is_open
        if len(delta) > 1:
            delta = set_members(delta)
        text = delta.get("text")
        if text is not None:
            block = (
                self._block if self._kind is _TEXT else self._going_on(_TEXT)
            )  # no call for most chunks there are
            event: Any = TextDelta(string(text), block)
        elif "toolUse" in delta:
            event = ToolInputDelta(string(delta["toolUse"]["input"]), self._block)
            is_next = native == self._native
        elif thought := _thought_of(delta):
            event = ReasoningDelta(**thought, index=self._going_on(_REASONING))
        else:
            unknown = ", ".join(sorted(delta)) or None
            return (Extra({"contentBlockDelta": native_event}, "nova chunk", unknown),)
        self._native, self._is_open = native, True
        if is_next and len(native_event) == 2 and len(delta) == 1 and text is not None:
            return (event,)
        return (*_jump(native, is_next=is_next), event, *_delta_extras(native_event, delta))

    def _going_on(self, kind: str) -> int:
        """The block that a piece of this kind belongs to."""
        if self._kind != kind:
            self._kind = kind
            self._block += 1
        return self._block

    def _start(self, native_event: Mapping[str, Json]) -> Batch:
        """A `contentBlockStart`, which announces a tool call; other kinds are kept as `Opaque`."""
        start = without_none(native_event.get("start") or {})
        native = index_in(native_event, "contentBlockIndex")
        jump = _jump(native, is_next=native == self._native and not self._is_open)
        self._native, self._is_open, self._kind = native, bool(start), _ANNOUNCED
        if not start:
            return jump
        self._block += 1
        tool = start.get("toolUse")
        block = Opaque(DIALECT, start) if tool is None else decode_tool_use({"input": {}, **tool})
        rest = EMPTY if tool is None else unknown_members(start, _CALL_KEYS)
        return (
            *jump,
            BlockStart(self._block, block),
            *_extra(rest, "nova start"),
            *_event_extras(native_event),
        )

    def _stop(self, native_event: Mapping[str, Json]) -> Batch:
        """A `contentBlockStop`. It ends a content block only where that was announced: the text or
        reasoning continues in the next native block."""
        native = index_in(native_event, "contentBlockIndex")
        is_next = native == self._native
        is_whole = is_next and self._is_open and self._kind is _ANNOUNCED
        batch: Batch = (BlockStop(self._block),) if is_whole else _PIECE_STOP
        self._native, self._is_open = native + 1, False
        return (
            batch
            if is_next and len(native_event) == 1
            else (*_jump(native, is_next=is_next), *batch, *_event_extras(native_event))
        )

    def _message_start(self, native_event: Mapping[str, Json]) -> Batch:
        return (
            _STARTED
            if without_none(native_event) == _ASSISTANT
            else (*_STARTED, Extra({**native_event}, "nova event"))
        )

    def _message_stop(self, native_event: Mapping[str, Json]) -> Batch:
        native = string(native_event["stopReason"])
        stopped = Stopped(STOP_REASONS.decode(native), native)
        return (
            (stopped,)
            if len(native_event) == 1
            else (stopped, Extra(unknown_members(native_event, _MESSAGE_STOP_KEYS), "nova event"))
        )

    def _metadata(self, native_event: Mapping[str, Json]) -> Batch:
        """The terminal event: token counts, and what else differs from `{"metrics": {}, "trace":
        {}}`."""
        known = known_beside(native_event, _METADATA_KEYS, "usage")
        others = unknown_members(native_event, known)
        update = UsageUpdate(decode_usage(native_event.get("usage")))
        return (
            (update, Ended())
            if others == _NO_METADATA
            else (update, Extra(others, "nova metadata"), Ended())
        )

    def _error(self, native_event: Json) -> Batch:
        """The output was blocked by Amazon's content filters: `{"error": "The generated text has
        been blocked by our content filters."}`, after which neither `messageStop` nor `metadata`
        follow. Source: AWS documentation of Nova, November 2026."""
        return (Stopped(StopReason.CONTENT_FILTERED, stop_details=string(native_event)), Ended())

    _DECODE: ClassVar[Mapping[str, Callable[[ChunkDecoder, Any], Batch]]] = {
        "contentBlockDelta": _delta,
        "contentBlockStop": _stop,
        "contentBlockStart": _start,
        "messageStart": _message_start,
        "messageStop": _message_stop,
        "metadata": _metadata,
        "error": _error,
    }


_ASSISTANT = {"role": "assistant"}
# Recorded streams always have both members, empty without a guardrail.
_NO_METADATA: Mapping[str, Json] = {"metrics": {}, "trace": {}}
_MESSAGE_STOP_KEYS = frozenset({"stopReason"})
_METADATA_KEYS = frozenset({"usage"})
_PLACE_KEYS = frozenset({"start", "delta", "contentBlockIndex"})
_DELTA_KEYS = frozenset({"text", "toolUse", "reasoningContent"})


_THOUGHTS = {"text": "text", "signature": "signature", "redactedContent": "redacted"}
"""What a piece of reasoning may be -> the attribute of `ReasoningDelta`."""
_THOUGHT_KEYS = frozenset(_THOUGHTS)
_CALL_KEYS, _INPUT_KEYS = frozenset({"toolUse"}), frozenset({"input"})


def _thought_of(delta: Mapping[str, Json]) -> dict[str, Any]:
    """The pieces of reasoning in `delta`; empty where there is none that this module knows."""
    thought = delta.get("reasoningContent")
    if not isinstance(thought, dict):
        return {}
    known = thought.keys() & _THOUGHTS.keys()
    return {_THOUGHTS[key]: string(thought[key]) for key in known if thought[key] is not None}


def _jump(native: int, *, is_next: bool) -> Batch:
    """The number that was received, where it is not the expected one."""
    return () if is_next else (Extra({"number": native}, "nova number"),)


def _event_extras(native_event: Mapping[str, Json]) -> Batch:
    """Members of an event object other than `start`, `delta` and `contentBlockIndex`."""
    return _extra(unknown_members(native_event, _PLACE_KEYS), "nova event")


def _extra(members: Mapping[str, Json], level: str) -> Batch:
    """An `Extra` for `members`, where there are any."""
    return (Extra(members, level),) if members else ()


def _delta_extras(native_event: Mapping[str, Json], delta: Mapping[str, Json]) -> Batch:
    """Unknown members of `delta`, of what is in it and of the event around it, each at its own
    level."""
    in_call = unknown_members(delta.get("toolUse") or EMPTY, _INPUT_KEYS)
    in_thought = unknown_members(delta.get("reasoningContent") or EMPTY, _THOUGHT_KEYS)
    return (
        *_extra(without_none(in_call), "nova call"),
        *_extra(without_none(in_thought), "nova thought"),
        *_extra(unknown_members(delta, _DELTA_KEYS), "nova delta"),
        *_event_extras(native_event),
    )


class ChunkEncoder:
    """Encodes batches of any family as Nova's chunks.

    Events that another family does not have (the start of a message, the stop of a block) are
    supplied. `_usage` accumulates until `Ended`, because Nova reports counts in `metadata` alone;
    `_is_blocked` suppresses `metadata` after an `error` chunk.
    """

    def __init__(self) -> None:
        self._chunks: list[dict[str, Json]] = []
        self._native = 0
        self._is_open = False
        self._block: int | None = None
        self._kind: str | None = None
        self._has_started = False
        self._has_stopped = False
        self._is_blocked = False
        self._usage = Usage()
        self._metadata = _NO_METADATA

    def encode(self, batch: Batch) -> list[Json]:
        self._chunks = []
        for event in batch:
            match event:
                case TextDelta(text, index):
                    self._piece(_TEXT, index, {"text": text})
                case ToolInputDelta(json):
                    self._is_open = True
                    self._put_delta({"toolUse": {"input": json}})
                case ReasoningDelta():
                    self._reasoning(event)
                case BlockStart(index, block):
                    self._start_block(index, block)
                case BlockStop():
                    self._close()
                case Extra(members, level):
                    self._place(members, level)
                case UsageUpdate(usage):
                    self._usage = merge_usage(self._usage, usage)
                case Started():
                    self._start()
                case Stopped():
                    self._stop(event)
                case Ended():
                    self._end()
        return self._chunks

    # ── blocks ────────────────────────────────────────────────────────────────────────────────────

    def _piece(self, kind: str, index: int, delta: dict[str, Json]) -> None:
        """One delta of text or reasoning, which is a native block of its own. An adjacent block of
        the same kind is separated by an empty start."""
        self._start()
        self._close()
        if self._kind == kind and self._block != index:
            self._put_start({})
        self._kind, self._block, self._is_open = kind, index, True
        self._put_delta(delta)

    def _reasoning(self, event: ReasoningDelta) -> None:
        """One delta for each member: Nova sends text, signature and redacted content apart."""
        pieces = without_none({"signature": event.signature, "redactedContent": event.redacted})
        if event.text or not pieces:
            pieces = {"text": event.text, **pieces}
        for key, value in pieces.items():
            self._piece(_REASONING, event.index, {"reasoningContent": {key: value}})

    def _start_block(self, index: int, block: Any) -> None:
        """Announces a block. Text and reasoning have no start in Nova's streams: their first delta
        opens them."""
        match block:
            case Text("") | Reasoning("", None, None):
                pass  # the first delta says that it has begun
            case Text(text):
                self._piece(_TEXT, index, {"text": text})
            case Reasoning():
                self._reasoning(ReasoningDelta(block.text, block.signature, block.redacted, index))
            case _:
                self._announce(index, block)

    def _announce(self, index: int, block: Any) -> None:
        """A `contentBlockStart`; the arguments of a tool call follow as a delta of JSON text."""
        self._start()
        self._close()
        start = encode_block(block)
        arguments = start["toolUse"].pop("input") if isinstance(block, ToolUse) else {}
        self._put_start(start)
        self._kind, self._block, self._is_open = _ANNOUNCED, index, True
        if arguments != {}:
            self._put_delta({"toolUse": {"input": canonical(arguments)}})

    def _close(self) -> None:
        if self._is_open:
            self._put_stop()

    def _put_start(self, start: dict[str, Json]) -> None:
        self._chunks.append(
            {"contentBlockStart": {"start": start, "contentBlockIndex": self._native}}
        )

    def _put_delta(self, delta: dict[str, Json]) -> None:
        self._chunks.append(
            {"contentBlockDelta": {"delta": delta, "contentBlockIndex": self._native}}
        )

    def _put_stop(self) -> None:
        self._chunks.append({"contentBlockStop": {"contentBlockIndex": self._native}})
        self._native, self._is_open = self._native + 1, False

    # ── beginning and end ─────────────────────────────────────────────────────────────────────────

    def _start(self) -> None:
        if not self._has_started:
            self._has_started = True
            self._chunks.append({"messageStart": dict(_ASSISTANT)})

    def _stop(self, event: Stopped) -> None:
        """`messageStop`, or the `error` chunk where the content filters gave a reason."""
        self._start()
        self._close()
        self._has_stopped = True
        self._is_blocked = event.reason is StopReason.CONTENT_FILTERED and isinstance(
            event.stop_details, str
        )
        if self._is_blocked:
            self._chunks.append({"error": event.stop_details})
        else:
            self._chunks.append(
                {"messageStop": {"stopReason": STOP_REASONS.encode(event.reason, event.native)}}
            )

    def _end(self) -> None:
        """`metadata`, with a `messageStop` first if the other family sent none."""
        if not self._has_stopped:
            self._stop(Stopped(StopReason.END_TURN))
        if not self._is_blocked:
            self._chunks.append(
                {"metadata": {"usage": encode_usage(self._usage), **self._metadata}}
            )

    # ── what has no word of its own ───────────────────────────────────────────────────────────────

    def _place(self, members: Mapping[str, Json], level: str) -> None:
        """Puts members back at the level they were read from. Extras of another family have none of
        these levels and are left out."""
        last = self._chunks[-1] if self._chunks else None
        match level:
            case "nova stop":
                self._put_stop()
            case "nova number":
                self._native, self._is_open = members["number"], False
            case "nova metadata":
                self._metadata = members
            case "nova chunk":
                self._chunks.append(dict(members))
            case "nova members" if last is not None:
                last.update(members)
            case "nova event" if last is not None:
                next(iter(last.values())).update(members)
            case "nova start" if last is not None:
                last["contentBlockStart"]["start"].update(members)
            case "nova delta" if last is not None:
                last["contentBlockDelta"]["delta"].update(members)
            case "nova call" if last is not None:
                last["contentBlockDelta"]["delta"]["toolUse"].update(members)
            case "nova thought" if last is not None:
                last["contentBlockDelta"]["delta"]["reasoningContent"].update(members)
