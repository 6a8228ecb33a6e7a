"""Cohere Embed on InvokeModel: up to 96 inputs of one kind a call, a vector of each in each
encoding asked for.

    v3    {"texts" | "images", "input_type", "truncate", "embedding_types"}
    v4    … also {"inputs", "output_dimension", "max_tokens"}; an input mixes texts and pictures

An answer has its vectors as one list (`embeddings_floats`, what version 3 says unasked) or by type
(`embeddings_by_type`). The texts in it are as the English model read them: in lower case. Source:
AWS user guide, "Cohere Embed v3" and "Cohere Embed v4", November 2026, and recorded traffic (26
exchanges). The guide calls the ends of a text `LEFT` and `RIGHT` for version 4; recorded calls say
`START` and `END`, and both are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from axonflow_core.codec import ModelFacts, NativeNames
from axonflow_core.codec.json_members import (
    array,
    numbers,
    prefixed,
    split_prefixed,
    string,
    unknown_members,
    with_facts,
    without_none,
)
from axonflow_core.codec.unary import EmbeddingCodec, EmbeddingFeature, EmbeddingLimits
from axonflow_core.errors import EncodeError
from axonflow_core.hookspecs import hookimpl
from axonflow_core.media import MediaTerms, canonical, type_of_base64
from axonflow_core.messages import EMPTY, Image, Json, Media, MediaKind, Text
from axonflow_core.retrieval import (
    EmbeddingInput,
    EmbeddingRequest,
    Embeddings,
    Encoding,
    MixedInput,
    Purpose,
    Truncation,
    Vector,
    of_encodings,
)

MAX_INPUTS = 96

_PURPOSES = NativeNames(
    what="purpose",
    table={
        "search_document": Purpose.DOCUMENT,
        "search_query": Purpose.QUERY,
        "classification": Purpose.CLASSIFICATION,
        "clustering": Purpose.CLUSTERING,
        "image": Purpose.IMAGE,
    },
)
_TRUNCATIONS = NativeNames(
    what="truncation",
    table={
        "NONE": Truncation.NONE,
        "START": Truncation.START,
        "END": Truncation.END,
        "LEFT": Truncation.START,
        "RIGHT": Truncation.END,
    },
)

# ── requests ──────────────────────────────────────────────────────────────────────────────────────

_V3_KEYS = frozenset({"texts", "images", "input_type", "truncate", "embedding_types"})
_OPTIONS = frozenset({"max_tokens"})
_V4_KEYS = _V3_KEYS | _OPTIONS | {"inputs", "output_dimension"}


def _decode_request(body: Json, facts: ModelFacts, *, keys: frozenset[str]) -> EmbeddingRequest:
    """`{"texts": ["…"], "input_type": "search_document", "truncate": "END", "embedding_types":
    ["float"]}`.

    `keys` are the members that the generation knows: `output_dimension` is v4's alone.
    """
    purpose, native_purpose = _PURPOSES.decode_optional(body.get("input_type"))
    truncation, native_truncation = _TRUNCATIONS.decode_optional(body.get("truncate"))
    return EmbeddingRequest(
        _decode_inputs(body),
        purpose,
        native_purpose,
        dimensions=body.get("output_dimension") if "output_dimension" in keys else None,
        truncation=truncation,
        native_truncation=native_truncation,
        encodings=tuple(map(Encoding, body.get("embedding_types") or ())),
        options={key: body[key] for key in _OPTIONS & keys if body.get(key) is not None},
        extra=unknown_members(body, keys),
    )


def _encode_request(request: EmbeddingRequest, facts: ModelFacts) -> Json:
    """The native body; members that are unset are left out, so the defaults are Cohere's."""
    asked = {
        "input_type": _PURPOSES.encode_optional(request.purpose, request.native_purpose),
        "truncate": _TRUNCATIONS.encode_optional(request.truncation, request.native_truncation),
        "embedding_types": [encoding.value for encoding in request.encodings] or None,
        "output_dimension": request.dimensions,
    }
    return {
        **_encode_inputs(request.inputs),
        **without_none(asked),
        **request.options,
        **request.extra,
    }


def _decode_inputs(body: Mapping[str, Json]) -> tuple[EmbeddingInput, ...]:
    """Texts, images and mixed inputs, each from a member of its own."""
    return (
        *(Text(string(text)) for text in array(body.get("texts") or [])),
        *(Image(_decode_url(url)) for url in body.get("images") or ()),
        *(_decode_mixed(native) for native in body.get("inputs") or ()),
    )


