"""A whole answer, its counts and its times.

    {"model": "llama3.1:latest", "created_at": "2025-10-26T17:15:24.166576Z",
     "message": {"role": "assistant", "content": "Hello", "thinking": "…", "tool_calls": […]},
     "done": true, "done_reason": "stop",
     "total_duration": 4883583458, "load_duration": 1334875,
     "prompt_eval_count": 26, "prompt_eval_duration": 342546000,
     "eval_count": 282, "eval_duration": 4535599000}

* Ollama has no word for an answer that stops to call a tool: one that is complete and calls one
  does.
* `content` is `""` where there is no text. So an answer of an empty text and a call, which no model
  gives, leaves `content` out.
* `created_at` is finer than a second: `Completion.created` is the second, and the text stands in
  `extra` as `created_at.text` where it says more. Durations are in nanoseconds; `latency_ms` is the
  whole milliseconds of `total_duration`, and all of them stand in `extra` under their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from axonflow_core.codec import ModelFacts, NativeNames
from axonflow_core.codec.json_members import (
    object_in,
    prefixed,
    split_prefixed,
    string,
    unknown_members,
    with_facts,
    without_none,
)
from axonflow_core.messages import (
    EMPTY,
    Completion,
    ContentBlock,
    Json,
    Message,
    Role,
    StopReason,
    Text,
    ToolUse,
    Usage,
    joined_text,
)

from .errors import ERRORS
from .messages import ABSENT, Calls, decode_message, encode_message

STOP_REASONS = NativeNames({"stop": StopReason.END_TURN, "length": StopReason.MAX_TOKENS})
"""Those of an answer. "load" and "unload" are none: they answer a call without messages, which
loads a model, or drops it with `keep_alive: 0`; in Ollama's cloud also one whose only messages are
the system's (can1357/oh-my-pi issue 7465, 2026-08-03). Nothing was generated, so no turn ended."""
COUNTS: frozenset[str] = frozenset({"prompt_eval_count", "eval_count"})
ANSWER_KEYS = frozenset({"model", "created_at", "message", "done", "done_reason"})
KNOWN_KEYS = ANSWER_KEYS | COUNTS
_COUNTED = {"prompt_eval_count": "input_tokens", "eval_count": "output_tokens"}
TIME_TEXT = "created_at.text"
"""The key in `extra` of a time that says more than its second."""
TOTAL = "total_duration"
_NS_IN_MS = 1_000_000
_LAST_SECOND = 253402300799
"""The last second that four digits of a year can say."""


def decode_response(body: Mapping[str, Json], facts: ModelFacts) -> Completion:
    """A whole answer as a `Completion`. `ProviderError` where it reports an error; `ValueError`,
    which the codec reports as a `DecodeError`, where it is not done."""
    if "error" in body:
        ERRORS.raise_reported(body)
    if body.get("done") is not True:
        raise ValueError("a whole answer is done")
    message = _decode_answer(object_in(body, "message"))
    stop = body.get("done_reason")
    created, in_time = decode_time(body.get("created_at"))
    extra = {**rest_of(body), **prefixed("message", message.extra), **in_time}
    return with_facts(
        Completion,
        {"model": body.get("model"), "created": created, "latency_ms": latency_in(body)},
        {"model": "model", "created": "created", "latency_ms": "latency_ms"},
        extra,
        content=message.content,
        stop_reason=None if stop is None else decode_stop(stop, message.content),
        usage=decode_usage(body),
        native_stop_reason=stop,
    )


def _decode_answer(native: Mapping[str, Json]) -> Message:
    """The message of an answer: always the assistant's."""
    message = decode_message({**native, "role": "assistant"}, Calls())
    if message.spelling.get("content") != ABSENT or not message.content:
        return message
    made = tuple(block for block in message.content if isinstance(block, ToolUse))
    others = tuple(block for block in message.content if not isinstance(block, ToolUse))
    return Message(Role.ASSISTANT, (*others, Text(""), *made), extra=message.extra)


