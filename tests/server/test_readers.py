"""What is read: records, decisions, policies, providers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from axonflow_core.policy.rules import Verdict

from .in_process import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEARCH = "/api/v1/audit/search"
STRINGS = (
    *("id", "request_id", "timestamp", "user_email", "client_id", "tenant_id"),
    *("request_type", "policy_decision", "provider", "model"),
)
"""What the SDK takes as a string and never as null."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def recorded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """An application with some records of two tenants; tests that use it add none."""
    async with serving(tmp_path_factory.mktemp("recorded")) as served:
        for query in ("hello", "badge-1", "Project Aurora", "a wire transfer"):
            await served.post("/api/request", {"query": query, "user_token": "ann@acme.example"})
        question = {"stage": "llm", "query": "hello"}
        await served.post("/api/v1/decide", question, client="acme-too")
        await served.post("/api/request", {"query": "hello"}, client="other")
        yield served


async def ids(recorded: Served, **filters: Any) -> list[str]:
    return [entry["id"] for entry in (await recorded.post(SEARCH, filters)).json["entries"]]


async def test_every_entry_is_one_that_the_sdk_reads(recorded: Served) -> None:
    page = (await recorded.post(SEARCH, {})).json
    assert (page["total"], page["limit"], page["offset"], len(page["entries"])) == (5, 100, 0, 5)
    for entry in page["entries"]:
        assert all(isinstance(entry[name], str) for name in STRINGS)
        assert all(type(entry[name]) is int for name in ("response_time_ms", "tokens_used"))
        assert isinstance(entry["policy_details"], dict)


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"action": "blocked"}, 1),
        ({"action": "deny"}, 1),
        ({"action": "require_approval"}, 1),
        ({"action": "decide"}, 1),
        ({"request_type": "chat"}, 4),
        ({"client_id": "acme-too"}, 1),
        ({"client_id": "other"}, 0),
        ({"user_email": "ann@acme.example"}, 4),
        ({"user_email": "bob@acme.example"}, 0),
        ({"policy_name": "badge"}, 1),
        ({"provider": "echo"}, 2),
        ({"provider": "none"}, 0),
        ({"model": "none"}, 0),
        ({"receipt": "none"}, 0),
        ({"min_cost": 1_000}, 0),
        ({"max_cost": 0}, 0),
        ({"override_id": "any"}, 0),
        ({"start_time": "2020-01-01T00:00:00Z"}, 5),
        ({"end_time": "2020-01-01T00:00:00"}, 0),
        ({"tenant_id": "other", "tenant": "other"}, 5),
        ({"limit": 2}, 2),
        ({"limit": 2, "offset": 4}, 1),
    ],
)
async def test_a_search_finds_what_it_names(
    recorded: Served, filters: dict[str, Any], count: int
) -> None:
    assert len(await ids(recorded, **filters)) == count


async def test_pages_follow_each_other_by_cursor(recorded: Served) -> None:
    every, seen, cursor = await ids(recorded), [], None
    for _ in range(3):
        page = (await recorded.post(SEARCH, {"limit": 2, "cursor": cursor})).json
        seen += [entry["id"] for entry in page["entries"]]
        cursor = page["next_cursor"]
    assert (seen, cursor, page["is_total_exact"]) == (every, None, True)


async def test_a_cursor_is_for_the_tenant_that_it_was_given(recorded: Served) -> None:
    given = (await recorded.post(SEARCH, {"limit": 1})).json["next_cursor"]
    same = await recorded.post(SEARCH, {"cursor": given}, client="acme-too")
    assert (same.status, len(same.json["entries"])) == (200, 4)
    for client, cursor in (
        *(("other", given), ("acme", given[:-4] + "AAA="), ("acme", "B" + given[1:])),
        *(("acme", "AAAA"), ("acme", "\u00e9"), ("acme", given[:10])),
    ):
        reply = await recorded.post(SEARCH, {"cursor": cursor}, client=client)
        assert (reply.status, "entries" in reply.json) == (400, False), cursor


async def test_an_offset_that_is_too_far_is_refused(recorded: Served) -> None:
    assert (await recorded.post(SEARCH, {"offset": 10_001})).status == 400
    assert (await recorded.get("/api/v1/audit/tenant/acme?offset=10001")).status == 400
    assert (await recorded.get("/api/v1/audit/tenant/acme?offset=10000")).json["entries"] == []


async def test_a_user_is_found_by_the_pseudonym_that_entries_show(recorded: Served) -> None:
    entry = (await recorded.post(SEARCH, {"action": "blocked"})).json["entries"][0]
    assert entry["user_email"].startswith("u_")
    assert len(await ids(recorded, user_email=entry["user_email"])) == 4


async def test_a_tenant_has_its_own_records_alone(recorded: Served) -> None:
    mine = await recorded.get("/api/v1/audit/tenant/acme?limit=3&offset=1")
    foreign = await recorded.get("/api/v1/audit/tenant/other")
    assert len(mine.json["entries"]) == 3 and mine.json["total"] == 5
    assert (foreign.status, "entries" in foreign.json) == (403, False)


async def test_decisions_are_listed_and_explained(recorded: Served) -> None:
    (blocked,) = (await recorded.get("/api/v1/decisions?decision=blocked")).json["decisions"]
    explained = await recorded.get(f"/api/v1/decisions/{blocked['decision_id']}/explain")
    assert (blocked["decision"], blocked["policy_id"]) == ("blocked", "no-aurora")
    assert explained.json["policy_matches"][0]["policy_id"] == "no-aurora"
    assert explained.json["matched_rules"][0]["matched_on"] == "messages.0"
    assert explained.json["risk_level"] == "high"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        *(("", 5), ("limit=2", 2), ("policy_id=badge", 1), ("tool_signature=x", 0)),
        *(("since=2020-01-01T00:00:00Z", 5), ("since=2999-01-01T00:00:00Z", 0)),
    ],
)
async def test_decisions_are_filtered(recorded: Served, query: str, count: int) -> None:
    reply = await recorded.get(f"/api/v1/decisions?{query}")
    assert len(reply.json["decisions"]) == count


async def test_the_decision_of_another_tenant_is_as_unknown_as_none(recorded: Served) -> None:
    (foreign,) = (await recorded.get("/api/v1/decisions", client="other")).json["decisions"]
    answers = [
        (await recorded.get(f"/api/v1/decisions/{id}/explain")).body
        for id in (foreign["decision_id"], "none")
    ]
    assert answers[0] == answers[1]


async def test_only_verdicts_of_ours_are_asked_for(recorded: Served) -> None:
    reply = await recorded.get("/api/v1/decisions?decision=allow")
    assert reply.status == 400 and ", ".join(Verdict) in reply.json["error"]


# ── proofs ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_record_and_its_chain_are_proved_by_the_key_that_is_told(served: Served) -> None:
    made = (await served.post("/api/policies/test", {"query": "hello"})).json["decision_id"]
    key = (await served.get("/api/v1/audit/signing-key")).json
    proved = (await served.get(f"/api/v1/audit/records/{made}/verify")).json
    assert proved["valid"] and proved["authorship_proven"] and proved["record_id"] == made
    assert (key["key_id"], key["algorithm"]) == (proved["key_id"], "Ed25519")
    assert len(key["public_key"]) == 43 and key["verify_keys"] == []
    chain = (await served.get(f"/api/v1/audit/chains/{proved['chain_id']}/verify")).json
    assert chain["valid"] and chain["last_seq"] >= proved["last_seq"]
    for client, status in (("acme-too", 200), ("other", 404)):
        reply = await served.get(f"/api/v1/audit/records/{made}/verify", client=client)
        assert reply.status == status
    assert (await served.get("/api/v1/audit/chains/none/verify")).status == 404


# ── policies ──────────────────────────────────────────────────────────────────────────────────────

POLICY = ("id", "name", "category", "tier", "pattern", "created_at", "updated_at")


async def test_rules_and_detectors_are_static_policies(served: Served) -> None:
    listed = (await served.get("/api/v1/static-policies")).json["policies"]
    by_name = {policy["name"]: policy for policy in listed}
    assert by_name.keys() >= {"no-aurora", "badge", "us_ssn", "sql_injection"}
    assert all(isinstance(policy[name], str) for policy in listed for name in POLICY)
    assert by_name["us_ssn"]["tier"] == "system" and by_name["us_ssn"]["category"] == "pii-us"
    one = await served.get(f"/api/v1/static-policies/{by_name['badge']['id']}")
    assert one.json == by_name["badge"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("category=security-sqli", {"sql_injection"}),
        ("search=AURORA", {"no-aurora"}),
        ("enabled=false", set()),
        ("tier=organization&limit=1", {"no-aurora"}),
        ("tier=organization&limit=1&offset=1", {"badge"}),
    ],
)
async def test_static_policies_are_filtered(served: Served, query: str, names: set[str]) -> None:
    reply = await served.get(f"/api/v1/static-policies?{query}")
    assert {policy["name"] for policy in reply.json["policies"]} == names


@pytest.mark.parametrize("path", ["/api/v1/static-policies", "/api/v1/dynamic-policies"])
async def test_a_write_is_refused_in_the_form_that_the_sdk_knows(served: Served, path: str) -> None:
    writes = [("POST", path), *((method, f"{path}/x") for method in ("PUT", "PATCH", "DELETE"))]
    for method, target in writes:
        reply = await served.ask(method, target, {"enabled": False})
        assert (reply.status, reply.json["error"]["code"]) == (409, "LEGACY_POLICY_WRITE_FROZEN")


async def test_what_is_not_there_is_a_404_in_json(served: Served) -> None:
    for path in (
        *("static-policies/none", "static-policies/none/versions", "dynamic-policies/none"),
        *("llm-providers/none", "llm-providers/none/health", "budgets/x", "workflows/x", ""),
    ):
        reply = await served.get(f"/api/v1/{path}")
        assert (reply.status, reply.json["code"]) == (404, "not_found")


async def test_a_method_that_a_path_lacks_is_named_with_those_it_has(served: Served) -> None:
    reply = await served.get("/api/request")
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


async def test_patterns_are_tried_without_a_trace(served: Served) -> None:
    body = {"pattern": r"\d{3}", "inputs": ["a 123", "b"]}
    tried = await served.post("/api/v1/static-policies/test", body)
    assert [match["matched"] for match in tried.json["matches"]] == [True, False]
    faulty = await served.post("/api/v1/static-policies/test", {"pattern": "(", "inputs": ["x"]})
    assert not faulty.json["valid"] and faulty.json["error"]
    assert await served.records() == []


async def test_whoever_tries_the_policies_is_on_record(served: Served) -> None:
    reply = await served.post("/api/policies/test", {"query": "Project Aurora"})
    (entry,) = await served.records()
    assert reply.json["blocked"] and reply.json["triggered_policies"] == ["no-aurora"]
    assert (entry.request_type, entry.verdict) == ("policy_test", Verdict.BLOCKED)


async def test_a_simulation_tells_what_would_follow_and_is_on_record(served: Served) -> None:
    body = {"query": "Project Aurora, 123-45-6789", "user": {"role": "admin"}, "client": {"id": 1}}
    reply = (await served.post("/api/v1/policies/simulate", body)).json
    assert not reply["allowed"] and reply["dry_run"]
    assert set(reply["applied_policies"]) == {"no-aurora", "us_ssn"}
    assert (reply["required_actions"], reply["risk_score"]) == (["block"], 1.0)
    (entry,) = await served.records()
    assert (entry.request_type, entry.id) == ("policy_test", reply["decision_id"])
    clean = (await served.post("/api/v1/policies/simulate", {"query": "Good morning"})).json
    assert clean["allowed"] and clean["risk_score"] == 0 and clean["applied_policies"] == []


async def test_the_impact_of_one_policy_is_told_for_each_query(served: Served) -> None:
    inputs = [{"query": "ssn 123-45-6789"}, {"query": "Project Aurora"}, {"query": "Hello"}]
    body = {"policy_id": "us_ssn", "inputs": inputs}
    report = (await served.post("/api/v1/policies/impact-report", body)).json
    assert [each["matched"] for each in report["results"]] == [True, False, False]
    assert (report["total_inputs"], report["matched"], report["blocked"]) == (3, 1, 1)
    assert len(await served.records()) == 3
    unknown = await served.post("/api/v1/policies/impact-report", {**body, "policy_id": "none"})
    assert (unknown.status, unknown.json["code"]) == (404, "not_found")


# ── providers ─────────────────────────────────────────────────────────────────────────────────────


async def test_providers_are_listed_with_whole_weights(served: Served) -> None:
    page = (await served.get("/api/v1/llm-providers")).json
    echo, spare = page["providers"]
    assert (echo["name"], echo["weight"], echo["health"]["status"]) == ("echo", 70, "healthy")
    assert (spare["enabled"], spare["health"]["status"]) == (False, "unknown")
    assert page["pagination"]["total_items"] == 2


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("enabled=true", ["echo"]),
        ("enabled=false", ["spare"]),
        ("type=openai", []),
        ("page=2&page_size=1", ["spare"]),
        ("page=9", []),
    ],
)
async def test_providers_are_filtered(served: Served, query: str, names: list[str]) -> None:
    reply = await served.get(f"/api/v1/llm-providers?{query}")
    assert [provider["name"] for provider in reply.json["providers"]] == names


async def test_a_client_sees_the_providers_that_it_may_use(served: Served) -> None:
    for path in ("llm-providers", "llm-providers/status", "llm-provider-types"):
        assert "spare" not in (await served.get(f"/api/v1/{path}", client="narrow")).body.decode()
    assert (await served.get("/api/v1/llm-providers/spare", client="narrow")).status == 404
    assert (await served.get("/api/v1/llm-providers/spare")).status == 200
