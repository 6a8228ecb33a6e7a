"""Where text stands in a value: in a request, an answer, an event of a stream.

    places = texts_in(request)                       [(("messages", 0, "content", 0, "text"), "hi")]
    with_texts(request, {place: "[REDACTED:email]"})

Whoever screens a call must see all of its text, and nearly every value can carry some: a block
begins with a whole value, an echo repeats the prompt, a trace quotes what it found, a tool has a
description and a schema. So every string is text unless `_NO_TEXT` says that it is a name, an id or
sealed bytes. So is a long number in JSON: `{"card": 4111111111111111}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeAlias, TypeVar, cast

from attrs import fields, has

from axonflow_core.frozen import evolve, frozen
from axonflow_core.media import MediaKind
from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    Completion,
    Guardrail,
    Media,
    Message,
    Opaque,
    Reasoning,
    ReasoningRequest,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from axonflow_core.stream import Extra, ReasoningDelta, Started, Stopped, UsageUpdate

T = TypeVar("T")


@frozen
class Key:
    """The last step to a text that is the key of an object, not its value."""

    name: str


Place: TypeAlias = tuple[str | int | Key, ...]
"""Where in a value a text stands: names of fields, keys of objects, indices of lists."""

_LONG = 10**11
_NO_TEXT = frozenset(
    {
        (Message, "role"),
        *((Started, name) for name in ("id", "model")),
        *((ReasoningDelta, name) for name in ("signature", "redacted")),
        *((Reasoning, name) for name in ("signature", "redacted")),
        *((ToolUse, name) for name in ("id", "name")),
        *((ToolResult, name) for name in ("tool_use_id", "name")),
        (Tool, "name"),
        (ToolChoice, "name"),
        *((BuiltinTool, name) for name in ("name", "type", "dialect")),
        *((ReasoningRequest, name) for name in ("mode", "effort")),
        (Media, "media_type"),
        *((CachePoint, name) for name in ("ttl", "kind")),
        (UsageUpdate, "service_tier"),
        (Guardrail, "action"),
        (Stopped, "native"),
        (Opaque, "dialect"),
        (Extra, "level"),
        *((Completion, name) for name in ("id", "model", "native_stop_reason", "service_tier")),
        *((Completion, name) for name in ("stop_reason", "adjustments", "receipt", "parsed")),
    }
)


def texts_in(value: Any) -> list[tuple[Place, str]]:
    """Every text of `value` with its place, in order: `value` is a request, an answer, one of their
    parts, or an event of a stream.

    Text is what a person or a model wrote, wherever it stands: in messages and deltas, in the first
    value of a block, in tool arguments (keys too), descriptions, schemas, citations, echoes, traces
    and unknown members. Ids, names of tools and signatures are none, nor is the base64 of a file.
    A number of 12 digits and more is text, as it is written; another text in its place is a string.
    A delta's text may end in the middle of a word, and a tool's arguments in the middle of an
    escape: a screen looks across events.
    """
    found: list[tuple[Place, str]] = []
    _collect(value, (), found)
    return found


def with_texts(value: T, texts: Mapping[Place, str]) -> T:
    """`value` with other texts at some of the places that `texts_in` names, in time linear in its
    size: every value on the way to a text is made anew once."""
    changes: Any = {}
    for place, text in texts.items():
        if not place:
            return cast(T, text)
        level = changes
        for step in place[:-1]:
            level = level.setdefault(step, {})
        level[place[-1]] = text
    return cast(T, _changed(value, changes) if changes else value)


def _collect(value: Any, place: Place, found: list[tuple[Place, str]]) -> None:
    """Add every text in `value` with its place below `place`, depth first."""
    kind: Any = type(value)
    if kind is str:
        found.append((place, value))
    elif kind is tuple or kind is list:
        for index, item in enumerate(value):
            if item:
                _collect(item, (*place, index), found)
    elif names := _text_fields(kind):
        for name in names:
            if (member := getattr(value, name)) and type(member) is not int:
                _collect(member, (*place, name), found)
        if kind is Media and value.kind is not MediaKind.BASE64:
            _collect(value.data, (*place, "data"), found)
    elif isinstance(value, Mapping):
        for key, member in value.items():
            found.append(((*place, Key(key)), key))
            if member:
                _collect(member, (*place, key), found)
    elif kind is int:
        if abs(value) >= _LONG:
            found.append((place, str(value)))
    elif isinstance(value, str) and not isinstance(value, Enum):
        found.append((place, str(value)))


@cache
def _text_fields(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a class that may carry text; none of a class that is no value."""
    if not has(kind):
        return ()
    names = (field.name for field in fields(kind))
    data = {(Media, "data")}  # whether it is text depends on its kind
    return tuple(name for name in names if (kind, name) not in _NO_TEXT | data)


def _changed(value: Any, changes: Any) -> Any:
    """`value` with `changes`: a text instead of it, or what changes below each of its steps."""
    if type(changes) is str:
        return changes
    if isinstance(value, Mapping):
        return {
            changes.get(Key(key), key): _changed(member, changes[key]) if key in changes else member
            for key, member in value.items()
        }
    if isinstance(value, list | tuple):
        items = list(value)
        for index, change in changes.items():
            items[index] = _changed(items[index], change)
        return type(value)(items)
    members = {step: _changed(getattr(value, step), change) for step, change in changes.items()}
    if type(value) is ToolUse and "input" in members:
        members.setdefault("spelling", value.spelling)  # dropped where it spells another input
    return evolve(value, **members)
