"""What is erased is unreadable for ever: its bytes are nowhere, its commitments cannot be tested,
and the chain verifies, and still shows a tail that was cut off."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import orjson
import pytest
from on_time import until

from axonflow_core.audit import erasure, holds, writer
from axonflow_core.audit.batch import Transaction, Vault
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.erasure import Erasure
from axonflow_core.audit.export import Exporter, ExportFolder, Form
from axonflow_core.audit.holds import Hold
from axonflow_core.audit.kept import kept_record
from axonflow_core.audit.keys import MasterKey, Signer, TenantKey, open_text
from axonflow_core.audit.record import Kind
from axonflow_core.audit.store import AuditStore
from axonflow_core.errors import AuditError, RequestError

from .making import KEYS, append_all, call, opened, rows, verified

CANARY = "the patient has 123-45-6789"


async def erase(store: AuditStore, *ids: str, tenant: str | None = None) -> Erasure:
    """Erase records, as a command does."""
    work = partial(erasure.erase, ids=ids, tenant=tenant, command="audit erase")
    return await store.transact(work)


async def destroy(store: AuditStore, tenant: str) -> Erasure:
    """Destroy a tenant's key, as a command does."""
    work = partial(erasure.destroy_tenant_key, tenant=tenant, command="audit erase --tenant-key")
    return await store.transact(work)


def key_of(database: Path, tenant: str = "acme") -> TenantKey:
    """The key of a tenant, as whoever has the master key reads it."""
    ((wrapped,),) = rows(database, "SELECT wrapped FROM tenant_keys WHERE tenant = ?", tenant)
    return MasterKey(KEYS.master).unwrap(wrapped, tenant)


def hidden(database: Path, id: str) -> tuple[bytes | None, str, Sequence[bytes]]:
    """Of a record: its key as it is stored, its commitment, its texts as they are stored."""
    ((wrapped, body),) = rows(database, "SELECT record_key, body FROM records WHERE id = ?", id)
    texts = rows(database, "SELECT sealed FROM texts WHERE record = ?", id)
    return wrapped, orjson.loads(body)["commitments"]["request"], [text for (text,) in texts]


def files(database: Path) -> bytes:
    """Every byte of the database and of what stands beside it."""
    beside = database.parent.glob(f"{database.name}*")
    return b"".join(path.read_bytes() for path in beside if path.is_file())


def wipe(database: Path, outcome: Erasure) -> str | None:
    """Take the bytes of what was erased out of the database."""
    return SQLiteDatabase(database).wipe(outcome.traces)


async def test_no_byte_of_a_key_or_a_text_is_left_while_a_server_goes_on(database: Path) -> None:
    async with opened(database, keeps_texts=True) as server:
        await append_all(server, [call(texts={"request": f"other {n}"}) for n in range(300)])
        await server.append(call(id="r", texts={"request": CANARY, "response": CANARY}))
        await append_all(server, [call(texts={"request": f"more {n}"}) for n in range(300)])
        wrapped, _, texts = hidden(database, "r")
        assert wrapped is not None and len(texts) == 2
        secret = key_of(database).unwrap(wrapped, "r")
        assert open_text(secret, "r", "request", texts[0]) == CANARY
        assert all(each in files(database) for each in (wrapped, *texts))
        async with opened(database) as command:
            outcome = await erase(command, "r")
        assert wipe(database, outcome) is None
        assert not any(each in files(database) for each in (wrapped, *texts))
        await server.append(call(texts={"request": "after"}))
    assert (outcome.erased, outcome.forgotten) == (1, {"texts": 2})
    assert not any(part in files(database) for each in (wrapped, *texts) for part in _parts(each))
    assert hidden(database, "r")[0] is None
    assert verified(database).is_valid


