"""What is asked of models that do not talk: vectors of texts and pictures, and documents in order
of relevance.

The same vocabulary and the same laws as in `messages`: frozen values, `None` for "nobody said",
documented parameters of one family in `options`, what nobody documented in `extra`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias

from attrs import evolve, field, frozen

from axonflow_core.messages import (
    EMPTY,
    Document,
    Image,
    Json,
    Media,
    Text,
    Usage,
    hidden,
    size_only,
)

# ── vectors ───────────────────────────────────────────────────────────────────────────────────────


class Encoding(StrEnum):
    """How the numbers of a vector are told."""

    FLOAT = "float"
    INT8 = "int8"
    UINT8 = "uint8"
    BINARY = "binary"
    """One bit a dimension: Titan tells 0 and 1, Cohere packs eight into a signed byte."""
    UBINARY = "ubinary"
    BASE64 = "base64"


_ENCODINGS = frozenset(Encoding)


def of_encodings(native: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """The members of `native` that are called after an encoding, and the others."""
    known = {key: value for key, value in native.items() if key in _ENCODINGS}
    return known, {key: value for key, value in native.items() if key not in _ENCODINGS}


class Purpose(StrEnum):
    """What a vector is for. Some families make others of the same text."""

    DOCUMENT = "document"
    """To be found."""
    QUERY = "query"
    """To find with."""
    CLASSIFICATION = "classification"
    CLUSTERING = "clustering"
    IMAGE = "image"
    """A picture, for the families that call that a purpose."""


class Truncation(StrEnum):
    """Which end is cut off an input that is too long. With `NONE` it is refused."""

    NONE = "none"
    START = "start"
    END = "end"


@frozen
class AudioVideo:
    """A piece of sound or film. The `media_type` of its source says which: `audio/mp3`,
    `video/mp4`."""

    source: Media
    mode: str | None = None
    """Whether the sound of a film counts, in the family's own word: `AUDIO_VIDEO_COMBINED`."""
    extra: Mapping[str, Json] = hidden(default=EMPTY, kw_only=True)


@frozen
class MixedInput:
    """Texts and pictures that get one vector together."""

    parts: tuple[Text | Image, ...] = field(repr=size_only)
    extra: Mapping[str, Json] = hidden(default=EMPTY, kw_only=True)


EmbeddingInput: TypeAlias = Text | Image | Document | AudioVideo | MixedInput


@frozen
class EmbeddingRequest:
    inputs: tuple[EmbeddingInput, ...]
    """Each gets a vector of its own. A `Document` is a text that stands elsewhere, e.g. in S3."""
    purpose: Purpose | None = None
    native_purpose: str | None = None
    """The family's own word, where it has several for one purpose."""
    dimensions: int | None = None
    is_normalized: bool | None = None
    """Whether vectors have the length 1."""
    truncation: Truncation | None = None
    native_truncation: str | None = None
    encodings: tuple[Encoding, ...] = ()
    """Those that are wanted; none is the family's usual one."""
    options: Mapping[str, Json] = hidden(default=EMPTY)
    extra: Mapping[str, Json] = hidden(default=EMPTY, kw_only=True)


@frozen
class Vector:
    values: tuple[float, ...] | str = field(repr=size_only)
    """One number for each dimension; packed bits are fewer, base64 is one text."""
    input_index: int = 0
    """Which of the request's inputs it stands for."""
    encoding: Encoding = Encoding.FLOAT
    content: str | None = None
    """What of the input it stands for, in the family's own word: `TEXT`, `AUDIO`."""
    kept_characters: int | None = None
    """How much of a text was read, where that is not all of it."""
    extra: Mapping[str, Json] = hidden(default=EMPTY, kw_only=True)


@frozen
class Embeddings:
    vectors: tuple[Vector, ...]
    """In the order of the answer: one for each input and encoding, and for a film perhaps one more
    for its sound."""
    usage: Usage = Usage()
    texts: tuple[str, ...] | None = hidden(default=None)
    """The texts as the family says it read them."""
    id: str | None = None
    form: str | None = None
    """How the vectors were laid out, in the family's own word, where it was not the usual way."""
    message: str | None = hidden(default=None)
    """What the family remarks."""
    latency_ms: int | None = None
    extra: Mapping[str, Json] = hidden(default=EMPTY, kw_only=True)

    @property
    def floats(self) -> tuple[tuple[float, ...], ...]:
        return tuple(
            values for values in self.in_encoding(Encoding.FLOAT) if not isinstance(values, str)
        )

    def in_encoding(self, encoding: Encoding) -> tuple[tuple[float, ...] | str, ...]:
        """The values of every vector in that encoding, in the order of the inputs."""
        chosen = [vector for vector in self.vectors if vector.encoding is encoding]
        return tuple(
            vector.values for vector in sorted(chosen, key=lambda vector: vector.input_index)
        )


def merge_embeddings(answers: Sequence[tuple[int, Embeddings]]) -> Embeddings:
    """One answer for the answers to the parts of a request; with each comes how many inputs it
    answers.

    Counts are added up. What is said of one call alone (`id`, `latency_ms`, …) stands only where
    there was one.
    """
    if len(answers) == 1:
        return answers[0][1]
    vectors: list[Vector] = []
    before = 0
    for count, answer in answers:
        vectors += (
            evolve(vector, input_index=before + vector.input_index) for vector in answer.vectors
        )
        before += count
    counts = [answer.usage.input_tokens for _, answer in answers]
    told = [count for count in counts if count is not None]
    return Embeddings(tuple(vectors), Usage(input_tokens=sum(told) if told else None))


# ── rankings ──────────────────────────────────────────────────────────────────────────────────────


@frozen
class RerankRequest:
    query: str = field(repr=size_only)
    documents: tuple[str, ...] = field(repr=size_only)
    top_n: int | None = None
    """How many of the best are wanted; without it, all in order."""
    options: Mapping[str, Json] = hidden(default=EMPTY)
    extra: Mapping[str, Json] = hidden(default=EMPTY, kw_only=True)


@frozen
class RankedDocument:
    index: int
    """Which of the request's documents it is."""
    score: float
    """How relevant, from 0 to 1. Scores of two queries do not compare."""
    extra: Mapping[str, Json] = hidden(default=EMPTY, kw_only=True)


@frozen
class Ranking:
    results: tuple[RankedDocument, ...]
    """The best first."""
    id: str | None = None
    usage: Usage = Usage()
    latency_ms: int | None = None
    extra: Mapping[str, Json] = hidden(default=EMPTY, kw_only=True)
