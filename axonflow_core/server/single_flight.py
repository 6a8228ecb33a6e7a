"""One call for requests that are the same, and the same answer for a client that missed it.

    nothing under way       the request leads a flight: claim, call, answer
    a flight in this worker the request joins it
    another worker's claim  the request waits for the claim, then finds the answer in the table of
                            kept answers, or, where that worker died or gave up, makes the call
    an answer is kept       the request is given it, and it is kept no longer

An answer is kept (`replays`) where nobody is there to read it when it comes, where the connection
breaks before it was read, or where another worker waits for it. One that was read is not kept, so
whoever honestly asks twice is answered by two calls.

A client that leaves does not end its call at once, for the SDK's time-out is a disconnect and its
next attempt wants that answer: the leading request's task goes on for `grace_s`, and is cancelled
unless somebody came aboard, here or in another worker. A stop of the server waits for it as for any
request.

A worker learns of answers that others keep by looking (`see`), several times a second. Until
they must have looked, whoever keeps an answer holds on to its claim (`_linger`), and lets go as
soon as somebody waits: a request that had to wait looks into the table, and so does every request
of a worker that was too busy to look. Where a client left during
the flight, its claim is held for a moment in any case: another may have left, and this worker not
have heard of it yet. A request whose client leaves before anything was begun for it ends.

**On record** is one `call` for every call of a model, with its tokens and its cost, and one
`repeat` for every request that was given the answer of another's call: it names the record of that
call (`answer_of`) and how it came by the answer (`joined`, `replayed`), and has neither tokens nor
texts. So each answer that a client read has a record of its own, and no token is counted twice.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import field

from axonflow_core.audit.record import Entry
from axonflow_core.errors import AuditError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.http.asgi import CLIENT_CLOSED, ClientLeft
from axonflow_core.server import replays
from axonflow_core.server.client_request import Answer
from axonflow_core.server.replays import Given, Seal

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.server.claims import Claims
    from axonflow_core.server.delivery import Delivery

MAX_KEPT = 4_000
"""Answers that are kept at once; further ones are lost with their connections."""
MAX_KEPT_BYTES = 4_194_304
"""The longest answer that is kept."""
_HEAR_S = 0.02
"""How long the end of a client's connection takes to be heard of."""
_LOOK_S = 0.1
"""How often a flight without a client looks whether it is wanted."""
_LINGER_S = 1.5
"""How long a claim is held on to after an answer was kept: several times the pause between two
looks (`see`) of another worker."""
_STALE_S = 1.0
"""After how long a look says nothing any more of what others keep: less than `_LINGER_S`."""
_DOUBT_S = 0.5
"""How long a claim is held on to after a flight that a client left, whoever waits."""


@frozen(kw_only=True)
class Asked:
    """A request that may be the same as another. Times are in seconds."""

    mark: bytes = field(repr=False)
    """Which request it is (`Seal.mark`)."""
    call: Callable[[], Awaitable[Given]]
    """Makes the call; it is on record then."""
    repeat: Callable[[], Awaitable[Entry]]
    """The record of an answer that is given once more, as far as it is known without it."""
    delivery: Delivery | None = None
    grace_s: float
    window_s: float


class _Passenger:
    """One request that waits for a flight's answer, or leads it."""

    __slots__ = ("has_left", "landing")

    def __init__(self, landing: asyncio.Future[Given] | None) -> None:
        self.landing = landing
        self.has_left = False


class _Hold:
    """A claim that is held on to after its flight. Times are of the monotonic clock."""

    __slots__ = ("open_at", "seconds", "until")

    def __init__(self, seconds: float, open_at: float = 0.0) -> None:
        self.seconds = seconds
        """How long, from when what is kept can be seen."""
        self.until = math.inf
        self.open_at = open_at
        """From when on it is let go for whoever waits."""

    def begin(self) -> None:
        self.until = time.monotonic() + self.seconds


