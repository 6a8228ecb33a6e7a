"""The provider: where the calls go, how they prove who makes them, and which models there are."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from axonflow_core.calls.abilities import Counting, Embedding
from axonflow_core.calls.hosted import HostedProvider, HostedService
from axonflow_core.calls.route import Call, UnaryRoute
from axonflow_core.calls.surface import JSON_HEADERS, Surface
from axonflow_core.codec.unary import EmbeddingCodec, TokenCounter
from axonflow_core.plugin_spec import Services
from axonflow_core.tables.errors import ErrorTable
from axonflow_core.tables.models import ModelTable

from .codec import CODEC, ERRORS
from .codec.counting import COUNTER
from .codec.embeddings import EMBEDDINGS
from .codec.events import GoogleEvents
from .config import GeminiConfig

VERSION = "v1beta"


def base_id(model: str) -> str:
    """The id of a model without `models/`."""
    return model.removeprefix("models/")


def path_of(model: str) -> str:
    """The resource name of a model, encoded: `models/gemini-3.8-flash`, `tunedModels/mine`."""
    collection, slash, id = model.partition("/")
    named = (collection, id) if slash and collection in ("models", "tunedModels") else None
    collection, id = named or ("models", model)
    return f"{collection}/{quote(id, safe='')}"


class GeminiService(HostedService):
    """The Gemini API."""

    errors = ERRORS
    fixes = ErrorTable.beside(__file__)
    keyless = "there is no API key of Google's"

    def __init__(self, config: GeminiConfig, services: Services) -> None:
        super().__init__(config, services)
        self.base_url = self.base_url.removesuffix(f"/{VERSION}")

    def proof(self, key: str) -> Mapping[str, str]:
        return {"x-goog-api-key": key}

    def url(self, call: Call) -> str:
        return f"{self.base_url}/{VERSION}/{path_of(call.route.called)}:{call.operation}"


class GeminiProvider(Embedding, Counting, HostedProvider):
    """Gemini, called at the Gemini API."""

    service_type = GeminiService
    models = ModelTable.beside(__file__)
    codec = CODEC
    surface = Surface(
        name=CODEC.surface,
        operation="generateContent",
        stream_operation="streamGenerateContent?alt=sse",
        headers=JSON_HEADERS,
        stream_headers=JSON_HEADERS,
        frame_reader=GoogleEvents,
    )

    def vendor_id(self, model: str) -> str:
        return base_id(model)

    def embedding_route(self, model: str | None) -> UnaryRoute[EmbeddingCodec]:
        name = model or self.default_model
        row = self.row(name)
        if row is not None and row.kind != "embedding":
            raise self.no_vectors(name)
        return self.unary_route(name, EMBEDDINGS, "batchEmbedContents", wrap=None)

    def counting_route(self, model: str | None) -> UnaryRoute[TokenCounter]:
        return self.unary_route(model, COUNTER, "countTokens", wrap=None)
