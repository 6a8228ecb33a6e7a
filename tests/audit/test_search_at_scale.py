"""Searches of many records: no filter scans the table, and a page comes in time."""

from __future__ import annotations

import faulthandler
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from axonflow_core.audit.databases import Database
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.places import Filter
from axonflow_core.audit.search import search_in
from axonflow_core.policy.rules import Verdict

from .bulk import BEGIN_US, HEAVY_USER, PICKS, STEP_US, fill_postgres, fill_sqlite
from .making import opened

PAGE_S = 0.2


def filters(count: int) -> dict[str, Filter]:
    """Each kind of filter, of much, of little and of nothing."""
    middle = BEGIN_US + count // 2 * STEP_US
    mine = next(n for n in range(count // 2, count) if n * 7919 % PICKS % 6 < 3)
    user = f"u_{48271 * 1001 % 50000:032d}"
    return {
        "none": Filter(),
        "time": Filter(start_us=middle, end_us=middle + 10_000 * STEP_US),
        "client": Filter(client="client-3"),
        "client of nobody": Filter(client="nobody"),
        "user": Filter(user=user),
        "user of a tenth": Filter(user=HEAVY_USER),
        "provider": Filter(provider="bedrock"),
        "model": Filter(model="gpt-5"),
        "rare model": Filter(model="rare-model"),
        "allowed": Filter(verdict=Verdict.ALLOWED),
        "blocked": Filter(verdict=Verdict.BLOCKED),
        "rule": Filter(rule="pii"),
        "rare rule": Filter(rule="rare"),
        "receipt": Filter(receipt=f"req-{mine}"),
        "id": Filter(id=f"r{mine:032d}"),
        "cost at least": Filter(min_cost_usd=0.2),
        "cost at least, none": Filter(min_cost_usd=0.24),
        "cost at most": Filter(max_cost_usd=0.000_02),
        "cost, time, client": Filter(
            min_cost_usd=0.01, max_cost_usd=0.05, start_us=middle, client="client-7"
        ),
        "user of a tenth, rule": Filter(user=HEAVY_USER, rule="pii"),
        "blocked, client, model": Filter(verdict=Verdict.BLOCKED, client="client-7", model="gpt-5"),
    }


def is_scan(line: str) -> bool:
    """Whether a line of a plan, of either database, reads a table through, or all of a tenant, a
    series or a term."""
    through = r"(SCAN|Seq Scan on) (records|terms)\b"
    scans = rf"{through}|SEARCH (records|terms) .*\((tenant|series|term)=\?\)$"
    return re.search(scans, line) is not None


def plans(connection: Connection, work: Callable[[], Any]) -> list[str]:
    """The lines of the plans of what a work asks."""
    asked: list[tuple[str, Any]] = []
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"

    def note(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        asked.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    work()
    event.remove(connection, "before_cursor_execute", note)
    return [
        str(row[-1])
        for statement, values in asked
        for row in connection.exec_driver_sql(f"{explain} {statement}", values)
    ]


async def filled(database: Database, where: Path | str, count: int) -> float:
    """Make the tables and the records; how many seconds that took."""
    faulthandler.cancel_dump_traceback_later()  # millions take longer than a test may
    async with opened(database):
        pass
    began = time.monotonic()
    if isinstance(where, Path):
        fill_sqlite(where, count)
    else:
        fill_postgres(where, count)
    return time.monotonic() - began


def require_no_scan(database: Database, count: int) -> None:
    with database.reading() as connection:
        for name, wanted in filters(count).items():
            for tenant in ("acme", None):
                lines = plans(
                    connection, lambda t=tenant, w=wanted: search_in(connection, t, w, limit=50)
                )
                assert not any(map(is_scan, lines)), (name, tenant, lines)
        control = plans(
            connection, lambda: connection.exec_driver_sql("SELECT sum(length(hash)) FROM records")
        )
        assert any(map(is_scan, control))


@pytest.mark.thorough
async def test_no_filter_scans_the_table_of_a_file(database: Path) -> None:
    await filled(SQLiteDatabase(database), database, 200_000)
    require_no_scan(SQLiteDatabase(database), 200_000)


@pytest.mark.thorough
async def test_no_filter_scans_the_table_of_a_server(url: str) -> None:
    await filled(database_of(url), url, 200_000)
    require_no_scan(database_of(url), 200_000)


def measured(database: Database, count: int) -> None:
    """Each kind of filter is timed page by page, on a connection as a server has it."""
    slow = []
    engine = database.reading_engine()
    for name, wanted in filters(count).items():
        taken: list[float] = []
        before = None
        for number in range(20):
            with engine.begin() as connection:
                began = time.perf_counter()
                page = search_in(connection, "acme", wanted, limit=50, before=before)
                taken.append(time.perf_counter() - began)
            before = page.next if number % 5 else None
        first, middle, most = taken[0], statistics.median(taken), sorted(taken)[-2]
        print(  # noqa: T201
            f"{name:24} first {first * 1e3:6.1f} ms, p50 {middle * 1e3:6.1f} ms,"
            f" p95 {most * 1e3:6.1f} ms, {page.total:6} {'' if page.is_total_exact else 'or more'}"
        )
        if most > PAGE_S:
            slow.append(name)
    engine.dispose()
    assert slow == []


COUNT = 10_000_000


@pytest.mark.exhaustive
async def test_a_page_of_ten_million_records_in_a_file_comes_in_time(database: Path) -> None:
    taken = await filled(SQLiteDatabase(database), database, COUNT)
    print(f"SQLite: {COUNT:,} records in {taken:.0f} s")  # noqa: T201
    measured(SQLiteDatabase(database), COUNT)


@pytest.mark.exhaustive
async def test_a_page_of_ten_million_records_on_a_server_comes_in_time(url: str) -> None:
    taken = await filled(database_of(url), url, COUNT)
    print(f"PostgreSQL: {COUNT:,} records in {taken:.0f} s")  # noqa: T201
    measured(database_of(url), COUNT)
