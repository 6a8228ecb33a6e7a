"""What two native bodies may differ in and still say the same, and what they may not."""

from __future__ import annotations

from typing import Any

import pytest

from axonflow_core.recordings.json_equality import ABSENT, Difference, difference

TEXT = {"type": "text", "text": "hi"}
RESULT = {"type": "tool_result", "tool_use_id": "1"}


def message(content: Any, role: str = "user") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content}], "max_tokens": 1}


def call(**input_: Any) -> dict[str, Any]:
    return message([{"type": "tool_use", "id": "1", "name": "f", "input": input_}])


SAME = {
    "a number by its value": ({"a": 28.0, "b": 1}, {"a": 28, "b": 1}),
    "keys in another order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "a number inside tool input, too": (call(x=1), call(x=1.0)),
    "a bare string for one text block": (message("hi"), message([TEXT])),
    "one text block for a bare string": (message([TEXT]), message("hi")),
    "a bare system text": ({"messages": [], "system": "hi"}, {"messages": [], "system": [TEXT]}),
    "an absent key and its null": ({"a": 1, "b": 2}, {"a": 1, "b": 2, "tools": None}),
    "an absent key and its []": ({"a": 1, "b": 2, "tools": []}, {"a": 1, "b": 2}),
    "an absent key and its {}": ({"a": 1, "b": 2}, {"a": 1, "b": 2, "output_config": {}}),
    "null and []": ({"a": 1, "tools": None}, {"a": 1, "tools": []}),
    "an absent key and an object of nothing but [] and null": (
        {"a": 1, "b": 2, "inferenceConfig": {"maxTokens": None, "stopSequences": []}},
        {"a": 1, "b": 2},
    ),
    "a null inside a union member": (
        {"a": 1, "c": {"image": {"x": 1, "y": 2}}},
        {"a": 1, "c": {"image": {"x": 1, "y": 2, "z": None}}},
    ),
    "a null beside a type": (
        {"a": 1, "c": {"type": "auto"}},
        {"a": 1, "c": {"type": "auto", "name": None}},
    ),
}

DIFFERENT = {
    "true for 1": ({"a": 1}, {"a": True}, "$.a"),
    "false for 0": ({"a": 0}, {"a": False}, "$.a"),
    "false for null": ({"a": 0, "b": None}, {"a": 0, "b": False}, "$.b"),
    "a digit string for a number": ({"a": 1}, {"a": "1"}, "$.a"),
    "another text": (message([TEXT]), message("ho"), "$.messages[0].content[0].text"),
    "an empty string is a value": ({"a": 1, "b": ""}, {"a": 1}, "$.b"),
    "an empty string is no null": ({"a": 1, "b": ""}, {"a": 1, "b": None}, "$.b"),
    "zero is a value": ({"a": 1, "temperature": 0}, {"a": 1}, "$.temperature"),
    "items in another order": ({"a": [1, 2]}, {"a": [2, 1]}, "$.a[0]"),
    "one item more": ({"a": [1]}, {"a": [1, 2]}, "$.a[1]"),
    "two text blocks for one string": (
        message("hihi"),
        message([TEXT, TEXT]),
        "$.messages[0].content[0].text",
    ),
    "a block that says more than its text": (
        message("hi"),
        message([{**TEXT, "cache_control": {"type": "ephemeral"}}]),
        "$.messages[0].content[0].cache_control",
    ),
    "a bare string in a tool result": (
        message([{**RESULT, "content": "hi"}]),
        message([{**RESULT, "content": [TEXT]}]),
        "$.messages[0].content[0].content",
    ),
    "a null inside a tool result": (
        message([{**RESULT, "content": [TEXT]}]),
        message([{**RESULT, "content": [{**TEXT, "citations": None}]}]),
        "$.messages[0].content[0].content[0].citations",
    ),
    "a bare string in a tool's message": (
        message("hi", "tool"),
        message([TEXT], "tool"),
        "$.messages[0].content",
    ),
    "a bare string somewhere else": ({"a": "hi", "b": 1}, {"a": [TEXT], "b": 1}, "$.a"),
    "a null inside tool input": (call(x=1), call(x=1, y=None), "$.messages[0].content[0].input.y"),
    "an [] inside tool input": (call(x=1, y=[]), call(x=1), "$.messages[0].content[0].input.y"),
    "null for {} inside tool input": (call(x={}), call(x=None), "$.messages[0].content[0].input.x"),
    "an {} inside a schema": (
        {"a": 1, "input_schema": {}},
        {"a": 1, "input_schema": {"p": {}}},
        "$.input_schema.p",
    ),
    "an {} inside the schema of an answer's format": (
        {"a": 1, "format": {"type": "object"}},
        {"a": 1, "format": {"type": "object", "properties": {}}},
        "$.format.properties",
    ),
    "a null inside metadata": (
        {"a": 1, "metadata": {"a": 1, "b": 2}},
        {"a": 1, "metadata": {"a": 1}},
        "$.metadata.b",
    ),
    "a union member gone": (
        {"a": 1, "choice": {"auto": {}}},
        {"a": 1, "choice": {}},
        "$.choice.auto",
    ),
    "a union member come": (
        {"a": 1, "choice": {}},
        {"a": 1, "choice": {"auto": {}}},
        "$.choice.auto",
    ),
    "another union member": (
        {"a": 1, "choice": {"auto": {}}},
        {"a": 1, "choice": {"any": {}}},
        "$.choice.auto",
    ),
    "empty data gone from a union member": (
        message([{"toolUse": {"toolUseId": "1", "name": "f", "input": {}}}]),
        message([{"toolUse": {"toolUseId": "1", "name": "f"}}]),
        "$.messages[0].content[0].toolUse.input",
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_these_say_the_same(case: str) -> None:
    one, other = SAME[case]

    assert difference(one, other) is None


@pytest.mark.parametrize("case", DIFFERENT)
def test_these_do_not(case: str) -> None:
    one, other, path = DIFFERENT[case]

    found = difference(one, other)

    assert found is not None
    assert found.path == path


@pytest.mark.parametrize("case", DIFFERENT)
def test_and_not_the_other_way_round(case: str) -> None:
    one, other, _ = DIFFERENT[case]

    assert difference(other, one) is not None


def test_a_difference_shows_both_sides_and_no_more_than_fits_a_line() -> None:
    found = difference({"a": "x" * 5000}, {})

    assert found == Difference("$.a", "x" * 5000, ABSENT)
    assert len(str(found)) < 300


def test_a_key_that_is_no_word_is_quoted_in_the_path() -> None:
    found = difference({"a.b": {"c-d": 1}}, {"a.b": {"c-d": 2}})

    assert found is not None
    assert found.path == '$["a.b"]["c-d"]'
