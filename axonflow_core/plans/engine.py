"""Has plans run to their end, whatever is killed meanwhile.

The engine is DBOS, a library of durable workflows: it keeps which plan runs where, and in which
steps a run has been, in a database of its own. A *leg* of a plan is one workflow, whose id is the
plan's with the number of the leg; a step of the plan is one step of the workflow. DBOS knows ids
and states, and no text of anybody.

    enqueue      a leg waits in the queue `plans`; an executor takes it
    run          the ids of all steps are drawn first, in the plan's order: so a run that is made
                 again finds the steps that it had, whichever were over first
    recovery     at the start, DBOS runs on the legs that this executor left; every few seconds
                 somebody looks for plans that nobody runs, and begins the next leg of each

Whether a step has its effect is decided in the audit's database alone (`book`), in one transaction
with the record of its call. Who goes on is decided there too: of all who would begin the next leg
of a plan one does, and the leg before it does nothing more, wherever it still runs.

On SQLite there is one executor, which holds a lock on a file beside the database; on PostgreSQL
each says every few seconds that it lives (`pulses`). Steps run on the event loop that opened the
engine, DBOS in threads of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping, Set
from typing import TYPE_CHECKING, Any, TypeVar

from axonflow_core.errors import AuditError, ConfigError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.plans.clock import now_us
from axonflow_core.plans.databases import EngineDatabase
from axonflow_core.plans.plan import Plan
from axonflow_core.plans.pulses import Pulses
from axonflow_core.plans.runs import Leg, Runs
from axonflow_core.plans.terms import PlanStatus

if TYPE_CHECKING:
    from dbos import DBOS
    from sqlalchemy import Engine as Connections

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
NAME = "axonflow-plans"
QUEUE = "plans"
VERSION = "1"
"""Of what the workflow does: legs of another version are not run on."""
_POLL_S = 0.2
"""How often an executor looks for legs that wait."""
_CONNECTIONS = 5
"""To a server of PostgreSQL; DBOS has two more, to listen and to notify."""
_SWEEPS = 6
"""How often an executor says that it lives, within the time after which it counts as ended."""
_CLOSE_S = 5.0
_FORGOTTEN_S = 86_400.0
"""After how long nothing is known of an executor that was killed."""


@frozen
class Place:
    """Where a leg is kept."""

    plan: str
    leg: int

    @property
    def id(self) -> str:
        """The id of its workflow."""
        return f"{self.plan}-{self.leg}"


class Engine:
    """One executor. There is one in a process, for DBOS has one of everything."""

    def __init__(self, runs: Runs, database: EngineDatabase, takeover_s: float) -> None:
        """After `takeover_s` of silence an executor counts as ended."""
        self._takeover_s = takeover_s
        self._runs = runs
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._dbos: type[DBOS] | None = None
        self._workflow: Any = None
        self._tasks: dict[str, set[asyncio.Task[Any]]] = {}
        """Plan -> what is under way of it on this loop."""
        self._running: set[Place] = set()
        """The legs that run here."""
        self._pulses = Pulses(_SWEEPS)
        self._connections: Connections | None = None
        """Those to the file; None on a server."""
        self._sweeping: asyncio.Task[None] | None = None
        self._adrift: set[str] = set()
        """The plans that should run and that nobody was seen to run at the last look."""
        self._is_closing = False

    async def open(self) -> None:
        """Begin to run plans. `ConfigError` where DBOS is missing, another executor has the
        database, or it cannot be used."""
        with self._database.reporting():
            self._database.enter()
        try:
            with self._database.reporting():
                await asyncio.to_thread(self._launch)
            await self._beat()
        except BaseException:
            await asyncio.to_thread(self._stop)
            self._database.leave()
            raise
        self._sweeping = asyncio.create_task(self._sweep())

    async def aclose(self) -> None:
        """Break off what is under way, which goes on at the next start, or elsewhere."""
        self._is_closing = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for plan in list(self._tasks):
            await self._break_off(plan)
        try:
            await asyncio.wait_for(asyncio.to_thread(self._stop), _CLOSE_S)
            await self._leave()
        except AuditError:
            pass  # the others wait for its silence
        except TimeoutError:
            _LOG.warning("the engine of plans did not stop in time: it ends with the process")
        finally:
            self._database.leave()

    async def _leave(self) -> None:
        book, executor = self._runs.book, self._runs.executor
        before_us = now_us() - int(_FORGOTTEN_S * 1e6)
        await self._runs.audit.transact(
            lambda transaction: book.leave(transaction, executor, before_us)
        )

    async def start(self, plan: Plan) -> None:
        """Have a leg of a plan run; nothing where it does or did already. Where the engine's
        database cannot be reached now, a later look finds the plan."""
        try:
            await asyncio.to_thread(self._enqueue, Place(plan.id, plan.leg))
        except Exception as error:
            _LOG.error("a plan cannot be begun now: %s", type(error).__name__)

    async def forget(self, plans: Mapping[str, int]) -> None:
        """Keep nothing of plans that are gone. Id -> the last leg of each."""
        legs = [Place(id, leg).id for id, last in plans.items() for leg in range(1, last + 1)]
        if legs:
            assert self._dbos is not None  # noqa: S101 - `open` has set it
            await asyncio.to_thread(self._dbos.delete_workflows, legs)

    async def cancel(self, plan: str) -> None:
        """Break off the calls of a plan that are under way here."""
        await self._break_off(plan)

    # ── a leg, in a thread of DBOS ────────────────────────────────────────────────────────────────

    def _launch(self) -> None:
        try:
            from dbos import DBOS, DBOSConfig
        except ModuleNotFoundError:
            raise ConfigError(
                "plans need the package dbos", hint='pip install "axonflow-core[plans]"'
            ) from None
        config: DBOSConfig = {
            "name": NAME,
            "application_version": VERSION,
            "executor_id": self._runs.executor,
            "log_level": "ERROR",
            "system_database_url": self._database.url,
        }
        if self._database.schema is not None:
            config["dbos_system_schema"] = self._database.schema
            config["sys_db_pool_size"] = _CONNECTIONS
        self._connections = self._database.engine()
        if self._connections is not None:
            config["system_database_engine"] = self._connections
        DBOS(config=config)
        _log_through_ours()
        self._dbos = DBOS

        async def run(plan: str, leg: int) -> str:  # DBOS takes no bound method
            return await self._run(plan, leg)

        self._workflow = DBOS.workflow(name="leg")(run)
        DBOS.launch()
        DBOS.register_queue(QUEUE, polling_interval_sec=_POLL_S)

    def _stop(self) -> None:
        if self._dbos is not None:
            self._dbos.destroy(destroy_registry=True)
        if self._connections is not None:
            self._connections.dispose()

    def _enqueue(self, place: Place) -> None:
        from dbos import SetWorkflowID

        assert self._dbos is not None  # noqa: S101 - `open` has set it
        with SetWorkflowID(place.id):
            self._dbos.enqueue_workflow(QUEUE, self._workflow, place.plan, place.leg)

    async def _run(self, plan: str, leg: int) -> str:
        """The workflow: all steps of a leg, each once what it waits for is over."""
        place = Place(plan, leg)
        self._running.add(place)
        try:
            return await self._run_leg(plan, leg)
        finally:
            self._running.discard(place)

    async def _run_leg(self, plan: str, leg: int) -> str:
        assert self._dbos is not None  # noqa: S101 - `open` has set it
        taken = await self._here(plan, self._runs.take(plan, leg))
        if taken is None:
            return "not to be run"
        reserved = {id: self._dbos.reserve_step() for id in taken.waits}
        over = {id: asyncio.Event() for id in taken.waits}

        async def step(id: str) -> None:
            for other in taken.waits[id]:
                await over[other].wait()
            await reserved[id].run_async({"name": id}, self._step, taken, id)
            over[id].set()

        async with asyncio.TaskGroup() as steps:  # one that cannot go on breaks off the others
            for id in taken.waits:
                steps.create_task(step(id))
        return str(await self._here(plan, self._runs.close(taken)))

    async def _step(self, leg: Leg, id: str) -> str:
        """One step of the workflow; DBOS keeps where it stands."""
        return str(await self._here(leg.plan.id, self._runs.run(leg.plan, id)))

    async def _here(self, plan: str, work: Coroutine[Any, Any, T]) -> T | None:
        """Run `work` on the loop that opened the engine. None where the plan was cancelled."""

        async def tracked() -> T:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - a coroutine of a loop has one
            tasks = self._tasks.setdefault(plan, set())
            tasks.add(task)
            try:
                return await work
            finally:
                tasks.discard(task)
                if not tasks:
                    self._tasks.pop(plan, None)

        try:
            return await asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(tracked(), self._loop)
            )
        except asyncio.CancelledError:
            if self._is_closing:  # the leg goes on at the next start, or elsewhere
                raise
            return None

    async def _break_off(self, plan: str) -> None:
        tasks = list(self._tasks.get(plan, ()))
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_S)

    # ── the other executors ───────────────────────────────────────────────────────────────────────

    async def _sweep(self) -> None:
        """Say that this executor lives, and find what nobody runs, until cancelled."""
        is_failing = False
        while True:
            await asyncio.sleep(self._takeover_s / _SWEEPS)
            try:
                await self._beat()
                await self._look()
                is_failing = False
            except Exception as error:  # a database that is gone for a while
                if not is_failing:
                    _LOG.error("plans cannot be looked after: %s", type(error).__name__)
                is_failing = True

    async def _beat(self) -> None:
        book, executor = self._runs.book, self._runs.executor
        await self._runs.audit.transact(
            lambda transaction: book.beat(transaction, executor, now_us())
        )

    async def _look(self) -> None:
        """Break off what was cancelled elsewhere, and have run what should and does not."""
        book, audit = self._runs.book, self._runs.audit
        here = self._plans_here()
        statuses = await audit.read(lambda connection: book.statuses(connection, here))
        for id in here:
            if statuses.get(id) is PlanStatus.CANCELLED:
                await self._break_off(id)
        living = self._pulses.living(await audit.read(book.beats))
        others = living - {self._runs.executor}
        executing = await audit.read(book.executing)
        here = self._plans_here()
        adrift = {id for id, owner in executing.items() if id not in here and owner not in others}
        lost, self._adrift = adrift & self._adrift, adrift
        await self._pick_up(lost, others)

    def _plans_here(self) -> list[str]:
        """The plans of which a leg runs here. The threads of DBOS add others meanwhile."""
        return [place.plan for place in list(self._running)]

    async def _pick_up(self, plans: Set[str], others: Set[str]) -> None:
        """Have plans run that nobody was seen to run for a while, the oldest first. One that cannot
        be read keeps no other from it. `AuditError` of the last."""
        fault: AuditError | None = None
        for id in sorted(plans):
            try:
                await self._go_on(id, others)
            except AuditError as error:
                fault = error
        if fault is not None:
            raise fault

    async def _go_on(self, id: str, others: Set[str]) -> None:
        book = self._runs.book
        plan = await self._runs.audit.read(lambda connection: book.get(connection, id))
        if plan is None or plan.status is not PlanStatus.EXECUTING:
            return
        is_lost = await asyncio.to_thread(self._is_lost, Place(plan.id, plan.leg), others)
        if is_lost and await self._runs.moved(
            plan, (PlanStatus.EXECUTING,), "picked_up", {"leg": plan.leg + 1}
        ):
            await self.start(evolve(plan, leg=plan.leg + 1))

    def _is_lost(self, place: Place, others: Set[str]) -> bool:
        """Whether nobody runs a leg any more: it ended, or whoever took it did. One that was not
        begun is begun; one that waits is left alone."""
        assert self._dbos is not None  # noqa: S101 - `open` has set it
        status = self._dbos.get_workflow_status(place.id)
        if status is None:
            self._enqueue(place)
            return False
        if status.status == "PENDING":
            return place not in self._running and status.executor_id not in others
        return status.status not in ("ENQUEUED", "DELAYED")


def _log_through_ours() -> None:
    """Have DBOS's log be the process's, which says nothing of messages of exceptions. DBOS makes
    itself a handler and takes its logger out of the tree."""
    log = logging.getLogger("dbos")
    log.handlers.clear()
    log.propagate = True
