"""Sampling parameters, limits of output tokens and stop sequences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from axonflow_core.codec import Feature, ModelFacts
from axonflow_core.codec.features import is_blank
from axonflow_core.frozen import evolve
from axonflow_core.messages import CompletionRequest

from .model import Model

SAMPLING = (
    *(Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K),
    *(Feature.SEED, Feature.PRESENCE_PENALTY, Feature.FREQUENCY_PENALTY),
)
"""What may be dropped, for it changes no content. The value of each is the attribute of
`Inference`."""


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
    """Lower a limit of output tokens that is beyond the model's, and report it: it was chosen for
    another model."""
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


# ── stop sequences ────────────────────────────────────────────────────────────────────────────────


def fit_stop_sequences(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Leave empty stop sequences out, which stop nothing, and report it. Refuse what the model does
    not take of the others: where an answer stops is a part of what it says."""
    asked = request.inference.stop_sequences
    stops = tuple(stop for stop in asked if stop)
    if len(stops) < len(asked):
        what = f"{len(asked) - len(stops)} empty of {len(asked)} not sent"
        model.drops(Feature.STOP_SEQUENCES, what, "they stop nothing")
        request = evolve(request, inference=evolve(request.inference, stop_sequences=stops))
    if not model.facts.has_blank_stops and any(map(is_blank, stops)):
        raise model.refuses(
            "a stop sequence of blanks alone",
            "each must have another character",
            "leave it out, and cut the answer there yourself",
        )
    longest = model.facts.max_stop_characters
    if longest is not None and any(len(stop) > longest for stop in stops):
        raise model.refuses(
            f"a stop sequence of {max(map(len, stops))} characters",
            f"it takes {longest}",
            "shorten it, or cut the answer there yourself",
        )
    most = model.facts.max_stop_sequences
    if most is not None and len(stops) > most:
        raise model.refuses(
            f"{len(stops)} stop sequences", f"it takes {most}", "leave the others out"
        )
    return request
