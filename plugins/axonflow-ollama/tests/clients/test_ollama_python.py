"""Ollama's own Python client, unmodified, against the emulator: what it asks is answered, and what
it is told it understands. Everything is asked of the blocking client and of the other one."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from axonflow_core.emulator.script import ScriptSource
from axonflow_core.emulator.serving import RunningEmulator, serving
from axonflow_ollama.emulator import emulator

ollama = pytest.importorskip("ollama")
pytestmark = pytest.mark.filterwarnings("ignore")  # what other people's code does is theirs

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"
    b"\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\xdacd\xf8\xcfP\x0f\x00\x03\x86\x01\x80Z4}k\x00\x00"
    b"\x00\x00IEND\xaeB`\x82"
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SCRIPT: ScriptSource = [
    {"when": "hot potato", "error": {"status": 503, "message": "server busy, please try again."}},
    {
        "when": "half of it",
        "error": {"status": 500, "message": "the model broke off", "after_chunks": 2},
    },
]
QUESTION = [{"role": "user", "content": "Hello there."}]


def get_temperature(city: str) -> str:
    """Get the current temperature for a city

    Args:
      city: The name of the city

    Returns:
      The current temperature
    """
    return {"Oslo": "-4"}.get(city, "3")


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with serving(emulator(SCRIPT)) as running:
        yield running


class Client:
    """One of the two clients, with the other's methods awaited."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            return self._loop.run_until_complete(self._called(name, *args, **options))

        return call

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        if "loop" not in self.__dict__:
            self.__dict__["loop"] = asyncio.new_event_loop()
        loop: asyncio.AbstractEventLoop = self.__dict__["loop"]
        return loop

    async def _called(self, name: str, *args: Any, **options: Any) -> Any:
        answer = getattr(self._client, name)(*args, **options)
        answer = await answer if inspect.isawaitable(answer) else answer
        if hasattr(answer, "__aiter__"):
            return [part async for part in answer]
        return list(answer) if inspect.isgenerator(answer) else answer

    def close(self) -> None:
        closing = self._client.close()
        if inspect.isawaitable(closing):
            self._loop.run_until_complete(closing)
        self._loop.close()


@pytest.fixture(params=["Client", "AsyncClient"])
def client(request: pytest.FixtureRequest, running: RunningEmulator) -> Iterator[Any]:
    client = Client(getattr(ollama, request.param)(host=running.environment["OLLAMA_HOST"]))
    yield client
    client.close()


# ── chat ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_question_is_answered(client: Any) -> None:
    answer = client.chat("llama3.1", QUESTION, options={"num_ctx": 4096, "temperature": 0})

    assert answer.message.content.endswith("You said: Hello there.")
    assert (answer.done, answer.done_reason, answer.model) == (True, "stop", "llama3.1")
    assert (answer.prompt_eval_count, answer.eval_count) == (2, 13)


def test_a_limit_is_a_reason_to_stop(client: Any) -> None:
    answer = client.chat("llama3.1", QUESTION, options={"num_predict": 3})

    assert (answer.message.content, answer.done_reason) == ("Here speaks an", "length")


def test_a_stream_is_the_same_in_pieces(client: Any) -> None:
    parts = client.chat("llama3.1", QUESTION, stream=True)

    whole = client.chat("llama3.1", QUESTION)
    assert "".join(part.message.content for part in parts) == whole.message.content
    assert [part.done for part in parts] == [*[False] * (len(parts) - 1), True]
    assert (parts[-1].done_reason, parts[-1].eval_count) == ("stop", whole.eval_count)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_tool_is_called_and_its_result_is_heard(client: Any, is_streamed: bool) -> None:
    asked: list[Any] = [{"role": "user", "content": "Use get_temperature: how warm is it?"}]
    answer = client.chat("qwen3", asked, tools=[get_temperature], stream=is_streamed)
    parts = answer if is_streamed else [answer]
    (said,) = (part.message for part in parts if part.message.tool_calls)
    (call,) = said.tool_calls

    assert call.function.name == "get_temperature"
    result = get_temperature(**call.function.arguments)
    asked += [said, {"role": "tool", "tool_name": call.function.name, "content": result}]
    heard = client.chat("qwen3", asked, tools=[get_temperature])

    assert "The tool answered: 3" in heard.message.content
    assert heard.done_reason == "stop"


