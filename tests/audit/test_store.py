"""The store: what was acknowledged is there, once; what was not, may be; nothing else is."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from on_time import until
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, text
from sqlalchemy.exc import IntegrityError

from axonflow_core.audit.batch import Transaction
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.keys import RandomPool, open_text
from axonflow_core.audit.store import AuditStore
from axonflow_core.audit.writer import Job, Outcome, Writer, WriterOptions
from axonflow_core.errors import AuditError

from .making import KEYS, append_all, call, ids, opened, rows, verified


async def test_what_was_appended_is_on_record_and_verifies(
    store: AuditStore, database: Path
) -> None:
    entries = [call(facts={"n": number}) for number in range(100)]
    await append_all(store, entries)
    assert ids(database) == [entry.id for entry in entries]
    assert (verified(database).records, verified(database).faults) == (101, ())


async def test_appends_that_wait_share_a_transaction(store: AuditStore, database: Path) -> None:
    wal = database.with_name("audit.db-wal")
    async with held(store):
        before = wal.stat().st_size
        together = asyncio.gather(*(store.append(call()) for _ in range(50)))
        await asyncio.sleep(0)
    await together
    at_once = wal.stat().st_size - before
    for _ in range(50):
        await store.append(call())
    assert at_once * 3 < wal.stat().st_size - before - at_once  # a commit writes its pages anew


class CountingWriter(Writer):
    """Notes how many jobs each transaction takes."""

    sizes: list[int]

    def _commit(self, jobs: list[Job], *, may_grow: bool) -> list[Outcome]:
        outcomes = super()._commit(jobs, may_grow=may_grow)
        self.sizes.append(len(outcomes))
        return outcomes


async def test_the_entries_of_one_turn_of_a_loop_share_a_transaction(database: Path) -> None:
    writer = CountingWriter(SQLiteDatabase(database), KEYS, WriterOptions())
    writer.sizes = []
    store = await AuditStore(writer).started()

    async def append_slowly() -> None:
        time.sleep(0.005)  # noqa: ASYNC251 - the writer could run meanwhile
        await store.append(call())

    await asyncio.gather(*(append_slowly() for _ in range(10)))
    await store.aclose()
    assert writer.sizes == [10]


async def test_what_comes_while_another_process_has_its_turn_joins_the_batch(
    database: Path,
) -> None:
    writer = CountingWriter(SQLiteDatabase(database), KEYS, WriterOptions())
    writer.sizes = []
    store = await AuditStore(writer).started()
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        first = asyncio.ensure_future(store.append(call()))
        await until(lambda: store.lag_s > 0.02)  # the writer has it, and waits
        others = asyncio.gather(*(store.append(call()) for _ in range(9)))
        await asyncio.sleep(0.01)
        other.execute("COMMIT")
    await asyncio.gather(first, others)
    await store.aclose()
    assert writer.sizes == [10]


def test_a_pool_gives_no_random_byte_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(range(1, 1_000))
    monkeypatch.setattr(
        "os.urandom", lambda count: b"".join(next(drawn).to_bytes(2) for _ in range(count // 2))
    )
    monkeypatch.setattr("axonflow_core.audit.keys._DRAWN_BYTES", 100)
    pool = RandomPool()
    given = [pool(size) for size in (32, 12, 32, 12, 32, 200, 12)]
    assert [len(each) for each in given] == [32, 12, 32, 12, 32, 200, 12]
    pairs = [each[at : at + 2] for each in given for at in range(0, len(each), 2)]
    assert len(set(pairs)) == len(pairs)


@asynccontextmanager
async def held(store: AuditStore) -> AsyncIterator[None]:
    """The writer is busy with a work while the block runs."""
    begun, release = threading.Event(), threading.Event()
    work = asyncio.ensure_future(store.transact(lambda _: (begun.set(), release.wait(30))))
    await until(begun.is_set)
    try:
        yield
    finally:
        release.set()
        await work


async def test_a_number_that_no_column_holds_fails_its_own_record_alone(
    store: AuditStore, database: Path
) -> None:
    good, bad = call(), call(at_us=2**63)
    async with held(store):  # so that they share a transaction
        told = asyncio.gather(store.append(bad), store.append(good), return_exceptions=True)
        await asyncio.sleep(0)
    refused, acknowledged = await told
    assert str(refused) == "the record has a number that the database cannot hold"
    assert (acknowledged, store.is_healthy, good.id in ids(database)) == (None, True, True)
    assert (verified(database).faults, bad.id in ids(database)) == ((), False)


async def test_a_caller_that_gives_up_loses_and_doubles_no_record(
    store: AuditStore, database: Path
) -> None:
    entry = call()
    waiting = asyncio.ensure_future(store.append(entry))
    await asyncio.sleep(0)
    waiting.cancel()
    await store.append(call())
    assert waiting.cancelled()
    assert ids(database).count(entry.id) == 1


async def test_an_entry_is_recorded_once(store: AuditStore, database: Path) -> None:
    entry, other = call(), call()
    results = await asyncio.gather(
        *(store.append(each) for each in (entry, entry, other)), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), AuditError, type(None)]
    assert sorted(ids(database)) == sorted([entry.id, other.id])
    assert store.is_healthy
    assert verified(database).is_valid


@pytest.mark.parametrize("fact", [object(), "\ud800", 2**70, {1: 2}])
async def test_an_entry_that_is_no_json_fails_alone(
    store: AuditStore, database: Path, fact: Any
) -> None:
    bad, good = call(facts={"fact": fact}), call()
    results = await asyncio.gather(store.append(bad), store.append(good), return_exceptions=True)
    assert [type(result) for result in results] == [AuditError, type(None)]
    assert ids(database) == [good.id]
    assert verified(database).is_valid


async def test_more_than_may_wait_are_refused_at_once(database: Path) -> None:
    async with opened(database, max_waiting=3) as store:
        async with held(store):
            waiting = [asyncio.ensure_future(store.append(call())) for _ in range(3)]
            await asyncio.sleep(0)
            with pytest.raises(AuditError, match="3 records wait"):
                await store.append(call())
            assert store.lag_s > 0
        await asyncio.gather(*waiting)
        assert store.lag_s == 0
    assert len(ids(database)) == 3


async def test_event_loops_of_several_threads_share_a_store(
    store: AuditStore, database: Path
) -> None:
    def work() -> None:
        asyncio.run(append_all(store, [call() for _ in range(20)]))

    await asyncio.gather(*(asyncio.to_thread(work) for _ in range(3)), store.append(call()))
    assert len(ids(database)) == 61
    assert verified(database).is_valid


async def test_a_closed_store_takes_nothing(database: Path) -> None:
    async with opened(database) as store:
        last = asyncio.ensure_future(store.append(call()))
        await asyncio.sleep(0)
    await last
    with pytest.raises(AuditError, match="closed"):
        await store.append(call())
    assert rows(database, "SELECT is_closed FROM heads") == [(1,)]
    assert verified(database).is_valid


# ── works ─────────────────────────────────────────────────────────────────────────────────────────

METADATA = MetaData()
CONTEXTS = Table(
    "contexts", METADATA, Column("id", String, primary_key=True), Column("uses", Integer)
)


def use(name: str) -> Callable[[Transaction], str]:
    """A work that records a call and uses a context, once."""

    def work(transaction: Transaction) -> str:
        entry = call()
        transaction.append(entry)
        transaction.execute(insert(CONTEXTS), {"id": name, "uses": 1})
        return entry.id

    return work


async def test_what_a_work_does_is_durable_when_it_returns(database: Path) -> None:
    async with opened(database, tables=METADATA) as store:
        id = await store.transact(use("c1"))
        uses = await store.read(lambda reader: reader.execute(select(CONTEXTS.c.uses)).scalar())
        assert (ids(database), uses) == ([id], 1)


async def test_a_work_that_raises_leaves_nothing_and_harms_no_other(database: Path) -> None:
    def failing(transaction: Transaction) -> None:
        use("c2")(transaction)
        raise ValueError("no")

    async with opened(database, tables=METADATA) as store:
        good, bad, twice, entry = await asyncio.gather(
            store.transact(use("c1")),
            store.transact(failing),
            store.transact(use("c1")),
            store.append(call(id="e")),
            return_exceptions=True,
        )
        assert [type(each) for each in (bad, twice, entry)] == [
            ValueError,
            IntegrityError,
            type(None),
        ]
        assert ids(database) == [good, "e"]
        assert rows(database, "SELECT id FROM contexts") == [("c1",)]
        assert store.is_healthy
    assert verified(database).is_valid


async def test_a_work_that_stops_an_iteration_is_reported(store: AuditStore) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await store.transact(lambda _: next(iter(())))
    await store.append(call())


async def test_a_reader_changes_nothing(store: AuditStore) -> None:
    with pytest.raises(AuditError, match="readonly"):
        await store.read(lambda reader: reader.execute(text("DELETE FROM records")))


# ── what is hidden ────────────────────────────────────────────────────────────────────────────────


async def test_texts_become_commitments_and_are_not_kept(store: AuditStore, database: Path) -> None:
    await store.append(call(texts={"request": "the canary sings"}))
    await store.aclose()  # which copies the WAL into the database
    assert b"canary" not in b"".join(
        path.read_bytes() for path in database.parent.glob("audit.db*") if path.is_file()
    )
    ((body,),) = rows(database, "SELECT body FROM records WHERE kind = 'call'")
    assert b'"commitments":{"request":"' in body


async def test_a_digest_becomes_a_commitment_and_is_kept_nowhere(database: Path) -> None:
    digest = "ab" * 32
    async with opened(database, keeps_texts=True) as store:
        entry = call(texts={"request": "yes"}, digests={"sent": digest})
        await store.append(entry)
        tenant = await store.transact(lambda transaction: transaction.tenant_key("acme"))
    ((wrapped, body),) = rows(
        database, "SELECT record_key, body FROM records WHERE id = ?", entry.id
    )
    key = tenant.unwrap(wrapped, entry.id)
    expected = tenant.commitments(key, {"request": "yes", "sent": digest})
    assert orjson.loads(body)["commitments"] == expected
    assert rows(database, "SELECT label FROM texts") == [("request",)]
    assert digest not in str(rows(database, "SELECT CAST(body AS TEXT) FROM records"))


async def test_equal_texts_have_unequal_commitments(store: AuditStore, database: Path) -> None:
    await append_all(store, [call(texts={"request": "yes"}) for _ in range(2)])
    found = rows(
        database, "SELECT body ->> '$.commitments.request' FROM records WHERE tenant != ''"
    )
    assert len(set(found)) == 2


async def test_a_kept_text_is_read_with_the_keys_of_tenant_and_record(database: Path) -> None:
    async with opened(database, keeps_texts=True) as store:
        entry = call(texts={"request": "the canary sings \ud800"})
        await store.append(entry)
        tenant = await store.transact(lambda transaction: transaction.tenant_key("acme"))
        ((wrapped,),) = rows(database, "SELECT record_key FROM records WHERE id = ?", entry.id)
        ((sealed,),) = rows(database, "SELECT sealed FROM texts WHERE record = ?", entry.id)
        key = tenant.unwrap(wrapped, entry.id)
        assert open_text(key, entry.id, "request", sealed) == "the canary sings \ud800"
        with pytest.raises(AuditError, match="does not decrypt"):
            open_text(key, entry.id, "answer", sealed)
        with pytest.raises(AuditError, match="does not decrypt"):
            tenant.unwrap(wrapped, "another")


async def test_a_pseudonym_lasts_and_differs_between_tenants(database: Path) -> None:
    async with opened(database) as store:
        names = [await store.pseudonym(tenant, "bob") for tenant in ("a", "a", "b")]
    async with opened(database) as store:
        again = await store.pseudonym("a", "bob")
    assert names[0] == names[1] == again != names[2]
    assert len(again) == 34 and again.startswith("u_")


async def test_a_tenants_key_is_made_once_for_all_stores(database: Path) -> None:
    async with opened(database) as one, opened(database) as other:
        names = await asyncio.gather(*(each.pseudonym("a", "bob") for each in (one, other, one)))
    assert len(set(names)) == 1


# ── when it cannot write ──────────────────────────────────────────────────────────────────────────


def allow_pages(count: int) -> Callable[[Transaction], None]:
    """A work after which the database may grow to so many pages, as on a full disk."""
    return lambda transaction: transaction.execute(text(f"PRAGMA max_page_count={count}")).close()


async def test_nothing_is_acknowledged_on_a_full_disk_and_service_resumes(
    store: AuditStore, database: Path
) -> None:
    await store.transact(allow_pages(1))
    acked: list[str] = []
    refused: list[AuditError] = []
    for number in range(60):
        entry = call(facts={"filler": "x" * 900, "n": number})
        try:
            await store.append(entry)
            acked.append(entry.id)
        except AuditError as error:
            refused.append(error)
    assert "full" in str(refused[0])
    assert "room" in str(refused[0].hint)
    assert not store.is_healthy
    await store.transact(allow_pages(100_000))
    await store.append(call(id="after"))
    assert store.is_healthy
    assert ids(database) == [*acked, "after"]
    assert verified(database).is_valid


async def test_a_head_that_somebody_changed_stops_the_writer(
    store: AuditStore, database: Path
) -> None:
    await append_all(store, [call() for _ in range(3)])
    rows(database, "DELETE FROM records WHERE seq = 4")
    rows(database, "UPDATE heads SET seq = 3")
    for _ in range(2):
        with pytest.raises(AuditError, match="head"):
            await store.append(call())
    assert not store.is_healthy
    assert len(ids(database)) == 2


@pytest.mark.thorough
async def test_a_store_that_was_locked_out_resumes_by_itself(
    store: AuditStore, database: Path
) -> None:
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(AuditError, match="locked"):
        await store.append(call())
    assert not store.is_healthy
    holder.execute("COMMIT")
    holder.close()
    await until(lambda: store.is_healthy)
    await store.append(call())
    assert verified(database).is_valid


def test_keys_are_in_no_repr(database: Path) -> None:
    assert repr(KEYS) == "Keys()"


async def test_a_work_that_finds_the_disk_full_ends_its_batch(database: Path) -> None:
    """SQLite then ends the transaction itself, with all that was in it."""

    def fill(transaction: Transaction) -> None:
        allow_pages(1)(transaction)
        try:
            for number in range(200):
                transaction.execute(insert(CONTEXTS), {"id": f"{number}" + "x" * 900, "uses": 1})
        finally:
            allow_pages(100_000)(transaction)

    async with opened(database, tables=METADATA) as store:
        async with held(store):
            both = (store.append(call(id="beside")), store.transact(fill))
            batch = asyncio.gather(*both, return_exceptions=True)
            await asyncio.sleep(0)
        results = await batch
        assert {(type(error), "full" in str(error)) for error in results} == {(AuditError, True)}
        await store.append(call(id="after"))
        assert (ids(database), store.is_healthy) == (["after"], True)
    assert rows(database, "SELECT count(*) FROM contexts") == [(0,)]
