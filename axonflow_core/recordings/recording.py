"""Recorded traffic, replayed through the codecs.

A recording is one call with its answer, one JSON object a line. It is checked against five laws;
`skip` means that the recording lacks that side, and nothing else.

    request    decoding and encoding gives the same body
    response   likewise
    stream     the chunks decode, assemble and encode to the same; the bytes may be cut anywhere
    meaning    content is in typed fields, counts are the billed ones, every stop reason is known
    error      a refusal decodes to a specific error class

A body that both halves of a codec misread in the same way passes the first three laws. So `meaning`
compares with other sources: the codec's table of documented keys, the texts of the native body, the
counts that the provider sent next to it.

What belongs to the provider (frames, members it adds to every body, headers, errors) is the part of
`RecordingFormat`. This module needs no Hypothesis.
"""

from __future__ import annotations

import random
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import orjson
from attrs import evolve, field, frozen

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.errors import (
    AnswerError,
    AxonFlowError,
    EncodeError,
    InvalidCall,
    MalformedRequest,
    ProviderError,
    RequestError,
    TruncatedStream,
)
from axonflow_core.json import loads
from axonflow_core.messages import Completion, Json, StopReason, Usage
from axonflow_core.stream import (
    Assembler,
    Batch,
    Ended,
    MetricsUpdate,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
)

from .billing import miscounted, misplaced
from .json_equality import ABSENT, Difference, bounded, difference
from .meaning import leftovers, unread
from .unary import RecordedUnary

LAWS = ("request", "response", "stream", "meaning", "error")
"""The names of the laws, in the order of the report."""

ALL_SPLITS_BYTES = 16 * 1024
"""A stream of up to this many bytes is cut in two at every byte, a longer one at `SEEDED_SPLITS`
places."""
SEEDED_SPLITS = 500
"""How many places a long stream is cut at, drawn from the name of the case."""
SEEDED_CHUNKINGS = 50
"""How many random cuttings into many pieces are tried."""

KNOWN_STOPS = frozenset(
    [
        *(
            "end_turn",
            "max_tokens",
            "stop_sequence",
            "tool_use",
            "pause_turn",
            "refusal",
            "content_filtered",
        ),
        *(
            "model_context_window_exceeded",
            "guardrail_intervened",
            "malformed_tool_use",
            "malformed_model_output",
        ),
        *(
            "stop",
            "length",
            "tool_calls",
            "content_filter",
            "endoftext",
            "COMPLETE",
            "MAX_TOKENS",
            "TOOL_CALL",
        ),
        *(
            "STOP_SEQUENCE",
            "ERROR_TOXIC",
            "ERROR_LIMIT",
            "complete",
            "error_toxic",
            "error_limit",
            "eos_token",
        ),
        *(
            "FINISH",
            "FINISHED",
            "LENGTH",
            "STOP_CRITERIA_MET",
            "CONTENT_FILTERED",
            "RAG_QUERY_WHEN_RAG_DISABLED",
        ),
    ]
)
"""Stop reasons that are documented for some family, November 2026. None may be decoded as OTHER."""


# ── recordings ────────────────────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class Recording:
    """One call with its answer. A side that the source did not store is None."""

    case: str
    """The name of the recording, `family/name`."""
    operation: str
    """The provider's name of the call."""
    model_id: str
    """The id that was called."""
    status: int
    """The HTTP status of the answer."""
    region: str | None = None
    request_body: Json = field(default=None, repr=False)
    response_body: Json = field(default=None, repr=False)
    response_headers: Mapping[str, str] = field(factory=dict, repr=False)
    """Names in lower case."""
    stream: bytes | None = field(default=None, repr=False)
    """The bytes of a streamed answer, frames included."""
    chunks: Sequence[Json] | None = field(default=None, repr=False)
    """The stream as the recorder decoded it, an exception as `{"__exception__": …}`."""


def read_recordings(path: Path) -> list[Recording]:
    """The recordings in a JSON Lines file. `RequestError` names the line that is not one."""
    recordings = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if line.strip():
            try:
                recordings.append(_recording(loads(line), path.stem))
            except (KeyError, TypeError, ValueError, AttributeError) as fault:
                raise _faulty(path, number, fault) from fault
    if not recordings:
        raise RequestError(
            f"{path} contains no recordings", hint="give a file with one JSON object a line"
        )
    return recordings


