"""Entries on their way into the database: a batch is what one transaction adds to a chain."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import field
from sqlalchemy import Connection, Executable, Table, select
from sqlalchemy.engine import CursorResult

from axonflow_core.audit.chain import Head, body_of, link
from axonflow_core.audit.connection import WriterConnection
from axonflow_core.audit.databases import Driver
from axonflow_core.audit.finding import Labels, SeriesSeen, cost_of, labels_of, row_of, terms_of
from axonflow_core.audit.keys import (
    SECRET_BYTES,
    MasterKey,
    RandomPool,
    Signer,
    TenantKey,
    seal_texts,
)
from axonflow_core.audit.record import Entry
from axonflow_core.audit.schema import TENANT_KEYS
from axonflow_core.audit.statements import FIND_TENANT_KEY, RECORD, Execute, Statements
from axonflow_core.errors import AuditError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.keys import Keys

_WIDTH = len(RECORD)
_SERIES = RECORD.index("series")
SEALED = 1_000
"""Behind so many records of a chain a head stays."""
_DAY_US = 86_400_000_000


class Vault:
    """The keys of the audit, with those of the tenants that are known."""

    def __init__(self, keys: Keys) -> None:
        self.signer = Signer(keys)
        self.master = MasterKey(keys.master)
        self.random = RandomPool()
        """For the writer's thread."""
        self.tenants: dict[str, TenantKey] = {}
        """Tenant -> key, of the tenants whose key is durable."""
        self.losses = 0
        """How often keys were forgotten, for one of them was destroyed."""

    def forget(self) -> None:
        """Look for the keys of the tenants in the database again."""
        self.tenants.clear()
        self.losses += 1

    def stored(self, connection: Connection, tenant: str) -> TenantKey | None:
        """The key of a tenant as the database has it; None where it has none."""
        wrapped = connection.execute(FIND_TENANT_KEY, {"of": tenant}).scalar()
        return None if wrapped is None else self.master.unwrap(wrapped, tenant)

    def all_stored(self, connection: Connection) -> Iterator[tuple[str, TenantKey]]:
        """The tenants that have a key, and the key of each."""
        for row in connection.execute(select(TENANT_KEYS).order_by(TENANT_KEYS.c.tenant)):
            yield row.tenant, self.master.unwrap(row.wrapped, row.tenant)


@frozen
class Mark:
    """A point in a batch, to which it can be taken back."""

    head: Head = field(repr=False)
    records: int
    texts: int
    """How many values of rows of texts there are."""


_Hidden = tuple[Mapping[str, str], bytes | None, Mapping[str, bytes]]
"""Label -> commitment, the record's key encrypted, label -> text encrypted."""
_NOTHING_HIDDEN: _Hidden = ({}, None, {})


