"""Requests that are the same, in one worker and in two: how many calls, and who gets the answer.

A worker here is a `Flights` with a store and claims of its own. Two of them share a database that
is a file, and a file of claims, as processes do; or a database of PostgreSQL, as machines do. A
call is counted where it is made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from attrs import evolve, field, frozen
from on_time import GUARD_S, until
from postgres_server import shared

from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.schema import RECORDS
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import AuditError
from axonflow_core.http.asgi import ClientLeft
from axonflow_core.keys import Keys, throwaway_keys
from axonflow_core.policy.rules import Verdict
from axonflow_core.server import replays, single_flight
from axonflow_core.server.claims import Claims, FileClaims, OwnClaims
from axonflow_core.server.client_request import Answer
from axonflow_core.server.database_claims import DatabaseClaims
from axonflow_core.server.delivery import Delivery
from axonflow_core.server.replays import Given, Seal
from axonflow_core.server.single_flight import Asked, Flights

LONG_S = 60.0


class Model:
    """Answers once it is let, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.cancelled = 0
        self.fault: Exception | None = None
        self.may_answer = asyncio.Event()

    async def call(self) -> Given:
        self.calls += 1
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fault is not None:
            raise self.fault
        return Given(Answer(200, b"the answer"), f"call-{self.calls}", Verdict.REDACTED)


@frozen
class Worker:
    store: AuditStore
    flights: Flights
    claims: Claims
    seal: Seal
    model: Model

    def ask(self, what: bytes = b"body", **more: Any) -> Request:
        delivery = Delivery()
        asked = Asked(
            mark=self.seal.mark(b"acme", what),
            call=self.model.call,
            repeat=_repeat,
            delivery=delivery,
            **{"grace_s": LONG_S, "window_s": LONG_S, **more},
        )
        return Request(asyncio.create_task(self.flights.answer(asked)), delivery)

    async def look(self) -> None:
        """What a service does several times a second."""
        looked_at = time.monotonic()
        await self.flights.see(await self.store.read(replays.marks), looked_at)

    async def until_awaited(self, what: bytes = b"body") -> None:
        """Returns once another worker waits for the claim of that request."""
        await until(lambda: self.claims.is_awaited(self.seal.mark(b"acme", what)))


@frozen
class Request:
    task: asyncio.Task[Answer] = field(repr=False)
    delivery: Delivery = field(repr=False)

    async def answer(self, *, is_read: bool = True) -> bytes:
        """The answer, which the client reads, or does not."""
        body = (await asyncio.wait_for(self.task, GUARD_S)).body
        self.delivery.settle(is_read)
        return body

    async def leave(self) -> None:
        """The client closes its connection before it is answered. Nobody hears of its end."""
        await asyncio.sleep(0)
        self.delivery.end(False)
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())


async def _repeat() -> Entry:
    return Entry(kind=Kind.REPEAT, verdict=Verdict.ALLOWED, tenant="acme", client="acme")


@frozen
class Place:
    """Where workers share what they have."""

    url: str
    claims: Callable[[], Claims]


def in_files(folder: Path) -> Place:
    return Place(f"sqlite:///{folder}/audit.db", lambda: FileClaims(folder / "claims"))


def on_a_server() -> Place:
    url = shared().new_database()
    return Place(url, lambda: DatabaseClaims(database_of(url)))


@asynccontextmanager
async def worker(place: Place, keys: Keys, model: Model) -> AsyncIterator[Worker]:
    store = await AuditStore.open(place.url, keys, tables=replays.TABLES)
    claims, seal = place.claims(), Seal(keys.server[0])
    flights = Flights(store, seal, claims)
    try:
        yield Worker(store, flights, claims, seal, model)
    finally:
        await flights.aclose()
        await store.aclose()
        await claims.aclose()


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
async def one(tmp_path: Path, model: Model) -> AsyncIterator[Worker]:
    async with worker(in_files(tmp_path), throwaway_keys(), model) as made:
        yield made


