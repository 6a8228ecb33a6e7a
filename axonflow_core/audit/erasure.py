"""Erasure: what records hide is made unreadable for ever, and their chains still verify.

    a record       its key is destroyed, and its texts: nothing decrypts what was said, and its
                   commitments cannot be tested against a guess, whoever has the tenant's key
    a person       the records of one pseudonym, in slices of one transaction each; begun again, it
                   goes on where it ended
    a tenant       its key is destroyed: no key of its records decrypts, no commitment can be
                   tested, and no pseudonym can be made of a name again

What is hashed is not touched. The pseudonym of a person stays in the chain, and who has the
tenant's key and the person's name can make it: only the end of the tenant's key parts them.

A transaction writes one record for each tenant, which names what was erased. What others keep of a
record beside it goes with it (`Forget`). What a hold covers stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from attrs import field
from sqlalchemy import Connection, Row, delete, func, select, update

from axonflow_core.audit.batch import Transaction
from axonflow_core.audit.holds import Hold, holding, holds_in
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.schema import HEADS, RECORDS, TENANT_KEYS, TEXTS
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import AuditError, RequestError
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY
from axonflow_core.policy.rules import Verdict

MAX_IDS = 500
"""How many records one transaction erases."""
MAX_TRACES = 100_000
"""Of so many `Database.wipe` would not look for each."""
_ROWS = 50_000
"""In how many rows the records of a person are looked for at once."""
_TRACE_BYTES = 12
"""The random beginning of what was encrypted, which stands nowhere else."""

Chosen: TypeAlias = Callable[[Collection[str]], Collection[str]]
"""Those of some ids that are ids of records that are erased."""
Forget: TypeAlias = Callable[[Transaction, Chosen], int]
"""Deletes what is kept of records in another table, and returns how many rows that were."""


@frozen(kw_only=True)
class Erasure:
    """What came of an erasure, or would come of it."""

    erased: int = 0
    """Records whose key was destroyed."""
    empty: int = 0
    """Records that have no key: they never had texts, or were erased before."""
    held: Mapping[str, int] = EMPTY
    """Hold -> how many records it kept."""
    unknown: tuple[str, ...] = ()
    """Ids that no record of the tenant has."""
    forgotten: Mapping[str, int] = EMPTY
    """Table -> how many rows went with the records: `texts`, and those of others."""
    records: tuple[str, ...] = ()
    """The ids of the records that say so."""
    traces: frozenset[bytes] = field(default=frozenset(), repr=False)
    """Beginnings of what was destroyed, for `Database.wipe`."""

    @property
    def is_whole(self) -> bool:
        """Whether everything that was asked for is erased."""
        return not self.held and not self.unknown

    def __add__(self, other: Erasure) -> Erasure:
        return Erasure(
            erased=self.erased + other.erased,
            empty=self.empty + other.empty,
            held=Counter(self.held) + Counter(other.held),
            unknown=self.unknown + other.unknown,
            forgotten=Counter(self.forgotten) + Counter(other.forgotten),
            records=self.records + other.records,
            traces=self.traces if len(self.traces) > MAX_TRACES else self.traces | other.traces,
        )


# ── of records ────────────────────────────────────────────────────────────────────────────────────


def examine(
    connection: Connection | Transaction, ids: Collection[str], tenant: str | None = None
) -> Erasure:
    """What erasing these records would come to."""
    return _Slice(connection, ids, tenant).outcome


def erase(
    transaction: Transaction,
    ids: Collection[str],
    *,
    tenant: str | None = None,
    command: str,
    forget: Mapping[str, Forget] = EMPTY,
) -> Erasure:
    """Erase at most `MAX_IDS` records, of one tenant where it is named; those that are held, or
    that there are none of, are told and left. `command` is who asked, as it is recorded. `forget`
    has what others keep, by the name of the table."""
    if len(ids) > MAX_IDS:
        raise RequestError(f"{MAX_IDS} records are erased at once, not {len(ids)}")
    found = _Slice(transaction, ids, tenant)
    free = frozenset(row.id for row in found.free)
    others = {name: one(transaction, free.intersection) for name, one in forget.items()}
    with_key = [row for row in found.free if row.record_key is not None]
    if not with_key and not any(others.values()):
        return found.outcome
    texts = found.texts()
    transaction.execute(update(RECORDS).where(RECORDS.c.id.in_(free)).values(record_key=None))
    transaction.execute(delete(TEXTS).where(TEXTS.c.record.in_(free)))
    forgotten = {name: count for name, count in {"texts": len(texts), **others}.items() if count}
    named = found.free if any(others.values()) else with_key
    entries = list(_entries(named, command, forgotten))
    for entry in entries:
        transaction.append(entry)
    return found.outcome + Erasure(
        forgotten=forgotten,
        records=tuple(entry.id for entry in entries),
        traces=frozenset(
            sealed[:_TRACE_BYTES] for sealed in (*(row.record_key for row in with_key), *texts)
        ),
    )


def _entries(
    rows: Sequence[Row[tuple[str, str, str, str, int, bytes]]],
    command: str,
    forgotten: Mapping[str, int],
) -> Iterator[Entry]:
    """One record for each tenant, of the user where all are of one."""
    for tenant in sorted({row.tenant for row in rows}):
        own = [row for row in rows if row.tenant == tenant]
        users = {row.user for row in own}
        yield Entry(
            kind=Kind.ERASURE,
            verdict=Verdict.ALLOWED,
            tenant=tenant,
            user=users.pop() if len(users) == 1 else None,
            facts={
                "command": command,
                "records": sorted(row.id for row in own),
                "forgotten": dict(forgotten),
            },
        )


class _Slice:
    """Some records as they are found."""

    def __init__(
        self, connection: Connection | Transaction, ids: Collection[str], tenant: str | None
    ) -> None:
        self._connection = connection
        names = ("id", "tenant", "client", "user", "at_us", "record_key")
        query = select(*(RECORDS.c[name] for name in names)).where(RECORDS.c.id.in_(ids))
        if tenant is not None:
            query = query.where(RECORDS.c.tenant == tenant)
        rows = connection.execute(query).all()
        holds = holds_in(connection)
        held = {row.id: _holding(holds, row) for row in rows}
        self.free = [row for row in rows if held[row.id] is None]
        erased = sum(row.record_key is not None for row in self.free)
        self.outcome = Erasure(
            erased=erased,
            empty=len(self.free) - erased,
            held=Counter(hold.name for hold in held.values() if hold is not None),
            unknown=tuple(sorted(set(ids) - held.keys())),
        )

    def texts(self) -> Sequence[bytes]:
        """What is kept of the texts of the records that are free."""
        ids = [row.id for row in self.free]
        query = select(TEXTS.c.sealed).where(TEXTS.c.record.in_(ids))
        return self._connection.execute(query).scalars().all()


def _holding(holds: Iterable[Hold], row: Row[tuple[str, str, str, str, int, bytes]]) -> Hold | None:
    return holding(holds, row.tenant, row.client, row.user, row.at_us)


async def erase_all(
    store: AuditStore,
    ids: Sequence[str],
    *,
    tenant: str | None = None,
    command: str,
    forget: Mapping[str, Forget] = EMPTY,
) -> Erasure:
    """As `erase`, of any number of records, in slices of one transaction each."""
    outcome = Erasure()
    for start in range(0, len(ids), MAX_IDS):
        part = ids[start : start + MAX_IDS]
        outcome += await store.transact(
            partial(erase, ids=part, tenant=tenant, command=command, forget=forget)
        )
    return outcome


# ── of a person ───────────────────────────────────────────────────────────────────────────────────


async def erase_person(
    store: AuditStore,
    pseudonyms: Mapping[str, str],
    *,
    command: str,
    forget: Mapping[str, Forget] = EMPTY,
    progress: Callable[[int], object] | None = None,
) -> Erasure:
    """Erase every record of a person, who has these pseudonyms (tenant -> pseudonym). `progress` is
    told how many records were erased by then. Servers may write meanwhile; where this is ended, it
    is begun again, and passes over what is erased already."""
    outcome, after = Erasure(), 0
    while True:
        ids, after, is_end = await store.read(
            partial(records_of, pseudonyms=pseudonyms, after=after)
        )
        outcome += await erase_all(store, ids, command=command, forget=forget)
        if progress:
            progress(outcome.erased)
        if is_end:
            return outcome


def examine_person(connection: Connection, pseudonyms: Mapping[str, str]) -> Erasure:
    """What erasing a person's records would come to."""
    outcome, after, is_end = Erasure(), 0, False
    while not is_end:
        ids, after, is_end = records_of(connection, pseudonyms, after)
        for start in range(0, len(ids), MAX_IDS):
            outcome += examine(connection, ids[start : start + MAX_IDS])
    return outcome


