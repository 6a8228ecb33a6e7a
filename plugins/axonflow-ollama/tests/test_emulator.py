"""The provider against the emulator, over a socket: text, streams, tools, pictures, schema,
vectors, errors. What the emulator adds to `build_emulator` stands here too."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest

from axonflow_core import BlockingRuntime
from axonflow_core.emulator.script import ScriptSource
from axonflow_core.emulator.serving import RunningEmulator, serving
from axonflow_core.errors import InvalidCall, ModelNotFound, Throttled, TruncatedStream, Unavailable
from axonflow_core.json import dumps
from axonflow_core.messages import (
    CompletionRequest,
    Image,
    Media,
    Message,
    OutputSchema,
    ReasoningRequest,
    Tool,
    ToolResult,
    user,
)
from axonflow_core.retrieval import EmbeddingRequest
from axonflow_ollama.emulator import emulator

PNG = Media("base64", "iVBORw0KGgo=", "image/png")
WARMTH = Tool("warmth", "How warm it is.", {"type": "object", "properties": {"city": {}}})
WIND = Tool("wind", "Where it blows from.", {"type": "object", "properties": {"city": {}}})
SCRIPT: ScriptSource = [
    {"when": "hot potato", "error": {"status": 503, "message": "server busy, please try again."}},
    {"when": "half", "error": {"status": 500, "message": "it broke off", "after_chunks": 2}},
    {"when": "cut", "fault": "truncate", "at_byte": 700},
]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with serving(emulator(SCRIPT)) as running:
        yield running


@pytest.fixture(scope="module")
def runtime(running: RunningEmulator) -> Iterator[BlockingRuntime]:
    with BlockingRuntime.open(provider="ollama", endpoint=running.base_url) as runtime:
        yield runtime


def test_a_question_is_answered_and_costs_nothing(runtime: BlockingRuntime) -> None:
    completion = runtime.complete("Hello there.")

    assert completion.text.endswith("You said: Hello there.")
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (2, 13)
    assert completion.receipt is not None
    assert (completion.receipt.family, completion.receipt.surface) == ("ollama", "chat")


def test_a_stream_is_the_same_in_pieces(runtime: BlockingRuntime) -> None:
    with runtime.stream("Hello there.") as stream:
        pieces = list(stream.text())

    assert len(pieces) > 3
    assert "".join(pieces) == runtime.complete("Hello there.").text


def test_tools_are_called_in_parallel_and_their_results_are_heard(
    runtime: BlockingRuntime, running: RunningEmulator
) -> None:
    asked = CompletionRequest((user("Use warmth and wind."),), tools=(WARMTH, WIND))
    called = runtime.complete(asked)
    first, second = called.tool_uses
    results = [ToolResult(second.id, "north"), ToolResult(first.id, "-4")]
    messages = (*asked.messages, called.message, Message("user", results))
    heard = runtime.complete(CompletionRequest(messages, tools=(WARMTH, WIND)))

    assert [first.name, second.name] == ["warmth", "wind"]
    assert "The tool answered: north The tool answered: -4" in heard.text
    said = [each for each in running.calls[-1].json["messages"] if each["role"] == "tool"]
    answered = [(each["tool_name"], each["tool_call_id"]) for each in said]
    assert answered == [("wind", second.id), ("warmth", first.id)]


def test_a_picture_a_schema_and_reasoning_arrive(runtime: BlockingRuntime) -> None:
    seen = runtime.complete(CompletionRequest((user(["What?", Image(PNG)]),)), model="gemma3")
    city = {"properties": {"city": {"type": "string"}}, "required": ["city"]}
    schema = OutputSchema({"type": "object", **city})
    held = runtime.complete(CompletionRequest((user("Where?"),), output_schema=schema))
    thought = runtime.complete(
        CompletionRequest((user("Why?"),), reasoning=ReasoningRequest("enabled")), model="qwen3"
    )

    assert "I was shown 1 picture." in seen.text
    assert held.text == '{"city":"example"}'
    assert thought.reasoning and thought.text


def test_texts_become_vectors(runtime: BlockingRuntime) -> None:
    asked = EmbeddingRequest(["a cat", "a dog"], dimensions=32)
    vectors = runtime.embed(asked, model="all-minilm")

    assert [len(values) for values in vectors.floats] == [32, 32]


@pytest.mark.parametrize(
    ("prompt", "model", "kind", "hint"),
    [
        ("Hello", "llama0", ModelNotFound, "`ollama pull llama0`"),
        ("Hello", "nomic-embed-text", InvalidCall, "ollama show nomic-embed-text"),
        ("hot potato", None, Throttled, "OLLAMA_NUM_PARALLEL"),
    ],
)
def test_a_refusal_is_typed_and_says_how_it_is_mended(
    runtime: BlockingRuntime, prompt: str, model: str | None, kind: type[Exception], hint: str
) -> None:
    with pytest.raises(kind) as caught:  # what is throttled is tried again while there is time
        runtime.complete(prompt, model=model, timeout=1.0)

    assert hint in getattr(caught.value, "hint", "")


def test_a_tool_is_refused_by_a_model_that_has_none(runtime: BlockingRuntime) -> None:
    asked = CompletionRequest((user("Use warmth."),), tools=(WARMTH,))

    with pytest.raises(InvalidCall, match="does not support tools"):
        runtime.complete(asked, model="phi4")


@pytest.mark.parametrize(("prompt", "kind"), [("half", Unavailable), ("cut", TruncatedStream)])
def test_a_stream_that_breaks_off_is_no_answer(
    runtime: BlockingRuntime, prompt: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind), runtime.stream(prompt) as stream:
        list(stream.text())


def test_a_body_that_does_not_say_whether_it_wants_a_stream_gets_one(
    running: RunningEmulator,
) -> None:
    body = {"model": "llama3.1", "messages": [{"role": "user", "content": "Hi."}]}

    kinds = [posted(running, {**body, **more})[0] for more in ({}, {"stream": False})]

    assert kinds == ["application/x-ndjson", "application/json"]


def posted(running: RunningEmulator, body: object) -> tuple[str, bytes]:
    """The content type and the bytes of the answer to a chat."""
    request = urllib.request.Request(f"{running.base_url}/api/chat", dumps(body))
    with urllib.request.urlopen(request) as answer:
        return answer.headers["content-type"], answer.read()
