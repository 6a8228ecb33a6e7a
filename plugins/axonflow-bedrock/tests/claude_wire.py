"""What Bedrock sends for a call of Claude's, byte for byte: whole, and as pieces of a stream."""

from __future__ import annotations

from typing import TypeAlias

import orjson

from axonflow_bedrock.wire.eventstream import frame_of_chunk

Piece: TypeAlias = bytes | float
"""Bytes to send, or seconds to wait."""

BODY = orjson.dumps(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "text", "text": "Good."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 2},
    }
)
FIRST = {
    "type": "message_start",
    "message": {
        **orjson.loads(BODY),
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 1},
    },
}
BEGIN = frame_of_chunk(FIRST) + frame_of_chunk(
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
)
WORD = frame_of_chunk(
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Good."}}
)
END = (
    frame_of_chunk({"type": "content_block_stop", "index": 0})
    + frame_of_chunk(
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 2},
        }
    )
    + frame_of_chunk({"type": "message_stop"})
)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
UNTIL_CLOSED = STREAM + b"Connection: close\r\n\r\n"


def whole(body: bytes, *, length: int | None = None, more: bytes = b"") -> bytes:
    said = str(len(body) if length is None else length).encode()
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        + more
        + b"Content-Length: "
        + said
        + b"\r\n\r\n"
        + body
    )
