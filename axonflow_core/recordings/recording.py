"""Recorded traffic, replayed through the codecs: what a family really sends, against what we make
of it.

A recording is one exchange, one JSON object a line. It is held to five laws; `skip` means that the
recording lacks that side, and nothing else.

    request    decode, encode: the body comes back
    response   likewise
    stream     the chunks decode, add up and come back; the bytes may be cut anywhere
    meaning    texts stand in typed places, counts are those that were billed, every stop is known
    error      a refusal has a class of its own

A body that the codec's two halves misread alike survives the first three, so `meaning` asks others:
the codec's table of documented keys, the text of the native body, the counts that the provider sent
beside it.

What is the provider's own (frames, members it adds to every body, headers, errors) is behind
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

ALL_SPLITS_BYTES = 16 * 1024
"""A stream up to this long is cut in two at every byte, a longer one at `SEEDED_SPLITS` places."""
SEEDED_SPLITS = 500
SEEDED_CHUNKINGS = 50

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
"""Stop reasons that some family's documents name, November 2026. None of them may be read as
OTHER."""


# ── recordings ────────────────────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class Recording:
    """One exchange. A side that the source did not store is None."""

    case: str
    """`family/name`."""
    operation: str
    model_id: str
    status: int
    region: str | None = None
    request_body: Json = field(default=None, repr=False)
    response_body: Json = field(default=None, repr=False)
    response_headers: Mapping[str, str] = field(factory=dict, repr=False)
    """Names in lower case."""
    stream: bytes | None = field(default=None, repr=False)
    chunks: Sequence[Json] | None = field(default=None, repr=False)
    """The stream as somebody else decoded it, an exception as `{"__exception__": …}`."""


def read_recordings(path: Path) -> list[Recording]:
    """The exchanges in a file of JSON lines. `RequestError` says in which line what is wrong."""
    recordings = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        if line.strip():
            try:
                recordings.append(_recording(loads(line), path.stem))
            except (KeyError, TypeError, ValueError, AttributeError) as fault:
                raise _faulty(path, number, fault) from fault
    if not recordings:
        raise RequestError(
            f"{path} holds no recordings", hint="give a file with one JSON object a line"
        )
    return recordings


def _recording(native: Mapping[str, Json], family: str) -> Recording:
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
    what = "a line that is no recording"
    if isinstance(fault, orjson.JSONDecodeError):
        what = "a line that is not JSON"
    elif isinstance(fault, KeyError):
        what = f"a recording without {fault.args[0]!r}"
    return RequestError(
        f"{path}:{number}: {what}",
        hint="a line is one JSON object with name, operation, model_id, status and what was said",
    )


# ── what the provider knows ───────────────────────────────────────────────────────────────────────


class FrameDecoder(Protocol):
    def feed(self, data: bytes, /) -> Sequence[Any]: ...
    def finish(self) -> None: ...


class Decoder(Protocol):
    def feed(self, chunk: Json, /) -> Batch: ...
    def finish(self) -> None: ...


class Encoder(Protocol):
    def encode(self, batch: Batch, /) -> Sequence[Json]: ...


class RecordingFormat(Protocol):
    """How one provider wraps what its families say. A plugin hands it over in
    `ProviderSpec.recordings`."""

    def unary_for(self, recording: Recording) -> RecordedUnary | None:
        """None: what was recorded is no embedding, ranking or token count, or nobody reads that
        model's."""

    def codec_for(self, recording: Recording) -> tuple[FamilyCodec, ModelFacts] | None:
        """None: no codec for that model or that operation."""

    def why_unreadable(self, recording: Recording) -> str | None:
        """Why an exchange that no codec is for holds nothing that one could read; None: it does,
        and one is missing."""

    def native(self, body: Json) -> Json:
        """An answer or chunk without what the provider adds to every family's."""

    def open_answer(
        self, codec: FamilyCodec, facts: ModelFacts, body: Json, headers: Mapping[str, str]
    ) -> Completion: ...

    def close_answer(
        self, codec: FamilyCodec, facts: ModelFacts, completion: Completion
    ) -> Json: ...

    def billed(self, headers: Mapping[str, str], chunks: Sequence[Json]) -> Usage:
        """The counts that the provider itself tells, in the headers of an answer or the chunks of a
        stream."""

    def frame_decoder(self) -> FrameDecoder: ...

    def chunk_of(self, frame: Any) -> Json:
        """The chunk in a frame; an exception that came in its place is raised."""

    def stream_decoder(self, codec: FamilyCodec, facts: ModelFacts) -> Decoder: ...

    def stream_encoder(
        self, codec: FamilyCodec, facts: ModelFacts, context: StreamContext
    ) -> Encoder: ...

    def is_last(self, chunk: Json) -> bool:
        """Whether the provider says that nothing follows; not every last chunk does."""

    def error_of(self, recording: Recording) -> ProviderError:
        """What an answer with a status of 400 or above stands for."""

    def exception_of(self, chunk: Json) -> ProviderError:
        """What a decoded chunk with an `__exception__` stands for."""


