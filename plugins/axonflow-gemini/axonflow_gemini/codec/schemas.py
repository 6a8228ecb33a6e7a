"""Schemas in Google's own form, read as JSON schema.

    {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}     parameters, responseSchema
    {"type": "object", "properties": {"city": {"type": "string"}}}     …JsonSchema, and neutral

The two differ in the case of types. Both are kept apart by `spelling`: `key` is the member that the
schema stood in, where it is not the one that is written unasked, and `types` says `upper` where
every type was in capitals and is read in small letters. A schema that mixes them is left as it is.

Source: Gemini API reference, "Schema", "Type"; google-genai 3.6.1, `types.Type`; November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from axonflow_core.messages import EMPTY, Json

SCHEMA_KEYS = ("parametersJsonSchema", "parameters", "responseJsonSchema", "responseSchema")
"""The members that hold a schema: of a function, and of the answer."""
_UNASKED = frozenset({"parametersJsonSchema", "responseJsonSchema"})
_TYPES = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
_SMALL = frozenset(map(str.lower, _TYPES))
_NESTED = ("properties", "$defs", "defs")
"""Keywords whose members are schemas, under names of the caller's."""
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties")


def decode_schema(
    native: Mapping[str, Json], key: str
) -> tuple[Mapping[str, Json], Mapping[str, Json]]:
    """The JSON schema in the member `key`, and how it was written."""
    spelling: Mapping[str, Json] = EMPTY if key in _UNASKED else {"key": key}
    words = list(_types_in(native))
    if words and _TYPES.issuperset(words):
        return _changed(native, str.lower), {**spelling, "types": "upper"}
    return native, spelling


def encode_schema(
    schema: Mapping[str, Json], spelling: Mapping[str, Json], unasked: str
) -> tuple[str, Mapping[str, Json]]:
    """The member that the schema goes to, and the schema as it stands there."""
    key = spelling.get("key")
    known = key if key in SCHEMA_KEYS and str(key)[:8] == unasked[:8] else unasked
    if spelling.get("types") == "upper" and _SMALL.issuperset(_types_in(schema)):
        return str(known), _changed(schema, str.upper)
    return str(known), schema


def _types_in(schema: Json) -> list[str]:
    """Every type that a schema names, on any level; a list of types counts as no name."""
    found: list[str] = []

    def note(word: str) -> str:
        found.append(word)
        return word

    _changed(schema, note)
    return found


def _changed(schema: Json, change: Callable[[str], str]) -> Json:
    """A schema with its types changed, those of schemas inside it included."""
    if not isinstance(schema, dict):
        return schema
    changed = dict(schema)
    if isinstance(schema.get("type"), str):
        changed["type"] = change(schema["type"])
    for key in _NESTED:
        if isinstance(inner := schema.get(key), dict):
            changed[key] = {name: _changed(each, change) for name, each in inner.items()}
    for key in _LISTS:
        if isinstance(inner := schema.get(key), list):
            changed[key] = [_changed(each, change) for each in inner]
    for key in _SINGLE:
        if key in schema:
            changed[key] = _changed(schema[key], change)
    return changed
