"""Budgets: what is admitted, refused, charged and counted."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from governance.governed import FakeStream

from axonflow_core.audit.record import Kind
from axonflow_core.budgets.leases import CALLS, SHARE
from axonflow_core.budgets.terms import OnExceed, Period, Scope, UnknownPrice, nanos, span
from axonflow_core.errors import (
    AccessDenied,
    AuditError,
    ProviderTimeout,
    RequestError,
    Unavailable,
)
from axonflow_core.frozen import evolve
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.trail import MAX_TOKENS
from axonflow_core.messages import (
    Choice,
    Completion,
    CompletionRequest,
    FailedAttempt,
    StopReason,
    Usage,
)
from axonflow_core.policy.rules import Verdict
from axonflow_core.provider import Price
from axonflow_core.routing.router import Router
from axonflow_core.routing.rules import Hedge, NamedTarget, RoutingRules, Strategy
from axonflow_core.stream import Ended, Started, Stopped, TextDelta, UsageUpdate

from .spending import (
    CENT,
    DAY_US,
    JANUARY_US,
    POLICIES,
    Clock,
    Costly,
    Worker,
    budget,
    config_of,
    facts_of,
    governed_call,
    same,
    sums,
    working,
)

DOLLAR = config_of(b=budget())


async def test_calls_are_admitted_until_the_next_may_not_fit(database: Path) -> None:
    async with working(database, DOLLAR) as [worker]:
        assert await worker.calls(120) == 99  # the 100th may cost two cents, and one is left
        spent = await worker.spent()
    assert (spent.settled, spent.leased) == (99 * CENT, CENT)
    assert same(database)


async def test_a_refusal_is_a_decision_on_record_and_reaches_no_provider(database: Path) -> None:
    async with working(database, config_of(b=budget(limit_usd=0.01))) as [worker]:
        outcome = await worker.call()
    assert (outcome.verdict, outcome.rules) == (Verdict.BLOCKED, ("budget:b",))
    assert outcome.refusal is not None
    assert outcome.refusal.message == (
        "The budget b has no room for the call: $0.00 of its monthly $0.01 are spent, and the call "
        "may cost $0.02."
    )
    assert worker.provider.calls == 0
    assert "charges" not in facts_of(database)[-1]


async def test_a_budget_begins_anew_at_the_edge_of_its_period(database: Path) -> None:
    clock = Clock()
    async with working(database, config_of(b=budget(period=Period.DAILY)), clock=clock) as [worker]:
        clock.at_us = span(Period.DAILY, JANUARY_US).ends_us - 1
        assert await worker.calls(100) == 99
        for _ in range(5):  # a refused attempt renews nothing
            assert (await worker.call()).refusal is not None
        clock.at_us += 1
        assert await worker.calls(100) == 99
    assert sorted(sums(database).values()) == [99 * CENT, 99 * CENT]
    assert same(database)


async def test_a_restart_refills_nothing(database: Path) -> None:
    admitted = 0
    for _ in range(4):
        async with working(database, DOLLAR) as [worker]:
            admitted += await worker.calls(40)
    assert admitted == 99
    assert same(database)


async def test_two_workers_share_one_budget(database: Path) -> None:
    async with working(database, DOLLAR, count=2) as [one, other]:
        admitted = await asyncio.gather(*(worker.calls(100) for worker in (one, other)))
    print(f"two workers, $1.00, a cent each: {admitted}")  # noqa: T201
    assert 97 <= sum(admitted) <= 99
    assert same(database)


async def test_what_one_worker_leased_and_does_not_need_is_given_back(database: Path) -> None:
    clock = Clock()
    async with working(database, DOLLAR, count=2, clock=clock) as [one, other]:
        await one.call()
        leased = (await one.spent()).leased
        clock.at_us += 3_000_000
        await one.ledger.follow()
        assert (await one.spent()).leased == 0 < leased
        assert await other.calls(100) == 98


async def test_a_lease_is_a_share_of_what_is_left(database: Path) -> None:
    async with working(database, config_of(b=budget(limit_usd=10_000.0))) as [worker]:
        await worker.call()
        spent = await worker.spent()
        assert spent.taken == 2 * CENT * CALLS
    async with working(database, config_of(b=budget(limit_usd=10.0))) as [worker]:
        await worker.call()
        spent = await worker.spent()
        assert spent.leased < nanos(10.0) / SHARE


async def test_a_busy_worker_asks_the_store_once_in_hundreds_of_calls(database: Path) -> None:
    async with working(database, config_of(b=budget(limit_usd=10_000.0))) as [worker]:
        asked = 0
        transact = worker.audit.transact

        async def counted(work: object) -> object:
            nonlocal asked
            asked += 1
            return await transact(work)  # type: ignore[arg-type]

        worker.audit.transact = counted  # type: ignore[method-assign, assignment]
        await worker.calls(300)
        assert asked == 1


async def test_calls_at_once_are_admitted_no_further(database: Path) -> None:
    gate = asyncio.Event()
    async with working(database, DOLLAR, provider=Costly(gate=gate)) as [worker]:
        tasks = [asyncio.create_task(worker.call()) for _ in range(120)]
        async with asyncio.timeout(30):
            while sum(task.done() for task in tasks) < 70:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert worker.provider.calls == 50  # each may cost two cents, and all are under way
        gate.set()
        outcomes = await asyncio.gather(*tasks)
        assert sum(outcome.refusal is None for outcome in outcomes) == 50
        assert await worker.calls(60) == 49
    assert same(database)


# ── what is charged ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "charged", "cents"),
    [
        (AccessDenied("no", status=403), "nothing", 0),
        (RequestError("no"), "nothing", 0),
        (ProviderTimeout("late"), "estimate", 2),
        (ValueError("ours"), "estimate", 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
async def test_a_call_without_an_answer_is_charged_unless_the_provider_refused_it(
    database: Path, error: Exception, charged: str, cents: int
) -> None:
    async with working(database, DOLLAR) as [worker]:
        worker.provider.error = error
        with suppress(ValueError):
            await worker.call()
        spent = await worker.spent()
    assert facts_of(database)[-1]["charged"] == charged
    assert spent.settled == cents * CENT
    assert same(database)


async def test_a_cancelled_call_is_charged_with_its_estimate(database: Path) -> None:
    async with working(database, DOLLAR, provider=Costly(gate=asyncio.Event())) as [worker]:
        task = asyncio.create_task(worker.call())
        await worker.provider.has_begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await worker.spent()).settled == 2 * CENT
    assert same(database)


async def test_an_answer_without_counts_is_charged_with_its_estimate(database: Path) -> None:
    async with working(database, DOLLAR) as [worker]:
        worker.provider.usage = Usage()
        outcome = await worker.call()
    facts = facts_of(database)[-1]
    assert (outcome.cost_usd, facts["charged"]) == (None, "estimate")
    assert sums(database).popitem()[1] == 2 * CENT


@pytest.mark.parametrize("tokens", [MAX_TOKENS + 1, 10**15, 2**63 - 1])
async def test_counts_that_no_call_can_have_are_not_known(database: Path, tokens: int) -> None:
    async with working(database, DOLLAR) as [worker]:
        worker.provider.usage = Usage(input_tokens=100, output_tokens=tokens)
        outcome = await worker.call()
        assert (outcome.verdict, outcome.cost_usd) == (Verdict.ALLOWED, None)
        worker.provider.usage = Usage(input_tokens=100, output_tokens=500)
        assert await worker.calls(120) == 97  # nobody spent the budget of all others
    facts = facts_of(database)[1]
    assert (facts["tokens"], facts["charged"]) == ({"input": 100}, "estimate")
    assert same(database)


class Twice(Costly):
    """Answers where another target was silent."""

    async def complete(self, request: CompletionRequest, **more: Any) -> Completion:
        answer = await super().complete(request, **more)
        assert answer.receipt is not None
        silent = FailedAttempt("outrun", provider="other", model="m-2")
        choice = Choice(by="failover", is_possibly_billed_twice=True)
        return evolve(
            answer, receipt=evolve(answer.receipt, choice=choice, failed_attempts=(silent,))
        )


async def test_a_call_that_may_be_billed_twice_is_charged_twice(database: Path) -> None:
    async with working(database, DOLLAR, provider=Twice()) as [worker]:
        outcome = await worker.call()
        assert outcome.cost_usd == pytest.approx(0.01)
        assert await worker.calls(120) == 32  # three cents each: one that is known, two that may be
    facts = facts_of(database)[1]
    assert (facts["charged"], facts["charges"]["acme/b"][1]) == ("several", 3 * CENT)
    assert same(database)


async def test_every_target_that_was_silent_may_have_billed_a_call(database: Path) -> None:
    error = ProviderTimeout("no answer")
    error.failed_attempts = (FailedAttempt("timeout", provider="other", model="m-2"),)
    async with working(database, DOLLAR) as [worker]:
        worker.provider.error = error
        await worker.call()
    facts = facts_of(database)[1]
    assert (facts["charged"], facts["charges"]["acme/b"][1]) == ("estimate", 4 * CENT)
    assert same(database)


async def test_a_stream_is_charged_by_its_closing_record(database: Path) -> None:
    end = (UsageUpdate(Usage(input_tokens=100, output_tokens=500)), Stopped(StopReason.END_TURN))
    async with working(database, DOLLAR) as [worker]:
        reads = [((Started("id", "m"),),), ((TextDelta("Blue."),),), ((*end, Ended()),)]
        worker.provider.streams = [FakeStream(reads)]
        stream = await worker.stream()
        while await stream.read():  # type: ignore[union-attr]
            pass
        assert (await worker.spent()).settled == CENT
    opened, closed = facts_of(database)[-2:]
    assert list(opened["reserved"].values()) == [[*closed["charges"]["acme/b"][:1], 2 * CENT, 0]]
    assert same(database)


async def test_a_stream_that_is_left_is_charged_with_what_was_seen_of_it(database: Path) -> None:
    async with working(database, DOLLAR) as [worker]:
        reads = [((Started("id", "m"),),), ((TextDelta("Blue, blue, blue."),),)]
        worker.provider.streams = [FakeStream([*reads, *reads])]
        stream = await worker.stream()
        await stream.read()  # type: ignore[union-attr]
        await stream.read()  # type: ignore[union-attr]
        await stream.aclose()  # type: ignore[union-attr]
        spent = await worker.spent()
    facts = facts_of(database)[-1]
    assert (facts["charged"], facts["tokens"]) == ("seen", {})  # no count came
    assert 0 < spent.settled < CENT
    assert same(database)


async def test_a_stream_whose_worker_died_is_charged_with_its_estimate(database: Path) -> None:
    async with working(database, DOLLAR) as [worker]:
        worker.provider.streams = [FakeStream([((Started("id", "m"),),)])]
        await worker.stream()  # nobody ends it
        await worker.audit.aclose()
        async with working(database, DOLLAR) as [successor]:
            spent = await successor.spent()
            assert await successor.calls(100) == 97
    assert spent.settled == 2 * CENT
    interrupted = next(facts for facts in facts_of(database) if "opened" in facts)
    assert interrupted["charged"] == "estimate"
    assert same(database)


# ── prices that are not known ─────────────────────────────────────────────────────────────────────


async def test_an_unknown_price_is_refused_by_a_budget_that_blocks(database: Path) -> None:
    async with working(database, DOLLAR, provider=Costly(None)) as [worker]:
        outcome = await worker.call()
    assert outcome.refusal is not None
    assert "The price of the model is not known" in outcome.refusal.message


async def test_an_unknown_price_is_counted_as_unknown_where_it_may_pass(database: Path) -> None:
    allowing = config_of(b=budget(unknown_price=UnknownPrice.ALLOW))
    async with working(database, allowing, provider=Costly(None)) as [worker]:
        assert await worker.calls(3) == 3
        spent = await worker.spent()
    assert (spent.settled, spent.calls, spent.unknown) == (0, 3, 3)
    assert facts_of(database)[-1]["charged"] == "unknown"


# ── warnings and alerts ───────────────────────────────────────────────────────────────────────────


async def test_a_budget_that_warns_lets_calls_pass_and_says_so(database: Path) -> None:
    warning = config_of(b=budget(limit_usd=0.02, on_exceed=OnExceed.WARN))
    async with working(database, warning) as [worker]:
        outcomes = [await worker.call() for _ in range(4)]
        assert (await worker.spent()).leased == 0
    assert [outcome.exceeded for outcome in outcomes] == [(), (), ("b",), ("b",)]
    assert same(database)


async def test_an_alert_is_given_once_whichever_worker_comes_to_it(
    database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alerting = config_of(b=budget(limit_usd=0.5, alert_thresholds=(50, 80)))
    async with working(database, alerting, count=2) as workers:
        for _ in range(22):
            for worker in workers:
                await worker.call()
                await worker.ledger.follow()
    given = [facts["threshold"] for facts in facts_of(database) if facts.get("what") == "alert"]
    assert given == [50, 80]
    shown = [record.message.rpartition(" at ")[2] for record in caplog.records]
    assert shown == ["50 %", "80 %"]


# ── whose budget ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("scope", "of", "call", "other"),
    [
        (Scope.USER, "ann", {"user": "ann"}, {"user": "bob"}),
        (Scope.TEAM, "red", {"team": "red"}, {"team": "blue"}),
        (Scope.WORKFLOW, "w-1", {"workflow": "w-1"}, {}),
        (Scope.AGENT, "shop", {}, None),
        (Scope.PROVIDER, "fake", {}, None),
        (Scope.MODEL, "m-*", {}, {"model": "n-1"}),
    ],
)
async def test_a_budget_is_for_the_calls_of_its_scope(
    database: Path, scope: Scope, of: str, call: dict[str, str], other: dict[str, str] | None
) -> None:
    tenant = "acme" if scope in (Scope.USER, Scope.TEAM, Scope.WORKFLOW) else None
    narrow = config_of(b=budget(scope=scope, of=of, tenant=tenant, limit_usd=0.03))
    async with working(database, narrow) as [worker]:
        assert await worker.calls(4, **call) == 2
        if other is not None:
            assert await worker.calls(4, **other) == 4


async def test_a_budget_that_is_new_holds_for_the_next_call_and_one_that_is_gone_for_none(
    database: Path,
) -> None:
    async with working(database, config_of(b=budget())) as [worker]:
        assert await worker.calls(3) == 3
        worker.ledger.serves(config_of(b=budget(), new=budget(limit_usd=0.03)))
        assert await worker.calls(5) == 2
        assert (await worker.spent("acme/new")).settled == 2 * CENT
        worker.ledger.serves(config_of(b=budget()))
        assert await worker.calls(5) == 5


async def test_every_budget_of_a_call_must_have_room(database: Path) -> None:
    two = config_of(wide=budget(limit_usd=5), narrow=budget(scope=Scope.AGENT, of="shop"))
    async with working(database, two) as [worker]:
        assert await worker.calls(110) == 99
        await worker.ledger.follow()
        wide = await worker.spent("acme/wide")
    assert wide.settled == 99 * CENT
    assert same(database)


# ── the store fails ───────────────────────────────────────────────────────────────────────────────


async def test_without_its_store_nothing_is_admitted_and_then_it_goes_on(database: Path) -> None:
    async with working(database, DOLLAR) as [worker]:
        real = worker.audit.transact

        async def fail(work: object) -> None:
            raise AuditError("the disk is full")

        worker.audit.transact = fail  # type: ignore[method-assign, assignment]
        failed = await worker.call()
        assert (failed.verdict, worker.provider.calls) == (Verdict.ERROR, 0)
        assert isinstance(failed.error, AuditError)
        worker.audit.transact = real  # type: ignore[method-assign]
        assert await worker.calls(120) == 99


async def test_an_unsure_record_keeps_no_lease(database: Path) -> None:
    clock = Clock()
    async with working(database, DOLLAR, clock=clock) as [worker]:
        real = worker.audit.append

        async def fail(entry: object) -> None:
            raise AuditError("the disk is full")

        worker.audit.append = fail  # type: ignore[method-assign, assignment]
        for _ in range(3):
            with pytest.raises(AuditError):
                await worker.call()
        worker.audit.append = real  # type: ignore[method-assign]
        clock.at_us += 3_000_000
        await worker.ledger.follow()
        assert (await worker.spent()).leased == 0
        assert await worker.calls(120) == 99
    assert same(database)


def test_periods_are_those_of_the_calendar() -> None:
    lengths = {
        period: (span(period, JANUARY_US).ends_us - span(period, JANUARY_US).starts_us) / DAY_US
        for period in Period
    }
    assert list(lengths.values()) == [1, 7, 31, 90, 365]
    assert Kind.BUDGET == "budget"


# ── where a call goes ─────────────────────────────────────────────────────────────────────────────


class Elsewhere(Costly):
    """Another provider, with a price of its own."""

    default_model = "n-1"


def two_providers(worker: Worker, dear: Costly, cheap: Costly) -> Governance:
    providers: Any = {"fake": dear, "cheap": cheap}
    return Governance(POLICIES, Router(providers), worker.audit, ledger=worker.ledger)


async def test_a_downgrade_goes_to_a_cheaper_target_while_it_has_room(database: Path) -> None:
    config = config_of(b=budget(limit_usd=0.05, on_exceed=OnExceed.DOWNGRADE))
    cheap = Elsewhere(Price(input=0.0, output=2.0))
    async with working(database, config) as [worker]:
        governance = two_providers(worker, worker.provider, cheap)
        outcomes = [await governance.complete(governed_call()) for _ in range(12)]
    went = [outcome.provider for outcome in outcomes if outcome.refusal is None]
    assert went == ["fake"] * 4 + ["cheap"] * 8
    assert facts_of(database)[-1]["is_downgraded"] is True
    assert same(database)


async def test_without_a_cheaper_target_a_downgrade_is_a_refusal(database: Path) -> None:
    config = config_of(b=budget(limit_usd=0.01, on_exceed=OnExceed.DOWNGRADE))
    async with working(database, config) as [worker]:
        assert (await worker.call()).refusal is not None


async def test_a_call_that_is_passed_on_is_charged_to_where_it_went(database: Path) -> None:
    config = config_of(
        here=budget(scope=Scope.PROVIDER, of="fake"),
        there=budget(scope=Scope.PROVIDER, of="cheap"),
        all=budget(),
    )
    cheap = Elsewhere()
    async with working(database, config) as [worker]:
        worker.provider.error = Unavailable("down", status=503)
        outcome = await two_providers(worker, worker.provider, cheap).complete(governed_call())
        assert outcome.provider == "cheap"
        charged = {
            key: (await worker.spent(key)).settled for key in ("/here", "/there", "acme/all")
        }
    assert charged == {"/here": 0, "/there": CENT, "acme/all": CENT}
    assert same(database)


async def test_whoever_leaves_two_targets_under_way_is_charged_for_both(database: Path) -> None:
    gate = asyncio.Event()
    other = Elsewhere(gate=gate)
    rules = RoutingRules(strategy=Strategy.FAILOVER, hedge={"fast": Hedge(after_s=0.01)})
    targets = (NamedTarget(provider="fake", model="m-1"), NamedTarget(provider="cheap", model="n"))
    async with working(database, DOLLAR, provider=Costly(gate=gate)) as [worker]:
        providers: Any = {"fake": worker.provider, "cheap": other}
        router = Router(providers, rules=rules, named={"fast": targets})
        governance = Governance(POLICIES, router, worker.audit, ledger=worker.ledger)
        task = asyncio.create_task(governance.complete(governed_call(model="fast")))
        await other.has_begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    facts = facts_of(database)[1]
    assert (facts["charged"], facts["charges"]["acme/b"][1]) == ("estimate", 4 * CENT)
    assert facts["error"]["failed_attempts"] == [
        {"provider": "fake", "model": "m-1", "code": "cancelled"}
    ]
    assert same(database)
