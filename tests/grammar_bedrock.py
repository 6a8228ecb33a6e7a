"""The grammar of a ConverseStream as an automaton: what boto3's users rely on.

    stream  = messageStart block* messageStop metadata       a whole one
            | [messageStart block* [part]] exception         one that failed
    block   = [contentBlockStart] contentBlockDelta* contentBlockStop

A block that begins with a call of a tool says so, and its input adds up to an object; a call of a
tool means `tool_use`. Source: shape `ConverseStreamOutput` of the bedrock-runtime service model,
API 2023-09-30, and recorded traffic, which starts no block of text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_DELTAS = frozenset({"text", "reasoningContent", "toolUse", "citation", "image", "toolResult"})


class Grammar:
    """One stream, event by event. `AssertionError` for one that does not fit."""

    def __init__(self) -> None:
        self.state = "new"
        self.stop_reason: str | None = None
        self.text = ""
        self.calls: dict[int, str] = {}
        """Number of a block that is a call of a tool -> its input so far."""
        self._open: dict[int, str | None] = {}
        self._closed: set[int] = set()

    def read(self, event: Mapping[str, Any]) -> None:
        ((name, payload),) = event.items()
        assert self.state != "over", f"{name} after the end"
        if name.endswith("Exception"):
            self.state = "over"
            return
        getattr(self, f"_{name}")(payload)

    def _messageStart(self, payload: Mapping[str, Any]) -> None:  # noqa: N802
        assert self.state == "new", "a second messageStart"
        assert payload["role"] == "assistant"
        self.state = "open"

    def _contentBlockStart(self, payload: Mapping[str, Any]) -> None:  # noqa: N802
        index = self._new_block(payload)
        if call := payload["start"].get("toolUse"):
            assert call["toolUseId"]
            assert call["name"]
            self.calls[index] = ""
            self._open[index] = "toolUse"

    def _contentBlockDelta(self, payload: Mapping[str, Any]) -> None:  # noqa: N802
        index = payload["contentBlockIndex"]
        if index not in self._open:
            self._new_block(payload)
        ((kind, delta),) = payload["delta"].items()
        assert kind in _DELTAS, kind
        assert self._open[index] in (None, kind), f"{kind} in a block of {self._open[index]}"
        self._open[index] = kind
        if kind == "toolUse":
            assert index in self.calls, "a call of a tool without a start"
            self.calls[index] += delta["input"]
        elif kind == "text":
            self.text += delta

    def _contentBlockStop(self, payload: Mapping[str, Any]) -> None:  # noqa: N802
        index = payload["contentBlockIndex"]
        assert index in self._open, "the stop of no block"
        del self._open[index]
        self._closed.add(index)
        if index in self.calls:
            assert isinstance(json.loads(self.calls[index] or "{}"), dict)

    def _messageStop(self, payload: Mapping[str, Any]) -> None:  # noqa: N802
        assert self.state == "open"
        assert not self._open, "a block is open at the end"
        self.stop_reason = payload["stopReason"]
        assert not self.calls or self.stop_reason == "tool_use"
        self.state = "stopped"

    def _metadata(self, payload: Mapping[str, Any]) -> None:
        assert self.state == "stopped", "metadata before messageStop"
        assert payload["usage"]["totalTokens"] >= 0
        self.state = "over"

    def _new_block(self, payload: Mapping[str, Any]) -> int:
        index: int = payload["contentBlockIndex"]
        assert self.state == "open", "a block outside of a message"
        assert index not in self._open, "a block begins twice"
        assert index not in self._closed, "a block goes on after its stop"
        self._open[index] = None
        return index


def check_converse(events: Sequence[Mapping[str, Any]]) -> Grammar:
    """Every event fits, and the last one ends the stream."""
    grammar = Grammar()
    for event in events:
        grammar.read(event)
    assert grammar.state == "over", f"the stream ends {grammar.state}"
    return grammar
