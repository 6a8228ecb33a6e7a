"""Hypothesis strategies that draw what an `EmbeddingCodec` or `RerankCodec` claims, and nothing
else.

Where a record is silent on a detail (which sources a picture may have, which option goes with which
input) the codec is asked with the smallest request that holds it, as in `claims`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.unary import EmbeddingCodec, EmbeddingFeature, RerankCodec
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.messages import Document, Image, Media, MediaKind, Text, Usage
from axonflow_core.retrieval import (
    AudioVideo,
    EmbeddingInput,
    EmbeddingRequest,
    Embeddings,
    Encoding,
    MixedInput,
    Purpose,
    RankedDocument,
    Ranking,
    RerankRequest,
    Truncation,
    Vector,
)

from .claims import NO_FACTS
from .option_values import options_of
from .strategies import texts

T = TypeVar("T")

_PICTURES = (
    Media(MediaKind.BASE64, "iVBORw0KGgo=", "image/png"),
    Media(MediaKind.BASE64, "/9j/4AAQ", "image/jpeg"),
    Media(MediaKind.S3, "s3://shelf/kiwi.png", "image/png"),
    Media(MediaKind.URL, "https://a.example/kiwi"),
    Media(MediaKind.BASE64, "iVBORw0KGgo="),
)
SAMPLES: Mapping[type[EmbeddingInput], tuple[EmbeddingInput, ...]] = {
    Text: (Text("kiwi"),),
    Image: tuple(map(Image, _PICTURES)),
    Document: (
        Document(Media(MediaKind.S3, "s3://shelf/kiwi.txt")),
        Document(Media(MediaKind.BASE64, "a2l3aQ==")),
    ),
    AudioVideo: (
        AudioVideo(Media(MediaKind.BASE64, "//t0", "audio/mp3")),
        AudioVideo(Media(MediaKind.S3, "s3://shelf/kiwi.mp4", "video/mp4"), "AUDIO_VIDEO_COMBINED"),
    ),
    MixedInput: (
        *(MixedInput((Text("kiwi"), Image(picture))) for picture in _PICTURES),
        *(MixedInput((Image(picture), Text("kiwi"), Text("fruit"))) for picture in _PICTURES),
        MixedInput((Text("kiwi"),)),
    ),
}
"""Inputs of every kind. A family that sniffs a picture's type has no place for it, and gets the
last picture."""

_TELLS: Mapping[str, str] = {
    "id": "id",
    "texts": "texts",
    "message": "message",
    "input_tokens": "inputTextTokenCount",
    "content": "embeddingType",
    "kept_characters": "truncatedCharLength",
}
"""A fact of an answer -> the key under which families report it."""


def says(codec: EmbeddingCodec, request: EmbeddingRequest, facts: ModelFacts = NO_FACTS) -> bool:
    """Whether the codec encodes the request instead of refusing it."""
    try:
        codec.encode_request(request, facts)
    except EncodeError:
        return False
    return True


def inputs_of(codec: EmbeddingCodec, kind: type[EmbeddingInput]) -> list[EmbeddingInput]:
    """Inputs of one kind that the codec encodes. Where none but the untyped picture comes back as
    itself, the family detects the type from the bytes, and the untyped one alone stands for all."""
    asked = [
        EmbeddingRequest((sample,), codec.default_purposes.get(kind)) for sample in SAMPLES[kind]
    ]
    encoded = [request for request in asked if says(codec, request)]
    kept = [request for request in encoded if _again(codec, request) == request]
    if len(kept) > 1:
        # What comes back as another sample had no type, and the codec found it in the bytes.
        kept = [each for each in encoded if each in kept or _again(codec, each) not in kept]
    return [request.inputs[0] for request in kept or encoded]


def _again(codec: EmbeddingCodec, request: EmbeddingRequest) -> EmbeddingRequest:
    return codec.decode_request(codec.encode_request(request, NO_FACTS), NO_FACTS)


# ── requests ──────────────────────────────────────────────────────────────────────────────────────


def embedding_requests(codec: EmbeddingCodec) -> SearchStrategy[EmbeddingRequest]:
    """A request that is one call and comes back as itself."""
    return st.one_of([_requests_of(codec, kind) for kind in codec.takes])


def _requests_of(
    codec: EmbeddingCodec, kind: type[EmbeddingInput]
) -> SearchStrategy[EmbeddingRequest]:
    """Requests of one kind of input, with every parameter that the codec takes for it."""
    samples = inputs_of(codec, kind)
    plain = EmbeddingRequest((samples[0],), codec.default_purposes.get(kind))
    inputs: SearchStrategy[Any] = (
        st.builds(Text, texts().filter(lambda text: text or codec.limits.has_empty_texts))
        if kind is Text
        else st.sampled_from(samples)
    )

    def sayable(name: str, values: Iterable[T]) -> list[T]:
        changes: Any = ({name: value} for value in values)
        return [change[name] for change in changes if says(codec, evolve(plain, **change))]

    return st.builds(
        EmbeddingRequest,
        st.lists(inputs, min_size=1, max_size=min(codec.takes[kind], 4)).map(tuple),
        st.sampled_from(
            [*sayable("purpose", Purpose), *([] if codec.default_purposes else [None])]
        ),
        dimensions=_perhaps(codec, EmbeddingFeature.DIMENSIONS, _dimensions(codec)),
        is_normalized=_perhaps(codec, EmbeddingFeature.NORMALIZATION, st.booleans()),
        truncation=st.sampled_from([None, *sayable("truncation", Truncation)]),
        encodings=_encodings(codec).filter(
            lambda encodings: says(codec, evolve(plain, encodings=encodings))
        )
        if len(codec.encodings) > 1
        else st.just(()),
        options=options_of(option for option in codec.options if sayable("options", [{option: 7}])),
    )


def _dimensions(codec: EmbeddingCodec) -> SearchStrategy[int]:
    known = sorted(codec.limits.dimensions)
    return st.sampled_from(known) if known else st.integers(1, 4096)


def _perhaps(
    codec: EmbeddingCodec, feature: EmbeddingFeature, values: SearchStrategy[T]
) -> SearchStrategy[T | None]:
    """`values` or None where the codec has `feature`, else None alone."""
    return st.none() | values if feature in codec.features else st.none()


def _encodings(codec: EmbeddingCodec) -> SearchStrategy[tuple[Encoding, ...]]:
    return st.lists(st.sampled_from(sorted(codec.encodings)), max_size=3, unique=True).map(tuple)


def rerank_requests(codec: RerankCodec) -> SearchStrategy[RerankRequest]:
    """Draws requests that the codec supports."""
    documents = st.lists(texts(), min_size=1, max_size=4).map(tuple)
    top_n = st.none() | st.integers(1, 100)
    return st.builds(
        RerankRequest, texts().filter(bool), documents, top_n, options_of(codec.options)
    )


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def embeddings(codec: EmbeddingCodec) -> SearchStrategy[Embeddings]:
    """An answer to one call, laid out in the family's usual way."""
    return st.builds(
        Embeddings,
        _vectors(codec),
        st.builds(Usage, input_tokens=_carried(codec, "input_tokens", st.integers(0, 9000))),
        _carried(codec, "texts", st.lists(texts(), max_size=3).map(tuple)),
        _carried(codec, "id", st.text("abc-", max_size=8)),
        message=_carried(codec, "message", texts()),
    )


