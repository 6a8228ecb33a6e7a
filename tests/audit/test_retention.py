"""Records whose time is over are removed, and the rest is proved as before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from axonflow_core.audit import batch, holds, retention
from axonflow_core.audit.anchors import HeadFile, heads_in
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.export import Exporter, ExportFolder, Form, note
from axonflow_core.audit.holds import Hold
from axonflow_core.audit.keys import Signer
from axonflow_core.audit.places import Filter
from axonflow_core.audit.proof import prove_chain, prove_record
from axonflow_core.audit.record import Kind
from axonflow_core.audit.retention import Plan, plan, removal
from axonflow_core.audit.search import search
from axonflow_core.audit.store import AuditStore
from axonflow_core.audit.verify import verify
from axonflow_core.cli import main
from axonflow_core.config import load_config
from axonflow_core.keys import Keys

from .making import KEYS, append_all, call, ids, opened, rows, verified
from .test_commands import keys  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "SEALED", 10)


def now_us() -> int:
    return time.time_ns() // 1_000


async def retain(store: AuditStore, before_us: int | None = None) -> tuple[Plan, list[str]]:
    """Remove what was signed before now, as a command does."""
    return await removal(store, before_us or now_us(), command="audit retain")


async def write(store: AuditStore, first: int, last: int, **members: Any) -> None:
    """Records `r<first>` to `r<last>`, one batch each."""
    for number in range(first, last + 1):
        await store.append(call(id=f"r{number}", texts={"request": "x"}, **members))


async def test_whole_segments_go_and_the_rest_verifies_with_its_proofs(database: Path) -> None:
    anchor = database.with_name("heads")
    async with opened(database, keeps_texts=True, places=(HeadFile(anchor),)) as store:
        await write(store, 1, 34)
        planned, removals = await retain(store)
        assert planned.count == 30  # the record that begins the chain, and r1 to r29
        assert ids(database) == ["r30", "r31", "r32", "r33", "r34"]
        assert len(rows(database, "SELECT DISTINCT record FROM texts")) == 5
        found = verified(database)
        assert (found.faults, found.removed, found.removals) == ((), 30, tuple(removals))
    with SQLiteDatabase(database).reading() as connection:
        public = Signer(KEYS).public_keys
        proof = prove_record(connection, public, "acme", "r30")
        assert proof is not None and proof.is_signed and proof.first_seq == 31
        whole = prove_chain(connection, public, "acme", store.chain)
        assert whole is not None and whole.is_signed and whole.first_seq == 31
        assert prove_record(connection, public, "acme", "r29") is None
        assert verify(connection, public, anchors=heads_in(anchor)).faults == ()
    async with opened(database):
        pass  # it names the chain's end, as ever
    assert verified(database).is_valid


async def test_what_went_is_found_no_more(database: Path) -> None:
    async with opened(database) as store:
        await write(store, 0, 12, user="u_1", rules=("pii",))
        before = (await search(store, "acme", Filter(user="u_1"))).total
        planned, _ = await retain(store)
        removed = sum(segment.count for segment in planned.segments)
        for wanted in (Filter(user="u_1"), Filter(rule="pii"), Filter(client="shop")):
            page = await search(store, "acme", wanted)
            assert page.total == len(page.records) < before
    left = rows(database, "SELECT count(*) FROM records WHERE user = 'u_1'")[0][0]
    assert removed > 0
    assert rows(database, "SELECT count(*) FROM terms") == [(2 * left,)]


async def test_a_retention_says_what_went_by_which_command(database: Path) -> None:
    async with opened(database) as store:
        await write(store, 1, 20)
        before_us = now_us()
        _, (id,) = await retain(store, before_us)
    ((body,),) = rows(database, "SELECT body FROM records WHERE id = ?", id)
    facts = orjson.loads(body)["facts"]
    ((hash,),) = rows(database, "SELECT hash FROM seals WHERE seq = 20")
    assert facts == {
        "beginnings": {store.chain: [20, hash.hex()]},
        "named": {},
        "command": "audit retain",
        "before_us": before_us,
        "removed": 20,
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM beginnings", "records 1 to 20 are missing before it"),
        ("UPDATE beginnings SET record = 'r25'", "no record says that it begins behind record 20"),
        ("UPDATE beginnings SET seq = 10", "records 11 to 20 are missing before it"),
        ("DELETE FROM seals WHERE seq = 20", "it begins where no head is that stays"),
        ("DELETE FROM records WHERE seq = 21", "record 21 is missing before it"),
        ("UPDATE records SET body = CAST(body || ' ' AS BLOB) WHERE seq = 21", "it was changed"),
        ("DELETE FROM records WHERE row = (SELECT max(row) FROM records)", "are missing"),
    ],
)
async def test_what_is_done_to_the_rest_is_found(database: Path, change: str, said: str) -> None:
    async with opened(database) as store:
        await write(store, 1, 25)
        await retain(store)
    assert verified(database).is_valid
    rows(database, change)
    assert said in " ".join(map(str, verified(database).faults))


async def test_a_hold_and_an_export_that_is_behind_stop_it(database: Path, tmp_path: Path) -> None:
    async with opened(database) as store:
        await write(store, 1, 14)
        await write(store, 15, 15, client="held")
        await write(store, 16, 40)
        hold = Hold(name="case-7", reason="r", client="held")
        await store.transact(partial(holds.add, hold=hold))
        exporter = Exporter(ExportFolder(tmp_path / "out"), Signer(KEYS), Form.RECORDS)
        manifest = await store.read(lambda connection: exporter.step(connection, 5))
        assert manifest is not None
        await store.transact(lambda transaction: note(transaction, "e", manifest))
        assert (await retain(store))[0].count == 0  # nothing is exported up to a seal
        while manifest := await store.read(lambda connection: exporter.step(connection, 100)):
            await store.transact(partial(note, name="e", manifest=manifest))
            if manifest.count < 10:
                break
        planned, _ = await retain(store)
        assert (planned.count, {each.held_by for each in planned.held}) == (10, {"case-7"})
        await store.transact(partial(holds.release, name="case-7"))
        assert (await retain(store))[0].count == 30
    assert verified(database).is_valid


async def test_an_open_stream_is_kept_until_it_is_closed(database: Path) -> None:
    async with opened(database) as store:
        await write(store, 1, 12)
        await store.append(call(id="open", kind=Kind.OPENED))
        await write(store, 13, 40)
        assert (await retain(store))[0].count == 10
        await store.append(call(closes="open"))
        assert (await retain(store))[0].count == 30


async def test_a_plan_that_is_no_longer_right_is_made_again(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = Hold(name="late", reason="r", client="held")
    async with opened(database) as store, opened(database) as other:
        await write(store, 1, 14)
        await write(store, 15, 15, client="held")
        await write(store, 16, 40)
        planned = await store.read(partial(plan, before_us=now_us()))
        await other.transact(partial(holds.add, hold=hold))
        work = partial(retention.remove, segments=planned.segments, planned=planned, command="c")
        assert await store.transact(work) is None
        assert (await retain(store))[0].count == 10
        outcomes = await asyncio.gather(retain(store), retain(other))
        assert sum(outcome.count for outcome, _ in outcomes) == 0
        await other.transact(partial(holds.release, name="late"))
        outcomes = await asyncio.gather(retain(store), retain(other))
        assert sum(outcome.count for outcome, _ in outcomes) == 30
    assert verified(database).is_valid


async def test_servers_write_while_records_are_removed(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MAX_RECORDS", 15)
    async with opened(database) as one, opened(database) as other:
        await write(one, 1, 60)
        later = [call(id=f"later-{n}") for n in range(80)]
        (planned, removals), _ = await asyncio.gather(retain(other), append_all(one, later))
    assert planned.count >= 60 and len(removals) >= 4
    assert {entry.id for entry in later} <= set(ids(database))
    assert verified(database).is_valid


# ── commands and configuration ────────────────────────────────────────────────────────────────────


Command = Callable[..., tuple[int, Any]]


@pytest.fixture
def audit(keys: Keys, database: Path, capsys: pytest.CaptureFixture[str]) -> Command:  # noqa: F811
    """Runs `axonflow audit … --json` on 25 records, and returns exit code and what stdout has."""

    async def record() -> None:
        async with opened(database, keys) as store:
            await write(store, 1, 24)

    asyncio.run(record())
    capsys.readouterr()

    def run(*arguments: str) -> tuple[int, Any]:
        code = main(["audit", *arguments, "--url", f"sqlite:///{database}", "--json"])
        return code, orjson.loads(capsys.readouterr().out)

    return run


def test_a_dry_run_says_what_would_go_and_changes_nothing(audit: Command, database: Path) -> None:
    before = rows(database, "SELECT count(*) FROM records")
    code, dry = audit("retain", "--before", "2100-01-01", "--dry-run")
    assert (code, dry["records"], dry["removals"], dry["is_dry_run"]) == (0, 25, [], True)
    assert rows(database, "SELECT count(*) FROM records") == before
    code, said = audit("retain", "--before", "2100-01-01")
    assert (code, said["chains"], len(said["removals"])) == (0, dry["chains"], 1)
    code, found = audit("verify")
    assert (code, found["removed"], found["removals"]) == (0, 25, said["removals"])


def test_what_went_is_told_in_words(
    audit: Command, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{database}"
    assert main(["audit", "retain", "--before", "2100-01-01", "--url", url]) == 0
    said = capsys.readouterr().out
    assert "25 records of before 2100-01-01T00:00:00.000Z are removed" in said
    assert main(["audit", "verify", "--url", url]) == 0
    assert "25 records before them were removed, recorded as " in capsys.readouterr().out


def test_nothing_is_removed_where_nothing_says_how_long_records_are_kept(audit: Command) -> None:
    code, said = audit("retain")
    assert (code, "retention_days" in said["error"]["hint"]) == (3, True)


def test_the_configuration_says_how_long_records_are_kept(
    audit: Command,
    database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "axonflow.yaml").write_text(
        'version: "1.0"\nllm_providers: {echo: {enabled: true}}\nserver: {keys_dir: keys}\n'
        f"audit: {{url: 'sqlite:///{database}', retention_days: 365}}\n"
    )
    assert main(["audit", "retain", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("0 records of before ")
    assert main(["audit", "retain", "--before", "2100-01-01"]) == 2
    assert "within the 365 days" in capsys.readouterr().err


@pytest.mark.parametrize(("days", "is_short"), [("179", True), ("180", False), ("3650", False)])
def test_less_than_six_months_is_warned_of(tmp_path: Path, days: str, is_short: bool) -> None:
    path = tmp_path / "axonflow.yaml"
    path.write_text(
        'version: "1.0"\nllm_providers: {echo: {enabled: true}}\n'
        f"audit:\n  retention_days: {days}\n"
    )
    warnings = [str(each.hint) for each in load_config(path, {}).warnings]
    assert any("Articles 19(1), 26(6)" in hint for hint in warnings) is is_short
    assert load_config(path, {}).audit.retention_days == int(days)
