"""The budget of extra calls: how many more calls go to a provider than are asked of it.

    a call is asked        +0.2, and never less than a tenth for each second since the last
    it is repeated         -1; not repeated without
    it was passed on       free to a provider that answers what is passed on to it; to one whose
                           last such call failed -1, given back by an answer; not passed on without

So in a storm no provider gets more than 1.2 calls for each that is asked, and ten. A caller with a
call now and then has always one to repeat, which bounds nothing that anybody would notice.

Retries and calls that were passed on share the budget of the provider that they go to. What is
passed on is not counted by the provider it comes from: when that one dies, each of its calls has to
go elsewhere at once, and where it goes they are no more than the calls that were asked. It is
dangerous where that one fails too, and from the first such failure on it is paid for. Calls under
way at that moment went free: as many as were under way, once.

A level is kept in each process. Workers share nothing: each bounds what it asks, so all do.

A router has a budget for each provider and lends it to the call (`BUDGET`); a provider that is
called without one keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from axonflow_core import waiting

SHARE = 0.2
"""Extra calls for each that is asked."""
REFILL_S = 10.0
"""Seconds after which there is one to repeat, however few calls are asked."""
MOST = 10.0
"""Extra calls that are saved up; as many are there at first, and as many may be owed."""
FREE, PAID = 0.0, 1.0
"""Fares of a call that is passed on."""


class RetryBudget:
    """Of one provider, for any thread."""

    __slots__ = ("_is_doubtful", "_last", "_level", "_now")

    def __init__(self, now: Callable[[], float] = waiting.now) -> None:
        self._now = now
        self._last = now()
        self._level = MOST
        self._is_doubtful = False

    @property
    def level(self) -> float:
        """How many extra calls may be made; below 1 none."""
        return self._level

    def asked(self) -> None:
        """A call is asked of the provider."""
        now = self._now()
        earned = (now - self._last) / REFILL_S
        self._last = now
        level = self._level
        if level < MOST:
            self._level = min(level + (earned if earned > SHARE else SHARE), MOST)

    def take(self) -> bool:
        """Whether one more call may be made; it is paid for."""
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True

    # ── calls that were passed on from another provider ───────────────────────────────────────────

    def fare(self) -> float | None:
        """What a call that is passed on pays; None where it may not be made. Its end is told to
        `arrived`, `fell` or `refunded`."""
        if not self._is_doubtful:
            return FREE
        return PAID if self.take() else None

    def arrived(self, fare: float) -> None:
        """It was answered."""
        self._is_doubtful = False
        self.refunded(fare)

    def fell(self, fare: float) -> None:
        """It failed, by the fault of where it went."""
        self._is_doubtful = True
        if fare == FREE:
            self._level = max(self._level - 1.0, -MOST)

    def refunded(self, fare: float) -> None:
        """It ended without telling anything of the provider."""
        self._level = min(self._level + fare, MOST)


BUDGET: ContextVar[RetryBudget | None] = ContextVar("axonflow_retry_budget", default=None)
"""The budget of the call that is being made, and was counted already."""
