"""Tampering with records is found, whatever is done to them, and named."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import time
import tracemalloc
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import cast

import orjson
import pytest

from axonflow_core.audit.chain import START, link
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.keys import Signer
from axonflow_core.audit.record import Kind
from axonflow_core.audit.verify import Fault, verify

from .making import KEYS, append_all, call, found_by, opened, rows, verified

Tamper = Callable[[sqlite3.Connection, random.Random], None]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three chains of 13 records, one of them written while the others were."""
    database = tmp_path_factory.mktemp("recorded") / "audit.db"

    async def record() -> None:
        async with opened(database) as long:
            for _ in range(2):
                async with opened(database) as store:
                    await append_all(store, [found_by(n) for n in range(12)])
                    await append_all(long, [found_by(n) for n in range(6)])

    asyncio.run(record())
    return database


@pytest.fixture
def recorded(original: Path, database: Path) -> Path:
    """A copy of these chains, to be tampered with."""
    shutil.copy(original, database)
    return database


def only_fault(path: Path) -> str:
    """The one fault that verifying finds."""
    (fault,) = verified(path).faults
    return str(fault)


def third(path: Path) -> tuple[str, str]:
    """The chain and the id of a record in the middle of a chain."""
    ((chain, id),) = rows(path, "SELECT chain, id FROM records WHERE seq = 3 ORDER BY row LIMIT 1")
    return chain, id


def test_what_was_left_alone_verifies(recorded: Path) -> None:
    found = verified(recorded)
    assert (found.records, found.chains, found.faults) == (39, 3, ())


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE records SET body = CAST(body || ' ' AS BLOB) WHERE id = :id", "it was changed"),
        ("UPDATE records SET hash = zeroblob(32) WHERE id = :id", "it was changed"),
        ("UPDATE records SET tenant = 'globex' WHERE id = :id", "the column tenant differs"),
        ("UPDATE records SET at_us = at_us + 1 WHERE id = :id", "the column at_us differs"),
        ("UPDATE records SET series = series + 1 WHERE id = :id", "the column series differs"),
        ("UPDATE records SET series = NULL WHERE id = :id", "the column series differs"),
        ("UPDATE records SET cost_usd = 99 WHERE id = :id", "the column cost_usd differs"),
        ("UPDATE records SET cost_usd = NULL WHERE id = :id", "the column cost_usd differs"),
        ("UPDATE records SET body = 7 WHERE id = :id", "not as the audit writes records"),
        ("DELETE FROM records WHERE id = :id", "record 3 is missing before it"),
        ("UPDATE records SET seq = 30 WHERE id = :id", "records 3 to 29 are missing before it"),
        ("UPDATE records SET row = row + 1000 WHERE id = :id", "record 3 is missing before it"),
        ("DELETE FROM records WHERE chain = :chain AND seq > 10", "a later chain saw 13 records"),
        ("DELETE FROM heads WHERE chain = :chain", "its head: it is missing"),
        ("UPDATE heads SET signature = zeroblob(64) WHERE chain = :chain", "signature"),
        ("UPDATE heads SET key = 'mine' WHERE chain = :chain", "the key mine, which is not known"),
        ("UPDATE heads SET count = 14 WHERE chain = :chain", "signature"),
        ("UPDATE heads SET seq = 'x' WHERE chain = :chain", "signature"),
        ("UPDATE heads SET hash = 'x' WHERE chain = :chain", "not as the audit writes heads"),
        ("UPDATE heads SET named_seq = 99 WHERE chain = :chain", "of being named"),
    ],
)
def test_the_first_wrong_record_is_named_with_what_is_wrong(
    recorded: Path, statement: str, said: str
) -> None:
    chain, id = third(recorded)
    with closing(sqlite3.connect(recorded)) as connection, connection:
        connection.execute(statement, {"chain": chain, "id": id})
    fault = only_fault(recorded)
    assert said in fault
    assert fault.startswith(f"chain {chain}, ")


