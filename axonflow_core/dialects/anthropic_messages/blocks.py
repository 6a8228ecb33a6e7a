"""Content blocks: a table of kinds, one function for each kind and direction.

    {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "…"}}
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain", "is_error": false}
    {"type": "thinking", "thinking": "Hm", "signature": "EqQB…"}

`cache_control` is a member of a native block; neutrally it is a `CachePoint` after that block. A
block of a kind unknown here is kept whole, as `Opaque`. Unknown members of a known kind are its
`extra`.

Source: Anthropic's API reference, "Messages", November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from axonflow_core.codec.json_members import (
    arguments_of,
    array,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.media import type_of_base64
from axonflow_core.messages import (
    EMPTY,
    CachePoint,
    ContentBlock,
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

DIALECT = "anthropic"
"""The name of the dialect in `Opaque` blocks and `BuiltinTool`s."""


def decode_content(native: Json) -> tuple[ContentBlock, ...]:
    """A bare string is one text block; `cache_control` becomes a `CachePoint` after its block."""
    if isinstance(native, str):
        return (Text(native),)
    blocks: list[ContentBlock] = []
    for item in array(native, "content"):
        block = decode_block(item)
        blocks.append(block)
        # An opaque block keeps its `cache_control` inside; a point after it would double it.
        if len(item) > 2 and not isinstance(block, Opaque) and item.get("cache_control"):
            blocks.append(decode_cache_control(item["cache_control"]))
    return tuple(blocks)


def encode_content(blocks: Iterable[ContentBlock]) -> list[Json]:
    """The blocks of a message. A cache point becomes `cache_control` of the block before it."""
    natives: list[Json] = []
    for block in blocks:
        if type(block) is CachePoint:
            hang_cache_control(natives, block)
        else:
            natives.append(_ENCODE_BLOCK[type(block)](block))
    return natives


def is_plain_text(native: Json) -> bool:
    """Whether a block is a text and nothing more."""
    return (
        type(native) is dict
        and len(native) == 2
        and native["type"] == "text"
        and type(native.get("text")) is str
    )


def decode_block(native: Mapping[str, Json]) -> ContentBlock:
    """One content block; a type without a neutral one becomes `Opaque`."""
    if len(native) == 2 and native["type"] == "text":  # nearly every block there is
        return Text(string(native["text"]))
    decode = _DECODE_BLOCK.get(native["type"])
    return Opaque(DIALECT, native) if decode is None else decode(native)


def encode_block(block: ContentBlock) -> dict[str, Json]:
    """One content block other than a cache point."""
    return _ENCODE_BLOCK[type(block)](block)


_KEYS_OF_BLOCK: Mapping[str, frozenset[str]] = {
    kind: frozenset({"type", "cache_control", *keys.split()})
    for kind, keys in {
        "text": "text",
        "cited text": "text citations",
        "image": "source",
        "document": "source title context citations",
        "tool_use": "id name input",
        "tool_result": "tool_use_id content is_error",
        "thinking": "thinking signature",
        "redacted_thinking": "data",
    }.items()
}


def _rest(native: Mapping[str, Json], kind: str) -> Mapping[str, Json]:
    """The members that are not documented for a kind of block: its `extra`."""
    return unknown_members(native, _KEYS_OF_BLOCK[kind])


def _decode_text(native: Mapping[str, Json]) -> ContentBlock:
    """A text; citations are kept as their JSON, one object each. An empty list of them stays in
    `extra`."""
    citations = native.get("citations")
    if citations:
        return Text(native["text"], tuple(array(citations)), extra=_rest(native, "cited text"))
    return Text(string(native["text"]), extra=_rest(native, "text"))


def _encode_text(block: Text) -> dict[str, Json]:
    native: dict[str, Json] = {"type": "text", "text": block.text}
    if block.extra:
        native.update(block.extra)
    if block.citations:
        native["citations"] = list(block.citations)
    return native


_MEDIA_DATA = {"base64": "data", "text": "data", "url": "url", "file": "file_id"}
"""Kind of source -> the key its data stands under."""


def _decode_media(native: Mapping[str, Json]) -> Media | None:
    """A source: base64 data, plain text, a URL or a file's id. None for a kind that is not
    documented, whose block is then kept whole."""
    key = _MEDIA_DATA.get(native["type"])
    if key is None:
        return None
    extra = unknown_members(native, frozenset({"type", "media_type", key}))
    return Media(MediaKind(native["type"]), native[key], native.get("media_type"), extra=extra)


def _encode_media(media: Media) -> dict[str, Json]:
    """The source of a picture or document. `EncodeError` for a kind that Anthropic has not (an S3
    location)."""
    key = _MEDIA_DATA.get(media.kind)
    if key is None:
        raise EncodeError(
            f"an Anthropic message takes no {media.kind} source", feature=f"{media.kind} source"
        )
    native = {"type": str(media.kind), key: media.data, **media.extra}
    media_type = media.media_type
    if media_type is None and media.kind is MediaKind.BASE64:
        media_type = type_of_base64(media.data)
    if media_type is not None:
        native["media_type"] = media_type
    return native


def _decode_image(native: Mapping[str, Json]) -> ContentBlock:
    media = _decode_media(native["source"])
    return Opaque(DIALECT, native) if media is None else Image(media, extra=_rest(native, "image"))


def _encode_image(block: Image) -> dict[str, Json]:
    return {"type": "image", "source": _encode_media(block.source), **block.extra}


def _decode_document(native: Mapping[str, Json]) -> ContentBlock:
    """A document: its data, or blocks of its own (`source.type: content`)."""
    source, content, media, spelling = native["source"], None, None, EMPTY
    if source["type"] == "content" and source.keys() <= _CONTENT_KEYS:
        content = decode_content(source["content"])
        spelling = _nested_spelling(source["content"])
    else:
        media = _decode_media(source)
        if media is None:
            return Opaque(DIALECT, native)
    return Document(
        source=media,
        content=content,
        name=native.get("title"),
        context=native.get("context"),
        citations=native.get("citations"),
        extra=_rest(native, "document"),
        spelling=spelling,
    )


_CONTENT_KEYS = frozenset({"type", "content"})


def _encode_document(block: Document) -> dict[str, Json]:
    """`{"type": "document", "source": {…}, "title": …, "context": …, "citations": {"enabled":
    true}}`"""
    if block.source is not None:
        source = _encode_media(block.source)
    else:
        source = {"type": "content", "content": _encode_nested(block)}
    named = {"title": block.name, "context": block.context, "citations": block.citations}
    return {"type": "document", "source": source, **without_none(named), **block.extra}


_BARE: Mapping[str, Json] = {"content": "string"}
"""`spelling` of a tool result or document whose one text came as a bare string."""


def _nested_spelling(native: Json) -> Mapping[str, Json]:
    """The spelling of nested content, which may be a bare string or a list of blocks."""
    return _BARE if isinstance(native, str) else EMPTY


def _encode_nested(block: ToolResult | Document) -> Json:
    """The content of a tool result or document, as a bare string where it was decoded from one."""
    content = block.content or ()
    if block.spelling.get("content") == "string" and len(content) == 1:
        only = content[0]
        if type(only) is Text and not only.extra and not only.citations:
            return only.text
    return encode_content(content)


def _decode_tool_use(native: Mapping[str, Json]) -> ContentBlock:
    return ToolUse(
        string(native["id"]),
        string(native["name"]),
        arguments_of(native.get("input")),
        extra=_rest(native, "tool_use"),
    )


def _encode_tool_use(block: ToolUse) -> dict[str, Json]:
    return {
        "type": "tool_use",
        "id": block.id,
        "name": block.name,
        "input": block.input,
        **block.extra,
    }


def _decode_tool_result(native: Mapping[str, Json]) -> ContentBlock:
    """A result; no `content` is an empty one."""
    content = native.get("content")
    return ToolResult(
        string(native["tool_use_id"]),
        () if content is None else decode_content(content),
        native.get("is_error"),
        extra=_rest(native, "tool_result"),
        spelling=_nested_spelling(content),
    )


def _encode_tool_result(block: ToolResult) -> dict[str, Json]:
    """A result; an empty one has no `content`."""
    content = _encode_nested(block) if block.content else None
    named = without_none({"content": content, "is_error": block.is_error})
    return {"type": "tool_result", "tool_use_id": block.tool_use_id, **named, **block.extra}


def _decode_thinking(native: Mapping[str, Json]) -> ContentBlock:
    return Reasoning(
        string(native["thinking"]), native.get("signature"), extra=_rest(native, "thinking")
    )


def _decode_redacted(native: Mapping[str, Json]) -> ContentBlock:
    return Reasoning(redacted=string(native["data"]), extra=_rest(native, "redacted_thinking"))


def _encode_reasoning(block: Reasoning) -> dict[str, Json]:
    """`thinking` with its signature, or `redacted_thinking`, whose data only Anthropic can read."""
    if block.redacted is not None:
        return {"type": "redacted_thinking", "data": block.redacted, **block.extra}
    return {
        "type": "thinking",
        "thinking": block.text,
        **without_none({"signature": block.signature}),
        **block.extra,
    }


def _encode_opaque(block: Opaque) -> dict[str, Json]:
    return dict(block.data)


_DECODE_BLOCK: Mapping[str, Callable[[Mapping[str, Json]], ContentBlock]] = {
    "text": _decode_text,
    "image": _decode_image,
    "document": _decode_document,
    "tool_use": _decode_tool_use,
    "tool_result": _decode_tool_result,
    "thinking": _decode_thinking,
    "redacted_thinking": _decode_redacted,
}
_ENCODE_BLOCK: Mapping[type, Callable[[Any], dict[str, Json]]] = {
    Text: _encode_text,
    Image: _encode_image,
    Document: _encode_document,
    ToolUse: _encode_tool_use,
    ToolResult: _encode_tool_result,
    Reasoning: _encode_reasoning,
    Opaque: _encode_opaque,
}


def decode_cache_control(native: Mapping[str, Json]) -> CachePoint:
    """The cache point in a block's `cache_control`."""
    kind = string(native["type"])
    extra = unknown_members(native, frozenset({"type", "ttl"}))
    return CachePoint(native.get("ttl"), None if kind == "ephemeral" else kind, extra=extra)


def hang_cache_control(natives: list[Json], point: CachePoint) -> None:
    """Add a cache point to the last of `natives`, in place. `EncodeError` where there is no block,
    or it has one already."""
    if not natives or "cache_control" in natives[-1]:
        raise EncodeError(
            "a cache point must follow a block, and only one may",
            feature="cache points",
            hint="move the cache point after the last block that is to be cached",
        )
    ttl = without_none({"ttl": point.ttl})
    natives[-1]["cache_control"] = {"type": point.kind or "ephemeral", **ttl, **point.extra}