def test_results_belong_to_their_calls_by_the_names_of_tools(
    client: Any, running: RunningEmulator
) -> None:
    calls = [
        {"function": {"name": name, "arguments": {"city": "Oslo"}}} for name in ("warmth", "wind")
    ]
    asked = [
        {"role": "user", "content": "And?"},
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_name": "wind", "content": "north"},
        {"role": "tool", "tool_name": "warmth", "content": "-4"},
    ]

    assert "The tool answered: north The tool answered: -4" in (
        client.chat("qwen3", asked).message.content
    )
    assert "id" not in running.calls[-1].json["messages"][1]["tool_calls"][0]


def test_a_picture_is_seen(client: Any) -> None:
    asked = [{"role": "user", "content": "What is it?", "images": [PNG]}]

    assert "I was shown 1 picture." in client.chat("gemma3", asked).message.content


def test_an_answer_keeps_to_a_schema(client: Any) -> None:
    assert client.chat("llama3.1", QUESTION, format=SCHEMA).message.content == '{"city":"example"}'
    assert client.chat("llama3.1", QUESTION, format="json").message.content.startswith("{")


@pytest.mark.parametrize(("model", "think"), [("qwen3", True), ("gpt-oss", "high")])
def test_a_model_thinks_when_it_is_asked_to(client: Any, model: str, think: Any) -> None:
    answer = client.chat(model, QUESTION, think=think)
    parts = client.chat(model, QUESTION, think=think, stream=True)

    assert answer.message.thinking and answer.message.content
    assert "".join(part.message.thinking or "" for part in parts) == answer.message.thinking
    assert client.chat("qwen3", QUESTION, think=False).message.thinking is None


# ── the other operations ──────────────────────────────────────────────────────────────────────────


def test_a_prompt_is_continued(client: Any) -> None:
    answer = client.generate("llama3.1", "Why?", system="Be brief.", options={"num_predict": 50})
    parts = client.generate("llama3.1", "Why?", stream=True)

    assert answer.response.endswith("You said: Why?")
    assert "".join(part.response for part in parts) == answer.response
    assert (parts[-1].done, parts[-1].done_reason) == (True, "stop")
    assert "I was shown 1 picture." in client.generate("gemma3", "?", images=[PNG]).response
    assert client.generate("qwen3", "Why?", think=True).thinking


def test_texts_become_vectors_of_the_length_asked_for(client: Any) -> None:
    answer = client.embed("nomic-embed-text", ["a cat", "a dog"], truncate=True)
    short = client.embed("nomic-embed-text", "a cat", dimensions=64)

    assert [len(vector) for vector in answer.embeddings] == [768, 768]
    assert [len(vector) for vector in short.embeddings] == [64]
    assert (answer.model, answer.prompt_eval_count) == ("nomic-embed-text", 4)
    older = client.embeddings("nomic-embed-text", "a cat")
    assert older.embedding == pytest.approx(list(answer.embeddings[0]))


def test_what_the_server_has_is_told(client: Any) -> None:
    names = [model.model for model in client.list().models]

    assert {"llama3.1:latest", "nomic-embed-text:latest"} < set(names)
    assert client.ps().models[0].model == "llama3.1:latest"
    assert client.show("qwen3").capabilities == ["completion", "tools", "thinking"]
    assert client.show("qwen3").modelinfo["qwen3.context_length"] == 131_072


# ── what is refused ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        (lambda it: it.chat("llama0", QUESTION), 404, "model 'llama0' not found"),
        (lambda it: it.show("llama0"), 404, "model 'llama0' not found"),
        (lambda it: it.chat("nomic-embed-text", QUESTION), 400, "does not support chat"),
        (
            lambda it: it.chat("phi4", QUESTION, tools=[get_temperature]),
            400,
            "registry.ollama.ai/library/phi4:latest does not support tools",
        ),
        (lambda it: it.chat("phi4", QUESTION, think=True), 400, '"phi4" does not support thinking'),
        (lambda it: it.chat("qwen3", QUESTION, think="low"), 400, 'think value "low"'),
        (
            lambda it: it.chat("llama3.1", [{"role": "user", "content": "hot potato"}]),
            503,
            "server busy, please try again.",
        ),
        (lambda it: it.pull("llama3.1"), 404, "404 page not found"),
    ],
)
def test_a_refusal_has_ollamas_status_and_words(
    client: Any, call: Any, status: int, words: str
) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        call(client)

    assert (caught.value.status_code, words in caught.value.error) == (status, True)


def test_an_error_in_a_stream_is_its_last_line(client: Any) -> None:
    asked = [{"role": "user", "content": "half of it"}]

    with pytest.raises(ollama.ResponseError, match="the model broke off"):
        client.chat("llama3.1", asked, stream=True)
