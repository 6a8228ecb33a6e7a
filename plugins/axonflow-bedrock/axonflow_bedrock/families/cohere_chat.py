"""Cohere Command R and R+ on InvokeModel: the last message, the history before it, and tools.

    {"message", "chat_history": [{"role": "USER" | "CHATBOT", "message"}], "preamble", "tools", "tool_results", …}
    {"text", "tool_calls", "citations", "generation_id", "chat_history", "finish_reason", "meta"}

Three things differ in shape from the neutral model:

* The exchange with a tool that the answer is to be about stands in `tool_results` beside the question. Here it is two
  messages behind the question: the calls, then the results. Earlier exchanges stand in the history, as Cohere's API
  reference has them (`tool_calls` of a CHATBOT, `tool_results` of a TOOL).
* Tool calls have no ids. A call is known by its place (`call_1`), and a result repeats the call that it answers.
* An answer repeats the conversation so far; that is its `echo`.

A stream names its events. The last one repeats the whole answer: what it says that the events before it said is not
said again, and what it says otherwise is in the echo.

    {"event_type": "text-generation", "text"} … {"event_type": "stream-end", "finish_reason", "response": {…}}

Finish reasons are in upper case on the wire and in lower case in the guide; both are read. None means that the model
wants a tool: an answer that is complete and calls one does.

Source: AWS user guide, "Cohere Command R and Command R+ models"; Cohere's API reference, "Chat"; recorded traffic (2
exchanges), November 2026. Tools and citations are not in that traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, StopReasons, StreamContext, call_id
from axonflow_core.errors import EncodeError
from axonflow_core.messages import (
    NOTHING_MORE,
    Completion,
    CompletionRequest,
    ContentBlock,
    Inference,
    Json,
    Message,
    Reasoning,
    Role,
    StopReason,
    Text,
    Tool,
    ToolResult,
    ToolUse,
    Usage,
    joined_text,
    text_message,
    user,
)
from axonflow_core.native import apart, array, rest_of, said, string, under
from axonflow_core.stream import (
    Assembler,
    Batch,
    BlockStart,
    BlockStop,
    CitationDelta,
    Echoed,
    Ended,
    Extra,
    ReasoningDelta,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    text_delta,
    tool_input,
)

from .cohere_tools import content_of, decode_tool, encode_tool, outputs_of

_ROLES = {"USER": Role.USER, "CHATBOT": Role.ASSISTANT}
_NAMES = {role: name for name, role in _ROLES.items()}

# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────

_PARAMETERS = frozenset({"max_tokens", "temperature", "p", "k", "stop_sequences"})
_OPTIONS = frozenset(
    {
        *("documents", "search_queries_only", "prompt_truncation", "frequency_penalty", "presence_penalty", "seed"),
        *("return_prompt", "raw_prompting"),
    }
)
_REQUEST_KEYS = _PARAMETERS | _OPTIONS | {"message", "chat_history", "preamble", "tools", "tool_results"}
_MESSAGE_KEYS = frozenset({"role", "message", "tool_calls", "tool_results"})
_CALL_KEYS = frozenset({"name", "parameters"})
_RESULT_KEYS = frozenset({"call", "outputs"})


def _decode_request(body: Mapping[str, Json], facts: ModelFacts) -> CompletionRequest:
    calls = _Calls()
    preamble = body.get("preamble")
    messages = [_decode_message(native, calls) for native in body.get("chat_history") or ()]
    messages.append(user(string(body["message"])))
    if body.get("tool_results"):
        messages += _decode_exchange(body["tool_results"], calls)
    return CompletionRequest(
        messages=tuple(messages),
        system=() if preamble is None else (Text(string(preamble)),),
        inference=Inference(
            max_tokens=body.get("max_tokens"),
            temperature=body.get("temperature"),
            top_p=body.get("p"),
            top_k=body.get("k"),
            stop_sequences=tuple(body.get("stop_sequences") or ()),
        ),
        tools=tuple(decode_tool(native) for native in body.get("tools") or ()),
        options={key: body[key] for key in _OPTIONS if key in body},
        extra=rest_of(body, _REQUEST_KEYS),
    )


def _encode_request(request: CompletionRequest, facts: ModelFacts) -> Json:
    inference = request.inference
    history, question, results = _parted(request.messages)
    optional = {
        "preamble": joined_text(request.system) if request.system else None,
        "chat_history": history or None,
        "message": question,
        "tools": [encode_tool(tool) for tool in request.tools if isinstance(tool, Tool)] or None,
        "tool_results": results or None,
        "max_tokens": inference.max_tokens,
        "temperature": inference.temperature,
        "p": inference.top_p,
        "k": inference.top_k,
        "stop_sequences": list(inference.stop_sequences) or None,
    }
    return {**said(optional), **request.options, **request.extra}


class _Calls:
    """The calls of a conversation in their order, to be found again by what answers them."""

    def __init__(self) -> None:
        self._count = 0
        self._by_id: dict[str, ToolUse] = {}
        self._unanswered: list[ToolUse] = []

    def add(self, block: ToolUse) -> None:
        self._count += 1
        self._by_id[block.id] = block  # ids begin anew in every answer, so the latest call is meant
        self._unanswered.append(block)

    def decode(self, native: Mapping[str, Json]) -> ToolUse:
        block = _decode_call(native, self._count)
        self.add(block)
        return block

    def answered_by(self, native: Mapping[str, Json]) -> ToolUse:
        """The call that a result repeats."""
        for place, block in enumerate(self._unanswered):
            if _encode_call(block) == native:
                return self._unanswered.pop(place)
        raise ValueError("a tool result answers no call")

    def of(self, result: ToolResult) -> ToolUse:
        call = self._by_id.get(result.tool_use_id)
        if call is None:
            raise EncodeError(
                "Command R cannot be told a tool result without the call that it answers",
                feature="tools",
                hint="send the message with the tool call before the one with its result",
            )
        return call


def _decode_call(native: Mapping[str, Json], place: int) -> ToolUse:
    return ToolUse(
        call_id(place), string(native["name"]), native.get("parameters", {}), extra=rest_of(native, _CALL_KEYS)
    )


def _encode_call(block: ToolUse) -> dict[str, Json]:
    return {"name": block.name, "parameters": block.input, **block.extra}


def _decode_result(native: Mapping[str, Json], call: ToolUse) -> ToolResult:
    content = content_of(array(native["outputs"]))
    return ToolResult(call.id, content, extra=rest_of(native, _RESULT_KEYS))


def _encode_result(block: ToolResult, call: ToolUse) -> Json:
    content = block.content if isinstance(block.content, str | None) else joined_text(block.content)
    outputs = [{"error": content}] if block.is_error else outputs_of(content)
    return {"call": _encode_call(call), "outputs": outputs, **block.extra}


def _decode_message(native: Mapping[str, Json], calls: _Calls) -> Message:
    if len(native) == 2 and "message" in native:  # nearly every message there is
        return text_message(_ROLES[native["role"]], string(native["message"]))
    extra = rest_of(native, _MESSAGE_KEYS)
    if native["role"] == "TOOL":
        results = array(native["tool_results"])
        return Message(
            Role.USER,
            tuple(_decode_result(result, calls.answered_by(result["call"])) for result in results),
            extra=extra,
        )
    said_calls = tuple(calls.decode(call) for call in native.get("tool_calls") or ())
    spoken = (Text(string(native["message"])),) if "message" in native or not said_calls else ()
    return Message(_ROLES[native["role"]], (*spoken, *said_calls), extra=extra)


def _decode_exchange(natives: Sequence[Mapping[str, Json]], calls: _Calls) -> tuple[Message, Message]:
    """The calls that the results repeat, and the results."""
    called = [calls.decode(native["call"]) for native in natives]
    results = tuple(_decode_result(native, call) for native, call in zip(natives, called, strict=True))
    return Message(Role.ASSISTANT, tuple(called)), Message(Role.USER, results)


def _parted(messages: Sequence[Message]) -> tuple[list[Json], str, list[Json]]:
    """The history, the question, and the results of the exchange that the answer is to be about."""
    start = _start_of_exchange(messages)
    before, exchange = messages[:start], messages[start:]
    spoken = [block for message in exchange[1:] for block in message.content if isinstance(block, Text)]
    question: Message | None = None
    if not spoken and before and _is_spoken(before[-1]):
        *before, question = before
    calls = _Calls()
    history = [native for message in before for native in _encode_message(message, calls)]
    results = _encode_exchange(exchange, calls)
    return history, joined_text(tuple(spoken)) if question is None else question.text, results


def _start_of_exchange(messages: Sequence[Message]) -> int:
    """Where the calls stand that the last messages answer; the end where these answer none."""
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].role is Role.ASSISTANT:
            is_called = any(isinstance(block, ToolUse) for block in messages[place].content)
            return place if is_called else len(messages)
    return len(messages)


def _is_spoken(message: Message) -> bool:
    return message.role is Role.USER and not any(isinstance(block, ToolResult) for block in message.content)


def _encode_exchange(exchange: Sequence[Message], calls: _Calls) -> list[Json]:
    if not exchange:
        return []
    called, *answers = exchange
    if joined_text(called.content):
        _refuse("text beside the tool calls that are being answered")
    pending = [block for block in called.content if isinstance(block, ToolUse)]
    for block in pending:
        calls.add(block)
    results = [block for message in answers for block in message.content if isinstance(block, ToolResult)]
    if {block.id for block in pending} - {block.tool_use_id for block in results}:
        _refuse("a tool call without its result")
    return [_encode_result(block, calls.of(block)) for block in results]


def _encode_message(message: Message, calls: _Calls) -> list[Json]:
    """A message of the history; its tool results in a message of their own."""
    only = message.content[0] if len(message.content) == 1 else None
    if type(only) is Text and not message.extra:  # nearly every message there is
        return [{"role": _NAMES[message.role], "message": only.text}]
    results, called, spoken = [], [], []
    for block in message.content:
        if isinstance(block, ToolResult):
            results.append(_encode_result(block, calls.of(block)))
        elif isinstance(block, ToolUse):
            calls.add(block)
            called.append(_encode_call(block))
        elif isinstance(block, Text):
            spoken.append(block.text)
    natives: list[Json] = [{"role": "TOOL", "tool_results": results, **message.extra}] if results else []
    if spoken or called or not results:
        said_calls = {"tool_calls": called} if called else {}
        words = {"message": "".join(spoken)} if spoken or not called else {}
        natives.append({"role": _NAMES[message.role], **words, **said_calls, **message.extra})
    return natives


def _refuse(what: str) -> NoReturn:
    raise EncodeError(f"Command R cannot be told {what}", feature="tools")


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

STOP_REASONS = StopReasons(
    {
        name: reason
        for word, reason in {
            "COMPLETE": StopReason.END_TURN,
            "MAX_TOKENS": StopReason.MAX_TOKENS,
            "STOP_SEQUENCE": StopReason.STOP_SEQUENCE,
            "ERROR_TOXIC": StopReason.CONTENT_FILTERED,
            "ERROR_LIMIT": StopReason.CONTEXT_EXCEEDED,
        }.items()
        for name in (word, word.lower())
    }
)
"""`ERROR` and `USER_CANCEL` are documented as well, and mean nothing that the neutral model has a word for."""

_ECHO_KEYS = frozenset({"chat_history", "documents", "search_results", "prompt"})
_ANSWER_KEYS = _ECHO_KEYS | {"text", "tool_calls", "citations", "generation_id", "finish_reason", "meta"}
_BILLED_KEYS = frozenset({"input_tokens", "output_tokens"})
_META_KEYS = frozenset({"billed_units", "tokens"})


def _decode_response(body: Mapping[str, Json], facts: ModelFacts) -> Completion:
    called = tuple(_decode_call(native, place) for place, native in enumerate(body.get("tool_calls") or ()))
    spoken = (Text(string(body["text"]), tuple(body.get("citations") or ())),) if "text" in body or not called else ()
    stop, meta = body.get("finish_reason"), body.get("meta") or NOTHING_MORE
    beyond = rest_of(meta, _META_KEYS)
    extra = rest_of(body, _ANSWER_KEYS)
    return Completion(
        content=(*spoken, *called),
        stop_reason=None if stop is None else _stop_reason(stop, has_calls=bool(called)),
        native_stop_reason=stop,
        usage=_decode_usage(meta),
        id=body.get("generation_id"),
        echo={key: body[key] for key in _ECHO_KEYS if key in body} or None,
        extra={**extra, **under("meta", beyond)} if beyond else extra,
    )


def _encode_response(completion: Completion, facts: ModelFacts) -> Json:
    extra, in_meta = apart(completion.extra, "meta")
    meta = {**_encode_usage(completion.usage), **in_meta}
    optional = {
        "generation_id": completion.id,
        **_encode_content(completion.content),
        "finish_reason": _encode_stop(completion.stop_reason, completion.native_stop_reason),
        "meta": meta or None,
    }
    return {**said(optional), **(completion.echo or {}), **extra}


def _encode_content(content: Sequence[ContentBlock]) -> dict[str, Json]:
    if any(isinstance(block, Reasoning) for block in content):
        raise EncodeError("an answer of Command R has no place for reasoning", feature="reasoning")
    texts = [block for block in content if isinstance(block, Text)]
    called = [_encode_call(block) for block in content if isinstance(block, ToolUse)]
    citations = [citation for text in texts for citation in text.citations]
    return {
        "text": "".join(text.text for text in texts) if texts or not called else None,
        "citations": citations or None,
        "tool_calls": called or None,
    }


def _stop_reason(native: str, *, has_calls: bool) -> StopReason:
    reason = STOP_REASONS.decode(native)
    return StopReason.TOOL_USE if has_calls and reason is StopReason.END_TURN else reason


def _encode_stop(reason: StopReason | None, native: str | None) -> str | None:
    if reason is None:
        return None
    return STOP_REASONS.encode(StopReason.END_TURN if reason is StopReason.TOOL_USE else reason, native)


def _decode_usage(meta: Mapping[str, Json]) -> Usage:
    billed = meta.get("billed_units") or NOTHING_MORE
    extra = {**rest_of(billed, _BILLED_KEYS), **under("tokens", meta.get("tokens") or NOTHING_MORE)}
    return Usage(billed.get("input_tokens"), billed.get("output_tokens"), extra=extra or NOTHING_MORE)


def _encode_usage(usage: Usage) -> dict[str, Json]:
    beyond, tokens = apart(usage.extra, "tokens")
    billed = {**said({"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}), **beyond}
    return said({"billed_units": billed or None, "tokens": tokens or None})


# ── streams ─────────────────────────────────────────────────────────────────────────────────────────────────────────

TEXT, CALLS, CITATIONS, END = "text-generation", "tool-calls-generation", "citation-generation", "stream-end"
_EVENT_KEYS: Mapping[str, frozenset[str]] = {
    TEXT: frozenset({"is_finished", "event_type", "text"}),
    CALLS: frozenset({"is_finished", "event_type", "tool_calls"}),
    CITATIONS: frozenset({"is_finished", "event_type", "citations"}),
    END: frozenset({"is_finished", "event_type", "finish_reason", "response"}),
}
_UNKNOWN_EVENT_KEYS = frozenset({"is_finished", "generation_id", "finish_reason"})
_EVENT, _BESIDE = "event", "beside"


class _Decoder:
    """Text is block 0, tool call n is block n + 1."""

    def __init__(self, facts: ModelFacts) -> None:
        self._facts = facts
        self._texts: list[str] = []
        self._citations: list[Json] = []
        self._calls: list[Json] = []

    def feed(self, chunk: Mapping[str, Json]) -> Batch:
        kind = chunk["event_type"]
        if kind == TEXT:
            event = text_delta(string(chunk["text"]))
            self._texts.append(event.text)
            return (event,) if len(chunk) == 3 else (event, *_beside(chunk))
        if kind == CALLS:
            return (*self._called(chunk["tool_calls"]), *_beside(chunk))
        if kind == CITATIONS:
            return (*self._cited(chunk["citations"]), *_beside(chunk))
        if kind == END and "response" in chunk:
            return (*self._ended(chunk), *_beside(chunk), Ended())
        return self._unknown(chunk)

    def _called(self, natives: Sequence[Json]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for place, native in enumerate(natives, start=len(self._calls)):
            events += (BlockStart(place + 1, _decode_call(native, place)), BlockStop(place + 1))
        self._calls += natives
        return events

    def _cited(self, citations: Sequence[Json]) -> list[StreamEvent]:
        self._citations += citations
        return [CitationDelta(citation, 0) for citation in citations]

    def _ended(self, chunk: Mapping[str, Json]) -> list[StreamEvent]:
        response = chunk["response"]
        told = _decode_response({"text": "", **response}, self._facts)
        events: list[StreamEvent] = [] if told.id is None else [Started(told.id)]
        is_text_news = "text" in response and not self._texts
        if is_text_news and (response["text"] or not self._calls):
            self._texts.append(string(response["text"]))
            events.append(TextDelta(response["text"]))
        if not self._citations:
            events += self._cited(response.get("citations") or ())
        if not self._calls:
            events += self._called(response.get("tool_calls") or ())
        stop = chunk.get("finish_reason")
        echo = {**(told.echo or {}), **self._told_otherwise(response, stop)}
        events += [UsageUpdate(told.usage)] if told.usage != Usage() else []
        events += [Echoed(echo)] if echo else []
        events += [Extra(told.extra)] if told.extra else []
        events += [Stopped(_stop_reason(stop, has_calls=bool(self._calls)), stop)] if stop is not None else []
        return events

    def _told_otherwise(self, response: Mapping[str, Json], stop: Json) -> dict[str, Json]:
        """What the last event says unlike the events before it."""
        heard = {
            "text": "".join(self._texts) if self._texts else None,
            "citations": self._citations or None,
            "tool_calls": self._calls or None,
            "finish_reason": stop,
        }
        return {key: response.get(key) for key, value in heard.items() if response.get(key) != value}

    def _unknown(self, chunk: Mapping[str, Json]) -> Batch:
        """Of an event that tells nothing of the answer what it does tell is carried along."""
        events: list[StreamEvent] = [Extra(rest_of(chunk, _UNKNOWN_EVENT_KEYS), _EVENT)]
        if chunk.get("generation_id") is not None:
            events.append(Started(chunk["generation_id"]))
        if chunk.get("is_finished") is True:
            stop = string(chunk["finish_reason"])
            events += (Stopped(_stop_reason(stop, has_calls=bool(self._calls)), stop), Ended())
        return tuple(events)


def _beside(chunk: Mapping[str, Json]) -> Iterable[Extra]:
    members = rest_of(chunk, _EVENT_KEYS[chunk["event_type"]])
    return (Extra(members, _BESIDE),) if members else ()


class _Encoder:
    """Every kind of event in a batch becomes one chunk. What only the last event tells is told there."""

    def __init__(self, facts: ModelFacts) -> None:
        self._facts = facts
        self._answer = Assembler()
        self._has_spoken = False
        self._has_cited = False
        self._has_called = False
        self._open: dict[int, ToolUse] = {}
        self._inputs: dict[int, list[str]] = {}

    def encode(self, batch: Batch) -> list[Json]:
        said_now = _Said()
        for event in batch:
            self._answer.add(event)
            self._add(said_now, event)
        if said_now.is_last:
            said_now.calls += [self._close(index) for index in tuple(self._open)]
        chunks = self._pieces(said_now)
        if said_now.unknown:
            chunks.append(_unknown_event(said_now))
        elif said_now.is_last:
            chunks.append(self._end())
        if chunks and said_now.beside:
            chunks[-1] = {**chunks[-1], **said_now.beside}
        return chunks

    def _add(self, said_now: _Said, event: StreamEvent) -> None:
        match event:
            case TextDelta(text):
                said_now.texts.append(text)
            case CitationDelta(citation):
                said_now.citations.append(citation)
            case BlockStart(index, ToolUse() as block):
                self._open[index] = block
                self._inputs[index] = []
            case ToolInputDelta(json, index):
                self._inputs[index].append(json)
            case BlockStop(index) if index in self._open:
                said_now.calls.append(self._close(index))
            case Extra(members, level) if level == _EVENT:
                said_now.unknown = members
            case Extra(members, level) if level == _BESIDE:
                said_now.beside = members
            case ReasoningDelta() | BlockStart(_, Reasoning()):
                raise EncodeError("an answer of Command R has no place for reasoning", feature="reasoning")
            case Started(id):
                said_now.id = id
            case Stopped(reason, native):
                said_now.stop = _encode_stop(reason, native)
            case Ended():
                said_now.is_last = True

    def _close(self, index: int) -> Json:
        block, written = self._open.pop(index), "".join(self._inputs.pop(index))
        return {**_encode_call(block), **({"parameters": tool_input(written)} if written else {})}

    def _pieces(self, said_now: _Said) -> list[Json]:
        """The events for what is said now. Where the last event is the first to say it, it says it alone."""
        texts, citations, calls = said_now.texts, said_now.citations, said_now.calls
        natives: list[Json] = []
        if texts and (self._has_spoken or not said_now.is_last):
            natives.append(_event(TEXT, text="".join(texts)))
        if citations and (self._has_cited or not said_now.is_last):
            natives.append(_event(CITATIONS, citations=citations))
        if calls and (self._has_called or not said_now.is_last):
            natives.append(_event(CALLS, tool_calls=calls))
        self._has_spoken |= bool(texts)
        self._has_cited |= bool(citations)
        self._has_called |= bool(calls)
        return natives

    def _end(self) -> Json:
        answer = self._answer.completion
        stop = _encode_stop(answer.stop_reason, answer.native_stop_reason)
        response = _encode_response(answer, self._facts)
        return {"is_finished": True, "event_type": END, "finish_reason": stop, "response": response}


def _event(kind: str, **members: Json) -> Json:
    return {"is_finished": False, "event_type": kind, **members}


def _unknown_event(said_now: _Said) -> Json:
    known = said({"generation_id": said_now.id, "finish_reason": said_now.stop})
    return {"is_finished": said_now.is_last, **said_now.unknown, **known}


class _Said:
    """What one batch says."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.citations: list[Json] = []
        self.calls: list[Json] = []
        self.unknown: Mapping[str, Json] = NOTHING_MORE
        self.beside: Mapping[str, Json] = NOTHING_MORE
        self.id: str | None = None
        self.stop: str | None = None
        self.is_last = False


