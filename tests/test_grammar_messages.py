"""The automaton takes what Anthropic's streams are, and nothing that is one step beside it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from grammar_messages import Ungrammatical, read_events

USAGE = {"input_tokens": 3, "output_tokens": 1}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": []}
START = {"type": "message_start", "message": {**MESSAGE, "stop_reason": None, "usage": USAGE}}
OPEN = {
    "type": "content_block_start",
    "index": 0,
    "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
}
DELTA = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "input_json_delta", "partial_json": "{}"},
}
CLOSE = {"type": "content_block_stop", "index": 0}
STOP = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": USAGE}
END = {"type": "message_stop"}
PING = {"type": "ping"}
ERROR = {"type": "error", "error": {"type": "api_error", "message": "It broke."}}
WHOLE = [START, PING, OPEN, DELTA, PING, CLOSE, STOP, END]


def named(events: list[Any]) -> list[tuple[str, Any]]:
    return [(event["type"], event) for event in events]


def changed(place: int, *path: str, to: Any) -> list[Any]:
    events = deepcopy(WHOLE)
    holder: Any = events[place]
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = to
    return events


@pytest.mark.parametrize("events", [WHOLE, [ERROR], [START, ERROR], [START, OPEN, DELTA, ERROR]])
def test_a_whole_stream_and_a_failed_one_are_grammatical(events: list[Any]) -> None:
    assert read_events(named(events)).has_ended


FAULTS: dict[str, list[Any]] = {
    "two starts": [START, *WHOLE],
    "no start": WHOLE[2:],
    "a ping first": [PING, *WHOLE],
    "two ends of a block": [*WHOLE[:6], CLOSE, *WHOLE[6:]],
    "a block within a block": [START, OPEN, {**OPEN, "index": 1}],
    "a block that is not numbered": [START, {**OPEN, "index": 1}],
    "a block that is not ended": [*WHOLE[:5], STOP, END],
    "a delta without a block": [START, DELTA],
    "a delta of another kind": changed(3, "delta", to={"type": "text_delta", "text": "a"}),
    "arguments in the start": changed(2, "content_block", "input", to={"a": 1}),
    "arguments that are none": changed(3, "delta", "partial_json", to="[]"),
    "a call and no tool_use": changed(6, "delta", "stop_reason", to="end_turn"),
    "no counts": changed(6, "usage", to={}),
    "no model": changed(0, "message", "model", to=None),
    "no end": WHOLE[:-1],
    "no stop reason": [*WHOLE[:6], END],
    "something after the end": [*WHOLE, PING],
    "an error after the stop reason": [*WHOLE[:7], ERROR],
    "an unknown event": [START, {"type": "block"}],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_stream_with_a_fault_is_not(fault: str) -> None:
    with pytest.raises(Ungrammatical):
        read_events(named(FAULTS[fault]))