def _recording(native: Mapping[str, Json], family: str) -> Recording:
    """The recording in one line. KeyError, TypeError or ValueError where it is none."""
    encoded, headers = native.get("raw_eventstream_base64"), native.get("response_headers") or {}
    return Recording(
        case=f"{native.get('family', family)}/{native['name']}",
        operation=native["operation"],
        model_id=native["model_id"],
        status=int(native["status"]),
        region=native.get("region"),
        request_body=native.get("request_body"),
        response_body=native.get("response_body"),
        response_headers={name.lower(): value for name, value in headers.items()},
        stream=None if encoded is None else b64decode(encoded, validate=True),
        chunks=native.get("stream_chunks"),
    )


def _faulty(path: Path, number: int, fault: Exception) -> RequestError:
    """The error of a line that is no recording, with file and line number and without its
    content."""
    what = "the line is not a recording"
    if isinstance(fault, orjson.JSONDecodeError):
        what = "the line is not JSON"
    elif isinstance(fault, KeyError):
        what = f"the recording has no {fault.args[0]!r}"
    return RequestError(
        f"{path}:{number}: {what}",
        hint="a line is one JSON object with name, operation, model_id, status, and bodies or a "
        "stream",
    )


# ── the provider's part ───────────────────────────────────────────────────────────────────────────


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


# ── results ───────────────────────────────────────────────────────────────────────────────────────


@frozen
class CaseResult:
    """What the laws found in one recording."""

    case: str
    is_supported: bool
    reason: str | None = None
    """Why the recording contains nothing to decode, where it has no codec."""
    differences: Mapping[str, tuple[Difference, ...] | None] = field(kw_only=True)
    """Law -> differences found, none where it holds; None where the recording lacks that side. A
    law that does not apply is absent."""
    is_truncated: bool = False
    """Whether the recorded stream ended before its terminal event."""


class Tally:
    """The results of many cases, as `axonflow codecs check` reports them."""

    def __init__(self) -> None:
        self.cases = 0
        self.unsupported: dict[str, str | None] = {}
        """Case without a codec -> why it contains nothing to decode; None: a codec is missing."""
        self.truncated: list[str] = []
        self.failures: list[tuple[str, str, Difference]] = []
        self._counts = {law: {"pass": 0, "fail": 0, "skip": 0} for law in LAWS}

    def add(self, result: CaseResult) -> None:
        """Count the result of one case."""
        self.cases += 1
        if not result.is_supported:
            self.unsupported[result.case] = result.reason
        if result.is_truncated:
            self.truncated.append(result.case)
        for law, found in result.differences.items():
            outcome = "skip" if found is None else "fail" if found else "pass"
            self._counts[law][outcome] += 1
            self.failures += [(result.case, law, each) for each in found or ()]

    def blame_unsupported(self) -> None:
        """Count a recording with content and without a codec as a failure."""
        missing = Difference("$.model_id", "a codec for that model and operation", ABSENT)
        self.failures += [
            (case, "unsupported", missing)
            for case, reason in self.unsupported.items()
            if reason is None
        ]

    def laws(self) -> dict[str, dict[str, int]]:
        """Law -> outcome (`pass`, `fail`, `skip`) -> number of recordings."""
        return {**self._counts, "unsupported": {"fail": len(self.unsupported)}}

    def as_json(self) -> Json:
        """The tally as JSON, with long values shortened."""
        return {
            "cases": self.cases,
            "laws": self.laws(),
            "failures": [
                {
                    "case": case,
                    "law": law,
                    "path": each.path,
                    "expected": bounded(each.expected),
                    "got": bounded(each.got),
                }
                for case, law, each in self.failures
            ],
            "unsupported": self.unsupported,
            "truncated": self.truncated,
        }


# ── one case ──────────────────────────────────────────────────────────────────────────────────────

_Found: TypeAlias = Iterator[Difference]


def check_recording(recording: Recording, recording_format: RecordingFormat) -> CaseResult:
    """Check one recording against every law that applies to it. Raises nothing for what a codec
    does wrong: an exception counts as a difference.
    """
    refusal = _Refusal(recording, recording_format)
    exchange = recording_format.unary_for(recording)
    if exchange is not None:
        checks = {**exchange.laws(), "error": refusal.law()}
        found = {law: _checked(check) for law, check in checks.items()}
        return CaseResult(recording.case, is_supported=True, differences=found)
    chosen = recording_format.codec_for(recording)
    if chosen is None:
        reason, differences = (
            recording_format.why_unreadable(recording),
            {"error": _checked(refusal.law())},
        )
        return CaseResult(
            recording.case, is_supported=False, reason=reason, differences=differences
        )
    replay = _Replay(recording, recording_format, *chosen)
    differences = {
        law: _checked(check) for law, check in {**replay.laws(), "error": refusal.law()}.items()
    }
    return CaseResult(
        recording.case, is_supported=True, differences=differences, is_truncated=replay.is_truncated
    )


