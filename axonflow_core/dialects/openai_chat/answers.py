"""A whole answer, and its counts.

    {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
     "choices": [{"index": 0, "finish_reason": "stop",
                  "message": {"role": "assistant", "content": "Hello"}}],
     "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11,
               "prompt_tokens_details": {"cached_tokens": 4},
               "completion_tokens_details": {"reasoning_tokens": 0}}}

Undocumented members are kept in `extra` under the name of their level: `choice.key`, `message.key`,
and in `Usage.extra` `prompt_tokens_details.key`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType

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
)
from axonflow_core.errors import RequestError
from axonflow_core.messages import (
    EMPTY,
    Completion,
    ContentBlock,
    Json,
    Message,
    Reasoning,
    Role,
    StopReason,
    Text,
    ToolUse,
    Usage,
    joined_text,
)

from .content import decode_message, encode_message, is_refusal
from .errors import ERRORS
from .form import ChatForm

ANSWER_KEYS = frozenset({"id", "object", "created", "model", "choices", "usage", "service_tier"})
"""The keys of an answer or chunk that are decoded; others stand in `extra`."""


def decode_response(form: ChatForm, body: Mapping[str, Json]) -> Completion:
    """A whole answer as a `Completion`. `ValueError`, which the codec reports as a `DecodeError`,
    where it has no choice; `ProviderError` where it reports one. A body that was forwarded may ask
    for several choices: the first is the answer, the others are in `extra` and reported."""
    if "error" in body:
        ERRORS.raise_reported(body)
    choice, others = first_in(body, "choices")
    stop, in_choice = read_stop(form, choice)
    native, usage = object_in(choice, "message"), body.get("usage")
    message = decode_message(form, native if "role" in native else {"role": "assistant", **native})
    is_refused = isinstance(native.get("refusal"), str)
    extra = {
        **unknown_members(body, known_beside(body, ANSWER_KEYS, "usage")),
        **prefixed("choice", in_choice),
        **prefixed("message", message.extra),
        **others,
    }
    return with_facts(
        Completion,
        body,
        _FACTS,
        extra,
        content=message.content,
        stop_reason=None if stop is None else stop_reason(form, stop, is_refused=is_refused),
        usage=decode_usage(usage),
        native_stop_reason=stop,
        adjustments=named_others(others),
    )


_FACTS = {name: name for name in ("id", "model", "created", "service_tier")}
"""The members of an answer that a `Completion` has under the same name."""


def encode_response(form: ChatForm, completion: Completion) -> Json:
    """A whole answer's body: the inverse of `decode_response`."""
    extra, in_choice, in_message, others = split_prefixed(
        completion.extra, "choice", "message", "choices"
    )
    (message,) = encode_message(
        form, Message(Role.ASSISTANT, _in_one_text(completion.content), extra=in_message)
    )
    named = {
        "id": completion.id,
        "object": "chat.completion" if form.has_object else None,
        "created": completion.created,
        "model": completion.model,
        "service_tier": completion.service_tier,
        "usage": encode_usage(completion.usage),
    }
    is_refused = any(map(is_refusal, completion.content))
    reason, native = completion.stop_reason, completion.native_stop_reason
    stop = native_stop(form, reason, native, is_refused=is_refused)
    choice = {"index": 0, "message": message, form.stop_key: stop, **in_choice}
    return {
        **{key: value for key, value in named.items() if value is not None},
        "choices": [choice, *others.values()],
        **extra,
    }


def _in_one_text(content: Sequence[ContentBlock]) -> tuple[ContentBlock, ...]:
    """An answer has one text, whatever blocks it was given in: clients read a string there."""
    texts = [block for block in content if isinstance(block, Text) and not is_refusal(block)]
    if len(texts) < 2 or not all(
        isinstance(block, Text | Reasoning | ToolUse) for block in content
    ):
        return tuple(content)
    return (
        *(block for block in content if not isinstance(block, Text) or is_refusal(block)),
        Text(joined_text(tuple(texts))),
    )


# ── why it stopped ────────────────────────────────────────────────────────────────────────────────


def read_stop(form: ChatForm, choice: Mapping[str, Json]) -> tuple[str | None, Mapping[str, Json]]:
    """The stop reason, under the form's key or the other one, and the members of the choice that
    are unknown.

    Some servers have both: `finish_reason`, and as `stop_reason` the token that ended the answer.
    """
    stop = choice.get(form.stop_key)
    extra = unknown_members(choice, form.choice_keys)
    if stop is not None and not isinstance(stop, str):
        return None, {**extra, form.stop_key: stop}
    if stop is None and extra:
        other = "stop_reason" if form.stop_key == "finish_reason" else "finish_reason"
        if isinstance(extra.get(other), str):
            return extra[other], unknown_members(extra, frozenset({other}))
    return stop, extra


def stop_reason(form: ChatForm, stop: str, *, is_refused: bool) -> StopReason:
    """The meaning of a stop reason. An answer with a refusal has the word of any other."""
    reason = form.stop_reasons.decode(stop)
    return StopReason.REFUSAL if is_refused and reason is StopReason.END_TURN else reason


def native_stop(
    form: ChatForm, reason: StopReason | None, native: str | None, *, is_refused: bool
) -> str | None:
    """The stop reason in the form's words, None for an answer without one."""
    if is_refused and reason is StopReason.REFUSAL:
        reason = StopReason.END_TURN
    return None if reason is None else form.stop_reasons.encode(reason, native)


