"""Event-stream frames: botocore's decoder is the judge, and no damage and no cut may pass for a
whole stream."""

from __future__ import annotations

import json
import struct
from base64 import b64decode, b64encode
from binascii import crc32
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from costs import is_within
from hypothesis import given
from hypothesis import strategies as st

from axonflow_bedrock.wire.eventstream import (
    MAX_FRAME_BYTES,
    NO_CHUNK,
    Frame,
    FrameDecoder,
    chunk_has_one_reading,
    chunk_of,
    encode_frame,
    event_has_one_reading,
    event_of,
    frame_of_chunk,
    frame_of_event,
    frame_of_exception,
)
from axonflow_core.errors import (
    AnswerError,
    ContextExceeded,
    DecodeError,
    ProviderError,
    Throttled,
    TruncatedStream,
)

HEADERS = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
FRAME = encode_frame(HEADERS, b'{"bytes":"e30="}')


def decoded(pieces: Iterable[bytes]) -> list[Frame]:
    decoder = FrameDecoder()
    frames = [frame for piece in pieces for frame in decoder.feed(piece)]
    decoder.finish()
    return frames


def decoded_by_botocore(data: bytes) -> list[tuple[dict[str, object], bytes]]:
    buffer: Any = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]


def compared(frames: Iterable[Frame]) -> list[tuple[dict[str, object], bytes]]:
    return [(dict(frame.headers), frame.payload) for frame in frames]


def cut(data: bytes, at: Iterable[int]) -> Iterator[bytes]:
    edges = [0, *sorted(edge % (len(data) + 1) for edge in at), len(data)]
    return (data[start:end] for start, end in pairwise(edges))


# ── both directions, against botocore ─────────────────────────────────────────────────────────────

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
VALUES = st.text(st.characters(codec="utf-8"), max_size=60)
FRAMES = st.builds(
    encode_frame, st.dictionaries(NAMES, VALUES, max_size=4), st.binary(max_size=200)
)


@given(frames=st.lists(FRAMES, max_size=5), edges=st.lists(st.integers(min_value=0), max_size=8))
def test_frames_are_botocores_however_the_bytes_are_cut(
    frames: list[bytes], edges: list[int]
) -> None:
    stream = b"".join(frames)

    assert compared(decoded(cut(stream, edges))) == decoded_by_botocore(stream)
    assert compared(
        decoded(stream[at : at + 1] for at in range(len(stream)))
    ) == decoded_by_botocore(stream)


def raw_frame(headers: bytes, payload: bytes = b"") -> bytes:
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return message + struct.pack(">I", crc32(message))


TYPED = [
    (b"\x01a\x00", True),
    (b"\x01a\x01", False),
    (b"\x01a\x02\xff", -1),
    (b"\x01a\x03\x80\x00", -32768),
    (b"\x01a\x04\x00\x01\x00\x00", 65536),
    (b"\x01a\x05" + b"\x7f" + b"\xff" * 7, 2**63 - 1),
    (b"\x01a\x06\x00\x02\x00\xff", b"\x00\xff"),
    (b"\x01a\x07\x00\x02\xc3\xa9", "é"),
    (b"\x01a\x08\x00\x00\x01\x93\x00\x00\x00\x00", 0x19300000000),
    (b"\x01a\x09" + bytes(range(16)), bytes(range(16))),
]


@pytest.mark.parametrize(("headers", "value"), TYPED)
def test_every_type_of_header_is_read_as_botocore_reads_it(headers: bytes, value: object) -> None:
    frame = raw_frame(headers + b"\x01b\x07\x00\x01x")

    (read,) = decoded([frame])

    assert dict(read.headers) == {"a": value, "b": "x"}
    assert compared([read]) == decoded_by_botocore(frame)


BROKEN_HEADERS = [
    b"\x05a",
    b"\x01a",
    b"\x01a\x0a",
    b"\x01a\x0a" + bytes(16),
    b"\x01a\x07\x00\x05x",
    b"\x01a\x04\x00",
    b"\x01a\x09\x00",
    b"\x01\xff\x00",
]


@pytest.mark.parametrize("headers", [*BROKEN_HEADERS, b"\x01a\x00\x01a\x00"])
def test_headers_that_nobody_can_read_are_a_decode_error(headers: bytes) -> None:
    with pytest.raises(DecodeError, match="undecodable headers"):
        FrameDecoder().feed(raw_frame(headers))


