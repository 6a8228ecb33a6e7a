"""`decide`, AuthZEN, and the checks of what goes into a tool and comes out of it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from axonflow_core.policy.engine import Policy
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.rules import Decision, Phase, Verdict
from axonflow_core.server.service import Service
from axonflow_core.server.wire.authzen import PROFILE, PROFILE_HEADER
from axonflow_core.server.wire.handshake import HEADER as HANDSHAKE

from .in_process import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

DECIDE = "/api/v1/decide"
EVALUATION = "/api/v1/access/evaluation"
INPUT = "/api/v1/mcp/check-input"
OUTPUT = "/api/v1/mcp/check-output"
NEGOTIATED = {PROFILE_HEADER: PROFILE}


def evaluation(query: str | None = "hello", **changes: Any) -> dict[str, Any]:
    """One evaluation about `query`, with some members changed; None leaves one out."""
    members = {
        "subject": {"type": "gateway", "id": "edge-1"},
        "action": {"name": "llm.completion"},
        "resource": {"type": "llm", "id": "llm"},
        "context": {"args": {"query": query}} if query is not None else {},
        **changes,
    }
    return {name: value for name, value in members.items() if value is not None}


@pytest.mark.parametrize(
    ("query", "verdict", "recorded"),
    [
        ("hello", "allow", Verdict.ALLOWED),
        ("badge-17", "allow", Verdict.REDACTED),
        ("a wire transfer", "needs_approval", Verdict.NEEDS_APPROVAL),
        ("Project Aurora", "deny", Verdict.BLOCKED),
    ],
)
async def test_a_verdict_is_on_record_before_it_is_answered(
    served: Served, query: str, verdict: str, recorded: Verdict
) -> None:
    reply = await served.post(DECIDE, {"stage": "llm", "query": query})
    assert (reply.status, reply.json["verdict"]) == (200, verdict)
    (entry,) = await served.records()
    assert (entry.id, entry.verdict) == (reply.json["decision_id"], recorded)


async def test_a_redaction_is_an_obligation_that_names_where_it_is_fulfilled(
    served: Served,
) -> None:
    decided = await served.post(DECIDE, {"stage": "llm", "query": "see badge-17"})
    (obligation,) = decided.json["obligations"]
    where = obligation["fulfillment"]
    checked = await served.ask(
        where["method"], where["endpoint"], {"connector_type": "g", "statement": "see badge-17"}
    )
    assert checked.json["redaction_evaluated"]
    assert checked.json["redacted_statement"] == "see [REDACTED:badge]"


async def test_only_a_redaction_has_an_obligation(served: Served) -> None:
    for query in ("hello", "a wire transfer", "Project Aurora", "budget"):
        reply = await served.post(DECIDE, {"stage": "tool", "query": query})
        assert reply.json["obligations"] == []


async def test_a_model_beyond_the_client_is_denied(served: Served) -> None:
    async def verdict(**target: str) -> str:
        body = {"stage": "llm", "query": "hello", "target": target}
        return str((await served.post(DECIDE, body, client="narrow")).json["verdict"])

    assert await verdict(model="e-1", provider="echo") == "allow"
    assert await verdict(model="other") == "deny"
    assert await verdict(provider="bedrock") == "deny"


@pytest.mark.parametrize("name", ["tenant_id", "org_id"])
async def test_a_body_of_another_tenant_is_refused(served: Served, name: str) -> None:
    body = {"stage": "llm", "query": "hello", "caller_identity": {name: "other"}}
    assert (await served.post(DECIDE, body)).status == 403
    assert (await served.post(DECIDE, body, client="other")).status == 200


async def test_the_user_of_a_header_is_the_users_where_a_body_names_none(served: Served) -> None:
    """The SDK's `as_user` reaches every method by this header."""
    bodies = {
        DECIDE: {"stage": "llm", "query": "hello"},
        INPUT: {"connector_type": "g", "statement": "hello"},
        OUTPUT: {"connector_type": "g", "message": "hello"},
        "/api/request": {"query": "hello"},
        "/api/policy/pre-check": {"query": "hello"},
        "/api/v1/audit/tool-call": {"tool_name": "t"},
    }
    for path, body in bodies.items():
        await served.post(path, body, headers={"x-user-token": "ann"})
        await served.post(path, {**body, "user_token": "ann", "user_id": "ann"})
    users = {entry.user for entry in await served.records()}
    assert len(await served.records()) == 2 * len(bodies) and len(users) == 1 and None not in users


