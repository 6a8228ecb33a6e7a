"""The lengths of the vectors of Bedrock's embedding models."""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.emulator import vectors as of_core
from axonflow_core.emulator.vectors import EmbeddingModel, model_of
from axonflow_core.retrieval import EmbeddingRequest, Embeddings

from ..wire.endpoint import invalid_call

MODELS: Mapping[str, EmbeddingModel] = {
    "amazon.titan-embed-text-v2": EmbeddingModel((1024, 512, 256)),
    "amazon.titan-embed-image": EmbeddingModel((1024, 384, 256)),
    "amazon.titan-embed": EmbeddingModel((1536,)),
    "cohere.embed-v4": EmbeddingModel((1536, 1024, 512, 256), packs_bits=True),
    "cohere.embed": EmbeddingModel((1024,), packs_bits=True),
    "amazon.nova": EmbeddingModel((3072, 1024, 384, 256)),
}
"""Base ids by prefix; the first that fits decides. Source: AWS user guide, pages of the models,
November 2026."""


def embeddings_of(request: EmbeddingRequest, base_id: str) -> Embeddings:
    """A vector for each input and encoding. Raises `ServiceException` where the model does not
    support the requested length.
    """
    model, length = model_of(MODELS, base_id), request.dimensions
    if length is not None and not model.takes(length):
        raise invalid_call(
            f"Malformed input request: {length} is not a valid enum value, please reformat your "
            "input and try again."
        )
    return of_core.embeddings_of(request, model)
