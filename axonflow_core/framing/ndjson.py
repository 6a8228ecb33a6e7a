"""JSON lines (NDJSON), in both directions: one JSON value a line, as Ollama streams.

Source: https://github.com/ndjson/ndjson-spec, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Iterator

from axonflow_core.errors import DecodeError, TruncatedStream
from axonflow_core.json import dumps
from axonflow_core.json_text import loads_answer
from axonflow_core.messages import Json

MAX_LINE_BYTES = 2 * 2**20


class NdjsonDecoder:
    """Bytes as they were read in, values out; the same values for every way of cutting."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._left: list[bytes] = []  # an unended line, as it arrived
        self._left_bytes = 0
        self._fed_bytes = 0
        self.fault: DecodeError | None = None
        """What is wrong after what was handed out; the next call raises it."""

    def feed(self, data: bytes) -> list[Json]:
        """Every value whose line `data` ends. `DecodeError` for a line that is no JSON or too
        long, raised by the next call where values precede it."""
        if self.fault is not None:
            raise self.fault
        self._fed_bytes += len(data)
        values: list[Json] = []
        try:
            for line in self._lines(data):
                values.append(_value(line))  # noqa: PERF401 - what precedes a fault is kept
        except DecodeError as fault:
            self.fault = fault
            if not values:
                raise
        return values

    def _lines(self, data: bytes) -> Iterator[bytes]:
        """The lines that `data` ends, blank ones left out."""
        if b"\n" in data:
            *lines, data = b"".join((*self._left, data)).split(b"\n")
            self._left, self._left_bytes = [], 0
            yield from (line for line in lines if line.strip())
        self._left.append(data)
        self._left_bytes += len(data)
        if self._left_bytes > self._max_line_bytes:
            raise DecodeError(f"a line of the stream is longer than {self._max_line_bytes} bytes")

    @property
    def consumed_bytes(self) -> int:
        """How many bytes of the stream stand in values that were handed out."""
        return self._fed_bytes - self._left_bytes

    def finish(self) -> None:
        """There are no more bytes. `TruncatedStream` when they ended in the middle of a line."""
        if self.fault is not None:
            raise self.fault
        left = b"".join(self._left)
        if left.strip():
            raise TruncatedStream(
                f"the stream ended {len(left)} bytes into a line",
                hint="the answer is incomplete: a proxy or time limit on the way may have cut it",
            )


def _value(line: bytes) -> Json:
    try:
        return loads_answer(line)
    except ValueError as error:
        raise DecodeError(
            f"a line of the stream holds {len(line)} bytes that are no JSON"
        ) from error


def encode_line(value: Json) -> bytes:
    """One value as a line."""
    return dumps(value) + b"\n"
