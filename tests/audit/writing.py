"""A process that records calls with 32 writers at once until it is killed. Each id goes to stdout
once its record is acknowledged, in one write.

    python writing.py DATABASE [SYNCHRONOUS]
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.store import AuditStore
from axonflow_core.audit.writer import Writer, WriterOptions
from axonflow_core.keys import Keys
from axonflow_core.policy.rules import Verdict

KEYS = Keys(server=(b"s" * 32,), signing=b"i" * 32, master=b"m" * 32)
WRITERS = 32


async def record_for_ever(database: Path, synchronous: str) -> None:
    store = await AuditStore(
        Writer(database, KEYS, WriterOptions(synchronous=synchronous))
    ).started()

    async def record() -> None:
        while True:
            entry = Entry(
                kind=Kind.CALL, verdict=Verdict.ALLOWED, tenant="acme", texts={"request": "hello"}
            )
            await store.append(entry)
            os.write(1, f"{entry.id}\n".encode())

    await asyncio.gather(*(record() for _ in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(record_for_ever(Path(sys.argv[1]), (sys.argv[2:] or ["FULL"])[0]))
