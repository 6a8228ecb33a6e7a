"""What the records say in sum."""

from __future__ import annotations

import asyncio
import csv
import io
import logging
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from axonflow_core.audit import reports
from axonflow_core.audit.databases import Database
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.reports import Period, Report
from axonflow_core.cli import main
from axonflow_core.errors import RequestError
from axonflow_core.frozen import evolve
from axonflow_core.policy.rules import Verdict
from axonflow_core.routing.targets import matches

from .bulk import fill_sqlite
from .making import append_all, call, opened

DAY_US = 86_400_000_000


def answered(region: str | None, *allowed: str, **members: Any) -> Entry:
    """A call that was answered from a region."""
    receipt: dict[str, Any] = {"region": region}
    if allowed:
        receipt["choice"] = {"by": "only", "regions": list(allowed)}
    facts = {"receipt": receipt, **members.pop("facts", {})}
    return call(provider=members.pop("provider", "bedrock"), facts=facts, **members)


def finding(rule: str, action: str) -> dict[str, str]:
    return {"rule": rule, "action": action, "part": "messages.0"}


def decided(*findings: dict[str, str], **members: Any) -> Entry:
    """A check with what rules found."""
    decision = {"phase": "request", "findings": list(findings)}
    return call(kind=Kind.CHECK, facts={"decisions": [decision]}, **members)


ENTRIES = (
    answered("eu-west-1", "eu-*"),
    answered("eu-west-1", "eu-*", tenant="globex"),
    answered("us-east-1", "eu-*", id="astray"),
    answered(None, "eu-*", provider="ollama"),
    answered("us-east-1"),
    call(
        id="failed",
        provider="azure",
        verdict=Verdict.ERROR,
        facts={
            "error": {
                "code": "throttled",
                "failed_attempts": [
                    {"provider": "bedrock", "region": "eu-west-1", "code": "throttled"},
                    {"region": "eu-north-1", "code": "throttled"},
                ],
            }
        },
    ),
    call(at_us=1, model="m-1", facts={"tokens": {"input": 3, "output": 4}, "cost_usd": 0.25}),
    call(at_us=2, model="m-1", facts={"tokens": {"input": 5, "cache_read": 7}}),
    call(
        at_us=DAY_US,
        kind=Kind.GATEWAY_CALL,
        client="bank",
        model="m-1",
        facts={"tokens": {"output": 1}, "cost_usd": 0.5},
    ),
    decided(finding("pii", "redact"), finding("pii", "redact"), verdict=Verdict.REDACTED),
    decided(finding("pii", "redact"), finding("no-aurora", "block"), verdict=Verdict.BLOCKED),
    decided(),
)


async def made(
    database: Database, make: Callable[..., Report], period: Period, *arguments: Any
) -> Report:
    async with opened(database) as store:
        await append_all(store, ENTRIES)
    with database.reading() as connection:
        return make(connection, period, *arguments)


async def test_residency_counts_where_calls_were_sent_and_names_what_is_outside(
    database: Path,
) -> None:
    found = await made(SQLiteDatabase(database), reports.residency, Period(), matches)
    of_regions = [row for row in found.rows if row[0]]
    assert of_regions == [
        ("azure", "eu-north-1", "error", "open", 1),
        ("bedrock", "eu-west-1", "allowed", "yes", 2),
        ("bedrock", "eu-west-1", "error", "open", 1),
        ("bedrock", "us-east-1", "allowed", "no", 1),
        ("bedrock", "us-east-1", "allowed", "open", 1),
        ("ollama", "", "allowed", "unknown", 1),
    ]
    assert found.outside == ("astray",)


