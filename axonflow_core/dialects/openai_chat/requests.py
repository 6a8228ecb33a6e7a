"""A request: messages, tools and parameters.

    {"messages": […], "max_tokens": 99, "temperature": 0.2, "stop": ["END"],
     "tools": [{"type": "function", "function": {"name": "f", "parameters": {…}, "strict": true}}],
     "tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": false}

Documented parameters without a neutral name stand in `options`, members that are not documented in
`extra`, and which of two spellings a client used in `spelling`.

Source: OpenAI's API reference, "Chat completions: create", November 2026.
"""

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
    Inference,
    Json,
    Message,
    ReasoningRequest,
    Role,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)

from .content import (
    decode_message,
    encode_content,
    encode_message,
    is_older,
    with_ids_of_calls,
    written_role,
)
from .form import DIALECT, LIMIT, NEWER_LIMIT, TOOL_CHOICE, ChatForm
from .form import RESPONSE_FORMAT as OUTPUT_FORMAT
from .output_format import decode_output_format, encode_output_format

_OLDER: Mapping[str, Json] = {LIMIT: LIMIT}
_NEWER: Mapping[str, Json] = {LIMIT: NEWER_LIMIT}
_BARE_STOP: Mapping[str, Json] = {"stop_sequences": "string"}
"""`Inference.spelling`: a limit under a name that is not the form's, one stop sequence as a bare
string."""


def decode_request(form: ChatForm, body: Mapping[str, Json]) -> CompletionRequest:
    """A request body as a `CompletionRequest`. Members that are not documented for the form are
    kept in `extra`."""
    system, messages = _decode_messages(form, body["messages"])
    limit, output = body.get(LIMIT), decode_output_format(form, body)
    # OpenAI, "Chat completions" (November 2026): `max_tokens` is deprecated in favour of
    # `max_completion_tokens`. Where both stand, the older one counts and the other is kept.
    is_newer = limit is None and type(body.get(NEWER_LIMIT)) is int
    options, extra = _unnamed_members(form, body, is_newer=is_newer)
    tool_choice, choice_options = _decode_tool_choice(form, body)
    if output.options or choice_options:
        options = {**options, **output.options, **choice_options}
    # The system text came under a role that is not the form's.
    is_other = system is not None and system.spelling
    spelling = {"system": system.spelling["role"]} if system and is_other else EMPTY
    if system is not None and system.extra:
        extra = {**extra, **prefixed("system", without_none(system.extra))}
    numbers: dict[str, Any] = {name: body.get(name) for name in form.numbers}
    stop = body.get(form.stop_parameter) or () if form.stop_parameter else ()
    is_bare = isinstance(stop, str)
    return CompletionRequest(
        messages=messages,
        system=() if system is None else system.content,
        inference=Inference(
            max_tokens=body[NEWER_LIMIT] if is_newer else limit,
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            stop_sequences=stop,
            **numbers,
            spelling=_inference_spelling(_limit_spelling(form, limit, is_newer), is_bare),
        ),
        tools=tuple(map(_decode_tool, body.get("tools") or ())),
        tool_choice=tool_choice,
        reasoning=_decode_effort(form, body),
        output_schema=output.schema,
        service_tier=body.get("service_tier") if "service_tier" in form.takes else None,
        metadata=body.get("metadata") if "metadata" in form.takes else None,
        options=options,
        spelling={**spelling, **output.spelling} if output.spelling else spelling,
        extra=extra,
    )


def _limit_spelling(form: ChatForm, limit: Json, is_newer: bool) -> Mapping[str, Json]:
    """The name of the limit of output tokens, where it is not the form's."""
    if is_newer:
        return EMPTY if form.limit_parameter == NEWER_LIMIT else _NEWER
    return EMPTY if limit is None or form.limit_parameter == LIMIT else _OLDER


def _inference_spelling(limit: Mapping[str, Json], is_bare: bool) -> Mapping[str, Json]:
    """The `Inference.spelling` of a body; one of the module's constants where one is enough,
    because this runs for every request."""
    if not is_bare:
        return limit
    return {**limit, **_BARE_STOP} if limit else _BARE_STOP


def encode_request(form: ChatForm, request: CompletionRequest) -> Json:
    """The request body of `request`: the inverse of `decode_request`, without the model id and the
    transport keys."""
    _refuse_several_answers(request.options)
    inference = request.inference
    extra, in_system = split_prefixed(request.extra, "system") if request.extra else (EMPTY, EMPTY)
    body: dict[str, Json] = {"messages": _encode_messages(form, request, in_system)}
    _put_inference(form, body, inference)
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
    return {**body, **request.options, **extra}


def _put_inference(form: ChatForm, body: dict[str, Json], inference: Inference) -> None:
    """Write the parameters of sampling that are set, under the form's names for them."""
    if inference.max_tokens is not None:
        name = inference.spelling.get(LIMIT, form.limit_parameter)
        body[NEWER_LIMIT if name == NEWER_LIMIT else LIMIT] = inference.max_tokens
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


def _encode_stops(inference: Inference) -> Json:
    """A list, or a bare string where the one stop sequence was decoded from one."""
    stops = list(inference.stop_sequences)
    is_bare = inference.spelling.get("stop_sequences") == "string" and len(stops) == 1
    return stops[0] if is_bare else stops


# ── messages ──────────────────────────────────────────────────────────────────────────────────────


