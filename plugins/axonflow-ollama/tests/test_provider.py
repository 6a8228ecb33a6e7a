"""The provider is held to every law of providers; what is Ollama's own stands below."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.config import ProviderConfig, structure_provider_config
from axonflow_core.errors import (
    ConfigError,
    ContextExceeded,
    InvalidCall,
    ModelNotFound,
    ProviderError,
    Throttled,
    TruncatedStream,
    Unavailable,
)
from axonflow_core.framing.ndjson import encode_line
from axonflow_core.http.client import HttpRequest, Transport
from axonflow_core.json import loads
from axonflow_core.messages import CompletionRequest, Inference, ReasoningRequest, Tool, user
from axonflow_core.plugin_spec import Services
from axonflow_core.provider import Price
from axonflow_core.retrieval import EmbeddingRequest
from axonflow_core.testing import (
    FakeService,
    MockAnswer,
    MockTransport,
    json_answer,
    provider_test,
)
from axonflow_ollama.chat import CODEC
from axonflow_ollama.chat.errors import ERRORS
from axonflow_ollama.plugin import axonflow_register_provider
from axonflow_ollama.provider import OllamaProvider

SPEC = axonflow_register_provider()
SERVICE = FakeService(
    codec=CODEC,
    errors=ERRORS,
    transport_members=frozenset({"model", "stream"}),
    write_chunk=encode_line,
    stream_type="application/x-ndjson",
)

test_ollama = provider_test(
    SPEC, service=SERVICE, credentials={"api_key": "planted-secret-0123456789"}
)

HELLO = CompletionRequest((user("Hello."),))
DONE = {
    "model": "llama3.1:latest",
    "created_at": "2026-11-29T10:00:00.5Z",
    "message": {"role": "assistant", "content": "Hello."},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 11,
    "eval_count": 2,
}
Answer = Callable[[HttpRequest], MockAnswer | Exception]


def opened(
    answer: Answer, config: Mapping[str, Any] | None = None, credentials: Mapping[str, str] = {}
) -> tuple[OllamaProvider, MockTransport]:
    client = MockTransport(answer)
    entry = ProviderConfig("ollama", is_enabled=True, config=config or {})
    services = Services(
        name="ollama", client=client, codecs=CodecRegistry(), credentials=credentials
    )
    provider = SPEC.create(structure_provider_config(entry, SPEC.config_type), services)
    assert isinstance(provider, OllamaProvider)
    return provider, client


def sent(client: MockTransport) -> Any:
    return loads(client.requests[-1].body)


# ── what is sent ──────────────────────────────────────────────────────────────────────────────────


def test_a_local_server_is_called_without_a_key() -> None:
    provider, client = opened(lambda request: json_answer(DONE))

    completion = asyncio.run(provider.complete(HELLO))

    assert completion.text == "Hello."
    assert client.requests[0].url == "http://localhost:11434/api/chat"
    assert "authorization" not in client.requests[0].headers
    assert sent(client) == {
        "model": "llama3.1:latest",
        "messages": [{"role": "user", "content": "Hello."}],
        "stream": False,
    }


def test_a_key_is_a_bearer_token() -> None:
    provider, client = opened(lambda request: json_answer(DONE), credentials={"api_key": "k-1"})

    asyncio.run(provider.complete(HELLO))

    assert client.requests[0].headers["authorization"] == "Bearer k-1"


def test_context_and_keep_alive_of_the_configuration_yield_to_those_of_a_call() -> None:
    provider, client = opened(
        lambda request: json_answer(DONE), {"num_ctx": 8192, "keep_alive": "-1"}
    )

    asyncio.run(provider.complete(HELLO))
    assert (sent(client)["options"], sent(client)["keep_alive"]) == ({"num_ctx": 8192}, -1)

    own = CompletionRequest(
        HELLO.messages,
        inference=Inference(temperature=0.5),
        options={"num_ctx": 512, "keep_alive": "1m"},
    )
    asyncio.run(provider.complete(own))
    assert sent(client)["options"] == {"temperature": 0.5, "num_ctx": 512}
    assert sent(client)["keep_alive"] == "1m"


@pytest.mark.parametrize(
    ("model", "asked", "think"),
    [
        ("qwen3:8b", ReasoningRequest(effort="high"), True),
        ("qwen3:8b", ReasoningRequest("enabled", 2048), True),
        ("qwen3:8b", ReasoningRequest("disabled"), False),
        ("gpt-oss:20b", ReasoningRequest("enabled", 2048), "medium"),
        ("hf.co/me/gpt-oss:20b", ReasoningRequest(effort="max"), "high"),
    ],
)
def test_a_model_is_asked_to_think_as_it_can_be(
    model: str, asked: ReasoningRequest, think: object
) -> None:
    provider, client = opened(lambda request: json_answer(DONE))

    asyncio.run(provider.complete(CompletionRequest(HELLO.messages, reasoning=asked), model=model))

    assert sent(client)["think"] == think


def test_texts_become_vectors() -> None:
    answer = {"embeddings": [[1.0, 0.0], [0.0, 1.0]], "prompt_eval_count": 4}
    provider, client = opened(lambda request: json_answer(answer))

    vectors = asyncio.run(provider.embed(EmbeddingRequest(["a", "b"]), model="nomic-embed-text"))

    assert vectors.floats == ((1.0, 0.0), (0.0, 1.0))
    assert client.requests[0].url == "http://localhost:11434/api/embed"
    assert sent(client) == {"model": "nomic-embed-text", "input": ["a", "b"]}


# ── what comes back ───────────────────────────────────────────────────────────────────────────────


async def _streamed(provider: OllamaProvider) -> str:
    async with await provider.stream(HELLO) as stream:
        return (await stream.completion()).text


def test_an_error_in_a_stream_is_raised_with_its_class() -> None:
    # docs.ollama.com, "Errors", 2026-11-29
    lines = (
        b'{"model":"m","created_at":"2025-10-26T17:21:21Z","message":{"role":"assistant",'
        b'"content":" Yes"},"done":false}\n',
        b'{"error":"an error was encountered while running the model"}\n',
    )
    headers = {"content-type": "application/x-ndjson"}
    provider, _ = opened(lambda request: MockAnswer(headers=headers, reads=lines))

    with pytest.raises(Unavailable, match="an error was encountered while running the model"):
        asyncio.run(_streamed(provider))


def test_a_stream_that_is_never_done_is_truncated() -> None:
    line = b'{"message":{"role":"assistant","content":"Hel"},"done":false}\n'
    headers = {"content-type": "application/x-ndjson"}
    provider, _ = opened(lambda request: MockAnswer(headers=headers, reads=(line,)))

    with pytest.raises(TruncatedStream) as caught:
        asyncio.run(_streamed(provider))

    assert caught.value.partial_text == "Hel"


@pytest.mark.timely
@pytest.mark.parametrize(
    ("status", "words", "kind", "hint"),
    [
        (404, "model 'llama3.1:latest' not found", ModelNotFound, "ollama pull llama3.1:latest"),
        (400, "llama3.1 does not support tools", InvalidCall, "ollama show llama3.1:latest"),
        (400, '"phi4" does not support thinking', InvalidCall, "leave that out"),
        (400, "the input length exceeds the context length", ContextExceeded, "num_ctx"),
        (503, "server busy, please try again.  maximum pending", Throttled, "OLLAMA_NUM_PARALLEL"),
        (500, "model requires more system memory (18.2 GiB)", Unavailable, "smaller model"),
        (401, "unauthorized", ProviderError, "OLLAMA_API_KEY"),
        (502, "cloud model cannot be reached", Unavailable, "repeated automatically"),
    ],
)
def test_an_error_says_how_it_is_mended(
    status: int, words: str, kind: type[ProviderError], hint: str
) -> None:
    provider, _ = opened(
        lambda request: json_answer({"error": words}, status), {"timeouts": {"total_s": 1}}
    )

    with pytest.raises(kind) as caught:
        asyncio.run(provider.complete(HELLO, timeout_s=0.05))

    assert hint in (caught.value.hint or "")


def test_a_lack_of_memory_is_not_met_again() -> None:
    error = ERRORS.decode_error(500, {}, b'{"error": "model requires more system memory"}')

    assert not error.is_retryable


@pytest.mark.timely
def test_where_no_ollama_listens_the_error_says_how_to_start_it() -> None:
    async def call() -> Unavailable:
        client = Transport()
        services = Services(name="ollama", client=client, codecs=CodecRegistry())
        config = SPEC.config_type(endpoint="http://127.0.0.1:9")
        provider = SPEC.create(config, services)
        try:
            with pytest.raises(Unavailable) as caught:
                await provider.complete(HELLO, timeout_s=0.2)
            health = await provider.health()
            assert not health.is_ready and "ollama serve" in health.detail
        finally:
            await client.aclose()
        return caught.value

    assert "ollama serve" in (asyncio.run(call()).hint or "")


# ── what the server says of itself ────────────────────────────────────────────────────────────────


def test_health_is_the_servers_version() -> None:
    provider, client = opened(lambda request: json_answer({"version": "0.40.12"}))

    health = asyncio.run(provider.health())

    assert (health.is_ready, health.detail) == (True, "Ollama 0.40.12")
    assert [(each.method, each.url) for each in client.requests] == [
        ("GET", "http://localhost:11434/api/version")
    ]
    assert client.requests[0].timeouts.total_s <= 3


def test_a_page_in_its_place_is_no_health() -> None:
    page = MockAnswer(headers={"content-type": "text/html"}, reads=(b"<html>",))
    provider, _ = opened(lambda request: page)

    assert not asyncio.run(provider.health()).is_ready


@pytest.mark.parametrize(
    ("pulled", "findings"),
    [
        (["llama3.1:latest", "qwen3:8b"], []),
        (["qwen3:8b"], ["`ollama pull llama3.1:latest` on the machine that serves"]),
    ],
)
def test_a_check_asks_what_is_pulled(pulled: list[str], findings: list[str]) -> None:
    tags = {"models": [{"name": name, "model": name} for name in pulled]}
    provider, _ = opened(lambda request: json_answer(tags))

    checkup = asyncio.run(provider.check())

    assert checkup.facts["pulled"].value == ", ".join(pulled)
    assert [(each.hint or "").split(",")[0] for each in checkup.findings] == findings


def test_a_check_of_a_server_that_refuses_has_its_words() -> None:
    provider, _ = opened(lambda request: json_answer({"error": "unauthorized"}, 401))

    (finding,) = asyncio.run(provider.check()).findings

    assert (finding.key, finding.code) == ("endpoint", "credentials")
    assert "OLLAMA_API_KEY" in (finding.hint or "")


def test_a_call_of_ones_own_server_costs_nothing_and_one_of_the_cloud_is_not_known() -> None:
    provider, _ = opened(lambda request: json_answer(DONE))
    completion = asyncio.run(provider.complete(HELLO))
    assert completion.receipt is not None
    price = provider.price(completion.receipt)
    assert price is not None and price.cost_usd(completion.usage) == 0.0

    answered = asyncio.run(provider.complete(HELLO, model="gpt-oss:120b-cloud"))
    assert answered.receipt is not None
    assert provider.price(answered.receipt) is None
    assert Price().cost_usd(answered.usage) is None


# ── settings ──────────────────────────────────────────────────────────────────────────────────────


def test_an_endpoint_enables_it_under_its_older_name_too() -> None:
    environment = {"LOCAL_LLM_ENDPOINT": "http://gpu:11434", "OLLAMA_MODEL": "qwen3:8b"}

    assert SPEC.config_from_environment({}) is None
    assert SPEC.config_from_environment(environment) == {
        "endpoint": "http://gpu:11434",
        "model": "qwen3:8b",
    }
    both = {**environment, "OLLAMA_ENDPOINT": "http://cpu", "OLLAMA_TIMEOUT_SECONDS": "60"}
    assert SPEC.config_from_environment(both) == {
        "endpoint": "http://cpu",
        "model": "qwen3:8b",
        "timeouts": {"total_s": "60"},
    }


def test_a_call_may_take_five_minutes() -> None:
    assert SPEC.config_type().timeouts.total_s == 300


@pytest.mark.parametrize("endpoint", ["http://h:1/", "http://h:1/api", "http://h:1/api/"])
def test_an_endpoint_is_the_base_of_the_paths(endpoint: str) -> None:
    assert SPEC.config_type(endpoint=endpoint).endpoint == "http://h:1"


def test_an_endpoint_that_is_no_url_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="no URL of a service"):
        SPEC.config_type(endpoint="localhost:11434")


def test_a_tool_that_the_model_does_not_have_is_said_to_be_refused_by_the_model() -> None:
    words = "registry.ollama.ai/library/gemma3:4b does not support tools"
    provider, _ = opened(lambda request: json_answer({"error": words}, 400))
    asked = CompletionRequest(HELLO.messages, tools=(Tool("f", None, {"type": "object"}),))

    with pytest.raises(InvalidCall) as caught:
        asyncio.run(provider.complete(asked, model="gemma3:4b"))

    assert "ollama show gemma3:4b" in (caught.value.hint or "")
