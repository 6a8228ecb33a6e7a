"""The models that a server of Bedrock's dialect has, as Bedrock's control plane lists them: clients
look there for what they may call.

    GET /foundation-models     GET /foundation-models/{id}
    GET /inference-profiles    GET /inference-profiles/{id}

A name of the server's own stands among the foundation models. Accounts and regions are the server's
business: ARNs have neither. Source: the bedrock service model, API 2023-04-20.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from axonflow_core.endpoint.operations import Kind, ModelListing, Operation
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import Life, ModelDescription

from ..models.model_id import Kind as IdKind
from ..models.model_id import parse_model_id
from .list_queries import MAKERS, models_asked_for, profiles_asked_for

_CREATED = "2025-11-24T00:00:00Z"
"""When every profile is said to be made: nothing here knows it."""


def _is_profile(model: ModelDescription) -> bool:
    return parse_model_id(model.id).kind is IdKind.INFERENCE_PROFILE


def _base_of(id: str) -> str:
    return parse_model_id(id).base_id or id


def _foundation_model(model: ModelDescription) -> dict[str, Json]:
    is_embedding = model.kind == "embedding"
    return {
        "modelArn": f"arn:aws:bedrock:::foundation-model/{model.id}",
        "modelId": model.id,
        "modelName": model.id,
        "providerName": MAKERS.get(model.vendor, model.vendor.title()),
        "inputModalities": ["TEXT"],
        "outputModalities": ["EMBEDDING" if is_embedding else "TEXT"],
        "responseStreamingSupported": model.kind == "chat",
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "LEGACY" if model.life is Life.LEGACY else "ACTIVE"},
    }


def _profile(model: ModelDescription) -> dict[str, Json]:
    base = _base_of(model.id)
    return {
        "inferenceProfileName": model.id,
        "createdAt": _CREATED,
        "updatedAt": _CREATED,
        "inferenceProfileArn": f"arn:aws:bedrock:::inference-profile/{model.id}",
        "models": [{"modelArn": f"arn:aws:bedrock:::foundation-model/{base}"}],
        "inferenceProfileId": model.id,
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


def _models(models: Sequence[ModelDescription], query: Mapping[str, str]) -> Json:
    entries = [_foundation_model(model) for model in models if not _is_profile(model)]
    return {"modelSummaries": models_asked_for(entries, query)}


def _profiles(models: Sequence[ModelDescription], query: Mapping[str, str]) -> Json:
    return profiles_asked_for([_profile(model) for model in models if _is_profile(model)], query)


def _model(model: ModelDescription) -> Json:
    return {"modelDetails": _foundation_model(model)}


def _operations(collection: str, listing: ModelListing) -> tuple[Operation, Operation]:
    path = f"/{collection}"
    return (
        Operation(name=collection, kind=Kind.MODELS, method="GET", path=path, codec=listing),
        Operation(
            name=collection,
            kind=Kind.MODEL,
            method="GET",
            path=f"{path}/{{model}}",
            codec=listing,
        ),
    )


LISTINGS = (
    *_operations("foundation-models", ModelListing(encode_list=_models, encode_model=_model)),
    *_operations("inference-profiles", ModelListing(encode_list=_profiles, encode_model=_profile)),
)
