"""Reasoning: how much of it is asked for, and the reasoning of earlier turns.

Families ask for reasoning by an effort, by a budget of tokens, or by either. Where a model takes
one and the other was asked for, this table converts:

    effort    minimal  low    medium  high    xhigh   max
    tokens    1,024    1,024  8,192   24,576  24,576  24,576

A budget becomes the least effort whose tokens reach it. A budget that an effort became leaves at
least half of the answer's limit for the answer. Source: Google, "Gemini API: OpenAI compatibility"
(low, medium and high are 1K, 8K and 24K), 2025; 1,024 is the least that Anthropic takes
("Extended thinking", November 2026).

Reasoning of earlier turns is not what the assistant said, and only the vendor that signed it can
read its signature. So what the model cannot take of it is left out and reported.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec import Feature, ReasoningControls, blocks_of
from axonflow_core.frozen import evolve
from axonflow_core.messages import CompletionRequest, ContentBlock, Reasoning, ReasoningRequest

from .blocks import rewritten
from .model import Model

BUDGETS: Mapping[str, int] = {
    "minimal": 1_024,
    "low": 1_024,
    "medium": 8_192,
    "high": 24_576,
    "xhigh": 24_576,
    "max": 24_576,
}
"""Effort -> tokens, from the least effort to the most."""

LEAST_BUDGET = 1_024
_UNSTATED_LIMIT = 4_096
"""The limit of an answer that is reckoned with where neither caller nor operator states one."""
_OFF_MODE, _OFF_EFFORT = "disabled", "none"


def fit_reasoning(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Request reasoning by effort or by budget, as the model supports it."""
    asked, controls = request.reasoning, model.reasoning_controls
    if asked is None:
        return request
    if asked.mode == _OFF_MODE or asked.effort == _OFF_EFFORT:
        return _turned_off(request, asked, model)
    if controls is None or not model.takes(Feature.REASONING) or _fits(asked, controls):
        return request
    return evolve(request, reasoning=_converted(request, asked, controls, model))