async def test_a_text_is_in_no_byte_of_the_store_its_wal_or_an_export_once_it_is_erased(
    database: Path, tmp_path: Path
) -> None:
    async with opened(database, keeps_texts=True) as server:
        await server.append(call(id="r", model="canary-model", texts={"request": CANARY}))
        wrapped, commitment, texts = hidden(database, "r")
        assert wrapped is not None
        before = exported(database, tmp_path / "before")
        assert readable(database, "r") == {"request": CANARY}  # the control
        async with opened(database) as command:
            outcome = await erase(command, "r")
        assert wipe(database, outcome) is None
        after = exported(database, tmp_path / "after")
        everywhere = files(database) + after
        assert not any(each in everywhere for each in (CANARY.encode(), wrapped, *texts))
        assert readable(database, "r") == {}
    assert b"canary-model" in after  # the control: the record is in it, and its names are
    assert commitment.encode() in after and commitment.encode() in before
    assert CANARY.encode() not in before
    assert verified(database).is_valid


def readable(database: Path, id: str) -> Mapping[str, str]:
    """The texts of a record, as whoever has all keys reads them."""
    with SQLiteDatabase(database).reading() as connection:
        kept = kept_record(connection, Vault(KEYS), id)
    assert kept is not None
    return kept.texts


def exported(database: Path, folder: Path) -> bytes:
    """Every byte of an export."""
    exporter = Exporter(ExportFolder(folder), Signer(KEYS), Form.RECORDS)
    with SQLiteDatabase(database).reading() as connection:
        assert exporter.step(connection, 1_000) is not None
    return b"".join(path.read_bytes() for path in folder.iterdir())


def _parts(content: bytes) -> Sequence[bytes]:
    """Every piece of twelve bytes, for what stands on two pages."""
    return [content[start : start + 12] for start in range(len(content) - 11)]


async def test_rows_in_any_order_leave_nothing_behind(database: Path) -> None:
    draw = random.Random(7)
    entries = [call(texts={"request": "x" * draw.randint(1, 1_500)}) for _ in range(300)]
    async with opened(database, keeps_texts=True) as store:
        await append_all(store, entries)
        draw.shuffle(entries)
        parts = [entries[start : start + 30] for start in range(0, 240, 30)]
        outcomes = [await erase(store, *(entry.id for entry in part)) for part in parts]
    traces = [trace for outcome in outcomes for trace in outcome.traces]
    # Rows that moved as a page was split may have left a copy, which the look for it finds.
    assert SQLiteDatabase(database).wipe(traces) is None
    assert len(traces) == 480 and not any(trace in files(database) for trace in traces)


