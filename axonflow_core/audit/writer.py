"""The writer: a thread that turns what waits into one transaction after another.

    loops       append, transact -> a job with a future; those of one turn are put into the queue
                together at its end
    writer      waits for its turn among the processes, takes every job that waits by then, writes
                them in one transaction, commits: one fsync
    loops       one wake-up for each loop settles the futures of all its jobs

Nothing lingers: while a commit is under way, of this process or of another, jobs gather, so batches
grow with the load by themselves. The writer is not woken in the middle of a turn, where it would
begin a commit with the turn's first job and contend for the interpreter with the rest. A future is
settled after the commit. One that its caller gave up is passed over, and its record is written all
the same.

A batch that cannot be written fails whole, and nothing of it was acknowledged. The writer then
reads its head from the database, which is the old one, or the new one where the commit was made and
its success not heard of; any other was changed by somebody else, and the writer refuses to go on.
It tries again with the next batch, and every second by itself, by signing its head anew.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

from sqlalchemy import MetaData

from axonflow_core.audit.anchors import Anchoring, Place
from axonflow_core.audit.batch import (
    Batch,
    ChangedHead,
    LostKey,
    Transaction,
    Vault,
    move_head,
)
from axonflow_core.audit.chain import Head, new_chain_id
from axonflow_core.audit.connection import WriterConnection
from axonflow_core.audit.databases import Database, migrations, text_of
from axonflow_core.audit.finding import SeriesSeen
from axonflow_core.audit.jobs import Job, Outcome, Work, settle
from axonflow_core.audit.keys import key_id
from axonflow_core.audit.opening import begin_chain, require_known_keys, require_master, sweep
from axonflow_core.audit.record import Entry
from axonflow_core.audit.statements import Execute, Statements
from axonflow_core.errors import AuditError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.keys import Keys

MAX_WAITING = 10_000
"""How many jobs may wait; more are refused at once."""
MAX_BATCH = 1_000
"""How many jobs one transaction takes."""
RETRY_S = 1.0
"""How often a writer that cannot write tries by itself."""
LOOK_S = 5.0
"""How often a writer that writes nothing looks whether a key that it knows was destroyed."""
_LOG = logging.getLogger(__name__)


@frozen(kw_only=True)
class WriterOptions:
    """How a writer writes."""

    keeps_texts: bool = False
    tables: MetaData | None = None
    """Tables of others, which stand in the same database."""
    max_waiting: int = MAX_WAITING
    places: tuple[Place, ...] = ()
    """Where heads are kept besides the database."""
    on_write: Callable[[Execute, str, Sequence[Entry]], None] | None = None
    """Called in each transaction that writes entries, before its commit; what it raises takes the
    transaction back."""
    on_record: Callable[[Entry], None] | None = None
    """Called for each entry that became durable, on the writer's thread; should be short."""


