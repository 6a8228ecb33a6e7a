"""A whole answer, and what answers and chunks share: candidates, stop reasons, counts.

    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]},
                     "finishReason": "STOP", "index": 0}],
     "usageMetadata": {"promptTokenCount": 12, "cachedContentTokenCount": 4, "totalTokenCount": 21,
                       "thoughtsTokenCount": 7, "candidatesTokenCount": 2},
     "modelVersion": "gemini-…", "responseId": "…"}

    {"promptFeedback": {"blockReason": "SAFETY"}}     a prompt that was refused: no candidate

Counts. `promptTokenCount` includes what was read from a cache, and the neutral `input_tokens` do
not; `candidatesTokenCount` is without thoughts, and the neutral `output_tokens` include them. The
tokens of Google's own tools (`toolUsePromptTokenCount`) are input, and stay in `extra` too, so that
they can be written again.

Gemini has no word for an answer that stops for its calls: it says `STOP`.

Source: Gemini API reference, "GenerateContentResponse", "FinishReason", "UsageMetadata",
November 2026; google-genai 3.6.1, `types.FinishReason`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from axonflow_core.codec import ModelFacts, NativeNames
from axonflow_core.codec.json_members import (
    apart,
    first_in,
    known_beside,
    mapping_or_empty,
    named_others,
    object_in,
    prefixed,
    split_prefixed,
    unknown_members,
    with_facts,
    without_none,
)
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    EMPTY,
    Completion,
    ContentBlock,
    Json,
    StopReason,
    ToolUse,
    Usage,
)

from .errors import ERRORS
from .parts import Calls, decode_parts, encode_parts

_FILTERED = (
    "SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY "
    "IMAGE_PROHIBITED_CONTENT IMAGE_RECITATION ESCALATION PUP_LIMITED_DISABLED MODEL_ARMOR"
).split()
_MALFORMED = (
    "MALFORMED_FUNCTION_CALL MALFORMED_RESPONSE UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS "
    "MISSING_THOUGHT_SIGNATURE NO_IMAGE"
).split()
STOP_REASONS = NativeNames(
    {
        "STOP": StopReason.END_TURN,
        "MAX_TOKENS": StopReason.MAX_TOKENS,
        **dict.fromkeys(_FILTERED, StopReason.CONTENT_FILTERED),
        **dict.fromkeys(_MALFORMED, StopReason.MALFORMED),
        "CONTINUATION": StopReason.PAUSE_TURN,
    }
)
"""Google's words. `OTHER` and `IMAGE_OTHER` are other reasons to Google too."""
_NO_REASON = "FINISH_REASON_UNSPECIFIED"

ANSWER_KEYS = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId"})
_CANDIDATE_KEYS = frozenset({"content", "finishReason", "finishMessage"})
_CONTENT_KEYS = frozenset({"role", "parts"})
CANDIDATE, CONTENT = "candidate", "content"
"""Prefixes of members of a candidate and of its content in `Completion.extra`."""
FACTS = {"responseId": "id", "modelVersion": "model"}
"""The members of an answer that are facts of a `Completion`."""


def decode_response(body: Mapping[str, Json], facts: ModelFacts) -> Completion:
    """A whole answer as a `Completion`. `ProviderError` where it reports an error."""
    if body.get("error") is not None:
        ERRORS.raise_reported(body)
    refusal = refusal_in(body)
    candidate, others = (EMPTY, EMPTY) if refusal else first_in(body, "candidates")
    content = content_of(candidate)
    blocks = decode_parts(content.get("parts"), calls_of(body))
    reason, native, details = decode_stop(candidate, blocks)
    if refusal:
        reason, details = StopReason.CONTENT_FILTERED, refusal
    usage, tier = decode_usage(body)
    decoded: dict[str, Any] = {
        "content": blocks,
        "stop_reason": reason,
        "native_stop_reason": native,
        "stop_details": details,
        "usage": usage,
        "service_tier": tier,
        "adjustments": named_others(others),
    }
    extra = {**extra_of(body, candidate, content), **others}
    return with_facts(Completion, body, FACTS, extra, **decoded)