async def test_what_was_deleted_and_not_overwritten_goes_with_the_file_written_anew(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an older release deletes; and the control for the test above."""
    async with opened(database, keeps_texts=True) as store:
        await append_all(store, [call(texts={"request": "x" * 700}) for _ in range(100)])
    traces = {text[:12] for (text,) in rows(database, "SELECT sealed FROM texts")}
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("DELETE FROM texts")
    with monkeypatch.context() as patch:  # it is too large to be written anew
        patch.setattr("axonflow_core.audit.databases.sqlite.MAX_CHECKED_BYTES", 0)
        assert "were not overwritten" in str(SQLiteDatabase(database).wipe(traces))
        assert any(trace in files(database) for trace in traces)
    assert SQLiteDatabase(database).wipe(traces) is None
    assert not any(trace in files(database) for trace in traces)
    assert verified(database).is_valid


async def test_a_reader_that_keeps_the_wal_is_told(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axonflow_core.audit.databases.sqlite.BUSY_TIMEOUT_S", 0.05)
    async with opened(database, keeps_texts=True) as store:
        await store.append(call(id="r", texts={"request": CANARY}))
        with closing(sqlite3.connect(database, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM records").fetchone()
            outcome = await erase(store, "r")
            assert "kept the WAL" in str(wipe(database, outcome))
            assert any(trace in files(database) for trace in outcome.traces)
        assert wipe(database, outcome) is None
        assert not any(trace in files(database) for trace in outcome.traces)


async def test_a_number_is_guessed_with_the_tenants_key_before_and_never_after(
    database: Path,
) -> None:
    async with opened(database) as store:
        await store.append(call(id="r", texts={"request": "123456789"}))
        guesses = [f"{number}" for number in range(123_456_700, 123_456_800)]
        wrapped, commitment, _ = hidden(database, "r")
        tenant = key_of(database)
        assert wrapped is not None
        assert _guessed(tenant, tenant.unwrap(wrapped, "r"), commitment, guesses) == "123456789"
        other = TenantKey(b"o" * 32)  # the control: the record's key without the tenant's
        assert _guessed(other, tenant.unwrap(wrapped, "r"), commitment, guesses) is None
        with pytest.raises(AuditError, match="does not decrypt"):
            other.unwrap(wrapped, "r")
        outcome = await erase(store, "r")
        assert wipe(database, outcome) is None
        assert hidden(database, "r") == (None, commitment, [])
        assert wrapped not in files(database)
        for left in (b"", b"\0" * 32, wrapped[:32]):  # the tenant's key alone
            assert _guessed(key_of(database), left, commitment, guesses) is None


def _guessed(
    tenant: TenantKey, record_key: bytes, commitment: str, guesses: Sequence[str]
) -> str | None:
    """The guess that a commitment is to."""
    made = (tenant.commitments(record_key, {"request": guess})["request"] for guess in guesses)
    return next((g for g, one in zip(guesses, made, strict=True) if one == commitment), None)


async def test_an_erasure_says_which_records_by_which_command_for_each_tenant(
    database: Path,
) -> None:
    async with opened(database) as store:
        user = await store.pseudonym("acme", "jo")
        for id, tenant, name in (("a", "acme", user), ("b", "acme", user), ("c", "globex", None)):
            await store.append(call(id=id, tenant=tenant, user=name, texts={"request": "x"}))
        outcome = await erase(store, "a", "b", "c")
    said = rows(database, "SELECT tenant, user, body FROM records WHERE kind = 'erasure'")
    assert [(tenant, name) for tenant, name, _ in said] == [("acme", user), ("globex", None)]
    facts = [orjson.loads(body)["facts"] for *_, body in said]
    assert [each["records"] for each in facts] == [["a", "b"], ["c"]]
    assert {each["command"] for each in facts} == {"audit erase"}
    assert len(outcome.records) == 2 and outcome.is_whole


async def test_erasing_twice_unknown_ids_and_ids_of_others_are_told_apart(database: Path) -> None:
    async with opened(database) as store:
        await store.append(call(id="a", texts={"request": "x"}))
        await store.append(call(id="b", tenant="globex", texts={"request": "x"}))
        await store.append(call(id="plain"))
        assert (await erase(store, "a")).erased == 1
        again = await erase(store, "a", "plain")
        assert (again.erased, again.empty, again.records, again.is_whole) == (0, 2, (), True)
        nobodys = await erase(store, "nothing")
        assert (nobodys.unknown, nobodys.is_whole) == (("nothing",), False)
        others = await erase(store, "b", tenant="acme")
        assert (others.erased, others.unknown) == (0, ("b",))
        with pytest.raises(RequestError, match="500 records are erased at once"):
            await erase(store, *map(str, range(501)))
    assert hidden(database, "b")[0] is not None
    assert len(rows(database, "SELECT 1 FROM records WHERE kind = 'erasure'")) == 1


async def test_what_a_hold_covers_stays_until_it_is_released(database: Path) -> None:
    hold = Hold(name="case 7", reason="a dispute", tenant="acme", client="shop")
    async with opened(database) as store:
        await store.append(call(id="held", texts={"request": "x"}))
        await store.append(call(id="free", client="other", texts={"request": "x"}))
        await store.transact(partial(holds.add, hold=hold))
        outcome = await erase(store, "held", "free")
        assert (outcome.erased, outcome.held, outcome.is_whole) == (1, {"case 7": 1}, False)
        assert hidden(database, "held")[0] is not None
        with pytest.raises(AuditError, match="case 7 covers records of the tenant acme: a dispute"):
            await destroy(store, "acme")
        await store.transact(partial(holds.release, name="case 7"))
        assert (await erase(store, "held")).erased == 1
    kinds = rows(database, "SELECT kind FROM records ORDER BY row")
    assert [kind for (kind,) in kinds if kind not in ("chain", "call")] == [
        "hold",
        "erasure",
        "hold",
        "erasure",
    ]


@pytest.mark.parametrize(
    ("scope", "is_held"),
    [
        ({}, True),
        ({"tenant": "acme"}, True),
        ({"tenant": "globex"}, False),
        ({"client": "other"}, False),
        ({"user": "u"}, True),
        ({"user": "v"}, False),
        ({"start_us": 5}, True),
        ({"start_us": 6}, False),
        ({"end_us": 5}, False),
        ({"end_us": 6}, True),
        ({"tenant": "acme", "client": "shop", "user": "u", "start_us": 1, "end_us": 9}, True),
    ],
)
def test_a_hold_covers_what_fits_all_that_it_names(
    scope: Mapping[str, object], is_held: bool
) -> None:
    hold = Hold(name="h", reason="r", **scope)  # type: ignore[arg-type]
    assert hold.covers("acme", "shop", "u", 5) is is_held


async def test_holds_that_cannot_be_are_refused(database: Path) -> None:
    async with opened(database) as store:
        await store.transact(partial(holds.add, hold=Hold(name="a", reason="r")))
        for name, reason, said in (
            ("a", "r", "there is a hold a already"),
            ("", "r", "the name of a hold has 1 to 128 characters"),
            ("b", "r" * 1_001, "the reason of a hold has 1 to 1000 characters"),
        ):
            with pytest.raises(RequestError, match=said):
                await store.transact(partial(holds.add, hold=Hold(name=name, reason=reason)))
        with pytest.raises(RequestError, match="there is no hold b"):
            await store.transact(partial(holds.release, name="b"))


async def test_a_person_is_erased_in_slices_that_go_on_where_they_ended(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "MAX_IDS", 10)
    monkeypatch.setattr(erasure, "_ROWS", 25)
    async with opened(database) as server:
        name = await server.pseudonym("acme", "jo")
        users = [name if number % 2 else None for number in range(100)]
        await append_all(server, [call(user=user, texts={"request": "x"}) for user in users])
        async with opened(database) as command:
            told: list[int] = []

            def stop(count: int) -> None:
                told.append(count)
                if len(told) == 3:
                    raise KeyboardInterrupt

            person = partial(erasure.erase_person, pseudonyms={"acme": name}, command="c")
            with pytest.raises(KeyboardInterrupt):
                await person(command, progress=stop)
            left = "SELECT count(*) FROM records WHERE record_key IS NOT NULL AND user IS NOT NULL"
            assert rows(database, left) == [(50 - told[-1],)]
            later = [call(texts={"request": "x"}) for _ in range(50)]
            rest, _ = await asyncio.gather(person(command), append_all(server, later))
            assert rest.erased == 50 - told[-1]
    assert rows(database, left) == [(0,)]
    assert len(rows(database, "SELECT 1 FROM records WHERE record_key IS NOT NULL")) == 100
    assert verified(database).is_valid


async def test_a_pseudonym_of_another_tenant_is_nobodys_to_erase(database: Path) -> None:
    async with opened(database) as store:
        name = await store.pseudonym("acme", "jo")
        await store.append(call(tenant="globex", user=name, texts={"request": "x"}))
        outcome = await erasure.erase_person(store, {"acme": name}, command="c")
    assert outcome.erased == 0


# ── the key of a tenant ───────────────────────────────────────────────────────────────────────────


async def test_a_server_gives_a_tenant_whose_key_is_destroyed_another_one_at_once(
    database: Path,
) -> None:
    async with opened(database, keeps_texts=True) as server:
        before = await server.pseudonym("acme", "jo")
        await server.append(call(id="old", user=before, texts={"request": CANARY}))
        old = key_of(database)
        async with opened(database) as command:
            outcome = await destroy(command, "acme")
            assert wipe(database, outcome) is None
        assert outcome.erased == 1 and not any(t in files(database) for t in outcome.traces)
        assert rows(database, "SELECT * FROM tenant_keys") == []
        await append_all(server, [call(id=f"new-{n}", texts={"request": "x"}) for n in range(3)])
        wrapped, _, (text,) = hidden(database, "new-0")
        assert wrapped is not None
        assert open_text(key_of(database).unwrap(wrapped, "new-0"), "new-0", "request", text) == "x"
        with pytest.raises(AuditError, match="does not decrypt"):
            old.unwrap(wrapped, "new-0")
        assert await server.pseudonym("acme", "jo") != before
        assert server.losses == 1
    old_wrapped, _, _ = hidden(database, "old")
    with pytest.raises(AuditError, match="does not decrypt"):
        key_of(database).unwrap(old_wrapped or b"", "old")
    assert verified(database).is_valid


async def test_a_server_that_writes_nothing_forgets_the_key_soon(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LOOK_S", 0.02)
    async with opened(database) as server:
        before = await server.pseudonym("acme", "jo")
        async with opened(database) as command:
            await destroy(command, "acme")
        await until(lambda: server.losses == 1)
        assert await server.pseudonym("acme", "jo") != before


async def test_a_command_that_knows_the_key_forgets_it_and_works_run_again(database: Path) -> None:
    ran: list[str] = []

    def work(transaction: Transaction) -> None:
        ran.append(transaction.tenant_key("acme").pseudonym("jo"))
        transaction.append(call(id="w", user=ran[-1], texts={"request": "x"}))

    async with opened(database) as server, opened(database) as command:
        for store in (server, command):
            await store.pseudonym("acme", "jo")
        await destroy(command, "acme")
        with pytest.raises(RequestError, match="the tenant acme has no key"):
            await destroy(command, "acme")
        await server.transact(work)
        assert len(set(ran)) == 2  # once under the old key, which was taken back
        assert rows(database, "SELECT user FROM records WHERE id = 'w'") == [(ran[-1],)]
        assert await command.pseudonym("acme", "jo") == ran[-1]
    assert verified(database).is_valid


async def test_servers_write_while_keys_are_destroyed_and_every_record_reads_under_a_key(
    database: Path,
) -> None:
    async with opened(database) as one, opened(database) as other, opened(database) as command:

        async def write(store: AuditStore) -> None:
            for _ in range(60):
                await store.append(call(texts={"request": "x"}))

        await one.append(call(texts={"request": "x"}))  # there is a key to destroy
        writing = [asyncio.ensure_future(write(store)) for store in (one, other)]
        for _ in range(8):
            await asyncio.sleep(0.01)
            try:
                await destroy(command, "acme")
            except RequestError:
                continue
        await asyncio.gather(*writing)
        assert one.is_healthy and other.is_healthy
        first = rows(database, "SELECT max(row) FROM records WHERE kind = 'erasure'")[0][0]
        await append_all(one, [call(texts={"request": "x"}) for _ in range(5)])
    key = key_of(database)
    later = rows(database, "SELECT id, record_key FROM records WHERE row > ?", first)
    assert later and all(key.unwrap(wrapped, id) for id, wrapped in later)
    assert verified(database).is_valid


# ── the chain ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM records WHERE row = (SELECT max(row) FROM records)", "are missing"),
        ("UPDATE records SET body = CAST(body || ' ' AS BLOB) WHERE id = 'r'", "it was changed"),
        ("DELETE FROM records WHERE id = 'r'", "is missing before it"),
    ],
)
async def test_what_is_done_to_the_rest_after_an_erasure_is_found(
    database: Path, change: str, said: str
) -> None:
    async with opened(database) as store:
        await store.append(call(id="r", texts={"request": "x"}))
        await erase(store, "r")
    assert verified(database).is_valid
    rows(database, change)
    assert said in " ".join(map(str, verified(database).faults))


def test_the_kinds_of_changes_by_commands_are_kinds_of_records() -> None:
    assert {Kind.ERASURE, Kind.HOLD, Kind.RETENTION} <= set(Kind)
