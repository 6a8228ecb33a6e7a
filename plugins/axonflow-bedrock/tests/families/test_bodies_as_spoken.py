"""Bodies as clients and services write them beside their documents: several answers in one body,
deltas of unknown kinds, parameters at another place. Nothing of them is lost unsaid."""

from __future__ import annotations

from typing import Any

import pytest

from axonflow_bedrock import converse
from axonflow_bedrock.families import anthropic, deepseek_r1, j2, mistral, nova, titan, writer
from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.errors import DecodeError
from axonflow_core.messages import Document, Json, Text
from axonflow_core.stream import Ended, Extra, StreamEvent, assemble

FACTS = ModelFacts()
CONVERSE = converse.CODEC
PROMPT_OF_WRITER = next(codec for codec in writer.CODECS if codec.variant == "prompt")


# ── several answers in one body ───────────────────────────────────────────────────────────────────


def j2_answer(*texts: str) -> Json:
    reason = {"reason": "endoftext"}
    completions = [{"data": {"text": text}, "finishReason": reason} for text in texts]
    return {"id": 1234, "prompt": {"text": "p"}, "completions": completions}


def titan_answer(*texts: str) -> Json:
    results = [
        {"tokenCount": 1, "outputText": text, "completionReason": "FINISH"} for text in texts
    ]
    return {"inputTextTokenCount": 1, "results": results}


def mistral_answer(*texts: str) -> Json:
    return {"outputs": [{"text": text, "stop_reason": "stop"} for text in texts]}


def r1_answer(*texts: str) -> Json:
    return {"choices": [{"text": f"Hm.</think>{text}", "stop_reason": "stop"} for text in texts]}


def writer_answer(*texts: str) -> Json:
    choices = [
        {"index": index, "text": text, "finish_reason": "stop"} for index, text in enumerate(texts)
    ]
    return {"object": "text_completion", "choices": choices}


SEVERAL = [
    (j2.CODEC, j2_answer, "completions"),
    (titan.CODEC, titan_answer, "results"),
    (mistral.PROMPT, mistral_answer, "outputs"),
    (deepseek_r1.CODEC, r1_answer, "choices"),
    (PROMPT_OF_WRITER, writer_answer, "choices"),
]


@pytest.mark.parametrize(
    ("codec", "answer", "key"), SEVERAL, ids=[codec.name for codec, _, _ in SEVERAL]
)
def test_the_first_of_several_is_the_answer_and_the_others_are_kept_and_named(
    codec: FamilyCodec, answer: Any, key: str
) -> None:
    native = answer("A", "B", "C")
    completion = codec.decode_response(native, FACTS)

    assert completion.text == "A"
    assert [each.feature for each in completion.adjustments] == [f"{key}.1", f"{key}.2"]
    assert codec.encode_response(completion, FACTS) == native


@pytest.mark.parametrize(
    ("codec", "answer", "key"), SEVERAL, ids=[codec.name for codec, _, _ in SEVERAL]
)
def test_one_answer_reports_nothing(codec: FamilyCodec, answer: Any, key: str) -> None:
    completion = codec.decode_response(answer("A"), FACTS)

    assert (completion.adjustments, f"{key}.1" in completion.extra) == ((), False)


of_streams = pytest.mark.parametrize(
    ("codec", "chunk", "key"),
    [
        (mistral.PROMPT, mistral_answer, "outputs"),
        (PROMPT_OF_WRITER, writer_answer, "choices"),
    ],
    ids=["mistral", "writer"],
)


@of_streams
def test_further_answers_in_a_chunk_are_carried_and_named(
    codec: FamilyCodec, chunk: Any, key: str
) -> None:
    decoder = codec.stream_decoder(FACTS)
    encoder = codec.stream_encoder(StreamContext("id_1", "model_1", 7), FACTS)
    batch = decoder.feed(chunk("A", "B", "C"))
    answer = assemble((*batch, Ended()))

    assert answer.text == "A"
    assert [each.feature for each in answer.adjustments] == [f"{key}.1"]
    assert [*encoder.encode(batch)] == [chunk("A", "B", "C")]


@of_streams
@pytest.mark.parametrize("answers", ["two", {"a": 1, "b": 2}, 5, [], [1, 2]], ids=str)
def test_a_chunk_whose_answers_are_no_list_of_objects_is_an_error_of_the_answer(
    codec: FamilyCodec, chunk: Any, key: str, answers: Json
) -> None:
    with pytest.raises(DecodeError):
        codec.stream_decoder(FACTS).feed({**chunk("A"), key: answers})


# ── deltas ────────────────────────────────────────────────────────────────────────────────────────

MESSAGE = {
    "type": "message",
    "role": "assistant",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
STOP = {"stop_reason": "end_turn", "stop_sequence": None}
START: list[Json] = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
]
END: list[Json] = [
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": STOP, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]


def claude(*deltas: Json) -> list[Json]:
    return [*START, *deltas, *END]


def delta(kind: str, **members: Json) -> Json:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **members}}


USAGE = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}


def conversed(*events: Json) -> list[Json]:
    return [
        {"messageStart": {"role": "assistant"}},
        *events,
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": USAGE, "metrics": {"latencyMs": 1}}},
    ]


