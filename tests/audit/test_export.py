"""Records carried out: whole, in their order, without a gap or a double wherever it was cut short,
and provable without the database."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from on_time import wait_until

from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.export import (
    Exporter,
    ExportFolder,
    Form,
    Manifest,
    exported_up_to,
    has_news,
    note,
)
from axonflow_core.audit.exported import ExportVerification, verify_export
from axonflow_core.audit.keys import Signer
from axonflow_core.audit.ocsf import event_of
from axonflow_core.audit.record import Kind
from axonflow_core.cli import main
from axonflow_core.keys import Keys, throwaway_keys, written
from axonflow_core.policy.rules import Verdict

from .making import KEYS, append_all, call, opened, rows

PUBLIC = Signer(KEYS).public_keys


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two chains that were written side by side, of 60 records in all."""
    database = tmp_path_factory.mktemp("recorded") / "audit.db"

    async def record() -> None:
        async with opened(database) as one, opened(database) as other:
            for number in range(29):
                await append_all(one, [call(id=f"a{number}")])
                await append_all(other, [call(id=f"b{number}", user="u_1", model="m")])

    asyncio.run(record())
    return database


def exported(
    database: Path,
    folder: Path,
    *,
    most: int = 7,
    form: Form = Form.RECORDS,
    steps: int | None = None,
) -> list[Manifest]:
    """The parts that one run of an export writes."""
    exporter = Exporter(ExportFolder(folder), Signer(KEYS), form)
    with SQLiteDatabase(database).reading() as connection:
        parts = iter(lambda: exporter.step(connection, most), None)
        return [manifest for manifest in islice(parts, steps) if manifest is not None]


def ids_in(folder: Path) -> list[str]:
    return [line["record"]["id"] for line in lines_in(folder)]


