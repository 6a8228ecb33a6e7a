"""Anthropic's Messages JSON, both roles.

Source: Anthropic's Messages API reference and recorded Bedrock traffic, November 2026. Three things differ in shape:

* `cache_control` hangs on a native block; neutrally it is a `CachePoint` behind that block.
* A block of a kind unknown here, and a tool that is not `custom`, is kept whole (`Opaque`, `BuiltinTool`).
* A stream is a run of chunks with a `type`, each of which is one batch:

    message_start  (content_block_start  content_block_delta*  content_block_stop)*  message_delta  message_stop

What stands outside the messages (`model`, `stream`, `anthropic_version`) belongs to whoever uses this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from axonflow_core.codec import ModelFacts, StopReasons, StreamContext, rest_of, said, string
from axonflow_core.errors import EncodeError, Unavailable
from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    Completion,
    CompletionRequest,
    ContentBlock,
    Document,
    Image,
    Inference,
    Json,
    Media,
    MediaKind,
    Message,
    Opaque,
    Reasoning,
    ReasoningRequest,
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
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
    MetricsUpdate,
    ReasoningDelta,
    Started,
    Stopped,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    merge_usage,
)

DIALECT = "anthropic"

STOP_REASONS = StopReasons(
    {
        "end_turn": StopReason.END_TURN,
        "max_tokens": StopReason.MAX_TOKENS,
        "stop_sequence": StopReason.STOP_SEQUENCE,
        "tool_use": StopReason.TOOL_USE,
        "pause_turn": StopReason.PAUSE_TURN,
        "refusal": StopReason.REFUSAL,
        "model_context_window_exceeded": StopReason.CONTEXT_EXCEEDED,
    }
)

OPTIONS = frozenset({"anthropic_beta", "output_config", "output_format"})
"""Documented parameters with no neutral name. `effort` inside `output_config` has one and stands apart."""

DOCUMENTED = frozenset(
    "max_tokens messages system temperature top_p top_k stop_sequences tools tool_choice thinking output_config "
    "output_format anthropic_beta anthropic_version metadata name description input_schema "
    "disable_parallel_tool_use budget_tokens effort role content text source media_type data tool_use_id is_error "
    "input signature redacted_thinking cache_control stop_reason stop_sequence stop_details usage input_tokens "
    "output_tokens cache_creation_input_tokens cache_read_input_tokens ephemeral_5m_input_tokens "
    "ephemeral_1h_input_tokens thinking_tokens service_tier id thinking model delta partial_json content_block "
    "index".split()
)


# ── blocks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def decode_content(native: Json) -> tuple[ContentBlock, ...]:
    """A bare string is one text block; `cache_control` becomes a `CachePoint` behind its block."""
    if isinstance(native, str):
        return (Text(native),)
    blocks: list[ContentBlock] = []
    for item in _list(native):
        block = decode_block(item)
        blocks.append(block)
        if not isinstance(block, Opaque) and item.get("cache_control"):
            blocks.append(_decode_cache_control(item["cache_control"]))
    return tuple(blocks)


def encode_content(blocks: Iterable[ContentBlock]) -> list[Json]:
    natives: list[Json] = []
    for block in blocks:
        if isinstance(block, CachePoint):
            _hang_cache_control(natives, block)
        else:
            natives.append(encode_block(block))
    return natives


def decode_block(native: Mapping[str, Json]) -> ContentBlock:
    decode = _DECODE_BLOCK.get(native["type"])
    return Opaque(DIALECT, native) if decode is None else decode(native)


def encode_block(block: ContentBlock) -> dict[str, Json]:
    return _ENCODE_BLOCK[type(block)](block)


_KEYS_OF_BLOCK: Mapping[str, frozenset[str]] = {
    kind: frozenset({"type", "cache_control", *keys.split()})
    for kind, keys in {
        "text": "text",
        "cited text": "text citations",
        "image": "source",
        "document": "source title context citations",
        "tool_use": "id name input",
        "tool_result": "tool_use_id content is_error",
        "thinking": "thinking signature",
        "redacted_thinking": "data",
    }.items()
}


def _rest(native: Mapping[str, Json], kind: str) -> Mapping[str, Json]:
    return rest_of(native, _KEYS_OF_BLOCK[kind])


def _decode_text(native: Mapping[str, Json]) -> ContentBlock:
    citations = native.get("citations")
    if citations:
        return Text(native["text"], tuple(citations), extra=_rest(native, "cited text"))
    return Text(string(native["text"]), extra=_rest(native, "text"))


def _encode_text(block: Text) -> dict[str, Json]:
    native: dict[str, Json] = {"type": "text", "text": block.text, **block.extra}
    if block.citations:
        native["citations"] = list(block.citations)
    return native


_MEDIA_DATA = {"base64": "data", "text": "data", "url": "url", "file": "file_id"}
"""Kind of source -> the key its data stands under."""


def _decode_media(native: Mapping[str, Json]) -> Media | None:
    key = _MEDIA_DATA.get(native["type"])
    if key is None:
        return None
    extra = rest_of(native, frozenset({"type", "media_type", key}))
    return Media(MediaKind(native["type"]), native[key], native.get("media_type"), extra=extra)


def _encode_media(media: Media) -> dict[str, Json]:
    key = _MEDIA_DATA.get(media.kind)
    if key is None:
        raise EncodeError(f"an Anthropic message takes no {media.kind} source", feature=f"{media.kind} source")
    native = {"type": str(media.kind), key: media.data, **media.extra}
    if media.media_type is not None:
        native["media_type"] = media.media_type
    return native


def _decode_image(native: Mapping[str, Json]) -> ContentBlock:
    media = _decode_media(native["source"])
    return Opaque(DIALECT, native) if media is None else Image(media, extra=_rest(native, "image"))


def _encode_image(block: Image) -> dict[str, Json]:
    return {"type": "image", "source": _encode_media(block.source), **block.extra}


def _decode_document(native: Mapping[str, Json]) -> ContentBlock:
    source, content, media = native["source"], None, None
    if source["type"] == "content":
        content = _decode_nested(source["content"])
    else:
        media = _decode_media(source)
        if media is None:
            return Opaque(DIALECT, native)
    return Document(
        source=media,
        content=content,
        name=native.get("title"),
        context=native.get("context"),
        citations=native.get("citations"),
        extra=_rest(native, "document"),
    )


def _encode_document(block: Document) -> dict[str, Json]:
    if block.source is not None:
        source = _encode_media(block.source)
    else:
        source = {"type": "content", "content": _encode_nested(block.content or ())}
    named = {"title": block.name, "context": block.context, "citations": block.citations}
    return {"type": "document", "source": source, **said(named), **block.extra}


def _decode_nested(native: Json) -> tuple[ContentBlock, ...] | str:
    """The content of a tool result or document, where a bare string stays one."""
    return native if isinstance(native, str) else decode_content(native)


def _encode_nested(content: tuple[ContentBlock, ...] | str) -> Json:
    return content if isinstance(content, str) else encode_content(content)


def _decode_tool_use(native: Mapping[str, Json]) -> ContentBlock:
    return ToolUse(string(native["id"]), string(native["name"]), native["input"], extra=_rest(native, "tool_use"))


def _encode_tool_use(block: ToolUse) -> dict[str, Json]:
    return {"type": "tool_use", "id": block.id, "name": block.name, "input": block.input, **block.extra}


def _decode_tool_result(native: Mapping[str, Json]) -> ContentBlock:
    content = native.get("content")
    return ToolResult(
        string(native["tool_use_id"]),
        None if content is None else _decode_nested(content),
        native.get("is_error"),
        extra=_rest(native, "tool_result"),
    )


def _encode_tool_result(block: ToolResult) -> dict[str, Json]:
    content = None if block.content is None else _encode_nested(block.content)
    named = said({"content": content, "is_error": block.is_error})
    return {"type": "tool_result", "tool_use_id": block.tool_use_id, **named, **block.extra}


def _decode_thinking(native: Mapping[str, Json]) -> ContentBlock:
    return Reasoning(string(native["thinking"]), native.get("signature"), extra=_rest(native, "thinking"))


def _decode_redacted(native: Mapping[str, Json]) -> ContentBlock:
    return Reasoning(redacted=string(native["data"]), extra=_rest(native, "redacted_thinking"))


def _encode_reasoning(block: Reasoning) -> dict[str, Json]:
    if block.redacted is not None:
        return {"type": "redacted_thinking", "data": block.redacted, **block.extra}
    return {"type": "thinking", "thinking": block.text, **said({"signature": block.signature}), **block.extra}


def _encode_opaque(block: Opaque) -> dict[str, Json]:
    return dict(block.data)


_DECODE_BLOCK: Mapping[str, Callable[[Mapping[str, Json]], ContentBlock]] = {
    "text": _decode_text,
    "image": _decode_image,
    "document": _decode_document,
    "tool_use": _decode_tool_use,
    "tool_result": _decode_tool_result,
    "thinking": _decode_thinking,
    "redacted_thinking": _decode_redacted,
}
_ENCODE_BLOCK: Mapping[type, Callable[[Any], dict[str, Json]]] = {
    Text: _encode_text,
    Image: _encode_image,
    Document: _encode_document,
    ToolUse: _encode_tool_use,
    ToolResult: _encode_tool_result,
    Reasoning: _encode_reasoning,
    Opaque: _encode_opaque,
}


def _decode_cache_control(native: Mapping[str, Json]) -> CachePoint:
    kind = string(native["type"])
    extra = rest_of(native, frozenset({"type", "ttl"}))
    return CachePoint(native.get("ttl"), None if kind == "ephemeral" else kind, extra=extra)


def _hang_cache_control(natives: list[Json], point: CachePoint) -> None:
    if not natives or "cache_control" in natives[-1]:
        raise EncodeError(
            "a cache point must stand behind a block, and only one may",
            feature="cache points",
            hint="move the cache point behind the last block that is to be cached",
        )
    ttl = said({"ttl": point.ttl})
    natives[-1]["cache_control"] = {"type": point.kind or "ephemeral", **ttl, **point.extra}


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────

_REQUEST_KEYS = OPTIONS | frozenset(
    "max_tokens messages system temperature top_p top_k stop_sequences tools tool_choice thinking metadata".split()
)


def decode_request(body: Mapping[str, Json], facts: ModelFacts) -> CompletionRequest:
    system = body.get("system")
    return CompletionRequest(
        messages=tuple(map(_decode_message, _list(body["messages"]))),
        system=() if system is None else decode_content(system),
        inference=Inference(
            max_tokens=body.get("max_tokens"),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            top_k=body.get("top_k"),
            stop_sequences=tuple(body.get("stop_sequences") or ()),
        ),
        tools=_decode_tools(body.get("tools") or []),
        tool_choice=_decode_tool_choice(body.get("tool_choice")),
        reasoning=_decode_reasoning_request(body.get("thinking"), body.get("output_config") or {}),
        metadata=body.get("metadata"),
        options=_decode_options(body),
        extra=rest_of(body, _REQUEST_KEYS),
    )


def encode_request(request: CompletionRequest, facts: ModelFacts) -> dict[str, Json]:
    inference = request.inference
    thinking, effort = _encode_reasoning_request(request.reasoning)
    options = dict(request.options)
    if effort:
        options["output_config"] = {**(options.get("output_config") or {}), **effort}
    optional = {
        "max_tokens": inference.max_tokens,
        "system": encode_content(request.system) or None,
        "temperature": inference.temperature,
        "top_p": inference.top_p,
        "top_k": inference.top_k,
        "stop_sequences": list(inference.stop_sequences) or None,
        "tools": _encode_tools(request.tools) or None,
        "tool_choice": _encode_tool_choice(request.tool_choice),
        "thinking": thinking,
        "metadata": request.metadata,
    }
    return {"messages": [_encode_message(m) for m in request.messages], **said(optional), **options, **request.extra}


def _decode_message(native: Mapping[str, Json]) -> Message:
    extra = rest_of(native, frozenset({"role", "content"}))
    return Message(Role(native["role"]), decode_content(native["content"]), extra=extra)


def _encode_message(message: Message) -> dict[str, Json]:
    return {"role": str(message.role), "content": encode_content(message.content), **message.extra}


def _decode_options(body: Mapping[str, Json]) -> Mapping[str, Json]:
    options = {key: body[key] for key in OPTIONS if body.get(key) is not None}
    if "output_config" in options:
        options["output_config"] = rest_of(options["output_config"], frozenset({"effort"}))
        if not options["output_config"]:
            del options["output_config"]
    return options


def _decode_reasoning_request(thinking: Json, output_config: Mapping[str, Json]) -> ReasoningRequest | None:
    effort = output_config.get("effort")
    if thinking is None:
        return None if effort is None else ReasoningRequest(effort=effort)
    extra = rest_of(thinking, frozenset({"type", "budget_tokens"}))
    return ReasoningRequest(string(thinking["type"]), thinking.get("budget_tokens"), effort, extra=extra)


def _encode_reasoning_request(asked: ReasoningRequest | None) -> tuple[Json, Mapping[str, Json]]:
    """The `thinking` member, if any, and the `effort` that goes into `output_config`."""
    if asked is None:
        return None, {}
    mode = asked.mode or ("enabled" if asked.budget_tokens is not None else None)
    thinking = {"type": mode, **said({"budget_tokens": asked.budget_tokens}), **asked.extra} if mode else None
    return thinking, said({"effort": asked.effort})


_TOOL_KEYS = frozenset({"name", "description", "input_schema", "strict", "type", "cache_control"})


def _decode_tools(natives: Sequence[Mapping[str, Json]]) -> tuple[Tool | BuiltinTool | CachePoint, ...]:
    tools: list[Tool | BuiltinTool | CachePoint] = []
    for native in _list(natives):
        tools.append(_decode_tool(native))
        if native.get("cache_control"):
            tools.append(_decode_cache_control(native["cache_control"]))
    return tuple(tools)


def _decode_tool(native: Mapping[str, Json]) -> Tool | BuiltinTool:
    if native.get("type") not in (None, "custom"):
        settings = rest_of(native, frozenset({"type", "name", "cache_control"}))
        return BuiltinTool(DIALECT, native["type"], native["name"], settings)
    return Tool(
        string(native["name"]),
        native.get("description"),
        native["input_schema"],
        is_strict=native.get("strict"),
        type=native.get("type"),
        extra=rest_of(native, _TOOL_KEYS),
    )


def _encode_tools(tools: Iterable[Tool | BuiltinTool | CachePoint]) -> list[Json]:
    natives: list[Json] = []
    for tool in tools:
        match tool:
            case CachePoint():
                _hang_cache_control(natives, tool)
            case BuiltinTool(_, kind, name, settings):
                natives.append({"type": kind, "name": name, **settings})
            case Tool():
                named = said({"type": tool.type, "description": tool.description, "strict": tool.is_strict})
                schema = {"type": "object"} if tool.input_schema is None else tool.input_schema
                natives.append({"name": tool.name, "input_schema": schema, **named, **tool.extra})
    return natives


_CHOICE_KEYS = frozenset({"type", "name", "disable_parallel_tool_use"})


def _decode_tool_choice(native: Json) -> ToolChoice | None:
    if native is None:
        return None
    is_serial = native.get("disable_parallel_tool_use")
    allows_parallel = None if is_serial is None else not is_serial
    extra = rest_of(native, _CHOICE_KEYS)
    return ToolChoice(ToolChoiceMode(native["type"]), native.get("name"), allows_parallel, extra=extra)


def _encode_tool_choice(choice: ToolChoice | None) -> Json:
    if choice is None:
        return None
    is_serial = None if choice.allows_parallel is None else not choice.allows_parallel
    named = said({"name": choice.name, "disable_parallel_tool_use": is_serial})
    return {"type": str(choice.mode), **named, **choice.extra}


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_ANSWER_KEYS = frozenset("id type role model content stop_reason stop_sequence stop_details usage".split())


def decode_response(body: Mapping[str, Json], facts: ModelFacts) -> Completion:
    _expect(body.get("type", "message"), "message")
    _expect(body.get("role", "assistant"), "assistant")
    reason = body.get("stop_reason")
    usage, service_tier = decode_usage(body.get("usage") or {})
    return Completion(
        content=decode_content(_list(body["content"])),
        stop_reason=None if reason is None else STOP_REASONS.decode(reason),
        usage=usage,
        stop_sequence=body.get("stop_sequence"),
        stop_details=body.get("stop_details"),
        native_stop_reason=reason,
        id=body.get("id"),
        model=body.get("model"),
        service_tier=service_tier,
        extra=rest_of(body, _ANSWER_KEYS),
    )


def encode_response(completion: Completion, facts: ModelFacts) -> dict[str, Json]:
    reason = completion.stop_reason
    native = None if reason is None else STOP_REASONS.encode(reason, completion.native_stop_reason)
    return {
        **said({"id": completion.id}),
        "type": "message",
        "role": "assistant",
        **said({"model": completion.model}),
        "content": encode_content(completion.content),
        "stop_reason": native,
        "stop_sequence": completion.stop_sequence,
        **said({"stop_details": completion.stop_details}),
        "usage": encode_usage(completion.usage, completion.service_tier),
        **completion.extra,
    }


_USAGE_KEYS = frozenset(
    "input_tokens output_tokens cache_read_input_tokens cache_creation_input_tokens cache_creation "
    "output_tokens_details service_tier id thinking".split()
)
_NESTED_COUNTS = (
    ("cache_creation", "ephemeral_5m_input_tokens", "cache_write_5m_tokens"),
    ("cache_creation", "ephemeral_1h_input_tokens", "cache_write_1h_tokens"),
    ("output_tokens_details", "thinking_tokens", "reasoning_tokens"),
)


def decode_usage(native: Mapping[str, Json]) -> tuple[Usage, str | None]:
    """The counts, and the service tier that Anthropic reports among them."""
    nested = {name: (native.get(group) or {}).get(key) for group, key, name in _NESTED_COUNTS}
    extra = dict(rest_of(native, _USAGE_KEYS))
    for group in ("cache_creation", "output_tokens_details"):
        unknown = rest_of(native.get(group) or {}, frozenset(key for name, key, _ in _NESTED_COUNTS if name == group))
        if unknown:
            extra[group] = unknown
    usage = Usage(
        input_tokens=native.get("input_tokens"),
        output_tokens=native.get("output_tokens"),
        cache_read_tokens=native.get("cache_read_input_tokens"),
        cache_write_tokens=native.get("cache_creation_input_tokens"),
        **nested,
        extra=extra,
    )
    return usage, native.get("service_tier")


def encode_usage(usage: Usage, service_tier: str | None) -> dict[str, Json]:
    native = said(
        {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_input_tokens": usage.cache_read_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
            "service_tier": service_tier,
        }
    )
    native.update(usage.extra)
    for group, key, name in _NESTED_COUNTS:
        count = getattr(usage, name)
        if count is not None:
            native[group] = {**native.get(group, {}), key: count}
    return native


# ── streams ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_MESSAGE_KEYS = _ANSWER_KEYS
_DELTA_KEYS = frozenset({"stop_reason", "stop_sequence", "stop_details"})


class ChunkDecoder:
    """One chunk, one batch. It keeps no state: every chunk says all it means."""

    def feed(self, chunk: Mapping[str, Json]) -> Batch:
        decode = _DECODE_CHUNK.get(chunk["type"])
        return (Extra(chunk, "chunk"),) if decode is None else decode(chunk)


def _decode_delta(chunk: Mapping[str, Json]) -> Batch:
    delta, index = chunk["delta"], chunk["index"]
    kind = delta["type"]
    if kind == "text_delta":
        event: Any = TextDelta(string(delta["text"]), index)
    elif kind == "input_json_delta":
        event = ToolInputDelta(string(delta["partial_json"]), index)
    elif kind == "thinking_delta":
        event = ReasoningDelta(string(delta["thinking"]), index=index)
    elif kind == "signature_delta":
        event = ReasoningDelta(signature=string(delta["signature"]), index=index)
    elif kind == "citations_delta":
        event = CitationDelta(delta["citation"], index)
    else:
        return (Extra(chunk, "chunk"),)
    return (event,) if len(chunk) == 3 and len(delta) == 2 else (event, *_delta_extras(chunk, delta))


_DELTA_VALUES = frozenset({"type", "text", "partial_json", "thinking", "signature", "citation"})


def _delta_extras(chunk: Mapping[str, Json], delta: Mapping[str, Json]) -> Batch:
    in_delta = rest_of(delta, _DELTA_VALUES)
    return (*((Extra(in_delta, "delta"),) if in_delta else ()), *_beside(chunk, "type", "index", "delta"))


def _beside(chunk: Mapping[str, Json], *known: str) -> Batch:
    extra = rest_of(chunk, frozenset(known))
    return (Extra(extra, "beside"),) if extra else ()


def _decode_message_start(chunk: Mapping[str, Json]) -> Batch:
    message = chunk["message"]
    usage, service_tier = decode_usage(message.get("usage") or {})
    extra = rest_of(message, _MESSAGE_KEYS)
    return (
        Started(message.get("id"), message.get("model")),
        UsageUpdate(usage, service_tier),
        *((Extra(extra),) if extra else ()),
        *_beside(chunk, "type", "message"),
    )


def _decode_block_start(chunk: Mapping[str, Json]) -> Batch:
    start = BlockStart(chunk["index"], decode_block(chunk["content_block"]))
    return (start, *_beside(chunk, "type", "index", "content_block"))


def _decode_block_stop(chunk: Mapping[str, Json]) -> Batch:
    return (BlockStop(chunk["index"]), *_beside(chunk, "type", "index"))


def _decode_message_delta(chunk: Mapping[str, Json]) -> Batch:
    delta = chunk["delta"]
    events: list[Any] = []
    reason = delta.get("stop_reason")
    if reason is not None:
        sequence, details = delta.get("stop_sequence"), delta.get("stop_details")
        events.append(Stopped(STOP_REASONS.decode(reason), reason, sequence, details))
    if chunk.get("usage"):
        events.append(UsageUpdate(*decode_usage(chunk["usage"])))
    if in_delta := rest_of(delta, _DELTA_KEYS):
        events.append(Extra(in_delta, "delta"))
    return (*events, *_beside(chunk, "type", "delta", "usage"))


def _decode_message_stop(chunk: Mapping[str, Json]) -> Batch:
    return (Ended(), *_beside(chunk, "type"))


def _decode_error(chunk: Mapping[str, Json]) -> Batch:
    kind = chunk["error"]["type"]
    raise Unavailable(f"the model stopped in mid-stream: {kind}", native_code=kind)


_DECODE_CHUNK: Mapping[str, Callable[[Mapping[str, Json]], Batch]] = {
    "content_block_delta": _decode_delta,
    "message_start": _decode_message_start,
    "content_block_start": _decode_block_start,
    "content_block_stop": _decode_block_stop,
    "message_delta": _decode_message_delta,
    "message_stop": _decode_message_stop,
    "error": _decode_error,
}


class ChunkEncoder:
    """Batches of any family in, Anthropic's chunks out: what a family leaves unsaid (starts, stops) is supplied."""

    def __init__(self, context: StreamContext) -> None:
        self._context = context
        self._has_started = False
        self._has_stopped = False
        self._open: int | None = None
        self._usage = Usage()
        self._service_tier: str | None = None

    def encode(self, batch: Batch) -> list[Json]:
        chunks: list[Json] = []
        self._note_usage(batch)
        is_usage_alone = self._has_started and all(isinstance(event, UsageUpdate | Extra) for event in batch)
        for event in batch:
            match event:
                case UsageUpdate() if is_usage_alone:
                    chunks.append({"type": "message_delta", "delta": {}, "usage": self._take_usage()})
                case TextDelta(text, index):
                    self._enter(chunks, index, {"type": "text", "text": ""})
                    chunks.append(_delta(index, {"type": "text_delta", "text": text}))
                case ToolInputDelta(json, index):
                    chunks.append(_delta(index, {"type": "input_json_delta", "partial_json": json}))
                case ReasoningDelta(index=index):
                    self._encode_reasoning(chunks, event)
                case CitationDelta(citation, index):
                    self._enter(chunks, index, {"type": "text", "text": ""})
                    chunks.append(_delta(index, {"type": "citations_delta", "citation": citation}))
                case BlockStart(index, block):
                    self._start_block(chunks, index, encode_block(block))
                case BlockStop(index):
                    self._stop_block(chunks)
                case Started(id, model):
                    self._start(chunks, id, model)
                case Stopped():
                    self._stop(chunks, event)
                case Ended():
                    self._end(chunks)
                case Extra(members, level):
                    _place(chunks, members, level)
        return chunks

    def _note_usage(self, batch: Batch) -> None:
        for event in batch:
            if isinstance(event, UsageUpdate | MetricsUpdate):
                self._usage = merge_usage(self._usage, event.usage)
                self._service_tier = getattr(event, "service_tier", None) or self._service_tier

    def _take_usage(self) -> dict[str, Json]:
        """What was counted since it was last told."""
        native = encode_usage(self._usage, self._service_tier)
        self._usage, self._service_tier = Usage(), None
        return native

    def _start(self, chunks: list[Json], id: str | None, model: str | None) -> None:
        self._has_started = True
        message = {
            **said({"id": id}),
            "type": "message",
            "role": "assistant",
            **said({"model": model}),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": self._take_usage(),
        }
        chunks.append({"type": "message_start", "message": message})

    def _ensure_started(self, chunks: list[Json]) -> None:
        if not self._has_started:
            self._start(chunks, self._context.id, self._context.model)

    def _enter(self, chunks: list[Json], index: int, native_block: Json) -> None:
        if self._open != index:
            self._start_block(chunks, index, native_block)

    def _start_block(self, chunks: list[Json], index: int, native_block: Json) -> None:
        self._ensure_started(chunks)
        self._stop_block(chunks)
        self._open = index
        chunks.append({"type": "content_block_start", "index": index, "content_block": native_block})

    def _stop_block(self, chunks: list[Json]) -> None:
        if self._open is not None:
            chunks.append({"type": "content_block_stop", "index": self._open})
            self._open = None

    def _encode_reasoning(self, chunks: list[Json], event: ReasoningDelta) -> None:
        if event.redacted is not None:
            self._start_block(chunks, event.index, {"type": "redacted_thinking", "data": event.redacted})
            return
        self._enter(chunks, event.index, {"type": "thinking", "thinking": "", "signature": ""})
        if event.text or event.signature is None:
            chunks.append(_delta(event.index, {"type": "thinking_delta", "thinking": event.text}))
        if event.signature is not None:
            chunks.append(_delta(event.index, {"type": "signature_delta", "signature": event.signature}))

    def _stop(self, chunks: list[Json], event: Stopped) -> None:
        self._ensure_started(chunks)
        self._stop_block(chunks)
        self._has_stopped = True
        delta = {
            "stop_reason": STOP_REASONS.encode(event.reason, event.native),
            "stop_sequence": event.stop_sequence,
            **said({"stop_details": event.stop_details}),
        }
        usage = self._take_usage()
        chunks.append({"type": "message_delta", "delta": delta, **({"usage": usage} if usage else {})})

    def _end(self, chunks: list[Json]) -> None:
        if not self._has_stopped:
            self._stop(chunks, Stopped(StopReason.END_TURN))
        chunks.append({"type": "message_stop"})


def _delta(index: int, delta: dict[str, Json]) -> dict[str, Json]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _place(chunks: list[Json], members: Mapping[str, Json], level: str) -> None:
    """Put unknown members back where they stood; those of another family have no place and are left out."""
    if level == "chunk":
        chunks.append(dict(members))
    elif not chunks:
        return
    elif level == "beside":
        chunks[-1].update(members)
    elif level == "delta" and "delta" in chunks[-1]:
        chunks[-1]["delta"].update(members)
    elif level == "answer" and "message" in chunks[-1]:
        chunks[-1]["message"].update(members)


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError("a list was expected")
    return value


def _expect(value: Json, expected: str) -> None:
    if value != expected:
        raise ValueError(f"{expected!r} was expected")
