"""Content blocks. Each is an object whose one key says what it is: `{"text": …}`, `{"toolUse":
{…}}`.

A block of a kind unknown here (a video) is kept whole, as `Opaque`.
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
from axonflow_core.media import format_of, type_of_base64
from axonflow_core.messages import (
    CachePoint,
    ContentBlock,
    Data,
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

from ...shapes.converse_shapes import (
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

DIALECT = "nova"


def decode_content(native: Json) -> tuple[ContentBlock, ...]:
    """The blocks of a message."""
    return tuple(
        [decode_block(block) for block in array(native)]
    )  # a list is built faster than drawn from


def encode_content(blocks: Iterable[ContentBlock]) -> list[Json]:
    """Blocks as Nova's list of unions."""
    return [encode_block(block) for block in blocks]


def decode_block(native: Mapping[str, Json]) -> ContentBlock:
    """One block; a union member without a neutral type becomes `Opaque`."""
    if len(native) > 1:
        native = set_members(native)
    if "text" in native:
        text = string(native["text"])
        return (
            Text(text)
            if len(native) == 1
            else Text(text, extra=unknown_members(native, _TEXT_KEYS))
        )
    if len(native) > 1:
        return decode_with_rest(native, DIALECT, _KINDS, decode_block)
    kind = next(iter(native), "")
    decode = _DECODE_BLOCK.get(kind)
    return Opaque(DIALECT, {**native}) if decode is None else decode(native[kind])


def encode_block(block: ContentBlock) -> dict[str, Json]:
    """One block in Nova's JSON."""
    encode = _ENCODE_BLOCK.get(type(block))
    if encode is None:
        kind = type(block).__name__.lower()
        raise EncodeError(f"a message to Nova has no place for a {kind} block", feature=kind)
    return encode(block)


_TEXT_KEYS = frozenset({"text"})
_IMAGE_KEYS = frozenset({"format", "source"})
_BYTES_KEYS = frozenset({"bytes"})
_LOCATION_KEYS = frozenset({"uri"})
_SOURCE, _S3_KEYS = "source", frozenset({"s3Location"})
_TOOL_RESULT_KEYS = frozenset({"toolUseId", "content", "status"})


def _encode_text(block: Text) -> dict[str, Json]:
    return {"text": block.text, **block.extra} if block.extra else {"text": block.text}


def _decode_image(native: Mapping[str, Json]) -> ContentBlock:
    """`{"format": "png", "source": {"bytes": base64}}`; an unknown source is kept as `Opaque`."""
    media = _decode_source(native["source"], native.get("format"))
    if media is None:
        return Opaque(DIALECT, {"image": native})
    return Image(media, extra=unknown_members(native, _IMAGE_KEYS))


def _encode_image(block: Image) -> dict[str, Json]:
    media_type = block.source.media_type or type_of_base64(block.source.data)
    named = {} if media_type is None else {"format": format_of(media_type)}
    return {"image": {**named, "source": _encode_source(block.source), **block.extra}}


def _decode_source(native: Mapping[str, Json], form: Json) -> Media | None:
    """Base64 data or an S3 location; None for a source of another kind."""
    media_type = None if form is None else f"image/{string(form)}"
    native = set_members(native)
    match native:
        case {"bytes": str(data)}:
            return Media(
                MediaKind.BASE64, data, media_type, extra=unknown_members(native, _BYTES_KEYS)
            )
        case {"s3Location": {"uri": str(uri)} as location}:
            around = prefixed(_SOURCE, unknown_members(native, _S3_KEYS))
            extra = {**unknown_members(location, _LOCATION_KEYS), **around}
            return Media(MediaKind.S3, uri, media_type, extra=extra)
    return None


def _encode_source(media: Media) -> dict[str, Json]:
    match media.kind:
        case MediaKind.BASE64:
            return {"bytes": media.data, **media.extra}
        case MediaKind.S3:
            own, around = split_prefixed(media.extra, _SOURCE)
            return {"s3Location": {"uri": media.data, **own}, **around}
    raise EncodeError(
        f"a message to Nova takes no {media.kind} source",
        feature=f"{media.kind} source",
        hint="give the picture as base64, or as an S3 URI that the account of the call may read",
    )


_FAILED = {None: None, "success": False, "error": True}


def _decode_tool_result(native: Mapping[str, Json]) -> ContentBlock:
    content, status = native.get("content"), native.get("status")
    if status not in _FAILED:
        raise ValueError("a tool's result is a success or an error")
    return ToolResult(
        string(native["toolUseId"]),
        () if content is None else decode_content(content),
        _FAILED[status],
        extra=unknown_members(native, _TOOL_RESULT_KEYS),
    )


def _encode_tool_result(block: ToolResult) -> dict[str, Json]:
    status = None if block.is_error is None else "error" if block.is_error else "success"
    named = {"content": encode_content(block.content), **without_none({"status": status})}
    return {"toolResult": {"toolUseId": block.tool_use_id, **named, **block.extra}}


def _encode_opaque(block: Opaque) -> dict[str, Json]:
    return {**block.data}


_DECODE_BLOCK: Mapping[str, Callable[[Any], ContentBlock]] = {
    "image": _decode_image,
    "json": decode_data,
    "toolUse": decode_tool_use,
    "toolResult": _decode_tool_result,
    "reasoningContent": partial(decode_reasoning, dialect=DIALECT),
    "cachePoint": decode_cache_point,
}
_KINDS = frozenset(_DECODE_BLOCK)
_ENCODE_BLOCK: Mapping[type, Callable[[Any], dict[str, Json]]] = {
    Text: _encode_text,
    Data: with_rest(encode_data),
    Image: with_rest(_encode_image),
    ToolUse: with_rest(encode_tool_use),
    ToolResult: with_rest(_encode_tool_result),
    Reasoning: with_rest(encode_reasoning),
    CachePoint: with_rest(encode_cache_point),
    Opaque: _encode_opaque,
}
