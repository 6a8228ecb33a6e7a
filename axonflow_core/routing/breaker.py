"""A breaker: whether one target is asked, by how its last calls ended.

    CLOSED ── failures are half of the last calls, and there were enough of them ──► OPEN
      ▲                                                                               │ after a
      │ the probe is answered                                                         │ while
      └──────────────── HALF_OPEN: one call at a time is a probe ◄────────────────────┘
                            └── the probe fails: OPEN again, for twice as long

`admits` gives each call a `Trial`, which is told how the call ended. All calls of a closed period
share one; a probe has its own. So whoever was under way when the breaker opened speaks to a period
that is over, and can neither close it nor end a probe.

What counts is what the target does to everybody: throttles, failures, time-outs, broken answers
(`is_of_the_target`). A call that is wrong itself, a permission or credentials that are missing say
nothing of it. A target that asks to wait stays open that long.

The window is six slots of equal length, so what is older than it is forgotten slot by slot. A
success costs a comparison and two additions; failures are added up when another comes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from attrs import field, validators

from axonflow_core.errors import (
    AnswerError,
    AxonFlowError,
    ProviderError,
    ProviderTimeout,
    Throttled,
    Unavailable,
    UnencodableAnswer,
)
from axonflow_core.frozen import frozen

SLOTS = 6
"""Slots of a window."""
NEWEST = 0.1
"""How much the newest of the answers counts in the average of their times."""


class State(StrEnum):
    """What a breaker does with calls."""

    CLOSED = "closed"
    """They go to the target."""
    HALF_OPEN = "half_open"
    """One at a time does, as a probe."""
    OPEN = "open"
    """None does."""


@frozen(kw_only=True)
class BreakerRules:
    """When a breaker opens, and for how long. Seconds."""

    window_s: float = field(default=30.0, validator=validators.gt(0))
    """The calls of how long are looked at."""
    least_calls: int = field(default=10, validator=validators.ge(1))
    """It stays closed while there were fewer."""
    share: float = field(default=0.5, validator=[validators.gt(0), validators.le(1)])
    """The share of failures at which it opens."""
    open_s: float = field(default=5.0, validator=validators.gt(0))
    """How long it is open at first; twice as long after each probe that fails."""
    most_open_s: float = field(default=60.0, validator=validators.gt(0))
    """How long it is open at most, whatever the target asks for."""


RULES = BreakerRules()


class Trial(Protocol):
    """A call that was let through. It is told its end once: `succeeded`, `failed` or `left`."""

    def succeeded(self, elapsed_s: float) -> None:
        """The target answered, or began to stream, after so many seconds."""
        ...

    def failed(self, error: AxonFlowError) -> None:
        """The call ended with `error`."""
        ...

    def left(self) -> None:
        """Whoever waited for it left before it ended."""
        ...

    def broke(self, error: AxonFlowError) -> None:
        """The stream that had begun, and was told as a success, ended with `error`."""
        ...


def is_of_the_target(error: AxonFlowError) -> bool:
    """Whether `error` tells that the target cannot serve, whoever calls and whatever is asked."""
    if isinstance(error, Unavailable | Throttled | ProviderTimeout):
        return True
    if isinstance(error, AnswerError):
        return not isinstance(error, UnencodableAnswer)
    return isinstance(error, ProviderError) and (error.status or 0) >= 500


class Window:
    """How many calls there were of late, and how many of them failed."""

    __slots__ = ("_calls", "_failures", "_number", "_slot", "_slot_s")

    def __init__(self, window_s: float) -> None:
        self._slot_s = window_s / SLOTS
        self._calls = [0] * SLOTS
        self._failures = [0] * SLOTS
        self._number = self._slot = 0

    def count(self, now: float, calls: int = 1, failures: int = 0) -> None:
        """So many more, at `now`."""
        if now // self._slot_s != self._number:
            self._turn(now)
        self._calls[self._slot] += calls
        if failures:
            self._failures[self._slot] += failures

    def totals(self, now: float) -> tuple[int, int]:
        """Calls and failures of the window that ends `now`."""
        self._turn(now)
        return sum(self._calls), sum(self._failures)

    def _turn(self, now: float) -> None:
        """Empty the slots whose time is over."""
        number = int(now // self._slot_s)
        for passed in range(min(max(number - self._number, 0), SLOTS)):
            slot = (number - passed) % SLOTS
            self._calls[slot] = self._failures[slot] = 0
        self._number = max(number, self._number)
        self._slot = self._number % SLOTS


class Breaker:
    """The breaker of one target. `now` gives seconds, `draw` numbers from 0 to 1."""

    __slots__ = (
        "_draw",
        "_lock",
        "_now",
        "_open_s",
        "_opened_until",
        "_probe",
        "_rules",
        "closed",
        "opened",
        "seconds",
        "window",
    )

    def __init__(
        self,
        now: Callable[[], float],
        rules: BreakerRules = RULES,
        draw: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._now = now
        self._draw = draw
        self._rules = rules
        self._lock = threading.Lock()
        self.closed: _Period | None = _Period(self)
        """The trial of every call while it is closed."""
        self._probe: _Probe | None = None
        self._open_s = rules.open_s
        self._opened_until = 0.0
        self.window = Window(rules.window_s)
        self.opened = 0
        """How often it opened."""
        self.seconds: float | None = None
        """The moving average of the times of its answers."""

    def admits(self) -> Trial | None:
        """A trial for a call that may go to the target now; None where it may not."""
        return self.closed or self._admitted_probe()

    @property
    def state(self) -> State:
        """What it would do with a call now; a probe under way counts as half open."""
        if self.closed is not None:
            return State.CLOSED
        return State.OPEN if self._now() < self._opened_until else State.HALF_OPEN

    @property
    def waits_s(self) -> float:
        """How long it stays open; 0 where it is not."""
        return 0.0 if self.closed is not None else max(self._opened_until - self._now(), 0.0)

    def totals(self) -> tuple[int, int]:
        """Calls and failures of late."""
        return self.window.totals(self._now())

    # ── what trials tell ──────────────────────────────────────────────────────────────────────────

    def answered(self, elapsed_s: float) -> None:
        """A call of the present period was answered."""
        before = self.seconds
        self.seconds = elapsed_s if before is None else before + NEWEST * (elapsed_s - before)
        self.window.count(self._now())

    def fell(self, period: _Period, error: AxonFlowError, *, calls: int = 1) -> None:
        """A call of `period` failed; 0 `calls` where it was counted as one already."""
        now, rules = self._now(), self._rules
        with self._lock:
            if period is not self.closed:
                return
            self.window.count(now, calls=calls, failures=1)
            made, failed = self.window.totals(now)
            if made >= rules.least_calls and failed >= rules.share * made:
                self._open(now, error)

    def probed(self, probe: _Probe, error: AxonFlowError | None) -> None:
        """The probe ended; None: it was answered."""
        with self._lock:
            if probe is not self._probe:
                return
            self._probe = None
            if error is not None:
                self._open_s = min(2 * self._open_s, self._rules.most_open_s)
                self._open(self._now(), error)
                return
            self._open_s = self._rules.open_s
            self.window = Window(self._rules.window_s)
            self.closed = _Period(self)

    def released(self, probe: _Probe) -> None:
        """The probe ended without telling anything: the next call is one."""
        with self._lock:
            if probe is self._probe:
                self._probe = None

    def _open(self, now: float, error: AxonFlowError) -> None:
        asked_s = getattr(error, "retry_after_s", None) or 0.0
        # Up to a tenth longer: workers that opened together do not probe together.
        open_s = max(self._open_s * (1 + 0.1 * self._draw()), asked_s)
        self._opened_until = now + min(open_s, self._rules.most_open_s)
        self.closed = None
        self.opened += 1

    def _admitted_probe(self) -> Trial | None:
        with self._lock:
            if self.closed is not None:
                return self.closed
            if self._probe is not None or self._now() < self._opened_until:
                return None
            self._probe = _Probe(self)
            return self._probe


class _Period:
    """The trial of every call of one closed period."""

    __slots__ = ("_breaker",)

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker

    def succeeded(self, elapsed_s: float) -> None:
        breaker = self._breaker
        if breaker.closed is self:
            breaker.answered(elapsed_s)

    def failed(self, error: AxonFlowError) -> None:
        if is_of_the_target(error):
            self._breaker.fell(self, error)

    def left(self) -> None:
        """It says nothing of the target."""

    def broke(self, error: AxonFlowError) -> None:
        if is_of_the_target(error):
            self._breaker.fell(self, error, calls=0)


class _Probe:
    """The trial of one call while the breaker is half open."""

    __slots__ = ("_breaker",)

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker

    def succeeded(self, elapsed_s: float) -> None:
        self._breaker.probed(self, None)
        if (period := self._breaker.closed) is not None:
            period.succeeded(elapsed_s)

    def failed(self, error: AxonFlowError) -> None:
        if is_of_the_target(error):
            self._breaker.probed(self, error)
        else:
            self._breaker.released(self)

    def left(self) -> None:
        self._breaker.released(self)

    def broke(self, error: AxonFlowError) -> None:
        if (period := self._breaker.closed) is not None:
            period.broke(error)
