"""Executors on several machines, which share a database of PostgreSQL."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from postgres_server import Postgres

from axonflow_core.audit.record import Kind
from axonflow_core.keys import Keys, throwaway_keys

from .planned import CHAIN, Model, planning, written

pytestmark = pytest.mark.thorough
TAKEOVER_S = 1.0
FAST = {"takeover_s": TAKEOVER_S}


@contextmanager
def executor(
    folder: Path, url: str, keys: Keys, count: int
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Another process that has begun so many plans, and their ids."""
    given = " ".join(key.hex() for key in (keys.server[0], keys.signing, keys.master))
    settings = orjson.dumps({"url": url, "count": count, "takeover_s": TAKEOVER_S}).decode()
    script = str(Path(__file__).parent / "executor.py")
    command = [sys.executable, script, str(folder), written(CHAIN), given, settings]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(count + 1)]
        assert lines[-1] == "begun"
        try:
            yield process, lines[:-1]
        finally:
            process.kill()


async def test_the_plans_of_an_executor_that_is_killed_go_on_at_another(
    tmp_path: Path, url: str
) -> None:
    keys, model = throwaway_keys(), Model(written(CHAIN))
    with executor(tmp_path, url, keys, 10) as (other, ids):
        async with planning(tmp_path, model, keys=keys, url=url, plans=FAST) as served:
            await asyncio.sleep(2 * TAKEOVER_S)
            assert model.calls == {}, "who lives keeps its plans"
            other.kill()
            plans = await asyncio.gather(*map(served.over, ids))
            calls = [each for each in await served.records() if each.kind is Kind.CALL]
    assert {each["status"] for each in plans} == {"completed"}
    assert model.calls == {"second": 10, "third": 10, "synthesis": 10}
    steps = [(each.facts["plan"], each.facts["step"]) for each in calls if "step" in each.facts]
    assert len(steps) == len(set(steps)) == 40
    attempts = {each.facts["attempt"] for each in calls if each.facts.get("step") == "step_2"}
    assert attempts == {2}


async def test_a_database_that_is_started_again_during_recovery_strands_no_plan(
    tmp_path: Path, postgres: Postgres, url: str
) -> None:
    """What `dbos-inc/dbos-transact-py#716` is about."""
    postgres.require_own()
    keys, model = throwaway_keys(), Model(written(CHAIN), delay_s=0.2)
    with executor(tmp_path, url, keys, 10) as (other, ids):
        async with planning(tmp_path, model, keys=keys, url=url, plans=FAST) as served:
            other.kill()
            await model.begun("second")
            await asyncio.to_thread(postgres.stop)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(postgres.start)
            plans = [await settled(served, id) for id in ids]
    assert {each["status"] for each in plans} == {"completed"}


async def settled(served: object, id: str) -> dict[str, object]:
    """The plan once it is over, however long the audit cannot be read."""
    async with asyncio.timeout(60):
        while True:
            plan = await served.status(id)  # type: ignore[attr-defined]
            if plan.get("status") in ("completed", "failed", "cancelled"):
                return dict(plan)
            await asyncio.sleep(0.2)