TERMS_OF_IT = """term LIKE '{} %' AND row = (SELECT row FROM records WHERE id = :id)"""


@pytest.mark.parametrize("kind", ["user", "rule", "receipt"])
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM terms WHERE {}",
        "UPDATE terms SET term = term || '0' WHERE {}",
        "UPDATE terms SET at_us = at_us - 1 WHERE {}",
        "UPDATE terms SET series = 7 WHERE {}",
        "UPDATE terms SET row = row + 1000 WHERE {}",
    ],
)
def test_a_record_that_a_search_misses_is_named_with_what_does_not_find_it(
    recorded: Path, statement: str, kind: str
) -> None:
    query = "SELECT id, chain, seq FROM records WHERE CAST(body AS TEXT) LIKE '%req-3%' LIMIT 1"
    ((id, chain, seq),) = rows(recorded, query)
    with closing(sqlite3.connect(recorded)) as connection, connection:
        changed = connection.execute(statement.format(TERMS_OF_IT.format(kind)), {"id": id})
        assert changed.rowcount == 1
    said = f"chain {chain}, record {seq} ({id}): a search by its {kind} does not find it"
    assert only_fault(recorded) == said


def test_a_record_that_a_search_finds_by_what_is_not_its_own_is_named(recorded: Path) -> None:
    chain, id = third(recorded)
    own = "SELECT 'user u_9', series, at_us, row FROM records WHERE id = ?"
    rows(recorded, f"INSERT INTO terms {own}", id)
    said = f"chain {chain}, record 3 ({id}): a search by a user finds it that is not its own"
    assert only_fault(recorded) == said


@pytest.mark.parametrize("row", [99_999, -1, 2**62, "a word"])
def test_a_search_that_finds_a_record_that_is_not_there_is_told(
    recorded: Path, row: int | str
) -> None:
    rows(recorded, "INSERT INTO terms VALUES ('user u_9', 1, 1, ?)", row)
    assert only_fault(recorded) == "a search by a user finds a record that is not there"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM series WHERE kind = 'call' AND cost_class = -1",
        "UPDATE series SET tenant = 'globex' WHERE cost_class = -1",
        "UPDATE series SET cost_class = 3 WHERE cost_class = -1",
    ],
)
def test_the_first_record_whose_series_was_changed_is_named(recorded: Path, statement: str) -> None:
    ((expected,),) = rows(
        recorded,
        "SELECT r.id FROM records r JOIN series s ON s.id = r.series WHERE cost_class = -1"
        " ORDER BY row LIMIT 1",
    )
    rows(recorded, statement)
    first = verified(recorded).faults[0]
    assert (first.id, first.what) == (expected, "no search finds it: its series was changed")


def test_a_cut_tail_is_found_by_the_head(recorded: Path) -> None:
    newest = max(chain for (chain,) in rows(recorded, "SELECT chain FROM heads"))
    rows(recorded, "DELETE FROM records WHERE chain = ? AND seq > 11", newest)
    assert "its head: 2 records before it are missing" in only_fault(recorded)


def test_a_chain_that_is_gone_whole_is_missed_by_the_next(recorded: Path) -> None:
    chain, _ = third(recorded)
    for table in ("records", "heads"):
        rows(recorded, f"DELETE FROM {table} WHERE chain = ?", chain)
    assert "its head: a later chain saw 13 records; there are 0" in only_fault(recorded)


def test_the_newest_chain_gone_whole_is_not_found(recorded: Path) -> None:
    """The limit that a witness elsewhere is for."""
    newest = max(chain for (chain,) in rows(recorded, "SELECT chain FROM heads"))
    for table in ("records", "heads", "seals"):
        rows(recorded, f"DELETE FROM {table} WHERE chain = ?", newest)
    assert not any(newest in str(fault) for fault in verified(recorded).faults)


