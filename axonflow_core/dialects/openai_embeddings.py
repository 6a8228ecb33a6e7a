"""OpenAI's embeddings JSON, both roles: up to 2,048 texts a call, a vector of each.

    {"input": ["…", "…"], "dimensions": 256, "encoding_format": "float", "user": "…"}
    {"object": "list", "model": "m", "usage": {"prompt_tokens": 8, "total_tokens": 8},
     "data": [{"object": "embedding", "index": 0, "embedding": [0.1, …]}]}

With `encoding_format: base64` an embedding is one text: its float32 numbers, little-endian.
OpenAI's own clients ask for that unasked, and decode it. `input` may be one text without a list
around it, which its `spelling` keeps. Inputs as lists of tokens have no neutral form and are
refused. `model` belongs to whoever serves, in requests and answers; one in an answer is kept in
`extra`.

Source: OpenAI's API reference, "Create embeddings", and openai-python 3.57, November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import (
    array,
    integer,
    mapping_or_empty,
    numbers,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.codec.unary import EmbeddingCodec, EmbeddingFeature
from axonflow_core.errors import EncodeError
from axonflow_core.messages import Json, Text, Usage
from axonflow_core.retrieval import EmbeddingRequest, Embeddings, Encoding, Vector

MAX_INPUTS = 2_048
"""The most inputs of one call. Source: API reference, "Create embeddings", November 2026."""

_OPTIONS = frozenset({"user"})
_REQUEST_KEYS = frozenset({"input", "dimensions", "encoding_format"}) | _OPTIONS
_ENCODINGS = frozenset({Encoding.FLOAT, Encoding.BASE64})

# ── requests ──────────────────────────────────────────────────────────────────────────────────────


def _decode_request(body: Mapping[str, Json], facts: ModelFacts) -> EmbeddingRequest:
    native, encoding = body["input"], body.get("encoding_format")
    return EmbeddingRequest(
        (Text(native, spelling=_BARE),) if isinstance(native, str) else _decode_inputs(native),
        dimensions=body.get("dimensions"),
        encodings=() if encoding is None else (_encoding(encoding),),
        options={key: body[key] for key in _OPTIONS if body.get(key) is not None},
        extra=unknown_members(body, _REQUEST_KEYS),
    )


_BARE: Mapping[str, Json] = {"input": "bare"}
"""`Text.spelling` of an input that stood without a list around it."""


def _decode_inputs(native: Json) -> tuple[Text, ...]:
    return tuple([Text(string(one, "input")) for one in array(native, "input")])


def _encoding(native: Json) -> Encoding:
    """`ValueError` for a name that is not documented."""
    encoding = Encoding(string(native))
    if encoding not in _ENCODINGS:
        raise ValueError("this is no encoding_format of the dialect")
    return encoding


def _encode_request(request: EmbeddingRequest, facts: ModelFacts) -> Json:
    """The native body; members that are unset are left out, so the defaults are the service's."""
    if len(request.encodings) > 1:
        raise EncodeError(
            "a call has one encoding_format",
            feature="several encodings",
            hint="ask for one encoding, or make a call for each",
        )
    texts = [given for given in request.inputs if isinstance(given, Text)]
    is_bare = len(texts) == 1 and texts[0].spelling == _BARE
    asked = {
        "dimensions": request.dimensions,
        "encoding_format": request.encodings[0].value if request.encodings else None,
    }
    native: Json = texts[0].text if is_bare else [text.text for text in texts]
    return {"input": native, **without_none(asked), **request.options, **request.extra}


# ── answers ───────────────────────────────────────────────────────────────────────────────────────

_ANSWER_KEYS = frozenset({"object", "data", "usage"})
_VECTOR_KEYS = frozenset({"object", "index", "embedding"})
_COUNTS = frozenset({"prompt_tokens", "total_tokens"})


def _decode_response(body: Mapping[str, Json], facts: ModelFacts) -> Embeddings:
    return Embeddings(
        tuple(map(_decode_vector, array(body["data"], "data"))),
        _decode_usage(mapping_or_empty(body.get("usage"))),
        extra=unknown_members(body, _ANSWER_KEYS),
    )


def _decode_vector(native: Mapping[str, Json]) -> Vector:
    values = native["embedding"]
    is_text = isinstance(values, str)
    return Vector(
        values if is_text else numbers(values),
        integer(native["index"]),
        Encoding.BASE64 if is_text else Encoding.FLOAT,
        extra=unknown_members(native, _VECTOR_KEYS),
    )


def _decode_usage(native: Mapping[str, Json]) -> Usage:
    """The count of input tokens; a total that is another is kept."""
    prompt, total = native.get("prompt_tokens"), native.get("total_tokens")
    extra: dict[str, Any] = {**unknown_members(native, _COUNTS)}
    if total != prompt:
        extra["total_tokens"] = total
    return Usage(prompt, extra=extra)


def _encode_response(answer: Embeddings, facts: ModelFacts) -> Json:
    """The native answer. It names its model, which clients read; the one that was called, where
    none is kept."""
    usage = _encode_usage(answer.usage)
    return {
        "object": "list",
        "data": [_encode_vector(vector) for vector in answer.vectors],
        **({"model": facts.model_id} if facts.model_id else {}),
        **({} if usage is None else {"usage": usage}),
        **answer.extra,
    }


def _encode_vector(vector: Vector) -> Json:
    values = vector.values if isinstance(vector.values, str) else list(vector.values)
    head = {"object": "embedding", "index": vector.input_index, "embedding": values}
    return {**head, **vector.extra}


def _encode_usage(usage: Usage) -> dict[str, Json] | None:
    if usage.input_tokens is None and not usage.extra:
        return None
    count = usage.input_tokens
    known = {} if count is None else {"prompt_tokens": count, "total_tokens": count}
    return {**known, **usage.extra}


# ── the record ────────────────────────────────────────────────────────────────────────────────────


def embedding_codec(
    *,
    family: str,
    models: tuple[str, ...],
    takes_dimensions: bool = True,
    **record: Any,
) -> EmbeddingCodec:
    """The codec of a family that uses this form. `record` holds the other fields of
    `EmbeddingCodec`."""
    members: dict[str, Any] = {
        "surface": "embeddings",
        "takes": {Text: MAX_INPUTS},
        "features": frozenset({EmbeddingFeature.DIMENSIONS} if takes_dimensions else ()),
        "encodings": _ENCODINGS,
        "options": _OPTIONS,
        "documented": _REQUEST_KEYS | _ANSWER_KEYS | _VECTOR_KEYS | _COUNTS,
        "encode_request": _encode_request,
        "decode_response": _decode_response,
        "decode_request": _decode_request,
        "encode_response": _encode_response,
    }
    return EmbeddingCodec(family=family, models=models, **{**members, **record})


CODEC = embedding_codec(
    family="openai_embeddings",
    models=(),
    evidence="documents: OpenAI's API reference, November 2026",
)
"""What OpenAI's own clients send and expect, without a claim of models."""
