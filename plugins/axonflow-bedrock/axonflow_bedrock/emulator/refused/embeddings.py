"""The limits of embedding models. Tokens are the emulator's: words."""

from __future__ import annotations

from collections.abc import Iterator

from axonflow_core.emulator.fake_model import tokens
from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

from ...wire.endpoint import ServiceException, invalid_call
from .body import Object, member
from .row import malformed_words


@frozen(kw_only=True)
class EmbeddingLimit:
    """The limits of some embedding models; None is no limit."""

    models: tuple[str, ...]
    """Prefixes of base ids."""
    source: str
    path: tuple[str, ...]
    """Where the body has its text or texts."""
    least_characters: int = 0
    most_characters: int | None = None
    most_tokens: int | None = None
    most_texts: int | None = None


LIMITS: tuple[EmbeddingLimit, ...] = (
    EmbeddingLimit(
        models=("cohere.embed-english-v3", "cohere.embed-multilingual-v3"),
        source="langgenius/dify#3942, April 2024; AWS user guide, Cohere Embed v3, November 2026",
        path=("texts",),
        most_characters=2048,
        most_texts=96,
    ),
    EmbeddingLimit(
        models=("cohere.embed-v4",),
        source="AWS user guide, Cohere Embed v4, November 2026",
        path=("texts",),
        most_texts=96,
    ),
    EmbeddingLimit(
        models=("amazon.titan-embed-text", "amazon.titan-embed-g1-text"),
        source="AWS user guide, Amazon Titan Embeddings Text (8,192 tokens, 50,000 characters), "
        "November 2026; public reports of the words, 2024 to 2026",
        path=("inputText",),
        least_characters=1,
        most_characters=50_000,
        most_tokens=8192,
    ),
    EmbeddingLimit(
        models=("amazon.nova-2-multimodal-embeddings",),
        source="Amazon Nova user guide, Multimodal embeddings (8,192 tokens, 50,000 characters), "
        "November 2026",
        path=("singleEmbeddingParams", "text", "value"),
        least_characters=1,
        most_characters=50_000,
    ),
)


@frozen(kw_only=True)
class Dimensions:
    """The lengths of vector that some embedding models have."""

    models: tuple[str, ...]
    source: str
    path: tuple[str, ...]
    lengths: tuple[int, ...]


DIMENSIONS: tuple[Dimensions, ...] = (
    Dimensions(
        models=("amazon.titan-embed-text-v2",),
        source="AWS user guide, Amazon Titan Embeddings Text, November 2026",
        path=("dimensions",),
        lengths=(256, 512, 1024),
    ),
    Dimensions(
        models=("amazon.titan-embed-image",),
        source="AWS user guide, Amazon Titan Multimodal Embeddings G1, November 2026",
        path=("embeddingConfig", "outputEmbeddingLength"),
        lengths=(256, 384, 1024),
    ),
    Dimensions(
        models=("cohere.embed-v4",),
        source="AWS user guide, Cohere Embed v4, November 2026",
        path=("output_dimension",),
        lengths=(256, 512, 1024, 1536),
    ),
    Dimensions(
        models=("amazon.nova-2-multimodal-embeddings",),
        source="Amazon Nova user guide, Multimodal embeddings, November 2026",
        path=("singleEmbeddingParams", "embeddingDimension"),
        lengths=(256, 384, 1024, 3072),
    ),
)


def refuse_embedding(base_id: str, json: Object) -> None:
    """Raise `ServiceException` for texts and lengths of vector that the model does not take."""
    for limit in LIMITS:
        if base_id.startswith(limit.models):
            for refused in _refusals(limit, json):
                raise refused
    for known in DIMENSIONS:
        asked = member(json, *known.path)
        if base_id.startswith(known.models) and asked is not None and asked not in known.lengths:
            place = "#/" + "/".join(known.path)
            raise invalid_call(malformed_words(f"{place}: {asked} is not a valid enum value"))


def _refusals(limit: EmbeddingLimit, json: Object) -> Iterator[ServiceException]:
    value, place = member(json, *limit.path), "#/" + "/".join(limit.path)
    if isinstance(value, str):
        yield from _of_text(limit, value, place)
    if isinstance(value, list):
        if limit.most_texts is not None and len(value) > limit.most_texts:
            items = f"expected maximum item count: {limit.most_texts}, found: {len(value)}"
            yield invalid_call(malformed_words(f"{place}: {items}"))
        for number, text in enumerate(value):
            yield from _of_text(limit, text, f"{place}/{number}")


def _of_text(limit: EmbeddingLimit, text: Json, place: str) -> Iterator[ServiceException]:
    if not isinstance(text, str):
        return
    most, size = limit.most_characters, len(text)
    if size < limit.least_characters:
        words = f"{place}: expected minLength: {limit.least_characters}, actual: {size}"
        yield invalid_call(malformed_words(words))
    if most is not None and size > most:
        yield invalid_call(malformed_words(f"{place}: expected maxLength: {most}, actual: {size}"))
    count = len(tokens(text))
    if limit.most_tokens is not None and count > limit.most_tokens:
        yield invalid_call(
            f"400 Bad Request: Too many input tokens. Max input tokens: {limit.most_tokens}, "
            f"request input token count: {count} "
        )