def _encode_inputs(inputs: Sequence[EmbeddingInput]) -> dict[str, Json]:
    """One member for all inputs, chosen by the kind of the first."""
    key, encode = _MEMBERS[type(inputs[0])]
    return {key: [encode(given) for given in inputs]}


def _decode_mixed(native: Mapping[str, Json]) -> MixedInput:
    """`{"content": [{"type": "text", "text": "…"}, {"type": "image_url", "image_url": "data:…"}]}`
    (v4)."""
    parts = tuple([_decode_part(part) for part in array(native["content"])])
    return MixedInput(parts, extra=unknown_members(native, frozenset({"content"})))


def _encode_mixed(mixed: MixedInput) -> Json:
    return {"content": [_encode_part(part) for part in mixed.parts], **mixed.extra}


def _decode_part(native: Mapping[str, Json]) -> Text | Image:
    """A text or an image; `ValueError` for another type."""
    kind = native["type"]
    extra = unknown_members(native, frozenset({"type", kind}))
    if kind == "text":
        return Text(string(native["text"]), extra=extra)
    if kind == "image_url":
        url = native["image_url"]
        spelling = _IN_OBJECT if isinstance(url, dict) else EMPTY
        return Image(_decode_url(url), extra=extra, spelling=spelling)
    raise ValueError("neither a text nor a picture")


def _encode_part(part: Text | Image) -> Json:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text, **part.extra}
    return {"type": "image_url", "image_url": _encode_url(part), **part.extra}


_IN_OBJECT: Mapping[str, Json] = {"image_url": "object"}
"""`Image.spelling` where the URL stood in an object, as in Cohere's own service."""


def _decode_url(native: Json) -> Media:
    """A data URL as base64 data with its media type; any other URL as it is. An object with the
    URL, as OpenAI's and Cohere's own services take it, means the same."""
    url, extra = native, EMPTY
    if isinstance(native, dict):
        url, extra = native["url"], unknown_members(native, frozenset({"url"}))
    media_type, found, data = string(url).partition(";base64,")
    if found and media_type.startswith("data:"):
        return Media(MediaKind.BASE64, data, media_type.removeprefix("data:"), extra=extra)
    return Media(MediaKind.URL, url, extra=extra)


def _encode_url(image: Image) -> Json:
    """A data URL, in an object where something else stands there. `EncodeError` for base64 data of
    unknown type, which no data URL can hold."""
    url, extra = _url_of(image.source), image.source.extra
    is_object = extra or image.spelling == _IN_OBJECT
    return {"url": url, **extra} if is_object else url


def _url_of(source: Media) -> str:
    media_type = type_of_base64(source.data) or source.media_type
    if source.kind is MediaKind.BASE64 and media_type is not None:
        return f"data:{canonical(media_type)};base64,{source.data}"
    if source.kind is MediaKind.URL:
        return source.data
    raise EncodeError(
        "Cohere takes a picture as a data URL",
        feature="images",
        hint="give it as base64 with its media type, e.g. image/png",
    )


_MEMBERS: Mapping[type, tuple[str, Callable[..., Json]]] = {
    Text: ("texts", lambda text: text.text),
    Image: ("images", _encode_url),
    MixedInput: ("inputs", _encode_mixed),
}

# ── answers ───────────────────────────────────────────────────────────────────────────────────────

_ANSWER_KEYS = frozenset({"embeddings", "id", "response_type", "texts"})
_FLOATS, _BY_TYPE = "embeddings_floats", "embeddings_by_type"


def _always_by_type(vectors: Sequence[Vector]) -> str:
    return _BY_TYPE


def _floats_where_it_can(vectors: Sequence[Vector]) -> str:
    """v3 answers a bare list (`embeddings_floats`) if only floats were asked for, else an object by
    type."""
    return _FLOATS if all(vector.encoding is Encoding.FLOAT for vector in vectors) else _BY_TYPE


