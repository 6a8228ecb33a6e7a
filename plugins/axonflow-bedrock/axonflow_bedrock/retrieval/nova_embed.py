"""Amazon Nova Multimodal Embeddings on InvokeModel: one text, picture, sound or film a call.

    {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {
        "embeddingPurpose", "embeddingDimension",
        "text": {"value" | "source", "truncationMode"}
        | "image": {"format", "source", "detailLevel"} | "audio": {"format", "source"}
        | "video": {"format", "source", "embeddingMode"}}}

A source is `{"bytes"}` or `{"s3Location": {"uri"}}`. The answer says of each vector what it is of;
a film may get two, one for its sound. Tokens are counted in a header alone. Long inputs are cut
into segments by asynchronous calls, which are no matter of this codec. Source: AWS user guide of
Nova, "Multimodal embeddings: complete request and response schema", November 2026, and recorded
traffic (16 exchanges).
"""

from __future__ import annotations

from collections.abc import Mapping

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
from axonflow_core.media import IMAGE_FORMATS, MediaTerms, format_of, type_of_base64
from axonflow_core.messages import Document, Image, Json, Media, MediaKind, Text
from axonflow_core.retrieval import (
    AudioVideo,
    EmbeddingInput,
    EmbeddingRequest,
    Embeddings,
    Purpose,
    Truncation,
    Vector,
)

_PURPOSES = NativeNames(
    what="purpose",
    table={
        "GENERIC_INDEX": Purpose.DOCUMENT,
        "GENERIC_RETRIEVAL": Purpose.QUERY,
        "TEXT_RETRIEVAL": Purpose.QUERY,
        "IMAGE_RETRIEVAL": Purpose.QUERY,
        "VIDEO_RETRIEVAL": Purpose.QUERY,
        "DOCUMENT_RETRIEVAL": Purpose.QUERY,
        "AUDIO_RETRIEVAL": Purpose.QUERY,
        "CLASSIFICATION": Purpose.CLASSIFICATION,
        "CLUSTERING": Purpose.CLUSTERING,
    },
)
_TRUNCATIONS = NativeNames(
    what="truncation",
    table={"NONE": Truncation.NONE, "START": Truncation.START, "END": Truncation.END},
)
_TASK, _PARAMS = "SINGLE_EMBEDDING", "singleEmbeddingParams"
_OUTER_OPTIONS, _IMAGE_OPTIONS = frozenset({"schemaVersion"}), frozenset({"detailLevel"})

# ── requests ──────────────────────────────────────────────────────────────────────────────────────

_REQUEST_KEYS = _OUTER_OPTIONS | {"taskType", _PARAMS}
_CONTENT_KEYS = frozenset({"text", "image", "audio", "video"})
_PARAM_KEYS = _CONTENT_KEYS | {"embeddingPurpose", "embeddingDimension"}


def _decode_request(body: Json, facts: ModelFacts) -> EmbeddingRequest:
    """`{"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"embeddingPurpose":
    "GENERIC_INDEX", "embeddingDimension": 1024, "text": {"value": "…", "truncationMode":
    "END"}}}`. Instead of `text` an image, audio or video. `ValueError` for a task with several
    embeddings."""
    if body["taskType"] != _TASK:
        raise ValueError("only single embeddings are made in one call")
    params = body[_PARAMS]
    ((kind, native),) = ((key, params[key]) for key in _CONTENT_KEYS if params.get(key) is not None)
    purpose, native_purpose = _PURPOSES.decode_optional(params.get("embeddingPurpose"))
    truncation, native_truncation = _TRUNCATIONS.decode_optional(
        native.get("truncationMode") if kind == "text" else None
    )
    return EmbeddingRequest(
        (_decode_text(native) if kind == "text" else _decode_media(kind, native),),
        purpose,
        native_purpose,
        dimensions=params.get("embeddingDimension"),
        truncation=truncation,
        native_truncation=native_truncation,
        options={
            **_some(body, _OUTER_OPTIONS),
            **(_some(native, _IMAGE_OPTIONS) if kind == "image" else {}),
        },
        extra={
            **unknown_members(body, _REQUEST_KEYS),
            **prefixed(_PARAMS, unknown_members(params, _PARAM_KEYS)),
        },
    )


