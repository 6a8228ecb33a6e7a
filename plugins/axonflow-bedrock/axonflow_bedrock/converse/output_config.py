"""`outputConfig.textFormat`, which asks for JSON.

    {"type": "json_schema",
     "structure": {"jsonSchema": {"schema": "{\\"type\\": …}", "name", "description"}}}

The schema is JSON text, with its members in order. Text that is not how this module writes it is
kept in the spelling, and goes back as it was while it still means the schema.

Source: the bedrock-runtime service model, API 2023-09-30 (botocore 1.44), and recorded traffic,
November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec.json_members import unknown_members, without_none
from axonflow_core.converters import comparable
from axonflow_core.json_text import canonical, loads
from axonflow_core.messages import EMPTY, Json, OutputSchema

KEY = "outputConfig"
SCHEMA_MEMBERS = frozenset({"name", "description"})

_FORMAT = "textFormat"
_SCHEMA_KEYS = frozenset({"schema", "name", "description"})


def take_output_schema(options: dict[str, Json]) -> OutputSchema | None:
    """Takes the schema out of `options`, if one is there in the documented form."""
    match options.get(KEY):
        case {
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": dict(native), **beside},
                **around,
            }
        } if not any(each is not None for each in (*beside.values(), *around.values())):
            asked = _decode_schema(native)
            if asked is not None:
                _drop_format(options)
            return asked
    return None


def _drop_format(options: dict[str, Json]) -> None:
    rest = unknown_members(options[KEY], frozenset({_FORMAT}))
    if rest:
        options[KEY] = rest
    else:
        del options[KEY]


def _decode_schema(native: Mapping[str, Json]) -> OutputSchema | None:
    """The schema, which is JSON text in a string. `spelling` keeps that text if it is not what we
    would write; None if it is not JSON."""
    text = native.get("schema")
    schema = _schema_in(text)
    if schema is None:
        return None
    return OutputSchema(
        schema,
        native.get("name"),
        native.get("description"),
        spelling=EMPTY if canonical(schema) == text else {"schema": text},
        extra=unknown_members(native, _SCHEMA_KEYS),
    )


def _schema_in(text: Json) -> Json:
    try:
        return loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def put_output_schema(options: dict[str, Json], asked: OutputSchema) -> None:
    """Add the output schema to the request's options, in place, as JSON text."""
    text = asked.spelling.get("schema")
    if text is None or comparable(_schema_in(text)) != comparable(asked.schema):
        text = canonical(asked.schema)
    named = without_none({"name": asked.name, "description": asked.description})
    native = {"schema": text, **named, **asked.extra}
    text_format = {"type": "json_schema", "structure": {"jsonSchema": native}}
    options[KEY] = {**(options.get(KEY) or {}), _FORMAT: text_format}
