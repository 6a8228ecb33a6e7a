"""The audit on a server of PostgreSQL: what was acknowledged is there once, whatever is cut,
stopped or used up, and writers go on by themselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from on_time import until, wait_until
from sqlalchemy import Column, Index, MetaData, String, Table, insert
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")

import psycopg
from postgres_server import CUT, Postgres

from axonflow_core.audit import databases
from axonflow_core.audit.batch import Transaction
from axonflow_core.audit.connection import WriterConnection
from axonflow_core.audit.databases import postgres as database_module
from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.places import Filter
from axonflow_core.audit.record import Kind
from axonflow_core.audit.schema import CLOSING, IN_SERIES, OPENING
from axonflow_core.audit.search import search
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import AuditError, ConfigError
from axonflow_core.keys import throwaway_keys

from .killing import found_lost, kills, stored, writing
from .making import KEYS, append_all, call, opened, verified, waits_behind_another


@pytest.mark.parametrize(
    ("index", "end"),
    [
        (IN_SERIES, "(series, at_us, cost_usd) INCLUDE (row)"),
        (OPENING, "(chain) WHERE kind = 'opened'"),
        (CLOSING, "(closes) WHERE closes IS NOT NULL"),
    ],
)
def test_indexes_have_what_postgres_can_do(index: Index, end: str) -> None:
    assert str(CreateIndex(index).compile(dialect=postgresql.dialect())).endswith(end)


@pytest.mark.thorough
async def test_two_servers_write_one_database(postgres: Postgres, url: str) -> None:
    entries = [call(texts={"request": "hello"}) for _ in range(200)]
    async with opened(database_of(url)) as one, opened(database_of(url)) as other:
        await asyncio.gather(append_all(one, entries[::2]), append_all(other, entries[1::2]))
        assert one.is_healthy and other.is_healthy
        assert await one.pseudonym("acme", "jo") == await other.pseudonym("acme", "jo")
    found = verified(database_of(url))
    assert (found.faults, found.chains) == ((), 2)
    assert {entry.id for entry in entries} <= set(stored(url))


@pytest.mark.thorough
async def test_a_record_that_the_database_does_not_hold_keeps_no_other_from_it(url: str) -> None:
    async with opened(database_of(url)) as store:
        for member in ("model", "provider", "request_type"):
            with pytest.raises(AuditError, match="a text with a NUL"):
                await store.append(call(**{member: "m\0"}))
            await store.append(call(id=f"behind-{member}", **{member: "m"}))
    assert {"behind-model", "behind-provider", "behind-request_type"} <= set(stored(url))


@pytest.mark.thorough
async def test_a_work_that_fails_takes_nothing_else_back(postgres: Postgres, url: str) -> None:
    table = Table("things", MetaData(), Column("name", String, primary_key=True))

    def keep(name: str) -> Callable[[Transaction], None]:
        def work(transaction: Transaction) -> None:
            transaction.append(call(id=f"with-{name}"))
            transaction.execute(insert(table).values(name=name))

        return work

    async with opened(database_of(url), tables=table.metadata) as store:
        results = await asyncio.gather(
            *map(store.transact, map(keep, ("a", "b", "a", "c"))),
            store.append(call(id="one")),
            return_exceptions=True,
        )
        assert [isinstance(each, Exception) for each in results] == [
            False,
            False,
            True,
            False,
            False,
        ]
        with pytest.raises(AuditError, match="is there already"):
            await store.append(call(id="one"))
        with pytest.raises(AuditError, match="cannot be written"):
            await store.append(call(at_us=2**70))
        await store.append(call(id="two"))
    there = [id for id in stored(url) if "-" in id or id in ("one", "two")]
    assert sorted(there) == ["one", "two", "with-a", "with-b", "with-c"]
    assert verified(database_of(url)).faults == ()


@pytest.mark.thorough
async def test_what_is_wrong_with_a_server_is_said_with_what_to_do(
    postgres: Postgres, url: str
) -> None:
    async with opened(database_of(url)):
        pass
    with pytest.raises(ConfigError, match="another master key"):
        await AuditStore.open(url, throwaway_keys())
    with pytest.raises(AuditError, match="does not exist") as none:
        await AuditStore.open(url.replace("/audit_", "/nowhere_"), KEYS)
    assert "make the database" in str(none.value.hint)
    secret = "postgresql://jo:hush@127.0.0.1:1/audit"
    with pytest.raises(AuditError, match="cannot open") as refused:
        await AuditStore.open(secret, KEYS)
    assert "hush" not in str(refused.value) and "start the server" in str(refused.value.hint)
    postgres.run("ALTER TABLE records RENAME TO gone", url=url)
    with pytest.raises(ConfigError, match="has lost tables"):
        await AuditStore.open(url, KEYS)


@pytest.mark.thorough
async def test_a_change_of_a_record_is_found(postgres: Postgres, url: str) -> None:
    async with opened(database_of(url)) as store:
        await append_all(store, [call(id="a"), call(id="b")])
    assert verified(database_of(url)).faults == ()
    postgres.run("UPDATE records SET model = 'other' WHERE id = 'a'", url=url)
    (fault,) = verified(database_of(url)).faults
    assert fault.id == "a" and "column model" in fault.what


VERSION_4 = (
    "DROP TABLE terms, series",
    "ALTER TABLE records DROP COLUMN series, DROP COLUMN cost_usd",
    "UPDATE settings SET value = '4' WHERE name = 'version'",
)
SLOW = (
    "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN PERFORM pg_sleep(2.5); RETURN NULL; END $$",
    "CREATE TRIGGER slow BEFORE UPDATE ON records EXECUTE FUNCTION slow()",
)


@pytest.mark.thorough
async def test_an_older_database_is_brought_up_to_date_however_long_a_statement_takes(
    postgres: Postgres, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_of(url)) as store:
        await store.append(call(id="old", rules=("pii",)))
    for statement in (*VERSION_4, *SLOW):
        postgres.run(statement, url=url)
    with pytest.raises(ConfigError, match="version 4"):
        verified(database_of(url))
    with monkeypatch.context() as patch:
        patch.setattr(database_module, "STATEMENT_MS", 2_000)
        async with opened(database_of(url)):
            pass
    async with opened(database_of(url)) as store:
        await store.append(call(id="new", rules=("pii",)))
        found = (await search(store, "acme", Filter(rule="pii"))).records
    assert sorted(one.entry.id for one in found) == ["new", "old"]
    assert verified(database_of(url)).is_valid


@pytest.mark.thorough
async def test_whoever_opens_behind_another_waits_for_longer_than_a_statement_may_take(
    url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "STATEMENT_MS", 500)
    monkeypatch.setattr(databases, "TELL_S", 0.1)
    await waits_behind_another(database_of(url), caplog, seconds=1)


# ── writers that end ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.thorough
async def test_the_streams_of_a_silent_writer_are_recorded_as_interrupted(
    postgres: Postgres, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "SILENT_S", 0)
    dead = AuditStore(_silent(url))
    await dead.started()
    await dead.append(call(id="open", kind=Kind.OPENED))
    async with opened(database_of(url)) as store:
        (closing,) = postgres.run("SELECT kind FROM records WHERE closes = 'open'", url=url)
        assert closing == (Kind.INTERRUPTED.value,)
        # It lives after all: what it writes stands in another chain.
        before = dead.chain
        with pytest.raises(AuditError):
            await dead.append(call(id="late"))
        await until(lambda: dead.is_healthy and dead.chain != before)
        await dead.append(call(id="later"))
        assert store.is_healthy
    await dead.aclose()
    assert verified(database_of(url)).faults == ()
    assert "later" in stored(url) and "late" not in stored(url)


def _silent(url: str):  # type: ignore[no-untyped-def]
    from axonflow_core.audit.writer import Writer, WriterOptions

    return Writer(database_of(url), KEYS, WriterOptions())


@pytest.mark.thorough
async def test_a_writer_that_says_that_it_lives_keeps_its_streams(
    postgres: Postgres, url: str
) -> None:
    """The control of the test above."""
    async with opened(database_of(url)) as one:
        await one.append(call(id="open", kind=Kind.OPENED))
        async with opened(database_of(url)):
            assert postgres.run("SELECT 1 FROM records WHERE closes = 'open'", url=url) == []


@pytest.mark.thorough
async def test_a_writer_that_pauses_in_its_turn_loses_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = database_of(url)
    async with opened(database) as store:
        monkeypatch.setattr(database_module, "PAUSE_S", 1)
        engine = database.writing_engine()
        pausing = WriterConnection(engine, database)
        database.take_turn(pausing.driver)
        await store.append(call(id="next"))
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            pausing.driver.execute("SELECT 1")
        pausing.close()
        engine.dispose()
    assert "next" in stored(url)


# ── what fails ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.thorough
def test_a_kill_of_servers_loses_nothing_that_was_acknowledged(
    postgres: Postgres, tmp_path: Path
) -> None:
    kills(postgres.new_database, tmp_path, 2, seed=1)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_kills_of_servers_lose_nothing(
    postgres: Postgres, tmp_path: Path, seed: int
) -> None:
    kills(postgres.new_database, tmp_path, 10, seed=seed)


def until_written_again(url: str) -> None:
    """Returns once there are more records than now."""
    seen = len(stored(url))
    wait_until(lambda: len(stored(url)) > seen)


def cuts(postgres: Postgres, url: str, folder: Path, every_s: float, seconds: float) -> None:
    with writing(url, folder) as processes:
        number, until_s = 0, time.monotonic() + seconds
        while time.monotonic() < until_s or number < 3:
            number += postgres.cut()
            time.sleep(every_s)
        until_written_again(url)
        acked = processes.kill()
    lost = found_lost(url, acked)
    print(f"{number} connections cut: {len(acked)} acknowledged, {lost} lost")  # noqa: T201
    assert lost == 0


@pytest.mark.thorough
def test_connections_that_are_cut_lose_nothing(
    postgres: Postgres, url: str, tmp_path: Path
) -> None:
    cuts(postgres, url, tmp_path, 0.5, 4)


@pytest.mark.exhaustive
def test_connections_that_are_cut_for_a_minute_lose_nothing(
    postgres: Postgres, url: str, tmp_path: Path
) -> None:
    cuts(postgres, url, tmp_path, 2, 60)


def restarts(postgres: Postgres, url: str, folder: Path, count: int) -> None:
    postgres.require_own()
    with writing(url, folder) as processes:
        for _ in range(count):
            postgres.stop()
            time.sleep(2)
            postgres.start()
            until_written_again(url)
        acked = processes.kill()
    lost = found_lost(url, acked)
    print(f"{count} restarts: {len(acked)} acknowledged, {lost} lost")  # noqa: T201
    assert lost == 0


@pytest.mark.thorough
def test_a_server_that_is_started_again_is_gone_on_with(
    postgres: Postgres, url: str, tmp_path: Path
) -> None:
    restarts(postgres, url, tmp_path, 1)


@pytest.mark.exhaustive
def test_a_server_that_is_started_again_and_again_loses_nothing(
    postgres: Postgres, url: str, tmp_path: Path
) -> None:
    restarts(postgres, url, tmp_path, 5)


@contextmanager
def used_up(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Every connection of the server is another's, the audit's are cut. One of the others."""
    with ExitStack() as held:
        first = held.enter_context(psycopg.connect(url, autocommit=True))
        _take_all(held, url)
        while first.execute(CUT).fetchall():  # the audit may have been faster
            _take_all(held, url)
        yield first


