"""The emulated account's models, and the ids that each may be called by, from the model table.

Whether a model can be called on demand is taken from us-east-1 for all regions. Models past their
end of life are included, so that programs that call one can be tested; a catalogue with a date
(`today`) refuses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from attrs import field

from axonflow_core.frozen import frozen

from ..models.model_id import Kind, ModelId, parse_model_id, profile_candidates
from ..models.rules import needs_profile
from ..models.table import ModelEntry, ModelTable
from ..wire.endpoint import ServiceException, invalid_call
from .limits import END_OF_LIFE, MODELS, gone


@frozen(kw_only=True)
class Listing:
    """The models of one family."""

    on_demand: frozenset[str]
    """Base ids that may be called without an inference profile."""
    profiles: Mapping[str, str]
    """Base id -> the geographies of its inference profiles, separated by blanks."""


_FAMILIES: Mapping[str, str] = {
    "ai21-j2": "ai21",
    "ai21-jamba": "jamba",
    "amazon-nova": "nova",
    "amazon-titan-text": "titan",
    "anthropic-messages": "anthropic",
    "anthropic-text": "anthropic",
    "cohere-command": "cohere",
    "cohere-command-r": "cohere",
    "deepseek-r1": "deepseek",
    "deepseek-v3": "deepseek",
    "google-gemma": "gemma",
    "meta-llama2": "llama",
    "meta-llama3": "llama",
    "meta-llama4": "llama",
    "minimax": "minimax",
    "mistral-chat": "mistral",
    "mistral-open-weight": "mistral",
    "mistral-prompt": "mistral",
    "moonshot-kimi": "kimi",
    "nvidia-nemotron": "nemotron",
    "openai-gpt": "openai",
    "openai-gpt-oss": "gpt-oss",
    "qwen": "qwen",
    "writer-palmyra": "writer",
    "zai-glm": "glm",
    "amazon-titan-embed": "titan-embed",
    "amazon-titan-embed-image": "titan-embed",
    "cohere-embed": "cohere-embed",
    "amazon-nova-embed": "nova-embed",
    "cohere-rerank": "cohere-rerank",
    "amazon-rerank": "amazon-rerank",
}
"""Family of the table -> codec family, or the vendor where the models are served by Converse only.
Families without an emulated model are absent."""


def listings_of(models: ModelTable) -> Mapping[str, Listing]:
    """Codec family -> its models in the table."""
    of_family: dict[str, list[ModelEntry]] = {family: [] for family in _FAMILIES.values()}
    for entry in models:
        if entry.family in _FAMILIES:
            of_family[_FAMILIES[entry.family]].append(entry)
    return {family: _listing_of(entries) for family, entries in of_family.items()}


def _listing_of(entries: Iterable[ModelEntry]) -> Listing:
    return Listing(
        on_demand=frozenset(entry.base_id for entry in entries if not needs_profile(entry)),
        profiles={
            entry.base_id: " ".join(entry.geographies) for entry in entries if entry.geographies
        },
    )


LISTINGS: Mapping[str, Listing] = listings_of(MODELS)
"""Codec family -> its models. For a family that is absent, as a third party's is, every id is
accepted."""

WITHOUT_CONVERSE = frozenset(entry.base_id for entry in MODELS if entry.mode != "chat")
"""Base ids of models for embeddings, reranking, images and speech. Chat models that are not in the
table are answered, since Converse may serve them."""

_MEDIA_VENDORS = frozenset({"stability", "luma"})
"""Vendors of image and video models only; the table has none of their models."""


@frozen
class Catalogue:
    """Decides which model ids the emulated account may call."""

    listings: Mapping[str, Listing] = field(repr=False)
    without_access: frozenset[str] = frozenset()
    """Base ids that the account has no access to."""
    region: str = "us-east-1"
    """The region of the endpoint. A profile of another geography is unknown in it."""
    today: date | None = None
    """Models whose end of life is on or before this day are refused; None: none is."""

    def admit(self, model_id: ModelId, family: str) -> None:
        """Raise `ServiceException`, with AWS's message, unless the model may be called by that
        id."""
        if model_id.base_id in self.without_access:
            raise no_access()
        listing = self.listings.get(family)
        if listing is not None:
            _admit(model_id, listing)
            self._admit_region(model_id)
        self._admit_age(model_id)

    def admit_count(self, model_id: ModelId, family: str) -> None:
        """Raise `ServiceException` unless CountTokens accepts the id: base ids of counted models
        only."""
        base_id = model_id.base_id or ""
        if base_id in self.without_access:
            raise no_access()
        listing = self.listings.get(family)
        if listing is not None and base_id not in listing.on_demand | listing.profiles.keys():
            raise unknown_model()
        self._admit_age(model_id)
        # Stated by model and not by profile: CountTokens refuses the ids of profiles.
        is_counted = base_id.startswith(_COUNTED) and not base_id.startswith(_UNCOUNTED)
        if model_id.kind is not Kind.FOUNDATION_MODEL or not is_counted:
            raise uncountable()

    def _admit_region(self, model_id: ModelId) -> None:
        """Raise for an ARN of another region and for a profile that cannot be called from this
        region."""
        if model_id.region not in (None, self.region):
            raise unknown_model()
        if model_id.geo not in (None, "global") and model_id.base_id is not None:
            profiles_here = profile_candidates(parse_model_id(model_id.base_id), self.region)
            if f"{model_id.geo}.{model_id.base_id}" not in profiles_here:
                raise unknown_model()

    def _admit_age(self, model_id: ModelId) -> None:
        """Raise for a model past its end of life on the catalogue's date."""
        ends = END_OF_LIFE.get(model_id.base_id or "")
        if self.today is not None and ends is not None and ends <= self.today:
            raise gone()


