"""What a record of the audit costs, against sqlite3's `executemany` of equal rows.

    record, 32 at once       CPU of both threads, with 32 appends in flight
    … with two texts         the same with commitments to a prompt and an answer
    record alone, latency    time until one append alone is durable

The baseline writes the same rows into the same tables, as many in a transaction as are in flight,
and each transaction is as durable.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.store import AuditStore
from axonflow_core.keys import throwaway_keys
from axonflow_core.policy.rules import Verdict

from .rows import Row, row

ROUNDS, RECORDS, ALONE, IN_FLIGHT = 9, 3_200, 200, 32
FACTS = {
    "receipt": {
        "family": "anthropic",
        "surface": "invoke",
        "region": "us-east-1",
        "request_id": "7b0f0b1e-6a1c-4c0e-9d55-0d4f3f0a1b2c",
        "attempts": 1,
        "latency_ms": 412.5,
    },
    "decisions": [
        {"phase": "request", "verdict": "allowed", "version": "0f3a9c", "screened": ["messages.0"]},
        {"phase": "answer", "verdict": "allowed", "version": "0f3a9c", "screened": ["answer"]},
    ],
    "tokens": {"input": 120, "output": 350},
    "cost_usd": None,
}
TEXTS = {"messages.0": "a question of some words " * 10, "answer": "an answer of more words " * 60}


def measure() -> Iterator[Row]:
    with TemporaryDirectory(dir=Path.cwd()) as folder:  # /tmp may be in memory
        yield from asyncio.run(_measured(Path(folder)))


async def _measured(folder: Path) -> list[Row]:
    database = folder / "audit.db"
    store = await AuditStore.open(f"sqlite:///{database}", throwaway_keys())
    plain = _Plain(folder / "plain.db", database)
    try:
        return [
            await _cpu_row(store, plain, "record, 32 at once", {}),
            await _cpu_row(store, plain, "record with two texts, 32 at once", TEXTS),
            await _latency_row(store, plain),
        ]
    finally:
        await store.aclose()
        plain.close()


def _entries(count: int, texts: dict[str, str]) -> list[Entry]:
    return [
        Entry(
            kind=Kind.CALL,
            verdict=Verdict.ALLOWED,
            tenant="acme",
            client="shop",
            user="u_0675ffd4e55593b57f08d1d191da1235",
            request_type="chat",
            provider="bedrock",
            model="us.anthropic.claude-sonnet-4-20250514-v1:0",
            facts=FACTS,
            texts=texts,
        )
        for _ in range(count)
    ]


async def _append(store: AuditStore, entries: Sequence[Entry]) -> None:
    waiting = iter(entries)

    async def append() -> None:
        for entry in waiting:
            await store.append(entry)

    await asyncio.gather(*(append() for _ in range(IN_FLIGHT)))


async def _cpu_row(store: AuditStore, plain: _Plain, name: str, texts: dict[str, str]) -> Row:
    ours, theirs = [], []
    for _ in range(ROUNDS):
        entries = _entries(RECORDS, texts)
        ours.append(await _per_record(time.process_time, lambda e=entries: _append(store, e)))
        rows = plain.rows_of(entries)
        theirs.append(await _per_record(time.process_time, lambda r=rows: plain.write(r)))
    return row("audit", name, "executemany", ours, theirs)


async def _per_record(clock: Callable[[], float], work: Callable[[], Awaitable[None]]) -> float:
    before = clock()
    await work()
    return (clock() - before) / RECORDS * 1e6


async def _latency_row(store: AuditStore, plain: _Plain) -> Row:
    ours, theirs = [], []
    for entry in _entries(ALONE, {}):
        before = time.perf_counter()
        await store.append(entry)
        ours.append((time.perf_counter() - before) * 1e6)
        rows = plain.rows_of([entry])
        before = time.perf_counter()
        await plain.write(rows)
        theirs.append((time.perf_counter() - before) * 1e6)
    return row("audit", "record alone, latency", "INSERT, COMMIT", ours, theirs)


class _Plain:
    """The tables of a store's database, written by sqlite3 alone."""

    def __init__(self, path: Path, of: Path) -> None:
        self._of = of
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=4000"):
            self._connection.execute(f"PRAGMA {pragma}")
        with closing(sqlite3.connect(of)) as source:
            query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
            for (statement,) in source.execute(query).fetchall():
                self._connection.execute(statement)
        self._connection.execute("INSERT INTO heads VALUES ('c', 0, '', 0, 0, '', 0, '', 0, 0, 0)")

    def rows_of(self, entries: Sequence[Entry]) -> list[tuple[Any, ...]]:
        """The rows that a store made of these entries, without their numbers."""
        with closing(sqlite3.connect(self._of)) as source:
            query = "SELECT * FROM records WHERE row > (SELECT max(row) FROM records) - ?"
            return [one[1:] for one in source.execute(query, (len(entries),)).fetchall()]

    async def write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" * len(rows[0]))
        for start in range(0, len(rows), IN_FLIGHT):
            self._connection.execute("BEGIN IMMEDIATE")
            part = rows[start : start + IN_FLIGHT]
            self._connection.executemany(f"INSERT INTO records VALUES (NULL, {marks})", part)
            self._connection.execute("UPDATE heads SET seq = ?, hash = ?", (start, rows[start][14]))
            self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()