# ── tools ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_blocked_statement_is_never_said_to_be_redacted(served: Served) -> None:
    """The SDK forwards its own text where `redaction_evaluated` is true and no other is there."""
    for statement in ("Project Aurora", "a wire transfer", "Project Aurora badge-17"):
        reply = await served.post(INPUT, {"connector_type": "sql", "statement": statement})
        body = reply.json
        assert (reply.status, body["allowed"]) == (403, False)
        assert not body["redaction_evaluated"] and not body["redacted"]
        assert "redacted_statement" not in body and body["block_reason"]


async def test_a_parameter_that_would_be_redacted_is_a_block(served: Served) -> None:
    body = {"connector_type": "sql", "statement": "select 1", "parameters": {"a": ["badge-17"]}}
    reply = await served.post(INPUT, body)
    assert (reply.status, reply.json["redaction_evaluated"]) == (403, False)
    (entry,) = await served.records()
    assert entry.verdict is Verdict.BLOCKED


@pytest.mark.parametrize(
    ("connector", "statement", "status"),
    [
        ("postgres", "SELECT version()", 200),
        ("postgres", "SELECT name FROM t WHERE a = 2 OR TRUE", 403),
        ("MySQL", "DELETE FROM t", 403),
        ("slack", "SELECT version()", 403),
        ("slack", "SELECT name FROM t WHERE a = 2 OR TRUE", 200),
        ("slack", "hello", 200),
    ],
)
async def test_the_statement_for_a_database_is_read_as_sql(
    served: Served, connector: str, statement: str, status: int
) -> None:
    reply = await served.post(INPUT, {"connector_type": connector, "statement": statement})
    assert reply.status == status


async def test_keys_of_parameters_are_screened_too(served: Served) -> None:
    body = {"connector_type": "sql", "statement": "x", "parameters": {"project aurora": 1}}
    assert (await served.post(INPUT, body)).status == 403


async def test_content_that_is_no_text_is_refused(served: Served) -> None:
    body = {"connector_type": "g", "statement": "x", "content_type": "image/png"}
    assert (await served.post(INPUT, body)).status == 415
    assert await served.records() == []


async def test_rows_and_message_come_back_redacted(served: Served) -> None:
    rows = [{"name": "Ann", "badge": "badge-1"}, {"name": "Bob", "nested": {"list": ["badge-2"]}}]
    reply = await served.post(
        OUTPUT, {"connector_type": "sql", "response_data": rows, "message": "badge-3 found"}
    )
    assert reply.json["redacted_data"] == [
        {"name": "Ann", "badge": "[REDACTED:badge]"},
        {"name": "Bob", "nested": {"list": ["[REDACTED:badge]"]}},
    ]
    assert reply.json["redacted_message"] == "[REDACTED:badge] found"


async def test_a_record_lists_some_of_many_findings_and_counts_the_others(
    served: Served,
) -> None:
    rows = [["badge-1"] * 1_000]
    reply = await served.post(OUTPUT, {"connector_type": "sql", "response_data": rows})
    assert reply.json["redacted_data"] == [["[REDACTED:badge]"] * 1_000]
    (entry,) = await served.records()
    (decision,) = entry.facts["decisions"]
    assert (len(decision["findings"]), decision["unlisted"]) == (256, 744)


async def test_a_clean_output_has_nothing_redacted(served: Served) -> None:
    reply = await served.post(OUTPUT, {"connector_type": "sql", "message": "fine"})
    assert reply.json["allowed"] and reply.json["redaction_evaluated"]
    assert "redacted_data" not in reply.json and "redacted_message" not in reply.json


