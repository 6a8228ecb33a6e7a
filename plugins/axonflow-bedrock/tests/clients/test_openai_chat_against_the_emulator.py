"""Unmodified boto3 calls the emulated models that speak OpenAI's chat JSON, and reads it as
programs read it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import orjson
import pytest

from axonflow_bedrock.emulator import emulator
from axonflow_bedrock.serving import serving
from axonflow_bedrock.wire.envelope import METRICS
from axonflow_core.emulator.fake_model import THOUGHT
from axonflow_core.messages import Json

PLAIN = {
    "gpt-oss": "openai.gpt-oss-120b-1:0",
    "qwen": "qwen.qwen3-32b-v1:0",
    "deepseek": "deepseek.v3-v1:0",
    "gemma": "google.gemma-3-27b-it",
    "minimax": "minimax.minimax-m2.5",
    "kimi": "moonshot.kimi-k2-thinking",
    "nemotron": "nvidia.nemotron-super-3-120b",
    "glm": "global.zai.glm-5.3",
    "mistral": "mistral.mistral-large-3-675b-instruct",
    "writer": "us.writer.palmyra-x5-v1:0",
    "jamba": "ai21.jamba-1-5-mini-v1:0",
}
WITH_TOOL_CHOICE = {family: model for family, model in PLAIN.items() if family != "jamba"}
THINKERS = {"gpt-oss": "reasoning_effort", "qwen": "reasoning_config"}
"""Family -> the parameter that asks it to think aloud."""

QUESTION = {"messages": [{"role": "user", "content": "Why is the sky blue?"}], "max_tokens": 100}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
USE_IT = {
    **QUESTION,
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
}


@pytest.fixture(scope="module")
def bedrock() -> Iterator[Any]:
    with serving(emulator()) as running, closing(running.boto3_client()) as client:
        yield client


def invoke(client: Any, model: str, body: Json = QUESTION) -> Json:
    return orjson.loads(client.invoke_model(modelId=model, body=orjson.dumps(body))["body"].read())


def stream(client: Any, model: str, body: Json = QUESTION) -> list[Json]:
    response = client.invoke_model_with_response_stream(modelId=model, body=orjson.dumps(body))
    return [orjson.loads(event["chunk"]["bytes"]) for event in response["body"]]


def deltas(chunks: list[Json]) -> list[Json]:
    return [
        choice["delta"]
        for chunk in chunks
        if isinstance(chunk, dict)
        for choice in chunk.get("choices", ())
    ]


def content_of(chunks: list[Json]) -> str:
    return "".join(delta.get("content") or "" for delta in deltas(chunks))


@pytest.mark.parametrize("family", PLAIN)
def test_every_family_answers_as_a_program_reads_it(bedrock: Any, family: str) -> None:
    answer = invoke(bedrock, PLAIN[family])

    (choice,) = answer["choices"]
    assert choice["message"]["role"] == "assistant"
    assert f"the {family} family. You said: Why is the sky blue?" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert answer["usage"] == {"prompt_tokens": 5, "completion_tokens": 16, "total_tokens": 21}


@pytest.mark.parametrize("family", PLAIN)
def test_every_family_streams_the_same_answer(bedrock: Any, family: str) -> None:
    whole = invoke(bedrock, PLAIN[family])["choices"][0]["message"]["content"]

    chunks = stream(bedrock, PLAIN[family])

    assert content_of(chunks) == whole
    assert deltas(chunks)[0]["role"] == "assistant"
    (billed,) = (chunk[METRICS] for chunk in chunks if METRICS in chunk)
    assert (billed["inputTokenCount"], billed["outputTokenCount"]) == (5, 16)


@pytest.mark.parametrize("family", WITH_TOOL_CHOICE)
def test_a_tool_that_is_insisted_on_is_called(bedrock: Any, family: str) -> None:
    (choice,) = invoke(bedrock, WITH_TOOL_CHOICE[family], USE_IT)["choices"]

    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert (call["type"], call["function"]["name"]) == ("function", "weather")
    assert orjson.loads(call["function"]["arguments"]) == {"city": "example"}


@pytest.mark.parametrize("family", WITH_TOOL_CHOICE)
def test_the_arguments_of_a_call_are_streamed_in_pieces(bedrock: Any, family: str) -> None:
    chunks = stream(bedrock, WITH_TOOL_CHOICE[family], USE_IT)

    calls = [call for delta in deltas(chunks) for call in delta.get("tool_calls", ())]
    assert len(calls) > 2
    assert {call["index"] for call in calls} == {0}
    assert orjson.loads("".join(call["function"]["arguments"] for call in calls)) == {
        "city": "example"
    }


def test_a_conversation_with_a_tool_goes_on(bedrock: Any) -> None:
    function = {"name": "weather", "arguments": "{}"}
    call = {"id": "weather01", "type": "function", "function": function}
    messages = [
        *QUESTION["messages"],  # type: ignore[misc]
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "weather01", "content": "rain"},
    ]

    for family in PLAIN:
        answer = invoke(
            bedrock, PLAIN[family], {"messages": messages, "tools": [TOOL], "max_tokens": 100}
        )
        assert "The tool answered: rain" in answer["choices"][0]["message"]["content"], family


@pytest.mark.parametrize("family", THINKERS)
def test_a_model_that_is_asked_to_think_does_so_between_tags(bedrock: Any, family: str) -> None:
    asked = {**QUESTION, THINKERS[family]: "low"}
    tagged = f"<reasoning>{THOUGHT}</reasoning>Here speaks"

    assert invoke(bedrock, PLAIN[family], asked)["choices"][0]["message"]["content"].startswith(
        tagged
    )
    assert content_of(stream(bedrock, PLAIN[family], asked)).startswith(tagged)
    assert "<reasoning>" not in content_of(stream(bedrock, PLAIN[family])), "nobody asked"


def test_only_palmyra_ends_with_a_string(bedrock: Any) -> None:
    last = {family: stream(bedrock, model)[-1] for family, model in PLAIN.items()}

    assert {family for family, chunk in last.items() if chunk == "[DONE]"} == {"writer"}
    assert all(isinstance(chunk, dict) for family, chunk in last.items() if family != "writer")


def test_jamba_does_not_say_what_it_is(bedrock: Any) -> None:
    model = PLAIN["jamba"]

    assert "object" not in invoke(bedrock, model)
    assert all("object" not in chunk for chunk in stream(bedrock, model))
    assert invoke(bedrock, PLAIN["qwen"])["object"] == "chat.completion"


def test_the_newer_name_of_the_limit_limits(bedrock: Any) -> None:
    body = {"messages": QUESTION["messages"], "max_completion_tokens": 3}

    (choice,) = invoke(bedrock, PLAIN["gpt-oss"], body)["choices"]

    assert (choice["message"]["content"], choice["finish_reason"]) == ("Here speaks an", "length")


def test_a_limit_that_is_no_number_is_refused(bedrock: Any) -> None:
    with pytest.raises(
        bedrock.exceptions.ValidationException, match="#/max_tokens: expected type: Integer"
    ):
        invoke(bedrock, PLAIN["gpt-oss"], {**QUESTION, "max_tokens": "many"})


def test_pictures_are_seen(bedrock: Any) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    body = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Look!"}, image]}],
        "max_tokens": 100,
    }

    content = invoke(bedrock, PLAIN["gemma"], body)["choices"][0]["message"]["content"]

    assert "I was shown 1 picture." in content
