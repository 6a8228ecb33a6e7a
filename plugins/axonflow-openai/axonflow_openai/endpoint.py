"""OpenAI's API over a handler and a verifier: chat completions, embeddings, token counts,
models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from axonflow_core.endpoint.ingress import Ingress
from axonflow_core.endpoint.openai_chat import chat_operation, embeddings_operation
from axonflow_core.endpoint.openai_responses import responses_operation
from axonflow_core.endpoint.operations import Kind, ModelListing, Operation, listing_operations
from axonflow_core.endpoint.refusals import Refusals, VendorError
from axonflow_core.endpoint.wire import Wire
from axonflow_core.frozen import evolve
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import ModelDescription

from .codec import ERRORS
from .counting import PATH as COUNT_PATH
from .counting import CountCodec

_CREATED = 1_764_000_000
"""When every model is said to be made: nothing here knows it."""


def _as_listed(model: ModelDescription) -> Json:
    """A model as `GET /v1/models` tells it, with the day of its end where it has one."""
    end = None if model.ends_on is None else model.ends_on.isoformat()
    native = {"id": model.id, "object": "model", "created": _CREATED, "owned_by": "openai"}
    return {**native, "shutdown_date": end}


def _list(models: Sequence[ModelDescription], query: Mapping[str, str]) -> Json:
    return {"object": "list", "data": [_as_listed(model) for model in models]}


LISTING = ModelListing(encode_list=_list, encode_model=_as_listed)


def _unknown_path(method: str, path: str) -> VendorError:
    """Codex gives up at a 404 with a code, and repeats one without."""
    words = f"Unknown request URL: {method} {path}. Please check the URL for typos."
    return VendorError(status=404, type="invalid_request_error", code="unknown_url", message=words)


WIRE = Wire(
    name="openai",
    refusals=Refusals(unknown_path=_unknown_path),
    errors=ERRORS,
    operations=(
        chat_operation("/v1/chat/completions"),
        embeddings_operation("/v1/embeddings"),
        Operation(
            name="count",
            kind=Kind.COUNT,
            path=f"/v1{COUNT_PATH}",
            codec=CountCodec(),
            transport_members=frozenset({"model"}),
        ),
        *listing_operations("/v1/models", LISTING),
    ),
)
INGRESS = Ingress(
    wire=evolve(WIRE, operations=(*WIRE.operations, responses_operation("/v1/responses")))
)
