"""The records of one call: what was said in it stands in each of them, under a key of its own.

closes       the end of a stream         -> its beginning
shadow_of    a copy for another model    -> the call
answer_of    an answer that was given again -> the call
check_id     a call that a client made itself -> the check that allowed it
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import orjson
from sqlalchemy import Connection, Select, or_, select

from axonflow_core.audit.members import text
from axonflow_core.audit.schema import RECORDS

_FACTS = ("shadow_of", "answer_of", "check_id")
_NEAR_US = 3_600_000_000
"""Records of one call are less than an hour apart, but for the two of a stream."""


def of_same_calls(connection: Connection, ids: Collection[str], tenant: str | None) -> list[str]:
    """These ids, and behind them those of the other records of the same calls; of one tenant where
    it is named."""
    calls: set[str] = set(ids)
    near: dict[str, list[int]] = {}
    while True:
        before = len(calls)
        for row in connection.execute(_of_tenant(tenant).where(RECORDS.c.id.in_(calls))).all():
            near.setdefault(row.tenant, []).append(row.at_us)
            calls.update(_named_by(row.body))
        calls.update(row.id for row in connection.execute(_ends_of(tenant, calls)))
        if len(calls) == before:
            break
    found = set(calls)
    names_call = or_(*(text(name).in_(calls) for name in _FACTS))
    for of, times in near.items():
        for start_us, end_us in _together(times):
            is_near = RECORDS.c.at_us.between(start_us, end_us) & (RECORDS.c.tenant == of)
            query = select(RECORDS.c.id).where(is_near, names_call)
            found |= set(connection.execute(query).scalars())
    others = _of_tenant(tenant).where(RECORDS.c.id.in_(found - set(ids)))
    return [*ids, *sorted(row.id for row in connection.execute(others))]


def _of_tenant(tenant: str | None) -> Select[tuple[str, str, int, bytes]]:
    query = select(RECORDS.c.id, RECORDS.c.tenant, RECORDS.c.at_us, RECORDS.c.body)
    return query if tenant is None else query.where(RECORDS.c.tenant == tenant)


def _ends_of(tenant: str | None, ids: Collection[str]) -> Select[tuple[str, str, int, bytes]]:
    return _of_tenant(tenant).where(RECORDS.c.closes.in_(ids))


def _named_by(body: bytes) -> Iterator[str]:
    """The other records of its call that a record names."""
    members = orjson.loads(body)
    if members["closes"]:
        yield members["closes"]
    for name in _FACTS:
        if isinstance(id := members["facts"].get(name), str):
            yield id


def _together(times: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The spans of time near these, those that overlap as one."""
    start_us, end_us = None, 0
    for at_us in sorted(times):
        if start_us is None or at_us - _NEAR_US > end_us:
            if start_us is not None:
                yield start_us, end_us
            start_us = at_us - _NEAR_US
        end_us = at_us + _NEAR_US
    if start_us is not None:
        yield start_us, end_us
