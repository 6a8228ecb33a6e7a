"""Frames of `application/vnd.amazon.eventstream`, in both directions.

    u32 length of the frame | u32 length of the headers | u32 CRC-32 of these eight bytes
    headers: u8 length | name | u8 type | value …
    payload
    u32 CRC-32 of all before it

The first line is the prelude; all integers are big-endian.

A network read ends anywhere, so the decoder keeps what is left over and looks at it again only when
there is enough: a frame that arrives byte by byte is copied once. Lengths are believed only after
their CRC fits and they are within bounds, so no peer can make us wait for, or keep, more than
one frame of 2 MiB.

InvokeModel wraps each chunk of a family once more, as base64 in the JSON of an event frame;
`chunk_of` and `frame_of_chunk` take that off and put it on. Converse names its events in the header
of the frame; `event_of` and `frame_of_event` read and write those. A fault after the 200 is an
exception frame, which both raise.

Source: recorded streams and botocore's decoder, November 2026.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from binascii import a2b_base64, crc32
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import orjson

from axonflow_core.codec.likeness import kind_of
from axonflow_core.errors import DecodeError, ProviderError, TruncatedStream
from axonflow_core.json import dumps
from axonflow_core.json_text import has_one_reading, loads_answer
from axonflow_core.messages import Json

from ..errors.diagnose import diagnose_exception_frame
from ..models.model_id import ModelId

MAX_FRAME_BYTES = 2 * 2**20
"""The largest frame that is read. The largest recorded one has 3 KB; a frame that holds a call of a
tool whole may have more."""
MAX_HEADERS_BYTES = 128 * 1024

HeaderValue: TypeAlias = str | bool | int | bytes
"""Bedrock sends strings. The format also knows booleans, integers, byte arrays, times in ms since
1970 and UUIDs."""

_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_LENGTHS_BYTES = 8
"""How much of the prelude its checksum covers."""
_PRELUDE_BYTES, _CRC_BYTES = _PRELUDE.size, _CRC.size
_SMALLEST = _PRELUDE_BYTES + _CRC_BYTES
_STRING = 7
_new = tuple.__new__
"""Makes a `Frame` in a third of the time that `Frame(…)` takes."""


class Frame(NamedTuple):
    """One decoded frame. The payload is JSON; its type is in the headers `:message-type` and
    `:event-type`."""

    headers: Mapping[str, HeaderValue]
    payload: bytes

    def __repr__(self) -> str:
        return f"Frame(headers={self.headers!r})"


# ── decoding ──────────────────────────────────────────────────────────────────────────────────────


class FrameDecoder:
    """Bytes as they were read in, whole frames out; the same frames for every way of cutting the
    bytes.

    A fault is raised as soon as every frame before it has been handed out: at once, or by the next
    `feed` or `finish`.
    """

    def __init__(self) -> None:
        self._left = bytearray()
        self._wanted = _PRELUDE_BYTES
        """How many bytes must be there before a look at them is worth it."""
        self._offset = 0
        """Where in the stream the next frame begins."""
        self.fault: DecodeError | None = None
        """What is wrong after what was handed out; the next call raises it."""
        self._headers_bytes = b""
        self._headers: Mapping[str, HeaderValue] = {}

    def feed(self, data: bytes) -> list[Frame]:
        """Every frame that `data` completes. `DecodeError` says at which byte of the stream the
        fault is."""
        if self.fault is not None:
            raise self.fault
        if self._left or len(data) < self._wanted:
            self._left += data
            if len(self._left) < self._wanted:
                return []
            data = bytes(self._left)
            self._left.clear()
        frames: list[Frame] = []
        try:
            rest = self._cut(data, frames)
        except DecodeError as fault:
            self.fault = fault
            if not frames:
                raise
            return frames
        if rest < len(data):
            self._left += data[rest:]
        return frames

    @property
    def consumed_bytes(self) -> int:
        """How many bytes of the stream stand in frames that were handed out."""
        return self._offset

    def finish(self) -> None:
        """The transport has nothing more. `TruncatedStream` when it stopped in the middle of a
        frame."""
        if self.fault is not None:
            raise self.fault
        if self._left:
            arrived = len(self._left)
            raise TruncatedStream(
                f"the event stream ended at byte {self._offset + arrived}, {arrived} bytes into a "
                "frame",
                hint="the answer is incomplete: a proxy, load balancer or time limit on the way "
                "may have cut it",
            )

    def _cut(self, data: bytes, frames: list[Frame]) -> int:
        """Add every whole frame in `data`; where the rest begins. `_wanted` is the length that the
        rest must have."""
        start, end = 0, len(data)
        self._wanted = _PRELUDE_BYTES
        while end - start >= _PRELUDE_BYTES:
            length, headers_length, expected = _PRELUDE.unpack_from(data, start)
            checksum = crc32(data[start : start + _LENGTHS_BYTES])
            if checksum != expected:
                raise self._no_prelude(data[start:])
            is_overlong = length > MAX_FRAME_BYTES or headers_length > MAX_HEADERS_BYTES
            if is_overlong or headers_length > length - _SMALLEST:
                raise self._misshapen(length, headers_length)
            if end - start < length:
                self._wanted = length
                break
            next_start = start + length
            frame_end = next_start - _CRC_BYTES
            (expected,) = _CRC.unpack_from(data, frame_end)
            if crc32(data[start + _LENGTHS_BYTES : frame_end], checksum) != expected:
                raise self._undecodable("fails its checksum")
            payload_start = start + _PRELUDE_BYTES + headers_length
            encoded = data[start + _PRELUDE_BYTES : payload_start]
            if encoded != self._headers_bytes:  # most frames of a stream have the same headers
                self._headers = self._headers_of(encoded)
                self._headers_bytes = encoded
            frames.append(_new(Frame, (self._headers, data[payload_start:frame_end])))
            start = next_start
            self._offset += length
        return start

    def _misshapen(self, length: int, headers_length: int) -> DecodeError:
        if length > MAX_FRAME_BYTES:
            return self._undecodable(f"has {length} bytes; no more than {MAX_FRAME_BYTES} are read")
        return self._undecodable(f"says it has {length} bytes, {headers_length} of them headers")

    def _headers_of(self, encoded: bytes) -> Mapping[str, HeaderValue]:
        try:
            return _decode_headers(encoded)
        except (KeyError, ValueError, struct.error) as error:
            raise self._undecodable("has undecodable headers") from error

    def _no_prelude(self, data: bytes) -> DecodeError:
        """The error for bytes that are no frame. A plain JSON or HTML body under status 200, as a
        wrong path or a proxy gives, is named as such instead of as a checksum error."""
        if self._offset == 0 and data.lstrip()[:1] in (b"{", b"[", b"<"):
            # Read as a frame, `{"message":"…` has a length of 2 GB; older clients report "checksum
            # 0x223a7b22".
            return DecodeError(
                f"the answer is no event stream; it begins like {kind_of(data)}",
                hint="the endpoint, or a proxy before it, answered something else than a stream "
                "under status 200",
            )
        return self._undecodable("has no valid prelude")

    def _undecodable(self, what: str) -> DecodeError:
        return DecodeError(
            f"the frame at byte {self._offset} of the event stream {what}",
            hint="the bytes were changed on the way, or the endpoint does not speak Bedrock's "
            "event stream",
        )


_NUMBERS = {
    2: struct.Struct(">b"),
    3: struct.Struct(">h"),
    4: struct.Struct(">i"),
    5: struct.Struct(">q"),
}
_TIME_MS = 8
_UUID = 9


def _decode_headers(data: bytes) -> dict[str, HeaderValue]:
    """The headers of a frame: `u8 length, name, u8 type, value`, repeated. `ValueError` if they
    overrun their length or a name is repeated."""
    headers: dict[str, HeaderValue] = {}
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        name = data[at + 1 : name_end].decode()
        if name in headers or name_end >= len(data):
            raise ValueError
        headers[name], at = _decode_value(data, data[name_end], name_end + 1)
    if at != len(data):
        raise ValueError
    return headers


def _decode_value(data: bytes, kind: int, at: int) -> tuple[HeaderValue, int]:
    """The value of type `kind` that begins at `at`, and where it ends. Types: 0 and 1 booleans, 6
    bytes, 7 text."""
    if kind in (0, 1):
        return kind == 0, at
    if kind in (6, _STRING):
        (length,) = struct.unpack_from(">H", data, at)
        end = at + 2 + length
        value = data[at + 2 : end]
        return (value.decode() if kind == _STRING else value), end
    if kind == _UUID:
        return data[at : at + 16], at + 16
    number = _NUMBERS[5 if kind == _TIME_MS else kind]
    return number.unpack_from(data, at)[0], at + number.size


# ── encoding ──────────────────────────────────────────────────────────────────────────────────────


def encode_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One frame. A name has up to 255 bytes and a value up to 65535, as the format has it."""
    encoded = b"".join(
        [_encode_header(name.encode(), value.encode()) for name, value in headers.items()]
    )
    lengths = struct.pack(">II", _SMALLEST + len(encoded) + len(payload), len(encoded))
    message = b"".join((lengths, _CRC.pack(crc32(lengths)), encoded, payload))
    return message + _CRC.pack(crc32(message))


