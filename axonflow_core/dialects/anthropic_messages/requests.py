"""A request: messages, tools and parameters.

    {"max_tokens": 99, "system": "…", "messages": [{"role": "user", "content": "Hi"}],
     "tools": [{"name": "f", "description": "…", "input_schema": {…}, "cache_control": {…}}],
     "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
     "thinking": {"type": "enabled", "budget_tokens": 2048},
     "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {…}}}}

`budget_tokens` and `max_tokens` are tokens of output. Source: Anthropic's API reference,
"Messages", November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeGuard

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import array, string, unknown_members, without_none
from axonflow_core.converters import optional_flag
from axonflow_core.messages import (
    EMPTY,
    BuiltinTool,
    CachePoint,
    CompletionRequest,
    Inference,
    Json,
    Message,
    OutputSchema,
    ReasoningRequest,
    Role,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    text_message,
)

from .blocks import (
    DIALECT,
    decode_cache_control,
    decode_content,
    encode_content,
    hang_cache_control,
    is_plain_text,
)

OPTIONS = frozenset(
    {"anthropic_beta", "cache_control", "context_management", "output_config", "output_format"}
)
"""Documented parameters with no neutral name. Of `output_config` the members `effort` and `format`
have one and stand in `reasoning` and `output_schema`; so does `output_format`, the older name of
`output_config.format`."""

_BETAS = "anthropic_beta"

DROPPABLE_OPTIONS = frozenset({"anthropic_beta", "cache_control", "context_management"})
"""Options that change no meaning: a beta of Anthropic's steers what Anthropic's server does,
`cache_control` of the whole request what it keeps, and `context_management` what it forgets of a
long conversation."""

_REQUEST_KEYS = OPTIONS | frozenset(
    "max_tokens messages system temperature top_p top_k stop_sequences tools tool_choice thinking "
    "metadata service_tier".split()
)


def decode_request(body: Mapping[str, Json], facts: ModelFacts) -> CompletionRequest:
    """A Messages body as a `CompletionRequest`. Undocumented members are kept in `extra`."""
    system = body.get("system")
    output_schema, options = _take_output_schema(_decode_options(body))
    return CompletionRequest(
        messages=tuple([_decode_message(native) for native in array(body["messages"])]),
        system=() if system is None else decode_content(system),
        inference=Inference(
            max_tokens=body.get("max_tokens"),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            top_k=body.get("top_k"),
            stop_sequences=tuple(array(body.get("stop_sequences") or [])),
        ),
        tools=_decode_tools(body.get("tools") or []),
        tool_choice=_decode_tool_choice(body.get("tool_choice")),
        reasoning=_decode_reasoning_request(body.get("thinking"), body.get("output_config") or {}),
        output_schema=output_schema,
        service_tier=body.get("service_tier"),
        metadata=body.get("metadata"),
        options=options,
        extra=unknown_members(body, _REQUEST_KEYS),
    )


def encode_request(request: CompletionRequest, facts: ModelFacts) -> dict[str, Json]:
    """The Messages body of `request`, without model id and transport keys."""
    inference = request.inference
    thinking, effort = _encode_reasoning_request(request.reasoning)
    options = dict(request.options)
    if effort:
        options["output_config"] = {**(options.get("output_config") or {}), **effort}
        if facts.reasoning is not None and facts.reasoning.effort_beta is not None:
            betas = (*(options.get(_BETAS) or ()), facts.reasoning.effort_beta)
            options[_BETAS] = list(dict.fromkeys(betas))
    if request.output_schema is not None:
        _put_output_schema(options, request.output_schema)
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
        "service_tier": request.service_tier,
        "metadata": request.metadata,
    }
    return {
        "messages": [_encode_message(m) for m in request.messages],
        **without_none(optional),
        **options,
        **request.extra,
    }


_ROLES: Mapping[str, Role] = {role.value: role for role in Role}
_MESSAGE_KEYS = frozenset({"role", "content"})


def _decode_message(native: Mapping[str, Json]) -> Message:
    """One message; the common form, one plain text, is built without any walk."""
    role, blocks = _ROLES[native["role"]], native["content"]
    if (
        len(native) == 2 and len(blocks) == 1 and is_plain_text(blocks[0])
    ):  # nearly every message there is
        return text_message(role, blocks[0]["text"])
    content = decode_content(blocks)
    return (
        Message(role, content)
        if len(native) == 2
        else Message(role, content, extra=unknown_members(native, _MESSAGE_KEYS))
    )


def _encode_message(message: Message) -> dict[str, Json]:
    block = message.content[0] if len(message.content) == 1 else None
    if type(block) is Text and not (block.citations or block.extra):  # nearly every message
        content: list[Json] = [{"type": "text", "text": block.text}]
    else:
        content = encode_content(message.content)
    native = {"role": str(message.role), "content": content}
    return {**native, **message.extra} if message.extra else native


def _decode_options(body: Mapping[str, Json]) -> dict[str, Json]:
    """The documented parameters without a neutral name, without `output_config.effort`, which has
    one."""
    options = {key: body[key] for key in OPTIONS if body.get(key) is not None}
    if "output_config" in options:
        options["output_config"] = unknown_members(options["output_config"], frozenset({"effort"}))
        if not options["output_config"]:
            del options["output_config"]
    return options


# ── output schema ─────────────────────────────────────────────────────────────────────────────────

_OLDER_KEY = "output_format"
_FORMAT_KEYS = frozenset({"type", "schema"})


def _take_output_schema(
    options: dict[str, Json],
) -> tuple[OutputSchema | None, Mapping[str, Json]]:
    """The schema in `options`, and the options without it. A format that is no `json_schema` stays
    an option."""
    config, older = options.get("output_config"), options.get(_OLDER_KEY)
    if isinstance(config, dict) and _is_schema(native := config.get("format")):
        _set_or_delete(options, "output_config", unknown_members(config, frozenset({"format"})))
        return _decode_schema(native, EMPTY), options
    if _is_schema(older):
        del options[_OLDER_KEY]
        return _decode_schema(older, {"key": _OLDER_KEY}), options
    return None, options


def _is_schema(native: Json) -> TypeGuard[Mapping[str, Json]]:
    """Whether an output format is a JSON schema."""
    return (
        isinstance(native, dict)
        and native.get("type") == "json_schema"
        and native.get("schema") is not None
    )


def _decode_schema(native: Mapping[str, Json], spelling: Mapping[str, Json]) -> OutputSchema:
    """The schema of a format. `spelling` keeps which of the two keys it stood under."""
    extra = unknown_members(native, _FORMAT_KEYS)
    return OutputSchema(native["schema"], spelling=spelling, extra=extra)


def _set_or_delete(options: dict[str, Json], key: str, members: Mapping[str, Json]) -> None:
    """Set an option, or delete it where nothing is left of it: an empty object is no parameter."""
    if members:
        options[key] = members
    else:
        del options[key]


def _put_output_schema(options: dict[str, Json], asked: OutputSchema) -> None:
    """Write the schema under the key that it came with; `output_config.format` where it came from
    elsewhere."""
    native = {"type": "json_schema", "schema": asked.schema, **asked.extra}
    if asked.spelling.get("key") == _OLDER_KEY:
        options[_OLDER_KEY] = native
    else:
        options["output_config"] = {**(options.get("output_config") or {}), "format": native}


# ── reasoning ─────────────────────────────────────────────────────────────────────────────────────


def _decode_reasoning_request(
    thinking: Json, output_config: Mapping[str, Json]
) -> ReasoningRequest | None:
    """`thinking` and `output_config.effort` as one value, None where neither is set."""
    effort = output_config.get("effort")
    if thinking is None:
        return None if effort is None else ReasoningRequest(effort=effort)
    extra = unknown_members(thinking, frozenset({"type", "budget_tokens"}))
    return ReasoningRequest(
        string(thinking["type"]), thinking.get("budget_tokens"), effort, extra=extra
    )


def _encode_reasoning_request(asked: ReasoningRequest | None) -> tuple[Json, Mapping[str, Json]]:
    """The `thinking` member, if any, and the `effort` that goes into `output_config`."""
    if asked is None:
        return None, {}
    # `thinking` requires a type; a budget belongs to `enabled` alone (API reference, "Extended
    # thinking", November 2026).
    mode = asked.mode or ("enabled" if asked.budget_tokens is not None else None)
    thinking = (
        {"type": mode, **without_none({"budget_tokens": asked.budget_tokens}), **asked.extra}
        if mode
        else None
    )
    return thinking, without_none({"effort": asked.effort})


_CUSTOM: Mapping[str, Json] = {"type": "custom"}
"""`Tool.spelling` of a tool whose native form names the type that it has without it."""
_TOOL_KEYS = frozenset({"name", "description", "input_schema", "strict", "type", "cache_control"})


def _decode_tools(
    natives: Sequence[Mapping[str, Json]],
) -> tuple[Tool | BuiltinTool | CachePoint, ...]:
    """The tools, each followed by the cache point that its `cache_control` is."""
    tools: list[Tool | BuiltinTool | CachePoint] = []
    for native in array(natives):
        tools.append(_decode_tool(native))
        if native.get("cache_control"):
            tools.append(decode_cache_control(native["cache_control"]))
    return tuple(tools)


def _decode_tool(native: Mapping[str, Json]) -> Tool | BuiltinTool:
    """A client's tool, or one of Anthropic's own: every type but `custom` (`bash_20250124`) is a
    `BuiltinTool`."""
    if native.get("type") not in (None, "custom"):
        settings = unknown_members(native, frozenset({"type", "name", "cache_control"}))
        # A set of tools (`mcp_toolset`) has no name of its own.
        return BuiltinTool(DIALECT, native["type"], native.get("name") or "", settings)
    return Tool(
        string(native["name"]),
        native.get("description"),
        native.get("input_schema"),
        is_strict=native.get("strict"),
        spelling=EMPTY if native.get("type") is None else _CUSTOM,
        extra=unknown_members(native, _TOOL_KEYS),
    )


def _encode_tools(tools: Iterable[Tool | BuiltinTool | CachePoint]) -> list[Json]:
    """The native tools. A `Tool` without a schema gets `{"type": "object"}`, because Anthropic
    requires one."""
    natives: list[Json] = []
    for tool in tools:
        match tool:
            case CachePoint():
                hang_cache_control(natives, tool)
            case BuiltinTool(_, kind, name, settings):
                natives.append({"type": kind, **({"name": name} if name else {}), **settings})
            case Tool():
                named = without_none(
                    {
                        "type": tool.spelling.get("type"),
                        "description": tool.description,
                        "strict": tool.is_strict,
                    }
                )
                # Anthropic's API reference, "Tools" (November 2026): `input_schema` is required.
                schema = {"type": "object"} if tool.input_schema is None else tool.input_schema
                natives.append({"name": tool.name, "input_schema": schema, **named, **tool.extra})
    return natives


_CHOICE_KEYS = frozenset({"type", "name", "disable_parallel_tool_use"})


def _decode_tool_choice(native: Json) -> ToolChoice | None:
    """The choice; Anthropic's `disable_parallel_tool_use` is the opposite of `allows_parallel`."""
    if native is None:
        return None
    is_serial = optional_flag(native.get("disable_parallel_tool_use"))
    allows_parallel = None if is_serial is None else not is_serial
    extra = unknown_members(native, _CHOICE_KEYS)
    return ToolChoice(
        ToolChoiceMode(native["type"]), native.get("name"), allows_parallel, extra=extra
    )


def _encode_tool_choice(choice: ToolChoice | None) -> Json:
    if choice is None:
        return None
    is_serial = None if choice.allows_parallel is None else not choice.allows_parallel
    named = without_none({"name": choice.name, "disable_parallel_tool_use": is_serial})
    return {"type": str(choice.mode), **named, **choice.extra}
