"""The models that there are, and how each may be called.

Source: the model table of litellm 1.109.1 (MIT) for the ids, the AWS user guide ("Supported Regions and models for
inference profiles") and public reports for the profiles, November 2026. Whether a model can be called on demand is said
as it is in us-east-1. Models past their end of life are still here, so that a program which calls one can be tested;
a catalogue that knows which day it is refuses them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from attrs import field, frozen

from ..endpoint import Fault, invalid_call
from ..model_id import Kind, ModelId, parse_model_id, profile_candidates
from .limits import END_OF_LIFE, gone


@frozen(kw_only=True)
class Listing:
    """The models of one family."""

    on_demand: frozenset[str]
    """Base ids that may be called as they are."""
    profiles: Mapping[str, str]
    """Base id -> the geographies of its inference profiles, with a blank between."""


_CLAUDE_4_6 = "us eu jp au global"
_CLAUDE_5 = "us eu jp au in us-gov global"

LISTINGS: Mapping[str, Listing] = {
    "anthropic": Listing(
        on_demand=frozenset(
            {
                "anthropic.claude-3-haiku-20240307-v1:0",
                "anthropic.claude-3-sonnet-20240229-v1:0",
                "anthropic.claude-3-5-sonnet-20240620-v1:0",
            }
        ),
        profiles={
            "anthropic.claude-3-haiku-20240307-v1:0": "us eu apac",
            "anthropic.claude-3-sonnet-20240229-v1:0": "us eu apac",
            "anthropic.claude-3-opus-20240229-v1:0": "us eu",
            "anthropic.claude-3-5-sonnet-20240620-v1:0": "us eu apac",
            "anthropic.claude-3-5-sonnet-20241022-v2:0": "us eu apac",
            "anthropic.claude-3-5-haiku-20241022-v1:0": "us eu",
            "anthropic.claude-3-7-sonnet-20250219-v1:0": "us eu apac",
            "anthropic.claude-sonnet-4-20250514-v1:0": "us eu apac global",
            "anthropic.claude-opus-4-20250514-v1:0": "us eu",
            "anthropic.claude-opus-4-1-20250805-v1:0": "us eu",
            "anthropic.claude-sonnet-4-5-20250929-v1:0": "us eu jp au us-gov global",
            "anthropic.claude-haiku-4-5-20251001-v1:0": "us eu jp au in global",
            "anthropic.claude-opus-4-5-20251101-v1:0": "us eu global",
            "anthropic.claude-opus-4-6-v1": "us eu au global",
            "anthropic.claude-sonnet-4-6": _CLAUDE_4_6,
            "anthropic.claude-opus-4-7": _CLAUDE_4_6,
            "anthropic.claude-opus-4-8": "us eu jp au us-gov global",
            "anthropic.claude-sonnet-5": _CLAUDE_5,
            "anthropic.claude-opus-5": _CLAUDE_5,
            "anthropic.claude-haiku-5-5": _CLAUDE_5,
            "anthropic.claude-sonnet-5-5": _CLAUDE_5,
            "anthropic.claude-opus-5-5": _CLAUDE_5,
        },
    ),
    "titan": Listing(
        on_demand=frozenset(
            {
                "amazon.titan-text-lite-v1",
                "amazon.titan-text-express-v1",
                "amazon.titan-text-premier-v1:0",
                "amazon.titan-tg1-large",
            }
        ),
        profiles={},
    ),
    "llama": Listing(
        on_demand=frozenset(
            {
                "meta.llama2-13b-chat-v1",
                "meta.llama2-70b-chat-v1",
                "meta.llama3-8b-instruct-v1:0",
                "meta.llama3-70b-instruct-v1:0",
                # Not in us-east-1 but in us-west-2; accepted, for this id is the product page's example.
                "meta.llama3-1-70b-instruct-v1:0",
            }
        ),
        profiles={
            "meta.llama3-1-8b-instruct-v1:0": "us",
            "meta.llama3-1-70b-instruct-v1:0": "us",
            "meta.llama3-1-405b-instruct-v1:0": "us",
            "meta.llama3-2-1b-instruct-v1:0": "us eu",
            "meta.llama3-2-3b-instruct-v1:0": "us eu",
            "meta.llama3-2-11b-instruct-v1:0": "us",
            "meta.llama3-2-90b-instruct-v1:0": "us",
            "meta.llama3-3-70b-instruct-v1:0": "us",
            "meta.llama4-scout-17b-instruct-v1:0": "us",
            "meta.llama4-maverick-17b-instruct-v1:0": "us",
        },
    ),
    "mistral": Listing(
        on_demand=frozenset(
            {
                "mistral.mistral-7b-instruct-v0:2",
                "mistral.mixtral-8x7b-instruct-v0:1",
                "mistral.mistral-small-2402-v1:0",
                "mistral.mistral-large-2402-v1:0",
                "mistral.mistral-large-2407-v1:0",
                "mistral.ministral-3-3b-instruct",
                "mistral.ministral-3-8b-instruct",
                "mistral.ministral-3-14b-instruct",
                "mistral.magistral-small-2509",
                "mistral.mistral-large-3-675b-instruct",
            }
        ),
        profiles={"mistral.pixtral-large-2502-v1:0": "us eu"},
    ),
    "titan-embed": Listing(
        on_demand=frozenset(
            {
                "amazon.titan-embed-text-v1",
                "amazon.titan-embed-g1-text-02",
                "amazon.titan-embed-text-v2:0",
                "amazon.titan-embed-image-v1",
            }
        ),
        profiles={},
    ),
    "cohere-embed": Listing(
        on_demand=frozenset({"cohere.embed-english-v3", "cohere.embed-multilingual-v3", "cohere.embed-v4:0"}),
        profiles={"cohere.embed-v4:0": "us eu global"},
    ),
    "nova-embed": Listing(on_demand=frozenset({"amazon.nova-2-multimodal-embeddings-v1:0"}), profiles={}),
    "cohere-rerank": Listing(on_demand=frozenset({"cohere.rerank-v3-5:0"}), profiles={}),
    "amazon-rerank": Listing(on_demand=frozenset({"amazon.rerank-v1:0"}), profiles={}),
}
"""Codec family -> its models. A family that is not here, because somebody else wrote its codec, has every model."""


@frozen
class Catalogue:
    listings: Mapping[str, Listing] = field(repr=False)
    without_access: frozenset[str] = frozenset()
    """Base ids that the account was not given access to."""
    region: str = "us-east-1"
    """Where the calls arrive. A profile of another geography is unknown there."""
    today: date | None = None
    """Models whose end of life is past by then are gone; None: none ever is."""

    def admit(self, model_id: ModelId, family: str) -> None:
        """Returns when the model may be called by that id. `Fault` in AWS's words when not."""
        if model_id.base_id in self.without_access:
            raise no_access()
        listing = self.listings.get(family)
        if listing is not None:
            _admit(model_id, listing)
            self._admit_region(model_id)
        self._admit_age(model_id)

    def admit_count(self, model_id: ModelId, family: str) -> None:
        """Returns when the model's tokens are counted under that id, which is its base id and no other."""
        base_id = model_id.base_id or ""
        if base_id in self.without_access:
            raise no_access()
        listing = self.listings.get(family)
        if listing is not None and base_id not in listing.on_demand | listing.profiles.keys():
            raise unknown_model()
        self._admit_age(model_id)
        is_counted = base_id.startswith(_COUNTED) and not base_id.startswith(_UNCOUNTED)
        if model_id.kind is not Kind.FOUNDATION_MODEL or not is_counted:
            raise uncountable()

    def _admit_region(self, model_id: ModelId) -> None:
        if model_id.region not in (None, self.region):
            raise unknown_model()
        if model_id.geo not in (None, "global") and model_id.base_id is not None:
            profiles_here = profile_candidates(parse_model_id(model_id.base_id), self.region)
            if f"{model_id.geo}.{model_id.base_id}" not in profiles_here:
                raise unknown_model()

    def _admit_age(self, model_id: ModelId) -> None:
        ends = END_OF_LIFE.get(model_id.base_id or "")
        if self.today is not None and ends is not None and ends <= self.today:
            raise gone()


