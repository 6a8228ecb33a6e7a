"""The SDK's methods of budgets, usage and prices: each parses what the server answers, and a call
without room is the SDK's own error, raised after one attempt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

axonflow = pytest.importorskip("axonflow", reason="the product's SDK, axonflow, is not installed")

from axonflow import AxonFlow, TokenUsage  # noqa: E402
from axonflow.exceptions import AxonFlowError, BudgetExceededError  # noqa: E402
from axonflow.types import (  # noqa: E402
    BudgetCheckRequest,
    BudgetOnExceed,
    BudgetPeriod,
    BudgetScope,
    CreateBudgetRequest,
    ListBudgetsOptions,
    ListUsageRecordsOptions,
    UpdateBudgetRequest,
)

from .governed import MODEL, SCRIPT, Governed, governed  # noqa: E402


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Governed]:
    """A server whose budgets these tests change."""
    limits = {"owned": {"limits": {"requests_per_minute": 1_000}}}
    with governed(tmp_path_factory.mktemp("owned"), SCRIPT, tenants=limits) as server:
        yield server


def wanted(id: str, limit_usd: float = 10.0) -> CreateBudgetRequest:
    return CreateBudgetRequest(
        id=id,
        name="A month",
        scope=BudgetScope.ORGANIZATION,
        limit_usd=limit_usd,
        period=BudgetPeriod.MONTHLY,
        on_exceed=BudgetOnExceed.BLOCK,
        alert_thresholds=[50, 100],
    )


async def test_every_method_parses(own: Governed) -> None:
    async with AxonFlow(**own.options("owner")) as client:
        of_bedrock = ListUsageRecordsOptions(provider="bedrock")
        used = await client.get_usage_summary("monthly")
        recorded = await client.list_usage_records(of_bedrock)
        made = await client.create_budget(wanted("month"))
        assert (made.scope_id, made.tenant_id, made.enabled) == ("owned", "owned", True)
        assert await client.get_budget("month") == made
        changes = UpdateBudgetRequest(name="Mine", limit_usd=12, on_exceed=BudgetOnExceed.WARN)
        changed = await client.update_budget("month", changes)
        assert (changed.name, changed.limit_usd, changed.on_exceed) == ("Mine", 12, "warn")
        listed = await client.list_budgets(ListBudgetsOptions(scope=BudgetScope.ORGANIZATION))
        assert (listed.budgets, listed.total) == ([changed], 1)

        await client.proxy_llm_call("ann", "What is the weather?", "chat", {"max_tokens": 50})
        status = await client.get_budget_status("month")
        assert 0 < status.used_usd < 12
        assert status.remaining_usd == pytest.approx(12 - status.used_usd)
        assert (await client.get_budget_alerts("month")).count == 0
        assert (await client.check_budget(BudgetCheckRequest(user_id="ann"))).allowed

        usage = await client.get_usage_summary("monthly")
        assert usage.total_requests == used.total_requests + 1
        assert usage.total_cost_usd - used.total_cost_usd == pytest.approx(status.used_usd)
        by_model = await client.get_usage_breakdown("model", "daily")
        assert by_model.items is not None
        assert [item.group_value for item in by_model.items] == [MODEL]
        records = await client.list_usage_records(of_bedrock)
        assert records.records is not None
        assert (records.total, records.records[0].model) == (recorded.total + 1, MODEL)

        prices = await client.get_pricing("bedrock", MODEL)
        assert [price.pricing.input_per_1k for price in prices.pricing] == [0.003]
        assert len((await client.get_pricing()).pricing) > 20
        await client.delete_budget("month")
        with pytest.raises(AxonFlowError, match="there is no such budget"):
            await client.get_budget("month")


async def test_a_call_without_room_is_raised_after_one_attempt(own: Governed) -> None:
    async with AxonFlow(**own.options("owner")) as client:
        await client.create_budget(wanted("small", 0.000_01))
        before = own.calls
        with pytest.raises(BudgetExceededError) as caught:
            await client.proxy_llm_call("ann", "What is the weather?", "chat")
        assert (caught.value.budget_id, caught.value.limit_usd) == ("small", 0.000_01)
        assert caught.value.action == "block"
        with pytest.raises(BudgetExceededError):
            await client.get_policy_approved_context("ann", "What is the weather?")
        assert own.calls == before
        await client.delete_budget("small")


async def test_a_report_settles_what_its_check_reserved(own: Governed) -> None:
    async with AxonFlow(**own.options("owner")) as client:
        await client.create_budget(wanted("gateway"))
        check = {"model": MODEL, "max_tokens": 100}
        approved = await client.get_policy_approved_context("ann", "Why?", context=check)
        assert (await client.get_budget_status("gateway")).used_usd == 0
        await client.audit_llm_call(
            context_id=approved.context_id,
            response_summary="fine",
            provider="bedrock",
            model=MODEL,
            token_usage=TokenUsage(prompt_tokens=1_000, completion_tokens=100, total_tokens=1_100),
            latency_ms=5,
        )
        assert (await client.get_budget_status("gateway")).used_usd == pytest.approx(0.0045)
        await client.delete_budget("gateway")
