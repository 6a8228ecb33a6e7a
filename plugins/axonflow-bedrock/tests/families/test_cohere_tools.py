"""Command R's tools: JSON schemas and flat definitions, tool answers and lists of objects, both
ways."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_bedrock.families.cohere.tools import content_of, decode_tool, encode_tool, outputs_of
from axonflow_core.errors import EncodeError
from axonflow_core.messages import Tool
from axonflow_core.testing.json_strategies import json_objects
from axonflow_core.testing.strategies import texts


def tool(properties: Any, **schema: Any) -> Tool:
    return Tool("weather", "Tells it.", {"type": "object", "properties": properties, **schema})


@pytest.mark.parametrize(
    ("schema", "definition"),
    [
        ({"type": "string"}, {"type": "str"}),
        ({"type": "integer", "description": "n"}, {"type": "int", "description": "n"}),
        ({"type": "number"}, {"type": "float"}),
        ({"type": "boolean"}, {"type": "bool"}),
        ({"type": "array"}, {"type": "list"}),
        ({"type": "object"}, {"type": "dict"}),
        ({"type": "array", "items": {"type": "string"}}, {"type": "List[str]"}),
        ({"description": "any"}, {"description": "any"}),
    ],
)
def test_a_flat_parameter_goes_over_and_comes_back(schema: Any, definition: Any) -> None:
    flat = tool({"city": schema}, required=["city"])

    native = encode_tool(flat)

    assert native["parameter_definitions"] == {"city": {**definition, "required": True}}
    assert decode_tool(native) == flat


@pytest.mark.parametrize(
    ("given_tool", "what"),
    [
        (
            tool({"place": {"type": "object", "properties": {"city": {"type": "string"}}}}),
            "place.properties",
        ),
        (tool({"unit": {"type": "string", "enum": ["C", "F"]}}), "unit.enum"),
        (tool({"cities": {"type": "array", "items": {"type": "object"}}}), "cities.items"),
        (tool({"city": {"type": ["string", "null"]}}), "city.type"),
        (tool({"city": {"type": "date"}}), "city.type"),
        (tool({"city": {"type": "string", "default": "Oslo"}}), "city.default"),
        (tool({"city": True}), "city, which is no object"),
        (tool({}, additionalProperties=False), "additionalProperties"),
        (tool({}, required=["city"]), "city, which is required and not described"),
        (Tool("weather", None, {"type": "array"}), "arguments that are no object"),
        (Tool("weather", None, None, is_strict=True), "strict"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_schema_that_says_more_is_refused_by_name(given_tool: Tool, what: str) -> None:
    with pytest.raises(EncodeError, match=f"the tool weather says {what}") as refused:
        encode_tool(given_tool)
    assert refused.value.feature == "tool schema"


@pytest.mark.parametrize(
    "definition",
    [
        {"type": "string", "required": True},
        {"type": "List[Dict[str, int]]"},
        {"type": "str", "required": False},
        {"type": "str", "default": "Oslo", "description": "where"},
        {"type": None},
        {},
    ],
)
def test_a_definition_that_we_would_write_otherwise_comes_back_as_it_was(definition: Any) -> None:
    native = {
        "name": "weather",
        "description": "Tells it.",
        "parameter_definitions": {"a.city": definition},
    }

    assert encode_tool(decode_tool(native)) == native


def test_a_tool_without_parameters_has_no_schema() -> None:
    assert encode_tool(Tool("now")) == {"name": "now"}
    assert decode_tool({"name": "now"}) == Tool("now")
    assert decode_tool({"name": "now", "parameter_definitions": {}}).input_schema == {
        "type": "object",
        "properties": {},
    }


@pytest.mark.parametrize(
    ("content", "outputs"),
    [
        (None, []),
        ("sun", [{"text": "sun"}]),
        ("", [{"text": ""}]),
        ('{"sky":"blue"}', [{"sky": "blue"}]),
        ('[{"a":1},{"b":2}]', [{"a": 1}, {"b": 2}]),
        ('{"sky": "blue"}', [{"text": '{"sky": "blue"}'}]),
        ("[1,2]", [{"text": "[1,2]"}]),
        ("[]", [{"text": "[]"}]),
        ('[{"a":1}]', [{"text": '[{"a":1}]'}]),
        ('{"text":"sun"}', [{"text": '{"text":"sun"}'}]),
        ('{"text":"{\\"a\\":1}"}', [{"text": '{"a":1}'}]),
    ],
)
def test_an_answer_of_a_tool_is_a_list_of_objects(content: str | None, outputs: Any) -> None:
    assert outputs_of(content) == outputs
    assert content_of(outputs) == content


def like_json() -> st.SearchStrategy[str]:
    objects = json_objects() | st.fixed_dictionaries({"text": texts()})
    lists = objects | st.lists(objects, max_size=2)
    once = lists.map(lambda value: orjson.dumps(value).decode())
    return once | once.map(lambda text: orjson.dumps({"text": text}).decode()) | texts()


@given(like_json())
def test_every_text_comes_back_from_its_objects(content: str) -> None:
    assert content_of(outputs_of(content)) == content


@given(st.lists(json_objects() | st.fixed_dictionaries({"text": like_json()}), max_size=3))
def test_every_list_of_objects_comes_back_from_its_text(outputs: list[Any]) -> None:
    assert outputs_of(content_of(outputs)) == outputs
