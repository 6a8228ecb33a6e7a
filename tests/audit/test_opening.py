"""What a store finds when it opens: what makes a database unfit, other chains, open streams."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from attrs import evolve
from sqlalchemy import text

from axonflow_core.audit import databases
from axonflow_core.audit.databases.locks import folder_of
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.databases.urls import path_of
from axonflow_core.audit.keys import Signer
from axonflow_core.audit.record import Kind
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import AuditError, AxonFlowError, ConfigError
from axonflow_core.keys import throwaway_keys

from .making import (
    KEYS,
    append_all,
    call,
    content,
    opened,
    put,
    rows,
    verified,
    waits_behind_another,
)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://db/audit", "does not work on mysql"),
        ("sqlite+aiosqlite:///a.db", "does not work on sqlite\\+aiosqlite"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///a.db?mode=ro", "names no file"),
        ("audit.db", "is no URL"),
    ],
)
def test_a_url_that_the_audit_does_not_work_on_is_refused(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        path_of(url)
    assert "sqlite:///" in str(caught.value.hint)


async def test_a_url_opens_the_file_that_it_names(tmp_path: Path) -> None:
    store = await AuditStore.open(f"sqlite:///{tmp_path}/records.db", KEYS)
    await store.aclose()
    assert (tmp_path / "records.db").stat().st_mode & 0o777 == 0o600


async def refusal(path: Path, keys: object = KEYS) -> AxonFlowError:
    """The error that opening the database ends with."""
    with pytest.raises((ConfigError, AuditError)) as caught:
        async with opened(path, keys):  # type: ignore[arg-type]
            pass
    assert caught.value.hint
    return caught.value


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    error = await refusal(tmp_path / "nowhere" / "audit.db")
    assert "there is no folder" in str(error)
    assert str(error.hint).startswith("mkdir -p ")


async def test_what_is_no_database_is_not_touched(database: Path) -> None:
    put(database, b"dear diary")
    assert "is not an SQLite database" in str(await refusal(database))
    assert content(database) == b"dear diary"


async def test_a_database_of_another_program_is_refused(database: Path) -> None:
    rows(database, "CREATE TABLE songs (name)")
    assert "is not a database of the audit" in str(await refusal(database))


async def test_a_database_that_became_empty_is_not_made_anew(database: Path) -> None:
    async with opened(database):
        pass
    put(database, b"")
    assert "is empty" in str(await refusal(database))


async def test_a_database_that_is_gone_from_its_wal_is_not_made_anew(database: Path) -> None:
    put(database.with_name("audit.db-wal"), b"frames")
    assert "is gone" in str(await refusal(database))
    assert content(database) is None


async def test_a_damaged_page_is_found(database: Path) -> None:
    async with opened(database) as store:
        await append_all(store, [call() for _ in range(200)])
    put(database, os.urandom(40 * 4096), at=5 * 4096)
    assert isinstance(await refusal(database), AuditError)


async def test_a_lost_table_is_named(database: Path) -> None:
    async with opened(database):
        pass
    rows(database, "DROP TABLE heads")
    assert "has lost tables" in str(await refusal(database))


async def test_tables_of_another_version_are_refused(database: Path) -> None:
    async with opened(database):
        pass
    rows(database, "UPDATE settings SET value = ? WHERE name = 'version'", b"99")
    assert "version 99" in str(await refusal(database))


async def test_another_master_key_is_refused(database: Path) -> None:
    async with opened(database):
        pass
    other = evolve(KEYS, master=b"n" * 32)
    assert "another master key" in str(await refusal(database, other))


async def test_a_signing_key_that_nobody_knows_is_refused(database: Path) -> None:
    async with opened(database):
        pass
    new = evolve(KEYS, signing=throwaway_keys().signing)
    assert "not known" in str(await refusal(database, new))
    rotated = evolve(new, verify=(Signer(KEYS).public_key,))
    async with opened(database, rotated) as store:
        await store.append(call())
    assert verified(database, rotated).is_valid
    assert not verified(database, new).is_valid


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
async def test_a_database_that_may_not_be_written_is_named(database: Path) -> None:
    async with opened(database):
        pass
    os.chmod(database, 0o400)  # noqa: PTH101
    assert "cannot be written" in str(await refusal(database))


async def test_stores_that_open_at_once_make_one_database(database: Path) -> None:
    stores = await asyncio.gather(
        *(AuditStore.open(f"sqlite:///{database}", KEYS) for _ in range(4))
    )
    await asyncio.gather(*(append_all(store, [call() for _ in range(20)]) for store in stores))
    await asyncio.gather(*(store.aclose() for store in stores))
    found = verified(database)
    assert (found.records, found.chains, found.faults) == (84, 4, ())


# ── other chains ──────────────────────────────────────────────────────────────────────────────────


def first_facts(path: Path) -> list[dict[str, dict[str, list[object]]]]:
    """The facts of each chain's first record, the oldest chain first."""
    bodies = rows(path, "SELECT body FROM records WHERE kind = 'chain' ORDER BY row")
    return [orjson.loads(body)["facts"] for (body,) in bodies]