# ── results ───────────────────────────────────────────────────────────────────────────────────────


@frozen
class CaseResult:
    case: str
    is_supported: bool
    reason: str | None = None
    """Why it holds nothing that a codec could read, where none is for it."""
    differences: Mapping[str, tuple[Difference, ...] | None] = field(kw_only=True)
    """Law -> what is wrong; None where the recording lacks that side. A law that does not apply is
    absent."""
    is_truncated: bool = False


class Tally:
    """The results of many cases, as `axonflow codecs check` reports them."""

    def __init__(self) -> None:
        self.cases = 0
        self.unsupported: dict[str, str | None] = {}
        """Case that no codec is for -> why there is nothing to read in it; None: a codec is
        missing."""
        self.truncated: list[str] = []
        self.failures: list[tuple[str, str, Difference]] = []
        self._counts = {law: {"pass": 0, "fail": 0, "skip": 0} for law in LAWS}

    def add(self, result: CaseResult) -> None:
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
        """Count every recording as a failure that says something and that no codec is for."""
        nobody = Difference("$.model_id", "a codec for that model and operation", ABSENT)
        self.failures += [
            (case, "unsupported", nobody)
            for case, reason in self.unsupported.items()
            if reason is None
        ]

    def laws(self) -> dict[str, dict[str, int]]:
        return {**self._counts, "unsupported": {"fail": len(self.unsupported)}}

    def as_json(self) -> Json:
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


def check_recording(recording: Recording, opener: RecordingFormat) -> CaseResult:
    """Hold one exchange to every law that applies to it."""
    refusal = _Refusal(recording, opener)
    exchange = opener.unary_for(recording)
    if exchange is not None:
        checks = {**exchange.laws(), "error": refusal.law()}
        found = {law: _checked(check) for law, check in checks.items()}
        return CaseResult(recording.case, is_supported=True, differences=found)
    chosen = opener.codec_for(recording)
    if chosen is None:
        reason, differences = opener.why_unreadable(recording), {"error": _checked(refusal.law())}
        return CaseResult(
            recording.case, is_supported=False, reason=reason, differences=differences
        )
    replay = _Replay(recording, opener, *chosen)
    differences = {
        law: _checked(check) for law, check in {**replay.laws(), "error": refusal.law()}.items()
    }
    return CaseResult(
        recording.case, is_supported=True, differences=differences, is_truncated=replay.is_truncated
    )


def _checked(check: Callable[[], _Found] | None) -> tuple[Difference, ...] | None:
    """An exception is a difference too: whatever is raised here would have been raised at a
    caller."""
    if check is None:
        return None
    try:
        return tuple(check())
    except AxonFlowError as error:
        return (Difference("$", "no error", f"{type(error).__name__}: {error}"),)
    except (
        Exception
    ) as error:  # a codec may stumble over anything, and the other cases are still to be checked
        return (Difference("$", "no error", f"{type(error).__name__}"),)