def encode_response(completion: Completion, facts: ModelFacts) -> Json:
    """A whole answer's body: the inverse of `decode_response`."""
    extra, in_message, in_time = split_prefixed(completion.extra, "message", "created_at")
    stop = encode_stop(completion.stop_reason, completion.native_stop_reason)
    return {
        **without_none({"model": completion.model}),
        **encode_time(completion.created, in_time.get("text")),
        "message": _encode_answer(completion.content, in_message),
        "done": True,
        **without_none({"done_reason": stop, TOTAL: duration_of(completion.latency_ms)}),
        **encode_usage(completion.usage),
        **extra,
    }


def _encode_answer(content: Sequence[ContentBlock], extra: Mapping[str, Json]) -> Json:
    """The message of an answer."""
    message = Message(Role.ASSISTANT, tuple(content), extra=extra)
    native = encode_message(message, Calls())[-1]
    is_empty = any(isinstance(block, Text) for block in content) and not joined_text(
        message.content
    )
    if is_empty and len(content) > 1:
        del native["content"]
    return native


def rest_of(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """The members of an answer or chunk that are its `extra`: `total_duration` too, unless
    `latency_ms` says it all."""
    rest = unknown_members(body, KNOWN_KEYS)
    if TOTAL in rest and duration_of(latency_in(body)) == rest[TOTAL]:
        return unknown_members(rest, frozenset({TOTAL}))
    return rest


# ── why it stopped ────────────────────────────────────────────────────────────────────────────────


def decode_stop(native: Json, content: Sequence[ContentBlock]) -> StopReason:
    """The stop reason of an answer of this content."""
    reason = STOP_REASONS.decode(string(native, "done_reason"))
    is_calling = any(isinstance(block, ToolUse) for block in content)
    return StopReason.TOOL_USE if is_calling and reason is StopReason.END_TURN else reason


def encode_stop(reason: StopReason | None, native: str | None) -> str | None:
    """`done_reason`: that of a complete answer where it calls a tool."""
    if reason is None:
        return None
    plain = StopReason.END_TURN if reason is StopReason.TOOL_USE else reason
    return STOP_REASONS.encode(plain, native)


# ── what it counts, and when ──────────────────────────────────────────────────────────────────────


def decode_usage(body: Mapping[str, Json]) -> Usage:
    """The counts, in tokens; a count that is none stands in its `extra`."""
    return with_facts(Usage, body, _COUNTED, EMPTY)


def encode_usage(usage: Usage) -> dict[str, Json]:
    """The counts. What was read from a cache or written to one is part of the prompt."""
    in_cache = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    prompt = None if usage.input_tokens is None else usage.input_tokens + in_cache
    counts = {"prompt_eval_count": prompt, "eval_count": usage.output_tokens}
    return {**without_none(counts), **usage.extra}


def latency_in(body: Mapping[str, Json]) -> int | None:
    """The whole milliseconds of `total_duration`; None where it is none."""
    total = body.get(TOTAL)
    return total // _NS_IN_MS if type(total) is int and total >= 0 else None


def duration_of(latency_ms: int | None) -> int | None:
    """Milliseconds in nanoseconds."""
    return None if latency_ms is None else latency_ms * _NS_IN_MS


def decode_time(native: Json) -> tuple[int | None, Mapping[str, Json]]:
    """The second of a time, and its text where that says more or is no time."""
    if native is None:
        return None, EMPTY
    second = _second_of(native)
    return second, EMPTY if time_of(second) == native else {TIME_TEXT: native}


def _second_of(native: Json) -> int | None:
    """The second, since 1970, that a text of RFC 3339 says."""
    try:
        moment = datetime.fromisoformat(native)
        second = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (TypeError, ValueError, OverflowError):
        return None
    return second if second >= 0 else None


def time_of(second: int | None) -> str | None:
    """A second as text: `2025-10-26T17:15:24Z`. None where there is none, or after the year
    9999."""
    if second is None or second > _LAST_SECOND:
        return None
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def encode_time(second: int | None, text: Json) -> Mapping[str, Json]:
    """`created_at`: the text that it came as, or the second."""
    written = time_of(second) if text is None else text
    return EMPTY if written is None else {"created_at": written}
