"""A copy has every proof of its source, wherever it was cut short; and nothing else is taken for
one."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from postgres_server import shared
from sqlalchemy import select

from axonflow_core.audit import copying, holds
from axonflow_core.audit.anchors import HeadFile, heads_in
from axonflow_core.audit.copying import Copied, copy
from axonflow_core.audit.databases import Database
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.export import Exporter, ExportFolder, Form, note
from axonflow_core.audit.exported import verify_export
from axonflow_core.audit.holds import Hold
from axonflow_core.audit.keys import Signer
from axonflow_core.audit.record import Kind
from axonflow_core.audit.retention import removal
from axonflow_core.audit.schema import RECORDS, TABLES
from axonflow_core.audit.store import AuditStore
from axonflow_core.audit.verify import verify
from axonflow_core.errors import AuditError, ConfigError
from axonflow_core.modes import contexts
from axonflow_core.server import history
from axonflow_core.server.service import tables

from .making import KEYS, append_all, call, opened, rows, verified
from .test_erasure import erase

PUBLIC = Signer(KEYS).public_keys
IN_PAGES = Path(__file__).parent / "copy_in_pages.py"


@frozen
class Place:
    """A new database to copy to."""

    database: Database
    url: str


def new_file(folder: Path) -> Place:
    url = f"sqlite:///{folder}/copy.db"
    return Place(database_of(url), url)


def on_a_server() -> Place:
    url = shared().new_database()
    return Place(database_of(url), url)


@pytest.fixture
def file(tmp_path: Path) -> Place:
    return new_file(tmp_path)


@pytest.fixture(params=["a file", pytest.param("a server", marks=pytest.mark.thorough)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return new_file(tmp_path) if request.param == "a file" else on_a_server()


@pytest.fixture
def source(database: Path) -> SQLiteDatabase:
    return SQLiteDatabase(database)


def anchor(database: Path) -> Path:
    return database.with_name("heads")


async def record(source: SQLiteDatabase, count: int = 40) -> None:
    """An audit of three chains, in which something of each kind stands."""
    places = (HeadFile(anchor(source.path)),)
    given: dict[str, Any] = {"tables": tables(), "places": places}
    async with opened(source, keeps_texts=True, **given) as store:
        user = await store.pseudonym("acme", "ann")
        said = [
            call(id=f"r{number}", user=user, rules=("pii",), texts={"request": "said"})
            for number in range(count)
        ]
        await append_all(store, said)
        await store.append(call(id="open", kind=Kind.OPENED))
        await erase(store, "r1", "r2")
        await store.transact(partial(holds.add, hold=Hold(name="case", reason="x", client="c")))
        await store.transact(
            lambda transaction: contexts.keep(
                transaction,
                contexts.Context(
                    id="context",
                    tenant="acme",
                    client="shop",
                    check_id="r3",
                    policy="p",
                    expires_us=2**60,
                ),
            )
        )
        await store.transact(
            lambda transaction: history.add(
                transaction, history.Archive(KEYS.server), history.Written(None), who="x", after=0
            )
        )
    async with opened(source, **given) as store:
        await store.append(call(tenant="globex", texts={"request": "more"}))
        await carried_out(store, source.path.with_name("exported"), 20)
    async with opened(source, **given) as store:
        await store.append(call())


async def carried_out(store: AuditStore, folder: Path, most: int) -> None:
    exporter = Exporter(ExportFolder(folder), Signer(KEYS), Form.RECORDS)
    manifest = await store.read(lambda connection: exporter.step(connection, most))
    assert manifest is not None
    await store.transact(lambda transaction: note(transaction, "default", manifest))


def copied(source: Database, target: Database, **more: Any) -> Copied:
    return copy(source, target, tables(), PUBLIC, **more)


def content(database: Database) -> dict[str, set[tuple[Any, ...]]]:
    """Table -> its rows."""
    every = [*TABLES.sorted_tables, *tables().sorted_tables]
    with database.reading() as connection:
        return {t.name: set(map(tuple, connection.execute(select(t)))) for t in every}


async def test_a_copy_has_every_row_and_every_proof(source: SQLiteDatabase, target: Place) -> None:
    await record(source)
    before = content(source)
    heads = list(heads_in(anchor(source.path)))
    made = copied(source, target.database, anchors=heads)
    assert content(target.database) == before
    assert all(before[name] for name in ("records", "heads", "seals", "terms", "texts", "holds"))
    assert all(before[name] for name in ("exports", "tenant_keys", "contexts", "generations"))
    assert made.rows == {name: len(rows) for name, rows in before.items() if name != "settings"}
    assert made.found == verified(source) and made.found.is_valid


async def test_a_server_an_export_and_an_anchor_go_on_in_the_copy(
    source: SQLiteDatabase, target: Place
) -> None:
    await record(source)
    copied(source, target.database)
    database, heads = target.database, HeadFile(anchor(source.path))
    last_row = max(row for (row,) in rows(source.path, "SELECT row FROM records"))
    async with opened(database, keeps_texts=True, places=(heads,), tables=tables()) as store:
        user = await store.pseudonym("acme", "ann")
        await store.append(call(id="next", user=user, texts={"request": "said"}))
        with pytest.raises(AuditError, match="is there already"):
            await store.append(call(id="r5"))
        await erase(store, "r5")
        await carried_out(store, source.path.with_name("exported"), 1_000)
    with database.reading() as connection:
        anchors = list(heads_in(anchor(source.path)))
        assert verify(connection, PUBLIC, anchors=anchors).is_valid
        found = {row.id: row for row in connection.execute(select(RECORDS))}
    assert (found["next"].user, found["next"].row > last_row) == (found["r5"].user, True)
    assert (found["r1"].record_key, found["r5"].record_key) == (None, None)
    exported = verify_export(source.path.with_name("exported"), PUBLIC)
    assert (exported.is_valid, exported.manifests) == (True, 2)


@pytest.mark.thorough
async def test_streams_that_were_open_are_interrupted_in_the_copy(
    source: SQLiteDatabase, target: Place
) -> None:
    await record(source)
    rows(source.path, "DELETE FROM records WHERE kind = 'interrupted'")  # as if nobody had looked
    rows(source.path, "UPDATE heads SET is_swept = 0")
    copied(source, target.database)
    async with opened(target.database) as store:
        query = select(RECORDS.c.closes).where(RECORDS.c.kind == Kind.INTERRUPTED)
        closed = await store.read(lambda connection: connection.execute(query).scalars().all())
    assert closed == ["open"]


# ── what is cut short ─────────────────────────────────────────────────────────────────────────────


class Cut(Exception):
    """The copy ends here."""


@pytest.mark.thorough
async def test_a_copy_goes_on_from_wherever_it_was_cut_short(
    source: SQLiteDatabase, target: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PAGE", 6)
    await record(source)
    cuts = 0
    while not is_whole(source, target):
        cuts += 1
    assert cuts > 15
    assert content(target.database) == content(source)


def is_whole(source: SQLiteDatabase, target: Place) -> bool:
    """Whether a copy comes to its end before the second page is there."""
    pages = 0

    def cut(count: int) -> None:
        nonlocal pages
        pages += 1
        if pages == 2 and count < 20:  # more are told of while the copy is verified
            raise Cut

    try:
        copied(source, target.database, progress=cut)
    except Cut:
        return False
    return True


def killed(source: SQLiteDatabase, target: Place, draw: random.Random) -> tuple[int, int]:
    """Kill copies until one comes to its end: how many were killed, and how many pages those had
    copied that were."""
    kills = pages = 0
    while True:
        command = [sys.executable, IN_PAGES, f"sqlite:///{source.path}", target.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(draw.randrange(12)):
                pages += bool(process.stdout.readline())
            time.sleep(draw.uniform(0, 0.01))
            process.kill()
            if process.wait() == 0:
                return kills, pages
        kills += 1


async def kills(source: SQLiteDatabase, target: Place, seed: int, *, records: int) -> None:
    await record(source, records)
    count, pages = killed(source, target, random.Random(seed))
    assert content(target.database) == content(source)
    assert verified(target.database) == verified(source)
    print(f"{count} kills of a copy, seed {seed}: {pages} pages, no gap, no double")  # noqa: T201
    assert count > 2


@pytest.mark.thorough
async def test_a_copy_that_is_killed_has_neither_gaps_nor_doubles(
    source: SQLiteDatabase, target: Place
) -> None:
    await kills(source, target, 1, records=60)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(10))
async def test_a_copy_that_is_killed_anywhere_has_neither_gaps_nor_doubles(
    source: SQLiteDatabase, seed: int
) -> None:
    await kills(source, on_a_server(), seed, records=400)


async def test_a_copy_that_is_not_whole_is_opened_by_nobody(
    source: SQLiteDatabase, file: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(source)

    def cut(count: int) -> None:
        raise Cut

    with pytest.raises(Cut):
        copied(source, file.database, progress=cut)
    with pytest.raises(ConfigError, match="a copy that is not whole yet") as refused:
        async with opened(file.database):
            pass
    assert "axonflow audit copy" in str(refused.value.hint)
    with pytest.raises(ConfigError, match="not whole"), file.database.reading():
        pass


# ── what is refused ───────────────────────────────────────────────────────────────────────────────


async def test_a_database_that_is_written_is_not_copied(
    source: SQLiteDatabase, file: Place
) -> None:
    async with opened(source):
        with pytest.raises(AuditError, match="a server, or a command, writes") as refused:
            copied(source, file.database)
    assert "stop it first" in str(refused.value.hint)


async def test_a_database_with_records_of_its_own_is_not_copied_to(
    source: SQLiteDatabase, file: Place
) -> None:
    await record(source)
    async with opened(file.database, tables=tables()):
        pass
    before = content(file.database)
    with pytest.raises(ConfigError, match="has records of its own"):
        copied(source, file.database)
    assert content(file.database) == before


@pytest.mark.thorough
async def test_a_copy_is_not_made_twice(source: SQLiteDatabase, file: Place) -> None:
    await record(source)
    copied(source, file.database)
    with pytest.raises(ConfigError, match="is a copy of it already"):
        copied(source, file.database)


@pytest.mark.thorough
async def test_a_source_that_was_written_to_since_is_not_gone_on_with(
    source: SQLiteDatabase, file: Place
) -> None:
    await record(source)

    def cut(count: int) -> None:
        raise Cut

    with pytest.raises(Cut):
        copied(source, file.database, progress=cut)
    async with opened(source):
        pass
    with pytest.raises(ConfigError, match="before it was written to again"):
        copied(source, file.database)


@pytest.mark.thorough
async def test_a_record_that_was_changed_is_found_in_the_copy_as_before(
    source: SQLiteDatabase, file: Place
) -> None:
    await record(source)
    rows(source.path, "UPDATE records SET model = 'other' WHERE id = 'r7'")
    made = copied(source, file.database)
    assert [fault.id for fault in made.found.faults] == ["r7"]
    assert made.found == verified(source)


@pytest.mark.thorough
async def test_a_copy_that_lost_a_row_on_its_way_is_not_taken_for_one(
    source: SQLiteDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(source)
    target, load = SQLiteDatabase(tmp_path / "copy.db"), SQLiteDatabase.load

    def lossy(self: SQLiteDatabase, connection: Any, table: Any, page: Any) -> None:
        load(self, connection, table, page[:-1] if table.name == "texts" else page)

    monkeypatch.setattr(SQLiteDatabase, "load", lossy)
    with pytest.raises(AuditError, match=r"differs from .*: \d+ rows of the table texts"):
        copied(source, target)
    with pytest.raises(ConfigError, match="not whole"), target.reading():
        pass


@pytest.mark.thorough
async def test_what_was_removed_stays_removed_and_is_vouched_for(
    source: SQLiteDatabase, file: Place
) -> None:
    async with opened(source) as store:
        await append_all(store, [call() for _ in range(5)])
    async with opened(source) as store:
        _, removals = await removal(store, time.time_ns() // 1_000, command="audit retain")
    made = copied(source, file.database)
    assert made.found.is_valid and made.found.removed > 0
    assert set(made.found.removals) == set(removals)


@pytest.mark.thorough
async def test_a_row_that_the_target_does_not_take_is_said_with_its_table(
    source: SQLiteDatabase,
) -> None:
    await record(source)
    rows(source.path, "UPDATE holds SET reason = 'a' || char(0) || 'b'")  # no text of PostgreSQL
    target = on_a_server().database
    with pytest.raises(AuditError, match="does not take a row of the table holds"):
        copied(source, target)
    with pytest.raises(ConfigError, match="not whole"), target.reading():
        pass
