"""The answers of emulated embedding and rerank models.

A vector is the sum of one pseudo-random vector for each word, seeded by the word: the same input
always has the same vector, and texts that share words are near each other, which is enough to test
a search. The relevance of a document is the share of words that it has in common with the query.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import shake_256
from math import sqrt
from struct import pack

from axonflow_core.frozen import frozen
from axonflow_core.messages import Document, Image, Media, Text, Usage
from axonflow_core.plugin_spec import ModelDescription
from axonflow_core.retrieval import (
    AudioVideo,
    EmbeddingInput,
    EmbeddingRequest,
    Embeddings,
    Encoding,
    MixedInput,
    RankedDocument,
    Ranking,
    RerankRequest,
    Vector,
    text_of_document,
)

from .fake_model import MEDIA_TOKENS, tokens

LATENCY_MS = 20


@frozen
class EmbeddingModel:
    """What an embedding model's vectors look like."""

    dimensions: tuple[int, ...]
    """The lengths that may be requested, the default first."""
    packs_bits: bool = False
    """Whether binary vectors have eight bits in one number."""
    is_shortened: bool = False
    """Whether a vector may have any length up to the default."""

    def takes(self, length: int) -> bool:
        """Whether vectors of that length may be requested."""
        if self.is_shortened:
            return 1 <= length <= self.dimensions[0]
        return length in self.dimensions


ANY_MODEL = EmbeddingModel((1024, 512, 256))
"""For models that nothing is known of."""


def model_of(models: Mapping[str, EmbeddingModel], model: str) -> EmbeddingModel:
    """The entry of `models`, ids by prefix, of which the first that fits `model` decides."""
    fits = (known for prefix, known in models.items() if model.startswith(prefix))
    return next(fits, ANY_MODEL)


def vectors_of(model: ModelDescription) -> EmbeddingModel:
    """What the vectors of a model look like, as its description has it."""
    if not model.dimensions:
        return ANY_MODEL
    return EmbeddingModel(model.dimensions, is_shortened=model.is_shortened)


def embeddings_of(request: EmbeddingRequest, model: EmbeddingModel) -> Embeddings:
    """A vector for each input and encoding, of the requested length whatever `model` allows."""
    length = request.dimensions or model.dimensions[0]
    floats = [
        _vector(_words_of(given), length, is_unit=request.is_normalized is not False)
        for given in request.inputs
    ]
    return Embeddings(
        vectors=tuple(
            Vector(
                _encoded(values, encoding, model),
                index,
                encoding,
                content=_content_of(request.inputs[index]),
            )
            for encoding in request.encodings or (Encoding.FLOAT,)
            for index, values in enumerate(floats)
        ),
        usage=Usage(input_tokens=sum(map(_tokens_of, request.inputs))),
        latency_ms=LATENCY_MS,
    )


def ranking_of(request: RerankRequest) -> Ranking:
    """The documents by relevance, at most `top_n` of them; relevance is between 0 and 1."""
    scores = [
        _relevance(request.query, text_of_document(document)) for document in request.documents
    ]
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    return Ranking(
        tuple(RankedDocument(index, scores[index]) for index in order[: request.top_n]),
        latency_ms=LATENCY_MS,
    )


# ── words ─────────────────────────────────────────────────────────────────────────────────────────


def _words_of(given: EmbeddingInput) -> list[str]:
    """The words of an input, or its data or location where it has none."""
    match given:
        case Text(text):
            return _words(text)
        case MixedInput(parts):
            return [word for part in parts for word in _words_of(part)]
        case Image(Media() as source) | AudioVideo(Media() as source) | Document(Media() as source):
            return [source.data]
    return [""]


def _words(text: str) -> list[str]:
    return text.lower().split() or [""]


def _tokens_of(given: EmbeddingInput) -> int:
    match given:
        case Text(text):
            return len(tokens(text))
        case MixedInput(parts):
            return sum(map(_tokens_of, parts))
    return MEDIA_TOKENS


def _content_of(given: EmbeddingInput) -> str:
    """Nova's name of the input's type; other families leave it out."""
    match given:
        case Image():
            return "IMAGE"
        case AudioVideo(Media(media_type=str(media_type))):
            return "AUDIO" if media_type.startswith("audio/") else "AUDIO_VIDEO_COMBINED"
    return "TEXT"


def _relevance(query: str, document: str) -> float:
    """The Jaccard index of the words of query and document, between 0 and 1."""
    asked, found = set(_words(query)), set(_words(document))
    return round(len(asked & found) / len(asked | found), 6)


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────


def _vector(words: Iterable[str], length: int, *, is_unit: bool) -> list[float]:
    """The sum of the words' vectors, scaled to length 1 if `is_unit`. A word's vector is its
    SHAKE-256 digest, centred."""
    # An extendable hash gives as many bytes as there are dimensions, on every machine the same.
    # 127.5 is the middle of a byte.
    columns = zip(*(shake_256(word.encode()).digest(length) for word in words), strict=True)
    sums = [sum(column) / 127.5 - len(column) for column in columns]
    size = sqrt(sum(value * value for value in sums)) if is_unit else 1.0
    return [value / size for value in sums]


def _encoded(
    values: list[float], encoding: Encoding, model: EmbeddingModel
) -> tuple[float, ...] | str:
    """The values in one encoding; integer encodings are scaled to the largest value."""
    largest = max(map(abs, values))
    match encoding:
        case Encoding.FLOAT:
            return tuple(values)
        case Encoding.INT8:
            return tuple(round(value / largest * 127) for value in values)
        case Encoding.UINT8:
            return tuple(round(value / largest * 127) + 128 for value in values)
        case Encoding.BINARY | Encoding.UBINARY:
            bits = tuple(int(value > 0) for value in values)
            return (
                _packed(bits, is_signed=encoding is Encoding.BINARY) if model.packs_bits else bits
            )
    return b64encode(pack(f"<{len(values)}f", *values)).decode()


def _packed(bits: tuple[int, ...], *, is_signed: bool) -> tuple[int, ...]:
    """Eight bits in a number, the first one the highest."""
    numbers = (
        int("".join(map(str, bits[start : start + 8])), 2) for start in range(0, len(bits), 8)
    )
    return tuple(number - 128 if is_signed else number for number in numbers)