class _Replay:
    """One recording under one codec."""

    def __init__(
        self, recording: Recording, opener: RecordingFormat, codec: FamilyCodec, facts: ModelFacts
    ) -> None:
        self.recording = recording
        self.opener = opener
        self.codec = evolve(
            codec, default_max_tokens=None
        )  # what was sent is to come back, with no limit of ours
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
        """Whether the provider refused the call for what its body says: then it need not come back
        as it was."""
        return self.recording.status >= 400 and isinstance(
            self.opener.error_of(self.recording), InvalidCall
        )

    @property
    def _borders(self) -> tuple[str, ...]:
        return (*self.codec.control_tokens, *self.codec.reasoning_tags)

    @property
    def _documented_in_answers(self) -> frozenset[str]:
        """A parameter's name may be another member's in an answer."""
        return self.codec.documented - self.codec.options

    # ── there and back ────────────────────────────────────────────────────────────────────────────

    def _request(self) -> _Found:
        body = self.recording.request_body
        try:
            request = self.codec.decode_request(body, self.facts)
            written = self.codec.encode_request(request, self.facts)
        except (MalformedRequest, EncodeError):
            if self.recording.status >= 400:  # nobody answered it
                return
            raise
        if not self._is_body_at_fault:
            yield from _one(difference(body, written))

    def _response(self) -> _Found:
        body = self.recording.response_body
        completion = self.opener.open_answer(self.codec, self.facts, body, {})
        yield from _one(
            difference(body, self.opener.close_answer(self.codec, self.facts, completion))
        )

    # ── streams ───────────────────────────────────────────────────────────────────────────────────

    def _stream(self) -> _Found:
        played = self._play(self._whole())
        self.is_truncated = isinstance(played.fault, TruncatedStream)
        if played.fault is not None and not (
            self.is_truncated or isinstance(played.fault, ProviderError)
        ):
            raise played.fault
        if self.is_truncated and any(map(self.opener.is_last, played.chunks)):
            yield Difference("$", "a whole stream", "TruncatedStream")
        if self.recording.chunks is not None:
            heard = [chunk for chunk in self.recording.chunks if "__exception__" not in chunk]
            yield from _one(difference(heard, played.chunks))
        read = played.chunks[: len(played.batches)]  # the last may have told of a fault
        yield from _one(difference(read, self._encoded(played.batches)))
        yield from _said_after_the_end(played.batches)
        if self.recording.stream is not None:
            yield from self._cut_anywhere(self.recording.stream, played)

    def _whole(self) -> list[bytes]:
        return [] if self.recording.stream is None else [self.recording.stream]

    def _play(self, pieces: Iterable[bytes]) -> _Played:
        """The stream, as it would be read off the network in these pieces."""
        played = _Played()
        decoder = self.opener.stream_decoder(self.codec, self.facts)
        try:
            for chunk in _chunks(self.recording, self.opener, pieces):
                played.chunks.append(chunk)
                played.batches.append(decoder.feed(chunk))
            decoder.finish()
        except (AnswerError, ProviderError) as fault:
            played.fault = fault
        return played

    def _encoded(self, batches: Iterable[Batch]) -> list[Json]:
        context = StreamContext(id="", model=self.recording.model_id, created=0)
        encoder = self.opener.stream_encoder(self.codec, self.facts, context)
        return [chunk for batch in batches for chunk in encoder.encode(batch)]

    def _cut_anywhere(self, data: bytes, whole: _Played) -> _Found:
        """Bytes are only ever seen by the frame decoder, so the many cuts in two are compared
        behind it."""
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
        decoder = self.opener.frame_decoder()
        frames = [frame for piece in pieces for frame in decoder.feed(piece)]
        try:
            decoder.finish()
        except TruncatedStream:
            frames.append(None)
        return frames

    # ── meaning ───────────────────────────────────────────────────────────────────────────────────

    def _meaning(self) -> _Found:
        recording = self.recording
        if recording.request_body is not None:
            yield from self._understood_request(recording.request_body)
        if recording.status < 400 and recording.response_body is not None:
            yield from self._understood_answer(recording.response_body)
        if recording.stream is not None or recording.chunks is not None:
            yield from self._understood_stream()

    def _understood_request(self, body: Json) -> _Found:
        try:
            request = self.codec.decode_request(body, self.facts)
        except MalformedRequest:
            return  # the law of requests says so
        if not self._is_body_at_fault:
            yield from leftovers(request, self.codec.documented, "request")
            yield from unread(body, [request], self._borders)

    def _understood_answer(self, body: Json) -> _Found:
        native, headers = self.opener.native(body), self.recording.response_headers
        completion = self.opener.open_answer(self.codec, self.facts, body, headers)
        yield from leftovers(completion, self._documented_in_answers, "response")
        yield from unread(native, [completion], self._borders)
        yield from _unknown_stop(completion)
        billed = self.opener.billed(headers, ())
        yield from miscounted(billed, completion.usage)
        yield from misplaced(billed, self.codec.decode_response(native, self.facts).usage)

    def _understood_stream(self) -> _Found:
        played = self._play(self._whole())
        completion = _added_up(played.events())
        yield from leftovers(played.batches, self._documented_in_answers, "stream")
        yield from leftovers(completion, self._documented_in_answers, "stream")
        natives = [self.opener.native(chunk) for chunk in played.chunks]
        yield from unread(natives, [completion, *_tool_inputs(played.events())], self._borders)
        yield from _unknown_stop(completion)
        billed = self.opener.billed({}, played.chunks)
        yield from miscounted(billed, completion.usage)
        told = _added_up(event for event in played.events() if not isinstance(event, MetricsUpdate))
        yield from misplaced(billed, told.usage)


