"""An answer: one message, why it ended, what it cost, what the guardrail did."""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec import ModelFacts, NativeNames
from axonflow_core.codec.json_members import prefixed, split_prefixed, unknown_members, without_none
from axonflow_core.frozen import evolve
from axonflow_core.messages import EMPTY, Completion, Guardrail, Json, StopReason, Usage

from .blocks import decode_content, encode_content

STOP_REASONS = NativeNames(
    {
        "end_turn": StopReason.END_TURN,
        "tool_use": StopReason.TOOL_USE,
        "max_tokens": StopReason.MAX_TOKENS,
        "stop_sequence": StopReason.STOP_SEQUENCE,
        "guardrail_intervened": StopReason.GUARDRAIL,
        "content_filtered": StopReason.CONTENT_FILTERED,
        "malformed_model_output": StopReason.MALFORMED,
        "malformed_tool_use": StopReason.MALFORMED,
        "model_context_window_exceeded": StopReason.CONTEXT_EXCEEDED,
    }
)
_INTERVENED = "INTERVENED"

_ANSWER_KEYS = frozenset({"output", "stopReason", "usage", "metrics", "trace", "serviceTier"})
_OUTPUT_KEYS = frozenset({"message"})
_MESSAGE_KEYS = frozenset({"role", "content"})
_METRICS_KEYS = frozenset({"latencyMs"})
_TIER_KEYS = frozenset({"type"})
_TRACE_KEYS = frozenset({"guardrail"})


def decode_response(body: Mapping[str, Json], facts: ModelFacts) -> Completion:
    """A Converse answer as a `Completion`."""
    output, stop = body["output"], body.get("stopReason")
    message, metrics = output["message"], body.get("metrics") or EMPTY
    tier, trace = body.get("serviceTier") or EMPTY, body.get("trace") or EMPTY
    extra = unknown_members(body, _ANSWER_KEYS)
    for level, native, known in (
        ("output", output, _OUTPUT_KEYS),
        ("message", message, _MESSAGE_KEYS),
        ("metrics", metrics, _METRICS_KEYS),
        ("serviceTier", tier, _TIER_KEYS),
        ("trace", trace, _TRACE_KEYS),
    ):
        if not native.keys() <= known:
            extra = {**extra, **prefixed(level, unknown_members(native, known))}
    return Completion(
        content=decode_content(message["content"]),
        stop_reason=None if stop is None else STOP_REASONS.decode(stop),
        usage=decode_usage(body.get("usage") or EMPTY),
        native_stop_reason=stop,
        service_tier=tier.get("type"),
        guardrail=guardrail_of(trace.get("guardrail"), stop),
        latency_ms=metrics.get("latencyMs"),
        extra=extra,
    )


def encode_response(completion: Completion, facts: ModelFacts) -> Json:
    """The Converse answer of a `Completion`."""
    extra, in_output, in_message, in_metrics, in_tier, in_trace = split_prefixed(
        completion.extra, "output", "message", "metrics", "serviceTier", "trace"
    )
    message = {"role": "assistant", "content": encode_content(completion.content), **in_message}
    reason, guardrail = completion.stop_reason, completion.guardrail
    others = {
        "stopReason": None
        if reason is None
        else STOP_REASONS.encode(reason, completion.native_stop_reason),
        "metrics": {**without_none({"latencyMs": completion.latency_ms}), **in_metrics} or None,
        "serviceTier": {**without_none({"type": completion.service_tier}), **in_tier} or None,
        "trace": {**without_none({"guardrail": guardrail and guardrail.trace}), **in_trace} or None,
    }
    usage = encode_usage(completion.usage)
    return {
        "output": {"message": message, **in_output},
        "usage": usage,
        **without_none(others),
        **extra,
    }


def guardrail_of(trace: Json, stop: str | None) -> Guardrail | None:
    """What the trace reports. That the guardrail stepped in, Converse says by the reason to
    stop."""
    if trace is None:
        return None
    return Guardrail(_INTERVENED if stop == "guardrail_intervened" else None, trace)


_USAGE_KEYS = frozenset(
    {"inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "totalTokens"}
)
_CACHED = {"1h": "cache_write_1h_tokens", "5m": "cache_write_5m_tokens"}
"""`cacheDetails`: lifetime of what was written to a cache -> the count of it, the longest first."""


def decode_usage(native: Mapping[str, Json]) -> Usage:
    """The counts of `usage`; cached tokens are not input tokens."""
    details = native.get("cacheDetails") or []
    written = {
        _CACHED[each["ttl"]]: each["inputTokens"]
        for each in details
        if each.get("ttl") in _CACHED and each.get("inputTokens") is not None
    }
    usage = Usage(
        native.get("inputTokens"),
        native.get("outputTokens"),
        native.get("cacheReadInputTokens"),
        native.get("cacheWriteInputTokens"),
        **written,
    )
    known = (
        _USAGE_KEYS
        if native.get("totalTokens") in (usage.total_tokens, None)
        else _USAGE_KEYS - {"totalTokens"}
    )
    is_whole = len(written) == len(details) == sum(map(len, map(without_none, details))) / 2
    known = known | {"cacheDetails"} if is_whole else known
    extra = unknown_members(native, known)
    return evolve(usage, extra=extra) if extra else usage


def encode_usage(usage: Usage) -> dict[str, Json]:
    """The `usage` object, with the sum that Converse requires."""
    counts = without_none(
        {
            "inputTokens": usage.input_tokens,
            "outputTokens": usage.output_tokens,
            "cacheReadInputTokens": usage.cache_read_tokens,
            "cacheWriteInputTokens": usage.cache_write_tokens,
        }
    )
    if counts:
        counts["totalTokens"] = usage.total_tokens
    written = ((ttl, getattr(usage, name)) for ttl, name in _CACHED.items())
    details = [{"ttl": ttl, "inputTokens": count} for ttl, count in written if count is not None]
    return {**counts, **({"cacheDetails": details} if details else {}), **usage.extra}
