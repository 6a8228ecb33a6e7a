"""Google's own SDK, unmodified, against the emulator: what it sends is read, what it gets it
reads."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from axonflow_core.emulator.serving import RunningEmulator, serving
from axonflow_gemini.codec.errors import DAILY
from axonflow_gemini.emulator import API_KEY, emulator

genai = pytest.importorskip("google.genai")
pytestmark = pytest.mark.filterwarnings("ignore")  # what other people's code does is theirs
types = genai.types

MODEL = "gemini-3.8-flash"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6"
    "kgAAAABJRU5ErkJggg=="
)
RULES: list[dict[str, Any]] = [
    {"when": "weather in Oslo", "calls": [{"name": "get_weather", "input": {"city": "Oslo"}}]},
    {
        "when": "both cities",
        "calls": [
            {"name": "get_weather", "input": {"city": "Oslo"}},
            {"name": "get_weather", "input": {"city": "Ulm"}},
        ],
    },
    {"when": "think", "reasoning": "Let me see.", "answer": "Four."},
    {"when": "filtered", "answer": "I", "stop_reason": "content_filtered"},
    {
        "when": "too much",
        "error": {"code": "RESOURCE_EXHAUSTED", "status": 429, "retry_after_s": 7},
    },
    {"when": "spent", "error": {"code": DAILY, "message": "You exceeded your current quota."}},
    {"when": "breaks off", "error": {"code": "UNAVAILABLE", "after_chunks": 3}},
]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with serving(emulator(RULES)) as running:
        yield running


def client_of(running: RunningEmulator, *, key: str = API_KEY, version: str = "v1beta") -> Any:
    options = types.HttpOptions(base_url=running.base_url, api_version=version)
    return genai.Client(api_key=key, http_options=options)


@pytest.fixture(scope="module", params=["v1beta", "v1"])
def client(running: RunningEmulator, request: Any) -> Iterator[Any]:
    with client_of(running, version=request.param) as client:
        yield client


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"It rains in {city}."


def config(**members: Any) -> Any:
    return types.GenerateContentConfig(**members)


def by_hand(**members: Any) -> Any:
    """A configuration with which the SDK calls no function itself."""
    off = types.AutomaticFunctionCallingConfig(disable=True)
    return config(tools=[get_weather], automatic_function_calling=off, **members)


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


def test_a_text_is_answered_with_its_tokens(client: Any) -> None:
    answer = client.models.generate_content(
        model=MODEL,
        contents="Why is the sky blue?",
        config=config(system_instruction="Be brief.", max_output_tokens=50, top_k=3, seed=1),
    )

    assert answer.text.endswith("You said: Why is the sky blue?")
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP
    assert answer.usage_metadata.prompt_token_count == 7
    assert answer.usage_metadata.total_token_count == 7 + len(answer.text.split())
    assert (answer.model_version, bool(answer.response_id)) == (MODEL, True)


def test_a_limit_of_tokens_cuts_the_answer(client: Any) -> None:
    answer = client.models.generate_content(
        model=MODEL, contents="hi", config=config(max_output_tokens=2)
    )

    assert answer.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS


def test_a_filtered_answer_says_so(client: Any) -> None:
    answer = client.models.generate_content(model=MODEL, contents="filtered")

    assert answer.candidates[0].finish_reason is types.FinishReason.SAFETY


def test_a_stream_is_the_answer_in_pieces(client: Any) -> None:
    whole = client.models.generate_content(model=MODEL, contents="Stream this.")

    chunks = list(client.models.generate_content_stream(model=MODEL, contents="Stream this."))

    assert len(chunks) > 3
    assert "".join(chunk.text or "" for chunk in chunks) == whole.text
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.STOP
    assert chunks[-1].usage_metadata == whole.usage_metadata
    assert {chunk.response_id for chunk in chunks} == {whole.response_id}


def test_the_async_client_streams_too(running: RunningEmulator) -> None:
    async def text() -> str:
        async with client_of(running).aio as client:
            stream = await client.models.generate_content_stream(model=MODEL, contents="Hello")
            return "".join([chunk.text or "" async for chunk in stream])

    assert asyncio.run(text()).endswith("You said: Hello")


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_chat_remembers_its_turns(client: Any, is_streamed: bool) -> None:
    chat = client.chats.create(model=MODEL)

    for text in ("one", "two"):
        if is_streamed:
            assert list(chat.send_message_stream(text))
        else:
            assert chat.send_message(text).text

    turns = chat.get_history(curated=True)
    said = [turn.parts[0].text for turn in turns if turn.role == "user"]
    assert said == ["one", "two"]
    assert [turn.role for turn in turns][1] == "model"


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_streamed", [False, True])
def test_functions_are_called_automatically(
    client: Any, is_streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    chat = client.chats.create(model=MODEL, config=config(tools=[get_weather]))

    if is_streamed:
        chunks = list(chat.send_message_stream("What is the weather in Oslo?"))
        text = "".join(chunk.text or "" for chunk in chunks)
    else:
        text = chat.send_message("What is the weather in Oslo?").text

    assert "It rains in Oslo." in text


def test_calls_by_hand_have_ids_and_a_signature_and_are_answered(client: Any) -> None:
    question = types.UserContent("both cities, please")

    called = client.models.generate_content(model=MODEL, contents=question, config=by_hand())

    calls = called.function_calls
    assert [(call.name, call.args["city"]) for call in calls] == [
        ("get_weather", "Oslo"),
        ("get_weather", "Ulm"),
    ]
    signed = [part for part in called.candidates[0].content.parts if part.thought_signature]
    assert [part.function_call.id for part in signed] == [calls[0].id]
    results = [
        types.Part(
            function_response=types.FunctionResponse(
                id=call.id, name=call.name, response={"result": get_weather(call.args["city"])}
            )
        )
        for call in calls
    ]
    answered = client.models.generate_content(
        model=MODEL,
        contents=[question, called.candidates[0].content, types.UserContent(results)],
        config=by_hand(),
    )
    assert "Ulm" in answered.text


def test_a_lost_signature_is_refused(client: Any) -> None:
    call = types.Part.from_function_call(name="get_weather", args={"city": "Oslo"})
    result = types.Part.from_function_response(name="get_weather", response={"result": "rain"})
    turns = [types.UserContent("hi"), types.ModelContent(call), types.UserContent(result)]

    with pytest.raises(genai.errors.ClientError, match="missing a thought_signature"):
        client.models.generate_content(model=MODEL, contents=turns, config=by_hand())


def test_a_function_may_be_demanded(client: Any) -> None:
    choice = types.FunctionCallingConfig(mode="ANY", allowed_function_names=["get_weather"])

    answer = client.models.generate_content(
        model=MODEL,
        contents="Hello",
        config=by_hand(tool_config=types.ToolConfig(function_calling_config=choice)),
    )

    assert [call.name for call in answer.function_calls] == ["get_weather"]


# ── media, schema, thoughts ───────────────────────────────────────────────────────────────────────


def test_pictures_and_documents_are_seen(client: Any) -> None:
    parts = [
        types.Part.from_bytes(data=PIXEL, mime_type="image/png"),
        types.Part.from_bytes(data=b"%PDF-1.4\n", mime_type="application/pdf"),
        types.Part.from_uri(file_uri="https://a.example/cat.png", mime_type="image/png"),
        "What is this?",
    ]

    answer = client.models.generate_content(model=MODEL, contents=parts)

    assert "2 pictures" in answer.text


@pytest.mark.parametrize("key", ["response_schema", "response_json_schema"])
def test_a_schema_is_kept_to(client: Any, key: str) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["city", "people"],
    }

    answer = client.models.generate_content(
        model=MODEL,
        contents="A city.",
        config=config(response_mime_type="application/json", **{key: schema}),
    )

    assert answer.parsed.keys() == {"city", "people"}


def test_thoughts_are_shown_where_asked_for(client: Any) -> None:
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_level="low")

    answer = client.models.generate_content(
        model=MODEL, contents="think", config=config(thinking_config=thinking)
    )

    parts = answer.candidates[0].content.parts
    assert [(part.text, part.thought) for part in parts] == [("Let me see.", True), ("Four.", None)]
    assert answer.text == "Four."


# ── vectors, counts, models ───────────────────────────────────────────────────────────────────────


def test_vectors_are_made(client: Any) -> None:
    asked = types.EmbedContentConfig(task_type="RETRIEVAL_QUERY", output_dimensionality=8)

    answer = client.models.embed_content(
        model="gemini-embedding-001", contents=["one", "two"], config=asked
    )

    assert [len(vector.values) for vector in answer.embeddings] == [8, 8]


def test_tokens_are_counted(client: Any) -> None:
    assert client.models.count_tokens(model=MODEL, contents="one two three").total_tokens == 3


def test_models_are_listed_and_described(client: Any) -> None:
    names = [model.name for model in client.models.list()]

    assert f"models/{MODEL}" in names
    assert "models/gemini-2.0-flash" not in names
    assert client.models.get(model=MODEL).input_token_limit == 1_048_576


# ── errors ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "model", "code", "status"),
    [
        ("hi", "gemini-2.0-flash", 404, "NOT_FOUND"),
        ("too much", MODEL, 429, "RESOURCE_EXHAUSTED"),
        ("spent", MODEL, 429, "RESOURCE_EXHAUSTED"),
        ("hi", "gemini-embedding-2", 404, "NOT_FOUND"),
    ],
)
def test_a_refusal_is_googles(client: Any, text: str, model: str, code: int, status: str) -> None:
    with pytest.raises(genai.errors.ClientError) as caught:
        client.models.generate_content(model=model, contents=text)

    assert (caught.value.code, caught.value.status) == (code, status)


def test_a_wait_stands_in_the_details(client: Any) -> None:
    with pytest.raises(genai.errors.ClientError) as caught:
        client.models.generate_content(model=MODEL, contents="too much")

    (detail,) = caught.value.details["error"]["details"]
    assert detail["retryDelay"] == "7s"


def test_a_wrong_key_is_a_400_as_google_has_it(running: RunningEmulator) -> None:
    with (
        client_of(running, key="wrong") as client,
        pytest.raises(genai.errors.ClientError) as caught,
    ):
        client.models.generate_content(model=MODEL, contents="hi")

    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    assert caught.value.details["error"]["details"][0]["reason"] == "API_KEY_INVALID"


def test_a_turn_of_the_models_at_the_end_is_refused(client: Any) -> None:
    turns = [types.UserContent("hi"), types.ModelContent("Once")]

    with pytest.raises(genai.errors.ClientError, match="ending with a model turn"):
        client.models.generate_content(model=MODEL, contents=turns)


def test_a_stream_that_breaks_off_is_an_error(client: Any) -> None:
    chunks = client.models.generate_content_stream(model=MODEL, contents="breaks off")

    assert [next(chunks).text for _ in range(3)] == ["Here", " speaks", " an"]
    with pytest.raises(genai.errors.APIError) as caught:
        next(chunks)
    assert caught.value.status == "UNAVAILABLE"
