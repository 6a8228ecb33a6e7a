"""OpenAI's own SDK, of whichever major is installed: chat completions, responses, embeddings."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.grammar_openai import events_of_responses

from .conftest import Endpoint

openai = pytest.importorskip("openai")
pydantic = pytest.importorskip("pydantic")
pytestmark = pytest.mark.filterwarnings("ignore")  # what other people's code does is theirs

HI = [{"role": "user", "content": "hi"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "get_weather", "description": "Tells the weather.", "parameters": PARAMETERS}


@pytest.fixture
def client(endpoint: Endpoint) -> Any:
    return openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key=endpoint.key, max_retries=0)


class Weather(pydantic.BaseModel):  # type: ignore[misc,name-defined]
    city: str
    degrees: int


@pytest.mark.parametrize("model", ["claude", "nova", "llama", "mistral"])
def test_a_chat_is_answered_whole_and_streamed(client: Any, model: str) -> None:
    whole = client.chat.completions.create(model=model, messages=HI)
    options = {"include_usage": True}
    with client.chat.completions.create(
        model=model, messages=HI, stream=True, stream_options=options
    ) as stream:
        chunks = list(stream)

    text = whole.choices[0].message.content
    assert "hi" in text and whole.model == model
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text
    assert chunks[-1].usage == whole.usage


def test_a_tool_is_called_and_its_result_answered(client: Any) -> None:
    tools = [{"type": "function", "function": FUNCTION}]
    messages: list[Any] = [{"role": "user", "content": "weather"}]
    with client.chat.completions.stream(model="claude", messages=messages, tools=tools) as stream:
        called = stream.get_final_completion().choices[0]
    (call,) = called.message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    messages += [called.message.model_dump(exclude_none=True), result]
    answer = client.chat.completions.create(model="claude", messages=messages, tools=tools)

    assert called.finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"city": "Oslo"}
    assert answer.choices[0].message.content == "Take an umbrella."


def test_an_answer_is_an_instance_of_its_model(client: Any) -> None:
    parsed = client.chat.completions.parse(model="claude", messages=HI, response_format=Weather)
    responded = client.responses.parse(model="claude", input="hi", text_format=Weather)

    assert isinstance(parsed.choices[0].message.parsed, Weather)
    assert isinstance(responded.output_parsed, Weather)


@pytest.mark.parametrize("model", ["claude", "nova", "llama", "mistral"])
def test_a_response_is_made_whole_and_streamed(client: Any, model: str) -> None:
    whole = client.responses.create(model=model, input="hi", instructions="Be brief.")
    with client.responses.stream(model=model, input="hi", instructions="Be brief.") as stream:
        events = list(stream)
        final = stream.get_final_response()

    assert "hi" in whole.output_text and whole.model == model
    assert (final.output_text, final.usage) == (whole.output_text, whole.usage)
    assert events[-1].type == "response.completed"


def test_every_event_of_a_response_is_of_the_type_that_the_sdk_declares(client: Any) -> None:
    tools = [{"type": "function", **FUNCTION}]
    events = list(
        client.responses.create(model="claude", input="weather", tools=tools, stream=True)
    )

    for event in events:
        type(event).model_validate(event.model_dump(by_alias=True))
    raw = [event.model_dump(by_alias=True, exclude_unset=True) for event in events]
    assert events_of_responses(raw).end == "completed"


def test_a_tool_is_called_in_a_response_and_its_result_answered(client: Any) -> None:
    tools = [{"type": "function", **FUNCTION}]
    items: list[Any] = [{"role": "user", "content": "weather"}]
    called = client.responses.create(model="claude", input=items, tools=tools)
    (call,) = [item for item in called.output if item.type == "function_call"]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
    answer = client.responses.create(
        model="claude", input=[*items, *called.output, result], tools=tools
    )

    assert json.loads(call.arguments) == {"city": "Oslo"}
    assert answer.output_text == "Take an umbrella."


def test_vectors_are_the_same_in_base64_and_in_floats(client: Any) -> None:
    model = "amazon.titan-embed-text-v2:0"
    unasked = client.embeddings.create(model=model, input="hi").data[0].embedding
    floats = client.embeddings.create(model=model, input="hi", encoding_format="float")

    assert list(unasked) == pytest.approx(floats.data[0].embedding)


def test_the_models_are_listed(client: Any) -> None:
    assert {"claude", "nova"} <= {model.id for model in client.models.list()}


def ways(client: Any) -> list[Any]:
    """The ways to ask: chat and response, whole and streamed."""

    def chat(stream: bool, model: str, text: str) -> Any:
        messages = [{"role": "user", "content": text}]
        return client.chat.completions.create(model=model, messages=messages, stream=stream)

    def response(stream: bool, model: str, text: str) -> Any:
        return client.responses.create(model=model, input=text, stream=stream)

    return [(ask, stream) for ask in (chat, response) for stream in (False, True)]


def test_each_error_is_the_exception_that_is_its_own_and_can_be_read(
    client: Any, endpoint: Endpoint
) -> None:
    stranger = openai.OpenAI(base_url=f"{endpoint.url}/v1", api_key="unknown", max_retries=0)
    for ask, stream in ways(client):
        with pytest.raises(openai.BadRequestError, match="no-aurora") as caught:
            ask(stream, "claude", "project aurora")
        assert caught.value.code == "policy_blocked"
        with pytest.raises(openai.BadRequestError, match="no-heliotrope"):
            ask(False, "claude", "secret")
        with pytest.raises(openai.NotFoundError) as missing:
            ask(stream, "gpt-99", "hi")
        assert missing.value.code == "model_not_found"
    for ask, stream in ways(stranger):
        with pytest.raises(openai.AuthenticationError, match="API key"):
            ask(stream, "claude", "hi")


def test_a_block_in_mid_stream_is_an_exception_that_can_be_read(client: Any) -> None:
    late = [{"role": "user", "content": "late"}]
    with pytest.raises(openai.APIError, match="no-heliotrope"):
        list(client.chat.completions.create(model="claude", messages=late, stream=True))
    events = list(client.responses.create(model="claude", input="late", stream=True))
    assert events[-1].type == "response.failed"
    assert "no-heliotrope" in events[-1].response.error.message
