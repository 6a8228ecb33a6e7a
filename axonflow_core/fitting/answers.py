"""An answer made to fit: as the caller asked for it, and as the client's dialect can hold it.

Three things happen to an answer, in this order, whole and in a stream:

    names      tools and documents get back the names that the caller knows          `names`
    output     the call of the tool that stood in for an output schema becomes text  `output`
    client     what the client's dialect has no place for is left out and reported

The last one only where the client has another dialect than the model. An answer has been billed,
so nothing of it may become an error:

    text, tool calls     kept; citations of a text are left out and reported
    reasoning            kept where the client's codec has it, else left out and reported
    any other block      left out and reported: it is private to the model's vendor
    tool arguments       that are no JSON object are wrapped in one, where one is required
    stop reasons         the nearest one that the dialect has, by `codec.native_names.NEAREST`
    facts                unknown members, the echo of the request and details of the stop are the
                         model's own, and are left out without a report

In a stream the blocks that stay come one after the other (`blocks_in_turn`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from axonflow_core.codec import Codec, Feature
from axonflow_core.codec.native_names import nearest
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import (
    EMPTY,
    Adjustment,
    Completion,
    ContentBlock,
    Json,
    Opaque,
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
    CitationDelta,
    Extra,
    MetricsUpdate,
    ReasoningDelta,
    RequestEcho,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolResultDelta,
    UsageUpdate,
)

from .blocks_in_turn import BlocksInTurn
from .output import is_output, output_of, output_text, unforced

_UNREPORTED = frozenset({StopReason.STOP_SEQUENCE, StopReason.TOOL_USE, StopReason.OTHER})
"""Reasons of which nothing is lost: `end_turn` covers them in the dialects that lack them."""

ARGUMENTS = "arguments"
"""The key under which arguments stand that are no JSON object."""


@frozen
class Client:
    """The dialect that an answer is for, and what it has a place for."""

    codec: Codec

    def place(self, block: ContentBlock) -> ContentBlock | None:
        """`block` as the dialect has a place for it; None where it has none. A text loses
        citations, a call its unknown members: the client would not know them."""
        match block:
            case Text():
                is_bare = not (block.citations or block.extra)
                return block if is_bare else Text(block.text)
            case ToolUse() if self.has(Feature.TOOLS):
                return ToolUse(
                    block.id, block.name, self._arguments(block.input), spelling=block.spelling
                )
            case Reasoning() if self.has(Feature.REASONING):
                return self._thought(block)
            case Opaque(dialect) if dialect == self.codec.dialect:
                return block
        return None

    def has(self, feature: Feature) -> bool:
        """Whether the dialect has a place for the feature, with or without loss."""
        return feature in self.codec.features or feature in self.codec.joins

    def _arguments(self, written: Json) -> Json:
        """Arguments that are broken JSON stay text; a dialect whose arguments are objects gets them
        in one."""
        if isinstance(written, Mapping) or self.codec.has_text_arguments:
            return written
        return {ARGUMENTS: written}

    def _thought(self, block: Reasoning) -> Reasoning | None:
        """Reasoning without the tags that would end it in this dialect. A signature is kept where
        the dialect has a place for it; redacted reasoning has no text to give otherwise."""
        text = self.untagged(block.text)
        if self.keeps_signatures:
            return evolve(block, text=text, extra=EMPTY)
        return None if block.redacted is not None else Reasoning(text)

    @property
    def keeps_signatures(self) -> bool:
        return Feature.SIGNED_REASONING in self.codec.features

    def untagged(self, thought: str) -> str:
        """`thought` without the tags that would end it in this dialect."""
        for tag in self.codec.reasoning_tags:
            thought = thought.replace(tag, "")
        return thought

    def lost(self, block: ContentBlock, placed: ContentBlock | None) -> str | None:
        """The name of what `placed` lacks of `block`, to be reported."""
        if placed is None:
            return _NAMES.get(type(block)) or type(block).__name__.lower()
        return "citations" if isinstance(block, Text) and block.citations else None

    def stop(self, reason: StopReason) -> StopReason:
        """The reason itself, or the nearest that the client's dialect has a word for."""
        return nearest(reason, self.codec.stop_reasons.table.values())

    def adjustment(self, what: str, done: str = "left out of the answer") -> Adjustment:
        return Adjustment(what, done, f"{self.codec.name} has no place for it")


_NAMES: Mapping[type, str] = {Reasoning: str(Feature.REASONING), ToolUse: str(Feature.TOOLS)}