def _checked(check: Callable[[], _Found] | None) -> tuple[Difference, ...] | None:
    """Run one law. An exception counts as a difference: in a call the caller would have got it."""
    if check is None:
        return None
    try:
        return tuple(check())
    except AxonFlowError as error:
        return (Difference("$", "no error", f"{type(error).__name__}: {error}"),)
    except Exception as error:  # any exception of a codec; the other recordings are still checked
        return (Difference("$", "no error", f"{type(error).__name__}"),)


class _Replay:
    """One recording under one codec: the laws that need the codec."""

    def __init__(
        self,
        recording: Recording,
        recording_format: RecordingFormat,
        codec: FamilyCodec,
        facts: ModelFacts,
    ) -> None:
        self.recording = recording
        self.format = recording_format
        # Invariant: nothing of ours is added. The body that was sent must come back, so no default
        # limit may be added to it.
        self.codec = evolve(codec, default_max_tokens=None)
        self.facts = facts
        self.is_truncated = False

    def laws(self) -> dict[str, Callable[[], _Found] | None]:
        """Law -> its check; None where the recording lacks that side."""
        recording = self.recording
        has_request = recording.request_body is not None
        has_answer = recording.status < 400 and recording.response_body is not None
        has_stream = recording.stream is not None or recording.chunks is not None
        return {
            "request": self._request if has_request else None,
            "response": self._response if has_answer else None,
            "stream": self._stream if has_stream else None,
            "meaning": self._meaning if has_request or has_answer or has_stream else None,
        }

    @property
    def _is_body_at_fault(self) -> bool:
        """Whether the provider refused the body: then it need not be encoded as it was."""
        return self.recording.status >= 400 and isinstance(
            self.format.error_of(self.recording), InvalidCall
        )

    @property
    def _borders(self) -> tuple[str, ...]:
        """What separates texts within one native string."""
        return (*self.codec.control_tokens, *self.codec.reasoning_tags)

    @property
    def _documented_in_answers(self) -> frozenset[str]:
        """The documented keys without the names of options, which answers may use for other
        members."""
        return self.codec.documented - self.codec.options

    # ── round trips ───────────────────────────────────────────────────────────────────────────────

    def _request(self) -> _Found:
        """The body that was sent comes back; a body that the provider refused too may be
        refused."""
        body = self.recording.request_body
        try:
            request = self.codec.decode_request(body, self.facts)
            written = self.codec.encode_request(request, self.facts)
        except (MalformedRequest, EncodeError):
            if self.recording.status >= 400:  # the provider refused it as well
                return
            raise
        if not self._is_body_at_fault:
            yield from _one(difference(body, written))

    def _response(self) -> _Found:
        """The body that was received comes back, the provider's own members included."""
        body = self.recording.response_body
        completion = self.format.open_answer(self.codec, self.facts, body, {})
        yield from _one(
            difference(body, self.format.close_answer(self.codec, self.facts, completion))
        )

    # ── streams ───────────────────────────────────────────────────────────────────────────────────

    def _stream(self) -> _Found:
        """The stream decodes completely or ends truncated, its chunks are those that were recorded,
        they encode to themselves, nothing follows the terminal event, and no cutting of the bytes
        changes a thing."""
        played = self._play(self._whole())
        self.is_truncated = isinstance(played.fault, TruncatedStream)
        if played.fault is not None and not (
            self.is_truncated or isinstance(played.fault, ProviderError)
        ):
            raise played.fault
        if self.is_truncated and any(map(self.format.is_last, played.chunks)):
            yield Difference("$", "a whole stream", "TruncatedStream")
        if self.recording.chunks is not None:
            recorded = [chunk for chunk in self.recording.chunks if "__exception__" not in chunk]
            yield from _one(difference(recorded, played.chunks))
        read = played.chunks[: len(played.batches)]  # the last chunk may have raised
        yield from _one(difference(read, self._encoded(played.batches)))
        yield from _content_after_the_end(played.batches)
        if self.recording.stream is not None:
            yield from self._cut_anywhere(self.recording.stream, played)

    def _whole(self) -> list[bytes]:
        return [] if self.recording.stream is None else [self.recording.stream]

    def _play(self, pieces: Iterable[bytes]) -> _Played:
        """Decode the stream as if it arrived from the network in these pieces."""
        played = _Played()
        decoder = self.format.stream_decoder(self.codec, self.facts)
        try:
            for chunk in _chunks(self.recording, self.format, pieces):
                played.chunks.append(chunk)
                played.batches.append(decoder.feed(chunk))
            decoder.finish()
        except (AnswerError, ProviderError) as fault:
            played.fault = fault
        return played

    def _encoded(self, batches: Iterable[Batch]) -> list[Json]:
        """The chunks that the batches encode to."""
        context = StreamContext(id="", model=self.recording.model_id, created=0)
        encoder = self.format.stream_encoder(self.codec, self.facts, context)
        return [chunk for batch in batches for chunk in encoder.encode(batch)]

    def _cut_anywhere(self, data: bytes, whole: _Played) -> _Found:
        """Cut the bytes in many ways. Only the frame decoder sees bytes, so for the many cuts in
        two its frames are compared, and for the few finer cuts the decoded events.
        """
        draw = random.Random(self.recording.case)  # noqa: S311 - the same cuts in every run
        frames = self._frames([data])
        for cut in _cuts(len(data), draw):
            if self._frames([data[:cut], data[cut:]]) != frames:
                yield Difference(
                    f"$bytes[{cut}]", "the same frames", "other frames when the bytes are cut here"
                )
                return
        for name, pieces in (("one byte at a time", _bytewise(data)), *_random_pieces(data, draw)):
            played = self._play(pieces)
            if not played.is_same(whole):
                yield Difference("$bytes", "the same events", f"other events in pieces: {name}")
                return

    def _frames(self, pieces: Iterable[bytes]) -> list[Any]:
        """The frames of the bytes in these pieces, and None at the end where the last is
        incomplete."""
        decoder = self.format.frame_decoder()
        frames = [frame for piece in pieces for frame in decoder.feed(piece)]
        try:
            decoder.finish()
        except TruncatedStream:
            frames.append(None)
        return frames

    # ── meaning ───────────────────────────────────────────────────────────────────────────────────

    def _meaning(self) -> _Found:
        """The law `meaning`, for each side that was recorded."""
        recording = self.recording
        if recording.request_body is not None:
            yield from self._understood_request(recording.request_body)
        if recording.status < 400 and recording.response_body is not None:
            yield from self._understood_answer(recording.response_body)
        if recording.stream is not None or recording.chunks is not None:
            yield from self._understood_stream()

    def _understood_request(self, body: Json) -> _Found:
        """What a request lost: documented keys in an `extra`, long texts in no typed field."""
        try:
            request = self.codec.decode_request(body, self.facts)
        except MalformedRequest:
            return  # the law `request` reports it
        if not self._is_body_at_fault:
            yield from leftovers(request, self.codec.documented, "request")
            yield from unread(body, [request], self._borders)

    def _understood_answer(self, body: Json) -> _Found:
        """What an answer lost, and counts that differ from the billed ones."""
        native, headers = self.format.native(body), self.recording.response_headers
        completion = self.format.open_answer(self.codec, self.facts, body, headers)
        yield from leftovers(completion, self._documented_in_answers, "response")
        yield from unread(native, [completion], self._borders)
        yield from _unknown_stop(completion)
        billed = self.format.billed(headers, ())
        yield from miscounted(billed, completion.usage)
        yield from misplaced(billed, self.codec.decode_response(native, self.facts).usage)

    def _understood_stream(self) -> _Found:
        """As for a whole answer, on what the events assemble to; the counts of `MetricsUpdate` are
        the provider's and left out of the family's own."""
        played = self._play(self._whole())
        completion = _assembled(played.events())
        yield from leftovers(played.batches, self._documented_in_answers, "stream")
        yield from leftovers(completion, self._documented_in_answers, "stream")
        natives = [self.format.native(chunk) for chunk in played.chunks]
        yield from unread(natives, [completion, *_tool_inputs(played.events())], self._borders)
        yield from _unknown_stop(completion)
        billed = self.format.billed({}, played.chunks)
        yield from miscounted(billed, completion.usage)
        own = _assembled(event for event in played.events() if not isinstance(event, MetricsUpdate))
        yield from misplaced(billed, own.usage)


