"""Mixed traffic: what clients of a governed server do in a minute, and what must be on record then.

No two questions are equal, for equal ones share a call. Every answer is held against the status
that is due, and counted by the kind of record that it stands for; afterwards the database has as
many records of each kind as there were answers. `python -m tests.bench.mixed [SECONDS]` prints one
line, and fails where they differ.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from attrs import field, frozen

from axonflow_core.audit.record import Kind

from .load import Connection, Load, on_connections, under_load
from .service import running_service

CONNECTIONS = 32
_CHAT = {"user_token": "somebody", "request_type": "chat"}


@frozen
class Step:
    """A request, the status that is due, and the record that it leaves; None for none."""

    path: str
    body: object
    status: int = 200
    record: Kind | None = None


def _asks(query: str, status: int = 200) -> Step:
    return Step("/api/request", {**_CHAT, "query": query}, status, Kind.CALL)


STEPS = (
    _asks("word " * 250),
    _asks("tell me of project aurora", 403),
    _asks("write to somebody@example.com"),
    _asks("Why is the sky blue?"),
    Step("/api/policy/pre-check", {**_CHAT, "query": "May I?"}, record=Kind.CHECK),
    _asks("word " * 2_000),
    Step("/api/v1/audit/tool-call", {"tool_name": "weather"}, record=Kind.TOOL_CALL),
    Step("/api/request", b'{"query": ', 400),
    Step("/api/v1/audit/search", {"limit": 5}),
    Step("/api/audit/llm-call", {"context_id": "x", "provider": "p", "model": "m"}, 400),
)


@frozen
class Traffic:
    """What was answered, and what is on record."""

    answers: Counter[int] = field(repr=False)
    wrong: Counter[tuple[str, int]]
    """(path, status) of the answers that were not as they are due."""
    due: Mapping[str, int]
    """Kind -> how many records there must be."""
    records: Mapping[str, int]
    seconds: float

    @property
    def rate(self) -> float:
        return sum(self.answers.values()) / self.seconds

    def __str__(self) -> str:
        return (
            f"{sum(self.answers.values()):,} answers in {self.seconds:.0f} s ({self.rate:,.0f} a "
            f"second), {sum(self.wrong.values())} wrong, {sum(self.records.values()):,} records "
            f"of {sum(self.due.values()):,}"
        )


def mixed(load: Load, seconds: float, connections: int = CONNECTIONS) -> Traffic:
    """Mixed traffic for so long."""
    answers: Counter[int] = Counter()
    wrong: Counter[tuple[str, int]] = Counter()
    due: Counter[str] = Counter()
    numbers = itertools.count()
    before = records_of(load)
    began = time.monotonic()

    def count(path: str, status: int, expected: int, record: Kind | None) -> None:
        answers[status] += 1
        if status != expected:
            wrong[path, status] += 1
        elif record is not None:
            due[record] += 1

    async def talk(connection: Connection) -> None:
        while time.monotonic() - began < seconds:
            for step in STEPS:
                request = load.request(step.path, numbered(step.body, next(numbers)))
                status, body = await connection.ask(request)
                count(step.path, status, step.status, step.record)
                if step.record is Kind.CHECK and status == 200:
                    report = {**_REPORT, "context_id": orjson.loads(body)["context_id"]}
                    reported = load.request("/api/audit/llm-call", report)
                    for record in (Kind.GATEWAY_CALL, None):  # and once more: the same answer
                        status, _ = await connection.ask(reported)
                        count("/api/audit/llm-call", status, 200, record)

    asyncio.run(on_connections(load.server.port, connections, talk))
    took = time.monotonic() - began
    records = {kind: count - before.get(kind, 0) for kind, count in records_of(load).items()}
    return Traffic(answers, wrong, due, {k: n for k, n in records.items() if n}, took)


def numbered(body: Any, number: int) -> object:
    """A body whose question is unlike every other."""
    is_question = isinstance(body, dict) and "query" in body
    return {**body, "query": f"{number} {body['query']}"} if is_question else body


_REPORT = {"provider": "bedrock", "model": "m", "token_usage": {"prompt_tokens": 3}}


def records_of(load: Load) -> dict[str, int]:
    """Kind -> how many records the database has."""
    with closing(sqlite3.connect(load.server.folder / "audit.db")) as database:
        return dict(database.execute("select kind, count(*) from records group by kind"))


def main() -> int:
    """Mixed traffic for the seconds of the command line, for a minute."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with (
        running_service(with_tls=False) as service,
        TemporaryDirectory() as folder,
        under_load(Path(folder, "server"), service.burst_url) as load,
    ):
        traffic = mixed(load, seconds)
        sys.stdout.write(f"{traffic}, {load.resident_mb():.0f} MB resident\n")
    return 1 if traffic.wrong or traffic.records != traffic.due else 0


if __name__ == "__main__":
    sys.exit(main())
