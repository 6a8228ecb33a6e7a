"""A process that records calls with 32 writers at once until it is killed. Each id goes to stdout
once its record is acknowledged, in one write.

    python writing.py FILE [SYNCHRONOUS]
    python writing.py URL
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from axonflow_core.audit.databases import Database
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.store import AuditStore
from axonflow_core.audit.writer import Writer, WriterOptions
from axonflow_core.errors import AuditError
from axonflow_core.keys import Keys
from axonflow_core.policy.rules import Verdict

KEYS = Keys(server=(b"s" * 32,), signing=b"i" * 32, master=b"m" * 32)
WRITERS = 32


async def record_for_ever(database: Database) -> None:
    store = await AuditStore(Writer(database, KEYS, WriterOptions())).started()

    async def record() -> None:
        while True:
            entry = Entry(
                kind=Kind.CALL, verdict=Verdict.ALLOWED, tenant="acme", texts={"request": "hello"}
            )
            try:
                await store.append(entry)
            except AuditError:  # it tries again by itself
                await asyncio.sleep(0.01)
            else:
                os.write(1, f"{entry.id}\n".encode())

    await asyncio.gather(*(record() for _ in range(WRITERS)))


if __name__ == "__main__":
    where, synchronous = sys.argv[1], (sys.argv[2:] or ["FULL"])[0]
    asyncio.run(
        record_for_ever(
            database_of(where)
            if "://" in where
            else SQLiteDatabase(Path(where), synchronous=synchronous)
        )
    )