_PLACES = frozenset({Feature.TOOLS, Feature.REASONING, Feature.SIGNED_REASONING})


def takes_answers_as_they_are(client: Codec, codec: Codec) -> bool:
    """Whether every answer of `codec` has its place in `client`: it is the same dialect, with all
    kinds of block and the same form of reasoning."""
    theirs, ours = client.features | client.joins, codec.features | codec.joins
    return (
        client.dialect is not None
        and client.dialect == codec.dialect
        and client.reasoning_tags == codec.reasoning_tags
        and _PLACES & ours <= theirs
    )


def fit_answer(completion: Completion, codec: Codec) -> Completion:
    """`completion`, an answer of another dialect, as one that `codec` can encode for its client."""
    client = Client(codec)
    lost: dict[str, Adjustment] = {}
    content = []
    for block in completion.content:
        placed = client.place(block)
        if (name := client.lost(block, placed)) is not None:
            lost[name] = client.adjustment(name)
        if placed is not None:
            content.append(placed)
    reason, has_call = completion.stop_reason, any(type(block) is ToolUse for block in content)
    stop = None if reason is None else _nearest(client, reason, lost, has_call=has_call)
    return evolve(
        completion,
        content=tuple(content),
        stop_reason=stop,
        native_stop_reason=None,
        stop_details=None,
        request_echo=None,
        service_tier=None,
        usage=_own_counts(completion.usage),
        extra=EMPTY,
        adjustments=merged(completion.adjustments, lost),
    )


def _nearest(
    client: Client, reason: StopReason, lost: dict[str, Adjustment], *, has_call: bool
) -> StopReason:
    """The stop reason for the client, with a report where it is not the model's own. Some services
    end an answer that calls a tool as any other, and clients that go by the reason would not run
    it; nor do they expect that none is called where one is the reason."""
    if reason is StopReason.TOOL_USE and not has_call:
        reason = StopReason.END_TURN
    nearest = client.stop(reason)
    if has_call and nearest in _PLAIN_ENDS:
        return client.stop(StopReason.TOOL_USE)
    if nearest is not reason and reason not in _UNREPORTED:
        lost["stop reason"] = client.adjustment("stop reason", f"`{reason}` given as `{nearest}`")
    return nearest


_PLAIN_ENDS = frozenset({StopReason.END_TURN, StopReason.OTHER})


def _own_counts(usage: Usage) -> Usage:
    return evolve(usage, extra=EMPTY) if usage.extra else usage


def merged(
    adjustments: tuple[Adjustment, ...], lost: Mapping[str, Adjustment]
) -> tuple[Adjustment, ...]:
    """Both; what was reported before the call is not reported again."""
    return (*adjustments, *(each for each in lost.values() if each not in adjustments))


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


