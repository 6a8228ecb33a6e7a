"""Cohere, Jurassic-2, DeepSeek R1 and imported models over the real wire: boto3 and our provider
call the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, closing
from typing import Any

import orjson
import pytest
from aws_account import opened_provider
from botocore.exceptions import ClientError

from axonflow_bedrock.emulator import REGION, emulator, installed_codecs
from axonflow_bedrock.provider import BedrockProvider
from axonflow_bedrock.serving import RunningEmulator, serving
from axonflow_core.codec import ModelFacts
from axonflow_core.messages import Completion, CompletionRequest, Inference, Json, StopReason, user
from axonflow_core.stream import assemble

CODECS = installed_codecs()
COMMAND, COMMAND_R = "cohere.command-text-v14", "cohere.command-r-plus-v1:0"
J2, R1 = "ai21.j2-mid-v1", "us.deepseek.r1-v1:0"
IMPORTED = "arn:aws:bedrock:us-east-1:111122223333:imported-model/a1b2c3d4e5f6"
ENDPOINT = "arn:aws:sagemaker:us-east-1:111122223333:endpoint/endpoint-1"
FAMILIES = {
    COMMAND: "cohere/command",
    COMMAND_R: "cohere/command-r",
    J2: "ai21/j2",
    R1: "deepseek/r1",
    ENDPOINT: "marketplace/tgi",
}
QUESTION = CompletionRequest((user("Why is the sky blue?"),), inference=Inference(max_tokens=100))


@pytest.fixture(scope="module")
def bedrock() -> Iterator[RunningEmulator]:
    with serving(emulator(CODECS)) as running:
        yield running


@pytest.fixture(scope="module")
def client(bedrock: RunningEmulator) -> Iterator[Any]:
    with closing(bedrock.boto3_client()) as boto3_client:
        yield boto3_client


def invoke(client: Any, model: str, body: Json) -> Json:
    return orjson.loads(client.invoke_model(modelId=model, body=orjson.dumps(body))["body"].read())


def chunks_of(client: Any, model: str, body: Json) -> list[Json]:
    response = client.invoke_model_with_response_stream(modelId=model, body=orjson.dumps(body))
    return [orjson.loads(event["chunk"]["bytes"]) for event in response["body"]]


# ── boto3 ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("model", "family"), FAMILIES.items(), ids=FAMILIES.values())
def test_invoke_model_answers_in_the_json_of_the_family(
    client: Any, model: str, family: str
) -> None:
    codec, facts = CODECS.for_name(family), ModelFacts()

    answer = codec.decode_response(
        invoke(client, model, codec.encode_request(QUESTION, facts)), facts
    )

    assert f"the {codec.family} family" in answer.text
    assert answer.text.endswith("You said: Why is the sky blue?")


def test_command_answers_whole_in_one_chunk_unless_it_is_asked_for_pieces(client: Any) -> None:
    body = {"prompt": "Why is the sky blue?", "max_tokens": 100}

    (whole,) = chunks_of(client, COMMAND, body)
    pieces = chunks_of(client, COMMAND, {**body, "stream": True})

    assert whole["generations"][0]["text"] == "".join(piece.get("text", "") for piece in pieces)
    assert len(pieces) > 3
    assert pieces[-1]["is_finished"] is True
    assert "amazon-bedrock-invocationMetrics" in whole
    assert "amazon-bedrock-invocationMetrics" in pieces[-1]


def test_command_r_ends_its_stream_with_the_whole_answer(client: Any) -> None:
    *events, end = chunks_of(client, COMMAND_R, {"message": "Why is the sky blue?"})

    assert {event["event_type"] for event in events} == {"text-generation"}
    assert (end["event_type"], end["is_finished"], end["finish_reason"]) == (
        "stream-end",
        True,
        "COMPLETE",
    )
    assert end["response"]["text"] == "".join(event["text"] for event in events)
    assert end["response"]["meta"]["billed_units"]["input_tokens"] == 5


def test_jurassic_2_does_not_stream_and_says_so_as_aws_does(client: Any) -> None:
    with pytest.raises(ClientError) as raised:
        chunks_of(client, J2, {"prompt": "Hi"})
    error: Any = raised.value.response
    assert (error["Error"]["Code"], error["Error"]["Message"]) == (
        "ValidationException",
        "The model is unsupported for streaming",
    )
    assert (
        invoke(client, J2, {"prompt": "Hi"})["completions"][0]["finishReason"]["reason"]
        == "endoftext"
    )


def test_deepseek_r1_closes_its_thought_before_it_speaks(client: Any) -> None:
    prompt = CODECS.for_name("deepseek/r1").encode_request(QUESTION, ModelFacts())

    text = "".join(chunk["choices"][0]["text"] for chunk in chunks_of(client, R1, prompt))

    assert text.startswith("</think>Here speaks")


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"prompt": "Hi", "max_gen_len": 50}, "generation"),
        ({"prompt": "Hi", "max_tokens": 50}, "choices"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "choices"),
    ],
)
def test_an_imported_model_answers_in_the_form_it_is_asked_in(
    client: Any, body: Json, key: str
) -> None:
    assert key in invoke(client, IMPORTED, body)
    assert key in chunks_of(client, IMPORTED, body)[0]


@pytest.mark.parametrize(
    ("model", "body"), [("deepseek.r1-v1:0", {"prompt": "Hi"}), (ENDPOINT, {"inputs": "Hi"})]
)
def test_a_model_that_cannot_be_called_so_is_refused(client: Any, model: str, body: Json) -> None:
    with pytest.raises(ClientError) as raised:
        invoke(client, model, body)
    error: Any = raised.value.response
    assert error["Error"]["Code"] == "ValidationException"


# ── our provider ──────────────────────────────────────────────────────────────────────────────────


def opened(
    bedrock: RunningEmulator, model: str, family: str | None = None
) -> AbstractAsyncContextManager[BedrockProvider]:
    return opened_provider(bedrock.base_url, region=REGION, model=model, family=family)


async def streamed(provider: BedrockProvider) -> tuple[Completion, int]:
    """The sum of a stream, and of how many batches."""
    async with await provider.stream(QUESTION) as stream:
        batches = [batch async for batch in stream]
    return assemble(event for batch in batches for event in batch), len(batches)


@pytest.mark.parametrize(
    ("model", "family"),
    [*((model, None) for model in FAMILIES if model != ENDPOINT), (ENDPOINT, "marketplace/tgi")],
)
async def test_a_stream_of_ours_says_what_the_whole_answer_says(
    bedrock: RunningEmulator, model: str, family: str | None
) -> None:
    async with opened(bedrock, model, family) as provider:
        whole = await provider.complete(QUESTION)
        summed, count = await streamed(provider)

    assert (summed.text, summed.stop_reason) == (whole.text, StopReason.END_TURN)
    assert (summed.usage.input_tokens, summed.usage.output_tokens) == (5, 16)
    assert count > 3 or model == J2


async def test_a_family_that_does_not_stream_gives_its_whole_answer_as_one_batch(
    bedrock: RunningEmulator,
) -> None:
    async with opened(bedrock, J2) as provider:
        whole = await provider.complete(QUESTION)
        summed, count = await streamed(provider)

    assert (summed, count) == (whole, 1)


@pytest.mark.parametrize(
    ("model", "operation", "flag"),
    [(COMMAND, "invoke-with-response-stream", {"stream": True}), (J2, "invoke", {})],
)
async def test_what_a_streamed_call_would_be_is_explained(
    bedrock: RunningEmulator, model: str, operation: str, flag: Json
) -> None:
    async with opened(bedrock, model) as provider:
        explained = await provider.explain(QUESTION, is_streamed=True)

    assert explained.url.endswith(f"/{operation}")
    assert {key: value for key, value in explained.body.items() if key == "stream"} == flag