class Batch:
    """Entries that take their places behind `head`, and the rows that they become."""

    def __init__(
        self,
        driver: Driver,
        statements: Statements,
        head: Head,
        vault: Vault,
        *,
        series: SeriesSeen,
        keeps_texts: bool,
        on_write: Callable[[Execute, str, Sequence[Entry]], None] | None = None,
    ) -> None:
        self._driver = driver
        self._statements = statements
        self._vault = vault
        self._series = series
        series.begin()
        self._keeps_texts = keeps_texts
        self._on_write = on_write
        self._before = head
        self.chain = head.chain
        self._seq = head.seq
        self._count = head.count
        self._hash = head.hash
        self.entries: list[Entry] = []
        """What was appended."""
        self._records: list[Any] = []
        """The values of the rows, one row after the other."""
        self._texts: list[Any] = []
        """Likewise."""
        self._new_series: Mapping[Labels, int] = {}
        self._new_tenants: dict[str, tuple[TenantKey, bytes]] = {}

    def append(self, entry: Entry) -> None:
        """Give the entry its place. `AuditError` where it cannot be written; the batch is as it was
        then."""
        hides = entry.texts or entry.digests
        commitments, wrapped, sealed = self._hidden(entry) if hides else _NOTHING_HIDDEN
        seq = self._seq + 1
        body = body_of(entry, self.chain, seq, commitments)
        hash, cost_usd = link(self._hash, body), cost_of(entry)
        labels = labels_of(entry, cost_usd)
        tenant, client, provider, model, verdict, kind, request_type, _ = labels
        self._records += (
            self.chain,
            seq,
            entry.id,
            entry.at_us,
            kind,
            verdict,
            tenant,
            client,
            entry.user,
            request_type,
            provider,
            model,
            entry.closes,
            body,
            hash,
            wrapped,
            self._series.id_of(labels),
            cost_usd,
        )
        for label, text in sealed.items():
            self._texts += (entry.id, label, text)
        self.entries.append(entry)
        self._seq, self._hash, self._count = seq, hash, self._count + 1

    def _hidden(self, entry: Entry) -> _Hidden:
        """What a record has in place of the entry's texts and digests, under a new key of its
        own."""
        random = self._vault.random
        tenant, key = self.tenant_key(entry.tenant), random(SECRET_BYTES)
        sealed = seal_texts(key, entry.id, entry.texts, random) if self._keeps_texts else {}
        commitments = tenant.commitments(key, {**entry.texts, **entry.digests})
        return commitments, tenant.wrap(key, entry.id, random), sealed

    def tenant_key(self, tenant: str) -> TenantKey:
        """The key of a tenant; a new one is stored with the batch."""
        if known := self._vault.tenants.get(tenant):
            return known
        if new := self._new_tenants.get(tenant):
            return new[0]
        if stored := self._driver.execute(self._statements.find_tenant_key, (tenant,)).fetchone():
            key = self._vault.tenants[tenant] = self._vault.master.unwrap(stored[0], tenant)
            return key
        secret = os.urandom(SECRET_BYTES)
        key = TenantKey(secret)
        self._new_tenants[tenant] = (key, self._vault.master.wrap(secret, tenant))
        return key

    def forget_key(self, tenant: str) -> None:
        """The key of a tenant was destroyed in this transaction."""
        self._vault.tenants.pop(tenant, None)
        self._new_tenants.pop(tenant, None)

    def mark(self) -> Mark:
        """Where the batch is."""
        head = Head(self.chain, self._seq, self._hash, self._count)
        return Mark(head, len(self.entries), len(self._texts))

    def rewind(self, mark: Mark) -> None:
        """Take back what was appended since. Keys of new tenants stay: they say nothing."""
        self._seq, self._hash, self._count = mark.head.seq, mark.head.hash, mark.head.count
        del self._records[mark.records * _WIDTH :]
        del self.entries[mark.records :]
        del self._texts[mark.texts :]

    def write(self) -> Head:
        """Write the rows and the head behind them, which is returned."""
        driver, statements = self._driver, self._statements
        if self._new_tenants:
            keys = [(tenant, wrapped) for tenant, (_, wrapped) in self._new_tenants.items()]
            driver.cursor().executemany(statements.insert_tenant_keys, keys)
        if not self._records:
            return self._before
        if new := self._series.new():
            rows = [row_of(labels, id) for labels, id in new.items()]
            driver.cursor().executemany(statements.insert_series, rows)
            self._new_series = new
        self._insert_terms(statements.insert_records(driver, self._records))
        statements.insert_texts(driver, self._texts)
        if self._on_write is not None:
            self._on_write(statements.executing(driver), self.chain, self.entries)
        head = evolve(self._before, seq=self._seq, hash=self._hash, count=self._count)
        return move_head(driver, statements, self._before, head, self._vault.signer)

    def _insert_terms(self, numbers: Sequence[int]) -> None:
        """Write what the entries are found by; `numbers` are those of their rows."""
        all_series = self._records[_SERIES::_WIDTH]
        terms: list[Any] = []
        for entry, series, number in zip(self.entries, all_series, numbers, strict=True):
            for term in terms_of(entry):
                terms += (term, series, entry.at_us, number)
        self._statements.insert_terms(self._driver, terms)

    def committed(self) -> None:
        """The batch is durable, and so are its series and the keys of its new tenants."""
        self._series.committed(self._new_series)
        for tenant, (key, _) in self._new_tenants.items():
            self._vault.tenants[tenant] = key


