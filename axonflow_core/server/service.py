"""What one worker of the server works with: the audit, the generation in force, what it shares with
the other workers."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from attrs import field
from sqlalchemy import MetaData

from axonflow_core.audit.anchors import places_of
from axonflow_core.audit.databases.urls import database_of, path_of
from axonflow_core.audit.record import new_id
from axonflow_core.audit.store import AuditStore
from axonflow_core.budgets import book
from axonflow_core.budgets.book import settle
from axonflow_core.budgets.ledger import Ledger
from axonflow_core.config.values import AuditConfig, Config, KeptTexts, ServerConfig
from axonflow_core.errors import AuditError
from axonflow_core.frozen import frozen
from axonflow_core.http.client import Transport
from axonflow_core.keys import Keys
from axonflow_core.modes import contexts
from axonflow_core.plans import tables as plans
from axonflow_core.server import history, replays
from axonflow_core.server.claims import Claims, FileClaims, OwnClaims
from axonflow_core.server.database_claims import DatabaseClaims
from axonflow_core.server.generations import Generation
from axonflow_core.server.history import Archive, Source
from axonflow_core.server.metrics import Metrics
from axonflow_core.server.reloading import SIGNAL, Reloading
from axonflow_core.server.replays import Seal
from axonflow_core.server.single_flight import Flights
from axonflow_core.server.state import ServerState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from axonflow_core.plans.service import Plans

_LOG = logging.getLogger(__name__)
_LOOK_S = 0.3
"""How often a worker looks what the others left in the store."""


@frozen(kw_only=True)
class Shared:
    """What the workers of one server have in common."""

    audit: AuditConfig
    source: Source | None = field(factory=Source)
    """None for a configuration that comes from no file and cannot change."""
    launch: str = field(factory=new_id)
    """The start of the server: the first worker that has it makes the file the newest
    generation."""
    claims: Path | None = None
    """The file of the workers' claims, where the audit is a file; None for a worker that is
    alone."""
    counts: Path | None = None
    """The folder in which several workers exchange their numbers."""


class Service:
    """Opened with the worker, closed with it; every request is answered in its name."""

    def __init__(
        self,
        state: ServerState,
        audit: AuditStore,
        keys: Keys,
        metrics: Metrics,
        shared: Shared,
    ) -> None:
        self.state = state
        self.metrics = metrics
        self.audit = audit
        self.seal = Seal(keys.server[0])
        """Tells requests from each other, and encrypts what is kept of their answers."""
        self._claims = _claims_of(shared)
        self.flights = Flights(audit, self.seal, self._claims)
        self.ledger = Ledger(audit)
        """What this worker may still admit of budgets and limits."""
        self.plans: Plans | None = None
        """The plans; None where they are not enabled."""
        self.reloading: Reloading | None = None
        """The generations of the store; None for a configuration that came from no file."""
        self._keys = keys
        self._audit_url = shared.audit.url
        self._client = Transport()
        self._fixed: Generation | None = None
        self._tasks: set[asyncio.Task[object]] = set()
        if shared.source is not None:
            self.reloading = Reloading(
                shared.source, Archive(keys.server), audit, self._built, self._serves
            )

    @classmethod
    async def open(
        cls, config: Config, keys: Keys, state: ServerState, *, counts: Path | None = None
    ) -> Self:
        """Serve a configuration that cannot change. `counts` is the folder in which several workers
        exchange their numbers. `ConfigError`, `AuditError`."""
        shared = Shared(audit=config.audit, source=None, counts=counts)
        service = await cls._opened(shared, keys, state)
        async with _closing_on_failure(service):
            service._fixed = service._built(1, config)
            service._serves(service._fixed)
            await service.ledger.follow()
            await service._open_plans()
        return service._begun()

    @classmethod
    async def share(cls, shared: Shared, keys: Keys, state: ServerState) -> Self:
        """Serve the newest generation of a configuration file, as the other workers do.
        `ConfigError`, `AuditError`."""
        service = await cls._opened(shared, keys, state)
        assert service.reloading is not None  # noqa: S101 - there is a source
        async with _closing_on_failure(service):
            await service.reloading.start(shared.launch)
            await service.ledger.follow()
            await service._open_plans()
        state.on_reload = service._reload
        return service._begun()

    @classmethod
    async def _opened(cls, shared: Shared, keys: Keys, state: ServerState) -> Self:
        metrics = Metrics(state, folder=shared.counts)
        audit = await AuditStore.open(
            shared.audit.url,
            keys,
            keeps_texts=shared.audit.texts is KeptTexts.REDACTED,
            tables=tables(),
            places=tuple(places_of(shared.audit, os.environ)),
            on_record=metrics.recorded,
            on_write=settle,
        )
        metrics.watches(audit)
        return cls(state, audit, keys, metrics, shared)

    async def _open_plans(self) -> None:
        """Run plans, where they are enabled. What they need is imported now."""
        config = self.generation.config
        if not config.plans.is_enabled:
            return
        from axonflow_core.plans.databases import EngineDatabase
        from axonflow_core.plans.service import Plans

        database = EngineDatabase(config.plans.url, self._audit_url)
        self.plans = await Plans.open(
            self.audit, self._keys.server, lambda: self.generation.ground(), database
        )

    def _begun(self) -> Self:
        self._begin(self.metrics.keep_published())
        self._begin(self._look())
        return self

    def _built(self, number: int, config: Config) -> Generation:
        return Generation.build(
            number,
            config,
            audit=self.audit,
            client=self._client,
            server_keys=self._keys.server,
            ledger=self.ledger,
        )

    def _serves(self, generation: Generation) -> None:
        """A generation came into force."""
        router = generation.governance.router
        self.metrics.serves(
            generation.number, generation.config, router.providers, router.health.states
        )
        self.ledger.serves(generation.config)

    @property
    def generation(self) -> Generation:
        """The generation in force."""
        if self.reloading is not None:
            return self.reloading.current
        assert self._fixed is not None  # noqa: S101 - `open` has set it
        return self._fixed

    @property
    def settings(self) -> ServerConfig:
        """The section `server` of the generation in force."""
        return self.generation.config.server

    @property
    def is_ready(self) -> bool:
        """Whether new work is welcome: the audit can write, no stop has begun, and the newest
        generation serves."""
        return not (self.state.is_draining or self.is_behind) and self.audit.is_healthy

    @property
    def is_behind(self) -> bool:
        """Whether there is a newer generation, which this worker cannot build."""
        return self.reloading is not None and self.reloading.is_behind

    # ── the other workers ─────────────────────────────────────────────────────────────────────────

    async def _look(self) -> None:
        """Follow what the others leave in the store, until cancelled."""
        is_failing = False
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                looked_at = time.monotonic()
                number, marks = await self.audit.read(_left_by_others)
                await self.flights.see(marks, looked_at)
                if self.reloading is not None:
                    await self.reloading.follow(number)
                await self.ledger.follow()
                is_failing = False
            except AuditError as error:
                if not is_failing:
                    _LOG.error("the store cannot be followed: %s", error.message)
                is_failing = True

    def _reload(self) -> None:
        """SIGHUP."""
        assert self.reloading is not None  # noqa: S101 - `share` alone sets this
        self._begin(self.reloading.reload(SIGNAL))

    def _begin(self, work: Coroutine[object, object, object]) -> None:
        """Run `work` until it ends, or the service does."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._has_ended)

    def _has_ended(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("work of the server failed", exc_info=error)

    async def aclose(self) -> None:
        """Close the providers, the connections, and at last the audit."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            if self.plans is not None:
                await self.plans.aclose()
            await self.flights.aclose()
            await self.ledger.aclose()
            if self.reloading is not None:
                await self.reloading.aclose()
            elif self._fixed is not None:
                await self._fixed.aclose()
            await self._client.aclose()
        finally:
            await self._claims.aclose()
            await self.audit.aclose()


def _claims_of(shared: Shared) -> Claims:
    """Claims as far as the database of the audit is shared: among machines, or among the workers of
    this one."""
    if path_of(shared.audit.url) is None:
        return DatabaseClaims(database_of(shared.audit.url))
    return OwnClaims() if shared.claims is None else FileClaims(shared.claims)


@asynccontextmanager
async def _closing_on_failure(service: Service) -> AsyncIterator[None]:
    """A service that cannot be opened lets go of what it has."""
    try:
        yield
    except BaseException:
        await service.audit.aclose()
        raise


def tables() -> MetaData:
    """The tables of all rooms, beside the audit's."""
    together = MetaData()
    rooms = (book.TABLES, contexts.TABLES, history.TABLES, plans.TABLES, replays.TABLES)
    for each in rooms:
        for table in each.sorted_tables:
            table.to_metadata(together)
    return together


def _left_by_others(connection: Connection) -> tuple[int, Mapping[bytes, int]]:
    return history.newest_number(connection), replays.marks(connection)
