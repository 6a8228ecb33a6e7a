"""What work costs in tests: its CPU time, as a ratio to work that is always the same.

A limit is told in microseconds of a quiet machine of 2026. `is_within` takes it times `MARGIN`, for
other load makes all work slower, and not by the same factor. Work that seems too dear is done
again: what else happens in a run can make it slow, and nothing can make it fast.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

REFERENCE_US = 2_800
"""What `reference_us` is on the quiet machine."""
MARGIN = 3
TRIES = 4


def cpu_us(work: Callable[[], object], count: int = 1) -> float:
    """CPU time of one of `count` times that the work is done. The collector of cyclic garbage rests
    meanwhile: what a thousand tests left in a process takes it longer than most work."""
    gc.disable()
    try:
        before = time.process_time()
        for _ in range(count):
            work()
        return (time.process_time() - before) / count * 1e6
    finally:
        gc.enable()


def reference_us() -> float:
    """CPU time of work that is always the same."""
    return min(cpu_us(lambda: sum(one * one for one in range(100_000))) for _ in range(5))


def is_within(work: Callable[[], object], allowed_us: float) -> bool:
    """Whether the work costs no more than it may."""
    return any(is_little(cpu_us(work), allowed_us) for _ in range(TRIES))


def is_little(taken_us: float, allowed_us: float) -> bool:
    """Whether what was measured is no more than it may be."""
    if taken_us <= allowed_us:
        return True
    return taken_us / reference_us() <= MARGIN * allowed_us / REFERENCE_US
