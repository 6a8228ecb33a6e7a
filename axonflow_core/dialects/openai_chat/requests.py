"""A request: messages, tools and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.codec.json_members import (
    prefixed,
    split_prefixed,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.messages import (
    EMPTY,
    BuiltinTool,
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Inference,
    Json,
    Message,
    ReasoningRequest,
    Role,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)

from .content import decode_message, encode_content, encode_message
from .form import DIALECT, ChatForm
from .output_format import KEY as OUTPUT_FORMAT
from .output_format import decode_output_format, encode_output_format

_NEWER_LIMIT = "max_completion_tokens"
_NEWER: Mapping[str, Json] = {"max_tokens": _NEWER_LIMIT}
_BARE_STOP: Mapping[str, Json] = {"stop_sequences": "string"}
"""`Inference.spelling`: a limit under OpenAI's newer name, one stop sequence as a bare string."""
_DEVELOPER: Mapping[str, Json] = {"system": "developer"}
"""`CompletionRequest.spelling`: the system text came from a `developer`, OpenAI's newer name."""


def decode_request(form: ChatForm, body: Mapping[str, Json]) -> CompletionRequest:
    """A request body as a `CompletionRequest`. Members that are not documented for the form are
    kept in `extra`."""
    system, spelling, messages = _decode_messages(form, body["messages"])
    limit, output = body.get("max_tokens"), decode_output_format(form, body)
    is_newer = limit is None and type(body.get(_NEWER_LIMIT)) is int
    options, extra = _beside(form, body, is_newer=is_newer)
    numbers: dict[str, Any] = {name: body.get(name) for name in form.numbers}
    stop = body.get(form.stop_parameter) or () if form.stop_parameter else ()
    is_bare = isinstance(stop, str)
    return CompletionRequest(
        messages=messages,
        system=system,
        inference=Inference(
            max_tokens=body[_NEWER_LIMIT] if is_newer else limit,
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            stop_sequences=stop,
            **numbers,
            spelling=_inference_spelling(is_newer=is_newer, is_bare=is_bare),
        ),
        tools=tuple(map(_decode_tool, body.get("tools") or ())),
        tool_choice=_decode_tool_choice(
            form, body.get("tool_choice"), body.get("parallel_tool_calls")
        ),
        reasoning=_decode_effort(form, body),
        output_schema=output.schema,
        service_tier=body.get("service_tier") if "service_tier" in form.takes else None,
        metadata=body.get("metadata") if "metadata" in form.takes else None,
        options=options,
        spelling={**spelling, **output.spelling} if output.spelling else spelling,
        extra={**extra, **output.extra} if output.extra else extra,
    )


def _inference_spelling(*, is_newer: bool, is_bare: bool) -> Mapping[str, Json]:
    if not is_bare:
        return _NEWER if is_newer else EMPTY
    return {**_NEWER, **_BARE_STOP} if is_newer else _BARE_STOP


def encode_request(form: ChatForm, request: CompletionRequest) -> Json:
    """The request body of `request`: the inverse of `decode_request`, without the model id and the
    transport keys."""
    _refuse_several_answers(request.options)
    inference = request.inference
    body: dict[str, Json] = {"messages": _encode_messages(form, request)}
    if inference.max_tokens is not None:
        is_newer = inference.spelling.get("max_tokens") == _NEWER_LIMIT
        body[_NEWER_LIMIT if is_newer else "max_tokens"] = inference.max_tokens
    if inference.temperature is not None:
        body["temperature"] = inference.temperature
    if inference.top_p is not None:
        body["top_p"] = inference.top_p
    if inference.stop_sequences and form.stop_parameter:
        body[form.stop_parameter] = _encode_stops(inference)
    for name in form.numbers:
        number = getattr(inference, name)
        if number is not None:
            body[name] = number
    if request.service_tier is not None:
        body["service_tier"] = request.service_tier
    if request.metadata is not None:
        body["metadata"] = request.metadata
    if request.output_schema is not None:
        body[OUTPUT_FORMAT] = encode_output_format(request.output_schema)
    elif OUTPUT_FORMAT in request.spelling:
        body[OUTPUT_FORMAT] = request.spelling[OUTPUT_FORMAT]
    if request.tools:
        body["tools"] = list(map(_encode_tool, request.tools))
    if request.tool_choice is not None:
        body.update(_encode_tool_choice(form, request.tool_choice))
    if request.reasoning is not None:
        body.update(_encode_effort(form, request.reasoning))
    return {**body, **request.options, **request.extra}


def _encode_stops(inference: Inference) -> Json:
    stops = list(inference.stop_sequences)
    is_bare = inference.spelling.get("stop_sequences") == "string" and len(stops) == 1
    return stops[0] if is_bare else stops


# ── messages ──────────────────────────────────────────────────────────────────────────────────────


def _decode_messages(
    form: ChatForm, natives: list[Json]
) -> tuple[tuple[ContentBlock, ...], Mapping[str, Json], tuple[Message, ...]]:
    """The system text that opens the conversation, the request's spelling, and the messages after
    it."""
    messages = tuple([decode_message(form, native) for native in natives])
    if (
        messages
        and messages[0].role is Role.SYSTEM
        and messages[0].content
        and not messages[0].extra
    ):
        return messages[0].content, _DEVELOPER if messages[0].spelling else EMPTY, messages[1:]
    return (), EMPTY, messages