def _encode_header(name: bytes, value: bytes) -> bytes:
    """One header of type string (7): `u8 length, name, u8 7, u16 length, value`, big-endian."""
    return struct.pack(f">B{len(name)}sBH", len(name), name, _STRING, len(value)) + value


# ── what Bedrock puts into frames ─────────────────────────────────────────────────────────────────

_JSON_TYPE = "application/json"
NO_CHUNK: Json = object()
"""What `chunk_of` gives for an event of a kind that is not known: it says nothing of the answer."""
_CHUNK_HEADERS = {":event-type": "chunk", ":content-type": _JSON_TYPE, ":message-type": "event"}


def chunk_of(
    frame: Frame,
    *,
    model: ModelId | None = None,
    region: str | None = None,
    request_id: str | None = None,
) -> Json:
    """The family's JSON inside an event frame, or `NO_CHUNK`. An exception frame is raised as what
    it stands for."""
    headers = frame.headers
    if headers.get(":message-type") != "event":
        raise _exception_in(frame, model, region, request_id)
    if headers.get(":event-type") != "chunk":
        return NO_CHUNK
    try:
        # The payload holds base64 and padding alone, so orjson reads it without loss.
        return loads_answer(a2b_base64(orjson.loads(frame.payload)["bytes"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DecodeError(f"a chunk of {len(frame.payload)} bytes is not base64 of JSON") from error


def chunk_has_one_reading(frame: Frame, chunk: Json) -> bool:
    """Whether every parser reads `chunk` in an event frame, as `chunk_of` did. Base64 and padding
    have no escapes, so a second member `bytes` would be spelled as the first."""
    if chunk is NO_CHUNK:
        return True
    payload = frame.payload
    if payload.count(b'"bytes"') != 1 or b"\\" in payload:
        return False
    return has_one_reading(a2b_base64(orjson.loads(payload)["bytes"]), chunk)


def event_has_one_reading(frame: Frame, event: Json) -> bool:
    """The same for `event_of`, which leaves the padding out."""
    return has_one_reading(frame.payload, loads_answer(frame.payload))


def event_of(
    frame: Frame,
    *,
    model: ModelId | None = None,
    region: str | None = None,
    request_id: str | None = None,
) -> Json:
    """A Converse event as `{name: what it says}`, without AWS's padding. An exception frame is
    raised."""
    headers = frame.headers
    if headers.get(":message-type") != "event":
        raise _exception_in(frame, model, region, request_id)
    try:
        event = loads_answer(frame.payload)
        dict.pop(event, "p", None)
    except (TypeError, ValueError) as error:
        raise DecodeError(f"an event of {len(frame.payload)} bytes is no JSON object") from error
    return {str(headers.get(":event-type")): event}


def _exception_in(
    frame: Frame, model: ModelId | None, region: str | None, request_id: str | None
) -> ProviderError:
    """The error in a frame of `:message-type` `exception` or `error`; the latter has its text in
    `:error-message` and an empty payload."""
    headers = frame.headers
    name = str(headers.get(":exception-type") or headers.get(":error-code") or "")
    payload, said = frame.payload, headers.get(":error-message")
    if said and not payload:
        payload = dumps({"message": str(said)})
    return diagnose_exception_frame(
        name, payload, model=model, region=region, request_id=request_id
    )


def frame_of_event(event: Json, *, padding: str = "") -> bytes:
    """The frame of a Converse event `{name: what it says}`."""
    ((name, payload),) = event.items()
    headers = {":event-type": name, ":content-type": _JSON_TYPE, ":message-type": "event"}
    return encode_frame(headers, dumps({**payload, "p": padding} if padding else payload))


def frame_of_chunk(chunk: Json, *, padding: str = "") -> bytes:
    """The other direction. `padding` fills the member `p`, with which AWS hides how long a chunk
    is."""
    payload = {"bytes": b64encode(dumps(chunk)).decode()}
    return encode_frame(_CHUNK_HEADERS, dumps({**payload, "p": padding} if padding else payload))


def frame_of_exception(name: str, payload: Json) -> bytes:
    """An error after the 200. `name` as the frame has it, in lower camel case:
    `modelStreamErrorException`; `payload` is an object with a `message`, or the message alone."""
    headers = {":exception-type": name, ":content-type": _JSON_TYPE, ":message-type": "exception"}
    body = {"message": payload} if isinstance(payload, str) else payload
    return encode_frame(headers, dumps(body))
