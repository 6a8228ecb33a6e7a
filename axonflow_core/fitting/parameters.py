"""Sampling parameters and cache points: what may be dropped, for it changes no content."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from axonflow_core.codec import Feature, ModelFacts, blocks_of
from axonflow_core.frozen import evolve
from axonflow_core.messages import CachePoint, CompletionRequest

from .blocks import rewritten
from .model import Model

SAMPLING = (
    *(Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K),
    *(Feature.SEED, Feature.PRESENCE_PENALTY, Feature.FREQUENCY_PENALTY),
)
"""What may be dropped. The value of each is the attribute of `Inference`."""


def drop_refused_sampling(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Leave out the sampling parameters that the model refuses."""
    refused = [name for name in _asked(request, SAMPLING) if not model.takes(name)]
    for name in refused:
        model.drops(name, "not sent", f"{model.name} does not take it")
    return _without(request, refused)


def choose_one_of_each_group(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Keep the first parameter of each group of which the model accepts one only."""
    for group in model.facts.one_of:
        asked = _asked(request, group)
        for name in asked[1:]:
            model.drops(name, "not sent", f"{model.name} takes it or {asked[0]}, not both")
        request = _without(request, asked[1:])
    return request


def move_into_range(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Move sampling parameters that lie beyond the model's range to its bound, and report it."""
    moved: dict[str, Any] = {}
    for known in {known.name: known for known in model.facts.ranges}.values():
        value = getattr(request.inference, known.name)
        if value is None or (nearest := known.nearest(value)) == value:
            continue
        moved[known.name] = nearest
        why = f"{model.name} takes {known.least} to {known.most}"
        model.drops(known.name, f"{value} sent as {nearest}", why)
    return evolve(request, inference=evolve(request.inference, **moved)) if moved else request


def is_beyond_limit(request: CompletionRequest, facts: ModelFacts) -> bool:
    """Whether the request allows more output tokens than the model writes."""
    asked, most = request.inference.max_tokens, facts.max_output_tokens
    return asked is not None and most is not None and asked > most


def keep_limit_within_models(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Lower a limit of output tokens that is beyond the model's, and report it. For what a client
    sent: it chose the limit of another model. A program hears its model's limit from the
    service."""
    asked, most = request.inference.max_tokens, model.facts.max_output_tokens
    why = f"{model.name} writes {most} tokens at most"
    model.drops("max_tokens", f"{asked} sent as {most}", why)
    return evolve(request, inference=evolve(request.inference, max_tokens=most))


def _asked(request: CompletionRequest, names: Iterable[Feature]) -> list[Feature]:
    return [name for name in names if getattr(request.inference, name) is not None]


def _without(request: CompletionRequest, names: list[Feature]) -> CompletionRequest:
    if not names:
        return request
    nothing: dict[str, Any] = dict.fromkeys(map(str, names))
    return evolve(request, inference=evolve(request.inference, **nothing))


def keep_cache_points_within_limit(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Leave out the least valuable cache points beyond the model's limit."""
    limit = model.facts.max_cache_points if model.takes(Feature.CACHE_POINTS) else 0
    worth = _cache_points_by_worth(request)
    if limit is None or len(worth) <= limit:
        return request
    why = f"{model.name} takes {limit or 'none'}"
    model.drops(Feature.CACHE_POINTS, f"{len(worth) - limit} of {len(worth)} not sent", why)
    is_kept = (number in worth[:limit] for number in range(len(worth)))
    kept = rewritten(
        request, lambda block: block if not isinstance(block, CachePoint) or next(is_kept) else None
    )
    return evolve(kept, messages=tuple(message for message in kept.messages if message.content))


def _cache_points_by_worth(request: CompletionRequest) -> list[int]:
    """Their numbers, in the order of the request (tools, system, messages), the one to keep longest
    first.

    The last one after the tools and the last one after the system text serve every conversation;
    then the newest, for the next turn finds it.
    """
    tools = sum(isinstance(tool, CachePoint) for tool in request.tools)
    system = tools + _count_cache_points(evolve(request, messages=()))
    every = list(range(system + _count_cache_points(evolve(request, system=()))))
    best = [*every[:tools][-1:], *every[tools:system][-1:]]
    return best + [number for number in reversed(every) if number not in best]


def _count_cache_points(request: CompletionRequest) -> int:
    return sum(isinstance(block, CachePoint) for block in blocks_of(request))
