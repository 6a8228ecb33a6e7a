"""A request: messages, tools, and the parameters beside them.

Nova takes some parameters under two names. What came as `max_new_tokens` goes back so, though it is read as any limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

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
    ReasoningRequest,
    Role,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    text_message,
)
from axonflow_core.native import apart, array, rest_of, said, string, under

from .blocks import DIALECT, decode_cache_point, decode_content, encode_cache_point, encode_content, is_plain_text

SCHEMA = "messages-v1"
OPTIONS = frozenset({"schemaVersion"})
"""Written as `messages-v1`; a caller's body with another word, or none, keeps what it had."""

_REQUEST_KEYS = OPTIONS | frozenset({"messages", "system", "inferenceConfig", "toolConfig"})
_TOOL_CONFIG_KEYS = frozenset({"tools", "toolChoice"})
_MESSAGE_KEYS = frozenset({"role", "content"})
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}


def decode_request(body: Mapping[str, Json], facts: ModelFacts) -> CompletionRequest:
    system, config, tools = body.get("system"), body.get("inferenceConfig"), body.get("toolConfig") or NOTHING_MORE
    version, extra = body.get("schemaVersion"), rest_of(body, _REQUEST_KEYS)
    beside_tools = rest_of(tools, _TOOL_CONFIG_KEYS)
    return CompletionRequest(
        messages=tuple([_decode_message(message) for message in array(body["messages"])]),
        system=decode_content(system) if system else (),
        inference=_decode_inference(config) if config else _NOTHING_SAID,
        tools=tuple([_decode_tool(tool) for tool in array(tools.get("tools") or [])]),
        tool_choice=_decode_tool_choice(tools.get("toolChoice")),
        reasoning=_decode_reasoning_request(config.get("reasoningConfig")) if config else None,
        options=NOTHING_MORE if version == SCHEMA else {"schemaVersion": version},
        extra={**extra, **under("toolConfig", beside_tools)} if beside_tools else extra,
    )


def encode_request(request: CompletionRequest, facts: ModelFacts) -> dict[str, Json]:
    body: dict[str, Json] = said({"schemaVersion": SCHEMA, **request.options})
    if request.system:
        body["system"] = encode_content(request.system)
    body["messages"] = [_encode_message(message) for message in request.messages]
    extra, beside_tools = apart(request.extra, "toolConfig") if request.extra else (NOTHING_MORE, NOTHING_MORE)
    if config := _encode_inference(request.inference, request.reasoning):
        body["inferenceConfig"] = config
    if tools := {**_encode_tool_config(request), **beside_tools}:
        body["toolConfig"] = tools
    return {**body, **extra} if extra else body


def _decode_message(native: Mapping[str, Json]) -> Message:
    role = _ROLES.get(native["role"])
    if role is None:
        raise ValueError("a message is a user's or the assistant's")
    blocks = native["content"]
    if len(native) == 2 and len(blocks) == 1 and is_plain_text(blocks[0]):  # nearly every message there is
        return text_message(role, blocks[0]["text"])
    content = decode_content(blocks)
    return Message(role, content) if len(native) == 2 else Message(role, content, extra=rest_of(native, _MESSAGE_KEYS))


def _encode_message(message: Message) -> dict[str, Json]:
    native = {"role": str(message.role), "content": encode_content(message.content)}
    return {**native, **message.extra} if message.extra else native


# ── parameters ──────────────────────────────────────────────────────────────────────────────────────────────────────

_NOTHING_SAID = Inference()
_NUMBERS = {"max_tokens": "maxTokens", "temperature": "temperature", "top_p": "topP", "top_k": "topK"}
"""Attribute of `Inference` -> the native name that is written."""
_OTHER_NAMES = {"max_new_tokens": "max_tokens", "top_p": "top_p", "top_k": "top_k"}
_CONFIG_KEYS = frozenset({*_NUMBERS.values(), "stopSequences", "reasoningConfig"})


def _decode_inference(native: Mapping[str, Json]) -> Inference:
    names = _other_names_in(native)
    numbers: dict[str, Any] = {name: native.get(names.get(name, key)) for name, key in _NUMBERS.items()}
    return Inference(
        **numbers,
        stop_sequences=tuple(array(native.get("stopSequences") or [])),
        native_names=names,
        extra=rest_of(native, _CONFIG_KEYS.union(names.values()) if names else _CONFIG_KEYS),
    )


def _other_names_in(native: Mapping[str, Json]) -> Mapping[str, str]:
    """Attribute -> its other name, where that alone was used."""
    if native.keys().isdisjoint(_OTHER_NAMES):
        return NOTHING_MORE
    used = {attribute: name for name, attribute in _OTHER_NAMES.items() if name in native}
    return {attribute: name for attribute, name in used.items() if _NUMBERS[attribute] not in native}