def _decode_messages(
    form: ChatForm, natives: list[Json]
) -> tuple[Message | None, tuple[Message, ...]]:
    """The system message that opens the conversation, if any, and the messages after it.

    Members of its own that a first system message has, such as `name`, are kept in the request's
    `extra` as `system.key`: the system text has no `extra`. Those that are null say nothing.
    """
    messages = tuple([decode_message(form, native) for native in natives])
    if [native for native in natives if is_older(native)]:
        messages = with_ids_of_calls(messages)
    if messages and messages[0].role is Role.SYSTEM and messages[0].content:
        return messages[0], messages[1:]
    return None, messages


def _encode_messages(
    form: ChatForm, request: CompletionRequest, in_system: Mapping[str, Json]
) -> list[Json]:
    """The native messages, the system text first, as `system` or as `developer`."""
    natives: list[Json] = []
    if request.system:
        role = written_role(request.spelling.get("system", form.system_role))
        natives.append({"role": role, "content": encode_content(request.system), **in_system})
    for message in request.messages:
        natives += encode_message(form, message)
    return natives


# ── parameters ────────────────────────────────────────────────────────────────────────────────────


def _unnamed_members(
    form: ChatForm, body: Mapping[str, Json], *, is_newer: bool
) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
    """The members of a body without a neutral field: documented ones (`options`) and others
    (`extra`). A documented one that is null stays in `extra`, because an unset option is absent."""
    rest = unknown_members(
        body, form.request_keys | {NEWER_LIMIT} if is_newer else form.request_keys
    )
    if not rest:
        return EMPTY, EMPTY
    options = {key: rest[key] for key in rest if key in form.options and rest[key] is not None}
    return options, unknown_members(rest, form.options)


def _refuse_several_answers(options: Mapping[str, Json]) -> None:
    """`EncodeError` for `n` above 1: a `Completion` is one answer, and the others would be billed
    and lost."""
    count = options.get("n")
    if isinstance(count, int) and count > 1:
        raise EncodeError(
            "one call has one answer", feature="n", hint="leave `n` out and make several calls"
        )


def _decode_effort(form: ChatForm, body: Mapping[str, Json]) -> ReasoningRequest | None:
    """`reasoning_effort`, or the form's own name for it."""
    effort = body.get(form.effort_parameter) if form.effort_parameter else None
    return None if effort is None else ReasoningRequest(effort=string(effort))


def _encode_effort(form: ChatForm, asked: ReasoningRequest) -> Mapping[str, Json]:
    """The parameter of effort. `EncodeError` for a mode or a budget of tokens, which the dialect
    has not."""
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
_BY_SILENCE: Mapping[str, Json] = {"mode": "absent"}
"""`ToolChoice.spelling` of a choice that came as `parallel_tool_calls` alone."""
_CHOSEN_KEYS = frozenset({"name"})


def _decode_tool(native: Mapping[str, Json]) -> Tool | BuiltinTool:
    """A function as a `Tool`; a tool of any other type is OpenAI's own and becomes a
    `BuiltinTool`."""
    if native["type"] != "function":
        return BuiltinTool(
            DIALECT,
            native["type"],
            native.get("name") or "",
            unknown_members(native, _BUILTIN_KEYS),
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
    """The unknown members of a tool or of a named choice: those of the inner object as
    `function.key`."""
    in_function, outside = unknown_members(function, known), unknown_members(native, _TOOL_KEYS)
    return {**outside, **prefixed("function", in_function)} if in_function else outside


def _encode_tool(tool: Tool | BuiltinTool | CachePoint) -> Json:
    """A tool as a function. `EncodeError` for a cache point, which the dialect does not have."""
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


def _decode_tool_choice(
    form: ChatForm, body: Mapping[str, Json]
) -> tuple[ToolChoice | None, Mapping[str, Json]]:
    """`tool_choice` and `parallel_tool_calls` as one value, and the options that a choice without
    a neutral name is: among a few tools (`allowed_tools`), of a tool that is no function.

    The second alone means the choice `auto`, which is OpenAI's default where there are tools.
    """
    native, parallel = body.get("tool_choice"), body.get("parallel_tool_calls")
    if isinstance(native, str):
        return ToolChoice(form.tool_choices[native], allows_parallel=parallel), EMPTY
    if native is not None and native.get("type", "function") == "function":
        function = native["function"]
        extra = _in_two_levels(native, function, _CHOSEN_KEYS)
        chosen = ToolChoice(ToolChoiceMode.TOOL, string(function["name"]), parallel, extra=extra)
        return chosen, EMPTY
    options = EMPTY if native is None else {TOOL_CHOICE: native}
    if parallel is None:
        return None, options
    choice = ToolChoice(ToolChoiceMode.AUTO, allows_parallel=parallel, spelling=_BY_SILENCE)
    return choice, options


def _encode_tool_choice(form: ChatForm, choice: ToolChoice) -> Mapping[str, Json]:
    """The two members of a choice. `EncodeError` where this speaker has no word for the mode."""
    parallel = (
        {} if choice.allows_parallel is None else {"parallel_tool_calls": choice.allows_parallel}
    )
    if choice.spelling == _BY_SILENCE and choice.mode is ToolChoiceMode.AUTO and parallel:
        return parallel
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
    """`{"type": "function", "function": {"name": …}}`. `EncodeError` where the speaker takes no
    name."""
    if not form.takes_named_tool:
        raise EncodeError(
            "this family takes no tool choice by name",
            feature="tool choice by name",
            hint="choose `any` and offer that one tool alone",
        )
    extra, in_function = split_prefixed(choice.extra, "function")
    return {"type": "function", "function": {"name": choice.name, **in_function}, **extra}
