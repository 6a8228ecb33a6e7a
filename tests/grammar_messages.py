"""The grammar of a stream of Anthropic's Messages, as an automaton: what its clients rely on.

    stream  = message_start block* message_delta message_stop        a whole one
            | [message_start block* [part]] error                    one that failed
    block   = content_block_start delta* content_block_stop          one at a time, numbered from 0
    ping    anywhere after message_start

A block begins empty and is filled by deltas of its own kind; the arguments of a tool add up to an
object, and a call of a tool means `tool_use`. Source: Anthropic's API reference, "Streaming
messages", and anthropic-sdk-python 2.14, November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from axonflow_core.framing.sse import SseDecoder

_DELTAS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"text_delta", "citations_delta"}),
    "thinking": frozenset({"thinking_delta", "signature_delta"}),
    "redacted_thinking": frozenset(),
    "tool_use": frozenset({"input_json_delta"}),
    "server_tool_use": frozenset({"input_json_delta"}),
}
"""Kind of block -> the deltas that fill it."""
_EMPTY: Mapping[str, Mapping[str, Any]] = {
    "text": {"text": ""},
    "thinking": {"thinking": ""},
    "tool_use": {"input": {}},
}
"""Kind of block -> what it begins with."""
_REASONS = frozenset(
    "end_turn max_tokens stop_sequence tool_use pause_turn refusal "
    "model_context_window_exceeded".split()
)
_ERRORS = frozenset(
    "invalid_request_error authentication_error billing_error permission_error not_found_error "
    "request_too_large rate_limit_error api_error timeout_error overloaded_error".split()
)


class Ungrammatical(AssertionError):
    """An event that may not stand where it stands."""


class Grammar:
    """Reads the events of one stream."""

    def __init__(self) -> None:
        self.message: dict[str, Any] | None = None
        self.kinds: list[str] = []
        """The kinds of the blocks, in order."""
        self.open: int | None = None
        self.stop_reason: str | None = None
        self.error: dict[str, Any] | None = None
        self.has_ended = False
        self._json = ""

    def read(self, name: str, event: Mapping[str, Any]) -> None:
        """One event. `Ungrammatical`."""
        kind = event["type"]
        _expect(name == kind, f"the event {name} is a {kind}")
        _expect(not self.has_ended, f"{kind} after the end")
        if kind == "error":
            return self._fail(event)
        _expect((self.message is None) == (kind == "message_start"), f"{kind} at this place")
        _expect(self.stop_reason is None or kind in ("message_stop", "ping"), f"{kind} at the end")
        getattr(self, f"_{kind}", self._unknown)(event)
        return None

    def finish(self) -> None:
        """There are no more events. `Ungrammatical` for a stream without a last word."""
        _expect(self.has_ended, "no last event")

    def _message_start(self, event: Mapping[str, Any]) -> None:
        message = event["message"]
        _expect(message["type"] == "message" and message["role"] == "assistant", "another message")
        _expect(isinstance(message["id"], str) and isinstance(message["model"], str), "no name")
        _expect(message["content"] == [] and message["stop_reason"] is None, "a begun message")
        for count in ("input_tokens", "output_tokens"):
            _expect(type(message["usage"].get(count)) is int, f"no {count}")
        self.message = message

    def _content_block_start(self, event: Mapping[str, Any]) -> None:
        block = event["content_block"]
        _expect(self.open is None, "a block within another")
        _expect(event["index"] == len(self.kinds), f"block {event['index']} is out of order")
        kind = block["type"]
        for member, value in _EMPTY.get(kind, {}).items():
            _expect(block[member] == value, f"a {kind} that begins with its {member}")
        if kind == "tool_use":
            _expect(bool(block["id"]) and bool(block["name"]), "a call without id or name")
        self.open, self._json = event["index"], ""
        self.kinds.append(kind)

    def _content_block_delta(self, event: Mapping[str, Any]) -> None:
        _expect(event["index"] == self.open, f"a delta of block {event['index']}")
        kind, delta = self.kinds[-1], event["delta"]
        _expect(delta["type"] in _DELTAS.get(kind, ()), f"{delta['type']} in a block of {kind}")
        self._json += delta.get("partial_json", "")

    def _content_block_stop(self, event: Mapping[str, Any]) -> None:
        _expect(event["index"] == self.open, f"an end of block {event['index']}")
        if self.kinds[-1] == "tool_use" and self._json:
            _expect(isinstance(json.loads(self._json), dict), "arguments that are no object")
        self.open = None

    def _message_delta(self, event: Mapping[str, Any]) -> None:
        _expect(self.open is None, "a stop within a block")
        _expect(type(event["usage"].get("output_tokens")) is int, "no output_tokens")
        reason = event["delta"]["stop_reason"]
        _expect(reason in _REASONS, f"the stop reason {reason}")
        _expect((reason != "end_turn") or "tool_use" not in self.kinds, "a call that ends the turn")
        self.stop_reason = reason

    def _message_stop(self, event: Mapping[str, Any]) -> None:
        _expect(self.stop_reason is not None, "no stop reason")
        self.has_ended = True

    def _ping(self, event: Mapping[str, Any]) -> None:
        _expect(event == {"type": "ping"}, "more than a ping")

    def _fail(self, event: Mapping[str, Any]) -> None:
        error = event["error"]
        _expect(error["type"] in _ERRORS and bool(error["message"]), "an error without words")
        _expect(self.stop_reason is None, "an error after the stop reason")
        self.error, self.has_ended = error, True

    def _unknown(self, event: Mapping[str, Any]) -> None:
        raise Ungrammatical(f"{event['type']} is no event")


def _expect(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Ungrammatical(otherwise)


def read_events(events: Iterable[tuple[str, Mapping[str, Any]]]) -> Grammar:
    """A stream that was read to its end."""
    grammar = Grammar()
    for name, event in events:
        grammar.read(name, event)
    grammar.finish()
    return grammar


def read_body(data: bytes) -> Grammar:
    """The same, of the body of an answer."""
    return read_events((event.event, event.json()) for event in SseDecoder().feed(data))
