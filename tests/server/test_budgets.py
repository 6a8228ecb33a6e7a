"""The routes of budgets, usage and prices; what refusals look like; who may do what."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from on_time import until

from axonflow_core.audit.record import Kind
from axonflow_core.budgets.ledger import wall_us
from axonflow_core.budgets.prices import VARIABLE
from axonflow_core.budgets.terms import OnExceed, Period, Scope, usd
from axonflow_core.config.values import BudgetConfig, RateLimits, TenantConfig
from axonflow_core.server.wire.times import microseconds

from .in_process import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUDGETS = "/api/v1/budgets"
PRICES = """
echo:
  echo: {input_per_1k: 0.0, output_per_1k: 1.0}
  e-*: {input_per_1k: 0.5, output_per_1k: 1.5}
"""
"""A word of the echo is a token or so: a dollar a thousand."""
NEW = {
    "id": "b-1",
    "name": "First",
    "scope": "organization",
    "limit_usd": 12.5,
    "period": "monthly",
    "on_exceed": "block",
    "alert_thresholds": [80, 50],
}
WRITTEN = {
    "yearly": BudgetConfig(scope=Scope.ORGANIZATION, limit_usd=1_000_000, period=Period.YEARLY),
    "tiny": BudgetConfig(
        scope=Scope.AGENT,
        of="acme-too",
        limit_usd=0.001,
        period=Period.YEARLY,
    ),
    "watched": BudgetConfig(
        scope=Scope.AGENT,
        of="narrow",
        limit_usd=0.000_001,
        period=Period.YEARLY,
        on_exceed=OnExceed.WARN,
        alert_thresholds=(100,),
    ),
    "everything": BudgetConfig(
        scope=Scope.PROVIDER, of="echo", limit_usd=1_000_000, period=Period.YEARLY
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def spending(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """An application with prices and budgets."""
    folder = tmp_path_factory.mktemp("spending")
    (folder / "prices.yaml").write_text(PRICES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder / "prices.yaml"))
        limits = {"roles": TenantConfig(limits=RateLimits(requests_per_minute=1))}
        async with serving(folder, budgets=WRITTEN, tenants=limits) as served:
            yield served


async def ask(served: Served, **more: Any) -> Any:
    body = {"query": "Why is the sky blue?", "context": {"max_tokens": 100}}
    return await served.post("/api/request", body, **more)


async def made(served: Served, client: str = "acme", **changes: Any) -> Any:
    return await served.post(BUDGETS, {**NEW, **changes}, client=client)


async def test_a_budget_is_read_back_as_it_was_made(spending: Served) -> None:
    reply = await made(spending)
    assert reply.status == 201
    expected = {**NEW, "alert_thresholds": [50, 80], "scope_id": "acme", "enabled": True}
    shown = (await spending.get(f"{BUDGETS}/b-1")).json
    assert shown.items() >= expected.items()
    assert (shown["tenant_id"], shown["read_only"]) == ("acme", False)
    assert microseconds("created_at", shown["created_at"])


async def test_every_field_that_may_change_is_read_back(spending: Served) -> None:
    await made(spending, id="b-2")
    changes = {
        "name": "Second",
        "limit_usd": 3.25,
        "on_exceed": "warn",
        "alert_thresholds": [10],
        "unknown_price": "allow",
    }
    for name, value in changes.items():
        reply = await spending.ask("PUT", f"{BUDGETS}/b-2", {name: value})
        assert (reply.status, reply.json[name]) == (200, value)
    assert (await spending.get(f"{BUDGETS}/b-2")).json.items() >= changes.items()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": 1}, "'colour' is no field of a budget here"),
        ({"limit_usd": 0}, "limit_usd is a number above 0"),
        ({"limit_usd": -1}, "limit_usd is a number from 0"),
        ({"limit_usd": "5"}, "limit_usd takes a number"),
        ({"scope": "provider"}, "scope is one of organization, team"),
        ({"period": "hourly"}, "period is one of daily"),
        ({"on_exceed": "shout"}, "on_exceed is one of block"),
        ({"alert_thresholds": [50.5]}, "alert_thresholds takes at most 20 whole percents"),
        ({"alert_thresholds": [True]}, "alert_thresholds takes at most 20 whole percents"),
        ({"scope": "user"}, "scope_id names the user"),
        ({"scope_id": "other"}, "scope_id is acme, or left out"),
        ({"id": "a/b"}, "id takes printable characters"),
        ({"unknown_price": "guess"}, "unknown_price is one of block, allow"),
    ],
)
async def test_a_field_that_is_wrong_is_refused_by_name(
    spending: Served, changes: dict[str, Any], message: str
) -> None:
    reply = await made(spending, **{"id": "wrong", **changes})
    assert (reply.status, message in reply.json["message"]) == (400, True), reply.json
    assert (await spending.get(f"{BUDGETS}/wrong")).status == 404


async def test_a_change_takes_what_may_change_alone(spending: Served) -> None:
    await made(spending, id="b-3")
    for field in ("id", "scope", "period", "scope_id", "colour"):
        reply = await spending.ask("PUT", f"{BUDGETS}/b-3", {field: "daily"})
        assert (reply.status, f"'{field}' is no field" in reply.json["message"]) == (400, True)


async def test_an_id_is_taken_once_for_each_tenant(spending: Served) -> None:
    await made(spending, id="twice")
    assert (await made(spending, id="twice")).status == 409
    assert (await made(spending, id="twice", client="other")).status == 201
    assert (await made(spending, id="yearly")).status == 409


async def test_a_budget_of_the_configuration_is_shown_and_not_changed(spending: Served) -> None:
    shown = (await spending.get(f"{BUDGETS}/yearly")).json
    assert (shown["read_only"], shown["scope_id"]) == (True, "acme")
    for method, body in (("PUT", {"name": "mine"}), ("DELETE", None)):
        reply = await spending.ask(method, f"{BUDGETS}/yearly", body)
        assert (reply.status, reply.json["code"]) == (409, "read_only")
        assert "the configuration has the budget yearly" in reply.json["message"]


async def test_no_tenant_sees_the_budgets_of_another(spending: Served) -> None:
    await made(spending, id="secret")
    for path in ("", "/status", "/alerts"):
        assert (await spending.get(f"{BUDGETS}/secret{path}", client="other")).status == 404
    assert (await spending.ask("DELETE", f"{BUDGETS}/secret", client="other")).status == 404
    for client, ids in (("acme", {"secret", "yearly"}), ("other", {"yearly"})):
        listed = (await spending.get(f"{BUDGETS}?limit=100", client=client)).json["budgets"]
        found = {each["id"] for each in listed}
        assert found >= ids
        assert ("secret" in found) is (client == "acme")
        assert "everything" not in found  # the operator's


async def test_a_removed_budget_is_gone_and_one_of_its_id_goes_on_from_there(
    spending: Served,
) -> None:
    await made(spending, id="again", limit_usd=0.3)
    await ask(spending)
    before = (await spending.get(f"{BUDGETS}/again/status")).json["used_usd"]
    assert (await spending.ask("DELETE", f"{BUDGETS}/again")).status == 204
    assert (await spending.get(f"{BUDGETS}/again")).status == 404
    await made(spending, id="again", limit_usd=0.3)
    assert 0 < before == (await spending.get(f"{BUDGETS}/again/status")).json["used_usd"]
    await spending.ask("DELETE", f"{BUDGETS}/again")


async def test_changes_are_on_record(spending: Served) -> None:
    await made(spending, id="noted", scope="user", scope_id="ann@example.com")
    await spending.ask("PUT", f"{BUDGETS}/noted", {"limit_usd": 2})
    await spending.ask("DELETE", f"{BUDGETS}/noted")
    noted = [
        entry.facts
        for entry in await spending.records()
        if entry.kind is Kind.BUDGET and entry.facts["budget"] == "noted"
    ]
    assert [facts["what"] for facts in noted] == ["created", "changed", "removed"]
    assert "ann@example.com" not in str(noted)


async def test_the_list_is_paged_and_narrowed(spending: Served) -> None:
    await made(spending, id="of-team", scope="team", scope_id="red")
    whole = (await spending.get(f"{BUDGETS}?limit=100")).json
    assert len(whole["budgets"]) == whole["total"]
    page = (await spending.get(f"{BUDGETS}?limit=1&offset=1")).json
    assert (page["budgets"], page["total"]) == (whole["budgets"][1:2], whole["total"])
    teams = (await spending.get(f"{BUDGETS}?scope=team")).json["budgets"]
    assert "of-team" in {each["id"] for each in teams}
    assert {each["scope"] for each in teams} == {"team"}
    assert (await spending.get(f"{BUDGETS}?scope=planet")).status == 400


# ── refusals ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_budget_without_room_is_a_402_that_the_sdk_reads(spending: Served) -> None:
    reply = await ask(spending, client="acme-too")
    assert reply.status == 402
    body = reply.json
    assert body["message"] == body["error"] == body["block_reason"]
    assert body["budget_info"] == {
        "budget_id": "tiny",
        "budget_name": "tiny",
        "used_usd": 0.0,
        "limit_usd": 0.001,
        "percentage": 0.0,
        "exceeded": True,
        "action": "block",
    }
    assert body["policy_info"]["policies_evaluated"] == ["budget_exceeded", "budget:tiny"]
    record = (await spending.records())[-1]
    assert (record.verdict, record.rules) == ("blocked", ("budget:tiny",))


async def test_no_tenant_hears_how_much_is_in_a_budget_of_the_operator(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES)
    of_all = BudgetConfig(
        scope=Scope.PROVIDER, of="echo", limit_usd=0.001_7003, period=Period.DAILY
    )
    each = BudgetConfig(scope=Scope.ORGANIZATION, limit_usd=0.001_8, period=Period.DAILY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path / "prices.yaml"))
        async with serving(tmp_path, budgets={"all": of_all}) as served:
            reply = await ask(served)
        (tmp_path / "own").mkdir()
        async with serving(tmp_path / "own", budgets={"each": each}) as served:
            own = await ask(served)
    assert (reply.status, reply.json["code"]) == (402, "budget_exceeded")
    assert reply.json["error"] == "The operator's budget all has no room for the call."
    assert reply.json["budget_info"].keys() == {"budget_id", "budget_name", "exceeded", "action"}
    assert b"0017003" not in reply.body
    assert own.json["budget_info"]["limit_usd"] == 0.0018


async def test_the_page_of_budgets_shows_the_402(spending: Served) -> None:
    page = (Path(__file__).parents[2] / "docs/budgets.md").read_text()
    shown = orjson.loads(page.partition("```text\n")[2].partition("```")[0])
    body = (await ask(spending, client="acme-too")).json
    assert shown.keys() <= body.keys()
    assert shown["budget_info"].keys() == body["budget_info"].keys()


async def test_refusals_and_alerts_are_counted_under_names_of_the_configuration(
    spending: Served,
) -> None:
    def of_others() -> float:
        page = spending.service.metrics.page().decode()
        found = re.search(r'axonflow_no_room_total\{account="budget:other"\} (\S+)', page)
        return float(found[1]) if found else 0.0

    before = of_others()
    await ask(spending, client="acme-too")
    await made(spending, id="nobody", limit_usd=0.000_01, scope="team", scope_id="poor")
    poor = {"query": "Why?", "context": {"max_tokens": 100, "team_id": "poor"}}
    assert (await spending.post("/api/request", poor)).status == 402
    await until(lambda: of_others() == before + 1)  # a page is as old as half a second
    page = spending.service.metrics.page().decode()
    assert 'axonflow_no_room_total{account="budget:tiny"}' in page
    assert "nobody" not in page


async def test_a_rate_without_room_is_a_429_with_the_time_to_wait(
    spending: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_us = wall_us()
    monkeypatch.setattr(spending.service.ledger, "now_us", lambda: at_us)  # of one minute
    first = await ask(spending, client="only-call")
    second = await ask(spending, client="only-call")
    assert (first.status, second.status) == (200, 429)
    assert 1 <= int(second.headers["retry-after"]) <= 60
    assert "budget_info" not in second.json
    assert second.json["code"] == "rate_limited"


async def test_a_pre_check_is_refused_as_a_call_is(spending: Served) -> None:
    check = {"query": "Why?", "context": {"model": "echo", "max_tokens": 100}}
    reply = await spending.post("/api/policy/pre-check", check, client="acme-too")
    assert (reply.status, reply.json["budget_info"]["budget_id"]) == (402, "tiny")
    record = (await spending.records())[-1]
    assert (record.kind, record.verdict) == (Kind.CHECK, "blocked")


async def test_a_budget_that_warns_answers_with_a_header(spending: Served) -> None:
    of_blue = {"scope": "team", "scope_id": "blue", "on_exceed": "warn"}
    await made(spending, id="warned", limit_usd=0.000_001, **of_blue)
    blue = {"query": "Why?", "context": {"max_tokens": 100, "team_id": "blue"}}
    first, second = [await spending.post("/api/request", blue) for _ in range(2)]
    assert (first.status, second.status) == (200, 200)
    assert "x-budget-warning" not in first.headers
    assert second.headers["x-budget-warning"] == "exceeded: warned"
    assert second.json["metadata"]["exceeded_budgets"] == ["warned"]


async def test_alerts_are_listed(spending: Served) -> None:
    await ask(spending, client="narrow")
    await spending.service.ledger.settled_alerts()
    found = (await spending.get(f"{BUDGETS}/watched/alerts", client="narrow")).json
    assert found["count"] == len(found["alerts"]) == 1
    assert (found["alerts"][0]["budget_id"], found["alerts"][0]["threshold"]) == ("watched", 100)
    records = [each for each in await spending.records("narrow") if each.kind is Kind.BUDGET]
    assert [each.facts["threshold"] for each in records] == [100]


# ── Gateway Mode ──────────────────────────────────────────────────────────────────────────────────


async def test_a_check_reserves_and_its_report_settles(spending: Served) -> None:
    async def status() -> tuple[float, float]:
        shown = (await spending.get(f"{BUDGETS}/yearly/status", client="other")).json
        return round(shown["used_usd"], 6), round(shown["reserved_usd"], 6)

    def leased() -> float:
        return usd(spending.service.ledger.free("other/yearly"))

    check = {"query": "Why?", "context": {"model": "echo", "max_tokens": 100}}
    used, reserved = await status()
    held = reserved - leased()  # for other checks
    checked = await spending.post("/api/policy/pre-check", check, client="other")
    assert await status() == (used, round(held + leased() + 0.1, 6))
    report = {
        "context_id": checked.json["context_id"],
        "provider": "echo",
        "model": "echo",
        "token_usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30},
    }
    assert (await spending.post("/api/audit/llm-call", report, client="other")).status == 200
    assert await status() == (round(used + 0.02, 6), round(held + leased(), 6))
    record = (await spending.records("other"))[-1]
    assert record.facts["charges"]["other/yearly"][1] == 20_000_000


async def test_no_report_spends_what_belongs_to_all_tenants(spending: Served) -> None:
    checked = await spending.post("/api/policy/pre-check", {"query": "Why?"}, client="other")
    report = {
        "context_id": checked.json["context_id"],
        "provider": "echo",
        "model": "echo",
        "token_usage": {"prompt_tokens": 0, "completion_tokens": 10**6, "total_tokens": 10**6},
    }
    assert (await spending.post("/api/audit/llm-call", report, client="other")).status == 200
    charged = (await spending.records("other"))[-1].facts["charges"]
    assert (charged["other/yearly"][1], "/everything" in charged) == (1_000 * 10**9, False)
    await ask(spending)  # the control: the server's own call
    assert (await spending.records())[-1].facts["charges"]["/everything"][1] > 0


# ── status, check, usage, prices ──────────────────────────────────────────────────────────────────


async def test_a_status_tells_what_is_spent_in_the_period(spending: Served) -> None:
    await made(spending, id="measured", limit_usd=100, period="weekly")
    cost = (await ask(spending)).json["metadata"]["cost_usd"]
    status = (await spending.get(f"{BUDGETS}/measured/status")).json
    assert status["used_usd"] == pytest.approx(cost)
    assert status["remaining_usd"] == pytest.approx(100 - cost)
    assert (status["is_exceeded"], status["is_blocked"], status["calls"]) == (False, False, 1)
    start, end = (microseconds(name, status[name]) for name in ("period_start", "period_end"))
    assert start is not None and end is not None
    assert end - start == 7 * 86_400_000_000


async def test_a_check_says_whether_a_call_would_be_made(spending: Served) -> None:
    checked = (await spending.post(f"{BUDGETS}/check", {})).json
    assert (checked["allowed"], checked["action"]) == (True, "allow")
    assert "yearly" in {each["id"] for each in checked["budgets"]}
    await made(spending, id="spent", limit_usd=0.3, scope="team", scope_id="red")
    team = {"max_tokens": 200, "team_id": "red"}
    asked = {"query": "w " * 90, "context": team}
    while (await spending.post("/api/request", asked)).status == 200:
        pass
    checked = (await spending.post(f"{BUDGETS}/check", {"team_id": "red"})).json
    assert checked["allowed"] is True  # there is some room left, for a smaller call
    assert (await spending.post(f"{BUDGETS}/check", {"org_id": "other"})).status == 403
    assert (await spending.post(f"{BUDGETS}/check", {"colour": 1})).status == 400


async def test_usage_is_the_sum_of_the_records(spending: Served) -> None:
    await ask(spending, client="other")
    summed = (await spending.get("/api/v1/usage?period=yearly", client="other")).json
    records = (await spending.get("/api/v1/usage/records?limit=100", client="other")).json
    assert summed["total_requests"] == records["total"] == len(records["records"])
    assert summed["total_cost_usd"] == pytest.approx(
        sum(each.get("cost_usd", 0) for each in records["records"])
    )
    assert summed["total_tokens_out"] == sum(each["tokens_out"] for each in records["records"])
    by_model = (await spending.get("/api/v1/usage/breakdown?group_by=model", client="other")).json
    assert by_model["total_cost_usd"] == pytest.approx(summed["total_cost_usd"])
    assert {item["group_value"] for item in by_model["items"]} == {"echo"}


async def test_a_call_that_was_refused_is_no_usage(spending: Served) -> None:
    path = "/api/v1/usage"
    before = (await spending.get(path, client="acme")).json["total_requests"]
    assert (await ask(spending, client="acme-too")).status == 402
    assert (await spending.get(path, client="acme")).json["total_requests"] == before
    await ask(spending)
    assert (await spending.get(path, client="acme")).json["total_requests"] == before + 1


@pytest.mark.parametrize("path", ["?period=hourly", "/breakdown?group_by=colour", "/breakdown"])
async def test_a_usage_that_is_not_known_is_refused(spending: Served, path: str) -> None:
    assert (await spending.get(f"/api/v1/usage{path}")).status == 400


async def test_prices_are_those_of_the_operator_where_it_names_them(spending: Served) -> None:
    listed = (await spending.get("/api/v1/pricing")).json["pricing"]
    assert {each["model"] for each in listed} == {"echo", "e-*"}
    one = (await spending.get("/api/v1/pricing?provider=echo&model=e-9")).json["pricing"]
    assert one == [
        {
            "provider": "echo",
            "model": "e-9",
            "pricing": {"input_per_1k": 0.5, "output_per_1k": 1.5},
        }
    ]
    assert (await spending.get("/api/v1/pricing?model=x")).json == {"pricing": []}


async def test_budgets_need_their_roles(spending: Served) -> None:
    for method, path, role in (
        ("POST", BUDGETS, "admin"),
        ("GET", BUDGETS, "audit"),
        ("POST", f"{BUDGETS}/check", "call"),
        ("GET", "/api/v1/pricing", "call"),
    ):
        for client in ("only-admin", "only-audit", "only-call"):
            reply = await spending.ask(method, path, {}, client=client)
            assert (reply.status != 403) is (client == f"only-{role}")


async def test_the_folder_of_prices_is_read_with_its_faults(tmp_path: Path) -> None:
    from axonflow_core.budgets.prices import Prices
    from axonflow_core.config import FaultyConfig

    (tmp_path / "prices.json").write_text('{"echo": {"m": {"input_per_1k": -1}}}')
    with pytest.raises(FaultyConfig) as caught:
        Prices.read({VARIABLE: str(tmp_path / "prices.json")})
    messages = [fault.message for fault in caught.value.faults]
    assert len(messages) == 2, messages
