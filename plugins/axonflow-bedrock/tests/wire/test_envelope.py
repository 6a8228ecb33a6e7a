"""The members that Bedrock adds to every family's JSON: read for any codec, written for any
codec."""

from __future__ import annotations

import pytest

from axonflow_bedrock.families import anthropic, llama, mistral, nova, titan, writer
from axonflow_bedrock.wire.envelope import (
    ACTION,
    METRICS,
    TRACE,
    EnvelopeDecoder,
    EnvelopeEncoder,
    close_answer,
    headers_of,
    open_answer,
)
from axonflow_bedrock.wire.eventstream import NO_CHUNK
from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.errors import DecodeError, TruncatedStream
from axonflow_core.messages import Json, StopReason, Usage
from axonflow_core.stream import Ended, Extra, MetricsUpdate, Stopped, assemble

FACTS = ModelFacts()
LLAMA = llama.CODECS[0]
CONTEXT = StreamContext("id", "model", 0)


def chunks_come_back(codec: object, chunks: list[Json]) -> bool:
    decoder = EnvelopeDecoder(codec, FACTS)  # type: ignore[arg-type]
    encoder = EnvelopeEncoder(codec, CONTEXT, FACTS)  # type: ignore[arg-type]
    back = [written for chunk in chunks for written in encoder.encode(decoder.feed(chunk))]
    return [without_nulls(chunk) for chunk in back] == [without_nulls(chunk) for chunk in chunks]


def without_nulls(native: Json) -> Json:
    if isinstance(native, list):
        return [without_nulls(item) for item in native]
    if isinstance(native, dict):
        return {key: without_nulls(value) for key, value in native.items() if value is not None}
    return native


def test_the_counts_of_an_answer_come_from_the_headers_where_the_body_has_none() -> None:
    headers = {"x-amzn-bedrock-input-token-count": "6", "x-amzn-bedrock-output-token-count": "10"}
    body = {"generation": "Hello", "stop_reason": "stop"}
    completion = open_answer(
        LLAMA, body, FACTS, {**headers, "x-amzn-bedrock-invocation-latency": "219"}
    )
    assert (
        completion.usage.input_tokens,
        completion.usage.output_tokens,
        completion.latency_ms,
    ) == (6, 10, 219)
    assert headers_of(completion) == {**headers, "x-amzn-bedrock-invocation-latency": "219"}


def test_the_metrics_of_a_stream_replace_the_models_own_counts() -> None:
    # Recorded with Claude 3.5 Sonnet: a tool call whose message_delta says 130 and whose metrics
    # say 98.
    chunks = [
        {
            "type": "message_start",
            "message": {"id": "m", "usage": {"input_tokens": 702, "output_tokens": 1}},
        },
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"output_tokens": 130},
        },
        {
            "type": "message_stop",
            METRICS: {"inputTokenCount": 702, "outputTokenCount": 98, "invocationLatency": 3042},
        },
    ]
    decoder = EnvelopeDecoder(anthropic.CODEC, FACTS)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    completion = assemble(events)
    assert (completion.usage.output_tokens, completion.latency_ms) == (98, 3042)
    assert events[-1] == Ended(), "whoever waits for the last word has heard the metrics"


def test_the_counts_of_metrics_are_kept_apart_from_those_of_the_family_on_the_way_back() -> None:
    last = {
        "generation": "",
        "prompt_token_count": None,
        "generation_token_count": 3,
        "stop_reason": "stop",
    }
    metrics = {
        "inputTokenCount": 5,
        "outputTokenCount": 4,
        "invocationLatency": 9,
        "firstByteLatency": 2,
        "new": 1,
    }
    assert chunks_come_back(LLAMA, [{**last, METRICS: metrics}])


