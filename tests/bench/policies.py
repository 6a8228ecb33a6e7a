"""What the built-in policy costs, against what the design allows.

warm       CPU time of one text in a process that has searched it before
cold       the first text of a new process whose policy is built, by kinds of text; and what its
           memory grows by, over all of them
hostile    the dearest of what keeps many states of an automaton alive, for one pattern
event loop the longest that a loop waits for its turn while a text is judged off it
"""

from __future__ import annotations

import asyncio
import json
import pstats
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from cProfile import Profile
from functools import partial
from pathlib import Path
from typing import Any

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.governance.screening import evaluated
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Phase
from axonflow_core.policy.searches import Find
from axonflow_core.policy.views import View

from ..policy import noise
from .rows import Row, row

ROUNDS, COLD_ROUNDS = 15, 3
KB, MB = 1_024, 1_048_576
SECRETS = "sensitive_data"
WARM = (
    ("1 KB, clean, without secrets", 1 * KB, False, 60),
    ("1 KB, clean", 1 * KB, True, 150),
    ("100 KB, clean, without secrets", 100 * KB, False, 3_000),
    ("100 KB, clean", 100 * KB, True, 15_000),
)
"""Row, characters, whether secrets are looked for, and microseconds that the design allows."""
COLD_US = 50_000
COLD_MB = 64.0
HOSTILE_US = 50_000
CHECKED_US = 500_000
"""What an automaton matches is checked in Python. It takes as long for each byte, off the loop."""
_MANY = 10_000
"""Matches in a text, from which on they are what takes time, and not the states."""
_MATCH = "<built-in method re2._re2.Match>"
LAG_US = 10_000
_TURN_S = 0.001
FULL = {
    "English": noise.ENGLISH,
    "numbers": "card 4111 1111 1111 1111, SSN 123-45-6789, jane@example.com; ",
    "escapes": "%34%31%31%31 &#39; or 1=1 \\u0041 ",
    "full width": "４１１１ １１１１ １１１１ １１１１ ",
}
"""Texts for the event loop, clean and full of findings."""


def measure() -> Iterator[Row]:
    for name, size, with_secrets, allowed in WARM:
        yield _row(f"{name}", list(_warm(noise.english(size), with_secrets)), allowed)
    runs = [cold_run() for _ in range(COLD_ROUNDS)]
    for kind in noise.KINDS:
        yield _row(f"cold, 100 KB, {kind}", [run[kind] for run in runs], COLD_US)
    yield _row("cold, memory", [run["MB"] for run in runs], COLD_MB, "MB")
    automata, whole = zip(*hostile_us(), strict=True)
    yield _row("hostile, 1 MB, dearest automaton", [max(automata)], HOSTILE_US)
    yield _row("hostile, 1 MB, dearest with its checks", [max(whole)], CHECKED_US)
    for name, text in FULL.items():
        yield _row(f"event loop, 1 MB, {name}", [lag_us(noise.repeated(text, MB))], LAG_US)


def _row(name: str, ours: Sequence[float], allowed: float, unit: str = "us") -> Row:
    return row("policies", name, "allowed", ours, [allowed] * len(ours), unit)


def policy(*, with_secrets: bool = True) -> Policy:
    """The built-in policy."""
    chosen = [one for one in DETECTORS if with_secrets or one.category != SECRETS]
    return Policy.build(PoliciesConfig(), detectors=chosen)


def _warm(text: str, with_secrets: bool) -> Iterator[float]:
    built = policy(with_secrets=with_secrets)
    count = max(1, 200_000 // len(text))
    for _ in range(ROUNDS):
        yield cpu_us(lambda: built.evaluate(Phase.REQUEST, {"text": text}), count)


def cpu_us(work: Callable[[], object], count: int = 1) -> float:
    """CPU time of one of `count` times that the work is done."""
    before = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - before) / count * 1e6


def cold_run() -> dict[str, float]:
    """Of a new process: kind of text -> microseconds of CPU for the first 100 KB of it, and `MB`:
    what the memory grows by."""
    command = [sys.executable, "-m", "tests.bench.policies"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(run.stdout)
    return found


def _cold() -> dict[str, float]:
    built = policy()
    texts = {kind: text(100 * KB) for kind, text in noise.KINDS.items()}
    before = _resident_mb()
    taken = {
        kind: cpu_us(partial(built.evaluate, Phase.REQUEST, {"text": text}))
        for kind, text in texts.items()
    }
    return {**taken, "MB": _resident_mb() - before}


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096 / MB


def hostile_us(size: int = MB) -> Iterator[tuple[float, float]]:
    """Of each search of the detectors, the time for the dearest hostile text: of its automata, and
    with the checks of what they match."""
    for find, keywords in {one.finder(): one.keywords for one in DETECTORS}.items():
        costs = [_split_us(find, text) for _, text in noise.hostile(keywords, size)]
        yield max(automata for automata, _ in costs), max(whole for _, whole in costs)


def _split_us(find: Find, text: str) -> tuple[float, float]:
    view, profile = View(text.encode()), Profile(time.process_time)
    whole = cpu_us(lambda: find(view))
    profile.runcall(find, view)
    rows: Any = pstats.Stats(profile)
    calls, _, own, *_ = next(
        (row for key, row in rows.stats.items() if key[2] == _MATCH), (0, 0, 0)
    )
    return own * 1e6 if calls < _MANY else 0.0, whole


def lag_us(text: str) -> float:
    """The longest that the event loop was late while `text` was judged off it, in microseconds of
    the clock."""
    built = policy()
    return max(waits_s(lambda: evaluated(built, Phase.REQUEST, {"text": text}))) * 1e6


def waits_s(work: Callable[[], Awaitable[object]]) -> Sequence[float]:
    """How long an event loop waited for each of its turns while it awaited `work`, in seconds."""
    return asyncio.run(_waits_s(work))


async def _waits_s(work: Callable[[], Awaitable[object]]) -> Sequence[float]:
    waits, before = list[float](), time.perf_counter()
    judged = asyncio.ensure_future(work())
    while not judged.done():
        await asyncio.sleep(_TURN_S)
        now = time.perf_counter()
        waits.append(now - before - _TURN_S)
        before = now
    await judged
    return waits


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_cold()))
