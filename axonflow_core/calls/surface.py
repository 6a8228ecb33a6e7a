"""A surface: one API operation that a body travels on, as the client reads its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import field

from axonflow_core.codec import Codec, ModelFacts
from axonflow_core.codec.json_members import unknown_members
from axonflow_core.errors import AxonFlowError
from axonflow_core.framing.ndjson import NdjsonDecoder
from axonflow_core.framing.sse import SseDecoder, SseEvent
from axonflow_core.frozen import frozen
from axonflow_core.json_text import has_one_reading
from axonflow_core.messages import EMPTY, Completion, Json
from axonflow_core.stream import Batch

JSON_HEADERS: Mapping[str, str] = {
    "content-type": "application/json",
    "accept": "application/json",
}


class ChunkReader(Protocol):
    """What reads the chunks of a stream: a `StreamDecoder`, or something around one."""

    @property
    def partial_text(self) -> str:
        """The text so far, for a stream that breaks off."""
        ...

    @property
    def is_text_cut(self) -> bool:
        """Whether there was more text than is kept."""
        ...

    def feed(self, chunk: Json, /) -> Batch:
        """The events that `chunk` stands for."""
        ...

    def finish(self) -> None:
        """`TruncatedStream` unless the terminal event was read."""
        ...


class FrameReader(Protocol):
    """What cuts the bytes of a stream into frames, for every way in which they arrive."""

    def feed(self, data: bytes, /) -> Sequence[Any]:
        """The frames that `data` completes."""
        ...

    @property
    def fault(self) -> AxonFlowError | None:
        """What is wrong after the frames that were handed out. The next call raises it."""
        ...

    def finish(self) -> None:
        """There are no more bytes. `TruncatedStream` in the middle of a frame."""
        ...

    @property
    def consumed_bytes(self) -> int:
        """How many bytes of the stream stand in frames that were handed out."""
        ...


class ReadFrame(Protocol):
    """The chunk in a frame. Raises the error that the frame carries instead."""

    def __call__(self, frame: Any, /, *, model: Any, request_id: str | None) -> Json: ...


def _decode_answer(
    codec: Codec, body: Json, facts: ModelFacts, headers: Mapping[str, str]
) -> Completion:
    return codec.decode_response(body, facts)


def _stream_decoder(codec: Codec, facts: ModelFacts) -> ChunkReader:
    return codec.stream_decoder(facts)


def _chunk_in_event(frame: SseEvent, /, *, model: Any, request_id: str | None) -> Json:
    return frame.json()


def _is_read_so_by_all(frame: SseEvent, chunk: Json) -> bool:
    """Clients go by the name of an event or by the type in it, which are the same or the first is
    absent."""
    if type(chunk) is not dict:
        return True
    is_named_so = frame.event in ("message", chunk.get("type"))
    return is_named_so and has_one_reading(frame.data.encode(), chunk)


@frozen(kw_only=True)
class Surface:
    """How the answers of one operation are read. The defaults are JSON, and SSE for streams."""

    name: str
    """What receipts call it: `invoke`, `converse`, `chat`."""
    operation: str = ""
    """What a whole answer is asked with; the plugin makes a URL of it."""
    stream_operation: str = ""
    """What a streamed answer is asked with."""
    headers: Mapping[str, str] = field(default=EMPTY)
    """Sent with a call whose answer is whole."""
    stream_headers: Mapping[str, str] = field(default=EMPTY)
    stream_type: str = "text/event-stream"
    """How the content type of a streamed answer begins."""
    add_members: Callable[[Json, str, bool], Json] | None = None
    """Adds to the body the members that say where the call goes and how its answer comes, given
    the model's id and whether the answer is streamed: `{"model": …, "stream": true}`."""
    header_members: Mapping[str, str] = EMPTY
    """Member of the codec's body -> the header that carries it instead, lower case:
    `{"anthropic_beta": "anthropic-beta"}`. A list becomes its items between commas."""
    read_answer: Callable[[Any, Json, ModelFacts, Mapping[str, str]], Completion] = _decode_answer
    """The completion in the JSON of a whole answer, given the route's codec and facts, and the
    headers (names in lower case)."""
    chunk_reader: Callable[[Any, ModelFacts], ChunkReader] = _stream_decoder
    frame_reader: Callable[[], FrameReader] = SseDecoder
    read_frame: ReadFrame = _chunk_in_event
    has_one_reading: Callable[[Any, Json], bool] = _is_read_so_by_all
    """Whether every parser reads this chunk in a frame."""

    def as_headers(self, body: Json) -> tuple[Json, Mapping[str, str]]:
        """`body` without the members that headers carry, and these headers."""
        moved = {
            header: _header_value(body[member])
            for member, header in self.header_members.items()
            if member in body
        }
        return (unknown_members(body, frozenset(self.header_members)) if moved else body), moved


def _chunk_in_line(line: Json, /, *, model: Any, request_id: str | None) -> Json:
    return line


def _line_is_read_so(line: Json, chunk: Json) -> bool:
    """Of a line only its value is left: nobody can say so."""
    return False


JSON_LINES = Surface(
    name="chat",
    headers=JSON_HEADERS,
    stream_headers=JSON_HEADERS,
    stream_type="application/x-ndjson",
    frame_reader=NdjsonDecoder,
    read_frame=_chunk_in_line,
    has_one_reading=_line_is_read_so,
)
"""A surface whose streams are JSON lines, each a chunk."""


def _header_value(value: Json) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