def move_head(
    driver: Driver, statements: Statements, before: Head, head: Head, signer: Signer
) -> Head:
    """Sign `head` now and put it in the place of `before`. `LostKey` where the key of a tenant was
    destroyed, `ChangedHead` where the database has another head than `before`."""
    head = evolve(head, at_us=time.time_ns() // 1_000, key=signer.key_id)
    signed = (head.seq, head.hash, head.count, head.at_us, head.key, head.is_closed)
    signature = signer.sign(head.message)
    values = (*signed, signature, head.chain, before.seq, before.hash)
    if driver.execute(statements.move_head, values).rowcount != 1:
        if driver.execute(statements.has_lost_key, (head.chain,)).fetchone():
            raise LostKey
        raise ChangedHead(
            f"the head of the chain {head.chain} is not the one that its writer left",
            hint="`axonflow audit verify` says what is wrong",
        )
    if head.is_closed or is_sealed(before, head):
        driver.execute(statements.insert_seal, (head.chain, *signed, signature))
    return head


def is_sealed(before: Head, head: Head) -> bool:
    """Whether the head stays, when another one takes its place: behind `SEALED` records, and at the
    end of a day."""
    is_full = before.seq // SEALED != head.seq // SEALED
    return is_full or (before.at_us > 0 and before.at_us // _DAY_US != head.at_us // _DAY_US)


class ChangedHead(AuditError):
    """The head of a chain was changed by somebody else than its writer."""


class LostKey(Exception):
    """The key of a tenant was destroyed, which this writer may know and have used in the batch."""


class Transaction:
    """What a work of `AuditStore.transact` may do. It is over when the work returns."""

    def __init__(self, connection: WriterConnection, batch: Batch) -> None:
        self._connection = connection
        self._batch = batch
        self._mark = batch.mark()
        self._has_savepoint = False

    def append(self, entry: Entry) -> None:
        """Record an entry, if the work returns. `AuditError` where it cannot be written."""
        self._batch.append(entry)

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> CursorResult[Any]:
        """Run a statement of SQLAlchemy Core."""
        if not self._has_savepoint:
            self._connection.driver.execute("SAVEPOINT work")
            self._has_savepoint = True
        return self._connection.joined().execute(statement, parameters)

    def insert_into(self, table: Table) -> Any:
        """An INSERT for `execute` that can say what becomes of a row that is there already
        (`Database.insert_into`)."""
        return self._connection.database.insert_into(table)

    @property
    def chain(self) -> str:
        """The id of the chain that is written."""
        return self._batch.chain

    def forget_key(self, tenant: str) -> None:
        """Do not use the key of a tenant any more, which this transaction destroys."""
        self._batch.forget_key(tenant)

    def is_alive(self, chain: str) -> bool:
        """Whether the writer of a chain lives."""
        if chain == self._batch.chain:
            return True
        return self._connection.database.is_alive(self._connection.joined(), chain)

    def tenant_key(self, tenant: str) -> TenantKey:
        """The key of a tenant."""
        return self._batch.tenant_key(tenant)

    def end(self) -> None:
        """Keep what the work did."""
        if self._has_savepoint:
            self._connection.driver.execute("RELEASE work")

    def undo(self) -> None:
        """Take back what the work did, as far as the database has not yet."""
        self._batch.rewind(self._mark)
        if self._has_savepoint and self._connection.can_undo:
            self._connection.driver.execute("ROLLBACK TO work")
            self._connection.driver.execute("RELEASE work")