# ── AuthZEN ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("query", "decision", "state"),
    [
        ("hello", True, "ALLOW"),
        ("badge-17", True, "ALLOW"),
        ("a wire transfer", False, "CHALLENGE"),
        ("Project Aurora", False, "DENY"),
    ],
)
async def test_an_evaluation_has_the_state_of_its_verdict(
    served: Served, query: str, decision: bool, state: str
) -> None:
    reply = await served.post(EVALUATION, {"evaluation": evaluation(query)}, headers=NEGOTIATED)
    context = reply.json["context"]
    assert (reply.json["decision"], context["state"]) == (decision, state)
    assert context["decision_id"] == (await served.records())[0].id
    assert ("obligations" in context) is (query == "badge-17")


async def test_without_the_profile_nothing_is_allowed_that_has_an_obligation(
    served: Served,
) -> None:
    for query, decision in (("hello", True), ("badge-17", False), ("Project Aurora", False)):
        reply = await served.post(EVALUATION, {"evaluation": evaluation(query)})
        assert reply.json == {"decision": decision}


async def test_several_evaluations_have_the_answer_of_the_least_permissive(
    served: Served,
) -> None:
    shared = evaluation("hello", resource=None)
    entries = [
        {"resource": {"type": "llm", "id": "a"}},
        evaluation("Project Aurora", subject=None, action=None),
        {"resource": {"type": "llm", "id": "b"}, "context": {"args": {"query": "badge-17"}}},
    ]
    body = {"evaluations": {**shared, "evaluations": entries}}
    reply = await served.post(EVALUATION, body, headers=NEGOTIATED)
    recorded = await served.records()
    assert len(recorded) == 3
    assert reply.json["context"]["state"] == "DENY"
    assert reply.json["context"]["decision_id"] == recorded[1].id
    assert "obligations" not in reply.json["context"]


class Counting(Policy):
    """A policy that counts how often it is asked."""

    asked = 0

    def evaluate(self, phase: Phase, parts: Mapping[str, str], *more: Any) -> Decision:
        Counting.asked += 1
        return super().evaluate(phase, parts, *more)


def with_a_count(service: Service) -> None:
    service.generation.governance.policies = Policies(
        Counting.build(service.generation.config.policies)
    )


async def test_a_text_that_evaluations_share_is_searched_once(tmp_path: Path) -> None:
    entries: list[dict[str, Any]] = [{}] * 99
    shared = {**evaluation("hello"), "evaluations": [*entries, evaluation("other")]}
    async with serving(tmp_path, change=with_a_count) as served:
        reply = await served.post(EVALUATION, {"evaluations": shared}, headers=NEGOTIATED)
        assert len(await served.records()) == 100
    assert (reply.json["decision"], Counting.asked) == (True, 2)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        (b"{", "malformed_envelope", ""),
        ({}, "malformed_envelope", ""),
        ({"evaluation": evaluation(), "evaluations": None}, "malformed_envelope", ""),
        ({"evaluations": {"evaluations": []}}, "malformed_envelope", "/evaluations/evaluations"),
        ({"evaluation": evaluation(subject=None)}, "incomplete_evaluation", "/evaluation"),
        (
            {"evaluation": evaluation(subject={"type": "gateway", "id": " "})},
            *("incomplete_evaluation", "/evaluation/subject/id"),
        ),
        (
            {"evaluation": evaluation(subject={"type": "client", "id": "other"})},
            *("unsupported_subject", "/evaluation/subject/id"),
        ),
        (
            {"evaluation": evaluation(action={"name": "fly"})},
            *("unsupported_action", "/evaluation/action/name"),
        ),
        (
            {"evaluation": evaluation(resource={"type": "tool", "id": "t"})},
            *("unsupported_resource", "/evaluation/resource/type"),
        ),
        (
            {"evaluation": evaluation(context={"args": {"query": "q"}, "ip": "1"})},
            *("unevaluable_attribute", "/evaluation/context/ip"),
        ),
        (
            {"evaluation": evaluation(context={"args": {"query": "q", "a/b~": "1"}})},
            *("unevaluable_attribute", "/evaluation/context/args/a~1b~0"),
        ),
        (
            {"evaluation": evaluation(None)},
            *("missing_evaluable_content", "/evaluation/context/args/query"),
        ),
    ],
)
async def test_what_cannot_be_weighed_is_refused_by_its_pointer(
    served: Served, body: object, code: str, pointer: str
) -> None:
    reply = await served.post(EVALUATION, body, headers=NEGOTIATED)
    assert reply.status in (400, 422)
    assert (reply.json["code"], reply.json["pointer"]) == (code, pointer)
    assert await served.records() == []


