"""Answers as Anthropic's own clients add them up, whichever family they are from.

Clients rely on more than the documents require: they read counts of every message, they take a
stream for complete once the stop reason is there, and they find a block by its place. So of an
answer that is written here

* a message has an id, the model that was asked for, and counts, which are 0 where nobody counted;
* it begins once, also where a family names itself at the end, or a policy ends what began unnamed;
  and it ends once;
* blocks are numbered from 0, whichever a family leaves out, and a call of a tool begins without its
  arguments, whichever way a family has them;
* a thought has a signature, which is empty where nobody signed it;
* the stop reason leaves together with `message_stop`, in one `message_delta` that has all counts. A
  stream that breaks off before its end has none, whatever was read: its last event is the error.

Source: anthropic-sdk-python 2.14 (`lib/streaming`), Claude Code 2.1.197 and 2.1.332, November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.codec.record import has_pattern
from axonflow_core.frozen import evolve
from axonflow_core.json import dumps
from axonflow_core.messages import Completion, Json
from axonflow_core.stream import Batch

from .operations import AnswerForm, Encoder

Chunk: TypeAlias = dict[str, Any]

_REFUSED = {"type": "refusal", "category": None}
"""What details of a stop say at least: refusals alone have them."""
_NO_COUNTS = {"input_tokens": 0, "output_tokens": 0}


class ClosedStream:
    """An encoder around the codec's, of one stream."""

    def __init__(self, encoder: Encoder, context: StreamContext) -> None:
        self._encoder = encoder
        self._name = {"id": context.id, "model": context.model}
        self._has_started = self._has_ended = False
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

    def has_pattern(self, index: int, /) -> bool:
        """As the encoder's, for a block that has its place."""
        return index in self._places and has_pattern(self._encoder, index)

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

    def _begin(self, chunks: list[Json], chunk: Chunk) -> None:
        block = _signed(chunk["content_block"])
        chunk = {**chunk, "content_block": block}
        given = block.get("input")
        if not given:
            return self._place(chunks, chunk)
        self._place(chunks, {**chunk, "content_block": {**block, "input": {}}})
        delta = {"type": "input_json_delta", "partial_json": dumps(given).decode()}
        whole = {"type": "content_block_delta", "index": chunk["index"], "delta": delta}
        return self._place(chunks, whole)

    def _stop(self, chunks: list[Json], chunk: Chunk) -> None:
        self._counts.update(chunk.get("usage", {}))
        delta = {**self._last.get("delta", {}), **chunk["delta"]}
        if isinstance(details := delta.get("stop_details"), Mapping):
            delta["stop_details"] = {**_REFUSED, **details}
        self._last.update({**chunk, "delta": delta})

    def _end(self, chunks: list[Json], chunk: Chunk) -> None:
        if not self._has_ended:
            self._has_ended = True
            chunks += [{**self._last, "usage": self._counts}, chunk]


_CLOSE: Mapping[str, Callable[[ClosedStream, list[Json], Chunk], None]] = {
    "message_start": ClosedStream._start,
    "content_block_start": ClosedStream._begin,
    "content_block_delta": ClosedStream._place,
    "content_block_stop": ClosedStream._place,
    "message_delta": ClosedStream._stop,
    "message_stop": ClosedStream._end,
}


def _signed(block: Json) -> Json:
    return {"signature": "", **block} if block["type"] == "thinking" else block


def closed(form: AnswerForm) -> AnswerForm:
    """`form`, of an operation whose codec writes messages, with its answers as said above."""

    def stream_encoder(codec: Any, context: StreamContext, facts: ModelFacts) -> Encoder:
        return ClosedStream(form.stream_encoder(codec, context, facts), context)

    def close_answer(codec: Any, completion: Completion, facts: ModelFacts) -> Json:
        body = form.close_answer(codec, completion, facts)
        content = list(map(_signed, body["content"]))
        return {**body, "content": content, "usage": {**_NO_COUNTS, **body["usage"]}}

    return evolve(form, stream_encoder=stream_encoder, close_answer=close_answer)


FORM = closed(AnswerForm())
"""The form of messages at Anthropic."""