class ClientEvents:
    """As `fit_answer`, batch by batch: for one stream."""

    def __init__(self, codec: Codec) -> None:
        self._client = Client(codec)
        self._in_turn = BlocksInTurn()
        self._left_out: set[int] = set()
        """The indexes of blocks that were announced and have no place."""
        self._has_text = self._has_call = False
        self._first_thought: int | None = None
        self.lost: dict[str, Adjustment] = {}

    def merged(self, before: tuple[Adjustment, ...]) -> tuple[Adjustment, ...]:
        return merged(before, self.lost)

    def fit(self, batch: Batch) -> Batch:
        """The batch as the client's dialect can encode it. Events of blocks that were left out are
        left out too."""
        is_kept = self._has_text and not self._left_out
        if is_kept and len(batch) == 1 and type(batch[0]) is TextDelta:  # by far the most
            return self._in_turn.fit(batch)
        fitted: list[StreamEvent] = []
        for event in batch:
            change = _CLIENT_EVENTS.get(type(event))
            if change is None:
                fitted.append(event)
            else:
                fitted += change(self, event)
        return self._in_turn.fit(tuple(fitted))

    def _start(self, event: BlockStart) -> Batch:
        """Begin a block that has a place in the dialect; note the index of one that has none."""
        is_late = isinstance(event.block, Reasoning) and self._comes_too_late(event.index)
        placed = None if is_late else self._client.place(event.block)
        self._note(self._client.lost(event.block, placed))
        if placed is None:
            self._left_out.add(event.index)
            return ()
        self._has_call = self._has_call or type(placed) is ToolUse
        # An index may be used again, by a later block that has a place.
        self._left_out.discard(event.index)
        return (BlockStart(event.index, placed),)

    def _text(self, event: TextDelta) -> Batch:
        self._has_text = True
        return self._delta(event)

    def _comes_too_late(self, index: int) -> bool:
        """Between tags in the text there is a place for one block of reasoning, before the text."""
        if not self._client.codec.reasoning_tags:
            return False
        if self._first_thought is None:
            self._first_thought = index
        return self._has_text or index != self._first_thought

    def _delta(self, event: Any) -> Batch:
        """A piece of text, of arguments, or the end of a block."""
        return () if event.index in self._left_out else (event,)

    def _thought(self, event: ReasoningDelta) -> Batch:
        """A piece of reasoning, without tags and signatures that the dialect does not have."""
        is_plain = event.signature is None and event.redacted is None
        if not self._client.has(Feature.REASONING) or self._comes_too_late(event.index):
            self._note(str(Feature.REASONING))
            return ()
        text = self._client.untagged(event.text)
        if is_plain or self._client.keeps_signatures:
            return self._delta(event if text == event.text else evolve(event, text=text))
        if event.redacted is not None:
            self._note(str(Feature.REASONING))
        return self._delta(ReasoningDelta(text, index=event.index)) if text else ()

    def _leave_out(self, event: StreamEvent) -> Batch:
        return ()

    def _cite(self, event: CitationDelta) -> Batch:
        self._note("citations")
        return ()

    def _stop(self, event: Stopped) -> Batch:
        reason = _nearest(self._client, event.reason, self.lost, has_call=self._has_call)
        return (Stopped(reason, stop_sequence=event.stop_sequence),)

    def _count(self, event: UsageUpdate) -> Batch:
        return (UsageUpdate(_own_counts(event.usage)),)

    def _measure(self, event: MetricsUpdate) -> Batch:
        """The counts that are billed, for dialects that have no metrics too."""
        measured = MetricsUpdate(event.usage, event.latency_ms, event.first_byte_latency_ms)
        return (UsageUpdate(_own_counts(event.usage)), measured)

    def _note(self, name: str | None) -> None:
        """Note what is left out, once for each kind."""
        if name is not None:
            self.lost.setdefault(name, self._client.adjustment(name))


_CLIENT_EVENTS: Mapping[type, Callable[[ClientEvents, Any], Batch]] = {
    BlockStart: ClientEvents._start,
    BlockStop: ClientEvents._delta,
    TextDelta: ClientEvents._text,
    ToolInputDelta: ClientEvents._delta,
    ReasoningDelta: ClientEvents._thought,
    ToolResultDelta: ClientEvents._leave_out,
    CitationDelta: ClientEvents._cite,
    RequestEcho: ClientEvents._leave_out,
    Extra: ClientEvents._leave_out,
    Stopped: ClientEvents._stop,
    UsageUpdate: ClientEvents._count,
    MetricsUpdate: ClientEvents._measure,
}


class OutputEvents:
    """The call of the tool that stood in for an output schema as text, for one stream.

    Text that precedes the call is held. It is left out once the call comes, and is the answer where
    none comes.
    """

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._calls: set[int] = set()
        self._held: list[StreamEvent] = []

    def fit(self, batch: Batch) -> Batch:
        return tuple(fitted for event in batch for fitted in self._fit(event))

    def _fit(self, event: StreamEvent) -> Batch:
        """An event of the forced tool's call as one of a text; any other event as it is."""
        match event:
            case BlockStart(index, ToolUse() as call) if is_output(call, self._tool):
                return self._begin(index, call)
            case ToolInputDelta(json, index) if index in self._calls:
                return (TextDelta(json, index),)
            case TextDelta() | BlockStart(_, Text()):
                # The model was forced to call the tool, and may still write a sentence before the
                # call. Two texts would not be one JSON value.
                self._held.append(event)
                return ()
            case Stopped() if self._calls:
                return (evolve(event, **_of_event(unforced(event.reason))),)
            case Stopped():
                held, self._held = self._held, []
                return (*held, event)
        return (event,)

    def _begin(self, index: int, call: ToolUse) -> Batch:
        """The start of a text in the place of the call."""
        self._calls.add(index)
        self._held = []
        written = output_text(call) if call.input or call.spelling else ""
        start = BlockStart(index, Text(""))
        return (start, TextDelta(written, index)) if written else (start,)


def _of_event(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes of a completion's stop as those of the event."""
    names = {"stop_reason": "reason", "native_stop_reason": "native"}
    return {names[name]: value for name, value in changes.items()}


__all__ = ["Client", "ClientEvents", "OutputEvents", "fit_answer", "output_of"]
