"""Vectors: `batchEmbedContents`, which Google's clients send, and `embedContent` for one input.

    {"requests": [{"model": "models/gemini-embedding-2", "content": {"parts": [{"text": "kiwi"}]},
                   "taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 768}]}
    {"embeddings": [{"values": [0.1, …]}]}

    {"content": {"parts": [{"text": "kiwi"}]}, "taskType": "RETRIEVAL_QUERY"}
    {"embedding": {"values": [0.1, …]}}

Purpose, title and length may differ from request to request; one neutral request has one of each,
so a batch in which they differ is refused. Members that nobody documents are kept by their place:
`requests.0.x` and, of a content, `contents.0.x`.

Source: Gemini API reference, "Embeddings" (`TaskType`, `EmbedContentRequest`); google-genai 3.6.1,
`models._EmbedContentConfig_to_mldev`; November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from axonflow_core.codec import ModelFacts, NativeNames
from axonflow_core.codec.json_members import (
    array_in,
    mapping_or_empty,
    numbers,
    object_in,
    prefixed,
    split_prefixed,
    unknown_members,
    without_none,
)
from axonflow_core.codec.unary import EmbeddingCodec, EmbeddingFeature
from axonflow_core.errors import EncodeError
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import EMPTY, Image, Json, Text, Usage
from axonflow_core.retrieval import (
    EmbeddingInput,
    EmbeddingRequest,
    Embeddings,
    MixedInput,
    Purpose,
    Vector,
)

from .names import tidied
from .parts import Calls, decode_parts, encode_parts

PURPOSES = NativeNames(
    {
        "RETRIEVAL_DOCUMENT": Purpose.DOCUMENT,
        "RETRIEVAL_QUERY": Purpose.QUERY,
        "QUESTION_ANSWERING": Purpose.QUERY,
        "FACT_VERIFICATION": Purpose.QUERY,
        "CODE_RETRIEVAL_QUERY": Purpose.QUERY,
        "CLASSIFICATION": Purpose.CLASSIFICATION,
        "CLUSTERING": Purpose.CLUSTERING,
        "SEMANTIC_SIMILARITY": Purpose.CLUSTERING,
    },
    "purpose",
)
_TASK, _TITLE, _LENGTH = "taskType", "title", "outputDimensionality"
_REQUEST_KEYS = frozenset({"model", "content", _TASK, _TITLE, _LENGTH})
_CONTENT_KEYS = frozenset({"parts", "role"})
MAX_BATCH = 100
"""How many requests a batch may have (Gemini API reference, "batchEmbedContents")."""


# ── requests ──────────────────────────────────────────────────────────────────────────────────────


def _decode_batch(body: Json, facts: ModelFacts) -> EmbeddingRequest:
    body = tidied(body)
    requests = array_in(body, "requests")
    return _decode_requests(requests, unknown_members(body, frozenset({"requests", "model"})))


def _decode_single(body: Json, facts: ModelFacts) -> EmbeddingRequest:
    return _decode_requests([tidied(body)], EMPTY)


def _decode_requests(requests: Sequence[Json], extra: Mapping[str, Json]) -> EmbeddingRequest:
    asked = [(each.get(_TASK), each.get(_TITLE), each.get(_LENGTH)) for each in requests]
    task, title, length = asked[0]
    if any(each != asked[0] for each in asked):
        raise ValueError("the requests of a batch have one purpose, title and length")
    purpose, native = PURPOSES.decode_optional(task)
    kept = dict(extra)
    for place, each in enumerate(requests):
        content = object_in(each, "content")
        kept |= prefixed(f"requests.{place}", unknown_members(each, _REQUEST_KEYS))
        kept |= prefixed(f"contents.{place}", unknown_members(content, _CONTENT_KEYS))
    return EmbeddingRequest(
        tuple([_decode_input(object_in(each, "content")) for each in requests]),
        purpose,
        native,
        dimensions=length,
        options=without_none({_TITLE: title}),
        extra=kept,
    )


def _decode_input(content: Mapping[str, Json]) -> EmbeddingInput:
    """The part of a content; several are one input together."""
    parts = decode_parts(content.get("parts"), Calls())
    known = tuple(part for part in parts if isinstance(part, Text | Image))
    if not known or len(known) != len(parts):
        raise ValueError("a content to embed has texts and pictures")
    return known[0] if len(known) == 1 else MixedInput(known)


def _encode_requests(request: EmbeddingRequest, facts: ModelFacts) -> list[dict[str, Json]]:
    asked = without_none(
        {
            "model": f"models/{facts.base_id}" if facts.base_id else None,
            _TASK: PURPOSES.encode_optional(request.purpose, request.native_purpose),
            _TITLE: request.options.get(_TITLE),
            _LENGTH: request.dimensions,
        }
    )
    return [
        {
            "content": {"parts": _encode_input(given), **_at(request.extra, f"contents.{place}")},
            **asked,
            **_at(request.extra, f"requests.{place}"),
        }
        for place, given in enumerate(request.inputs)
    ]


def _encode_input(given: EmbeddingInput) -> list[Json]:
    parts = given.parts if isinstance(given, MixedInput) else (given,)
    if isinstance(given, MixedInput) and len(parts) == 1:
        raise EncodeError(
            "a mixed input of one part is that part to Gemini",
            feature="inputs",
            hint="give the text or the picture itself",
        )
    return encode_parts([part for part in parts if isinstance(part, Text | Image)], Calls())


def _at(extra: Mapping[str, Json], place: str) -> dict[str, Json]:
    """The members of `extra` that stood at `place`."""
    start = f"{place}."
    return {key.removeprefix(start): value for key, value in extra.items() if key.startswith(start)}


def _encode_batch(request: EmbeddingRequest, facts: ModelFacts) -> Json:
    own, _, _ = split_prefixed(request.extra, "requests", "contents")
    return {"requests": _encode_requests(request, facts), **own}


def _encode_single(request: EmbeddingRequest, facts: ModelFacts) -> Json:
    return _encode_requests(request, facts)[0]


# ── answers ───────────────────────────────────────────────────────────────────────────────────────

_COUNTS = "usageMetadata"


def _decode_vector(native: Json, place: int) -> Vector:
    extra = unknown_members(native, frozenset({"values"}))
    return Vector(numbers(native["values"]), place, extra=extra)


def _encode_vector(vector: Vector) -> Json:
    return {"values": list(vector.values), **vector.extra}


def _decode_vectors(body: Json, facts: ModelFacts) -> Embeddings:
    vectors = [_decode_vector(each, n) for n, each in enumerate(array_in(body, "embeddings"))]
    return _decoded(body, tuple(vectors), "embeddings")


def _decode_one(body: Json, facts: ModelFacts) -> Embeddings:
    return _decoded(body, (_decode_vector(object_in(body, "embedding"), 0),), "embedding")


def _decoded(body: Json, vectors: tuple[Vector, ...], key: str) -> Embeddings:
    """Newer models count the tokens of a call, older ones do not."""
    count = mapping_or_empty(body.get(_COUNTS)).get("promptTokenCount")
    is_count = type(count) is int and count >= 0
    usage = Usage(input_tokens=count if is_count else None)
    rest = unknown_members(mapping_or_empty(body.get(_COUNTS)), frozenset({"promptTokenCount"}))
    known = frozenset({key, _COUNTS} if count is None or is_count else {key})
    extra = {**unknown_members(body, known), **prefixed(_COUNTS, rest if is_count else EMPTY)}
    if count is None and rest:
        extra[_COUNTS] = rest
    return Embeddings(vectors, usage, extra=extra)


def _encode_answer(embeddings: Embeddings, members: dict[str, Json]) -> Json:
    extra, in_counts = split_prefixed(embeddings.extra, _COUNTS)
    counts = without_none({"promptTokenCount": embeddings.usage.input_tokens})
    counted = {_COUNTS: {**counts, **in_counts}} if counts or in_counts else {}
    return {**members, **counted, **extra}


def _encode_vectors(embeddings: Embeddings, facts: ModelFacts) -> Json:
    ordered = sorted(embeddings.vectors, key=lambda vector: vector.input_index)
    return _encode_answer(embeddings, {"embeddings": [_encode_vector(each) for each in ordered]})


def _encode_one(embeddings: Embeddings, facts: ModelFacts) -> Json:
    return _encode_answer(embeddings, {"embedding": _encode_vector(embeddings.vectors[0])})


# ── the records ───────────────────────────────────────────────────────────────────────────────────

_MODELS = ("gemini-embedding",)
_FEATURES = frozenset({EmbeddingFeature.PURPOSE, EmbeddingFeature.DIMENSIONS})
_DOCUMENTED = frozenset(
    "content parts text inlineData mimeType data taskType title outputDimensionality values "
    "fileData fileUri".split()
)
_EVIDENCE = "documents: Gemini API reference and google-genai 3.6.1, November 2026"

EMBEDDINGS = EmbeddingCodec(
    family="gemini-embedding",
    surface="batchEmbedContents",
    models=_MODELS,
    takes={Text: MAX_BATCH, Image: 1, MixedInput: 1},
    features=_FEATURES,
    documented=_DOCUMENTED | {"requests", "embeddings"},
    options=frozenset({_TITLE}),
    evidence=_EVIDENCE,
    encode_request=_encode_batch,
    decode_response=_decode_vectors,
    decode_request=_decode_batch,
    encode_response=_encode_vectors,
)
EMBEDDING = EmbeddingCodec(
    family="gemini-embedding",
    surface="embedContent",
    models=_MODELS,
    takes={Text: 1, Image: 1, MixedInput: 1},
    features=_FEATURES,
    documented=_DOCUMENTED | {"embedding"},
    options=frozenset({_TITLE}),
    evidence=_EVIDENCE,
    encode_request=_encode_single,
    decode_response=_decode_one,
    decode_request=_decode_single,
    encode_response=_encode_one,
)


@hookimpl
def axonflow_register_codec() -> Sequence[EmbeddingCodec]:
    return (EMBEDDINGS, EMBEDDING)
