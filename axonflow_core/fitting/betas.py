"""Anthropic's betas, and what each of them opens.

A beta is a word with a date. Anthropic's own API takes it in the header `anthropic-beta`, a cloud
in the body, and a cloud refuses the whole call for a beta that it does not have, as it does for a
parameter whose beta was not named. So both go or both stay: of a request in another form than the
model's, the betas that the model's service does not take are left out, and with them the parameters
that they alone would open. None of these changes what is asked; all of it is reported.

Sources: Anthropic's API reference, "Beta headers", and its pages of tool search, tool use examples,
context editing, compaction, fast mode and prompt caching; AWS user guide, "Tool use" and "Fallback
credit for refused requests"; anthropics/claude-code#49370 and #82549 ("invalid beta flag", "Extra
inputs are not permitted"), November 2026.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from functools import lru_cache

from axonflow_core.codec import Codec, ModelFacts
from axonflow_core.codec.json_members import unknown_members
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    Adjustment,
    BuiltinTool,
    CachePoint,
    CompletionRequest,
    ContentBlock,
    Json,
    Tool,
)

from .blocks import rewritten
from .model import Model, Unsupported

BETAS = "anthropic_beta"

_ON_CLOUDS: Mapping[str, tuple[str, ...]] = {
    "advanced-tool-use-2025-11-20": ("tool-search-tool-2025-10-19", "tool-examples-2025-10-29"),
}
"""A beta of Anthropic's own API -> the names that clouds have for it."""

_OF_REQUEST: Mapping[str, tuple[str, ...]] = {
    "context_management": ("context-management-", "compact-"),
    "fallback_credit_token": ("fallback-credit-",),
    "fallbacks": ("server-side-fallback-",),
    "speed": ("fast-mode-",),
}
_OF_TOOLS: Mapping[str, tuple[str, ...]] = {
    "defer_loading": ("tool-search-tool-",),
    "eager_input_streaming": ("fine-grained-tool-streaming-",),
    "input_examples": ("tool-examples-",),
}
_OF_CACHE_POINTS: Mapping[str, tuple[str, ...]] = {"scope": ("prompt-caching-scope-",)}
"""Parameter -> how the betas begin of which each opens it: parameters of the request, of a tool,
and of `cache_control`."""


def fit_betas(request: CompletionRequest, model: Model) -> CompletionRequest:
    """The request with the betas that the service takes, and without what none of them opens; the
    service's own clients know what it takes."""
    if model.client is None or model.client.name == model.codec.name:
        return request
    return _fitted(request, model)


def spared_betas(
    request: CompletionRequest, codec: Codec, facts: ModelFacts, unsupported: Unsupported
) -> tuple[CompletionRequest, tuple[Adjustment, ...]]:
    """The same for one of the service's own clients, which knew the betas of another model than the
    one that answers; and what became of them. Without foreign betas it is the request itself."""
    if not foreign_betas(request, facts):
        return request, ()
    model = Model(codec, facts, unsupported, is_streamed=False)
    return _fitted(request, model), tuple(model.adjustments)


def foreign_betas(request: CompletionRequest, facts: ModelFacts) -> list[str]:
    """The betas of a request for which the service would refuse it."""
    if facts.betas is None or BETAS not in request.options:
        return []
    betas = _named(request)
    kept = _taken(betas, facts.betas)
    return [beta for beta in betas if not {beta, *_ON_CLOUDS.get(beta, ())} & {*kept}]


def _named(request: CompletionRequest) -> list[str]:
    named = request.options.get(BETAS)
    return [beta for beta in named if isinstance(beta, str)] if isinstance(named, list) else []


def _taken(betas: Iterable[str], taken: Container[str]) -> list[str]:
    """Those that the service takes, by the names that it has for them."""
    return [beta for beta in dict.fromkeys(_as_clouds_name(betas)) if beta in taken]


def with_taken_betas(
    request: CompletionRequest, codec: Codec, facts: ModelFacts
) -> CompletionRequest:
    """The same for a call whose answer is the same without them: a count of tokens."""
    return _fitted(request, Model(codec, facts, Unsupported.REPORT, is_streamed=False))


def _fitted(request: CompletionRequest, model: Model) -> CompletionRequest:
    taken = model.facts.betas
    if taken is None:
        return request
    betas = _named(request)
    kept = _taken(betas, taken)
    if left := foreign_betas(request, model.facts):
        why = f"{model.name} is served without: {', '.join(beta[:60] for beta in left)}"
        model.drops(BETAS, f"{len(left)} of {len(betas)} not sent", why)
    if BETAS in request.options:
        options = unknown_members(request.options, frozenset({BETAS}))
        request = evolve(request, options={**options, BETAS: kept} if kept else options)
    return _without_closed(request, model, tuple(kept))


def _as_clouds_name(betas: Iterable[str]) -> Iterator[str]:
    for beta in betas:
        yield beta
        yield from _ON_CLOUDS.get(beta, ())


def _without_closed(
    request: CompletionRequest, model: Model, kept: tuple[str, ...]
) -> CompletionRequest:
    """The request without the parameters that none of the betas `kept` opens."""
    of_request, of_tools, of_points = _closed(kept)
    left: dict[str, None] = {}

    def bare(members: Mapping[str, Json], closed: frozenset[str]) -> Mapping[str, Json]:
        found = closed.intersection(members)
        left.update(dict.fromkeys(sorted(found)))
        return unknown_members(members, closed) if found else members

    def tool(item: Tool | BuiltinTool | CachePoint) -> Tool | BuiltinTool | CachePoint:
        if isinstance(item, BuiltinTool):
            return evolve(item, settings=bare(item.settings, of_tools))
        return evolve(item, extra=bare(item.extra, of_tools)) if isinstance(item, Tool) else item

    def block(item: ContentBlock) -> ContentBlock:
        if not isinstance(item, CachePoint) or of_points.isdisjoint(item.extra):
            return item
        return evolve(item, extra=bare(item.extra, of_points))

    tools = tuple(map(tool, request.tools))
    options, extra = bare(request.options, of_request), bare(request.extra, of_request)
    if left:
        request = evolve(request, tools=tools, options=options, extra=extra)
    request = rewritten(request, block)
    for name in left:
        model.drops(name, "not sent", f"no beta that {model.name} takes opens it")
    return request


@lru_cache(maxsize=256)
def _closed(kept: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    """The parameters of the request, of a tool, and of `cache_control` that none of the betas
    opens."""
    return tuple(
        frozenset(name for name, openers in table.items() if not _opens(kept, openers))
        for table in (_OF_REQUEST, _OF_TOOLS, _OF_CACHE_POINTS)
    )


def _opens(kept: Iterable[str], openers: tuple[str, ...]) -> bool:
    return any(beta.startswith(openers) for beta in kept)
