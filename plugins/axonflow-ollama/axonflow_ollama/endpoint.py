"""Ollama's API over a handler and a verifier.

Chat, generation and vectors are calls of models; `tags`, `show`, `ps` and `version` tell what the
server has. Source: the server's `server/routes.go` and `docs/openapi.yaml`
(github.com/ollama/ollama, commit 017eb8a), read November 2026.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from axonflow_core.codec import Codec
from axonflow_core.codec.unary import EmbeddingCodec
from axonflow_core.endpoint.app import dialect_app
from axonflow_core.endpoint.calls import Handler
from axonflow_core.endpoint.credentials import Verifier
from axonflow_core.endpoint.framings import NDJSON
from axonflow_core.endpoint.operations import Kind, ModelListing, Operation
from axonflow_core.endpoint.refusals import Refusals, VendorError
from axonflow_core.endpoint.wire import Wire
from axonflow_core.http.asgi import AsgiApp
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import ModelDescription

from .chat import CODEC
from .embedding import EMBED, OLDER
from .errors import ERRORS
from .generate import GENERATE

_MODIFIED = "2026-11-29T00:00:00Z"
_SIZE_BYTES = 4_000_000_000


def listed(model: ModelDescription) -> dict[str, Json]:
    """A model as `ollama list` shows it."""
    return {
        "name": model.id,
        "model": model.id,
        "modified_at": _MODIFIED,
        "size": _SIZE_BYTES,
        "digest": sha256(model.id.encode()).hexdigest(),
        "details": details_of(model),
    }


def details_of(model: ModelDescription) -> dict[str, Json]:
    """What is told of a model's weights."""
    family = model.id.partition(":")[0]
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family],
        "parameter_size": "8.0B",
        "quantization_level": "Q4_K_M",
    }


def _list(models: Sequence[ModelDescription]) -> Json:
    return {"models": [listed(model) for model in models]}


REFUSALS = Refusals(
    unknown_path=lambda method, path: VendorError(status=404, message="404 page not found"),
    not_json=lambda: VendorError(status=400, message="missing request body"),
    no_model=lambda: VendorError(status=400, message="model is required"),
)


def _conversation(name: str, codec: Codec) -> Operation:
    """An operation whose answer is a stream unless the body says otherwise."""
    return Operation(
        name=name,
        kind=Kind.CHAT,
        path=f"/api/{name}",
        codec=codec,
        framing=NDJSON,
        stream_member="stream",
        streams_by_default=True,
        transport_members=frozenset({"model", "stream"}),
    )


def _vectors(name: str, codec: EmbeddingCodec) -> Operation:
    return Operation(
        name=name,
        kind=Kind.EMBEDDING,
        path=f"/api/{name}",
        codec=codec,
        transport_members=frozenset({"model"}),
    )


_TAGS = ModelListing(encode_list=_list, encode_model=listed)

WIRE = Wire(
    name="ollama",
    errors=ERRORS,
    refusals=REFUSALS,
    operations=(
        _conversation("chat", CODEC),
        _conversation("generate", GENERATE),
        _vectors("embed", EMBED),
        _vectors("embeddings", OLDER),
        Operation(name="tags", kind=Kind.MODELS, method="GET", path="/api/tags", codec=_TAGS),
        Operation(name="show", kind=Kind.OTHER, path="/api/show"),
        Operation(name="ps", kind=Kind.OTHER, method="GET", path="/api/ps"),
        Operation(name="version", kind=Kind.OTHER, method="GET", path="/api/version"),
    ),
)


def ollama_app(handler: Handler, verifier: Verifier) -> AsgiApp:
    """Ollama's API; each call goes to `handler`, as a client that `verifier` knows."""
    return dialect_app(WIRE, handler, verifier)
