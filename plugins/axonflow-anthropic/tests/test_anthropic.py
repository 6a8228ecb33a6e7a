"""The provider keeps every law of providers; what it sends, what it makes of Anthropic's errors,
and what it knows of the models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from axonflow_anthropic.codec import CODEC, COUNTER
from axonflow_anthropic.emulator import emulator
from axonflow_anthropic.plugin import axonflow_register_provider
from axonflow_anthropic.provider import AnthropicProvider, AnthropicService
from axonflow_core import Runtime
from axonflow_core.dialects.anthropic_messages import ERRORS
from axonflow_core.emulator.serving import serving
from axonflow_core.errors import (
    AccessDenied,
    ConfigError,
    EncodeError,
    ModelNotFound,
    ProviderError,
    Throttled,
    Unavailable,
)
from axonflow_core.media import DOCUMENT_FORMATS
from axonflow_core.messages import (
    CompletionRequest,
    Document,
    Media,
    MediaKind,
    ReasoningRequest,
    Text,
    Usage,
    user,
)
from axonflow_core.routing.passing_on import passes_on
from axonflow_core.testing import FakeService, MockTransport, codec_laws, provider_test
from axonflow_core.testing.golden import golden_cases
from axonflow_core.testing.mock_transport import json_answer

MODELS = AnthropicProvider.models
KEY = {"ANTHROPIC_API_KEY": "sk-ant-planted-0123456789"}
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5-5",
    "content": [{"type": "text", "text": "It is blue."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 7, "output_tokens": 4},
}

test_the_laws_of_providers = provider_test(
    axonflow_register_provider(),
    service=FakeService(
        codec=CODEC,
        errors=ERRORS,
        transport_members=frozenset({"model", "stream"}),
        request_id_header="request-id",
    ),
    credentials={"api_key": "sk-ant-planted-0123456789"},
)


@pytest.mark.parametrize("case", golden_cases(CODEC, __file__))
def test_what_the_documents_show(case: Any) -> None:
    case()


@pytest.mark.thorough
@pytest.mark.parametrize("law", codec_laws(CODEC))
def test_the_laws_of_codecs(law: Any) -> None:
    law()


def answering(body: Mapping[str, Any]) -> MockTransport:
    return MockTransport(lambda sent: json_answer(dict(body), headers={"request-id": "req_1"}))


TABLE = Document(Media(MediaKind.BASE64, "YSxiCg==", "text/csv"), name="table")
LETTER = Document(Media(MediaKind.BASE64, "UEsDBA==", DOCUMENT_FORMATS["docx"]), name="letter")


async def test_a_file_of_text_goes_as_its_text_and_one_that_no_claude_reads_is_refused() -> None:
    client = answering(ANSWER)
    async with Runtime.open(environment=KEY, client=client) as runtime:
        await runtime.complete(CompletionRequest((user((TABLE, Text("Sum it up."))),)))
        with pytest.raises(EncodeError, match="wordprocessingml"):
            await runtime.complete(CompletionRequest((user((LETTER, Text("Sum it up."))),)))

    (sent,) = client.requests
    source = json.loads(sent.body)["messages"][0]["content"][0]["source"]
    assert source == {"type": "text", "media_type": "text/plain", "data": "a,b\n"}


async def test_the_environment_alone_enables_it() -> None:
    client = answering(ANSWER)
    environment = {**KEY, "ANTHROPIC_MODEL": "claude-haiku-5-5"}

    async with Runtime.open(environment=environment, client=client) as runtime:
        completion = await runtime.complete("Why is the sky blue?")

    (sent,) = client.requests
    assert completion.text == "It is blue."
    assert sent.url == "https://api.anthropic.com/v1/messages"
    assert sent.headers["x-api-key"] == KEY["ANTHROPIC_API_KEY"]
    assert sent.headers["anthropic-version"] == "2023-06-01"
    assert json.loads(sent.body)["model"] == "claude-haiku-5-5"
    assert completion.receipt is not None and completion.receipt.request_id == "req_1"


async def test_betas_of_the_call_and_of_the_configuration_share_one_header() -> None:
    client = answering(ANSWER)
    request = CompletionRequest(
        (user("Hi"),), options={"anthropic_beta": ["context-1m-2025-08-07"]}
    )

    async with Runtime.open(
        provider="anthropic", environment=KEY, client=client, betas=["files-api-2025-04-14"]
    ) as runtime:
        await runtime.complete(request)

    (sent,) = client.requests
    assert sent.headers["anthropic-beta"] == "files-api-2025-04-14,context-1m-2025-08-07"
    assert "anthropic_beta" not in json.loads(sent.body)


async def test_an_effort_that_needs_a_beta_names_it_in_the_header() -> None:
    client = answering(ANSWER)

    async with Runtime.open(
        provider="anthropic", environment=KEY, client=client, model="claude-opus-4-5"
    ) as runtime:
        await runtime.complete("Hi", reasoning=ReasoningRequest(effort="low"))

    (sent,) = client.requests
    assert sent.headers["anthropic-beta"] == "effort-2025-11-24"


async def test_tokens_are_counted_without_what_an_answer_is_limited_by() -> None:
    client = answering({"input_tokens": 14})

    async with Runtime.open(provider="anthropic", environment=KEY, client=client) as runtime:
        counted = await runtime.count_tokens("Why is the sky blue?", max_tokens=99)

    (sent,) = client.requests
    assert counted.input_tokens == 14
    assert sent.url.endswith("/v1/messages/count_tokens")
    assert json.loads(sent.body).keys() == {"model", "messages"}


async def test_a_region_of_the_operator_is_on_the_receipt() -> None:
    async with Runtime.open(
        provider="anthropic", environment=KEY, client=answering(ANSWER), data_region="eu"
    ) as runtime:
        completion = await runtime.complete("Hi")

    assert completion.receipt is not None and completion.receipt.region == "eu"


async def test_a_newer_claude_is_not_sent_a_temperature() -> None:
    client = answering(ANSWER)

    async with Runtime.open(provider="anthropic", environment=KEY, client=client) as runtime:
        completion = await runtime.complete("Hi", temperature=0.5)

    assert "temperature" not in json.loads(client.requests[0].body)
    assert [str(each.feature) for each in completion.adjustments] == ["temperature"]


def test_without_a_key_the_provider_says_where_one_is_written() -> None:
    with pytest.raises(ConfigError, match="needs the credential 'api_key'") as refused:
        Runtime.open(provider="anthropic", environment={})
    assert refused.value.hint is not None and "api_key" in refused.value.hint


def test_overload_is_retryable_and_says_what_to_do() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    error = ERRORS.decode_error(529, {}, body)

    assert isinstance(error, Unavailable) and error.is_retryable
    assert "second provider" in (AnthropicService.fixes.fix(error) or "")


def test_a_throttle_waits_as_long_as_anthropic_asks() -> None:
    body = b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}'
    error = ERRORS.decode_error(429, {"retry-after": "7"}, body)

    assert isinstance(error, Throttled) and error.retry_after_s == 7


ACCOUNTS: tuple[tuple[str, type[ProviderError], str], ...] = (
    ("Your credit balance is too low to access the Anthropic API.", Throttled, "add credit"),
    (
        "You have reached your specified API usage limits. You will regain access on 2026-12-01.",
        Throttled,
        "add credit",
    ),
    ("This organization has been disabled.", AccessDenied, "another organization"),
)


@pytest.mark.parametrize(("words", "kind", "fix"), ACCOUNTS)
def test_what_is_wrong_with_the_account_is_not_the_callers_fault(
    words: str, kind: type[ProviderError], fix: str
) -> None:
    native = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    error = ERRORS.decode_error(400, {}, json.dumps(native).encode())

    assert type(error) is kind and not error.is_retryable
    assert passes_on(error, on_silence=False)
    assert fix in (AnthropicService.fixes.fix(error) or "")


def test_every_class_of_anthropics_errors_is_explained() -> None:
    explained = {name for entry in AnthropicService.fixes() for name in entry.native_codes}
    assert {row.type for row in ERRORS.rows} <= explained


def test_a_long_prompt_has_its_own_price() -> None:
    row = MODELS.row("claude-haiku-5-5")
    assert row is not None
    price = row.price_on(date(2026, 11, 29))
    short, long = Usage(100_000, 1_000), Usage(100_001, 1_000)
    assert price.cost_usd(short) == pytest.approx(0.0105)
    assert price.cost_usd(long) == pytest.approx(0.0525005)


def test_an_alias_is_its_dated_model_and_an_unknown_model_has_no_price() -> None:
    assert MODELS.row("claude-haiku-4-5") is MODELS.row("claude-haiku-4-5-20251001") is not None
    assert MODELS.row("claude-9") is None


def test_the_catalogue_has_the_default_model_and_its_day() -> None:
    spec = axonflow_register_provider()
    assert spec.models is not None
    catalogue = spec.models(None)  # type: ignore[arg-type]  # no codec is asked
    ids = {model.id for model in catalogue.models}
    assert catalogue.as_of == MODELS.file.as_of
    assert "claude-sonnet-5-5" in ids
    assert {model.successor for model in catalogue.models} - {None} <= ids


def test_the_counter_counts_what_the_codec_encodes() -> None:
    assert COUNTER.codec is CODEC


async def test_the_emulators_environment_alone_is_answered() -> None:
    with serving(emulator()) as running:
        async with Runtime.open(environment=running.environment) as runtime:
            completion = await runtime.complete("Why is the sky blue?")
            async with runtime.stream("Why is the sky blue?") as stream:
                pieces = [text async for text in stream.text()]
            counted = await runtime.count_tokens("one two three")

    assert completion.text == "".join(pieces)
    assert counted.input_tokens == 3
    assert [call.operation for call in running.calls] == ["messages", "messages", "count_tokens"]


async def test_a_refused_model_is_told_with_its_fix() -> None:
    with serving(emulator()) as running:
        async with Runtime.open(environment=running.environment) as runtime:
            with pytest.raises(ModelNotFound) as refused:
                await runtime.complete("Hi", model=running.refused_model)

    assert "axonflow models --provider anthropic" in (refused.value.hint or "")
