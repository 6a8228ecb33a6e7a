"""What workers may admit by the store, and by themselves: the two say the same after every step."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field
from sqlalchemy import func, select

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.budgets import book
from axonflow_core.budgets.accounts import Subject
from axonflow_core.budgets.book import CHARGES, HELD, SPENDING
from axonflow_core.budgets.estimates import Estimate
from axonflow_core.budgets.ledger import DENIED_US
from axonflow_core.budgets.refusals import Refusal
from axonflow_core.budgets.slices import Reservation
from axonflow_core.budgets.terms import nanos
from axonflow_core.messages import Usage
from axonflow_core.policy.rules import Verdict

from .spending import CENT, Clock, Worker, budget, config_of, same, working

KEY = "acme/b"
SUBJECT = Subject("acme", "shop", None, "fake", "m-1")
DOLLAR = config_of(b=budget())


async def admitted(worker: Worker, cents: int) -> Reservation | Refusal:
    estimate = Estimate(100, 1_000, None, cents * CENT)
    return await worker.ledger.admit(worker.ledger.accounts(SUBJECT), estimate)


def record_of(reservation: Reservation, cents: int | None) -> Entry:
    """The record of a call that cost so much."""
    charges = reservation.charge(None if cents is None else cents * CENT, None)
    return Entry(kind=Kind.CALL, verdict=Verdict.ALLOWED, facts={CHARGES: charges})


async def taken(worker: Worker) -> dict[str, tuple[int, int]]:
    """Chain -> what it settled and has leased; and what is held for contexts."""

    def look(connection: Any) -> dict[str, tuple[int, int]]:
        columns = SPENDING.c
        rows = connection.execute(select(columns.chain, columns.settled, columns.leased))
        held = connection.execute(select(func.coalesce(func.sum(HELD.c.amount), 0))).scalar_one()
        return {row.chain: (row.settled, row.leased) for row in rows} | {"held": (0, held)}

    return await worker.audit.read(look)


@define
class Spender:
    """A worker and its calls under way."""

    worker: Worker
    draw: random.Random
    under_way: list[Reservation] = field(factory=list)
    beyond: int = 0
    """What calls cost that was reserved nowhere."""

    def steps(self) -> Iterable[Callable[[], Awaitable[None]]]:
        often = (self.begin, self.begin, self.end, self.end, self.end)
        return (*often, self.leave, self.refuse, self.lose, self.give_back, self.hold, self.follow)

    async def begin(self) -> None:
        if isinstance(taken := await admitted(self.worker, self.draw.randint(1, 5)), Reservation):
            self.under_way.append(taken)

    def _next(self) -> Reservation | None:
        if not self.under_way:
            return None
        return self.under_way.pop(self.draw.randrange(len(self.under_way)))

    def _record(self, reservation: Reservation) -> Entry:
        entry = record_of(reservation, self.draw.choice((None, 0, 0, 1, 1, 1, 2, 3, 9)))
        ((_, amount, reserved),) = entry.facts[CHARGES].values()  # type: ignore[union-attr]
        self.beyond += max(0, (amount or 0) - reserved)
        return entry

    async def end(self) -> None:
        if reservation := self._next():
            await self.worker.audit.append(self._record(reservation))
            self.worker.ledger.settle(reservation)

    async def leave(self) -> None:
        """The caller leaves while the record is being written."""
        if reservation := self._next():
            task = asyncio.create_task(self.worker.audit.append(self._record(reservation)))
            await asyncio.sleep(0)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self.worker.ledger.doubt(reservation)

    async def lose(self) -> None:
        """The record is not written."""
        if reservation := self._next():
            self.worker.ledger.doubt(reservation)

    async def refuse(self) -> None:
        """A call that no worker has room for."""
        assert isinstance(await admitted(self.worker, 200), Refusal)

    async def give_back(self) -> None:
        if reservation := self._next():
            reservation.give_back()

    async def hold(self) -> None:
        """A context of Gateway Mode gets what was reserved."""
        if reservation := self._next():
            parts, audit = reservation.held(), self.worker.audit
            context = f"{self.draw.random()}"
            until_us = self.worker.clock.at_us + 10**9

            await audit.transact(
                lambda transaction: book.hold(transaction, audit.chain, context, parts, until_us)
            )
            reservation.end()

    async def follow(self) -> None:
        self.worker.clock.at_us += self.draw.choice((1_000, 300_000, 3_000_000))
        await self.worker.ledger.follow()

    @property
    def known(self) -> int:
        """What is leased as far as the worker knows."""
        reserved = [each.taken_of(part) for each in self.under_way for part in each.money]
        return self.worker.ledger.free(KEY) + sum(reserved)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("seed", range(4))
async def test_the_store_has_what_workers_may_spend_and_no_more_than_the_limit(
    database: Path, seed: int
) -> None:
    draw, clock = random.Random(seed), Clock()
    async with working(database, DOLLAR, count=2, clock=clock) as workers:
        spenders = [Spender(worker, draw) for worker in workers]
        doubted = 0
        for _ in range(150):
            spender = draw.choice(spenders)
            step = draw.choice(list(spender.steps()))
            await step()
            doubted += step in (spender.leave, spender.lose)
            await workers[0].audit.transact(lambda transaction: None)
            await workers[1].audit.transact(lambda transaction: None)
            by_chain = await taken(workers[0])
            beyond = sum(each.beyond for each in spenders)
            assert sum(map(sum, by_chain.values())) <= nanos(1.0) + beyond
            for each in spenders:
                _, leased = by_chain.get(each.worker.audit.chain, (0, 0))
                assert leased >= each.known
                assert leased == each.known or doubted
        for each in spenders:
            while each.under_way:
                await each.end()
        clock.at_us += 3_000_000
        for each in spenders:
            await each.worker.ledger.follow()  # what rests is given back, and no doubt is left
        by_chain = await taken(workers[0])
        assert [leased for chain, (_, leased) in by_chain.items() if chain != "held"] == [0, 0]
    assert same(database)


async def test_a_lease_lasts_as_long_as_its_money(database: Path) -> None:
    async with working(database, config_of(b=budget(limit_usd=10.0))) as [worker]:
        asked, transact = 0, worker.audit.transact

        async def counted(work: Any) -> Any:
            nonlocal asked
            asked += 1
            return await transact(work)

        worker.audit.transact = counted  # type: ignore[method-assign]
        await worker.calls(61)  # a cent each, of 62.5 that are leased; the estimates are two cents
        assert asked == 1
        await worker.calls(1)
        assert asked == 2


async def test_what_a_call_did_not_need_is_free_while_its_record_is_being_written(
    database: Path,
) -> None:
    async with working(database, DOLLAR) as [worker]:
        call = await admitted(worker, 4)
        assert isinstance(call, Reservation)
        left = worker.ledger.free(KEY)
        async with busy(worker):
            record = record_of(call, 1)
            assert worker.ledger.free(KEY) == left + 3 * CENT
            writing = asyncio.create_task(worker.audit.append(record))
        await writing
        worker.ledger.settle(call)
        spent = await worker.spent()
        assert (spent.settled, spent.leased) == (CENT, worker.ledger.free(KEY))
    assert same(database)


async def test_what_a_call_cost_more_is_taken_of_the_slice_of_its_worker(database: Path) -> None:
    async with working(database, DOLLAR) as [worker]:
        worker.provider.usage = Usage(input_tokens=100, output_tokens=2_500)
        await worker.call()
        spent = await worker.spent()
        assert (spent.settled, spent.taken) == (5 * CENT, nanos(1.0) // 16)  # two were reserved
        assert worker.ledger.free(KEY) == spent.leased
    assert same(database)


async def test_a_call_that_cost_more_than_its_worker_has_is_charged_all_the_same(
    database: Path,
) -> None:
    async with working(database, DOLLAR) as [worker]:
        worker.provider.usage = Usage(input_tokens=100, output_tokens=40_000)
        await worker.call()
        spent = await worker.spent()
        assert (spent.settled, spent.leased) == (80 * CENT, 0)
        worker.provider.usage = Usage(input_tokens=100, output_tokens=500)
        assert await worker.calls(30) == 19
    assert same(database)


async def test_a_slice_that_is_more_than_its_share_gets_smaller(database: Path) -> None:
    async with working(database, DOLLAR, count=2) as [one, other]:
        await one.call()
        assert one.ledger.free(KEY) > 5 * CENT
        assert await other.calls(100) < 95
        await one.ledger.follow()
        assert one.ledger.free(KEY) < CENT
        one.clock.at_us += 300_000  # longer than a refusal of the store is believed
        assert await other.calls(100) > 0


@asynccontextmanager
async def busy(worker: Worker) -> AsyncIterator[None]:
    """The store is busy meanwhile: what is given to it waits, and goes into one transaction."""
    gate = threading.Event()
    work = asyncio.create_task(worker.audit.transact(lambda transaction: gate.wait(10)))
    await asyncio.sleep(0.05)
    yield
    await asyncio.sleep(0.05)
    gate.set()
    await work


async def test_a_record_whose_caller_left_is_in_the_store_before_it_is_told_what_is_free(
    database: Path,
) -> None:
    async with working(database, DOLLAR) as [worker]:
        first = await admitted(worker, 2)
        assert isinstance(first, Reservation)
        async with busy(worker):
            left = asyncio.create_task(worker.audit.append(record_of(first, 2)))
            await asyncio.sleep(0)
            left.cancel()
            worker.ledger.doubt(first)
            more = asyncio.create_task(admitted(worker, 8))
        await more
        assert (await worker.spent()).leased == worker.ledger.free(KEY) + 8 * CENT
    assert same(database)


async def test_a_slice_that_grows_meanwhile_is_not_given_back(database: Path) -> None:
    async with working(database, DOLLAR) as [worker]:
        first = await admitted(worker, 2)
        assert isinstance(first, Reservation)
        worker.ledger.doubt(first)
        worker.ledger.serves(config_of(b=budget(limit_usd=0.1)))  # its slice is too large now
        async with busy(worker):
            more = asyncio.create_task(admitted(worker, 8))
            await asyncio.sleep(0.05)
            follow = asyncio.create_task(worker.ledger.follow())
        await asyncio.wait([follow, more])
        assert (await worker.spent()).leased == worker.ledger.free(KEY) + 8 * CENT


async def test_a_clock_that_is_put_back_keeps_neither_a_refusal_nor_a_slice(
    database: Path,
) -> None:
    async with working(database, DOLLAR, count=2, clock=(clock := Clock())) as (one, other):
        most = await admitted(one, 99)
        assert isinstance(most, Reservation)
        assert isinstance(await admitted(other, 5), Refusal)
        most.give_back()
        clock.at_us -= 3_600_000_000
        await one.ledger.follow()

        assert one.ledger.free(KEY) == 0
        assert isinstance(await admitted(other, 5), Reservation)


async def test_a_store_that_is_slow_to_say_no_is_asked_once(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with working(database, DOLLAR, clock=(clock := Clock())) as [worker]:
        transact, asked = worker.audit.transact, 0

        async def slow(work: Any) -> Any:
            nonlocal asked
            asked += 1
            assert asked == 1
            clock.at_us += 2 * DENIED_US
            return await transact(work)

        monkeypatch.setattr(worker.audit, "transact", slow)
        assert isinstance(await admitted(worker, 200), Refusal)
        monkeypatch.undo()
    assert asked == 1