def _encode_messages(form: ChatForm, request: CompletionRequest) -> list[Json]:
    natives: list[Json] = []
    if request.system:
        is_developer = request.spelling.get("system") == "developer"
        role = "developer" if is_developer else "system"
        natives.append({"role": role, "content": encode_content(request.system)})
    for message in request.messages:
        natives += encode_message(form, message)
    return natives


# ── parameters ────────────────────────────────────────────────────────────────────────────────────


def _beside(
    form: ChatForm, body: Mapping[str, Json], *, is_newer: bool
) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
    """What the body says beyond the neutral model: what is documented, and what nobody
    documented."""
    rest = unknown_members(
        body, form.request_keys | {_NEWER_LIMIT} if is_newer else form.request_keys
    )
    if not rest:
        return EMPTY, EMPTY
    options = {key: rest[key] for key in rest if key in form.options and rest[key] is not None}
    return options, unknown_members(rest, form.options)


def _refuse_several_answers(options: Mapping[str, Json]) -> None:
    count = options.get("n")
    if isinstance(count, int) and count > 1:
        raise EncodeError(
            "one call has one answer", feature="n", hint="leave `n` out and make several calls"
        )


def _decode_effort(form: ChatForm, body: Mapping[str, Json]) -> ReasoningRequest | None:
    effort = body.get(form.effort_parameter) if form.effort_parameter else None
    return None if effort is None else ReasoningRequest(effort=string(effort))


def _encode_effort(form: ChatForm, asked: ReasoningRequest) -> Mapping[str, Json]:
    if (
        form.effort_parameter is None
        or asked.effort is None
        or asked.mode
        or asked.budget_tokens is not None
    ):
        raise EncodeError(
            "this family has no such control of reasoning",
            feature="reasoning",
            hint="ask for an `effort` alone"
            if form.effort_parameter
            else "its models decide themselves how much they think",
        )
    return {form.effort_parameter: asked.effort, **asked.extra}


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────

_BUILTIN_KEYS = frozenset({"type", "name"})
_TOOL_KEYS = frozenset({"type", "function"})
_FUNCTION_KEYS = frozenset({"name", "description", "parameters", "strict"})
_CHOSEN_KEYS = frozenset({"name"})


def _decode_tool(native: Mapping[str, Json]) -> Tool | BuiltinTool:
    if native["type"] != "function":
        return BuiltinTool(
            DIALECT, native["type"], native.get("name", ""), unknown_members(native, _BUILTIN_KEYS)
        )
    function = native["function"]
    return Tool(
        string(function["name"]),
        function.get("description"),
        function.get("parameters"),
        is_strict=function.get("strict"),
        extra=_in_two_levels(native, function, _FUNCTION_KEYS),
    )


def _in_two_levels(
    native: Mapping[str, Json], function: Mapping[str, Json], known: frozenset[str]
) -> Mapping[str, Json]:
    """What is unknown in a tool or choice of one, and in the function inside it."""
    in_function, beside = unknown_members(function, known), unknown_members(native, _TOOL_KEYS)
    return {**beside, **prefixed("function", in_function)} if in_function else beside


def _encode_tool(tool: Tool | BuiltinTool | CachePoint) -> Json:
    match tool:
        case BuiltinTool(_, kind, name, settings):
            return {"type": kind, **({"name": name} if name else {}), **settings}
        case Tool():
            known = {
                "description": tool.description,
                "parameters": tool.input_schema,
                "strict": tool.is_strict,
            }
            extra, in_function = split_prefixed(tool.extra, "function")
            return {
                "type": "function",
                "function": {"name": tool.name, **without_none(known), **in_function},
                **extra,
            }
    raise EncodeError(
        "a chat request has no place for a cache point among its tools", feature="cache points"
    )


def _decode_tool_choice(form: ChatForm, native: Json, parallel: Json) -> ToolChoice | None:
    if native is None:
        return (
            None if parallel is None else ToolChoice(ToolChoiceMode.AUTO, allows_parallel=parallel)
        )
    if isinstance(native, str):
        return ToolChoice(form.tool_choices[native], allows_parallel=parallel)
    function = native["function"]
    extra = _in_two_levels(native, function, _CHOSEN_KEYS)
    return ToolChoice(ToolChoiceMode.TOOL, string(function["name"]), parallel, extra=extra)


def _encode_tool_choice(form: ChatForm, choice: ToolChoice) -> Mapping[str, Json]:
    parallel = (
        {} if choice.allows_parallel is None else {"parallel_tool_calls": choice.allows_parallel}
    )
    if choice.mode is ToolChoiceMode.TOOL:
        return {"tool_choice": _encode_named_choice(form, choice), **parallel}
    for word, mode in form.tool_choices.items():
        if mode is choice.mode:
            return {"tool_choice": word, **parallel}
    raise EncodeError(
        "this family has no tool choice `any`",
        feature="tool_choice",
        hint="name the tool to use" if form.takes_named_tool else "leave the choice to the model",
    )


def _encode_named_choice(form: ChatForm, choice: ToolChoice) -> Json:
    if not form.takes_named_tool:
        raise EncodeError(
            "this family takes no tool choice by name",
            feature="tool choice by name",
            hint="choose `any` and offer that one tool alone",
        )
    extra, in_function = split_prefixed(choice.extra, "function")
    return {"type": "function", "function": {"name": choice.name, **in_function}, **extra}
