"""A streamed answer as values, and the sum of them.

A native chunk decodes to a *batch*: a tuple of events, in order. A batch encodes back to the chunk
it came from, so that a stream survives decode and encode chunk by chunk; batches of another family
encode to chunks of the same meaning.

    Started
    (BlockStart  TextDelta | ReasoningDelta | ToolInputDelta | …Delta  BlockStop)*
    Stopped  Ended

with `UsageUpdate`, `MetricsUpdate`, `GuardrailUpdate`, `RequestEcho` and `Extra` anywhere. A family
that does not announce its blocks sends no `BlockStart`: the first delta of an index opens a block,
the next index or the end closes it. A tool call is always announced. Only `Ended`, the family's
terminal event, makes a stream complete.

Deltas of two kinds may come under one index: Converse streams reasoning and then text as block 0.
They are two blocks, in the order in which they began.

Theory of operation. `Assembler` keeps the blocks in the order in which they were opened, and, by
index, those that are still open. A delta goes to the open block of its index. If there is none, or
the open one is text and the delta is reasoning or the reverse, an implied start closes everything
before it. Deltas are collected in lists and joined when the block is closed: adding text to text
would take time that grows with the square of the answer. Facts about the answer (`Started`, counts,
stop reason) replace fields of one frozen `Completion`; a later count replaces an earlier one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from attrs import field, fields_dict

from axonflow_core.converters import (
    MAX_DEPTH,
    Json,
    comparable,
    count,
    json_members,
    json_value,
    optional_text,
    text_value,
    whole,
)
from axonflow_core.errors import TruncatedStream
from axonflow_core.frozen import evolve, frozen
from axonflow_core.json_text import loads
from axonflow_core.messages import (
    Adjustment,
    Completion,
    ContentBlock,
    Guardrail,
    Reasoning,
    StopReason,
    Text,
    ToolResult,
    ToolUse,
    Usage,
    block_value,
    blocks_value,
    guardrail_value,
    members_field,
    size_only,
    stop_reason,
    usage_value,
)


@frozen
class Started:
    """The answer begins. `created` is in seconds since 1970-01-01T00:00Z."""

    id: str | None = field(default=None, converter=optional_text)
    model: str | None = field(default=None, converter=optional_text)
    created: int | None = field(default=None, converter=count)


@frozen
class BlockStart:
    """A block begins. `block` is its first value: an empty `Text`, a `ToolUse` with no input yet, a
    whole `Opaque`."""

    index: int = field(converter=whole)
    block: ContentBlock = field(converter=block_value)


@frozen
class TextDelta:
    """More text of a block."""

    text: str = field(converter=text_value, repr=size_only)
    index: int = field(default=0, converter=whole)


@frozen
class ReasoningDelta:
    """More reasoning: text, or the signature of the block, or a redacted piece."""

    text: str = field(default="", converter=text_value, repr=size_only)
    signature: str | None = field(default=None, converter=optional_text, repr=size_only)
    redacted: str | None = field(default=None, converter=optional_text, repr=size_only)
    index: int = field(default=0, converter=whole)
    spelling: Mapping[str, Json] = members_field()


@frozen
class ToolInputDelta:
    """A piece of the JSON text of a tool's arguments. Pieces may split anywhere, even inside an
    escape."""

    json: str = field(converter=text_value, repr=size_only)
    index: int = field(converter=whole)


@frozen
class ToolResultDelta:
    """More of the result of a tool that ran at the provider: whole blocks."""

    content: tuple[ContentBlock, ...] = field(converter=blocks_value, repr=size_only)
    index: int = field(converter=whole)


@frozen
class CitationDelta:
    """A citation of a text, in the family's own form."""

    citation: Json = field(converter=json_value, repr=size_only, eq=comparable)
    index: int = field(converter=whole)


@frozen
class BlockStop:
    """A block is complete."""

    index: int = field(converter=whole)


