"""The result of a function, which Gemini has as one JSON object, `response`, and `parts` of media.

    {"result": "rain"}                 one text
    {"temperature": 5}                 JSON, as it is
    {"output": …}  {"error": …}        the same of a call that is said to have succeeded, or failed
    {"content": ["rain", {"mm": 5}]}   several texts and JSON objects; `{}` is none
    {"content": ["see", {"$ref": "part_1"}, "there"]}, parts: [{"inlineData": …}]

`result`, `output` and `error` are the keys that Google documents, and so is `$ref` for the place of
a picture or document among texts. Those that stand after all texts need no reference.

Source: Gemini API reference, "FunctionResponse"; "Function calling", section "Multimodal function
responses"; November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from axonflow_core.codec.json_members import array, object_in, unknown_members
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    EMPTY,
    ContentBlock,
    Data,
    Document,
    Image,
    Json,
    Opaque,
    Text,
    ToolResult,
)

_KEYS: Mapping[str, bool | None] = {"result": None, "output": False, "error": True}
"""Key of a response that is the whole of it -> whether the call is said to have failed."""
_SEVERAL, _REFERENCE, _NAME = "content", "$ref", "displayName"
_MEDIA = (Image, Document, Opaque)
"""The blocks that `parts` hold."""
_SPELLING = "response"
"""The key of `ToolResult.spelling`: `result` where JSON stood under that and need not, `content`
where a list held one item."""


# ── reading ───────────────────────────────────────────────────────────────────────────────────────


def decode_result(
    native: Mapping[str, Json], read: Callable[[Json], ContentBlock]
) -> tuple[tuple[ContentBlock, ...], bool | None, Mapping[str, Json]]:
    """Content, failure and spelling of a `functionResponse`. `read` is for a part of media."""
    response = {} if native.get("response") is None else object_in(native, "response")
    parts = [] if native.get("parts") is None else array(native["parts"], "parts")
    media = dict(enumerate(map(read, parts)))
    places = {_name_of(part, place): place for place, part in enumerate(parts)}
    key = _key_of(response)
    value = response if key is None else response[key]
    items = _several(value)
    if items is None:
        items = [] if value == {} and key is None else [value]

    def of(item: Json) -> ContentBlock:
        place = places.get(item[_REFERENCE]) if _is_reference(item) else None
        if place in media:
            return _unnamed(media.pop(place), place)
        return Text(item) if isinstance(item, str) else Data(item)

    content = (*[of(item) for item in items], *media.values())
    return content, _KEYS.get(key or ""), _spelling_of(key, value, items)


def _spelling_of(key: str | None, value: Json, items: list[Json]) -> Mapping[str, Json]:
    """Which way was taken, where the one that is written without a word is another."""
    if _several(value) is not None:
        return {_SPELLING: _SEVERAL} if len(items) == 1 else EMPTY
    is_needless = key == "result" and isinstance(value, dict) and _is_bare(value)
    return {_SPELLING: "result"} if is_needless else EMPTY


def _key_of(response: Mapping[str, Json]) -> str | None:
    """The key under which the whole response stands; None where it is the response."""
    key = next(iter(response), None)
    return key if len(response) == 1 and key in _KEYS else None


def _several(value: Json) -> list[Json] | None:
    """The items of `{"content": […]}`; None for any other value."""
    if not isinstance(value, dict) or value.keys() != {_SEVERAL}:
        return None
    items = value[_SEVERAL]
    return items if isinstance(items, list) else None


def _is_bare(value: Mapping[str, Json]) -> bool:
    """Whether a JSON object can be the whole response, and is read as itself."""
    return bool(value) and _key_of(value) is None and _several(value) is None


def _is_reference(item: Json) -> bool:
    is_one = isinstance(item, dict) and item.keys() == {_REFERENCE}
    return is_one and isinstance(item[_REFERENCE], str)


def _name_of(part: Json, place: int) -> str:
    """The name that a reference has for a part."""
    holders = part.values() if isinstance(part, dict) else ()
    names = (holder.get(_NAME) for holder in holders if isinstance(holder, dict))
    return next((name for name in names if isinstance(name, str)), _named(place))


def _named(place: int) -> str:
    return f"part_{place + 1}"


def _unnamed(block: Any, place: int | None) -> ContentBlock:
    """A block without the name that it was referred to by, where that is ours."""
    source = getattr(block, "source", None)
    if source is None or place is None or source.extra.get(_NAME) != _named(place):
        return block  # type: ignore[no-any-return]
    rest = unknown_members(source.extra, frozenset({_NAME}))
    changed: ContentBlock = evolve(block, source=evolve(source, extra=rest))
    return changed


# ── writing ───────────────────────────────────────────────────────────────────────────────────────


def encode_result(
    block: ToolResult, write: Callable[[ContentBlock], dict[str, Json]]
) -> dict[str, Json]:
    """`response` and `parts` of a `functionResponse`. `write` is for a block of media."""
    media = [one for one in block.content if isinstance(one, _MEDIA)]
    texts: list[ContentBlock] = [one for one in block.content if not isinstance(one, _MEDIA)]
    parts = [write(one) for one in media]
    is_mixed = any(isinstance(one, _MEDIA) for one in block.content[: len(texts)])
    if is_mixed and texts:
        response = _wrapped({_SEVERAL: _with_references(block.content, parts)}, block)
    else:
        response = _response_of(texts, block)
    return {"response": response, **({"parts": parts} if parts else {})}


def _with_references(content: tuple[ContentBlock, ...], parts: list[dict[str, Json]]) -> list[Json]:
    """The items of a response in which media stand among texts. Names the parts that they are."""
    items: list[Json] = []
    place = 0
    for one in content:
        if isinstance(one, _MEDIA):
            holder = next(iter(parts[place].values()), None)
            if not isinstance(holder, dict):
                raise EncodeError(
                    "a part of a tool's result cannot stand among its texts",
                    feature="opaque",
                    hint="give it after the texts",
                )
            items.append({_REFERENCE: holder.setdefault(_NAME, _named(place))})
            place += 1
        else:
            items.append(_item_of(one))
    return items


def _response_of(texts: list[ContentBlock], block: ToolResult) -> dict[str, Json]:
    """The response of texts and JSON alone."""
    if not texts and block.is_error is None:
        return {}
    if len(texts) != 1 or block.spelling.get(_SPELLING) == _SEVERAL:
        return _wrapped({_SEVERAL: [_item_of(one) for one in texts]}, block)
    value = _item_of(texts[0])
    is_whole = block.is_error is None and isinstance(value, dict) and _is_bare(value)
    if is_whole and block.spelling.get(_SPELLING) != "result":
        return dict(value)
    return {_key_for(block): value}


def _wrapped(several: dict[str, Json], block: ToolResult) -> dict[str, Json]:
    return several if block.is_error is None else {_key_for(block): several}


def _key_for(block: ToolResult) -> str:
    return next(key for key, is_error in _KEYS.items() if is_error is block.is_error)


def _item_of(block: ContentBlock) -> Json:
    """The text or JSON of a block."""
    if isinstance(block, Data):
        return block.value
    if isinstance(block, Text):
        return block.text
    kind = type(block).__name__.lower()
    raise EncodeError(f"a function's result has no place for a {kind} block", feature=kind)