def leave_room_for_answer(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Halve the room between reasoning and answer where the budget reaches the answer's limit,
    which counts both. A limit that leaves less than `LEAST_BUDGET` means no reasoning. Both are
    reported."""
    asked, controls = request.reasoning, model.reasoning_controls
    if asked is None or asked.budget_tokens is None or controls is None or not controls.has_budget:
        return request
    limit = request.inference.max_tokens or model.default_max_tokens
    if limit is None or asked.budget_tokens < limit:
        return request
    if limit // 2 < LEAST_BUDGET:
        model.drops(Feature.REASONING, "not asked for", f"{limit} tokens leave no room for it")
        return evolve(request, reasoning=None)
    what = f"a budget of {asked.budget_tokens} tokens sent as {limit // 2}"
    model.drops(Feature.REASONING, what, f"it must stay below the limit of {limit} tokens")
    return evolve(request, reasoning=evolve(asked, budget_tokens=limit // 2))


def _fits(asked: ReasoningRequest, controls: ReasoningControls) -> bool:
    """Whether the model takes the mode, budget and effort as they were asked for."""
    return (
        (asked.mode is None or asked.mode in controls.modes)
        and (asked.budget_tokens is None or controls.has_budget)
        and (asked.effort is None or asked.effort in controls.efforts)
    )


def _turned_off(
    request: CompletionRequest, asked: ReasoningRequest, model: Model
) -> CompletionRequest:
    """The request with reasoning turned off in the model's own way: the mode `disabled`, the effort
    `none`, or nothing for a model that does not reason. A model that cannot turn it off is
    reported."""
    controls = model.reasoning_controls
    if not model.takes(Feature.REASONING):
        return evolve(request, reasoning=None)  # it does not reason, as asked
    if controls is not None and _OFF_MODE in controls.modes:
        return evolve(request, reasoning=ReasoningRequest(_OFF_MODE, extra=asked.extra))
    if controls is not None and _OFF_EFFORT in controls.efforts:
        return evolve(request, reasoning=ReasoningRequest(effort=_OFF_EFFORT, extra=asked.extra))
    model.drops(Feature.REASONING, "not turned off", f"{model.name} decides itself")
    return evolve(request, reasoning=None)


def _converted(
    request: CompletionRequest, asked: ReasoningRequest, controls: ReasoningControls, model: Model
) -> ReasoningRequest | None:
    """The request for reasoning in the controls that the model has."""
    mode = asked.mode if asked.mode in controls.modes else None
    # Where the model has both controls, the one that was asked for is used.
    if controls.has_budget and (asked.budget_tokens is not None or not controls.efforts):
        return _by_budget(request, asked, mode, model)
    if not controls.efforts:
        model.drops(Feature.REASONING, "not sent", f"{model.name} decides itself")
        return None
    effort = _effort_of(asked, controls, model)
    _report(model, f"asked for as effort {effort}")
    return ReasoningRequest(mode, effort=effort, extra=asked.extra)


def _by_budget(
    request: CompletionRequest, asked: ReasoningRequest, mode: str | None, model: Model
) -> ReasoningRequest | None:
    """The request as a number of tokens: the one asked for, or that of the effort, at most half of
    the answer's limit. A limit that leaves less than `LEAST_BUDGET` means no reasoning, which is
    reported."""
    budget = asked.budget_tokens
    if budget is None:
        limit = request.inference.max_tokens or model.default_max_tokens or _UNSTATED_LIMIT
        budget = min(BUDGETS[_known_effort(asked.effort or "medium", model)], limit // 2)
        # The answer's limit counts its reasoning too: half of it is left for the answer.
        if budget < LEAST_BUDGET:
            model.drops(Feature.REASONING, "not asked for", f"{limit} tokens leave no room for it")
            return None
    _report(model, f"asked for as a budget of {budget} tokens")
    # A mode without a budget of its own, `adaptive`, takes none.
    return ReasoningRequest("enabled", budget, extra=asked.extra)


def _effort_of(asked: ReasoningRequest, controls: ReasoningControls, model: Model) -> str:
    """The effort that the model takes and that is nearest to what was asked; a budget is turned
    into an effort first."""
    wanted = asked.effort or effort_for(asked.budget_tokens)
    if wanted in controls.efforts:
        return wanted
    place = _ORDER.index(_known_effort(wanted, model))
    known = (effort for effort in controls.efforts if effort in BUDGETS)
    return min(known, key=lambda effort: abs(_ORDER.index(effort) - place))


def effort_for(budget_tokens: int | None) -> str:
    """The least effort, from `low` on, whose tokens reach the budget."""
    if budget_tokens is None:
        return "medium"
    reaching = (name for name in ("low", "medium") if BUDGETS[name] >= budget_tokens)
    return next(reaching, "high")


_ORDER = list(BUDGETS)


def _known_effort(effort: str, model: Model) -> str:
    """The effort, which must be one of `BUDGETS`: nothing else can be converted."""
    if effort not in BUDGETS:
        raise model.refuses(
            "a reasoning effort of that name", "no vendor documents it", f"use {', '.join(_ORDER)}"
        )
    return effort


def _report(model: Model, what: str) -> None:
    model.changes(Feature.REASONING, what, f"{model.name} takes it in that form")


# ── earlier turns ─────────────────────────────────────────────────────────────────────────────────


def fit_reasoning_of_history(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Leave out reasoning of earlier turns that the model cannot read, and report it."""
    thoughts = [block for block in blocks_of(request) if isinstance(block, Reasoning)]
    changed = [(old, _in_history(old, model)) for old in thoughts]
    changed = [(old, new) for old, new in changed if new is not old]
    if not changed:
        return request
    left_out = sum(new is None for _, new in changed)
    if left_out:
        what = f"{left_out} of {len(thoughts)} blocks of earlier turns not sent"
        model.changes(Feature.REASONING, what, f"{model.name} cannot read them")
    if left_out < len(changed):
        what = "the signatures of earlier turns not sent"
        model.changes(Feature.SIGNED_REASONING, what, f"{model.name} cannot read them")

    def fitted(block: ContentBlock) -> ContentBlock | None:
        return _in_history(block, model) if isinstance(block, Reasoning) else block

    kept = rewritten(request, fitted)
    # A message that was nothing but reasoning is empty now, and families refuse empty messages. One
    # that was empty before stays: the caller wrote it so.
    messages = zip(kept.messages, request.messages, strict=True)
    return evolve(
        kept,
        messages=tuple(message for message, old in messages if message.content or not old.content),
    )


def _in_history(block: Reasoning, model: Model) -> Reasoning | None:
    """A thought as the model takes it; None where it takes none of it."""
    if not model.takes(Feature.REASONING):
        return None
    is_signed = block.signature is not None or block.redacted is not None
    # A vendor verifies signatures, and refuses the whole request for one that is not its own.
    if is_signed and (not model.keeps_signatures or model.has_other_signer):
        block = evolve(block, signature=None, redacted=None)
        is_signed = False
        if not block.text:
            return None
    controls = model.reasoning_controls
    must_be_signed = controls is not None and controls.is_signed
    return None if must_be_signed and not is_signed else block
