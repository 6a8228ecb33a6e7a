"""Content blocks: an object with one key, which says what it is. A table of kinds, a function a
kind and direction.

A block of a kind that the neutral model has no word for (video, audio, guarded content, a search
result) is kept whole, as `Opaque`; so is one that says two things at once. An unknown member next
to a known one hides nothing: it goes into the block's `extra`, whose keys name the place where that
is not the place of the others:

    beside.KEY              next to the one key of the block
    content.KEY             next to the text inside of `citationsContent`
    reasoningContent.KEY    next to `reasoningText`
    source.KEY              next to `s3Location`, in the `extra` of the media
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from axonflow_core.codec.json_members import (
    array,
    prefixed,
    set_members,
    split_prefixed,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.media import DOCUMENT_FORMATS, IMAGE_FORMATS, format_of, type_of_base64
from axonflow_core.messages import (
    EMPTY,
    CachePoint,
    ContentBlock,
    Data,
    Document,
    Image,
    Json,
    Media,
    MediaKind,
    Opaque,
    Reasoning,
    Text,
    ToolResult,
    ToolUse,
)

from ..shapes.converse_shapes import (
    decode_cache_point,
    decode_data,
    decode_reasoning,
    decode_tool_use,
    decode_with_rest,
    encode_cache_point,
    encode_data,
    encode_reasoning,
    encode_tool_use,
    with_rest,
)

DIALECT = "converse"


def decode_content(natives: Json) -> tuple[ContentBlock, ...]:
    """The blocks of a message."""
    return tuple([decode_block(native) for native in array(natives)])


def encode_content(blocks: Iterable[ContentBlock]) -> list[Json]:
    """Blocks as Converse's list of unions."""
    return [_ENCODE[type(block)](block) for block in blocks]


def decode_block(native: Mapping[str, Json]) -> ContentBlock:
    """One block; a union member without a neutral type becomes `Opaque`."""
    if len(native) == 1:
        if "text" in native:  # nearly every block there is
            return Text(string(native["text"]))
        ((kind, value),) = native.items()
        decode = _DECODE.get(kind)
        return Opaque(DIALECT, dict(native)) if decode is None else decode(value)
    if len(only := set_members(native)) < len(native):
        return decode_block(only)
    return decode_with_rest(native, DIALECT, _KINDS, decode_block)


_CONTENT, _SOURCE = "content", "source"
"""Levels in an `extra`; the module describes them."""


# ── text ──────────────────────────────────────────────────────────────────────────────────────────


def _decode_cited(native: Mapping[str, Json]) -> ContentBlock:
    """`{"content": [{"text": "…"}], "citations": [{…}]}` as a text with its citations. More than
    one text has no neutral form and is kept as `Opaque`."""
    pieces, citations = native.get("content") or [], tuple(array(native.get("citations") or []))
    if len(pieces) != 1 or "text" not in pieces[0] or not citations:
        return Opaque(DIALECT, {"citationsContent": native})
    in_piece = prefixed(_CONTENT, without_none(unknown_members(pieces[0], _TEXT_KEYS)))
    extra = {**unknown_members(native, _CITED_KEYS), **in_piece}
    return Text(string(pieces[0]["text"]), citations, extra=extra)


_TEXT_KEYS = frozenset({"text"})
_CITED_KEYS = frozenset({"content", "citations"})


def _encode_text(block: Text) -> Json:
    """A text, or `citationsContent` if it has citations. Those of another dialect are recognised by
    their `type`, which Converse's do not have, and refused."""
    if not block.citations:
        return {"text": block.text, **block.extra} if block.extra else {"text": block.text}
    if any("type" in citation for citation in block.citations):
        raise EncodeError(
            "Converse cannot say a citation in another dialect's words",
            feature="citations",
            hint="leave the citations of an earlier answer out when the conversation goes on with "
            "another model",
        )
    own, in_piece = split_prefixed(block.extra, _CONTENT)
    return {
        "citationsContent": {
            "content": [{"text": block.text, **in_piece}],
            "citations": list(block.citations),
            **own,
        }
    }


# ── media ─────────────────────────────────────────────────────────────────────────────────────────

_SOURCES = {"bytes": MediaKind.BASE64, "text": MediaKind.TEXT}


def _decode_source(native: Mapping[str, Json], media_type: str | None) -> Media | None:
    """`{"bytes": base64}`, `{"text": …}` or `{"s3Location": {"uri", "bucketOwner"?}}`; None for an
    unknown kind. Unknown members go into the media's `extra`."""
    source = set_members(native)
    known = _SOURCE_KEYS & source.keys()
    if len(known) != 1:
        return None
    (key,) = known
    value, rest = source[key], unknown_members(source, known)
    if key in _SOURCES:
        return Media(_SOURCES[key], string(value), media_type, extra=rest)
    around = prefixed(_SOURCE, rest)
    extra = {**unknown_members(value, _LOCATION_KEYS), **around}
    return Media(MediaKind.S3, string(value["uri"]), media_type, extra=extra)


_SOURCE_KEYS = frozenset({*_SOURCES, "s3Location"})
_LOCATION_KEYS = frozenset({"uri"})


def _encode_source(media: Media) -> Json:
    match media.kind:
        case MediaKind.BASE64:
            return {"bytes": media.data, **media.extra}
        case MediaKind.TEXT:
            return {"text": media.data, **media.extra}
        case MediaKind.S3:
            own, around = split_prefixed(media.extra, _SOURCE)
            return {"s3Location": {"uri": media.data, **own}, **around}
    raise EncodeError(
        f"Converse takes no {media.kind} source",
        feature=f"{media.kind} source",
        hint="hand over the bytes, or an object in S3",
    )


