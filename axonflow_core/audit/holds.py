"""Holds: records that may be neither erased nor removed for now, and why.

A hold covers every record that fits all that it names: tenant, client, user, time. It says nothing
of records that are written, which go on; those that fit are held, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import attrs
from sqlalchemy import Connection, delete, insert, select

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.schema import HOLDS
from axonflow_core.errors import RequestError
from axonflow_core.frozen import frozen
from axonflow_core.policy.rules import Verdict

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction

MAX_NAME, MAX_REASON = 128, 1_000
"""The longest name and reason, in characters."""


@frozen(kw_only=True)
class Hold:
    """What is held; None is any."""

    name: str
    reason: str
    at_us: int = 0
    """Since when, in microseconds since 1970-01-01T00:00Z."""
    tenant: str | None = None
    client: str | None = None
    user: str | None = None
    """The pseudonym of a user (`AuditStore.pseudonym`)."""
    start_us: int | None = None
    """Records not before this time."""
    end_us: int | None = None
    """Records before this time."""

    def covers(self, tenant: str, client: str, user: str | None, at_us: int) -> bool:
        """Whether a record of these is held."""
        return (
            self.tenant in (None, tenant)
            and self.client in (None, client)
            and self.user in (None, user)
            and (self.start_us is None or self.start_us <= at_us)
            and (self.end_us is None or at_us < self.end_us)
        )


def holds_in(connection: Connection | Transaction) -> Sequence[Hold]:
    """The holds that are in force, by name."""
    rows = connection.execute(select(HOLDS).order_by(HOLDS.c.name)).mappings()
    return [Hold(**row) for row in rows]


def holding(
    holds: Iterable[Hold], tenant: str, client: str, user: str | None, at_us: int
) -> Hold | None:
    """The first of the holds that covers a record of these; None where none does."""
    return next((hold for hold in holds if hold.covers(tenant, client, user, at_us)), None)


def add(transaction: Transaction, hold: Hold) -> None:
    """Put records under a hold, and record it. `RequestError` where there is one of that name, or
    the name or reason is empty or too long."""
    for what, text, most in (("name", hold.name, MAX_NAME), ("reason", hold.reason, MAX_REASON)):
        if not 1 <= len(text) <= most:
            raise RequestError(f"the {what} of a hold has 1 to {most} characters, not {len(text)}")
    if any(other.name == hold.name for other in holds_in(transaction)):
        raise RequestError(
            f"there is a hold {hold.name} already", hint="release it, or choose another name"
        )
    entry = _entry(hold, "added")
    transaction.append(entry)
    transaction.execute(insert(HOLDS).values(attrs.asdict(attrs.evolve(hold, at_us=entry.at_us))))


def release(transaction: Transaction, name: str) -> None:
    """Let go of what a hold covers, and record it. `RequestError` where there is no such hold."""
    hold = next((hold for hold in holds_in(transaction) if hold.name == name), None)
    if hold is None:
        raise RequestError(f"there is no hold {name}", hint="axonflow audit hold list")
    transaction.append(_entry(hold, "released"))
    transaction.execute(delete(HOLDS).where(HOLDS.c.name == name))


def _entry(hold: Hold, change: str) -> Entry:
    scope = ("client", "user", "start_us", "end_us")
    facts = {"change": change, "name": hold.name, "reason": hold.reason}
    return Entry(
        kind=Kind.HOLD,
        verdict=Verdict.ALLOWED,
        tenant=hold.tenant or "",
        facts={**facts, "holds": {name: getattr(hold, name) for name in scope}},
    )
