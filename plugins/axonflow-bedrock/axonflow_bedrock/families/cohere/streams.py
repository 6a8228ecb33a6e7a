"""A streamed answer of Command R: events by `event_type`, the last of which repeats the whole.

    {"is_finished": false, "event_type": "text-generation", "text": "…"}
    {"is_finished": false, "event_type": "citation-generation", "citations": [{…}]}
    {"is_finished": false, "event_type": "tool-calls-generation", "tool_calls": [{…}]}
    {"is_finished": true, "event_type": "stream-end", "finish_reason": "COMPLETE",
     "response": {"text": "…", "generation_id", "citations", "tool_calls", "chat_history", …}}

Theory of operation. `stream-end` carries the complete answer as a call without streaming returns
it. Passing it on would give every text twice. So the decoder records what it has already delivered
(`_texts`, `_citations`, `_calls`) and takes from `stream-end` only what is new:

* content of a kind that has not been delivered yet becomes ordinary events,
* content that was delivered and is repeated alike is dropped, for the encoder can repeat it,
* content that is repeated differently goes into the request echo, as do `chat_history` and
  the other members that quote the request.

The encoder assembles the events it writes and encodes the completion again at the end. Invariant:
an event is written on its own iff the content came before the last batch, or its kind did; so a
stream whose only event is `stream-end` is encoded as that one event.

Text is block 0, tool call n is block n + 1. Unknown members of an event are in an `Extra` of level
`members`, an event of an unknown type is in one of level `event`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import string, text_of, unknown_members, without_none
from axonflow_core.errors import EncodeError
from axonflow_core.messages import EMPTY, Json, Reasoning, ToolUse, Usage
from axonflow_core.stream import (
    Assembler,
    Batch,
    BlockStart,
    BlockStop,
    CitationDelta,
    Ended,
    Extra,
    ReasoningDelta,
    RequestEcho,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    tool_input,
)

from .answers import decode_response, encode_response, encode_stop, stop_reason_of
from .requests import decode_call, encode_call

TEXT, CALLS, CITATIONS, END = (
    "text-generation",
    "tool-calls-generation",
    "citation-generation",
    "stream-end",
)
_EVENT_KEYS: Mapping[str, frozenset[str]] = {
    TEXT: frozenset({"is_finished", "event_type", "text"}),
    CALLS: frozenset({"is_finished", "event_type", "tool_calls"}),
    CITATIONS: frozenset({"is_finished", "event_type", "citations"}),
    END: frozenset({"is_finished", "event_type", "finish_reason", "response"}),
}
_UNKNOWN_EVENT_KEYS = frozenset({"is_finished", "generation_id", "finish_reason"})
_EVENT, _MEMBERS = "event", "members"


class ChunkDecoder:
    """Decodes events into batches. Text is block 0, tool call n is block n + 1."""

    def __init__(self, facts: ModelFacts) -> None:
        self._facts = facts
        self._texts: list[str] = []
        self._citations: list[Json] = []
        self._calls: list[Json] = []

    def feed(self, chunk: Mapping[str, Json]) -> Batch:
        kind = chunk["event_type"]
        if kind == TEXT:
            event = TextDelta(text_of(chunk.get("text")))
            self._texts.append(event.text)
            return (event,) if len(chunk) == 3 else (event, *_members(chunk))
        if kind == CALLS:
            return (*self._called(chunk.get("tool_calls") or ()), *_members(chunk))
        if kind == CITATIONS:
            return (*self._cited(chunk.get("citations") or ()), *_members(chunk))
        if kind == END and chunk.get("response") is not None:
            return (*self._ended(chunk), *_members(chunk), Ended())
        return self._unknown(chunk)

    def _called(self, natives: Sequence[Json]) -> list[StreamEvent]:
        """Each call is whole when it arrives: a start and a stop, no deltas of JSON."""
        events: list[StreamEvent] = []
        for place, native in enumerate(natives, start=len(self._calls)):
            events += (BlockStart(place + 1, decode_call(native, place)), BlockStop(place + 1))
        self._calls += natives
        return events

    def _cited(self, citations: Sequence[Json]) -> list[StreamEvent]:
        self._citations += citations
        return [CitationDelta(citation, 0) for citation in citations]

    def _ended(self, chunk: Mapping[str, Json]) -> list[StreamEvent]:
        """What `stream-end` adds to the events before it: new content, counts, the echo and the
        stop."""
        response = chunk["response"]
        # `stream-end` repeats the whole answer. Only what the events before it lacked becomes an
        # event, or the text would be there twice.
        answer = decode_response({"text": "", **without_none(response)}, self._facts)
        events: list[StreamEvent] = [] if answer.id is None else [Started(answer.id)]
        text = response.get("text")
        # An answer of tool calls alone has an empty text, which is no block of its own.
        if text is not None and not self._texts and (text or not self._calls):
            self._texts.append(string(text))
            events.append(TextDelta(text))
        if not self._citations:
            events += self._cited(response.get("citations") or ())
        if not self._calls:
            events += self._called(response.get("tool_calls") or ())
        stop = chunk.get("finish_reason")
        echo = {**(answer.request_echo or {}), **self._repeated_otherwise(response, stop)}
        events += [UsageUpdate(answer.usage)] if answer.usage != Usage() else []
        events += [RequestEcho(echo)] if echo else []
        events += [Extra(answer.extra)] if answer.extra else []
        events += (
            [Stopped(stop_reason_of(stop, has_calls=bool(self._calls)), stop)]
            if stop is not None
            else []
        )
        return events

    def _repeated_otherwise(self, response: Mapping[str, Json], stop: Json) -> dict[str, Json]:
        """The members of the terminal event that differ from the events before it."""
        delivered = {
            "text": "".join(self._texts) if self._texts else None,
            "citations": self._citations or None,
            "tool_calls": self._calls or None,
            "finish_reason": stop,
        }
        return {
            key: response.get(key)
            for key, value in delivered.items()
            if response.get(key) != value and _set_alone(response.get(key)) != _set_alone(value)
        }

    def _unknown(self, chunk: Mapping[str, Json]) -> Batch:
        """An event of an unknown type: its members are kept as they are."""
        events: list[StreamEvent] = [Extra(unknown_members(chunk, _UNKNOWN_EVENT_KEYS), _EVENT)]
        if chunk.get("generation_id") is not None:
            events += _started(chunk)
        if chunk.get("is_finished") is True:
            stop = string(chunk["finish_reason"])
            events += (Stopped(stop_reason_of(stop, has_calls=bool(self._calls)), stop), Ended())
        return tuple(events)


def _started(chunk: Mapping[str, Json]) -> list[StreamEvent]:
    """The start of an answer; an id that is none is kept as it is."""
    id = chunk["generation_id"]
    return [Started(id) if isinstance(id, str) else Extra({"generation_id": id}, _MEMBERS)]


def _set_alone(value: Json) -> Json:
    """`value` without the members that are null."""
    if isinstance(value, dict):
        return {key: _set_alone(item) for key, item in value.items() if item is not None}
    return list(map(_set_alone, value)) if isinstance(value, list) else value


def _members(chunk: Mapping[str, Json]) -> Iterable[Extra]:
    members = unknown_members(chunk, _EVENT_KEYS[chunk["event_type"]])
    return (Extra(members, _MEMBERS),) if members else ()


class ChunkEncoder:
    """Encodes batches: one event for each kind of content in a batch. What belongs to the whole
    answer waits for `stream-end`.

    `_inputs` collects the JSON of a tool call, because Command R has no partial calls.
    """

    def __init__(self, facts: ModelFacts) -> None:
        self._facts = facts
        self._answer = Assembler()
        self._has_spoken = False
        self._has_cited = False
        self._has_called = False
        self._open: dict[int, ToolUse] = {}
        self._inputs: dict[int, list[str]] = {}

    def encode(self, batch: Batch) -> list[Json]:
        content = _Content()
        for event in batch:
            self._answer.add(event)
            self._add(content, event)
        if content.is_last:
            # A stream need not announce the end of its last block.
            content.calls += [self._close(index) for index in tuple(self._open)]
        chunks = self._pieces(content)
        if content.unknown:
            chunks.append(_unknown_event(content))
        elif content.is_last:
            chunks.append(self._end())
        if chunks and content.members:
            chunks[-1] = {**chunks[-1], **content.members}
        return chunks

    def _add(self, content: _Content, event: StreamEvent) -> None:
        match event:
            case TextDelta(text):
                content.texts.append(text)
            case CitationDelta(citation):
                content.citations.append(citation)
            case BlockStart(index, ToolUse() as block):
                self._open[index] = block
                self._inputs[index] = []
            case ToolInputDelta(json, index):
                self._inputs[index].append(json)
            case BlockStop(index) if index in self._open:
                content.calls.append(self._close(index))
            case Extra(members, level) if level == _EVENT:
                content.unknown = members
            case Extra(members, level) if level == _MEMBERS:
                content.members = members
            case ReasoningDelta() | BlockStart(_, Reasoning()):
                raise EncodeError(
                    "an answer of Command R has no place for reasoning", feature="reasoning"
                )
            case Started(id):
                content.id = id
            case Stopped(reason, native):
                content.stop = encode_stop(reason, native)
            case Ended():
                content.is_last = True

    def _close(self, index: int) -> Json:
        """The native call of a block that is complete, with its collected arguments as an
        object."""
        block, written = self._open.pop(index), "".join(self._inputs.pop(index))
        return {**encode_call(block), **({"parameters": tool_input(written)} if written else {})}

    def _pieces(self, content: _Content) -> list[Json]:
        """The events for the content of this batch. In the last batch a kind of content that was
        not streamed before is left to `stream-end` alone."""
        texts, citations, calls = content.texts, content.citations, content.calls
        natives: list[Json] = []
        if texts and (self._has_spoken or not content.is_last):
            natives.append(_event(TEXT, text="".join(texts)))
        if citations and (self._has_cited or not content.is_last):
            natives.append(_event(CITATIONS, citations=citations))
        if calls and (self._has_called or not content.is_last):
            natives.append(_event(CALLS, tool_calls=calls))
        self._has_spoken |= bool(texts)
        self._has_cited |= bool(citations)
        self._has_called |= bool(calls)
        return natives

    def _end(self) -> Json:
        """The terminal event, with the assembled answer as its `response`."""
        answer = self._answer.completion
        stop = encode_stop(answer.stop_reason, answer.native_stop_reason)
        response = encode_response(answer, self._facts)
        return {"is_finished": True, "event_type": END, "finish_reason": stop, "response": response}


def _event(kind: str, **members: Json) -> Json:
    return {"is_finished": False, "event_type": kind, **members}


def _unknown_event(content: _Content) -> Json:
    known = without_none({"generation_id": content.id, "finish_reason": content.stop})
    return {"is_finished": content.is_last, **content.unknown, **known}


class _Content:
    """The content of one batch, by kind of event."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.citations: list[Json] = []
        self.calls: list[Json] = []
        self.unknown: Mapping[str, Json] = EMPTY
        self.members: Mapping[str, Json] = EMPTY
        self.id: str | None = None
        self.stop: str | None = None
        self.is_last = False
