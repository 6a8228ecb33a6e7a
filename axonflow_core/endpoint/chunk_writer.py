"""The chunks of one stream, written.

Most chunks of an answer differ from each other in one piece of text and nothing else. So the frame
of such a chunk is written once, with a mark in the place of the text, and cut there:

    data: {"id": "chatcmpl-1", …, "delta": {"content":  <mark>  }, "finish_reason": null}]}
    ─────────────────── before ───────────────────────          ────────── after ──────────

The frame of each further piece is its text as JSON between the two. Whether a chunk is so is known
to its encoder alone, which says it of a block (`codec.record.has_pattern`) as the stream stands: it
holds until an event comes that is no piece of that block's text.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import urandom

import orjson

from axonflow_core.codec.record import has_pattern
from axonflow_core.messages import Json
from axonflow_core.stream import Batch, TextDelta

from .operations import Encoder, Framing

_MARK = urandom(16).hex()
"""Stands for a text; no chunk has it that was not written here."""


class ChunkWriter:
    """Writes the batches of one stream, or follows what passes as it is."""

    def __init__(self, encoder: Encoder, framing: Framing | None) -> None:
        """`framing` is that of the chunks, for those that are frames at once."""
        self._encoder = encoder
        self._framing = framing if framing is not None and framing.has_patterns else None
        self._patterned: int | None = None
        """The block whose pieces of text stand between `_before` and `_after`."""
        self._before = self._after = b""
        self._followed: int | None = None
        """The block whose text passed last, and nothing was written since."""

    def write(self, batches: Sequence[Batch]) -> tuple[Json | bytes, ...]:
        """The chunks of the batches; one that is bytes is framed."""
        chunks: list[Json | bytes] = []
        self._followed = None
        for batch in batches:
            event = batch[0] if len(batch) == 1 else None
            if type(event) is TextDelta and (
                event.index == self._patterned or self._finds_pattern(event.index)
            ):
                chunks.append(self._before + orjson.dumps(event.text) + self._after)
            else:
                self._patterned = None
                chunks += self._encoder.encode(batch)
        return tuple(chunks)

    def _finds_pattern(self, index: int) -> bool:
        """Learn what stands around the pieces of text of a block, if that is always the same."""
        framing = self._framing
        if framing is None or not has_pattern(self._encoder, index):
            return False
        (chunk,) = self._encoder.encode((TextDelta(_MARK, index),))
        self._before, _, self._after = framing.frame(chunk).partition(b'"%b"' % _MARK.encode())
        self._patterned = index
        return True

    def follow(self, batches: Sequence[Batch]) -> None:
        """Have the encoder see what passes as it is: what is written anew after it goes on from
        there. Of the text of a block one piece is enough."""
        self._patterned = None
        for batch in batches:
            event = batch[0] if len(batch) == 1 else None
            index = event.index if type(event) is TextDelta else None
            if index is None or index != self._followed:
                self._encoder.encode(batch)
            self._followed = index
