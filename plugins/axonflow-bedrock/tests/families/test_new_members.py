"""Members that are new, next to what is known: they silence no content."""

from __future__ import annotations

import pytest

from axonflow_bedrock import converse
from axonflow_bedrock.families import nova
from axonflow_core.codec import Codec, ModelFacts
from axonflow_core.messages import (
    CompletionRequest,
    Inference,
    Json,
    OutputSchema,
    Text,
    ToolUse,
    user,
)
from axonflow_core.stream import Extra, ReasoningDelta, TextDelta, ToolInputDelta

FACTS = ModelFacts()
CODECS = pytest.mark.parametrize("codec", [converse.CODEC, nova.CODEC], ids=lambda c: c.name)


def events_of(codec: Codec, delta: Json) -> list[object]:
    chunk = {"contentBlockDelta": {"delta": delta, "contentBlockIndex": 0}}
    decoder = codec.stream_decoder(FACTS)
    if "toolUse" in delta:
        start = {"toolUse": {"toolUseId": "1", "name": "f"}}
        decoder.feed({"contentBlockStart": {"start": start, "contentBlockIndex": 0}})
    batch = decoder.feed(chunk)
    return [event for event in batch if not isinstance(event, Extra)]


@CODECS
@pytest.mark.parametrize("rest", [{}, {"why": None}, {"why": 5}])
def test_the_arguments_of_a_call_are_read(codec: Codec, rest: Json) -> None:
    (event,) = events_of(codec, {"toolUse": {"input": '{"a":1}', **rest}, **rest})

    assert isinstance(event, ToolInputDelta)
    assert event.json == '{"a":1}'


@CODECS
def test_a_text_and_a_thought_are_read(codec: Codec) -> None:
    thought = {"reasoningContent": {"text": "r", "signature": "s", "new": 1}}

    assert events_of(codec, {"new": 5, "text": "x"}) == [TextDelta("x", 0)]
    assert events_of(codec, thought) == [ReasoningDelta("r", "s", index=0)]


@CODECS
def test_a_block_is_read_and_comes_back(codec: Codec) -> None:
    call = {"toolUse": {"toolUseId": "1", "name": "f", "input": {}}, "new": 5}
    message = {"role": "assistant", "content": [{"text": "x", "new": 5}, call]}
    answer = {"output": {"message": message}, "stopReason": "end_turn", "usage": {}}

    read = codec.decode_response(answer, FACTS)

    assert [type(block) for block in read.content] == [Text, ToolUse]
    assert codec.encode_response(read, FACTS)["output"]["message"] == message


def test_equal_schemas_are_written_as_one_text() -> None:
    one, other = {"type": "object", "title": "t"}, {"title": "t", "type": "object"}
    asked = [CompletionRequest((user("hi"),), output_schema=OutputSchema(s)) for s in (one, other)]

    written = [converse.CODEC.encode_request(request, FACTS) for request in asked]

    assert asked[0] == asked[1]
    assert written[0] == written[1]


def test_numbers_that_are_written_in_two_ways_are_not_equal() -> None:
    assert Inference(temperature=1) != Inference(temperature=1.0)
    assert str(Inference(temperature=-0.0, presence_penalty=-0.0)).count("-0.0") == 0
