"""Requests to embedding and rerank models, and their answers: vectors of texts and pictures, and
documents in order of relevance.

The same vocabulary and the same laws as in `messages`: frozen values, `None` for "unset",
documented parameters of one family in `options`, undocumented members in `extra`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from math import isfinite
from typing import TypeAlias

from attrs import field

from axonflow_core.converters import (
    EMPTY,
    Json,
    comparable,
    count,
    items,
    json_members,
    member,
    number,
    optional_flag,
    optional_text,
    optional_text_values,
    text_value,
    tuple_of,
    whole,
)
from axonflow_core.frozen import Unfit, evolve, frozen, passing
from axonflow_core.json_text import canonical
from axonflow_core.messages import (
    Data,
    Document,
    Image,
    Media,
    Text,
    Usage,
    media_value,
    members_field,
    size_only,
    usage_value,
)

# ── vectors ───────────────────────────────────────────────────────────────────────────────────────


class Encoding(StrEnum):
    """How the numbers of a vector are encoded in an answer."""

    FLOAT = "float"
    """Floating-point numbers, the usual encoding of every family."""
    INT8 = "int8"
    """Whole numbers from -128 to 127."""
    UINT8 = "uint8"
    """Whole numbers from 0 to 255."""
    BINARY = "binary"
    """One bit a dimension: Titan sends 0 and 1, Cohere packs eight into a signed byte."""
    UBINARY = "ubinary"
    """Eight bits packed into a whole number from 0 to 255."""
    BASE64 = "base64"
    """The float32 numbers as base64 text."""


_ENCODINGS = frozenset(Encoding)


def of_encodings(native: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """The members of `native` whose keys are names of encodings, and the others."""
    known = {key: value for key, value in native.items() if key in _ENCODINGS}
    return known, {key: value for key, value in native.items() if key not in _ENCODINGS}


class Purpose(StrEnum):
    """What a vector is for. Some families make others of the same text."""

    DOCUMENT = "document"
    """To be found."""
    QUERY = "query"
    """To find with."""
    CLASSIFICATION = "classification"
    """As a feature of a classifier."""
    CLUSTERING = "clustering"
    """To be grouped with similar ones."""
    IMAGE = "image"
    """A picture, for the families that call that a purpose."""


class Truncation(StrEnum):
    """Which end is cut off an input that is too long. With `NONE` it is refused."""

    NONE = "none"
    START = "start"
    END = "end"


@frozen
class AudioVideo:
    """A piece of sound or film. The `media_type` of its source tells which: `audio/mp3`,
    `video/mp4`. `mode` is the family's own word for whether the sound of a film counts:
    `AUDIO_VIDEO_COMBINED`."""

    source: Media = field(converter=media_value)
    mode: str | None = field(default=None, converter=optional_text)
    extra: Mapping[str, Json] = members_field()


_PARTS = frozenset({Text, Image})


def _parts(value: str | Text | Image | Iterable[str | Text | Image]) -> tuple[Text | Image, ...]:
    """The parts of a mixed input; a bare str is a `Text`."""
    given = [value] if isinstance(value, str) else value
    return tuple_of(_PARTS, given, "texts and Images", _as_text)


def _as_text(value: object) -> object:
    return Text(value) if isinstance(value, str) else value


@frozen
class MixedInput:
    """Texts and pictures that get one vector together."""

    parts: tuple[Text | Image, ...] = field(converter=_parts, repr=size_only)
    extra: Mapping[str, Json] = members_field()


EmbeddingInput: TypeAlias = Text | Image | Document | AudioVideo | MixedInput
"""Every kind of input that can be embedded."""
_INPUTS = frozenset({Text, Image, Document, AudioVideo, MixedInput})


def _inputs(
    value: str | EmbeddingInput | Iterable[str | EmbeddingInput],
) -> tuple[EmbeddingInput, ...]:
    """The inputs of a request, from one or several; a bare str is a `Text`."""
    given = [value] if isinstance(value, str) else value
    takes = "texts, Images, Documents, AudioVideos and MixedInputs"
    return tuple_of(_INPUTS, given, takes, _as_text)


passing(_inputs, "type({0}) is tuple and INPUTS.issuperset(map(type, {0}))", INPUTS=_INPUTS)


def _optional_purpose(value: Purpose | str | None) -> Purpose | None:
    return None if value is None else member(Purpose, value)


def _optional_truncation(value: Truncation | str | None) -> Truncation | None:
    return None if value is None else member(Truncation, value)


def _encoding(value: Encoding | str) -> Encoding:
    return member(Encoding, value)


passing(_encoding, "type({0}) is Encoding", Encoding=Encoding)


def _encodings(value: Encoding | str | Iterable[Encoding | str] | None) -> tuple[Encoding, ...]:
    given = [value] if isinstance(value, str) else value
    return tuple_of((Encoding,), given, "encodings", lambda item: member(Encoding, item))


@frozen
class EmbeddingRequest:
    """Inputs that get a vector each. A `Document` is a text that is stored elsewhere, e.g. in S3.

    `native_purpose` is the family's own word, where it has several for one purpose;
    `native_truncation` likewise. `dimensions` is the length of a vector, and `is_normalized` asks
    for vectors of length 1 in the geometric sense. No `encodings` asks for the family's usual one.
    """

    inputs: tuple[EmbeddingInput, ...] = field(converter=_inputs)
    purpose: Purpose | None = field(default=None, converter=_optional_purpose)
    native_purpose: str | None = field(default=None, converter=optional_text)
    dimensions: int | None = field(default=None, converter=count)
    is_normalized: bool | None = field(default=None, converter=optional_flag)
    truncation: Truncation | None = field(default=None, converter=_optional_truncation)
    native_truncation: str | None = field(default=None, converter=optional_text)
    encodings: tuple[Encoding, ...] = field(default=(), converter=_encodings)
    options: Mapping[str, Json] = field(
        default=EMPTY, converter=json_members, repr=size_only, eq=comparable
    )
    extra: Mapping[str, Json] = members_field()


_NUMBERS = frozenset({float, int})


_WHAT_VECTOR = "finite numbers, or a base64 text"


def _vector_values(value: str | Iterable[float]) -> tuple[float, ...] | str:
    """The numbers of a vector as a tuple, or its base64 text. The check is one sum for all numbers:
    it is finite if they are, and a vector has a thousand of them."""
    if isinstance(value, str):
        return text_value(value)
    given = tuple(value) if type(value) is list else tuple(items(value, _WHAT_VECTOR))
    try:
        is_right = _NUMBERS.issuperset(map(type, given)) and isfinite(sum(given))
    except OverflowError:
        raise Unfit(_WHAT_VECTOR, "one beyond the range of floats") from None
    return given if is_right else tuple(map(number, given))


@frozen
class Vector:
    """One vector. `values` are one number for each dimension; packed bits are fewer, base64 is one
    text.

    `input_index` tells which of the request's inputs it is of, from 0. `content` is the part of the
    input that it is of, in the family's own word: `TEXT`, `AUDIO`. `kept_characters` is how much of
    a text was read, where that is not all of it.
    """

    values: tuple[float, ...] | str = field(converter=_vector_values, repr=size_only, eq=comparable)
    input_index: int = field(default=0, converter=whole)
    encoding: Encoding = field(default=Encoding.FLOAT, converter=_encoding)
    content: str | None = field(default=None, converter=optional_text)
    kept_characters: int | None = field(default=None, converter=count)
    extra: Mapping[str, Json] = members_field()


def _vectors(value: Vector | Iterable[Vector]) -> tuple[Vector, ...]:
    return tuple_of((Vector,), value, "Vectors")


passing(_vectors, "type({0}) is tuple and VECTOR.issuperset(map(type, {0}))", VECTOR={Vector})


@frozen
class Embeddings:
    """The answer to an `EmbeddingRequest`.

    `vectors` are in the order of the answer: one for each input and encoding, and for a film
    perhaps one more for its sound. `texts` are the inputs as the family returns them. `form` is how
    the vectors were laid out, in the family's own word, where it was not the usual way. `message`
    is a remark of the family, for example that an input was cut. `usage` counts tokens,
    `latency_ms` is in milliseconds.
    """

    vectors: tuple[Vector, ...] = field(converter=_vectors)
    usage: Usage = field(default=Usage(), converter=usage_value)
    texts: tuple[str, ...] | None = field(
        default=None, converter=optional_text_values, repr=size_only
    )
    id: str | None = field(default=None, converter=optional_text)
    form: str | None = field(default=None, converter=optional_text)
    message: str | None = field(default=None, converter=optional_text, repr=size_only)
    latency_ms: int | None = field(default=None, converter=count)
    extra: Mapping[str, Json] = members_field()

    @property
    def floats(self) -> tuple[tuple[float, ...], ...]:
        """The vectors of floating-point numbers, in the order of the inputs. Empty where only other
        encodings were asked for."""
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

    Counts are added up. What belongs to one call alone (`id`, `latency_ms`, …) is unset where there
    were several.
    """
    if len(answers) == 1:
        return answers[0][1]
    vectors: list[Vector] = []
    before = 0
    for size, answer in answers:
        vectors += (
            evolve(vector, input_index=before + vector.input_index) for vector in answer.vectors
        )
        before += size
    counts = [answer.usage.input_tokens for _, answer in answers]
    known = [count for count in counts if count is not None]
    return Embeddings(tuple(vectors), Usage(input_tokens=sum(known) if known else None))


