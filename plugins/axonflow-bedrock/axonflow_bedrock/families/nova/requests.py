"""A request: messages, tools, and the parameters next to them.

Nova takes some parameters under two names. What came as `max_new_tokens` goes back so, though it is
read as any limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import (
    array,
    prefixed,
    split_prefixed,
    unknown_members,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.messages import EMPTY, CompletionRequest, Inference, Json, ReasoningRequest, Role

from ...shapes.converse_shapes import (
    decode_message,
    decode_tool_config,
    encode_message,
    encode_tool_config,
)
from .blocks import DIALECT, decode_content, encode_content

SCHEMA = "messages-v1"
OPTIONS = frozenset({"schemaVersion"})
"""Written as `messages-v1`; a caller's body with another word, or none, keeps what it had."""

_REQUEST_KEYS = OPTIONS | frozenset({"messages", "system", "inferenceConfig", "toolConfig"})
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT}


def decode_request(body: Mapping[str, Json], facts: ModelFacts) -> CompletionRequest:
    """A Nova body as a `CompletionRequest`."""
    system, config, tools = body.get("system"), body.get("inferenceConfig"), body.get("toolConfig")
    version, extra = body.get("schemaVersion"), unknown_members(body, _REQUEST_KEYS)
    reasoning = _decode_reasoning_request(config.get(_REASONING)) if config else None
    spelling = EMPTY
    if reasoning is None and _REASONING in extra:
        # Clients that know Converse, whose additional fields have it at the top, write it there.
        reasoning, spelling = _decode_reasoning_request(extra[_REASONING]), _BESIDE
        extra = unknown_members(extra, frozenset({_REASONING}))
    offered, choice, tool_extra = decode_tool_config(tools or EMPTY, DIALECT)
    return CompletionRequest(
        messages=tuple(
            [decode_message(message, _ROLES, decode_content) for message in array(body["messages"])]
        ),
        system=decode_content(system) if system else (),
        inference=_decode_inference(config) if config else _UNSET,
        tools=offered,
        tool_choice=choice,
        reasoning=reasoning,
        spelling=spelling,
        options=EMPTY if version == SCHEMA else {"schemaVersion": version},
        extra={**extra, **prefixed("toolConfig", tool_extra)} if tool_extra else extra,
    )


def encode_request(request: CompletionRequest, facts: ModelFacts) -> dict[str, Json]:
    """The Nova body of `request`."""
    body: dict[str, Json] = without_none({"schemaVersion": SCHEMA, **request.options})
    if request.system:
        body["system"] = encode_content(request.system)
    body["messages"] = [encode_message(message, encode_content) for message in request.messages]
    extra, tool_extra = (
        split_prefixed(request.extra, "toolConfig") if request.extra else (EMPTY, EMPTY)
    )
    is_beside = request.reasoning is not None and request.spelling == _BESIDE
    inside = None if is_beside else request.reasoning
    if config := _encode_inference(request.inference, inside):
        body["inferenceConfig"] = config
    if is_beside and request.reasoning is not None:
        body[_REASONING] = _encode_reasoning_request(request.reasoning)
    if tools := {**encode_tool_config(request, "Nova"), **tool_extra}:
        body["toolConfig"] = tools
    return {**body, **extra} if extra else body


# ── parameters ────────────────────────────────────────────────────────────────────────────────────

_UNSET = Inference()
_REASONING = "reasoningConfig"
_BESIDE: Mapping[str, Json] = {"reasoning": "beside"}
"""`CompletionRequest.spelling` where the reasoning stood next to `inferenceConfig`."""
_NUMBERS = {
    "max_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
}
"""Attribute of `Inference` -> the native name that is written."""
_OTHER_NAMES = {"max_new_tokens": "max_tokens", "top_p": "top_p", "top_k": "top_k"}
_CONFIG_KEYS = frozenset({*_NUMBERS.values(), "stopSequences", _REASONING})


def _decode_inference(native: Mapping[str, Json]) -> Inference:
    """`inferenceConfig`. Nova accepts camel and snake case (`maxTokens`, `max_new_tokens`;
    recorded); which one the body used is in `spelling`."""
    names = _other_names_in(native)
    numbers: dict[str, Any] = {
        name: native.get(names.get(name, key)) for name, key in _NUMBERS.items()
    }
    return Inference(
        **numbers,
        stop_sequences=tuple(array(native.get("stopSequences") or [])),
        spelling=names,
        extra=unknown_members(
            native, _CONFIG_KEYS.union(names.values()) if names else _CONFIG_KEYS
        ),
    )


def _other_names_in(native: Mapping[str, Json]) -> Mapping[str, str]:
    """`Inference.spelling`: attribute -> its other name, where that alone was used and is not
    null."""
    if native.keys().isdisjoint(_OTHER_NAMES):
        return EMPTY
    return {
        attribute: name
        for name, attribute in _OTHER_NAMES.items()
        if native.get(name) is not None and native.get(_NUMBERS[attribute]) is None
    }


def _encode_inference(inference: Inference, reasoning: ReasoningRequest | None) -> dict[str, Json]:
    """The inverse; `topK` and `reasoningConfig` are inside `inferenceConfig`, unlike in
    Converse."""
    native: dict[str, Json] = {}
    for attribute, key in _NUMBERS.items():
        value = getattr(inference, attribute)
        if value is not None:
            name = str(inference.spelling.get(attribute))
            native[name if _OTHER_NAMES.get(name) == attribute else key] = value
    if inference.stop_sequences:
        native["stopSequences"] = list(inference.stop_sequences)
    if reasoning is not None:
        native[_REASONING] = _encode_reasoning_request(reasoning)
    return {**native, **inference.extra} if inference.extra else native


_REASONING_KEYS = frozenset({"type", "maxReasoningEffort"})


def _decode_reasoning_request(native: Json) -> ReasoningRequest | None:
    if native is None:
        return None
    mode = native.get("type", "disabled")  # Nova's default
    return ReasoningRequest(
        mode,
        effort=native.get("maxReasoningEffort"),
        extra=unknown_members(native, _REASONING_KEYS),
    )


def _encode_reasoning_request(asked: ReasoningRequest) -> dict[str, Json]:
    if asked.budget_tokens is not None:
        raise EncodeError(
            "Nova takes no budget of reasoning tokens",
            feature="reasoning budget",
            hint="say how hard it may think instead: effort low, medium or high",
        )
    mode = asked.mode or "enabled"
    return {"type": mode, **without_none({"maxReasoningEffort": asked.effort}), **asked.extra}
