"""The provider of Gemini: laws, addresses, errors of Google's, prices, what the environment
enables."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from datetime import date
from typing import Any, TypeVar

import pytest

from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.errors import (
    AccessDenied,
    ContextExceeded,
    CredentialsError,
    CredentialsMissing,
    InvalidCall,
    ModelNotFound,
    ProviderError,
    ProviderTimeout,
    RequestError,
    Throttled,
    Unavailable,
)
from axonflow_core.http.client import HttpRequest
from axonflow_core.messages import CompletionRequest, Inference, Receipt, Usage
from axonflow_core.plugin_spec import Life, Services
from axonflow_core.provider import Price
from axonflow_core.retrieval import EmbeddingRequest, Purpose
from axonflow_core.testing import FakeService, MockTransport, error_laws, json_answer, provider_test
from axonflow_gemini.codec import CODEC, ERRORS
from axonflow_gemini.codec.events import GoogleEvents
from axonflow_gemini.config import GeminiConfig
from axonflow_gemini.plugin import axonflow_register_provider
from axonflow_gemini.provider import GeminiProvider, GeminiService, path_of

T = TypeVar("T")
KEY = "planted-key-0123456789"
MODELS = GeminiProvider.models
SPEC = axonflow_register_provider()
CONTENT = {"role": "model", "parts": [{"text": "Hi"}]}
ANSWER = {"candidates": [{"content": CONTENT, "finishReason": "STOP"}]}
TODAY = date(2026, 11, 29)

test_gemini = pytest.mark.sampled(3)(
    provider_test(
        SPEC,
        service=FakeService(
            codec=CODEC,
            errors=ERRORS,
            transport_members=frozenset(),
            is_streamed=lambda sent: "alt=sse" in sent.url,
        ),
        config={"model": "gemini-3.5-flash"},
        credentials={"api_key": KEY},
    )
)


@pytest.mark.parametrize("law", error_laws(ERRORS))
@pytest.mark.sampled(4)
def test_errors(law: Any) -> None:
    law()


def opened(
    answer: Any = ANSWER, status: int = 200, *, key: str | None = KEY, **config: Any
) -> tuple[GeminiProvider, MockTransport]:
    client = MockTransport(lambda sent: json_answer(answer, status))
    services = Services(
        name="gemini",
        client=client,
        codecs=CodecRegistry(),
        credentials={} if key is None else {"api_key": key},
    )
    return GeminiProvider(GeminiConfig(**config), services, today=lambda: TODAY), client


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


# ── where calls go ────────────────────────────────────────────────────────────────────────────────


def test_a_call_names_its_model_in_the_path_and_its_key_in_a_header() -> None:
    provider, client = opened()

    run(provider.complete(CompletionRequest("hi"), model="models/a b"))

    (sent,) = client.requests
    host = "https://generativelanguage.googleapis.com"
    assert sent.url == f"{host}/v1beta/models/a%20b:generateContent"
    assert sent.headers["x-goog-api-key"] == KEY
    assert "model" not in json.loads(sent.body)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3.8-flash", "models/gemini-3.8-flash"),
        ("models/gemini-3.8-flash", "models/gemini-3.8-flash"),
        ("tunedModels/mine", "tunedModels/mine"),
        ("a/b", "models/a%2Fb"),
        ("../x?key=1", "models/..%2Fx%3Fkey%3D1"),
    ],
)
def test_a_model_id_cannot_leave_its_place_in_the_path(model: str, path: str) -> None:
    assert path_of(model) == path


def test_an_endpoint_may_name_the_version() -> None:
    provider, client = opened(endpoint="http://localhost:9/v1beta")

    run(provider.complete(CompletionRequest("hi")))

    assert client.requests[0].url.startswith("http://localhost:9/v1beta/models/")


def test_vectors_are_asked_for_in_one_batch_by_purpose() -> None:
    provider, client = opened({"embeddings": [{"values": [1.0]}, {"values": [2.0]}]})
    request = EmbeddingRequest(["a", "b"], Purpose.QUERY, dimensions=8)

    vectors = run(provider.embed(request, model="gemini-embedding-2"))

    (sent,) = client.requests
    assert sent.url.endswith("/models/gemini-embedding-2:batchEmbedContents")
    assert json.loads(sent.body)["requests"][1] == {
        "model": "models/gemini-embedding-2",
        "content": {"parts": [{"text": "b"}]},
        "taskType": "RETRIEVAL_QUERY",
        "outputDimensionality": 8,
    }
    assert vectors.floats == ((1.0,), (2.0,))


def test_a_chat_model_is_not_asked_for_vectors() -> None:
    provider, client = opened()

    with pytest.raises(RequestError, match="chat model"):
        run(provider.embed(EmbeddingRequest(["a"])))

    assert not client.requests


def test_tokens_are_counted_by_google() -> None:
    provider, client = opened({"totalTokens": 31})

    count = run(provider.count(CompletionRequest("hi")))

    assert count.input_tokens == 31
    assert client.requests[0].url.endswith(":countTokens")


def test_without_a_key_nothing_is_sent_and_check_says_so() -> None:
    provider, client = opened(key=None)

    with pytest.raises(CredentialsMissing):
        run(provider.complete(CompletionRequest("hi")))
    assert not run(provider.health()).is_ready
    assert [each.code for each in run(provider.check()).findings] == [CredentialsMissing.code]
    assert not client.requests


def test_a_newer_model_is_sent_no_sampling_parameters_and_that_is_reported() -> None:
    provider, client = opened()
    request = CompletionRequest("hi", inference=Inference(temperature=0.5))

    answer = run(provider.complete(request, model="gemini-3.8-flash"))

    assert "generationConfig" not in json.loads(client.requests[0].body)
    assert [each.feature for each in answer.adjustments] == ["temperature"]


# ── errors ────────────────────────────────────────────────────────────────────────────────────────

WRONG_KEY = {
    "error": {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            },
            {
                "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
                "locale": "en-US",
                "message": "API key not valid. Please pass a valid API key.",
            },
        ],
    }
}
"""Gemini API docs, "API errors", error response, read on 2026-11-29."""


_API = "generativelanguage.googleapis.com"


def quota(*ids: str) -> Any:
    """google-gemini/gemini-cli issue 8437 (2025-09-14), with the quotas `ids`."""
    failure = {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [
            {
                "quotaMetric": f"{_API}/generate_content_free_tier_requests",
                "quotaId": id,
                "quotaDimensions": {"location": "global", "model": "gemini-2.5-flash"},
            }
            for id in ids
        ],
    }
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45.578569677s"}
    words = "You exceeded your current quota, please check your plan and billing details."
    error = {"code": 429, "message": words, "status": "RESOURCE_EXHAUSTED"}
    return {"error": {**error, "details": [failure, delay]}}


def refusal(status: int, word: str, message: str) -> Any:
    return {"error": {"code": status, "message": message, "status": word}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "retries"),
    [
        (400, WRONG_KEY, CredentialsError, False),
        (403, refusal(403, "PERMISSION_DENIED", "The caller lacks it."), AccessDenied, False),
        (
            403,
            refusal(403, "PERMISSION_DENIED", "Your API key was reported as leaked."),
            CredentialsError,
            False,
        ),
        (429, quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"), Throttled, True),
        (429, quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"), Throttled, False),
        (429, [refusal(429, "RESOURCE_EXHAUSTED", "Try again later.")], Throttled, True),
        (402, refusal(402, "RESOURCE_EXHAUSTED", "Prepay credits."), Throttled, False),
        (
            429,
            refusal(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted. Please go"),
            Throttled,
            False,
        ),
        (
            429,
            refusal(
                429,
                "RESOURCE_EXHAUSTED",
                "Your billing account has exceeded its monthly spending cap.",
            ),
            Throttled,
            False,
        ),
        (
            400,
            refusal(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
            AccessDenied,
            False,
        ),
        (404, refusal(404, "NOT_FOUND", "models/x is not found"), ModelNotFound, False),
        (
            400,
            refusal(
                400,
                "INVALID_ARGUMENT",
                "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            ),
            ContextExceeded,
            False,
        ),
        (400, refusal(400, "INVALID_ARGUMENT", "Unknown name"), InvalidCall, False),
        (503, refusal(503, "UNAVAILABLE", "The model is overloaded."), Unavailable, True),
        (504, refusal(504, "DEADLINE_EXCEEDED", "Deadline expired."), ProviderTimeout, False),
        (500, refusal(500, "INTERNAL", "An internal error."), Unavailable, True),
    ],
)
def test_each_error_of_googles_has_its_class_and_a_way_to_mend_it(
    status: int, body: Any, kind: type[ProviderError], retries: bool
) -> None:
    error = ERRORS.decode_error(status, {}, json.dumps(body).encode())

    assert type(error) is kind
    assert error.is_retryable is retries
    assert GeminiService.fixes.fix(error)


def test_the_wait_of_a_quota_is_the_one_in_its_details() -> None:
    body = json.dumps(quota("GenerateRequestsPerMinute")).encode()

    assert ERRORS.decode_error(429, {}, body).retry_after_s == 45.578569677
    assert ERRORS.decode_error(429, {"retry-after": "3"}, body).retry_after_s == 3


def test_a_quota_of_a_day_is_not_tried_again() -> None:
    provider, client = opened(quota("GenerateRequestsPerDayPerProjectPerModel"), 429)

    with pytest.raises(Throttled) as caught:
        run(provider.complete(CompletionRequest("hi")))

    assert len(client.requests) == 1
    assert "midnight in California" in str(caught.value.hint)


@pytest.mark.parametrize("before", [b"", b'data: {"candidates": [{"index": 0}]}\n\n'])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n\r\n"])
def test_an_error_beside_the_events_of_a_stream_is_the_error_that_it_says(
    before: bytes, end: bytes
) -> None:
    chunk = refusal(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
    events = GoogleEvents()
    for byte in before + json.dumps(chunk, indent=2).encode() + end:
        events.feed(bytes([byte]))

    with pytest.raises(Unavailable, match="overloaded") as caught:
        events.finish()
    assert caught.value.status == 503


def test_a_stream_that_only_breaks_off_has_no_error_beside_it() -> None:
    events = GoogleEvents()
    events.feed(b'{"error": {"code": 503')

    events.finish()


def test_an_error_in_a_stream_is_the_error_that_it_says() -> None:
    chunk = refusal(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")

    with pytest.raises(Unavailable, match="overloaded"):
        CODEC.stream_decoder(MODELS.facts("gemini-3.8-flash")).feed(chunk)


def test_every_entry_of_the_catalogue_is_the_hint_of_an_error() -> None:
    entries = [entry for entry in GeminiService.fixes() if entry.code != CredentialsMissing.code]

    assert all(entry.fix and entry.cause and entry.statuses for entry in entries)


# ── models and prices ─────────────────────────────────────────────────────────────────────────────


def price(model: str, day: date = TODAY) -> Price | None:
    services = Services(name="gemini", client=MockTransport(never), codecs=CodecRegistry())
    provider = GeminiProvider(GeminiConfig(), services, today=lambda: day)
    family, surface = CODEC.family, CODEC.surface
    receipt = Receipt(provider="gemini", family=family, surface=surface, model=model, called=model)
    return provider.price(receipt)


def never(sent: HttpRequest) -> Any:
    raise AssertionError("nothing is sent")


def test_a_price_is_that_of_the_day() -> None:
    usage = Usage(1_000_000, 1_000_000, cache_read_tokens=1_000_000)
    now, later = price("gemini-3.8-flash"), price("gemini-3.8-flash", date(2027, 1, 1))

    assert now is not None and now.cost_usd(usage) == pytest.approx(4.575)
    assert later is not None and later.cost_usd(usage) == pytest.approx(9.15)


def test_a_long_prompt_costs_more() -> None:
    known = price("models/gemini-2.5-pro-001")

    assert known is not None
    assert known.cost_usd(Usage(200_000, 0)) == pytest.approx(0.25)
    assert known.cost_usd(Usage(200_001, 0)) == pytest.approx(0.5000025)


def test_the_price_of_an_unknown_model_is_unknown() -> None:
    assert price("gemini-9") is None


def test_models_end_on_their_day() -> None:
    def lives(day: date) -> dict[str, Life]:
        return {model.id: model.life for model in MODELS.catalogue(day=day).models}

    assert lives(date(2026, 11, 29))["gemini-2.5-pro"] is Life.LEGACY
    assert lives(date(2026, 12, 1))["gemini-2.5-pro"] is Life.ENDED
    assert lives(date(2026, 12, 1))["gemini-3.8-flash"] is Life.ACTIVE


def test_a_model_that_has_ended_is_a_finding() -> None:
    provider, _ = opened(model="gemini-2.0-flash")

    (finding,) = run(provider.check()).findings

    assert finding.message == "gemini-2.0-flash ended on 2026-06-01"
    assert finding.hint == "gemini-3.8-flash takes its place"
    assert provider.serves("gemini-2.0-flash") is False
    assert provider.serves("gemini-3.8-flash") is True
    assert provider.serves("gemini-9") is None


def test_every_model_has_its_facts() -> None:
    assert MODELS.row("gemini-3.8-flash") is not None
    assert MODELS.facts("gemini-3.8-flash").max_output_tokens == 65_536
    newest, lite = MODELS.facts("gemini-4-hydrogen"), MODELS.facts("gemini-2.5-flash-lite")
    assert newest.reasoning is not None and newest.reasoning.efforts[-1] == "xhigh"
    assert lite.reasoning is not None and lite.reasoning.least_budget == 512


def test_where_calls_are_processed_is_what_the_operator_says() -> None:
    provider, _ = opened(data_region="eu")

    assert provider.regions("gemini-3.8-flash") == frozenset({"eu"})
    receipt = run(provider.complete(CompletionRequest("hi"))).receipt
    assert receipt is not None and receipt.region == "eu"
    assert opened()[0].regions("gemini-3.8-flash") is None


# ── the environment ───────────────────────────────────────────────────────────────────────────────


def test_a_key_enables_the_provider_and_variables_are_its_settings() -> None:
    environment = {
        "GOOGLE_API_KEY": KEY,
        "GOOGLE_MODEL": "gemini-3.5-flash",
        "GOOGLE_ENDPOINT": "http://localhost:9",
        "GOOGLE_TIMEOUT_SECONDS": "7",
    }

    assert SPEC.config_from_environment(environment) == {
        "model": "gemini-3.5-flash",
        "endpoint": "http://localhost:9",
        "timeouts": {"total_s": "7"},
    }
    assert SPEC.credentials_from_environment(environment) == {"api_key": KEY}
    assert SPEC.config_from_environment({"GOOGLE_MODEL": "gemini-3.5-flash"}) is None
