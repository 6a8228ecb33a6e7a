"""The shapes that Converse and Nova's own JSON have in common: messages, tools, and the blocks that
both write alike.

    {"role", "content": [{"text"}, {"toolUse": {…}}, …]}
    {"tools": [{"toolSpec": {"name", "inputSchema": {"json"}, …}}, {"cachePoint": {…}}],
    "toolChoice": {"auto": {}}}

Pictures, documents, citations and the results of tools differ and stand in each one's own `blocks`.
Source: the bedrock-runtime service model, API 2023-09-30, and the Amazon Nova user guides, November
2026.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from axonflow_core.codec.json_members import (
    arguments_of,
    array,
    prefixed,
    set_members,
    split_prefixed,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    EMPTY,
    BuiltinTool,
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Data,
    Json,
    Message,
    Opaque,
    Reasoning,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolUse,
)

# ── messages ──────────────────────────────────────────────────────────────────────────────────────

_MESSAGE_KEYS = frozenset({"role", "content"})


def decode_message(
    native: Mapping[str, Json],
    roles: Mapping[str, Role],
    decode_content: Callable[[Json], tuple[ContentBlock, ...]],
) -> Message:
    """A message with its blocks, which the family's own function decodes."""
    role, blocks = roles.get(native["role"]), native["content"]
    if role is None:
        raise ValueError("an unknown role")
    if len(native) == 2:
        if len(blocks) == 1 and _is_plain_text(blocks[0]):  # nearly every message there is
            return Message(role, (Text(blocks[0]["text"]),))
        return Message(role, decode_content(blocks))
    return Message(role, decode_content(blocks), extra=unknown_members(native, _MESSAGE_KEYS))


def _is_plain_text(native: Json) -> bool:
    return type(native) is dict and len(native) == 1 and type(native.get("text")) is str


def encode_message(
    message: Message, encode_content: Callable[[Iterable[ContentBlock]], list[Json]]
) -> dict[str, Json]:
    """A message with its blocks, which the family's own function encodes."""
    native = {"role": str(message.role), "content": encode_content(message.content)}
    return {**native, **message.extra} if message.extra else native


# ── blocks ────────────────────────────────────────────────────────────────────────────────────────

_BESIDE = "beside"
"""The level of an `extra` for what stands next to the one key of a block."""


def decode_with_rest(
    native: Mapping[str, Json],
    dialect: str,
    kinds: frozenset[str],
    decode: Callable[[Mapping[str, Json]], ContentBlock],
) -> ContentBlock:
    """A block with unknown members next to its one key of `kinds`: they are `beside.KEY` in its
    `extra`. A block of another kind, or of two, is `Opaque`."""
    known = native.keys() & kinds
    if len(known) == 1:
        (kind,) = known
        block = decode({kind: native[kind]})
        if not isinstance(block, Opaque):
            rest = prefixed(_BESIDE, unknown_members(native, frozenset(known)))
            return evolve(block, extra={**block.extra, **rest})
    return Opaque(dialect, {**native})


def with_rest(encode: Callable[[Any], dict[str, Json]]) -> Callable[[Any], dict[str, Json]]:
    """`encode`, which puts what stood next to the key of a block there again."""

    def encoded(block: Any) -> dict[str, Json]:
        if not block.extra:
            return encode(block)
        own, beside = split_prefixed(block.extra, _BESIDE)
        return {**encode(evolve(block, extra=own)), **beside} if beside else encode(block)

    return encoded


_USE_KEYS = frozenset({"toolUseId", "name", "input"})
_THOUGHT_KEYS = frozenset({"text", "signature"})
_CACHE_KEYS = frozenset({"type", "ttl"})


def decode_tool_use(native: Mapping[str, Json]) -> ContentBlock:
    """A `toolUse` block."""
    return ToolUse(
        string(native["toolUseId"]),
        string(native["name"]),
        arguments_of(native.get("input")),
        extra=unknown_members(native, _USE_KEYS),
    )


def encode_tool_use(block: ToolUse) -> dict[str, Json]:
    """A tool call as a `toolUse` block."""
    return {
        "toolUse": {"toolUseId": block.id, "name": block.name, "input": block.input, **block.extra}
    }


def decode_data(value: Json) -> ContentBlock:
    """A `json` block of a tool result."""
    return Data(value)


def encode_data(block: Data) -> dict[str, Json]:
    """Structured data as a `json` block."""
    return {"json": block.value, **block.extra}


_UNSET: Mapping[str, Json] = {"text": "absent"}
"""`Reasoning.spelling` where only the signature stood, and not even an empty text."""


def decode_reasoning(native: Mapping[str, Json], dialect: str) -> ContentBlock:
    """A `reasoningContent` block; forms that are not documented become `Opaque`. What stands next
    to `reasoningText` is `reasoningContent.KEY` in the block's `extra`."""
    native = set_members(native)
    match native:
        case {"reasoningText": _, "redactedContent": _}:
            pass
        case {"reasoningText": dict(thought)}:
            text = thought.get("text")
            return Reasoning(
                "" if text is None else text,
                thought.get("signature"),
                extra={**unknown_members(thought, _THOUGHT_KEYS), **_around_thought(native)},
                spelling=_UNSET if text is None else EMPTY,
            )
        case {"redactedContent": str(data)}:
            return Reasoning(redacted=data, extra=_around_thought(native))
    return Opaque(dialect, {"reasoningContent": native})