_IMAGE_KEYS = frozenset({"format", "source"})


def _decode_image(native: Mapping[str, Json]) -> ContentBlock:
    """`{"format": "png", "source": {…}}`; an unknown format or source is kept as `Opaque`."""
    source = _decode_source(native["source"], IMAGE_FORMATS.get(native.get("format") or ""))
    if source is None or source.media_type is None or source.kind is MediaKind.TEXT:
        return Opaque(DIALECT, {"image": native})
    return Image(source, extra=unknown_members(native, _IMAGE_KEYS))


def _encode_image(block: Image) -> Json:
    """The native image, whose `format` is required. `EncodeError` for a media type without a
    format."""
    source = block.source
    # Without a type and first bytes that tell it, the format is most likely this one.
    media_type = source.media_type or type_of_base64(source.data) or "image/png"
    name = format_of(media_type)
    if name not in IMAGE_FORMATS:
        raise EncodeError(
            f"Converse takes no image of the type {media_type}",
            feature="image type",
            hint=f"it takes {', '.join(IMAGE_FORMATS)}",
        )
    return {"image": {"format": name, "source": _encode_source(source), **block.extra}}


_DOCUMENT_KEYS = frozenset({"format", "name", "source", "context", "citations"})


def _decode_document(native: Mapping[str, Json]) -> ContentBlock:
    """`{"format": "pdf", "name": "…", "source": {…}, "context"?, "citations"?}`; what has no
    neutral form is kept as `Opaque`."""
    source, media, content, name = set_members(native["source"]), None, None, native.get("format")
    media_type = None if name is None else DOCUMENT_FORMATS.get(name)
    if "content" in source and len(source) == 1:
        content = decode_content(source["content"])
    else:
        media = _decode_source(source, media_type)
    if (media is None and content is None) or (name is not None and media_type is None):
        return Opaque(DIALECT, {"document": native})
    return Document(
        source=media,
        content=content,
        name=native.get("name"),
        context=native.get("context"),
        citations=native.get("citations"),
        extra=unknown_members(native, _DOCUMENT_KEYS),
        spelling=EMPTY if content is None or name is None else {"format": name},
    )


def _encode_document(block: Document) -> Json:
    native: dict[str, Json] = {"name": block.name or "document"}  # Converse insists on one
    if block.source is not None:
        if block.source.media_type is not None:
            native["format"] = _document_format(block.source.media_type)
        native["source"] = _encode_source(block.source)
    else:
        if block.spelling.get("format") in DOCUMENT_FORMATS:
            native["format"] = block.spelling["format"]
        native["source"] = {"content": encode_content(block.content or ())}
    return {
        "document": {
            **native,
            **without_none({"context": block.context, "citations": block.citations}),
            **block.extra,
        }
    }


def _document_format(media_type: str) -> str:
    name = format_of(media_type)
    if name not in DOCUMENT_FORMATS:
        raise EncodeError(
            f"Converse takes no document of the type {media_type}",
            feature="document type",
            hint=f"it takes {', '.join(DOCUMENT_FORMATS)}",
        )
    return name


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────

_RESULT_KEYS = frozenset({"toolUseId", "content", "status"})
_STATUSES: Mapping[Json, bool | None] = {None: None, "success": False, "error": True}
_STATUS_OF = {is_error: status for status, is_error in _STATUSES.items()}


def _encode_tool_use(block: ToolUse) -> Json:
    """The native tool call. Arguments that the model left as broken JSON are refused: `input` is an
    object in Converse."""
    if isinstance(block.input, str):
        raise EncodeError(
            f"the arguments of the tool call {block.id} are no JSON object, and Converse takes "
            "nothing else",
            feature="broken tool arguments",
            hint="leave the call out of the conversation, or mend its arguments",
        )
    return encode_tool_use(block)


def _decode_tool_result(native: Mapping[str, Json]) -> ContentBlock:
    """`{"toolUseId", "content": [...], "status"?: "success" | "error"}`; `is_error` is None if
    unset."""
    return ToolResult(
        string(native["toolUseId"]),
        decode_content(native.get("content") or []),
        _STATUSES[native.get("status")],
        extra=unknown_members(native, _RESULT_KEYS),
    )


def _encode_tool_result(block: ToolResult) -> Json:
    native = {"toolUseId": block.tool_use_id, "content": encode_content(block.content)}
    if block.is_error is not None:
        native["status"] = _STATUS_OF[block.is_error]
    return {"toolResult": {**native, **block.extra} if block.extra else native}


def _encode_opaque(block: Opaque) -> Json:
    return block.data


_DECODE: Mapping[str, Callable[[Any], ContentBlock]] = {
    "citationsContent": _decode_cited,
    "image": _decode_image,
    "document": _decode_document,
    "toolUse": decode_tool_use,
    "toolResult": _decode_tool_result,
    "json": decode_data,
    "reasoningContent": partial(decode_reasoning, dialect=DIALECT),
    "cachePoint": decode_cache_point,
}
_KINDS = frozenset({"text", *_DECODE})
"""The keys of a block that have a neutral type."""
_ENCODE: Mapping[type, Callable[[Any], Json]] = {
    Text: with_rest(_encode_text),
    Data: with_rest(encode_data),
    Image: with_rest(_encode_image),
    Document: with_rest(_encode_document),
    ToolUse: with_rest(_encode_tool_use),
    ToolResult: with_rest(_encode_tool_result),
    Reasoning: with_rest(encode_reasoning),
    CachePoint: with_rest(encode_cache_point),
    Opaque: _encode_opaque,
}
