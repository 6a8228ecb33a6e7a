"""Unmodified clients of the dialects that `server.dialects` may name besides: google-genai, the
package `ollama`, and OpenAI's SDK as a client of Azure."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attrs import frozen

from .conftest import Endpoint

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.filterwarnings("ignore"),  # what other people's code does is theirs
]

VECTORS = "amazon.titan-embed-text-v2:0"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "get_weather", "description": "Tells the weather.", "parameters": SCHEMA}
TOOL = {"type": "function", "function": FUNCTION}


def said(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


@frozen
class Gemini:
    """`genai.Client`."""

    url: str
    key: str
    version: str = "v1beta"

    @property
    def error(self) -> Any:
        return importlib.import_module("google.genai.errors").APIError

    def _client(self) -> Any:
        genai = importlib.import_module("google.genai")
        options = genai.types.HttpOptions(base_url=self.url, api_version=self.version)
        return genai.Client(api_key=self.key, http_options=options)

    def whole(self, model: str, prompt: str) -> Any:
        with self._client() as client:
            return client.models.generate_content(model=model, contents=prompt).text

    def streamed(self, model: str, prompt: str) -> Iterator[str]:
        with self._client() as client:
            for chunk in client.models.generate_content_stream(model=model, contents=prompt):
                yield chunk.text or ""

    def called(self, model: str, prompt: str) -> tuple[str, Any]:
        declaration = {**FUNCTION, "parameters_json_schema": SCHEMA}
        del declaration["parameters"]
        config = {"tools": [{"function_declarations": [declaration]}]}
        with self._client() as client:
            answer = client.models.generate_content(model=model, contents=prompt, config=config)
        (call,) = answer.function_calls
        return call.name, call.args

    def models(self) -> set[str]:
        with self._client() as client:
            return {model.name.removeprefix("models/") for model in client.models.list()}

    def vector(self, text: str) -> Any:
        with self._client() as client:
            answer = client.models.embed_content(model=VECTORS, contents=text)
        return answer.embeddings[0].values


@frozen
class Ollama:
    """`ollama.Client`."""

    url: str
    key: str

    @property
    def error(self) -> Any:
        return importlib.import_module("ollama").ResponseError

    def _client(self) -> Any:
        headers = {"authorization": f"Bearer {self.key}"}
        return importlib.import_module("ollama").Client(host=self.url, headers=headers)

    def whole(self, model: str, prompt: str) -> Any:
        return self._client().chat(model=model, messages=said(prompt)).message.content

    def streamed(self, model: str, prompt: str) -> Iterator[str]:
        for chunk in self._client().chat(model=model, messages=said(prompt), stream=True):
            yield chunk.message.content or ""

    def called(self, model: str, prompt: str) -> tuple[str, Any]:
        answer = self._client().chat(model=model, messages=said(prompt), tools=[TOOL])
        (call,) = answer.message.tool_calls
        return call.function.name, call.function.arguments

    def models(self) -> set[str]:
        return {model.model for model in self._client().list().models}

    def vector(self, text: str) -> Any:
        return list(self._client().embed(model=VECTORS, input=text).embeddings[0])


@frozen
class Azure:
    """`openai.AzureOpenAI`."""

    url: str
    key: str

    @property
    def error(self) -> Any:
        return importlib.import_module("openai").APIError

    def _client(self) -> Any:
        return importlib.import_module("openai").AzureOpenAI(
            azure_endpoint=self.url, api_key=self.key, api_version="2024-10-21", max_retries=0
        )

    def whole(self, model: str, prompt: str) -> Any:
        answer = self._client().chat.completions.create(model=model, messages=said(prompt))
        return answer.choices[0].message.content

    def streamed(self, model: str, prompt: str) -> Iterator[str]:
        stream = self._client().chat.completions.create(
            model=model, messages=said(prompt), stream=True
        )
        for chunk in stream:
            if chunk.choices:
                yield chunk.choices[0].delta.content or ""

    def called(self, model: str, prompt: str) -> tuple[str, Any]:
        answer = self._client().chat.completions.create(
            model=model, messages=said(prompt), tools=[TOOL]
        )
        (call,) = answer.choices[0].message.tool_calls
        return call.function.name, json.loads(call.function.arguments)

    def models(self) -> set[str]:
        openai = importlib.import_module("openai")
        client = openai.OpenAI(base_url=f"{self.url}/openai/v1", api_key=self.key, max_retries=0)
        return {model.id for model in client.models.list()}

    def vector(self, text: str) -> Any:
        return self._client().embeddings.create(model=VECTORS, input=text).data[0].embedding


CLIENTS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "gemini": ("google.genai", Gemini),
    "gemini v1": ("google.genai", lambda url, key: Gemini(url, key, "v1")),
    "ollama": ("ollama", Ollama),
    "azure": ("openai", Azure),
}


@pytest.fixture(params=CLIENTS)
def made(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes a client of the server, with its key or another."""
    package, make = CLIENTS[request.param]
    pytest.importorskip(package)
    endpoint: Endpoint = request.getfixturevalue("endpoint")
    return lambda key=endpoint.key: make(endpoint.url, key)


@pytest.mark.parametrize("model", ["claude", "nova", "llama", "mistral"])
def test_a_text_is_answered_whole_and_streamed(made: Any, model: str) -> None:
    client = made()
    whole = client.whole(model, "hi")

    assert "hi" in whole
    assert "".join(client.streamed(model, "hi")) == whole


def test_a_tool_is_called(made: Any) -> None:
    assert made().called("claude", "weather") == ("get_weather", {"city": "Oslo"})


def test_the_models_are_listed(made: Any) -> None:
    assert {"claude", "nova"} <= made().models()


def test_a_text_becomes_a_vector(made: Any) -> None:
    assert len(made().vector("hi")) > 100


@pytest.mark.parametrize(
    ("model", "prompt", "told"),
    [
        ("claude", "what of project aurora", "no-aurora"),
        ("claude", "secret", "no-heliotrope"),
        ("us.anthropic.claude-nonesuch-v1:0", "hi", "nonesuch|invalid|not found|no model"),
    ],
)
def test_what_is_refused_is_the_clients_own_exception(
    made: Any, model: str, prompt: str, told: str
) -> None:
    client = made()
    with pytest.raises(client.error, match=told):
        client.whole(model, prompt)
    with pytest.raises(client.error, match=told):
        list(client.streamed(model, prompt))


def test_a_wrong_key_is_the_clients_own_exception(made: Any) -> None:
    client = made(key="nobody's")
    with pytest.raises(client.error, match="not known"):
        client.whole("claude", "hi")


def test_a_block_in_the_middle_of_a_stream_says_which_rule_it_was(made: Any) -> None:
    client, said = made(), []
    with pytest.raises(client.error, match="no-heliotrope"):
        said.extend(client.streamed("claude", "late"))
    assert said and "heliotrope-" not in "".join(said)


def test_an_ollama_tells_of_itself(request: pytest.FixtureRequest) -> None:
    ollama = pytest.importorskip("ollama")
    endpoint: Endpoint = request.getfixturevalue("endpoint")
    headers = {"authorization": f"Bearer {endpoint.key}"}
    client = ollama.Client(host=endpoint.url, headers=headers)

    assert "tools" in client.show("claude").capabilities
    assert len(client.ps().models) == 1
    with pytest.raises(ollama.ResponseError, match="not found"):
        client.show("nonesuch")
    with pytest.raises(ollama.ResponseError, match="no such path"):
        client.pull("llama3")