def test_a_record_that_is_there_twice_is_found(recorded: Path) -> None:
    _, id = third(recorded)
    with closing(sqlite3.connect(recorded)) as connection, connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(records)")]
        connection.execute("CREATE TABLE copy AS SELECT * FROM records")
        connection.execute("DROP TABLE records")
        connection.execute("ALTER TABLE copy RENAME TO records")
        kept = ", ".join(name for name in columns if name != "row")
        connection.execute(
            f"INSERT INTO records (row, {kept}) SELECT 9999, {kept} FROM records WHERE id = ?",
            (id,),
        )
    said = " ".join(map(str, verified(recorded).faults))
    assert "it stands where record" in said
    assert "there is another record of that id" in said


async def test_a_stream_that_was_marked_as_swept_and_is_open_is_found(database: Path) -> None:
    async with opened(database) as store:
        await store.append(call(kind=Kind.OPENED))
    rows(database, "UPDATE heads SET is_swept = 1")
    assert "1 streams are open" in only_fault(database)


def test_progress_is_told(recorded: Path) -> None:
    told: list[int] = []
    with SQLiteDatabase(recorded).reading() as connection:
        verify(connection, (), told.append)
    assert told == [39]


def test_a_fault_says_where_it_is() -> None:
    assert str(Fault("c", "it was changed", 3, "i")) == "chain c, record 3 (i): it was changed"


# ── drawn tamperings ──────────────────────────────────────────────────────────────────────────────


def drawn(connection: sqlite3.Connection, draw: random.Random) -> tuple[int, str, int]:
    """A record by its row, chain and place."""
    found = connection.execute("SELECT row, chain, seq FROM records ORDER BY row").fetchall()
    row: tuple[int, str, int] = draw.choice(found)
    return row


def edit(connection: sqlite3.Connection, draw: random.Random) -> None:
    """One bit of a body."""
    row, _, _ = drawn(connection, draw)
    ((body,),) = connection.execute("SELECT body FROM records WHERE row = ?", (row,)).fetchall()
    changed = bytearray(body)
    changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    connection.execute("UPDATE records SET body = ? WHERE row = ?", (bytes(changed), row))


def edit_and_link_anew(connection: sqlite3.Connection, draw: random.Random) -> None:
    """A fact, and every hash behind it."""
    _, chain, seq = drawn(connection, draw)
    query = "SELECT row, body, hash FROM records WHERE chain = ? ORDER BY seq"
    previous = START
    for place, (each, body, hash) in enumerate(connection.execute(query, (chain,)).fetchall(), 1):
        if place == seq:
            members = orjson.loads(body)
            members["facts"]["forged"] = True
            body = orjson.dumps(members, option=orjson.OPT_SORT_KEYS)
        hash = link(previous, body) if place >= seq else hash
        connection.execute(
            "UPDATE records SET body = ?, hash = ? WHERE row = ?", (body, hash, each)
        )
        previous = hash


def delete(connection: sqlite3.Connection, draw: random.Random) -> None:
    row, _, _ = drawn(connection, draw)
    connection.execute("DELETE FROM records WHERE row = ?", (row,))


def swap(connection: sqlite3.Connection, draw: random.Random) -> None:
    """Two records of one chain, everything of them but their places."""
    row, chain, _ = drawn(connection, draw)
    others = "SELECT row FROM records WHERE chain = ? AND row != ?"
    (other,) = draw.choice(connection.execute(others, (chain, row)).fetchall())
    columns = "kind, verdict, tenant, client, body, hash"
    values = [
        connection.execute(f"SELECT {columns} FROM records WHERE row = ?", (each,)).fetchone()
        for each in (row, other)
    ]
    for each, (kind, *more) in zip((other, row), values, strict=True):
        connection.execute(
            f"UPDATE records SET ({columns}) = (?, ?, ?, ?, ?, ?) WHERE row = ?",
            (kind, *more, each),
        )


