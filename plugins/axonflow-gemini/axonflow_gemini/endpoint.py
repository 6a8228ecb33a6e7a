"""The Gemini API over a handler and a verifier: answers, streams, vectors, counts, models."""

from __future__ import annotations

from collections.abc import Sequence

from axonflow_core.endpoint.app import dialect_app
from axonflow_core.endpoint.calls import Handler
from axonflow_core.endpoint.credentials import Verifier, first_of, header, query_member
from axonflow_core.endpoint.framings import SSE
from axonflow_core.endpoint.operations import Kind, ModelListing, Operation
from axonflow_core.endpoint.refusals import Refusals, Refused, VendorError
from axonflow_core.endpoint.wire import Wire
from axonflow_core.errors import CredentialsError, CredentialsMissing
from axonflow_core.http.asgi import AsgiApp
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import ModelDescription

from .codec import CODEC, ERRORS
from .codec.counting import COUNTER
from .codec.embeddings import EMBEDDING, EMBEDDINGS
from .codec.errors import WRONG_KEY

_MODELS = "/{version}/models"
"""Clients name v1beta or, from google-genai 3 on, v1."""
_AT = f"{_MODELS}/{{model}}:"
_METHODS = {
    "chat": ["generateContent", "streamGenerateContent", "countTokens"],
    "embedding": ["embedContent", "batchEmbedContents"],
}
"""Kind of a model -> what can be done with it."""


def _as_listed(model: ModelDescription) -> Json:
    """A model as `models.get` tells it."""
    return {
        "name": f"models/{model.id}",
        "displayName": model.id.replace("-", " ").title(),
        "version": "001",
        "inputTokenLimit": model.context_tokens,
        "outputTokenLimit": model.output_tokens or 1,
        "supportedGenerationMethods": _METHODS.get(model.kind, []),
    }


def _list(models: Sequence[ModelDescription]) -> Json:
    return {"models": [_as_listed(model) for model in models]}


LISTING = ModelListing(encode_list=_list, encode_model=_as_listed)

# ── what is refused before a handler is asked ─────────────────────────────────────────────────────


def _denied(error: CredentialsError) -> Refused:
    """A missing key is a 403, a wrong one a 400."""
    if isinstance(error, CredentialsMissing):
        return VendorError(status=403, code="PERMISSION_DENIED", message=error.message)
    return VendorError(code=WRONG_KEY, message=error.message)


def _invalid(message: str) -> VendorError:
    return VendorError(status=400, code="INVALID_ARGUMENT", message=message)


REFUSALS = Refusals(
    unknown_path=lambda method, path: VendorError(
        code="NOT_FOUND", message=f"The requested URL {path} was not found on this server."
    ),
    not_json=lambda: _invalid("Invalid JSON payload received. Unexpected end of string."),
    too_long=lambda limit: _invalid(f"Request payload size exceeds the limit: {limit} bytes."),
    no_model=lambda: _invalid("* GenerateContentRequest.model: unexpected model name format"),
    denied=_denied,
    unexpected=lambda: VendorError(
        code="INTERNAL", message="An internal error has occurred. Please retry."
    ),
)

_SURFACE = CODEC.surface
WIRE = Wire(
    name="gemini",
    errors=ERRORS,
    presented=first_of(header("x-goog-api-key"), query_member("key")),
    refusals=REFUSALS,
    operations=(
        Operation(
            name="generateContent",
            kind=Kind.CHAT,
            path=f"{_AT}generateContent",
            codec=CODEC,
            surface=_SURFACE,
        ),
        Operation(
            name="streamGenerateContent",
            kind=Kind.CHAT,
            path=f"{_AT}streamGenerateContent",
            codec=CODEC,
            surface=_SURFACE,
            framing=SSE,
        ),
        Operation(name="countTokens", kind=Kind.COUNT, path=f"{_AT}countTokens", codec=COUNTER),
        Operation(
            name="batchEmbedContents",
            kind=Kind.EMBEDDING,
            path=f"{_AT}batchEmbedContents",
            codec=EMBEDDINGS,
            surface=EMBEDDINGS.surface,
        ),
        Operation(
            name="embedContent",
            kind=Kind.EMBEDDING,
            path=f"{_AT}embedContent",
            codec=EMBEDDING,
            surface=EMBEDDING.surface,
        ),
        Operation(name="models", kind=Kind.MODELS, method="GET", path=_MODELS, codec=LISTING),
        Operation(
            name="model", kind=Kind.MODEL, method="GET", path=f"{_MODELS}/{{model}}", codec=LISTING
        ),
    ),
)


def gemini_app(handler: Handler, verifier: Verifier) -> AsgiApp:
    """The endpoint that Google's own clients talk to: `ProviderSpec.ingress`."""
    return dialect_app(WIRE, handler, verifier)
