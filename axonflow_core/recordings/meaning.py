"""What was understood of a native body: which of its words stand in typed places, and which were
only carried along.

A codec that keeps every body whole in `extra` survives every round trip and has understood nothing.
Two questions find it out. `leftovers` asks the codec's own table: a documented key in an `extra` is
a key it did not read. `unread` asks nobody: a long text under a key that holds content must be
found again in the typed blocks, whoever wrote the codec.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs
import orjson

from axonflow_core.json import loads
from axonflow_core.messages import (
    Data,
    Document,
    Json,
    Media,
    Message,
    Opaque,
    Reasoning,
    Text,
    Tool,
    ToolResult,
    ToolUse,
)
from axonflow_core.stream import Extra

from .json_equality import ABSENT, Difference, strict_difference

# ── values as JSON ────────────────────────────────────────────────────────────────────────────────


def plain(value: Any) -> Json:
    """A value of the neutral model as JSON, with the name of each class, for comparing and
    showing."""
    if attrs.has(type(value)):
        members = {
            field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value))
        }
        return {"": type(value).__name__, **members}
    if isinstance(value, Mapping):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def value_difference(expected: Any, got: Any) -> Difference | None:
    """The first difference between two values, or None if they are equal."""
    return strict_difference(plain(expected), plain(got))


# ── what was left over ────────────────────────────────────────────────────────────────────────────


def leftovers(value: Any, documented: frozenset[str], path: str = "$") -> Iterator[Difference]:
    """Every documented key that stands in an `extra` of `value`, on any level of `value`.

    What stands inside a member that nobody documented may be called as it likes, and a null says
    nothing.
    """
    if isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from leftovers(item, documented, f"{path}[{index}]")
    elif isinstance(value, Extra):
        yield from _documented_keys(value.members, documented, f"{path}.members")
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            member, place = getattr(value, field.name), f"{path}.{field.name}"
            if field.name == "extra":
                yield from _documented_keys(member, documented, place)
            else:
                yield from leftovers(member, documented, place)


def _documented_keys(
    members: Mapping[str, Json], documented: frozenset[str], path: str
) -> Iterator[Difference]:
    for key, member in members.items():
        name = key.rpartition(".")[2]  # `level.key` is a member of an inner object
        if member is not None and (key in documented or name in documented):
            yield Difference(f"{path}.{key}", "in a typed place", "left over in extra")


# ── what was read ─────────────────────────────────────────────────────────────────────────────────

LONG = 20
"""Characters. A shorter text is found somewhere by chance."""

CONTENT_KEYS = frozenset(
    {
        *(
            "text",
            "content",
            "system",
            "thinking",
            "signature",
            "reasoning",
            "reasoning_content",
            "data",
        ),
        *(
            "prompt",
            "completion",
            "inputText",
            "outputText",
            "generation",
            "texts",
            "query",
            "documents",
        ),
    }
)
ARGUMENT_KEYS = frozenset({"input", "arguments"})
"""The names that families give to what was said and to what a tool is called with, as far as
documents go."""

TYPED_KINDS = frozenset(
    {
        *(
            "text",
            "image",
            "image_url",
            "document",
            "function",
            "thinking",
            "redacted_thinking",
            "reasoning",
        ),
        *("tool_use", "tool_result", "toolUse", "toolResult", "reasoningContent"),
    }
)
"""Native blocks that the neutral model has a word for: an `Opaque` that holds one has not read
it."""

_Found: TypeAlias = tuple[str, str]


def unread(
    native: Json, values: Iterable[Any], borders: tuple[str, ...] = ()
) -> Iterator[Difference]:
    """Every long text of `native` that stands in no typed block of `values`.

    `borders` are the family's tokens and tags, which part a text into what several turns or blocks
    say.
    """
    read = "\n".join(_typed_texts(values))
    for path, text in _content_texts(native, "$"):
        for piece in _pieces(text, borders):
            if len(piece) > LONG and piece not in read and _uncut(piece, borders) not in read:
                yield Difference(path, piece, ABSENT)


def _content_texts(
    native: Json, path: str, *, is_content: bool = False, is_data: bool = False
) -> Iterator[_Found]:
    """Every text under a key that holds content; inside tool arguments every text there is."""
    match native:
        case str() if is_content or is_data:
            yield path, native
        case list():
            for index, item in enumerate(native):
                yield from _content_texts(
                    item, f"{path}[{index}]", is_content=is_content, is_data=is_data
                )
        case dict():
            for key, member in native.items():
                is_called = key in ARGUMENT_KEYS and not is_data
                told = (
                    _parsed(member) if is_called and isinstance(member, str) else None
                )  # arguments as JSON text
                yield from _content_texts(
                    member if told is None else told,
                    f"{path}.{key}",
                    is_content=key in CONTENT_KEYS,
                    is_data=is_data or is_called,
                )


def _parsed(text: str) -> Json:
    """The arguments in a JSON text, or None where it is a text and no more."""
    try:
        parsed = loads(text)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict | list) else None


def _pieces(text: str, borders: tuple[str, ...]) -> list[str]:
    """The lines of `text` between the borders. The first border of a transcript stands without its
    line feed."""
    whole = f"\n{text}"
    for border in borders:
        whole = whole.replace(border, "\n")
    return [line.strip() for line in whole.splitlines()]


def _uncut(piece: str, borders: tuple[str, ...]) -> str:
    """`piece` without what may be half of a border: a stream cuts its texts anywhere."""
    for border in borders:
        for size in range(len(border) - 1, 0, -1):
            piece = piece.removesuffix(border[:size]).removeprefix(border[size:])
    return piece.strip()


def _kind(native: Json) -> str:
    """What a native block calls itself: its type, or the one key of a union member."""
    return str(native.get("type") or next(iter(native), "")) if isinstance(native, dict) else ""


def _typed_texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list() | tuple():
            for item in value:
                yield from _typed_texts(item)
        case dict():
            for member in value.values():
                yield from _typed_texts(member)
        case Reasoning():
            yield from filter(None, (value.text, value.signature, value.redacted))
        case ToolUse():
            yield from _typed_texts([value.name, value.input])
        case Document():
            yield from _typed_texts(
                [value.name or "", value.context or "", value.content or "", value.source or ""]
            )
        case Data(data):
            yield from _typed_texts(data)
        case Text(text, citations):
            yield from _typed_texts([text, citations])
        case Media():
            yield value.data
        case Tool():
            yield from _typed_texts([value.name, value.description or "", value.input_schema])
        case Opaque(_, data):
            yield from () if _kind(data) in TYPED_KINDS else _typed_texts(data)
        case ToolResult() | Message():
            yield from _typed_texts(value.content or ())
        case _ if attrs.has(type(value)):
            for field in attrs.fields(type(value)):
                if field.name not in {"extra", "options", "guardrail"}:
                    yield from _typed_texts(getattr(value, field.name))
