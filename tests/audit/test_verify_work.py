"""What verifying takes of a database that has faults: no more for each record of a larger one.

The work is counted in the steps of SQLite's programs, which nothing else on the machine changes.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from axonflow_core.audit.databases import driver_of
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.keys import Signer
from axonflow_core.audit.verify import verify

from .making import KEYS, append_all, found_by, opened, rows

FEW, MANY = 300, 900
FAULTS = {
    "a chain whose first record was changed": "UPDATE records SET hash = zeroblob(32) WHERE seq=1",
    "other terms": "UPDATE terms SET term = term || '0'",
    "terms of no record": "UPDATE terms SET row = row + 100000",
}
_COUNTED = 100
"""Steps after which SQLite tells that it made so many."""


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """How many records -> a database of so many, in one chain."""
    folder = tmp_path_factory.mktemp("recorded")

    async def record(count: int) -> Path:
        path = folder / f"{count}.db"
        async with opened(path) as store:
            await append_all(store, [found_by(number) for number in range(count)])
        return path

    return {count: asyncio.run(record(count)) for count in (FEW, MANY)}


@contextmanager
def counting_steps(connection: Connection) -> Iterator[list[int]]:
    """The list gets an entry for every `_COUNTED` steps."""
    steps: list[int] = []
    driver = driver_of(connection)
    driver.set_progress_handler(lambda: steps.append(_COUNTED), _COUNTED)  # None: go on
    try:
        yield steps
    finally:
        driver.set_progress_handler(None, 0)


def steps_of(path: Path) -> int:
    """How many steps verifying takes of a database that has a fault."""
    with SQLiteDatabase(path).reading() as connection, counting_steps(connection) as steps:
        assert verify(connection, Signer(KEYS).public_keys).faults
    return sum(steps)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_fault_takes_to_find_grows_no_faster_than_the_records(
    databases: dict[int, Path], tmp_path: Path, fault: str
) -> None:
    taken = {}
    for count, original in databases.items():
        path = tmp_path / f"{count}.db"
        shutil.copy(original, path)
        rows(path, FAULTS[fault])
        taken[count] = steps_of(path)
    assert taken[MANY] < 1.2 * MANY / FEW * taken[FEW]
