"""Members that are null, next to what is set: clients and servers that fill in every member."""

from __future__ import annotations

import pytest

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.dialects import openai_chat
from axonflow_core.errors import DecodeError
from axonflow_core.json import loads
from axonflow_core.messages import Json, Text, ToolUse, user
from axonflow_core.plugins import load_codecs
from axonflow_core.stream import BlockStart, BlockStop, Ended, Started, TextDelta

FACTS = ModelFacts()
REGISTRY = load_codecs("bedrock").registry
CONVERSE = REGISTRY.for_name("converse", "converse")
NOVA, MISTRAL = REGISTRY.for_name("nova"), REGISTRY.for_name("mistral/prompt")
COMMAND_R, CLAUDE = REGISTRY.for_name("cohere/command-r"), REGISTRY.for_name("anthropic")


@pytest.mark.parametrize("codec", [CONVERSE, NOVA], ids=lambda codec: codec.name)
def test_a_text_next_to_a_null_member_is_a_text(codec: Json) -> None:
    content = [{"text": "my ssn", "toolUse": None}]

    request = codec.decode_request({"messages": [{"role": "user", "content": content}]}, FACTS)

    assert request.messages == (user("my ssn"),)


@pytest.mark.parametrize("codec", [CONVERSE, NOVA], ids=lambda codec: codec.name)
def test_a_tool_call_next_to_a_null_text_is_a_tool_call(codec: Json) -> None:
    call = {"text": None, "toolUse": {"toolUseId": "t", "name": "f", "input": {}}}

    body = {"messages": [{"role": "assistant", "content": [call]}]}

    assert codec.decode_request(body, FACTS).messages[0].content == (ToolUse("t", "f", {}),)


@pytest.mark.parametrize("codec", [CONVERSE, NOVA], ids=lambda codec: codec.name)
def test_a_tool_next_to_a_null_cache_point_is_a_tool(codec: Json) -> None:
    tool = {"toolSpec": {"name": "f", "inputSchema": {"json": {}}}, "cachePoint": None}
    body = {"messages": [], "toolConfig": {"tools": [tool]}}

    assert codec.decode_request(body, FACTS).tools[0].name == "f"


@pytest.mark.parametrize("codec", [CONVERSE, NOVA], ids=lambda codec: codec.name)
def test_a_delta_and_an_event_next_to_null_members_are_read(codec: Json) -> None:
    decoder = codec.stream_decoder(FACTS)
    delta = {"delta": {"text": "x", "toolUse": None}, "contentBlockIndex": 0}

    started = decoder.feed({"messageStart": {"role": "assistant"}, "contentBlockStop": None})

    assert started == (Started(),)
    assert decoder.feed({"contentBlockDelta": delta, "metadata": None}) == (TextDelta("x"),)


def test_arguments_that_a_call_starts_with_are_a_delta_of_converse() -> None:
    huge = {"a": 12345678901234567890123}
    encoder = CONVERSE.stream_encoder(StreamContext("id", "model", 0), FACTS)

    chunks = encoder.encode((BlockStart(0, ToolUse("t", "f", huge)), BlockStop(0)))

    delta = chunks[1]["contentBlockDelta"]["delta"]
    assert loads(delta["toolUse"]["input"]) == huge


@pytest.mark.parametrize(
    ("codec", "chunk"),
    [
        (openai_chat.CODEC, {"choices": None, "usage": {"prompt_tokens": 1}}),
        (openai_chat.CODEC, {"usage": {"prompt_tokens": 1}}),
        (REGISTRY.for_name("kimi"), {"choices": [{"index": 0, "delta": None}]}),
        (MISTRAL, {"outputs": [{"text": None, "stop_reason": "stop"}]}),
        (REGISTRY.for_name("titan"), {"outputText": None, "completionReason": "FINISH"}),
        (COMMAND_R, {"is_finished": False, "event_type": "text-generation", "text": None}),
        (CLAUDE, {"type": "message_delta", "delta": None, "usage": {"output_tokens": 1}}),
        (CLAUDE, {"type": "message_start", "message": None}),
    ],
)
def test_a_chunk_with_a_null_where_nothing_may_stand_is_read(codec: Json, chunk: Json) -> None:
    events = codec.stream_decoder(FACTS).feed(chunk)

    assert not any(isinstance(event, TextDelta) and event.text for event in events)


@pytest.mark.parametrize("body", [{}, {"outputs": None}, {"outputs": [{"text": None}]}])
def test_an_answer_without_its_text_is_refused_in_words(body: Json) -> None:
    with pytest.raises(DecodeError, match="the answer of the mistral/prompt family has no text"):
        MISTRAL.decode_response(body, FACTS)


@pytest.mark.parametrize("chunk", [{}, {"generation": None}, {"generation": None, "x": 1}])
def test_a_chunk_without_text_reason_and_counts_is_none_of_the_family(chunk: Json) -> None:
    decoder = REGISTRY.for_name("llama/llama3").stream_decoder(FACTS)

    with pytest.raises(DecodeError, match="no 'text'"):
        decoder.feed(chunk)


@pytest.mark.parametrize("is_null", [True, False])
@pytest.mark.parametrize(
    ("name", "key", "answer"),
    [
        ("anthropic", "input", lambda call: {"content": [{**call, "type": "tool_use", "id": "t"}]}),
        ("kimi", "arguments", lambda call: chat_answer({"id": "t", "function": call})),
        ("cohere/command-r", "parameters", lambda call: {"tool_calls": [call]}),
        ("nova", "input", lambda call: converse_answer({"toolUse": {**call, "toolUseId": "t"}})),
    ],
)
def test_a_call_whose_arguments_are_null_or_absent_has_none(
    name: str, key: str, answer: Json, is_null: bool
) -> None:
    call = {"name": "f", key: None} if is_null else {"name": "f"}

    completion = REGISTRY.for_name(name).decode_response(answer(call), FACTS)

    assert [use.input for use in completion.tool_uses] == [{}]


def chat_answer(call: Json) -> Json:
    return {"choices": [{"message": {"role": "assistant", "tool_calls": [call]}}]}


def converse_answer(block: Json) -> Json:
    return {"output": {"message": {"role": "assistant", "content": [block]}}}


@pytest.mark.parametrize("more", [{"name": None}, {"name": "n"}, {"cache_control": {"a": 1}}])
def test_a_leading_system_message_is_the_system_whatever_else_it_has(more: Json) -> None:
    asked = {"role": "user", "content": "u"}
    body = {"messages": [{"role": "system", "content": "s", **more}, asked]}

    request = openai_chat.CODEC.decode_request(body, FACTS)

    assert (request.system, request.messages) == ((Text("s"),), (user("u"),))
    kept = {key: value for key, value in more.items() if value is not None}
    written = openai_chat.CODEC.encode_request(request, FACTS)["messages"][0]
    assert written == {"role": "system", "content": "s", **kept}


def test_done_ends_a_stream_of_a_form_without_it_once() -> None:
    decoder = openai_chat.CODEC.stream_decoder(FACTS)

    assert decoder.feed("[DONE]") == (Ended(),)
    assert decoder.feed("[DONE]") == ()
