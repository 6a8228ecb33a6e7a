"""What is in the store: budgets that were made through the API, what is spent, leased and held, and
the alerts that were given.

    budget_spending   a row for each account, span and writer. `settled` is what its records say
                      that was spent, `leased` what it may still admit calls with
    budget_held       what is set aside for one approved context of Gateway Mode, until its report
                      or its end
    budget_alerts     a row for each account, span and threshold

**Settling is part of the transaction that writes a record.** A record says in its fact `charges`
what its call costs in which account: key -> [start of the span, amount, what was reserved for it].
The batch of the audit hands its entries to `settle`, which adds them up: one statement for each
account and batch. So `settled` is the sum of the records, whatever is killed. The amount moves from
`leased` to `settled`, as far as it was reserved: their sum stays, and what the call did not need is
the writer's still.

A lease belongs to a writer. Where the writer has ended, whoever needs its lease takes it back: what
its records say is settled already, so at most its lease was spent on calls without a record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson
from attrs import field
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    case,
    cast,
    delete,
    func,
    insert,
    select,
    update,
)

from axonflow_core.audit.record import Entry
from axonflow_core.budgets.accounts import Budget
from axonflow_core.budgets.terms import OnExceed, Period, Scope, UnknownPrice
from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

    from axonflow_core.audit.batch import Transaction
    from axonflow_core.audit.statements import Execute

TABLES = MetaData()
"""To be made beside the audit's tables: `AuditStore.open(…, tables=…)`."""
BUDGETS = Table(
    "budgets",
    TABLES,
    Column("tenant", String(128), primary_key=True),
    Column("id", String(128), primary_key=True),
    Column("name", String(256), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("of", String(512)),
    Column("limit_nanos", BigInteger, nullable=False),
    Column("period", String(16), nullable=False),
    Column("on_exceed", String(16), nullable=False),
    Column("alert_thresholds", String(512), nullable=False),
    Column("unknown_price", String(16), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
)
SPENDING = Table(
    "budget_spending",
    TABLES,
    Column("account", String(512), primary_key=True),
    Column("starts_us", BigInteger, primary_key=True),
    Column("chain", String(32), primary_key=True),
    Column("settled", BigInteger, nullable=False, default=0),
    Column("leased", BigInteger, nullable=False, default=0),
    Column("calls", BigInteger, nullable=False, default=0),
    # Calls whose price is not known: they are not in `settled`.
    Column("unknown", BigInteger, nullable=False, default=0),
)
HELD = Table(
    "budget_held",
    TABLES,
    Column("context", String(64), primary_key=True),
    Column("account", String(512), primary_key=True),
    Column("starts_us", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)
Index("held_of_an_account", HELD.c.account, HELD.c.starts_us)
ALERTS = Table(
    "budget_alerts",
    TABLES,
    Column("account", String(512), primary_key=True),
    Column("starts_us", BigInteger, primary_key=True),
    Column("threshold", Integer, primary_key=True),
    Column("id", String(64), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("percentage", Float, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)
CHARGES, RESERVED = "charges", "reserved"
"""Facts of records: what a call costs, and, of a stream that begins, what is reserved for it."""

Charge = tuple[int, int | None, int]
"""Start of the span, the amount or None where it is not known, what was reserved for it."""


@frozen
class Spent:
    """What an account has in a span."""

    settled: int = 0
    leased: int = 0
    """May still be spent by calls that are admitted, or by whoever has the lease."""
    calls: int = 0
    unknown: int = 0
    """Calls whose price is not known."""

    @property
    def taken(self) -> int:
        """What nobody else may have."""
        return self.settled + self.leased


@frozen(kw_only=True)
class Alert:
    """A threshold that an account came to."""

    id: str
    account: str
    starts_us: int
    threshold: int
    """Percent of the limit."""
    percentage: float
    amount: int
    """What was settled by then."""
    at_us: int


# ── settling ──────────────────────────────────────────────────────────────────────────────────────

_SETTLE = """\
INSERT INTO budget_spending (account, starts_us, chain, settled, leased, calls, unknown)
VALUES (?, ?, ?, ?, 0, ?, ?)
ON CONFLICT (account, starts_us, chain) DO UPDATE SET
settled = budget_spending.settled + excluded.settled,
calls = budget_spending.calls + excluded.calls,
unknown = budget_spending.unknown + excluded.unknown,
leased = CASE WHEN budget_spending.leased > ? THEN budget_spending.leased - ? ELSE 0 END"""


def settle(execute: Execute, chain: str, entries: Sequence[Entry]) -> None:
    """Add up what these entries charge. Called in the transaction that writes them."""
    sums: _Sums = {}
    for entry in entries:
        if (charges := entry.facts.get(CHARGES)) is not None:
            _add(sums, charges)
    for (account, starts_us), (settled, calls, unknown, of_lease) in sums.items():
        values = (account, starts_us, chain, settled, calls, unknown, of_lease, of_lease)
        execute(_SETTLE, values)


_Sums: TypeAlias = dict[tuple[str, int], list[int]]
"""Account and start of the span -> amounts, calls, those of unknown price, and what of the amounts
was reserved."""


def _add(sums: _Sums, charges: Mapping[str, Any]) -> None:
    for account, (starts_us, amount, reserved) in charges.items():
        known = sums.get((account, starts_us))
        if known is None:
            known = sums[account, starts_us] = [0, 0, 0, 0]
        known[1] += 1
        if amount is None:
            known[2] += 1
        else:
            known[0] += amount
            known[3] += amount if amount < reserved else reserved


def sums_of(facts: Iterable[Mapping[str, Json]]) -> Mapping[tuple[str, int], int]:
    """Account and start of the span -> what records charge, by their facts."""
    sums: _Sums = {}
    for each in facts:
        if charges := each.get(CHARGES):
            assert isinstance(charges, dict)  # noqa: S101 - it is ours
            _add(sums, charges)
    return {key: of_account[0] for key, of_account in sums.items()}


# ── what is spent ─────────────────────────────────────────────────────────────────────────────────


def _total(column: ColumnElement[int]) -> ColumnElement[int]:
    """The sum of a column, 0 of no rows. PostgreSQL would make it a decimal number."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger)


def _spent_query(account: str, starts_us: int) -> Any:
    columns = SPENDING.c
    sums = [_total(columns[name]) for name in _SUMMED]
    return select(*sums).where(columns.account == account, columns.starts_us == starts_us)


_SUMMED = ("settled", "leased", "calls", "unknown")


def spent(connection: Connection | Transaction, account: str, starts_us: int, at_us: int) -> Spent:
    """What an account has in a span, at this time."""
    row = connection.execute(_spent_query(account, starts_us)).one()
    is_held = (HELD.c.account == account, HELD.c.starts_us == starts_us, HELD.c.expires_us > at_us)
    held = connection.execute(select(_total(HELD.c.amount)).where(*is_held))
    return Spent(row[0], row[1] + int(held.scalar_one()), row[2], row[3])


def spent_by_account(
    connection: Connection, keys: Iterable[tuple[str, int]], at_us: int
) -> Mapping[tuple[str, int], Spent]:
    """What each of these accounts has, by key and start of the span."""
    return {key: spent(connection, *key, at_us) for key in keys}


# ── leases ────────────────────────────────────────────────────────────────────────────────────────


def lease(
    transaction: Transaction, span: tuple[str, int, str], amount: int, *, instead: bool
) -> None:
    """Lease more to the writer of `span` (account, start, chain); with `instead`, so much in
    all."""
    account, starts_us, chain = span
    leased = amount if instead else SPENDING.c.leased + amount
    transaction.execute(
        transaction.insert_into(SPENDING)
        .values(account=account, starts_us=starts_us, chain=chain, leased=amount)
        .on_conflict_do_update(index_elements=_SPENDING_KEY, set_={"leased": leased})
    )


def take(transaction: Transaction, span: tuple[str, int, str], amount: int) -> None:
    """Count so much as spent, whether calls need it all or not: rates have no records."""
    account, starts_us, chain = span
    transaction.execute(
        transaction.insert_into(SPENDING)
        .values(account=account, starts_us=starts_us, chain=chain, settled=amount)
        .on_conflict_do_update(
            index_elements=_SPENDING_KEY, set_={"settled": SPENDING.c.settled + amount}
        )
    )


_SPENDING_KEY = ("account", "starts_us", "chain")


def take_back(transaction: Transaction, account: str, starts_us: int) -> None:
    """End the leases of writers that have ended."""
    is_leased = (
        SPENDING.c.account == account,
        SPENDING.c.starts_us == starts_us,
        SPENDING.c.leased > 0,
    )
    for chain in transaction.execute(select(SPENDING.c.chain).where(*is_leased)).scalars().all():
        if not transaction.is_alive(chain):
            transaction.execute(
                update(SPENDING).where(*is_leased, SPENDING.c.chain == chain).values(leased=0)
            )


def forget_before(transaction: Transaction, account: str, starts_us: int) -> None:
    """Remove the earlier spans of a rate: no record needs them."""
    transaction.execute(
        delete(SPENDING).where(SPENDING.c.account == account, SPENDING.c.starts_us < starts_us)
    )


# ── contexts of Gateway Mode ──────────────────────────────────────────────────────────────────────


def hold(
    transaction: Transaction, chain: str, context: str, parts: Mapping[str, Charge], until_us: int
) -> None:
    """What was reserved in this writer's lease is set aside for a context instead."""
    for account, (starts_us, _, reserved) in parts.items():
        own = (
            SPENDING.c.account == account,
            SPENDING.c.starts_us == starts_us,
            SPENDING.c.chain == chain,
        )
        left = case((SPENDING.c.leased > reserved, SPENDING.c.leased - reserved), else_=0)
        transaction.execute(update(SPENDING).where(*own).values(leased=left))
        transaction.execute(
            insert(HELD).values(
                context=context,
                account=account,
                starts_us=starts_us,
                amount=reserved,
                expires_us=until_us,
            )
        )


def release(transaction: Transaction, context: str, at_us: int) -> Mapping[str, tuple[int, int]]:
    """End what is set aside for a context, and for those that are over. Returns account -> start of
    the span, and amount."""
    columns = (HELD.c.account, HELD.c.starts_us, HELD.c.amount)
    rows = transaction.execute(select(*columns).where(HELD.c.context == context))
    found = {row.account: (row.starts_us, row.amount) for row in rows}
    if found:
        is_over = (HELD.c.context == context) | (
            HELD.c.account.in_(found) & (HELD.c.expires_us <= at_us)
        )
        transaction.execute(delete(HELD).where(is_over))
    return found


# ── alerts ────────────────────────────────────────────────────────────────────────────────────────


def note_alert(transaction: Transaction, alert: Alert) -> bool:
    """Keep an alert; whether it is the first one of its account, span and threshold."""
    values = {column.name: getattr(alert, column.name) for column in ALERTS.columns}
    new = transaction.insert_into(ALERTS).values(values).on_conflict_do_nothing()
    return transaction.execute(new.returning(ALERTS.c.account)).first() is not None


def alerts(connection: Connection, account: str) -> list[Alert]:
    """The alerts of an account, the newest first."""
    query = select(ALERTS).where(ALERTS.c.account == account).order_by(ALERTS.c.at_us.desc())
    return [Alert(**row) for row in connection.execute(query).mappings()]


# ── budgets that were made through the API ────────────────────────────────────────────────────────


@frozen
class Stored:
    """The budgets of the store."""

    state: tuple[int, int] = (0, 0)
    """Differs where they do."""
    budgets: tuple[Budget, ...] = field(default=())


def state(connection: Connection) -> tuple[int, int]:
    """What differs where the budgets do: how many, and the sum of the times of their changes."""
    sums = select(func.count(), _total(BUDGETS.c.updated_us))
    row = connection.execute(sums).one()
    return int(row[0]), int(row[1])


def stored(connection: Connection) -> Stored:
    """All budgets of the store."""
    rows = connection.execute(select(BUDGETS).order_by(BUDGETS.c.created_us)).mappings()
    return Stored(state(connection), tuple(_budget(row) for row in rows))


def stored_budget(transaction: Transaction, tenant: str, id: str) -> Budget | None:
    """One budget of the store, as it is now."""
    query = select(BUDGETS).where(*_is(tenant, id))
    row = transaction.execute(query).mappings().first()
    return None if row is None else _budget(row)


def number_of(transaction: Transaction, tenant: str) -> int:
    """How many budgets a tenant has made."""
    query = select(func.count()).select_from(BUDGETS).where(BUDGETS.c.tenant == tenant)
    return int(transaction.execute(query).scalar_one())


def add(transaction: Transaction, budget: Budget) -> bool:
    """Keep a new budget; False where the tenant has one of that id."""
    new = transaction.insert_into(BUDGETS).values(_row(budget)).on_conflict_do_nothing()
    return transaction.execute(new.returning(BUDGETS.c.id)).first() is not None


def change(transaction: Transaction, budget: Budget) -> None:
    """Keep a budget as it is now."""
    is_it = _is(budget.tenant, budget.id)
    transaction.execute(update(BUDGETS).where(*is_it).values(_row(budget)))


def remove(transaction: Transaction, tenant: str, id: str) -> None:
    """Remove a budget. What was spent stays, so that another one of that id begins with it."""
    transaction.execute(delete(BUDGETS).where(*_is(tenant, id)))


def _is(tenant: str, id: str) -> tuple[Any, Any]:
    return BUDGETS.c.tenant == tenant, BUDGETS.c.id == id


def _row(budget: Budget) -> dict[str, Any]:
    row = {column.name: getattr(budget, column.name) for column in BUDGETS.columns}
    thresholds = orjson.dumps(list(budget.alert_thresholds)).decode()
    return {**row, "alert_thresholds": thresholds}


def _budget(row: RowMapping) -> Budget:
    return Budget(
        **{
            **row,
            "scope": Scope(row["scope"]),
            "period": Period(row["period"]),
            "on_exceed": OnExceed(row["on_exceed"]),
            "unknown_price": UnknownPrice(row["unknown_price"]),
            "alert_thresholds": tuple(orjson.loads(row["alert_thresholds"])),
        }
    )
