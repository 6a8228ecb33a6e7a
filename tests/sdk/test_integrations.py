"""How users of the SDK really call models: boto3 behind the SDK's interceptor, and LiteLLM."""

from __future__ import annotations

import json
from typing import Any

import pytest

axonflow = pytest.importorskip("axonflow", reason="the product's SDK, axonflow, is not installed")

from axonflow import AxonFlow  # noqa: E402
from axonflow.exceptions import PolicyViolationError  # noqa: E402
from axonflow.interceptors.bedrock import wrap_bedrock_client  # noqa: E402
from axonflow.types import AuditSearchRequest  # noqa: E402

from .governed import MODEL, Governed  # noqa: E402


def body_of(text: str) -> str:
    messages = [{"role": "user", "content": text}]
    return json.dumps(
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": messages}
    )


@pytest.fixture
def boto3_client(server: Governed) -> Any:
    """An unmodified client of boto3 behind the SDK's interceptor."""
    governed = AxonFlow(**server.options())
    return wrap_bedrock_client(server.emulator.boto3_client(), governed, user_token="ann")


def test_a_call_of_boto3_is_checked_before_it_is_made(server: Governed, boto3_client: Any) -> None:
    before = server.calls
    answer = json.load(
        boto3_client.invoke_model(modelId=MODEL, body=body_of("How is the weather?"))["body"]
    )
    assert answer["content"][0]["text"] == "It rains."
    assert server.calls - before == 2  # the server's own, which the interceptor throws away, too


@pytest.mark.parametrize("method", ["invoke_model", "invoke_model_with_response_stream"])
def test_a_call_of_boto3_that_is_blocked_is_not_made(
    server: Governed, boto3_client: Any, method: str
) -> None:
    before = server.calls
    with pytest.raises(PolicyViolationError):
        getattr(boto3_client, method)(modelId=MODEL, body=body_of("my ssn is 123-45-6789"))
    assert server.calls == before


# ── LiteLLM ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def litellm_call(server: Governed) -> Any:
    """LiteLLM's completion of Bedrock, governed by `axonflow-litellm`."""
    litellm = pytest.importorskip("axonflow_litellm", reason="axonflow-litellm is not installed")
    options = server.options()
    config = litellm.AxonFlowLoggerConfig(
        endpoint=options["endpoint"],
        client_id=options["client_id"],
        client_secret=options["client_secret"],
        fail_open=False,
        call_timeout_seconds=30,
        enable_hitl_polling=False,
    )
    environment = server.emulator.environment

    async def call(text: str) -> Any:
        async with litellm.AxonFlowLogger(config) as governed:
            return await governed.acompletion(
                model=f"bedrock/invoke/{MODEL}",
                messages=[{"role": "user", "content": text}],
                aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
                aws_region_name=environment["AWS_REGION"],
                aws_bedrock_runtime_endpoint=server.emulator.base_url,
            )

    return call


@pytest.mark.filterwarnings("ignore")  # those of LiteLLM
async def test_a_call_of_litellm_is_checked_and_reported(
    server: Governed, litellm_call: Any
) -> None:
    answer = await litellm_call("How is the weather?")
    assert answer.choices[0].message.content == "It rains."
    async with AxonFlow(**server.options()) as client:
        search = AuditSearchRequest(action="llm_call", limit=1)
        (entry,) = (await client.search_audit_logs(search)).entries
    assert (entry.provider, entry.policy_details["reported_provider"]) == ("bedrock", "anthropic")
    assert entry.policy_details["cost_usd"] > 0


@pytest.mark.filterwarnings("ignore")  # those of LiteLLM
async def test_a_call_of_litellm_that_is_blocked_is_not_made(
    server: Governed, litellm_call: Any
) -> None:
    before = server.calls
    with pytest.raises(Exception, match="SSN") as raised:
        await litellm_call("my ssn is 123-45-6789")
    assert type(raised.value).__name__ == "PolicyDeniedError"
    assert server.calls == before