class Writer:
    """One chain of a database, written by one thread from `start` to `stop`."""

    def __init__(self, database: Database, keys: Keys, options: WriterOptions) -> None:
        self.database = database
        self.vault = Vault(keys)
        self._series = SeriesSeen()
        self.chain = new_chain_id()
        self.ended: Future[None] = Future()
        """Set once the last head is signed and the database let go."""
        self.fault: str | None = None
        """Why nothing can be written, while that is so."""
        self._options = options
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._turns: dict[asyncio.AbstractEventLoop, list[Job]] = {}
        """Loop -> the jobs of its turn that is under way."""
        self._gate = threading.Lock()
        self._is_stopping = False
        self._is_last_taken = False
        self._oldest_at: float | None = None
        self._beat_at = 0.0
        self._anchoring = Anchoring(options.places, self.vault.signer)
        self._head = Head(self.chain)
        self._attempt: Head | None = None
        self._is_head_sure = True

    # ── on the callers' threads ───────────────────────────────────────────────────────────────────

    def start(self) -> Future[None]:
        """Start the thread. The future is set when the database is open, or has why it is not."""
        opened: Future[None] = Future()
        opened.set_running_or_notify_cancel()
        self.ended.set_running_or_notify_cancel()
        threading.Thread(
            target=self._run, args=(opened,), name=f"audit-{self.chain}", daemon=True
        ).start()
        return opened

    def submit(self, job: Job) -> asyncio.Future[Any]:
        """Put a job into the queue. `AuditError` where too many wait, or the store is closed."""
        with self._gate:
            if self._is_stopping:
                raise AuditError("the audit is closed")
            loop = job.future.get_loop()
            turn = self._turns.get(loop, ())
            if self._queue.qsize() + len(turn) >= self._options.max_waiting:
                raise AuditError(
                    f"{self._options.max_waiting} records wait for the audit already",
                    hint="the disk is slow, or full; call again later",
                )
            if not turn:
                turn = self._turns[loop] = []
                loop.call_soon(self._hand_over, loop)
            turn.append(job)
        return job.future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Put into the queue what one turn of a loop gave."""
        with self._gate:
            for job in self._turns.pop(loop, ()):
                self._queue.put(job)

    def stop(self) -> None:
        """Let the thread end once it has written what waits."""
        with self._gate:
            if not self._is_stopping:
                self._is_stopping = True
                for turn in self._turns.values():
                    for job in turn:
                        self._queue.put(job)
                self._turns.clear()
                self._queue.put(None)

    @property
    def lag_s(self) -> float:
        """How long the job has waited that has waited longest, in seconds."""
        oldest = self._oldest_at
        return 0.0 if oldest is None else time.monotonic() - oldest

    # ── on the writer's thread ────────────────────────────────────────────────────────────────────

    def _run(self, opened: Future[None]) -> None:
        try:
            with self._database() as self._connection:
                self._begin()
                opened.set_result(None)
                while self._serve():
                    pass
                self._end()
        except BaseException as error:
            if opened.done():
                _LOG.exception("the audit's writer ended")
            else:
                opened.set_exception(error)
        finally:
            self._abandon()
            self.ended.set_result(None)

    def _abandon(self) -> None:
        """Nothing is written any more: whoever waits is told."""
        self.stop()
        while self._queue.qsize():
            if job := self._queue.get_nowait():
                settle([(job, None, AuditError("the audit is closed"))])

    @contextmanager
    def _database(self) -> Iterator[WriterConnection]:
        """The database, opened and fit, with this writer present in it."""
        database = self.database
        with database.reporting("the audit cannot open"), database.alone():
            database.prepare(self.vault.master.check)
            self._presence = database.enter(self.chain)
        engine = database.writing_engine()
        self._statements = Statements(engine.dialect)
        try:
            with database.reporting("the audit cannot open"):
                connection = WriterConnection(engine, database)
            with closing(connection):
                yield connection
        finally:
            engine.dispose()
            self._presence.end()

    def _begin(self) -> None:
        """Check the database and begin the chain, in one transaction and one process at a time."""
        database = self.database
        with database.reporting("the audit cannot open"), database.alone():
            database.require_whole()
            with self._connection.transaction():
                connection = self._connection.joined()
                migrations.upgrade(connection)
                database.require_fit(connection)
                require_master(connection, database, self.vault.master.check)
                known = [key_id(key) for key in self.vault.signer.public_keys]
                require_known_keys(connection, database, known)
                if self._options.tables is not None:
                    self._options.tables.create_all(connection)
            self._begin_chain()

    def _begin_chain(self) -> None:
        with self._connection.transaction():
            self._beat()
            batch = self._batch()
            begin_chain(self._connection.joined(), self._head, batch, self.database)
            head = batch.write()
        batch.committed()
        self._head, self._attempt, self._is_head_sure = head, None, True

    def _batch(self) -> Batch:
        return Batch(
            self._connection.driver,
            self._statements,
            self._head,
            self.vault,
            series=self._series,
            keeps_texts=self._options.keeps_texts,
            on_write=self._options.on_write,
        )

    def _serve(self) -> bool:
        """Write what waits. False when the last was written."""
        try:
            first = self._queue.get(timeout=self._patience_s)
        except Empty:
            self._idle()
            return True
        if first is None:
            return False
        self._oldest_at = first.at
        jobs = [first]
        self._take_waiting(jobs)
        outcomes = self._outcomes(jobs)
        self._oldest_at = None
        settle(outcomes)
        return not self._is_last_taken

    @property
    def _patience_s(self) -> float | None:
        """How long to wait for a job before something else is to be done."""
        if self.fault:
            return RETRY_S
        look_s = LOOK_S if self.vault.tenants else None
        times = (self._anchoring.due_in_s, self.database.beat_s, look_s)
        return min((each for each in times if each is not None), default=None)

    def _idle(self) -> None:
        """No job came in this time."""
        if self.fault:
            self._probe()
            return
        self._anchoring.add()
        if self._is_beat_due:
            self._outcomes([], may_grow=False)
        if self.vault.tenants:
            self._look_for_lost_keys()

    def _look_for_lost_keys(self) -> None:
        """Forget the keys that are known where one of them was destroyed."""
        with suppress(*self.database.faults, AuditError):  # the next batch meets the same
            with self._connection.transaction():
                query = self._statements.has_lost_key
                is_lost = self._connection.driver.execute(query, (self.chain,)).fetchone()
            if is_lost:
                self._find_keys_again()

    def _find_keys_again(self) -> None:
        """Have the keys of the tenants looked for in the database again."""
        self._connection.reset()
        with self._connection.transaction():
            self._connection.driver.execute(self._statements.find_keys_again, (self.chain,))
        self.vault.forget()

    def _take_waiting(self, jobs: list[Job]) -> None:
        """Add what waits to a batch, as far as it has room."""
        for _ in range(min(self._queue.qsize(), MAX_BATCH - len(jobs))):
            job = self._queue.get_nowait()
            if job is None:
                self._is_last_taken = True
            else:
                jobs.append(job)

    def _outcomes(self, jobs: list[Job], *, may_grow: bool = True) -> list[Outcome]:
        """What came of the jobs, and of those that the batch took up with them."""
        try:
            outcomes = self._committed(jobs, may_grow=may_grow)
        except self.database.breaches as fault:
            if len(jobs) > 1:  # one has an id that is taken, or too large a number: each for itself
                return [each for job in jobs for each in self._outcomes([job], may_grow=False)]
            return [(job, None, _refusal(job, fault)) for job in jobs]
        except BaseException as fault:
            return [(job, None, self._fail(fault)) for job in jobs]
        self._succeed()
        return outcomes

    def _committed(self, jobs: list[Job], *, may_grow: bool) -> list[Outcome]:
        """What came of one batch, which is made again where a key that it may use is no more."""
        while True:
            try:
                return self._commit(jobs, may_grow=may_grow)
            except LostKey:
                self._find_keys_again()

    def _commit(self, jobs: list[Job], *, may_grow: bool) -> list[Outcome]:
        self._find_head()
        self._is_head_sure = False
        with self._connection.transaction():
            if may_grow:  # jobs gather while another process has its turn
                self._take_waiting(jobs)
            batch = self._batch()
            outcomes = [self._outcome(job, batch) for job in jobs]
            if self._is_beat_due:
                self._beat()
                sweep(self._connection.joined(), batch, self.database)
            self._attempt = head = batch.write()
        self._head, self._attempt, self._is_head_sure = head, None, True
        batch.committed()
        self._anchoring.note(head)
        self._tell_of(batch.entries)
        return outcomes

    @property
    def _is_beat_due(self) -> bool:
        """Whether others would soon take this writer for ended."""
        beat_s = self.database.beat_s
        return beat_s is not None and time.monotonic() - self._beat_at >= beat_s

    def _beat(self) -> None:
        """Show that this writer lives."""
        self._presence.beat(self._connection.driver)
        self._beat_at = time.monotonic()

    def _tell_of(self, entries: Sequence[Entry]) -> None:
        """Have others count what is durable. Their faults are not the audit's."""
        if self._options.on_record is None:
            return
        try:
            for entry in entries:
                self._options.on_record(entry)
        except Exception as error:
            _LOG.error("what counts the records failed: %s", type(error).__name__)

    def _outcome(self, job: Job, batch: Batch) -> Outcome:
        try:
            if isinstance(job.what, Entry):
                batch.append(job.what)
                return job, None, None
            return job, self._run_work(job.what, batch), None
        except self.database.faults as fault:
            if not self._connection.is_in_transaction:
                raise
            return job, None, self._told(fault)
        except StopIteration as fault:  # a future cannot have it
            return job, None, RuntimeError(repr(fault))
        except Exception as fault:
            return job, None, fault

    def _run_work(self, work: Work, batch: Batch) -> Any:
        """The result of a work. What it did is undone where it raises."""
        transaction = Transaction(self._connection, batch)
        try:
            result = work(transaction)
            transaction.end()
        except BaseException:
            transaction.undo()
            raise
        return result

    # ── when it cannot write ──────────────────────────────────────────────────────────────────────

    def _fail(self, fault: BaseException) -> AuditError:
        """Note that nothing can be written. A new error each time, for one has one traceback."""
        text = text_of(fault)
        hint = fault.hint if isinstance(fault, AuditError) else self.database.hint_of(text)
        message = f"the audit cannot write: {text}"
        if self.fault is None:
            _LOG.error("%s", message)
        self.fault = message
        return AuditError(message, hint=hint)

    def _succeed(self) -> None:
        if self.fault is not None:
            self.fault = None
            _LOG.warning("the audit writes again")

    def _told(self, fault: Exception) -> Exception:
        """What a work's caller is told of an error that undid the work alone."""
        if not isinstance(fault, self.database.failures):
            return fault
        text = text_of(fault)
        return AuditError(f"the audit cannot write: {text}", hint=self.database.hint_of(text))

    def _probe(self) -> None:
        """Write something of no consequence, to learn whether writing works again."""
        try:
            self._sign_again(self._head)
        except BaseException as fault:
            self._fail(fault)
        else:
            self._succeed()

    def _sign_again(self, head: Head) -> None:
        self._find_head()
        self._is_head_sure = False
        with self._connection.transaction():
            self._connection.driver.execute(self._statements.find_keys_again, (self.chain,))
            before, driver = self._head, self._connection.driver
            self._attempt = head = move_head(
                driver, self._statements, before, head, self.vault.signer
            )
        self.vault.forget()
        self._head, self._attempt, self._is_head_sure = head, None, True

    def _find_head(self) -> None:
        """After a failure: which head the database has."""
        if self._is_head_sure:
            return
        self._connection.reset()
        with self._connection.transaction():
            query = self._statements.find_head
            row = self._connection.driver.execute(query, (self.chain,)).fetchone()
        possible = [head for head in (self._head, self._attempt) if head is not None]
        found = [head for head in possible if row and (head.seq, head.hash) == tuple(row[:2])]
        if not found:
            raise ChangedHead(f"the head of the chain {self.chain} was changed in the database")
        if row[2]:
            self._begin_another_chain()
        else:
            self._head, self._attempt, self._is_head_sure = found[0], None, True

    def _begin_another_chain(self) -> None:
        """This writer was silent for so long that another one took it for ended, and recorded its
        streams as interrupted. Nothing may follow in that chain."""
        _LOG.warning("the audit begins another chain: this one was taken for ended")
        self.vault.forget()
        self.chain = new_chain_id()
        self._presence = self.database.enter(self.chain)
        self._head = Head(self.chain)
        self._begin_chain()

    def _end(self) -> None:
        """Sign the last head."""
        try:
            self._find_head()
            self._sign_again(evolve(self._head, is_closed=True))
            self._anchoring.note(self._head)
        except BaseException as fault:
            self._fail(fault)
        self._anchoring.close()


def _refusal(job: Job, fault: Exception) -> BaseException:
    """Why one job breaks a rule of the tables."""
    if isinstance(fault, OverflowError):
        return AuditError("the record has a number that the database cannot hold")
    if "NUL" in str(fault):
        return AuditError("the record has a text with a NUL, which PostgreSQL does not hold")
    if isinstance(job.what, Entry):
        return AuditError(f"the record {job.what.id} is there already")
    return fault
