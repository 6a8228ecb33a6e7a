"""Reasoning: how much of it is asked for.

Families ask for reasoning by an effort, by a budget of tokens, or by either. Where a model takes
one and the other was asked for, this table converts:

    effort    minimal  low    medium  high    xhigh   max
    tokens    1,024    1,024  8,192   24,576  24,576  24,576

A budget becomes the least effort whose tokens reach it. A budget that an effort became leaves at
least half of the answer's limit for the answer. A model that has neither, and is turned on and off,
is turned on. Source: Google, "Gemini API: OpenAI compatibility" (low, medium and high are 1K, 8K
and 24K), 2025; 1,024 is the least that Anthropic takes ("Extended thinking", November 2026).
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec import Feature, ReasoningControls
from axonflow_core.codec.facts import OFF_EFFORT, OFF_MODE
from axonflow_core.frozen import evolve
from axonflow_core.messages import CompletionRequest, ReasoningRequest, Tool

from .exclusions import excluded_by
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
"""The limit of an answer that is reckoned with where neither caller nor operator states one. The
same is what is left for the answer where such a call asks for a greater budget."""
_ENABLED, _ADAPTIVE = "enabled", "adaptive"
_LEFT_TO_MODEL = (None, _ADAPTIVE)
"""Of a dialect whose efforts are about all tokens of an answer: no mode, and the one in which the
model decides."""
_BETAS, _INTERLEAVED = "anthropic_beta", "interleaved-thinking-"
"""The option, and how the beta begins with which a budget may exceed the limit of one answer."""


def fit_reasoning(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Request reasoning by effort or by budget, as the model supports it."""
    asked, controls = request.reasoning, model.reasoning_controls
    if asked is None:
        return request
    if asked.mode == OFF_MODE or asked.effort == OFF_EFFORT:
        return evolve(request, reasoning=_turned_off(asked, model))
    if controls is None or not model.takes(Feature.REASONING):
        return _unasked(request, asked, model)
    if not _fits(asked, controls):
        asked = _converted(request, asked, controls, model)
    return evolve(request, reasoning=_turned_on(request, asked, controls, model))


def _unasked(
    request: CompletionRequest, asked: ReasoningRequest, model: Model
) -> CompletionRequest:
    """The request without what leaves it to the model whether it reasons, as Claude Code says with
    every call; a client that insists on reasoning is refused by name."""
    theirs = None if model.client is None else model.client.reasoning
    is_left = theirs is not None and not theirs.is_mode_optional and asked.mode in _LEFT_TO_MODEL
    if not is_left:
        return request
    model.drops(Feature.REASONING, "not asked for", f"{model.name} does not reason")
    return evolve(request, reasoning=None)


