"""Values to JSON and back, without loss: saved conversations, records of the audit, replay.

    saved = dumps(to_json(request))
    request == from_json(loads(saved), CompletionRequest)

A value is an object with the name of its class under `$type`, and its fields; one that has its
default is left out:

    {"$type": "Message", "role": "user", "content": [{"$type": "Text", "text": "hi"}]}

A field that holds JSON (`extra`, `spelling`, `input`, …) holds it unchanged, whatever its keys are,
a `$type` of its own included. Which fields do is read from their converters. Reading makes the
values anew, so every check that is made for a value is made here too; saved JSON is untrusted.

`loads` and `dumps` read and write JSON text; every digit of an integer is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any, TypeVar, get_args, overload

import attrs

from axonflow_core import converters, messages, retrieval, stream
from axonflow_core.converters import Json, described
from axonflow_core.errors import RequestError
from axonflow_core.json_text import dumps, loads

__all__ = ["dumps", "from_json", "loads", "to_json"]

T = TypeVar("T")

_TAG = "$type"
_FLATTEN = "nest the blocks inside of tool results less deeply"


_DERIVED = frozenset({"parsed"})
"""Fields that are made of others, of whatever type the caller asked for. They are not saved."""
_JSON_CONVERTERS = frozenset(
    {
        converters.json_value,
        converters.json_members,
        converters.optional_members,
        converters.json_items,
        messages.spelling_of_input,
    }
)


def to_json(value: Any) -> dict[str, Json]:
    """A value of `messages`, `stream` or `retrieval` as a JSON object.

    Raises `RequestError` where `value` is of another class, or nested too deeply.
    """
    try:
        return _saved(value)
    except RecursionError:
        raise RequestError(
            "to_json cannot save a value that is nested so deeply", hint=_FLATTEN
        ) from None


@cache
def _kinds() -> Mapping[str, type[Any]]:
    """The classes of the values that are saved, by their names."""
    return {
        **_classes_of(messages),
        **{kind.__name__: kind for kind in get_args(stream.StreamEvent)},
        **_classes_of(retrieval),
    }


def _classes_of(module: ModuleType) -> dict[str, type[Any]]:
    """The names and classes of the values that a module defines itself."""
    return {
        name: kind
        for name, kind in vars(module).items()
        if isinstance(kind, type) and attrs.has(kind) and kind.__module__ == module.__name__
    }


def _saved(value: Any) -> dict[str, Json]:
    """`to_json` without its guard."""
    kind = type(value)
    if _kinds().get(kind.__name__) is not kind:
        raise RequestError(f"to_json takes a value of the neutral model, not {described(value)}")
    return {_TAG: kind.__name__, **_members_of(value)}


def _members_of(value: Any) -> dict[str, Json]:
    """The fields of a value that differ from their defaults, as JSON."""
    written = {}
    for field in attrs.fields(type(value)):
        member = getattr(value, field.name)
        if member != field.default and field.name not in _DERIVED:
            written[field.name] = _written(member, is_json=_holds_json(field))
    return written


def _holds_json(field: attrs.Attribute[Any]) -> bool:
    """Whether a field holds JSON of the caller's, which is saved unchanged."""
    converter: Any = field.converter
    return getattr(converter, "converter", converter) in _JSON_CONVERTERS


def _written(member: Any, *, is_json: bool) -> Json:
    """A member in types of JSON; nothing of it is shared with the value."""
    if isinstance(member, Mapping):
        return {key: _written(item, is_json=True) for key, item in member.items()}
    if isinstance(member, list | tuple):
        return [_written(item, is_json=is_json) for item in member]
    if isinstance(member, str):
        return str.__str__(member)
    return (
        member if is_json or member is None or isinstance(member, int | float) else _saved(member)
    )


@overload
def from_json(data: Json) -> Any: ...
@overload
def from_json(data: Json, kind: type[T]) -> T: ...
def from_json(data: Json, kind: type[Any] | None = None) -> Any:
    """The value that `to_json` wrote: `data` is its JSON object, or the text of it.

    With `kind`, a value of any other class is refused. Raises `RequestError` where `data` is not
    what `to_json` writes, and where the value refuses a member.
    """
    native = _parsed(data) if isinstance(data, str | bytes) else data
    if not isinstance(native, Mapping) or _TAG not in native:
        raise RequestError(f"from_json takes an object with `{_TAG}`, not {described(native)}")
    try:
        value = _read(native)
    except RecursionError:
        raise RequestError(
            "from_json cannot read a value that is nested so deeply", hint=_FLATTEN
        ) from None
    if kind is not None and type(value) is not kind:
        raise RequestError(f"a {kind.__name__} was expected, and a {type(value).__name__} is saved")
    return value


def _parsed(text: str | bytes) -> Json:
    """The JSON in a text. `RequestError`, without any of the text, where it is none."""
    try:
        return loads(text)
    except ValueError as fault:  # of a text that is nested too deeply, too
        raise RequestError("from_json takes JSON, and this text is none") from fault


def _read(native: Mapping[str, Json]) -> Any:
    """The value of one saved object. `RequestError` names the class and counts what is wrong; it
    does not quote keys, which may be a user's."""
    tag = native[_TAG]
    kind = _kinds().get(tag) if isinstance(tag, str) else None
    if kind is None:
        raise RequestError("a saved value is of a class that the neutral model does not have")
    fields = attrs.fields_dict(kind)
    if unknown := native.keys() - fields.keys() - {_TAG}:
        raise RequestError(
            f"a saved {kind.__name__} has {len(unknown)} members that it cannot have"
        )
    members = {
        name: native[name] if _holds_json(field) else _read_member(native[name])
        for name, field in fields.items()
        if name in native
    }
    missing = [name for name, field in fields.items() if _is_missing(field, members)]
    if missing:
        raise RequestError(f"a saved {kind.__name__} has no {missing[0]}")
    return kind(**members)


def _is_missing(field: attrs.Attribute[Any], members: Mapping[str, Any]) -> bool:
    return field.default is attrs.NOTHING and field.name not in members


def _read_member(native: Json) -> Any:
    """A member of a saved value: values inside are made anew, all else is left to the converter."""
    if isinstance(native, list):
        return [_read_member(item) for item in native]
    return _read(native) if isinstance(native, Mapping) and _TAG in native else native