@frozen
class _Refusal:
    """A refusal in place of an answer, or an exception in a stream. Needs no codec."""

    recording: Recording
    format: RecordingFormat

    def law(self) -> Callable[[], _Found] | None:
        """The check, None where the call was answered."""
        is_refused = self.recording.status >= 400
        has_exception = any("__exception__" in chunk for chunk in self.recording.chunks or ())
        return self._classified if is_refused or has_exception else None

    def _classified(self) -> _Found:
        """The bare `ProviderError` means that the error table has no row for this refusal."""
        error = (
            self.format.error_of(self.recording)
            if self.recording.status >= 400
            else self._exception_in_stream()
        )
        if error is None or type(error) is ProviderError:
            yield Difference("$", "a specific error class", type(error).__name__)

    def _exception_in_stream(self) -> ProviderError | None:
        """The error that a frame carries in place of a chunk."""
        try:
            for _ in _chunks(self.recording, self.format, [self.recording.stream or b""]):
                pass
        except ProviderError as error:
            return error
        return None


def _chunks(
    recording: Recording, recording_format: RecordingFormat, pieces: Iterable[bytes]
) -> Iterator[Json]:
    """The chunks in the bytes, read in these pieces; where the bytes were not recorded, the chunks
    that the recorder decoded.
    """
    if recording.stream is None:
        for chunk in recording.chunks or ():
            if isinstance(chunk, dict) and "__exception__" in chunk:
                raise recording_format.exception_of(chunk)
            yield chunk
        return
    frames = recording_format.frame_decoder()
    for piece in pieces:
        for frame in frames.feed(piece):
            yield recording_format.chunk_of(frame)
    frames.finish()


