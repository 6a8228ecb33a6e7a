"""Arguments that an emulated model gives a tool: they fit the tool's schema."""

from __future__ import annotations

import pytest

from axonflow_bedrock.emulator.schema_examples import example_of
from axonflow_core.messages import Json


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        ({"type": "string"}, "example"),
        ({"type": "string", "minLength": 9}, "examplexx"),
        ({"type": "string", "maxLength": 3}, "exa"),
        ({"type": "string", "format": "date"}, "2026-11-24"),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "exclusiveMinimum": 5}, 6),
        ({"type": "integer", "minimum": -9, "maximum": -5}, -5),
        ({"type": "number"}, 1.5),
        ({"type": "number", "maximum": 1}, 1),
        ({"type": "number", "exclusiveMaximum": 1}, 0.5),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["null", "integer"]}, 1),
        ({"type": "array"}, []),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, ["example", "example"]),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": "a", "type": "string"}, "a"),
        ({"type": "integer", "default": 7}, 7),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
        ({"oneOf": [{"type": "null"}]}, None),
        ({"allOf": [{"type": "string"}, {"maxLength": 2}]}, "ex"),
        (
            {
                "allOf": [
                    {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
                    {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
                ]
            },
            {"a": 1, "b": True},
        ),
        (
            {
                "properties": {"city": {"$ref": "#/$defs/City"}, "other": {"type": "string"}},
                "required": ["city"],
                "$defs": {"City": {"properties": {"zip": {"type": "string"}}, "required": ["zip"]}},
            },
            {"city": {"zip": "example"}},
        ),
        ({"$ref": "#/$defs/Nowhere"}, {}),
        ({}, {}),
        (None, {}),
        ({"properties": None, "required": None}, {}),
    ],
)
def test_an_example_fits_its_schema(schema: Json, example: Json) -> None:
    assert example_of(schema) == example


def test_a_schema_that_refers_to_itself_has_an_end() -> None:
    schema = {"properties": {"child": {"$ref": "#"}}, "required": ["child"]}

    assert "child" in str(example_of(schema))
