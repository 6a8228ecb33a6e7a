"""The OpenAI provider: the laws of every provider, and what is OpenAI's own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from axonflow_core.cli import main
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.config import ProviderConfig, structure_provider_config
from axonflow_core.errors import (
    CredentialsMissing,
    EncodeError,
    InvalidCall,
    RequestError,
    Throttled,
)
from axonflow_core.http.client import HttpRequest
from axonflow_core.json import loads
from axonflow_core.messages import (
    CompletionRequest,
    Image,
    Inference,
    Media,
    MediaKind,
    Message,
    ReasoningRequest,
    Receipt,
    Role,
    Tool,
    ToolResult,
    ToolUse,
    user,
)
from axonflow_core.plugin_spec import Services
from axonflow_core.retrieval import EmbeddingRequest
from axonflow_core.testing import FakeService, MockTransport, json_answer, provider_test
from axonflow_openai.codec import CHAT, ERRORS, REASONING
from axonflow_openai.plugin import axonflow_register_provider

SPEC = axonflow_register_provider()
KEY = {"api_key": "sk-planted-0123456789"}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}

test_models_that_chat = provider_test(
    SPEC,
    service=FakeService(codec=CHAT, errors=ERRORS),
    config={"model": "gpt-4o"},
    credentials=KEY,
)
test_models_that_reason = provider_test(
    SPEC,
    service=FakeService(codec=REASONING, errors=ERRORS),
    config={"model": "gpt-5.2"},
    credentials=KEY,
)


class Opened:
    """A provider with these settings; what it sent is in `sent`."""

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        credentials: Mapping[str, str] | None = None,
        answer: Any = ANSWER,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.client = MockTransport(lambda request: json_answer(answer, status, headers or {}))
        entry = ProviderConfig("openai", is_enabled=True, config=config or {})
        services = Services(
            name="openai",
            client=self.client,
            codecs=CodecRegistry(),
            credentials=KEY if credentials is None else credentials,
        )
        self.provider: Any = SPEC.create(
            structure_provider_config(entry, SPEC.config_type), services
        )

    @property
    def sent(self) -> HttpRequest:
        return self.client.requests[-1]

    @property
    def body(self) -> Any:
        return loads(self.sent.body)

    def complete(self, request: CompletionRequest | None = None, **named: Any) -> Any:
        asked = request or CompletionRequest((user("Hello."),))
        return asyncio.run(self.provider.complete(asked, **named))


# ── where calls go ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
        ("https://eu.api.openai.com/v1/", "https://eu.api.openai.com/v1/chat/completions"),
        ("http://localhost:8000/llm", "http://localhost:8000/llm/chat/completions"),
    ],
)
def test_an_endpoint_without_a_path_means_v1(endpoint: str, url: str) -> None:
    opened = Opened({"endpoint": endpoint})

    opened.complete()

    assert opened.sent.url == url


def test_who_is_billed_is_said_in_headers() -> None:
    opened = Opened({"organization": "org-1", "project": "proj_1", "data_region": "eu"})

    completion = opened.complete()

    assert opened.sent.headers["openai-organization"] == "org-1"
    assert opened.sent.headers["openai-project"] == "proj_1"
    assert completion.receipt.region == "eu"


def test_a_picture_that_a_tool_found_is_shown_by_the_user() -> None:
    """The message of a tool has text alone."""
    called = Message(Role.ASSISTANT, (ToolUse("call_1", "look", {}),))
    found = ToolResult("call_1", (Image(Media(MediaKind.URL, "https://a.org/a.png")),))
    opened = Opened()

    opened.complete(CompletionRequest((user("Look."), called, Message(Role.USER, (found,)))))

    *_, told, shown = opened.body["messages"]
    assert (told["role"], told["content"]) == ("tool", "(picture 1 of those that follow)")
    assert (shown["role"], shown["content"][0]["type"]) == ("user", "image_url")


def test_without_a_key_nothing_is_sent() -> None:
    opened = Opened(credentials={})

    with pytest.raises(CredentialsMissing) as caught:
        opened.complete()

    assert caught.value.hint and "OPENAI_API_KEY" in caught.value.hint
    assert not opened.client.requests
    assert not asyncio.run(opened.provider.health()).is_ready


# ── models ────────────────────────────────────────────────────────────────────────────────────────

FULL = CompletionRequest(
    (user("Hi"),), "Be brief.", inference=Inference(max_tokens=9, temperature=0.2)
)


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-4.1-mini", "ft:gpt-4o-mini-2024-07-18:o::x"])
def test_a_model_that_chats_gets_the_older_names(model: str) -> None:
    opened = Opened()

    opened.complete(FULL, model=model)

    assert (opened.body["model"], opened.body["max_tokens"]) == (model, 9)
    assert opened.body["temperature"] == 0.2
    assert opened.body["messages"][0]["role"] == "system"


@pytest.mark.parametrize("model", ["o3", "gpt-5-mini", "gpt-6.1-sol", "gpt-9"])
def test_a_model_that_reasons_gets_the_newer_names_and_no_sampling(model: str) -> None:
    opened = Opened()

    completion = opened.complete(FULL, model=model)

    assert opened.body["max_completion_tokens"] == 9
    assert opened.body["messages"][0]["role"] == "developer"
    assert not {"max_tokens", "temperature"} & opened.body.keys()
    assert [each.feature for each in completion.adjustments] == ["temperature"]


def test_gpt_5_2_samples_while_it_does_not_reason() -> None:
    opened = Opened()

    opened.complete(FULL, model="gpt-5.2")
    assert opened.body["temperature"] == 0.2

    asked = CompletionRequest(
        (user("Hi"),),
        inference=Inference(temperature=0.2),
        reasoning=ReasoningRequest(effort="low"),
    )
    opened.complete(asked, model="gpt-5.2")
    assert opened.body["reasoning_effort"] == "low"
    assert "temperature" not in opened.body


@pytest.mark.parametrize(
    ("model", "asked", "sent"),
    [
        ("gpt-5", "xhigh", "high"),
        ("gpt-5.1", "minimal", "low"),
        ("gpt-5.2", "max", "xhigh"),
        ("gpt-6-astra", "minimal", "low"),
        ("o3", "minimal", "low"),
    ],
)
def test_an_effort_is_the_nearest_that_the_model_takes(model: str, asked: str, sent: str) -> None:
    opened = Opened()

    request = CompletionRequest((user("Hi"),), reasoning=ReasoningRequest(effort=asked))
    opened.complete(request, model=model)

    assert opened.body["reasoning_effort"] == sent


@pytest.mark.parametrize(
    ("model", "effort"),
    [("gpt-5.2", "low"), ("gpt-5.4", None), ("gpt-5.5", None), ("gpt-5.6-sol", "none")],
)
def test_an_effort_next_to_tools_is_what_chat_completions_take(
    model: str, effort: str | None
) -> None:
    opened = Opened()
    asked = CompletionRequest(
        (user("Hi"),), tools=(Tool("look_up"),), reasoning=ReasoningRequest(effort="low")
    )

    opened.complete(asked, model=model)

    assert opened.body.get("reasoning_effort") == effort
    assert opened.body["tools"]


def test_tools_of_a_model_that_takes_none_here_are_refused_by_name() -> None:
    opened = Opened()

    with pytest.raises(EncodeError, match="gpt-6-astra does not support: tools"):
        opened.complete(
            CompletionRequest((user("Hi"),), tools=(Tool("look_up"),)), model="gpt-6-astra"
        )
    assert not opened.client.requests


def test_a_model_of_another_vendor_is_called_as_one_that_chats() -> None:
    opened = Opened({"endpoint": "http://localhost:8000/v1", "model": "llama-3.3"})

    opened.complete(FULL)

    assert opened.body["max_tokens"] == 9


def test_reasoning_of_earlier_turns_is_not_sent() -> None:
    opened = Opened()
    native = {"role": "assistant", "content": "Hi", "reasoning_content": "Hm."}
    body = {
        "messages": [{"role": "user", "content": "a"}, native, {"role": "user", "content": "b"}]
    }

    completion = opened.complete(REASONING.decode_request(body, ModelFacts()), model="gpt-5.2")

    assert opened.body["messages"][1] == {"role": "assistant", "content": "Hi"}
    assert completion.adjustments


# ── embeddings ────────────────────────────────────────────────────────────────────────────────────

VECTOR = {"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}
VECTORS = {
    "object": "list",
    "data": [VECTOR],
    "model": "text-embedding-3-small",
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
}


def test_embeddings_name_their_model() -> None:
    opened = Opened(answer=VECTORS)

    answer = asyncio.run(
        opened.provider.embed(
            EmbeddingRequest("Hello.", dimensions=2), model="text-embedding-3-small"
        )
    )

    assert opened.sent.url == "https://api.openai.com/v1/embeddings"
    expected = {"model": "text-embedding-3-small", "input": ["Hello."], "dimensions": 2}
    assert opened.body == expected
    assert (answer.floats, answer.usage.input_tokens) == (((0.5, -0.5),), 2)


def test_a_chat_model_makes_no_embeddings() -> None:
    with pytest.raises(RequestError, match="gpt-4o is a chat model"):
        asyncio.run(Opened().provider.embed(EmbeddingRequest("Hello."), model="gpt-4o"))


def test_the_older_model_takes_no_dimensions() -> None:
    asked = EmbeddingRequest("Hello.", dimensions=2)

    with pytest.raises(EncodeError, match="dimensions"):
        asyncio.run(Opened().provider.embed(asked, model="text-embedding-ada-002"))


# ── errors ────────────────────────────────────────────────────────────────────────────────────────


def refusal(type: str, code: str | None, message: str = "No.") -> Mapping[str, Any]:
    return {"error": {"message": message, "type": type, "param": None, "code": code}}


def test_a_spent_quota_is_not_asked_again_and_says_what_to_do() -> None:
    answer = refusal("insufficient_quota", "insufficient_quota")
    opened = Opened(answer=answer, status=429)

    with pytest.raises(Throttled) as caught:
        opened.complete()

    assert len(opened.client.requests) == 1
    assert caught.value.hint and "billing" in caught.value.hint


def test_a_request_larger_than_its_limit_a_minute_is_not_repeated() -> None:
    words = "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 34500."
    opened = Opened(answer=refusal("tokens", "rate_limit_exceeded", words), status=429)

    with pytest.raises(Throttled):
        opened.complete()

    assert len(opened.client.requests) == 1


def test_a_wait_beyond_patience_is_told_at_once() -> None:
    answer = refusal("requests", "rate_limit_exceeded")
    opened = Opened(answer=answer, status=429, headers={"retry-after": "60"})

    with pytest.raises(Throttled) as caught:
        opened.complete()

    assert (caught.value.retry_after_s, len(opened.client.requests)) == (60.0, 1)


def test_a_refused_parameter_is_explained_and_quotes_nothing_of_the_call() -> None:
    words = "Unsupported parameter: 'stop' is not supported with this model."
    opened = Opened(
        answer=refusal("invalid_request_error", "unsupported_parameter", words), status=400
    )

    with pytest.raises(InvalidCall) as caught:
        opened.complete()

    assert caught.value.native_code == "unsupported_parameter"
    assert caught.value.hint and "leave the parameter out" in caught.value.hint


# ── prices and check ──────────────────────────────────────────────────────────────────────────────


def test_a_price_is_that_of_the_model_that_was_called() -> None:
    opened = Opened()
    completion = opened.complete(model="gpt-4o")

    price = opened.provider.price(completion.receipt)

    assert price.cost_usd(completion.usage) == pytest.approx((3 * 2.5 + 10.0) / 1_000_000)


@pytest.mark.parametrize("model", ["llama-3.3", "ft:gpt-4o-mini-2024-07-18:o::x"])
def test_an_unknown_price_is_none(model: str) -> None:
    receipt = Receipt(
        provider="openai", family="openai/chat", surface="chat", model=model, called=model
    )

    assert Opened().provider.price(receipt) is None


def check(opened: Opened, **named: Any) -> Any:
    return asyncio.run(opened.provider.check(**named))


def test_a_check_tells_endpoint_model_and_family() -> None:
    found = check(Opened({"model": "gpt-6.1-sol"}))

    assert {name: fact.value for name, fact in found.facts.items()} == {
        "endpoint": "https://api.openai.com/v1",
        "model": "gpt-6.1-sol",
        "family": "openai/reasoning",
        "credentials": "an API key",
    }
    assert not found.findings


def test_a_missing_key_is_a_finding_and_none_where_nobody_looks() -> None:
    opened = Opened({"model": "gpt-6.1-sol"}, credentials={})

    (finding,) = check(opened).findings
    assert (finding.code, finding.is_fault) == ("credentials_missing", True)
    assert not check(opened, with_credentials=False).findings


def test_a_model_that_has_ended_is_a_warning_with_its_successor() -> None:
    (finding,) = check(Opened({"model": "o1"})).findings

    assert (finding.key, finding.is_fault) == ("model", False)
    assert finding.message == "o1 ended on 2026-10-23"
    assert finding.hint == "gpt-5.6-sol takes its place"


def test_a_key_that_is_sent_in_the_clear_is_a_warning() -> None:
    (finding,) = check(
        Opened({"endpoint": "http://llm.example/v1", "model": "gpt-6.1-sol"})
    ).findings

    assert (finding.key, finding.is_fault) == ("endpoint", False)


def test_the_history_of_a_system_message_keeps_its_role() -> None:
    opened = Opened()
    asked = CompletionRequest((user("Hi"), Message(Role.SYSTEM, "Be kind.")))

    opened.complete(asked, model="gpt-5.2")

    assert [message["role"] for message in opened.body["messages"]] == ["user", "developer"]


# ── a first file ──────────────────────────────────────────────────────────────────────────────────


def test_a_first_file_keeps_what_variables_enabled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "BEDROCK_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", KEY["api_key"])
    monkeypatch.setenv("OPENAI_ENDPOINT", "http://127.0.0.1:1/v1")

    assert main(["init"]) == 0
    written = (tmp_path / "axonflow.yaml").read_text()
    assert main(["check"]) == 0

    assert "endpoint: ${OPENAI_ENDPOINT}" in written and KEY["api_key"] not in written
    told = capsys.readouterr().out
    assert "http://127.0.0.1:1/v1" in told and "credentials  an API key" in told
    assert "bedrock" not in written  # no region is found, so its part would be a fault