class _Played:
    """The chunks and events of a stream up to its end or failure."""

    def __init__(self) -> None:
        self.chunks: list[Json] = []
        self.batches: list[Batch] = []
        self.fault: AxonFlowError | None = None

    def events(self) -> Iterator[StreamEvent]:
        """The events of all batches, in order."""
        for batch in self.batches:
            yield from batch

    def is_same(self, other: _Played) -> bool:
        """Whether both gave the same batches and ended the same way."""
        return self.batches == other.batches and type(self.fault) is type(other.fault)


def _one(found: Difference | None) -> _Found:
    if found is not None:
        yield found


def _assembled(events: Iterable[StreamEvent]) -> Completion:
    """What the events add up to, complete or not."""
    assembler = Assembler()
    for event in events:
        assembler.add(event)
    return assembler.completion


def _tool_inputs(events: Iterable[StreamEvent]) -> list[str]:
    """The JSON text of each tool call's arguments: chunks may cut it anywhere."""
    inputs: dict[int, str] = {}
    for event in events:
        if isinstance(event, ToolInputDelta):
            inputs[event.index] = inputs.get(event.index, "") + event.json
    return list(inputs.values())


def _content_after_the_end(batches: Sequence[Batch]) -> _Found:
    """A batch with content after the batch that has `Ended`."""
    ended = next((number for number, batch in enumerate(batches) if Ended() in batch), len(batches))
    for number, batch in enumerate(batches[ended + 1 :], start=ended + 1):
        if any(isinstance(event, TextDelta | ToolInputDelta) for event in batch):
            yield Difference(f"$[{number}]", "no content", "content after the terminal event")


def _unknown_stop(completion: Completion) -> _Found:
    """A documented stop reason that was decoded as OTHER."""
    native = completion.native_stop_reason
    if completion.stop_reason is StopReason.OTHER and native in KNOWN_STOPS:
        yield Difference("$.stop_reason", f"a meaning for {native}", "other")


def _cuts(size: int, draw: random.Random) -> Sequence[int]:
    """Where to cut the bytes in two: everywhere, or at drawn places in a long stream."""
    if size <= ALL_SPLITS_BYTES:
        return range(1, size)
    return sorted(draw.sample(range(1, size), SEEDED_SPLITS))


def _bytewise(data: bytes) -> list[bytes]:
    """The bytes one by one, the finest cutting there is."""
    return [data[at : at + 1] for at in range(len(data))]


def _random_pieces(data: bytes, draw: random.Random) -> Iterator[tuple[str, list[bytes]]]:
    """(name, pieces) for drawn cuttings into up to 41 pieces."""
    for number in range(SEEDED_CHUNKINGS if len(data) > 1 else 0):
        cuts = sorted(draw.sample(range(1, len(data)), min(len(data) - 1, draw.randint(1, 40))))
        yield (
            f"seeded chunking {number}",
            [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)],
        )
