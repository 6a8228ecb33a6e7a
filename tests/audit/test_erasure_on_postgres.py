"""Erasure, holds, the keys of tenants and retention on a server of PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest
from on_time import until

pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")

from postgres_server import Postgres

from axonflow_core.audit import batch, erasure, holds, retention, writer
from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.holds import Hold
from axonflow_core.audit.record import Kind
from axonflow_core.audit.retention import removal
from axonflow_core.audit.same_call import of_same_calls
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import AuditError, RequestError

from .making import append_all, call, opened, verified
from .test_erasure import destroy, erase

pytestmark = pytest.mark.thorough


async def test_a_record_and_its_texts_are_erased_while_a_server_writes(
    postgres: Postgres, url: str
) -> None:
    database = database_of(url)
    async with opened(database, keeps_texts=True) as server, opened(database_of(url)) as command:
        await server.append(call(id="r", texts={"request": "said"}))
        await server.append(call(id="held", client="other", texts={"request": "said"}))
        hold = Hold(name="case 7", reason="a dispute", client="other")
        await command.transact(partial(holds.add, hold=hold))
        later = [call(texts={"request": "x"}) for _ in range(50)]
        outcome, again, _ = await asyncio.gather(
            erase(command, "r", "held", "none"),
            erase(command, "r"),
            append_all(server, later),
        )
        assert (outcome.erased, outcome.held, outcome.unknown) == (1, {"case 7": 1}, ("none",))
        assert (again.erased, again.empty) == (0, 1)
        assert "WAL" in str(database.wipe(outcome.traces))
    query = "SELECT id, record_key IS NULL FROM records WHERE id IN ('r', 'held') ORDER BY id"
    assert postgres.run(query, url=url) == [("held", False), ("r", True)]
    assert postgres.run("SELECT count(*) FROM texts WHERE record = 'r'", url=url) == [(0,)]
    assert verified(database).is_valid


async def test_a_person_is_erased_in_slices(
    postgres: Postgres, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "MAX_IDS", 10)
    monkeypatch.setattr(erasure, "_ROWS", 25)
    async with opened(database_of(url)) as store:
        name = await store.pseudonym("acme", "jo")
        entries = [call(user=name if n % 2 else None, texts={"r": "x"}) for n in range(100)]
        await append_all(store, entries)
        outcome = await erasure.erase_person(store, {"acme": name}, command="c")
        assert outcome.erased == 50 and len(outcome.records) > 4
        assert (await erasure.erase_person(store, {"acme": name}, command="c")).erased == 0
    assert verified(database_of(url)).is_valid


async def test_servers_forget_a_destroyed_key_whether_they_write_or_not(
    postgres: Postgres, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LOOK_S", 0.05)
    async with (
        opened(database_of(url)) as busy,
        opened(database_of(url)) as idle,
        opened(database_of(url)) as command,
    ):
        stores = (busy, idle, command)
        before = {await store.pseudonym("acme", "jo") for store in stores}
        writing = [asyncio.ensure_future(_write(busy)) for _ in range(2)]
        for _ in range(3):
            await asyncio.sleep(0.02)
            try:
                await destroy(command, "acme")
            except RequestError:
                continue
        await asyncio.gather(*writing)
        await until(lambda: idle.losses > 0)
        after = before
        async with asyncio.timeout(30):
            while before & after or len(after) > 1:
                await asyncio.sleep(0.02)
                after = {await store.pseudonym("acme", "jo") for store in stores}
        assert busy.is_healthy and idle.is_healthy
        with pytest.raises(AuditError, match="covers records of the tenant acme"):
            await command.transact(
                partial(holds.add, hold=Hold(name="all", reason="everything stays"))
            )
            await destroy(command, "acme")
    assert verified(database_of(url)).is_valid


async def _write(store: AuditStore) -> None:
    for _ in range(40):
        await store.append(call(texts={"request": "x"}))


async def test_the_other_records_of_a_call_are_found(url: str) -> None:
    async with opened(database_of(url)) as store:
        await store.append(call(id="opened", kind=Kind.OPENED))
        await store.append(call(id="call", closes="opened", texts={"request": "\0"}))
        await store.append(call(id="shadow", facts={"shadow_of": "call"}))
        await store.append(call(id="other", facts={"shadow_of": "another"}))
        find = partial(of_same_calls, ids=["opened"], tenant="acme")
        assert await store.read(find) == ["opened", "call", "shadow"]


async def test_segments_are_removed_while_servers_write(
    postgres: Postgres, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "SEALED", 10)
    monkeypatch.setattr(retention, "MAX_RECORDS", 15)
    async with opened(database_of(url), keeps_texts=True) as one, opened(database_of(url)) as other:
        for number in range(39):
            await one.append(call(id=f"r{number}", texts={"request": "x"}))
        hold = Hold(name="case 7", reason="a dispute", client="held")
        await other.transact(partial(holds.add, hold=hold))
        later = [call() for _ in range(40)]
        before_us = time.time_ns() // 1_000
        (planned, removals), _ = await asyncio.gather(
            removal(other, before_us, command="audit retain"), append_all(one, later)
        )
        assert (planned.count, len(removals)) == (40, 4)
    left = postgres.run("SELECT count(*) FROM records WHERE id LIKE 'r%'", url=url)
    texts = postgres.run("SELECT count(*) FROM texts", url=url)
    found = verified(database_of(url))
    assert (left, texts, found.removed, found.faults) == ([(0,)], [(0,)], 40, ())