async def test_a_chain_begins_by_naming_what_no_other_named(database: Path) -> None:
    chains = []
    for _ in range(3):
        async with opened(database) as store:
            await store.append(call())
            chains.append(store.chain)
    named = [list(facts["heads"]) for facts in first_facts(database)]
    assert named == [[], chains[:1], chains[1:2]]
    assert verified(database).is_valid


async def test_a_chain_that_went_on_is_named_again(database: Path) -> None:
    async with opened(database) as long:
        async with opened(database):
            pass
        await long.append(call())
        async with opened(database):
            pass
    seen = [facts["heads"].get(long.chain, [None])[0] for facts in first_facts(database)]
    assert seen == [None, 1, 2]
    assert verified(database).is_valid


# ── open streams ──────────────────────────────────────────────────────────────────────────────────


def interrupted(path: Path) -> list[str]:
    """The ids of the `opened` records that an `interrupted` one closes."""
    return [id for (id,) in rows(path, "SELECT closes FROM records WHERE kind = 'interrupted'")]


async def test_a_stream_that_its_writer_left_open_is_recorded_once_as_interrupted(
    database: Path,
) -> None:
    async with opened(database) as store:
        left = call(kind=Kind.OPENED, user="u_1", model="m", facts={"input_tokens": 7})
        done = call(kind=Kind.OPENED)
        await append_all(store, [left, done, call(closes=done.id)])
    for _ in range(2):
        async with opened(database):
            assert interrupted(database) == [left.id]
    ((body,),) = rows(database, "SELECT body FROM records WHERE kind = 'interrupted'")
    record = orjson.loads(body)
    assert (record["user"], record["model"], record["verdict"]) == ("u_1", "m", "error")
    assert record["facts"] == {"opened": {"input_tokens": 7}, "is_lower_bound": True}
    assert verified(database).is_valid


async def test_a_stream_of_a_writer_that_lives_is_left_alone(database: Path) -> None:
    async with opened(database) as store:
        await store.append(call(kind=Kind.OPENED, id="s1"))
        async with opened(database):
            assert interrupted(database) == []
    async with opened(database):
        assert interrupted(database) == ["s1"]


async def test_whoever_opens_behind_another_waits_and_says_so(
    database: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "TELL_S", 0.0)
    await waits_behind_another(SQLiteDatabase(database), caplog)


async def test_locks_of_writers_that_ended_are_cleared_away(database: Path) -> None:
    async with opened(database) as store:
        dead = folder_of(database) / "01234567890123456789"
        dead.touch()
        assert (folder_of(database) / store.chain).exists()
    assert sorted(path.name for path in folder_of(database).iterdir()) == [dead.name, "opening"]


def test_the_journal_is_a_wal_and_every_commit_is_synchronous(database: Path) -> None:
    async def pragmas() -> list[object]:
        async with opened(database) as store:
            return [
                await store.transact(
                    lambda t, name=name: t.execute(text(f"PRAGMA {name}")).scalar()
                )
                for name in ("journal_mode", "synchronous")
            ]

    assert asyncio.run(pragmas()) == ["wal", 2]
    assert sqlite3.connect(database).execute("PRAGMA journal_mode").fetchone() == ("wal",)


_READS = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('{}').fetchone())"


def read_elsewhere(path: Path) -> int:
    """How many records another process finds, which opens the database and closes it again."""
    command = [sys.executable, "-c", _READS.format("SELECT count(*) FROM records"), str(path)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


async def test_whoever_looks_at_the_file_leaves_the_locks_of_a_store_to_it(database: Path) -> None:
    """Else the next process that closes the database removes the WAL, and what is committed in
    it."""
    async with opened(database) as store:
        await append_all(store, [call() for _ in range(3)])
        here = SQLiteDatabase(database)
        here.require_there()
        here._has_any([b"what nobody wrote"])
        known = read_elsewhere(database)
        await append_all(store, [call() for _ in range(3)])
        assert read_elsewhere(database) == known + 3


async def test_closing_the_file_by_other_ways_loses_them(database: Path) -> None:
    """The control."""
    async with opened(database) as store:
        await append_all(store, [call() for _ in range(3)])
        content(database)
        read_elsewhere(database)
        assert not database.with_name(f"{database.name}-wal").exists()
