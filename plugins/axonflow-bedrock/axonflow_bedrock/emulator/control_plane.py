"""The part of Bedrock's control plane that lists models and inference profiles.

    GET /foundation-models                  GET /foundation-models/{id or ARN}
    GET /inference-profiles                 GET /inference-profiles/{id or ARN}

Answers come from the catalogue, for the emulator's region. The regions that a profile may send a
call to depend on the region it is called from, and AWS publishes no full table; `DESTINATIONS` has
the regions that all source regions of a geography share. Source: service model of `bedrock`, API
2023-04-20; AWS user guide, "Supported Regions and models for inference profiles", November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

from axonflow_core.codec import FamilyCodec, Feature
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec
from axonflow_core.endpoint.replies import Reply, json_reply
from axonflow_core.errors import UndetectedFamily
from axonflow_core.frozen import frozen
from axonflow_core.http.asgi import ReceivedRequest
from axonflow_core.messages import Image, Json
from axonflow_core.retrieval import MixedInput

from ..models.iam import partition_of
from ..models.model_id import parse_model_id, profile_candidates
from ..wire.endpoint import ServiceException, Verifier, unknown_operation
from ..wire.list_queries import MAKERS, models_asked_for, profiles_asked_for
from ..wire.surfaces import CONVERSE_CODECS, unary_codec_for
from .catalogue import Catalogue
from .limits import END_OF_LIFE

ACCOUNT = "111122223333"
"""The account id of the emulator; AWS reserves this number for examples."""

_EUROPE = "eu-central-1 eu-north-1 eu-west-1 eu-west-3"
_ASIA = "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-1 ap-southeast-2"
DESTINATIONS: Mapping[str, tuple[str, ...]] = {
    geo: tuple(regions.split())
    for geo, regions in {
        "us": "us-east-1 us-east-2 us-west-2",
        "us-gov": "us-gov-east-1 us-gov-west-1",
        "eu": _EUROPE,
        "apac": _ASIA,
        "jp": "ap-northeast-1 ap-northeast-3",
        "au": "ap-southeast-2 ap-southeast-4",
        "in": "ap-south-1 ap-south-2",
        "ca": "ca-central-1 ca-west-1",
    }.items()
}
"""Geography -> regions that its profiles send calls to."""
GLOBAL = "global"

_CREATED = "2025-11-24T00:00:00Z"
_LEGACY = timedelta(days=182)
"""The time before its end of life during which a model is a legacy one, at least."""


@frozen
class ControlPlane:
    """Answers control-plane requests whose signature `verifier` accepts; `verifier` raises
    `ServiceException` for others.
    """

    catalogue: Catalogue
    codecs: CodecRegistry
    verifier: Verifier

    async def __call__(self, request: ReceivedRequest) -> Reply:
        self.verifier(request)
        parts = urlsplit(request.target)
        collection, _, identifier = parts.path.removeprefix("/").partition("/")
        operation = _OPERATIONS.get((request.method, collection, bool(identifier)))
        if operation is None:
            raise unknown_operation()
        return json_reply(operation(self, unquote(identifier), dict(parse_qsl(parts.query))))

    # ── models ────────────────────────────────────────────────────────────────────────────────────

    def list_models(self, identifier: str, asked: Mapping[str, str]) -> Json:
        """ListFoundationModels, with its four filters. It has no pages."""
        models = list(map(self._model, self._base_ids()))
        return {"modelSummaries": models_asked_for(models, asked)}

    def get_model(self, identifier: str, asked: Mapping[str, str]) -> Json:
        """GetFoundationModel."""
        base_id = _name_of(identifier)
        if base_id not in self._base_ids():
            raise _not_found("The provided model identifier is invalid.")
        return {"modelDetails": self._model(base_id)}

    def _base_ids(self) -> list[str]:
        """The base ids of models that have not reached their end of life, sorted."""
        today = self.catalogue.today
        return sorted(
            base_id
            for listing in self.catalogue.listings.values()
            for base_id in {*listing.on_demand, *listing.profiles}
            if today is None or END_OF_LIFE.get(base_id, date.max) > today
        )

    def _modalities(self, base_id: str) -> tuple[bool, str]:
        """(whether the model accepts images, its output modality)."""
        exchange = unary_codec_for(self.codecs, base_id)
        if isinstance(exchange, EmbeddingCodec):
            return Image in exchange.takes or MixedInput in exchange.takes, "EMBEDDING"
        if exchange is not None:
            return False, "TEXT"
        codec = self._codec_of(base_id)
        return Feature.IMAGES in codec.features | codec.joins, "TEXT"

    def _model(self, base_id: str) -> dict[str, Json]:
        """One entry of ListFoundationModels, in the shape of the API reference of Bedrock."""
        has_images, output = self._modalities(base_id)
        vendor = base_id.partition(".")[0]
        return {
            "modelArn": self._arn(base_id, self.catalogue.region),
            "modelId": base_id,
            "modelName": name_of_model(base_id),
            "providerName": MAKERS.get(vendor, vendor.title()),
            "inputModalities": ["TEXT", "IMAGE"] if has_images else ["TEXT"],
            "outputModalities": [output],
            "responseStreamingSupported": True,
            "customizationsSupported": [],
            "inferenceTypesSupported": list(self._inference_types(base_id)),
            "modelLifecycle": self._lifecycle(base_id),
        }

    def _codec_of(self, base_id: str) -> FamilyCodec:
        try:
            return self.codecs.for_base_id(base_id)
        except UndetectedFamily:  # served by Converse only
            return self.codecs.for_base_id(base_id, CONVERSE_CODECS)

    def _inference_types(self, base_id: str) -> Iterator[str]:
        """How the model can be called: on demand, through a profile, or both."""
        listings = self.catalogue.listings.values()
        if any(base_id in listing.on_demand for listing in listings):
            yield "ON_DEMAND"
        if any(base_id in listing.profiles for listing in listings):
            yield "INFERENCE_PROFILE"

    def _lifecycle(self, base_id: str) -> Json:
        """Active, or legacy in the months before the announced end of life."""
        ends, today = END_OF_LIFE.get(base_id), self.catalogue.today
        if ends is None:
            return {"status": "ACTIVE"}
        is_legacy = today is not None and ends - _LEGACY <= today
        return {"status": "LEGACY" if is_legacy else "ACTIVE", "endOfLifeTime": f"{ends}T00:00:00Z"}

    def _arn(self, base_id: str, region: str) -> str:
        partition = partition_of(self.catalogue.region)
        return f"arn:{partition}:bedrock:{region}::foundation-model/{base_id}"

    # ── inference profiles ────────────────────────────────────────────────────────────────────────

    def list_profiles(self, identifier: str, asked: Mapping[str, str]) -> Json:
        """ListInferenceProfiles: pages of the system-defined profiles; the account has no profiles
        of its own."""
        return profiles_asked_for(list(self._profiles()), asked)

    def get_profile(self, identifier: str, asked: Mapping[str, str]) -> Json:
        """GetInferenceProfile, by id or ARN."""
        wanted = _name_of(identifier)
        found = [profile for profile in self._profiles() if profile["inferenceProfileId"] == wanted]
        if not found:
            raise _not_found("The provided inference profile could not be found.")
        return found[0]

    def _profiles(self) -> list[dict[str, Json]]:
        """The profiles that may be called from the region."""
        listings = self.catalogue.listings.values()
        offered = {
            base_id: geos.split()
            for listing in listings
            for base_id, geos in listing.profiles.items()
        }
        return [
            self._profile(geo, base_id)
            for base_id in self._base_ids()
            for geo in offered.get(base_id, ())
            if geo == GLOBAL
            or f"{geo}.{base_id}"
            in profile_candidates(parse_model_id(base_id), self.catalogue.region)
        ]

    def _profile(self, geo: str, base_id: str) -> dict[str, Json]:
        """One profile, with the ARNs of its model in every destination region. A global profile has
        the model's ARN without a region."""
        region, id = self.catalogue.region, f"{geo}.{base_id}"
        regions = (region, "") if geo == GLOBAL else DESTINATIONS.get(geo, (region,))
        name = f"{geo.upper()} {name_of_model(base_id)}"
        return {
            "inferenceProfileName": name,
            "description": f"Routes requests to {name_of_model(base_id)} in {geo} regions.",
            "createdAt": _CREATED,
            "updatedAt": _CREATED,
            "inferenceProfileArn": (
                f"arn:{partition_of(region)}:bedrock:{region}:{ACCOUNT}:inference-profile/{id}"
            ),
            "models": [{"modelArn": self._arn(base_id, region)} for region in regions],
            "inferenceProfileId": id,
            "status": "ACTIVE",
            "type": "SYSTEM_DEFINED",
        }


_OPERATIONS: Mapping[
    tuple[str, str, bool], Callable[[ControlPlane, str, Mapping[str, str]], Json]
] = {
    ("GET", "foundation-models", False): ControlPlane.list_models,
    ("GET", "foundation-models", True): ControlPlane.get_model,
    ("GET", "inference-profiles", False): ControlPlane.list_profiles,
    ("GET", "inference-profiles", True): ControlPlane.get_profile,
}
"""(method, collection, whether the path names an item) -> operation."""


def _name_of(identifier: str) -> str:
    """The id in an ARN, or the id itself."""
    return identifier.rpartition("/")[2] if identifier.startswith("arn:") else identifier


def _not_found(message: str) -> ServiceException:
    return ServiceException("ResourceNotFoundException", message)


_VERSION = re.compile(r"-(?:20\d{6}|v\d+)(?:[-:].*)?$")


def name_of_model(base_id: str) -> str:
    """A display name: `Claude Sonnet 4` for `anthropic.claude-sonnet-4-20250514-v1:0`."""
    words = _VERSION.sub("", base_id.partition(".")[2]).split("-")
    return " ".join(word.capitalize() for word in words)
