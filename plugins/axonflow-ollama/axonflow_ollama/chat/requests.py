"""A request: its messages, and what is asked of the model.

    {"messages": […],
     "tools": [{"type": "function", "function": {"name": "f", "description": "…",
                                                 "parameters": {…}}}],
     "format": "json" or a JSON schema,
     "think": true, false, "low", "medium" or "high",
     "options": {"num_predict": 99, "temperature": 0.2, "top_p": 0.9, "top_k": 40,
                 "stop": ["END"], "seed": 7, "num_ctx": 8192, …},
     "keep_alive": "5m"}

`options` and the members next to it that have no neutral name are `CompletionRequest.options`,
whichever of the two levels they stand on: no name is on both. What nobody documents stands in
`extra`: that of the request, or of `Inference` for members of `options`.

`num_predict` and `top_k` below 0 mean "no limit", which is the same as to leave them out: they are
kept in `Inference.spelling`. So are lists, objects and texts that are empty (`"tools": []`, which
Ollama's Python client always sends) in the request's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import (
    UnexpectedKind,
    array,
    kind_of,
    object_in,
    prefixed,
    split_prefixed,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.messages import (
    EMPTY,
    CompletionRequest,
    ContentBlock,
    Inference,
    Json,
    Message,
    OutputSchema,
    ReasoningRequest,
    Role,
    Tool,
)

from .messages import Calls, decode_messages, encode_message

_NATIVE: Mapping[str, str] = {
    "max_tokens": "num_predict",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""The attribute of `Inference` -> the option of Ollama."""
PARAMETERS = frozenset(_NATIVE.values()) | {"stop"}
_UNLIMITED = ("num_predict", "top_k")
"""Options that mean "no limit" below 0."""

_BESIDE = frozenset({"keep_alive", "truncate", "shift", "logprobs", "top_logprobs"})
"""Documented members of a request, next to `options`, without a neutral name."""
_RUNNER = frozenset(
    "num_ctx num_batch num_gpu main_gpu use_mmap use_mlock num_thread num_keep draft_num_predict "
    "numa low_vram".split()
)
"""Options of how the model is loaded (`Runner` in `api/types.go`, and the older ones that clients
still send)."""
_SAMPLING = frozenset(
    "min_p typical_p tfs_z repeat_last_n repeat_penalty penalize_newline mirostat mirostat_tau "
    "mirostat_eta".split()
)
"""Options of sampling without a neutral name."""
OPTIONS = _BESIDE | _RUNNER | _SAMPLING
DROPPABLE_OPTIONS = OPTIONS - {"logprobs", "top_logprobs", "truncate", "shift"}
"""Options that change no meaning: how a model is loaded and how its words are drawn."""
REQUEST_KEYS = frozenset({"messages", "tools", "format", "think", "options"}) | _BESIDE
_EMPTIES: tuple[Json, ...] = ([], {}, "")
_MAY_BE_EMPTY = ("tools", "format", "options")

_BARE_STOP: Mapping[str, Json] = {"stop_sequences": "string"}
"""`Inference.spelling`: one stop sequence came as a bare string."""
_ENABLED, _DISABLED = "enabled", "disabled"


def decode_request(body: Mapping[str, Json], facts: ModelFacts) -> CompletionRequest:
    """A request body as a `CompletionRequest`, `model` and `stream` left out."""
    system, messages = _decode_messages(array(body["messages"], "messages"))
    given = body.get("options") or EMPTY
    if not isinstance(given, dict | Mapping):
        raise UnexpectedKind("an object", kind_of(given), "options")
    named = {**_named(given, _RUNNER | _SAMPLING), **_named(body, _BESIDE)}
    extra = unknown_members(body, REQUEST_KEYS.difference(_nulls(body, _BESIDE)))
    if system is not None and system.extra:
        extra = {**extra, **prefixed("system", system.extra)}
    return CompletionRequest(
        messages=messages,
        system=() if system is None else system.content,
        inference=_decode_inference(given),
        tools=tuple(map(_decode_tool, array(body.get("tools") or []))),
        reasoning=_decode_think(body.get("think")),
        output_schema=_decode_format(body.get("format")),
        options=named,
        extra=extra,
        spelling={key: body[key] for key in _MAY_BE_EMPTY if body.get(key) in _EMPTIES},
    )


def encode_request(request: CompletionRequest, facts: ModelFacts) -> Json:
    """The request body of `request`: the inverse of `decode_request`."""
    extra, in_system = split_prefixed(request.extra, "system") if request.extra else ({}, {})
    body: dict[str, Json] = {"messages": _encode_messages(request, in_system)}
    if request.tools:
        body["tools"] = [_encode_tool(tool) for tool in request.tools if isinstance(tool, Tool)]
    if request.output_schema is not None:
        schema = request.output_schema.schema
        body["format"] = "json" if schema is None else schema
    if request.reasoning is not None:
        body["think"] = _encode_think(request.reasoning)
    options = _encode_options(request)
    if options:
        body["options"] = options
    beside = {key: request.options[key] for key in request.options if key in _BESIDE}
    empty = {key: way for key, way in request.spelling.items() if key in _MAY_BE_EMPTY}
    return {**empty, **body, **beside, **extra}


# ── messages ──────────────────────────────────────────────────────────────────────────────────────


