"""A whole answer, and the counts that answers and streams share.

{"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-…",
 "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn", "stop_sequence": null,
 "usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 2,
           "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

from axonflow_core.codec import ModelFacts, NativeNames
from axonflow_core.codec.json_members import (
    UnexpectedKind,
    apart,
    array_in,
    kind_of,
    known_beside,
    mapping_or_empty,
    unknown_members,
    with_facts,
    without_none,
)
from axonflow_core.errors import RequestError
from axonflow_core.messages import EMPTY, Completion, Json, StopReason, Usage

from .blocks import decode_content, encode_content
from .errors import ERRORS

STOP_REASONS = NativeNames(
    {
        "end_turn": StopReason.END_TURN,
        "max_tokens": StopReason.MAX_TOKENS,
        "stop_sequence": StopReason.STOP_SEQUENCE,
        "tool_use": StopReason.TOOL_USE,
        "pause_turn": StopReason.PAUSE_TURN,
        "refusal": StopReason.REFUSAL,
        "model_context_window_exceeded": StopReason.CONTEXT_EXCEEDED,
    }
)
"""Anthropic's words (API reference, "Handling stop reasons", November 2026)."""


ANSWER_KEYS = frozenset(
    "id type role model content stop_reason stop_sequence stop_details usage".split()
)
"""The keys of a message that are decoded; others stand in `extra`."""


def decode_response(body: Mapping[str, Json], facts: ModelFacts) -> Completion:
    """A whole message as a `Completion`. `ProviderError` where it is an error."""
    if body.get("type") == "error":
        ERRORS.raise_reported(body)
    _expect(body, "type", "message")
    _expect(body, "role", "assistant")
    reason = body.get("stop_reason")
    usage, service_tier = decode_usage(mapping_or_empty(body.get("usage")))
    decoded: dict[str, Any] = {
        "content": decode_content(array_in(body, "content")),
        "stop_reason": STOP_REASONS.decode(reason) if isinstance(reason, str) else None,
        "usage": usage,
        "stop_details": body.get("stop_details"),
        "service_tier": service_tier,
    }
    extra = unknown_members(body, known_beside(body, ANSWER_KEYS, "usage"))
    return with_facts(Completion, body, _FACTS, extra, **decoded)


_FACTS = {
    "stop_sequence": "stop_sequence",
    "stop_reason": "native_stop_reason",
    "id": "id",
    "model": "model",
}
"""The members of a message that are facts of a `Completion`."""


def encode_response(completion: Completion, facts: ModelFacts) -> dict[str, Json]:
    """The message of a `Completion`: the inverse of `decode_response`."""
    reason = completion.stop_reason
    native = None if reason is None else STOP_REASONS.encode(reason, completion.native_stop_reason)
    return {
        **without_none({"id": completion.id}),
        "type": "message",
        "role": "assistant",
        **without_none({"model": completion.model}),
        "content": encode_content(completion.content),
        "stop_reason": native,
        "stop_sequence": completion.stop_sequence,
        **without_none({"stop_details": completion.stop_details}),
        "usage": encode_usage(completion.usage, completion.service_tier),
        **completion.extra,
    }


_USAGE_KEYS = frozenset(
    "input_tokens output_tokens cache_read_input_tokens cache_creation_input_tokens cache_creation "
    "output_tokens_details service_tier id thinking".split()
)
_NESTED_COUNTS = (
    ("cache_creation", "ephemeral_5m_input_tokens", "cache_write_5m_tokens"),
    ("cache_creation", "ephemeral_1h_input_tokens", "cache_write_1h_tokens"),
    ("output_tokens_details", "thinking_tokens", "reasoning_tokens"),
)
"""Group, key in it, attribute of `Usage`."""
_NESTED_KEYS = {
    group: frozenset(key for name, key, _ in _NESTED_COUNTS if name == group)
    for group, _, _ in _NESTED_COUNTS
}
"""Group -> its documented keys."""


def decode_usage(
    native: Mapping[str, Json], misfit: Mapping[str, Json] = EMPTY
) -> tuple[Usage, str | None]:
    """The counts, in tokens, and the service tier that Anthropic reports among them. `input_tokens`
    is without cached tokens, as in the neutral model; unknown counts are kept in `Usage.extra`.

    So is what is no count. `misfit` is that, once it was left out of `native`.
    """
    tier = native.get("service_tier")
    try:
        extra = {**unknown_members(native, _USAGE_KEYS), **misfit}
        nested = {}
        if not _NESTED_KEYS.keys().isdisjoint(native):
            nested = _counts_of_groups(native)
            for group, known in _NESTED_KEYS.items():
                if unknown := unknown_members(native.get(group) or {}, known):
                    extra[group] = {**extra.get(group, {}), **unknown}
        usage = Usage(
            input_tokens=native.get("input_tokens"),
            output_tokens=native.get("output_tokens"),
            cache_read_tokens=native.get("cache_read_input_tokens"),
            cache_write_tokens=native.get("cache_creation_input_tokens"),
            **nested,
            extra=extra,
        )
        if tier is None or isinstance(tier, str):
            return usage, tier
    except (AttributeError, TypeError, RequestError):
        if misfit or not _counts_apart(native)[1]:
            raise
    return decode_usage(*_counts_apart(native))


def _counts_of_groups(native: Mapping[str, Json]) -> dict[str, Json]:
    return {name: (native.get(group) or {}).get(key) for group, key, name in _NESTED_COUNTS}


_COUNTS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
}
"""Key, attribute of `Usage`."""


def _counts_apart(native: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """A `usage` object without the members that are no counts, and those, as they stood."""
    read, misfit = {**native}, dict[str, Json]()
    for key, name in _COUNTS.items():
        if apart(Usage, {name: read.get(key)})[1]:
            misfit[key] = read.pop(key)
    for group in _NESTED_KEYS:
        if not isinstance(read.get(group), dict | NoneType):
            misfit[group] = read.pop(group)
    for group, key, name in _NESTED_COUNTS:
        counts = mapping_or_empty(read.get(group))
        if apart(Usage, {name: counts.get(key)})[1]:
            read[group] = unknown_members(counts, frozenset({key}))
            misfit[group] = {**misfit.get(group, {}), key: counts[key]}
    if not isinstance(read.get("service_tier"), str | NoneType):
        misfit["service_tier"] = read.pop("service_tier")
    return read, misfit


def encode_usage(usage: Usage, service_tier: str | None) -> dict[str, Json]:
    """The `usage` object of an answer. As in the neutral model, cached tokens are not input
    tokens."""
    native = without_none(
        {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_input_tokens": usage.cache_read_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
            "service_tier": service_tier,
        }
    )
    native.update(usage.extra)
    for group, key, name in _NESTED_COUNTS:
        count = getattr(usage, name)
        if count is not None:
            native[group] = {**native.get(group, {}), key: count}
    return native


def _expect(body: Mapping[str, Json], key: str, expected: str) -> None:
    """`UnexpectedKind`, a `DecodeError` of the codec, where a body is another object than a
    message."""
    value = body.get(key)
    if value and value != expected:
        found = "another" if isinstance(value, str) else kind_of(value)
        raise UnexpectedKind(repr(expected), found, key)
