"""What the built-in policy costs, against what the design allows.

warm       CPU time of one text in a process that has searched it before
cold       the first text of a new process whose policy is built, by kinds of text; and what its
           memory grows by, over all of them
hostile    the detectors that a megabyte made against one of them takes longest, each with its text
event loop the longest that a loop waits for its turn while a text is judged off it; and what keeps
           it from its turn while a whole request is governed, of many kinds (`turns`)
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.governance.screening import evaluated
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Phase
from axonflow_core.policy.searches import Find, Spans, TooDear
from axonflow_core.policy.views import View

from ..costs import cpu_us
from ..policy import hostile, noise
from .rows import Row, row

ROUNDS, COLD_ROUNDS = 15, 3
KB, MB = 1_024, 1_048_576
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
DEAREST = 5
"""Rows of detectors."""
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
    for us, name in sorted(hostile_us(), reverse=True)[:DEAREST]:
        yield _row(f"hostile, 1 MB, {name}", [us], HOSTILE_US)
    for name, text in FULL.items():
        yield _row(f"event loop, 1 MB, {name}", [lag_us(noise.repeated(text, MB))], LAG_US)
    from . import turns  # as above

    for name, stretches in turns.measured().items():
        yield _row(f"event loop, request, {name}", [max(stretches)], LAG_US)


def _row(name: str, ours: Sequence[float], allowed: float, unit: str = "us") -> Row:
    return row("policies", name, "allowed", ours, [allowed] * len(ours), unit)


def policy(*, with_secrets: bool = True) -> Policy:
    """The built-in policy."""
    chosen = [one for one in DETECTORS if with_secrets or one.category != hostile.SECRETS]
    return Policy.build(PoliciesConfig(), detectors=chosen)


def _warm(text: str, with_secrets: bool) -> Iterator[float]:
    built = policy(with_secrets=with_secrets)
    count = max(1, 200_000 // len(text))
    for _ in range(ROUNDS):
        yield cpu_us(lambda: built.evaluate(Phase.REQUEST, {"text": text}), count)


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


def hostile_us(size: int = MB) -> Iterator[tuple[float, str]]:
    """Of each search of the detectors, the time for the dearest text, and its name."""
    for find, detector in {one.finder(): one for one in DETECTORS}.items():
        texts = (*hostile.texts(detector, size), *noise.hostile(detector.keywords, size))
        costs = [
            (cpu_us(partial(searched, find, view_of(text, size))), name) for name, text in texts
        ]
        us, name = max(costs)
        yield us, f"{detector.type} ({name})"


def view_of(text: str, size: int) -> View:
    """The first bytes of a text, as detectors get it."""
    return View(text.encode()[:size])


def searched(find: Find, view: View) -> Spans:
    """What is found in a view; nothing where it is too dear to be searched."""
    try:
        return find(view)
    except TooDear:
        return ()


def lag_us(text: str) -> float:
    """The longest that the event loop was late while `text` was judged off it, in microseconds of
    the clock."""
    built = policy()
    return max(waits_s(lambda: evaluated(built, Phase.REQUEST, {"text": text}))) * 1e6


def waits_s(work: Callable[[], Awaitable[object]]) -> Sequence[float]:
    """How long an event loop waited for each of its turns while it awaited `work`, in seconds.
    Threads take turns as often as in a server."""
    from axonflow_core.server.serving import SWITCH_INTERVAL_S  # a cold process has none of it

    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        return asyncio.run(_waits_s(work))
    finally:
        sys.setswitchinterval(usual)


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
