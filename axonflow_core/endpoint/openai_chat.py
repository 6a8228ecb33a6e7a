"""The operations of OpenAI's API that several services have: OpenAI itself, Azure's deployments,
Ollama's `/v1`.

    chat_operation("/v1/chat/completions")
    chat_operation("/openai/deployments/{model}/chat/completions")

A stream has its counts in a chunk of their own, after the one with the stop reason, and only where
the request asks for it with `stream_options: {"include_usage": true}`. Source: OpenAI's API
reference, "Create chat completion", `stream_options`, November 2026.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from axonflow_core.codec.record import has_pattern
from axonflow_core.dialects.openai_chat import CODEC
from axonflow_core.dialects.openai_chat.form import LAST_CHUNK
from axonflow_core.dialects.openai_embeddings import CODEC as EMBEDDINGS
from axonflow_core.messages import Json
from axonflow_core.stream import Batch, Ended

from .framings import SSE
from .operations import AnswerForm, Encoder, Kind, Operation

TRANSPORT_MEMBERS = frozenset({"model", "stream", "stream_options"})


def asks_for_usage(body: Json) -> bool:
    """Whether a request asks for the chunk with the counts."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


class ClosedStream:
    """An encoder whose stream ends as OpenAI's: the counts in a chunk of their own, if they are
    asked for, and `[DONE]`."""

    def __init__(self, encoder: Encoder, *, has_usage: bool) -> None:
        self._encoder = encoder
        self._has_usage = has_usage
        self._counted: dict[str, Json] | None = None

    def encode(self, batch: Batch, /) -> Sequence[Json]:
        """The chunks of a batch. Counts are kept for the end."""
        chunks: list[Json] = []
        for chunk in self._encoder.encode(batch):
            if chunk != LAST_CHUNK:
                chunks += self._without_usage(chunk)
        return [*chunks, *self._end()] if _has_ended(batch) else chunks

    def has_pattern(self, index: int, /) -> bool:
        """As the encoder's: what closes the stream is no piece of text."""
        return has_pattern(self._encoder, index)

    def _without_usage(self, chunk: dict[str, Json]) -> list[Json]:
        """The chunk without its counts; none, where it held nothing else. Where counts are asked
        for, the member stands in every chunk."""
        if "usage" in chunk:
            self._counted = {**chunk, "choices": []}
            if not chunk["choices"]:
                return []
        elif not self._has_usage:
            return [chunk]
        bare = {name: value for name, value in chunk.items() if name != "usage"}
        return [{**bare, "usage": None} if self._has_usage else bare]

    def _end(self) -> list[Json]:
        has_counts = self._has_usage and self._counted is not None
        return [self._counted, LAST_CHUNK] if has_counts else [LAST_CHUNK]


def _has_ended(batch: Batch) -> bool:
    return bool(batch) and type(batch[-1]) is Ended


def _as_asked(encoder: Encoder, body: Json) -> Encoder:
    return ClosedStream(encoder, has_usage=asks_for_usage(body))


FORM = AnswerForm(as_asked=_as_asked, keeps_frames=asks_for_usage, tells_stops=True)


def embeddings_operation(path: str) -> Operation:
    """Embeddings at `path`."""
    return Operation(
        name="embeddings",
        kind=Kind.EMBEDDING,
        path=path,
        codec=EMBEDDINGS,
        surface="embeddings",
        transport_members=frozenset({"model"}),
    )


def chat_operation(
    path: str, *, codec: Any = CODEC, name: str = "chat.completions", form: AnswerForm = FORM
) -> Operation:
    """Chat completions at `path`, whole and streamed."""
    return Operation(
        name=name,
        kind=Kind.CHAT,
        path=path,
        codec=codec,
        form=form,
        framing=SSE,
        stream_member="stream",
        transport_members=TRANSPORT_MEMBERS,
        id_prefix="chatcmpl-",
    )
