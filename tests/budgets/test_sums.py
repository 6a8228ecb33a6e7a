"""Counters are the sums of the records, whatever becomes of the calls."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from governance.governed import FakeStream

from axonflow_core.budgets.terms import Scope
from axonflow_core.errors import AccessDenied, ProviderTimeout
from axonflow_core.governance.streams import GovernedStream
from axonflow_core.messages import StopReason, Usage
from axonflow_core.stream import Ended, Started, Stopped, TextDelta, UsageUpdate

from .spending import (
    Clock,
    Costly,
    Worker,
    budget,
    config_of,
    counters,
    facts_of,
    same,
    sums,
    working,
)

MIXED = config_of(
    year=budget(limit_usd=100_000),
    shop=budget(scope=Scope.AGENT, of="shop", limit_usd=100_000),
    red=budget(scope=Scope.TEAM, of="red", tenant="acme", limit_usd=0.5),
    model=budget(scope=Scope.MODEL, of="m-*", limit_usd=100_000),
)
COUNTS = UsageUpdate(Usage(input_tokens=9, output_tokens=70))
READS = (
    ((Started("id", "m"),),),
    ((TextDelta("Blue, blue, blue."),),),
    (
        (
            UsageUpdate(Usage(input_tokens=9, output_tokens=70)),
            Stopped(StopReason.END_TURN),
            Ended(),
        ),
    ),
)


class Moody(Costly):
    """Answers, fails, takes long, or counts nothing, by a draw."""

    def __init__(self, draw: random.Random) -> None:
        super().__init__()
        self.draw = draw

    async def complete(self, request: object, **more: object) -> object:  # type: ignore[override]
        await asyncio.sleep(self.draw.choice((0, 0, 0, 0.003)))
        self.error = self.draw.choice(
            (None,) * 6 + (AccessDenied("no", status=403), ProviderTimeout(""))
        )
        self.usage = self.draw.choice((Usage(input_tokens=9, output_tokens=40), Usage()))
        return await super().complete(request, **more)  # type: ignore[arg-type]

    async def stream(self, request: object, **more: object) -> object:  # type: ignore[override]
        error = self.draw.choice((None, ProviderTimeout("late")))
        return FakeStream(READS if error is None else READS[:2], error)


async def one(worker: Worker, draw: random.Random) -> None:
    """A call of some kind, cancelled at times."""
    changes = {"team": draw.choice((None, "red", "blue"))}
    if draw.random() < 0.3:
        stream = await worker.stream(**changes)
        if isinstance(stream, GovernedStream):
            with suppress(ProviderTimeout):
                for _ in range(draw.randrange(5)):
                    await stream.read()
            await stream.aclose()
    else:
        task = asyncio.create_task(worker.call(**changes))
        if draw.random() < 0.2:
            await asyncio.sleep(draw.choice((0, 0.001, 0.002)))
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def mixed(database: Path, count: int, seed: int) -> None:
    draw = random.Random(seed)
    clock = Clock()
    async with working(database, MIXED, count=2, clock=clock, provider=Moody(draw)) as workers:
        turns = iter(range(count))

        async def some(worker: Worker) -> None:
            for turn in turns:
                clock.at_us += 20_000_000_000 if turn % (count // 4) == 0 else 1_000
                await one(worker, draw)

        await asyncio.gather(*(some(worker) for worker in workers for _ in range(8)))


def shown(database: Path, what: str) -> None:
    how = Counter(facts["charged"] for facts in facts_of(database) if "charged" in facts)
    total = sum(sums(database).values())
    print(  # noqa: T201
        f"{what}: {sum(how.values())} charged calls, {dict(how)}, {len(counters(database))} "
        f"counters, {total} nano-dollars in records, {sum(counters(database).values())} in counters"
    )


@pytest.mark.thorough
async def test_counters_are_the_sums_of_the_records_of_mixed_calls(database: Path) -> None:
    await mixed(database, 600, seed=1)
    shown(database, "600 mixed calls")
    assert same(database)


@pytest.mark.exhaustive
def test_counters_are_the_sums_of_10_000_mixed_calls_and_kills(database: Path) -> None:
    draw = random.Random(7)
    spender = Path(__file__).parent / "mixing.py"
    kills = 0
    while len([facts for facts in facts_if_any(database) if "charged" in facts]) < 10_000:
        process = subprocess.Popen([sys.executable, spender, str(database), str(kills)])
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.9, 1.6))
        kills += process.poll() is None
        process.kill()
        process.wait()
    asyncio.run(mixed(database, 40, seed=2))  # the next start closes what was left open
    shown(database, f"{kills} kills")
    assert kills > 3
    assert same(database)


def facts_if_any(database: Path) -> list[dict[str, object]]:
    return facts_of(database) if database.exists() else []
