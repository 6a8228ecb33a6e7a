"""Requests and tokens a minute."""

from __future__ import annotations

import asyncio
from pathlib import Path

from axonflow_core.config.values import RateLimits
from axonflow_core.messages import Usage

from .spending import JANUARY_US, Clock, budget, config_of, sums, working

MINUTE_US = 60_000_000
TEN = RateLimits(requests_per_minute=10)


async def test_requests_are_admitted_up_to_the_limit_of_each_minute(database: Path) -> None:
    clock = Clock(JANUARY_US + MINUTE_US - 1)
    async with working(database, config_of(TEN), clock=clock) as [worker]:
        assert await worker.calls(14) == 10
        clock.at_us += 1
        assert await worker.calls(14) == 10


async def test_a_refusal_says_when_the_next_minute_begins(database: Path) -> None:
    clock = Clock(JANUARY_US + 17_500_000)
    async with working(database, config_of(TEN), clock=clock) as [worker]:
        await worker.calls(10)
        refusal = (await worker.call()).refusal
        assert refusal is not None
        assert (refusal.account.rule, refusal.retry_after_s) == ("limit:requests_per_minute", 43)
        clock.at_us += 42_000_000  # a second too early
        assert (await worker.call()).refusal is not None
        clock.at_us += 1_000_000
        assert (await worker.call()).refusal is None


async def test_two_workers_share_a_minute_and_a_restart_begins_none(database: Path) -> None:
    admitted = 0
    for _ in range(2):
        async with working(database, config_of(TEN), count=2) as workers:
            admitted += sum(await asyncio.gather(*(worker.calls(7) for worker in workers)))
    assert admitted == 10


async def test_tokens_that_a_call_did_not_need_are_for_others(database: Path) -> None:
    limits = RateLimits(tokens_per_minute=6_000)  # a call may need 1,010, and needs 600
    async with working(database, config_of(limits)) as [worker]:
        assert await worker.calls(20) == 9


async def test_tokens_that_a_call_needed_more_are_owed_by_the_next(database: Path) -> None:
    async with working(database, config_of(RateLimits(tokens_per_minute=6_000))) as [worker]:
        worker.provider.usage = Usage(input_tokens=100, output_tokens=5_400)
        assert await worker.calls(5) == 1


async def test_a_call_that_no_minute_has_room_for_is_not_told_to_wait(database: Path) -> None:
    async with working(database, config_of(RateLimits(tokens_per_minute=500))) as [worker]:
        refusal = (await worker.call()).refusal
    assert refusal is not None
    assert refusal.retry_after_s is None
    assert "and the limit is 500 tokens a minute" in refusal.message


async def test_a_rate_that_is_exceeded_takes_nothing_of_a_budget(database: Path) -> None:
    config = config_of(TEN, b=budget())
    async with working(database, config) as [worker]:
        assert await worker.calls(20) == 10
        assert (await worker.spent()).calls == 10
    assert [key for key, _ in sums(database)] == ["acme/b"]
