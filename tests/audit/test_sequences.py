"""Whatever happens in whatever order: what was acknowledged is stored once, what was refused and
never retried is not, and the chains verify."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import Factory, define
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from axonflow_core.audit.batch import Transaction
from axonflow_core.audit.record import Entry
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import AuditError

from .making import call, ids, opened, verified


@define
class Run:
    """A database with what its callers were told."""

    path: Path
    store: AuditStore
    acked: list[str] = Factory(list)
    unsure: list[str] = Factory(list)
    """Nobody was told: the record may be there, or not."""

    async def append(self, entry: Entry) -> None:
        try:
            await self.store.append(entry)
        except AuditError:
            return
        self.acked.append(entry.id)


async def append_one(run: Run) -> None:
    await run.append(call(texts={"request": "hello"}))


async def append_many(run: Run) -> None:
    await asyncio.gather(*(run.append(call()) for _ in range(7)))


async def append_twice(run: Run) -> None:
    entry = call()
    await asyncio.gather(run.append(entry), run.append(entry), run.append(call()))


async def append_no_json(run: Run) -> None:
    await asyncio.gather(run.append(call(facts={"bad": object()})), run.append(call()))


async def give_up(run: Run) -> None:
    entry = call()
    waiting = asyncio.ensure_future(run.store.append(entry))
    await asyncio.sleep(0)
    waiting.cancel()
    run.unsure.append(entry.id)


async def work(run: Run) -> None:
    entries = [call(), call()]

    def append(transaction: Transaction) -> None:
        for entry in entries:
            transaction.append(entry)

    try:
        await run.store.transact(append)
    except AuditError:
        return
    run.acked += [entry.id for entry in entries]


async def work_that_raises(run: Run) -> None:
    def fail(transaction: Transaction) -> None:
        transaction.append(call())
        raise ValueError

    results = await asyncio.gather(
        run.store.transact(fail), run.append(call()), return_exceptions=True
    )
    assert isinstance(results[0], ValueError | AuditError)


async def fill_disk(run: Run) -> None:
    await _limit_pages(run, 1)


async def make_room(run: Run) -> None:
    await _limit_pages(run, 1_000_000)
    await run.append(call())
    assert run.store.is_healthy


async def _limit_pages(run: Run, count: int) -> None:
    pragma = text(f"PRAGMA max_page_count={count}")
    await run.store.transact(lambda transaction: transaction.execute(pragma).close())


async def reopen(run: Run) -> None:
    await run.store.aclose()
    async with opened(run.path):
        pass
    run.store = await _open(run.path)


async def _open(path: Path) -> AuditStore:
    from .making import KEYS

    return await AuditStore.open(f"sqlite:///{path}", KEYS)


STEPS: Mapping[str, Callable[[Run], object]] = {
    step.__name__: step
    for step in (
        *(append_one, append_many, append_twice, append_no_json, give_up, work, work_that_raises),
        *(fill_disk, make_room, reopen),
    )
}


@given(steps=st.lists(st.sampled_from(sorted(STEPS)), min_size=3, max_size=14))
def test_what_was_acknowledged_is_stored_once(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = asyncio.run(_played(Path(folder) / "audit.db", steps))
        stored = ids(run.path)
        assert sorted(set(stored)) == sorted(stored)
        assert set(run.acked) <= set(stored) <= {*run.acked, *run.unsure}
        assert verified(run.path).faults == ()


async def _played(path: Path, steps: list[str]) -> Run:
    run = Run(path, await _open(path))
    for step in steps:
        await STEPS[step](run)  # type: ignore[misc]
    await run.store.aclose()
    return run
