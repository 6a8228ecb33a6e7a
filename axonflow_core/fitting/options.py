"""Parameters outside the neutral model, and parameters that families name otherwise.

A client's dialect and the model's family each document parameters that the other lacks. For every
one of them the first of these rows that fits decides:

    transport           `model`, `stream`, `stream_options` address and frame a call. They are for
                        whoever serves it, and are left out without a report.
    asks for nothing    a value that is the default, `n: 1`, is left out without a report.
    counterpart         `user` is `user_id` of the metadata, and the reverse.
    changes no meaning  `droppable_options` of the client's codec are left out and reported.
    anything else       is refused by name: `n: 2`, `logprobs: true`, a guardrail.

Sources: OpenAI's API reference, "Chat completions"; Anthropic's API reference, "Messages"; the
bedrock-runtime service model, API 2023-09-30; Cohere's API reference, "Chat"; Gemini API reference,
"GenerationConfig"; November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from axonflow_core.codec import Feature
from axonflow_core.codec.json_members import unknown_members
from axonflow_core.frozen import evolve
from axonflow_core.messages import EMPTY, CompletionRequest, Json

from .model import Model

TRANSPORT_KEYS = frozenset({"model", "stream", "stream_options"})

ASKS_FOR_NOTHING: Mapping[str, tuple[Json, ...]] = {
    "n": (1,),
    "candidateCount": (1,),
    "num_generations": (1,),
    "logprobs": (False, 0),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "return_likelihoods": ("NONE",),
    "search_queries_only": (False,),
    "return_prompt": (False,),
    "raw_prompting": (False,),
    "modalities": (["text"],),
    "responseModalities": (["TEXT"],),
    "responseLogprobs": (False,),
    "store": (False,),
    "function_call": ("none", "auto"),
}
"""Option -> the values that are its default. An empty list asks for nothing in every option; an
empty object does in some alone: `web_search_options: {}` asks for a search."""

EQUAL_TIERS: Mapping[str, str] = {"standard_only": "default", "default": "standard_only"}
"""Service tier -> the name that another vendor has for it."""

UNNAMED_TIER = "auto"
"""The tier that every vendor chooses unasked."""

USER, USER_ID = "user", "user_id"


def leave_out_transport_keys(request: CompletionRequest) -> CompletionRequest:
    """Remove `model`, `stream` and the like, which belong to the call and not to the body."""
    if TRANSPORT_KEYS.isdisjoint(request.options) and TRANSPORT_KEYS.isdisjoint(request.extra):
        return request
    return evolve(
        request,
        options=unknown_members(request.options, TRANSPORT_KEYS),
        extra=unknown_members(request.extra, TRANSPORT_KEYS),
    )


def settle_options(request: CompletionRequest, model: Model) -> CompletionRequest:
    """The options that the model's family lacks, each by its row of the tables."""
    foreign = [name for name in request.options if name not in model.codec.options]
    for name in foreign:
        value = request.options[name]
        request = evolve(request, options=unknown_members(request.options, frozenset({name})))
        # What asks for the default may go without a word: the answer is the same.
        if value is None or value == [] or value in ASKS_FOR_NOTHING.get(name, ()):
            continue
        settle = _COUNTERPARTS.get(name, _drop_or_refuse)
        request = settle(request, model, name, value)
    return request


def _drop_or_refuse(
    request: CompletionRequest, model: Model, name: str, value: Json
) -> CompletionRequest:
    """Leave an option out and report it, where its dialect declares that it changes no meaning;
    else `EncodeError`."""
    if model.client is None or name not in model.client.droppable_options:
        raise model.refuses(
            name,
            "its family has no such parameter, and the answer would be another without it",
            "leave it out",
        )
    model.drops(name, "not sent", f"{model.name} has no such parameter")
    return request


def _carry_limit(
    request: CompletionRequest, model: Model, name: str, value: Json
) -> CompletionRequest:
    """`max_completion_tokens` next to `max_tokens`: the older name is the one that counts."""
    if request.inference.max_tokens is not None:
        return request
    if type(value) is not int:
        return _drop_or_refuse(request, model, name, value)
    return evolve(request, inference=evolve(request.inference, max_tokens=value))


def _carry_user(
    request: CompletionRequest, model: Model, name: str, value: Json
) -> CompletionRequest:
    """OpenAI's `user` as the metadata `user_id`, unless the request has a `user_id` of its own."""
    if not model.takes(Feature.METADATA) or not isinstance(value, str):
        return _drop_or_refuse(request, model, name, value)
    metadata = request.metadata or EMPTY
    own = metadata.get(USER_ID)
    if own is None:
        return evolve(request, metadata={**metadata, USER_ID: value})
    if own != value:
        model.drops(name, "not sent", f"`{USER_ID}` of the metadata, which the request has too, is")
    return request


_COUNTERPARTS: Mapping[str, Callable[[CompletionRequest, Model, str, Json], CompletionRequest]] = {
    USER: _carry_user,
    "max_completion_tokens": _carry_limit,
}


# ── metadata and tiers ────────────────────────────────────────────────────────────────────────────


def fit_metadata(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Labels of a call, as far as the model's family takes them."""
    metadata = request.metadata
    if metadata is None:
        return request
    if not model.takes(Feature.METADATA):
        return _without_metadata(request, model, metadata)
    kept = {key: value for key, value in metadata.items() if _takes_label(model, key, value)}
    if len(kept) == len(metadata):
        return request
    model.drops("metadata", f"{len(metadata) - len(kept)} of {len(metadata)} keys not sent",
                f"{model.name} has no place for them")  # fmt: skip
    return evolve(request, metadata=kept or None)


def _takes_label(model: Model, key: str, value: Json) -> bool:
    """Whether the family takes this entry: by its list of keys, else any text; a family's own
    client may send other values too."""
    known = model.codec.metadata_keys
    if known is None:
        is_own = model.client is not None and not model.is_crossing
        return is_own or isinstance(value, str)
    return key in known


def _without_metadata(
    request: CompletionRequest, model: Model, metadata: Mapping[str, Json]
) -> CompletionRequest:
    """The request for a family without metadata: `user_id` as OpenAI's `user` where the family has
    that, all else left out and reported."""
    request, user = evolve(request, metadata=None), metadata.get(USER_ID)
    if isinstance(user, str) and USER in model.codec.options and USER not in request.options:
        request = evolve(request, options={**request.options, USER: user})
        metadata = unknown_members(metadata, frozenset({USER_ID}))
    if metadata:
        model.drops("metadata", "not sent", f"{model.name} has no place for it")
    return request


def fit_service_tier(request: CompletionRequest, model: Model) -> CompletionRequest:
    """Map the service tier to an equal one of the family, else leave it out and report it."""
    tier, known = request.service_tier, model.codec.service_tiers
    if tier is None or (model.takes(Feature.SERVICE_TIER) and (known is None or tier in known)):
        return request
    equal = EQUAL_TIERS.get(tier)
    if model.takes(Feature.SERVICE_TIER) and known is not None and equal in known:
        return evolve(request, service_tier=equal)
    if tier != UNNAMED_TIER:
        model.drops(Feature.SERVICE_TIER, "not sent", f"{model.name} has no such tier")
    return evolve(request, service_tier=None)
