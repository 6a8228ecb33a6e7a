"""Ollama's API over a handler and a verifier.

Chat, generation and vectors are calls of models; `tags`, `show`, `ps` and `version` tell what the
server has. Source: the server's `server/routes.go` and `docs/openapi.yaml`
(github.com/ollama/ollama, commit 017eb8a), read November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import Codec
from axonflow_core.codec.unary import EmbeddingCodec
from axonflow_core.endpoint.framings import NDJSON
from axonflow_core.endpoint.ingress import Ingress
from axonflow_core.endpoint.operations import AnswerForm, Kind, Operation
from axonflow_core.endpoint.refusals import Refusals, VendorError
from axonflow_core.endpoint.wire import Wire

from .chat import CODEC
from .chat.errors import ERRORS
from .embedding import EMBED, OLDER
from .generate import GENERATE
from .listing import LISTING, running, show, version

REFUSALS = Refusals(
    unknown_path=lambda method, path: VendorError(status=404, message="404 page not found"),
    not_json=lambda why: VendorError(status=400, message="missing request body"),
    no_model=lambda: VendorError(status=400, message="model is required"),
)


_FORM = AnswerForm(tells_stops=True)
"""`done_reason` has no word for what is filtered."""


def _conversation(name: str, codec: Codec) -> Operation:
    """An operation whose answer is a stream unless the body says otherwise."""
    return Operation(
        name=name,
        kind=Kind.CHAT,
        path=f"/api/{name}",
        codec=codec,
        form=_FORM,
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


WIRE = Wire(
    name="ollama",
    errors=ERRORS,
    refusals=REFUSALS,
    operations=(
        _conversation("chat", CODEC),
        _conversation("generate", GENERATE),
        _vectors("embed", EMBED),
        _vectors("embeddings", OLDER),
        Operation(name="tags", kind=Kind.MODELS, method="GET", path="/api/tags", codec=LISTING),
        Operation(name="show", kind=Kind.OTHER, path="/api/show", codec=show),
        Operation(name="ps", kind=Kind.OTHER, method="GET", path="/api/ps", codec=running),
        Operation(
            name="version", kind=Kind.OTHER, method="GET", path="/api/version", codec=version
        ),
    ),
)
INGRESS = Ingress(wire=WIRE)