def _encode_request(request: EmbeddingRequest, facts: ModelFacts) -> Json:
    """The native body. Only texts can be truncated; asking for it with other media is an
    `EncodeError`."""
    kind, content = _encode_input(request.inputs[0])
    if request.truncation is not None:
        if kind != "text":
            raise EncodeError(
                "Nova cuts texts alone", feature="truncation", hint="leave the truncation out"
            )
        content["truncationMode"] = _TRUNCATIONS.encode_optional(
            request.truncation, request.native_truncation
        )
    outer, of_image = _some(request.options, _OUTER_OPTIONS), _some(request.options, _IMAGE_OPTIONS)
    if of_image and kind != "image":
        raise EncodeError(
            "Nova knows a level of detail for pictures alone",
            feature="detailLevel",
            hint="leave it out",
        )
    extra, others = split_prefixed(request.extra, _PARAMS)
    asked = {
        "embeddingPurpose": _PURPOSES.encode_optional(request.purpose, request.native_purpose),
        "embeddingDimension": request.dimensions,
    }
    return {
        "taskType": _TASK,
        _PARAMS: {**without_none(asked), kind: {**content, **of_image}, **others},
        **outer,
        **extra,
    }


def _some(members: Mapping[str, Json], keys: frozenset[str]) -> dict[str, Json]:
    """The members of `keys` that are neither absent nor null."""
    return {key: members[key] for key in keys if members.get(key) is not None}


# ── inputs ────────────────────────────────────────────────────────────────────────────────────────

_TEXT_KEYS = frozenset({"value", "source", "truncationMode"})
_MEDIA_KEYS: Mapping[str, frozenset[str]] = {
    "image": frozenset({"format", "source"}) | _IMAGE_OPTIONS,
    "audio": frozenset({"format", "source"}),
    "video": frozenset({"format", "source", "embeddingMode"}),
}


def _decode_text(native: Mapping[str, Json]) -> Text | Document:
    """`{"value": "…"}`, or a document as `{"source": {…}}`."""
    extra = unknown_members(native, _TEXT_KEYS)
    if native.get("source") is not None:
        return Document(_decode_source(native["source"], None), extra=extra)
    return Text(string(native["value"]), extra=extra)


def _decode_media(kind: str, native: Mapping[str, Json]) -> Image | AudioVideo:
    """`{"format": "png", "source": {…}}`; audio and video also have `embeddingMode`."""
    source = _decode_source(native["source"], f"{kind}/{string(native['format'])}")
    extra = unknown_members(native, _MEDIA_KEYS[kind])
    return (
        Image(source, extra=extra)
        if kind == "image"
        else AudioVideo(source, native.get("embeddingMode"), extra=extra)
    )


def _encode_input(given: EmbeddingInput) -> tuple[str, dict[str, Json]]:
    match given:
        case Text(text):
            return "text", {"value": text, **given.extra}
        case Document(Media() as source):
            return "text", {"source": _encode_source(source), **given.extra}
        case Image(source):
            return _encode_media(source, ("image",), given.extra)
        case AudioVideo(source, mode):
            return _encode_media(
                source, ("audio", "video"), {**without_none({"embeddingMode": mode}), **given.extra}
            )
    raise EncodeError(
        "Nova takes no document without a source",
        feature="documents",
        hint="put it in S3, or give a text",
    )


def _encode_media(
    source: Media, kinds: tuple[str, ...], others: Mapping[str, Json]
) -> tuple[str, dict[str, Json]]:
    """The member name and the native object. `EncodeError` for a media type that is unset or of the
    wrong kind, because `format` is required."""
    media_type = type_of_base64(source.data) or source.media_type or ""
    kind = media_type.partition("/")[0]
    if kind not in kinds:
        raise EncodeError(
            "Nova requires the media type of an image, audio or video",
            feature="inputs",
            hint="give its source a media type: image/png, audio/mp3, video/mp4",
        )
    return kind, {"format": format_of(media_type), "source": _encode_source(source), **others}