def piece(**members: Json) -> Json:
    return {"contentBlockDelta": {"delta": members, "contentBlockIndex": 0}}


def nova_chunks(*events: Json) -> list[Json]:
    *chunks, _ = conversed(*events)
    counts = {"inputTokens": 1, "outputTokens": 1}
    return [*chunks, {"metadata": {"usage": counts, "metrics": {}, "trace": {}}}]


def played(codec: FamilyCodec, chunks: list[Json]) -> list[StreamEvent]:
    """The events of a stream, whose chunks come back as they were."""
    decoder = codec.stream_decoder(FACTS)
    encoder = codec.stream_encoder(StreamContext("id_1", "model_1", 7), FACTS)
    batches = [decoder.feed(each) for each in chunks]
    assert [each for batch in batches for each in encoder.encode(batch)] == chunks
    return [event for batch in batches for event in batch]


UNKNOWN = [
    (
        anthropic.CODEC,
        claude(delta("text_delta", text="Hi"), delta("hologram_delta", hologram="x")),
        "hologram_delta",
    ),
    (
        anthropic.CODEC,
        claude(delta("text_delta", text="Hi"), {"type": "scent", "scent": "x"}),
        "scent",
    ),
    (CONVERSE, conversed(piece(text="Hi"), piece(hologram="x")), "hologram"),
    (CONVERSE, conversed(piece(text="Hi"), {"scent": {"scent": "x"}}), "scent"),
    (nova.CODEC, nova_chunks(piece(text="Hi"), piece(hologram="x")), "hologram"),
    (nova.CODEC, nova_chunks(piece(text="Hi"), {"scent": {"scent": "x"}}), "scent"),
]


@pytest.mark.parametrize(
    ("codec", "chunks", "name"), UNKNOWN, ids=[f"{codec.name}-{name}" for codec, _, name in UNKNOWN]
)
def test_a_delta_of_an_unknown_kind_is_carried_and_named(
    codec: FamilyCodec, chunks: list[Json], name: str
) -> None:
    answer = assemble(played(codec, chunks))

    assert answer.text == "Hi"
    assert [each.feature for each in answer.adjustments] == [name]


def test_a_ping_is_known_and_is_not_named() -> None:
    events = played(anthropic.CODEC, claude(delta("text_delta", text="Hi"), {"type": "ping"}))

    assert any(isinstance(event, Extra) and event.level == "chunk" for event in events)
    assert assemble(events).adjustments == ()


@pytest.mark.parametrize(
    ("codec", "chunks"),
    [
        (anthropic.CODEC, [*claude(delta("text_delta", text="Hi")), delta("text_delta", text="?")]),
        (anthropic.CODEC, [*claude(), START[1]]),
        (CONVERSE, [*conversed(piece(text="Hi")), piece(text="?")]),
        (nova.CODEC, [*nova_chunks(piece(text="Hi")), piece(text="?")]),
        (
            mistral.PROMPT,
            [mistral_answer("Hi"), {"outputs": [{"text": "?", "stop_reason": None}]}],
        ),
    ],
)
def test_content_after_the_terminal_event_is_no_part_of_the_answer(
    codec: FamilyCodec, chunks: list[Json]
) -> None:
    decoder = codec.stream_decoder(FACTS)
    for chunk in chunks[:-1]:
        decoder.feed(chunk)

    with pytest.raises(DecodeError, match="content after its terminal event"):
        decoder.feed(chunks[-1])


# ── requests ──────────────────────────────────────────────────────────────────────────────────────

CONFIG = {"type": "enabled", "maxReasoningEffort": "low"}


@pytest.mark.parametrize(
    "members",
    [
        {"inferenceConfig": {"maxTokens": 5, "reasoningConfig": CONFIG}},
        {"inferenceConfig": {"maxTokens": 5}, "reasoningConfig": CONFIG},
        {"reasoningConfig": CONFIG},
    ],
    ids=["inside", "beside", "alone"],
)
def test_novas_reasoning_is_read_at_either_place(members: Json) -> None:
    messages = [{"role": "user", "content": [{"text": "?"}]}]
    body = {"schemaVersion": "messages-v1", "messages": messages, **members}
    request = nova.CODEC.decode_request(body, FACTS)

    assert request.reasoning is not None
    assert request.reasoning.effort == "low"
    assert nova.CODEC.encode_request(request, FACTS) == body


@pytest.mark.parametrize("named", [{}, {"format": "txt"}, {"format": "md"}])
def test_a_document_of_blocks_is_its_text(named: Json) -> None:
    """bedrock-runtime service model, API 2023-09-30, DocumentSource.content, November 2026."""
    source = {"content": [{"text": "Sales grew."}, {"text": "Costs fell."}]}
    document = {"document": {"name": "n", "source": source, **named}}
    body = {"messages": [{"role": "user", "content": [{"text": "?"}, document]}]}
    request = CONVERSE.decode_request(body, FACTS)

    read = request.messages[0].content[1]
    assert isinstance(read, Document)
    assert read.content == (Text("Sales grew."), Text("Costs fell."))
    assert CONVERSE.encode_request(request, FACTS) == body
