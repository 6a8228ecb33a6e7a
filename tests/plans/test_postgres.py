"""Executors on several machines, which share a database of PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from postgres_server import Postgres

from axonflow_core.audit.record import Kind
from axonflow_core.audit.store import AuditStore
from axonflow_core.keys import Keys, throwaway_keys
from axonflow_core.keys import written as written_key
from axonflow_core.plans.book import Book
from axonflow_core.plans.plan import Plan
from axonflow_core.plans.sealing import PlanSeal

from .planned import CHAIN, Model, planning, written

TAKEOVER_S = 3.0
"""More than a process is still for on a busy machine."""
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


@pytest.mark.thorough
async def test_the_plans_of_an_executor_that_is_killed_go_on_at_another(
    tmp_path: Path, url: str
) -> None:
    keys, model = throwaway_keys(), Model(written(CHAIN))
    with executor(tmp_path, url, keys, 10) as (other, ids):
        async with planning(tmp_path, model, keys=keys, url=url, plans=FAST) as served:
            await asyncio.sleep(1.5 * TAKEOVER_S)
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


@pytest.mark.thorough
async def test_an_id_that_no_plan_has_is_unknown_whatever_is_in_it(
    tmp_path: Path, url: str
) -> None:
    async with planning(tmp_path, Model(written(CHAIN)), url=url) as served:
        for id in ("%00", "plan_%00", "%F0%9F%98%80", "x" * 2_000):
            assert (await served.get(f"/api/v1/plan/{id}")).status == 404, id
        assert (await served.get("/api/v1/plans/approvals/pending?plan_id=%00")).status == 400
        assert (await served.execute("plan_\0")).status == 400


@pytest.mark.thorough
async def test_a_step_with_the_longest_model_ends_as_any(tmp_path: Path, url: str) -> None:
    """A row that does not take it would have the step called again and again."""
    longest = "m" * 2_048
    model = Model(written(CHAIN))
    async with planning(tmp_path, model, url=url, plans={"model": "m-1"}) as served:
        id = await served.made(model=longest)
        await served.execute(id)
        steps = (await served.status(id))["steps"]
    assert {step["model"] for step in steps} == {longest}
    assert set(model.calls.values()) == {1}


@pytest.mark.exhaustive
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


WORKER = """
version: "1.0"
llm_providers: {echo: {enabled: true}}
server: {clients: {acme: {roles: [plans]}}}
agents: {worker: {description: does things, system_prompt: You work.}}
plans: {enabled: true, takeover_s: %g}
audit: {url: "%s"}
"""


@contextmanager
def worker(folder: Path, url: str, keys: Keys) -> Iterator[str]:
    """`axonflow worker`, and the id that it runs plans as."""
    file = folder / "worker.yaml"
    file.write_text(WORKER % (TAKEOVER_S, url))
    command = [sys.executable, "-m", "axonflow_core.cli", "worker", "--config", str(file)]
    named = {"SERVER": keys.server[0], "AUDIT_SIGNING": keys.signing, "AUDIT_MASTER": keys.master}
    given = {f"AXONFLOW_{name}_KEY": written_key(key) for name, key in named.items()}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, **given}
    ) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        assert told.startswith("running plans as"), told + process.stderr.read()
        yield told.split()[-1]
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.exhaustive
async def test_a_worker_runs_the_plans_of_a_server_that_is_gone(tmp_path: Path, url: str) -> None:
    keys = throwaway_keys()
    with executor(tmp_path, url, keys, 3) as (server, ids), worker(tmp_path, url, keys) as id:
        server.kill()
        audit, book = await AuditStore.open(url, keys), Book(PlanSeal(keys.server))
        try:
            async with asyncio.timeout(30):
                plans = await over(audit, book, ids)
        finally:
            await audit.aclose()
    assert {(plan.status, plan.owner) for plan in plans} == {("completed", id)}


async def over(audit: AuditStore, book: Book, ids: list[str]) -> list[Plan]:
    """The plans, once all of them are over."""
    while True:
        found = [await audit.read(lambda reader, id=id: book.get(reader, id)) for id in ids]
        plans = [plan for plan in found if plan is not None and plan.status.is_over]
        if len(plans) == len(ids):
            return plans
        await asyncio.sleep(0.1)


@pytest.mark.exhaustive
async def test_an_executor_has_a_bounded_number_of_connections(
    tmp_path: Path, postgres: Postgres, url: str
) -> None:
    async with planning(tmp_path, Model(written(CHAIN)), url=url, plans=FAST) as served:
        ids = await asyncio.gather(*(served.made(f"Do {number}.") for number in range(50)))
        running = asyncio.gather(*map(served.execute, ids))
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name <> 'axonflow-audit' AND pid <> pg_backend_pid()"
        )
        most = 0
        while not running.done():
            ((count,),) = await asyncio.to_thread(postgres.run, query, url=url)
            most = max(most, count)
        plans = [await served.status(id) for id in ids]
    assert {each["status"] for each in plans} == {"completed"}
    assert 0 < most <= 12  # seven, and some that are closing


async def settled(served: object, id: str) -> dict[str, object]:
    """The plan once it is over, however long the audit cannot be read."""
    async with asyncio.timeout(60):
        while True:
            plan = await served.status(id)  # type: ignore[attr-defined]
            if plan.get("status") in ("completed", "failed", "cancelled"):
                return dict(plan)
            await asyncio.sleep(0.2)
