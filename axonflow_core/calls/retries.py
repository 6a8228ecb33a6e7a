"""When a call is made again: never when it may have been billed, and never beyond its deadline.

A call is made again only while nothing of its answer was handed out, and only after an error that
says of itself that it passes (`is_retryable`): a throttle, no capacity, no connection. A model that
took too long is not asked again: it did the work, and the provider bills both. A daily quota does
not come back within a second. And where many calls fail, few are repeated: `budget`.

    attempt 1 ── error ── pause ── attempt 2 ── error ── pause ── attempt 3 ── error ── raised
    │                                                                                        │
    └────────────────────────────── one deadline: Timeouts.total_s ──────────────────────────┘

Where the provider says how long to wait (`retry_after_s`), the pause is no shorter; where it asks
for more than 20 s, or than 2 s while another target may answer instead (`LONGEST_WAIT`), the error
is raised at once, with that number. Otherwise the pauses are botocore's, with full jitter: below
1 s, 2 s, 4 s … and never above 20 s. Where the deadline leaves no time for the pause, or runs out
during a later attempt, the error that made the attempt necessary is raised.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from axonflow_core import waiting
from axonflow_core.frozen import frozen

MAX_PAUSE_S = 20.0
BEFORE_ANOTHER_S = 2.0
"""The longest wait that a provider may ask for where another target may answer instead."""
LONGEST_WAIT: ContextVar[float] = ContextVar("axonflow_longest_wait", default=MAX_PAUSE_S)
"""The longest wait that a provider may ask for, in seconds, before its error is raised at once."""


@frozen(kw_only=True)
class Retries:
    """How often a call is made, and how long the pauses are. Tests replace `pause` and `draw`."""

    max_attempts: int = 3
    """Attempts in all, the first one included."""
    mode: str = "standard"
    """The provider's own name for this behaviour, shown to people."""
    pause: Callable[[float], Awaitable[object]] = waiting.sleep
    """Waits so many seconds."""
    draw: Callable[[], float] = random.random
    """A number from 0 to 1: the jitter."""

    def pause_s(self, failed_attempts: int) -> float:
        """How long to wait after so many failed attempts, in seconds."""
        longest: float = min(2.0 ** (failed_attempts - 1), MAX_PAUSE_S)
        return self.draw() * longest
