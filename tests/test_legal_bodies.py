"""Bodies that a vendor documents, and answers that are nearly as documented: each is read and comes
back as it was, and no other family gets one that says less."""

from __future__ import annotations

from typing import Any

import pytest

from axonflow_core.codec import Codec, ModelFacts, StreamContext
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import Fitted, fit
from axonflow_core.messages import Completion, Json, Message, ToolResult, ToolUse, Usage
from axonflow_core.stream import assemble

OPENAI, ANTHROPIC = openai_chat.CODEC, anthropic_messages.CODEC
FACTS = ModelFacts()
HI = {"role": "user", "content": "hi"}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CUSTOM = {"type": "custom", "custom": {"name": "x"}}
OLDER_CALL = {"name": "f", "arguments": '{ "a": 1 }'}
OLDER_TURN = (
    {"role": "assistant", "content": None, "function_call": OLDER_CALL},
    {"role": "function", "name": "f", "content": "rain"},
)
CUSTOM_CALL = {"id": "c1", "type": "custom", "custom": {"name": "x", "input": "123"}}
TOOLSET = {"type": "mcp_toolset", "mcp_server_name": "s"}
OPAQUE_TEXTS = ('{"a": "\\ud800", "b": 123456789012345678901234}', "[" * 300 + "]" * 300)
"""Arguments with a lone surrogate, and arguments that are nested too deeply."""


def openai(*turns: Json, **members: Json) -> Json:
    return {"messages": [HI, *turns], **members}


def allowed(mode: str) -> Json:
    chosen = {"mode": mode, "tools": [{"type": "function", "function": {"name": "f"}}]}
    return {"type": "allowed_tools", "allowed_tools": chosen}


def calling(*calls: Json) -> Json:
    return {"role": "assistant", "content": None, "tool_calls": [*calls]}


def call_with(arguments: str) -> Json:
    return {"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}


REFUSED_BY_NAME: dict[str, Json] = {
    "tool_choice": openai(tools=[FUNCTION], tool_choice=allowed("auto")),
    "the built-in tool custom of openai": openai(tools=[CUSTOM]),
    "functions": openai(functions=[{"name": "f"}]),
    "function_call": openai(function_call={"name": "f"}),
    "response_format": openai(response_format={"type": "grammar", "grammar": "g"}),
}
CARRIED = (
    openai(tools=[FUNCTION], tool_choice=allowed("required"), parallel_tool_calls=False),
    openai(tools=[CUSTOM], tool_choice=CUSTOM),
    openai(response_format={"type": "json_schema", "json_schema": {"name": "n"}}),
    openai(*OLDER_TURN, *OLDER_TURN, functions=[{"name": "f"}]),
    openai(calling(CUSTOM_CALL), {"role": "tool", "tool_call_id": "c1", "content": "r"}),
    *(openai(calling(call_with(text))) for text in OPAQUE_TEXTS),
    openai({"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:;base64,AAAA"}}]}),
)  # fmt: skip


@pytest.mark.parametrize("body", [*CARRIED, *REFUSED_BY_NAME.values()], ids=range(13))
def test_a_body_as_openai_documents_comes_back_as_it_was(body: Json) -> None:
    request = OPENAI.decode_request(body, FACTS)

    assert OPENAI.encode_request(request, FACTS) == body


def test_a_set_of_tools_comes_back_as_it_was() -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
    body = {"max_tokens": 1, "messages": [message], "tools": [TOOLSET], "mcp_servers": []}

    request = ANTHROPIC.decode_request(body, FACTS)

    assert ANTHROPIC.encode_request(request, FACTS) == body


def crossed(body: Json, client: Codec = OPENAI, model: Codec = ANTHROPIC) -> Fitted:
    return fit(client.decode_request(body, FACTS), model, FACTS, client=client)


@pytest.mark.parametrize("feature", REFUSED_BY_NAME)
def test_what_no_other_family_has_is_refused_by_name(feature: str) -> None:
    with pytest.raises(EncodeError) as refused:
        crossed(REFUSED_BY_NAME[feature])

    assert refused.value.feature == feature


def test_a_set_of_tools_is_refused_by_name() -> None:
    with pytest.raises(EncodeError) as refused:
        crossed({"max_tokens": 1, "messages": [HI], "tools": [TOOLSET]}, ANTHROPIC, OPENAI)

    assert refused.value.feature == "the built-in tool mcp_toolset of anthropic"


@pytest.mark.parametrize("nothing", [{"mcp_servers": []}, {"anthropic_beta": []}], ids=str)
def test_an_empty_list_asks_for_nothing(nothing: Json) -> None:
    fitted = crossed({"max_tokens": 1, "messages": [HI], **nothing}, ANTHROPIC, OPENAI)

    assert (fitted.adjustments, dict(fitted.request.options)) == ((), {})


def test_an_older_call_and_its_result_have_one_id_for_each_turn() -> None:
    request = OPENAI.decode_request(openai(*OLDER_TURN, *OLDER_TURN), FACTS)

    assert [id_of(message) for message in request.messages[1:]] == [
        *("function_call_1", "function_call_1", "function_call_2", "function_call_2")
    ]