@pytest.mark.parametrize(
    ("codec", "chunk"),
    [
        (
            titan.CODEC,
            {
                "outputText": "No.",
                "index": 0.0,
                "totalOutputTextTokenCount": 3.0,
                "inputTextTokenCount": 6.0,
            },
        ),
        (LLAMA, {"generation": "No."}),
        (mistral.PROMPT, {"outputs": [{"text": "No."}]}),
    ],
    ids=["titan", "llama", "mistral"],
)
def test_a_stream_that_a_guardrail_blocked_is_whole(codec: object, chunk: Json) -> None:
    blocked = {**chunk, ACTION: "INTERVENED", TRACE: {"guardrail": {}}}
    decoder = EnvelopeDecoder(codec, FACTS)  # type: ignore[arg-type]
    completion = assemble(decoder.feed(blocked))
    decoder.finish()
    assert completion.stop_reason is StopReason.GUARDRAIL
    assert completion.guardrail is not None and completion.guardrail.has_intervened
    assert chunks_come_back(codec, [blocked])


def test_a_masked_chunk_in_mid_stream_is_not_taken_for_the_end() -> None:
    decoder = EnvelopeDecoder(titan.CODEC, FACTS)
    decoder.feed({"outputText": "My number is {Number}", "index": 0.0, ACTION: "INTERVENED"})
    with pytest.raises(TruncatedStream) as caught:
        decoder.finish()
    assert caught.value.partial_text == "My number is {Number}"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, StopReason.GUARDRAIL),
        ({METRICS: {"inputTokenCount": 30, "outputTokenCount": 55}}, StopReason.END_TURN),
    ],
    ids=["unbilled", "billed"],
)
def test_an_answer_that_nobody_is_billed_for_is_the_guardrail_s_own(
    members: Json, reason: StopReason
) -> None:
    decoder = EnvelopeDecoder(nova.CODEC, FACTS)
    chunks: list[Json] = [
        {"messageStart": {"role": "assistant"}},
        {
            "contentBlockDelta": {"delta": {"text": "No."}, "contentBlockIndex": 0},
            ACTION: "INTERVENED",
        },
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {}, "metrics": {}, "trace": {}}, **members},
    ]

    events = [event for chunk in chunks for event in decoder.feed(chunk)]

    decoder.finish()
    assert assemble(events).stop_reason is reason
    assert events[-1] == Ended()


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"x-amzn-requestid": "1"}, StopReason.GUARDRAIL),
        ({"x-amzn-bedrock-output-token-count": "9"}, StopReason.END_TURN),
        ({}, StopReason.END_TURN),
    ],
    ids=["unbilled", "billed", "nobody kept the headers"],
)
def test_a_whole_answer_without_counts_is_the_guardrail_s_own(
    headers: dict[str, str], reason: StopReason
) -> None:
    body = {"outputs": [{"text": "No.", "stop_reason": "stop"}], ACTION: "INTERVENED"}

    assert open_answer(mistral.PROMPT, body, FACTS, headers).stop_reason is reason


def test_a_blocked_whole_answer_comes_back_without_the_reason_it_never_had() -> None:
    body = {"generation": "Blocked.", ACTION: "INTERVENED"}
    completion = open_answer(LLAMA, body, FACTS)
    assert completion.stop_reason is StopReason.GUARDRAIL
    assert close_answer(LLAMA, completion, FACTS) == body


def test_metrics_in_a_chunk_of_their_own_are_heard() -> None:
    decoder = EnvelopeDecoder(LLAMA, FACTS)
    events = decoder.feed({"generation": "Hi", "stop_reason": "stop"})
    events += decoder.feed({METRICS: {"outputTokenCount": 7}})
    assert assemble(events).usage.output_tokens == 7


def test_metrics_go_into_the_last_chunk_that_is_an_object() -> None:
    encoder = EnvelopeEncoder(writer.CODEC, CONTEXT, FACTS)

    *_, told, last = encoder.encode(
        (Stopped(StopReason.END_TURN), MetricsUpdate(Usage(1, 2)), Ended())
    )

    assert told[METRICS] == {"inputTokenCount": 1, "outputTokenCount": 2}
    assert last == "[DONE]"


def test_metrics_beside_a_bare_string_have_a_chunk_of_their_own() -> None:
    encoder = EnvelopeEncoder(writer.CODEC, CONTEXT, FACTS)

    chunks = encoder.encode((MetricsUpdate(Usage(1, 2)), Ended()))

    assert chunks == [{METRICS: {"inputTokenCount": 1, "outputTokenCount": 2}}, "[DONE]"]


