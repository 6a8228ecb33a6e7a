"""Gateway Mode: a check, a report under its context, and what a context is not good for."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.messages import Receipt, Usage
from axonflow_core.modes import gateway
from axonflow_core.modes.contexts import CONTEXTS
from axonflow_core.modes.gateway import Check, Checked, Report
from axonflow_core.modes.pricing import Priced, priced
from axonflow_core.policy.rules import Verdict
from axonflow_core.provider import Price, Provider
from axonflow_core.routing.router import Router
from axonflow_core.server.service import Service

from .in_process import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHECK = "/api/policy/pre-check"
REPORT = "/api/audit/llm-call"
REFUSED = "Invalid or expired context"
MINUTE_US = 60_000_000


def report(context_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "context_id": context_id,
        "client_id": "acme",
        "response_summary": "fine",
        "provider": "bedrock",
        "model": "priced-1",
        "token_usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100},
        "latency_ms": 40,
        "metadata": {},
        **changes,
    }


async def context_of(served: Served, **more: Any) -> str:
    """A fresh context of a client."""
    reply = await served.post(CHECK, {"query": "hello", "user_token": "ann"}, **more)
    assert reply.json["approved"]
    return str(reply.json["context_id"])


async def calls(served: Served) -> list[Entry]:
    """The calls that were reported."""
    return [entry for entry in await served.records() if entry.kind is Kind.GATEWAY_CALL]


@pytest.mark.parametrize("place", ["member", "context"])
async def test_a_check_says_that_its_query_is_of_statements(served: Served, place: str) -> None:
    query, type = "SELECT name FROM t WHERE a = 2 OR TRUE", {"request_type": "sql"}
    body = {"query": query, "user_token": "ann"}
    reply = await served.post(CHECK, body)
    assert reply.json["approved"]
    reply = await served.post(CHECK, body | (type if place == "member" else {"context": type}))
    assert not reply.json["approved"]
    assert reply.json["policies"] == ["sql_injection"]


async def test_a_report_follows_its_check_on_record(served: Served) -> None:
    reply = await served.post(REPORT, report(await context_of(served)))
    check, call = await served.records()
    assert reply.json == {"success": True, "audit_id": call.id}
    assert call.facts["check_id"] == check.id
    assert call.user == check.user is not None
    assert call.facts["tokens"] == {"input": 1_000, "output": 100}


@pytest.mark.parametrize(
    ("query", "approved", "reason"),
    [
        ("hello", True, None),
        ("see badge-17", True, None),
        ("a wire transfer", False, "require_approval"),
        ("Project Aurora", False, "The rule no-aurora does not allow the text."),
    ],
)
async def test_a_check_has_its_answer_in_the_products_form(
    served: Served, query: str, approved: bool, reason: str | None
) -> None:
    reply = await served.post(CHECK, {"query": query})
    body = reply.json
    assert (reply.status, body["approved"], body.get("block_reason")) == (200, approved, reason)
    assert body["requires_redaction"] is (query == "see badge-17")
    assert isinstance(body["approved_data"], dict) and isinstance(body["policies"], list)


async def test_the_system_prompt_of_a_check_is_looked_at_too(served: Served) -> None:
    context = {"system_prompt": "You work for Project Aurora."}
    reply = await served.post(CHECK, {"query": "hello", "context": context})
    assert (reply.json["approved"], reply.json["policies"]) == (False, ["no-aurora"])

    context = {"system_prompt": "You are badge-17."}
    reply = await served.post(CHECK, {"query": "hello", "context": context})
    assert reply.json["approved_data"] == {"redacted_system_prompt": "You are [REDACTED:badge]."}


async def test_a_check_that_redacts_hands_out_the_redacted_query(served: Served) -> None:
    reply = await served.post(CHECK, {"query": "see badge-17"})
    assert reply.json["approved_data"] == {"redacted_query": "see [REDACTED:badge]"}


async def test_the_same_bytes_again_have_the_first_answer_and_no_record(served: Served) -> None:
    body = report(await context_of(served))
    first, again = await served.post(REPORT, body), await served.post(REPORT, body)
    assert (again.status, again.json) == (200, first.json)
    assert len(await calls(served)) == 1


async def test_another_report_under_a_used_context_is_refused(served: Served) -> None:
    body = report(await context_of(served))
    await served.post(REPORT, body)
    reply = await served.post(REPORT, {**body, "latency_ms": 41})
    assert (reply.status, reply.json["error"]) == (400, REFUSED)
    assert len(await calls(served)) == 1


@pytest.mark.parametrize("client", ["acme-too", "other"])
async def test_the_context_of_another_client_is_as_unknown_as_one_that_never_was(
    served: Served, client: str
) -> None:
    foreign = await served.post(REPORT, report(await context_of(served)), client=client)
    unknown = await served.post(REPORT, report("00000000-0000-4000-8000-000000000000"))
    assert (foreign.status, foreign.body) == (unknown.status, unknown.body) == (400, foreign.body)
    assert foreign.json["error"] == REFUSED


async def test_the_context_of_a_denial_cannot_be_used(served: Served) -> None:
    denied = await served.post(CHECK, {"query": "Project Aurora"})
    assert (await served.post(REPORT, report(denied.json["context_id"]))).status == 400


async def test_fifty_reports_at_once_are_one_record(served: Served) -> None:
    body = report(await context_of(served))
    replies = await asyncio.gather(*(served.post(REPORT, body) for _ in range(50)))
    assert {reply.body for reply in replies} == {replies[0].body}
    assert len(await calls(served)) == 1


async def test_of_fifty_different_reports_at_once_one_is_taken(served: Served) -> None:
    context = await context_of(served)
    bodies = [report(context, latency_ms=number) for number in range(50)]
    replies = await asyncio.gather(*(served.post(REPORT, body) for body in bodies))
    assert sorted(reply.status for reply in replies) == [200, *[400] * 49]
    assert len(await calls(served)) == 1


# ── time ──────────────────────────────────────────────────────────────────────────────────────────


async def checked_at(served: Served, at_us: int) -> Checked:
    service = served.service
    governance, caller = service.generation.governance, served.caller("acme")
    check = Check(query="hello")
    return await gateway.checked(
        governance, service.audit, caller, check, ttl_s=300, now_us=lambda: at_us
    )


async def reported_at(served: Served, context_id: str, at_us: int) -> str | None:
    service = served.service
    report = Report(context_id=context_id, provider="p", model="m", body=b"{}")
    governance, caller = service.generation.governance, served.caller("acme")
    return await gateway.reported(governance, service.audit, caller, report, now_us=lambda: at_us)


async def test_a_context_is_good_for_five_minutes(served: Served) -> None:
    checked = await checked_at(served, 10 * MINUTE_US)
    assert checked.expires_us == 15 * MINUTE_US
    assert await reported_at(served, checked.context_id, 15 * MINUTE_US) is None
    assert await reported_at(served, checked.context_id, 15 * MINUTE_US - 1) is not None


async def test_how_long_a_context_is_good_is_configured(tmp_path: Path) -> None:
    async with serving(tmp_path, context_ttl_s=0.001) as served:
        context = await context_of(served)
        await asyncio.sleep(0.01)
        assert (await served.post(REPORT, report(context))).status == 400


async def test_contexts_that_are_over_are_removed_now_and_then(served: Served) -> None:
    counted = select(func.count()).where(CONTEXTS.c.expires_us <= 60 * MINUTE_US)
    count = partial(served.service.audit.read, lambda connection: connection.scalar(counted))
    await asyncio.gather(*(checked_at(served, MINUTE_US) for _ in range(100)))
    assert await count() > 0
    await asyncio.gather(*(checked_at(served, 60 * MINUTE_US) for _ in range(400)))
    assert await count() == 0


# ── what it cost ──────────────────────────────────────────────────────────────────────────────────


class Pricing:
    """What a provider says of prices; it knows one model."""

    def __init__(self, known: str) -> None:
        self._known = known

    def price(self, receipt: Receipt) -> Price | None:
        return Price(input=3.0, output=15.0) if receipt.called == self._known else None


def with_price(service: Service) -> None:
    governance = service.generation.governance
    priced: Any = Pricing("priced-1")
    governance.router = Router({**governance.providers, "bedrock": priced})


@pytest.mark.parametrize(
    ("provider", "model", "recorded", "cost"),
    [
        ("bedrock", "priced-1", "bedrock", 0.0045),
        ("anthropic", "bedrock/priced-1", "bedrock", 0.0045),
        ("anthropic", "bedrock/converse/priced-1", "bedrock", 0.0045),
        ("unknown", "priced-1", "bedrock", 0.0045),
        ("openai", "gpt-4o", "openai", None),
        ("echo", "openai/priced-1", "echo", None),
    ],
)
async def test_a_call_costs_what_the_provider_says_that_knows_its_model(
    tmp_path: Path, provider: str, model: str, recorded: str, cost: float | None
) -> None:
    async with serving(tmp_path, change=with_price) as served:
        body = report(await context_of(served), provider=provider, model=model)
        await served.post(REPORT, body)
        (call,) = await calls(served)
    assert (call.provider, call.facts["cost_usd"]) == (recorded, cost)
    assert (call.model, call.facts["reported_provider"]) == (model, provider)


async def test_a_cost_without_its_counts_is_not_known() -> None:
    providers: dict[str, Provider] = {"bedrock": Pricing("m")}  # type: ignore[dict-item]
    usage = Usage(input_tokens=5)
    assert priced(providers, "bedrock", "m", usage) == Priced(provider="bedrock")


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_call_of_a_tool_is_on_record_without_what_was_said(served: Served) -> None:
    body = {
        "tool_name": "lookup",
        "caller_name": "codex",
        "input": {"of": "Ann"},
        "output": {"salary": 7},
        "duration_ms": 45,
        "success": False,
        "error_message": "no such row",
        "user_id": "bob",
    }
    reply = await served.post("/api/v1/audit/tool-call", body)
    (entry,) = await served.records()
    assert set(reply.json) == {"audit_id", "status", "timestamp"}
    assert (entry.id, entry.verdict) == (reply.json["audit_id"], Verdict.ALLOWED)
    assert entry.facts["tool"] == "lookup" and entry.facts["duration_ms"] == 45
    assert not any(word in str(entry.facts) for word in ("Ann", "salary", "no such row", "bob"))


async def test_what_a_tool_was_told_and_said_is_looked_at(served: Served) -> None:
    body = {"tool_name": "lookup", "input": {"of": "badge-1"}, "output": {"a": "Project Aurora"}}
    assert (await served.post("/api/v1/audit/tool-call", body)).status == 200
    (entry,) = await served.records()
    assert (entry.verdict, entry.rules) == (Verdict.BLOCKED, ("badge", "no-aurora"))


async def test_a_name_that_is_a_sentence_is_not_on_record(served: Served) -> None:
    said = "Ann Smith, 123-45-6789"
    sources = {"query": "hello", "data_sources": [said, "crm"]}
    context = (await served.post(CHECK, sources)).json["context_id"]
    await served.post(REPORT, report(context, provider=said, model=said))

    check, call = (await served.records())[-2:]

    assert check.facts["data_sources"] == ["other", "crm"]
    assert (call.provider, call.model, call.facts["reported_provider"]) == ("other",) * 3
