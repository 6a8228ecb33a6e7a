"""Records found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.record import Kind
from axonflow_core.audit.search import Filter, newest, search
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import RequestError
from axonflow_core.policy.rules import Verdict

from .making import append_all, call

ENTRIES = (
    call(id="a1", at_us=1, user="u_1", request_type="chat"),
    call(id="a2", at_us=2, client="bank", verdict=Verdict.BLOCKED, rules=("pii", "no-aurora")),
    call(id="a3", at_us=3, user="u_1", verdict=Verdict.REDACTED, rules=("pii",)),
    call(id="b1", at_us=4, tenant="globex", user="u_1", rules=("pii",)),
)


async def found(store: AuditStore, wanted: Filter, tenant: str = "acme") -> list[str]:
    """The ids of what is found."""
    page = await search(store, tenant, wanted)
    assert page.total == len(page.records)
    return [one.entry.id for one in page.records]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Filter(), ["a3", "a2", "a1"]),
        (Filter(user="u_1"), ["a3", "a1"]),
        (Filter(client="bank"), ["a2"]),
        (Filter(start_us=2), ["a3", "a2"]),
        (Filter(end_us=2), ["a1"]),
        (Filter(start_us=2, end_us=3), ["a2"]),
        (Filter(verdict=Verdict.BLOCKED), ["a2"]),
        (Filter(request_type="chat"), ["a1"]),
        (Filter(id="a2"), ["a2"]),
        (Filter(rule="pii"), ["a3", "a2"]),
        (Filter(rule="no-aurora"), ["a2"]),
        (Filter(rule="p"), []),
        (Filter(id="b1"), []),
        (Filter(user="u_1", verdict=Verdict.REDACTED), ["a3"]),
        (Filter(id="' OR 1=1 --"), []),
    ],
)
async def test_records_of_the_tenant_that_fit_are_found_from_the_newest_on(
    store: AuditStore, wanted: Filter, ids: list[str]
) -> None:
    await append_all(store, ENTRIES)
    assert await found(store, wanted) == ids
    assert await found(store, Filter(user="u_1"), "globex") == ["b1"]
    assert await found(store, Filter(), "") != []  # the chain's own first record
    assert await found(store, Filter(), "nobody") == []


async def test_pages_follow_each_other_and_count_all(store: AuditStore) -> None:
    entries = [call(at_us=number) for number in range(7)]
    await append_all(store, entries)
    pages = [await search(store, "acme", limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [page.total for page in pages] == [7] * 4
    shown = [one.entry for page in pages for one in page.records]
    assert shown == entries[::-1]


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (1_001, 0), (1, -1), (1, 10**10)])
async def test_a_page_that_cannot_be_had_is_refused(
    store: AuditStore, limit: int, offset: int
) -> None:
    with pytest.raises(RequestError):
        await search(store, "acme", limit=limit, offset=offset)


async def test_a_record_is_found_with_its_place_and_commitments(store: AuditStore) -> None:
    await store.append(call(texts={"request": "hi"}, facts={"tokens": {"input": 3}}))
    (one,) = (await search(store, "acme")).records
    assert (one.chain, one.seq, list(one.commitments)) == (store.chain, 2, ["request"])
    assert (one.entry.facts, one.entry.texts) == ({"tokens": {"input": 3}}, {})


async def test_the_newest_are_read_on_from_where_one_was(store: AuditStore, database: Path) -> None:
    await append_all(store, ENTRIES)
    with SQLiteDatabase(database).reading() as connection:
        first, last = newest(connection, 2)
        assert [one.entry.id for one in first] == ["a3", "b1"]
        assert newest(connection, 2, after=last) == ([], last)
    await store.append(call(kind=Kind.CHECK, id="c"))
    with SQLiteDatabase(database).reading() as connection:
        again, _ = newest(connection, 2, after=last)
    assert [one.entry.id for one in again] == ["c"]
