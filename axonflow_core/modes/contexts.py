"""Contexts of Gateway Mode: an approval that a client takes away, and brings back with its report.

A context belongs to the client that asked, is valid for a while and is used once. It stands in the
audit's database and changes in the same transaction as the record that it belongs to: so two
workers cannot use it twice, and no crash leaves one without the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, MetaData, String, Table, delete, insert, select, update

from axonflow_core.frozen import frozen

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction
    from axonflow_core.audit.erasure import Chosen

TABLES = MetaData()
"""To be made beside the audit's tables: `AuditStore.open(…, tables=…)`."""
CONTEXTS = Table(
    "contexts",
    TABLES,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(128), nullable=False),
    Column("client", String(128), nullable=False),
    Column("user", String(64)),
    Column("check_id", String(64), nullable=False),
    Column("policy", String(64), nullable=False),
    Column("expires_us", BigInteger, nullable=False, index=True),
    Column("report_id", String(64)),
    Column("report_mark", String(64)),
)


@frozen(kw_only=True)
class Context:
    """An approval. `check_id` is the record of the check; `policy` the version that approved."""

    id: str
    tenant: str
    client: str
    user: str | None = None
    """The pseudonym of the user of the check, who is the call's too."""
    check_id: str
    policy: str
    expires_us: int
    report_id: str | None = None
    """The record of the report that used it."""
    report_mark: str | None = None
    """Tells that report from another (`mark`)."""

    def is_valid_for(self, tenant: str, client: str, at_us: int) -> bool:
        """Whether that client may use it at that time."""
        return (self.tenant, self.client) == (tenant, client) and at_us < self.expires_us


def keep(transaction: Transaction, context: Context) -> None:
    """Keep a new context."""
    transaction.execute(
        insert(CONTEXTS),
        {
            "id": context.id,
            "tenant": context.tenant,
            "client": context.client,
            "user": context.user,
            "check_id": context.check_id,
            "policy": context.policy,
            "expires_us": context.expires_us,
        },
    )


def found(transaction: Transaction, id: str) -> Context | None:
    """The context of that id; None where there is none."""
    row = transaction.execute(select(CONTEXTS).where(CONTEXTS.c.id == id)).mappings().first()
    return None if row is None else Context(**row)


def use(transaction: Transaction, id: str, report_id: str, mark: str) -> None:
    """Note the report that used the context."""
    transaction.execute(
        update(CONTEXTS).where(CONTEXTS.c.id == id).values(report_id=report_id, report_mark=mark)
    )


def mark(transaction: Transaction, context: Context, report: bytes) -> str:
    """What tells a report from another, under the tenant's key: of a bare hash a short report could
    be guessed."""
    key = transaction.tenant_key(context.tenant)
    return key.commitments(context.id.encode(), {"report": report.decode("latin-1")})["report"]


def erase(transaction: Transaction, chosen: Chosen) -> int:
    """Remove the contexts whose report is erased: `mark` tells what was reported from a guess.
    Returns how many."""
    is_used = CONTEXTS.c.report_mark.is_not(None)
    query = select(CONTEXTS.c.id, CONTEXTS.c.report_id).where(is_used)
    report_of = {row.id: row.report_id for row in transaction.execute(query)}
    erased = chosen(set(report_of.values()))
    gone = [id for id, report in report_of.items() if report in erased]
    for id in gone:
        transaction.execute(delete(CONTEXTS).where(CONTEXTS.c.id == id))
    return len(gone)


def is_time_to_forget(context: Context) -> bool:
    """Whether old contexts are removed beside the keeping of this one: at one in 32, by its random
    id, so that nobody counts."""
    return int(context.id[:2], 16) < 8


def forget(transaction: Transaction, before_us: int) -> None:
    """Remove the contexts that expired before that time."""
    transaction.execute(delete(CONTEXTS).where(CONTEXTS.c.expires_us < before_us))
