"""Heads that stay in the database, and databases of older releases, which get them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from axonflow_core.audit import batch, databases, finding
from axonflow_core.audit.chain import Head
from axonflow_core.audit.databases import migrations
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.places import Filter
from axonflow_core.audit.schema import VERSION
from axonflow_core.audit.search import search
from axonflow_core.audit.verify import seals_of
from axonflow_core.errors import AuditError, ConfigError
from axonflow_core.frozen import evolve

from .making import KEYS, append_all, call, opened, rows, verified


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "SEALED", 10)


async def test_a_head_stays_behind_every_so_many_records_and_at_the_end(database: Path) -> None:
    async with opened(database) as store:
        for _ in range(25):
            await store.append(call())
    with SQLiteDatabase(database).reading() as connection:
        heads = [seal.head for seal in seals_of(connection)]
    assert [(head.seq, head.is_closed) for head in heads] == [(10, False), (20, False), (26, True)]
    assert verified(database).faults == ()


async def test_a_chain_may_end_where_a_head_stays(database: Path) -> None:
    async with opened(database) as store:
        for _ in range(9):  # the first record of a chain is the writer's
            await store.append(call())
    ((is_closed,),) = rows(database, "SELECT is_closed FROM heads")
    assert is_closed and verified(database).faults == ()


def test_a_head_stays_at_the_end_of_a_day() -> None:
    noon = 1_790_000_000_000_000
    before = Head("c", seq=3, at_us=noon)
    assert batch.is_sealed(before, evolve(before, seq=4, at_us=noon + 86_400_000_000))
    assert not batch.is_sealed(before, evolve(before, seq=4, at_us=noon + 1))
    assert not batch.is_sealed(Head("c"), Head("c", seq=1, at_us=noon))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE seals SET hash = zeroblob(32) WHERE seq = 10",
        "UPDATE seals SET count = 11 WHERE seq = 10",
        "UPDATE seals SET key = 'mine' WHERE seq = 10",
        "UPDATE seals SET seq = 11 WHERE seq = 10",
    ],
)
async def test_a_seal_that_was_changed_is_found(database: Path, change: str) -> None:
    async with opened(database) as store:
        for _ in range(12):
            await store.append(call())
    assert verified(database).is_valid
    rows(database, change)
    (fault,) = verified(database).faults
    assert "earlier head" in fault.what or "signed" in fault.what


# ── older databases ───────────────────────────────────────────────────────────────────────────────


async def of_version_1(database: Path) -> None:
    """A database as the first release made them."""
    async with opened(database) as store:
        await append_all(store, [call(id=f"old-{n}", rules=("pii",)) for n in range(5)])
    for statement in (
        "DROP TABLE seals",
        "DROP TABLE exports",
        "DROP TABLE holds",
        "DROP TABLE beginnings",
        "ALTER TABLE heads DROP COLUMN has_lost_key",
        "DROP TABLE series",
        "DROP TABLE terms",
        "DROP INDEX records_of_a_series",
        "ALTER TABLE records DROP COLUMN series",
        "ALTER TABLE records DROP COLUMN cost_usd",
        "UPDATE settings SET value = CAST('1' AS BLOB) WHERE name = 'version'",
    ):
        rows(database, statement)


async def test_an_older_database_is_brought_up_to_date_by_whoever_opens_it(database: Path) -> None:
    await of_version_1(database)
    with pytest.raises(ConfigError, match="version 1") as older:
        verified(database)
    assert "start the server once" in str(older.value.hint)
    async with opened(database) as store:
        await store.append(call(id="new"))
    found = verified(database)
    assert (found.faults, found.chains) == ((), 2)
    assert rows(database, "SELECT count(*) FROM records WHERE id LIKE 'old-%' OR id = 'new'") == [
        (6,)
    ]
    assert rows(database, "SELECT version_num FROM alembic_version") == [(str(VERSION),)]


async def test_records_of_an_older_database_are_found(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await of_version_1(database)
    monkeypatch.setattr(finding, "SLICE", 2)
    async with opened(database) as store:
        await store.append(call(id="new", rules=("pii",)))
        for wanted in (Filter(rule="pii"), Filter(client="shop")):
            found = [one.entry.id for one in (await search(store, "acme", wanted)).records]
            assert sorted(found) == ["new", *(f"old-{n}" for n in range(5))]


async def test_what_is_brought_up_to_date_says_how_far_it_is(
    database: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await of_version_1(database)
    monkeypatch.setattr(finding, "SLICE", 2)
    monkeypatch.setattr(databases, "TELL_S", 0.0)
    async with opened(database):
        pass
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith("the audit's tables are brought from version 1 to 5")
    rows_told = [f"the audit's tables are brought up to date: row {row} of 6" for row in (2, 4, 6)]
    assert said[1:] == [*rows_told, "the audit's tables are up to date"]


async def test_several_that_open_it_at_once_bring_it_up_to_date_once(database: Path) -> None:
    await of_version_1(database)

    async def use() -> None:
        async with opened(database) as store:
            await store.append(call())

    await asyncio.gather(*(use() for _ in range(4)))
    assert (verified(database).faults, verified(database).chains) == ((), 5)


async def test_a_migration_that_fails_leaves_the_older_database(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await of_version_1(database)
    before = rows(database, "SELECT name FROM sqlite_master ORDER BY name")

    def failing(connection: object) -> None:
        upgrade(connection)  # type: ignore[arg-type]
        raise AuditError("no room")

    upgrade = migrations.upgrade
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "upgrade", failing)
        with pytest.raises(AuditError, match="no room"):
            async with opened(database):
                pass
    assert rows(database, "SELECT name FROM sqlite_master ORDER BY name") == before
    async with opened(database):
        pass
    assert verified(database).is_valid


async def test_a_new_database_and_one_that_was_brought_up_to_date_have_the_same_tables(
    database: Path, tmp_path: Path
) -> None:
    async with opened(tmp_path / "new.db"):
        pass
    await of_version_1(database)
    async with opened(database, KEYS):
        pass

    def columns(path: Path) -> list[object]:
        return rows(
            path,
            'SELECT m.name, c.name, c.type, c."notnull", c.pk FROM sqlite_master AS m'
            " JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table'"
            " AND m.name <> 'alembic_version' ORDER BY 1, 2",
        )

    assert columns(database) == columns(tmp_path / "new.db")
