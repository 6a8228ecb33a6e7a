"""What a worker has of each account, and what is taken of it for one call."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from axonflow_core.budgets.accounts import Account, Subject
from axonflow_core.budgets.book import Charge, Spent
from axonflow_core.budgets.estimates import Estimate
from axonflow_core.budgets.terms import Unit, span

NOTHING: frozenset[str] = frozenset()
_NANOS = Unit.NANOS  # an enum looks its members up slowly


class Slice:
    """What a worker has of one account in one span."""

    __slots__ = (
        *(
            "account",
            "alert_at",
            "alerted",
            "denied",
            "denied_until_us",
            "doubts",
            "ends_us",
            "extending",
        ),
        *("free", "in_flight", "key", "settled", "starts_us", "unit", "used_us"),
    )

    def __init__(self, account: Account, at_us: int) -> None:
        of_time = span(account.period, at_us)
        self.account = account
        self.key = account.key
        self.unit = account.unit
        self.starts_us = of_time.starts_us
        self.ends_us = of_time.ends_us
        self.free = 0
        self.in_flight = 0
        self.doubts = 0
        """What was written since the store was told what is free, and may not be there."""
        self.settled: int | None = None
        """What all workers settled, as far as it is known here; None before the first look."""
        self.alert_at = 0
        """Below what is settled here no alert is due, as far as was looked."""
        self.alerted: set[int] = set()
        """Thresholds whose alert was given."""
        self.denied = 0
        self.denied_until_us = 0
        self.extending: asyncio.Task[Spent] | None = None
        self.used_us = at_us

    def doubt(self) -> None:
        """Nobody knows whether the store has what was written. Rates are spent when they are
        leased."""
        if self.unit is _NANOS:
            self.doubts += 1

    def is_to_alert(self, threshold: int) -> None:
        """The alert of a threshold was not given."""
        self.alerted.discard(threshold)
        self.alert_at = 0


class Ready(NamedTuple):
    """Slices that calls of a subject can be admitted from without another look at their accounts:
    all of them are hard, the store was asked about each, and none changes in this time."""

    subject: Subject
    starts_us: int
    ends_us: int
    slices: tuple[Slice, ...]


class Reservation:
    """What was taken for one call."""

    __slots__ = (
        *("actual_nanos", "actual_tokens", "estimate", "parts", "spared", "subject", "warnings"),
    )

    def __init__(self, estimate: Estimate, subject: Subject | None = None) -> None:
        self.estimate = estimate
        self.subject = subject
        """Whose call it was when it was admitted."""
        self.spared: frozenset[str] = NOTHING
        """Accounts that it turned out not to be of."""
        self.parts: list[tuple[Slice, int]] = []
        self.warnings: tuple[Account, ...] = ()
        """Budgets that are exceeded and only warn."""
        self.actual_nanos: int | None = 0
        self.actual_tokens: int | None = None

    def charges(self, amount: int | None) -> dict[str, Charge]:
        """The fact `charges` of the call's record. What the call cost more than was reserved for it
        is taken of what is free of the slice, as far as it goes."""
        charges: dict[str, Charge] = {}
        for part, reserved in self.parts:
            if part.unit is _NANOS:
                key = part.key
                charged = 0 if key in self.spared else amount
                if charged is not None and charged > reserved:
                    reserved = self._topped_up(part, reserved, charged)
                charges[key] = (part.starts_us, charged, reserved)
        return charges

    def _topped_up(self, part: Slice, reserved: int, cost: int) -> int:
        """What is reserved of a slice once it is no less than the call cost, or nothing is free."""
        more = max(0, min(cost - reserved, part.free))
        part.free -= more
        self.parts = [
            (each, amount + more if each is part else amount) for each, amount in self.parts
        ]
        return reserved + more

    def reserved(self) -> dict[str, Charge]:
        """The charges of a call that nobody ends: what was reserved, for it may all be spent. The
        lease is its dead writer's, so nothing is taken of any other."""
        amount = self.estimate.nanos
        return {account: (at, amount, 0) for account, (at, _, _) in self.charges(0).items()}