def records_of(
    connection: Connection, pseudonyms: Mapping[str, str], after: int
) -> tuple[Sequence[str], int, bool]:
    """Ids of records of a person that have a key, in the rows behind `after`; the row up to which
    was looked, and whether it is the last one."""
    row = RECORDS.c.row
    query = select(RECORDS.c.id, RECORDS.c.tenant, RECORDS.c.user).where(
        row > after,
        row <= after + _ROWS,
        RECORDS.c.user.in_(set(pseudonyms.values())),
        RECORDS.c.record_key.is_not(None),
    )
    found = connection.execute(query.order_by(row))
    ids = [one.id for one in found if pseudonyms.get(one.tenant) == one.user]
    last = connection.execute(select(func.max(row))).scalar() or 0
    return ids, after + _ROWS, last <= after + _ROWS


# ── of a tenant ───────────────────────────────────────────────────────────────────────────────────


def examine_tenant(connection: Connection | Transaction, tenant: str) -> Erasure:
    """What destroying the key of a tenant would come to. `AuditError` where a hold covers records
    of the tenant, `RequestError` where it has no key."""
    if connection.execute(_KEY_OF.where(TENANT_KEYS.c.tenant == tenant)).first() is None:
        raise RequestError(
            f"the tenant {tenant} has no key", hint="it has no records, or its key was destroyed"
        )
    for hold in holds_in(connection):
        if hold.tenant in (None, tenant):
            raise AuditError(
                f"the hold {hold.name} covers records of the tenant {tenant}: {hold.reason}",
                hint=f"axonflow audit hold release {hold.name}",
            )
    count = select(func.count()).select_from(RECORDS)
    of_tenant = count.where(RECORDS.c.tenant == tenant, RECORDS.c.record_key.is_not(None))
    return Erasure(erased=connection.execute(of_tenant).scalar() or 0)


