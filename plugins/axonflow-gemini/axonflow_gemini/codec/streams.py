"""A streamed answer: each chunk is a whole `GenerateContentResponse` with the next parts.

    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hm", "thought": true}]}}], …}
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hel"}]}}], "usageMetadata": …}
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "lo"}]},
                     "finishReason": "STOP"}], "usageMetadata": …}

Theory of operation. Nothing on the wire numbers a part. A text that begins a chunk goes on where
the chunk before ended with text; likewise a thought. Every other part is a block of its own, and so
is a text after a text in one chunk. `ChunkDecoder` keeps the number of blocks so far, and the kind
of the one that may go on.

`ChunkEncoder` makes one chunk of a batch. Deltas of one block are one part. A call leaves whole, so
its pieces are held until its block ends. Where a new text follows a text of the chunk before, an
empty part that goes on with the older one comes first. `responseId` and `modelVersion` stand in
every chunk; counts add up, because clients take the last ones for all, and wait for the next chunk
with content: a chunk without any makes Google's client forget the turn. So the last chunk ends in
an empty text where it would have none.

The last chunk is the one with a `finishReason`: without it a stream is truncated. So the reason is
held until `Ended`. A refused prompt is one chunk without a candidate, and ends the stream too.

Source: Gemini API reference, "streamGenerateContent"; google-genai 3.6.1; November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from axonflow_core.codec import StreamContext
from axonflow_core.codec.json_members import (
    apart,
    array,
    first_in,
    split_prefixed,
    unknown_members,
    without_none,
)
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    EMPTY,
    ContentBlock,
    Json,
    Reasoning,
    StopReason,
    Text,
    ToolUse,
    Usage,
)
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    Extra,
    MetricsUpdate,
    ReasoningDelta,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    left_out,
    merge_usage,
    tool_input,
)

from .answers import (
    CANDIDATE,
    CONTENT,
    FACTS,
    calls_of,
    content_of,
    decode_stop,
    decode_usage,
    encode_stop,
    encode_usage,
    extra_of,
    refusal_in,
    refusal_of,
)
from .errors import ERRORS
from .parts import CARRIED, Calls, decode_part, encode_part

_PART = "part"
"""Level of an `Extra` with the unknown members of a text or thought: `part.N`, in its chunk."""


class ChunkDecoder:
    """Chunks in, batches out."""

    def __init__(self) -> None:
        self._facts: dict[str, Json] = {}
        self._calls: Calls | None = None
        self._next = 0
        self._open: type | None = None
        self._has_calls = False

    def feed(self, chunk: Mapping[str, Json]) -> Batch:
        """The events of one chunk. `ProviderError` for one that reports an error."""
        if chunk.get("error") is not None:
            ERRORS.raise_reported(chunk)
        events: list[StreamEvent] = []
        odd = self._start(chunk, events)
        refusal = refusal_in(chunk)
        candidate, others = EMPTY, EMPTY
        if chunk.get("candidates"):
            candidate, others = first_in(chunk, "candidates")
        content = content_of(candidate)
        self._add_parts(candidate, content, chunk, events)
        usage, tier = decode_usage(chunk)
        if usage != Usage() or tier is not None:
            events.append(UsageUpdate(usage, tier))
        extra = {**extra_of(chunk, candidate, content), **odd, **others}
        if extra:
            unknown = next((left_out(each).feature for each in others), None)
            events.append(Extra(extra, unknown=unknown))
        self._stop(candidate, refusal, events)
        return tuple(events)

    def _start(self, chunk: Mapping[str, Json], events: list[StreamEvent]) -> Mapping[str, Json]:
        """`Started` where the chunk has a new fact; the facts that are none stay where they
        stood."""
        named = {name: chunk.get(key) for key, name in FACTS.items()}
        fit, misfit = apart(Started, named)
        new = {
            name: fact for name, fact in without_none(fit).items() if self._facts.get(name) != fact
        }
        if new:
            self._facts |= new
            events.append(Started(**new))
        keys = {name: key for key, name in FACTS.items()}
        return {keys[name]: fact for name, fact in misfit.items()}

    def _add_parts(
        self,
        candidate: Mapping[str, Json],
        content: Mapping[str, Json],
        chunk: Mapping[str, Json],
        events: list[StreamEvent],
    ) -> None:
        self._calls = self._calls or calls_of(chunk)
        parts = [] if content.get("parts") is None else array(content["parts"], "parts")
        if decode_stop(candidate, ())[0] is not None:
            parts = _without_filler(parts, events)
        is_first = True
        for place, part in enumerate(parts):
            for block in decode_part(part, self._calls):
                self._add(block, place, is_first, events)
                is_first = False

    def _add(
        self, block: ContentBlock, place: int, is_first: bool, events: list[StreamEvent]
    ) -> None:
        """The events of one block of a chunk: a delta, or a block that is whole."""
        is_carried = isinstance(block, Reasoning) and block.spelling == CARRIED
        is_delta = _is_delta(block)
        if not (is_first and is_delta and type(block) is self._open) or is_carried:
            self._next += 1
        index = self._next - 1
        self._open = type(block) if is_delta else None
        if not is_delta:
            self._has_calls |= isinstance(block, ToolUse)
            events += [BlockStart(index, block), BlockStop(index)]
            return
        if isinstance(block, Text):
            events.append(TextDelta(block.text, index))
        elif isinstance(block, Reasoning):
            events.append(ReasoningDelta(block.text, block.signature, index=index))
        if block.extra:  # type: ignore[union-attr]
            events.append(Extra(block.extra, f"{_PART}.{place}"))  # type: ignore[union-attr]

    def _stop(
        self, candidate: Mapping[str, Json], refusal: Mapping[str, Json], events: list[StreamEvent]
    ) -> None:
        reason, native, details = decode_stop(candidate, ())
        if refusal:
            reason, details = StopReason.CONTENT_FILTERED, refusal
        if reason is None:
            return
        if reason is StopReason.END_TURN and self._has_calls:
            reason = StopReason.TOOL_USE
        events += [Stopped(reason, native, None, details), Ended()]


_FILLER = "filler"
"""Level of an `Extra` about the empty text at the end: its unknown members, or that there is
none."""
_BARE: Mapping[str, Json] = {"bare": True}


def _without_filler(parts: list[Json], events: list[StreamEvent]) -> list[Json]:
    """The parts of the last chunk without the empty text that says nothing."""
    if not parts:
        events.append(Extra(_BARE, _FILLER))
        return parts
    last = without_none(parts[-1]) if isinstance(parts[-1], dict) else {}
    if last.get("text") != "" or not _SIGNS.isdisjoint(last):
        return parts
    if members := unknown_members(last, frozenset({"text"})):
        events.append(Extra(members, _FILLER))
    return parts[:-1]


_SIGNS = frozenset({"thought", "thoughtSignature"})


_EMPTY: Mapping[type, ContentBlock] = {Text: Text(""), Reasoning: Reasoning()}
"""What goes on with the block of the chunk before, and says nothing."""


def _is_delta(block: ContentBlock) -> bool:
    """Whether a block may come in pieces: a text, or a thought that can be read."""
    if isinstance(block, Reasoning):
        return block.redacted is None
    return isinstance(block, Text) and not block.spelling


class _Part:
    """One part while the events of its batch are read."""

    def __init__(self, block: ContentBlock, index: int) -> None:
        self.block = block
        self.index = index
        self.extra: Mapping[str, Json] = EMPTY


class ChunkEncoder:
    """Batches of any family in, at most one chunk for each out."""

    def __init__(self, context: StreamContext) -> None:
        self._facts: dict[str, Json] = {"id": context.id, "model": context.model}
        self._usage, self._tier = Usage(), None
        self._stopped: Stopped | None = None
        self._held: dict[int, tuple[ToolUse, list[str]]] = {}
        self._last: tuple[int, type] | None = None
        self._filler: Mapping[str, Json] = {}
        self._is_counted = self._has_ended = False

    def encode(self, batch: Batch) -> list[Json]:
        """The chunk of a batch, none where it says nothing yet."""
        parts: list[_Part] = []
        extra: dict[str, Json] = {}
        ended = False
        for event in batch:
            if isinstance(event, UsageUpdate | MetricsUpdate):
                self._count(event)
                self._is_counted = True
            elif isinstance(event, Ended):
                ended = True
                parts += self._release()
            elif isinstance(event, Extra):
                self._place(event, parts, extra)
            else:
                parts += self._parts_of(event, parts)
        return self._chunk(parts, extra, ended=ended)

    # ── what a batch says ─────────────────────────────────────────────────────────────────────────

    def _count(self, event: UsageUpdate | MetricsUpdate) -> None:
        self._usage = merge_usage(self._usage, event.usage)
        self._tier = getattr(event, "service_tier", None) or self._tier

    def _place(self, event: Extra, parts: list[_Part], extra: dict[str, Json]) -> None:
        """Unknown members go back to where they stood; those of another form are left out."""
        if event.level == "answer":
            extra.update(event.members)
        elif event.level == _FILLER:
            self._filler = event.members
        elif event.level.startswith(f"{_PART}.") and parts:
            parts[-1].extra = {**parts[-1].extra, **event.members}

    def _parts_of(self, event: StreamEvent, parts: list[_Part]) -> Iterator[_Part]:
        match event:
            case Started():
                facts = without_none({"id": event.id, "model": event.model})
                self._facts |= facts
            case BlockStart(index, block):
                yield from self._begin(index, block)
            case TextDelta(text, index):
                yield from self._go_on(index, Text(text), parts)
            case ReasoningDelta():
                block = Reasoning(event.text, event.signature, event.redacted)
                yield from self._go_on(event.index, block, parts)
            case ToolInputDelta(json, index):
                self._held[index][1].append(json)
            case BlockStop(index):
                yield from self._release(index)
            case Stopped():
                self._stopped = event

    def _begin(self, index: int, block: ContentBlock) -> Iterator[_Part]:
        """A block begins: a call is held, a text or thought waits for what it says, and any other
        block is whole."""
        if isinstance(block, ToolUse):
            self._held[index] = (block, [])
        elif block not in _EMPTY.values():
            yield _Part(block, index)

    def _go_on(self, index: int, block: ContentBlock, parts: list[_Part]) -> Iterator[_Part]:
        """More of a text or a thought; in the part before it, where that is of the same block."""
        last = parts[-1] if parts else None
        is_same = (
            last is not None
            and last.index == index
            and type(last.block) is type(block)
            and not last.extra
            and getattr(block, "redacted", None) is None
        )
        if is_same and last is not None:
            last.block = _joined(last.block, block)
        else:
            yield _Part(block, index)

    def _release(self, index: int | None = None) -> list[_Part]:
        """The calls that are complete: that of `index`, or all."""
        places = [index] if index is not None else list(self._held)
        held = [(place, self._held.pop(place)) for place in places if place in self._held]
        return [_Part(_completed(call, pieces), place) for place, (call, pieces) in held]

    # ── what a chunk says ─────────────────────────────────────────────────────────────────────────

    def _chunk(self, parts: list[_Part], extra: dict[str, Json], *, ended: bool) -> list[Json]:
        own, others = split_prefixed(extra, "candidates")
        own, in_candidate, in_content = split_prefixed(own, CANDIDATE, CONTENT)
        stopped = (self._stopped or Stopped(StopReason.END_TURN)) if ended else None
        refusal = EMPTY if stopped is None else refusal_of(stopped.stop_details)
        written = self._written(parts)
        if stopped is not None and not refusal:
            written += self._filled(parts)
        content = {"role": "model", "parts": written} if written else {}
        candidate = {
            **({"content": {**content, **in_content}} if content or in_content else {}),
            **({} if stopped is None else _stop_of(stopped)),
            **in_candidate,
        }
        chunk: dict[str, Json] = {"promptFeedback": refusal} if refusal else {}
        if candidate:
            chunk["candidates"] = [candidate, *others.values()]
        is_said = bool(chunk or own or self._has_ended)
        self._has_ended |= ended
        if is_said and self._is_counted:
            self._is_counted = False
            usage = encode_usage(self._usage, self._tier)
            chunk |= {"usageMetadata": usage} if usage else {}
        if not chunk and not own:
            return []
        facts = without_none({key: self._facts.get(name) or None for key, name in FACTS.items()})
        return [{**chunk, **facts, **own}]

    def _filled(self, parts: list[_Part]) -> list[Json]:
        """The empty text without which Google's client takes the last chunk for no answer, and
        forgets the turn; also after an empty text that is a block."""
        last = parts[-1] if parts else None
        is_text = last is not None and isinstance(last.block, Text)
        is_blank = is_text and not last.block.text  # type: ignore[union-attr]
        is_due = last is None or is_blank or bool(self._filler.keys() - _BARE.keys())
        if not is_due or self._filler == _BARE:
            return []
        return [{"text": "", **self._filler}]

    def _written(self, parts: list[_Part]) -> list[Json]:
        """The parts of a chunk. A signature goes to the part of the block after it."""
        written: list[Json] = []
        signature: str | None = None
        for place, part in enumerate(parts):
            after = parts[place + 1] if place + 1 < len(parts) else None
            if after is not None and self._is_carried(part, after):
                signature = part.block.signature  # type: ignore[union-attr]
                continue
            if not written and signature is None and self._must_part(part):
                written.append(encode_part(_EMPTY[type(part.block)], Calls()))
            native = {**encode_part(part.block, Calls()), **part.extra}
            written.append(
                native if signature is None else {**native, "thoughtSignature": signature}
            )
            signature = None
            self._last = (part.index, type(part.block)) if _is_delta(part.block) else None
        return written

    def _must_part(self, part: _Part) -> bool:
        """Whether a part that begins a chunk would be read as more of another block."""
        if self._last is None or not _is_delta(part.block):
            return False
        return self._last[1] is type(part.block) and self._last[0] != part.index

    def _is_carried(self, part: _Part, after: _Part) -> bool:
        """Whether a part is a signature that the part after it carries."""
        block = part.block
        return (
            isinstance(block, Reasoning)
            and not block.text
            and block.signature is not None
            and not part.extra
            and (self._last is None or self._last != (part.index, Reasoning))
            and not isinstance(after.block, Reasoning)
        )


def _joined(block: Any, more: Any) -> ContentBlock:
    """A text or thought with more of it."""
    joined: ContentBlock = evolve(block, text=block.text + more.text)
    if isinstance(joined, Reasoning) and more.signature is not None:
        return evolve(joined, signature=(joined.signature or "") + more.signature)
    return joined


def _stop_of(event: Stopped) -> dict[str, Json]:
    return encode_stop(event.reason, event.native, event.stop_details)


def _completed(call: ToolUse, pieces: list[str]) -> ToolUse:
    text = "".join(pieces)
    return evolve(call, input=tool_input(text)) if text else call
