"""What Bedrock sends for a call of Claude's that says "Good.", byte for byte: on either surface,
whole, and as the frames of a stream."""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from attrs import frozen
from faulty_service import End, Piece

from axonflow_bedrock.wire.eventstream import (
    encode_frame,
    frame_of_chunk,
    frame_of_event,
    frame_of_exception,
)

REQUEST_ID = "r-1"
_JSON = "application/json"
_EVENT_STREAM = "application/vnd.amazon.eventstream"
CHUNKED = "Transfer-Encoding: chunked"


def head(status: int = 200, content_type: str = _JSON, *lines: str) -> bytes:
    """The head of an answer, with AWS's id of the call."""
    all_lines = [
        f"HTTP/1.1 {status} X",
        f"Content-Type: {content_type}",
        f"x-amzn-RequestId: {REQUEST_ID}",
        *lines,
    ]
    return "".join(f"{line}\r\n" for line in [*all_lines, ""]).encode()


def whole(
    body: bytes,
    *lines: str,
    status: int = 200,
    content_type: str = _JSON,
    length: int | None = None,
) -> bytes:
    """An answer with its length; `length`: another than it has."""
    said = len(body) if length is None else length
    return head(status, content_type, f"Content-Length: {said}", *lines) + body


def refusal(status: int, code: str, message: str, *lines: str, **members: Any) -> list[Piece]:
    """An error as AWS answers it."""
    body = orjson.dumps({"message": message, **members})
    return [whole(body, f"x-amzn-ErrorType: {code}", *lines, status=status)]


def page(status: int = 200) -> bytes:
    """What a proxy or a captive portal answers."""
    return whole(PAGE, status=status, content_type="text/html")


PAGE = b"<html><title>Sign in</title>hunter2 works here</html>"


def chunk(data: bytes) -> bytes:
    """A chunk of HTTP's chunked coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunked(*pieces: Piece, content_type: str = _EVENT_STREAM) -> Iterator[Piece]:
    """A streamed answer in chunks, as AWS sends it, with its end unless a piece ends it."""
    yield head(200, content_type, CHUNKED)
    for piece in pieces:
        yield chunk(piece) if isinstance(piece, bytes) and piece else piece
        if isinstance(piece, End):
            return
    yield b"0\r\n\r\n"


def until_closed(*pieces: Piece) -> list[Piece]:
    """A streamed answer whose end is the connection's."""
    return [head(200, _EVENT_STREAM, "Connection: close"), *pieces]


def prelude(length: int, headers_length: int = 0) -> bytes:
    """The first bytes of a frame that says it is so long, rightly summed."""
    lengths = struct.pack(">II", length, headers_length)
    return lengths + struct.pack(">I", crc32(lengths))


@frozen(kw_only=True)
class Wire:
    """The answers of one surface, whole or streamed."""

    surface: str
    is_streamed: bool
    body: bytes
    begin: bytes
    """Frames up to the first text."""
    word: bytes
    """The frame that says "Good."."""
    end: bytes
    """The frames after it."""
    last: bytes
    """The final one of them, without which the answer is not whole."""

    @property
    def stream(self) -> bytes:
        return self.begin + self.word + self.end

    @property
    def good(self) -> list[Piece]:
        """The answer, unspoiled."""
        return list(chunked(self.stream)) if self.is_streamed else [whole(self.body)]

    def event(self, name: str, payload: bytes) -> bytes:
        """A frame of the event `name`, whatever its payload."""
        headers = {":event-type": name, ":content-type": _JSON, ":message-type": "event"}
        return encode_frame(headers, payload)

    def said(self, payload: bytes) -> bytes:
        """A frame of the kind that has the text, with another payload."""
        return self.event("chunk" if self.surface == "invoke" else "contentBlockDelta", payload)


def exception(name: str, message: str = "It is over.", **members: Any) -> bytes:
    """The frame of an exception."""
    return frame_of_exception(name, {"message": message, **members})


def error_frame(**headers: str) -> bytes:
    """A frame of the message type `error`, which has no payload."""
    named = {f":{name.replace('_', '-')}": value for name, value in headers.items()}
    return encode_frame({":message-type": "error", **named}, b"")


_CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Good."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 2},
}
_CLAUDE_START = {**_CLAUDE, "content": [], "stop_reason": None, "usage": {"input_tokens": 1}}
_CLAUDE_DELTA = {"stop_reason": "end_turn", "stop_sequence": None}
_CONVERSE_USAGE = {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}

_FRAMES: Mapping[str, tuple[list[bytes], list[bytes], list[bytes]]] = {
    "invoke": (
        [
            frame_of_chunk({"type": "message_start", "message": _CLAUDE_START}),
            frame_of_chunk(
                {
                    "type": "content_block_start",
                    "index": 0,
                    "content_block": {"type": "text", "text": ""},
                }
            ),
        ],
        [
            frame_of_chunk(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": "Good."},
                }
            )
        ],
        [
            frame_of_chunk({"type": "content_block_stop", "index": 0}),
            frame_of_chunk(
                {"type": "message_delta", "delta": _CLAUDE_DELTA, "usage": {"output_tokens": 2}}
            ),
            frame_of_chunk({"type": "message_stop"}),
        ],
    ),
    "converse": (
        [frame_of_event({"messageStart": {"role": "assistant"}})],
        [
            frame_of_event(
                {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Good."}}}
            )
        ],
        [
            frame_of_event({"contentBlockStop": {"contentBlockIndex": 0}}),
            frame_of_event({"messageStop": {"stopReason": "end_turn"}}),
            frame_of_event({"metadata": {"usage": _CONVERSE_USAGE, "metrics": {"latencyMs": 1}}}),
        ],
    ),
}
_BODIES = {
    "invoke": _CLAUDE,
    "converse": {
        "output": {"message": {"role": "assistant", "content": [{"text": "Good."}]}},
        "stopReason": "end_turn",
        "usage": _CONVERSE_USAGE,
        "metrics": {"latencyMs": 1},
    },
}


def message_start(**changes: Any) -> bytes:
    """The first frame of Claude's, with other members."""
    message = {**_CLAUDE_START, **changes}
    return frame_of_chunk({"type": "message_start", "message": message})


def wire(surface: str, *, is_streamed: bool) -> Wire:
    """What is sent on `surface`."""
    begin, word, end = _FRAMES[surface]
    return Wire(
        surface=surface,
        is_streamed=is_streamed,
        body=orjson.dumps(_BODIES[surface]),
        begin=b"".join(begin),
        word=b"".join(word),
        end=b"".join(end),
        last=end[-1],
    )
