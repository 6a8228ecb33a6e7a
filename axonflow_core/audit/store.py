"""The store of the audit: records appended, read and searched on event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from sqlalchemy import Connection, Engine, MetaData

from axonflow_core.audit.anchors import Place
from axonflow_core.audit.batch import Transaction
from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.jobs import Job
from axonflow_core.audit.record import Entry
from axonflow_core.audit.statements import Execute
from axonflow_core.audit.writer import Writer, WriterOptions
from axonflow_core.keys import Keys

T = TypeVar("T")

_READERS = 2


class AuditStore:
    """The records of one database, with one chain that this store writes.

    Any event loop of the process may use it. Other processes may have stores of the same database,
    each with a chain of its own.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._engine: Engine = writer.database.reading_engine(connections=_READERS)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="audit-reader")

    @classmethod
    async def open(
        cls,
        url: str,
        keys: Keys,
        *,
        keeps_texts: bool = False,
        tables: MetaData | None = None,
        places: Sequence[Place] = (),
        on_record: Callable[[Entry], None] | None = None,
        on_write: Callable[[Execute, str, Sequence[Entry]], None] | None = None,
    ) -> Self:
        """Open the database, or make a new one, and begin a chain.

        `tables` are tables of others, made in the same database for `transact` and `read`; they
        hold nothing that is proved. `places` are where signed heads are kept besides. `on_record`
        is called for each entry that became durable, on the writer's thread. `on_write` is called
        in each transaction that writes entries, with what runs statements in it, the id of the
        chain and the entries: what it does to tables of others is durable with them, or not at all.

        `ConfigError` where a setting is wrong: the URL, the folder, the master key, a signing key
        that nobody knows. `AuditError` where the database is damaged or cannot be written.
        """
        options = WriterOptions(
            keeps_texts=keeps_texts,
            tables=tables,
            places=tuple(places),
            on_record=on_record,
            on_write=on_write,
        )
        return await cls(Writer(database_of(url), keys, options)).started()

    async def started(self) -> Self:
        """This store, once its writer has begun. Errors as `open`."""
        try:
            await asyncio.wrap_future(self._writer.start())
        except BaseException:
            await self.aclose()
            raise
        return self

    async def append(self, entry: Entry) -> None:
        """Record an entry, and return when it is durable.

        `AuditError` where it is not, or may not be. A caller that is cancelled leaves the entry to
        be written.
        """
        await self._writer.submit(Job(entry))

    async def transact(self, work: Callable[[Transaction], T]) -> T:
        """The result of `work`, once what it did is durable.

        It runs on the writer's thread, in the transaction of the next batch, and should be short.
        What it raises is raised here, and then nothing of what it did remains. It may run again
        where the batch is taken back, so it does nothing but use its transaction.

        `AuditError` where the batch cannot be written.
        """
        result: T = await self._writer.submit(Job(work))
        return result

    async def read(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, which sees one state of the database. It runs on another thread, on
        a connection that changes nothing. `AuditError` where the database cannot be read."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with (
            self._writer.database.reporting("the audit cannot read"),
            self._engine.begin() as connection,
        ):
            return work(connection)

    async def pseudonym(self, tenant: str, user: str) -> str:
        """The name that records have for a user of a tenant, which nobody can turn back: `u_` and
        32 hex digits. Of a JWT its subject counts. `AuditError` where the tenant is new and its key
        cannot be written."""
        key = self._writer.vault.tenants.get(tenant)
        if key is None:
            key = await self.transact(lambda transaction: transaction.tenant_key(tenant))
        return key.pseudonym(user)

    @property
    def losses(self) -> int:
        """How often keys of tenants were forgotten, for one was destroyed: pseudonyms that were
        kept since before may be others now."""
        return self._writer.vault.losses

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """The Ed25519 keys that heads may be signed with: that of this store first."""
        return self._writer.vault.signer.public_keys

    @property
    def chain(self) -> str:
        """The id of the chain that this store writes."""
        return self._writer.chain

    @property
    def is_healthy(self) -> bool:
        """Whether records can be written, as far as is known. A store that could not write tries
        again by itself every second."""
        return self._writer.fault is None

    @property
    def fault(self) -> str | None:
        """Why records cannot be written, while that is so."""
        return self._writer.fault

    @property
    def lag_s(self) -> float:
        """How long the entry has waited that has waited longest, in seconds."""
        return self._writer.lag_s

    async def aclose(self) -> None:
        """Write what waits, sign the last head and let go of the database."""
        self._writer.stop()
        await asyncio.shield(asyncio.wrap_future(self._writer.ended))
        await asyncio.to_thread(self._readers.shutdown)
        self._engine.dispose()