def _decode_source(native: Mapping[str, Json], media_type: str | None) -> Media:
    """Base64 `bytes` or an `s3Location`; unknown members of the location are kept under its
    prefix."""
    if native.get("bytes") is not None:
        return Media(
            MediaKind.BASE64,
            string(native["bytes"]),
            media_type,
            extra=unknown_members(native, frozenset({"bytes"})),
        )
    location = native["s3Location"]
    extra = unknown_members(native, frozenset({"s3Location"}))
    others = prefixed("s3Location", unknown_members(location, frozenset({"uri"})))
    return Media(MediaKind.S3, string(location["uri"]), media_type, extra={**extra, **others})


def _encode_source(source: Media) -> Json:
    extra, others = split_prefixed(source.extra, "s3Location")
    if source.kind is MediaKind.BASE64:
        return {"bytes": source.data, **source.extra}
    if source.kind is MediaKind.S3:
        return {"s3Location": {"uri": source.data, **others}, **extra}
    raise EncodeError(
        f"Nova takes no input from {source.kind}",
        feature=f"{source.kind} source",
        hint="give its bytes, or put it in S3",
    )


# ── answers ───────────────────────────────────────────────────────────────────────────────────────

_VECTOR_KEYS = frozenset({"embedding", "embeddingType", "truncatedCharLength"})


def _decode_response(body: Json, facts: ModelFacts) -> Embeddings:
    """`{"embeddings": [{"embedding": [...], "embeddingType": "TEXT"}]}`; the token count is in a
    header (recorded)."""
    vectors = tuple([_decode_vector(native) for native in array(body["embeddings"])])
    return Embeddings(vectors, extra=unknown_members(body, frozenset({"embeddings"})))


def _encode_response(embeddings: Embeddings, facts: ModelFacts) -> Json:
    return {
        "embeddings": [_encode_vector(vector) for vector in embeddings.vectors],
        **embeddings.extra,
    }


def _decode_vector(native: Mapping[str, Json]) -> Vector:
    """One vector; `truncatedCharLength` is how many characters were used, absent if all were."""
    return with_facts(
        Vector,
        native,
        _FACTS,
        unknown_members(native, _VECTOR_KEYS),
        values=numbers(native["embedding"]),
    )


_FACTS = {"embeddingType": "content", "truncatedCharLength": "kept_characters"}


def _encode_vector(vector: Vector) -> Json:
    known = without_none(
        {"embeddingType": vector.content, "truncatedCharLength": vector.kept_characters}
    )
    return {"embedding": list(vector.values), **known, **vector.extra}


CODEC = EmbeddingCodec(
    family="nova-embed",
    models=("amazon.nova-2-multimodal-embeddings",),
    takes={Text: 1, Image: 1, Document: 1, AudioVideo: 1},
    features=frozenset(
        {EmbeddingFeature.PURPOSE, EmbeddingFeature.DIMENSIONS, EmbeddingFeature.TRUNCATION}
    ),
    default_purposes=dict.fromkeys((Text, Image, Document, AudioVideo), Purpose.DOCUMENT),
    options=_OUTER_OPTIONS | _IMAGE_OPTIONS,
    limits=EmbeddingLimits(
        dimensions=frozenset({256, 384, 1024, 3072}),
        images=MediaTerms(types=frozenset(IMAGE_FORMATS.values())),
        source="AWS user guide of Nova, Complete embeddings request and response schema, November "
        "2026",
    ),
    documented=_REQUEST_KEYS
    | _PARAM_KEYS
    | _TEXT_KEYS
    | _MEDIA_KEYS["image"]
    | _MEDIA_KEYS["video"]
    | _VECTOR_KEYS
    | {"bytes", "s3Location", "uri", "embeddings"},
    evidence="recorded traffic",
    encode_request=_encode_request,
    decode_response=_decode_response,
    decode_request=_decode_request,
    encode_response=_encode_response,
)


@hookimpl
def axonflow_register_codec() -> EmbeddingCodec:
    return CODEC