@frozen
class UsageUpdate:
    """Counts so far; a later count replaces an earlier one, an absent one leaves it."""

    usage: Usage = field(converter=usage_value)
    service_tier: str | None = field(default=None, converter=optional_text)


@frozen
class MetricsUpdate:
    """The provider's own account of the call, which bills: its counts replace the model's."""

    usage: Usage = field(converter=usage_value)
    latency_ms: int | None = field(default=None, converter=count)
    first_byte_latency_ms: int | None = field(default=None, converter=count)
    extra: Mapping[str, Json] = members_field()


@frozen
class GuardrailUpdate:
    """What the provider's guardrail has done so far."""

    guardrail: Guardrail = field(converter=guardrail_value)


@frozen
class RequestEcho:
    """What the answer repeats of the request, in the family's own form."""

    request_echo: Json = field(converter=json_value, repr=size_only, eq=comparable)


@frozen
class Stopped:
    """Why the model stopped. More usage may follow; the stream is complete only at `Ended`."""

    reason: StopReason = field(converter=stop_reason)
    native: str | None = field(default=None, converter=optional_text)
    stop_sequence: str | None = field(default=None, converter=optional_text, repr=size_only)
    stop_details: Json = field(default=None, converter=json_value, repr=size_only, eq=comparable)


@frozen
class Ended:
    """The family's terminal event."""


@frozen
class Extra:
    """Members of a chunk that the model has no field for.

    At the level `answer` the members join `Completion.extra`. Any other level is the codec's own
    word for the place in the chunk where they stood, kept only so that they can go back there.
    `unknown` names content that stands nowhere else: a kind of delta that nobody documented. The
    answer that the events add up to reports it as an adjustment.
    """

    members: Mapping[str, Json] = field(converter=json_members, repr=size_only, eq=comparable)
    level: str = field(default="answer", converter=text_value)
    unknown: str | None = field(default=None, converter=optional_text)


StreamEvent: TypeAlias = (
    Started
    | BlockStart
    | TextDelta
    | ReasoningDelta
    | ToolInputDelta
    | ToolResultDelta
    | CitationDelta
    | BlockStop
    | UsageUpdate
    | MetricsUpdate
    | GuardrailUpdate
    | RequestEcho
    | Stopped
    | Ended
    | Extra
)
"""Every kind of event. The head of this module has their order."""
Batch: TypeAlias = tuple[StreamEvent, ...]
"""What one chunk decodes to, in order. It encodes back to that chunk."""

_COUNTS = tuple(name for name in fields_dict(Usage) if name != "extra")


def merge_usage(usage: Usage, newer: Usage) -> Usage:
    """`usage` with every count that `newer` knows."""
    known = {name: count for name in _COUNTS if (count := getattr(newer, name)) is not None}
    if newer.extra:
        known["extra"] = {**usage.extra, **newer.extra}
    return evolve(usage, **known) if known else usage


def tool_input(fragments: str) -> Json:
    """The arguments that streamed JSON text adds up to: no text is no arguments, broken text stays
    text, and so does text that is nested more deeply than a value may be."""
    if not fragments:
        return {}
    try:
        # Broken JSON is the model's answer too: the caller, who knows the tool, decides.
        value = loads(fragments)
        if fragments.count("{") + fragments.count("[") > MAX_DEPTH:
            json_value(value)
        return value
    except ValueError:
        return fragments


def left_out(what: str) -> Adjustment:
    """The report of a part of an answer that is kept as it was, and is in no value."""
    why = "there is no value of this kind"
    return Adjustment(what, "left where it stood, and not part of the content", why)


_APART = {Text, Reasoning}
"""Blocks that are two though their deltas come under one index."""


