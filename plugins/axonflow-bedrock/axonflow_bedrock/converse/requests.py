"""A request: messages, tools, and the parameters next to them."""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import (
    array,
    prefixed,
    split_prefixed,
    unknown_members,
    without_none,
)
from axonflow_core.messages import EMPTY, CompletionRequest, Inference, Json, Role

from ..shapes.converse_shapes import (
    decode_message,
    decode_tool_config,
    encode_message,
    encode_tool_config,
)
from .blocks import DIALECT, decode_content, encode_content
from .model_fields import FIELDS, put_reasoning, put_top_k, take_reasoning, take_top_k
from .output_config import put_output_schema, take_output_schema

OPTIONS = frozenset(
    {
        *(
            FIELDS,
            "additionalModelResponseFieldPaths",
            "guardrailConfig",
            "outputConfig",
            "performanceConfig",
        ),
        *("projectIdentifier", "promptVariables"),
    }
)
"""Documented parameters with no neutral name. What `additionalModelRequestFields` says about
`top_k` and reasoning has one and stands apart."""

DROPPABLE_OPTIONS = frozenset(
    {"additionalModelResponseFieldPaths", "performanceConfig", "projectIdentifier"}
)
"""Options that change no meaning. `additionalModelRequestFields` may change any, a guardrail is not
to be lost, and `promptVariables` belong to a prompt that is kept at Bedrock."""

_TIER = "serviceTier"
_TIER_KEYS = frozenset({"type"})
_REQUEST_KEYS = OPTIONS | {
    *("messages", "system", "inferenceConfig", "toolConfig", "requestMetadata", _TIER),
}
_ROLES = {role.value: role for role in Role}


def decode_request(body: Mapping[str, Json], facts: ModelFacts) -> CompletionRequest:
    """A Converse body as a `CompletionRequest`."""
    options = {key: value for key in OPTIONS if (value := body.get(key)) is not None}
    fields = dict(options.pop(FIELDS, None) or {})
    top_k, reasoning = take_top_k(fields, facts.base_id), take_reasoning(fields, facts.base_id)
    if fields:
        options[FIELDS] = fields
    output_schema = take_output_schema(options)
    tools, choice, beside_tools = decode_tool_config(body.get("toolConfig") or EMPTY, DIALECT)
    extra, messages = unknown_members(body, _REQUEST_KEYS), array(body.get("messages") or [])
    tier, beside_tier = _decode_tier(body.get(_TIER))
    if beside_tier:
        extra = {**extra, **prefixed(_TIER, beside_tier)}
    return CompletionRequest(
        messages=tuple([decode_message(native, _ROLES, decode_content) for native in messages]),
        system=decode_content(body.get("system") or []),
        inference=_decode_inference(body.get("inferenceConfig") or EMPTY, top_k),
        tools=tools,
        tool_choice=choice,
        reasoning=reasoning,
        output_schema=output_schema,
        service_tier=tier,
        metadata=body.get("requestMetadata"),
        options=options,
        extra={**extra, **prefixed("toolConfig", beside_tools)} if beside_tools else extra,
    )


def encode_request(request: CompletionRequest, facts: ModelFacts) -> dict[str, Json]:
    """The Converse body of `request`."""
    body: dict[str, Json] = {}
    if request.messages:  # after the ARN of a prompt there may be none
        body["messages"] = [encode_message(message, encode_content) for message in request.messages]
    extra, beside_tools, beside_tier = (
        split_prefixed(request.extra, "toolConfig", _TIER)
        if request.extra
        else (request.extra, EMPTY, EMPTY)
    )
    if request.system:
        body["system"] = encode_content(request.system)
    if inference := _encode_inference(request.inference):
        body["inferenceConfig"] = inference
    if tools := {**encode_tool_config(request, "Converse"), **beside_tools}:
        body["toolConfig"] = tools
    if request.metadata is not None:
        body["requestMetadata"] = request.metadata
    if request.service_tier is not None:
        body[_TIER] = {"type": request.service_tier, **beside_tier}
    body.update(request.options)
    if request.output_schema is not None:
        put_output_schema(body, request.output_schema)
    if request.inference.top_k is not None or request.reasoning is not None:
        body[FIELDS] = _encode_fields(request, facts)
    body.update(extra)
    return body


def _decode_tier(native: Json) -> tuple[str | None, Mapping[str, Json]]:
    """`{"type": "priority" | "default" | "flex" | "reserved"}`: the tier, and unknown members."""
    if native is None:
        return None, EMPTY
    return native["type"], unknown_members(native, _TIER_KEYS)


def _encode_fields(request: CompletionRequest, facts: ModelFacts) -> dict[str, Json]:
    """`additionalModelRequestFields`: the caller's own, with `top_k` and reasoning in the vendor's
    names."""
    fields = dict(request.options.get(FIELDS) or {})
    if request.inference.top_k is not None:
        put_top_k(fields, facts.base_id, request.inference.top_k)
    if request.reasoning is not None:
        put_reasoning(fields, facts, request.reasoning)
    return fields


# ── parameters ────────────────────────────────────────────────────────────────────────────────────

_INFERENCE_KEYS = frozenset({"maxTokens", "temperature", "topP", "stopSequences"})


def _decode_inference(native: Mapping[str, Json], top_k: int | None) -> Inference:
    return Inference(
        native.get("maxTokens"),
        native.get("temperature"),
        native.get("topP"),
        top_k,
        tuple(array(native.get("stopSequences") or [])),
        extra=unknown_members(native, _INFERENCE_KEYS),
    )


def _encode_inference(inference: Inference) -> dict[str, Json]:
    native = without_none(
        {
            "maxTokens": inference.max_tokens,
            "temperature": inference.temperature,
            "topP": inference.top_p,
        }
    )
    if inference.stop_sequences:
        native["stopSequences"] = list(inference.stop_sequences)
    return {**native, **inference.extra} if inference.extra else native