def lines_in(folder: Path) -> list[dict[str, Any]]:
    parts = sorted(folder.glob("part-*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_bytes().splitlines()]


def verified(folder: Path, keys: tuple[bytes, ...] = PUBLIC) -> ExportVerification:
    return verify_export(folder, keys)


def test_every_record_is_carried_out_once_and_in_its_order(original: Path, tmp_path: Path) -> None:
    made = exported(original, tmp_path)
    stored = [id for (id,) in rows(original, "SELECT id FROM records ORDER BY row")]
    assert ids_in(tmp_path) == stored and len(stored) == 60
    assert [manifest.count for manifest in made] == [7] * 8 + [4]
    found = verified(tmp_path)
    assert (found.fault, found.records, found.manifests) == (None, 60, 9)
    assert sorted(found.chains.values()) == [30, 30]
    assert exported(original, tmp_path) == []


def test_a_line_is_the_record_as_it_is_hashed(original: Path, tmp_path: Path) -> None:
    exported(original, tmp_path)
    ((body, hash),) = rows(original, "SELECT body, hash FROM records WHERE id = 'a3'")
    (line,) = [
        line
        for part in tmp_path.glob("part-*")
        for line in part.read_bytes().splitlines()
        if b'"id":"a3"' in line
    ]
    assert line == b'{"hash":"%s","record":%s}' % (hash.hex().encode(), body)


@pytest.mark.sampled(6)
@pytest.mark.parametrize("seed", range(30))
def test_an_export_that_was_cut_short_goes_on_without_a_gap_or_a_double(
    original: Path, tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    for _ in range(draw.randrange(1, 5)):
        exported(original, tmp_path, most=draw.randrange(1, 20), steps=draw.randrange(3))
        manifests = sorted(tmp_path.glob("manifest-*"))
        if manifests and draw.random() < 0.5:  # as it was before the last manifest was written
            number = len(manifests)
            ExportFolder(tmp_path).manifest(number).unlink()
            if draw.random() < 0.5:
                part = ExportFolder(tmp_path).part(number)
                part.replace(part.with_name(f"{part.name}.new"))
    exported(original, tmp_path)
    stored = [id for (id,) in rows(original, "SELECT id FROM records ORDER BY row")]
    assert ids_in(tmp_path) == stored and verified(tmp_path).is_valid


@pytest.mark.thorough
def test_an_export_that_is_killed_goes_on_without_a_gap_or_a_double(tmp_path: Path) -> None:
    database, folder, draw = tmp_path / "audit.db", tmp_path / "out", random.Random(3)

    async def record() -> None:
        async with opened(database) as store:
            await append_all(store, [call() for _ in range(3_000)])

    asyncio.run(record())

    def parts() -> int:
        return len(list(folder.glob("part-*.jsonl")))

    code = (
        f"import sys; sys.path.append({str(Path(__file__).parents[1])!r})\n"
        "from tests.audit.test_export import *\n"
        "exported(Path(sys.argv[1]), Path(sys.argv[2]), most=20, steps=12)\n"
        "sys.stdin.read()"
    )
    for _ in range(12):
        command = [sys.executable, "-c", code, str(database), str(folder)]
        before = parts()
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            wait_until(lambda before=before: parts() > before)
            time.sleep(draw.uniform(0.0, 0.05))
            process.kill()
    assert exported(database, folder, most=20)
    stored = [id for (id,) in rows(database, "SELECT id FROM records ORDER BY row")]
    assert ids_in(folder) == stored and verified(folder).is_valid


# ── tampering ─────────────────────────────────────────────────────────────────────────────────────


def edited(path: Path, before: bytes, after: bytes) -> None:
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, after, 1))


def first_lines_swapped(folder: Path) -> None:
    part = folder / "part-00000002.jsonl"
    one, two, *rest = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join([two, one, *rest]))


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a fact": (
        lambda at: edited(at / "part-00000003.jsonl", b'"client":"shop"', b'"client":"shoq"'),
        "part-00000003.jsonl",
    ),
    "a swap": (first_lines_swapped, "part-00000002.jsonl"),
    "a line cut": (
        lambda at: (at / "part-00000004.jsonl").write_bytes(
            b"".join((at / "part-00000004.jsonl").read_bytes().splitlines(keepends=True)[:-1])
        ),
        "is not the part that its manifest tells of",
    ),
    "a part gone": (lambda at: (at / "part-00000004.jsonl").unlink(), "cannot be read"),
    "a manifest gone": (
        lambda at: (at / "manifest-00000004.json").unlink(),
        "00000004.json is missing",
    ),
    "a manifest edited": (
        lambda at: edited(at / "manifest-00000002.json", b'"count":7', b'"count":8'),
        "the signature of manifest-00000002.json",
    ),
    "a manifest of nothing": (
        lambda at: (at / "manifest-00000002.json").write_bytes(b"{}"),
        "is no manifest",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_changed_in_a_folder_is_said_with_its_file(
    original: Path, tmp_path: Path, name: str
) -> None:
    change, said = CHANGES[name]
    exported(original, tmp_path)
    change(tmp_path)
    found = verified(tmp_path)
    assert not found.is_valid and said in str(found.fault)


def test_a_folder_that_somebody_else_signed_is_refused(original: Path, tmp_path: Path) -> None:
    exported(original, tmp_path)
    assert "is not known" in str(verified(tmp_path, Signer(throwaway_keys()).public_keys).fault)
    assert "has no manifest" in str(verified(tmp_path / "none").fault)


def test_a_tail_that_was_cut_off_is_told_by_how_far_the_chains_go(
    original: Path, tmp_path: Path
) -> None:
    """A folder cannot show what was never in it: heads of an anchor or the database can."""
    exported(original, tmp_path)
    (tmp_path / "manifest-00000009.json").unlink()
    (tmp_path / "part-00000009.jsonl").unlink()
    found = verified(tmp_path)
    assert found.is_valid and sum(found.chains.values()) == 56


# ── OCSF ──────────────────────────────────────────────────────────────────────────────────────────

REQUIRED = (
    *("activity_id", "actor", "api", "category_uid", "class_uid", "metadata", "severity_id"),
    *("src_endpoint", "time", "type_uid"),
)
"""Of version 1.6.0 of the schema, for API Activity (6003)."""


def test_events_of_ocsf_have_what_the_class_requires(original: Path, tmp_path: Path) -> None:
    exported(original, tmp_path, form=Form.OCSF)
    events = lines_in(tmp_path)
    assert len(events) == 60
    for event in events:
        assert event.keys() >= set(REQUIRED) and event["type_uid"] == 600_399
        assert event["metadata"]["version"] == "1.6.0" and event["metadata"]["product"]
        assert isinstance(event["time"], int) and event["src_endpoint"] and event["actor"]
    (one,) = [event for event in events if event["metadata"]["uid"] == "b4"]
    assert (one["actor"]["user"]["uid"], one["metadata"]["tenant_uid"]) == ("u_1", "acme")
    assert one["unmapped"]["hash"] and "at_us" not in one["unmapped"]
    assert verified(tmp_path).is_valid
    edited(tmp_path / "part-00000001.jsonl", b"acme", b"acmf")
    assert not verified(tmp_path).is_valid


def test_what_was_stopped_is_a_failure_in_ocsf() -> None:
    record = {
        **dict.fromkeys(("user", "provider", "model", "request_type")),
        "id": "i",
        "at_us": 5_000,
        "seq": 1,
        "chain": "c",
        "kind": "call",
        "tenant": "",
        "client": "",
        "verdict": Verdict.BLOCKED.value,
    }
    event = event_of(record, "00")
    assert (event["status_id"], event["status"], event["severity_id"]) == (2, "blocked", 3)
    assert event["time"] == 5


def test_one_folder_has_one_form(original: Path, tmp_path: Path) -> None:
    exported(original, tmp_path)
    with pytest.raises(Exception, match="has an export of the form records"):
        exported(original, tmp_path, form=Form.OCSF)


# ── how far ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.thorough)])
async def test_how_far_all_exports_are_stands_in_the_database(
    kind: str, database: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where = (
        SQLiteDatabase(database)
        if kind == "sqlite"
        else database_of(request.getfixturevalue("url"))
    )
    async with opened(where) as store:
        await append_all(store, [call() for _ in range(10)])
        assert await store.read(exported_up_to) is None
        exporters = {
            name: Exporter(ExportFolder(tmp_path / name), Signer(KEYS), Form.RECORDS)
            for name in ("siem", "worm")
        }
        for name, most in (("siem", 8), ("worm", 3), ("siem", 2)):
            manifest = await store.read(
                lambda at, name=name, most=most: exporters[name].step(at, most)
            )
            assert manifest is not None
            await store.transact(lambda at, name=name, made=manifest: note(at, name, made))
        assert await store.read(exported_up_to) == {store.chain: 3}
        assert await store.read(lambda at: has_news(at, 11)) is False  # exports alone
        await store.append(call())
        assert await store.read(lambda at: has_news(at, 11)) is True


# ── the command ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    keys = throwaway_keys()
    for name, key in (
        ("SERVER_KEY", keys.server[0]),
        ("AUDIT_SIGNING_KEY", keys.signing),
        ("AUDIT_MASTER_KEY", keys.master),
    ):
        monkeypatch.setenv(f"AXONFLOW_{name}", written(key))
    return keys


def test_the_command_exports_and_verifies_a_folder(
    keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database, folder = tmp_path / "audit.db", tmp_path / "out"

    async def record(*ids: str) -> None:
        async with opened(database, keys) as store:
            await append_all(store, [call(id=id) for id in ids])

    asyncio.run(record("one", "two"))
    url = f"sqlite:///{database}"
    assert main(["audit", "export", str(folder), "--url", url, "--part", "2"]) == 0
    asyncio.run(record("three"))
    assert main(["audit", "export", str(folder), "--url", url]) == 0
    key = written(Signer(keys).public_key)
    assert main(["audit", "verify", str(folder), "--public-key", key]) == 0
    assert "as they were exported" in capsys.readouterr().out
    assert {"one", "two", "three"} <= set(ids_in(folder))
    assert rows(database, "SELECT count(*) FROM records WHERE kind = 'export'")[0][0] >= 2
    edited(folder / "part-00000002.jsonl", b'"two"', b'"twx"')
    assert main(["audit", "verify", str(folder), "--public-key", key, "--json"]) == 1
    assert main(["audit", "verify", "--url", url, "--public-key", key]) == 0
    none = f"sqlite:///{tmp_path}/none.db"
    assert main(["audit", "export", str(tmp_path / "x"), "--url", none]) == 3


def test_an_export_may_begin_at_a_time(
    keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database, folder = tmp_path / "audit.db", tmp_path / "out"

    async def record(id: str) -> None:
        async with opened(database, keys) as store:
            await store.append(call(id=id))

    asyncio.run(record("earlier"))
    now = datetime.now(UTC).isoformat()
    asyncio.run(record("later"))
    command = ["audit", "export", str(folder), "--url", f"sqlite:///{database}"]
    assert main([*command, "--since", now]) == 0
    assert "earlier" not in ids_in(folder) and "later" in ids_in(folder)
    assert verify_export(folder, Signer(keys).public_keys).is_valid


def test_kinds_of_records_that_exports_write_are_known() -> None:
    assert Kind("export") is Kind.EXPORT