def encode_response(completion: Completion, facts: ModelFacts) -> dict[str, Json]:
    """The answer of a `Completion`: the inverse of `decode_response`."""
    extra, others = split_prefixed(completion.extra, "candidates")
    extra, in_candidate, in_content = split_prefixed(extra, CANDIDATE, CONTENT)
    usage = encode_usage(completion.usage, completion.service_tier)
    body: dict[str, Json] = {}
    stop = encode_stop(
        completion.stop_reason, completion.native_stop_reason, completion.stop_details
    )
    if refusal := refusal_of(completion.stop_details):
        body["promptFeedback"] = refusal
    if not refusal or completion.content:
        parts = encode_parts(completion.content, Calls())
        content = {"role": "model", "parts": parts, **in_content}
        candidate = {"content": content, **stop, **in_candidate}
        body["candidates"] = [candidate, *others.values()]
    return {
        **body,
        **({"usageMetadata": usage} if usage else {}),
        **without_none({"modelVersion": completion.model, "responseId": completion.id}),
        **extra,
    }


# ── the parts of an answer ────────────────────────────────────────────────────────────────────────


def calls_of(body: Mapping[str, Json]) -> Calls:
    """The calls of an answer. Those without an id get one after the answer's own."""
    id = body.get("responseId")
    return Calls(f"{id}_" if isinstance(id, str) else "")


def content_of(candidate: Mapping[str, Json]) -> Mapping[str, Json]:
    """The content of a candidate: EMPTY where the model wrote none."""
    content = EMPTY if candidate.get("content") is None else object_in(candidate, "content")
    if content.get("role") not in (None, "model"):
        raise ValueError("the content of an answer is the model's")
    return content


def extra_of(
    body: Mapping[str, Json],
    candidate: Mapping[str, Json],
    content: Mapping[str, Json],
) -> dict[str, Json]:
    """What nobody reads of an answer or chunk, members of inner objects with their prefixes."""
    known = known_beside(body, ANSWER_KEYS, "usageMetadata")
    if refusal_in(body):
        known = known | {"promptFeedback"}
    return {
        **unknown_members(body, known),
        **prefixed(CANDIDATE, unknown_members(candidate, _CANDIDATE_KEYS)),
        **prefixed(CONTENT, unknown_members(content, _CONTENT_KEYS)),
    }


