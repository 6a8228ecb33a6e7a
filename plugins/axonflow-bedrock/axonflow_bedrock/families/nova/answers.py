"""A whole answer, and the counts that answers and streams share."""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec import ModelFacts, NativeNames
from axonflow_core.codec.json_members import (
    array_in,
    counted,
    known_beside,
    mapping_or_empty,
    object_in,
    prefixed,
    split_prefixed,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.frozen import evolve
from axonflow_core.messages import Completion, Json, StopReason, Usage

from .blocks import decode_content, encode_content

STOP_REASONS = NativeNames(
    {
        "end_turn": StopReason.END_TURN,
        "max_tokens": StopReason.MAX_TOKENS,
        "stop_sequence": StopReason.STOP_SEQUENCE,
        "tool_use": StopReason.TOOL_USE,
        "content_filtered": StopReason.CONTENT_FILTERED,
        "guardrail_intervened": StopReason.GUARDRAIL,
        "model_context_window_exceeded": StopReason.CONTEXT_EXCEEDED,
        "malformed_model_output": StopReason.MALFORMED,
        "malformed_tool_use": StopReason.MALFORMED,
    }
)

# "The generated text has been blocked by our content filters." arrives under HTTP 200 as `error`
# (Amazon Nova user guide, November 2026), so `error` is a member of an answer here.
_ANSWER_KEYS = frozenset({"output", "stopReason", "usage", "error"})
_OUTPUT_KEYS = frozenset({"message"})
_MESSAGE_KEYS = frozenset({"role", "content"})


def decode_response(body: Mapping[str, Json], facts: ModelFacts) -> Completion:
    """What was blocked by Amazon's content filters is an answer (HTTP 200) with an `error`, with or
    without output."""
    error, native = body.get("error"), body.get("stopReason")
    if error is not None and body.get("output") is None:
        body = {**body, "output": {"message": {"content": []}}}
    output = object_in(body, "output")
    message = object_in(output, "message")
    if error is not None:
        reason: StopReason | None = StopReason.CONTENT_FILTERED
    else:
        reason = None if native is None else STOP_REASONS.decode(native)
    return Completion(
        content=decode_content(array_in(message, "content")),
        stop_reason=reason,
        usage=_decode_summed_usage(body.get("usage")),
        stop_details=None if error is None else string(error),
        native_stop_reason=native,
        extra=_extra_of(body, output, message),
    )


def encode_response(completion: Completion, facts: ModelFacts) -> dict[str, Json]:
    """A Nova answer of a `Completion`."""
    extra, in_output, in_message = split_prefixed(completion.extra, "output", "message")
    stop = _encode_stop(completion)
    body: dict[str, Json] = {}
    if completion.content or "error" not in stop:
        message = {"role": "assistant", "content": encode_content(completion.content), **in_message}
        body["output"] = {"message": message, **in_output}
    usage = _encode_summed_usage(completion.usage)
    return {**body, **stop, **({"usage": usage} if usage else {}), **extra}


def _extra_of(
    body: Mapping[str, Json], output: Mapping[str, Json], message: Mapping[str, Json]
) -> Mapping[str, Json]:
    """Unknown members of the body, and under prefixes those of `output` and `message`."""
    extra = unknown_members(body, known_beside(body, _ANSWER_KEYS, "usage"))
    in_output, in_message = (
        unknown_members(output, _OUTPUT_KEYS),
        unknown_members(message, _MESSAGE_KEYS),
    )
    if in_output or in_message:
        return {**extra, **prefixed("output", in_output), **prefixed("message", in_message)}
    return extra


def _encode_stop(completion: Completion) -> dict[str, Json]:
    """`stopReason`, or `error` where the content filters blocked the answer."""
    reason, native = completion.stop_reason, completion.native_stop_reason
    if reason is StopReason.CONTENT_FILTERED and isinstance(completion.stop_details, str):
        return without_none({"error": completion.stop_details, "stopReason": native})
    return {} if reason is None else {"stopReason": STOP_REASONS.encode(reason, native)}


# ── counts ────────────────────────────────────────────────────────────────────────────────────────

_COUNTS = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheReadInputTokenCount": "cache_read_tokens",
    "cacheWriteInputTokenCount": "cache_write_tokens",
}
_USAGE_KEYS = frozenset({"totalTokens", *_COUNTS})


def decode_usage(native: Json) -> Usage:
    """The counts of `usage`; cached tokens are not input tokens."""
    return counted(native, _COUNTS, _USAGE_KEYS)


def encode_usage(usage: Usage) -> dict[str, Json]:
    """The `usage` object, with the sum that Nova sends."""
    counts = {key: getattr(usage, name) for key, name in _COUNTS.items()}
    return {**without_none(counts), **usage.extra}


def _decode_summed_usage(native: Json) -> Usage:
    """A whole answer tells the sum too. It is worth keeping only if it is not the sum."""
    usage, total = decode_usage(native), mapping_or_empty(native).get("totalTokens")
    if total in (None, usage.total_tokens):
        return usage
    return evolve(usage, extra={**usage.extra, "totalTokens": total})


def _encode_summed_usage(usage: Usage) -> dict[str, Json]:
    """The counts with `totalTokens`, which a whole answer has and a stream does not."""
    is_whole = usage.input_tokens is not None and usage.output_tokens is not None
    return {**({"totalTokens": usage.total_tokens} if is_whole else {}), **encode_usage(usage)}
