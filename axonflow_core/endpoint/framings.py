"""The framings of JSON dialects. A chunk that is text, as OpenAI's `[DONE]`, is sent as it is."""

from __future__ import annotations

from axonflow_core.framing.ndjson import encode_line
from axonflow_core.framing.sse import encode_event
from axonflow_core.json import dumps
from axonflow_core.messages import Json

from .operations import Framing

_NO_CACHE = {"cache-control": "no-cache"}


def sse(chunk: Json) -> bytes:
    """A chunk as a server-sent event without a name, as OpenAI and Gemini send it."""
    return encode_event(chunk) if isinstance(chunk, str) else b"data: %b\n\n" % dumps(chunk)


def named_sse(chunk: Json) -> bytes:
    """A chunk as an event that has the name of its `type`, as Anthropic sends it."""
    return b"event: %b\ndata: %b\n\n" % (chunk["type"].encode(), dumps(chunk))


SSE = Framing(
    content_type="text/event-stream; charset=utf-8",
    frame=sse,
    headers=_NO_CACHE,
    has_patterns=True,
)
"""OpenAI's, whose codec writes the last event `[DONE]`, and Gemini's, which has none."""
NAMED_SSE = Framing(
    content_type="text/event-stream; charset=utf-8",
    frame=named_sse,
    headers=_NO_CACHE,
    ping=named_sse({"type": "ping"}),
    early_ping=b": ping\n\n",
    has_patterns=True,
)
"""Anthropic's, which has an event for pings; before its first chunk the ping is a comment."""
NDJSON = Framing(content_type="application/x-ndjson", frame=encode_line, has_patterns=True)
"""Ollama's."""
