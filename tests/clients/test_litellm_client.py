"""LiteLLM as a client, which calls any endpoint of OpenAI's form under `openai/`."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Endpoint

litellm = pytest.importorskip("litellm")
pytestmark = pytest.mark.filterwarnings("ignore")

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
def ask(endpoint: Endpoint) -> Any:
    def asked(text: str, model: str = "claude", key: str = endpoint.key, **more: Any) -> Any:
        return litellm.completion(
            model=f"openai/{model}",
            api_base=f"{endpoint.url}/v1",
            api_key=key,
            messages=more.pop("messages", None) or [{"role": "user", "content": text}],
            num_retries=0,
            max_retries=0,
            **more,
        )

    return asked


def test_a_text_is_answered_whole_and_streamed(ask: Any) -> None:
    whole = ask("hi")
    chunks = list(ask("hi", stream=True, stream_options={"include_usage": True}))

    text = whole.choices[0].message.content
    assert "hi" in text
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text


def test_a_tool_is_called_and_its_result_answered(ask: Any) -> None:
    called = ask("weather", tools=[TOOL]).choices[0].message
    (call,) = called.tool_calls
    rest = [called.model_dump(), {"role": "tool", "tool_call_id": call.id, "content": "rain"}]
    messages = [{"role": "user", "content": "weather"}, *rest]

    assert call.function.arguments == '{"city":"Oslo"}'
    answer = ask("", messages=messages, tools=[TOOL])
    assert answer.choices[0].message.content == "Take an umbrella."


def test_a_streamed_call_adds_up(ask: Any) -> None:
    whole = litellm.stream_chunk_builder(list(ask("weather", tools=[TOOL], stream=True)))

    (call,) = whole.choices[0].message.tool_calls
    assert call.function.arguments == '{"city":"Oslo"}'


def test_a_response_is_made(endpoint: Endpoint) -> None:
    answer = litellm.responses(
        model="openai/claude", input="hi", api_base=f"{endpoint.url}/v1", api_key=endpoint.key
    )

    assert "hi" in answer.output_text


def test_errors_are_exceptions_of_their_own(ask: Any) -> None:
    with pytest.raises(litellm.BadRequestError, match="no-aurora"):
        ask("project aurora")
    with pytest.raises(litellm.NotFoundError):
        ask("hi", model="gpt-99")
    with pytest.raises(litellm.AuthenticationError, match="API key"):
        ask("hi", key="unknown")
