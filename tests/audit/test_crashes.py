"""What was acknowledged outlives kills, power cuts, a full disk and a torn journal.

Acknowledged is what the parent read from the pipe of the process that wrote it. Each figure is
printed; each zero has a control that makes it greater.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from .killing import WRITING
from .killing import kills as kills_of_two
from .making import append_all, call, ids, opened, put, verified

HERE = Path(__file__).parent


def killed(
    database: Path, after_s: float, *arguments: str, environment: Mapping[str, str] | None = None
) -> list[str]:
    """The ids that a writing process acknowledged before it was killed, `after_s` seconds after its
    first one."""
    process = subprocess.Popen(
        [sys.executable, WRITING, database, *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    with process, ended_anyway(process):
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(after_s)
        process.kill()
        rest = process.stdout.read()
    whole = (first + rest).decode()
    return whole[: whole.rfind("\n") + 1].split()  # the last line may be cut


@contextmanager
def ended_anyway(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()


# ── kill -9 ───────────────────────────────────────────────────────────────────────────────────────


def kills(folder: Path, count: int, seed: int) -> None:
    draw = random.Random(seed)
    acknowledged = lost = 0
    for number in range(count):
        database = folder / f"{number // 10}" / "audit.db"  # a new one now and then
        database.parent.mkdir(exist_ok=True)
        acked = killed(database, draw.uniform(0.02, 0.2))
        found = verified(database)
        assert found.faults == ()  # doubles among them
        acknowledged += len(acked)
        lost += len(set(acked) - set(ids(database)))
    print(f"{count} kills, seed {seed}: {acknowledged} acknowledged, {lost} lost")  # noqa: T201
    assert (lost, acknowledged > count) == (0, True)


@pytest.mark.thorough
def test_a_kill_loses_and_doubles_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    kills(tmp_path, 8, seed=1)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_kills_lose_nothing(tmp_path: Path, seed: int) -> None:
    kills(tmp_path, 20, seed=seed)


@pytest.mark.thorough
def test_a_kill_of_one_of_two_writers_harms_neither(database: Path) -> None:
    other = subprocess.Popen([sys.executable, WRITING, database], stdout=subprocess.PIPE)
    with other, ended_anyway(other):
        assert other.stdout is not None
        first = other.stdout.readline()
        killed_acks = killed(database, 0.2)
        other.kill()
        rest = (first + other.stdout.read()).decode().split("\n")[:-1]
    assert verified(database).faults == ()
    assert set(killed_acks + rest) <= set(ids(database))


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(10))
def test_two_hundred_kills_of_two_workers_lose_nothing(tmp_path: Path, seed: int) -> None:
    kills_of_two(lambda: f"sqlite:///{tmp_path}/audit.db", tmp_path, 10, seed=seed)


# ── power cuts ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that keeps only what was synced."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("power cuts: there is no C compiler, or no LD_PRELOAD")
    library = tmp_path_factory.mktemp("shim") / "unsynced.so"
    options = ["-shared", "-fPIC", "-O1", "-w", "-o", library]
    subprocess.run([compiler, *options, HERE / "unsynced.c", "-ldl", "-lpthread"], check=True)
    return library


def power_cuts(
    folder: Path, shim: Path, count: int, synchronous: str, *, seed: int, longest_s: float = 0.3
) -> tuple[int, int]:
    """How many records were acknowledged before the cuts, and how many were lost."""
    draw = random.Random(seed)
    acknowledged = lost = 0
    for number in range(count):
        written, shadow = folder / f"{number}", folder / f"{number}-after"
        for each in (written, shadow):
            each.mkdir()
        environment = {"LD_PRELOAD": str(shim), "SHADOW": str(shadow)}
        acked = killed(
            written / "audit.db",
            draw.uniform(0.02, longest_s),
            synchronous,
            environment=environment,
        )
        found = verified(shadow / "audit.db")
        assert found.faults == ()  # what is left is a state that was
        acknowledged += len(acked)
        lost += len(set(acked) - set(ids(shadow / "audit.db")))
        shutil.rmtree(written)
        shutil.rmtree(shadow)
    print(  # noqa: T201
        f"{count} power cuts, synchronous={synchronous}, seed {seed}: "
        f"{acknowledged} acknowledged, {lost} lost"
    )
    return acknowledged, lost


@pytest.mark.thorough
def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path, shim: Path) -> None:
    acknowledged, lost = power_cuts(tmp_path, shim, 6, "FULL", seed=1)
    assert (acknowledged > 0, lost) == (True, 0)


@pytest.mark.thorough
def test_without_full_synchronisation_a_power_cut_loses_records(tmp_path: Path, shim: Path) -> None:
    """The control: that the shim drops what was not synced, and that FULL is needed."""
    _, lost = power_cuts(tmp_path, shim, 2, "NORMAL", seed=1)
    assert lost > 0


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(5))
def test_fifty_power_cuts_lose_nothing(tmp_path: Path, shim: Path, seed: int) -> None:
    (tmp_path / "control").mkdir()
    assert power_cuts(tmp_path, shim, 10, "FULL", seed=seed, longest_s=1.5)[1] == 0
    assert power_cuts(tmp_path / "control", shim, 2, "NORMAL", seed=seed)[1] > 0


# ── a full disk ───────────────────────────────────────────────────────────────────────────────────

FULL_DISK = """
import asyncio, resource, sys
sys.path.insert(0, {here!r})
from writing import *