def refusal_in(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """`promptFeedback` where it says that the prompt was refused; else EMPTY."""
    feedback = mapping_or_empty(body.get("promptFeedback"))
    return feedback if feedback.get("blockReason") is not None else EMPTY


def refusal_of(details: Json) -> Mapping[str, Json]:
    """The inverse: the feedback among the details of a stop."""
    is_feedback = isinstance(details, dict) and details.get("blockReason") is not None
    return details if is_feedback else EMPTY


def decode_stop(
    candidate: Mapping[str, Json], blocks: Iterable[ContentBlock]
) -> tuple[StopReason | None, str | None, Json]:
    """Why the model stopped, Google's word for it, and what Google says about it."""
    native, message = candidate.get("finishReason"), candidate.get("finishMessage")
    details = None if message is None else {"finishMessage": message}
    if native is None or native == _NO_REASON:
        return None, None, details
    reason = STOP_REASONS.decode(native)
    if reason is StopReason.END_TURN and any(isinstance(block, ToolUse) for block in blocks):
        reason = StopReason.TOOL_USE
    return reason, native, details


def encode_stop(reason: StopReason | None, native: str | None, details: Json) -> dict[str, Json]:
    """`finishReason` and `finishMessage`."""
    if reason is None or refusal_of(details):
        return _message_in(details)
    word = _WORDS_OF_OTHERS.get(reason) or STOP_REASONS.encode(reason, native)
    if reason is StopReason.OTHER and native and STOP_REASONS.decode(native) is reason:
        word = native
    return {"finishReason": word, **_message_in(details)}


_WORDS_OF_OTHERS = {
    StopReason.OTHER: "OTHER",
    StopReason.REFUSAL: "PROHIBITED_CONTENT",
    StopReason.GUARDRAIL: "SAFETY",
    StopReason.CONTEXT_EXCEEDED: "MAX_TOKENS",
}
"""Reasons that Google has no word of its own for, and the nearest one."""


def _message_in(details: Json) -> dict[str, Json]:
    """`finishMessage`, where the details are Google's."""
    return without_none({"finishMessage": mapping_or_empty(details).get("finishMessage")})


# ── counts ────────────────────────────────────────────────────────────────────────────────────────

_PROMPT, _CANDIDATES = "promptTokenCount", "candidatesTokenCount"
_CACHED, _THOUGHTS = "cachedContentTokenCount", "thoughtsTokenCount"
_TOOLS, _TOTAL, _TIER = "toolUsePromptTokenCount", "totalTokenCount", "serviceTier"
_COUNTS = (_PROMPT, _CANDIDATES, _CACHED, _THOUGHTS, _TOOLS)
_KNOWN = frozenset({_PROMPT, _CANDIDATES, _CACHED, _THOUGHTS, _TIER})


def decode_usage(body: Mapping[str, Json]) -> tuple[Usage, str | None]:
    """The counts of `usageMetadata`, and the tier that it names. What is no count stays in
    `Usage.extra`, and so does a sum that is not that of the counts."""
    native = mapping_or_empty(body.get("usageMetadata"))
    read = {key: native.get(key) for key in _COUNTS}
    odd = {key: value for key, value in read.items() if not _is_count(value)}
    if not isinstance(native.get(_TIER), str | None):
        odd[_TIER] = native[_TIER]
    prompt, output, cached, thoughts, in_tools = (
        None if key in odd else value for key, value in read.items()
    )
    usage = Usage(
        input_tokens=_sum(_less(prompt, cached), in_tools),
        output_tokens=_sum(output, thoughts),
        cache_read_tokens=cached,
        reasoning_tokens=thoughts,
        extra={**unknown_members(native, _KNOWN), **odd},
    )
    if usage.extra.get(_TOTAL) == usage.total_tokens:
        usage = evolve(usage, extra=unknown_members(usage.extra, frozenset({_TOTAL})))
    return usage, None if _TIER in odd else native.get(_TIER)


def _is_count(value: Json) -> bool:
    """Whether a value is a count, or unset."""
    return not apart(Usage, {"input_tokens": value})[1]


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None and other is None else int(one or 0) + int(other or 0)


def _less(one: int | None, other: int | None) -> int | None:
    return None if one is None else max(int(one) - int(other or 0), 0)


def encode_usage(usage: Usage, tier: str | None) -> dict[str, Json]:
    """`usageMetadata` with the sum that Gemini sends; empty where nothing was counted."""
    extra = usage.extra
    in_tools = extra.get(_TOOLS) if type(extra.get(_TOOLS)) is int else None
    in_cache = _sum(usage.cache_read_tokens, usage.cache_write_tokens)
    prompt = None
    if usage.input_tokens is not None:
        prompt = int(_less(usage.input_tokens, in_tools) or 0) + int(in_cache or 0)
    output, thoughts = usage.output_tokens, usage.reasoning_tokens
    native = without_none(
        {
            _PROMPT: prompt,
            _CACHED: usage.cache_read_tokens,
            # A call that has only thought so far has no count of candidates.
            _CANDIDATES: _less(output, thoughts) or (None if thoughts else output),
            _THOUGHTS: thoughts,
            _TIER: tier,
        }
    )
    has_sum = usage.input_tokens is not None or output is not None
    return {**native, **({_TOTAL: usage.total_tokens} if has_sum else {}), **extra}
