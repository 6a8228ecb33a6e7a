"""A whole answer of Command R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from axonflow_core.codec import ModelFacts, NativeNames
from axonflow_core.codec.json_members import (
    counted,
    known_beside,
    mapping_or_empty,
    prefixed,
    split_prefixed,
    string,
    unknown_members,
    with_facts,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    Completion,
    ContentBlock,
    Json,
    Reasoning,
    StopReason,
    Text,
    ToolUse,
    Usage,
)

from .requests import decode_call, encode_call

STOP_REASONS = NativeNames(
    {
        name: reason
        for word, reason in {
            "COMPLETE": StopReason.END_TURN,
            "MAX_TOKENS": StopReason.MAX_TOKENS,
            "STOP_SEQUENCE": StopReason.STOP_SEQUENCE,
            "ERROR_TOXIC": StopReason.CONTENT_FILTERED,
            "ERROR_LIMIT": StopReason.CONTEXT_EXCEEDED,
        }.items()
        for name in (word, word.lower())
    }
)
"""`ERROR` and `USER_CANCEL` are documented as well, and mean nothing that the neutral model has a
word for."""

_ECHO_KEYS = frozenset({"chat_history", "documents", "search_results", "prompt"})
_ANSWER_KEYS = _ECHO_KEYS | {
    "text",
    "tool_calls",
    "citations",
    "generation_id",
    "finish_reason",
    "meta",
}
_BILLED = {name: name for name in ("input_tokens", "output_tokens")}
_BILLED_KEYS = frozenset(_BILLED)
_META_KEYS = frozenset({"billed_units", "tokens"})


def decode_response(body: Mapping[str, Json], facts: ModelFacts) -> Completion:
    """A whole answer as a `Completion`."""
    called = tuple(
        decode_call(native, place) for place, native in enumerate(body.get("tool_calls") or ())
    )
    spoken = (
        (Text(string(body["text"]), tuple(body.get("citations") or ())),)
        if body.get("text") is not None or not called
        else ()
    )
    stop, meta = body.get("finish_reason"), mapping_or_empty(body.get("meta"))
    beyond = unknown_members(meta, known_beside(meta, _META_KEYS, *_META_KEYS))
    extra = unknown_members(body, known_beside(body, _ANSWER_KEYS, "meta"))
    return with_facts(
        Completion,
        body,
        _FACTS,
        {**extra, **prefixed("meta", beyond)} if beyond else extra,
        content=(*spoken, *called),
        stop_reason=None if stop is None else stop_reason_of(stop, has_calls=bool(called)),
        native_stop_reason=stop,
        usage=_decode_usage(meta),
        request_echo={key: body[key] for key in _ECHO_KEYS if body.get(key) is not None} or None,
    )


_FACTS = {"generation_id": "id"}


def encode_response(completion: Completion, facts: ModelFacts) -> Json:
    """The answer of a `Completion`."""
    extra, in_meta = split_prefixed(completion.extra, "meta")
    meta = {**_encode_usage(completion.usage), **in_meta}
    optional = {
        "generation_id": completion.id,
        **_encode_content(completion.content),
        "finish_reason": encode_stop(completion.stop_reason, completion.native_stop_reason),
        "meta": meta or None,
    }
    return {**without_none(optional), **(completion.request_echo or {}), **extra}


def _encode_content(content: Sequence[ContentBlock]) -> dict[str, Json]:
    if any(isinstance(block, Reasoning) for block in content):
        raise EncodeError("an answer of Command R has no place for reasoning", feature="reasoning")
    texts = [block for block in content if isinstance(block, Text)]
    called = [encode_call(block) for block in content if isinstance(block, ToolUse)]
    citations = [citation for text in texts for citation in text.citations]
    return {
        "text": "".join(text.text for text in texts) if texts or not called else None,
        "citations": citations or None,
        "tool_calls": called or None,
    }


def stop_reason_of(native: str, *, has_calls: bool) -> StopReason:
    """The neutral stop reason. Command R ends a turn with tool calls as it ends any other."""
    reason = STOP_REASONS.decode(native)
    return StopReason.TOOL_USE if has_calls and reason is StopReason.END_TURN else reason


def encode_stop(reason: StopReason | None, native: str | None) -> str | None:
    """The native stop reason; a tool call ends the turn as complete."""
    if reason is None:
        return None
    return STOP_REASONS.encode(
        StopReason.END_TURN if reason is StopReason.TOOL_USE else reason, native
    )


def _decode_usage(meta: Mapping[str, Json]) -> Usage:
    """`{"billed_units": {"input_tokens", "output_tokens"}, "tokens": {…}}`. The billed units are
    the counts; `tokens` is kept in `extra` under its prefix."""
    usage = counted(meta.get("billed_units"), _BILLED, _BILLED_KEYS)
    tokens = mapping_or_empty(meta.get("tokens"))
    return evolve(usage, extra={**usage.extra, **prefixed("tokens", tokens)}) if tokens else usage


def _encode_usage(usage: Usage) -> dict[str, Json]:
    beyond, tokens = split_prefixed(usage.extra, "tokens")
    billed = {
        **without_none({"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}),
        **beyond,
    }
    return without_none({"billed_units": billed or None, "tokens": tokens or None})
