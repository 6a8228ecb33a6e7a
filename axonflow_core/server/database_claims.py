"""Claims of the servers of many machines, which share a database of PostgreSQL: advisory locks.

    a claim                an exclusive lock on the number that the claimed key gives (`claims`)
    of those who wait      a shared lock on that number and 2^62

The locks belong to a session, and the database lets go of them when that ends: when the process
dies, at once; when its machine does, once keep-alive packets go unanswered. There is no lease, and
no clock of ours. Nothing is written, so a claim costs a round trip and no commit.

A thread has the one connection. What the requests of a moment ask goes there as one statement, in
which no number stands twice, for it says nothing of the order in which its parts are done. So what
is asked of a number is done in the order in which it was asked.

A session that was cut has lost its claims. They are taken again on the next one, as far as nobody
else has them by then; a call under way goes on either way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sqlalchemy import event

from axonflow_core.audit.jobs import settle
from axonflow_core.errors import AuditError
from axonflow_core.server.claims import WAITING, number_of

if TYPE_CHECKING:
    from sqlalchemy import Engine, PoolProxiedConnection

    from axonflow_core.audit.databases import Database

_LOOK_S = 1.0
"""How often a worker that has claims looks whether its session is still there."""
_POLL_S = 0.1
_ASK = """\
SELECT asked.number, CASE asked.what
  WHEN 'take' THEN pg_try_advisory_lock(asked.number)
  WHEN 'release' THEN pg_advisory_unlock(asked.number)
  WHEN 'wait' THEN pg_advisory_lock_shared(asked.number) IS NOT NULL
  WHEN 'wait no more' THEN pg_advisory_unlock_shared(asked.number)
  WHEN 'is awaited' THEN NOT CASE WHEN pg_try_advisory_lock(asked.number)
    THEN pg_advisory_unlock(asked.number) ELSE false END
  END
FROM unnest(%s::bigint[], %s::text[]) AS asked(number, what)"""
What: TypeAlias = Literal["take", "release", "wait", "wait no more", "is awaited"]
_LOCKING, _UNLOCKING = frozenset(("take", "wait")), frozenset(("release", "wait no more"))


class _Question:
    """What is asked of a number, and the future of whoever waits for the answer."""

    __slots__ = ("future", "number", "what")

    def __init__(self, what: What, number: int) -> None:
        self.future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.what: What = what
        self.number = number


class DatabaseClaims:
    """The claims of one worker."""

    poll_s = _POLL_S

    def __init__(self, database: Database) -> None:
        self._database = database
        self._engine: Engine = database.writing_engine()
        event.listen(self._engine, "connect", _end_no_transaction)
        self._connection: PoolProxiedConnection | None = None
        self._questions: SimpleQueue[_Question | None] = SimpleQueue()
        self._has: dict[int, What] = {}
        """Number -> how it was locked, of the locks that this worker has."""
        self._next: _Question | None = None
        self._is_over = False
        self._thread = Thread(target=self._run, name="claims", daemon=True)
        self._thread.start()

    # ── on the event loop ─────────────────────────────────────────────────────────────────────────

    async def take(self, key: bytes) -> bool:
        try:
            return await self._asking("take", number_of(key))
        except asyncio.CancelledError:
            self.release(key)
            raise

    def release(self, key: bytes) -> None:
        self._asking("release", number_of(key))

    async def wait(self, key: bytes) -> None:
        try:
            await self._asking("wait", number_of(key) | WAITING)
        except asyncio.CancelledError:
            self.wait_no_more(key)
            raise

    def wait_no_more(self, key: bytes) -> None:
        self._asking("wait no more", number_of(key) | WAITING)

    async def is_awaited(self, key: bytes) -> bool:
        return await self._asking("is awaited", number_of(key) | WAITING)

    async def aclose(self) -> None:
        self._questions.put(None)
        await asyncio.to_thread(self._thread.join)

    def _asking(self, what: What, number: int) -> asyncio.Future[bool]:
        question = _Question(what, number)
        self._questions.put(question)
        return question.future

    # ── on the thread ─────────────────────────────────────────────────────────────────────────────

    def _run(self) -> None:
        while not self._is_over:
            self._answer(self._taken())
        self._end_session()
        self._engine.dispose()

    def _taken(self) -> Mapping[int, _Question]:
        """Number -> the question, of those that are asked by now, up to the first whose number
        stands there already. Empty where nothing was asked for a while."""
        questions: dict[int, _Question] = {}
        question, self._next = self._next, None
        with suppress(Empty):
            if question is None:
                question = self._questions.get(timeout=_LOOK_S if self._has else None)
            while question is not None and question.number not in questions:
                questions[question.number] = question
                question = self._questions.get_nowait()
            self._next, self._is_over = question, question is None
        return questions

    def _answer(self, questions: Mapping[int, _Question]) -> None:
        """Answer them, those about a lock of this worker's own without asking."""
        asked = {n: each.what for n, each in questions.items() if not self._is_known(each)}
        try:
            with self._database.reporting("claims cannot be made in"):
                answers = self._answers(asked)
        except AuditError as error:
            self._end_session()  # it may have locks that nobody knows of
            said = (error.message, error.hint)
            settle([(each, None, AuditError(said[0], hint=said[1])) for each in questions.values()])
        else:
            settle([(each, answers.get(n, True), None) for n, each in questions.items()])

    def _is_known(self, question: _Question) -> bool:
        """Whether there is nothing to ask: a lock that is taken twice is one lock, and one that
        this worker does not have is let go."""
        if question.what in _LOCKING:
            return question.number in self._has
        return question.what in _UNLOCKING and question.number not in self._has

    def _answers(self, asked: Mapping[int, What]) -> Mapping[int, bool]:
        """The answers of the database, in another session where this one is gone."""
        try:
            answers = self._sent(asked)
        except self._database.faults:
            self._end_session()
            self._forget(asked)
            self._take_again()
            answers = self._sent(asked)
        self._forget(asked)
        self._has |= {n: what for n, what in asked.items() if what in _LOCKING and answers[n]}
        return answers

    def _forget(self, asked: Mapping[int, What]) -> None:
        """Forget the locks that are let go."""
        for number, what in asked.items():
            if what in _UNLOCKING:
                self._has.pop(number, None)

    def _take_again(self) -> None:
        """Lock on this session what the one before had locked, as far as it is free."""
        answers = self._sent(self._has)
        self._has = {number: what for number, what in self._has.items() if answers[number]}

    def _sent(self, asked: Mapping[int, What]) -> dict[int, bool]:
        if self._connection is None:
            self._connection = self._engine.raw_connection()
        driver: Any = self._connection.driver_connection
        return dict(driver.execute(_ASK, (list(asked), list(asked.values()))).fetchall())

    def _end_session(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*self._database.faults):
                connection.invalidate()


def _end_no_transaction(driver: Any, _: object) -> None:
    driver.autocommit = True  # a claim lasts as long as the session