@pytest.fixture(params=["files", pytest.param("server", marks=pytest.mark.thorough)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return in_files(tmp_path) if request.param == "files" else on_a_server()


@pytest.fixture
async def two(place: Place, model: Model) -> AsyncIterator[tuple[Worker, Worker]]:
    keys = throwaway_keys()
    async with worker(place, keys, model) as a, worker(place, keys, model) as b:
        yield a, b


async def repeats(of: Worker) -> list[dict[str, Any]]:
    """The records of answers that were given once more."""
    query = RECORDS.select().where(RECORDS.c.kind == "repeat").order_by(RECORDS.c.row)
    rows = await of.store.read(lambda connection: list(connection.execute(query).mappings()))
    return [orjson.loads(row["body"]) for row in rows]


async def kept(of: Worker) -> int:
    return len(await of.store.read(replays.marks))


# ── in flight ─────────────────────────────────────────────────────────────────────────────────────


async def test_requests_that_are_the_same_share_a_call_in_flight(one: Worker, model: Model) -> None:
    requests = [one.ask() for _ in range(5)]
    await until(lambda: model.calls > 0)
    model.may_answer.set()
    assert [await each.answer() for each in requests] == [b"the answer"] * 5
    assert model.calls == 1


async def test_requests_that_differ_do_not(one: Worker, model: Model) -> None:
    requests = [one.ask(b"%d" % number) for number in range(5)]
    model.may_answer.set()
    assert [await each.answer() for each in requests] == [b"the answer"] * 5
    assert model.calls == 5


async def test_two_workers_share_a_call_in_flight(two: tuple[Worker, Worker], model: Model) -> None:
    a, b = two
    first = a.ask()
    await until(lambda: model.calls > 0)
    others = [b.ask(), b.ask(), a.ask()]
    await a.until_awaited()
    model.may_answer.set()
    assert [await each.answer() for each in (first, *others)] == [b"the answer"] * 4
    assert model.calls == 1
    assert await kept(a) == 0


async def test_whoever_asks_again_after_an_answer_is_answered_by_a_call_of_its_own(
    two: tuple[Worker, Worker], model: Model
) -> None:
    model.may_answer.set()
    for each in (two[0], two[0], two[1], two[0]):
        await each.ask().answer()
    assert model.calls == 4
    assert await repeats(two[0]) == []


async def test_an_answer_given_once_more_is_on_record_and_names_the_call(
    one: Worker, model: Model
) -> None:
    requests = [one.ask() for _ in range(3)]
    await until(lambda: model.calls > 0)
    model.may_answer.set()
    for each in requests:
        await each.answer()
    records = await repeats(one)
    assert [record["facts"] for record in records] == [{"answer_of": "call-1", "how": "joined"}] * 2
    assert {record["verdict"] for record in records} == {"redacted"}


async def test_a_fault_of_the_call_is_told_to_all_and_nothing_is_kept(
    one: Worker, model: Model
) -> None:
    requests = [one.ask() for _ in range(3)]
    await until(lambda: model.calls > 0)
    model.fault = AuditError("no room")
    model.may_answer.set()
    for each in requests:
        with pytest.raises(AuditError, match="no room"):
            await each.answer()
    assert await kept(one) == 0
    model.fault = None
    assert await one.ask().answer() == b"the answer"


# ── answers that nobody read ──────────────────────────────────────────────────────────────────────


async def test_an_answer_that_was_not_read_is_given_to_the_next_attempt_and_to_no_other(
    one: Worker, model: Model
) -> None:
    model.may_answer.set()
    await one.ask().answer(is_read=False)
    assert await one.ask().answer() == b"the answer"
    assert model.calls == 1
    await one.ask().answer()
    assert model.calls == 2
    assert [record["facts"]["how"] for record in await repeats(one)] == ["replayed"]


async def test_an_answer_that_was_twice_not_read_is_kept_on(one: Worker, model: Model) -> None:
    model.may_answer.set()
    for _ in range(4):
        await one.ask().answer(is_read=False)
    assert await one.ask().answer() == b"the answer"
    assert model.calls == 1


async def test_another_worker_gives_it_once_it_has_looked(
    two: tuple[Worker, Worker], model: Model
) -> None:
    a, b = two
    model.may_answer.set()
    await a.ask().answer(is_read=False)
    await until(lambda: not a.flights._keeping)
    await b.look()
    assert await b.ask().answer() == b"the answer"
    assert model.calls == 1


async def test_another_worker_gives_it_at_once_for_the_claim_is_still_held(
    two: tuple[Worker, Worker], model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_flight, "_LINGER_S", LONG_S)
    a, b = two
    model.may_answer.set()
    await a.ask().answer(is_read=False)
    await until(lambda: bool(a.flights._lingering))
    assert await b.ask().answer() == b"the answer"
    assert model.calls == 1


@pytest.mark.parametrize(("stale_s", "calls"), [(0.0, 1), (LONG_S, 2)])
async def test_a_worker_that_has_not_looked_for_a_while_asks_the_table(
    one: Worker, model: Model, monkeypatch: pytest.MonkeyPatch, stale_s: float, calls: int
) -> None:
    """The claim is let go by then. The control trusts a look from before."""
    monkeypatch.setattr(single_flight, "_STALE_S", stale_s)
    model.may_answer.set()
    await one.ask().answer(is_read=False)
    await until(lambda: not one.flights._keeping)
    late = Flights(one.store, one.seal, OwnClaims())
    assert await evolve(one, flights=late).ask().answer() == b"the answer"
    assert model.calls == calls


async def test_a_claim_is_held_on_to_from_when_the_answer_can_be_seen(
    two: tuple[Worker, Worker], model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    (a, b), mark = two, two[0].seal.mark(b"acme", b"body")
    at_s, keep = [1_000.0], replays.keep

    def keep_late(*given: Any) -> None:
        keep(*given)
        at_s[0] += 60.0

    monkeypatch.setattr(replays, "keep", keep_late)
    clock = SimpleNamespace(monotonic=lambda: at_s[0], time_ns=time.time_ns)
    monkeypatch.setattr(single_flight, "time", clock)
    model.may_answer.set()
    await a.ask().answer(is_read=False)
    await until(lambda: at_s[0] > 1_000.0 and not a.flights._keeping)
    for _ in range(3):
        assert not await b.claims.take(mark)
        await asyncio.sleep(2 * a.claims.poll_s)
    at_s[0] += 60.0
    await until(lambda: b.claims.take(mark))


async def test_another_worker_gives_it_though_the_first_has_not_heard_yet_that_it_is_not_read(
    two: tuple[Worker, Worker], model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_flight, "_DOUBT_S", LONG_S)
    a, b = two
    first, second = a.ask(), a.ask()
    await until(lambda: model.calls > 0)
    await first.leave()
    model.may_answer.set()
    await second.task
    third = b.ask()
    await a.until_awaited()
    second.delivery.settle(False)
    assert await third.answer() == b"the answer"
    assert model.calls == 1


async def test_it_is_kept_for_a_while_only(one: Worker, model: Model) -> None:
    model.may_answer.set()
    await one.ask(window_s=0.05).answer(is_read=False)
    await until(lambda: not one.flights._keeping)
    assert await kept(one) == 1
    await asyncio.sleep(0.06)
    await one.look()
    assert await kept(one) == 0
    await one.ask().answer()
    assert model.calls == 2


async def test_it_is_not_given_when_its_time_is_over(one: Worker, model: Model) -> None:
    model.may_answer.set()
    await one.ask(window_s=0.05).answer(is_read=False)
    await asyncio.sleep(0.06)
    await one.ask().answer()
    assert model.calls == 2


async def test_a_client_that_comes_while_its_answer_is_put_away_has_it_and_nobody_else(
    one: Worker, model: Model
) -> None:
    first = one.ask()
    await until(lambda: model.calls > 0)
    await first.leave()
    model.may_answer.set()
    while not one.flights._kept:  # noqa: ASYNC110 - between two turns of the loop
        await asyncio.sleep(0)
    second = one.ask()
    await asyncio.sleep(0)
    assert not first.task.done()
    assert await second.answer() == b"the answer"
    assert await kept(one) == 0
    await one.ask().answer()
    assert model.calls == 2


async def test_what_is_kept_cannot_be_read_without_the_server_key(
    one: Worker, model: Model
) -> None:
    model.may_answer.set()
    await one.ask().answer(is_read=False)
    await until(lambda: not one.flights._keeping)
    row = await one.store.read(
        lambda connection: connection.execute(replays.REPLAYS.select()).one()
    )
    assert b"answer" not in row.sealed
    assert one.seal.mark(b"acme", b"body") == row.mark
    assert one.seal.open(row.mark, row.sealed) is not None
    assert one.seal.open(bytes(32), row.sealed) is None
    assert Seal(bytes(32)).open(row.mark, row.sealed) is None


def test_a_mark_tells_where_one_part_ends_and_the_next_begins() -> None:
    seal = Seal(b"k" * 32)
    texts = [(b"ab", b"c"), (b"a", b"bc"), (b"abc", b""), (b"", b"abc"), (b"abc",)]
    texts += [(b"a:b", b"c"), (b"a", b"b:c"), (b"a:b:c",), (b"a", b"b", b"c")]
    assert len({seal.mark(*parts) for parts in texts}) == len(texts)
    assert seal.mark(b"a") != Seal(b"l" * 32).mark(b"a")


# ── clients that leave ────────────────────────────────────────────────────────────────────────────


async def test_a_client_that_leaves_finds_its_call_when_it_comes_back(
    one: Worker, model: Model
) -> None:
    first = one.ask()
    await until(lambda: model.calls > 0)
    await first.leave()
    second = one.ask()
    model.may_answer.set()
    assert await second.answer() == b"the answer"
    with pytest.raises(ClientLeft):
        await first.task
    assert (model.calls, model.cancelled) == (1, 0)
    assert await kept(one) == 0


async def test_a_call_that_ends_after_its_client_left_is_kept_for_the_next_attempt(
    one: Worker, model: Model
) -> None:
    first = one.ask()
    await until(lambda: model.calls > 0)
    await first.leave()
    model.may_answer.set()
    with pytest.raises(ClientLeft):
        await first.task
    assert await kept(one) == 1
    assert await one.ask().answer() == b"the answer"
    assert model.calls == 1


async def test_a_call_that_nobody_comes_back_for_is_cancelled_after_the_grace(
    one: Worker, model: Model
) -> None:
    first = one.ask(grace_s=0.05)
    await until(lambda: model.calls > 0)
    await first.leave()
    with pytest.raises(ClientLeft):
        await first.task
    assert (model.calls, model.cancelled) == (1, 1)
    model.may_answer.set()
    await one.ask().answer()
    assert model.calls == 2


async def test_the_grace_ends_with_the_last_of_several_clients(one: Worker, model: Model) -> None:
    first, second = one.ask(grace_s=0.05), one.ask(grace_s=0.05)
    await until(lambda: model.calls > 0)
    await first.leave()
    await asyncio.sleep(0.2)
    assert model.cancelled == 0
    await second.leave()
    with pytest.raises(ClientLeft):
        await first.task
    with pytest.raises(ClientLeft):
        await second.task
    assert model.cancelled == 1


async def test_a_client_that_comes_back_to_another_worker_keeps_the_call_alive(
    two: tuple[Worker, Worker], model: Model
) -> None:
    a, b = two
    first = a.ask(grace_s=0.2)
    await until(lambda: model.calls > 0)
    second = b.ask()
    await a.until_awaited()
    await first.leave()
    await asyncio.sleep(0.6)
    model.may_answer.set()
    assert await second.answer() == b"the answer"
    assert (model.calls, model.cancelled) == (1, 0)
    assert [record["facts"]["how"] for record in await repeats(b)] == ["joined"]


async def test_a_worker_that_dies_lets_go_of_its_claims(
    two: tuple[Worker, Worker], model: Model, place: Place
) -> None:
    mark = two[0].seal.mark(b"acme", b"body")
    dying = place.claims()
    assert await dying.take(mark)
    second = two[1].ask()
    await asyncio.sleep(0.1)
    assert model.calls == 0
    await dying.aclose()
    model.may_answer.set()
    assert await second.answer() == b"the answer"
    assert model.calls == 1


async def test_whoever_waits_for_a_claim_may_leave(
    two: tuple[Worker, Worker], model: Model
) -> None:
    a, b = two
    first = a.ask()
    await until(lambda: model.calls > 0)
    second = b.ask()
    await a.until_awaited()
    await second.leave()
    with pytest.raises(ClientLeft):
        await second.task
    await b.claims.is_awaited(b"another key")  # it is done with what was asked before
    assert not await a.claims.is_awaited(a.seal.mark(b"acme", b"body"))
    model.may_answer.set()
    assert await first.answer() == b"the answer"
    assert model.calls == 1
    assert await kept(a) == 0


async def test_nothing_is_begun_for_a_client_that_has_left(one: Worker, model: Model) -> None:
    request = one.ask()
    request.delivery.end(False)
    with pytest.raises(ClientLeft):
        await request.task
    assert model.calls == 0
    model.may_answer.set()
    assert await one.ask().answer() == b"the answer"


# ── claims ────────────────────────────────────────────────────────────────────────────────────────


async def test_one_of_two_has_a_claim_and_knows_whether_the_other_waits(place: Place) -> None:
    one, two = place.claims(), place.claims()
    key, other = b"k" * 32, b"o" * 32
    assert await one.take(key) and not await two.take(key) and await two.take(other)
    assert not await one.is_awaited(key)
    await two.wait(key)
    assert await one.is_awaited(key)
    assert not (await two.is_awaited(key) or await one.is_awaited(other))
    two.wait_no_more(key)
    await two.is_awaited(key)
    assert not await one.is_awaited(key)
    one.release(key)
    assert await one.take(key) and await one.take(key)
    one.release(key)
    await one.is_awaited(other)
    assert await two.take(key)
    await one.aclose()
    await two.aclose()


@pytest.mark.thorough
async def test_whoever_gives_up_while_it_asks_has_no_claim() -> None:
    place = on_a_server()
    one, two = place.claims(), place.claims()
    asking = asyncio.create_task(one.take(b"k" * 32))
    await asyncio.sleep(0)
    asking.cancel()
    await one.is_awaited(b"k" * 32)
    assert await two.take(b"k" * 32)
    await one.aclose()
    await two.aclose()


@pytest.mark.thorough
async def test_a_session_that_is_cut_has_its_claims_again_as_far_as_they_are_free() -> None:
    place = on_a_server()
    one, two = place.claims(), place.claims()
    kept, lost, free = (letter * 32 for letter in (b"k", b"l", b"f"))
    assert await one.take(kept) and await one.take(lost)
    shared().cut()
    while not await two.take(lost):  # the other was faster, and has them again
        shared().cut()
    assert await one.take(free)  # it is in a session again
    assert not await two.take(kept) and not await two.take(free) and not await one.take(lost)
    await one.aclose()
    await until(lambda: two.take(kept))  # the database ends a session later
    await two.aclose()


LOCKS = """\
SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE locktype = 'advisory' AND datname = current_database()"""
"""Who has claims in a database."""


@pytest.mark.thorough
async def test_a_session_that_is_cut_while_nothing_is_asked_is_missed_within_seconds() -> None:
    place = on_a_server()
    one, two = place.claims(), place.claims()
    assert await one.take(b"k" * 32)
    shared().cut()
    await until(lambda: shared().run(LOCKS, url=place.url))
    assert not await two.take(b"k" * 32)
    await one.aclose()
    await two.aclose()


class Silent(OwnClaims):
    """Claims that are not to be had any more once they were taken."""

    async def is_awaited(self, key: bytes) -> bool:
        raise AuditError("nobody answers")


async def test_an_answer_that_is_on_record_is_given_whether_claims_are_to_be_had_or_not(
    tmp_path: Path, model: Model
) -> None:
    place = Place(f"sqlite:///{tmp_path}/audit.db", Silent)
    async with worker(place, throwaway_keys(), model) as made:
        first = made.ask()
        await until(lambda: model.calls > 0)
        second = made.ask()
        model.may_answer.set()
        assert [await first.answer(), await second.answer(is_read=False)] == [b"the answer"] * 2
        assert await made.ask().answer() == b"the answer"
    assert model.calls == 1


@pytest.mark.thorough
async def test_where_nobody_answers_a_claim_is_refused_in_words() -> None:
    claims = DatabaseClaims(database_of("postgresql://jo:hush@127.0.0.1:1/audit"))
    with pytest.raises(AuditError, match="claims cannot be made in postgresql://") as refused:
        await claims.take(b"k" * 32)
    assert "hush" not in str(refused.value) and "start the server" in str(refused.value.hint)
    await claims.aclose()
