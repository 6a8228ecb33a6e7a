"""Schemas of tools and of answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from axonflow_core.emulator.schema_examples import is_schema
from axonflow_core.messages import Json

from .body import Body, Form, member
from .row import CLAUDE, CLAUDE_FORMS, CONVERSE_ALONE, TURNS, Row, malformed_words

_KEY = re.compile("[a-zA-Z0-9_.-]{1,64}")
_COMPOSED = ("oneOf", "allOf", "anyOf")


def _type(body: Body) -> Iterator[str]:
    for tool in body.tools:
        if member(tool.schema, "type") != "object":
            place = f"toolConfig.tools.{tool.number}.toolSpec.inputSchema.json.type"
            yield f"The value at {place} must be one of the following: object."


def _type_in_schema(body: Body) -> Iterator[str]:
    for tool in body.tools:
        if member(tool.schema, "type") != "object":
            place = f"#/toolConfig/tools/{tool.number}/toolSpec/inputSchema/json"
            yield malformed_words(f"{place}: required key [type] not found")


def _type_at_claude(body: Body) -> Iterator[str]:
    for tool in body.tools:
        if member(tool.schema, "type") != "object":
            has_type = isinstance(tool.schema, dict) and "type" in tool.schema
            words = "Input should be 'object'" if has_type else "Field required"
            yield f"tools.{tool.number}.custom.input_schema.type: {words}"


def _no_nulls(body: Body) -> Iterator[str]:
    for tool in body.tools:
        schema = tool.schema if isinstance(tool.schema, dict) else {}
        for key, due in (("properties", "object"), ("required", "array")):
            if key in schema and schema[key] is None:
                yield (
                    "The json schema definition at "
                    f"toolConfig.tools.{tool.number}.toolSpec.inputSchema is invalid. Fix the "
                    f"following errors and try again: $.{key}: null found, {due} expected"
                )


def _composed(body: Body) -> Iterator[str]:
    for tool in body.tools:
        if isinstance(tool.schema, dict) and any(key in tool.schema for key in _COMPOSED):
            yield (
                f"tools.{tool.number}.custom.input_schema: input_schema does not support oneOf, "
                "allOf, or anyOf at the top level"
            )


def _property_names(body: Body) -> Iterator[str]:
    for tool in body.tools:
        properties = member(tool.schema, "properties")
        if isinstance(properties, dict) and not all(map(_KEY.fullmatch, properties)):
            yield (
                f"tools.{tool.number}.custom.input_schema.properties: Property keys should match "
                "pattern '^[a-zA-Z0-9_.-]{1,64}$'"
            )


def _no_schema(body: Body) -> Iterator[str]:
    for tool in body.tools:
        if tool.schema is not None and not is_schema(tool.schema):
            yield f"tools.{tool.number}.custom.input_schema: {NO_SCHEMA}"


def _no_output_schema(body: Body) -> Iterator[str]:
    schema = _output_schema(body)
    if schema is not None and not is_schema(schema):
        yield f"output_config.format.schema: {NO_SCHEMA}"


NO_SCHEMA = (
    "JSON schema is invalid. It must match JSON Schema draft 2020-12 "
    "(https://json-schema.org/draft/2020-12)."
)


def _output_schema(body: Body) -> Json:
    """The schema of the answer. Converse has it as a text of JSON."""
    if body.form is not Form.CONVERSE:
        return member(body.own, "output_config", "format", "schema")
    structure = member(body.json, "outputConfig", "textFormat", "structure", "jsonSchema")
    text = member(structure, "schema")
    try:
        return orjson.loads(text) if isinstance(text, str) else None
    except orjson.JSONDecodeError:
        return text


# ── what an answer can be held to ─────────────────────────────────────────────────────────────────


def _strict_tools(body: Body) -> Iterator[str]:
    for tool in body.tools:
        if tool.json.get("strict") is True:
            yield from (f"tools.{tool.number}.custom: {words}" for words in _limits(tool.schema))


def _strict_output(body: Body) -> Iterator[str]:
    yield from (f"output_config.format.schema: {words}" for words in _limits(_output_schema(body)))


def _limits(schema: Json) -> Iterator[str]:
    """What Claude's own grammar of answers has no place for."""
    if isinstance(schema, list):
        for item in schema:
            yield from _limits(item)
    if not isinstance(schema, dict):
        return
    kind = schema.get("type")
    for key in _UNSUPPORTED.get(kind, ()) if isinstance(kind, str) else ():
        if key in schema:
            yield f"For '{kind}' type, property '{key}' is not supported"
    if kind == "object" and schema.get("additionalProperties") is not False:
        yield "For 'object' type, 'additionalProperties' must be explicitly set to false"
    for value in schema.values():
        yield from _limits(value)


_NUMBERS = ("multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_UNSUPPORTED = {"array": ("maxItems",), "integer": _NUMBERS, "number": _NUMBERS}


ROWS: tuple[Row, ...] = (
    Row(
        name="the type of a schema",
        words=_type,
        source="cognitect-labs/aws-api#272, July 2025; earendil-works/pi#8279, August 2026",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="the type of a schema, in a schema",
        words=_type_in_schema,
        source="AWS user guide for Amazon Nova, Tool use, November 2026; the words of Bedrock's "
        "JSON schemas (recorded)",
        forms=(Form.NOVA,),
    ),
    Row(
        name="the type of a schema, to Claude",
        words=_type_at_claude,
        source="code-yeongyu/senpi#1947, trycua/cua#3303, 2026",
        forms=(Form.MESSAGES,),
    ),
    Row(
        name="null in a schema",
        words=_no_nulls,
        source="maximhq/bifrost#1720, February 2026",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="a schema that is none",
        words=_no_schema,
        source="Anthropic's API; public reports, 2025 and 2026",
        forms=TURNS,
        is_vendors=True,
    ),
    Row(
        name="an output schema that is none",
        words=_no_output_schema,
        source="Anthropic's API; recorded traffic has the place and other words, 2026",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="alternatives at the top of a schema",
        words=_composed,
        source="abhigyanpatwari/GitNexus#2487, July 2026; kirodotdev/Kiro#11027, August 2026",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="names of arguments",
        words=_property_names,
        source="Anthropic's API; public reports, 2025 and 2026",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="limits in the schema of a strict tool",
        words=_strict_tools,
        source="recorded traffic (multipleOf, maxItems), 2026; Anthropic's page Structured outputs",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="limits in the schema of an answer",
        words=_strict_output,
        source="recorded traffic (multipleOf, maxItems), 2026; Anthropic's page Structured outputs",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
)