def id_of(message: Message) -> str:
    (block,) = message.content
    assert isinstance(block, ToolUse | ToolResult)
    return block.id if isinstance(block, ToolUse) else block.tool_use_id


@pytest.mark.parametrize("text", OPAQUE_TEXTS, ids=["surrogate", "deep"])
def test_arguments_that_are_text_cross_in_an_object(text: str) -> None:
    fitted = crossed(openai(calling(call_with(text))))

    assert ANTHROPIC.encode_request(fitted.request, FACTS)["messages"][1]["content"][0][
        "input"
    ] == {"arguments": text}


# ── said twice ────────────────────────────────────────────────────────────────────────────────────


def test_a_user_next_to_a_user_id_is_reported() -> None:
    fitted = crossed(openai(user="a", metadata={"user_id": "b"}))

    assert [each.feature for each in fitted.adjustments] == ["user"]
    assert fitted.request.metadata == {"user_id": "b"}
    assert crossed(openai(user="b", metadata={"user_id": "b"})).adjustments == ()


# ── answers ───────────────────────────────────────────────────────────────────────────────────────

ODD_FACTS = (
    {"id": 5, "created": 1.5},
    {"created": "now", "model": ["m"], "service_tier": 3},
    {"usage": "none"},
    {"usage": {"prompt_tokens": -1, "completion_tokens": 2**64, "total_tokens": 2}},
    {"usage": {"prompt_tokens": "5", "completion_tokens": 2, "total_tokens": "7"}},
    {"usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7,
               "prompt_tokens_details": [1]}},
    {"usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12,
               "prompt_tokens_details": {"cached_tokens": 51}}},
)  # fmt: skip


@pytest.mark.parametrize("facts", ODD_FACTS, ids=str)
def test_an_answer_of_openai_with_odd_facts_is_kept(facts: Json) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}}
    body = {"object": "chat.completion", "choices": [{**choice, "finish_reason": "stop"}], **facts}

    answer = OPENAI.decode_response(body, FACTS)

    assert answer.text == "Hi"
    assert OPENAI.encode_response(answer, FACTS) == body


@pytest.mark.parametrize(
    "facts",
    [
        {"id": 5, "model": 4.5, "stop_sequence": 7},
        {"stop_reason": ["end_turn"]},
        {"usage": "none"},
        {"usage": {"input_tokens": -1, "output_tokens": 2, "service_tier": 3}},
        {"usage": {"input_tokens": "5", "cache_creation": 3}},
        {"usage": {"cache_creation": {"ephemeral_5m_input_tokens": -4, "other": 1}}},
    ],
    ids=str,
)
def test_an_answer_of_anthropic_with_odd_facts_is_kept(facts: Json) -> None:
    head = {"type": "message", "role": "assistant", "stop_reason": "end_turn", "usage": {}}
    content = [{"type": "text", "text": "Hi"}]
    body = {**head, "stop_sequence": None, "content": content, **facts}

    answer = ANTHROPIC.decode_response(body, FACTS)

    assert answer.text == "Hi"
    assert ANTHROPIC.encode_response(answer, FACTS) == body


def test_counts_that_fit_are_read_next_to_those_that_do_not() -> None:
    usage = OPENAI.decode_response(
        {"choices": [{"message": {"content": "Hi"}}], **ODD_FACTS[6]}, FACTS
    ).usage

    assert usage == Usage(10, 2, extra={"prompt_tokens_details.cached_tokens": 51})


def streamed(codec: Codec, chunks: list[Json]) -> tuple[Completion, list[Json]]:
    """What the chunks add up to, and the chunks that they are encoded as."""
    decoder = codec.stream_decoder(FACTS)
    encoder = codec.stream_encoder(StreamContext("m", "id", 1), FACTS)
    batches = [decoder.feed(chunk) for chunk in chunks]
    written = [chunk for batch in batches for chunk in encoder.encode(batch)]
    return assemble(event for batch in batches for event in batch), written


def chunk(delta: Json, stop: str | None = None, **facts: Any) -> Json:
    head = {"id": "c", "created": 1, "model": "m", "object": "chat.completion.chunk", **facts}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": stop}]}


def test_a_stream_with_odd_facts_is_kept() -> None:
    odd = {"id": 5, "created": 1.5, "service_tier": 7}
    usage = {"prompt_tokens": 1, "completion_tokens": -1, "total_tokens": 1}
    chunks = [chunk({"role": "assistant", "content": "Hi"}, **odd), chunk({}, "stop", usage=usage)]

    answer, written = streamed(OPENAI, chunks)

    assert (answer.text, answer.usage.input_tokens) == ("Hi", 1)
    assert written[0] == chunks[0]
    assert written[1]["usage"] == usage


def test_the_call_of_a_custom_tool_is_streamed_as_text() -> None:
    start = {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "x", "input": "12"}}
    piece = {"index": 0, "custom": {"input": "3"}}
    calls: list[Json] = [
        chunk({"role": "assistant", "tool_calls": [start]}),
        chunk({"tool_calls": [piece]}),
        chunk({}, "tool_calls"),
    ]

    answer, written = streamed(OPENAI, calls)

    assert [call.input for call in answer.tool_uses] == ["123"]
    assert written == calls