def _stream_decoder(facts: ModelFacts) -> _Decoder:
    return _Decoder(facts)


def _stream_encoder(context: StreamContext, facts: ModelFacts) -> _Encoder:
    return _Encoder(facts)


# ── the record ──────────────────────────────────────────────────────────────────────────────────────────────────────

COMMAND_R = FamilyCodec(
    family="cohere",
    variant="command-r",
    models=("cohere.command-r",),
    features=frozenset(
        {
            *(Feature.SYSTEM, Feature.ANY_ROLE_ORDER, Feature.TOOLS, Feature.BARE_RESULTS),
            *(Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K, Feature.STOP_SEQUENCES),
        }
    ),
    folds=frozenset({Feature.MANY_BLOCKS, Feature.RESULTS_BESIDE, Feature.TOOL_ERRORS}),
    stop_reasons=STOP_REASONS,
    documented=frozenset(
        {
            *_REQUEST_KEYS,
            *_MESSAGE_KEYS,
            *_RESULT_KEYS,
            *("name", "parameters", "description", "parameter_definitions"),
            *("text", "citations", "generation_id", "finish_reason", "billed_units", "is_finished"),
        }
    ),
    options=_OPTIONS,
    has_call_ids=False,
    evidence="recorded traffic; tools and streams: AWS user guide and Cohere's API reference, November 2026",
    encode_request=_encode_request,
    decode_response=_decode_response,
    stream_decoder=_stream_decoder,
    decode_request=_decode_request,
    encode_response=_encode_response,
    stream_encoder=_stream_encoder,
)
