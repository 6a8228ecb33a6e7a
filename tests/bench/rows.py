"""A row of the table: a cost, its baseline of the same rounds, and the design's bar and goal."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from attrs import asdict, frozen

Work: TypeAlias = Callable[[int], None]
"""Makes so many calls or streams."""

BARS: Mapping[str, tuple[float, float | None]] = {
    "call, blocking": (0.25, 0.15),
    "call, async, 32 at once": (0.15, 0.10),
    "burst stream, async": (0.20, 0.15),
    "burst stream, blocking": (0.23, 0.18),
    "paced stream, blocking": (1.2, 0.65),
    "paced stream, async, 32 at once": (0.14, 0.12),
    "proxy, 32 at once": (0.35, 0.24),
    "proxy, added median": (1.0, 0.5),
    "proxy, two workers": (1.15, None),
    "audit, a record": (1.0, None),
    "resident memory": (1.0, None),
    "growth over 10,000 calls": (1.0, None),
    "first call, blocking": (1.4, 1.1),
    "first call, async": (1.4, 1.1),
    "first call, blocking, ~/.aws": (1.4, 1.1),
    "first call, async, ~/.aws": (1.4, 1.1),
    "import *": (0.75, None),
    "--help": (1.25, None),
    "ten short messages, Anthropic's": (0.04, 0.02),
    "ten short messages, dearest": (0.04, 0.02),
    "1 KB, clean, without secrets": (1.0, None),
    "1 KB, clean": (1.0, None),
    "100 KB, clean, without secrets": (1.0, None),
    "100 KB, clean": (1.0, None),
    "cold, 100 KB, English": (1.0, None),
    "cold, 100 KB, random printable": (1.0, None),
    "cold, 100 KB, base64": (1.0, None),
    "cold, 100 KB, hex": (1.0, None),
    "cold, 100 KB, DNA": (1.0, None),
    "cold, 100 KB, JSON": (1.0, None),
    "cold, memory": (1.0, None),
    "hostile, 1 MB, dearest automaton": (1.0, None),
    "hostile, 1 MB, dearest with its checks": (1.0, None),
    "event loop, 1 MB, English": (1.0, None),
    "event loop, 1 MB, numbers": (1.0, None),
    "event loop, 1 MB, escapes": (1.0, None),
    "event loop, 1 MB, full width": (1.0, None),
    "routing, one target": (0.01, 0.003),
    "routing, two targets": (0.01, None),
    "routing, a conversation": (0.01, None),
    "breaker and budget": (1.0, 0.33),
    "governed call": (0.07, None),
    "governed call, audit, 32 at once": (0.10, None),
    "added by a budget, 32 at once": (0.01, None),
    "governed chunk, paced": (0.25, None),
    "governed chunk, burst": (0.25, None),
    "chat chunk, burst": (0.5, 0.25),
    "chat chunk, paced": (0.5, 0.25),
    "400 slow readers": (1.0, None),
}
"""Row -> the bar, and the goal where there is one: shares of the baseline. The baseline of some is
what the design allows."""


@frozen
class Row:
    """One cost: medians in `unit`, and the median, the least and the greatest of the rounds'
    ratios."""

    section: str
    name: str
    ours: float
    baseline: str
    theirs: float
    ratio: float
    lowest: float
    highest: float
    unit: str = "us"
    """`us`: microseconds of CPU, or as the row says; `kI`: thousands of instructions; `MB`."""

    @property
    def bar(self) -> float | None:
        return BARS.get(self.name, (None, None))[0]

    @property
    def goal(self) -> float | None:
        return BARS.get(self.name, (None, None))[1]

    @property
    def verdict(self) -> str:
        if self.bar is None:
            return ""
        if self.goal is not None and self.ratio <= self.goal:
            return "goal"
        return "bar" if self.ratio <= self.bar else "ABOVE"

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "bar": self.bar, "goal": self.goal, "verdict": self.verdict}


def row(
    section: str,
    name: str,
    baseline: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    unit: str = "us",
) -> Row:
    """The row of the costs of all rounds."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return Row(
        section,
        name,
        statistics.median(ours),
        baseline,
        statistics.median(theirs),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
        unit,
    )


def cpu_us(work: Work, count: int, answered: Callable[[], int]) -> float:
    """CPU time of this process, all threads, for each call that the service answered."""
    gc.collect()
    calls, before = answered(), time.process_time()
    work(count)
    used = time.process_time() - before
    return used / (answered() - calls) * 1e6


def table(rows: Sequence[Row]) -> str:
    """The rows as text, in columns."""
    lines = [
        f"{'':<44}{'ours':>10}  {'baseline':<28}{'ratio':>7}  {'rounds':<13}{'bar':>6}{'goal':>6}"
    ]
    section = None
    for one in rows:
        if one.section != section:
            lines.append(one.section)
            section = one.section
        cost = f"  {one.name:<42}{cost_of(one.ours, one.unit):>10}"
        against = f"  {one.baseline} {cost_of(one.theirs, one.unit)}"
        ratio = f"{one.ratio:>7.3f}  {one.lowest:.3f}–{one.highest:.3f}"
        bars = f"{one.bar or '':>6}{one.goal or '':>6}  {one.verdict}"
        lines.append(f"{cost}{against:<30}{ratio:<22}{bars}".rstrip())
    return "\n".join(lines)


def cost_of(value: float, unit: str) -> str:
    """A cost with its unit, for people."""
    if unit == "us" and value >= 1000:
        return f"{value / 1000:.1f} ms"
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.1f} {unit}"
