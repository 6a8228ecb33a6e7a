"""What one worker may still admit, and how it comes by it.

    store    settled + leased to each writer <= limit              (`book`)
    worker   its lease = free + what its calls under way reserved
    call     its estimate is taken of `free`, without any I/O; its record settles what it cost

**A lease** is a slice of what is left: a sixteenth of it, or enough for 4,096 calls where that
is less, down to a single call's estimate near the limit. One transaction fetches it, and calls that
find too little wait for the one that is under way. So a busy worker waits for the store once in
hundreds of calls, and no two workers admit the same money. A worker that rests gives its slice
back, one that has twice what it would lease anew gives that back, and one that was killed is found
out by the next that needs its slice.

**What is ready**: once a call was admitted, the slices of its accounts are kept together under its
subject. The next call takes a look-up, a comparison and a subtraction for each of them, until the
first span is over, or the accounts or slices change.

**Settling** follows the record. When the record is made, its call is charged: the rest of its
estimate is free again, for few answers are as long as they may be, and a lease lasts as long as its
money; what it cost more is taken of what is free, too. What it cost stays leased until the record's
transaction moves it to what is settled (`book`), whether the call is told of that or not. Where it
is not sure whether a record was written, that is leased until no call of the slice is under way,
and the store is told what is free.

**Rates** are slices too, of a limit that is new every minute. They are counted as spent when they
are leased, for no record says what a minute had; tokens that a call did not need go back to `free`,
and what it needed more is owed by the next ones.

Accounts that only warn lease nothing: what is spent in them is known as of the last look.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from axonflow_core.budgets import book
from axonflow_core.budgets.accounts import (
    MAX_CACHED,
    Account,
    Budget,
    Register,
    Subject,
    SubjectKey,
)
from axonflow_core.budgets.alerts import Alerting, alert_text
from axonflow_core.budgets.book import Charge, Spent
from axonflow_core.budgets.estimates import Estimate, nanos_a_token
from axonflow_core.budgets.leases import Leasing, Returning, fair, nothing
from axonflow_core.budgets.prices import Prices
from axonflow_core.budgets.refusals import (
    Refusal,
    refuses_unknown,
    too_dear,
    too_many,
    unknown_price,
)
from axonflow_core.budgets.slices import Ready, Reservation, Slice
from axonflow_core.budgets.terms import Unit, span
from axonflow_core.config.values import Config
from axonflow_core.errors import AuditError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from axonflow_core.audit.store import AuditStore

_LOG = logging.getLogger(__name__)

DENIED_US = 250_000
"""How long a worker believes the store that there is no more."""
RESTING_US = 2_000_000
"""How long a slice is kept that no call needs."""

_NANOS, _REQUESTS = Unit.NANOS, Unit.REQUESTS  # an enum looks its members up slowly
_NEVER = 1 << 62
"""More nano-dollars than any budget has: no alert is due any more."""

Clock: TypeAlias = Callable[[], int]
"""Tells the time, in microseconds since 1970."""


def wall_us() -> int:
    """The time of this machine."""
    return time.time_ns() // 1_000


class Ledger:
    """The slices of one worker."""

    def __init__(self, audit: AuditStore, clock: Clock = wall_us) -> None:
        self._audit = audit
        self.now_us = clock
        """The time, in microseconds since 1970."""
        self._config = Config()
        self._stored = book.Stored()
        self._pseudonyms: dict[tuple[str, str], str] = {}
        self._losses = 0
        self._slices: dict[str, Slice] = {}
        self.ready: dict[SubjectKey, Ready] = {}
        """What calls of a subject may be admitted from at once (`Ready.take`), where it is known.
        Emptied as soon as a subject may have other accounts, or an account another slice."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.register = Register(self._config)

    # ── before a call ─────────────────────────────────────────────────────────────────────────────

    def accounts(self, subject: Subject) -> tuple[Account, ...]:
        """What a call of that subject is counted in."""
        return self.register.accounts(subject)

    async def admit(self, accounts: Iterable[Account], estimate: Estimate) -> Reservation | Refusal:
        """Take what a call may need of each account, or of none. `AuditError` where the store
        cannot be asked."""
        reservation = Reservation(estimate)
        is_admitted = False
        try:
            for account in accounts:
                if (refusal := await self._taken(account, estimate, reservation)) is not None:
                    return refusal
            is_admitted = True
            return reservation
        finally:
            if not is_admitted:
                reservation.give_back()

    def note_ready(self, subject: Subject, reservation: Reservation, prices: Prices) -> None:
        """The next calls of the subject may be admitted at once, from the slices that this one was
        admitted from. Its price is one of `prices`."""
        slices = (*reservation.money, *reservation.tokens, *reservation.requests)
        accounts = {account.key: account for account in self.accounts(subject)}
        if not slices or len(accounts) != len(slices):
            return
        if all(self._is_ready(part, accounts) for part in slices):
            if len(self.ready) >= MAX_CACHED:
                self.ready.clear()
            price = reservation.estimate.price
            self.ready[subject] = Ready(
                starts_us=max(part.starts_us for part in slices),
                ends_us=min(part.ends_us for part in slices),
                money=reservation.money,
                tokens=reservation.tokens,
                requests=reservation.requests,
                prices=prices,
                price=price,
                nanos_a_token=nanos_a_token(price),
            )

    def _is_ready(self, part: Slice, accounts: Mapping[str, Account]) -> bool:
        account = part.account
        return (
            self._slices.get(part.key) is part
            and accounts.get(part.key) is account
            and account.is_hard
            and part.is_known
        )

    async def _taken(
        self, account: Account, estimate: Estimate, reservation: Reservation
    ) -> Refusal | None:
        now_us = self.now_us()
        part = self._slice(account, now_us)
        amount = estimate.amount(account.unit)
        if amount is None:
            if refuses_unknown(account):
                return unknown_price(account, part.settled)
            amount = 0
        if not account.is_hard:
            await self._look_at(part)
            if part.settled >= account.limit:
                reservation.warnings += (account,)
            amount = 0
        elif part.free < amount or not part.is_known:
            refusal = await self._extended(part, amount, now_us)
            if refusal is not None:
                return refusal
        reservation.take(part, amount, now_us)
        return None

    def _slice(self, account: Account, now_us: int) -> Slice:
        part = self._slices.get(account.key)
        if part is None or not part.starts_us <= now_us < part.ends_us:
            part = self._slices[account.key] = Slice(account, now_us)
            self.ready.clear()
        elif part.account is not account:
            part.denied = part.alert_at = 0  # the limit may be another
            part.account = account
        return part

    async def _extended(self, part: Slice, amount: int, now_us: int) -> Refusal | None:
        """Returns once there is enough, or with why there is not."""
        # A clock that was put back makes no word of the store last longer.
        is_believed = abs(part.denied_us - now_us) < DENIED_US
        while part.free < amount or not part.is_known:
            missing = max(0, amount - part.free)
            if missing and missing >= part.denied > 0 and is_believed:
                return self._refused(part, amount, now_us)
            if part.extending is None:
                part.extending = asyncio.create_task(self._extend(part, missing, amount))
            await asyncio.shield(part.extending)
            is_believed = True  # however long the store took
        return None

    async def _extend(self, part: Slice, missing: int, amount: int) -> Spent:
        """Lease more of the account, where the store has it."""
        try:
            told = await self._doubts_to_end(part)
            at_us = self.now_us()
            work = Leasing(part, self._audit, at_us, missing, amount, tells=told > 0)
            spent, granted = await self._audit.transact(work)
        finally:
            part.extending = None
        part.doubts -= told
        part.free += granted
        part.settled, part.is_known = spent.settled, True
        if granted < missing:
            part.denied, part.denied_us = missing, self.now_us()
        else:
            part.denied = 0
        return spent

    async def _doubts_to_end(self, part: Slice) -> int:
        """How many doubts end by telling the store what is free: none while a call is under way,
        or the record of one whose caller left may still be in the queue."""
        doubts = part.doubts
        if not doubts or part.in_flight:
            return 0
        await self._audit.transact(nothing)
        return doubts if part.doubts == doubts and not part.in_flight else 0

    async def _look_at(self, part: Slice) -> None:
        """Know what was spent, where nothing is known yet."""
        if not part.is_known:
            where = part.account.key, part.starts_us, self.now_us()
            spent = await self._audit.read(lambda connection: book.spent(connection, *where))
            part.settled, part.is_known = spent.settled, True

    def _refused(self, part: Slice, amount: int, now_us: int) -> Refusal:
        account, settled = part.account, part.settled
        if account.budget is not None:
            return Refusal(
                account=account, message=too_dear(account.budget, settled, amount), settled=settled
            )
        left_s = -((now_us - part.ends_us) // 1_000_000)
        return Refusal(
            account=account,
            message=too_many(account, amount, left_s),
            settled=settled,
            retry_after_s=None if amount > account.limit else max(1, left_s),
        )

    def rebook(self, reservation: Reservation, subject: Subject) -> None:
        """The call went elsewhere than where it was admitted for: it is charged to the accounts of
        where it went, whether they have room or not."""
        accounts = {each.key: each for each in self.accounts(subject) if each.budget is not None}
        for part in reservation.money:
            if accounts.pop(part.key, None) is None:
                reservation.spare(part)
        now_us = self.now_us()
        for account in accounts.values():
            reservation.take(self._slice(account, now_us), 0, now_us)

    # ── after a call ──────────────────────────────────────────────────────────────────────────────

    def settle(self, reservation: Reservation) -> None:
        """The record of the call is durable, with its charges."""
        cost, odd = reservation.actual_nanos, reservation.odd
        for part in reservation.money:
            part.in_flight -= 1
            part.settled += (reservation.cost_of(part, cost) if odd else cost) or 0
            if part.settled >= part.alert_at:
                self._alert_if_due(part)

    def doubt(self, reservation: Reservation) -> None:
        """The record of the call is not durable, or may not be."""
        for part in reservation.money:
            part.doubt()
        reservation.end()

    def reported(
        self,
        subject: Subject,
        held: Mapping[str, tuple[int, int]],
        amount: int | None,
        *,
        is_price_known: bool,
        at_us: int,
    ) -> dict[str, Charge]:
        """The charges of a call that a client reports, where `held` was set aside for it: its cost,
        or, where it reports no counts, what was set aside. A budget of all tenants together is
        charged for what the server called alone: one tenant's word could spend it."""
        charges: dict[str, Charge] = {}
        for account in self.accounts(subject):
            is_shared = account.budget is not None and account.budget.is_of_operator
            if account.unit is Unit.NANOS and not is_shared:
                now = span(account.period, at_us).starts_us
                starts_us, aside = held.get(account.key, (now, 0))
                charged = aside if amount is None and is_price_known else amount
                charges[account.key] = (starts_us, charged, 0)
        return charges

    # ── alerts ────────────────────────────────────────────────────────────────────────────────────

    def _alert_if_due(self, part: Slice) -> None:
        budget = part.account.budget
        if budget is None or not part.is_known:
            return
        settled, limit = part.settled, part.account.limit
        for threshold in budget.alert_thresholds:
            if settled * 100 < threshold * limit:
                part.alert_at = -(-threshold * limit // 100)
                return
            if threshold not in part.alerted:
                part.alerted.add(threshold)
                task = asyncio.create_task(self._alert(part, budget, threshold))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        part.alert_at = _NEVER

    async def _alert(self, part: Slice, budget: Budget, threshold: int) -> None:
        """Give an alert, unless another worker has. The next look tries again where it cannot be
        recorded."""
        work = Alerting(part, budget, threshold, self.now_us())
        try:
            alert = await self._audit.transact(work)
        except AuditError:
            part.is_to_alert(threshold)
            return
        if not work.is_due:
            part.is_to_alert(threshold)
        elif alert is not None:
            _LOG.warning("%s", alert_text(budget, alert))

    async def settled_alerts(self) -> None:
        """Returns once the alerts that are due are given."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def free(self, key: str) -> int:
        """What this worker leased of an account and no call has, in its unit."""
        part = self._slices.get(key)
        return 0 if part is None else max(0, part.free)

    # ── looking ───────────────────────────────────────────────────────────────────────────────────

    def serves(self, config: Config) -> None:
        """A generation of the configuration came into force."""
        self._config = config
        self._rebuild()

    def _rebuild(self) -> None:
        self.ready.clear()
        self.register = Register(self._config, self._stored.budgets, self._pseudonyms)

    async def follow(self) -> None:
        """Learn what others changed and spent, and give back what rests. `AuditError`."""
        now_us = self.now_us()
        parts = [part for part in self._slices.values() if part.starts_us <= now_us < part.ends_us]
        keys = [(part.account.key, part.starts_us) for part in parts if part.account.budget]

        def look(connection: Connection) -> tuple[tuple[int, int], Mapping[tuple[str, int], Spent]]:
            return book.state(connection), book.spent_by_account(connection, keys, now_us)

        state, spent = await self._audit.read(look)
        if state != self._stored.state:
            self._stored = await self._audit.read(book.stored)
            self._rebuild()
        await self._name_users()
        for part in parts:
            if (found := spent.get((part.account.key, part.starts_us))) is not None:
                part.settled, part.is_known = found.settled, True
                self._alert_if_due(part)
                kept = fair(part.account.limit - found.taken, part.free)
                if part.free > 2 * kept:
                    await self._return(part, kept)
        await self._tidy(now_us)

    async def _name_users(self) -> None:
        """Learn the pseudonyms of the users whom budgets name, which are others once the key of a
        tenant was destroyed."""
        if (losses := self._audit.losses) != self._losses:
            self._losses = losses
            self._pseudonyms.clear()
        named = {
            (budget.tenant, budget.of)
            for budget in self.register.budgets
            if budget.scope == "user" and budget.of
        }
        if unknown := named - self._pseudonyms.keys():
            for tenant, of in unknown:
                self._pseudonyms[tenant, of] = await self._audit.pseudonym(tenant, of)
            self._rebuild()

    async def _tidy(self, now_us: int) -> None:
        """Forget spans that are over, and give back what no call needs."""
        for key, part in list(self._slices.items()):
            if part.in_flight or part.extending is not None:
                continue
            if not part.starts_us <= now_us < part.ends_us:
                del self._slices[key]
                self.ready.clear()
            elif abs(now_us - part.used_us) > RESTING_US and (part.free > 0 or part.doubts):
                await self._return(part, 0)

    async def _return(self, part: Slice, kept: int) -> None:
        """Give back what is free, but for so much."""
        told = await self._doubts_to_end(part)
        if part.extending is not None:  # what is leased now is not in `free` yet
            return
        amount = max(0, part.free - kept)
        part.free -= amount
        work = Returning(part, self._audit.chain, amount, tells=told > 0)
        try:
            await self._audit.transact(work)
        except AuditError:
            part.doubt()
            raise
        part.doubts -= told

    async def aclose(self) -> None:
        """Wait for the alerts that are being given, and give back what is leased."""
        await self.settled_alerts()
        with suppress(AuditError):  # the next writer takes it back
            for part in self._slices.values():
                if part.free > 0:
                    await self._return(part, 0)