def _carried(
    codec: EmbeddingCodec, fact: str, values: SearchStrategy[T]
) -> SearchStrategy[T | None]:
    """`values` or None for a fact that the family's answers carry, else None alone."""
    return st.none() | values if _TELLS[fact] in codec.documented else st.none()


def _vectors(codec: EmbeddingCodec) -> SearchStrategy[tuple[Vector, ...]]:
    """One vector for each input and encoding, encoding by encoding, as families send them."""
    most = min(max(codec.takes.values()), 3)
    encodings = _encodings(codec).map(lambda drawn: drawn or (Encoding.FLOAT,))
    places = st.tuples(encodings, st.integers(1, most)).map(
        lambda drawn: [(encoding, index) for encoding in drawn[0] for index in range(drawn[1])]
    )
    return places.flatmap(lambda drawn: st.tuples(*(_vector(codec, *place) for place in drawn)))


def _vector(codec: EmbeddingCodec, encoding: Encoding, index: int) -> SearchStrategy[Vector]:
    return st.builds(
        Vector,
        _values(encoding),
        st.just(index),
        st.just(encoding),
        _carried(codec, "content", st.sampled_from(["TEXT", "IMAGE"])),
        _carried(codec, "kept_characters", st.integers(0, 9000)),
    )


def _values(encoding: Encoding) -> SearchStrategy[Any]:
    """The numbers of a vector, or the base64 text of float32 numbers (`AACAPw==` is 1.0)."""
    if encoding is Encoding.BASE64:
        return st.sampled_from(["AACAPw==", "AAAAAA=="])
    numbers: SearchStrategy[Any] = st.integers(-128, 255)
    if encoding is Encoding.FLOAT:
        numbers = st.floats(-1, 1, allow_nan=False) | st.integers(-1, 1)
    return st.lists(numbers, min_size=1, max_size=5).map(tuple)


def rankings(codec: RerankCodec) -> SearchStrategy[Ranking]:
    """Draws answers that the codec can encode."""
    ranked = st.builds(RankedDocument, st.integers(0, 1000), st.floats(0, 1))
    return st.builds(
        Ranking, st.lists(ranked, max_size=4).map(tuple), st.none() | st.text("abc-", max_size=8)
    )
