"""Who may be asked now.

The router has a plan put in order, asks before each target, and tells the trial that it gets what
came of the call.

    AlwaysAdmitted    lets everything pass
    Breakers          a breaker for each (provider, region, model), and outliers last

**Nothing is shared between workers.** Each process learns from its own calls alone, within ten of
them; what another would have to say costs a look into a store on each call, and a store that hangs
would stop calls that nothing else stops.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Protocol

from axonflow_core import waiting
from axonflow_core.errors import AxonFlowError
from axonflow_core.frozen import frozen

from .breaker import RULES, Breaker, BreakerRules, State, Trial
from .outliers import Outliers
from .targets import Place, Target

MAX_LOOKED_AT = 64
"""How many of the oldest are looked at to forget one."""
MAX_KNOWN = 1_024
"""Targets that are remembered. Model ids come from clients, so their number has no end."""


class TargetHealth(Protocol):
    """Asked before each try. Its methods wait for nothing and raise nothing."""

    def ordered(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """The targets of a plan, those that do badly last."""
        ...

    def admits(self, target: Target) -> Trial | None:
        """A trial for a call that may go there now, to be told how it ends; None where none may."""
        ...

    def waits_s(self, target: Target) -> float:
        """For how many seconds no call may go there."""
        ...

    def states(self) -> Sequence[TargetState]:
        """Every target that was asked, as it stands."""
        ...


class AlwaysAdmitted:
    """No target is ever kept from being asked."""

    def ordered(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """As they are."""
        return targets

    def admits(self, target: Target) -> Trial | None:
        """Always."""
        return self

    def waits_s(self, target: Target) -> float:
        """Never."""
        return 0.0

    def states(self) -> Sequence[TargetState]:
        """None is remembered."""
        return ()

    def succeeded(self, elapsed_s: float) -> None:
        """Nothing is remembered."""

    def failed(self, error: AxonFlowError) -> None:
        """Nothing is remembered."""

    def left(self) -> None:
        """Nothing is remembered."""

    def broke(self, error: AxonFlowError) -> None:
        """Nothing is remembered."""


@frozen(kw_only=True)
class TargetState:
    """How a target stands, for people and for metrics."""

    provider: str
    region: str | None
    """None: the provider's own."""
    model: str
    state: State
    is_left_out: bool
    """Whether it is asked last, because it does much worse than those beside it."""
    calls: int
    """Calls of late."""
    failures: int
    opened: int
    """How often its breaker opened."""
    waits_s: float
    """For how long no call goes there."""


class Breakers:
    """A breaker for each target, made when it is first asked."""

    def __init__(
        self,
        rules: BreakerRules = RULES,
        *,
        now: Callable[[], float] = waiting.now,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._rules = rules
        self._now = now
        self._draw = draw
        self._known: dict[Place, Breaker] = {}
        self._outliers = Outliers(now, self._known)

    def ordered(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """As `Outliers.ordered`."""
        return targets if len(targets) == 1 else self._outliers.ordered(targets)

    def admits(self, target: Target) -> Trial | None:
        """As `Breaker.admits`."""
        breaker = self._known.get(target.place) or self._new(target.place)
        return breaker.closed or breaker.admits()

    def waits_s(self, target: Target) -> float:
        """As `Breaker.waits_s`."""
        breaker = self._known.get(target.place)
        return 0.0 if breaker is None else breaker.waits_s

    def states(self) -> Sequence[TargetState]:
        """Every target that was asked, in the order of first calls."""
        return [self._state(place, breaker) for place, breaker in list(self._known.items())]

    def _state(self, place: Place, breaker: Breaker) -> TargetState:
        provider, region, model = place
        calls, failures = breaker.totals()
        return TargetState(
            provider=provider,
            region=region,
            model=model,
            state=breaker.state,
            is_left_out=self._outliers.is_left_out(place),
            calls=calls,
            failures=failures,
            opened=breaker.opened,
            waits_s=breaker.waits_s,
        )

    def _new(self, place: Place) -> Breaker:
        if len(self._known) >= MAX_KNOWN:
            self._forget_one()
        return self._known.setdefault(place, Breaker(self._now, self._rules, self._draw))

    def _forget_one(self) -> None:
        """Of the oldest that are closed the one with the fewest calls of late; where none is, the
        oldest. Model ids are words of callers, and new ones are to push out no busy target."""
        known = list(islice(self._known.items(), MAX_LOOKED_AT))
        closed = [each for each in known if each[1].state is State.CLOSED] or known[:1]
        place, _ = min(closed, key=lambda each: each[1].totals()[0])
        self._known.pop(place, None)
        self._outliers.forget(place)