def test_headers_that_change_within_a_stream_are_each_frames_own() -> None:
    names = ["a", "a", "b", "a"]
    stream = b"".join(encode_frame({name: name}, b"") for name in names)

    assert [dict(frame.headers) for frame in decoded([stream])] == [{name: name} for name in names]


# ── damage ────────────────────────────────────────────────────────────────────────────────────────

DAMAGED = {
    "chunk": FRAME,
    "exception": frame_of_exception(
        "throttlingException", "Too many requests, please wait before trying again."
    ),
    "bare": encode_frame({}, b""),
    "padded": frame_of_chunk({"delta": {"text": "é"}}, padding="abcdefgh"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_every_flip_of_a_single_bit_is_caught(name: str) -> None:
    frame = DAMAGED[name]
    caught = 0

    for bit in range(len(frame) * 8):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AnswerError):
            decoded([bytes(flipped)])
        caught += 1

    assert caught == len(frame) * 8
    assert len(decoded([frame])) == 1  # the control: without a flip it passes


def test_frames_before_the_damage_are_handed_out_and_then_it_is_raised() -> None:
    decoder = FrameDecoder()

    frames = decoder.feed(FRAME + FRAME[:-1] + b"\x00" + FRAME)

    assert compared(frames) == decoded_by_botocore(FRAME)
    with pytest.raises(DecodeError, match=f"at byte {len(FRAME)} "):
        decoder.feed(FRAME)
    with pytest.raises(DecodeError):
        decoder.finish()


@pytest.mark.parametrize(
    ("length", "headers_length"),
    [(MAX_FRAME_BYTES + 1, 0), (2**32 - 1, 0), (15, 0), (16, 1), (2**20, 2**17 + 1)],
)
def test_a_length_out_of_bounds_is_refused_before_anything_is_kept(
    length: int, headers_length: int
) -> None:
    prelude = struct.pack(">II", length, headers_length)
    decoder = FrameDecoder()

    with pytest.raises(DecodeError, match=f"{length} bytes"):
        decoder.feed(prelude + struct.pack(">I", crc32(prelude)))

    assert not decoder._left


def test_a_frame_of_2_mib_is_read_and_none_that_is_larger() -> None:
    (read,) = decoded([encode_frame({}, bytes(2 * 2**20 - 16))])

    assert len(read.payload) == 2 * 2**20 - 16
    with pytest.raises(DecodeError, match="has 2097153 bytes; no more than 2097152 are read"):
        decoded([encode_frame({}, bytes(2 * 2**20 - 15))])


def test_headers_of_128_kib_are_read() -> None:
    half = 65_536 - len(b"\x01a\x07\x00\x00")
    long = b"".join(b"\x01%c\x07" % name + struct.pack(">H", half) + b"x" * half for name in b"ab")
    assert len(long) == 2**17

    (read,) = decoded([raw_frame(long)])

    assert read.headers == {"a": "x" * half, "b": "x" * half}


def test_a_stream_that_stops_inside_a_frame_is_told_by_the_place() -> None:
    decoder = FrameDecoder()
    assert len(decoder.feed(FRAME + FRAME[:9])) == 1
    assert decoder.consumed_bytes == len(FRAME)

    with pytest.raises(TruncatedStream) as caught:
        decoder.finish()

    place = f"ended at byte {len(FRAME) + 9}, 9 bytes into a frame"
    assert str(caught.value) == f"the event stream {place}"


@pytest.mark.parametrize("body", [b'{"message":"no frame"}', b"<html></html>", b"\x00" * 16])
def test_what_follows_a_frame_and_is_none_is_no_plain_body(body: bytes) -> None:
    decoder = FrameDecoder()
    assert len(decoder.feed(FRAME + body)) == 1

    with pytest.raises(DecodeError, match=f"at byte {len(FRAME)} of .* has no valid prelude"):
        decoder.finish()


@pytest.mark.parametrize(
    ("body", "looks"),
    [
        (b"\r\n  <html><body>502 Bad Gateway</body></html>", "an HTML page"),
        (b'["The security token included"]', "a JSON list"),
        (b'{"message":"The security token included in the request is invalid."}', "a JSON object"),
        (b'{"message":"The security tok', "JSON that is cut"),
        (b"<html><body>502 Bad Gateway</body></html>", "an HTML page"),
    ],
)
def test_a_plain_body_in_place_of_a_stream_is_told_by_what_it_looks_like(
    body: bytes, looks: str
) -> None:
    with pytest.raises(DecodeError, match=f"no event stream; it begins like {looks}") as caught:
        FrameDecoder().feed(body)

    assert "security" not in f"{caught.value}"
    assert "Gateway" not in f"{caught.value}"


@given(st.binary(min_size=1, max_size=300), st.integers(min_value=1, max_value=40))
def test_random_bytes_are_an_error_and_nothing_else(data: bytes, step: int) -> None:
    with pytest.raises(AnswerError):
        decoded(data[at : at + step] for at in range(0, len(data), step))


def test_a_large_frame_that_arrives_in_small_pieces_is_copied_once() -> None:
    frame = encode_frame({}, bytes(MAX_FRAME_BYTES - 16))
    pieces = [frame[at : at + 256] for at in range(0, len(frame), 256)]

    (read,) = decoded(pieces)

    assert len(read.payload) == MAX_FRAME_BYTES - 16
    # were each piece joined to all before it, this would copy 8 GB
    assert is_within(lambda: decoded(pieces), 600_000)


# ── recorded streams ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def streams(recordings: Path) -> list[bytes]:
    lines = [
        line
        for file in sorted(recordings.glob("*.jsonl"))
        for line in file.read_text("utf-8").splitlines()
    ]
    encoded = (json.loads(line).get("raw_eventstream_base64") for line in lines)
    return [b64decode(stream) for stream in encoded if stream]


def test_recorded_streams_are_read_as_botocore_reads_them(streams: list[bytes]) -> None:
    assert streams
    for stream in streams:
        assert compared(decoded([stream])) == decoded_by_botocore(stream)


def edges_of(stream: bytes) -> set[int]:
    """Where frames end, found by their lengths alone and not by the decoder that is under test."""
    edges, at = {0}, 0
    while at < len(stream):
        at += struct.unpack_from(">I", stream, at)[0]
        edges.add(at)
    return edges


def silent_cuts(stream: bytes) -> Iterator[int]:
    """The offsets at which the stream may be cut without `finish` noticing."""
    decoder = FrameDecoder()
    for end in range(len(stream) + 1):
        decoder.feed(stream[max(end - 1, 0) : end])
        try:
            decoder.finish()
        except TruncatedStream:
            continue
        yield end


def test_no_recorded_stream_can_be_cut_inside_a_frame_in_silence(streams: list[bytes]) -> None:
    cuts = 0

    for stream in streams:
        # Between two frames only the family's last word can tell the end from a cut.
        assert set(silent_cuts(stream)) == edges_of(stream)
        cuts += len(stream)

    assert cuts > 100_000


# ── what Bedrock puts into frames ─────────────────────────────────────────────────────────────────

JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(chunk=JSONS, padding=st.text("abcdef", max_size=30))
def test_a_chunk_comes_back_out_of_its_frame(chunk: object, padding: str) -> None:
    (frame,) = decoded([frame_of_chunk(chunk, padding=padding)])

    assert chunk_of(frame) == chunk
    assert ("p" in json.loads(frame.payload)) == bool(padding)


def test_an_exception_frame_is_raised_as_what_it_stands_for() -> None:
    (frame,) = decoded(
        [frame_of_exception("throttlingException", "Too many requests, please wait.")]
    )

    with pytest.raises(Throttled) as caught:
        chunk_of(frame, request_id="4711")

    error = caught.value
    assert (error.status, error.native_code, error.request_id) == (
        429,
        "ThrottlingException",
        "4711",
    )


def test_the_words_of_an_exception_frame_count_as_those_of_an_answer() -> None:
    (frame,) = decoded(
        [frame_of_exception("validationException", "Input is too long for requested model.")]
    )

    with pytest.raises(ContextExceeded):
        chunk_of(frame)


def test_an_error_frame_without_a_body_is_raised_too() -> None:
    headers = {
        ":message-type": "error",
        ":error-code": "InternalFailure",
        ":error-message": "An internal error.",
    }

    with pytest.raises(ProviderError, match="An internal error") as caught:
        chunk_of(Frame(headers, b""))

    assert (caught.value.status, caught.value.native_code) == (500, "InternalFailure")


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{}", b'{"bytes":1}', b'{"bytes":"x"}', b'{"bytes":"eA=="}', b'"bytes"'],
)
def test_an_event_of_invoke_model_that_holds_no_chunk_is_a_decode_error(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        chunk_of(Frame(HEADERS, payload))


@pytest.mark.parametrize("name", ["initial-response", "messageStop", "", None])
def test_an_event_of_a_kind_that_is_not_known_holds_no_chunk(name: str | None) -> None:
    headers = {key: value for key, value in HEADERS.items() if key != ":event-type"}
    named = headers if name is None else {**headers, ":event-type": name}
    assert chunk_of(Frame(named, b"anything")) is NO_CHUNK


def test_a_frame_does_not_show_what_the_model_said() -> None:
    assert "secret" not in repr(Frame(HEADERS, b"secret"))


@pytest.mark.parametrize("payload", [b"", b"[]", b'["p"]', b"{", b"null", b"3", b'"p"', b"\xff"])
def test_an_event_of_converse_that_is_no_object_is_a_decode_error(payload: bytes) -> None:
    headers = {**HEADERS, ":event-type": "contentBlockDelta"}
    with pytest.raises(DecodeError, match=f"an event of {len(payload)} bytes is no JSON object"):
        event_of(Frame(headers, payload))


@given(
    name=st.text("abcdef", min_size=1),
    event=st.dictionaries(st.text("abc", max_size=3), JSONS, max_size=3),
    padding=st.text("abcdef", max_size=30),
)
def test_an_event_of_converse_comes_back_out_of_its_frame(
    name: str, event: dict[str, object], padding: str
) -> None:
    (frame,) = decoded([frame_of_event({name: event}, padding=padding)])

    assert event_of(frame) == {name: event}
    assert ("p" in json.loads(frame.payload)) == bool(padding)
    assert frame.headers == {**HEADERS, ":event-type": name}


@pytest.mark.parametrize("read", [chunk_of, event_of])
@pytest.mark.parametrize("kind", ["exception", "error", "unheard-of", None])
def test_what_is_no_event_is_raised_by_the_name_that_it_has(read: Any, kind: str | None) -> None:
    known = {":exception-type": "throttlingException", ":error-code": "InternalFailure"}
    headers = {**known, **({} if kind is None else {":message-type": kind})}

    with pytest.raises(Throttled) as caught:
        read(Frame(headers, b'{"message":"Too many."}'), request_id="4711", region="eu-west-3")

    assert (caught.value.native_message, caught.value.request_id) == ("Too many.", "4711")


# ── what another parser may read ──────────────────────────────────────────────────────────────────

CHUNK = {":message-type": "event", ":event-type": "chunk"}
DELTA = {":message-type": "event", ":event-type": "contentBlockDelta"}


def in_base64(*chunks: bytes) -> bytes:
    return b"{%b}" % b",".join(b'"bytes":"%b"' % b64encode(chunk) for chunk in chunks)


@pytest.mark.parametrize(
    ("payload", "is_read_so_by_all"),
    [
        (in_base64(b'{"text":"\\"hi\\""}'), True),
        (in_base64(b'{"text":"hi"}')[:-1] + b',"p":"abc"}', True),
        (in_base64(b'{"text":"secret","text":"hi"}'), False),
        (in_base64(b'{"text":"secret"}', b'{"text":"hi"}'), False),
        (in_base64(b'{"text":"hi"}')[:-1] + b',"b\\u0079tes":"e30="}', False),
    ],
)
def test_a_chunk_is_known_in_which_a_member_stands_twice(
    payload: bytes, is_read_so_by_all: bool
) -> None:
    (frame,) = decoded([encode_frame(CHUNK, payload)])
    assert chunk_has_one_reading(frame, chunk_of(frame)) is is_read_so_by_all


@pytest.mark.parametrize(
    ("payload", "is_read_so_by_all"),
    [
        (b'{"delta":{"text":"hi"},"p":"abc"}', True),
        (b'{"delta":{"text":"secret","text":"hi"}}', False),
        (b'{"delta":{"text":"secret"},"delta":{"text":"hi"},"p":"abc"}', False),
    ],
)
def test_an_event_is_known_in_which_a_member_stands_twice(
    payload: bytes, is_read_so_by_all: bool
) -> None:
    (frame,) = decoded([encode_frame(DELTA, payload)])
    assert event_has_one_reading(frame, event_of(frame)) is is_read_so_by_all