_KEY_OF = select(TENANT_KEYS.c.wrapped)


def destroy_tenant_key(
    transaction: Transaction,
    tenant: str,
    *,
    command: str,
    forget: Mapping[str, Forget] = EMPTY,
) -> Erasure:
    """Destroy the key of a tenant: nothing that its records hide can be read again. A server that
    has the key forgets it with the next batch that it writes, of which nothing is under that key,
    and gives the tenant a new one. Errors as `examine_tenant`."""
    outcome = examine_tenant(transaction, tenant)
    is_it = TENANT_KEYS.c.tenant == tenant
    wrapped: bytes = transaction.execute(_KEY_OF.where(is_it)).scalar_one()

    def chosen(ids: Collection[str]) -> Collection[str]:
        of_tenant = select(RECORDS.c.id).where(RECORDS.c.tenant == tenant)
        listed = list(ids)
        parts = (listed[start : start + MAX_IDS] for start in range(0, len(listed), MAX_IDS))
        queries = (of_tenant.where(RECORDS.c.id.in_(part)) for part in parts)
        return {id for query in queries for id in transaction.execute(query).scalars()}

    others = {name: one(transaction, chosen) for name, one in forget.items()}
    forgotten = {name: count for name, count in others.items() if count}
    transaction.execute(delete(TENANT_KEYS).where(is_it))
    transaction.forget_key(tenant)
    is_other = HEADS.c.chain != transaction.chain
    transaction.execute(update(HEADS).where(is_other, ~HEADS.c.is_closed).values(has_lost_key=True))
    entry = Entry(
        kind=Kind.ERASURE,
        verdict=Verdict.ALLOWED,
        tenant=tenant,
        facts={"command": command, "tenant_key": True, "forgotten": forgotten},
    )
    transaction.append(entry)
    return outcome + Erasure(
        forgotten=forgotten, records=(entry.id,), traces=frozenset((wrapped[:_TRACE_BYTES],))
    )
