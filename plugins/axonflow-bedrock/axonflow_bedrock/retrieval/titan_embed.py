"""Amazon Titan Embeddings on InvokeModel: one input a call, a vector back.

    v1, G1    {"inputText"}                                                embedding
    v2        {"inputText", "dimensions", "normalize", "embeddingTypes"}   and embeddingsByType
    image     {"inputText", "inputImage", "embeddingConfig"}               embedding, one for text
                                                                           and image together

Version 2 tells a vector of floats twice, as `embedding` and by type; only where no floats were
asked for the first is missing. Source: AWS user guide, "Amazon Titan Embeddings Text" and "Amazon
Titan Multimodal Embeddings G1", November 2026, and recorded traffic of the text models (18
exchanges).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from axonflow_core.codec import ModelFacts
from axonflow_core.codec.json_members import (
    counted,
    numbers,
    prefixed,
    split_prefixed,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.codec.unary import EmbeddingCodec, EmbeddingFeature, EmbeddingLimits
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.hookspecs import hookimpl
from axonflow_core.media import MediaTerms
from axonflow_core.messages import EMPTY, Image, Json, Media, MediaKind, Text, Usage
from axonflow_core.retrieval import (
    EmbeddingInput,
    EmbeddingRequest,
    Embeddings,
    Encoding,
    MixedInput,
    Vector,
    of_encodings,
)

# ── requests ──────────────────────────────────────────────────────────────────────────────────────

_TEXT_KEYS = frozenset({"inputText", "dimensions", "normalize", "embeddingTypes"})


def _decode_text_request(body: Json, facts: ModelFacts) -> EmbeddingRequest:
    """`{"inputText": "…", "dimensions": 1024, "normalize": true, "embeddingTypes": ["float"]}`; the
    first generation knows `inputText` alone."""
    return EmbeddingRequest(
        (Text(string(body["inputText"])),),
        dimensions=body.get("dimensions"),
        is_normalized=body.get("normalize"),
        encodings=tuple(map(Encoding, body.get("embeddingTypes") or ())),
        extra=unknown_members(body, _TEXT_KEYS),
    )


def _encode_text_request(request: EmbeddingRequest, facts: ModelFacts) -> Json:
    asked = {
        "dimensions": request.dimensions,
        "normalize": request.is_normalized,
        "embeddingTypes": [encoding.value for encoding in request.encodings] or None,
    }
    return {**_encode_input(request.inputs[0]), **without_none(asked), **request.extra}


_IMAGE_KEYS = frozenset({"inputText", "inputImage", "embeddingConfig"})
_CONFIG_KEYS = frozenset({"outputEmbeddingLength"})


def _decode_image_request(body: Json, facts: ModelFacts) -> EmbeddingRequest:
    """`{"inputText"?, "inputImage"?: base64, "embeddingConfig": {"outputEmbeddingLength":
    1024}}`."""
    config = body.get("embeddingConfig") or EMPTY
    extra = {
        **unknown_members(body, _IMAGE_KEYS),
        **prefixed("embeddingConfig", unknown_members(config, _CONFIG_KEYS)),
    }
    return EmbeddingRequest(
        (_decode_input(body),), dimensions=config.get("outputEmbeddingLength"), extra=extra
    )


def _encode_image_request(request: EmbeddingRequest, facts: ModelFacts) -> Json:
    extra, beside_length = split_prefixed(request.extra, "embeddingConfig")
    config = {**without_none({"outputEmbeddingLength": request.dimensions}), **beside_length}
    return {
        **_encode_input(request.inputs[0]),
        **({"embeddingConfig": config} if config else {}),
        **extra,
    }


def _decode_input(body: Mapping[str, Json]) -> EmbeddingInput:
    """A text, an image, or both as one input; `ValueError` for neither."""
    text, image = body.get("inputText"), body.get("inputImage")
    parts = (
        *(() if text is None else (Text(string(text)),)),
        *(() if image is None else (Image(Media(MediaKind.BASE64, string(image))),)),
    )
    if not parts:
        raise ValueError("neither a text nor a picture")
    return parts[0] if len(parts) == 1 else MixedInput(parts)


def _encode_input(given: EmbeddingInput) -> dict[str, Json]:
    """The members for one input. Titan takes one for each call and no batch."""
    match given:
        case Text(text):
            return {"inputText": text}
        case Image(Media(MediaKind.BASE64, data)):
            return {"inputImage": data}
        case MixedInput((Text() as text, Image() as image)):
            return {**_encode_input(text), **_encode_input(image)}
    raise EncodeError(
        "Titan takes a text, a picture in base64, or one of each, the text first",
        feature="inputs",
        hint="give the bytes of the picture, and no more than one text and one picture together",
    )


# ── answers ───────────────────────────────────────────────────────────────────────────────────────

_ANSWER_KEYS = frozenset({"embedding", "embeddingsByType", "inputTextTokenCount", "message"})
_COUNT = {"inputTextTokenCount": "input_tokens"}
_PLAIN, _BY_TYPE, _BOTH = "embedding", "embeddingsByType", "both"
"""Where an answer tells its vector of floats."""


def _decode_response(body: Json, facts: ModelFacts, *, usual: str) -> Embeddings:
    """`{"embedding": [...], "embeddingsByType": {"float": [...]}, "inputTextTokenCount": 8}`.
    `embedding` is missing if only `binary` was asked for (AWS user guide, "Titan Embeddings G1
    and V2", November 2026). `form` keeps which members held the floats."""
    plain, by_type = body.get("embedding"), body.get("embeddingsByType") or EMPTY
    if (
        plain is None and not by_type and body.get("message") is None
    ):  # which tells why there is none
        raise KeyError("embedding")
    if plain is not None and by_type.get("float", plain) != plain:
        raise ValueError("two vectors of floats that differ")
    form = _form_of(is_plain=plain is not None, is_by_type="float" in by_type)
    by_encoding, others = of_encodings({"float": plain, **by_type} if form == _PLAIN else by_type)
    usage = counted(body, _COUNT, frozenset(body))
    return Embeddings(
        tuple(
            Vector(numbers(values), encoding=Encoding(name)) for name, values in by_encoding.items()
        ),
        Usage(input_tokens=usage.input_tokens),
        form=None if form == usual else form,
        message=body.get("message"),
        extra={
            **unknown_members(body, _ANSWER_KEYS),
            **prefixed("embeddingsByType", others),
            **usage.extra,
        },
    )


def _form_of(*, is_plain: bool, is_by_type: bool) -> str | None:
    """Which of the two members held the vector of floats; None if neither did."""
    if is_plain and is_by_type:
        return _BOTH
    return _PLAIN if is_plain else _BY_TYPE if is_by_type else None


def _encode_response(embeddings: Embeddings, facts: ModelFacts, *, usual: str) -> Json:
    by_encoding, form = _by_encoding(embeddings.vectors), embeddings.form or usual
    extra, others = split_prefixed(embeddings.extra, "embeddingsByType")
    by_type = {
        name: values for name, values in by_encoding.items() if name != "float" or form != _PLAIN
    }
    members = {
        "embedding": None if form == _BY_TYPE else by_encoding.get("float"),
        "embeddingsByType": {**by_type, **others} or None,
        "inputTextTokenCount": embeddings.usage.input_tokens,
        "message": embeddings.message,
    }
    return {**without_none(members), **extra}


def _by_encoding(vectors: Sequence[Vector]) -> dict[str, list[Json]]:
    """The values by encoding, of the one input that Titan answers."""
    if any(vector.input_index for vector in vectors):
        raise EncodeError(
            "Titan answers one input a call",
            feature="inputs",
            hint="write an answer for each input",
        )
    return {vector.encoding.value: list(vector.values) for vector in vectors}


# ── the records ───────────────────────────────────────────────────────────────────────────────────

_DOCUMENTED = frozenset({"inputText", "embedding", "inputTextTokenCount"})

_TEXTS = EmbeddingLimits(
    text_characters=50_000,
    has_empty_texts=False,
    source="AWS user guide, Amazon Titan Text Embeddings models, November 2026",
)

TEXT_V1 = EmbeddingCodec(
    family="titan-embed",
    variant="v1",
    models=("amazon.titan-embed-text-v1", "amazon.titan-embed-g1-text"),
    takes={Text: 1},
    limits=_TEXTS,
    documented=_DOCUMENTED,
    evidence="recorded traffic",
    encode_request=_encode_text_request,
    decode_response=partial(_decode_response, usual=_PLAIN),
    decode_request=_decode_text_request,
    encode_response=partial(_encode_response, usual=_PLAIN),
)
TEXT_V2 = EmbeddingCodec(
    family="titan-embed",
    variant="v2",
    models=("amazon.titan-embed-text-v2",),
    takes={Text: 1},
    features=frozenset({EmbeddingFeature.DIMENSIONS, EmbeddingFeature.NORMALIZATION}),
    encodings=frozenset({Encoding.FLOAT, Encoding.BINARY}),
    limits=evolve(_TEXTS, dimensions=frozenset({256, 512, 1024})),
    documented=_DOCUMENTED | _TEXT_KEYS | {"embeddingsByType"},
    evidence="recorded traffic",
    encode_request=_encode_text_request,
    decode_response=partial(_decode_response, usual=_BOTH),
    decode_request=_decode_text_request,
    encode_response=partial(_encode_response, usual=_BOTH),
)
IMAGE = EmbeddingCodec(
    family="titan-embed",
    variant="image",
    models=("amazon.titan-embed-image-v1",),
    takes={Text: 1, Image: 1, MixedInput: 1},
    features=frozenset({EmbeddingFeature.DIMENSIONS}),
    limits=EmbeddingLimits(
        dimensions=frozenset({256, 384, 1024}),
        images=MediaTerms(max_bytes=25 * 1024 * 1024, max_side_px=2048),
        source="AWS user guide, Amazon Titan Multimodal Embeddings G1 model, November 2026",
    ),
    documented=_DOCUMENTED | _IMAGE_KEYS | _CONFIG_KEYS | {"message"},
    evidence="documents: AWS user guide, November 2026",
    encode_request=_encode_image_request,
    decode_response=partial(_decode_response, usual=_PLAIN),
    decode_request=_decode_image_request,
    encode_response=partial(_encode_response, usual=_PLAIN),
)
CODECS = (TEXT_V1, TEXT_V2, IMAGE)


@hookimpl
def axonflow_register_codec() -> Sequence[EmbeddingCodec]:
    return CODECS