CATALOGUE = Catalogue(LISTINGS)


def _admit(model_id: ModelId, listing: Listing) -> None:
    geos = listing.profiles.get(model_id.base_id or "", "").split()
    match model_id.kind:
        case Kind.FOUNDATION_MODEL if model_id.base_id in listing.on_demand:
            return
        case Kind.FOUNDATION_MODEL if geos:
            raise profile_required(model_id)
        case Kind.INFERENCE_PROFILE if model_id.geo in geos:
            return
    raise unknown_model()


def unknown_model() -> Fault:
    return invalid_call("The provided model identifier is invalid.")


def no_access() -> Fault:
    return Fault("AccessDeniedException", "You don't have access to the model with the specified model ID.")


_COUNTED = "anthropic.claude-"
_UNCOUNTED = tuple(f"anthropic.claude-{name}" for name in ("v1", "v2", "instant", "3-haiku", "3-sonnet", "3-opus"))
"""Claude is counted from 3.5 on. Source: AWS user guide, "Monitor your token usage by counting tokens before running
inference", November 2026."""


def uncountable() -> Fault:
    return invalid_call("The provided model doesn't support counting tokens.")


def profile_required(model_id: ModelId) -> Fault:
    return invalid_call(
        f"Invocation of model ID {model_id.given} with on-demand throughput isn’t supported. "
        "Retry your request with the ID or ARN of an inference profile that contains this model."
    )
