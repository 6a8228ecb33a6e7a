"""What a worker has of each account, and what is taken of it for one call."""

from __future__ import annotations

import asyncio

from axonflow_core.budgets.accounts import Account
from axonflow_core.budgets.book import Charge, Spent
from axonflow_core.budgets.estimates import Estimate, Expected, cost_nanos
from axonflow_core.budgets.prices import Prices
from axonflow_core.budgets.terms import Unit, span
from axonflow_core.frozen import frozen
from axonflow_core.provider import Price

NOTHING: frozenset[str] = frozenset()


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
        *("free", "in_flight", "is_known", "key", "settled", "starts_us", "unit", "used_us"),
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
        """Calls that are not settled; of money."""
        self.doubts = 0
        """What was written since the store was told what is free, and may not be there."""
        self.settled = 0
        """What all workers settled, as far as it is known here."""
        self.is_known = False
        """Whether the store was asked what is settled."""
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
        if self.unit is Unit.NANOS:
            self.doubts += 1

    def is_to_alert(self, threshold: int) -> None:
        """The alert of a threshold was not given."""
        self.alerted.discard(threshold)
        self.alert_at = 0


@frozen(kw_only=True)
class Ready:
    """Slices that calls of a subject can be admitted from without another look at their accounts:
    all of them are hard, the store was asked about each, and none changes in this time."""

    starts_us: int
    ends_us: int
    money: tuple[Slice, ...]
    tokens: tuple[Slice, ...]
    requests: tuple[Slice, ...]
    prices: Prices
    """Those that `price` is one of: another generation of the configuration has others."""
    price: Price | None
    nanos_a_token: tuple[int, int] | None
    """What the price comes down to, where it is as simple (`estimates`)."""

    def nanos(self, input_tokens: int, output_tokens: int) -> int | None:
        """What so many tokens cost; None where that is not known."""
        each = self.nanos_a_token
        if each is None:
            return cost_nanos(self.price, input_tokens, output_tokens)
        return input_tokens * each[0] + output_tokens * each[1]


class Reservation:
    """What was taken for one call: of money as each slice says, of tokens and requests a minute as
    much as is estimated."""

    __slots__ = (
        *("actual_nanos", "actual_tokens", "expected", "money", "requests", "spared", "tokens"),
        "warnings",
    )

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self.money: list[tuple[Slice, int]] = []
        self.tokens: tuple[Slice, ...] = ()
        self.requests: tuple[Slice, ...] = ()
        self.spared = NOTHING
        """Accounts of money that it turned out not to be of."""
        self.warnings: tuple[Account, ...] = ()
        """Budgets that are exceeded and only warn."""
        self.actual_nanos: int | None = 0
        self.actual_tokens: int | None = None

    @property
    def estimate(self) -> Estimate:
        """What the call was expected to need."""
        return Estimate(*self.expected)

    def take(self, part: Slice, amount: int, at_us: int) -> None:
        """Take so much of a slice."""
        part.free -= amount
        part.used_us = at_us
        if part.unit is Unit.NANOS:
            part.in_flight += 1
            self.money.append((part, amount))
        elif part.unit is Unit.TOKENS:
            self.tokens = (*self.tokens, part)
        else:
            self.requests = (*self.requests, part)

    def charges(self, amount: int | None) -> dict[str, Charge]:
        """The fact `charges` of the call's record. What the call cost more than was reserved for it
        is taken of what is free of the slice, as far as it goes."""
        charges: dict[str, Charge] = {}
        cost, spared = amount or 0, self.spared
        for part, reserved in self.money:
            if spared and part.key in spared:
                charges[part.key] = part.starts_us, 0, reserved
            elif cost > reserved:
                charges[part.key] = part.starts_us, amount, self._topped_up(part, reserved, cost)
            else:
                charges[part.key] = part.starts_us, amount, reserved
        return charges

    def _topped_up(self, part: Slice, reserved: int, cost: int) -> int:
        """What is reserved of a slice once it is no less than the call cost, or nothing is free."""
        more = max(0, min(cost - reserved, part.free))
        part.free -= more
        self.money = [
            (each, amount + more if each is part else amount) for each, amount in self.money
        ]
        return reserved + more

    def reserved(self) -> dict[str, Charge]:
        """The charges of a call that nobody ends: what was reserved, for it may all be spent. The
        lease is its dead writer's, so nothing is taken of any other."""
        amount = self.estimate.nanos
        return {account: (at, amount, 0) for account, (at, _, _) in self.charges(0).items()}
