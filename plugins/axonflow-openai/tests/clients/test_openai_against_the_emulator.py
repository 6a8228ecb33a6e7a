"""OpenAI's own client, of whichever major is installed, against the emulator over a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from axonflow_core.emulator.serving import RunningEmulator, serving
from axonflow_openai.emulator import emulator

openai = pytest.importorskip("openai")
pytestmark = pytest.mark.filterwarnings("ignore")  # what other people's code does is theirs

PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAC"
    "hwGA60e6kgAAAABJRU5ErkJggg=="
)
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
SCRIPT = [
    {"when": "weather", "calls": [{"name": "get_weather", "input": {"city": "Oslo"}}], "times": 1},
    {"when": "storm", "calls": [{"name": "get_weather", "input": {"city": "Oslo"}}]},
    {"when": "limit", "error": {"code": "rate_limit_exceeded", "message": "Slow down."}},
    {"when": "quota", "error": {"code": "insufficient_quota", "message": "Spent."}},
    {"when": "break", "error": {"code": "server_error", "status": 500, "after_chunks": 2}},
]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with serving(emulator(SCRIPT)) as running:
        yield running


@pytest.fixture(scope="module")
def client(running: RunningEmulator) -> Any:
    environment = running.environment
    return openai.OpenAI(
        api_key=environment["OPENAI_API_KEY"],
        base_url=environment["OPENAI_BASE_URL"],
        max_retries=0,
    )


def ask(client: Any, text: Any = "Hello.", model: str = "gpt-4o", **named: Any) -> Any:
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model=model, messages=messages, **named)


def test_a_text_is_answered_with_its_counts(client: Any) -> None:
    answer = ask(client, max_tokens=50)

    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.id.startswith("chatcmpl-") and answer._request_id


def test_a_stream_adds_up_to_the_whole_and_counts_where_it_is_asked_to(client: Any) -> None:
    whole = ask(client)
    with ask(client, stream=True, stream_options={"include_usage": True}) as stream:
        chunks = list(stream)

    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage and not chunks[-1].choices


def test_a_tool_is_called_and_its_result_is_read(client: Any) -> None:
    called = ask(client, "weather", tools=[WEATHER]).choices[0]
    (call,) = called.message.tool_calls
    assert (called.finish_reason, call.function.name) == ("tool_calls", "get_weather")
    assert call.function.arguments == '{"city":"Oslo"}'

    messages = [
        {"role": "user", "content": "weather"},
        called.message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "It rains."},
    ]
    answer = client.chat.completions.create(model="gpt-4o", messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content


def test_the_arguments_of_a_streamed_call_add_up(client: Any) -> None:
    with client.chat.completions.stream(
        model="gpt-4o", messages=[{"role": "user", "content": "storm"}], tools=[WEATHER]
    ) as stream:
        final = stream.get_final_completion()

    (call,) = final.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"Oslo"}')


def test_a_picture_is_read(client: Any) -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
    ]

    assert ask(client, parts).choices[0].message.content


def test_an_answer_keeps_to_its_schema(client: Any) -> None:
    pydantic = pytest.importorskip("pydantic")

    class Weather(pydantic.BaseModel):  # type: ignore[misc,name-defined]
        city: str
        degrees: int

    answer = client.chat.completions.parse(
        model="gpt-4o", messages=[{"role": "user", "content": "Hi."}], response_format=Weather
    )

    assert isinstance(answer.choices[0].message.parsed, Weather)


def test_a_model_that_reasons_takes_its_parameters_alone(client: Any) -> None:
    answer = ask(client, model="gpt-5.2", max_completion_tokens=50, reasoning_effort="low")
    assert answer.choices[0].message.content

    for refused in ({"max_tokens": 50}, {"stop": ["x"]}, {"reasoning_effort": "max"}):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, model="gpt-5.2", **refused)
        assert caught.value.code in ("unsupported_parameter", "unsupported_value")


def test_tools_next_to_an_effort_are_refused_as_openai_refuses_them(client: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="Function tools with reasoning_effort"):
        ask(client, model="gpt-5.6-sol", tools=[WEATHER])

    assert ask(client, model="gpt-5.6-sol", tools=[WEATHER], reasoning_effort="none")


@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}])
def test_embeddings_have_the_length_that_is_asked_for(client: Any, encoding: Any) -> None:
    answer = client.embeddings.create(
        model="text-embedding-3-small", input=["one", "two"], dimensions=8, **encoding
    )

    assert [len(each.embedding) for each in answer.data] == [8, 8]
    assert (answer.model, answer.usage.prompt_tokens > 0) == ("text-embedding-3-small", True)


def test_models_are_listed_and_described(client: Any) -> None:
    ids = [model.id for model in client.models.list()]

    assert "gpt-4o" in ids and "gpt-4-turbo" not in ids
    assert client.models.retrieve("gpt-4o").owned_by == "openai"


def test_each_error_has_the_class_of_the_client(client: Any, running: RunningEmulator) -> None:
    stranger = client.with_options(api_key="sk-wrong")
    too_long = "word " * 130_000
    found = {
        openai.AuthenticationError: lambda: ask(stranger),
        openai.NotFoundError: lambda: ask(client, model="gpt-4-turbo"),
        openai.RateLimitError: lambda: ask(client, "limit"),
        openai.BadRequestError: lambda: ask(client, too_long),
    }
    for kind, call in found.items():
        with pytest.raises(kind):
            call()


def test_a_spent_quota_is_told_by_its_code(client: Any) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client, "quota")

    assert caught.value.code == "insufficient_quota"


def test_an_error_in_a_stream_is_raised_by_the_client(client: Any) -> None:
    with pytest.raises(openai.APIError), ask(client, "break", stream=True) as stream:
        list(stream)


def test_the_asynchronous_client_is_answered_too(running: RunningEmulator) -> None:
    async def asked() -> Any:
        environment = running.environment
        async with openai.AsyncOpenAI(
            api_key=environment["OPENAI_API_KEY"], base_url=environment["OPENAI_BASE_URL"]
        ) as client:
            messages = [{"role": "user", "content": "Hello."}]
            stream = await client.chat.completions.create(
                model="gpt-4o", messages=messages, stream=True
            )
            return [chunk async for chunk in stream]

    assert asyncio.run(asked())


def test_tokens_are_counted_in_the_form_of_the_responses_api(client: Any) -> None:
    counted = client.responses.input_tokens.count(model="gpt-4o", input="one two three")

    assert counted.input_tokens >= 3
