"""Answers as Anthropic's own clients add them up, whichever family they are from.

Clients rely on more than the documents require: they read counts of every message, they take a
stream for complete once the stop reason is there, and they find a block by its place. So of an
answer that is written here

* a message has an id, the model that was asked for, and counts, which are 0 where nobody counted;
* it begins once, also where a family names itself at the end, or a policy ends what began unnamed;
* blocks are numbered from 0, whichever a family leaves out;
* the stop reason leaves together with `message_stop`, in one `message_delta` that has all counts. A
  stream that breaks off before its end has none, whatever was read: its last event is the error.

Source: anthropic-sdk-python 2.14 (`lib/streaming`), Claude Code 2.1.197 and 2.1.332, November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.endpoint.operations import AnswerForm, Encoder
from axonflow_core.messages import Completion, Json
from axonflow_core.stream import Batch

Chunk: TypeAlias = dict[str, Any]

_NO_COUNTS = {"input_tokens": 0, "output_tokens": 0}


class ClosedStream:
    """An encoder around the codec's, of one stream."""

    def __init__(self, encoder: Encoder, context: StreamContext) -> None:
        self._encoder = encoder
        self._name = {"id": context.id, "model": context.model}
        self._has_started = False
        self._places: dict[int, int] = {}
        """The index of a block in its family -> its place."""
        self._counts: dict[str, Json] = dict(_NO_COUNTS)
        self._last: Chunk = {}
        """The `message_delta` that waits for `message_stop`."""

    def encode(self, batch: Batch, /) -> Sequence[Json]:
        """The chunks of a batch."""
        chunks: list[Json] = []
        for chunk in self._encoder.encode(batch):
            close = _CLOSE.get(chunk["type"])
            if close is None:
                chunks.append(chunk)
            else:
                close(self, chunks, chunk)
        return chunks

    def _start(self, chunks: list[Json], chunk: Chunk) -> None:
        message = chunk["message"]
        self._counts.update(message["usage"])
        if not self._has_started:
            self._has_started = True
            named = {**self._name, **message, **self._name, "usage": dict(self._counts)}
            chunks.append({**chunk, "message": named})

    def _place(self, chunks: list[Json], chunk: Chunk) -> None:
        index = chunk["index"]
        place = self._places.setdefault(index, len(self._places))
        chunks.append(chunk if place == index else {**chunk, "index": place})

    def _stop(self, chunks: list[Json], chunk: Chunk) -> None:
        self._counts.update(chunk.get("usage", {}))
        self._last.update({**chunk, "delta": {**self._last.get("delta", {}), **chunk["delta"]}})

    def _end(self, chunks: list[Json], chunk: Chunk) -> None:
        chunks += [{**self._last, "usage": self._counts}, chunk]


_CLOSE: Mapping[str, Callable[[ClosedStream, list[Json], Chunk], None]] = {
    "message_start": ClosedStream._start,
    "content_block_start": ClosedStream._place,
    "content_block_delta": ClosedStream._place,
    "content_block_stop": ClosedStream._place,
    "message_delta": ClosedStream._stop,
    "message_stop": ClosedStream._end,
}


def _stream_encoder(codec: Any, context: StreamContext, facts: ModelFacts) -> Encoder:
    return ClosedStream(codec.stream_encoder(context, facts), context)


def _close_answer(codec: Any, completion: Completion, facts: ModelFacts) -> Json:
    body = codec.encode_response(completion, facts)
    return {**body, "usage": {**_NO_COUNTS, **body["usage"]}}


FORM = AnswerForm(stream_encoder=_stream_encoder, close_answer=_close_answer)
"""The form of messages."""
