"""A request: messages, tools, and the parameters beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from axonflow_core.codec import ModelFacts
from axonflow_core.errors import EncodeError
from axonflow_core.messages import (
    NOTHING_MORE,
    BuiltinTool,
    CachePoint,
    CompletionRequest,
    Inference,
    Json,
    Message,
    Role,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    text_message,
)
from axonflow_core.native import apart, array, rest_of, said, string, under

from .blocks import DIALECT, decode_cache_point, decode_content, encode_cache_point, encode_content, is_plain_text
from .model_fields import put_reasoning, put_top_k, take_reasoning, take_top_k

_FIELDS = "additionalModelRequestFields"
OPTIONS = frozenset(
    {
        *(_FIELDS, "additionalModelResponseFieldPaths", "guardrailConfig", "outputConfig", "performanceConfig"),
        *("projectIdentifier", "promptVariables", "serviceTier"),
    }
)
"""Documented parameters with no neutral name. What `additionalModelRequestFields` says about `top_k` and reasoning has
one and stands apart."""

_REQUEST_KEYS = OPTIONS | {"messages", "system", "inferenceConfig", "toolConfig", "requestMetadata"}
_ROLES = {role.value: role for role in Role}


def decode_request(body: Mapping[str, Json], facts: ModelFacts) -> CompletionRequest:
    options = {key: value for key in OPTIONS if (value := body.get(key)) is not None}
    fields = dict(options.pop(_FIELDS, None) or {})
    top_k, reasoning = take_top_k(fields, facts.base_id), take_reasoning(fields, facts.base_id)
    if fields:
        options[_FIELDS] = fields
    tool_config = body.get("toolConfig") or {}
    beside_tools = rest_of(tool_config, _TOOL_CONFIG_KEYS)
    extra = rest_of(body, _REQUEST_KEYS)
    return CompletionRequest(
        messages=tuple([_decode_message(native) for native in array(body["messages"])]),
        system=decode_content(body.get("system") or []),
        inference=_decode_inference(body.get("inferenceConfig") or NOTHING_MORE, top_k),
        tools=tuple([_decode_tool(tool) for tool in tool_config.get("tools") or ()]),
        tool_choice=_decode_tool_choice(tool_config.get("toolChoice")),
        reasoning=reasoning,
        metadata=body.get("requestMetadata"),
        options=options,
        extra={**extra, **under("toolConfig", beside_tools)} if beside_tools else extra,
    )


def encode_request(request: CompletionRequest, facts: ModelFacts) -> dict[str, Json]:
    body: dict[str, Json] = {"messages": [_encode_message(message) for message in request.messages]}
    extra, beside_tools = apart(request.extra, "toolConfig") if request.extra else (request.extra, NOTHING_MORE)
    if request.system:
        body["system"] = encode_content(request.system)
    if inference := _encode_inference(request.inference):
        body["inferenceConfig"] = inference
    if request.tools or request.tool_choice is not None or beside_tools:
        body["toolConfig"] = {**_encode_tools(request.tools, request.tool_choice), **beside_tools}
    if request.metadata is not None:
        body["requestMetadata"] = request.metadata
    body.update(request.options)
    if request.inference.top_k is not None or request.reasoning is not None:
        body[_FIELDS] = _encode_fields(request, facts.base_id)
    body.update(extra)
    return body


def _decode_message(native: Mapping[str, Json]) -> Message:
    role, blocks = _ROLES[native["role"]], native["content"]
    if len(native) == 2 and len(blocks) == 1 and is_plain_text(blocks[0]):  # nearly every message there is
        return text_message(role, blocks[0]["text"])
    content = decode_content(blocks)
    return Message(role, content) if len(native) == 2 else Message(role, content, extra=rest_of(native, _MESSAGE_KEYS))


def _encode_message(message: Message) -> dict[str, Json]:
    native = {"role": str(message.role), "content": encode_content(message.content)}
    return {**native, **message.extra} if message.extra else native


_MESSAGE_KEYS = frozenset({"role", "content"})


def _encode_fields(request: CompletionRequest, base_id: str) -> dict[str, Json]:
    fields = dict(request.options.get(_FIELDS) or {})
    if request.inference.top_k is not None:
        put_top_k(fields, base_id, request.inference.top_k)
    if request.reasoning is not None:
        put_reasoning(fields, base_id, request.reasoning)
    return fields


# ── parameters ──────────────────────────────────────────────────────────────────────────────────────────────────────

_INFERENCE_KEYS = frozenset({"maxTokens", "temperature", "topP", "stopSequences"})


def _decode_inference(native: Mapping[str, Json], top_k: int | None) -> Inference:
    return Inference(
        native.get("maxTokens"),
        native.get("temperature"),
        native.get("topP"),
        top_k,
        tuple(native.get("stopSequences") or ()),
        extra=rest_of(native, _INFERENCE_KEYS),
    )


def _encode_inference(inference: Inference) -> dict[str, Json]:
    native = said({"maxTokens": inference.max_tokens, "temperature": inference.temperature, "topP": inference.top_p})
    if inference.stop_sequences:
        native["stopSequences"] = list(inference.stop_sequences)
    return {**native, **inference.extra} if inference.extra else native


# ── tools ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_TOOL_CONFIG_KEYS = frozenset({"tools", "toolChoice"})
_SPEC_KEYS = frozenset({"name", "description", "inputSchema", "strict"})


def _decode_tool(native: Mapping[str, Json]) -> Tool | BuiltinTool | CachePoint:
    ((kind, value),) = native.items()
    if kind == "cachePoint":
        return decode_cache_point(value)
    if kind != "toolSpec":
        return BuiltinTool(DIALECT, kind, string(value["name"]), rest_of(value, frozenset({"name"})))
    return Tool(
        string(value["name"]),
        value.get("description"),
        value["inputSchema"]["json"],
        value.get("strict"),
        extra=rest_of(value, _SPEC_KEYS),
    )


def _encode_tool(tool: Tool | BuiltinTool | CachePoint) -> Json:
    match tool:
        case CachePoint():
            return encode_cache_point(tool)
        case BuiltinTool(_, kind, name, settings):
            return {kind: {"name": name, **settings}}
    schema = {"type": "object"} if tool.input_schema is None else tool.input_schema
    described = said({"description": tool.description, "strict": tool.is_strict})
    return {"toolSpec": {"name": tool.name, **described, "inputSchema": {"json": schema}, **tool.extra}}


def _encode_tools(tools: Iterable[Tool | BuiltinTool | CachePoint], choice: ToolChoice | None) -> dict[str, Json]:
    native: dict[str, Json] = {"tools": [_encode_tool(tool) for tool in tools]}
    if choice is not None:
        native["toolChoice"] = _encode_tool_choice(choice)
    return native


def _decode_tool_choice(native: Json) -> ToolChoice | None:
    if not native:
        return None
    ((kind, value),) = native.items()
    mode = ToolChoiceMode(kind)
    if mode is ToolChoiceMode.TOOL:
        return ToolChoice(mode, string(value["name"]), extra=rest_of(value, frozenset({"name"})))
    return ToolChoice(mode, extra=dict(value))


def _encode_tool_choice(choice: ToolChoice) -> Json:
    if choice.mode is ToolChoiceMode.NONE or choice.allows_parallel is not None:
        what = "that no tool may be used" if choice.mode is ToolChoiceMode.NONE else "how many tools at once"
        raise EncodeError(
            f"Converse cannot be told {what}",
            feature="tool_choice",
            hint="offer no tools, or let the model choose: auto, any, or one tool by its name",
        )
    return {choice.mode.value: {**said({"name": choice.name}), **choice.extra}}