def _decode_response(
    body: Json, facts: ModelFacts, *, usual: Callable[[Sequence[Vector]], str]
) -> Embeddings:
    """`{"embeddings": [[…]], "id", "response_type": "embeddings_floats", "texts"}`, or with
    `embeddings` as an object `{"float": [[…]], "int8": [[…]]}`. Which it was is kept in `form`.

    Vectors are ordered by encoding, then by input. Token counts are in the headers only (recorded).
    """
    native = body["embeddings"]
    form = _BY_TYPE if isinstance(native, dict) else _FLOATS
    by_type, others = of_encodings(native if form is _BY_TYPE else {"float": native})
    vectors = tuple(
        Vector(values if isinstance(values, str) else numbers(values), index, Encoding(name))
        for name, several in by_type.items()
        for index, values in enumerate(array(several))
    )
    texts = body.get("texts")
    return with_facts(
        Embeddings,
        body,
        {"id": "id"},
        {**unknown_members(body, _ANSWER_KEYS), **prefixed("embeddings", others)},
        vectors=vectors,
        texts=None if texts is None else tuple(array(texts)),
        form=None if form == usual(vectors) else form,
    )


def _encode_response(
    embeddings: Embeddings, facts: ModelFacts, *, usual: Callable[[Sequence[Vector]], str]
) -> Json:
    """The native answer, in the form it was decoded from, or in the usual one of the generation."""
    form, (extra, others) = (
        embeddings.form or usual(embeddings.vectors),
        split_prefixed(embeddings.extra, "embeddings"),
    )
    by_type: dict[str, list[Json]] = {}
    for vector in embeddings.vectors:
        values = vector.values if isinstance(vector.values, str) else list(vector.values)
        by_type.setdefault(vector.encoding.value, []).append(values)
    members = {
        "embeddings": {**by_type, **others} if form == _BY_TYPE else by_type.get("float", []),
        "id": embeddings.id,
        "response_type": form,
        "texts": None if embeddings.texts is None else list(embeddings.texts),
    }
    return {**without_none(members), **extra}


# ── the records ───────────────────────────────────────────────────────────────────────────────────

_ENCODINGS = frozenset(
    {
        Encoding.FLOAT,
        Encoding.INT8,
        Encoding.UINT8,
        Encoding.BINARY,
        Encoding.UBINARY,
        Encoding.BASE64,
    }
)

_PICTURES = MediaTerms(types=frozenset({"image/png", "image/jpeg"}), max_bytes=5_242_880)

V3 = EmbeddingCodec(
    family="cohere-embed",
    variant="v3",
    models=("cohere.embed-english", "cohere.embed-multilingual"),
    takes={Text: MAX_INPUTS, Image: 1},
    features=frozenset({EmbeddingFeature.PURPOSE, EmbeddingFeature.TRUNCATION}),
    encodings=_ENCODINGS,
    default_purposes={Text: Purpose.DOCUMENT, Image: Purpose.IMAGE},
    limits=EmbeddingLimits(
        text_characters=2048,
        images=_PICTURES,
        source="AWS user guide, Cohere Embed v3; that `truncate` cuts below this alone: "
        "deepset-ai/haystack-core-integrations#912, November 2026",
    ),
    documented=_V3_KEYS | _ANSWER_KEYS,
    evidence="recorded traffic",
    encode_request=_encode_request,
    decode_response=partial(_decode_response, usual=_floats_where_it_can),
    decode_request=partial(_decode_request, keys=_V3_KEYS),
    encode_response=partial(_encode_response, usual=_floats_where_it_can),
)
V4 = EmbeddingCodec(
    family="cohere-embed",
    variant="v4",
    models=("cohere.embed-v4",),
    takes={Text: MAX_INPUTS, Image: MAX_INPUTS, MixedInput: MAX_INPUTS},
    features=frozenset(
        {EmbeddingFeature.PURPOSE, EmbeddingFeature.DIMENSIONS, EmbeddingFeature.TRUNCATION}
    ),
    encodings=_ENCODINGS,
    default_purposes=dict.fromkeys((Text, Image, MixedInput), Purpose.DOCUMENT),
    options=_OPTIONS,
    limits=EmbeddingLimits(
        dimensions=frozenset({256, 512, 1024, 1536}),
        source="AWS user guide, Cohere Embed v4, November 2026",
    ),
    documented=_V4_KEYS | _ANSWER_KEYS | {"content", "type", "text", "image_url"},
    evidence="recorded traffic",
    encode_request=_encode_request,
    decode_response=partial(_decode_response, usual=_always_by_type),
    decode_request=partial(_decode_request, keys=_V4_KEYS),
    encode_response=partial(_encode_response, usual=_always_by_type),
)
CODECS = (V3, V4)


@hookimpl
def axonflow_register_codec() -> Sequence[EmbeddingCodec]:
    return CODECS
