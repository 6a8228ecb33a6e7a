"""One record proved, and one chain, by the heads that stay."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from axonflow_core.audit import batch, proof
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.keys import Signer
from axonflow_core.audit.proof import Proof, prove_chain, prove_record

from .making import KEYS, append_all, call, opened, rows


@pytest.fixture
def recorded(database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Thirty records of acme and one of globex in one chain, with a head behind every ten."""
    monkeypatch.setattr(batch, "SEALED", 10)

    async def record() -> None:
        async with opened(database) as store:
            for number in range(30):
                await append_all(store, [call(id=f"r{number}")])
            await store.append(call(id="other", tenant="globex"))

    asyncio.run(record())
    return database


def of_record(database: Path, id: str, tenant: str = "acme") -> Proof | None:
    with SQLiteDatabase(database).reading() as connection:
        return prove_record(connection, Signer(KEYS).public_keys, tenant, id)


def of_chain(database: Path, tenant: str = "acme") -> Proof | None:
    ((chain,),) = rows(database, "SELECT chain FROM heads")
    with SQLiteDatabase(database).reading() as connection:
        return prove_chain(connection, Signer(KEYS).public_keys, tenant, chain)


@pytest.mark.parametrize(
    ("id", "first", "last"), [("r0", 2, 10), ("r8", 10, 10), ("r12", 14, 20), ("r29", 31, 32)]
)
def test_a_record_is_proved_by_the_next_head_behind_it(
    recorded: Path, id: str, first: int, last: int
) -> None:
    found = of_record(recorded, id)
    assert found is not None and found.is_valid and found.is_signed
    assert (found.first_seq, found.last_seq, found.key) == (first, last, Signer(KEYS).key_id)


def test_records_and_chains_of_others_are_as_unknown_as_none(recorded: Path) -> None:
    assert of_record(recorded, "other") is None and of_record(recorded, "none") is None
    assert of_record(recorded, "other", "globex") is not None
    assert of_chain(recorded, "nobody") is None and of_chain(recorded, "globex") is not None


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE records SET body = CAST(body || ' ' AS BLOB) WHERE id = 'r14'",
            "record 16 was changed",
        ),
        ("UPDATE records SET client = 'x' WHERE id = 'r14'", "the column client of record 16"),
        ("UPDATE records SET series = 7 WHERE id = 'r14'", "the column series of record 16"),
        ("UPDATE records SET cost_usd = 7 WHERE id = 'r14'", "the column cost_usd of record 16"),
        ("DELETE FROM records WHERE id = 'r14'", "record 16 is missing"),
        ("DELETE FROM records WHERE seq > 18", "record 19 is missing"),
        ("UPDATE seals SET signature = zeroblob(64)", "signature of its head"),
        ("UPDATE seals SET key = 'mine'", "the key mine, which is not known"),
        ("UPDATE seals SET hash = zeroblob(32)", "signed over another record"),
    ],
)
def test_what_is_wrong_on_the_way_to_the_head_is_said(
    recorded: Path, statement: str, said: str
) -> None:
    rows(recorded, statement)
    found = of_record(recorded, "r12")
    assert found is not None and not found.is_valid and not found.is_signed
    assert said in str(found.fault)
    elsewhere = of_record(recorded, "r2")
    assert elsewhere is not None
    assert elsewhere.is_valid is statement.startswith(("UPDATE records", "DELETE"))


def test_a_long_chain_is_proved_as_far_as_is_read(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = of_chain(recorded)
    assert whole is not None and (whole.first_seq, whole.last_seq, whole.fault) == (1, 32, None)
    monkeypatch.setattr(proof, "MAX_READ", 10)
    rows(recorded, "DELETE FROM records WHERE seq = 5")
    part = of_chain(recorded)
    assert part is not None and (part.first_seq, part.last_seq, part.is_signed) == (23, 32, True)
