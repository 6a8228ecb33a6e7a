"""The Gemini API over a handler and a verifier: answers, streams, vectors, counts, models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from axonflow_core.endpoint.credentials import first_of, header, query_member
from axonflow_core.endpoint.framings import SSE
from axonflow_core.endpoint.ingress import Ingress
from axonflow_core.endpoint.operations import (
    AnswerForm,
    Framing,
    Kind,
    ModelListing,
    Operation,
    listing_operations,
)
from axonflow_core.endpoint.refusals import Refusals, Refused, VendorError
from axonflow_core.endpoint.wire import Wire
from axonflow_core.errors import CredentialsError, CredentialsMissing
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import ModelDescription

from .codec import CODEC, ERRORS
from .codec.counting import COUNTER
from .codec.embeddings import EMBEDDING, EMBEDDINGS
from .codec.errors import WRONG_KEY

_VERSIONS = ("v1beta", "v1", "v1alpha")
"""Clients name v1beta or, from google-genai 3 on, v1."""
_FORM = AnswerForm(tells_stops=True)
"""google-genai 3.6 does not show the `finishMessage` that could say why a stream was stopped."""
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


def _list(models: Sequence[ModelDescription], query: Mapping[str, str]) -> Json:
    return {"models": [_as_listed(model) for model in models]}


LISTING = ModelListing(encode_list=_list, encode_model=_as_listed)

# ── what is refused before a handler is asked ─────────────────────────────────────────────────────


def _denied(error: CredentialsError) -> Refused:
    """A missing key is a 403, a wrong one a 400."""
    if isinstance(error, CredentialsMissing):
        return VendorError(status=403, code="PERMISSION_DENIED", message=error.message)
    return VendorError(code=WRONG_KEY, message=error.message)


def invalid(message: str) -> VendorError:
    """An argument that is refused."""
    return VendorError(status=400, code="INVALID_ARGUMENT", message=message)


REFUSALS = Refusals(
    unknown_path=lambda method, path: VendorError(
        code="NOT_FOUND", message=f"The requested URL {path} was not found on this server."
    ),
    not_json=lambda why: invalid("Invalid JSON payload received. Unexpected end of string."),
    too_long=lambda limit: invalid(f"Request payload size exceeds the limit: {limit} bytes."),
    no_model=lambda: invalid("* GenerateContentRequest.model: unexpected model name format"),
    denied=_denied,
    unexpected=lambda: VendorError(
        code="INTERNAL", message="An internal error has occurred. Please retry."
    ),
)


def _operations(version: str) -> Iterator[Operation]:
    """Those of a version of the API."""
    path = f"/{version}/models"

    def operation(name: str, kind: Kind, codec: Any, framing: Framing | None = None) -> Operation:
        return Operation(
            name=name,
            kind=kind,
            path=f"{path}/{{model}}:{name}",
            codec=codec,
            surface=getattr(codec, "surface", "chat"),
            form=_FORM,
            framing=framing,
        )

    yield operation("generateContent", Kind.CHAT, CODEC)
    yield operation("streamGenerateContent", Kind.CHAT, CODEC, SSE)
    yield operation("countTokens", Kind.COUNT, COUNTER)
    yield operation("batchEmbedContents", Kind.EMBEDDING, EMBEDDINGS)
    yield operation("embedContent", Kind.EMBEDDING, EMBEDDING)
    yield from listing_operations(path, LISTING)


WIRE = Wire(
    name="gemini",
    errors=ERRORS,
    presented=first_of(header("x-goog-api-key"), query_member("key")),
    refusals=REFUSALS,
    marks=frozenset(("x-goog-api-client", "x-goog-api-key")),
    operations=tuple(chain.from_iterable(map(_operations, _VERSIONS))),
)
INGRESS = Ingress(wire=WIRE)
