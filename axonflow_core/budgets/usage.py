"""What a tenant used in a period, summed up from its records.

The sums are made of the records themselves: tokens and `cost_usd` of calls, of calls that clients
report, and of streams that a crash interrupted. A call whose cost is not known is counted as such.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import BigInteger, ColumnElement, Connection, case, cast, func, select

from axonflow_core.audit import members
from axonflow_core.audit.record import Kind
from axonflow_core.audit.schema import RECORDS
from axonflow_core.budgets.terms import Span
from axonflow_core.frozen import frozen
from axonflow_core.policy.rules import Verdict

CALLS = (Kind.CALL, Kind.GATEWAY_CALL, Kind.INTERRUPTED)
"""The kinds of records that are calls of models, or attempts."""
GROUPS = {
    "provider": RECORDS.c.provider,
    "model": RECORDS.c.model,
    "agent": RECORDS.c.client,
    "user": RECORDS.c.user,
    "organization": RECORDS.c.tenant,
    "request_type": RECORDS.c.request_type,
}
"""What usage can be broken down by -> the column."""
NOBODY = "none"
"""The value of a group whose records name none."""
MAX_GROUPS = 1_000


@frozen(kw_only=True)
class Usage:
    """A sum of calls."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    """Of the calls whose cost is known."""
    unknown: int = 0
    """Calls that were answered and whose cost is not known."""


@frozen
class Row:
    """The sum of one group."""

    value: str
    usage: Usage


@frozen(kw_only=True)
class UsedCall:
    """One call."""

    id: str
    at_us: int
    tenant: str
    client: str
    user: str | None
    provider: str | None
    model: str | None
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    latency_ms: float | None
    is_success: bool
    error: str | None
    """The code of the error."""


def _count(path: str) -> ColumnElement[int]:
    """The count of tokens at that path; 0 where there is none."""
    return func.coalesce(cast(members.number(path), BigInteger), 0)


_TOKENS_IN = _count("tokens.input") + _count("tokens.cache_read") + _count("tokens.cache_write")
_COST, _TOKENS = members.number("cost_usd"), members.text("tokens")
_SUMS = (
    func.count(),
    func.coalesce(func.sum(_TOKENS_IN), 0),
    func.coalesce(func.sum(_count("tokens.output")), 0),
    func.coalesce(func.sum(_COST), 0.0),
    func.coalesce(func.sum(case((_COST.is_(None) & _TOKENS.is_not(None), 1), else_=0)), 0),
)


def _of(tenant: str, during: Span | None) -> list[Any]:
    """The calls of a tenant that went to a provider."""
    columns = RECORDS.c
    made = [
        columns.tenant == tenant,
        columns.kind.in_(CALLS),
        columns.provider.is_not(None),
        # What a budget or a limit refused had a provider in view, and was never sent.
        (columns.verdict != Verdict.BLOCKED) | _TOKENS.is_not(None),
    ]
    if during is not None:
        made += [columns.at_us >= during.starts_us, columns.at_us < during.ends_us]
    return made


def summary(connection: Connection, tenant: str, during: Span) -> Usage:
    """The sum of all calls."""
    return _usage(connection.execute(select(*_SUMS).where(*_of(tenant, during))).one())


def breakdown(connection: Connection, tenant: str, group_by: str, during: Span) -> Sequence[Row]:
    """The sums by one of `GROUPS`, the dearest first; at most `MAX_GROUPS`."""
    column = GROUPS[group_by]
    query = (
        select(column, *_SUMS)
        .where(*_of(tenant, during))
        .group_by(column)
        .order_by(_SUMS[3].desc(), _SUMS[0].desc())
        .limit(MAX_GROUPS)
    )
    return [Row(row[0] or NOBODY, _usage(row[1:])) for row in connection.execute(query)]


def _usage(row: Sequence[Any]) -> Usage:
    calls, tokens_in, tokens_out, cost_usd, unknown = row
    return Usage(
        calls=calls,
        tokens_in=int(tokens_in),  # PostgreSQL adds up large numbers as decimal ones
        tokens_out=int(tokens_out),
        cost_usd=float(cost_usd),
        unknown=int(unknown),
    )


def calls(
    connection: Connection,
    tenant: str,
    *,
    provider: str | None,
    model: str | None,
    limit: int,
    offset: int,
) -> tuple[Sequence[UsedCall], int]:
    """A page of calls, the newest first, and how many there are."""
    wanted = _of(tenant, None)
    wanted += [] if provider is None else [RECORDS.c.provider == provider]
    wanted += [] if model is None else [RECORDS.c.model == model]
    total = connection.execute(select(func.count()).select_from(RECORDS).where(*wanted))
    rows = connection.execute(
        select(RECORDS.c.body)
        .where(*wanted)
        .order_by(RECORDS.c.at_us.desc(), RECORDS.c.row.desc())
        .limit(limit)
        .offset(offset)
    )
    return [_call(orjson.loads(body)) for body in rows.scalars()], total.scalar_one()


def _call(body: dict[str, Any]) -> UsedCall:
    facts: dict[str, Any] = body["facts"]
    tokens: dict[str, int] = facts.get("tokens") or {}
    error: dict[str, Any] = facts.get("error") or {}
    return UsedCall(
        id=body["id"],
        at_us=body["at_us"],
        tenant=body["tenant"],
        client=body["client"],
        user=body["user"],
        provider=body["provider"],
        model=body["model"],
        tokens_in=sum(tokens.get(name, 0) for name in ("input", "cache_read", "cache_write")),
        tokens_out=tokens.get("output", 0),
        cost_usd=facts.get("cost_usd"),
        latency_ms=facts.get("latency_ms"),
        is_success=body["verdict"] in ("allowed", "redacted"),
        error=error.get("code"),
    )
