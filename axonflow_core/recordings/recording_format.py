"""How a provider wraps the JSON of its families: the part of a recording that no codec knows.

Frames, members that a provider adds to every body, headers and errors are its own. The laws in
`replay` reach them through one `RecordingFormat`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.errors import ProviderError
from axonflow_core.messages import Completion, Json, Usage
from axonflow_core.stream import Batch

from .recording import Recording
from .unary import RecordedUnary


class FrameDecoder(Protocol):
    """Reads frames from bytes that arrive in pieces of any size.

    `feed` returns the frames that are complete. `finish` raises `TruncatedStream` inside a frame.
    """

    def feed(self, data: bytes, /) -> Sequence[Any]: ...
    def finish(self) -> None: ...


class Decoder(Protocol):
    """Reads chunks as batches of events.

    `feed` returns the events of one chunk. `finish` raises `TruncatedStream` without a terminal
    event.
    """

    def feed(self, chunk: Json, /) -> Batch: ...
    def finish(self) -> None: ...


class Encoder(Protocol):
    """Writes batches of events as chunks."""

    def encode(self, batch: Batch, /) -> Sequence[Json]: ...


class RecordingFormat(Protocol):
    """How one provider wraps the JSON of its families. A plugin offers it as
    `ProviderSpec.recordings`.
    """

    def unary_for(self, recording: Recording) -> RecordedUnary | None:
        """The recorded embedding, ranking or token count; None for other calls, and where no codec
        claims the model.
        """

    def codec_for(self, recording: Recording) -> tuple[FamilyCodec, ModelFacts] | None:
        """The codec of the recorded call and the facts of its model; None where there is no codec
        for the model or the operation.
        """

    def why_unreadable(self, recording: Recording) -> str | None:
        """Why a recording without a codec contains nothing to decode; None where it does, and a
        codec is missing.
        """

    def native(self, body: Json) -> Json:
        """An answer or chunk without the members that the provider adds to every family's JSON."""

    def open_answer(
        self, codec: FamilyCodec, facts: ModelFacts, body: Json, headers: Mapping[str, str]
    ) -> Completion:
        """The completion in a recorded body, the provider's own members and the counts in `headers`
        included. `AnswerError` where it is none.
        """

    def close_answer(self, codec: FamilyCodec, facts: ModelFacts, completion: Completion) -> Json:
        """The body that says `completion`, the provider's own members included: the inverse of
        `open_answer`.
        """

    def billed(self, headers: Mapping[str, str], chunks: Sequence[Json]) -> Usage:
        """The billed counts, from the headers of an answer or the chunks of a stream."""

    def counted_otherwise(
        self, codec: FamilyCodec, answer: Completion, *, is_streamed: bool
    ) -> frozenset[str]:
        """The counts (fields of `Usage`) that the family's own JSON is known to have otherwise than
        the bill, in an answer like this one. `answer` has the family's own counts."""

    def frame_decoder(self) -> FrameDecoder:
        """A new decoder of the bytes of one recorded stream."""

    def chunk_of(self, frame: Any) -> Json:
        """The chunk in a frame. Raises the exception that a frame carries in place of a chunk."""

    def stream_decoder(self, codec: FamilyCodec, facts: ModelFacts) -> Decoder:
        """A new decoder of the chunks of one stream, the provider's own members included."""

    def stream_encoder(
        self, codec: FamilyCodec, facts: ModelFacts, context: StreamContext
    ) -> Encoder:
        """A new encoder of one stream: the inverse of `stream_decoder`."""

    def is_last(self, chunk: Json) -> bool:
        """Whether the provider marks the chunk as the last one; not every last chunk is marked."""

    def error_of(self, recording: Recording) -> ProviderError:
        """The error of an answer with a status of 400 or above."""

    def exception_of(self, chunk: Json) -> ProviderError:
        """The error of a decoded chunk with an `__exception__`."""
