"""The grammars of OpenAI's streams as automata: what every stream of a chat completion and of a
response must be, a broken and a blocked one included.

    chat       chunk(role) (content | reasoning | call)* finish [counts] [DONE]  |  … error
    response   created in_progress item* (completed | incomplete | failed)
    item       added (part_added delta* text_done part_done | delta* arguments_done)* done

An automaton raises `AssertionError` with the frame that it does not take. Source: OpenAI's API
reference, "Streaming", November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from axonflow_core.framing.sse import SseDecoder


def frames_of(body: bytes) -> list[tuple[str, Any]]:
    """The events of a stream: name and JSON, or the text `[DONE]`."""
    decoder = SseDecoder()
    events = decoder.feed(body)
    decoder.finish()
    return [
        (event.event, event.data if event.is_done else orjson.loads(event.data)) for event in events
    ]


# ── chat ──────────────────────────────────────────────────────────────────────────────────────────


class ChatGrammar:
    """One stream of `chat.completion.chunk`s."""

    def __init__(self, *, asks_for_usage: bool, knows_usage: bool = True) -> None:
        self._asks_for_usage = asks_for_usage
        self._knows_usage = knows_usage
        self._head: tuple[Any, ...] | None = None
        self._calls: list[str] = []
        """The arguments of each call, as far as they came."""
        self._finish: str | None = None
        self._has_counts = False
        self.end: str | None = None
        """How the stream ended: `done`, `error`."""

    def feed(self, frame: Any) -> None:
        assert self.end is None, f"after the end: {frame}"
        if frame == "[DONE]":
            assert self._finish is not None, "[DONE] without a finish_reason"
            is_due = self._asks_for_usage and self._knows_usage
            assert self._has_counts is is_due, "counts, or none, against the wish"
            self.end = "done"
        elif "error" in frame:
            assert self._finish is None, f"an error after the finish_reason: {frame}"
            assert frame["error"]["message"]
            self.end = "error"
        else:
            self._chunk(frame)

    def _chunk(self, chunk: Any) -> None:
        assert chunk["object"] == "chat.completion.chunk", chunk
        head = tuple(chunk[name] for name in ("id", "model", "created"))
        assert self._head in (None, head), f"another answer: {chunk}"
        is_first, self._head = self._head is None, head
        if not chunk["choices"] and is_first and "prompt_filter_results" in chunk:
            self._head = None  # Azure begins with what its filter found of the prompt
            return
        if not chunk["choices"]:
            assert self._asks_for_usage and self._finish and chunk["usage"], chunk
            assert not self._has_counts, f"counts for the second time: {chunk}"
            self._has_counts = True
            return
        assert chunk.get("usage") is None, f"counts beside a choice: {chunk}"
        assert ("usage" in chunk) is self._asks_for_usage, chunk
        (choice,) = chunk["choices"]
        assert self._finish is None, f"a choice after the finish_reason: {chunk}"
        assert (choice["delta"].get("role") == "assistant") is is_first, chunk
        for call in choice["delta"].get("tool_calls", ()):
            self._call(call)
        self._finish = choice["finish_reason"]
        if self._finish is not None:
            has_stopped_itself = self._finish in ("stop", "tool_calls")
            is_call = self._finish == "tool_calls"
            assert not has_stopped_itself or is_call is bool(self._calls), chunk
            assert not is_call or all(type(orjson.loads(each)) is dict for each in self._calls), (
                chunk
            )

    def _call(self, call: Any) -> None:
        if call["index"] == len(self._calls):
            assert call["id"] and call["function"]["name"] and call["type"] == "function", call
            self._calls.append("")
        else:
            assert call["index"] < len(self._calls), f"a call before its turn: {call}"
            assert not call.get("id") and "name" not in call["function"], call
        self._calls[call["index"]] += call["function"].get("arguments", "")


def check_chat(body: bytes, *, asks_for_usage: bool = False, knows_usage: bool = True) -> str:
    """How the stream `body` ends, `done` or `error`; `AssertionError` where it is none. Counts that
    the provider did not give are due to nobody."""
    grammar = ChatGrammar(asks_for_usage=asks_for_usage, knows_usage=knows_usage)
    for name, frame in frames_of(body):
        assert name == "message", f"chunks have no names: {name}"
        grammar.feed(frame)
    assert grammar.end is not None, "the stream has no end"
    return grammar.end


# ── responses ─────────────────────────────────────────────────────────────────────────────────────

_DELTAS = {
    "message": {"output_text", "refusal"},
    "function_call": {"function_call_arguments"},
    "custom_tool_call": {"custom_tool_call_input"},
    "reasoning": {"reasoning_summary_text", "reasoning_text"},
}
"""Type of an item -> the kinds of deltas that fit it."""
_PARTS = {"message": "content_part", "reasoning": "reasoning_summary_part"}
_LAST = {"response.completed", "response.incomplete", "response.failed"}


class _ItemGrammar:
    """One item of the output."""

    def __init__(self, item: Any) -> None:
        self.type, self.id = item["type"], item["id"]
        self._part: str | None = None
        """The part that is open; `closed` after its text is done."""
        self._texts: list[str] = []
        self.has_text = False

    def feed(self, event: Any) -> None:
        kind, _, what = event["type"].removeprefix("response.").rpartition(".")
        assert event["item_id"] == self.id, event
        if kind == _PARTS.get(self.type):
            assert (self._part is None) is (what == "added"), event
            assert what == "added" or self._part == "closed", event
            self._part = "open" if what == "added" else None
            return
        assert kind in _DELTAS[self.type], f"no delta of a {self.type}: {event}"
        assert self.type not in _PARTS or self._part == "open", event
        if what == "delta":
            self._texts.append(event["delta"])
            return
        whole = next(
            event[name] for name in ("text", "refusal", "arguments", "input") if name in event
        )
        assert what == "done" and whole == "".join(self._texts), event
        self._part, self._texts, self.has_text = "closed", [], True

    def end(self, item: Any) -> None:
        assert (item["type"], item["id"]) == (self.type, self.id), item
        assert not self._texts, f"a text is not done: {item}"
        assert self._part is None or self.type not in _PARTS, f"a part is not done: {item}"
        assert self.has_text or self.type == "reasoning", f"nothing is in it: {item}"
        assert item.get("status") != "in_progress", item


class ResponseGrammar:
    """One stream of a response."""

    def __init__(self) -> None:
        self._count = 0
        self._id: str | None = None
        self._open: dict[int, _ItemGrammar] = {}
        self._done: dict[int, Any] = {}
        self.end: str | None = None
        """How the stream ended: `completed`, `incomplete`, `failed`."""

    def feed(self, event: Any) -> None:
        assert self.end is None, f"after the end: {event}"
        assert event["sequence_number"] == self._count, event
        first = {0: "response.created", 1: "response.in_progress"}.get(self._count)
        assert first in (None, event["type"]), f"not in its place: {event}"
        self._count += 1
        if "response" in event:
            self._about_all(event)
        elif event["type"] == "response.output_item.added":
            assert event["output_index"] == len(self._open) + len(self._done), event
            self._open[event["output_index"]] = _ItemGrammar(event["item"])
        elif event["type"] == "response.output_item.done":
            self._open.pop(event["output_index"]).end(event["item"])
            self._done[event["output_index"]] = event["item"]
        else:
            self._open[event["output_index"]].feed(event)

    def _about_all(self, event: Any) -> None:
        response = event["response"]
        assert self._id in (None, response["id"]), f"another answer: {event}"
        self._id = response["id"]
        status = event["type"].removeprefix("response.")
        if event["type"] not in _LAST:
            assert self._count <= 2 and response["status"] == "in_progress", event
            return
        self.end = status
        assert response["status"] == status, event
        if status == "failed":
            assert response["error"]["code"] and response["error"]["message"], event
            return
        assert not self._open, f"items are not done: {event}"
        assert response["output"] == [self._done[place] for place in sorted(self._done)], event
        assert (response["incomplete_details"] is None) is (status == "completed"), event


def check_responses(body: bytes) -> str:
    """How the stream `body` ends: `completed`, `incomplete`, `failed`."""
    grammar = ResponseGrammar()
    for name, event in frames_of(body):
        assert name == event["type"], f"an event has the name of its type: {name}"
        grammar.feed(event)
    assert grammar.end is not None, "the stream has no end"
    return grammar.end


def events_of_responses(events: Iterable[Any]) -> ResponseGrammar:
    """The automaton after these events."""
    grammar = ResponseGrammar()
    for event in events:
        grammar.feed(event)
    return grammar