@frozen
class _Refusal:
    """What the provider said in place of an answer, or in the middle of one. It needs no codec."""

    recording: Recording
    opener: RecordingFormat

    def law(self) -> Callable[[], _Found] | None:
        is_refused = self.recording.status >= 400
        has_exception = any("__exception__" in chunk for chunk in self.recording.chunks or ())
        return self._classified if is_refused or has_exception else None

    def _classified(self) -> _Found:
        error = (
            self.opener.error_of(self.recording)
            if self.recording.status >= 400
            else self._exception_in_stream()
        )
        if error is None or type(error) is ProviderError:
            yield Difference("$", "a class of its own", type(error).__name__)

    def _exception_in_stream(self) -> ProviderError | None:
        try:
            for _ in _chunks(self.recording, self.opener, [self.recording.stream or b""]):
                pass
        except ProviderError as error:
            return error
        return None


def _chunks(
    recording: Recording, opener: RecordingFormat, pieces: Iterable[bytes]
) -> Iterator[Json]:
    """The chunks in the bytes, read in these pieces; where the bytes were not kept, those that
    somebody decoded."""
    if recording.stream is None:
        for chunk in recording.chunks or ():
            if isinstance(chunk, dict) and "__exception__" in chunk:
                raise opener.exception_of(chunk)
            yield chunk
        return
    frames = opener.frame_decoder()
    for piece in pieces:
        for frame in frames.feed(piece):
            yield opener.chunk_of(frame)
    frames.finish()


class _Played:
    """What came of a stream before it ended or failed."""

    def __init__(self) -> None:
        self.chunks: list[Json] = []
        self.batches: list[Batch] = []
        self.fault: AxonFlowError | None = None

    def events(self) -> Iterator[StreamEvent]:
        for batch in self.batches:
            yield from batch

    def is_same(self, other: _Played) -> bool:
        return self.batches == other.batches and type(self.fault) is type(other.fault)


def _one(found: Difference | None) -> _Found:
    if found is not None:
        yield found


def _added_up(events: Iterable[StreamEvent]) -> Completion:
    assembler = Assembler()
    for event in events:
        assembler.add(event)
    return assembler.completion


def _tool_inputs(events: Iterable[StreamEvent]) -> list[str]:
    """What each tool is called with as it was written: a piece of a stream may cut it anywhere."""
    inputs: dict[int, str] = {}
    for event in events:
        if isinstance(event, ToolInputDelta):
            inputs[event.index] = inputs.get(event.index, "") + event.json
    return list(inputs.values())


def _said_after_the_end(batches: Sequence[Batch]) -> _Found:
    ended = next((number for number, batch in enumerate(batches) if Ended() in batch), len(batches))
    for number, batch in enumerate(batches[ended + 1 :], start=ended + 1):
        if any(isinstance(event, TextDelta | ToolInputDelta) for event in batch):
            yield Difference(f"$[{number}]", "nothing more", "content behind the last word")


def _unknown_stop(completion: Completion) -> _Found:
    native = completion.native_stop_reason
    if completion.stop_reason is StopReason.OTHER and native in KNOWN_STOPS:
        yield Difference("$.stop_reason", f"a meaning for {native}", "other")


def _cuts(size: int, draw: random.Random) -> Sequence[int]:
    if size <= ALL_SPLITS_BYTES:
        return range(1, size)
    return sorted(draw.sample(range(1, size), SEEDED_SPLITS))


def _bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def _random_pieces(data: bytes, draw: random.Random) -> Iterator[tuple[str, list[bytes]]]:
    for number in range(SEEDED_CHUNKINGS if len(data) > 1 else 0):
        cuts = sorted(draw.sample(range(1, len(data)), min(len(data) - 1, draw.randint(1, 40))))
        yield (
            f"seeded chunking {number}",
            [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)],
        )
