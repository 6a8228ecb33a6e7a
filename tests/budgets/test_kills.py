"""What is admitted while workers are killed, restarted and many, and while a period ends.

Billed is what reached the provider, as it told on its way; a call is a cent, and two are reserved
for it. Of a worker that is killed the calls under way have no record: they are at most its lease,
here at most the calls that it makes at once. Each figure is printed; the control, counters in
memory, fails the same test.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from axonflow_core.budgets.terms import Period, span

from .spender import CALLERS
from .spending import CENT, JANUARY_US, counters, same

SPENDER = Path(__file__).parent / "spender.py"
LIMIT_CENTS = 400
MORE_CENTS = 40_000
"""More than workers spend before the kills."""
EDGE_US = span(Period.DAILY, JANUARY_US).ends_us


class Spent(NamedTuple):
    """What came of a run, in calls, which are cents."""

    billed: int
    settled: int
    kills: int
    """Of workers that were spending."""


class Living(NamedTuple):
    """A process that calls, and its first lines."""

    process: subprocess.Popen[bytes]
    first: list[bytes]

    def lines(self) -> list[bytes]:
        """All that it told, once it has ended."""
        with self.process:
            assert self.process.stdout is not None
            return [*self.first, *self.process.stdout]


def run(
    database: Path,
    *,
    workers: int,
    kills: int,
    seed: int,
    edge_us: int = 0,
    how: str = "store",
    limit: int = LIMIT_CENTS,
    least: int = 1,
) -> Spent:
    """Spend with so many workers at once; each is killed and begun again, so many times in all, and
    then the last ones end by themselves. Each makes `least` calls before it may be killed."""
    draw = random.Random(seed)
    arguments = [str(database), str(limit / 100), str(edge_us), how]
    living = [start(arguments, least) for _ in range(workers)]
    billed, spending = 0, 0
    for _ in range(kills):
        victim = draw.randrange(workers)
        time.sleep(draw.uniform(0.1, 0.4))
        living[victim].process.kill()
        told = living[victim].lines()
        billed += told.count(b"billed\n")
        spending += b"done\n" not in told
        living[victim] = start(arguments, least)
    billed += sum(each.lines().count(b"billed\n") for each in living)
    return Spent(billed, sum(counters(database).values()) // CENT, spending)


def start(arguments: list[str], least: int) -> Living:
    process = subprocess.Popen([sys.executable, SPENDER, *arguments], stdout=subprocess.PIPE)
    assert process.stdout is not None
    return Living(process, [process.stdout.readline() for _ in range(least)])


def show(what: str, spent: Spent, bound: int) -> None:
    print(  # noqa: T201
        f"{what}: billed {spent.billed}, on record {spent.settled}, without one "
        f"{spent.billed - spent.settled}, {spent.kills} kills of workers that spent, bound {bound}"
    )


def bound_of(periods: int, kills: int, limit: int = LIMIT_CENTS) -> int:
    """What may be billed: the limits, and what was under way at each kill."""
    return periods * limit + kills * CALLERS


@pytest.mark.thorough
def test_kills_and_restarts_admit_no_more_than_the_limit(database: Path) -> None:
    limit = 10 * LIMIT_CENTS
    spent = run(database, workers=2, kills=3, seed=2, limit=limit)
    bound = bound_of(1, spent.kills, limit)
    show("two workers", spent, bound)
    assert spent.settled <= limit
    assert spent.billed <= bound
    assert same(database)


@pytest.mark.thorough
def test_the_edge_of_a_period_begins_one_budget_and_no_more(database: Path) -> None:
    spent = run(database, workers=2, kills=1, seed=3, edge_us=EDGE_US)
    show("two workers at the edge of a day", spent, bound_of(2, 1))
    per_period = counters(database)
    assert len(per_period) == 2
    assert max(per_period.values()) <= LIMIT_CENTS * CENT
    assert spent.billed <= bound_of(2, 1)
    assert same(database)


@pytest.mark.thorough
def test_counters_in_memory_refill_with_every_restart(database: Path) -> None:
    """The control."""
    spent = run(database, workers=1, kills=2, seed=1, how="memory", least=100)
    print(f"in memory: limit {LIMIT_CENTS}, billed {spent.billed}")  # noqa: T201
    assert spent.billed > bound_of(1, 2)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(5))
def test_many_kills_admit_no_more_than_the_limit(database: Path, seed: int) -> None:
    spent = run(database, workers=3, kills=20, seed=seed, limit=MORE_CENTS)
    bound = bound_of(1, spent.kills, MORE_CENTS)
    show(f"seed {seed}, three workers", spent, bound)
    assert spent.kills > 3
    assert spent.settled <= MORE_CENTS
    assert spent.billed <= bound
    assert same(database)
