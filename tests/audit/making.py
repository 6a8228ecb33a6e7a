"""Stores, entries and verdicts, as the tests of the audit make them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from on_time import until

from axonflow_core.audit.databases import Database
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.keys import Signer
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.store import AuditStore
from axonflow_core.audit.verify import Verification, verify
from axonflow_core.audit.writer import Writer, WriterOptions
from axonflow_core.keys import Keys
from axonflow_core.policy.rules import Verdict

KEYS = Keys(server=(b"s" * 32,), signing=b"i" * 32, master=b"m" * 32)


@asynccontextmanager
async def opened(
    where: Path | Database, keys: Keys = KEYS, **options: Any
) -> AsyncIterator[AuditStore]:
    """A store of a database; `options` are those of `WriterOptions`."""
    database = SQLiteDatabase(where) if isinstance(where, Path) else where
    store = await AuditStore(Writer(database, keys, WriterOptions(**options))).started()
    try:
        yield store
    finally:
        await store.aclose()


async def waits_behind_another(
    database: Database, caplog: pytest.LogCaptureFixture, seconds: int = 0
) -> None:
    """While a process has the database to itself, for so many seconds at least, whoever opens it
    waits and says so; then it opens it."""
    with database.alone():
        opening = asyncio.create_task(AuditStore(Writer(database, KEYS, WriterOptions())).started())
        await until(lambda: f"has waited for {seconds} s" in caplog.text)
        assert not opening.done()
    await (await opening).aclose()


def call(**members: Any) -> Entry:
    """An allowed call of the tenant acme."""
    given = {"kind": Kind.CALL, "verdict": Verdict.ALLOWED, "tenant": "acme", "client": "shop"}
    return Entry(**{**given, **members})


def found_by(number: int) -> Entry:
    """A call that is found by all that a search takes."""
    facts = {"cost_usd": 0.25 * number, "receipt": {"request_id": f"req-{number}"}}
    user, rules = f"u_{number % 3}", ("pii",) * (number % 2)
    return call(provider="acme", model="m-1", user=user, rules=rules, facts=facts)


async def append_all(store: AuditStore, entries: Sequence[Entry]) -> None:
    """Append the entries, all at once."""
    await asyncio.gather(*(store.append(entry) for entry in entries))


def verified(where: Path | Database, keys: Keys = KEYS) -> Verification:
    """What verifying the database finds."""
    database = SQLiteDatabase(where) if isinstance(where, Path) else where
    with database.reading() as connection:
        return verify(connection, Signer(keys).public_keys)


def rows(path: Path, query: str, *parameters: Any) -> list[Any]:
    """What a query finds in the database, by a connection of our own; or what it changes."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(query, parameters).fetchall()


def content(path: Path) -> bytes | None:
    """What a file holds; None where there is none."""
    return path.read_bytes() if path.exists() else None


def put(path: Path, content: bytes, *, at: int | None = None) -> None:
    """Write a file, or a place of it."""
    with path.open("wb" if at is None else "r+b") as file:
        file.seek(at or 0)
        file.write(content)


def ids(path: Path) -> list[str]:
    """The ids of the calls on record, in the order of the rows."""
    return [id for (id,) in rows(path, "SELECT id FROM records WHERE kind = 'call' ORDER BY row")]