# ── rankings ──────────────────────────────────────────────────────────────────────────────────────


_DOCUMENTS = frozenset({str, Text, Data})


def _documents(
    value: str | Text | Data | Iterable[str | Text | Data],
) -> tuple[str | Text | Data, ...]:
    """The documents of a request, from one or several."""
    given = [value] if isinstance(value, str) else value
    documents = tuple_of(_DOCUMENTS, given, "texts, Texts and Data", _as_plain)
    return tuple(map(_as_plain, documents))


def _as_plain(value: str | Text | Data) -> str | Text | Data:
    """A text as it may stand in JSON; all else unchanged."""
    return text_value(value) if isinstance(value, str) else value


def text_of_document(document: str | Text | Data) -> str:
    """What there is to read of a document; of fields, their JSON."""
    match document:
        case Text(text):
            return text
        case Data(value):
            return canonical(value)
    return document


@frozen
class RerankRequest:
    """Documents to be put in order by their relevance to `query`; `top_n` asks for the best so many
    alone.

    A document is a text. A `Text` is one with fields of the family's own beside it, in its `extra`;
    a `Data` is an object of fields, for families that rank these.
    """

    query: str = field(converter=text_value, repr=size_only)
    documents: tuple[str | Text | Data, ...] = field(converter=_documents, repr=size_only)
    top_n: int | None = field(default=None, converter=count)
    options: Mapping[str, Json] = field(
        default=EMPTY, converter=json_members, repr=size_only, eq=comparable
    )
    extra: Mapping[str, Json] = members_field()


@frozen
class RankedDocument:
    """The document number `index` of the request, from 0. `score` is its relevance, from 0 to 1;
    scores of two queries do not compare."""

    index: int = field(converter=whole)
    score: float = field(converter=number, eq=comparable)
    extra: Mapping[str, Json] = members_field()


def _ranked(value: RankedDocument | Iterable[RankedDocument]) -> tuple[RankedDocument, ...]:
    return tuple_of((RankedDocument,), value, "RankedDocuments")


@frozen
class Ranking:
    """The answer to a `RerankRequest`; `results` has the best first."""

    results: tuple[RankedDocument, ...] = field(converter=_ranked)
    id: str | None = field(default=None, converter=optional_text)
    usage: Usage = field(default=Usage(), converter=usage_value)
    latency_ms: int | None = field(default=None, converter=count)
    extra: Mapping[str, Json] = members_field()
