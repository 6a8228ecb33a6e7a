"""What counts as read: every long text, whatever tokens, tags, cuts and quotation marks stand
around it."""

from __future__ import annotations

import pytest

from axonflow_core.messages import Json, Reasoning, Text, ToolUse
from axonflow_core.recordings.meaning import leftovers, unread

LONG = "a text that is longer than chance"
QUOTED = f'{{"a": "\\"{LONG}\\""}}'
TAGS = ("<reasoning>", "</reasoning>")


@pytest.mark.parametrize(
    ("native", "values"),
    [
        ({"content": f"<reasoning>{LONG}</reasoning>Hi"}, [Reasoning(LONG)]),
        ({"content": f"{LONG}</reaso"}, [Reasoning(LONG)]),
        (
            {"input": {"payload": f'{{"a": "\\"{LONG}\\""}}'}},
            [ToolUse("1", "f", {"payload": f'{{"a": "\\"{LONG}\\""}}'})],
        ),
        ({"arguments": f'{{"a": "{LONG}"}}'}, [ToolUse("1", "f", {"a": LONG})]),
        ([{"input": '{"location": "San Francisco'}], ['{"location": "San Francisco, CA"}']),
    ],
    ids=[
        "between tags",
        "before half a tag",
        "JSON as an argument",
        "arguments as JSON",
        "cut arguments",
    ],
)
def test_a_text_that_stands_in_a_typed_place_was_read(native: Json, values: list[object]) -> None:
    assert list(unread(native, values, TAGS)) == []
    assert len(list(unread(native, [Text("something else")], TAGS))) > 0


def test_a_documented_key_is_left_over_where_it_is_documented_and_says_something() -> None:
    documented = frozenset({"id"})

    def left(extra: Json) -> list[str]:
        return [found.path for found in leftovers(Text("Hi", extra=extra), documented)]

    assert left({"id": 1, "level.id": 2}) == ["$.extra.id", "$.extra.level.id"]
    assert left({"container": {"id": 1}, "id": None}) == []
