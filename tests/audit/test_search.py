"""Records found again."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow_core.audit import places
from axonflow_core.audit.batch import Transaction
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.places import Filter
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.search import newest, search
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import AuditError, RequestError
from axonflow_core.policy.rules import Verdict

from .making import append_all, call, opened

ENTRIES = (
    call(id="a1", at_us=1, user="u_1", request_type="chat"),
    call(id="a2", at_us=2, client="bank", verdict=Verdict.BLOCKED, rules=("pii", "no-aurora")),
    call(
        id="a3",
        at_us=3,
        user="u_1",
        verdict=Verdict.REDACTED,
        rules=("pii",),
        provider="azure",
        model="m-1",
        facts={"cost_usd": 0.5, "receipt": {"request_id": "req-7"}},
    ),
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
        (Filter(provider="azure"), ["a3"]),
        (Filter(provider="openai"), []),
        (Filter(model="m-1"), ["a3"]),
        (Filter(receipt="req-7"), ["a3"]),
        (Filter(receipt="req"), []),
        (Filter(min_cost_usd=0.5), ["a3"]),
        (Filter(min_cost_usd=0.51), []),
        (Filter(max_cost_usd=0.5), ["a3"]),
        (Filter(max_cost_usd=0.49), []),
        (Filter(user="u_1", rule="pii", min_cost_usd=0.1), ["a3"]),
        (Filter(id="a3", rule="no-aurora"), []),
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


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (1_001, 0), (1, -1), (1, 10_001)])
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


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────

TENANTS, CLIENTS, RULES = ("acme", "globex"), ("shop", "bank", "desk"), ("pii", "no-aurora", "sql")
COSTS = (None, 0, 0.000_3, 0.001, 0.004, 0.017, 0.3, 2)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """An entry of some moment, with little that others do not have."""
    cost = draw(st.sampled_from(COSTS))
    return call(
        at_us=draw(st.sampled_from((5, 6, 7, 3_000_000, 3_000_001, 10**15, -4))),
        tenant=draw(st.sampled_from(TENANTS)),
        client=draw(st.sampled_from(CLIENTS)),
        user=draw(st.sampled_from((None, "u_1", "u_2"))),
        provider=draw(st.sampled_from((None, "azure", "openai"))),
        verdict=draw(st.sampled_from(tuple(Verdict))),
        rules=tuple(draw(st.sets(st.sampled_from(RULES)))),
        facts={} if cost is None else {"cost_usd": cost},
    )


def filters() -> st.SearchStrategy[Filter]:
    """Any combination of what is asked for."""
    return st.builds(
        Filter,
        client=st.sampled_from((None, *CLIENTS)),
        user=st.sampled_from((None, None, "u_1")),
        provider=st.sampled_from((None, None, "azure")),
        verdict=st.sampled_from((None, None, *Verdict)),
        rule=st.sampled_from((None, *RULES)),
        start_us=st.sampled_from((None, None, 6, 3_000_001)),
        end_us=st.sampled_from((None, None, 3_000_001)),
        min_cost_usd=st.sampled_from((None, None, 0.0, 0.002)),
        max_cost_usd=st.sampled_from((None, None, 0.004, 1.0)),
    )


def fits(entry: Entry, wanted: Filter) -> bool:
    """What a filter means, said once more."""
    cost = entry.facts.get("cost_usd")
    return all(
        (
            wanted.client in (None, entry.client),
            wanted.user in (None, entry.user),
            wanted.provider in (None, entry.provider),
            wanted.verdict in (None, entry.verdict),
            wanted.rule is None or wanted.rule in entry.rules,
            wanted.start_us is None or entry.at_us >= wanted.start_us,
            wanted.end_us is None or entry.at_us < wanted.end_us,
            wanted.min_cost_usd is None or (cost is not None and cost >= wanted.min_cost_usd),
            wanted.max_cost_usd is None or (cost is not None and cost <= wanted.max_cost_usd),
        )
    )


def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done for many records is done for some."""
    for name, number in (("MAX_COUNTED", 5), ("MAX_EXAMINED", 7), ("_WINDOW", 2)):
        monkeypatch.setattr(places, name, number)


async def paged(store: AuditStore, wanted: Filter, limit: int) -> list[str]:
    """The ids of all pages; between each two, another record that fits is written."""
    found: list[str] = []
    before = None
    for _ in range(200):  # far more than there are
        page = await search(store, "acme", wanted, limit=limit, before=before)
        found += [one.entry.id for one in page.records]
        before = page.next
        if before is None:
            return found
        await store.append(call(at_us=10**16, rules=RULES, facts={"cost_usd": 0.003}))
    raise AssertionError("the pages do not end")