async def main():
    database = SQLiteDatabase(Path(sys.argv[1]))
    store = await AuditStore(Writer(database, KEYS, WriterOptions())).started()
    acked, refused = [], 0

    async def record(count):
        nonlocal refused
        for _ in range(count):
            entry = Entry(kind=Kind.CALL, verdict=Verdict.ALLOWED, facts={{"filler": "x" * 1000}})
            try:
                await store.append(entry)
                acked.append(entry.id)
            except Exception:
                refused += 1

    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    await asyncio.gather(*(record(60) for _ in range(32)))
    assert not store.is_healthy, "the disk was not full"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    async with asyncio.timeout(30):
        while not store.is_healthy:
            await asyncio.sleep(0.05)
    before = len(acked)
    await record(20)
    assert len(acked) == before + 20
    await store.aclose()
    print(refused, *acked)

asyncio.run(main())
"""


@pytest.mark.thorough
def test_on_a_full_disk_nothing_is_acknowledged_and_service_resumes_by_itself(
    database: Path,
) -> None:
    code = FULL_DISK.format(here=str(HERE))
    finished = subprocess.run(
        [sys.executable, "-c", code, database], capture_output=True, text=True, timeout=90
    )
    assert finished.returncode == 0, finished.stderr
    refused, *acked = finished.stdout.split()
    print(f"a full disk: {len(acked)} acknowledged, {refused} refused")  # noqa: T201
    assert int(refused) > 0
    assert set(acked) <= set(ids(database))
    assert verified(database).faults == ()


# ── a torn journal ────────────────────────────────────────────────────────────────────────────────


async def torn(database: Path, folder: Path, count: int) -> None:
    """Cut the WAL at drawn offsets: what is left is a state that was, an earlier one."""
    async with opened(database) as store:
        for _ in range(25):
            await append_all(store, [call() for _ in range(random.Random(3).randrange(1, 6))])
        names = ("audit.db", "audit.db-wal")
        saved = {name: (database.parent / name).read_bytes() for name in names}
        whole = ids(database)
    wal = saved["audit.db-wal"]
    lengths: set[int] = set()
    for offset in random.Random(7).sample(range(len(wal)), count):
        put(folder / "audit.db", saved["audit.db"])
        put(folder / "audit.db-wal", wal[:offset])
        (folder / "audit.db-shm").unlink(missing_ok=True)
        left = ids(folder / "audit.db")
        assert left == whole[: len(left)]
        assert verified(folder / "audit.db").faults == ()
        lengths.add(len(left))
    assert len(lengths) > min(5, count // 2)


async def test_a_torn_journal_leaves_an_earlier_state(database: Path, tmp_path: Path) -> None:
    (tmp_path / "torn").mkdir()
    await torn(database, tmp_path / "torn", 12)


@pytest.mark.thorough
async def test_a_journal_torn_anywhere_leaves_an_earlier_state(
    database: Path, tmp_path: Path
) -> None:
    (tmp_path / "torn").mkdir()
    await torn(database, tmp_path / "torn", 300)
