"""A streamed answer: `chat.completion.chunk` objects, then the text `[DONE]` where the form has it.

    {"id": "chatcmpl-1", "created": 1, "model": "m", "choices": [
        {"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": null}]}
    {…, "choices": [{"index": 0, "delta": {"content": "lo"}, "finish_reason": null}]}
    {…, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    {…, "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}
    [DONE]

Theory of operation. A chunk is a whole little answer, so one batch is one chunk: whatever a chunk
holds becomes one tuple of events, and `ChunkEncoder` collects a batch in a `_Draft`, from which it
makes one chunk again. The decoder keeps four things between chunks:

* the numbers of the blocks. The dialect numbers tool calls alone; events number all blocks, in the
  order in which they begin: reasoning, the text, the tool calls.
* the `TagReader`, for a form that has reasoning inside its content (`reasoning`). Characters that
  may belong to a tag are `Extra` at the level `held` until the next chunk decides.
* whether the first chunk was read, which makes `Started`, and the first choice. `role` is expected
  there and nowhere else, and a chunk that breaks this is remembered as an `Extra` at the level
  `delta`.
* whether the stop reason was read, in a form without `[DONE]`. Its terminal event is then `Ended`
  at the end of that batch; otherwise `[DONE]` is the terminal event.

What has no event stands in an `Extra`, whose level is the place: `beside` (next to `choices`),
`fact` (there too: a documented member of another kind), `choice`, `delta`, `call N`. So the encoder
can restore a chunk of this dialect member by member, and skips the levels that only another dialect
has.

Invariant: for every chunk, `encode(feed(chunk)) == [chunk]`, up to members that OpenAI's clients
treat as absent (`finish_reason: null`). Nothing is decoded twice and no chunk is held back.

Source: OpenAI's API reference, "Chat completions: streaming", November 2026; published captures of
streams of Bedrock's families of this form (`content: null`, repeated `type`, empty deltas).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from axonflow_core.codec import StreamContext
from axonflow_core.codec.json_members import apart, array, split_prefixed, string, unknown_members
from axonflow_core.errors import EncodeError, RequestError
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

from .answers import (
    ANSWER_KEYS,
    decode_usage,
    encode_usage,
    native_stop,
    read_stop,
    stop_reason,
)
from .content import (
    CUSTOM,
    OLDER_CALL,
    REFUSAL,
    WITHOUT_ARGUMENTS,
    call_arguments,
    call_extra,
    id_of,
    is_refusal,
    is_without_arguments,
    older_id,
    spelling_of_id,
    written_id,
)
from .errors import ERRORS
from .form import LAST_CHUNK, ChatForm
from .reasoning import (
    OPENING,
    Part,
    Parts,
    TagReader,
    TagWriter,
    is_in_member,
    members_of,
    thought_in,
)

_DELTA_KEYS = frozenset({"role", "content", "tool_calls", "function_call"})
_THOUGHTFUL_DELTA_KEYS = _DELTA_KEYS | {"reasoning_content"}
_EMPTY_DELTA = Extra({}, "delta")
"""A choice without content: some servers keep a connection alive with such chunks."""
_NO_CHOICE = Extra({}, "no choice")
"""A first chunk before the answer: Azure begins with what its filter found of the prompt."""
_NO_USAGE = Usage()
OBJECT = "chat.completion.chunk"
"""What OpenAI calls a chunk, in its member `object`."""


class ChunkDecoder:
    """One chunk, one batch. It keeps how its blocks are numbered, and the characters that may yet
    turn out to be a tag."""

    def __init__(self, form: ChatForm) -> None:
        self._form = form
        self._delta_keys = _THOUGHTFUL_DELTA_KEYS if form.thinking else _DELTA_KEYS
        self._tags = TagReader(OPENING if form.is_tagged else "")
        self._has_started = False
        self._has_choice = False
        self._is_over = False
        self._has_ended = False
        self._count = 0
        self._thought: int | None = None
        self._text: int | None = None
        self._calls: dict[int, int] = {}
        self._ids: dict[int, Json] = {}
        """Index of a call on the wire -> the number of its block, and its id."""
        self._older: int | None = None
        self._refusal: int | None = None
        self._tier: UsageUpdate | None = None

    def feed(self, chunk: Json) -> Batch:
        """The events of one chunk, or of the text `[DONE]`. `ProviderError` where the chunk reports
        one (`{"error": {…}}`).

        The order is that of the answer: `Started`, the blocks, `Stopped`, the counts, `Ended` last.
        """
        if type(chunk) is str and chunk == (self._form.last_chunk or LAST_CHUNK):
            return self._read_last_chunk()
        events: list[StreamEvent] = []
        is_first = not self._has_started
        if is_first:
            self._has_started = True
            events += _started({name: chunk.get(name) for name in ("id", "model", "created")})
        if "error" in chunk:
            ERRORS.raise_reported(chunk)
        choices = chunk.get("choices") or _no_choices(chunk)
        for choice in choices if type(choices) is list else array(choices, "choices"):
            if choice.get("index"):
                # One answer is read, the first of those that were asked for.
                number = choice["index"]
                events.append(Extra(choice, "choices", f"choices.{number}"))
            else:
                self._read_choice(choice, events, has_begun=is_first)
        if is_first and not self._has_choice:
            events.append(_NO_CHOICE)
        usage, tier = chunk.get("usage"), chunk.get("service_tier")
        if tier is not None and not isinstance(tier, str):
            events.append(Extra({"service_tier": tier}, "fact"))
            tier = None
        if usage and not isinstance(usage, dict):
            events.append(Extra({"usage": usage}, "fact"))
            usage = None
        if usage:
            events.append(UsageUpdate(decode_usage(usage), tier))
        elif tier is not None:
            events.append(self._read_tier(tier))
        if not chunk.keys() <= ANSWER_KEYS:
            events.append(Extra(unknown_members(chunk, ANSWER_KEYS), "beside"))
        if self._is_over:
            # `Ended` follows the counts of its chunk: a reader that stops at it has them.
            self._is_over = False
            self._has_ended = True
            events.append(Ended())
        return tuple(events)

    def _read_last_chunk(self) -> Batch:
        """`[DONE]`, the terminal event. A form that does not document it has `Ended` with its stop
        reason; some servers send it all the same, and then it is the end or says nothing."""
        if self._has_ended:
            return ()
        self._has_ended = True
        return (Ended(),)

    def _read_tier(self, tier: str) -> UsageUpdate:
        """An update of the tier alone. Every chunk repeats the same tier, so the event is built
        once."""
        if self._tier is None or self._tier.service_tier != tier:
            self._tier = UsageUpdate(_NO_USAGE, tier)
        return self._tier

    def _read_choice(
        self, choice: Mapping[str, Json], events: list[StreamEvent], *, has_begun: bool
    ) -> None:
        """Append the events of one choice. Some servers send `message` in place of `delta`, as in a
        whole answer.

        A choice without any event becomes an empty `Extra`, so that its chunk is not lost when
        encoded.
        """
        delta = choice.get("delta") or choice.get("message") or EMPTY
        before, is_first = len(events), not self._has_choice
        self._has_choice = True
        content = delta.get("content")
        if len(delta) > 1 or content is None:
            self._read_beside_content(delta, events, is_first=is_first)
        elif is_first:
            events.append(Extra({"role": None}, "delta"))
        if content is not None:
            self._read_content(string(content), events)
        if calls := delta.get("tool_calls"):
            self._read_calls(calls, events)
        if older := delta.get("function_call"):
            self._read_older_call(older, events)
        if (
            choice.get(self._form.stop_key) is not None
            or not choice.keys() <= self._form.choice_keys
        ):
            self._read_end(choice, events)
        # Without an event the chunk would be lost, and the stream would not survive chunk by chunk.
        if len(events) == before and not has_begun:
            events.append(_EMPTY_DELTA)

    def _read_beside_content(
        self, delta: Mapping[str, Json], events: list[StreamEvent], *, is_first: bool
    ) -> None:
        """Append what a delta holds apart from its content and tool calls: reasoning in a member of
        its own, members that are not documented, and a `role` that is missing in the first chunk or
        present in a later one (`Extra({"role": None})` means: the first delta had no role)."""
        known = self._delta_keys
        thought = thought_in(delta, is_tagged=self._form.is_tagged) if self._form.thinking else None
        if thought is not None:
            known = known.union(members_of(thought.spelling))
            index, spelling = self._thought_index(), thought.spelling
            events.append(ReasoningDelta(thought.text, index=index, spelling=spelling))
        if isinstance(delta.get("refusal"), str):
            known |= {"refusal"}
            self._read_refusal(delta["refusal"], events)
        extra = unknown_members(delta, known)
        if len(delta) == 1 and "content" in delta:
            # It is null here: some servers fill empty deltas with it.
            extra = {**extra, "content": None}
        if ("role" in delta) is not is_first:
            # OpenAI, "Chat completions: streaming" (November 2026): the first delta has the role.
            extra = {**extra, "role": delta.get("role")}
        if extra:
            events.append(Extra(extra, "delta"))

    # ── text and reasoning ────────────────────────────────────────────────────────────────────────

    def _read_refusal(self, text: str, events: list[StreamEvent]) -> None:
        """Append a piece of what the model says instead of an answer."""
        if self._refusal is None:
            self._refusal = self._next()
            events.append(BlockStart(self._refusal, Text("", spelling=REFUSAL)))
        events.append(TextDelta(text, self._refusal))

    def _read_content(self, content: str, events: list[StreamEvent]) -> None:
        """Append a piece of content. Once the tags are decided, every piece is text: the common
        path."""
        if self._tags.is_done:
            events.append(TextDelta(content, self._text_index()))
        else:
            self._read_parts(self._tags.feed(content), events)

    def _read_parts(self, parts: Parts, events: list[StreamEvent]) -> None:
        """Append the events of content that the `TagReader` has taken apart."""
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

    # ── tool calls, and the end ───────────────────────────────────────────────────────────────────

    def _read_calls(self, calls: list[Json], events: list[StreamEvent]) -> None:
        """Append the pieces of tool calls. `index` tells which call a piece belongs to; a server
        that leaves it out means the place in the list.

        A tool call ends the content, so characters that are held for a tag were none.
        """
        self._read_parts(self._tags.flush(), events)
        for number, call in enumerate(calls):
            # OpenAI documents `index` as required; servers that imitate it leave it out where a
            # chunk holds whole calls.
            native = call.get("index", number)
            if native not in self._calls:
                self._calls[native] = self._next()
            is_known = native in self._ids and call.get("id") in ("", self._ids[native])
            if call.get("id") is not None and not is_known:
                self._ids[native] = call["id"]
            events += _decode_call_delta(call, self._calls[native], has_begun=is_known)

    def _read_older_call(self, call: Mapping[str, Json], events: list[StreamEvent]) -> None:
        """Append the pieces of a `function_call`, of which an answer has one, without an id."""
        self._read_parts(self._tags.flush(), events)
        if self._older is None:
            self._older = self._next()
            started = ToolUse(older_id(1), string(call["name"]), {}, spelling=OLDER_CALL)
            events.append(BlockStart(self._older, started))
        if call.get("arguments") is not None:
            events.append(ToolInputDelta(string(call["arguments"]), self._older))

    def _read_end(self, choice: Mapping[str, Json], events: list[StreamEvent]) -> None:
        """Append the stop reason, with what else is unknown in the choice. Without `[DONE]` in the
        form, the stop reason makes this chunk the last one."""
        stop, in_choice = read_stop(self._form, choice)
        if in_choice:
            events.append(Extra(in_choice, "choice"))
        if stop is None:
            return
        self._read_parts(self._tags.flush(), events)
        is_refused = self._refusal is not None
        reason = stop_reason(self._form, stop, is_refused=is_refused)
        events.append(Stopped(reason, stop))
        self._is_over = self._form.last_chunk is None


def _started(facts: Mapping[str, Json]) -> list[StreamEvent]:
    """The start of an answer. Facts of another kind than documented are kept as they are."""
    try:
        return [Started(**facts)]
    except RequestError:
        fit, misfit = apart(Started, facts)
        return [Started(**fit), Extra(misfit, "fact")]


def _no_choices(chunk: Mapping[str, Json]) -> list[Json]:
    """The choices of a chunk that has none: an empty list; or null or no member at all, in a chunk
    that has counts or is called one. `KeyError` for anything else, which is no chunk."""
    is_chunk = chunk.get("usage") or chunk.get("object") == OBJECT
    if chunk.get("choices") is None and not is_chunk:
        raise KeyError("choices")
    return []


_CALL_KEYS = frozenset({"index", "id", "type", "function"})


def _decode_call_delta(
    call: Mapping[str, Json], index: int, *, has_begun: bool
) -> list[StreamEvent]:
    r"""The events of one piece of a tool call.

        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
        {"index": 0, "function": {"arguments": "{\"city\""}}

    The id begins the call; `arguments: null`, and an id, type or name that is repeated, are kept
    as `Extra`.
    """
    if "custom" in call:
        return _decode_custom_delta(call, index)
    function = call.get("function") or EMPTY
    events: list[StreamEvent] = []
    begins = call.get("id") is not None and not has_begun
    extra = call_extra(call, _CALL_KEYS)
    if begins:
        spelling = WITHOUT_ARGUMENTS if function.get("arguments") is None else EMPTY
        spelling = spelling_of_id(call, spelling)
        started = ToolUse(id_of(call["id"]), string(function["name"]), {}, spelling=spelling)
        events.append(BlockStart(index, started))
    else:
        # OpenAI sends these once, where the call begins.
        repeated = {key: call[key] for key in ("id", "type") if key in call}
        named = {f"function.{key}": function[key] for key in ("name",) if key in function}
        extra = {**extra, **repeated, **named}
    if function.get("arguments") is not None:
        events.append(ToolInputDelta(string(function["arguments"]), index))
    elif "arguments" in function:
        extra = {**extra, "function.arguments": None}
    if extra:
        events.append(Extra(extra, f"call {index}"))
    return events


def _decode_custom_delta(call: Mapping[str, Json], index: int) -> list[StreamEvent]:
    """The events of one piece of a custom tool's call, whose `input` is free text.

    {"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "x", "input": ""}}
    {"index": 0, "custom": {"input": "free"}}
    """
    custom = call["custom"]
    events: list[StreamEvent] = []
    if call.get("id") is not None:
        spelling = spelling_of_id(call, CUSTOM)
        started = ToolUse(id_of(call["id"]), string(custom["name"]), "", spelling=spelling)
        events.append(BlockStart(index, started))
    if custom.get("input") is not None:
        events.append(ToolInputDelta(string(custom["input"]), index))
    return events


class ChunkEncoder:
    """One batch, one chunk; a batch with nothing that a chat client could read makes none.

    `id`, `created` and `model` stand in every chunk: those of `Started` where it has them, else
    those of the `StreamContext`, for the names in `ChatForm.chunk_facts`.
    """

    def __init__(self, form: ChatForm, context: StreamContext) -> None:
        self._form = form
        self._tags = TagWriter()
        self._thought: int | None = None
        facts = {"id": context.id, "created": context.created, "model": context.model}
        self._head: dict[str, Json] = {fact: facts[fact] for fact in form.chunk_facts}
        if form.has_object:
            self._head["object"] = OBJECT
        self._has_started = False
        self._has_ended = False
        self._numbers: dict[int, int] = {}
        self._custom: set[int] = set()
        self._bare: set[int] = set()
        """The calls of functions that have no arguments yet."""
        self._older: int | None = None
        self._refusals: set[int] = set()

    def encode(self, batch: Batch) -> list[Json]:
        """The chunk of `batch`, if any, and `ChatForm.last_chunk` after it once `Ended` has
        come."""
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

    def has_pattern(self, index: int) -> bool:
        """Whether a piece of text is a delta and nothing else: the first one has the role, and tags
        of reasoning may have to be written before others."""
        return self._has_started and not self._form.is_tagged

    def _chunk(self, draft: _Draft) -> Json:
        """The chunk of a draft. One with counts alone has the empty `choices` that OpenAI sends
        with them."""
        own = [self._choice(draft)] if draft.has_choice else []
        chunk = {**self._head, "choices": [*own, *draft.other_choices]}
        if draft.usage is not None:
            chunk["usage"] = draft.usage
        if draft.service_tier is not None:
            chunk["service_tier"] = draft.service_tier
        chunk.update(draft.in_chunk)
        return chunk

    def _choice(self, draft: _Draft) -> Json:
        """The one choice of a chunk. The first delta has the role, whatever it holds otherwise."""
        delta: dict[str, Json] = {}
        if not self._has_started:
            self._has_started = True
            # OpenAI, "Chat completions: streaming" (November 2026): the first delta has the role,
            # and openai-python builds the message from it.
            delta["role"] = "assistant"
        if draft.thought is not None:
            delta.update(dict.fromkeys(draft.thought_members, draft.thought))
        if draft.content is not None:
            delta["content"] = draft.content
        if draft.refusal is not None:
            delta["refusal"] = draft.refusal
        if draft.calls:
            delta["tool_calls"] = list(draft.calls.values())
        if draft.older_call is not None:
            delta["function_call"] = draft.older_call
        delta.update(draft.in_delta or EMPTY)
        return {"index": 0, "delta": delta, self._form.stop_key: draft.stop, **draft.in_choice}

    # ── text and reasoning ────────────────────────────────────────────────────────────────────────

    def _add_text(self, draft: _Draft, event: TextDelta) -> None:
        if event.index in self._refusals:
            draft.refusal = (draft.refusal or "") + event.text
        else:
            draft.write(self._tags.say(event.text))

    def _add_thought(self, draft: _Draft, event: ReasoningDelta) -> None:
        """Write reasoning into its member or between tags, as the form has it. Signed and redacted
        reasoning is left out: only the vendor that signed it can read it."""
        if event.signature is not None or event.redacted is not None:
            return  # only the vendor that signed or redacted it can read it
        if self._form.thinking is None:
            raise EncodeError(
                "a chat answer of this family has no place for reasoning", feature="reasoning"
            )
        if not self._form.is_tagged or is_in_member(event.spelling):
            draft.thought = (draft.thought or "") + event.text
            draft.thought_members = members_of(event.spelling)
        else:
            self._thought = event.index
            draft.write(self._tags.think(event.text))

    def _start_block(self, draft: _Draft, event: BlockStart) -> None:
        """Begin a block. Only a tool call and tagged reasoning have a beginning on the wire; the
        text that other starts bring along is written as a delta."""
        match event.block:
            case ToolUse():
                self._start_call(draft, event.index, event.block)
            case Reasoning(text, redacted=None, spelling=spelling) if (
                self._form.is_tagged and not is_in_member(spelling)
            ):
                self._thought = event.index
                draft.write(self._tags.open())
                draft.write(text or None)
            case Reasoning(text, spelling=spelling) if text:
                delta = ReasoningDelta(text, index=event.index, spelling=spelling)
                self._add_thought(draft, delta)
            case Text(text):
                if is_refusal(event.block):
                    self._refusals.add(event.index)
                if text:
                    self._add_text(draft, TextDelta(text, event.index))

    def _stop_block(self, draft: _Draft, event: BlockStop) -> None:
        """Write the closing tag where the block is tagged reasoning, and empty arguments where a
        call had none: clients read them as JSON. No other block has an end on the wire."""
        if event.index == self._thought:
            draft.write(self._tags.close())
        elif event.index in self._bare:
            self._add_arguments(draft, ToolInputDelta("{}", event.index))

    # ── tool calls ────────────────────────────────────────────────────────────────────────────────

    def _start_call(self, draft: _Draft, index: int, call: ToolUse) -> None:
        """Write a call's id, name and the arguments that it starts with; text after it would be
        read as part of the reasoning, so an implied tag is closed first."""
        draft.write(self._tags.close_implied())
        if call.spelling.get("call") == "custom":
            self._custom.add(index)
            custom = {"name": call.name, "input": call_arguments(call.input)}
            id = written_id(call.id, call.spelling)
            head = {"index": self._number(index), "id": id, "type": "custom"}
            draft.calls[index] = {**head, "custom": custom}
            return
        function = {"name": call.name}
        if not is_without_arguments(call):
            function["arguments"] = call_arguments(call.input) if call.input else ""
        if call.spelling.get("call") == OLDER_CALL["call"]:
            self._older = index
            draft.older_call = function
            return
        if not function.get("arguments"):
            self._bare.add(index)
        draft.calls[index] = {
            "index": self._number(index),
            "id": written_id(call.id, call.spelling),
            "type": "function",
            "function": function,
        }

    def _add_arguments(self, draft: _Draft, event: ToolInputDelta) -> None:
        """Write a piece of arguments, into the piece of the same call that the batch already
        has."""
        if event.index == self._older:
            call = draft.older_call = {"arguments": "", **(draft.older_call or {})}
            call["arguments"] += event.json
            return
        if event.json:
            self._bare.discard(event.index)
        kind, name = _FREE_INPUT if event.index in self._custom else _ARGUMENTS
        started = {"index": self._number(event.index), kind: {name: ""}}
        arguments = draft.calls.setdefault(event.index, started)[kind]
        arguments[name] = arguments.get(name, "") + event.json

    def _number(self, index: int) -> int:
        """Tool calls are counted apart from the text: the first is 0, wherever its block stands."""
        return self._numbers.setdefault(index, len(self._numbers))

    # ── facts ─────────────────────────────────────────────────────────────────────────────────────

    def _start(self, draft: _Draft, event: Started) -> None:
        """Take over id, time and model of the answer, for this chunk and all later ones."""
        facts = {"id": event.id, "created": event.created, "model": event.model}
        self._head.update({name: fact for name, fact in facts.items() if fact is not None})
        draft.has_begun = True

    def _stop(self, draft: _Draft, event: Stopped) -> None:
        """Write the stop reason; reasoning that is still open ends here."""
        # Reasoning that a family without block stops left open ends with the answer.
        draft.write(self._tags.close_implied())
        is_refused = bool(self._refusals)
        draft.stop = native_stop(self._form, event.reason, event.native, is_refused=is_refused)

    def _end(self, draft: _Draft, event: Ended) -> None:
        draft.has_ended = True

    def _count(self, draft: _Draft, event: UsageUpdate) -> None:
        """Take over counts and tier; a batch with several updates keeps the last."""
        draft.usage = encode_usage(event.usage) or draft.usage
        draft.service_tier = event.service_tier or draft.service_tier

    def _place(self, draft: _Draft, event: Extra) -> None:
        """Put members where they stood; those of another dialect have no place here."""
        if event.level == "held":
            draft.write(self._tags.hold(event.members["held"]))
        else:
            draft.place(event.members, event.level)


_ARGUMENTS, _FREE_INPUT = ("function", "arguments"), ("custom", "input")
"""Where a piece of a call's arguments stands: of a function, of a custom tool."""

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
    """The chunk that one batch adds up to, member by member. None and {} mean that the batch has no
    event of this kind, so that the member is left out."""

    def __init__(self) -> None:
        self.content: str | None = None
        self.refusal: str | None = None
        self.thought: str | None = None
        self.thought_members: tuple[str, ...] = ()
        self.calls: dict[int, dict[str, Json]] = {}
        self.older_call: dict[str, Json] | None = None
        self.other_choices: list[Json] = []
        self.stop: str | None = None
        self.has_begun = False
        self.is_without_choice = False
        self.has_ended = False
        self.usage: Mapping[str, Json] | None = None
        self.service_tier: str | None = None
        self.in_chunk: Mapping[str, Json] = EMPTY
        self.in_choice: Mapping[str, Json] = EMPTY
        self.in_delta: Mapping[str, Json] | None = None

    def write(self, text: str | None) -> None:
        """Append to `delta.content`. None changes nothing; "" makes the member present and
        empty."""
        if text is not None:
            self.content = (self.content or "") + text

    @property
    def has_choice(self) -> bool:
        """Whether the chunk has an entry in `choices`. Counts come in a chunk whose `choices` is
        empty."""
        return (
            self.content is not None
            or self.refusal is not None
            or self.thought is not None
            or self.stop is not None
            or (self.has_begun and not self.is_without_choice)
            or self.in_delta is not None
            or self.older_call is not None
            or bool(self.calls or self.in_choice)
        )

    @property
    def is_empty(self) -> bool:
        has_facts = self.usage or self.service_tier is not None or self.in_chunk
        return not (self.has_choice or has_facts or self.other_choices)

    def place(self, members: Mapping[str, Json], level: str) -> None:
        """Set undocumented members at the level that an `Extra` names. Levels of other dialects are
        ignored."""
        if level in ("beside", "fact"):
            self.in_chunk = {**self.in_chunk, **members}
        elif level == "no choice":
            self.is_without_choice = True
        elif level == "choice":
            self.in_choice = members
        elif level == "choices":
            self.other_choices.append(dict(members))
        elif level == "delta":
            self.in_delta = members
        elif level.startswith("call "):
            self._place_in_call(int(level.removeprefix("call ")), members)

    def _place_in_call(self, index: int, members: Mapping[str, Json]) -> None:
        """Merge members into the piece of a tool call; those named `function.key` go into its inner
        object."""
        in_call, in_function = split_prefixed(members, "function")
        if index in self.calls:
            self.calls[index].update(in_call)
            if in_function:
                self.calls[index]["function"].update(in_function)
