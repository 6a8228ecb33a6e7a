"""What a worker has of each account, and what is taken of it for one call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from axonflow_core.budgets.accounts import Account
from axonflow_core.budgets.book import Charge, Spent
from axonflow_core.budgets.estimates import Estimate, Expected, cost_nanos
from axonflow_core.budgets.prices import Prices
from axonflow_core.budgets.terms import Unit, span
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY
from axonflow_core.provider import Price


class Slice:
    """What a worker has of one account in one span."""

    __slots__ = (
        *(
            "account",
            "alert_at",
            "alerted",
            "denied",
            "denied_us",
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
        self.denied_us = 0
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

    def take(
        self, at_us: int, input_tokens: int, output_tokens: int, least: int = 0
    ) -> Reservation | None:
        """What a call of so many tokens may need, and no less than `least` nano-dollars, taken of
        slices that have enough, as they have for nearly every call. None where one has not, or
        their time is over."""
        if not self.starts_us <= at_us < self.ends_us:
            return None
        if self.nanos_a_token is not None:
            into, out = self.nanos_a_token
            nanos = input_tokens * into + output_tokens * out
        else:
            cost = cost_nanos(self.price, input_tokens, output_tokens)
            if cost is None and self.money:
                return None
            nanos = cost or 0
        if nanos < least:
            nanos = least
        is_enough = True
        for part in self.money:
            part.free = left = part.free - nanos
            part.in_flight += 1
            part.used_us = at_us
            if left < 0:
                is_enough = False
        count = input_tokens + output_tokens
        for part in self.tokens:
            part.free = left = part.free - count
            part.used_us = at_us
            if left < 0:
                is_enough = False
        for part in self.requests:
            part.free = left = part.free - 1
            part.used_us = at_us
            if left < 0:
                is_enough = False
        expected = input_tokens, output_tokens, self.price, nanos
        reservation = Reservation(expected, self.money, self.tokens, self.requests)
        if is_enough:
            return reservation
        reservation.give_back()
        return None


class Odd(NamedTuple):
    """What is other with an account of money than with those of the estimate."""

    taken: int
    """What was taken for the call."""
    is_charged: bool = True
    """Whether the call turned out to be of the account."""


class Reservation:
    """What was taken for one call: of money what it may cost, of tokens a minute as many as are
    estimated, and one request."""

    __slots__ = ("actual_nanos", "expected", "money", "odd", "requests", "tokens", "warnings")

    def __init__(
        self,
        expected: Expected,
        money: tuple[Slice, ...] = (),
        tokens: tuple[Slice, ...] = (),
        requests: tuple[Slice, ...] = (),
    ) -> None:
        self.expected = expected
        self.money = money
        self.tokens = tokens
        self.requests = requests
        self.odd: Mapping[str, Odd] = EMPTY
        """The accounts of money of which something else was taken."""
        self.warnings: tuple[Account, ...] = ()
        """Budgets that are exceeded and only warn."""
        self.actual_nanos: int | None = 0

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
            self.money = (*self.money, part)
            if amount != (self.expected[3] or 0):
                self.odd = {**self.odd, part.key: Odd(amount)}
        elif part.unit is Unit.TOKENS:
            self.tokens = (*self.tokens, part)
        else:
            self.requests = (*self.requests, part)

    def spare(self, part: Slice) -> None:
        """The call turned out not to be of this account."""
        self.odd = {**self.odd, part.key: Odd(self.taken_of(part), is_charged=False)}

    def taken_of(self, part: Slice) -> int:
        """What was taken of a slice of money."""
        odd = self.odd.get(part.key)
        return self.expected[3] or 0 if odd is None else odd.taken

    def cost_of(self, part: Slice, amount: int | None) -> int | None:
        """What of the cost of the call is the account's of a slice."""
        odd = self.odd.get(part.key)
        return amount if odd is None or odd.is_charged else 0

    # ── what becomes of it ────────────────────────────────────────────────────────────────────────

    def charge(self, amount: int | None, tokens: int | None) -> dict[str, Charge]:
        """The call cost so much, and had so many tokens; None where that is not known. What it did
        not need is free again. What it needed more is taken of what is free of a slice: money as
        far as it goes, tokens in any case. Returns the fact `charges` of the call's record."""
        self.actual_nanos = amount
        charges: dict[str, Charge] = {}
        into, out, _, nanos = self.expected
        taken, cost, odd = nanos or 0, amount, self.odd
        for part in self.money:
            if odd:
                taken, cost = self.taken_of(part), self.cost_of(part, amount)
            more, of_slice = (cost or 0) - taken, taken
            if more > 0:
                more = max(0, min(more, part.free))
                of_slice += more
            part.free -= more
            charges[part.key] = part.starts_us, cost, of_slice
        if tokens is not None:
            for part in self.tokens:
                part.free += into + out - tokens
        return charges

    def reserved(self) -> dict[str, Charge]:
        """The charges of a call that nobody ends: what was reserved, for it may all be spent. The
        lease is its dead writer's, so nothing is taken of any other."""
        nanos = self.expected[3]
        return {part.key: (part.starts_us, self.cost_of(part, nanos), 0) for part in self.money}

    def held(self) -> dict[str, Charge]:
        """What was taken of each account of money, in the form of charges."""
        return {part.key: (part.starts_us, 0, self.taken_of(part)) for part in self.money}

    def give_back(self) -> None:
        """No call was made for it."""
        into, out, _, _ = self.expected
        for part in self.money:
            part.free += self.taken_of(part)
        for part in self.tokens:
            part.free += into + out
        for part in self.requests:
            part.free += 1
        self.end()

    def end(self) -> None:
        """The call is under way no more."""
        for part in self.money:
            part.in_flight -= 1
        self.money = self.tokens = self.requests = ()