def _decode_messages(natives: list[Json]) -> tuple[Message | None, tuple[Message, ...]]:
    """The system message that opens the conversation, if any, and the messages after it. One that
    was spelled in a way of its own stays a message, where its spelling has a place."""
    messages = decode_messages(natives)
    first = messages[0] if messages else None
    if first is not None and first.role is Role.SYSTEM and first.content and not first.spelling:
        return first, messages[1:]
    return None, messages


def _encode_messages(request: CompletionRequest, in_system: Mapping[str, Json]) -> list[Json]:
    calls = Calls()
    messages: tuple[Message, ...] = request.messages
    if request.system:
        system: tuple[ContentBlock, ...] = request.system
        messages = (Message(Role.SYSTEM, system, extra=in_system), *messages)
    return [native for message in messages for native in encode_message(message, calls)]


# ── parameters ────────────────────────────────────────────────────────────────────────────────────


def _named(native: Mapping[str, Json], names: frozenset[str]) -> dict[str, Json]:
    """The members of `native` that are among `names`, those left out that are null."""
    return {key: native[key] for key in native if key in names and native[key] is not None}


def _nulls(native: Mapping[str, Json], names: frozenset[str]) -> set[str]:
    return {key for key in native if key in names and native[key] is None}


def _decode_inference(given: Mapping[str, Json]) -> Inference:
    """The parameters among `options`; members that nobody documents are its `extra`."""
    stop = given.get("stop") or ()
    spelling: dict[str, Json] = {**_BARE_STOP} if isinstance(stop, str) else {}
    spelling |= {key: given[key] for key in _UNLIMITED if _is_unlimited(given.get(key))}
    numbers: dict[str, Any] = {
        name: None if key in spelling else given.get(key) for name, key in _NATIVE.items()
    }
    known = PARAMETERS | _RUNNER | _SAMPLING
    return Inference(
        **numbers,
        stop_sequences=stop,
        extra=unknown_members(given, known.difference(_nulls(given, _RUNNER | _SAMPLING))),
        spelling=spelling or EMPTY,
    )


def _is_unlimited(value: Json) -> bool:
    return type(value) is int and value < 0


def _encode_options(request: CompletionRequest) -> dict[str, Json]:
    """The object `options`."""
    inference = request.inference
    numbers = {key: getattr(inference, name) for name, key in _NATIVE.items()}
    unlimited = {
        key: inference.spelling[key]
        for key in _UNLIMITED
        if key in inference.spelling and numbers[key] is None
    }
    stops = {"stop": _encode_stops(inference)} if inference.stop_sequences else {}
    options = {key: request.options[key] for key in request.options if key not in _BESIDE}
    return {**without_none(numbers), **unlimited, **stops, **options, **inference.extra}


def _encode_stops(inference: Inference) -> Json:
    """A list, or a bare string where the one stop sequence was decoded from one."""
    stops = list(inference.stop_sequences)
    is_bare = inference.spelling.get("stop_sequences") == "string" and len(stops) == 1
    return stops[0] if is_bare else stops


def _decode_format(native: Json) -> OutputSchema | None:
    """`format`: the word `json`, or a JSON schema. Empty is none."""
    if not native:
        return None
    if isinstance(native, str):
        if native != "json":
            raise ValueError("`format` is the word json, or a schema")
        return OutputSchema()
    return OutputSchema(native)


def _decode_think(native: Json) -> ReasoningRequest | None:
    """`think`: whether the model reasons, or how much."""
    if native is None:
        return None
    if isinstance(native, bool):
        return ReasoningRequest(_ENABLED if native else _DISABLED)
    return ReasoningRequest(effort=string(native, "think"))


def _encode_think(asked: ReasoningRequest) -> Json:
    """`think`. `EncodeError` for a budget of tokens, or a mode that Ollama does not have."""
    if asked.budget_tokens is None:
        if asked.effort is not None and asked.mode is None:
            return asked.effort
        if asked.effort is None and asked.mode in (_ENABLED, _DISABLED):
            return asked.mode == _ENABLED
    raise EncodeError(
        "ollama has no such control of reasoning",
        feature="reasoning",
        hint="ask for an `effort` (low, medium, high), or for the mode `enabled` or `disabled`",
    )


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────

_TOOL_KEYS = frozenset({"type", "function"})
_TOOL_FUNCTION_KEYS = frozenset({"name", "description", "parameters"})


def _decode_tool(native: Mapping[str, Json]) -> Tool:
    """A tool. Every tool is a function, whether it says so or not."""
    function = object_in(native, "function")
    if native.get("type") not in (None, "function"):
        raise ValueError("every tool of Ollama is a function")
    inside = unknown_members(function, _TOOL_FUNCTION_KEYS)
    return Tool(
        string(function["name"]),
        function.get("description"),
        function.get("parameters"),
        extra={**unknown_members(native, _TOOL_KEYS), **prefixed("function", inside)},
        spelling=EMPTY if native.get("type") else {"type": "absent"},
    )


def _encode_tool(tool: Tool) -> Json:
    """A tool as a function. `EncodeError` for one that is strict: Ollama holds no call to its
    schema."""
    if tool.is_strict:
        raise EncodeError(
            "ollama does not hold the arguments of a tool to its schema",
            feature="strict tools",
            hint="leave `is_strict` out, and check the arguments of calls",
        )
    extra, in_function = split_prefixed(tool.extra, "function")
    known = {"description": tool.description, "parameters": tool.input_schema}
    return {
        **({} if tool.spelling.get("type") == "absent" else {"type": "function"}),
        "function": {"name": tool.name, **without_none(known), **in_function},
        **extra,
    }