def _take_all(held: ExitStack, url: str) -> None:
    with suppress(psycopg.OperationalError):
        while True:
            held.enter_context(psycopg.connect(url))


@pytest.mark.thorough
async def test_where_connections_are_used_up_the_audit_refuses_and_recovers(
    postgres: Postgres, url: str
) -> None:
    async with opened(database_of(url)) as store:
        await store.append(call())
        with used_up(url):
            with pytest.raises(AuditError, match="cannot write"):
                await store.append(call())
            assert not store.is_healthy
        await until(lambda: store.is_healthy)
        await store.append(call(id="after"))
    assert "after" in stored(url) and verified(database_of(url)).faults == ()


@pytest.mark.exhaustive
def test_servers_whose_connections_are_used_up_lose_nothing_and_recover(
    postgres: Postgres, url: str, tmp_path: Path
) -> None:
    count = "SELECT count(*) FROM records"
    with writing(url, tmp_path) as processes:
        for _ in range(3):
            with used_up(url) as other:
                time.sleep(1)
                before = other.execute(count).fetchone()
                time.sleep(5)
                assert other.execute(count).fetchone() == before
            until_written_again(url)
        acked = processes.kill()
    lost = found_lost(url, acked)
    print(f"3 times used up: {len(acked)} acknowledged, {lost} lost")  # noqa: T201
    assert lost == 0


@pytest.mark.thorough
async def test_the_audit_has_a_bounded_number_of_connections(postgres: Postgres, url: str) -> None:
    async with opened(database_of(url)) as store:

        async def read() -> None:
            await store.read(lambda connection: connection.exec_driver_sql("SELECT pg_sleep(0.01)"))

        await asyncio.gather(
            *(store.append(call()) for _ in range(300)), *(read() for _ in range(50))
        )
        (count,) = postgres.run(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE application_name = 'axonflow-audit' AND datname = current_database()",
            url=url,
        )
        assert count[0] <= 3
