"""`additionalModelRequestFields`: what Converse has no word for, in each vendor's own.

    top_k       at a path that differs:   {"top_k": 5}, {"k": 5}, {"inferenceConfig": {"topK": 5}}
    reasoning   in a form that differs:   {"thinking": {…}}, {"reasoning_effort": "low"}, …
    betas       of Claude alone:          {"anthropic_beta": ["context-1m-2025-08-07"]}

The fields are free, and Bedrock hands them on unread. So what has not the documented form is not
taken: it stays. Which vendor's words they are follows from the base id. For an id that does not say
its model stands Claude more often than anything else, so it gets Claude's words about reasoning; a
vendor that documents none gets none. Source: AWS user guide, the parameter pages of each vendor,
and recorded traffic, November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import unknown_members, without_none
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import CompletionRequest, Json, ReasoningRequest

FIELDS = "additionalModelRequestFields"
T = TypeVar("T")
Fields: TypeAlias = dict[str, Json]


def of_vendor(table: Mapping[str, T], base_id: str) -> T:
    """The entry of the longest prefix that fits; every table has one for the empty prefix."""
    return table[max((prefix for prefix in table if base_id.startswith(prefix)), key=len)]


# ── top_k ─────────────────────────────────────────────────────────────────────────────────────────

_TOP_K: Mapping[str, tuple[str, ...]] = {
    "": ("top_k",),
    "amazon.nova": ("inferenceConfig", "topK"),
    "cohere.": ("k",),
}


def take_top_k(fields: Fields, base_id: str) -> int | None:
    """Takes `top_k` out of `fields`, if it is there."""
    *outer, key = of_vendor(_TOP_K, base_id)
    holder = fields.get(outer[0]) if outer else fields
    if not isinstance(holder, dict) or type(holder.get(key)) is not int:
        return None
    top_k: int = holder[key]
    if outer:
        _put(fields, outer[0], unknown_members(holder, frozenset({key})))
    else:
        del fields[key]
    return top_k


def put_top_k(fields: Fields, base_id: str, top_k: int) -> None:
    """Add `top_k` to the model's own fields, in place, under the vendor's key."""
    *outer, key = of_vendor(_TOP_K, base_id)
    if outer:
        fields[outer[0]] = {**(fields.get(outer[0]) or {}), key: top_k}
    else:
        fields[key] = top_k


def _put(fields: Fields, key: str, value: Mapping[str, Json]) -> None:
    """`value` under `key`, or nothing where nothing is left to say."""
    if value:
        fields[key] = value
    else:
        fields.pop(key, None)


# ── reasoning ─────────────────────────────────────────────────────────────────────────────────────


@frozen
class _Form:
    take: Callable[[Fields], ReasoningRequest | None]
    put: Callable[[Fields, ReasoningRequest, str | None], None]


_THINKING_KEYS = frozenset({"type", "budget_tokens"})


def _take_thinking(fields: Fields) -> ReasoningRequest | None:
    """Claude's form, `{"thinking": {"type": "enabled", "budget_tokens": 1024}, "output_config":
    {"effort": "low"}}`, removed from `fields`. Budget in tokens."""
    thinking, output = fields.get("thinking"), fields.get("output_config")
    effort = None
    if isinstance(output, dict) and isinstance(output.get("effort"), str):
        effort = output["effort"]
        _put(fields, "output_config", unknown_members(output, frozenset({"effort"})))
    if not (isinstance(thinking, dict) and isinstance(thinking.get("type"), str)):
        return None if effort is None else ReasoningRequest(effort=effort)
    del fields["thinking"]
    extra = unknown_members(thinking, _THINKING_KEYS)
    return ReasoningRequest(thinking["type"], thinking.get("budget_tokens"), effort, extra=extra)


def _put_thinking(fields: Fields, asked: ReasoningRequest, beta: str | None) -> None:
    """The inverse of `_take_thinking`; a budget without a mode means `enabled`. An effort brings
    the beta that it needs."""
    mode = asked.mode or ("enabled" if asked.budget_tokens is not None else None)
    if mode:
        fields["thinking"] = {
            "type": mode,
            **without_none({"budget_tokens": asked.budget_tokens}),
            **asked.extra,
        }
    if asked.effort is not None:
        fields["output_config"] = {**(fields.get("output_config") or {}), "effort": asked.effort}
        if beta is not None:
            fields[_BETAS] = list(dict.fromkeys((*(fields.get(_BETAS) or ()), beta)))


_NOVA_KEYS = frozenset({"type", "maxReasoningEffort"})


def _take_nova(fields: Fields) -> ReasoningRequest | None:
    """Nova 2's form, `{"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}`."""
    native = fields.get("reasoningConfig")
    if not (isinstance(native, dict) and isinstance(native.get("type"), str)):
        return None
    del fields["reasoningConfig"]
    extra = unknown_members(native, _NOVA_KEYS)
    return ReasoningRequest(native["type"], effort=native.get("maxReasoningEffort"), extra=extra)


def _put_nova(fields: Fields, asked: ReasoningRequest, beta: str | None) -> None:
    """The inverse of `_take_nova`. Nova has no budget of tokens."""
    _refuse_budget(asked)
    mode = asked.mode or "enabled"
    fields["reasoningConfig"] = {
        "type": mode,
        **without_none({"maxReasoningEffort": asked.effort}),
        **asked.extra,
    }


def _effort_under(*keys: str) -> _Form:
    """A vendor whose one word about reasoning is how hard to try, under a key or a path of two."""
    *outer, key = keys

    def take(fields: Fields) -> ReasoningRequest | None:
        holder = fields.get(outer[0]) if outer else fields
        if not isinstance(holder, dict) or not isinstance(holder.get(key), str):
            return None
        effort = holder[key]
        if outer:
            _put(fields, outer[0], unknown_members(holder, frozenset({key})))
        else:
            del fields[key]
        return ReasoningRequest(effort=effort)

    def put(fields: Fields, asked: ReasoningRequest, beta: str | None) -> None:
        _refuse_budget(asked)
        if asked.effort is None:
            raise EncodeError(
                "this model takes an effort for its reasoning and nothing else",
                feature="reasoning",
                hint="ask for an effort: low, medium or high",
            )
        if outer:
            fields[outer[0]] = {**(fields.get(outer[0]) or {}), key: asked.effort}
        else:
            fields[key] = asked.effort

    return _Form(take, put)


def _take_nothing(fields: Fields) -> None:
    return None


def _put_nothing(fields: Fields, asked: ReasoningRequest, beta: str | None) -> None:
    raise EncodeError(
        "this model takes no word about its reasoning on Converse",
        feature="reasoning",
        hint="leave it out: a model that reasons does so unasked",
    )


def _refuse_budget(asked: ReasoningRequest) -> None:
    """`EncodeError` for a budget, where a model knows efforts only."""
    if asked.budget_tokens is not None:
        raise EncodeError(
            "this model takes no budget of tokens for its reasoning",
            feature="reasoning budget",
            hint="ask for an effort instead: low, medium or high",
        )


_BETAS = "anthropic_beta"

_THINKING = _Form(_take_thinking, _put_thinking)
_REASONING: Mapping[str, _Form] = {
    "": _Form(_take_nothing, _put_nothing),
    "anthropic.": _THINKING,
    "amazon.nova": _Form(_take_nova, _put_nova),
    "openai.": _effort_under("reasoning_effort"),
    "openai.gpt-5": _effort_under("reasoning", "effort"),
    "openai.gpt-6": _effort_under("reasoning", "effort"),
    "qwen.": _effort_under("reasoning_config"),
}


def _form_of(base_id: str) -> _Form:
    return of_vendor(_REASONING, base_id) if base_id else _THINKING


def take_reasoning(fields: Fields, base_id: str) -> ReasoningRequest | None:
    """Takes what is asked of the model's reasoning out of `fields`, if anything is."""
    return _form_of(base_id).take(fields) if fields else None


def put_reasoning(fields: Fields, facts: ModelFacts, asked: ReasoningRequest) -> None:
    """Add the reasoning request to the model's own fields, in place, in the vendor's form."""
    beta = None if facts.reasoning is None else facts.reasoning.effort_beta
    _form_of(facts.base_id).put(fields, asked, beta)


# ── betas ─────────────────────────────────────────────────────────────────────────────────────────


def carry_betas(request: CompletionRequest, base_id: str) -> CompletionRequest:
    """`request` with Claude's betas where Converse has them; those of other models stay an option,
    which Converse does not have."""
    is_others = base_id and not base_id.startswith("anthropic.")
    if _BETAS not in request.options or is_others:
        return request
    options = dict(request.options)
    betas, fields = options.pop(_BETAS), options.get(FIELDS) or {}
    merged = list(dict.fromkeys((*(fields.get(_BETAS) or ()), *(betas or ()))))
    if merged:
        options[FIELDS] = {**fields, _BETAS: merged}
    return evolve(request, options=options)
