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
`description`. A class that is met again, in itself too, is a `$ref`. Source: JSON Schema, draft
2020-12.

A type has one form (`_form_of`); the writer of schemas and the reader of answers have a function
for each form. An answer is read as strictly as the schema asks: `5` is no text, `"5"` no number, a
whole number is a float too. What does not fit is reported by its place and JSON type, never by what
it says: an answer is content.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from enum import Enum
from functools import lru_cache, partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs

from axonflow_core.errors import DecodeError, RequestError
from axonflow_core.frozen import frozen
from axonflow_core.json import loads
from axonflow_core.messages import Completion, Json, OutputSchema

_SCALARS: Mapping[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
_JSON_TYPES: Mapping[Any, str] = {**_SCALARS, dict: "object", list: "array"}
_DATES: Mapping[Any, str] = {date: "date", datetime: "date-time"}
_ARRAYS = (list, tuple, set, frozenset)
_UNIONS = (Union, types.UnionType)

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
    return schema, partial(_instance_of, kind)


def schema_of(kind: Any) -> dict[str, Json]:
    """The JSON schema of a type, as a dict. `RequestError` names the type, or the part of it, that
    has none.

    `kind` is a type of those that the module's description lists: an attrs or dataclass type, a
    list of them, a model of pydantic's. The same that `output_schema=` takes.
    """
    writer = _SchemaWriter()
    schema = writer.schema_of(kind)
    if writer.references:
        definitions = {name: writer.definitions[name] for name in sorted(writer.references)}
        return {**schema, "$defs": definitions}
    return schema


# ── types ─────────────────────────────────────────────────────────────────────────────────────────


def _form_of(kind: Any) -> str:
    """Which of the forms a type has. `RequestError` where it has none."""
    origin = get_origin(kind)
    for form, has_form in _FORMS.items():
        if has_form(kind, origin):
            return form
    raise RequestError(
        f"an output schema cannot be made of {kind!r}",
        hint="give an attrs or dataclass type of plain types, or a JSON schema",
    )


_FORMS: Mapping[str, Callable[[Any, Any], bool]] = {
    "any": lambda kind, origin: kind is Any,
    "scalar": lambda kind, origin: any(kind is scalar for scalar in _SCALARS),
    "date": lambda kind, origin: any(kind is each for each in _DATES),
    "annotated": lambda kind, origin: origin is Annotated,
    "model": lambda kind, origin: (
        hasattr(kind, "model_json_schema") and hasattr(kind, "model_validate")
    ),
    "literal": lambda kind, origin: origin is Literal,
    "union": lambda kind, origin: origin in _UNIONS,
    "array": lambda kind, origin: (origin or kind) in _ARRAYS,
    "mapping": lambda kind, origin: (origin or kind) is dict,
    "enum": lambda kind, origin: isinstance(kind, type) and issubclass(kind, Enum),
    "object": lambda kind, origin: (
        isinstance(kind, type) and (attrs.has(kind) or dataclasses.is_dataclass(kind))
    ),
}


@frozen
class _Field:
    """A field of a class that its constructor takes."""

    kind: Any
    is_required: bool


@lru_cache(maxsize=256)
def _fields_of(kind: type) -> Mapping[str, _Field]:
    """Argument of the constructor -> its field."""
    hints = _hints_of(kind)
    if attrs.has(kind):
        return {
            field.alias or field.name: _Field(
                hints.get(field.name, Any), field.default is attrs.NOTHING
            )
            for field in attrs.fields(kind)
            if field.init
        }
    return {
        field.name: _Field(hints[field.name], _is_required(field))
        for field in dataclasses.fields(kind)
        if field.init
    }


def _hints_of(kind: type) -> Mapping[str, Any]:
    own_names = {each.__name__: each for each in reversed(kind.__mro__)}  # known in a function too
    try:
        return get_type_hints(kind, localns=own_names, include_extras=True)
    except NameError as error:
        raise RequestError(
            f"the annotations of {kind.__name__} name {error.name}, which its module does not have",
            hint=f"define or import {error.name} at the level of the module, not in a function nor "
            "under `if TYPE_CHECKING:`",
        ) from error


def _refuse_endless(kind: type, *above: type) -> None:
    """`RequestError` where every object of the class must hold another one of it: no answer could
    ever end."""
    for name, field in _fields_of(kind).items():
        held = field.kind
        if not field.is_required or _form_of(held) != "object":
            continue
        if held is kind or held in above:
            raise RequestError(
                f"an answer would never end: {kind.__name__}.{name} must hold a {held.__name__}, "
                f"which must hold a {kind.__name__} in turn",
                hint=f"give the field an end: {held.__name__} | None, a default, or a list",
            )
        _refuse_endless(held, *above, kind)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _choices_of(kind: Any) -> list[tuple[Any, Json]]:
    """Each choice of a Literal or Enum, and its JSON."""
    choices = get_args(kind) or tuple(kind)
    return [(each, each.value if isinstance(each, Enum) else each) for each in choices]


def _items_of(kind: Any) -> tuple[Any, Sequence[Any] | None]:
    """The type of every item of an array; of a tuple that is no series, the type of each."""
    arguments = get_args(kind)
    is_series = get_origin(kind) is not tuple or arguments[-1:] == (...,)
    return (arguments[0] if arguments else Any, None) if is_series else (Any, arguments)


# ── writing a schema ──────────────────────────────────────────────────────────────────────────────


class _SchemaWriter:
    """Writes one schema; a class that is met again becomes a reference."""

    def __init__(self) -> None:
        self.definitions: dict[str, dict[str, Json]] = {}
        self.references: set[str] = set()
        self._names: dict[type, str] = {}

    def schema_of(self, kind: Any) -> dict[str, Json]:
        write: Callable[[Any], dict[str, Json]] = getattr(self, f"_{_form_of(kind)}")
        return write(kind)

    def _any(self, kind: Any) -> dict[str, Json]:
        return {}

    def _scalar(self, kind: Any) -> dict[str, Json]:
        return {"type": _SCALARS[kind]}

    def _date(self, kind: Any) -> dict[str, Json]:
        return {"type": "string", "format": _DATES[kind]}

    def _model(self, kind: Any) -> dict[str, Json]:
        return dict(kind.model_json_schema())

    def _annotated(self, kind: Any) -> dict[str, Json]:
        schema = self.schema_of(get_args(kind)[0])
        described = next((note for note in kind.__metadata__ if isinstance(note, str)), None)
        return schema if described is None else {**schema, "description": described}

    def _literal(self, kind: Any) -> dict[str, Json]:
        return {"enum": [plain for _, plain in _choices_of(kind)]}

    _enum = _literal

    def _union(self, kind: Any) -> dict[str, Json]:
        return {"anyOf": [self.schema_of(choice) for choice in get_args(kind)]}

    def _array(self, kind: Any) -> dict[str, Json]:
        item, each = _items_of(kind)
        if each is not None:
            items = [self.schema_of(part) for part in each]
            length = len(items)
            return {"type": "array", "prefixItems": items, "minItems": length, "maxItems": length}
        items_of_each = {} if item is Any else {"items": self.schema_of(item)}
        return {"type": "array", **items_of_each}

    def _mapping(self, kind: Any) -> dict[str, Json]:
        if not (arguments := get_args(kind)):
            return {"type": "object"}
        if arguments[0] is not str:
            raise RequestError("the keys of a JSON object are strings", hint="write dict[str, …]")
        return {"type": "object", "additionalProperties": self.schema_of(arguments[1])}

    def _object(self, kind: type) -> dict[str, Json]:
        if kind in self._names:
            name = self._names[kind]
            self.references.add(name)
            return {"$ref": f"#/$defs/{name}"}
        _refuse_endless(kind)
        name = self._names[kind] = self._free_name(kind.__name__)
        schema = self.definitions[name] = {"type": "object"}
        if described := _first_line(kind):
            schema["description"] = described
        fields = _fields_of(kind)
        schema["properties"] = {key: self.schema_of(field.kind) for key, field in fields.items()}
        schema["required"] = [key for key, field in fields.items() if field.is_required]
        schema["additionalProperties"] = False
        return schema

    def _free_name(self, name: str) -> str:
        """A name that no other class has: two modules may each have a `City`."""
        taken = sum(each.__name__ == name for each in self._names)
        return f"{name}{taken + 1}" if taken else name


def _first_line(kind: type) -> str:
    documentation = (kind.__doc__ or "").strip()
    is_generated = documentation.startswith((f"{kind.__name__}(", "Method generated"))
    return "" if is_generated else documentation.partition("\n")[0]


def _name_in(schema: Mapping[str, Json]) -> str | None:
    title = schema.get("title")
    return title if isinstance(title, str) else None


# ── reading an answer ─────────────────────────────────────────────────────────────────────────────


class _Misfit(Exception):
    """A part of an answer is not of its type. The message quotes nothing of it."""


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


def _instance_of(kind: Any, completion: Completion) -> Any:
    value = _json_of(completion)
    try:
        return _read(kind, value, "$")
    except (_Misfit, RecursionError) as misfit:
        reason = str(misfit) if isinstance(misfit, _Misfit) else "nested too deeply"
        raise DecodeError(
            f"the answer is JSON but not a {getattr(kind, '__name__', kind)}: {reason}",
            hint="make the schema's fields and descriptions say what is expected, or give fields "
            "defaults that an answer may leave out",
        ) from None


def _read(kind: Any, value: Json, place: str) -> Any:
    return _READERS[_form_of(kind)](kind, value, place)


def _read_any(kind: Any, value: Json, place: str) -> Any:
    return value


def _read_scalar(kind: Any, value: Json, place: str) -> Any:
    if type(value) is kind:
        return value
    if kind is float and type(value) is int:
        return _float_of(value, place)
    raise _wrong(value, place, _SCALARS[kind])


def _float_of(value: int, place: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _Misfit(f"beyond the range of floats @ {place}") from None


def _read_date(kind: Any, value: Json, place: str) -> Any:
    if not isinstance(value, str):
        raise _wrong(value, place, "string")
    try:
        return kind.fromisoformat(value)
    except ValueError:
        raise _Misfit(f"no {_DATES[kind]} in ISO 8601 @ {place}") from None


def _read_model(kind: Any, value: Json, place: str) -> Any:
    try:
        return kind.model_validate(value)
    except Exception as error:  # whatever the library and the class's own validators raise
        raise _Misfit(f"{type(error).__name__} of {kind.__name__} @ {place}") from None


def _read_annotated(kind: Any, value: Json, place: str) -> Any:
    return _read(get_args(kind)[0], value, place)


def _read_choice(kind: Any, value: Json, place: str) -> Any:
    for choice, plain in _choices_of(kind):
        if type(plain) is type(value) and plain == value:
            return choice
    raise _Misfit(f"none of the {len(_choices_of(kind))} values that it may be @ {place}")


def _read_union(kind: Any, value: Json, place: str) -> Any:
    """The first of the types that fits, floats last: a whole number is one of them too."""
    choices = sorted(get_args(kind), key=lambda choice: choice is float)
    misfits = []
    for choice in choices:
        try:
            return _read(choice, value, place)
        except _Misfit as misfit:
            if choice is not type(None):
                misfits.append(misfit)
    if len(misfits) == 1:
        raise misfits[0]
    raise _Misfit(f"none of the {len(choices)} types that it may be @ {place}")


def _read_array(kind: Any, value: Json, place: str) -> Any:
    if not isinstance(value, list):
        raise _wrong(value, place, "array")
    item, each = _items_of(kind)
    if each is not None and len(each) != len(value):
        raise _Misfit(f"{len(value)} items, not {len(each)} @ {place}")
    kinds = [item] * len(value) if each is None else each
    items = [_read(kinds[i], part, f"{place}[{i}]") for i, part in enumerate(value)]
    return _built(get_origin(kind) or kind, place, items)


def _read_mapping(kind: Any, value: Json, place: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(value, place, "object")
    member = (get_args(kind) or (str, Any))[1]
    return {key: _read(member, part, f"{place}[…]") for key, part in value.items()}


def _read_object(kind: Any, value: Json, place: str) -> Any:
    if not isinstance(value, dict):
        raise _wrong(value, place, "object")
    fields = _fields_of(kind)
    if value.keys() - fields.keys():
        raise _Misfit(f"unknown members @ {place}")
    for key, field in fields.items():
        if field.is_required and key not in value:
            raise _Misfit(f"missing @ {place}.{key}")
    arguments = {
        key: _read(fields[key].kind, part, f"{place}.{key}") for key, part in value.items()
    }
    return _built(kind, place, **arguments)


def _built(kind: Any, place: str, /, *arguments: Any, **named: Any) -> Any:
    """What `kind` makes of its arguments. Its own converters and validators may refuse them, in
    words that quote them."""
    try:
        return kind(*arguments, **named)
    except Exception as error:
        raise _Misfit(f"{type(error).__name__} of {kind.__name__} @ {place}") from None


def _wrong(value: Json, place: str, expected: str) -> _Misfit:
    return _Misfit(f"{_JSON_TYPES[type(value)]}, not {expected} @ {place}")


_READERS: Mapping[str, Callable[[Any, Json, str], Any]] = {
    "any": _read_any,
    "scalar": _read_scalar,
    "date": _read_date,
    "annotated": _read_annotated,
    "model": _read_model,
    "literal": _read_choice,
    "union": _read_union,
    "array": _read_array,
    "mapping": _read_mapping,
    "enum": _read_choice,
    "object": _read_object,
}
