"""Fields of a body: read by name, bounded, and told of without their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from axonflow_core.errors import MalformedRequest
from axonflow_core.server.fields import (
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_NODES,
    MAX_TEXT,
    MAX_WORD,
    Fields,
    read_object,
)


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (Fields.text, "x" * MAX_WORD, "x" * MAX_WORD),
        (Fields.optional_text, None, None),
        (Fields.optional_text, "", None),
        (Fields.number, 0.5, 0.5),
        (Fields.number, None, None),
        (Fields.count, 7.0, 7),
        (Fields.flag, False, False),
        (Fields.texts, ["a", "b"], ("a", "b")),
        (Fields.texts, None, ()),
        (Fields.items, [{"a": 1}, 2], [{"a": 1}, 2]),
        (Fields.members, {"a": [1]}, {"a": [1]}),
        (Fields.members, nested(MAX_DEPTH), nested(MAX_DEPTH)),
    ],
)
def test_a_field_is_read(read: Callable[..., Any], value: Any, expected: Any) -> None:
    assert read(Fields({"f": value}), "f") == expected


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (Fields.text, "x" * (MAX_WORD + 1)),
        (Fields.text, 1),
        (Fields.text, ""),
        (Fields.text, "a\0b"),
        (Fields.optional_text, "\0"),
        (Fields.texts, ["a", "\0"]),
        (Fields.optional_text, {}),
        (Fields.number, True),
        (Fields.number, "1"),
        (Fields.number, -1),
        (Fields.number, 1e300),
        (Fields.count, 1.5),
        (Fields.count, 10**10),
        (Fields.flag, 0),
        (Fields.texts, "a"),
        (Fields.texts, ["a", 1]),
        (Fields.texts, ["a"] * (MAX_ITEMS + 1)),
        (Fields.items, [nested(MAX_DEPTH)]),
        (Fields.members, []),
        (Fields.members, nested(MAX_DEPTH + 1)),
        (Fields.members, {str(number): 0 for number in range(MAX_NODES + 1)}),
    ],
)
def test_what_does_not_fit_is_told_by_its_field(read: Callable[..., Any], value: Any) -> None:
    with pytest.raises(MalformedRequest, match=r"outer\.f"):
        read(Fields({"f": value}, "outer."), "f")


@pytest.mark.parametrize(
    ("most", "said"), [(1, "0 to 1"), (2.5, "0 to 2.5"), (1_000_000, "0 to 1,000,000")]
)
def test_bounds_are_written_as_people_write_them(most: float, said: str) -> None:
    with pytest.raises(MalformedRequest, match=f"f is a number from {said}$"):
        Fields({"f": most + 1}).number("f", most=most)


def test_a_text_that_is_screened_may_have_any_character() -> None:
    assert Fields({"f": "a\0b"}).text("f", most=MAX_TEXT) == "a\0b"


def test_a_value_is_never_quoted() -> None:
    for read in (Fields.number, Fields.flag, Fields.texts, Fields.members, Fields.count):
        with pytest.raises(MalformedRequest) as raised:
            read(Fields({"f": "Ann's secret"}), "f")
        assert "Ann" not in str(raised.value)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"a"', b"{", b"\xff", b"[" * 100_000])
def test_a_body_is_an_object(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read_object(body)


def test_a_member_is_inherited_where_it_is_absent() -> None:
    shared, own = Fields({"a": 1, "b": 2, "c": 3}), Fields({"a": 9, "b": None})
    merged = own.over(shared, ("a", "b"))
    assert (merged.number("a"), merged.number("b"), "c" in merged) == (9, 2, False)


def test_names_are_those_of_members_that_are_null_too() -> None:
    fields = read_object(orjson.dumps({"a": None, "b": 1}))
    assert fields.names == {"a", "b"} and "a" not in fields