class _Flight:
    """A call under way in this worker."""

    __slots__ = (
        *("_outlasting", "aboard", "has_given_up", "is_landing", "passengers", "task"),
        "was_left",
    )

    def __init__(self, task: asyncio.Task[object]) -> None:
        self.task = task
        self.passengers: list[_Passenger] = []
        self.aboard = 0
        """Passengers whose client is there."""
        self.is_landing = False
        """Whether the call is over: what follows is not cancelled."""
        self.has_given_up = False
        self.was_left = False
        """Whether a client left it."""
        self._outlasting: asyncio.Task[None] | None = None

    def board(self, landing: asyncio.Future[Given] | None = None) -> _Passenger:
        passenger = _Passenger(landing)
        self.passengers.append(passenger)
        self.aboard += 1
        return passenger

    def outlast(self, task: asyncio.Task[None]) -> None:
        self._outlasting = task

    def require_somebody(self) -> None:
        """`ClientLeft` where nobody is aboard."""
        if not self.aboard:
            raise ClientLeft

    def give_up(self) -> None:
        """Cancel the call: its client has left, and nobody came for it."""
        self.has_given_up = True
        self.task.cancel(CLIENT_CLOSED)

    def begin_landing(self) -> None:
        self.is_landing = True
        if self._outlasting is not None:
            self._outlasting.cancel()

    def land(self, given: Given) -> None:
        for landing in self._landings():
            landing.set_result(given)

    def fail(self, error: BaseException) -> None:
        self.begin_landing()
        for landing in self._landings():
            if isinstance(error, asyncio.CancelledError):
                landing.cancel()
            else:
                landing.set_exception(error)

    def _landings(self) -> list[asyncio.Future[Given]]:
        landings = [passenger.landing for passenger in self.passengers]
        return [landing for landing in landings if landing is not None and not landing.done()]


