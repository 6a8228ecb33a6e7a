"""`response_format`, which asks for JSON.

    {"type": "text"}                                                      asks for nothing
    {"type": "json_object"}                                               any JSON object
    {"type": "json_schema", "json_schema": {"name", "description", "schema", "strict"}}

A format that is none of these changes the answer in a way that has no neutral name: it is kept as
an option, so that no other family goes without it unasked.

Source: OpenAI's API reference, "Chat completions", November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec.json_members import (
    prefixed,
    split_prefixed,
    unknown_members,
    without_none,
)
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, Json, OutputSchema

from .form import RESPONSE_FORMAT as KEY
from .form import ChatForm

SCHEMA_MEMBERS = frozenset({"name", "description", "is_strict"})
"""The members of an `OutputSchema` that `json_schema` has a place for."""
DEFAULT_NAME = "answer"
"""OpenAI requires a name."""

_FORMAT_KEYS = frozenset({"type", "json_schema"})
_SCHEMA_KEYS = frozenset({"name", "description", "schema", "strict"})


@frozen
class OutputFormat:
    """What a body's `response_format` stands for: one of these, or nothing."""

    schema: OutputSchema | None = None
    spelling: Mapping[str, Json] = EMPTY
    options: Mapping[str, Json] = EMPTY


NO_FORMAT = OutputFormat()


def decode_output_format(form: ChatForm, body: Mapping[str, Json]) -> OutputFormat:
    """What `response_format` asks for. A format without a neutral name is kept in `options`."""
    native = body.get(KEY)
    if native is None or KEY not in form.takes:
        return NO_FORMAT
    kind, schema = native["type"], native.get("json_schema")
    if kind == "text":
        return OutputFormat(spelling={KEY: native})
    if kind == "json_object":
        return OutputFormat(OutputSchema(extra=unknown_members(native, frozenset({"type"}))))
    if kind == "json_schema" and schema and schema.get("schema") is not None:
        return OutputFormat(_decode_schema(native, schema))
    return OutputFormat(options={KEY: native})


def _decode_schema(native: Mapping[str, Json], schema: Mapping[str, Json]) -> OutputSchema:
    """The schema of `json_schema`; unknown members of the inner object are kept as
    `json_schema.key`."""
    extra = unknown_members(native, _FORMAT_KEYS)
    in_schema = unknown_members(schema, _SCHEMA_KEYS)
    return OutputSchema(
        schema["schema"],
        schema.get("name"),
        schema.get("description"),
        schema.get("strict"),
        extra={**extra, **prefixed("json_schema", in_schema)} if in_schema else extra,
    )


def encode_output_format(schema: OutputSchema) -> Json:
    """The `response_format` for a schema, or for any JSON object where it has none."""
    extra, in_schema = split_prefixed(schema.extra, "json_schema")
    if schema.schema is None:
        return {"type": "json_object", **extra}
    named = {"description": schema.description, "strict": schema.is_strict}
    native = {"name": schema.name or DEFAULT_NAME, **without_none(named), "schema": schema.schema}
    return {"type": "json_schema", "json_schema": {**native, **in_schema}, **extra}
