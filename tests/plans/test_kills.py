"""`kill -9` at every step boundary and inside every step of a plan of six steps."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import orjson
import pytest

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.search import search
from axonflow_core.audit.store import AuditStore
from axonflow_core.keys import Keys, throwaway_keys

from .planned import written

NAMES = [f"s-{number}" for number in range(1, 7)]
CHAIN = [(name, NAMES[number - 1 : number] if number else []) for number, name in enumerate(NAMES)]
WIDE = [(name, []) for name in NAMES]
STEPS = [*(f"step_{number}" for number in range(1, 7)), "synthesis"]


def lived(folder: Path, url: str, plan: str, keys: Keys, mode: str, points: list[str]) -> int:
    """Live until the plan is over, and die at the points that begin so. Returns how often."""
    given = " ".join(key.hex() for key in (keys.server[0], keys.signing, keys.master))
    settings = orjson.dumps({"url": url, "mode": mode, "points": points}).decode()
    command = [sys.executable, str(Path(__file__).parent / "lives.py")]
    for kills in range(100):
        ended = subprocess.run(
            [*command, str(folder), plan, given, settings],
            timeout=200,
            capture_output=True,
            text=True,
        )
        if ended.returncode != -9:
            assert ended.returncode == 0, ended.stderr
            return kills
    raise AssertionError("it never ended")


def file_in(folder: Path) -> str:
    return f"sqlite:///{folder}/audit.db"


async def calls_on_record(url: str, keys: Keys) -> list[Entry]:
    audit = await AuditStore.open(url, keys)
    try:
        page = await search(audit, "acme", limit=1_000)
    finally:
        await audit.aclose()
    entries = [each.entry for each in reversed(page.records)]
    return [each for each in entries if each.kind is Kind.CALL and "step" in each.facts]


async def require_once(folder: Path, url: str, keys: Keys) -> list[Entry]:
    """The plan is complete, no step ran once it was on record, and each is on record once. Returns
    the records of its steps."""
    assert (folder / "status").read_text() == "completed"
    records = await calls_on_record(url, keys)
    assert Counter(each.facts["step"] for each in records) == dict.fromkeys(STEPS, 1)
    attempts = {each.facts["step"]: each.facts["attempt"] for each in records}
    events = (folder / "events").read_text().splitlines()
    for number, step in enumerate(STEPS):
        name = NAMES[number] if number < len(NAMES) else "synthesis"
        called = [at for at, event in enumerate(events) if event == f"call {name}"]
        assert 1 <= len(called) <= attempts[step], step
        # A life that ends as several steps are over notes one of them at least.
        if (over := f"{step} completed") in events:
            assert max(called) < events.index(over), step
    for each in records:
        assert each.facts["idempotency_key"] == f"{each.facts['plan']}/{each.facts['step']}"
        assert each.facts["is_repeated"] is (each.facts["attempt"] > 1)
    return records


@pytest.mark.exhaustive
@pytest.mark.parametrize(("plan", "mode"), [(CHAIN, "sequential"), (WIDE, "parallel")])
@pytest.mark.parametrize(
    ("points", "least"),
    [("call", 7), ("answer", 7), ("in the transaction", 7), ("durable", 14)],
)
async def test_a_plan_ends_whatever_is_killed_and_no_step_on_record_runs_again(
    tmp_path: Path, plan: list[tuple[str, list[str]]], mode: str, points: str, least: int
) -> None:
    """In parallel several steps reach a point before the process is gone: some of the kills are of
    two steps at once."""
    keys, url = throwaway_keys(), file_in(tmp_path)
    kills = lived(tmp_path, url, written(plan), keys, mode, [points])
    assert kills >= least if mode == "sequential" else kills > 1
    records = await require_once(tmp_path, url, keys)
    assert sum(record.facts["is_repeated"] for record in records) >= len(STEPS) - 1


POINTS = [
    "call: s-2",
    "in the transaction: step_3",
    "durable: step_4 completed",
    "answer: synthesis",
]


@pytest.mark.thorough
async def test_a_step_without_a_record_is_run_again_and_its_record_says_so(tmp_path: Path) -> None:
    await require_points(tmp_path, file_in(tmp_path))


@pytest.mark.exhaustive
async def test_the_same_holds_on_postgresql_where_another_executor_goes_on(
    tmp_path: Path, url: str
) -> None:
    await require_points(tmp_path, url)


async def require_points(folder: Path, url: str) -> None:
    keys = throwaway_keys()
    assert lived(folder, url, written(CHAIN), keys, "sequential", POINTS) == len(POINTS)
    records = await require_once(folder, url, keys)
    repeated = [each.facts["step"] for each in records if each.facts["is_repeated"]]
    assert repeated == ["step_2", "step_3", "synthesis"]
