"""Anthropic's own SDK, unmodified, against the emulator: what it sends is read, what it gets it
reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from axonflow_anthropic.emulator import API_KEY, emulator
from axonflow_core.emulator.serving import RunningEmulator, serving

anthropic = pytest.importorskip("anthropic")
pytestmark = pytest.mark.filterwarnings("ignore")  # what other people's code does is theirs

MODEL = "claude-sonnet-5-5"
WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJg"
    "gg=="
)
RULES = [
    {"when": "weather of Oslo", "calls": [{"name": "get_weather", "input": {"city": "Oslo"}}]},
    {"when": "think", "reasoning": "Let me see.", "answer": "Four."},
    {"when": "too much", "error": {"code": "rate_limit_error", "retry_after_s": 7}},
    {
        "when": "breaks off",
        "error": {"code": "overloaded_error", "after_chunks": 3},
    },
]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with serving(emulator(RULES)) as running:
        yield running


@pytest.fixture(scope="module")
def client(running: RunningEmulator) -> Any:
    return anthropic.Anthropic(base_url=running.base_url, api_key=API_KEY, max_retries=0)


def asked(text: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 200, "messages": [{"role": "user", "content": text}]}


def test_a_text_is_answered_with_its_tokens(client: Any) -> None:
    message = client.messages.create(system="Be brief.", **asked("Why is the sky blue?"))

    assert message.content[0].text.startswith("Here speaks an emulated model of the claude family.")
    assert message.stop_reason == "end_turn" and message.usage.output_tokens > 5
    assert message._request_id.startswith("req_")


def test_a_stream_adds_up_to_its_final_message(client: Any) -> None:
    with client.messages.stream(**asked("Why is the sky blue?")) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()

    assert len(pieces) > 5
    assert "".join(pieces) == final.content[0].text


async def test_the_async_client_is_answered(running: RunningEmulator) -> None:
    async with anthropic.AsyncAnthropic(base_url=running.base_url, api_key=API_KEY) as client:
        message = await client.messages.create(**asked("Why is the sky blue?"))

    assert message.stop_reason == "end_turn"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_tool_is_called_and_its_result_is_read(client: Any, is_streamed: bool) -> None:
    ask = {**asked("The weather of Oslo?"), "tools": [WEATHER]}
    if is_streamed:
        with client.messages.stream(**ask) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(**ask)

    call = next(block for block in message.content if block.type == "tool_use")
    assert (call.name, call.input, message.stop_reason) == (
        "get_weather",
        {"city": "Oslo"},
        "tool_use",
    )
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "It rains."}
    ask["messages"] += [
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": [result]},
    ]
    assert "It rains." in client.messages.create(**ask).content[0].text


def test_a_picture_and_a_document_are_seen(client: Any) -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    text = {"type": "text", "media_type": "text/plain", "data": "A letter."}
    message = client.messages.create(
        **asked(
            [
                {"type": "image", "source": picture},
                {"type": "document", "source": text},
                {"type": "text", "text": "What is this?"},
            ]
        )
    )

    assert "1 picture" in message.content[0].text and "1 document" in message.content[0].text


def test_an_answer_has_the_schema_that_is_asked_for(client: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    message = client.messages.create(
        **asked("Which city?"),
        extra_body={"output_config": {"format": {"type": "json_schema", "schema": schema}}},
    )

    assert json.loads(message.content[0].text).keys() == {"city"}


def test_thoughts_come_first_and_are_signed(client: Any) -> None:
    message = client.messages.create(
        **asked("think: what is two and two?"), extra_body={"thinking": {"type": "adaptive"}}
    )

    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[0].thinking == "Let me see."


def test_tokens_are_counted_and_models_listed(client: Any) -> None:
    counted = client.messages.count_tokens(
        model=MODEL, messages=[{"role": "user", "content": "one two three"}]
    )

    assert counted.input_tokens == 3
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"model": "claude-2"}, "NotFoundError"),
        ({"max_tokens": 0}, "BadRequestError"),
        ({"messages": [{"role": "user", "content": "too much"}]}, "RateLimitError"),
    ],
)
def test_a_refusal_is_the_error_that_the_sdk_has_for_it(
    client: Any, change: dict[str, Any], error: str
) -> None:
    with pytest.raises(getattr(anthropic, error)) as refused:
        client.messages.create(**{**asked("Hi"), **change})
    assert refused.value.body["type"] == "error"


def test_a_wrong_key_is_refused(running: RunningEmulator) -> None:
    client = anthropic.Anthropic(base_url=running.base_url, api_key="sk-other", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        client.messages.create(**asked("Hi"))


def test_an_error_in_mid_stream_is_raised(client: Any) -> None:
    with (
        pytest.raises(anthropic.APIStatusError, match="verloaded"),
        client.messages.stream(**asked("This breaks off")) as stream,
    ):
        list(stream.text_stream)