# ── what it counts ────────────────────────────────────────────────────────────────────────────────

_COUNTS = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
_USAGE_KEYS = _COUNTS | {"prompt_tokens_details", "completion_tokens_details"}
_NO_USAGE = Usage()


def decode_usage(native: Json) -> Usage:
    """The counts, in tokens. The dialect counts what was read from a cache among the prompt's
    tokens; `Usage.input_tokens` is without it, as in the neutral model.

    `total_tokens` is derived and written again; a total that is not the sum is kept in `extra`. So
    is what is no count, or more cached tokens than the prompt has.
    """
    if not native or not isinstance(native, dict):
        return _NO_USAGE
    try:
        return _read_usage(native, {})
    except (AttributeError, TypeError, OverflowError, RequestError):
        return _read_usage(*_counts_apart(native))


def _read_usage(native: Mapping[str, Json], misfit: Mapping[str, Json]) -> Usage:
    """The counts of a `usage` object; `misfit` is what was left out of it."""
    prompt, answered = native.get("prompt_tokens"), native.get("completion_tokens")
    total = native.get("total_tokens")
    is_sum = total == (prompt or 0) + (answered or 0)
    if is_sum and not misfit and native.keys() <= _COUNTS:
        return Usage(prompt, answered)
    extra = {**unknown_members(native, _USAGE_KEYS), **({} if is_sum else {"total_tokens": total})}
    of_prompt = _details(native, "prompt_tokens_details", _OF_PROMPT, extra)
    of_answer = _details(native, "completion_tokens_details", _OF_ANSWER, extra)
    cached, written = of_prompt.get("cached_tokens"), of_prompt.get("cache_write_tokens")
    # OpenAI, "Prompt caching" (November 2026): both are part of `prompt_tokens`.
    in_cache = (cached or 0) + (written or 0)
    fresh = prompt - in_cache if in_cache and prompt is not None else prompt
    thought = of_answer.get("reasoning_tokens")
    return Usage(
        fresh, answered, cached, written, reasoning_tokens=thought, extra={**extra, **misfit}
    )


def _details(
    native: Mapping[str, Json], level: str, known: frozenset[str], extra: dict[str, Json]
) -> Mapping[str, Json]:
    """A group of counts. Those without a neutral name go to `extra`."""
    details: Mapping[str, Json] = native.get(level) or EMPTY
    if not details.keys() <= known:
        extra.update(prefixed(level, unknown_members(details, known)))
    return details


_DETAILS: Mapping[str, Mapping[str, str]] = {
    "prompt_tokens_details": {
        "cached_tokens": "cache_read_tokens",
        "cache_write_tokens": "cache_write_tokens",
    },
    "completion_tokens_details": {"reasoning_tokens": "reasoning_tokens"},
}
"""Group of counts -> those that have a neutral name, and that name."""
_OF_PROMPT, _OF_ANSWER = (frozenset(names) for names in _DETAILS.values())


def _counts_apart(native: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """A `usage` object without the members that are no counts, and those, as `extra` names them."""
    read = {**native}
    misfit: dict[str, Json] = {}
    for key, name in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")):
        misfit.update(_taken(read, key, name, key))
    for level, names in _DETAILS.items():
        if not isinstance(read.get(level), dict | NoneType):
            misfit[level] = read.pop(level)
            continue
        details = read[level] = {**mapping_or_empty(read.get(level))}
        for key, name in names.items():
            misfit.update(_taken(details, key, name, f"{level}.{key}"))
    of_prompt = read.get("prompt_tokens_details", {})
    left = read.get("prompt_tokens") or 0
    for key in _DETAILS["prompt_tokens_details"]:
        if (of_prompt.get(key) or 0) > left:
            misfit[f"prompt_tokens_details.{key}"] = of_prompt.pop(key)
        left -= of_prompt.get(key) or 0
    return read, misfit


def _taken(members: dict[str, Json], key: str, name: str, place: str) -> Mapping[str, Json]:
    """The member `key` under its name in `extra`, taken out of `members`, where it does not fit
    the field `name` of a `Usage`."""
    _, misfit = apart(Usage, {name: members.get(key)})
    return {place: members.pop(key)} if misfit else EMPTY


def encode_usage(usage: Usage) -> dict[str, Json] | None:
    """The `usage` object; None where nothing was counted. Tokens read from a cache and written to
    it are part of `prompt_tokens`, as OpenAI counts them."""
    if usage == _NO_USAGE:
        return None
    extra, of_prompt, of_answer = split_prefixed(
        usage.extra, "prompt_tokens_details", "completion_tokens_details"
    )
    in_cache = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    prompt = None if usage.input_tokens is None else usage.input_tokens + in_cache
    native: dict[str, Json] = {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output_tokens,
        "total_tokens": (prompt or 0) + (usage.output_tokens or 0),
    }
    if usage.cache_read_tokens is not None:
        of_prompt["cached_tokens"] = usage.cache_read_tokens
    if usage.cache_write_tokens is not None:
        of_prompt["cache_write_tokens"] = usage.cache_write_tokens
    if usage.reasoning_tokens is not None:
        of_answer["reasoning_tokens"] = usage.reasoning_tokens
    if of_prompt:
        native["prompt_tokens_details"] = of_prompt
    if of_answer:
        native["completion_tokens_details"] = of_answer
    return {**native, **extra}