# ── what an enforcement point declares ────────────────────────────────────────────────────────────


def declared(*capabilities: tuple[str, int], **changes: Any) -> dict[str, str]:
    """The header of an enforcement point that can carry these out."""
    document = {
        "profile_version": 1,
        "pep_id": "edge",
        "audience": "acme",
        "capabilities": [{"type": type, "version": number} for type, number in capabilities],
        **changes,
    }
    return {HANDSHAKE: urlsafe_b64encode(orjson.dumps(document)).rstrip(b"=").decode()}


@pytest.mark.parametrize(
    ("headers", "is_allowed"),
    [
        ({}, True),
        (declared(("field_redact", 1), ("notification", 1)), True),
        (declared(("field_redact", 2)), False),
        (declared(), False),
    ],
)
async def test_who_says_that_it_cannot_redact_is_denied_what_has_to_be(
    served: Served, headers: dict[str, str], is_allowed: bool
) -> None:
    bodies = {
        DECIDE: {"stage": "llm", "query": "badge-17"},
        EVALUATION: {"evaluation": evaluation("badge-17")},
        INPUT: {"connector_type": "g", "statement": "badge-17"},
        "/api/policy/pre-check": {"query": "badge-17"},
    }
    for path, body in bodies.items():
        reply = await served.post(path, body, headers={**NEGOTIATED, **headers})
        told = [reply.json.get(name) for name in ("verdict", "decision", "allowed", "approved")]
        assert ("allow" in told or True in told) is is_allowed, path
    assert {entry.verdict for entry in await served.records()} == {
        Verdict.REDACTED if is_allowed else Verdict.BLOCKED
    }


@pytest.mark.parametrize(
    "header",
    [
        *("", "!", "é", "A" * 5_000, urlsafe_b64encode(b"[]").decode()),
        declared(profile_version=2)[HANDSHAKE],
        declared(capabilities=None)[HANDSHAKE],
        declared(*[("field_redact", 1)] * 65)[HANDSHAKE],
        declared(("field_redact", 0))[HANDSHAKE],
    ],
)
async def test_a_declaration_that_cannot_be_read_is_refused(served: Served, header: str) -> None:
    body = {"stage": "llm", "query": "hello"}
    assert (await served.post(DECIDE, body, headers={HANDSHAKE: header})).status == 400


# ── without an engine ─────────────────────────────────────────────────────────────────────────────


class Faulty(Policy):
    """A policy that cannot be evaluated."""

    def evaluate(self, phase: Phase, parts: Mapping[str, str], *more: Any) -> Decision:
        return Decision(verdict=Verdict.ERROR, phase=phase, reason="it could not be evaluated")


def without_engine(service: Service) -> None:
    service.generation.governance.policies = Policies(
        Faulty.build(service.generation.config.policies)
    )


async def test_without_an_engine_nothing_is_allowed(tmp_path: Path) -> None:
    async with serving(tmp_path, change=without_engine) as served:
        decided = await served.post(DECIDE, {"stage": "llm", "query": "hello"})
        checked = await served.post(INPUT, {"connector_type": "g", "statement": "hello"})
        asked = await served.post("/api/request", {"query": "hello"})
        evaluated = await served.post(EVALUATION, {"evaluation": evaluation()}, headers=NEGOTIATED)
        checked_before = await served.post("/api/policy/pre-check", {"query": "hello"})
    assert (decided.json["verdict"], checked.status, asked.status) == ("deny", 403, 403)
    assert evaluated.json["context"]["state"] == "ERROR"
    assert not checked_before.json["approved"]


async def test_an_output_under_another_name_is_not_allowed_unread(served: Served) -> None:
    body = {"connector_type": "postgres", "output": "123-45-6789"}
    unread = await served.post(OUTPUT, body)
    assert (unread.status, unread.json["code"]) == (400, "malformed_request")