def _encode_inference(inference: Inference, reasoning: ReasoningRequest | None) -> dict[str, Json]:
    native: dict[str, Json] = {}
    for attribute, key in _NUMBERS.items():
        value = getattr(inference, attribute)
        if value is not None:
            native[inference.native_names.get(attribute, key)] = value
    if inference.stop_sequences:
        native["stopSequences"] = list(inference.stop_sequences)
    if reasoning is not None:
        native["reasoningConfig"] = _encode_reasoning_request(reasoning)
    return {**native, **inference.extra} if inference.extra else native


_REASONING_KEYS = frozenset({"type", "maxReasoningEffort"})


def _decode_reasoning_request(native: Json) -> ReasoningRequest | None:
    if native is None:
        return None
    mode = native.get("type", "disabled")  # what Nova takes an unsaid type for
    return ReasoningRequest(mode, effort=native.get("maxReasoningEffort"), extra=rest_of(native, _REASONING_KEYS))


def _encode_reasoning_request(asked: ReasoningRequest) -> dict[str, Json]:
    if asked.budget_tokens is not None:
        raise EncodeError(
            "Nova takes no budget of reasoning tokens",
            feature="reasoning budget",
            hint="say how hard it may think instead: effort low, medium or high",
        )
    mode = asked.mode or "enabled"
    return {"type": mode, **said({"maxReasoningEffort": asked.effort}), **asked.extra}


# ── tools ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_TOOL_KEYS = frozenset({"name", "description", "inputSchema", "strict"})
_SCHEMA_KEYS = frozenset({"json"})
_NAME_KEYS = frozenset({"name"})


def _decode_tool(native: Mapping[str, Json]) -> Tool | BuiltinTool | CachePoint:
    ((kind, said_of_it),) = native.items()
    if kind == "toolSpec":
        return _decode_tool_spec(said_of_it)
    if kind == "cachePoint":
        return decode_cache_point(said_of_it)
    return BuiltinTool(DIALECT, kind, string(said_of_it["name"]), rest_of(said_of_it, _NAME_KEYS))


def _decode_tool_spec(native: Mapping[str, Json]) -> Tool:
    schema, extra = native["inputSchema"], rest_of(native, _TOOL_KEYS)
    beside = rest_of(schema, _SCHEMA_KEYS)
    return Tool(
        string(native["name"]),
        native.get("description"),
        schema["json"],
        is_strict=native.get("strict"),
        extra={**extra, **under("inputSchema", beside)} if beside else extra,
    )


def _encode_tool_config(request: CompletionRequest) -> dict[str, Json]:
    config: dict[str, Json] = {}
    if request.tools:
        config["tools"] = _encode_tools(request.tools)
    if request.tool_choice is not None:
        config["toolChoice"] = _encode_tool_choice(request.tool_choice)
    return config


def _encode_tools(tools: Iterable[Tool | BuiltinTool | CachePoint]) -> list[Json]:
    natives: list[Json] = []
    for tool in tools:
        match tool:
            case CachePoint():
                natives.append(encode_cache_point(tool))
            case BuiltinTool(_, kind, name, settings):
                natives.append({kind: {"name": name, **settings}})
            case Tool():
                natives.append({"toolSpec": _encode_tool_spec(tool)})
    return natives


def _encode_tool_spec(tool: Tool) -> dict[str, Json]:
    extra, beside = apart(tool.extra, "inputSchema")
    schema = {"type": "object"} if tool.input_schema is None else tool.input_schema
    named = said({"description": tool.description, "strict": tool.is_strict})
    return {"name": tool.name, **named, "inputSchema": {"json": schema, **beside}, **extra}


def _decode_tool_choice(native: Json) -> ToolChoice | None:
    if not native:
        return None
    ((mode, chosen),) = native.items()
    return ToolChoice(ToolChoiceMode(mode), chosen.get("name"), extra=rest_of(chosen, _NAME_KEYS))


def _encode_tool_choice(choice: ToolChoice) -> Json:
    if choice.mode is ToolChoiceMode.NONE or choice.allows_parallel is not None:
        asked = "no tool" if choice.mode is ToolChoiceMode.NONE else "how many tools at once"
        raise EncodeError(
            f"Nova cannot be told {asked}",
            feature="tool choice",
            hint="its choices are auto, any, or one tool by name; for no tool, offer none",
        )
    return {choice.mode.value: {**said({"name": choice.name}), **choice.extra}}
