"""An answer: one message, why it ended, what it cost, what the guardrail did."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType

from axonflow_core.codec import ModelFacts, NativeNames
from axonflow_core.codec.json_members import (
    apart,
    array_in,
    counted,
    known_beside,
    mapping_or_empty,
    object_in,
    prefixed,
    split_prefixed,
    unknown_members,
    with_facts,
    without_none,
)
from axonflow_core.errors import RequestError
from axonflow_core.frozen import evolve
from axonflow_core.messages import Completion, Guardrail, Json, StopReason, Usage

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
_OBJECTS = ("usage", "metrics", "trace", "serviceTier")
_OUTPUT_KEYS = frozenset({"message"})
_MESSAGE_KEYS = frozenset({"role", "content"})
_METRICS_KEYS = frozenset({"latencyMs"})
_TIER_KEYS = frozenset({"type"})
_TRACE_KEYS = frozenset({"guardrail"})


def decode_response(body: Mapping[str, Json], facts: ModelFacts) -> Completion:
    """A Converse answer as a `Completion`."""
    output, stop = object_in(body, "output"), body.get("stopReason")
    message = object_in(output, "message")
    metrics, tier, trace = (
        mapping_or_empty(body.get(key)) for key in ("metrics", "serviceTier", "trace")
    )
    extra = unknown_members(body, known_beside(body, _ANSWER_KEYS, *_OBJECTS))
    for level, native, known in (
        ("output", output, _OUTPUT_KEYS),
        ("message", message, _MESSAGE_KEYS),
        ("metrics", metrics, _METRICS_KEYS),
        ("serviceTier", tier, _TIER_KEYS),
        ("trace", trace, _TRACE_KEYS),
    ):
        if not native.keys() <= known:
            extra = {**extra, **prefixed(level, unknown_members(native, known))}
    return with_facts(
        Completion,
        {"metrics.latencyMs": metrics.get("latencyMs"), "serviceTier.type": tier.get("type")},
        {"metrics.latencyMs": "latency_ms", "serviceTier.type": "service_tier"},
        extra,
        content=decode_content(array_in(message, "content")),
        stop_reason=None if stop is None else STOP_REASONS.decode(stop),
        usage=decode_usage(body.get("usage")),
        native_stop_reason=stop,
        guardrail=guardrail_of(trace.get("guardrail"), stop),
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


_COUNTS = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheReadInputTokens": "cache_read_tokens",
    "cacheWriteInputTokens": "cache_write_tokens",
}
_USAGE_KEYS = frozenset({"totalTokens", *_COUNTS})
_CACHED = {"1h": "cache_write_1h_tokens", "5m": "cache_write_5m_tokens"}
"""`cacheDetails`: lifetime of what was written to a cache -> the count of it, the longest first."""


def decode_usage(native: Json) -> Usage:
    """The counts of `usage`; cached tokens are not input tokens. A total that is not the sum, and
    details that say more than counts, are kept in `extra`."""
    usage = counted(native, _COUNTS, _USAGE_KEYS)
    total = mapping_or_empty(native).get("totalTokens")
    if total is not None and total != usage.total_tokens:
        usage = evolve(usage, extra={**usage.extra, "totalTokens": total})
    return _with_details(usage) if "cacheDetails" in usage.extra else usage


def _with_details(usage: Usage) -> Usage:
    """`usage` with the counts of its `cacheDetails`, which stand in its `extra` so far and stay
    there where they say more than counts."""
    details = usage.extra["cacheDetails"]
    if not isinstance(details, list | NoneType):
        return usage
    details = details or []
    found = [without_none(each) for each in details if isinstance(each, dict)]
    written = {
        _CACHED[ttl]: each["inputTokens"]
        for each in found
        if isinstance(ttl := each.get("ttl"), str) and ttl in _CACHED and "inputTokens" in each
    }
    try:
        usage = evolve(usage, **written)
    except RequestError:
        return evolve(usage, **apart(Usage, written)[0])
    is_whole = len(written) == len(details) == sum(map(len, found)) / 2
    return evolve(usage, extra=unknown_members(usage.extra, _DETAILS)) if is_whole else usage


_DETAILS = frozenset({"cacheDetails"})


def encode_usage(usage: Usage) -> dict[str, Json]:
    """The `usage` object, with the sum that Converse requires."""
    counts = without_none({key: getattr(usage, name) for key, name in _COUNTS.items()})
    if counts:
        counts["totalTokens"] = usage.total_tokens
    written = ((ttl, getattr(usage, name)) for ttl, name in _CACHED.items())
    details = [{"ttl": ttl, "inputTokens": count} for ttl, count in written if count is not None]
    return {**counts, **({"cacheDetails": details} if details else {}), **usage.extra}