@given(st.lists(entries(), max_size=40), st.lists(filters(), min_size=3, max_size=3), st.data())
@settings(max_examples=15, deadline=None)
def test_pages_by_cursor_are_the_records_that_fit_whatever_is_written_meanwhile(
    made: list[Entry], asked: list[Filter], data: st.DataObject
) -> None:
    limit = data.draw(st.integers(1, 7))
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if data.draw(st.booleans()):
            few_are_many(patch)
        asyncio.run(_require_pages(f"sqlite:///{folder}/audit.db", made, asked, limit))


async def _require_pages(url: str, made: list[Entry], asked: list[Filter], limit: int) -> None:
    ours = {entry.id for entry in made}
    async with opened(database_of(url)) as store:
        for entry in made:
            await store.append(entry)
        newest_first = sorted(
            enumerate(made), key=lambda each: (each[1].at_us, each[0]), reverse=True
        )
        mine = [entry for _, entry in newest_first if entry.tenant == "acme"]
        for wanted in asked:
            found = await paged(store, wanted, limit)
            assert len(set(found)) == len(found)
            fitting = [entry.id for entry in mine if fits(entry, wanted)]
            assert [id for id in found if id in ours] == fitting
            page = await search(store, "acme", wanted, limit=1_000)
            assert page.total == len(page.records) or not page.is_total_exact
            assert page.total >= len(page.records)


@pytest.mark.thorough
async def test_pages_by_cursor_are_the_records_that_fit_on_a_server_too(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_are_many(monkeypatch)
    draw = random.Random(5)
    made = [
        call(
            at_us=draw.choice((5, 6, 3_000_000, 10**15)),
            client=draw.choice(CLIENTS),
            user=draw.choice((None, "u_1")),
            rules=tuple(draw.sample(RULES, draw.randrange(3))),
            facts={"cost_usd": draw.choice(COSTS)},
        )
        for _ in range(60)
    ]
    asked = [
        Filter(),
        Filter(client="shop"),
        Filter(user="u_1", rule="pii"),
        Filter(min_cost_usd=0.002, max_cost_usd=1.0),
        Filter(rule="sql", client="bank", start_us=6),
    ]
    await _require_pages(url, made, asked, 4)


async def test_a_total_is_exact_up_to_a_bound(
    store: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MAX_COUNTED", 5)
    for number, is_exact in ((5, True), (6, False)):
        await append_all(store, [call() for _ in range(number if is_exact else 1)])
        page = await search(store, "acme", limit=2)
        assert (page.total, page.is_total_exact) == (5, is_exact)
    assert (await search(store, "acme", limit=6)).total == 6  # it shows them itself


async def test_a_page_of_few_among_very_many_is_short_and_goes_on(
    store: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_are_many(monkeypatch)
    await append_all(store, [call(at_us=n * 10**9, facts={"cost_usd": 1.0}) for n in range(60)])
    await append_all(store, [call(id="dear", at_us=1, facts={"cost_usd": 1.5})])
    wanted = Filter(min_cost_usd=1.4)
    first = await search(store, "acme", wanted, limit=1)
    assert (first.records, first.is_total_exact) == ((), False) and first.next is not None
    assert await paged(store, wanted, 1) == ["dear"]


async def test_whoever_makes_up_names_of_models_finds_the_records_all_the_same(
    store: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_MAX_SERIES", 5)
    await append_all(store, [call(id=f"m{n}", at_us=n, model=f"m-{n}") for n in range(9)])
    assert await found(store, Filter(client="shop")) == [f"m{n}" for n in range(8, -1, -1)]
    assert await found(store, Filter(client="bank")) == []


async def test_what_a_batch_that_failed_was_found_by_is_not_there(store: AuditStore) -> None:
    await store.append(call(id="one"))

    def work(transaction: Transaction) -> None:
        transaction.append(call(id="two", client="new", user="u_9"))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.transact(work)
    with pytest.raises(AuditError):
        await store.append(call(id="one", client="new", user="u_9"))
    assert await found(store, Filter(client="new")) == await found(store, Filter(user="u_9")) == []
    await store.append(call(id="three", client="new", user="u_9"))
    assert await found(store, Filter(client="new")) == ["three"]
    assert await found(store, Filter(user="u_9")) == ["three"]
