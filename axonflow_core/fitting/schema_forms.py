"""Schemas of tools as JSON Schema 2020-12 has them.

Servers of tools write what older drafts had or what their language calls nothing: `null` for a
keyword that is unset, `exclusiveMinimum: true`. Both have one meaning, so they are rewritten. What
is no schema in any draft is left, and `fault_of` finds it. `known_part` is what a model holds its
answer, or the arguments of a strict tool, to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

from axonflow_core.codec import ModelFacts
from axonflow_core.messages import Json

_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_SINGLE = ("items", "additionalProperties", "not", "if", "then", "else", "contains")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
"""The keywords with schemas: by name, one, and a list of them."""

_MAY_BE_NULL = frozenset({"default", "const", "example"})
_BOUNDS = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
"""Keyword -> the one that it was a flag of in draft 4."""


def tidied(schema: Json) -> Json:
    """The schema without `null` keywords and flags of draft 4; the same object where it has
    none."""
    if not isinstance(schema, Mapping):
        return schema
    known = {key: _inside(key, value) for key, value in schema.items() if _is_set(key, value)}
    for flag, bound in _BOUNDS.items():
        if isinstance(known.get(flag), bool):
            is_exclusive = known.pop(flag)
            if is_exclusive and bound in known:
                known[flag] = known.pop(bound)
    return schema if known == schema else known


def _is_set(key: str, value: Json) -> bool:
    return value is not None or key in _MAY_BE_NULL


def _inside(key: str, value: Json) -> Any:
    if key in _NAMED and isinstance(value, Mapping):
        return {name: tidied(inner) for name, inner in value.items()}
    if key in _LISTED and isinstance(value, list):
        return [tidied(inner) for inner in value]
    return tidied(value) if key in _SINGLE else value


def fault_of(schema: Json) -> str | None:
    """The first keyword that has another form than every draft gives it, with the form; None where
    there is none."""
    if not isinstance(schema, Mapping):
        return None
    for key, (takes, form) in _FORMS.items():
        if key in schema and not takes(schema[key]):
            return f"`{key}` that is no {form}"
    return next((fault for inner in _schemas_in(schema) if (fault := fault_of(inner))), None)


def _schemas_in(schema: Mapping[str, Json]) -> list[Json]:
    named = (schema[key].values() for key in _NAMED if isinstance(schema.get(key), Mapping))
    listed = (schema[key] for key in _LISTED if isinstance(schema.get(key), list))
    single = [schema[key] for key in _SINGLE if key in schema]
    return [*single, *chain.from_iterable(named), *chain.from_iterable(listed)]


_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})


def _is_type(value: Json) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in _TYPES for name in names)


def _are_names(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


_FORMS: Mapping[str, tuple[Callable[[Json], bool], str]] = {
    "type": (_is_type, "type of JSON"),
    "properties": (lambda value: isinstance(value, Mapping), "object"),
    "required": (_are_names, "list of names"),
    "enum": (lambda value: isinstance(value, list), "list"),
    "anyOf": (lambda value: isinstance(value, list), "list"),
    "oneOf": (lambda value: isinstance(value, list), "list"),
    "allOf": (lambda value: isinstance(value, list), "list"),
}
"""Keyword -> whether a value has its form, and the form."""


# ── what a model holds an answer to ──────────────────────────────────────────────────────────────


def known_part(schema: Json, facts: ModelFacts, done: set[str]) -> Json:
    """A schema, or what is inside of one, as the model knows it; `done` gets what was changed."""
    if isinstance(schema, list):
        return [known_part(item, facts, done) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    is_schema = isinstance(schema.get("type"), str)
    refused = facts.refused_in_outputs & schema.keys() if is_schema else frozenset[str]()
    done |= {f"no `{keyword}`" for keyword in refused}
    known = {
        key: known_part(value, facts, done) for key, value in schema.items() if key not in refused
    }
    is_open = schema.get("type") == "object" and schema.get(_OTHERS) is not False
    if is_open and facts.has_closed_outputs:
        done.add(f"`{_OTHERS}: false`")
        known[_OTHERS] = False
    return known


_OTHERS = "additionalProperties"
