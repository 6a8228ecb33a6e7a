"""Anthropic's own client for Bedrock, unmodified, against the emulator alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from axonflow_bedrock.serving import RunningEmulator

anthropic = pytest.importorskip(
    "anthropic", reason="Anthropic's client is not installed: pip install anthropic"
)

CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
QUESTION: dict[str, Any] = {
    "model": CLAUDE,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Are you there?"}],
}
WEATHER = {
    "name": "weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


@pytest.fixture
def client(bedrock_emulator: RunningEmulator) -> Iterator[Any]:
    with anthropic.AnthropicBedrock(
        base_url=bedrock_emulator.base_url,
        aws_region=bedrock_emulator.environment["AWS_REGION"],
        aws_access_key=bedrock_emulator.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_key=bedrock_emulator.environment["AWS_SECRET_ACCESS_KEY"],
        max_retries=0,
    ) as opened:
        yield opened


def test_it_gets_an_answer(client: Any) -> None:
    message = client.messages.create(**QUESTION)
    assert "Are you there?" in message.content[0].text
    assert (message.stop_reason, message.usage.input_tokens) == ("end_turn", 3)


def test_it_gets_the_same_answer_as_a_stream(client: Any) -> None:
    with client.messages.stream(**QUESTION) as stream:
        text = "".join(stream.text_stream)
    assert text == client.messages.create(**QUESTION).content[0].text


def test_it_gets_a_tool_call(client: Any) -> None:
    message = client.messages.create(**QUESTION, tools=[WEATHER], tool_choice={"type": "any"})
    assert (message.stop_reason, message.content[-1].input) == ("tool_use", {"city": "example"})


def test_it_hears_a_refusal(client: Any) -> None:
    with pytest.raises(anthropic.BadRequestError, match="on-demand throughput"):
        client.messages.create(**{**QUESTION, "model": CLAUDE.removeprefix("us.")})
