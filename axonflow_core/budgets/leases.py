"""Work for the store: to lease more to a slice, and to give back what it does not need.

Both run in a transaction of the audit's writer, which has one queue. Where the store may have
another amount than the slice, because nobody knows whether the record of a call was written, the
work says what is free in place of by how much it changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from axonflow_core.budgets import book
from axonflow_core.budgets.book import Spent
from axonflow_core.budgets.slices import Slice

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction
    from axonflow_core.audit.store import AuditStore

SHARE = 16
"""A slice is at most this part of what is left."""
CALLS = 4_096
"""A slice is enough for at most so many calls as the one that asks for it."""


class Leasing:
    """Leases more to a slice: what the account has afterwards, and what was leased."""

    def __init__(
        self,
        part: Slice,
        audit: AuditStore,
        at_us: int,
        missing: int,
        amount: int,
        *,
        tells: bool,
    ) -> None:
        self._account = part.account
        self._where = part.account.key, part.starts_us, audit.chain
        self._at_us = at_us
        self._missing = missing
        self._amount = amount
        self._free = part.free if tells else None

    def __call__(self, transaction: Transaction) -> tuple[Spent, int]:
        key, starts_us, _ = self._where
        account, is_rate = self._account, self._account.budget is None
        if self._free is not None:
            book.lease(transaction, self._where, self._free, instead=True)
        if is_rate:
            book.forget_before(transaction, key, starts_us)
        spent = book.spent(transaction, key, starts_us, self._at_us)
        if account.limit - spent.taken < self._missing and not is_rate:
            book.take_back(transaction, key, starts_us)
            spent = book.spent(transaction, key, starts_us, self._at_us)
        granted = self._granted(account.limit - spent.taken)
        if granted and is_rate:
            book.take(transaction, self._where, granted)
        elif granted:
            book.lease(transaction, self._where, granted, instead=False)
        return spent, granted

    def _granted(self, left: int) -> int:
        if left < self._missing:
            return 0
        return max(self._missing, min(left // SHARE, self._amount * CALLS))


class Returning:
    """Gives back so much that was free until now."""

    def __init__(self, part: Slice, chain: str, amount: int, *, tells: bool) -> None:
        self._where = part.account.key, part.starts_us, chain
        self._is_rate = part.account.budget is None
        self._amount = amount
        self._free = part.free if tells else None

    def __call__(self, transaction: Transaction) -> None:
        if self._is_rate:
            book.take(transaction, self._where, -self._amount)
        elif self._free is not None:
            book.lease(transaction, self._where, self._free, instead=True)
        else:
            book.lease(transaction, self._where, -self._amount, instead=False)


def nothing(transaction: Transaction) -> None:
    """To be behind what waits for the store."""


def fair(left: int, free: int) -> int:
    """The most that a slice would have, were it leased anew, where so much is left beside it."""
    return max(0, left + free) // SHARE