def settle_effort_with_tools(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Name the effort that the model takes next to tools, or none, and report it: tools carry
    meaning, and an effort is about how well."""
    asked, controls = request.reasoning, model.reasoning_controls
    taken = None if controls is None else controls.efforts_with_tools
    is_offering = any(isinstance(tool, Tool) for tool in request.tools)
    effort = None if asked is None else asked.effort
    if taken is None or not is_offering or effort in (taken or (None,)):
        return request
    _take_back(model)
    if not taken:
        model.drops(Feature.REASONING, f"effort {effort} not sent", f"{model.name} {_BESIDE_TOOLS}")
        return evolve(request, reasoning=None)
    what = f"effort {taken[0]} sent" if effort is None else f"effort {effort} sent as {taken[0]}"
    report = model.changes if effort is None else model.drops
    report(Feature.REASONING, what, f"{model.name} {_BESIDE_TOOLS}")
    return evolve(request, reasoning=ReasoningRequest(effort=taken[0]))


_BESIDE_TOOLS = "takes no other next to tools"


def leave_room_for_answer(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Keep the budget below the answer's limit, which counts both. Where the caller stated no limit
    it becomes greater, and else the budget less: half of the limit. A limit that leaves less than
    `LEAST_BUDGET` means no reasoning. All of it is reported."""
    asked, controls = request.reasoning, model.reasoning_controls
    if asked is None or asked.budget_tokens is None or controls is None or not controls.has_budget:
        return request
    limit = request.inference.max_tokens or model.facts.default_max_tokens
    if limit is None:
        return _with_greater_limit(request, asked.budget_tokens, model)
    if asked.budget_tokens < limit or _is_interleaved(request):
        return request
    return _with_lesser_budget(request, asked, limit, model)


def _with_greater_limit(request: CompletionRequest, budget: int, model: Model) -> CompletionRequest:
    """The request with a limit above the budget, where the one that applies unasked is not."""
    if budget < (model.default_max_tokens or _UNSTATED_LIMIT):
        return request
    limit = budget + _UNSTATED_LIMIT
    most = model.facts.max_output_tokens
    limit = limit if most is None else min(limit, most)
    why = f"the limit counts the budget of {budget} tokens too"
    model.changes("max_tokens", f"{limit} sent", why)
    return leave_room_for_answer(
        evolve(request, inference=evolve(request.inference, max_tokens=limit)), model
    )


def _with_lesser_budget(
    request: CompletionRequest, asked: ReasoningRequest, limit: int, model: Model
) -> CompletionRequest:
    if limit // 2 < LEAST_BUDGET:
        _report_no_room(limit, model)
        return evolve(request, reasoning=None)
    what = f"a budget of {asked.budget_tokens} tokens sent as {limit // 2}"
    model.drops(Feature.REASONING, what, f"it must stay below the limit of {limit} tokens")
    return evolve(request, reasoning=evolve(asked, budget_tokens=limit // 2))


def _is_interleaved(request: CompletionRequest) -> bool:
    """Whether a beta of the request lets the budget be of all answers between calls of tools."""
    holders = (request.options, *request.options.values())
    betas = (holder.get(_BETAS) for holder in holders if isinstance(holder, Mapping))
    return any(str(beta).startswith(_INTERLEAVED) for group in betas for beta in group or ())


def _fits(asked: ReasoningRequest, controls: ReasoningControls) -> bool:
    """Whether the model takes the mode, budget and effort as they were asked for."""
    budget = asked.budget_tokens
    if budget is None:
        takes_budget = asked.mode != _ENABLED or not controls.has_budget
    else:
        is_enough = budget >= controls.least_budget
        takes_budget = controls.has_budget and is_enough and asked.mode in (None, _ENABLED)
    return (
        takes_budget
        and (asked.mode is None or asked.mode in controls.modes)
        and (asked.effort is None or asked.effort in controls.efforts)
    )


def _turned_off(asked: ReasoningRequest, model: Model) -> ReasoningRequest | None:
    """Reasoning turned off in the model's own way: the mode `disabled`, the effort `none`, or
    nothing for a model that does not reason unasked. One that cannot turn it off is reported."""
    controls = model.reasoning_controls
    if not model.takes(Feature.REASONING):
        return None  # it does not reason, as asked
    if controls is not None and OFF_MODE in controls.modes:
        return ReasoningRequest(
            OFF_MODE, effort=_effort_when_off(asked, controls, model), extra=asked.extra
        )
    if controls is not None and OFF_EFFORT in controls.efforts:
        return ReasoningRequest(effort=OFF_EFFORT, extra=asked.extra)
    if controls is not None and controls.is_off_unasked:
        effort = _effort_when_off(asked, controls, model)
        return None if effort is None else ReasoningRequest(effort=effort)
    model.drops(Feature.REASONING, "not turned off", f"{model.name} decides itself")
    return None


def _turned_on(
    request: CompletionRequest,
    asked: ReasoningRequest | None,
    controls: ReasoningControls,
    model: Model,
) -> ReasoningRequest | None:
    """An effort with the mode that makes it one of reasoning, where the model does not reason
    unasked and nothing in the request excludes it. A client of the model's own dialect knows what
    an effort alone is, so it has what it asked for."""
    is_own = model.client is not None and not model.is_crossing
    can_be = _ADAPTIVE in controls.modes and controls.is_off_unasked
    if asked is None or is_own or not can_be or controls.is_on(asked) or asked.effort is None:
        return asked
    adaptive = evolve(asked, mode=_ADAPTIVE)
    beside = controls.besides(adaptive)
    if beside is not None and excluded_by(beside, request):
        return asked
    _report(model, f"asked for as {_ADAPTIVE}, with effort {asked.effort}")
    return adaptive


def _effort_when_off(
    asked: ReasoningRequest, controls: ReasoningControls, model: Model
) -> str | None:
    """The effort next to reasoning that is turned off, where it is about more than that."""
    if asked.effort in (None, OFF_EFFORT) or controls.is_mode_optional or not controls.efforts:
        return None
    efforts = controls.efforts if controls.efforts_when_off is None else controls.efforts_when_off
    effort = _effort_of(asked, efforts, model)
    if effort != asked.effort:
        _report(model, f"asked for as effort {effort}")
    return effort


def _converted(
    request: CompletionRequest, asked: ReasoningRequest, controls: ReasoningControls, model: Model
) -> ReasoningRequest | None:
    """The request for reasoning in the controls that the model has."""
    is_by_effort = controls.efforts and (
        (asked.budget_tokens is None and asked.mode != _ENABLED)
        or not controls.has_budget
        or asked.mode == _ADAPTIVE in controls.modes
    )
    if is_by_effort:
        effort = _effort_of(asked, controls.efforts, model)
        _report(model, f"asked for as effort {effort}")
        return ReasoningRequest(_mode_of(asked, controls), effort=effort, extra=asked.extra)
    if controls.has_budget:
        return _by_budget(request, asked, controls, model)
    if _ENABLED in controls.modes:
        _report(model, f"asked for as {_ENABLED}")
        return ReasoningRequest(_ENABLED, extra=asked.extra)
    raise model.refuses(
        Feature.REASONING,
        "it takes no word about how much it reasons",
        "leave it out, and the model decides itself",
    )


def _mode_of(asked: ReasoningRequest, controls: ReasoningControls) -> str | None:
    """The mode to name next to an effort: the one asked for, `adaptive` for a budget or another
    mode."""
    if asked.mode in controls.modes:
        return asked.mode
    has_word = asked.mode is not None or asked.budget_tokens is not None
    return _ADAPTIVE if has_word and _ADAPTIVE in controls.modes else None


def _by_budget(
    request: CompletionRequest, asked: ReasoningRequest, controls: ReasoningControls, model: Model
) -> ReasoningRequest | None:
    """The request as a number of tokens: the one asked for, or that of the effort, at most half of
    the answer's limit. A limit that leaves less than `LEAST_BUDGET` means no reasoning, which is
    reported. An effort that the model takes stays beside it."""
    budget = asked.budget_tokens
    if budget is None:
        limit = request.inference.max_tokens or model.default_max_tokens or _UNSTATED_LIMIT
        budget = min(BUDGETS[_known_effort(asked.effort or "medium", model)], limit // 2)
        # The answer's limit counts its reasoning too: half of it is left for the answer.
        if budget < LEAST_BUDGET:
            _report_no_room(limit, model)
            return None
    budget = max(budget, controls.least_budget)
    effort = asked.effort if asked.effort in controls.efforts else None
    _report(model, f"asked for as a budget of {budget} tokens")
    return ReasoningRequest(_ENABLED, budget, effort, extra=asked.extra)


def _effort_of(asked: ReasoningRequest, efforts: tuple[str, ...], model: Model) -> str:
    """The effort of `efforts` that is nearest to what was asked; a budget is turned into an effort
    first."""
    wanted = asked.effort or effort_for(asked.budget_tokens)
    if wanted in efforts:
        return wanted
    place = _ORDER.index(_known_effort(wanted, model))
    known = (effort for effort in efforts if effort in BUDGETS)
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


def _report_no_room(limit: int, model: Model) -> None:
    report_none(f"{limit} tokens leave no room for it", model)


def report_none(why: str, model: Model) -> None:
    """Report that no reasoning is asked for, in whatever form."""
    _take_back(model)
    model.drops(Feature.REASONING, "not asked for", why)


def _report(model: Model, what: str) -> None:
    _take_back(model)
    model.changes(Feature.REASONING, what, _IN_THAT_FORM.format(model.name))


def _take_back(model: Model) -> None:
    """Take back the report of a form that is not sent after all."""
    why = _IN_THAT_FORM.format(model.name)
    model.adjustments[:] = [each for each in model.adjustments if each.why != why]


_IN_THAT_FORM = "{} takes it in that form"
