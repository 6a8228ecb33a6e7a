"""Cache points: how many, where, and for how long. They change no content, so what a model does not
take of them is left out and reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from axonflow_core.codec import Feature, blocks_of
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Reasoning,
    Tool,
    ToolResult,
)

from .blocks import rewritten
from .model import Model

_Item = TypeVar("_Item", bound=ContentBlock | Tool | BuiltinTool)


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


def leave_out_misplaced_cache_points(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Leave out cache points that follow nothing, another one, or what the model takes none after,
    and report it."""
    uncached = model.facts.uncached
    if not uncached:
        return request
    kinds = tuple(kind for kind, feature in _KINDS.items() if feature in uncached)
    of_tools = (Tool, BuiltinTool) if Feature.TOOLS in uncached else ()
    messages = tuple(
        evolve(message, content=_placed(message.content, kinds)) for message in request.messages
    )
    fitted = evolve(
        request,
        tools=_placed(request.tools, of_tools),
        system=_placed(request.system, kinds),
        messages=tuple(message for message in messages if message.content),
    )
    if fitted != request:
        model.drops(
            Feature.CACHE_POINTS, "misplaced ones not sent", f"{model.name} takes none there"
        )
    return fitted


_KINDS: Mapping[type[ContentBlock], Feature] = {
    ToolResult: Feature.MIXED_RESULTS,
    Reasoning: Feature.REASONING,
}
"""Block -> the feature that stands for it in `ModelFacts.uncached`."""


def _placed(items: tuple[_Item, ...], kinds: tuple[type, ...]) -> tuple[_Item, ...]:
    """The blocks or tools without cache points that follow one of these kinds, another point, or
    nothing."""
    kept: list[_Item] = []
    for item in items:
        is_misplaced = not kept or isinstance(kept[-1], (CachePoint, *kinds))
        if not (isinstance(item, CachePoint) and is_misplaced):
            kept.append(item)
    return items if len(kept) == len(items) else tuple(kept)


def fit_cache_ttls(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Name no time that the model does not take, and none that is longer than one before it, which
    every vendor refuses. The point stays, for the shortest time, and that is reported."""
    known = model.facts.cache_ttls
    if known is None:
        return request
    asked = _cache_points_of(request)
    fitted = _fitted_ttls(asked, known)
    if fitted == asked:
        return request
    pairs = zip(asked, fitted, strict=True)
    shorter = sum(old.ttl not in (new.ttl, _DEFAULT_TTL) for old, new in pairs)
    if shorter:
        most = " or ".join(known) or "none"
        why = f"{model.name} takes {most}, and none that is longer than one before it"
        model.drops(Feature.CACHE_POINTS, f"the times of {shorter} not sent", why)
    points = iter(fitted)
    return rewritten(
        request, lambda block: next(points) if isinstance(block, CachePoint) else block
    )


_DEFAULT_TTL = "5m"
"""The time of a point that names none (AWS user guide, Prompt caching, November 2026)."""


def _fitted_ttls(points: list[CachePoint], known: tuple[str, ...]) -> list[CachePoint]:
    """The points with the times that they may name, in their order."""
    fitted, most = [], len(known)
    for point in points:
        ttl = _DEFAULT_TTL if point.ttl is None else point.ttl
        place = known.index(ttl) if ttl in known else 0
        most, is_right = min(most, place), ttl in known and place <= most
        fitted.append(point if is_right or point.ttl is None else evolve(point, ttl=None))
    return fitted


def _cache_points_of(request: CompletionRequest) -> list[CachePoint]:
    """Every cache point, in the order in which `rewritten` meets them."""
    in_tools = [tool for tool in request.tools if isinstance(tool, CachePoint)]
    found: list[CachePoint] = []

    def note(block: ContentBlock) -> ContentBlock:
        if isinstance(block, CachePoint):
            found.append(block)
        return block

    rewritten(evolve(request, tools=()), note)
    return in_tools + found


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
