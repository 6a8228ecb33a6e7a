"""The OpenAI provider: chat completions and embeddings of one account.

Which codec and which facts a model has follows from its id (`models.toml`). An id that nothing
claims is one of a server that imitates OpenAI, and is called as a model that chats. Azure's
provider is made of the same parts.

OpenAI counts the tokens of a request too (`counting`), Azure does not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from axonflow_core.calls.abilities import Counting, Embedding
from axonflow_core.calls.chat_provider import CHAT as CHAT_SURFACE
from axonflow_core.calls.hosted import HostedProvider, HostedService
from axonflow_core.calls.route import UnaryRoute
from axonflow_core.calls.settings import HostedSettings
from axonflow_core.calls.surface import Surface
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.codec.unary import EmbeddingCodec, TokenCounter
from axonflow_core.frozen import evolve
from axonflow_core.messages import Receipt
from axonflow_core.plugin_spec import ModelCatalogue, Services
from axonflow_core.provider import Price
from axonflow_core.tables.errors import ErrorTable
from axonflow_core.tables.models import ModelRow, ModelTable

from .codec import CHAT, EMBEDDINGS, ERRORS, codec_for
from .config import ENDPOINT, OpenAIConfig
from .counting import PATH as COUNT_PATH
from .counting import as_counted, counter

MODELS = ModelTable.beside(__file__)
SURFACE: Surface = evolve(
    CHAT_SURFACE, operation="/chat/completions", stream_operation="/chat/completions"
)
_FINE_TUNED = re.compile("ft:([^:]+):.*")


def base_id(model: str) -> str:
    """The model that a fine-tuned one is made of: `ft:gpt-4o-mini-2024-07-18:org::id`."""
    found = _FINE_TUNED.fullmatch(model)
    return found.group(1) if found else model


def catalogue(codecs: CodecRegistry) -> ModelCatalogue:
    """The models of the table, for `axonflow models`."""

    def family(row: ModelRow) -> str | None:
        kind: Any = FamilyCodec if row.kind == "chat" else EmbeddingCodec
        codec = codec_for(codecs, kind, row.id, MODELS.file.kinds[row.kind].surface)
        return None if codec is None else str(codec.name)

    return MODELS.catalogue(family_of=family)


class OpenAIService(HostedService):
    """An account of OpenAI's."""

    errors = ERRORS
    fixes = ErrorTable.beside(__file__)
    keyless = "there is no API key of OpenAI's"

    def __init__(self, config: OpenAIConfig, services: Services) -> None:
        super().__init__(config, services)
        self.base_url = config.base_url
        named = {"openai-organization": config.organization, "openai-project": config.project}
        self._billed = {header: value for header, value in named.items() if value}

    def proof(self, key: str) -> Mapping[str, str]:
        return {"authorization": f"Bearer {key}", **self._billed}


class OpenAIProvider(Embedding, HostedProvider):
    """Models of OpenAI's, at whatever service."""

    models = MODELS
    surface = SURFACE

    def __init__(self, config: HostedSettings, services: Services) -> None:
        self._codecs = services.codecs
        super().__init__(config, services)
        # A server that imitates OpenAI has models of its own.
        self.is_table_whole = config.endpoint == ENDPOINT

    def openai_id(self, model: str) -> str:
        """The id by which OpenAI knows `model`."""
        return model

    def vendor_id(self, model: str) -> str:
        return base_id(self.openai_id(model))

    def codec_of(self, model: str) -> FamilyCodec:
        return self.claimant(FamilyCodec, model) or CHAT

    def claimant(self, kind: type[Any], model: str) -> Any:
        """The codec of a `kind` that claims `model`; None where none does."""
        surface = SURFACE.name if kind is FamilyCodec else "embeddings"
        return codec_for(self._codecs, kind, self.vendor_id(model), surface)

    def facts_of(self, model: str) -> ModelFacts:
        # The message of a tool has text alone: openai-python 3.57, ChatCompletionToolMessageParam;
        # a picture is refused, or not seen: OpenHands/OpenHands#7700, openai/openai-openapi#523.
        facts = super().facts_of(model)
        return evolve(
            facts, model_id=model, has_images_in_results=False, has_documents_in_results=False
        )

    def embedding_route(self, model: str | None) -> UnaryRoute[EmbeddingCodec]:
        name = model or self.default_model
        codec = self.claimant(EmbeddingCodec, name)
        if codec is None and self.claimant(FamilyCodec, name):
            raise self.no_vectors(name)
        return self.unary_route(name, codec or EMBEDDINGS, "/embeddings")

    def price(self, receipt: Receipt) -> Price | None:
        """The price of the standard tier; None for a model that the table lacks, or that was
        fine-tuned."""
        id = self.openai_id(receipt.called)
        return super().price(receipt) if base_id(id) == id else None


class CountingProvider(Counting, OpenAIProvider):
    """Models of OpenAI's own API."""

    service_type = OpenAIService

    def counting_route(self, model: str | None) -> UnaryRoute[TokenCounter]:
        called = model or self.default_model
        return self.unary_route(
            called,
            counter(self.codec_of(called)),
            COUNT_PATH,
            # Without the rules of a model: the Responses API takes more than chat completions do.
            facts=ModelFacts(model_id=called, base_id=base_id(called)),
            wrap=lambda body: {"model": called, **as_counted(body)},
        )
