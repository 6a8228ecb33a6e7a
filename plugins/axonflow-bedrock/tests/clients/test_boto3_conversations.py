"""Whole conversations of boto3 with the emulator: a tool that is called and answers, a prompt that
is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, TypeAlias

import orjson
import pytest
from attrs import evolve

from axonflow_bedrock.emulator import emulator
from axonflow_bedrock.serving import serving
from axonflow_bedrock.wire.envelope import EnvelopeDecoder, open_answer
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.messages import (
    CachePoint,
    Completion,
    CompletionRequest,
    ContentBlock,
    Inference,
    Message,
    Role,
    StopReason,
    Text,
    Tool,
    ToolResult,
    ToolUse,
    user,
)
from axonflow_core.plugins import load_codecs
from axonflow_core.stream import assemble

CODECS = load_codecs("bedrock").registry
CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
WEATHER = Tool(
    "weather",
    input_schema={
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
)
ASKED = CompletionRequest(
    (user("How is the weather?"),), tools=(WEATHER,), inference=Inference(max_tokens=200)
)

Say: TypeAlias = Callable[[Any, str, CompletionRequest], Completion]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    rules = [
        {"when": "weather", "calls": "weather"},
        {"when": "both", "calls": "weather", "answer": "I will see."},
    ]
    with (
        serving(emulator(CODECS, script=rules)) as running,
        closing(running.boto3_client()) as client,
    ):
        yield client


def target_of(model: str) -> tuple[FamilyCodec, ModelFacts]:
    base_id = model.removeprefix("us.")
    return CODECS.for_base_id(base_id), ModelFacts(model_id=model, base_id=base_id)


def whole(client: Any, model: str, request: CompletionRequest) -> Completion:
    codec, facts = target_of(model)
    response = client.invoke_model(
        modelId=model, body=orjson.dumps(codec.encode_request(request, facts))
    )
    return open_answer(codec, orjson.loads(response["body"].read()), facts, headers_of(response))


def streamed(client: Any, model: str, request: CompletionRequest) -> Completion:
    codec, facts = target_of(model)
    body = orjson.dumps(codec.encode_request(request, facts))
    response = client.invoke_model_with_response_stream(modelId=model, body=body)
    decoder = EnvelopeDecoder(codec, facts)
    chunks = [orjson.loads(event["chunk"]["bytes"]) for event in response["body"]]
    return assemble(event for chunk in chunks for event in decoder.feed(chunk))


def headers_of(response: Any) -> dict[str, str]:
    headers: dict[str, str] = response["ResponseMetadata"]["HTTPHeaders"]
    return headers


def call_in(completion: Completion) -> ToolUse:
    (call,) = (block for block in completion.content if isinstance(block, ToolUse))
    return call


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("say", [whole, streamed])
@pytest.mark.parametrize("model", [CLAUDE, MISTRAL])
def test_a_tool_is_called_and_its_result_is_answered(client: Any, model: str, say: Say) -> None:
    first = say(client, model, ASKED)
    call = call_in(first)
    result = Message(Role.USER, (ToolResult(call.id, (Text("It rains in example."),)),))
    history = (*ASKED.messages, Message(Role.ASSISTANT, (call,)), result)
    second = say(client, model, evolve(ASKED, messages=history))

    assert (first.stop_reason, call.name, call.input) == (
        StopReason.TOOL_USE,
        "weather",
        {"city": "example"},
    )
    assert second.stop_reason is StopReason.END_TURN
    assert "The tool answered: It rains in example." in second.text


def test_another_question_calls_the_tool_again_under_another_id(client: Any) -> None:
    first = call_in(whole(client, CLAUDE, ASKED))
    again = (
        Message(Role.ASSISTANT, (first,)),
        Message(Role.USER, (ToolResult(first.id, (Text("Rain."),)),)),
        Message(Role.ASSISTANT, (Text("It rains."),)),
        user("And the weather tomorrow?"),
    )
    second = call_in(whole(client, CLAUDE, evolve(ASKED, messages=(*ASKED.messages, *again))))

    assert first.id != second.id


def test_what_a_script_has_said_stands_before_the_call(client: Any) -> None:
    said = whole(client, CLAUDE, evolve(ASKED, messages=(user("both"),)))

    assert (said.text, call_in(said).name) == ("I will see.", "weather")


def test_a_tool_that_is_not_offered_is_not_called(client: Any) -> None:
    said = whole(client, CLAUDE, evolve(ASKED, tools=()))

    assert said.stop_reason is StopReason.END_TURN


# ── what is counted ───────────────────────────────────────────────────────────────────────────────

CACHE = "x-amzn-bedrock-cache-{}-input-token-count"


def counts_of(client: Any, model: str, *system: ContentBlock) -> tuple[dict[str, str], Any]:
    codec, facts = target_of(model)
    request = CompletionRequest(
        (user("one two three"),), system=system, inference=Inference(max_tokens=50)
    )
    response = client.invoke_model(
        modelId=model, body=orjson.dumps(codec.encode_request(request, facts))
    )
    headers = {
        name: value for name, value in headers_of(response).items() if name.endswith("-token-count")
    }
    return headers, orjson.loads(response["body"].read())


def test_a_newer_claude_counts_what_it_keeps_and_an_older_one_says_nothing_of_it(
    client: Any,
) -> None:
    newer, body = counts_of(client, CLAUDE)
    older, older_body = counts_of(client, "anthropic.claude-3-haiku-20240307-v1:0")

    assert (newer[CACHE.format("read")], newer[CACHE.format("write")]) == ("0", "0")
    assert body["usage"]["cache_read_input_tokens"] == 0
    assert [name for name in older if "cache" in name] == []
    assert older_body["usage"].keys() == {"input_tokens", "output_tokens"}


@pytest.mark.parametrize("model", ["us.anthropic.claude-opus-4-8", "us.anthropic.claude-sonnet-5"])
def test_the_newest_tell_no_write_that_did_not_happen(client: Any, model: str) -> None:
    headers, body = counts_of(client, model)
    written, _ = counts_of(client, model, Text("a b c d"), CachePoint())

    assert CACHE.format("write") not in headers
    assert body["usage"]["cache_creation_input_tokens"] == 0
    assert written[CACHE.format("write")] == "4"


def test_what_stands_before_a_cache_point_is_written_and_no_input(client: Any) -> None:
    headers, body = counts_of(client, CLAUDE, Text("a b c d"), CachePoint(), Text("e f"))

    assert headers["x-amzn-bedrock-input-token-count"] == "5"
    assert headers[CACHE.format("write")] == "4"
    assert (body["usage"]["input_tokens"], body["usage"]["cache_creation_input_tokens"]) == (5, 4)