class _OpenBlock:
    """One block while its deltas arrive: its first value, and the pieces that came since, by
    kind."""

    def __init__(self, first: ContentBlock) -> None:
        self.first = first
        self.texts: list[str] = []
        self.signatures: list[str] = []
        self.redacted: list[str] = []
        self.citations: list[Json] = []
        self.results: list[ContentBlock] = []

    def close(self) -> ContentBlock:
        """The block with all its pieces. It may be called again when more of them have come."""
        first, text = self.first, "".join(self.texts)
        match first:
            case Text():
                citations = first.citations + tuple(self.citations)
                return evolve(first, text=first.text + text, citations=citations)
            case Reasoning():
                signature = (first.signature or "") + "".join(self.signatures)
                redacted = (first.redacted or "") + "".join(self.redacted)
                return evolve(
                    first,
                    text=first.text + text,
                    signature=signature if self.signatures else first.signature,
                    redacted=redacted if self.redacted else first.redacted,
                )
            case ToolUse(input=str(), spelling=spelling) if spelling:
                # A call that begins with text, and is spelled so, takes free text and no JSON.
                return evolve(first, input=first.input + text)
            case ToolUse():
                return evolve(first, input=tool_input(text)) if text else first
            case ToolResult(content=content):
                return evolve(first, content=(*content, *self.results))
            case _:
                return first


def _started(answer: Completion, event: Started) -> dict[str, Any]:
    """The facts that the start has; an unset one leaves what is known."""
    known = {"id": event.id, "model": event.model, "created": event.created}
    return {name: fact for name, fact in known.items() if fact is not None}


def _counted(answer: Completion, event: UsageUpdate) -> dict[str, Any]:
    tier = event.service_tier or answer.service_tier
    return {"usage": merge_usage(answer.usage, event.usage), "service_tier": tier}


def _measured(answer: Completion, event: MetricsUpdate) -> dict[str, Any]:
    return {
        "usage": merge_usage(answer.usage, event.usage),
        "latency_ms": event.latency_ms,
        "first_byte_latency_ms": event.first_byte_latency_ms,
    }


def _guarded(answer: Completion, event: GuardrailUpdate) -> dict[str, Any]:
    """Action and trace may come in two chunks; the later of each counts."""
    old, new = answer.guardrail or Guardrail(), event.guardrail
    return {"guardrail": Guardrail(new.action or old.action, new.trace or old.trace)}


def _stopped(answer: Completion, event: Stopped) -> dict[str, Any]:
    return {
        "stop_reason": event.reason,
        "native_stop_reason": event.native,
        "stop_sequence": event.stop_sequence,
        "stop_details": event.stop_details,
    }


_FACTS: Mapping[type, Callable[[Completion, Any], dict[str, Any]]] = {
    Started: _started,
    UsageUpdate: _counted,
    MetricsUpdate: _measured,
    GuardrailUpdate: _guarded,
    Stopped: _stopped,
    RequestEcho: lambda answer, event: {"request_echo": event.request_echo},
    Extra: lambda answer, event: {"extra": {**answer.extra, **event.members}},
}
"""Event about the answer as a whole -> the fields of `Completion` that it sets."""


