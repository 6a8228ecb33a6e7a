"""Which parts of a native body were decoded into typed fields, and which were only kept.

A codec that keeps whole bodies in `extra` passes every round trip without decoding anything. Two
checks find it. `leftovers` uses the codec's own table: a documented key in an `extra` was not
decoded. `unread` does not depend on the codec: a text of more than `LONG` characters under a key
that holds content must occur in the typed blocks. It finds a key that the table of the codec
forgot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
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
    """A value of the neutral model as JSON for comparing and showing, each object with the name of
    its class under the key `""`.
    """
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
    """Every documented key in an `extra` of `value`, at any level of `value`.

    Keys inside an undocumented member are not checked, and null is the same as absent.
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
    """The documented keys among the members of an `extra`, those of inner objects included."""
    for key, member in members.items():
        name = key.rpartition(".")[2]  # `level.key` is a member of an inner object
        if member is not None and (key in documented or name in documented):
            yield Difference(f"{path}.{key}", "in a typed place", "left over in extra")


# ── what was read ─────────────────────────────────────────────────────────────────────────────────

LONG = 20
"""Characters. A shorter text is likely to occur somewhere by chance."""

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
"""The keys under which families put content, as far as documented."""
ARGUMENT_KEYS = frozenset({"input", "arguments"})
"""The keys under which families put tool arguments, as far as documented."""

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
"""Types of native blocks that have a neutral type: a codec that decodes one as `Opaque` has not
decoded it."""

_Found: TypeAlias = tuple[str, str]


def unread(
    native: Json, values: Iterable[Any], borders: tuple[str, ...] = ()
) -> Iterator[Difference]:
    """Every text of `native` longer than `LONG` characters that occurs in no typed block of
    `values`.

    `borders` are the family's control tokens and reasoning tags, which separate the texts of
    several turns or blocks within one native string.
    """
    # Joined by what no piece contains, so that no piece is found across two texts.
    read = "\n".join(_typed_texts(values))
    for path, text in _content_texts(native, "$"):
        for piece in _pieces(text, borders):
            if len(piece) > LONG and piece not in read and _uncut(piece, borders) not in read:
                yield Difference(path, piece, ABSENT)


def _content_texts(
    native: Json, path: str, *, is_content: bool = False, is_data: bool = False
) -> Iterator[_Found]:
    """(path, text) for every text under a key that holds content, and every text inside tool
    arguments.
    """
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
                # Some families write arguments as JSON in a string.
                parsed = _parsed(member) if is_called and isinstance(member, str) else None
                yield from _content_texts(
                    member if parsed is None else parsed,
                    f"{path}.{key}",
                    is_content=key in CONTENT_KEYS,
                    is_data=is_data or is_called,
                )


def _parsed(text: str) -> Json:
    """The object or list in a JSON text, None where it is neither."""
    try:
        parsed = loads(text)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict | list) else None


def _pieces(text: str, borders: tuple[str, ...]) -> list[str]:
    """The lines of `text` between the borders. A border may begin with a line feed, which is absent
    at the start of a transcript: hence the one that is added.
    """
    whole = f"\n{text}"
    for border in borders:
        whole = whole.replace(border, "\n")
    return [line.strip() for line in whole.splitlines()]


def _uncut(piece: str, borders: tuple[str, ...]) -> str:
    """`piece` without a part of a border at either end: a stream may cut its texts anywhere."""
    for border in borders:
        for size in range(len(border) - 1, 0, -1):
            # From the longest part on, so that no shorter part of the same border is left.
            piece = piece.removesuffix(border[:size]).removeprefix(border[size:])
    return piece.strip()


def _kind(native: Json) -> str:
    """The type of a native block: its `type`, or the one key of a union member."""
    return str(native.get("type") or next(iter(native), "")) if isinstance(native, dict) else ""


_CONTENT_FIELDS: Mapping[type, tuple[str, ...]] = {
    Text: ("text", "citations"),
    Reasoning: ("text", "signature", "redacted"),
    ToolUse: ("name", "input"),
    ToolResult: ("content",),
    Document: ("name", "context", "content", "source"),
    Media: ("data",),
    Data: ("value",),
    Tool: ("name", "description", "input_schema"),
    Message: ("content",),
}
"""Type -> its fields with content. Ids, media types and the like are no evidence of decoding."""
_NO_CONTENT = frozenset({"extra", "options", "guardrail"})
"""Fields of all other types that are not typed content."""


def _typed_texts(value: Any) -> Iterator[str]:
    """Every text in the typed fields of `value`. An `Opaque` counts only where the neutral model
    has no type for its block."""
    match value:
        case str():
            yield value
        case list() | tuple():
            yield from chain.from_iterable(map(_typed_texts, value))
        case dict():
            yield from _typed_texts(list(value.values()))
        case Opaque(_, data):
            yield from () if _kind(data) in TYPED_KINDS else _typed_texts(data)
        case _ if attrs.has(type(value)):
            names = _CONTENT_FIELDS.get(type(value)) or _other_fields(type(value))
            yield from _typed_texts([getattr(value, name) for name in names])


def _other_fields(value_type: type[attrs.AttrsInstance]) -> tuple[str, ...]:
    """The fields of a type that are typed content, by exclusion."""
    names = (field.name for field in attrs.fields(value_type))
    return tuple(name for name in names if name not in _NO_CONTENT)
