"""Arguments that an emulated model gives a tool: they fit the tool's schema."""

from __future__ import annotations

import pytest

from axonflow_core.emulator.schema_examples import example_of, is_schema
from axonflow_core.json import dumps
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


NO_SCHEMAS: list[Json] = [
    *(5, "object", [], [{}]),
    *({"type": 5}, {"type": [5]}, {"type": {"a": 1}}, {"format": 5}, {"$ref": ["#"]}),
    *({"required": "city"}, {"required": [{"a": 1}]}, {"enum": "a"}, {"items": 5}),
    *({"properties": []}, {"properties": {"a": 5}}, {"$defs": {"a": []}}),
    *({"anyOf": {}}, {"oneOf": [5]}, {"allOf": ["a"]}),
    *({"minItems": "2"}, {"minLength": -1}, {"maxLength": 1.5}, {"minItems": True}),
    *({"minimum": "1"}, {"exclusiveMaximum": [1]}, {"maximum": True}),
    {"properties": {"a": {"properties": {"b": {"required": [1]}}}}},
]


@pytest.mark.parametrize("value", NO_SCHEMAS, ids=str)
def test_a_keyword_of_another_type_makes_no_schema(value: Json) -> None:
    assert not is_schema(value)


def test_a_schema_that_requires_itself_eight_times_has_a_bounded_example() -> None:
    again = {"properties": {name: {"$ref": "#"} for name in "abcdefgh"}, "required": [*"abcdefgh"]}

    assert len(dumps(example_of(again))) < 50_000


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 10**12},
        {"type": "array", "minItems": 10**12},
        {"type": "number", "exclusiveMinimum": 10**400},
        {"type": "integer", "exclusiveMaximum": -(10**400)},
    ],
    ids=range(4),
)
def test_a_huge_bound_makes_no_huge_example(schema: Json) -> None:
    assert len(dumps(example_of(schema))) < 10_000
