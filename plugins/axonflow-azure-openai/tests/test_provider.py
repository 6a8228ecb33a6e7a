"""The Azure OpenAI provider: the laws of every provider, and what is Azure's own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from axonflow_azure_openai.codec import ERRORS
from axonflow_azure_openai.config import AzureOpenAIConfig
from axonflow_azure_openai.plugin import axonflow_register_provider
from axonflow_azure_openai.provider import AzureService, catalogue, named_model
from axonflow_core.cli import main
from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.config import ProviderConfig, load_config, structure_provider_config
from axonflow_core.errors import (
    AccessDenied,
    ConfigError,
    CredentialsError,
    CredentialsMissing,
    EncodeError,
    InvalidCall,
    ModelNotFound,
    RequestError,
    Throttled,
)
from axonflow_core.http.client import HttpRequest
from axonflow_core.json import dumps, loads
from axonflow_core.messages import (
    CompletionRequest,
    Document,
    Inference,
    Media,
    Message,
    ReasoningRequest,
    Tool,
    ToolChoice,
    user,
)
from axonflow_core.plugin_spec import Life, Services
from axonflow_core.retrieval import EmbeddingRequest
from axonflow_core.testing import (
    FakeService,
    MockAnswer,
    MockTransport,
    error_laws,
    golden_cases,
    json_answer,
    provider_test,
)
from axonflow_openai.codec import ANY, CHAT, REASONING

SPEC = axonflow_register_provider()
RESOURCE = "https://acme.openai.azure.com"
KEY = {"api_key": "planted-secret-0123456789"}
CLASSIC = {"model": "gpt-4o", "endpoint": RESOURCE}
ANSWER: Any = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi."}}
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def azure(codec: Any, errors: Any = ERRORS) -> FakeService:
    return FakeService(codec=codec, errors=errors, request_id_header="apim-request-id")


test_a_deployment_in_the_path = provider_test(
    SPEC,
    service=azure(CHAT),
    config={**CLASSIC, "api_version": "2024-10-21"},
    credentials=KEY,
)
test_the_version_v1 = provider_test(
    SPEC,
    service=azure(REASONING),
    config={"model": "gpt-5.2", "endpoint": RESOURCE, "api_version": "v1"},
    credentials=KEY,
)
test_a_deployment_of_an_unknown_model = provider_test(
    SPEC,
    service=azure(ANY),
    config={"model": "ours", "endpoint": RESOURCE, "api_version": "v1"},
    credentials=KEY,
)


@pytest.mark.parametrize("case", golden_cases(CHAT, Path(__file__)))
def test_golden(case: Callable[[], None]) -> None:
    case()


@pytest.mark.parametrize("law", error_laws(ERRORS))
@pytest.mark.sampled(4)
def test_errors_keep(law: Callable[[], None]) -> None:
    law()


class Opened:
    """A provider with these settings; what it sent is in `sent`."""

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *answers: MockAnswer,
        credentials: Mapping[str, str] | None = None,
        extras: Mapping[str, Any] | None = None,
    ) -> None:
        left = list(answers)
        self.client = MockTransport(
            lambda request: left.pop(0) if left else json_answer(ANSWER, 200)
        )
        entry = ProviderConfig("azure-openai", is_enabled=True, config=config or CLASSIC)
        services = Services(
            name="azure-openai",
            client=self.client,
            codecs=CodecRegistry(),
            credentials=KEY if credentials is None else credentials,
            extras=extras or {},
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
    "endpoint", [RESOURCE, f"{RESOURCE}/", f"{RESOURCE}/openai", f"{RESOURCE}/openai/v1/"]
)
def test_a_deployment_stands_in_the_path_of_a_dated_version(endpoint: str) -> None:
    opened = Opened({"model": "our gpt-4o", "endpoint": endpoint})

    opened.complete()

    path = "openai/deployments/our%20gpt-4o/chat/completions?api-version=2024-08-01-preview"
    assert opened.sent.url == f"{RESOURCE}/{path}"
    assert opened.sent.headers["api-key"] == KEY["api_key"]
    assert "model" not in opened.body


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_that_would_lead_to_another_path_is_refused(name: str) -> None:
    opened = Opened()

    with pytest.raises(RequestError, match="nothing is called"):
        opened.complete(model=name)

    assert opened.client.requests == []


def test_with_v1_it_stands_in_the_body() -> None:
    opened = Opened({**CLASSIC, "api_version": "v1", "data_region": "westeurope"})

    completion = opened.complete()

    assert opened.sent.url == f"{RESOURCE}/openai/v1/chat/completions"
    assert opened.body["model"] == "gpt-4o"
    assert completion.receipt.region == "westeurope"


def test_embeddings_go_to_their_deployment() -> None:
    native = {"object": "embedding", "index": 0, "embedding": [0.5]}
    opened = Opened(CLASSIC, json_answer({"object": "list", "data": [native]}, 200))

    asyncio.run(opened.provider.embed(EmbeddingRequest("Hello."), model="text-embedding-3-small"))

    path = "openai/deployments/text-embedding-3-small/embeddings?api-version=2024-08-01-preview"
    assert opened.sent.url == f"{RESOURCE}/{path}"


@pytest.mark.parametrize("version", ["v2", "2024-08", "latest"])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(ConfigError, match="no version"):
        AzureOpenAIConfig(model="gpt-4o", endpoint=RESOURCE, api_version=version)


# ── models ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("deployment", "model"),
    [
        ("gpt-4o", "gpt-4o"),
        ("GPT-4o-mini-eu", "gpt-4o-mini"),
        ("gpt-35-turbo", "gpt-3.5-turbo"),
        ("gpt-5.1_prod", "gpt-5.1"),
        ("o3", "o3"),
        ("gpt-5-chat", None),
        ("gpt-5.9", None),
        ("prod-gpt-4o", None),
        ("assistant", None),
    ],
)
def test_a_deployment_is_treated_by_its_name_where_that_names_a_model(
    deployment: str, model: str | None
) -> None:
    assert named_model(deployment) == model


FULL = CompletionRequest((user("Hi"),), "Be brief.", inference=Inference(9, 0.2))


def test_a_declared_deployment_has_the_rules_and_the_price_of_its_model() -> None:
    opened = Opened(
        {
            "model": "assistant",
            "endpoint": RESOURCE,
            "api_version": "v1",
            "deployments": {"assistant": "gpt-5.2"},
        }
    )

    asked = CompletionRequest((user("Hi"),), reasoning=ReasoningRequest(effort="max"))
    completion = opened.complete(asked)

    assert opened.body["reasoning_effort"] == "xhigh"
    assert opened.provider.price(completion.receipt).input == 1.75


def test_an_unknown_deployment_gets_what_every_model_takes() -> None:
    opened = Opened({"model": "assistant", "endpoint": RESOURCE, "api_version": "v1"})

    completion = opened.complete(FULL)

    assert opened.body["max_completion_tokens"] == 9
    assert opened.body["messages"][0]["role"] == "system"
    assert "temperature" not in opened.body
    assert [each.feature for each in completion.adjustments] == ["temperature"]
    assert opened.provider.price(completion.receipt) is None


def test_an_older_version_gets_no_newer_arguments() -> None:
    opened = Opened({"model": "assistant", "endpoint": RESOURCE})
    asked = CompletionRequest(
        FULL.messages,
        inference=FULL.inference,
        tools=(Tool("look_up"),),
        tool_choice=ToolChoice("auto", allows_parallel=False),
    )

    completion = opened.complete(asked)

    assert (opened.body["max_tokens"], opened.body["temperature"]) == (9, 0.2)
    newer = {"max_completion_tokens", "parallel_tool_calls", "stream_options"}
    assert not newer & opened.body.keys()
    assert completion.adjustments


@pytest.mark.parametrize(
    ("version", "has_usage"), [("2024-08-01-preview", False), ("2024-10-21", True), ("v1", True)]
)
def test_a_stream_asks_for_counts_where_the_version_knows_that(
    version: str, has_usage: bool
) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    data = b"data: " + dumps(chunk) + b"\n\ndata: [DONE]\n\n"
    answer = MockAnswer(headers={"content-type": "text/event-stream"}, reads=(data,))
    opened = Opened({**CLASSIC, "api_version": version}, answer)

    async def streamed() -> Any:
        async with await opened.provider.stream(CompletionRequest((user("Hi"),))) as stream:
            return await stream.completion()

    assert asyncio.run(streamed()).text == "Hi"
    assert ("stream_options" in opened.body) is has_usage


def test_a_document_is_refused_by_name() -> None:
    document = Document(Media("base64", "JVBERi0=", "application/pdf"), name="a.pdf")

    with pytest.raises(EncodeError, match="documents"):
        Opened().complete(CompletionRequest((Message("user", ["Read.", document]),)))


# ── who calls ─────────────────────────────────────────────────────────────────────────────────────


def test_without_a_key_nothing_is_sent() -> None:
    opened = Opened(credentials={})

    with pytest.raises(CredentialsMissing) as caught:
        opened.complete()

    assert caught.value.hint and "identity: entra" in caught.value.hint
    assert not opened.client.requests


def test_a_token_of_the_program_is_sent_and_kept() -> None:
    asked: list[int] = []

    def provide() -> str:
        asked.append(1)
        return "token-1"

    opened = Opened(credentials={}, extras={"token_provider": provide})
    opened.complete()
    opened.complete()

    assert opened.sent.headers["authorization"] == "Bearer token-1"
    assert "api-key" not in opened.sent.headers
    assert len(asked) == 1


def test_a_token_that_is_refused_is_replaced_once() -> None:
    tokens = iter(["old", "new"])
    refusal = json_answer({"error": {"code": "401", "message": "Expired."}}, 401)
    opened = Opened(CLASSIC, refusal, extras={"token_provider": lambda: next(tokens)})

    opened.complete()

    sent = [request.headers["authorization"] for request in opened.client.requests]
    assert sent == ["Bearer old", "Bearer new"]


def test_what_a_token_provider_raises_quotes_nothing() -> None:
    def provide() -> str:
        raise RuntimeError("tenant 1234 of someone@example.com")

    with pytest.raises(CredentialsError) as caught:
        Opened(extras={"token_provider": provide}).complete()

    assert "example.com" not in str(caught.value)
    assert caught.value.hint and "az login" in caught.value.hint


def test_azure_identity_is_imported_by_the_first_call_that_needs_it() -> None:
    before = "azure.identity" in sys.modules
    Opened().complete()
    opened = Opened({**CLASSIC, "identity": "entra"}, credentials={})

    assert ("azure.identity" in sys.modules) is before
    found = asyncio.run(opened.provider.check(with_credentials=False))
    assert not found.findings


# ── errors ────────────────────────────────────────────────────────────────────────────────────────


def refused(status: int, code: str, message: str = "No.", **more: Any) -> MockAnswer:
    error = {"code": code, "message": message, **more}
    return json_answer({"error": error}, status, {"apim-request-id": "request-7"})


@pytest.mark.parametrize(
    ("status", "code", "kind", "hint"),
    [
        (404, "DeploymentNotFound", ModelNotFound, "Deployments"),
        (404, "404", ModelNotFound, "api_version"),
        (401, "401", CredentialsError, "Keys and Endpoint"),
        (401, "PermissionDenied", AccessDenied, "Cognitive Services OpenAI User"),
        (403, "AuthenticationTypeDisabled", AccessDenied, "identity: entra"),
        (400, "OperationNotSupported", InvalidCall, "deployment"),
    ],
)
def test_a_refusal_is_typed_and_says_what_to_do(
    status: int, code: str, kind: type[Exception], hint: str
) -> None:
    with pytest.raises(kind) as caught:
        Opened(CLASSIC, refused(status, code)).complete()

    assert hint in caught.value.hint  # type: ignore[attr-defined]
    assert caught.value.request_id == "request-7"  # type: ignore[attr-defined]


def test_a_filtered_prompt_names_the_categories() -> None:
    results = {
        "hate": {"filtered": False, "severity": "safe"},
        "violence": {"filtered": True, "severity": "medium"},
        "jailbreak": {"filtered": True, "detected": True},
    }
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": results}
    answer = refused(400, "content_filter", "The response was filtered.", innererror=inner)

    with pytest.raises(InvalidCall) as caught:
        Opened(CLASSIC, answer).complete()

    assert caught.value.native_code == "content_filter"
    assert caught.value.hint and "violence (medium), jailbreak" in caught.value.hint


def test_a_wait_in_milliseconds_is_kept_to() -> None:
    busy = json_answer(
        {"error": {"code": "429", "message": "Busy."}}, 429, {"retry-after-ms": "90000"}
    )

    with pytest.raises(Throttled) as caught:
        Opened(CLASSIC, busy).complete()

    assert caught.value.retry_after_s == 90.0


def test_every_entry_of_the_errors_says_what_to_do() -> None:
    assert all(entry.cause and entry.fix for entry in AzureService.fixes())


# ── the environment, and check ────────────────────────────────────────────────────────────────────

VARIABLES = {
    "AZURE_OPENAI_ENDPOINT": RESOURCE,
    "AZURE_OPENAI_API_KEY": "key",
    "AZURE_OPENAI_DEPLOYMENT_NAME": "gpt-4o",
}


def settings(folder: Path, **variables: str) -> AzureOpenAIConfig:
    config = load_config(environment={**VARIABLES, **variables}, folder=folder)
    return structure_provider_config(config.enabled["azure-openai"], AzureOpenAIConfig)


def test_three_variables_enable_the_provider(tmp_path: Path) -> None:
    assert settings(tmp_path) == AzureOpenAIConfig(model="gpt-4o", endpoint=RESOURCE)
    more = settings(tmp_path, AZURE_OPENAI_API_VERSION="v1", AZURE_OPENAI_TIMEOUT_SECONDS="30")
    assert (more.api_version, more.timeouts.total_s) == ("v1", 30.0)


@pytest.mark.parametrize("missing", VARIABLES)
def test_any_of_them_that_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    environment = {name: value for name, value in VARIABLES.items() if name != missing}

    with pytest.raises(ConfigError) as caught:
        load_config(environment=environment, folder=tmp_path)

    assert missing in f"{caught.value} {caught.value.hint}"


def test_a_provider_tells_which_deployments_it_serves_and_where() -> None:
    provider = Opened(
        {**CLASSIC, "data_region": "westeurope", "deployments": {"fast": "gpt-4o-mini"}}
    ).provider

    assert (provider.serves("fast"), provider.serves("gpt-4.1")) == (True, None)
    assert provider.context_tokens("fast") == 128_000
    assert provider.regions("fast") == {"westeurope"}


def test_the_catalogue_has_no_lives_of_openai() -> None:
    listed = catalogue(CodecRegistry()).models

    assert {model.life for model in listed} == {Life.ACTIVE}
    assert "gpt-4-turbo" not in {model.id for model in listed}
    assert "gpt-4o" in {model.id for model in listed}


def check(config: Mapping[str, Any]) -> Any:
    return asyncio.run(Opened(config).provider.check())


def test_a_check_tells_the_model_of_the_deployment() -> None:
    found = check({"model": "gpt-6.1-sol", "endpoint": RESOURCE, "api_version": "v1"})

    assert found.facts["of model"].value == "gpt-6.1-sol"
    assert found.facts["version"].value == "v1"
    assert not found.findings


def test_a_deployment_of_an_unknown_model_is_a_warning() -> None:
    (finding,) = check({"model": "assistant", "endpoint": RESOURCE}).findings

    assert (finding.key, finding.is_fault) == ("deployments", False)


def test_a_model_that_reasons_behind_an_older_version_is_a_warning() -> None:
    (finding,) = check({"model": "gpt-6.1-sol", "endpoint": RESOURCE}).findings

    assert (finding.key, finding.hint) == ("api_version", "api_version: v1")


def test_a_key_that_is_right_is_not_missing_beside_one_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "axonflow.yaml"
    config = f"{{endpoint: {RESOURCE}, deployment: mine}}"
    file.write_text(
        f'version: "1.0"\nllm_providers:\n  azure-openai: {{enabled: true, config: {config}}}\n'
    )

    assert main(["check", str(file), "--no-credentials", "--json"]) == 3
    told = [fault["message"] for fault in loads(capsys.readouterr().out)["faults"]]
    assert "`model` is missing" in told and "unknown key `deployment`" in told
    assert "`endpoint` is missing" not in told
