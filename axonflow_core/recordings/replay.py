"""Recorded traffic, replayed through the codecs.

A recording is checked against five laws; `skip` means that the recording lacks that side, and
nothing else.

    request    decoding and encoding gives the same body
    response   likewise
    stream     the chunks decode, assemble and encode to the same; the bytes may be cut anywhere
    meaning    content is in typed fields, the family's own counts are the billed ones, every stop
               reason is known
    error      a refusal decodes to a specific error class

A body that both halves of a codec misread in the same way passes the first three laws. So `meaning`
compares with other sources: the codec's table of documented keys, the texts of the native body, the
counts that the provider sent next to it.

This module needs no Hypothesis: cuts of a stream are drawn from the name of the case, so a run that
fails fails again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.errors import (
    AnswerError,
    AxonFlowError,
    EncodeError,
    InvalidCall,
    MalformedRequest,
    ProviderError,
    TruncatedStream,
)
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import Completion, Json, StopReason, Usage
from axonflow_core.stream import (
    Assembler,
    Batch,
    MetricsUpdate,
    StreamEvent,
    ToolInputDelta,
)

from .billing import disagreeing, miscounted
from .json_equality import Difference, difference
from .meaning import leftovers, unread
from .recording import Recording
from .recording_format import RecordingFormat
from .results import CaseResult

ALL_SPLITS_BYTES = 16 * 1024
"""A stream of up to this many bytes is cut in two at every byte, a longer one at `SEEDED_SPLITS`
places."""
SEEDED_SPLITS = 500
"""How many places a long stream is cut at, drawn from the name of the case."""
SEEDED_CHUNKINGS = 50
"""How many random cuttings into many pieces are tried."""

KNOWN_STOPS = frozenset(
    # Claude's and Converse's names
    "end_turn max_tokens stop_sequence tool_use pause_turn refusal content_filtered "
    "model_context_window_exceeded guardrail_intervened malformed_tool_use malformed_model_output "
    # OpenAI's chat JSON; J2 (`endoftext`) and Text Generation Inference (`eos_token`)
    "stop length tool_calls content_filter endoftext eos_token "
    # Cohere, in either case
    "COMPLETE MAX_TOKENS TOOL_CALL STOP_SEQUENCE ERROR_TOXIC ERROR_LIMIT "
    "complete error_toxic error_limit "
    # Titan
    "FINISH FINISHED LENGTH STOP_CRITERIA_MET CONTENT_FILTERED RAG_QUERY_WHEN_RAG_DISABLED".split()
)
"""Stop reasons that are documented for some family, November 2026. None may be decoded as OTHER."""

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
        # A chunk that raised has no batch; what was decoded before it must still encode to itself.
        read = played.chunks[: len(played.batches)]  # the last chunk may have raised
        yield from _one(difference(read, self._encoded(played.batches)))
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
            # Every cut in two finds a decoder that forgets its state once; finer cuts find one that
            # forgets it twice.
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
        # Decoded once more without the provider's counts, to compare the family's own with them.
        own = self.codec.decode_response(native, self.facts)
        yield from self._wrong_counts(billed, completion, own, is_streamed=False)

    def _wrong_counts(
        self, billed: Usage, completion: Completion, own: Completion, *, is_streamed: bool
    ) -> _Found:
        """Counts of the answer that are not the billed ones, else those of the family's own."""
        if found := [*miscounted(billed, completion.usage)]:
            return iter(found)
        excepted = self.format.counted_otherwise(self.codec, own, is_streamed=is_streamed)
        return disagreeing(billed, own.usage, excepted)

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
        own = _assembled(event for event in played.events() if not isinstance(event, MetricsUpdate))
        yield from self._wrong_counts(billed, completion, own, is_streamed=True)


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
