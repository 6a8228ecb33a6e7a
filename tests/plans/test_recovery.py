"""What a plan is after its server ended, and who may run it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from on_time import until

from axonflow_core.budgets.terms import Period, Scope
from axonflow_core.config.values import BudgetConfig
from axonflow_core.errors import AuditError, ConfigError
from axonflow_core.frozen import evolve
from axonflow_core.keys import throwaway_keys
from axonflow_core.plans import engine
from axonflow_core.plans.databases import EngineDatabase
from axonflow_core.plans.runs import Runs
from axonflow_core.plans.sealing import PlanSeal
from axonflow_core.server.logs import line_of

from .planned import AGENTS, CHAIN, Model, planning, written


def file_in(folder: Path) -> str:
    return f"sqlite:///{folder}/audit.db"


QUERY = "a query that nobody else writes"


async def test_a_stopped_server_leaves_a_plan_that_goes_on_at_the_next_start(
    tmp_path: Path,
) -> None:
    keys = throwaway_keys()
    model = Model(written(CHAIN), second=lambda: asyncio.sleep(30))
    async with planning(tmp_path, model, keys=keys, url=file_in(tmp_path)) as served:
        id = await served.made(QUERY)
        executing = asyncio.create_task(served.execute(id))
        await model.begun("second")
    executing.cancel()
    again = Model(written(CHAIN))
    async with planning(tmp_path, again, keys=keys, url=file_in(tmp_path)) as served:
        status = await served.over(id)
        records = [each for each in await served.records() if each.facts.get("step") == "step_2"]
    assert (status["status"], status["result"]) == ("completed", "synthesis is done")
    assert again.calls == {"second": 1, "third": 1, "synthesis": 1}
    assert [each.facts["attempt"] for each in records] == [1, 2]
    assert [each.facts.get("error", {}).get("code") for each in records] == ["cancelled", None]


def lose(folder: Path, name: str) -> None:
    for file in folder.glob(f"{name}*"):
        file.unlink()


@pytest.mark.thorough
async def test_a_plan_goes_on_though_all_that_the_engine_knew_is_lost(tmp_path: Path) -> None:
    keys, fast = throwaway_keys(), {"takeover_s": 1.0}
    model = Model(written(CHAIN), second=lambda: asyncio.sleep(30))
    async with planning(tmp_path, model, keys=keys, url=file_in(tmp_path)) as served:
        id = await served.made()
        executing = asyncio.create_task(served.execute(id))
        await model.begun("second")
    executing.cancel()
    lose(tmp_path, "audit-plans.db")
    again = Model(written(CHAIN))
    async with planning(tmp_path, again, keys=keys, url=file_in(tmp_path), plans=fast) as served:
        assert (await served.over(id))["status"] == "completed"
    assert again.calls == {"second": 1, "third": 1, "synthesis": 1}


def contents(folder: Path) -> bytes:
    """All that stands in the files of a folder."""
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


async def test_what_is_kept_of_a_plan_cannot_be_read_in_the_files(tmp_path: Path) -> None:
    model = Model(written(CHAIN), first="a result of nobody")
    async with planning(tmp_path, model, url=file_in(tmp_path)) as served:
        await served.execute(await served.made(QUERY))
    files = contents(tmp_path)
    for secret in (QUERY, "a result of nobody", "do first"):
        assert secret.encode() not in files
    assert b"step_1" in files


async def test_a_second_executor_of_a_file_is_refused(tmp_path: Path) -> None:
    keys, model = throwaway_keys(), Model(written(CHAIN))
    async with planning(tmp_path, model, keys=keys, url=file_in(tmp_path)):
        with pytest.raises(ConfigError) as refused:
            async with planning(tmp_path, model, keys=keys, url=file_in(tmp_path)):
                pass
    assert "another process runs the plans of" in refused.value.message
    assert "one worker" in str(refused.value.hint)
    database = EngineDatabase(None, file_in(tmp_path))
    database.enter()
    database.leave()


async def test_an_audit_and_an_engines_file_have_one_executor_each(tmp_path: Path) -> None:
    audit, own = file_in(tmp_path), f"sqlite:///{tmp_path}/engine.db"
    (tmp_path / "audit.db").touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.db").symlink_to(tmp_path / "audit.db")
    linked = f"sqlite:///{tmp_path}/elsewhere/link.db"
    first = EngineDatabase(own, audit)
    first.enter()
    others = [(None, audit), (own, f"sqlite:///{tmp_path}/b.db"), (None, linked)]
    for other in (EngineDatabase(*each) for each in others):
        with pytest.raises(ConfigError, match="another process runs the plans of"):
            other.enter()
    first.leave()
    for other in (EngineDatabase(*each) for each in others):
        other.enter()
        other.leave()


async def test_a_budget_that_is_spent_in_mid_plan_ends_it_and_keeps_what_there_is(
    tmp_path: Path,
) -> None:
    """A call costs $0.00045. Before, it counts as what it may cost: $0.062 for those that write
    plans and answers, whose length is not limited."""
    agents = {name: evolve(agent, max_tokens=10) for name, agent in AGENTS.items()}
    budget = BudgetConfig(
        scope=Scope.AGENT, of="acme", limit_usd=0.0625, period=Period.YEARLY, alert_thresholds=()
    )
    model = Model(written(CHAIN))
    async with planning(tmp_path, model, agents=agents, budgets={"b": budget}) as served:
        id = await served.made()
        await served.execute(id)
        status = await served.status(id)
    assert (status["status"], status["code"]) == ("failed", "budget_exceeded")
    assert status["step_results"]["step_3"]["output"] == "third is done"
    assert status["step_results"]["synthesis"]["code"] == "budget_exceeded"
    assert model.calls["synthesis"] == 0


def test_what_was_sealed_is_read_under_any_server_key_and_its_own_name_alone() -> None:
    old, new = b"o" * 32, b"n" * 32
    sealed = PlanSeal([old]).seal("plan/step_1", b"text")
    assert PlanSeal([new, old]).open("plan/step_1", sealed) == b"text"
    for seal, name in ((PlanSeal([new]), "plan/step_1"), (PlanSeal([old]), "plan/step_2")):
        with pytest.raises(AuditError):
            seal.open(name, sealed)


async def test_an_executor_whose_plan_others_took_does_nothing_more_to_it(tmp_path: Path) -> None:
    """One that was still for too long, and goes on: its call counts for nothing."""
    slow = asyncio.Event()

    async def wait() -> str:
        await slow.wait()
        return "too late"

    model = Model(written(CHAIN), first=wait)
    async with planning(tmp_path, model) as served:
        plans = served.service.plans
        assert plans is not None
        id = await served.made()
        executing = asyncio.create_task(served.execute(id))
        await model.begun("first")
        other = Runs(served.service.audit, plans._book, plans._ground, "other")
        model.does = {}
        taken = await other.take(id, 1)
        assert taken is not None
        first, *rest = taken.waits
        done = [await other.run(taken.plan, first)]
        slow.set()
        await asyncio.sleep(0.5)
        assert (await served.status(id))["status"] == "executing"
        assert await other.close(taken) == "executing", "steps are left"
        done += [await other.run(taken.plan, step) for step in rest]
        assert await other.close(taken) == "completed"
        await executing
        status = await served.status(id)
        records = [each for each in await served.records() if each.facts.get("step") == "step_1"]
    assert set(done) == {"completed"}
    assert status["step_results"]["step_1"]["output"] == "first is done"
    assert [each.facts["attempt"] for each in records] == [2, 1]
    assert model.calls == {"plan": 1, "first": 2, "second": 1, "third": 1, "synthesis": 1}


async def test_an_engine_that_does_not_stop_in_time_keeps_nothing_else_from_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    may_stop, has_stopped = threading.Event(), threading.Event()
    monkeypatch.setattr(engine, "_CLOSE_S", 0.01)
    async with planning(tmp_path, Model(written(CHAIN)), url=file_in(tmp_path)) as served:
        plans = served.service.plans
        assert plans is not None
        stop = plans._engine._stop

        def stop_late() -> None:
            may_stop.wait(60)
            stop()
            has_stopped.set()

        monkeypatch.setattr(plans._engine, "_stop", stop_late)
    with closing(sqlite3.connect(tmp_path / "audit.db")) as audit:
        assert audit.execute("SELECT is_closed FROM heads").fetchall() == [(1,)]
    assert "the engine of plans did not stop in time" in caplog.text
    may_stop.set()
    await until(has_stopped.is_set)


async def test_a_fault_of_the_engine_is_in_the_log_without_its_message(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with planning(tmp_path, Model(written(CHAIN))):
        logging.getLogger("dbos").error("%s", "what Ann said")
        record = next(each for each in caplog.records if each.name == "dbos")
    assert b"Ann" not in line_of(record)
    assert "Ann" not in capfd.readouterr().err