def test_a_stopped_stream_that_is_billed_is_whole_whatever_its_family_says_last() -> None:
    stopped = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    billed, unbilled = EnvelopeDecoder(writer.CODEC, FACTS), EnvelopeDecoder(writer.CODEC, FACTS)

    assert billed.feed({**stopped, METRICS: {"outputTokenCount": 2}})[-1] == Ended()
    unbilled.feed(stopped)

    billed.finish()
    with pytest.raises(TruncatedStream):
        unbilled.finish()


def test_an_answer_that_is_no_object_is_a_decode_error() -> None:
    with pytest.raises(DecodeError, match="llama/llama2"):
        open_answer(LLAMA, ["generation"], FACTS)


def test_an_event_of_a_kind_that_is_not_known_is_no_part_of_the_answer() -> None:
    chunks: list[Json] = [
        {"generation": "Hi", "stop_reason": None},
        {"generation": "", "stop_reason": "stop", METRICS: {"outputTokenCount": 1}},
    ]
    plain, interspersed = EnvelopeDecoder(LLAMA, FACTS), EnvelopeDecoder(LLAMA, FACTS)

    expected = [plain.feed(chunk) for chunk in chunks]
    read = [interspersed.feed(one) for chunk in chunks for one in (NO_CHUNK, chunk, NO_CHUNK)]

    assert [batch for batch in read if batch] == expected
    interspersed.finish()


COUNT, LATENCY = "x-amzn-bedrock-input-token-count", "x-amzn-bedrock-invocation-latency"


@pytest.mark.parametrize("word", ["", "abc", "-1", "5.5", "nan", "inf", "9" * 5000])
def test_a_header_that_is_no_number_says_nothing(word: str) -> None:
    body = {"generation": "Hello", "prompt_token_count": 6, "stop_reason": "stop"}

    read = open_answer(LLAMA, body, FACTS, {COUNT: word})

    assert (read.text, read.usage.input_tokens) == ("Hello", 6)


@pytest.mark.parametrize("word", ["", "abc", "-1", "nan", "inf", "1e400", "9" * 5000])
def test_a_latency_that_is_none_is_unknown(word: str) -> None:
    read = open_answer(LLAMA, {"generation": "Hello"}, FACTS, {LATENCY: word})

    assert (read.text, read.latency_ms) == ("Hello", None)


ODD_METRICS: list[Json] = [
    *(0, "text", [1], True, 5.5),
    {"inputTokenCount": "6", "invocationLatency": [1], "firstByteLatency": -1, "new": 1},
]


@pytest.mark.parametrize("odd", ODD_METRICS, ids=range(6))
def test_odd_metrics_lose_no_text_and_come_back(odd: Json) -> None:
    chunks = [{"generation": "x", METRICS: odd}, {"generation": "y", "stop_reason": "stop"}]
    decoder = EnvelopeDecoder(LLAMA, FACTS)

    read = assemble(event for chunk in chunks for event in decoder.feed(chunk))

    assert (read.text, read.usage.input_tokens, read.latency_ms) == ("xy", None, None)
    assert chunks_come_back(LLAMA, chunks)


@pytest.mark.parametrize("odd", [5, ["INTERVENED"], {}], ids=str)
def test_a_guardrail_whose_action_is_no_word_is_refused(odd: Json) -> None:
    with pytest.raises(DecodeError, match=r"Guardrail\.action takes text"):
        open_answer(LLAMA, {"generation": "Hello", ACTION: odd}, FACTS)
    with pytest.raises(DecodeError, match=r"Guardrail\.action takes text"):
        EnvelopeDecoder(LLAMA, FACTS).feed({"generation": "Hello", ACTION: odd})


def test_metrics_come_before_the_end_whatever_else_is_new_in_the_last_chunk() -> None:
    decoder = EnvelopeDecoder(anthropic.CODEC, FACTS)

    batch = decoder.feed({"type": "message_stop", "new": 1, METRICS: {"outputTokenCount": 2}})

    kinds = [type(event) for event in batch]
    assert kinds.index(MetricsUpdate) < kinds.index(Ended) < kinds.index(Extra)