class Assembler:
    """Adds events up. `add` takes them one by one; `completion` is what they came to so far."""

    def __init__(self) -> None:
        self.has_ended = False
        self._blocks: list[_OpenBlock] = []  # in the order in which they were opened
        self._open: dict[int, _OpenBlock] = {}
        self._answer = Completion(content=(), stop_reason=None)
        self._unread: dict[str, Adjustment] = {}

    def add(self, event: StreamEvent) -> None:
        """Add the next event. Events of one stream are added in order."""
        match event:
            case TextDelta(text, index):
                self._block(index, Text("")).texts.append(text)
            case ToolInputDelta(json, index):
                self._block(index, ToolUse("", "", {})).texts.append(json)
            case ReasoningDelta():
                block = self._block(event.index, Reasoning(spelling=event.spelling))
                block.texts.append(event.text)
                if event.signature is not None:
                    block.signatures.append(event.signature)
                if event.redacted is not None:
                    block.redacted.append(event.redacted)
            case CitationDelta(citation, index):
                self._block(index, Text("")).citations.append(citation)
            case ToolResultDelta(content, index):
                self._block(index, ToolResult("", ())).results.extend(content)
            case BlockStart(index, block_value):
                self._start(index, block_value)
            case BlockStop(index):
                self._open.pop(index, None)
            case _:
                self._add_fact(event)

    def _add_fact(self, event: StreamEvent) -> None:
        """Take over what an event reports of the answer as a whole."""
        if type(event) is Ended:
            self.has_ended = True
        elif type(event) is Extra and event.unknown is not None:
            self._unread[event.unknown] = left_out(event.unknown)
        elif type(event) in _FACTS and getattr(event, "level", "answer") == "answer":
            # An `Extra` at any other level is the codec's own: it belongs to a chunk.
            self._answer = evolve(self._answer, **_FACTS[type(event)](self._answer, event))

    @property
    def completion(self) -> Completion:
        """The answer so far, complete or not."""
        content = tuple(block.close() for block in self._blocks)
        if not self._unread:
            return evolve(self._answer, content=content)
        return evolve(self._answer, content=content, adjustments=tuple(self._unread.values()))

    def _start(self, index: int, first: ContentBlock) -> _OpenBlock:
        """Open a block at `index`, in the place of the one that may be open there."""
        block = self._open[index] = _OpenBlock(first)
        self._blocks.append(block)
        return block

    def _block(self, index: int, first: ContentBlock) -> _OpenBlock:
        """The open block of that index; an unannounced one ends all before it."""
        block = self._open.get(index)
        if block is None or {type(block.first), type(first)} == _APART:
            # An unannounced block has no stop either: the next one ends all that are open.
            self._open.clear()
            block = self._start(index, first)
        return block


def assemble(events: Iterable[StreamEvent]) -> Completion:
    """The completion that a whole stream adds up to. `TruncatedStream`, with the text so far, if
    its terminal event is missing."""
    assembler = Assembler()
    for event in events:
        assembler.add(event)
    answer = assembler.completion
    if not assembler.has_ended:
        raise TruncatedStream(
            "the stream ended before its terminal event", partial_text=answer.text
        )
    return answer


def batch_of(completion: Completion) -> Batch:
    """A whole answer as one batch, which adds up to it."""
    events: list[StreamEvent] = [Started(completion.id, completion.model, completion.created)]
    for index, block in enumerate(completion.content):
        events += _events_of_block(index, block)
    events.append(UsageUpdate(completion.usage, completion.service_tier))
    if completion.latency_ms is not None or completion.first_byte_latency_ms is not None:
        events.append(
            MetricsUpdate(Usage(), completion.latency_ms, completion.first_byte_latency_ms)
        )
    if completion.guardrail is not None:
        events.append(GuardrailUpdate(completion.guardrail))
    if completion.request_echo is not None:
        events.append(RequestEcho(completion.request_echo))
    if completion.extra:
        events.append(Extra(completion.extra))
    if completion.stop_reason is not None:
        reason, native = completion.stop_reason, completion.native_stop_reason
        events.append(Stopped(reason, native, completion.stop_sequence, completion.stop_details))
    return (*events, Ended())


def _events_of_block(index: int, block: ContentBlock) -> list[StreamEvent]:
    """The events of a whole block. Text comes as a delta, which every family has; another block as
    the first value of its `BlockStart`."""
    if isinstance(block, Text):
        return [
            BlockStart(index, evolve(block, text="")),
            TextDelta(block.text, index),
            BlockStop(index),
        ]
    if isinstance(block, Reasoning) and not (block.text or block.signature or block.redacted):
        # Where reasoning has no start on the wire, its first delta opens it, even an empty one.
        delta = ReasoningDelta(index=index, spelling=block.spelling)
        return [BlockStart(index, block), delta, BlockStop(index)]
    return [BlockStart(index, block), BlockStop(index)]
