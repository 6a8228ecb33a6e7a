"""Server-sent events, in both directions.

    event: message_start
    data: {"type": "message_start", …}
                                            an empty line ends an event
    : a comment, which keeps a connection open
    data: [DONE]

A network read ends anywhere, so bytes are kept until a line is whole. Lines end with LF, CR or
CRLF; `data` lines of one event are joined by LF; an event without `data` is none. An event that is
not ended when the bytes end is incomplete and is dropped, as the standard has it: the family's
terminal event then is missing, which its decoder reports. Lines of no field are skipped, and kept
as `strays` for who knows what a server writes there.

Source: WHATWG HTML, "Server-sent events", 9.2.5 and 9.2.6, read 2026-11-28.
"""

from __future__ import annotations

import re

from axonflow_core.errors import DecodeError
from axonflow_core.frozen import frozen
from axonflow_core.json_text import loads_answer
from axonflow_core.messages import Json, hidden

MAX_EVENT_BYTES = 2 * 2**20
"""An event that grows beyond this is refused: what an endless line holds is never handed out."""
MAX_STRAY_BYTES = 2**16
"""How much is kept of lines that are no event's."""
DONE = "[DONE]"
"""The data with which OpenAI's streams end."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
# `id` and `retry` are for reconnecting, which streams of models do not support. A line that begins
# with a colon is a comment, which servers send to keep the connection open.
_SKIPPED = (b"", b"id", b"retry")


@frozen
class SseEvent:
    """One event: its `data` as text, and the name that `event:` gave it."""

    data: str = hidden(default="")
    event: str = "message"

    @property
    def is_done(self) -> bool:
        """Whether this is OpenAI's `[DONE]`."""
        return self.data == DONE

    def json(self) -> Json:
        """The data as JSON; `[DONE]` stays a string. `DecodeError` for anything else."""
        if self.data == DONE:
            return DONE
        try:
            return loads_answer(self.data)
        except ValueError as error:
            raise DecodeError(
                f"an event of the stream holds {len(self.data)} characters that are no JSON"
            ) from error


class SseDecoder:
    """Bytes as they were read in, events out; the same events for every way of cutting."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._left: list[bytes] = []  # an unended line, as it arrived
        self._left_bytes = 0
        self._data: list[str] = []
        self._event = ""
        self._size = 0
        self._is_first = True
        self._awaits_lf = False  # the last line was ended by CR: an LF may belong to it
        self._fed_bytes = 0
        self._strays: list[bytes] = []
        self._room_for_strays = MAX_STRAY_BYTES
        self.fault: DecodeError | None = None
        """What is wrong after what was handed out; the next call raises it."""
        self.consumed_bytes = 0
        """How many bytes of the stream stand in events that were handed out."""

    @property
    def strays(self) -> bytes:
        """The lines so far that no event's field begins, one that is not ended included."""
        return b"\n".join((*self._strays, *self._left))

    def feed(self, data: bytes) -> list[SseEvent]:
        """Every event that `data` completes. `DecodeError` for what is no UTF-8 or too long,
        raised by the next call where events precede it."""
        if self.fault is not None:
            raise self.fault
        self._fed_bytes += len(data)
        events: list[SseEvent] = []
        try:
            self._read_lines(data, events)
        except DecodeError as fault:
            self.fault = fault
            if not events:
                raise
        return events

    def finish(self) -> None:
        """There are no more bytes. An event that was not ended is dropped."""
        if self.fault is not None:
            raise self.fault

    def _read_lines(self, data: bytes, events: list[SseEvent]) -> None:
        if self._awaits_lf and data:
            data = self._without_lf(data)
        if b"\n" not in data and b"\r" not in data:
            self._keep(data)  # what arrived before it is not looked at again
            return
        data = b"".join((*self._left, data))
        self._left, self._left_bytes = [], 0
        start = 0
        for end in _LINE_END.finditer(data):
            self._read_line(data[start : end.start()], events)
            # An empty line ends an event, so the bytes up to here have been handed out.
            if end.start() == start:
                self.consumed_bytes = self._fed_bytes - (len(data) - end.end())
            start = end.end()
        self._awaits_lf = data.endswith(b"\r")
        self._keep(data[start:])

    def _without_lf(self, data: bytes) -> bytes:
        """`data`, which follows a CR, without the LF that ends the same line."""
        self._awaits_lf = False
        if not data.startswith(b"\n"):
            return data
        if self.consumed_bytes == self._fed_bytes - len(data):
            self.consumed_bytes += 1
        return data[1:]

    def _keep(self, data: bytes) -> None:
        if data:
            self._left.append(data)
            self._left_bytes += len(data)
            self._bound(self._left_bytes)

    def _read_line(self, line: bytes, events: list[SseEvent]) -> None:
        if self._is_first:
            self._is_first = False
            # The standard allows one byte order mark, at the very beginning of the stream.
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            self._end_event(events)
            return
        name, _, value = line.partition(b":")
        if name in (b"data", b"event"):
            self._set(name, self._decoded(value.removeprefix(b" ")))
        elif name not in _SKIPPED and len(line) <= self._room_for_strays:
            self._room_for_strays -= len(line)
            self._strays.append(line)

    def _set(self, name: bytes, value: str) -> None:
        if name == b"event":
            self._event = value
            return
        self._data.append(value)
        self._size += len(value) + 1  # the LF that joins it to the next
        self._bound(0)

    def _end_event(self, events: list[SseEvent]) -> None:
        if self._data:
            # An event without data is dispatched by no browser either, by the standard.
            events.append(SseEvent("\n".join(self._data), self._event or "message"))
        self._data, self._event, self._size = [], "", 0

    def _decoded(self, value: bytes) -> str:
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise DecodeError("an event of the stream is not UTF-8") from error

    def _bound(self, pending: int) -> None:
        if self._size + pending > self._max_event_bytes:
            raise DecodeError(
                f"an event of the stream is longer than {self._max_event_bytes} bytes"
            )


def encode_event(data: str, event: str | None = None) -> bytes:
    """One event, ended: `data` may have several lines."""
    lines = [f"event: {event}"] if event else []
    lines += [f"data: {line}" for line in re.split(r"\r\n|\n|\r", data)]
    return "\n".join((*lines, "", "")).encode()
