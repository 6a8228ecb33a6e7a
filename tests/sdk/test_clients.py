"""The SDK's clients, asynchronous and blocking, through the whole chain."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

axonflow = pytest.importorskip("axonflow", reason="the product's SDK, axonflow, is not installed")

from axonflow import AxonFlow  # noqa: E402
from axonflow.authzen import AuthZENRefusal  # noqa: E402
from axonflow.authzen_types_gen import (  # noqa: E402
    AuthZENAction,
    AuthZENRequest,
    AuthZENResource,
    AuthZENSubject,
)
from axonflow.decisions import ListDecisionsOptions  # noqa: E402
from axonflow.exceptions import (  # noqa: E402
    AuthenticationError,
    AxonFlowError,
    LegacyPolicyWriteFrozenError,
    PolicyViolationError,
)
from axonflow.pep_handshake import PEPCapability, PEPHandshake  # noqa: E402
from axonflow.types import (  # noqa: E402
    AuditSearchRequest,
    AuditToolCallRequest,
    DecideRequest,
    MediaContent,
    TokenUsage,
)

from .governed import MODEL, SCRIPT, Governed, governed  # noqa: E402

SSN = "my ssn is 123-45-6789"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


@pytest.fixture
async def client(server: Governed) -> AsyncIterator[Any]:
    async with AxonFlow(**server.options()) as client:
        yield client


async def asked(client: Any, query: str, **context: Any) -> Any:
    return await client.proxy_llm_call("ann", query, "chat", context)


# ── Proxy Mode ────────────────────────────────────────────────────────────────────────────────────


async def test_an_allowed_call_comes_back_with_its_record(client: Any, server: Governed) -> None:
    before = server.calls
    answer = await asked(client, "How is the weather?")
    assert (answer.success, answer.blocked, answer.data["data"]) == (True, False, "It rains.")
    assert (answer.metadata["provider"], answer.metadata["model"]) == ("bedrock", MODEL)
    assert answer.metadata["cost_usd"] > 0 and answer.metadata["usage"]["total_tokens"] > 0
    assert (answer.policy_info.tenant_id, server.calls - before) == ("acme", 1)
    explained = await client.explain_decision(answer.metadata["audit_id"])
    assert explained.decision == "allowed"


@pytest.mark.parametrize("query", [SSN, "tell me of Project Aurora", "a wire transfer"])
async def test_a_blocked_call_is_an_error_and_no_call(
    client: Any, server: Governed, query: str
) -> None:
    before = server.calls
    with pytest.raises(PolicyViolationError) as raised:
        await asked(client, query)
    assert raised.value.block_reason and raised.value.policy
    assert server.calls == before


async def test_a_blocked_answer_is_an_error_too(client: Any) -> None:
    with pytest.raises(PolicyViolationError, match="no-aurora"):
        await asked(client, "What is the plan?")


async def test_what_is_redacted_reaches_neither_model_nor_client(
    client: Any, server: Governed
) -> None:
    answer = await asked(client, "who has badge-99?")
    assert answer.success and answer.metadata["redacted"]
    assert answer.data["data"] == "Ann, [REDACTED:badge], sits next door."
    assert "badge-99" not in str(server.emulator.calls[-1].json)


@pytest.mark.parametrize(("query", "code"), [("patience", "timeout"), ("busy", "throttled")])
async def test_a_call_that_fails_is_returned_with_its_reason(
    client: Any, query: str, code: str
) -> None:
    answer = await asked(client, query)
    assert (answer.success, answer.blocked, answer.metadata["error_code"]) == (False, False, code)
    assert answer.error


async def test_a_provider_that_is_gone_is_told_of(tmp_path: Path) -> None:
    with governed(tmp_path, SCRIPT) as server:
        server.stop_emulator()
        async with AxonFlow(**server.options()) as client:
            answer = await asked(client, "How is the weather?")
            page = await client.search_audit_logs(AuditSearchRequest(action="error"))
    assert not answer.success and answer.metadata["error_code"] == "unavailable"
    assert [entry.policy_decision for entry in page.entries] == ["error"]


async def test_provider_and_model_are_chosen_among_the_clients_own(server: Governed) -> None:
    async with AxonFlow(**server.options("haiku")) as client:
        model = "anthropic.claude-3-haiku-20240307-v1:0"
        chosen = await asked(client, "weather", provider="bedrock", model=model, max_tokens=50)
        beyond = await asked(client, "weather", model=MODEL)
    assert (chosen.success, chosen.metadata["model"]) == (True, model)
    assert not beyond.success and "may not use the model" in beyond.error


async def test_a_picture_goes_to_the_model(client: Any, server: Governed) -> None:
    media = [MediaContent(source="base64", base64_data=PIXEL, mime_type="image/png")]
    answer = await client.proxy_llm_call_with_media("ann", "weather", "chat", media)
    assert answer.success and PIXEL in str(server.emulator.calls[-1].json)


async def test_a_wrong_secret_is_no_client(server: Governed) -> None:
    async with AxonFlow(**server.options(client_secret="wrong")) as client:
        with pytest.raises(AuthenticationError):
            await asked(client, "weather")


def test_the_blocking_client_has_the_same_answers(server: Governed) -> None:
    with AxonFlow.sync(**server.options()) as client:
        assert client.health_check()
        answer = client.proxy_llm_call("ann", "weather", "chat")
        with pytest.raises(PolicyViolationError):
            client.proxy_llm_call("ann", SSN, "chat")
        checked = client.get_policy_approved_context("ann", "weather")
        usage = TokenUsage(prompt_tokens=1, completion_tokens=1, total_tokens=2)
        audited = client.audit_llm_call(checked.context_id, "ok", "bedrock", MODEL, usage, 5)
        providers = client.list_providers()
    assert (answer.data["data"], audited.success) == ("It rains.", True)
    assert [provider.name for provider in providers] == ["bedrock"]


# ── Gateway Mode ──────────────────────────────────────────────────────────────────────────────────


async def test_a_check_and_its_report_are_on_record(client: Any) -> None:
    checked = await client.get_policy_approved_context("ann", "weather", data_sources=["crm"])
    usage = TokenUsage(prompt_tokens=1_000, completion_tokens=200, total_tokens=1_200)
    audited = await client.audit_llm_call(
        checked.context_id, "It rains.", "anthropic", f"bedrock/{MODEL}", usage, 40
    )
    (entry,) = (await found(client, decision_id=audited.audit_id)).entries
    assert (entry.provider, entry.tokens_used) == ("bedrock", 1_200)
    assert entry.policy_details["cost_usd"] == pytest.approx(1_000 * 3e-6 + 200 * 15e-6)
    with pytest.raises(AxonFlowError, match="Invalid or expired context"):
        await client.audit_llm_call(checked.context_id, "again", "bedrock", MODEL, usage, 41)


async def test_a_denied_check_is_an_answer(client: Any) -> None:
    checked = await client.pre_check("ann", SSN)
    assert not checked.approved and checked.block_reason and checked.policies == ["us_ssn"]
    redacted = await client.pre_check("ann", "badge-5")
    assert redacted.approved and redacted.requires_redaction
    assert redacted.approved_data == {"redacted_query": "[REDACTED:badge]"}


async def test_a_call_of_a_tool_is_on_record(client: Any) -> None:
    audited = await client.audit_tool_call(
        AuditToolCallRequest(tool_name="lookup", caller_name="codex", input={"a": 1}, success=True)
    )
    (entry,) = (await found(client, decision_id=audited.audit_id)).entries
    assert (audited.status, entry.request_type) == ("recorded", "tool_call")


# ── decisions ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "verdict", "content"),
    [
        ("weather", "allow", "weather"),
        ("see badge-5", "allow", "see [REDACTED:badge]"),
        ("a wire transfer", "needs_approval", "a wire transfer"),
        (SSN, "deny", SSN),
    ],
)
async def test_an_enforcement_point_decides_and_fulfils(
    client: Any, query: str, verdict: str, content: str
) -> None:
    request = DecideRequest(stage="llm", query=query)
    decided = await client.decide_and_fulfill(request)
    assert decided[:2] == (verdict, content)
    (summary, *_) = await client.list_decisions(ListDecisionsOptions(limit=5))
    assert summary.decision_id


async def test_an_enforcement_point_that_redacts_nothing_is_denied(client: Any) -> None:
    able = PEPHandshake("edge", "acme", [PEPCapability("field_redact", 1)])
    unable = PEPHandshake("edge", "acme", [])
    request = DecideRequest(stage="llm", query="see badge-5")
    verdict, content, _ = await client.decide_and_fulfill(request, pep_handshake=able)
    assert (verdict, content) == ("allow", "see [REDACTED:badge]")
    assert (await client.decide_and_fulfill(request, pep_handshake=unable))[0] == "deny"


async def test_tools_are_checked_before_and_after(client: Any) -> None:
    before = await client.mcp_check_input("sql", "select name from staff where badge = 'badge-5'")
    assert before.allowed and "[REDACTED:badge]" in before.redacted_statement
    assert not (await client.check_tool_input("sql", "drop table users; --")).allowed
    after = await client.mcp_check_output("sql", response_data=[{"badge": "badge-5"}])
    assert after.allowed and after.redacted_data == [{"badge": "[REDACTED:badge]"}]


def question(query: str, **subject: str) -> Any:
    return AuthZENRequest(
        subject=AuthZENSubject(**{"type": "gateway", "id": "edge-1", **subject}),
        action=AuthZENAction(name="llm.completion"),
        resource=AuthZENResource(type="llm", id="llm"),
        context={"args": {"query": query}},
    )


@pytest.mark.parametrize(
    ("query", "state"),
    [
        ("weather", "ALLOW"),
        ("badge-5", "ALLOW"),
        ("a wire transfer", "CHALLENGE"),
        (SSN, "DENY"),
    ],
)
async def test_authzen_has_its_decision(client: Any, query: str, state: str) -> None:
    decision = await client.evaluate(question(query))
    assert (decision.state, decision.allowed) == (state, state == "ALLOW")
    assert bool(decision.mandatory_obligations) is (query == "badge-5")
    assert (await client.explain_decision(decision.decision_id)).decision_id == decision.decision_id


async def test_authzen_refuses_what_it_cannot_weigh(client: Any) -> None:
    with pytest.raises(AuthZENRefusal) as raised:
        await client.evaluate(question("weather", type="spaceship"))
    assert (raised.value.code, raised.value.retryable) == ("unsupported_subject", False)
    assert raised.value.pointer == "/evaluation/subject/type"


# ── what is read ──────────────────────────────────────────────────────────────────────────────────


async def found(client: Any, **filters: Any) -> Any:
    return await client.search_audit_logs(AuditSearchRequest(**filters))


async def test_the_audit_is_searched_by_user_verdict_and_rule(client: Any) -> None:
    with pytest.raises(PolicyViolationError):
        await client.proxy_llm_call("dora@acme.example", SSN, "chat")
    page = await found(client, user_email="dora@acme.example", action="blocked", limit=5)
    assert [entry.policy_violations for entry in page.entries] == [["us_ssn"]]
    assert page.entries[0].policy_decision == "blocked" and page.total == 1
    assert (await found(client, user_email="nobody@acme.example")).entries == []
    assert {
        entry.policy_violations[0] for entry in (await found(client, policy_name="badge")).entries
    } <= {"badge"}


async def test_who_is_spoken_for_is_on_record(client: Any) -> None:
    await client.as_user("eve@acme.example").decide(DecideRequest(stage="llm", query="weather"))
    (entry,) = (await found(client, user_email="eve@acme.example")).entries
    assert (entry.request_type, entry.user_email[:2]) == ("decide", "u_")


async def test_a_tenant_reads_its_own_records_alone(server: Governed) -> None:
    async with AxonFlow(**server.options("other")) as client:
        answer = await asked(client, "weather")
        mine = await client.get_audit_logs_by_tenant("other")
        with pytest.raises(AxonFlowError, match="403"):
            await client.get_audit_logs_by_tenant("acme")
        assert {entry.client_id for entry in (await found(client)).entries} == {"other"}
    assert answer.metadata["audit_id"] in {entry.id for entry in mine.entries}
    async with AxonFlow(**server.options("reader")) as reader:
        assert (await found(reader, decision_id=answer.metadata["audit_id"])).entries == []
        with pytest.raises(PolicyViolationError, match="has not the role call"):
            await asked(reader, "weather")


async def test_providers_are_listed(client: Any) -> None:
    (provider,) = await client.list_all_providers()
    assert (provider.name, provider.weight, provider.health.status) == ("bedrock", 100, "healthy")
    assert await client.list_providers(provider_type="openai") == []


async def test_policies_are_read_and_never_written(client: Any) -> None:
    policies = {policy.name: policy for policy in await client.list_static_policies()}
    assert policies.keys() >= {"no-aurora", "badge", "us_ssn", "sql_injection"}
    assert await client.get_static_policy("rule:badge") == policies["badge"]
    assert len(await client.get_effective_static_policies()) == len(policies)
    assert (await client.get_static_policy_versions("badge"))[0].version == 1
    assert await client.list_policy_overrides() == await client.list_dynamic_policies() == []
    tested = await client.test_pattern(r"\d+", ["a1", "b"])
    assert [match.matched for match in tested.matches] == [True, False]
    assert not (await client.test_pattern("(", ["x"])).valid
    with pytest.raises(LegacyPolicyWriteFrozenError, match="configuration file"):
        await client.toggle_static_policy("rule:badge", False)


async def test_health_is_told_in_the_sdks_form(client: Any) -> None:
    assert await client.health_check()
    detailed = await client.health_check_detailed()
    assert detailed.status == "healthy" and detailed.capabilities


def test_the_environment_is_the_tests_own() -> None:
    """The control of the fixture: what would change the SDK's ways is not set."""
    assert os.environ["AXONFLOW_TELEMETRY"] == "off" and "AXONFLOW_TRY" not in os.environ
