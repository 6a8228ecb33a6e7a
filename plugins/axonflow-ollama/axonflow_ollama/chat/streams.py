"""A streamed answer: JSON lines, each a little answer, the last of them done.

    {"model": "m", "created_at": "…", "message": {"role": "assistant", "content": "Hel"},
     "done": false}
    {…, "message": {"role": "assistant", "content": "", "tool_calls": [{…}]}, "done": false}
    {…, "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop",
     "eval_count": 282, …}

Theory of operation. One chunk is one batch. A call comes whole, so it is a `BlockStart` with all of
its arguments and a `BlockStop`; of another family's stream the encoder collects the pieces until
the call is over. Blocks have no numbers here: reasoning and text have one each, as they begin, and
every call has its own.

`content` is in every chunk. An empty one next to anything else is no text; alone it is a
`TextDelta` of nothing. So the encoder writes an empty piece of text as a chunk of its own, and a
batch may become several chunks: reasoning, the empty text, calls and the end.

Counts, stop reason and times belong to the last chunk: the encoder keeps them until `Ended`. What
has no event is an `Extra`: at the level `answer` next to `message`, at the level `message` inside
of it, and at the level `chunk` the time of a chunk, where it is not the answer's second. A
`content` that is missing is one too, which is null.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec import StreamContext
from axonflow_core.codec.json_members import array, object_in, string, unknown_members, without_none
from axonflow_core.frozen import evolve
from axonflow_core.messages import ContentBlock, Image, Json, Reasoning, Text, ToolUse, Usage
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
    merge_usage,
    tool_input,
)

from .answers import (
    KNOWN_KEYS,
    TIME_TEXT,
    TOTAL,
    decode_stop,
    decode_time,
    decode_usage,
    duration_of,
    encode_stop,
    encode_time,
    encode_usage,
    latency_in,
    rest_of,
    time_of,
)
from .errors import ERRORS
from .messages import Calls, decode_call, decode_image, encode_calls, encode_image

_SAID = frozenset({"role", "content", "thinking", "images", "tool_calls"})
_PLAIN = {"role", "content"}
_NOTHING = Usage()
_EMPTY_MESSAGE = Extra({}, "message")
"""A chunk that says nothing, and is one all the same."""


class ChunkDecoder:
    """One chunk, one batch. It keeps how the blocks are numbered."""

    def __init__(self) -> None:
        self._time: str | None = None
        """The second at which the answer began, as text."""
        self._has_started = False
        self._count = 0
        self._thought: int | None = None
        self._text: int | None = None
        self._calls = Calls()
        self._made: list[ToolUse] = []

    def feed(self, chunk: Json) -> Batch:
        """The events of one chunk. `ProviderError` where it reports one."""
        if "error" in chunk:
            ERRORS.raise_reported(chunk)
        events: list[StreamEvent] = self._started(chunk)
        message, is_last = chunk.get("message"), chunk.get("done") is True
        if message is None:
            events.append(Extra({"message": None}, "chunk"))
        elif type(message) is dict and message.keys() == _PLAIN and message["content"]:
            # Nearly every chunk there is: a role, and a piece of text.
            events.append(TextDelta(string(message["content"]), self._text_index()))
        else:
            self._read_message(object_in(chunk, "message"), events, is_last=is_last)
        if not chunk.keys() <= KNOWN_KEYS and (rest := rest_of(chunk)):
            events.append(Extra(rest))
        if is_last:
            events += self._end(chunk)
        return tuple(events) or (_EMPTY_MESSAGE,)

    def _started(self, chunk: Mapping[str, Json]) -> list[StreamEvent]:
        """The start, at the first chunk, and the time of a chunk where it says more."""
        time, events = chunk.get("created_at"), list[StreamEvent]()
        if not self._has_started:
            self._has_started = True
            second, _ = decode_time(time)
            self._time = time_of(second)
            model = chunk.get("model")
            events.append(Started(None, model if isinstance(model, str) else None, second))
        if time is not None and time != self._time:
            events.append(Extra({TIME_TEXT: time}, "chunk"))
        return events

    def _read_message(
        self, message: Mapping[str, Json], events: list[StreamEvent], *, is_last: bool
    ) -> None:
        thought, content = message.get("thinking"), message.get("content")
        made = array(message.get("tool_calls") or [])
        if thought is not None:
            events.append(ReasoningDelta(string(thought), index=self._thought_index()))
        if content or (content is not None and thought is None and not made and not is_last):
            events.append(TextDelta(string(content), self._text_index()))
        for data in array(message.get("images") or []):
            events += self._whole(decode_image(data))
        for call in made:
            self._made.append(decode_call(call, len(self._made), self._calls))
            events += self._whole(self._made[-1])
        absent = {} if content is not None else {"content": None}
        if extra := {**unknown_members(message, _SAID), **absent}:
            events.append(Extra(extra, "message"))

    def _whole(self, block: ContentBlock) -> list[StreamEvent]:
        """A block that comes in one piece."""
        index = self._next()
        return [BlockStart(index, block), BlockStop(index)]

    def _end(self, chunk: Mapping[str, Json]) -> list[StreamEvent]:
        """The stop reason, the counts and `Ended`."""
        events: list[StreamEvent] = []
        stop, usage, latency_ms = chunk.get("done_reason"), decode_usage(chunk), latency_in(chunk)
        if stop is not None:
            events.append(Stopped(decode_stop(stop, self._made), stop))
        if usage != _NOTHING:
            events.append(UsageUpdate(usage))
        if latency_ms is not None:
            events.append(MetricsUpdate(_NOTHING, latency_ms))
        return [*events, Ended()]

    def _thought_index(self) -> int:
        if self._thought is None:
            self._thought = self._next()
        return self._thought

    def _text_index(self) -> int:
        if self._text is None:
            self._text = self._next()
        return self._text

    def _next(self) -> int:
        """The number of a new block: they are numbered from 0 as they begin."""
        self._count += 1
        return self._count - 1


class _Draft:
    """What the chunks of one batch say."""

    def __init__(self) -> None:
        self.thought: str | None = None
        self.text: str | None = None
        self.calls: list[Json] = []
        self.images: list[Json] = []
        self.in_message: dict[str, Json] = {}
        self.beside: dict[str, Json] = {}
        self.time: Json = None
        self.is_last = False
        self.has_message = True
        self.has_content = True
        self.is_written = False

    def think(self, text: str) -> None:
        self.thought = (self.thought or "") + text

    def say(self, text: str) -> None:
        self.text = (self.text or "") + text


class ChunkEncoder:
    """One batch, one chunk, or several where a piece of text is empty; none where it says nothing
    yet."""

    def __init__(self, context: StreamContext) -> None:
        self._model: str | None = context.model
        self._created: int | None = context.created
        self._usage = _NOTHING
        self._latency_ms: int | None = None
        self._stop: str | None = None
        self._calls = Calls()
        self._count = 0
        self._open: dict[int, tuple[ToolUse, list[str]]] = {}
        self._silent: dict[int, type] = {}
        """Blocks of text and reasoning that were announced, and have said nothing so far."""

    def encode(self, batch: Batch) -> list[Json]:
        """The chunks that carry `batch`."""
        draft = _Draft()
        for event in batch:
            self._read(event, draft)
        return self._written(draft)

    def _read(self, event: StreamEvent, draft: _Draft) -> None:
        match event:
            case TextDelta(text, index):
                self._silent.pop(index, None)
                draft.say(text)
            case ReasoningDelta(index=index):
                self._silent.pop(index, None)
                draft.think(event.text)
            case ToolInputDelta(json, index):
                self._open[index][1].append(json)
            case BlockStart(index, block):
                self._begin(index, block, draft)
            case BlockStop(index):
                self._stop_block(index, draft)
            case Extra(members, level):
                self._put(members, level, draft)
            case Ended():
                for index in (*self._silent, *self._open):
                    self._stop_block(index, draft)
                draft.is_last = True
            case _:
                self._note(event)

    def _note(self, event: StreamEvent) -> None:
        """Keep a fact until the last chunk."""
        match event:
            case Started(_, model, created):
                self._model = model or self._model
                self._created = self._created if created is None else created
            case UsageUpdate(usage):
                self._usage = merge_usage(self._usage, usage)
            case MetricsUpdate(usage, latency_ms):
                self._usage = merge_usage(self._usage, usage)
                self._latency_ms = latency_ms
            case Stopped(reason, native):
                self._stop = encode_stop(reason, native)

    def _begin(self, index: int, block: object, draft: _Draft) -> None:
        match block:
            case ToolUse():
                self._open[index] = (block, [])
            case Text(text) | Reasoning(text) if not text:
                self._silent[index] = type(block)
            case Text(text):
                draft.say(text)
            case Reasoning(text, redacted=None):
                draft.think(text)
            case Image():
                draft.images.append(encode_image(block))

    def _stop_block(self, index: int, draft: _Draft) -> None:
        """A block is over: a call is whole, and a text that said nothing says so."""
        kind = self._silent.pop(index, None)
        if kind is not None:
            (draft.say if kind is Text else draft.think)("")
        elif index in self._open:
            call, pieces = self._open.pop(index)
            if pieces:
                call = _with_arguments(call, "".join(pieces))
            draft.calls += encode_calls((call,), self._calls, self._count)
            self._count += 1

    def _put(self, members: Mapping[str, Json], level: str, draft: _Draft) -> None:
        if level == "answer":
            draft.beside.update(members)
        elif level == "message":
            draft.is_written = True
            draft.has_content = "content" not in members
            draft.in_message.update(unknown_members(members, _SAID))
        elif level == "chunk":
            draft.time = members.get(TIME_TEXT, draft.time)
            draft.has_message = draft.has_message and "message" not in members

    def _written(self, draft: _Draft) -> list[Json]:
        """The chunks of a draft."""
        calls: dict[str, Json] = {"tool_calls": draft.calls} if draft.calls else {}
        if draft.images:
            calls["images"] = draft.images
        thought = {} if draft.thought is None else {"thinking": draft.thought}
        rest = {**thought, **calls, **draft.in_message}
        has_rest = bool(rest or draft.is_last or draft.beside or draft.is_written)
        if draft.text or (draft.text is None and has_rest):
            return [self._chunk(draft, {"content": draft.text or "", **rest})]
        if draft.text is None:
            return []
        # An empty text next to something else would be none: it stands alone.
        before = [self._line(draft, {"content": "", **thought})] if thought else []
        if not (calls or draft.is_last):
            return [*before, self._chunk(draft, {"content": "", **draft.in_message})]
        after = self._chunk(draft, {"content": "", **calls, **draft.in_message})
        return [*before, self._line(draft, {"content": ""}), after]

    def _line(self, draft: _Draft, said: Mapping[str, Json]) -> dict[str, Json]:
        """A chunk that is not the last."""
        message = {"role": "assistant", **said}
        if not (draft.has_content or draft.text):
            del message["content"]
        return {
            "model": self._model,
            **encode_time(self._created, draft.time),
            **({"message": message} if draft.has_message or len(message) > 2 else {}),
            "done": False,
        }

    def _chunk(self, draft: _Draft, said: Mapping[str, Json]) -> dict[str, Json]:
        """The last chunk of a draft, with what stands next to its message."""
        line = self._line(draft, said)
        if draft.is_last:
            facts = {"done_reason": self._stop, TOTAL: duration_of(self._latency_ms)}
            line |= {"done": True, **without_none(facts), **encode_usage(self._usage)}
        return {**line, **draft.beside}


def _with_arguments(call: ToolUse, written: str) -> ToolUse:
    """The call with the arguments that the pieces add up to."""
    return evolve(call, input=tool_input(written))
