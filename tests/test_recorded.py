"""The runner of recorded traffic, on a wire of its own: does it pass what is right and catch what
is wrong?

The recordings are made here, out of the toy codec and a wire whose frames are lines of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, field, frozen
from toy import PROMPT

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.errors import (
    InvalidCall,
    ProviderError,
    RequestError,
    Throttled,
    TruncatedStream,
)
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Json,
    StopReason,
    Text,
    Usage,
    user,
)
from axonflow_core.recordings.replay import ALL_SPLITS_BYTES, SEEDED_SPLITS
from axonflow_core.recordings.results import CaseResult
from axonflow_core.stream import (
    Batch,
    Ended,
    Extra,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    UsageUpdate,
)
from axonflow_core.testing import Recording, Tally, check_recording, read_recordings

FACTS = ModelFacts()
ANSWER = "The town has three rivers, and all of them are shallow."


# ── a wire ────────────────────────────────────────────────────────────────────────────────────────


class Lines:
    """A frame is a line."""

    def __init__(self) -> None:
        self.left = b""

    def feed(self, data: bytes) -> list[bytes]:
        *lines, self.left = (self.left + data).split(b"\n")
        return lines

    def finish(self) -> None:
        if self.left:
            raise TruncatedStream("in the middle of a line")


class ForgetfulLines(Lines):
    """Forgets what was left over from the read before."""

    def feed(self, data: bytes) -> list[bytes]:
        self.left = b""
        return super().feed(data)


@frozen
class LineFormat:
    codec: FamilyCodec | None = PROMPT
    frames: Callable[[], Lines] = Lines
    error: ProviderError = field(factory=lambda: Throttled("slower"))
    otherwise: frozenset[str] = frozenset()

    def why_unreadable(self, recording: Recording) -> str | None:
        return "nobody answered" if recording.status >= 400 else None

    def unary_for(self, recording: Recording) -> None:
        return None

    def codec_for(self, recording: Recording) -> tuple[FamilyCodec, ModelFacts] | None:
        return None if self.codec is None else (self.codec, FACTS)

    def native(self, body: Json) -> Json:
        return body

    def open_answer(
        self, codec: FamilyCodec, facts: ModelFacts, body: Json, headers: Mapping[str, str]
    ) -> Completion:
        return codec.decode_response(body, facts)

    def close_answer(self, codec: FamilyCodec, facts: ModelFacts, completion: Completion) -> Json:
        return codec.encode_response(completion, facts)

    def billed(self, headers: Mapping[str, str], chunks: Sequence[Json]) -> Usage:
        return Usage(int(headers["tokens-in"]), int(headers["tokens-out"])) if headers else Usage()

    def counted_otherwise(
        self, codec: FamilyCodec, answer: Completion, *, is_streamed: bool
    ) -> frozenset[str]:
        return self.otherwise

    def frame_decoder(self) -> Lines:
        return self.frames()

    def chunk_of(self, frame: bytes) -> Json:
        chunk = json.loads(frame)
        if "__exception__" in chunk:
            raise self.error
        return chunk

    def stream_decoder(self, codec: FamilyCodec, facts: ModelFacts) -> Any:
        return codec.stream_decoder(facts)

    def stream_encoder(self, codec: FamilyCodec, facts: ModelFacts, context: StreamContext) -> Any:
        return codec.stream_encoder(context, facts)

    def is_last(self, chunk: Json) -> bool:
        return "stop_reason" in chunk

    def exception_of(self, chunk: Json) -> ProviderError:
        return self.error

    def error_of(self, recording: Recording) -> ProviderError:
        return self.error


def in_lines(chunks: Sequence[Json]) -> bytes:
    return b"".join(json.dumps(chunk).encode() + b"\n" for chunk in chunks)


def chunks_of(*texts: str) -> list[Json]:
    encoder = PROMPT.stream_encoder(StreamContext("", "", 0), FACTS)
    last: Batch = (UsageUpdate(Usage(7, 13)), Stopped(StopReason.END_TURN, "stop"), Ended())
    batches: list[Batch] = [(Started(), TextDelta(text)) for text in texts]
    return [
        chunk for batch in (*batches[:-1], (*batches[-1], *last)) for chunk in encoder.encode(batch)
    ]


CHUNKS = chunks_of("The town has ", "three rivers.")
ASKED = Recording(
    case="zoo/asked",
    operation="Invoke",
    model_id="m",
    status=200,
    request_body=PROMPT.encode_request(
        CompletionRequest((user("How many rivers has the town?"),)), FACTS
    ),
    response_body=PROMPT.encode_response(
        Completion((Text(ANSWER),), StopReason.END_TURN, Usage(7, 13), native_stop_reason="stop"),
        FACTS,
    ),
    response_headers={"tokens-in": "7", "tokens-out": "13"},
)
STREAMED = evolve(
    ASKED, case="zoo/streamed", response_body=None, stream=in_lines(CHUNKS), chunks=CHUNKS
)
REFUSED = Recording(
    case="zoo/refused",
    operation="Invoke",
    model_id="m",
    status=429,
    response_body={"message": "no"},
)


def outcomes(result: CaseResult) -> dict[str, str]:
    """Law -> pass, fail or skip."""
    tally = Tally()
    tally.add(result)
    counts = {law: counts for law, counts in tally.laws().items() if law != "unsupported"}
    return {
        law: outcome for law, each in counts.items() for outcome, count in each.items() if count
    }


def failures(result: CaseResult) -> list[tuple[str, str]]:
    """Law and path of everything that is wrong."""
    return [(law, found.path) for law, each in result.differences.items() for found in each or ()]


def decodes(codec: FamilyCodec, change: Callable[[Completion], Completion]) -> FamilyCodec:
    return evolve(
        codec, decode_response=lambda body, facts: change(codec.decode_response(body, facts))
    )


def hears(
    codec: FamilyCodec, change: Callable[[StreamEvent], Sequence[StreamEvent]]
) -> FamilyCodec:
    class Changed:
        def __init__(self, facts: ModelFacts) -> None:
            self.chunks = codec.stream_decoder(facts)

        def feed(self, chunk: Json) -> Batch:
            return tuple(new for event in self.chunks.feed(chunk) for new in change(event))

    return evolve(codec, stream_decoder=Changed)


# ── what is right passes ──────────────────────────────────────────────────────────────────────────


def test_a_good_answer_passes_and_what_it_lacks_is_skipped() -> None:
    result = check_recording(ASKED, LineFormat())

    expected = {
        "request": "pass",
        "response": "pass",
        "stream": "skip",
        "meaning": "pass",
        "error": "skip",
    }
    assert outcomes(result) == expected


def test_a_good_stream_passes() -> None:
    result = check_recording(STREAMED, LineFormat())

    assert failures(result) == []
    assert outcomes(result)["stream"] == "pass"
    assert not result.is_truncated


def test_chunks_without_their_bytes_are_checked_as_chunks() -> None:
    result = check_recording(evolve(STREAMED, stream=None), LineFormat())

    assert outcomes(result)["stream"] == "pass"


def test_a_long_stream_passes_too() -> None:
    chunks = chunks_of(*["word " * 20] * 200)
    data = in_lines(chunks)

    result = check_recording(evolve(STREAMED, stream=data, chunks=chunks), LineFormat())

    assert len(data) > ALL_SPLITS_BYTES > SEEDED_SPLITS
    assert failures(result) == []


def test_a_refusal_passes_when_it_has_a_class_of_its_own() -> None:
    result = check_recording(REFUSED, LineFormat())

    assert outcomes(result) == {
        "request": "skip",
        "response": "skip",
        "stream": "skip",
        "meaning": "skip",
        "error": "pass",
    }


@pytest.mark.parametrize("status", [400, 403, 429])
def test_a_body_that_nobody_answered_may_be_undecodable(status: int) -> None:
    malformed = evolve(REFUSED, status=status, request_body={"trns": []})

    assert outcomes(check_recording(malformed, LineFormat()))["request"] == "pass"
    assert (
        outcomes(check_recording(evolve(malformed, status=200), LineFormat()))["request"] == "fail"
    )


def test_a_limit_that_was_not_sent_is_not_added() -> None:
    eager = evolve(PROMPT, default_max_tokens=512)

    assert outcomes(check_recording(ASKED, LineFormat(eager)))["request"] == "pass"


def test_an_exception_in_a_stream_counts_as_an_error() -> None:
    broken_off = [CHUNKS[0], {"__exception__": "throttlingException", "message": "slower"}]

    result = check_recording(
        evolve(STREAMED, stream=in_lines(broken_off), chunks=broken_off), LineFormat()
    )

    assert (outcomes(result)["stream"], outcomes(result)["error"]) == ("pass", "pass")


def test_a_recording_that_was_cut_passes_and_is_listed() -> None:
    cut = evolve(STREAMED, stream=in_lines(CHUNKS[:1]), chunks=CHUNKS[:1])
    tally = Tally()

    tally.add(check_recording(cut, LineFormat()))

    assert tally.as_json()["laws"]["stream"] == {"pass": 1, "fail": 0, "skip": 0}
    assert tally.as_json()["truncated"] == ["zoo/streamed"]


def test_a_recording_that_was_cut_in_the_middle_of_a_frame_is_listed_too() -> None:
    cut = evolve(STREAMED, stream=in_lines(CHUNKS[:1])[:-9], chunks=None)

    assert check_recording(cut, LineFormat()).is_truncated


# ── what is wrong is caught ───────────────────────────────────────────────────────────────────────


def test_a_lost_field_fails_the_round_trip_and_nothing_else() -> None:
    strange = evolve(ASKED, response_body={**ASKED.response_body, "x_new": 1})
    forgetful = decodes(PROMPT, lambda completion: evolve(completion, extra={}))

    assert failures(check_recording(strange, LineFormat(forgetful))) == [("response", "$.x_new")]
    assert failures(check_recording(strange, LineFormat())) == []


def test_a_wrong_count_fails_meaning() -> None:
    billed = evolve(ASKED, response_headers={"tokens-in": "8", "tokens-out": "13"})

    assert failures(check_recording(billed, LineFormat())) == [("meaning", "$.usage.input_tokens")]


def billing() -> LineFormat:
    """A format whose answers have the billed counts, as Bedrock's have: they replace the model's
    own."""

    class Billing(LineFormat):
        def open_answer(
            self, codec: FamilyCodec, facts: ModelFacts, body: Json, headers: Mapping[str, str]
        ) -> Completion:
            completion = super().open_answer(codec, facts, body, headers)
            return evolve(completion, usage=self.billed(headers, ()) if headers else Usage(7, 13))

    return Billing()


def test_a_count_of_the_familys_own_that_is_not_the_bill_fails_meaning() -> None:
    off_by_seven = evolve(ASKED, response_headers={"tokens-in": "14", "tokens-out": "13"})

    assert failures(check_recording(off_by_seven, billing())) == [
        ("meaning", "$.usage.input_tokens")
    ]


def test_a_count_that_is_known_to_differ_may_do_so() -> None:
    off_by_seven = evolve(ASKED, response_headers={"tokens-in": "14", "tokens-out": "13"})
    known = evolve(billing(), otherwise=frozenset({"input_tokens"}))

    assert failures(check_recording(off_by_seven, known)) == []


def test_a_count_that_is_known_to_differ_may_not_be_that_of_another_field() -> None:
    swapped = evolve(ASKED, response_headers={"tokens-in": "13", "tokens-out": "7"})
    known = evolve(billing(), otherwise=frozenset({"input_tokens", "output_tokens"}))

    assert ("meaning", "$.usage.input_tokens") in failures(check_recording(swapped, known))


def test_swapped_counts_fail_meaning_even_where_the_headers_are_right() -> None:
    def swapped(completion: Completion) -> Completion:
        usage = completion.usage
        return evolve(completion, usage=Usage(usage.output_tokens, usage.input_tokens))

    found = failures(check_recording(ASKED, LineFormat(decodes(PROMPT, swapped))))

    assert ("meaning", "$.usage.input_tokens") in found


def test_a_documented_stop_reason_that_becomes_other_fails_meaning() -> None:
    other = decodes(PROMPT, lambda completion: evolve(completion, stop_reason=StopReason.OTHER))

    assert ("meaning", "$.stop_reason") in failures(check_recording(ASKED, LineFormat(other)))


def test_a_codec_that_passes_everything_through_fails_meaning_alone() -> None:
    class Chunks:
        def feed(self, chunk: Json) -> Batch:
            return (Extra(chunk), *([Ended()] if "stop_reason" in chunk else []))

        def encode(self, batch: Batch) -> list[Json]:
            return [event.members for event in batch if isinstance(event, Extra)]

    lazy = evolve(
        PROMPT,
        decode_request=lambda body, facts: CompletionRequest((), extra=body),
        encode_request=lambda request, facts: request.extra,
        decode_response=lambda body, facts: Completion((), None, Usage(7, 13), extra=body),
        encode_response=lambda completion, facts: completion.extra,
        stream_decoder=lambda facts: Chunks(),
        stream_encoder=lambda context, facts: Chunks(),
    )

    for recording in (ASKED, STREAMED):
        assert {law for law, _ in failures(check_recording(recording, LineFormat(lazy)))} == {
            "meaning"
        }


def test_a_codec_that_hides_its_pass_through_from_its_own_table_is_found_by_the_text() -> None:
    lazy = evolve(
        decodes(
            PROMPT, lambda completion: evolve(completion, content=(), extra={"x": completion.text})
        ),
        documented=frozenset(),
    )

    assert ("meaning", "$.text") in failures(check_recording(ASKED, LineFormat(lazy)))


def test_bytes_that_may_not_be_cut_anywhere_fail_stream() -> None:
    result = check_recording(STREAMED, LineFormat(frames=ForgetfulLines))

    assert failures(result) == [("stream", "$bytes[1]")]


def test_chunks_that_are_not_those_that_others_decoded_fail_stream() -> None:
    misheard = evolve(STREAMED, chunks=chunks_of("The town has ", "four rivers."))

    assert failures(check_recording(misheard, LineFormat())) == [("stream", "$[1].text")]


def test_a_whole_stream_that_counts_as_cut_fails_stream() -> None:
    endless = hears(PROMPT, lambda event: [] if isinstance(event, Ended) else [event])

    assert ("stream", "$") in failures(check_recording(STREAMED, LineFormat(endless)))


def test_content_behind_the_last_word_fails_stream() -> None:
    hasty = hears(
        PROMPT, lambda event: [event, Ended()] if isinstance(event, TextDelta) else [event]
    )

    assert ("stream", "$") in failures(check_recording(STREAMED, LineFormat(hasty)))


def test_usage_lost_in_a_stream_fails_the_round_trip() -> None:
    forgetful = hears(PROMPT, lambda event: [] if isinstance(event, UsageUpdate) else [event])

    (law, path), *_ = failures(check_recording(STREAMED, LineFormat(forgetful)))

    assert (law, path) == ("stream", "$[1].input_tokens")


def test_a_codec_that_stumbles_fails_and_the_other_cases_go_on() -> None:
    def stumble(body: Json, facts: ModelFacts) -> Completion:
        raise ZeroDivisionError

    result = check_recording(ASKED, LineFormat(evolve(PROMPT, decode_response=stumble)))

    assert (outcomes(result)["request"], outcomes(result)["response"]) == ("pass", "fail")


def test_a_refusal_that_nobody_classified_fails_error() -> None:
    assert failures(check_recording(REFUSED, LineFormat(error=ProviderError("hm")))) == [
        ("error", "$")
    ]
    assert failures(check_recording(REFUSED, LineFormat(error=InvalidCall("hm")))) == []


def test_a_model_without_a_codec_is_unsupported_and_its_refusals_are_still_checked() -> None:
    tally = Tally()

    for recording in (ASKED, REFUSED):
        tally.add(check_recording(recording, LineFormat(codec=None)))

    assert tally.laws()["unsupported"] == {"fail": 2}
    assert tally.laws()["error"] == {"pass": 1, "fail": 0, "skip": 1}
    assert tally.failures == []


def test_the_strict_count_blames_what_is_unsupported() -> None:
    tally = Tally()
    tally.add(check_recording(ASKED, LineFormat(codec=None)))

    tally.blame_unsupported()

    assert [(case, law) for case, law, _ in tally.failures] == [("zoo/asked", "unsupported")]


def test_nobody_is_blamed_for_what_says_nothing_and_the_reason_is_told() -> None:
    tally = Tally()
    tally.add(check_recording(REFUSED, LineFormat(codec=None)))

    tally.blame_unsupported()

    assert (tally.failures, tally.unsupported) == ([], {"zoo/refused": "nobody answered"})


# ── the report ────────────────────────────────────────────────────────────────────────────────────


def test_the_report_has_the_form_that_is_documented() -> None:
    tally = Tally()
    tally.add(
        check_recording(
            evolve(ASKED, response_headers={"tokens-in": "8", "tokens-out": "13"}), LineFormat()
        )
    )

    none = {"pass": 0, "fail": 0, "skip": 1}
    assert tally.as_json() == {
        "cases": 1,
        "laws": {
            "request": {"pass": 1, "fail": 0, "skip": 0},
            "response": {"pass": 1, "fail": 0, "skip": 0},
            "stream": none,
            "meaning": {"pass": 0, "fail": 1, "skip": 0},
            "error": none,
            "unsupported": {"fail": 0},
        },
        "failures": [
            {
                "case": "zoo/asked",
                "law": "meaning",
                "path": "$.usage.input_tokens",
                "expected": 8,
                "got": 7,
            }
        ],
        "unsupported": {},
        "truncated": [],
    }


def test_a_failure_quotes_no_more_than_fits_a_line() -> None:
    long = evolve(ASKED, response_body={**ASKED.response_body, "x_new": "very " * 1000})
    tally = Tally()

    tally.add(
        check_recording(
            long, LineFormat(decodes(PROMPT, lambda completion: evolve(completion, extra={})))
        )
    )

    (failure,) = tally.as_json()["failures"]
    assert len(failure["expected"]) <= 200


# ── files ─────────────────────────────────────────────────────────────────────────────────────────

LINE = {"name": "a", "operation": "Invoke", "model_id": "m", "status": 200}


def test_a_file_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "zoo.jsonl"
    streamed = {
        **LINE,
        "name": "b",
        "raw_eventstream_base64": b64encode(b"x").decode(),
        "response_headers": {"A": "1"},
    }
    path.write_text(f"{json.dumps(LINE)}\n\n{json.dumps(streamed)}\n")

    first, second = read_recordings(path)

    assert (first.case, second.case) == ("zoo/a", "zoo/b")
    assert (first.stream, second.stream, second.response_headers) == (None, b"x", {"a": "1"})


FAULTY = {
    "the line is not JSON": "{",
    "the recording has no 'model_id'": json.dumps(
        {key: LINE[key] for key in LINE if key != "model_id"}
    ),
    "the line is not a recording": "[]",
}


@pytest.mark.parametrize("said", FAULTY)
def test_a_faulty_line_is_named_with_its_number(said: str, tmp_path: Path) -> None:
    path = tmp_path / "zoo.jsonl"
    path.write_text(f"{json.dumps(LINE)}\n{FAULTY[said]}\n")

    with pytest.raises(RequestError) as fault:
        read_recordings(path)

    assert fault.value.message == f"{path}:2: {said}"


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "zoo.jsonl"
    path.write_text("\n")

    with pytest.raises(RequestError, match="contains no recordings"):
        read_recordings(path)


def test_the_runner_needs_no_hypothesis() -> None:
    code = (
        "import sys, axonflow_core.testing as t; t.check_recording, t.difference; "
        "print('hypothesis' in sys.modules)"
    )

    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert finished.stdout == "False\n"
