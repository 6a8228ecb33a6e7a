"""A provider over a vendor's tables: where calls go, who makes them, and what a check finds. The
vendor is *acme* of `toy_tables`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from toy_tables import MODELS

from axonflow_core.calls.hosted import HostedProvider, HostedService, segment_of
from axonflow_core.calls.settings import HostedSettings
from axonflow_core.calls.surface import JSON_HEADERS, Surface
from axonflow_core.calls.tokens import Token, Tokens, asking, token_provider
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.dialects import openai_chat
from axonflow_core.errors import (
    CredentialsError,
    CredentialsMissing,
    RequestError,
    Unavailable,
)
from axonflow_core.frozen import Unfit
from axonflow_core.messages import CompletionRequest, Receipt, user
from axonflow_core.plugin_spec import Services
from axonflow_core.provider import (
    SupportsCheck,
    SupportsLimits,
    SupportsModels,
    SupportsPricing,
    SupportsResidency,
)
from axonflow_core.tables.errors import ErrorTable
from axonflow_core.tables.models import ModelTable
from axonflow_core.testing import MockAnswer, MockTransport, json_answer

KEY = "planted-secret-0123456789"
ERRORS = """
sources = []
[[errors]]
code = "credentials_missing"
cause = "there is no key"
fix = "set ACME_API_KEY"
"""
ANSWER: Any = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "acme-2",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}
    ],
}


class Service(HostedService):
    errors = openai_chat.ERRORS

    def proof(self, key: str) -> Mapping[str, str]:
        return {"x-acme-key": key}


class Provider(HostedProvider):
    service_type = Service
    codec = openai_chat.CODEC
    surface = Surface(name="chat", operation="/chat", headers=JSON_HEADERS)


class Opened:
    """A provider, and the client that it sends with."""

    def __init__(
        self, folder: Path, *answers: MockAnswer, key: str | None = KEY, **config: Any
    ) -> None:
        (folder / "models.toml").write_text(MODELS)
        (folder / "errors.toml").write_text(ERRORS)
        Service.fixes = ErrorTable(folder / "errors.toml")
        Provider.models = ModelTable(folder / "models.toml")
        left = list(answers)
        self.client = MockTransport(lambda sent: left.pop(0) if left else json_answer(ANSWER))
        settings = {"model": "acme-2", "endpoint": "https://acme.example/v1/", **config}
        services = Services(
            name="acme",
            client=self.client,
            codecs=CodecRegistry(),
            credentials={} if key is None else {"api_key": key},
        )
        self.provider = Provider(
            HostedSettings(**settings), services, today=lambda: date(2026, 11, 30)
        )
        self.service = self.provider._service

    def complete(self) -> Any:
        return asyncio.run(self.provider.complete(CompletionRequest((user("Hi"),))))

    def findings(self, **named: Any) -> list[tuple[str, str | None]]:
        found = asyncio.run(self.provider.check(**named)).findings
        return [(finding.message, finding.hint) for finding in found]


def test_it_has_every_ability_that_a_table_gives(tmp_path: Path) -> None:
    provider = Opened(tmp_path).provider

    abilities = (SupportsCheck, SupportsLimits, SupportsModels, SupportsPricing, SupportsResidency)
    assert all(isinstance(provider, ability) for ability in abilities)


def test_a_call_goes_to_the_address_with_its_proof(tmp_path: Path) -> None:
    opened = Opened(tmp_path, data_region="eu")

    completion = opened.complete()

    (sent,) = opened.client.requests
    assert (sent.url, sent.headers["x-acme-key"]) == ("https://acme.example/v1/chat", KEY)
    assert completion.receipt.region == "eu"


def test_without_a_key_nothing_is_sent_and_the_table_says_what_to_do(tmp_path: Path) -> None:
    opened = Opened(tmp_path, key=None)

    with pytest.raises(CredentialsMissing) as caught:
        opened.complete()

    assert caught.value.hint == "set ACME_API_KEY"
    assert opened.findings() == [("there is no API key", "set ACME_API_KEY")]
    assert opened.findings(with_credentials=False) == []
    assert not asyncio.run(opened.provider.health()).is_ready
    assert not opened.client.requests


def test_the_table_says_what_is_served_and_what_it_costs(tmp_path: Path) -> None:
    provider = Opened(tmp_path).provider

    def price(model: str) -> Any:
        called = {"model": model, "called": model}
        return provider.price(Receipt(provider="acme", family="f", surface="chat", **called))

    assert [provider.serves(id) for id in ("acme-2", "acme-1", "acme-0")] == [True, False, None]
    assert (provider.context_tokens("acme-2"), provider.context_tokens("acme-0")) == (200_000, None)
    assert (price("acme-2").input, price("acme-0")) == (1.0, None)
    assert "acme-vectors" in str(provider.no_vectors("acme-2").hint)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({}, []),
        ({"endpoint": "http://127.0.0.1:1"}, []),
        ({"endpoint": "http://acme.example"}, [("the API key is sent unencrypted", "use https")]),
        ({"model": "acme-1"}, [("acme-1 ended on 2026-11-30", "acme-2 takes its place")]),
        (
            {"model": "acme-9"},
            [
                (
                    "acme-9 is no model that is known here",
                    "did you mean `acme-2`? `axonflow models --provider acme` lists those that are",
                )
            ],
        ),
        (
            {"model": "zzz"},
            [
                (
                    "zzz is no model that is known here",
                    "`axonflow models --provider acme` lists those that are",
                )
            ],
        ),
    ],
)
def test_a_check_finds_what_the_first_call_would_meet(
    tmp_path: Path, config: Mapping[str, str], found: list[tuple[str, str]]
) -> None:
    assert Opened(tmp_path, **config).findings() == found


def test_a_vendor_is_asked_about_itself(tmp_path: Path) -> None:
    page = MockAnswer(headers={"content-type": "text/html"}, reads=(b"<html>",))
    refusal = json_answer({"error": {"message": "no", "code": "invalid_api_key"}}, 401)
    opened = Opened(tmp_path, json_answer({"version": "1"}), page, refusal)

    assert asyncio.run(opened.service.ask("/version")) == {"version": "1"}
    with pytest.raises(Unavailable, match="does not answer as the service does"):
        asyncio.run(opened.service.ask("/version"))
    with pytest.raises(CredentialsError):
        asyncio.run(opened.service.ask("/version"))
    (sent, *_) = opened.client.requests
    assert (sent.method, sent.url) == ("GET", "https://acme.example/v1/version")


@pytest.mark.parametrize(("id", "segment"), [("a b", "a%20b"), ("../x", "..%2Fx"), ("a.b", "a.b")])
def test_an_id_cannot_leave_its_segment(id: str, segment: str) -> None:
    assert segment_of(id, "name another") == segment


@pytest.mark.parametrize("id", [".", ".."])
def test_a_segment_that_leads_elsewhere_is_refused(id: str) -> None:
    with pytest.raises(RequestError) as caught:
        segment_of(id, "name another")

    assert caught.value.hint == "name another"


# ── tokens ────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_goes_before_the_key_and_one_that_is_refused_is_replaced_once(
    tmp_path: Path,
) -> None:
    refusal = json_answer({"error": {"message": "no", "code": "invalid_api_key"}}, 401)
    opened = Opened(tmp_path, refusal)
    given = iter(["old", "new"])
    opened.service.tokens = Tokens(asking(lambda: next(given)))

    opened.complete()

    sent = [request.headers for request in opened.client.requests]
    assert [headers["authorization"] for headers in sent] == ["Bearer old", "Bearer new"]
    assert all("x-acme-key" not in headers for headers in sent)


def test_a_token_is_replaced_ahead_of_its_end_without_anybody_waiting() -> None:
    now = [0.0]
    given = iter([Token(1000.0, "first"), Token(2000.0, "second")])
    tokens = Tokens(lambda: next(given), clock=lambda: now[0])

    assert asyncio.run(tokens.token()) == "first"
    now[0] = 800.0  # less than five minutes are left
    assert asyncio.run(tokens.token()) == "first"
    while asyncio.run(tokens.token()) == "first":
        pass
    assert asyncio.run(tokens.token()) == "second"


def test_a_token_that_has_ended_is_waited_for() -> None:
    now = [0.0]
    given = iter([Token(1000.0, "first"), Token(9000.0, "second")])
    tokens = Tokens(lambda: next(given), clock=lambda: now[0])
    assert asyncio.run(tokens.token()) == "first"

    now[0] = 1500.0

    assert asyncio.run(tokens.token()) == "second"


def test_a_token_is_shown_nowhere() -> None:
    assert "secret" not in repr(Token(1.0, "secret"))


def test_what_a_function_raises_is_named_and_quoted_nowhere() -> None:
    def provide() -> str:
        raise RuntimeError("tenant 1234 of someone@example.com")

    with pytest.raises(CredentialsError, match="RuntimeError") as caught:
        asyncio.run(Tokens(asking(provide)).token())

    assert "example.com" not in str(caught.value)


def test_a_function_that_returns_no_token_is_no_proof() -> None:
    with pytest.raises(CredentialsError, match="no token"):
        asyncio.run(Tokens(asking(lambda: "")).token())


def test_what_is_no_function_is_no_token_provider() -> None:
    with pytest.raises(Unfit):
        token_provider("a token")