CATALOGUE = Catalogue(LISTINGS)
"""The catalogue of the model table, in us-east-1, without a date."""


def _admit(model_id: ModelId, listing: Listing) -> None:
    """Raise unless the id is on demand, or a profile of a geography that the model has."""
    geos = listing.profiles.get(model_id.base_id or "", "").split()
    match model_id.kind:
        case Kind.FOUNDATION_MODEL if model_id.base_id in listing.on_demand:
            return
        case Kind.FOUNDATION_MODEL if geos:
            raise profile_required(model_id)
        case Kind.INFERENCE_PROFILE if model_id.geo in geos:
            return
    raise unknown_model()


def unknown_model() -> ServiceException:
    """The refusal of an id that Bedrock does not know."""
    return invalid_call("The provided model identifier is invalid.")


def no_access() -> ServiceException:
    """The refusal of a model that the account has no access to."""
    return ServiceException(
        "AccessDeniedException", "You don't have access to the model with the specified model ID."
    )


_COUNTED = "anthropic.claude-"
_UNCOUNTED = tuple(
    f"anthropic.claude-{name}" for name in ("v1", "v2", "instant", "3-haiku", "3-sonnet", "3-opus")
)
"""CountTokens supports Claude from 3.5 on. Source: AWS user guide, "Monitor your token usage by
counting tokens before running inference", November 2026."""


def uncountable() -> ServiceException:
    """The refusal to count a model's tokens."""
    return invalid_call("The provided model doesn't support counting tokens.")


def admit_to_converse(model_id: ModelId) -> None:
    """Raise `ServiceException` where a model without an InvokeModel codec is known not to support
    Converse.

    Source of the message: public reports of Converse with embedding and speech models, 2024 to
    2026.
    """
    if model_id.base_id in WITHOUT_CONVERSE or model_id.vendor in _MEDIA_VENDORS:
        raise invalid_call(
            "This action doesn't support the model that you provided. Try again with a supported "
            "text or chat model."
        )


def profile_required(model_id: ModelId) -> ServiceException:
    """The refusal of a model that needs an inference profile."""
    return invalid_call(
        f"Invocation of model ID {model_id.given} with on-demand throughput isn’t supported. "
        "Retry your request with the ID or ARN of an inference profile that contains this model."
    )
