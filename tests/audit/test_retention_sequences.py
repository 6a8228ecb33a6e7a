"""Retention over drawn histories: writers begin, die and end, streams open and close, holds and
exports come and go. A small model says what has to be left; after each step the rest verifies, and
what is done to it is found."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import Factory, define
from sqlalchemy import delete, insert, select, update

from axonflow_core.audit import batch as batches
from axonflow_core.audit import holds
from axonflow_core.audit.batch import Batch, Transaction, Vault, move_head
from axonflow_core.audit.chain import Head
from axonflow_core.audit.connection import WriterConnection
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.finding import SeriesSeen
from axonflow_core.audit.holds import Hold
from axonflow_core.audit.opening import begin_chain, sweep
from axonflow_core.audit.record import Kind
from axonflow_core.audit.retention import plan, remove
from axonflow_core.audit.schema import BEGINNINGS, EXPORTS, HEADS, RECORDS
from axonflow_core.audit.statements import Statements
from axonflow_core.audit.verify import seals_of, verify
from axonflow_core.frozen import evolve

from .making import KEYS, call

DAY_US = 86_400_000_000
CLIENTS = ("shop", "desk", "lab")


@define
class Known:
    """A record as the model has it."""

    chain: str
    seq: int
    id: str
    kind: Kind
    client: str
    closes: str | None = None


@define
class Model:
    """What was recorded, and what may go."""

    records: list[Known] = Factory(list)
    ends: dict[str, dict[int, int]] = Factory(dict)
    """Chain -> place behind which it can be cut -> when that was signed."""
    removed: dict[str, int] = Factory(dict)
    holds: dict[str, str] = Factory(dict)
    """Hold -> client."""
    exported: dict[str, int] | None = None

    def retain(self, before_us: int) -> None:
        """Cut each chain as far behind as nothing speaks against it."""
        place = {
            chain: max([self.removed.get(chain, 0), *self._over(chain, before_us)])
            for chain in self.ends
        }
        while lower := self._lowered(place, before_us):
            place |= lower
        self.removed |= {chain: seq for chain, seq in place.items() if seq}

    def _over(self, chain: str, before_us: int) -> list[int]:
        most = None if self.exported is None else self.exported.get(chain, 0)
        return [
            seq
            for seq, at_us in self.ends[chain].items()
            if at_us < before_us and (most is None or seq <= most)
        ]

    def _lowered(self, place: dict[str, int], before_us: int) -> dict[str, int]:
        for one in self.left():
            if one.seq <= place[one.chain] and self._has_to_stay(one, place):
                below = [seq for seq in self._over(one.chain, before_us) if seq < one.seq]
                return {one.chain: max([self.removed.get(one.chain, 0), *below])}
        return {}

    def _has_to_stay(self, one: Known, place: dict[str, int]) -> bool:
        if one.client in self.holds.values():
            return True
        if one.kind is Kind.OPENED:
            return not any(other.closes == one.id for other in self.records)
        opened = next((other for other in self.records if other.id == one.closes), None)
        return opened is not None and opened.seq > place[opened.chain]

    def left(self) -> list[Known]:
        return [one for one in self.records if one.seq > self.removed.get(one.chain, 0)]


class History:
    """A database, written by writers that take turns, beside its model."""

    def __init__(self, connection: WriterConnection, draw: random.Random) -> None:
        self.connection, self.draw = connection, draw
        self.now_us, self.model = 1_790_000_000_000_000, Model()
        self.vault, self.alive = Vault(KEYS), dict[str, Head]()
        self.statements = Statements(connection.joined().dialect)
        self.streams: dict[str, str] = {}
        """The streams that are open: id -> chain."""
        self.count = 0

    def time_ns(self) -> int:
        return self.now_us * 1_000

    def is_alive(self, _: object, chain: str) -> bool:
        return chain in self.alive

    def run(self, chain: str, work: Callable[[Transaction], Any]) -> Any:
        """One batch of a writer."""
        self.now_us += self.draw.choice((1_000, DAY_US // 3, DAY_US))
        batch = self._batch(self.alive[chain])
        result = work(Transaction(self.connection, batch))
        self._write(batch)
        return result

    def _batch(self, head: Head) -> Batch:
        driver = self.connection.driver
        series = SeriesSeen()
        return Batch(driver, self.statements, head, self.vault, keeps_texts=False, series=series)

    def _write(self, batch: Batch) -> None:
        before = self.alive.get(batch.chain, Head(batch.chain))
        after = batch.write()
        batch.committed()
        places = range(before.seq + 1, after.seq + 1)
        for seq, entry in zip(places, batch.entries, strict=True):
            one = (entry.id, entry.kind, entry.client, entry.closes)
            self.model.records.append(Known(batch.chain, seq, *one))
            if entry.closes is not None:
                self.streams.pop(entry.closes, None)
        self.alive[batch.chain] = after
        ends = self.model.ends.setdefault(batch.chain, {})
        if batches.is_sealed(before, after):
            ends[after.seq] = after.at_us

    # ── steps ─────────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        self.count += 1
        self.now_us += 1_000
        head = Head(f"chain-{self.count:03}")
        batch = self._batch(head)
        joined = self.connection.joined()
        self._note_ended()
        begin_chain(joined, head, batch, self)  # type: ignore[arg-type]
        self._write(batch)

    def _note_ended(self) -> None:
        """Streams of writers that have ended are about to be closed: such a chain may be cut at its
        end."""
        unswept = select(HEADS).where(HEADS.c.is_swept.is_(False))
        for row in self.connection.joined().execute(unswept):
            if row.chain not in self.alive:
                self.model.ends[row.chain].setdefault(row.seq, row.at_us)

    def sweep(self) -> None:
        """A writer that has been there for long closes what others left open."""

        def close(transaction: Transaction) -> None:
            batch = transaction._batch
            sweep(self.connection.joined(), batch, self)  # type: ignore[arg-type]

        if self.alive:
            self._note_ended()
        self._with_writer(lambda chain: self.run(chain, close))

    def write(self) -> None:
        self._with_writer(lambda chain: self.run(chain, self._append))

    def _append(self, transaction: Transaction) -> None:
        for _ in range(self.draw.randint(1, 4)):
            own = [id for id, chain in self.streams.items() if chain == transaction.chain]
            self.count += 1
            entry = call(id=f"r{self.count}", client=self.draw.choice(CLIENTS), texts={"a": "b"})
            kind = self.draw.random()
            if kind < 0.3:
                entry = evolve(entry, kind=Kind.OPENED)
                self.streams[entry.id] = transaction.chain
            elif kind < 0.6 and own:
                entry = evolve(entry, closes=self.streams and own[0])
                del self.streams[own[0]]
            transaction.append(entry)

    def die(self) -> None:
        self._with_writer(lambda chain: self.alive.pop(chain))

    def end(self) -> None:
        def end(chain: str) -> None:
            self.now_us += 1_000
            before = self.alive.pop(chain)
            head = evolve(before, is_closed=True)
            driver, signer = self.connection.driver, self.vault.signer
            head = move_head(driver, self.statements, before, head, signer)
            self.model.ends[chain].setdefault(head.seq, head.at_us)

        self._with_writer(end)

    def hold(self) -> None:
        client, name = self.draw.choice(CLIENTS), f"hold-{self.draw.randint(1, 2)}"
        if name in self.model.holds:
            self._with_writer(lambda chain: self.run(chain, partial(holds.release, name=name)))
            self.model.holds.pop(name, None) if self.alive else None
        elif self.alive:
            hold = Hold(name=name, reason="r", client=client)
            self._with_writer(lambda chain: self.run(chain, partial(holds.add, hold=hold)))
            self.model.holds[name] = client

    def export(self) -> None:
        """Everything up to some record is carried out; or nothing is exported any more."""
        joined = self.connection.joined()
        joined.execute(delete(EXPORTS))
        self.model.exported = None
        if self.draw.random() < 0.7 and self.model.records:
            part = self.model.records[: self.draw.randint(1, len(self.model.records))]
            self.model.exported = {one.chain: one.seq for one in part}
            rows = [
                {"name": "e", "chain": chain, "seq": seq}
                for chain, seq in self.model.exported.items()
            ]
            joined.execute(insert(EXPORTS), rows)

    def retain(self) -> None:
        if not self.alive:
            self.begin()
        before_us = self.now_us - self.draw.choice((0, 1, 2)) * DAY_US // 3
        self.model.retain(before_us)
        planned = plan(self.connection.joined(), before_us)
        for part in planned.parts():
            work = partial(remove, segments=part, planned=planned, command="c")
            chain = self.draw.choice(sorted(self.alive))
            assert self.run(chain, work) is not None
            self.verify()
        self.check()

    def _with_writer(self, step: Callable[[str], object]) -> None:
        if self.alive:
            step(self.draw.choice(sorted(self.alive)))

    def counts(self) -> dict[str, int]:
        """How much of what retention has to look at there was."""
        removed, left = self.model.removed, self.model.left()
        gone = [one for one in self.model.records if one.seq <= removed.get(one.chain, 0)]
        chain_of = {one.id: one.chain for one in self.model.records}
        return {
            "records removed": len(gone),
            "left": len(left),
            "removals removed": sum(one.kind is Kind.RETENTION for one in gone),
            "first records removed": sum(one.kind is Kind.CHAIN for one in gone),
            "ends of others' streams removed": sum(
                one.closes is not None and chain_of[one.closes] != one.chain for one in gone
            ),
            "holds in force": len(self.model.holds),
            "exports": self.model.exported is not None,
        }

    # ── what has to hold ──────────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        found = self.connection.joined().execute(select(RECORDS.c.chain, RECORDS.c.seq))
        assert sorted(map(tuple, found)) == sorted((o.chain, o.seq) for o in self.model.left())

    def verify(self) -> None:
        found = verify(self.connection.joined(), self.vault.signer.public_keys)
        assert found.faults == ()

    def tamper(self) -> None:
        """What is done to the rest is found; then it is as it was."""
        joined = self.connection.joined()
        left = self.model.left()
        if not left:
            return
        victim = self.draw.choice(left)
        last = max(left, key=lambda one: (one.chain == victim.chain, one.seq))
        is_it = (RECORDS.c.chain == victim.chain) & (RECORDS.c.seq == victim.seq)
        is_last = (RECORDS.c.chain == last.chain) & (RECORDS.c.seq == last.seq)
        is_rest = (RECORDS.c.chain == victim.chain) & (RECORDS.c.seq <= victim.seq)
        for change in (
            delete(RECORDS).where(is_it),
            delete(RECORDS).where(is_last),
            delete(RECORDS).where(is_rest),
            update(RECORDS).where(is_it).values(client="mallory"),
            update(RECORDS).where(is_it).values(body=b'{"facts":{}}'),
        ):
            self._is_found([change])
        seals = [each.head for each in seals_of(joined)]
        removed = self.model.removed
        if later := [head for head in seals if head.seq > removed.get(head.chain, 0)]:
            head = self.draw.choice(later)
            is_before = (RECORDS.c.chain == head.chain) & (RECORDS.c.seq <= head.seq)
            record = joined.execute(select(BEGINNINGS.c.record)).scalar() or "none"
            beginning = {"seq": head.seq, "hash": head.hash, "record": record}
            self._is_found(
                [
                    delete(RECORDS).where(is_before),
                    delete(BEGINNINGS).where(BEGINNINGS.c.chain == head.chain),
                    insert(BEGINNINGS).values(chain=head.chain, **beginning),
                ]
            )

    def _is_found(self, changes: Sequence[Any]) -> None:
        joined = self.connection.joined()
        with joined.begin_nested() as savepoint:
            for change in changes:
                joined.execute(change)
            found = verify(joined, self.vault.signer.public_keys)
            assert not found.is_valid, list(map(str, changes))
            savepoint.rollback()


STEPS = (
    *(History.begin, History.write, History.write, History.write, History.die, History.end),
    *(History.hold, History.export, History.sweep, History.retain, History.retain),
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[WriterConnection]:
    """The one connection of a database that is taken back after each history."""
    database = SQLiteDatabase(tmp_path / "audit.db", synchronous="OFF")
    database.prepare(Vault(KEYS).master.check)
    engine = database.writing_engine()
    connection = WriterConnection(engine, database)
    yield connection
    connection.close()
    engine.dispose()


@pytest.mark.parametrize(
    ("first", "count"),
    [
        (0, 40),
        *(pytest.param(first, 60, marks=pytest.mark.thorough) for first in range(40, 340, 60)),
        *(
            pytest.param(first, 1_000, marks=pytest.mark.exhaustive)
            for first in range(0, 10_000, 1_000)
        ),
    ],
)
def test_nothing_goes_that_must_stay_and_nothing_stays_that_must_go(
    connection: WriterConnection, monkeypatch: pytest.MonkeyPatch, first: int, count: int
) -> None:
    monkeypatch.setattr(batches, "SEALED", 3)
    monkeypatch.setattr("axonflow_core.audit.retention.MAX_RECORDS", 4)
    counts = Counter[str]()
    for seed in range(first, first + count):
        history = History(connection, random.Random(seed))
        monkeypatch.setattr(batches, "time", SimpleNamespace(time_ns=history.time_ns))
        history.begin()
        for _ in range(history.draw.randint(8, 32)):
            history.draw.choice(STEPS)(history)
        history.retain()
        history.verify()
        history.tamper()
        counts.update(history.counts())
        connection.joined().rollback()
    said = ", ".join(f"{number:,} {what}" for what, number in counts.items())
    print(f"{count:,} histories: {said}")  # noqa: T201 - the figures
    assert min(counts.values()) > 0