def _around_thought(native: Mapping[str, Json]) -> Mapping[str, Json]:
    """The unknown members of a `reasoningContent`, as they stand in an `extra`."""
    return prefixed(_THOUGHT, unknown_members(native, _THOUGHTS))


_THOUGHT, _THOUGHTS = "reasoningContent", frozenset({"reasoningText", "redactedContent"})


def encode_reasoning(block: Reasoning) -> dict[str, Json]:
    """A `reasoningContent` block: redacted data, or text with its signature."""
    own, around = split_prefixed(block.extra, _THOUGHT)
    if block.redacted is not None:
        return {"reasoningContent": {"redactedContent": block.redacted, **around}}
    is_unset = not block.text and block.spelling.get("text") == _UNSET["text"]
    named_text = {} if is_unset else {"text": block.text}
    thought = {**named_text, **without_none({"signature": block.signature}), **own}
    return {"reasoningContent": {"reasoningText": thought, **around}}


def decode_cache_point(native: Mapping[str, Json]) -> CachePoint:
    """A `cachePoint` block. The default kind is None."""
    kind = string(native["type"])
    return CachePoint(
        native.get("ttl"),
        None if kind == "default" else kind,
        extra=unknown_members(native, _CACHE_KEYS),
    )


def encode_cache_point(point: CachePoint) -> dict[str, Json]:
    """A cache point as a `cachePoint` block."""
    return {
        "cachePoint": {
            "type": point.kind or "default",
            **without_none({"ttl": point.ttl}),
            **point.extra,
        }
    }


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────

AnyTool: TypeAlias = Tool | BuiltinTool | CachePoint

_CONFIG_KEYS = frozenset({"tools", "toolChoice"})
_SPEC_KEYS = frozenset({"name", "description", "inputSchema", "strict"})
_SCHEMA_KEYS = frozenset({"json"})
_NAME_KEYS = frozenset({"name"})


def decode_tool_config(
    native: Mapping[str, Json], dialect: str
) -> tuple[tuple[AnyTool, ...], ToolChoice | None, Mapping[str, Json]]:
    """The tools, the choice among them, and what else `toolConfig` says."""
    tools = tuple([_decode_tool(tool, dialect) for tool in array(native.get("tools") or [])])
    return tools, _decode_choice(native.get("toolChoice")), unknown_members(native, _CONFIG_KEYS)


def encode_tool_config(request: CompletionRequest, family: str) -> dict[str, Json]:
    """`EncodeError` in the name of `family`."""
    config: dict[str, Json] = {}
    if request.tools:
        config["tools"] = [_encode_tool(tool) for tool in request.tools]
    if request.tool_choice is not None:
        config["toolChoice"] = _encode_choice(request.tool_choice, family)
    return config


def _decode_tool(native: Mapping[str, Json], dialect: str) -> AnyTool:
    ((kind, value),) = set_members(native).items()
    if kind == "toolSpec":
        return _decode_spec(value)
    if kind == "cachePoint":
        return decode_cache_point(value)
    return BuiltinTool(dialect, kind, string(value["name"]), unknown_members(value, _NAME_KEYS))


def _decode_spec(native: Mapping[str, Json]) -> Tool:
    schema, extra = native["inputSchema"], unknown_members(native, _SPEC_KEYS)
    around = unknown_members(schema, _SCHEMA_KEYS)
    return Tool(
        string(native["name"]),
        native.get("description"),
        schema["json"],
        is_strict=native.get("strict"),
        extra={**extra, **prefixed("inputSchema", around)} if around else extra,
    )


def _encode_tool(tool: AnyTool) -> Json:
    match tool:
        case CachePoint():
            return encode_cache_point(tool)
        case BuiltinTool(_, kind, name, settings):
            return {kind: {"name": name, **settings}}
    # Converse requires a schema. An object of anything is what no schema means.
    schema = {"type": "object"} if tool.input_schema is None else tool.input_schema
    named = without_none({"description": tool.description, "strict": tool.is_strict})
    extra, around = split_prefixed(tool.extra, "inputSchema")
    return {
        "toolSpec": {"name": tool.name, **named, "inputSchema": {"json": schema, **around}, **extra}
    }


def _decode_choice(native: Json) -> ToolChoice | None:
    if not native:
        return None
    ((mode, chosen),) = set_members(native).items()
    return ToolChoice(
        ToolChoiceMode(mode), chosen.get("name"), extra=unknown_members(chosen, _NAME_KEYS)
    )


def _encode_choice(choice: ToolChoice, family: str) -> Json:
    if choice.mode is ToolChoiceMode.NONE or choice.allows_parallel is not None:
        is_none = choice.mode is ToolChoiceMode.NONE
        what = "the tool choice `none`" if is_none else "a choice about parallel tool calls"
        raise EncodeError(
            f"{family} does not support {what}",
            feature="tool_choice",
            hint="offer no tools, or let the model choose: auto, any, or one tool by its name",
        )
    return {choice.mode.value: {**without_none({"name": choice.name}), **choice.extra}}
