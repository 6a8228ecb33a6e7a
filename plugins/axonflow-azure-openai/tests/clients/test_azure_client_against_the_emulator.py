"""`openai.AzureOpenAI`, of whichever major is installed, against the emulator over a socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from axonflow_azure_openai.emulator import ENTRA_TOKEN, emulator
from axonflow_core.emulator.serving import RunningEmulator, serving

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
    {"when": "weather", "calls": [{"name": "get_weather", "input": {"city": "Oslo"}}]},
    {"when": "harm", "error": {"code": "content_filter", "message": "It was filtered."}},
    {"when": "busy", "error": {"code": "429", "message": "Busy.", "retry_after_s": 0.25}},
]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with serving(emulator(SCRIPT)) as running:
        yield running


def connect(running: RunningEmulator, version: str = "2024-10-21", **named: Any) -> Any:
    credentials = named or {"api_key": running.environment["AZURE_OPENAI_API_KEY"]}
    return openai.AzureOpenAI(
        azure_endpoint=running.environment["AZURE_OPENAI_ENDPOINT"],
        api_version=version,
        max_retries=0,
        **credentials,
    )


@pytest.fixture(scope="module")
def client(running: RunningEmulator) -> Any:
    return connect(running)


def ask(client: Any, text: Any = "Hello.", model: str = "gpt-4o", **named: Any) -> Any:
    messages = [{"role": "user", "content": text}]
    return client.chat.completions.create(model=model, messages=messages, **named)


def test_a_text_is_answered_and_found_harmless(client: Any) -> None:
    answer = ask(client)

    assert answer.choices[0].message.content and answer.usage.total_tokens
    (choice,) = answer.model_dump()["choices"]
    assert choice["content_filter_results"]["violence"]["severity"] == "safe"
    assert answer.model_dump()["prompt_filter_results"]


def test_a_stream_begins_with_what_the_filter_found(client: Any) -> None:
    with ask(client, stream=True, stream_options={"include_usage": True}) as stream:
        first, *others = stream

    assert not first.choices and first.model_dump()["prompt_filter_results"]
    text = "".join(each.choices[0].delta.content or "" for each in others if each.choices)
    assert text == ask(client).choices[0].message.content
    assert others[-1].usage.total_tokens


def test_a_tool_is_called(client: Any) -> None:
    (call,) = ask(client, "weather", tools=[WEATHER]).choices[0].message.tool_calls

    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"Oslo"}')


def test_a_picture_is_read(client: Any) -> None:
    picture = {"type": "image_url", "image_url": {"url": PNG}}

    assert ask(client, [{"type": "text", "text": "What?"}, picture]).choices[0].message.content


def test_an_answer_keeps_to_its_schema(client: Any) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    format = {"type": "json_schema", "json_schema": {"name": "weather", "schema": schema}}

    assert '"city"' in ask(client, response_format=format).choices[0].message.content


def test_embeddings_are_made_by_a_deployment(client: Any) -> None:
    answer = client.embeddings.create(model="text-embedding-3-large", input="one", dimensions=8)

    assert len(answer.data[0].embedding) == 8


def test_a_token_of_entra_is_taken(running: RunningEmulator) -> None:
    provided = connect(running, azure_ad_token_provider=lambda: ENTRA_TOKEN)

    assert ask(provided).choices


def test_the_version_v1_is_openais_own_client(running: RunningEmulator) -> None:
    client = openai.OpenAI(
        base_url=f"{running.base_url}/openai/v1/",
        api_key=running.environment["AZURE_OPENAI_API_KEY"],
    )

    assert ask(client, max_completion_tokens=50).choices[0].message.content


def test_an_older_version_does_not_know_newer_arguments(running: RunningEmulator) -> None:
    older = connect(running, "2024-08-01-preview")
    assert ask(older, max_tokens=50).choices

    with pytest.raises(openai.BadRequestError, match="Unrecognized request argument supplied"):
        ask(older, max_completion_tokens=50)


def test_each_error_has_the_class_of_the_client(client: Any, running: RunningEmulator) -> None:
    found = {
        openai.AuthenticationError: lambda: ask(connect(running, api_key="wrong")),
        openai.NotFoundError: lambda: ask(client, model="nothing"),
        openai.RateLimitError: lambda: ask(client, "busy"),
    }
    for kind, call in found.items():
        with pytest.raises(kind) as caught:
            call()
        assert caught.value.response.headers["apim-request-id"]


def test_a_wait_is_told_in_milliseconds(client: Any) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client, "busy")

    assert float(caught.value.response.headers["retry-after-ms"]) == 250.0


def test_a_filtered_prompt_names_its_category(client: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "harm")

    inner = caught.value.body["innererror"]
    assert caught.value.code == "content_filter"
    assert inner["content_filter_result"]["violence"]["filtered"] is True
