"""A database with many records, made by the database itself: a year of one call in a few seconds,
of four tenants, twenty clients, six models, fifty thousand users and one that is in every tenth."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from axonflow_core.audit.finding import cost_of, labels_of, series_id
from axonflow_core.policy.rules import Verdict

from .making import call

BEGIN_US, STEP_US = 1_760_000_000_000_000, 3_000_000
SLICE = 500_000
MODELS = (
    *(("openai", "gpt-5"), ("openai", "gpt-5-mini"), ("azure", "gpt-5"), ("bedrock", "claude-4")),
    *(("bedrock", "nova"), ("ollama", "rare-model")),
)
PICKS = 2_000
HEAVY_USER = "u_" + "f" * 32


def picks() -> Iterator[tuple[Any, ...]]:
    """What the records of one number modulo `PICKS` have in common, with their series."""
    for number in range(PICKS):
        tenant = ("acme", "acme", "acme", "globex", "initech", "umbra")[number % 6]
        provider, model = MODELS[5 if number == 78 else number // 6 % 5]
        verdict = Verdict.BLOCKED if number % 97 == 0 else Verdict.ALLOWED
        entry = call(
            tenant=tenant,
            client=f"client-{number // 30 % 20}",
            provider=provider,
            model=model,
            verdict=verdict,
            request_type="chat" if number % 5 else "sql",
            facts={"cost_usd": 4.0 ** (number % 7 - 8)},
        )
        labels = labels_of(entry, cost_of(entry))
        yield (number, entry.facts["cost_usd"], series_id(labels), *labels)


_COMMON = """
SELECT n, 'bulk', 'r' || {padded_n}, {begin} + n * {step} + n % 7 * 100000, p.kind, p.verdict,
  p.tenant, p.client, {user}, p.request_type, p.provider, p.model, {body}, {hash}, p.series, {cost}
FROM {numbers} JOIN picks AS p ON p.number = n * 7919 % {picks}
"""
_RECORDS = """INSERT INTO records (seq, chain, id, at_us, kind, verdict, tenant, client, "user",
  request_type, provider, model, body, hash, series, cost_usd)"""
_TERMS = (
    """INSERT INTO terms SELECT 'user ' || "user", series, at_us, "row" FROM records
       WHERE chain = 'bulk' ORDER BY 1, 2, 3""",
    """INSERT INTO terms SELECT 'receipt req-' || seq, series, at_us, "row" FROM records
       WHERE chain = 'bulk' ORDER BY 1, 2, 3""",
    """INSERT INTO terms SELECT 'rule pii', series, at_us, "row" FROM records
       WHERE chain = 'bulk' AND seq % 40 = 0 ORDER BY 1, 2, 3""",
    """INSERT INTO terms SELECT 'rule rare', series, at_us, "row" FROM records
       WHERE chain = 'bulk' AND seq % 100003 = 0 ORDER BY 1, 2, 3""",
)
_LATER = ("records_of_a_tenant", "records_of_a_series")
_MEMBERS = """
'at_us', {begin} + n * {step} + n % 7 * 100000, 'chain', 'bulk', 'client', p.client,
'closes', NULL, 'commitments', {object}(), 'facts', {object}('cost_usd', {cost},
'latency_ms', 812.5, 'mode', 'proxy', 'receipt', {object}('request_id', 'req-' || n, 'region',
'us-east-1', 'surface', 'chat'), 'tokens', {object}('input', n % 4000, 'output', n % 900)),
'id', 'r' || {padded_n}, 'kind', p.kind, 'model', p.model, 'provider', p.provider,
'request_type', p.request_type, 'rules', {rules}, 'seq', n, 'tenant', p.tenant, 'user', {user},
'verdict', p.verdict"""
_RULES = """CASE WHEN n % 100003 = 0 THEN {rare} WHEN n % 40 = 0 THEN {pii} ELSE {none} END"""


def _select(number: Callable[[str], str], json: Callable[[str], str], **words: str) -> str:
    heavy = (
        f"CASE WHEN n % 10 = 0 THEN '{HEAVY_USER}' ELSE 'u_' || {number('n * 48271 % 50000')} END"
    )
    given = {
        **words,
        "padded_n": number("n"),
        "begin": str(BEGIN_US),
        "step": str(STEP_US),
        "user": heavy,
        "cost": "p.cost * (1 + n % 1000 / 400.0)",
        "picks": str(PICKS),
    }
    return _COMMON.format(body=json(_MEMBERS.format(**given)), **given)


def fill_sqlite(path: Path, count: int) -> None:
    """Add so many records to a database that a store made."""
    select = _select(
        lambda number: f"printf('%032d', {number})",
        lambda members: f"CAST(json_object({members}) AS BLOB)",
        object="json_object",
        hash="zeroblob(32)",
        numbers="numbers",
        rules="json(" + _RULES.format(rare="'[\"rare\"]'", pii="'[\"pii\"]'", none="'[]'") + ")",
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for pragma in ("journal_mode=OFF", "synchronous=OFF"):  # nothing that is lost is missed
            database.execute(f"PRAGMA {pragma}")
        database.execute("PRAGMA cache_size=-400000")
        later = [
            database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
            for name in _LATER
        ]
        for name in _LATER:
            database.execute(f"DROP INDEX {name}")
        _fill_series(database.execute, "?")
        for first in range(0, count, SLICE):
            last = min(first + SLICE, count) - 1
            database.execute(
                f"{_RECORDS} WITH RECURSIVE numbers(n) AS "
                f"(SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}) {select}"
            )
        for statement in (*_TERMS, *later, "DROP TABLE picks", "PRAGMA journal_mode=WAL"):
            database.execute(statement)


def fill_postgres(url: str, count: int) -> None:
    """The same on PostgreSQL."""
    import psycopg

    select = _select(
        lambda number: f"lpad(({number})::text, 32, '0')",
        lambda members: f"convert_to(json_build_object({members})::text, 'UTF8')",
        object="json_build_object",
        hash="decode(repeat('00', 32), 'hex')",
        numbers="numbers",
        rules=_RULES.format(rare="'[\"rare\"]'::json", pii="'[\"pii\"]'::json", none="'[]'::json"),
    )
    with psycopg.connect(url, autocommit=True) as database:
        later = [
            database.execute(
                "SELECT indexdef FROM pg_indexes WHERE indexname = %s", (name,)
            ).fetchall()[0][0]
            for name in _LATER
        ]
        for name in _LATER:
            database.execute(f"DROP INDEX {name}")
        _fill_series(database.execute, "%s")
        for first in range(0, count, SLICE):
            last = min(first + SLICE, count) - 1
            database.execute(
                f"{_RECORDS} WITH numbers AS "
                f"(SELECT n FROM generate_series({first}::bigint, {last}) AS n) {select}"
            )
        for statement in (*_TERMS, *later, "DROP TABLE picks", "VACUUM ANALYZE"):
            database.execute(statement)


def _fill_series(execute: Callable[..., Any], mark: str) -> None:
    execute(
        "CREATE TABLE picks (number integer primary key, cost float8, series bigint, tenant text,"
        " client text, provider text, model text, verdict text, kind text, request_type text,"
        " cost_class integer)"
    )
    for pick in picks():
        execute(f"INSERT INTO picks VALUES ({', '.join([mark] * len(pick))})", pick)
    execute(
        "INSERT INTO series SELECT DISTINCT series, tenant, client, provider, model, verdict,"
        " kind, request_type, cost_class FROM picks"
    )
