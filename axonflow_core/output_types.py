"""Types of Python as output schemas: the schema that asks for one, and the answer read into it.

    attrs and dataclass types   an object: fields without a default are required, others refused
    str, int, float, bool, None, Literal, Enum
    date, datetime              a string in ISO 8601
    X | Y                       either; an answer is read as the first that fits
    list[X], tuple[X, ...], set[X], frozenset[X]      an array
    tuple[X, Y]                                       an array of two
    dict[str, X]                                      an object with any keys
    Annotated[X, "text"]                              X, with the text as its description
    Any                                               anything

A class with `model_json_schema` and `model_validate`, which pydantic's models have, makes its own
schema and reads its own answer. The first line of a class's docstring becomes the schema's
`description`. A type that contains itself is a `$ref`. Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from enum import Enum
from functools import lru_cache, partial
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

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
_FORMATS: Mapping[Any, str] = {date: "date", datetime: "date-time"}
_ARRAYS = (list, tuple, set, frozenset)
_UNIONS: tuple[Any, ...] = (Union, types.UnionType)

Parse = Callable[[Completion], Any]
"""Reads the whole of an answer. `DecodeError` where it is not what was asked for."""


def output_of(
    asked: OutputSchema | Mapping[str, Json] | type | types.UnionType,
) -> tuple[OutputSchema, Parse]:
    """The schema that asks for `asked`, and what reads an answer into it: a type's instance, or
    JSON where a JSON schema was given. `RequestError` names a type that has no schema."""
    if isinstance(asked, OutputSchema):
        return asked, _json_of
    if isinstance(asked, Mapping):
        return OutputSchema(dict(asked), name=_name_in(asked)), _json_of
    with suppress(TypeError):  # a type whose arguments have no hash is made anew each time
        return _output_of_type(asked)
    return _output_of_type.__wrapped__(asked)


@lru_cache(maxsize=256)
def _output_of_type(kind: Any) -> tuple[OutputSchema, Parse]:
    schema = OutputSchema(schema_of(kind), name=getattr(kind, "__name__", None) or "output")
    if _makes_its_own_schema(kind):
        return schema, partial(_validated, kind)
    return schema, partial(_instance_of, kind)


def _makes_its_own_schema(kind: Any) -> bool:
    return hasattr(kind, "model_json_schema") and hasattr(kind, "model_validate")


def schema_of(kind: Any) -> dict[str, Json]:
    """The JSON schema of a type, as a dict. `RequestError` where it has none.

    `kind` is a type of those that the module's description lists: an attrs or dataclass type, a
    list of them, a model of pydantic's. The same that `output_schema=` takes.
    """
    writer = _SchemaWriter()
    schema = writer.schema_of(kind)
    if writer.references:
        definitions = {name: writer.definitions[name] for name in sorted(writer.references)}
        schema = {**schema, "$defs": definitions}
    return schema


class _SchemaWriter:
    """Writes one schema; classes that are met again within themselves become references."""

    def __init__(self) -> None:
        self.definitions: dict[str, dict[str, Json]] = {}
        self.references: set[str] = set()
        self._names: dict[type, str] = {}

    def schema_of(self, kind: Any) -> dict[str, Json]:
        if kind is Any:
            return {}
        if kind in _SCALARS:
            return {"type": _SCALARS[kind]}
        if kind in _FORMATS:
            return {"type": "string", "format": _FORMATS[kind]}
        if isinstance(kind, type) and get_origin(kind) is None:
            return self._class(kind)
        return self._generic(kind, get_origin(kind), get_args(kind))

    def _generic(self, kind: Any, origin: Any, arguments: tuple[Any, ...]) -> dict[str, Json]:
        if origin is Annotated:
            return self._annotated(*arguments)
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in _UNIONS:
            return {"anyOf": [self.schema_of(choice) for choice in arguments]}
        if origin in _ARRAYS:
            return self._array(origin, arguments)
        if origin is dict:
            return self._mapping(*arguments)
        raise _no_schema(kind)

    def _class(self, kind: type) -> dict[str, Json]:
        if _makes_its_own_schema(kind):
            return dict(kind.model_json_schema())  # type: ignore[attr-defined]
        if issubclass(kind, Enum):
            return {"enum": [member.value for member in kind]}
        if attrs.has(kind) or dataclasses.is_dataclass(kind):
            return self._object(kind)
        if kind in _ARRAYS:
            return {"type": "array"}
        if kind is dict:
            return {"type": "object"}
        raise _no_schema(kind)

    def _annotated(self, kind: Any, *notes: Any) -> dict[str, Json]:
        schema = self.schema_of(kind)
        described = next((note for note in notes if isinstance(note, str)), None)
        return schema if described is None else {**schema, "description": described}

    def _array(self, origin: type, arguments: tuple[Any, ...]) -> dict[str, Json]:
        if origin is tuple and arguments[-1] is not Ellipsis:
            items = [self.schema_of(argument) for argument in arguments]
            return {
                "type": "array",
                "prefixItems": items,
                "minItems": len(items),
                "maxItems": len(items),
            }
        return {"type": "array", "items": self.schema_of(arguments[0])}

    def _mapping(self, key: Any, value: Any) -> dict[str, Json]:
        if key is not str:
            raise RequestError("the keys of a JSON object are strings", hint="write dict[str, …]")
        return {"type": "object", "additionalProperties": self.schema_of(value)}

    def _object(self, kind: type) -> dict[str, Json]:
        name = self._name_of(kind)
        if name in self.definitions:
            self.references.add(name)
            return {"$ref": f"#/$defs/{name}"}
        schema = self.definitions[name] = {"type": "object"}
        if described := _first_line(kind):
            schema["description"] = described
        hints = _hints_of(kind)
        fields = _fields_of(kind)
        schema["properties"] = {field: self.schema_of(hints[field]) for field in fields}
        schema["required"] = [field for field, is_required in fields.items() if is_required]
        schema["additionalProperties"] = False
        return schema

    def _name_of(self, kind: type) -> str:
        """A name of its own for each class: two modules may have a class of one name."""
        if kind not in self._names:
            others = sum(known.__name__ == kind.__name__ for known in self._names)
            self._names[kind] = f"{kind.__name__}{others + 1}" if others else kind.__name__
        return self._names[kind]


def _no_schema(kind: Any) -> RequestError:
    return RequestError(
        f"an output schema cannot be made of {kind!r}",
        hint="give an attrs or dataclass type of plain types, or a JSON schema",
    )


def _hints_of(kind: type) -> Mapping[str, Any]:
    try:
        return get_type_hints(kind, include_extras=True)
    except NameError as error:
        raise RequestError(
            f"the annotations of {kind.__name__} cannot be resolved: {error}",
            hint="define the types that it names at the level of a module",
        ) from error


def _fields_of(kind: type) -> dict[str, bool]:
    """Field -> whether it has no default. Fields that `__init__` does not take are left out."""
    if attrs.has(kind):
        fields = attrs.fields(kind)
        return {field.name: field.default is attrs.NOTHING for field in fields if field.init}
    missing = dataclasses.MISSING
    return {
        field.name: field.default is missing and field.default_factory is missing
        for field in dataclasses.fields(kind)
        if field.init
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
    except ValueError:
        raise DecodeError(
            f"the answer is not the JSON that was asked for: {len(completion.text)} characters, "
            f"stop reason {completion.stop_reason or 'unknown'}",
            hint="where it ended by max_tokens, raise that limit; some models need to be told to "
            "answer with JSON alone",
        ) from None  # the cause holds the answer


_FAULTS = {"KeyError": "missing", "ForbiddenExtraKeysError": "unknown members"}


def _validated(kind: Any, completion: Completion) -> Any:
    value = _json_of(completion)
    try:
        return kind.model_validate(value)
    except Exception as error:  # whatever the library and the class's own validators raise
        raise _unfit(kind, [type(error).__name__]) from None


def _instance_of(kind: Any, completion: Completion) -> Any:
    value = _json_of(completion)
    try:
        return _converter().structure(value, kind)
    except Exception as error:  # cattrs raises groups, and what a class's own validators raise
        raise _unfit(kind, _places_in(error)) from None


def _unfit(kind: Any, faults: Iterable[str]) -> DecodeError:
    return DecodeError(
        f"the answer is JSON but not a {getattr(kind, '__name__', kind)}: {'; '.join(faults)}",
        hint="make the schema's fields and descriptions say what is expected, or give fields "
        "defaults that an answer may leave out",
    )


def _places_in(error: Exception) -> list[str]:
    """What is wrong and where: `missing @ $.name`. The answer itself is not quoted: the messages of
    the causes and the keys of a `dict` are content."""
    from cattrs import transform_error

    faults = transform_error(error, format_exception=lambda fault, _: _fault_of(fault))
    return [re.sub(r"\[(?!\d+\]).*\]", "[…]", fault, flags=re.S) for fault in faults]


def _fault_of(error: BaseException) -> str:
    return _FAULTS.get(type(error).__name__, "not what was asked for")


@lru_cache(maxsize=1)
def _converter() -> Converter:
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=True)
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, partial(_scalar, kind))
    for kind in _FORMATS:
        converter.register_structure_hook(kind, lambda value, kind: kind.fromisoformat(value))
    converter.register_structure_hook_func(
        lambda kind: get_origin(kind) in _UNIONS, partial(_first_fit, converter)
    )
    return converter


def _first_fit(converter: Converter, value: Json, union: Any) -> Any:
    """The value as the first type of `union` that it fits."""
    for kind in get_args(union):
        with suppress(Exception):
            return converter.structure(value, kind)
    raise TypeError("the value fits no type of the union")


def _scalar(kind: type, value: Json, _: Any) -> Any:
    """The value itself where it is of the type; cattrs alone would convert `5` to `"5"`."""
    is_whole_float = kind is float and type(value) is int
    if type(value) is not kind and not is_whole_float:
        raise TypeError(f"{type(value).__name__} for {kind.__name__}")
    return kind(value)
