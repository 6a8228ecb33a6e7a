"""Unmodified boto3 calls Nova and the first Claudes in the emulator, with bodies as their users
write them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import orjson
import pytest
from botocore.exceptions import ClientError

from axonflow_bedrock.emulator import emulator
from axonflow_bedrock.families import anthropic, claude_text, nova
from axonflow_bedrock.serving import serving
from axonflow_bedrock.wire.envelope import EnvelopeDecoder
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.messages import Completion, Json, StopReason, Text, ToolUse
from axonflow_core.stream import assemble

CODECS = (nova.CODEC, anthropic.CODEC, claude_text.CODEC)
NOVA, NOVA_2 = "amazon.nova-lite-v1:0", "us.amazon.nova-2-lite-v1:0"
CLAUDE_2 = "anthropic.claude-v2"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJg"
    "gg=="
)
TOOL = {
    "toolSpec": {
        "name": "weather",
        "inputSchema": {
            "json": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            }
        },
    }
}
NOTHING_KEPT = {"cacheReadInputTokenCount": 0, "cacheWriteInputTokenCount": 0}
QUESTION: Json = {"messages": [{"role": "user", "content": [{"text": "Why is the sky blue?"}]}]}
PROMPT: Json = {
    "prompt": "\n\nHuman: Why is the sky blue?\n\nAssistant:",
    "max_tokens_to_sample": 100,
}
MESSAGES: Json = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Why is the sky blue?"}],
}


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    registry = CodecRegistry(RegisteredCodec(codec, "tests", "1") for codec in CODECS)
    with serving(emulator(registry)) as running, closing(running.boto3_client()) as client:
        yield client


def invoke(client: Any, model: str, body: Json) -> Json:
    return orjson.loads(client.invoke_model(modelId=model, body=orjson.dumps(body))["body"].read())


def chunks(client: Any, model: str, body: Json) -> list[Json]:
    response = client.invoke_model_with_response_stream(modelId=model, body=orjson.dumps(body))
    return [orjson.loads(event["chunk"]["bytes"]) for event in response["body"]]


def added_up(codec: FamilyCodec, natives: list[Json]) -> Completion:
    decoder = EnvelopeDecoder(codec, ModelFacts())
    completion = assemble(event for native in natives for event in decoder.feed(native))
    decoder.finish()
    return completion


# ── Nova ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", [NOVA, f"us.{NOVA}", NOVA_2])
def test_nova_answers_in_its_own_json(client: Any, model: str) -> None:
    answer = invoke(client, model, QUESTION)

    (block,) = answer["output"]["message"]["content"]
    assert block["text"].endswith("You said: Why is the sky blue?")
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"] == {
        "inputTokens": 5,
        "outputTokens": 16,
        "totalTokens": 21,
        **NOTHING_KEPT,
    }


def test_a_stream_of_nova_numbers_every_word_and_counts_at_the_end(client: Any) -> None:
    natives = chunks(client, NOVA, QUESTION)

    assert natives[0] == {"messageStart": {"role": "assistant"}}
    assert natives[1] == {"contentBlockDelta": {"delta": {"text": "Here"}, "contentBlockIndex": 0}}
    assert natives[2] == {"contentBlockStop": {"contentBlockIndex": 0}}
    assert natives[3]["contentBlockDelta"]["contentBlockIndex"] == 1
    assert natives[-2] == {"messageStop": {"stopReason": "end_turn"}}
    assert natives[-1]["metadata"]["usage"] == {
        "inputTokens": 5,
        "outputTokens": 16,
        **NOTHING_KEPT,
    }
    assert natives[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 16


def test_what_a_stream_of_nova_adds_up_to_is_what_the_whole_answer_says(client: Any) -> None:
    streamed = added_up(nova.CODEC, chunks(client, NOVA, QUESTION))

    assert (
        streamed.text == invoke(client, NOVA, QUESTION)["output"]["message"]["content"][0]["text"]
    )


def test_nova_calls_a_tool_and_hears_what_came_of_it(client: Any) -> None:
    tools = {"toolConfig": {"tools": [TOOL], "toolChoice": {"tool": {"name": "weather"}}}}

    answer = invoke(client, NOVA, {**QUESTION, **tools})

    message = answer["output"]["message"]
    call = message["content"][1]["toolUse"]
    assert (call["name"], call["input"], answer["stopReason"]) == (
        "weather",
        {"city": "example"},
        "tool_use",
    )

    result = {
        "toolResult": {
            "toolUseId": call["toolUseId"],
            "content": [{"text": "rain"}],
            "status": "success",
        }
    }
    follow_up = [*QUESTION["messages"], message, {"role": "user", "content": [result]}]
    heard = invoke(client, NOVA, {"messages": follow_up, "toolConfig": {"tools": [TOOL]}})
    assert "The tool answered: rain" in heard["output"]["message"]["content"][0]["text"]


def test_a_tool_s_call_is_streamed_in_pieces_behind_a_start(client: Any) -> None:
    natives = chunks(
        client, NOVA, {**QUESTION, "toolConfig": {"tools": [TOOL], "toolChoice": {"any": {}}}}
    )

    starts = [native["contentBlockStart"] for native in natives if "contentBlockStart" in native]
    assert [begun["start"]["toolUse"]["name"] for begun in starts] == ["weather"]
    completion = added_up(nova.CODEC, natives)
    assert [type(block) for block in completion.content] == [Text, ToolUse]
    first = "tooluse_emulated00000000000001"
    assert completion.content[1] == ToolUse(first, "weather", {"city": "example"})
    assert completion.stop_reason is StopReason.TOOL_USE


def test_nova_sees_a_picture(client: Any) -> None:
    content = [{"image": {"format": "png", "source": {"bytes": PIXEL}}}, {"text": "What is it?"}]

    answer = invoke(client, NOVA, {"messages": [{"role": "user", "content": content}]})

    assert "I was shown 1 picture." in answer["output"]["message"]["content"][0]["text"]


@pytest.mark.parametrize("name", ["maxTokens", "max_new_tokens"])
def test_the_limit_holds_under_either_name(client: Any, name: str) -> None:
    answer = invoke(client, NOVA, {**QUESTION, "inferenceConfig": {name: 3}})

    assert answer["output"]["message"]["content"] == [{"text": "Here speaks an"}]
    assert answer["stopReason"] == "max_tokens"


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        (NOVA, {"messages": [{"role": "user", "content": "Hi"}]}, "Malformed input request"),
        (
            NOVA,
            {**QUESTION, "inferenceConfig": {"maxTokens": 10_001}},
            "exceeds the model limit of 10000",
        ),
        ("amazon.nova-2-lite-v1:0", QUESTION, "on-demand throughput"),
        ("amazon.nova-canvas-v1:0", QUESTION, "model identifier is invalid"),
    ],
    ids=["a bare string", "too long", "no profile", "a model of pictures"],
)
def test_what_nova_does_not_take_is_a_validation_exception(
    client: Any, model: str, body: Json, words: str
) -> None:
    with pytest.raises(ClientError, match=words) as refused:
        invoke(client, model, body)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


# ── the first Claudes ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "model", [CLAUDE_2, "anthropic.claude-v2:1", "anthropic.claude-instant-v1"]
)
def test_an_old_claude_completes_a_prompt(client: Any, model: str) -> None:
    answer = invoke(client, model, PROMPT)

    assert answer["completion"].endswith("You said: Why is the sky blue?")
    assert (answer["stop_reason"], answer["stop"]) == ("stop_sequence", "\n\nHuman:")


def test_an_old_claude_says_which_sequence_stopped_it(client: Any) -> None:
    answer = invoke(client, CLAUDE_2, {**PROMPT, "stop_sequences": ["emul"]})

    assert answer == {
        "completion": "Here speaks an ",
        "stop_reason": "stop_sequence",
        "stop": "emul",
    }


def test_an_old_claude_streams_a_completion(client: Any) -> None:
    natives = chunks(client, CLAUDE_2, PROMPT)

    assert natives[0] == {"completion": "Here", "stop_reason": None, "stop": None}
    assert natives[-1]["stop"] == "\n\nHuman:"
    completion = added_up(claude_text.CODEC, natives)
    assert completion.text == invoke(client, CLAUDE_2, PROMPT)["completion"]
    assert completion.stop_reason is StopReason.END_TURN


def test_an_old_claude_answers_messages_with_a_message(client: Any) -> None:
    whole, natives = invoke(client, CLAUDE_2, MESSAGES), chunks(client, CLAUDE_2, MESSAGES)

    assert (whole["type"], whole["stop_reason"]) == ("message", "end_turn")
    assert natives[0]["type"] == "message_start"
    assert added_up(anthropic.CODEC, natives).text == whole["content"][0]["text"]


def test_a_body_in_neither_form_is_refused(client: Any) -> None:
    with pytest.raises(ClientError, match="Field required"):
        invoke(client, CLAUDE_2, {"inputText": "Hi"})