def insert(connection: sqlite3.Connection, draw: random.Random) -> None:
    """A copy of a record under a new id, behind the last one of its chain."""
    row, chain, _ = drawn(connection, draw)
    copied = "verdict, tenant, client, body, hash"
    connection.execute(
        f"INSERT INTO records (chain, seq, id, at_us, kind, {copied}) SELECT chain,"
        " (SELECT max(seq) + 1 FROM records WHERE chain = ?), 'forged', at_us, kind,"
        f" {copied} FROM records WHERE row = ?",
        (chain, row),
    )


def cut(connection: sqlite3.Connection, draw: random.Random) -> None:
    """The tail of a chain."""
    _, chain, seq = drawn(connection, draw)
    connection.execute("DELETE FROM records WHERE chain = ? AND seq >= ?", (chain, seq))


def hide(connection: sqlite3.Connection, draw: random.Random) -> None:
    """A record, from a search: by one of the values that it is found by."""
    statements = (
        "UPDATE records SET series = series + 1 WHERE row = ?",
        "UPDATE records SET cost_usd = coalesce(cost_usd, 0) + 1 WHERE row = ?",
        "DELETE FROM terms WHERE row = ?",
        "UPDATE terms SET row = row + 1000 WHERE row = ?",
        "UPDATE terms SET term = term || '0' WHERE row = ?",
        "DELETE FROM series WHERE id = (SELECT series FROM records WHERE row = ?)",
        "UPDATE series SET client = 'x' WHERE id = (SELECT series FROM records WHERE row = ?)",
    )
    while True:  # the first record of a chain has no terms
        row, _, _ = drawn(connection, draw)
        if connection.execute(draw.choice(statements), (row,)).rowcount:
            return


KINDS: Mapping[str, Tamper] = {
    "edit": edit,
    "edit and link anew": edit_and_link_anew,
    "delete": delete,
    "swap": swap,
    "insert": insert,
    "cut": cut,
    "hide": hide,
}


def found_of(path: Path, tamper: Tamper, count: int) -> int:
    """How many of `count` drawn tamperings are found. None is kept."""
    found = 0
    engine = SQLiteDatabase(path).writing_engine()
    with engine.connect() as connection:
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        for seed in range(count):
            transaction = connection.begin()
            tamper(driver, random.Random(seed))
            found += not verify(connection, Signer(KEYS).public_keys).is_valid
            transaction.rollback()
        assert verify(connection, Signer(KEYS).public_keys).is_valid
    engine.dispose()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawn_tampering_is_found(recorded: Path, kind: str) -> None:
    assert found_of(recorded, KINDS[kind], 8) == 8


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_tamperings_are_found(recorded: Path, kind: str) -> None:
    found = found_of(recorded, KINDS[kind], 1_000)
    print(f"{kind}: {found} of 1000 found")  # noqa: T201
    assert found == 1_000


@pytest.mark.exhaustive
async def test_records_verify_at_fifty_thousand_a_second_in_memory_that_does_not_grow(
    database: Path,
) -> None:
    count, peaks = 200_000, {}
    async with opened(database) as store:
        for start in range(0, count, 2_000):
            await append_all(store, [found_by(start + number) for number in range(2_000)])

    began = time.process_time()
    found = verified(database)
    per_second = found.records / (time.process_time() - began)

    def tell(records: int) -> None:
        peaks[records] = tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    with SQLiteDatabase(database).reading() as connection:
        verify(connection, Signer(KEYS).public_keys, tell)
    tracemalloc.stop()
    early, late = peaks[min(peaks, key=lambda at: abs(at - 40_000))], peaks[max(peaks)]
    said = f"{per_second:,.0f} records/s; peak at 40,000: {early:,}, at the end: {late:,}"
    print(said)  # noqa: T201
    assert found.is_valid and found.records == count + 1
    assert per_second >= 50_000
    assert late < 1.1 * early


async def test_without_heads_a_cut_is_not_found(database: Path) -> None:
    """The control: what a chain alone is worth."""
    async with opened(database) as store:
        await append_all(store, [call() for _ in range(12)])
    rows(database, "DELETE FROM records WHERE seq > 6")
    rest = [fault for fault in verified(database).faults if fault.seq is not None]
    assert rest == []
