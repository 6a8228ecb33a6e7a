"""The automaton of Converse's streams takes what Bedrock sends, and nothing one step off."""

from __future__ import annotations

from typing import Any

import pytest

from tests.grammar_bedrock import check_converse

CALL = {"toolUseId": "t", "name": "n"}
WHOLE: list[dict[str, Any]] = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "hi"}}},
    {"contentBlockStop": {"contentBlockIndex": 0}},
    {
        "contentBlockStart": {
            "contentBlockIndex": 1,
            "start": {"toolUse": {"toolUseId": "t", "name": "n"}},
        }
    },
    {"contentBlockDelta": {"contentBlockIndex": 1, "delta": {"toolUse": {"input": "{}"}}}},
    {"contentBlockStop": {"contentBlockIndex": 1}},
    {"messageStop": {"stopReason": "tool_use"}},
    {"metadata": {"usage": {"totalTokens": 3}}},
]


def test_a_whole_stream_fits_and_a_broken_one_ends_with_an_exception() -> None:
    assert check_converse(WHOLE).stop_reason == "tool_use"
    check_converse([*WHOLE[:2], {"throttlingException": {"message": "slow"}}])


@pytest.mark.parametrize("place", range(len(WHOLE)))
def test_a_stream_that_lacks_an_event_or_has_one_twice_does_not_fit(place: int) -> None:
    twice = [*WHOLE[: place + 1], *WHOLE[place:]]
    lacking = WHOLE[:place] + WHOLE[place + 1 :]
    if "contentBlockDelta" not in WHOLE[place]:  # a block may be empty
        with pytest.raises(AssertionError):
            check_converse(lacking)
    if place != 1:  # the text goes on
        with pytest.raises((AssertionError, ValueError)):
            check_converse(twice)


def test_a_call_of_a_tool_means_tool_use() -> None:
    with pytest.raises(AssertionError):
        check_converse([*WHOLE[:-2], {"messageStop": {"stopReason": "end_turn"}}, WHOLE[-1]])
