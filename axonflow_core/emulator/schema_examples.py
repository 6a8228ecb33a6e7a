"""A small, valid value for a JSON schema, for the arguments of an emulated tool call.

An object has its required members, alternatives give the first that is not null, a range its lower
end. A schema comes from a client and may be of any size: depth, length and the number of values of
an example are bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

_DEEPEST = 16
"""The depth to which a recursive schema is followed."""
_LONGEST = 1_000
"""Characters of a string and items of a list."""
_MOST_VALUES = 1_000
"""Values of one example: a schema that requires itself twice has 2**depth."""

_STRINGS = {
    "date": "2026-11-24",
    "date-time": "2026-11-24T12:00:00Z",
    "time": "12:00:00Z",
    "email": "somebody@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
}
"""Format -> a string that has it."""


def is_schema(value: Json) -> bool:
    """Whether the keywords that are read here have the types of JSON Schema 2020-12; null is
    absent."""
    if isinstance(value, bool) or value is None:
        return True
    return isinstance(value, dict) and all(
        value.get(keyword) is None or fits(value[keyword]) for keyword, fits in _KEYWORDS.items()
    )


def _are_schemas(value: Json) -> bool:
    return isinstance(value, list) and all(map(is_schema, value))


def _are_named_schemas(value: Json) -> bool:
    return isinstance(value, dict) and all(map(is_schema, value.values()))


def _is_type(value: Json) -> bool:
    return isinstance(value, str) or _are_texts(value)


def _are_texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_length(value: Json) -> bool:
    return type(value) is int and value >= 0


def _is_bound(value: Json) -> bool:
    return type(value) is int or type(value) is float


_KEYWORDS: Mapping[str, Callable[[Json], bool]] = {
    "type": _is_type,
    "format": lambda value: isinstance(value, str),
    "$ref": lambda value: isinstance(value, str),
    "enum": lambda value: isinstance(value, list),
    "required": _are_texts,
    "items": lambda value: is_schema(value) or _are_schemas(value),
    **dict.fromkeys(("properties", "$defs", "definitions"), _are_named_schemas),
    **dict.fromkeys(("anyOf", "oneOf", "allOf"), _are_schemas),
    **dict.fromkeys(("minItems", "minLength", "maxLength"), _is_length),
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        _is_bound,
    ),
}
"""Keyword -> whether a value has its type."""


def example_of(schema: Json) -> Json:
    """A value that is valid under `schema`, which `is_schema`. Constraints other than type, format,
    range, length and required members are ignored."""
    return _Examples(schema).of(schema, 0)


@frozen
class _Examples:
    """Examples for the parts of one root schema."""

    root: Json
    """The schema that a `$ref` refers into."""
    made: Iterator[int] = field(init=False, factory=count)
    """Counts the values."""

    def of(self, schema: Json, depth: int) -> Json:
        """An example for the schema: constant, default, first of an enum, referred or combined
        schema, or one by type, in this order. Recursion ends at a fixed depth with an empty
        object."""
        if not isinstance(schema, dict) or depth > _DEEPEST or next(self.made) > _MOST_VALUES:
            return {}
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if schema.get("enum"):
            return schema["enum"][0]
        if "$ref" in schema:
            return self.of(self._referred(schema["$ref"]), depth + 1)
        for key in ("anyOf", "oneOf", "allOf"):
            if schema.get(key):
                return self.of(_combined(schema[key], is_sum=key == "allOf"), depth + 1)
        return _OF_KIND.get(_kind(schema), _null)(self, schema, depth)

    def _referred(self, reference: Json) -> Json:
        """The target of a reference within the schema, such as `#/$defs/City`; None for any
        other."""
        found = self.root
        for step in str(reference).removeprefix("#/").split("/"):
            found = found.get(step) if isinstance(found, dict) else None
        return found

    def an_object(self, schema: Mapping[str, Any], depth: int) -> Json:
        """Required properties only, so that a recursive schema with optional members stays
        small."""
        properties = schema.get("properties") or {}
        return {
            name: self.of(properties.get(name), depth + 1) for name in schema.get("required") or ()
        }

    def an_array(self, schema: Mapping[str, Any], depth: int) -> Json:
        return [self.of(schema.get("items"), depth + 1)] * _length(schema, "minItems")

    def a_string(self, schema: Mapping[str, Any], depth: int) -> Json:
        """A text of the format, padded and cut to the bounds of length."""
        text = _STRINGS.get(schema.get("format") or "", "example")
        return text.ljust(_length(schema, "minLength"), "x")[: schema.get("maxLength")]

    def an_integer(self, schema: Mapping[str, Any], depth: int) -> Json:
        return math.ceil(_in_range(schema, usual=1, step=1))

    def a_number(self, schema: Mapping[str, Any], depth: int) -> Json:
        return _in_range(schema, usual=1.5, step=0.5)

    def a_boolean(self, schema: Mapping[str, Any], depth: int) -> Json:
        return True


def _length(schema: Mapping[str, Any], keyword: str) -> int:
    return min(schema.get(keyword) or 0, _LONGEST)


def _null(examples: _Examples, schema: Mapping[str, Any], depth: int) -> Json:
    return None


_OF_KIND: Mapping[str, Callable[[_Examples, Mapping[str, Any], int], Json]] = {
    "object": _Examples.an_object,
    "array": _Examples.an_array,
    "string": _Examples.a_string,
    "integer": _Examples.an_integer,
    "number": _Examples.a_number,
    "boolean": _Examples.a_boolean,
}


def _kind(schema: Mapping[str, Any]) -> str:
    """The schema's type: `object` without one, and the first that is not null of several."""
    kind = schema.get("type") or "object"
    kinds = kind if isinstance(kind, list) else [kind]
    return next((one for one in kinds if one != "null"), "null")


def _combined(schemas: list[Json], *, is_sum: bool) -> Json:
    """One schema for a list: the first alternative that is not null, or all parts (`is_sum`)
    merged."""
    if not is_sum:
        return next((one for one in schemas if one != {"type": "null"}), {"type": "null"})
    parts = [one for one in schemas if isinstance(one, dict)]
    whole = {key: value for part in parts for key, value in part.items()}
    properties = {
        name: value for part in parts for name, value in (part.get("properties") or {}).items()
    }
    required = [name for part in parts for name in part.get("required") or ()]
    return {**whole, "properties": properties, "required": required} if properties else whole


def _in_range(schema: Mapping[str, Any], *, usual: float, step: float) -> float:
    """A number within the bounds, the lower one if it is above `usual`; exclusive bounds are moved
    by `step`."""
    lows = (schema.get("minimum"), _beyond(schema.get("exclusiveMinimum"), step))
    highs = (schema.get("maximum"), _beyond(schema.get("exclusiveMaximum"), -step))
    low = max((one for one in lows if one is not None), default=usual)
    return min([max(low, usual), *(one for one in highs if one is not None)])


def _beyond(bound: float | None, step: float) -> float | None:
    return bound if bound is None or abs(bound) > _LARGEST else bound + step


_LARGEST = 2**53
"""Beyond it a float has no fraction, and far beyond no int becomes a float."""
