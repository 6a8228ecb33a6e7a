"""LangChain's `ChatBedrock` on InvokeModel, unmodified, against the emulator alone."""

from __future__ import annotations

from typing import Any

import pytest

from axonflow_bedrock.serving import RunningEmulator

langchain_aws = pytest.importorskip(
    "langchain_aws", reason="LangChain's client is not installed: langchain-aws"
)

CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"


def chat(emulator: RunningEmulator, model: str) -> Any:
    client = emulator.boto3_client()
    return langchain_aws.ChatBedrock(model_id=model, client=client, region_name="us-east-1")


@pytest.mark.parametrize(
    "model", [CLAUDE, "meta.llama3-1-70b-instruct-v1:0", "mistral.mistral-7b-instruct-v0:2"]
)
def test_it_gets_an_answer(bedrock_emulator: RunningEmulator, model: str) -> None:
    assert "Are you there?" in chat(bedrock_emulator, model).invoke("Are you there?").content


def test_it_gets_the_same_answer_as_a_stream(bedrock_emulator: RunningEmulator) -> None:
    model = chat(bedrock_emulator, CLAUDE)
    streamed = "".join(str(chunk.text) for chunk in model.stream("Are you there?"))
    assert streamed == model.invoke("Are you there?").content


def test_it_gets_a_tool_call(bedrock_emulator: RunningEmulator) -> None:
    weather = {
        "name": "weather",
        "description": "The weather of a city.",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }
    model = chat(bedrock_emulator, CLAUDE).bind_tools([weather], tool_choice="any")
    (call,) = model.invoke("How is the weather?").tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "example"})
