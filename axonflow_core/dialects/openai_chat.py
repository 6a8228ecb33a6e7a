"""OpenAI's chat-completions JSON, both roles, with the differences between its speakers as data (`ChatForm`).

Source: OpenAI's API reference, "Chat completions", and the AWS user guide for the families that speak it, November
2026. Three things differ in shape from the neutral model:

* A tool's result is a message of its own (`role: tool`); neutrally it is a block in a user message.
* Tool arguments are JSON text. They are parsed; where parsing would lose spaces or order, the text is kept beside.
* A chunk of a stream is a whole little answer, so one batch is one chunk. Text is block 0, tool call n is block n + 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from attrs import field, frozen

from axonflow_core.codec import FamilyCodec, ModelFacts, StopReasons, StreamContext
from axonflow_core.errors import EncodeError
from axonflow_core.messages import (
    NOTHING_MORE,
    BuiltinTool,
    CachePoint,
    Completion,
    CompletionRequest,
    ContentBlock,
    Image,
    Inference,
    Json,
    Media,
    MediaKind,
    Message,
    Opaque,
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    Usage,
    joined_text,
)
from axonflow_core.native import apart, rest_of, said, string, under
from axonflow_core.stream import (
    Batch,
    BlockStart,
    Ended,
    Extra,
    ReasoningDelta,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    tool_input,
)

DIALECT = "openai"

STOP_REASONS = StopReasons(
    {
        "stop": StopReason.END_TURN,
        "length": StopReason.MAX_TOKENS,
        "tool_calls": StopReason.TOOL_USE,
        "content_filter": StopReason.CONTENT_FILTERED,
    }
)


@frozen(kw_only=True)
class ChatForm:
    """How one speaker of this dialect differs from OpenAI."""

    any_tool: str = "required"
    """What `tool_choice` says for "some tool, you choose"."""
    takes_named_tool: bool = True
    stop_key: str = "finish_reason"
    """The key of the stop reason in an answer; the other spelling is read as well."""
    stop_parameter: str | None = "stop"
    inference_keys: frozenset[str] = field(init=False)

    @inference_keys.default
    def _inference_keys(self) -> frozenset[str]:
        stop = (self.stop_parameter,) if self.stop_parameter else ()
        return frozenset({"max_tokens", "temperature", "top_p", *stop})


DOCUMENTED = frozenset(
    "messages tools tool_choice max_tokens temperature top_p role content tool_calls tool_call_id function "
    "arguments parameters description image_url choices message delta finish_reason stop_reason usage "
    "prompt_tokens completion_tokens id model created".split()
)


def chat_codec(form: ChatForm, *, stop_reasons: StopReasons = STOP_REASONS, **record: Any) -> FamilyCodec:
    """The codec of a family that speaks this dialect in the given form."""

    def decode_request(body: Json, facts: ModelFacts) -> CompletionRequest:
        return _decode_request(form, body)

    def encode_request(request: CompletionRequest, facts: ModelFacts) -> Json:
        return _encode_request(form, request)

    def decode_response(body: Json, facts: ModelFacts) -> Completion:
        return _decode_response(form, stop_reasons, body)

    def encode_response(completion: Completion, facts: ModelFacts) -> Json:
        return _encode_response(form, stop_reasons, completion)

    def stream_decoder(facts: ModelFacts) -> ChunkDecoder:
        return ChunkDecoder(form, stop_reasons)

    def stream_encoder(context: StreamContext, facts: ModelFacts) -> ChunkEncoder:
        return ChunkEncoder(form, stop_reasons, context)

    return FamilyCodec(
        stop_reasons=stop_reasons,
        documented=DOCUMENTED | form.inference_keys,
        dialect=DIALECT,
        decode_request=decode_request,
        encode_request=encode_request,
        decode_response=decode_response,
        encode_response=encode_response,
        stream_decoder=stream_decoder,
        stream_encoder=stream_encoder,
        **record,
    )


# ── content ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _decode_content(native: Json) -> tuple[ContentBlock, ...]:
    if native is None:
        return ()
    if isinstance(native, str):
        return (Text(native),)
    return tuple(_decode_part(part) for part in native)


def _decode_part(native: Mapping[str, Json]) -> ContentBlock:
    if native["type"] == "text":
        return Text(string(native["text"]), extra=rest_of(native, frozenset({"type", "text"})))
    if native["type"] == "image_url":
        extra = rest_of(native, frozenset({"type", "image_url"}))
        return Image(_decode_url(native["image_url"]), extra=extra)
    return Opaque(DIALECT, native)


def _decode_url(native: Mapping[str, Json]) -> Media:
    url, extra = string(native["url"]), rest_of(native, frozenset({"url"}))
    if url.startswith("data:"):
        media_type, found, data = url.removeprefix("data:").partition(";base64,")
        if found:
            return Media(MediaKind.BASE64, data, media_type, extra=extra)
    return Media(MediaKind.URL, url, extra=extra)


def _encode_content(blocks: Sequence[ContentBlock]) -> Json:
    """One plain text is a bare string, anything else a list of parts."""
    if len(blocks) == 1 and isinstance(blocks[0], Text) and not blocks[0].extra:
        return blocks[0].text
    return [_encode_part(block) for block in blocks]


def _encode_part(block: ContentBlock) -> Json:
    match block:
        case Text():
            return {"type": "text", "text": block.text, **block.extra}
        case Image():
            return {"type": "image_url", "image_url": _encode_url(block.source), **block.extra}
        case Opaque():
            return block.data
    raise EncodeError(
        f"a chat message has no place for a {type(block).__name__} block", feature=type(block).__name__.lower()
    )


def _encode_url(media: Media) -> Json:
    if media.kind is MediaKind.BASE64:
        return {"url": f"data:{media.media_type or 'image/png'};base64,{media.data}", **media.extra}
    if media.kind is MediaKind.URL:
        return {"url": media.data, **media.extra}
    raise EncodeError(f"a chat message takes no image from {media.kind}", feature=f"{media.kind} source")


# ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────────

_MESSAGE_KEYS = frozenset({"role", "content", "tool_calls", "tool_call_id", "name"})


def _decode_messages(natives: list[Json]) -> tuple[tuple[ContentBlock, ...], tuple[Message, ...]]:
    """The system text that opens the conversation, and the messages behind it."""
    messages = [_decode_message(native) for native in natives]
    if messages and messages[0].role is Role.SYSTEM and messages[0].content and not messages[0].extra:
        return messages[0].content, tuple(messages[1:])
    return (), tuple(messages)


def _decode_message(native: Mapping[str, Json]) -> Message:
    extra = rest_of(native, _MESSAGE_KEYS)
    if native["role"] == "tool":
        content = native.get("content")
        result = ToolResult(
            string(native["tool_call_id"]),
            content if isinstance(content, str | None) else _decode_content(content),
            name=native.get("name"),
        )
        return Message(Role.USER, (result,), extra=extra)
    calls = tuple(_decode_call(call) for call in native.get("tool_calls") or ())
    content = (*_decode_content(native.get("content")), *calls)
    if "name" in native:
        extra = {**extra, "name": native["name"]}
    return Message(Role(native["role"]), content, extra=extra)


def _encode_messages(request: CompletionRequest) -> list[Json]:
    natives: list[Json] = []
    if request.system:
        natives.append({"role": "system", "content": _encode_content(request.system)})
    for message in request.messages:
        natives += _encode_message(message)
    return natives


def _encode_message(message: Message) -> list[Json]:
    """A message as one native message, or as one for every tool result in it and one for what stands beside them."""
    natives: list[Json] = [
        _encode_result(block, message.extra) for block in message.content if isinstance(block, ToolResult)
    ]
    calls = [_encode_call(block) for block in message.content if isinstance(block, ToolUse)]
    others = [block for block in message.content if not isinstance(block, ToolResult | ToolUse)]
    if others or calls or not natives:
        content = _encode_content(others) if others or not calls else None
        called = {"tool_calls": calls} if calls else {}
        natives.append({"role": str(message.role), "content": content, **called, **message.extra})
    return natives


def _encode_result(block: ToolResult, extra: Mapping[str, Json]) -> Json:
    content = block.content if isinstance(block.content, str | None) else _encode_content(block.content)
    if block.is_error:
        told = content if isinstance(content, str) else joined_text(block.content or ())  # type: ignore[arg-type]
        content = f"error: {told}"  # the dialect has no flag for a failed tool
    named = {"name": block.name} if block.name is not None else {}
    return {"role": "tool", "tool_call_id": block.tool_use_id, "content": content, **named, **block.extra, **extra}


def _decode_call(native: Mapping[str, Json]) -> ToolUse:
    function = native["function"]
    written = function["arguments"]
    arguments = tool_input(string(written)) if isinstance(written, str) else written
    is_kept = not isinstance(written, str) or isinstance(arguments, str) or _arguments(arguments) == written
    return ToolUse(
        string(native["id"]),
        string(function["name"]),
        arguments,
        input_json=None if is_kept else written,
        extra=_call_extra(native),
    )


_CALL_KEYS = frozenset({"id", "type", "function", "index"})
_FUNCTION_KEYS = frozenset({"name", "arguments"})


def _call_extra(native: Mapping[str, Json]) -> Mapping[str, Json]:
    in_function = rest_of(native.get("function") or NOTHING_MORE, _FUNCTION_KEYS)
    beside = rest_of(native, _CALL_KEYS)
    return {**beside, **under("function", in_function)} if in_function else beside


def _encode_call(block: ToolUse) -> Json:
    arguments = block.input_json if block.input_json is not None else _arguments(block.input)
    extra, in_function = apart(block.extra, "function")
    function = {"name": block.name, "arguments": arguments, **in_function}
    return {"id": block.id, "type": "function", "function": function, **extra}


def _arguments(value: Json) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────

_TOOL_KEYS = frozenset({"tools", "tool_choice", "parallel_tool_calls"})


def _decode_request(form: ChatForm, body: Mapping[str, Json]) -> CompletionRequest:
    system, messages = _decode_messages(body["messages"])
    stop = body.get(form.stop_parameter) or () if form.stop_parameter else ()
    return CompletionRequest(
        messages=messages,
        system=system,
        inference=Inference(
            max_tokens=body.get("max_tokens"),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            stop_sequences=(stop,) if isinstance(stop, str) else tuple(stop),
        ),
        tools=tuple(_decode_tool(tool) for tool in body.get("tools") or ()),
        tool_choice=_decode_tool_choice(form, body.get("tool_choice"), body.get("parallel_tool_calls")),
        extra=rest_of(body, form.inference_keys | _TOOL_KEYS | {"messages"}),
    )


def _encode_request(form: ChatForm, request: CompletionRequest) -> Json:
    inference = request.inference
    optional = {
        "max_tokens": inference.max_tokens,
        "temperature": inference.temperature,
        "top_p": inference.top_p,
        **({form.stop_parameter: list(inference.stop_sequences) or None} if form.stop_parameter else {}),
        "tools": [_encode_tool(tool) for tool in request.tools] or None,
        **_encode_tool_choice(form, request.tool_choice),
    }
    return {"messages": _encode_messages(request), **said(optional), **request.extra}


def _decode_tool(native: Mapping[str, Json]) -> Tool | BuiltinTool:
    if native["type"] != "function":
        return BuiltinTool(
            DIALECT, native["type"], native.get("name", ""), rest_of(native, frozenset({"type", "name"}))
        )
    function = native["function"]
    return Tool(
        string(function["name"]),
        function.get("description"),
        function.get("parameters"),
        is_strict=function.get("strict"),
        extra={
            **rest_of(native, frozenset({"type", "function"})),
            **under("function", rest_of(function, frozenset({"name", "description", "parameters", "strict"}))),
        },
    )


def _encode_tool(tool: Tool | BuiltinTool | CachePoint) -> Json:
    match tool:
        case BuiltinTool(_, kind, name, settings):
            return {"type": kind, **({"name": name} if name else {}), **settings}
        case Tool():
            known = {"description": tool.description, "parameters": tool.input_schema, "strict": tool.is_strict}
            extra, in_function = apart(tool.extra, "function")
            return {"type": "function", "function": {"name": tool.name, **said(known), **in_function}, **extra}
    raise EncodeError("a chat request has no place for a cache point among its tools", feature="cache points")


def _decode_tool_choice(form: ChatForm, native: Json, parallel: Json) -> ToolChoice | None:
    if native is None:
        return None if parallel is None else ToolChoice(ToolChoiceMode.AUTO, allows_parallel=parallel)
    if isinstance(native, str):
        modes = {"auto": ToolChoiceMode.AUTO, "none": ToolChoiceMode.NONE, form.any_tool: ToolChoiceMode.ANY}
        return ToolChoice(modes[native], allows_parallel=parallel)
    function = native["function"]
    extra = {
        **rest_of(native, frozenset({"type", "function"})),
        **under("function", rest_of(function, frozenset({"name"}))),
    }
    return ToolChoice(ToolChoiceMode.TOOL, string(function["name"]), parallel, extra=extra)


def _encode_tool_choice(form: ChatForm, choice: ToolChoice | None) -> dict[str, Json]:
    if choice is None:
        return {}
    if choice.mode is ToolChoiceMode.TOOL and not form.takes_named_tool:
        raise EncodeError(
            "this family cannot be told which tool to use",
            feature="tool choice by name",
            hint="choose `any` and offer that one tool alone",
        )
    extra, in_function = apart(choice.extra, "function")
    words: Mapping[ToolChoiceMode, Json] = {
        ToolChoiceMode.AUTO: "auto",
        ToolChoiceMode.NONE: "none",
        ToolChoiceMode.ANY: form.any_tool,
        ToolChoiceMode.TOOL: {"type": "function", "function": {"name": choice.name, **in_function}, **extra},
    }
    return {"tool_choice": words[choice.mode], "parallel_tool_calls": choice.allows_parallel}


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_ANSWER_KEYS = frozenset({"id", "object", "created", "model", "choices", "usage"})
_CHOICE_KEYS = frozenset({"index", "message", "delta", "finish_reason", "stop_reason"})


def _stop_of(form: ChatForm, choice: Mapping[str, Json]) -> str | None:
    other = "stop_reason" if form.stop_key == "finish_reason" else "finish_reason"
    stop = choice.get(form.stop_key)
    return stop if stop is not None else choice.get(other)


def _decode_response(form: ChatForm, stop_reasons: StopReasons, body: Mapping[str, Json]) -> Completion:
    (choice,) = body["choices"]
    stop = _stop_of(form, choice)
    message = _decode_message({"role": "assistant", **choice["message"]})
    extra = {
        **rest_of(body, _ANSWER_KEYS),
        **under("choice", rest_of(choice, _CHOICE_KEYS)),
        **under("message", message.extra),
    }
    return Completion(
        content=message.content,
        stop_reason=None if stop is None else stop_reasons.decode(stop),
        usage=_decode_usage(body.get("usage")),
        native_stop_reason=stop,
        id=body.get("id"),
        model=body.get("model"),
        created=body.get("created"),
        extra=extra,
    )


def _encode_response(form: ChatForm, stop_reasons: StopReasons, completion: Completion) -> Json:
    extra, in_choice, in_message = apart(completion.extra, "choice", "message")
    (message,) = _encode_message(Message(Role.ASSISTANT, completion.content, extra=in_message))
    reason = completion.stop_reason
    stop = None if reason is None else stop_reasons.encode(reason, completion.native_stop_reason)
    choice = {"index": 0, "message": message, form.stop_key: stop, **in_choice}
    named = {"id": completion.id, "created": completion.created, "model": completion.model}
    return {
        **said(named),
        "object": "chat.completion",
        "choices": [choice],
        **_encode_usage(completion.usage),
        **extra,
    }


_USAGE_KEYS = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})


def _decode_usage(native: Mapping[str, Json] | None) -> Usage:
    if not native:
        return Usage()
    counted, answered = native.get("prompt_tokens"), native.get("completion_tokens")
    is_sum = native.get("total_tokens") == (counted or 0) + (answered or 0)
    return Usage(counted, answered, extra=rest_of(native, _USAGE_KEYS if is_sum else _USAGE_KEYS - {"total_tokens"}))


def _encode_usage(usage: Usage) -> dict[str, Json]:
    if usage.input_tokens is None and usage.output_tokens is None:
        return {}
    total = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    native = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens, "total_tokens": total}
    return {"usage": {**native, **usage.extra}}


# ── streams ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class ChunkDecoder:
    """One chunk, one batch. It remembers only whether the answer has begun and which tool calls are announced."""

    def __init__(self, form: ChatForm, stop_reasons: StopReasons) -> None:
        self._form = form
        self._stop_reasons = stop_reasons
        self._has_started = False

    def feed(self, chunk: Mapping[str, Json]) -> Batch:
        events: list[StreamEvent] = []
        if not self._has_started:
            self._has_started = True
            events.append(Started(chunk.get("id"), chunk.get("model"), chunk.get("created")))
        for choice in chunk["choices"]:
            events += self._decode_choice(choice)
        if chunk.get("usage"):
            events.append(UsageUpdate(_decode_usage(chunk["usage"])))
        if beside := rest_of(chunk, _ANSWER_KEYS):
            events.append(Extra(beside, "beside"))
        return tuple(events)

    def _decode_choice(self, choice: Mapping[str, Json]) -> list[StreamEvent]:
        delta = choice["delta"] if "delta" in choice else choice["message"]
        events: list[StreamEvent] = []
        if delta.get("content") is not None:
            events.append(TextDelta(string(delta["content"])))
        for number, call in enumerate(delta.get("tool_calls") or ()):
            events += _decode_call_delta(call, call.get("index", number) + 1)
        if in_delta := rest_of(delta, frozenset({"role", "content", "tool_calls"})):
            events.append(Extra(in_delta, "delta"))
        if in_choice := rest_of(choice, _CHOICE_KEYS):
            events.append(Extra(in_choice, "choice"))
        stop = _stop_of(self._form, choice)
        if stop is not None:
            events += (Stopped(self._stop_reasons.decode(stop), stop), Ended())
        return events


def _decode_call_delta(call: Mapping[str, Json], index: int) -> list[StreamEvent]:
    function = call.get("function") or {}
    events: list[StreamEvent] = []
    if call.get("id") is not None:
        events.append(BlockStart(index, ToolUse(string(call["id"]), string(function["name"]), {})))
    if function.get("arguments") is not None:
        events.append(ToolInputDelta(string(function["arguments"]), index))
    if extra := _call_extra(call):
        events.append(Extra(extra, f"call {index}"))
    return events


class ChunkEncoder:
    """One batch, one chunk; a batch that says nothing a chat client could read is none."""

    def __init__(self, form: ChatForm, stop_reasons: StopReasons, context: StreamContext) -> None:
        self._form = form
        self._stop_reasons = stop_reasons
        self._head = {"id": context.id, "object": "chat.completion.chunk", "created": context.created}
        self._model = context.model
        self._has_started = False
        self._numbers: dict[int, int] = {}

    def encode(self, batch: Batch) -> list[Json]:
        chunk = _OpenChunk()
        for event in batch:
            self._add(chunk, event)
        if chunk.is_empty:
            return []
        role = {} if self._has_started else {"role": "assistant"}
        self._has_started = True
        choice = {"index": 0, "delta": {**role, **chunk.delta()}, self._form.stop_key: chunk.stop, **chunk.in_choice}
        head = {**self._head, "model": self._model}
        return [{**head, "choices": [choice], **chunk.usage, **chunk.beside}]

    def _number(self, index: int) -> int:
        """Tool calls are counted apart from the text: the first is 0, wherever its block stands."""
        return self._numbers.setdefault(index, len(self._numbers))

    def _add(self, chunk: _OpenChunk, event: StreamEvent) -> None:
        match event:
            case TextDelta(text):
                chunk.texts.append(text)
            case BlockStart(index, ToolUse(id, name)):
                function = {"name": name, "arguments": ""}
                chunk.calls[index] = {"index": self._number(index), "id": id, "type": "function", "function": function}
            case ToolInputDelta(json, index):
                started = {"index": self._number(index), "function": {"arguments": ""}}
                chunk.calls.setdefault(index, started)["function"]["arguments"] += json
            case Started(id, model, created):
                self._head.update(said({"id": id, "created": created}))
                self._model = model or self._model
                chunk.has_begun = True
            case Stopped(reason, native):
                chunk.stop = self._stop_reasons.encode(reason, native)
            case UsageUpdate(usage):
                chunk.usage = _encode_usage(usage)
            case Extra(members, level):
                chunk.place(members, level)
            case ReasoningDelta():
                raise EncodeError("a chat answer of this family has no place for reasoning", feature="reasoning")


class _OpenChunk:
    """What one batch adds up to."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.calls: dict[int, dict[str, Json]] = {}
        self.stop: str | None = None
        self.has_begun = False
        self.usage: Mapping[str, Json] = NOTHING_MORE
        self.beside: Mapping[str, Json] = NOTHING_MORE
        self.in_choice: Mapping[str, Json] = NOTHING_MORE
        self.in_delta: Mapping[str, Json] = NOTHING_MORE

    @property
    def is_empty(self) -> bool:
        content = (self.texts, self.calls, self.has_begun, self.usage, self.beside, self.in_choice, self.in_delta)
        return self.stop is None and not any(content)

    def delta(self) -> dict[str, Json]:
        content = {"content": "".join(self.texts)} if self.texts else {}
        calls = {"tool_calls": list(self.calls.values())} if self.calls else {}
        return {**content, **calls, **self.in_delta}

    def place(self, members: Mapping[str, Json], level: str) -> None:
        """Put unknown members where they stood; those of another dialect have no place here."""
        if level == "beside":
            self.beside = members
        elif level == "choice":
            self.in_choice = members
        elif level == "delta":
            self.in_delta = members
        elif level.startswith("call "):
            self._place_in_call(int(level.removeprefix("call ")), members)

    def _place_in_call(self, index: int, members: Mapping[str, Json]) -> None:
        beside, in_function = apart(members, "function")
        if index in self.calls:
            self.calls[index].update(beside)
            self.calls[index]["function"].update(in_function)
