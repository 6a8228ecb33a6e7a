"""Unmodified boto3 calls Converse and ConverseStream of the emulator, and our provider does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import ClientError

from axonflow_bedrock.serving import RunningEmulator
from axonflow_core import Config, ProviderConfig, Runtime, UndetectedFamily
from axonflow_core.messages import StopReason
from axonflow_core.stream import assemble

CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
MODELS = (
    CLAUDE,
    "amazon.titan-text-express-v1",
    "meta.llama3-1-70b-instruct-v1:0",
    "mistral.mistral-large-2407-v1:0",
)
NOBODYS_MODEL = "google.gemma-5-9b-it"
"""A model that no codec claims: it speaks Converse alone."""
PNG = b"\x89PNG\r\n\x1a\n"
WEATHER = {
    "toolSpec": {
        "name": "weather",
        "description": "The weather of a city.",
        "inputSchema": {
            "json": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            }
        },
    }
}


@pytest.fixture(scope="module")
def client(bedrock_emulator_of_session: RunningEmulator) -> Iterator[Any]:
    with closing(bedrock_emulator_of_session.boto3_client()) as client:
        yield client


def asked(*content: Any) -> list[Any]:
    return [{"role": "user", "content": list(content)}]


def question(text: str = "Are you there?") -> list[Any]:
    return asked({"text": text})


def text_of(events: list[Any]) -> str:
    deltas = (
        event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event
    )
    return "".join(delta.get("text", "") for delta in deltas)


@pytest.mark.parametrize("model", MODELS)
def test_every_family_answers_converse(client: Any, model: str) -> None:
    answer = client.converse(modelId=model, messages=question())

    assert "Are you there?" in answer["output"]["message"]["content"][0]["text"]
    assert answer["stopReason"] == "end_turn"
    usage = answer["usage"]
    assert usage["inputTokens"] + usage["outputTokens"] == usage["totalTokens"] > 0
    assert answer["metrics"]["latencyMs"] > 0


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_of_converse_says_the_same_as_the_whole(client: Any, model: str) -> None:
    whole = client.converse(modelId=model, messages=question())
    events = list(client.converse_stream(modelId=model, messages=question())["stream"])

    assert text_of(events) == whole["output"]["message"]["content"][0]["text"]
    assert [next(iter(event)) for event in events[-3:]] == [
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    assert events[-1]["metadata"]["usage"] == whole["usage"]


def test_a_model_without_a_codec_answers_converse_and_not_invoke_model(client: Any) -> None:
    answer = client.converse(modelId=NOBODYS_MODEL, messages=question())
    assert "google" in answer["output"]["message"]["content"][0]["text"]

    with pytest.raises(ClientError, match="The provided model identifier is invalid"):
        client.invoke_model(modelId=NOBODYS_MODEL, body=b"{}")


def test_converse_refuses_what_invoke_model_refuses(client: Any) -> None:
    with pytest.raises(ClientError, match="on-demand throughput isn’t supported"):
        client.converse(modelId=CLAUDE.removeprefix("us."), messages=question())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            [{"text": " "}],
            "The text field in the ContentBlock object at messages.0.content.0 is blank",
        ),
        ([], "The content field in the Message object at messages.0 is empty"),
        (
            [{"document": {"format": "txt", "name": "notes", "source": {"bytes": b"hello"}}}],
            "A text block must be included when using documents",
        ),
    ],
    ids=["blank", "empty", "a document alone"],
)
def test_converse_refuses_what_says_nothing(client: Any, content: list[Any], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        client.converse(modelId=CLAUDE, messages=[{"role": "user", "content": content}])


def test_the_tool_that_a_request_insists_on_is_called(client: Any) -> None:
    tools = {"tools": [WEATHER], "toolChoice": {"any": {}}}
    answer = client.converse(modelId=CLAUDE, messages=question(), toolConfig=tools)
    events = list(
        client.converse_stream(modelId=CLAUDE, messages=question(), toolConfig=tools)["stream"]
    )

    (call,) = [
        block["toolUse"] for block in answer["output"]["message"]["content"] if "toolUse" in block
    ]
    assert (call["name"], call["input"], answer["stopReason"]) == (
        "weather",
        {"city": "example"},
        "tool_use",
    )
    (start,) = [
        event["contentBlockStart"]["start"] for event in events if "contentBlockStart" in event
    ]
    assert start["toolUse"]["name"] == "weather"


def test_pictures_and_documents_are_seen(client: Any) -> None:
    shown = asked(
        {"text": "What is this?"},
        {"image": {"format": "png", "source": {"bytes": PNG}}},
        {"document": {"format": "pdf", "name": "paper", "source": {"bytes": b"%PDF-"}}},
    )
    answer = client.converse(modelId=CLAUDE, messages=shown)

    assert (
        "I was shown 1 picture. I was shown 1 document."
        in answer["output"]["message"]["content"][0]["text"]
    )


# ── our provider ──────────────────────────────────────────────────────────────────────────────────


def runtime(emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch, **config: Any) -> Runtime:
    for name, value in emulator.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    settings = {"region": "us-east-1", **config}
    return Runtime.open(
        Config(providers={"bedrock": ProviderConfig("bedrock", is_enabled=True, config=settings)})
    )


@pytest.mark.parametrize("model", [*MODELS, NOBODYS_MODEL])
async def test_our_provider_gets_the_same_from_converse(
    bedrock_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    async with runtime(bedrock_emulator, monkeypatch, surface="converse") as bedrock:
        whole = await bedrock.complete("Are you there?", model=model)
        async with bedrock.stream("Are you there?", model=model) as stream:
            streamed = assemble([event async for batch in stream for event in batch])

    assert "Are you there?" in whole.text
    assert whole.stop_reason is StopReason.END_TURN
    assert (streamed.text, streamed.usage) == (whole.text, whole.usage)
    assert whole.latency_ms == streamed.latency_ms


async def test_a_model_whose_vendor_nobody_knows_works_through_converse_unless_that_is_forbidden(
    bedrock_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with runtime(bedrock_emulator, monkeypatch) as bedrock:
        assert "google" in (await bedrock.complete("Are you there?", model=NOBODYS_MODEL)).text

    async with runtime(bedrock_emulator, monkeypatch, surface="invoke") as bedrock:
        with pytest.raises(UndetectedFamily, match="no model family is known"):
            await bedrock.complete("Are you there?", model=NOBODYS_MODEL)
