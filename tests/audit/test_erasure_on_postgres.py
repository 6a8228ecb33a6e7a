"""Erasure, holds and the keys of tenants on a server of PostgreSQL."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")

from postgres_server import Postgres

from axonflow_core.audit import erasure, holds, writer
from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.holds import Hold
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import AuditError, RequestError

from .making import append_all, call, opened, until, verified
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
        names = {await store.pseudonym("acme", "jo") for store in (busy, idle, command)}
        writing = [asyncio.ensure_future(_write(busy)) for _ in range(2)]
        for _ in range(3):
            await asyncio.sleep(0.02)
            try:
                await destroy(command, "acme")
            except RequestError:
                continue
        await asyncio.gather(*writing)
        await until(lambda: idle.losses > 0)
        names |= {await store.pseudonym("acme", "jo") for store in (busy, idle, command)}
        assert len(names) == 2 and busy.is_healthy and idle.is_healthy
        with pytest.raises(AuditError, match="covers records of the tenant acme"):
            await command.transact(
                partial(holds.add, hold=Hold(name="all", reason="everything stays"))
            )
            await destroy(command, "acme")
    assert verified(database_of(url)).is_valid


async def _write(store: AuditStore) -> None:
    for _ in range(40):
        await store.append(call(texts={"request": "x"}))
