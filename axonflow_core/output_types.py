"""Types of Python as output schemas: the schema that asks for one, and the answer read into it.

    attrs and dataclass types   an object: fields without a default are required, others refused
    str, int, float, bool, None, Literal, Enum, X | Y
    list[X], tuple[X, ...], set[X], frozenset[X]      an array
    dict[str, X]                                      an object with any keys
    Any                                               anything

The first line of a class's docstring becomes the schema's `description`. A type that contains
itself is a `$ref`. Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from axonflow_core.errors import DecodeError, RequestError
from axonflow_core.json import loads
from axonflow_core.messages import Completion, Json, OutputSchema

if TYPE_CHECKING:
    from cattrs import Converter

_SCALARS: Mapping[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
_ARRAYS = (list, tuple, set, frozenset)


def output_of(asked: OutputSchema | Mapping[str, Json] | type) -> tuple[OutputSchema, Parse]:
    """The schema that asks for `asked`, and what reads an answer into it: a type's instance, or
    JSON where a JSON schema was given. `RequestError` names a type that has no schema."""
    if isinstance(asked, OutputSchema):
        return asked, _json_of
    if isinstance(asked, Mapping):
        return OutputSchema(dict(asked), name=_name_in(asked)), _json_of
    schema = schema_of(asked)
    name = getattr(asked, "__name__", None) or "output"
    return OutputSchema(schema, name=name), partial(_instance_of, asked)


Parse = Callable[[Completion], Any]
"""Reads the whole of an answer. `DecodeError` where it is not what was asked for."""


def schema_of(kind: Any) -> dict[str, Json]:
    """The JSON schema of a type. `RequestError` where it has none."""
    writer = _SchemaWriter()
    schema = writer.schema_of(kind)
    if writer.references:
        schema["$defs"] = {name: writer.definitions[name] for name in sorted(writer.references)}
    return schema


class _SchemaWriter:
    """Writes one schema; classes that are met again within themselves become references."""

    def __init__(self) -> None:
        self.definitions: dict[str, dict[str, Json]] = {}
        self.references: set[str] = set()

    def schema_of(self, kind: Any) -> dict[str, Json]:
        origin, arguments = get_origin(kind), get_args(kind)
        if kind is Any:
            return {}
        if kind in _SCALARS:
            return {"type": _SCALARS[kind]}
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in (Union, types.UnionType):
            return {"anyOf": [self.schema_of(choice) for choice in arguments]}
        if origin in _ARRAYS or kind in _ARRAYS:
            return self._array(arguments)
        if origin is dict or kind is dict:
            return self._mapping(arguments)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return {"enum": [member.value for member in kind]}
        if isinstance(kind, type) and (attrs.has(kind) or dataclasses.is_dataclass(kind)):
            return self._object(kind)
        raise RequestError(
            f"an output schema cannot be made of {kind!r}",
            hint="give an attrs or dataclass type of plain types, or a JSON schema",
        )

    def _array(self, arguments: tuple[Any, ...]) -> dict[str, Json]:
        schema: dict[str, Json] = {"type": "array"}
        if arguments:
            schema["items"] = self.schema_of(arguments[0])
        return schema

    def _mapping(self, arguments: tuple[Any, ...]) -> dict[str, Json]:
        if not arguments:
            return {"type": "object"}
        if arguments[0] is not str:
            raise RequestError("the keys of a JSON object are strings", hint="write dict[str, …]")
        return {"type": "object", "additionalProperties": self.schema_of(arguments[1])}

    def _object(self, kind: type) -> dict[str, Json]:
        name = kind.__name__
        if name in self.definitions:
            self.references.add(name)
            return {"$ref": f"#/$defs/{name}"}
        schema = self.definitions[name] = {"type": "object"}
        if described := _first_line(kind):
            schema["description"] = described
        hints = get_type_hints(kind)
        fields = _fields_of(kind)
        schema["properties"] = {field: self.schema_of(hints[field]) for field in fields}
        schema["required"] = [field for field, is_required in fields.items() if is_required]
        schema["additionalProperties"] = False
        return schema


def _fields_of(kind: type) -> dict[str, bool]:
    """Field -> whether it has no default."""
    if attrs.has(kind):
        return {field.name: field.default is attrs.NOTHING for field in attrs.fields(kind)}
    missing = dataclasses.MISSING
    return {
        field.name: field.default is missing and field.default_factory is missing
        for field in dataclasses.fields(kind)
    }


def _first_line(kind: type) -> str:
    documentation = (kind.__doc__ or "").strip()
    is_generated = documentation.startswith((f"{kind.__name__}(", "Method generated"))
    return "" if is_generated else documentation.partition("\n")[0]


def _name_in(schema: Mapping[str, Json]) -> str | None:
    title = schema.get("title")
    return title if isinstance(title, str) else None


# ── reading ───────────────────────────────────────────────────────────────────────────────────────


def _json_of(completion: Completion) -> Json:
    try:
        return loads(completion.text)
    except ValueError as error:
        raise DecodeError(
            f"the answer is not the JSON that was asked for: {len(completion.text)} characters, "
            f"ended by {completion.stop_reason or 'nothing'}",
            hint="where it ended by max_tokens, raise that limit; some models need to be told to "
            "answer with JSON alone",
        ) from error


def _instance_of(kind: type, completion: Completion) -> Any:
    value = _json_of(completion)
    try:
        return _converter().structure(value, kind)
    except Exception as error:  # cattrs raises groups, and what a class's own validators raise
        raise DecodeError(
            f"the answer is JSON but not a {getattr(kind, '__name__', kind)}: "
            f"{type(error).__name__}",
            hint="make the schema's fields and descriptions say what is expected, or give fields "
            "defaults that an answer may leave out",
        ) from error


@lru_cache(maxsize=1)
def _converter() -> Converter:
    from cattrs import Converter

    converter = Converter(detailed_validation=False, forbid_extra_keys=True)
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, partial(_scalar, kind))
    return converter


def _scalar(kind: type, value: Json, _: Any) -> Any:
    """The value itself where it is of the type; cattrs alone would convert `5` to `"5"`."""
    is_whole_float = kind is float and type(value) is int
    if type(value) is not kind and not is_whole_float:
        raise TypeError(f"{type(value).__name__} for {kind.__name__}")
    return kind(value)
