"""What a `RoutedProvider` can do besides chat, as mix-ins: a class that has one says where the
calls go, and has the ability (`provider.SupportsEmbedding`, `SupportsTokenCounting`).

    class AcmeProvider(Embedding, Counting, RoutedProvider): …
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TypeVar

from axonflow_core.codec.unary import EmbeddingCodec, TokenCounter
from axonflow_core.messages import CompletionRequest, TokenCount
from axonflow_core.retrieval import EmbeddingRequest, Embeddings

from .call import Caller
from .route import UnaryRoute

A = TypeVar("A")


def as_it_is(answer: A, headers: Mapping[str, str]) -> A:
    """`answer`, of a service whose headers bill nothing."""
    return answer


class Embedding(ABC):
    """A provider that makes vectors."""

    _caller: Caller

    @abstractmethod
    def embedding_route(self, model: str | None) -> UnaryRoute[EmbeddingCodec]:
        """Where the embeddings of `model` are made; None is the configured model. `RequestError`
        for a model that makes none."""

    async def embed(
        self,
        request: EmbeddingRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Embeddings:
        """As `SupportsEmbedding.embed`."""
        unary = self._caller.unary
        route = self.embedding_route(model)
        return await unary.embed(route, request, as_it_is, unary.deadline(timeout_s))


class Counting(ABC):
    """A provider that counts the tokens of a request."""

    _caller: Caller

    @abstractmethod
    def counting_route(self, model: str | None) -> UnaryRoute[TokenCounter]:
        """Where the tokens of a call of `model` are counted. `Uncountable` for a model whose
        tokens are not."""

    async def count(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> TokenCount:
        """As `SupportsTokenCounting.count`."""
        unary = self._caller.unary
        route = self.counting_route(model)
        return await unary.ask(route, request, deadline=unary.deadline(timeout_s))
