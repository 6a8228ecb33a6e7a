"""The tools of Command R: what it may call, and what came of it, in Cohere's own words.

    {"name", "description", "parameter_definitions": {"city": {"description", "type": "str",
    "required": true}}}

A definition is one flat parameter whose type is a Python type; a JSON schema says far more. What
both can say goes over and comes back; a schema that says more is refused with the name of what it
says. A definition that we would not write so ourselves (another spelling of a type, a member that
is not documented) is kept next to the schema and written back.

    {"call": {"name", "parameters"}, "outputs": [{"text": "…"}]}

An output is an object. A tool's answer that is the JSON text of objects goes over as those objects,
any other text as `{"text": …}`; both ways lose nothing (`outputs_of` and `content_of` are each
other's inverse).

Source: AWS user guide, "Cohere Command R and Command R+ models", and Cohere's API reference,
"Chat", November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import orjson

from axonflow_core.codec.json_members import (
    prefixed,
    split_prefixed,
    string,
    unknown_members,
    without_none,
)
from axonflow_core.errors import EncodeError
from axonflow_core.json import dumps, loads
from axonflow_core.messages import Json, Tool

# ── what it may call ──────────────────────────────────────────────────────────────────────────────

_TYPES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
}
"""JSON's name of a type -> Python's."""
_SCHEMAS: Mapping[str, Json] = {
    **{python: {"type": name} for name, python in _TYPES.items()},
    **{
        f"List[{python}]": {"type": "array", "items": {"type": name}}
        for name, python in _TYPES.items()
        if name not in ("array", "object")
    },
}
"""Python's type -> the schema that says it."""
_PYTHON_TYPES = {dumps(schema): python for python, schema in _SCHEMAS.items()}
_TOOL_KEYS = frozenset({"name", "description", "parameter_definitions"})
_SCHEMA_KEYS = frozenset({"type", "properties", "required"})
_PROPERTY_KEYS = frozenset({"description", "type", "items"})
_DEFINITIONS = "parameter_definitions"


def decode_tool(native: Mapping[str, Json]) -> Tool:
    """A tool whose `parameter_definitions` become a JSON schema."""
    definitions, extra = native.get(_DEFINITIONS), unknown_members(native, _TOOL_KEYS)
    schema = None
    if definitions is not None:
        schema = _schema_of(definitions)
        unlike = {
            name: rest
            for name, given in definitions.items()
            if (rest := _beyond(name, given, schema))
        }
        extra = {**extra, **prefixed(_DEFINITIONS, unlike)} if unlike else extra
    return Tool(string(native["name"]), native.get("description"), schema, extra=extra)


def encode_tool(tool: Tool) -> Json:
    """The native tool. `EncodeError` names what its schema says beyond flat parameters."""
    if tool.is_strict:
        _refuse(tool.name, "strict")
    extra, unlike = split_prefixed(tool.extra, _DEFINITIONS)
    native = {"name": tool.name, **without_none({"description": tool.description}), **extra}
    if tool.input_schema is None:
        return native
    definitions = _definitions_of(tool.name, tool.input_schema)
    return {
        **native,
        _DEFINITIONS: {
            name: {**given, **unlike.get(name, {})} for name, given in definitions.items()
        },
    }


def _schema_of(definitions: Mapping[str, Mapping[str, Json]]) -> Json:
    """A JSON schema from `parameter_definitions`: `{name: {"type": "str", "description",
    "required"}}`."""
    properties = {name: _property_of(given) for name, given in definitions.items()}
    required = [name for name, given in definitions.items() if given.get("required") is True]
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _property_of(definition: Mapping[str, Json]) -> Json:
    kind = definition.get("type")
    schema = _SCHEMAS.get(kind, {}) if isinstance(kind, str) else {}
    return {**schema, **without_none({"description": definition.get("description")})}


def _beyond(name: str, given: Mapping[str, Json], schema: Mapping[str, Json]) -> Mapping[str, Json]:
    """The members of a definition that we would not write from the schema."""
    ours = _definition_of(
        "", name, schema["properties"][name], is_required=name in schema.get("required", ())
    )
    return {key: value for key, value in given.items() if key not in ours or ours[key] != value}


def _definitions_of(tool: str, schema: Json) -> dict[str, dict[str, Json]]:
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        _refuse(tool, "arguments that are no object")
    for key in schema:
        if key not in _SCHEMA_KEYS:
            _refuse(tool, key)
    properties, required = schema.get("properties") or {}, schema.get("required") or ()
    for name in required:
        if name not in properties:
            _refuse(tool, f"{name}, which is required and not described")
    return {
        name: _definition_of(tool, name, given, is_required=name in required)
        for name, given in properties.items()
    }


def _definition_of(tool: str, name: str, schema: Json, *, is_required: bool) -> dict[str, Json]:
    """One parameter. `EncodeError` for a keyword that a definition cannot express, rather than
    dropping it."""
    if not isinstance(schema, dict):
        _refuse(tool, f"{name}, which is no object")
    for key in schema:
        if key not in _PROPERTY_KEYS:
            _refuse(tool, f"{name}.{key}")
    kind = None
    if typed := {key: schema[key] for key in ("type", "items") if key in schema}:
        # By its JSON, for a dict is no key: `{"type": "array", "items": {"type": "string"}}` is
        # List[str].
        kind = _PYTHON_TYPES.get(dumps(typed))
        if kind is None:
            _refuse(tool, f"{name}.items" if "items" in schema else f"{name}.type")
    return without_none(
        {"description": schema.get("description"), "type": kind, "required": is_required or None}
    )


def _refuse(tool: str, what: str) -> NoReturn:
    raise EncodeError(
        f"the schema of the tool {tool} says {what}, which Command R does not support",
        feature="tool schema",
        hint="describe each argument with type and description alone: its types are "
        + ", ".join([*_TYPES, "and arrays of one of the first four"]),
    )


# ── what came of it ───────────────────────────────────────────────────────────────────────────────


def outputs_of(content: str | None) -> list[Json]:
    """A tool's answer as a list of objects."""
    if content is None:
        return []
    objects = _objects_in(content)
    return [{"text": content}] if objects is None else objects


def content_of(outputs: list[Json]) -> str | None:
    """The tool's answer that `outputs_of` makes this list of."""
    if not outputs:
        return None
    text = _plain_text(outputs)
    if text is not None and _objects_in(text) is None:
        return text
    return dumps(outputs[0] if len(outputs) == 1 else outputs).decode()


def _objects_in(text: str) -> list[Json] | None:
    """The objects that `text` is the JSON of, in the one spelling that comes back: no blanks, a
    single one unlisted."""
    if text[:1] not in ("{", "["):
        return None
    try:
        value = loads(text)
    except orjson.JSONDecodeError:
        return None
    objects = [value] if isinstance(value, dict) else value
    if (
        not objects
        or not all(isinstance(each, dict) for each in objects)
        or dumps(value).decode() != text
    ):
        return None
    # A list of one would come back as the object alone, and so as another text.
    if len(objects) == 1 and value is objects:
        return None
    inner = _plain_text(objects)
    return None if inner is not None and _objects_in(inner) is None else objects


def _plain_text(outputs: list[Json]) -> str | None:
    """The text of `[{"text": …}]`, as a text that is no JSON goes over."""
    if len(outputs) != 1 or not isinstance(outputs[0], dict) or outputs[0].keys() != {"text"}:
        return None
    text = outputs[0]["text"]
    return text if isinstance(text, str) else None
