"""What a model takes, but not next to reasoning.

Sampling parameters and limits are left out and reported, or moved into a narrower range. A choice
that forces a tool and a begun answer mean something, so they are refused by name.
"""

from __future__ import annotations

from typing import Any

from axonflow_core.codec import Feature
from axonflow_core.codec.facts import BesideReasoning, NumberRange
from axonflow_core.frozen import evolve
from axonflow_core.messages import CompletionRequest, Inference, Role

from .model import Model

_LIMIT = "max_tokens"


def keep_what_stands_beside_reasoning(
    request: CompletionRequest, model: Model
) -> CompletionRequest:
    """The request without the parameters that the model refuses while it reasons. `EncodeError`
    for what is no parameter."""
    controls = model.reasoning_controls
    beside = None if controls is None else controls.besides(request.reasoning)
    if beside is None:
        return request
    for what, why, hint in excluded_by(beside, request):
        raise model.refuses(f"{what} next to reasoning", why, hint)
    changed = _changed_parameters(request.inference, beside)
    for name, value in changed.items():
        asked = getattr(request.inference, name)
        what = "not sent" if value is None else f"{asked} sent as {value}"
        model.drops(name, what, f"{model.name} does not take it as asked next to reasoning")
    return evolve(request, inference=evolve(request.inference, **changed)) if changed else request


def excluded_by(beside: BesideReasoning, request: CompletionRequest) -> list[tuple[str, str, str]]:
    """What of the request is no parameter and may not stand next to reasoning: what it is, why, and
    how to mend it."""
    found = []
    choice, known = request.tool_choice, beside.tool_choices
    if choice is not None and known is not None and choice.mode not in known:
        why = f"while it reasons it knows {', '.join(sorted(known))}"
        hint = "choose otherwise, or ask for no reasoning in this turn"
        found.append((f"tool choice `{choice.mode}`", why, hint))
    is_begun = bool(request.messages) and request.messages[-1].role is Role.ASSISTANT
    if is_begun and Feature.PREFILL in beside.without:
        hint = "end with the user's message, or ask for no reasoning in this turn"
        found.append((f"an {Feature.PREFILL}", "an answer begins with the reasoning", hint))
    return found


def _changed_parameters(inference: Inference, beside: BesideReasoning) -> dict[str, Any]:
    """Parameter -> the value that is sent in its place; None: it is left out."""
    changed: dict[str, Any] = {}
    for name in (Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K):
        if name in beside.without and getattr(inference, name) is not None:
            changed[str(name)] = None
    for known in beside.ranges:
        value = getattr(inference, known.name)
        if value is not None and known.nearest(value) != value:
            changed[known.name] = _within(known, value)
    if not beside.has_limit and inference.max_tokens is not None:
        changed[_LIMIT] = None
    return changed


def _within(known: NumberRange, value: float) -> float | None:
    """The nearest number that is taken; None where there is one alone, which is the default."""
    return None if known.least == known.most else known.nearest(value)