class Flights:
    """The flights of one worker, and the answers that are kept."""

    def __init__(self, audit: AuditStore, seal: Seal, claims: Claims) -> None:
        self._audit = audit
        self._seal = seal
        self._claims = claims
        self._flights: dict[bytes, _Flight] = {}
        self._kept: dict[bytes, int] = {}
        """Mark -> when its time is over, of the answers that this worker kept."""
        self._seen: dict[bytes, int] = {}
        """The same of all workers, when `see` was last called."""
        self._looked_at = time.monotonic()
        self._keeping: dict[asyncio.Task[None], bytes] = {}
        self._lingering: dict[bytes, _Hold] = {}
        """Mark -> how long its claim is held on to after its flight."""
        self._lingers: set[asyncio.Task[None]] = set()

    async def answer(self, asked: Asked) -> Answer:
        """The answer to a request, on record. `ClientLeft` where nobody is there to read it; else
        what `asked.call` raises, and `AuditError`."""
        flight = self._flights.get(asked.mark)
        if flight is None:
            given = await self._lead(asked)
        else:
            given = await self._join(flight, asked)
        return given.answer

    # ── leading ───────────────────────────────────────────────────────────────────────────────────

    async def _lead(self, asked: Asked) -> Given:
        task = asyncio.current_task(asked.delivery.loop if asked.delivery is not None else None)
        assert task is not None  # noqa: S101 - inside a coroutine there is one
        flight = self._flights[asked.mark] = _Flight(task)
        passenger = flight.board()
        self._watch(flight, passenger, asked)
        try:
            given = await self._flown(flight, asked)
        except BaseException as error:
            flight.fail(error)
            if flight.has_given_up and not task.uncancel():
                raise ClientLeft from None
            raise
        else:
            flight.land(given)
        finally:
            del self._flights[asked.mark]
        return self._handed(given, passenger, asked)

    async def _flown(self, flight: _Flight, asked: Asked) -> Given:
        """What the flight brings. The claim is held meanwhile. `ClientLeft` where everybody has
        left before anything was begun."""
        has_waited = await self._claimed(flight, asked.mark)
        hold: _Hold | None = None
        try:
            if has_waited:  # the client's end may have come, and not been heard of yet
                await asyncio.sleep(_HEAR_S)
            flight.require_somebody()
            given = None
            if has_waited or self._may_be_kept(asked.mark):
                given = await self._retaken(asked, "joined" if has_waited else "replayed")
            if given is None:
                given = await asked.call()
            flight.begin_landing()
            if not flight.aboard or await self._is_awaited(asked.mark):
                hold = _Hold(_LINGER_S)
                await self._keep(asked, given)
            elif flight.was_left:
                hold = _Hold(_DOUBT_S, open_at=math.inf)
            return given
        finally:
            self._let_go(asked.mark, hold)

    async def _retaken(self, asked: Asked, how: str) -> Given | None:
        """The kept answer, on record as given again and kept no longer; None where it is gone."""
        entry = await asked.repeat()

        def take(transaction: Transaction) -> Given | None:
            sealed = replays.kept(transaction, asked.mark, _now_us())
            given = None if sealed is None else self._seal.open(asked.mark, sealed)
            replays.drop(transaction, asked.mark)
            if given is not None:
                transaction.append(_repeated(entry, given, how))
            return given

        given = await self._audit.transact(take)
        self._forget(asked.mark)
        return given

    # ── joining ───────────────────────────────────────────────────────────────────────────────────

    async def _join(self, flight: _Flight, asked: Asked) -> Given:
        landing: asyncio.Future[Given] = asyncio.get_running_loop().create_future()
        passenger = flight.board(landing)
        self._watch(flight, passenger, asked)
        given = await landing
        entry = _repeated(await asked.repeat(), given, "joined")
        if not await self._took_over(asked, entry):
            await self._audit.append(entry)
        if passenger.has_left:
            self._lose(asked, given)
        return self._handed(given, passenger, asked)

    async def _took_over(self, asked: Asked, entry: Entry) -> bool:
        """Whether the answer was kept for whoever comes, and is this request's now. Only while the
        claim is held on to: once it is let go, the answer is promised to another worker, which may
        be about to take it."""
        mark = asked.mark
        if mark not in self._kept or mark not in self._lingering:
            return False
        hold: _Hold | None = self._lingering.pop(mark)
        try:
            if await self._is_awaited(mark):
                return False
            hold = None
            await self._audit.transact(lambda transaction: _take_over(transaction, asked, entry))
            self._forget(mark)
        finally:
            if mark not in self._flights:  # else it is that flight's claim now
                self._let_go(mark, hold)
        return True

    # ── the client ────────────────────────────────────────────────────────────────────────────────

    def _watch(self, flight: _Flight, passenger: _Passenger, asked: Asked) -> None:
        """Hear of the client's end, until the answer is handed over."""

        def settled(is_read: bool) -> None:
            if not is_read:
                passenger.has_left = True
                self._leave(flight, passenger, asked)

        if asked.delivery is not None:
            asked.delivery.watch(settled)

    def _leave(self, flight: _Flight, passenger: _Passenger, asked: Asked) -> None:
        flight.aboard -= 1
        flight.was_left = True
        if passenger.landing is not None and not passenger.landing.done():
            passenger.landing.set_exception(ClientLeft())
            passenger.landing.exception()  # it is known, whether somebody still looks or not
        if not flight.aboard and not flight.is_landing:
            watch = self._outlast(flight, asked.mark, asked.grace_s)
            flight.outlast(asyncio.create_task(watch))

    async def _outlast(self, flight: _Flight, mark: bytes, grace_s: float) -> None:
        """Give the flight up once nobody has wanted it for `grace_s`."""
        ends_at = time.monotonic() + grace_s
        while not flight.aboard:
            if await self._is_awaited(mark):
                ends_at = time.monotonic() + grace_s
            left_s = ends_at - time.monotonic()
            if left_s <= 0:
                flight.give_up()
                return
            await asyncio.sleep(min(left_s, _LOOK_S))

    def _handed(self, given: Given, passenger: _Passenger, asked: Asked) -> Given:
        """The answer goes to the client, where it is there. Where the connection breaks before it
        was read, it is kept."""
        if passenger.has_left:
            raise ClientLeft

        def settled(is_read: bool) -> None:
            if not is_read:
                self._lose(asked, given)

        if asked.delivery is not None:
            asked.delivery.watch(settled)
        return given

    # ── keeping ───────────────────────────────────────────────────────────────────────────────────

    def _lose(self, asked: Asked, given: Given) -> None:
        """A client did not read its answer: keep it."""
        task = asyncio.create_task(self._keep_lost(asked, given))
        self._keeping[task] = asked.mark
        task.add_done_callback(self._has_kept)

    async def _keep_lost(self, asked: Asked, given: Given) -> None:
        mark = asked.mark
        is_claimed = mark not in self._flights and await self._claims.take(mark)
        if is_claimed and mark not in self._flights:  # else it is the flight's claim now
            self._lingering[mark] = _Hold(_LINGER_S, open_at=math.inf)
        await self._keep(asked, given)

    def _has_kept(self, task: asyncio.Task[None]) -> None:
        mark = self._keeping.pop(task)
        if not task.cancelled():
            task.exception()  # the audit says itself that it cannot write
        if mark in self._lingering:
            self._lingering[mark].open_at = 0.0
            self._linger(mark)

    async def _keep(self, asked: Asked, given: Given) -> None:
        """Keep the answer until its window is over. Where the audit cannot write it is lost, as it
        would have been with its connection."""
        mark, expires_us = asked.mark, _now_us() + int(asked.window_s * 1_000_000)
        is_kept = asked.window_s > 0 and len(given.answer.body) <= MAX_KEPT_BYTES
        if not is_kept or max(len(self._kept), len(self._seen)) >= MAX_KEPT:
            return
        self._kept[mark] = expires_us
        sealed = self._seal.seal(mark, given)
        try:
            await self._audit.transact(
                lambda transaction: replays.keep(transaction, mark, sealed, expires_us)
            )
        except AuditError:
            self._forget(mark)

    def _may_be_kept(self, mark: bytes) -> bool:
        """Whether an answer is kept, as far as this worker knows. It may be given or gone."""
        is_stale = time.monotonic() - self._looked_at > _STALE_S
        return is_stale or mark in self._kept or mark in self._seen

    def _forget(self, mark: bytes) -> None:
        self._kept.pop(mark, None)
        self._seen.pop(mark, None)

    async def see(self, found: Mapping[bytes, int], looked_at: float) -> None:
        """Learn which answers all workers keep (`replays.marks`), and remove those whose time is
        over. `looked_at` is when the look began, by the monotonic clock."""
        now_us = _now_us()
        if any(expires_us <= now_us for expires_us in found.values()):
            await self._audit.transact(lambda transaction: replays.forget(transaction, now_us))
        self._seen = {mark: at_us for mark, at_us in found.items() if at_us > now_us}
        self._kept = {mark: at_us for mark, at_us in self._kept.items() if at_us > now_us}
        self._looked_at = looked_at

    async def aclose(self) -> None:
        """Wait for the answers that are about to be kept."""
        if self._keeping:
            await asyncio.wait(self._keeping)
        for task in self._lingers:
            task.cancel()

    # ── claims ────────────────────────────────────────────────────────────────────────────────────

    async def _claimed(self, flight: _Flight, mark: bytes) -> bool:
        """Returns once the claim is this worker's: whether another one had it before."""
        if self._lingering.pop(mark, None) is not None or await self._claims.take(mark):
            return False
        await self._claims.wait(mark)
        try:
            while not await self._claims.take(mark):
                flight.require_somebody()
                await asyncio.sleep(self._claims.poll_s)
        finally:
            self._claims.wait_no_more(mark)
        return True

    def _let_go(self, mark: bytes, hold: _Hold | None = None) -> None:
        if hold is None:
            self._claims.release(mark)
        else:
            self._lingering[mark] = hold
            self._linger(mark)

    def _linger(self, mark: bytes) -> None:
        """Let go of the claim once somebody waits for it, or every worker has looked."""
        hold = self._lingering[mark]
        hold.begin()
        task = asyncio.create_task(self._lingered(mark, hold))
        self._lingers.add(task)
        task.add_done_callback(self._lingers.discard)

    async def _lingered(self, mark: bytes, hold: _Hold) -> None:
        while self._lingering.get(mark) is hold:
            if await self._is_over(mark, hold) and self._lingering.get(mark) is hold:
                del self._lingering[mark]
                self._claims.release(mark)
            else:
                await asyncio.sleep(self._claims.poll_s)

    async def _is_over(self, mark: bytes, hold: _Hold) -> bool:
        now = time.monotonic()
        return now >= hold.until or (now >= hold.open_at and await self._is_awaited(mark))

    async def _is_awaited(self, mark: bytes) -> bool:
        """Whether another worker waits for the claim, as far as can be known: an answer that is on
        record does not wait for a database that is gone."""
        with suppress(AuditError):
            return await self._claims.is_awaited(mark)
        return False


def _take_over(transaction: Transaction, asked: Asked, entry: Entry) -> None:
    replays.drop(transaction, asked.mark)
    transaction.append(entry)


def _repeated(entry: Entry, given: Given, how: str) -> Entry:
    """The record of an answer that is given once more."""
    facts = {**entry.facts, "answer_of": given.record, "how": how}
    return evolve(entry, verdict=given.verdict, facts=facts)


def _now_us() -> int:
    return time.time_ns() // 1_000