async def test_usage_is_by_day_and_says_whose_cost_is_not_known(database: Path) -> None:
    period = Period(end_us=2 * DAY_US)
    found = await made(SQLiteDatabase(database), reports.usage, period)
    assert found.columns[5:] == (
        *("calls", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
        *("cost_usd", "cost_unknown"),
    )
    assert found.rows == (
        ("1970-01-01", "acme", "shop", "", "m-1", 2, 8, 4, 7, 0, 0.25, 1),
        ("1970-01-02", "acme", "bank", "", "m-1", 1, 0, 1, 0, 0, 0.5, 0),
    )


async def test_decisions_count_a_record_once_for_each_rule_and_action(database: Path) -> None:
    found = await made(SQLiteDatabase(database), reports.decisions, Period())
    counted = {row[:3]: row[3] for row in found.rows}
    assert counted[("pii", "redact", "redacted")] == 1
    assert counted[("pii", "redact", "blocked")] == counted[("no-aurora", "block", "blocked")] == 1
    assert counted[("", "", "allowed")] == 10 - 1
    assert sum(count for (rule, _, _), count in counted.items() if not rule) == 10


async def test_a_report_is_of_a_tenant_and_a_time(database: Path) -> None:
    period = Period(tenant="globex")
    found = await made(SQLiteDatabase(database), reports.residency, period, matches)
    assert found.rows == (("bedrock", "eu-west-1", "allowed", "yes", 1),)
    with SQLiteDatabase(database).reading() as connection:
        for start, end, calls in ((1, 2, 1), (2, None, 8), (None, 3, 2), (5, 5, 0)):
            period = Period(start_us=start, end_us=end)
            rows = reports.usage(connection, period).rows
            assert sum(row[5] for row in rows) == calls, (start, end)


async def test_a_report_of_too_many_rows_is_refused(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "MAX_ROWS", 1)
    with pytest.raises(RequestError, match="more than 1 rows") as refused:
        await made(SQLiteDatabase(database), reports.usage, Period())
    assert "--since" in str(refused.value.hint)


@pytest.mark.thorough
async def test_both_databases_report_the_same(database: Path, url: str) -> None:
    for make, arguments in (
        (reports.usage, ()),
        (reports.decisions, ()),
        (reports.residency, (matches,)),
    ):
        found = Counter[Report]()
        for where in (SQLiteDatabase(database), database_of(url)):
            async with opened(where) as store:
                await append_all(
                    store,
                    [
                        evolve(each, tenant=make.__name__, id=f"{make.__name__}-{number}")
                        for number, each in enumerate(ENTRIES)
                    ],
                )
            with where.reading() as connection:
                found[make(connection, Period(tenant=make.__name__), *arguments)] += 1
        assert list(found.values()) == [2]


@pytest.mark.thorough
async def test_a_report_takes_the_room_of_its_rows(database: Path) -> None:
    async with opened(database):
        pass
    fill_sqlite(database, 60_000)
    peaks = []
    with SQLiteDatabase(database).reading() as connection:
        for end in (20_000, 60_000):
            told: list[int] = []
            tracemalloc.start()
            period = Period(end_us=1_760_000_000_000_000 + end * 3_000_000, progress=told.append)
            reports.decisions(connection, period)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert abs(told[-1] - end) < 5
    assert peaks[1] < peaks[0] * 1.3


# ── the command ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def report(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs `axonflow audit report`, and returns exit code, stdout and stderr."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # a command adds one to stderr

    async def record() -> None:
        async with opened(database) as store:
            await append_all(store, ENTRIES)

    asyncio.run(record())

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["audit", "report", *arguments, "--url", f"sqlite:///{database}"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_report_is_a_table_csv_or_json(report: Callable[..., tuple[int, str, str]]) -> None:
    code, table, told = report("residency")
    assert (code, "outside of its regions: astray" in told) == (1, True)
    assert table.splitlines()[0].split() == ["PROVIDER", "REGION", "VERDICT", "WITHIN", "CALLS"]
    outside = ["bedrock", "us-east-1", "allowed", "no", "1"]
    assert outside in [line.split() for line in table.splitlines()]
    code, text, _ = report("residency", "--csv", "--tenant", "globex")
    assert code == 0
    assert list(csv.reader(io.StringIO(text))) == [
        ["provider", "region", "verdict", "within", "calls"],
        ["bedrock", "eu-west-1", "allowed", "yes", "1"],
    ]
    code, text, _ = report("usage", "--json", "--until", "1970-01-02")
    (row,) = orjson.loads(text)["rows"]
    assert (code, row["calls"], row["cost_usd"], row["cost_unknown"]) == (0, 2, 0.25, 1)
    assert "no-aurora" in report("decisions")[1]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_csv_is_a_formula(
    report: Callable[..., tuple[int, str, str]], database: Path, first: str
) -> None:
    async def record() -> None:
        async with opened(database) as store:
            model = f"{first}HYPERLINK(A1)"
            await store.append(call(tenant="evil", model=model, facts={"cost_usd": -1.5}))

    asyncio.run(record())
    _, text, _ = report("usage", "--csv", "--tenant", "evil")
    names, cells = csv.reader(io.StringIO(text, newline=""))
    row = dict(zip(names, cells, strict=True))
    assert (row["model"], row["cost_usd"]) == (f"'{first}HYPERLINK(A1)", "-1.5")


def test_a_report_has_one_form(report: Callable[..., tuple[int, str, str]]) -> None:
    code, said, told = report("usage", "--csv", "--json")
    assert (code, "not as both" in said + told) == (2, True)
