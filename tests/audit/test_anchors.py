"""Heads that are kept outside of the database: a database that was put back is found by them, and
nothing else finds it."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from on_time import until

from axonflow_core.audit import anchors
from axonflow_core.audit.anchors import HeadFile, HeadUrl, SignedHead, heads_in, places_of
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.keys import Signer
from axonflow_core.audit.verify import Verification, verify
from axonflow_core.cli import main
from axonflow_core.config.values import AuditConfig, WitnessConfig
from axonflow_core.errors import AuditError, ConfigError
from axonflow_core.frozen import evolve
from axonflow_core.keys import Keys, throwaway_keys

from .making import KEYS, append_all, call, opened, rows

STEPS = 30


def verified_with(database: Path, *files: Path, keys: Keys = KEYS) -> Verification:
    """What verifying finds, with the heads of these files."""
    heads = [head for file in files for head in heads_in(file)]
    with SQLiteDatabase(database).reading() as connection:
        return verify(connection, Signer(keys).public_keys, anchors=heads)


@pytest.fixture(autouse=True)
def each_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads are added without waiting for a second."""
    monkeypatch.setattr(anchors, "EVERY_S", 0.0)


class Copies:
    """A database as it was after each record, with its anchor and its witness."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, step: int, name: str) -> Path:
        return self.folder / f"{step}-{name}"

    def newest(self) -> set[int]:
        """How many records the last heads in anchor and witness are of."""
        heads = [list(heads_in(self.folder / name)) for name in ("anchor", "witness")]
        return {each[-1].head.seq for each in heads if each}

    def keep(self, step: int) -> None:
        for name in ("audit.db", "anchor", "witness"):
            shutil.copy(self.folder / name, self.of(step, name))
        wal = self.folder / "audit.db-wal"
        if wal.exists():
            shutil.copy(wal, self.of(step, "audit.db-wal"))


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Copies:
    folder = tmp_path_factory.mktemp("anchored")
    copies = Copies(folder)
    places = (HeadFile(folder / "anchor"), HeadFile(folder / "witness"))

    async def record() -> None:
        async with opened(folder / "audit.db", places=places) as store:
            for step in range(STEPS):
                await append_all(store, [call(facts={"n": step})])
                # The head is added after the commit is told of.
                await until(lambda step=step: copies.newest() == {step + 2})
                copies.keep(step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anchors, "EVERY_S", 0.0)
        asyncio.run(record())
    return copies


def test_each_head_is_one_line_that_anybody_can_check(copies: Copies) -> None:
    heads = list(heads_in(copies.folder / "anchor"))
    assert [each.head.seq for each in heads][-3:] == [STEPS, STEPS + 1, STEPS + 1]
    assert heads[-1].head.is_closed and not heads[-2].head.is_closed
    assert SignedHead.of_line(heads[3].line) == heads[3]
    found = verified_with(copies.folder / "audit.db", copies.folder / "anchor")
    assert (found.faults, found.records) == ((), STEPS + 1)


def rewound(copies: Copies, draw: random.Random) -> tuple[int, int]:
    """An earlier state, and the one that it is put in the place of."""
    earlier, later = sorted(draw.sample(range(1, STEPS), 2))
    return earlier, later


@pytest.mark.sampled(5)
@pytest.mark.parametrize("seed", range(20))
def test_a_database_that_was_put_back_is_found_by_its_anchor_alone(
    copies: Copies, seed: int
) -> None:
    earlier, later = rewound(copies, random.Random(seed))
    database, anchor = copies.of(earlier, "audit.db"), copies.of(later, "anchor")
    assert verified_with(database).is_valid  # the control: nothing else shows it
    (fault,) = verified_with(database, anchor).faults
    assert f"{later + 2} records were signed at" in str(fault)
    assert f"{earlier + 2} are left" in str(fault)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("seed", range(20))
def test_database_and_anchor_put_back_together_are_found_by_a_witness_alone(
    copies: Copies, seed: int
) -> None:
    earlier, later = rewound(copies, random.Random(seed))
    database, anchor = copies.of(earlier, "audit.db"), copies.of(earlier, "anchor")
    assert verified_with(database, anchor).is_valid  # the control
    assert not verified_with(database, anchor, copies.of(later, "witness")).is_valid


@pytest.mark.exhaustive
def test_a_thousand_rewinds_are_found_by_what_was_not_put_back_and_by_nothing_else(
    copies: Copies,
) -> None:
    found = {"neither": 0, "anchor": 0, "both put back": 0, "witness": 0}
    for seed in range(1_000):
        earlier, later = rewound(copies, random.Random(seed))
        database, anchor = copies.of(earlier, "audit.db"), copies.of(earlier, "anchor")
        newer, witness = copies.of(later, "anchor"), copies.of(later, "witness")
        found["neither"] += not verified_with(database).is_valid
        found["anchor"] += not verified_with(database, newer).is_valid
        found["both put back"] += not verified_with(database, anchor).is_valid
        found["witness"] += not verified_with(database, anchor, witness).is_valid
    print(f"rewinds found of 1000: {found}")  # noqa: T201
    assert found == {"neither": 0, "anchor": 1_000, "both put back": 0, "witness": 1_000}


async def test_a_chain_that_was_written_anew_by_whoever_has_the_key_is_found(
    database: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    async with opened(database, places=(HeadFile(kept),)) as store:
        await append_all(store, [call(), call()])
    (chain,) = rows(database, "SELECT chain FROM heads")[0]
    signer = Signer(KEYS)
    forged = [
        SignedHead(head := evolve(each.head, hash=bytes(32)), signer.sign(head.message))
        for each in heads_in(kept)
    ]
    with SQLiteDatabase(database).reading() as connection:
        (fault,) = verify(connection, signer.public_keys, anchors=forged).faults
    assert fault.chain == chain and "not the record that was signed here" in fault.what


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda head: SignedHead(head.head, bytes(64)), "the signature of an earlier head"),
        (
            lambda head: SignedHead(evolve(head.head, key="mine"), head.signature),
            "signed with the key mine",
        ),
    ],
)
def test_an_anchor_that_nobody_signed_is_said(
    copies: Copies, change: Callable[[SignedHead], SignedHead], said: str
) -> None:
    heads = list(map(change, heads_in(copies.folder / "anchor")))
    with SQLiteDatabase(copies.folder / "audit.db").reading() as connection:
        faults = verify(connection, Signer(KEYS).public_keys, anchors=heads).faults
    assert len(faults) == 1 and said in str(faults[0])


async def test_heads_outlive_two_changes_of_the_signing_key(database: Path, tmp_path: Path) -> None:
    kept, earlier = tmp_path / "kept", throwaway_keys()
    for _ in range(3):
        async with opened(database, earlier, places=(HeadFile(kept),)) as store:
            await append_all(store, [call(), call()])
        newer = throwaway_keys()
        earlier = evolve(newer, master=earlier.master, verify=Signer(earlier).public_keys)
    found = verified_with(database, kept, keys=earlier)
    assert (found.faults, found.chains) == ((), 3)
    assert len({each.head.key for each in heads_in(kept)}) == 3
    only_newest = verified_with(database, keys=evolve(earlier, verify=()))
    assert "which is not known" in str(only_newest.faults[0])  # the control


# ── files and URLs ────────────────────────────────────────────────────────────────────────────────


def test_the_end_of_a_torn_line_is_passed_over(copies: Copies, tmp_path: Path) -> None:
    text = (copies.folder / "anchor").read_bytes()
    torn = tmp_path / "torn"
    torn.write_bytes(text[:-20])
    assert len(list(heads_in(torn))) == text.count(b"\n") - 1
    torn.write_bytes(b"{}\n" + text)
    with pytest.raises(AuditError, match="torn:1 is no head"):
        list(heads_in(torn))


def test_a_file_that_cannot_be_added_to_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    audit = AuditConfig(url=f"sqlite:///{tmp_path}/a.db", anchor=str(tmp_path / "none" / "heads"))
    with pytest.raises(ConfigError, match="cannot be added to"):
        list(places_of(audit, {}))


async def test_an_anchor_that_fails_stops_nobody(
    database: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(database, places=(HeadFile(tmp_path / "none" / "heads"),)) as store:
        await append_all(store, [call() for _ in range(5)])
        await store.append(call())
        assert store.is_healthy
    said = [each.getMessage() for each in caplog.records if "anchored" in each.getMessage()]
    assert len(said) == 1 and "No such file" in said[0]


@contextmanager
def witness(failures: int = 0) -> Iterator[tuple[str, list[tuple[str | None, bytes]]]]:
    """A server that takes heads after it has refused some, and what it took."""
    taken: list[tuple[str | None, bytes]] = []
    left = [failures]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            left[0] -= 1
            if left[0] < 0:
                taken.append((self.headers["Authorization"], body))
            self.send_response(503 if left[0] >= 0 else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/heads", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_a_witness_is_sent_each_head_and_again_what_it_refused(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchors, "_RETRY_S", 0.01)
    with witness(failures=2) as (url, taken):
        async with opened(database, places=(HeadUrl(url, "hush"),)) as store:
            await append_all(store, [call(), call()])
            await until(lambda: bool(taken))
    assert {token for token, _ in taken} == {"Bearer hush"}
    heads = [SignedHead.of_line(body) for _, body in taken]
    assert heads[-1].head.is_closed and heads[-1].head.seq == 3
    with SQLiteDatabase(database).reading() as connection:
        assert verify(connection, Signer(KEYS).public_keys, anchors=heads).is_valid


# ── the command ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """A folder with a configuration whose audit has an anchor and a witness."""
    audit = AuditConfig(
        url=f"sqlite:///{tmp_path}/audit.db", witness=WitnessConfig(file=str(tmp_path / "seen"))
    )
    async with opened(tmp_path / "audit.db", places=tuple(places_of(audit, {}))) as store:
        await append_all(store, [call() for _ in range(3)])
    (tmp_path / "axonflow.yaml").write_text(
        'version: "1.0"\nllm_providers: {echo: {enabled: true}}\n'
        f"audit: {{url: 'sqlite:///{tmp_path}/audit.db', witness: {{file: {tmp_path}/seen}}}}\n"
    )
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def test_the_command_verifies_with_the_heads_of_the_configuration(
    configured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from axonflow_core.keys import written

    key = written(Signer(KEYS).public_key)
    assert main(["audit", "verify", "--public-key", key]) == 0
    (configured / "audit.db-heads").unlink()
    for table in ("records", "heads", "seals"):
        rows(configured / "audit.db", f"DELETE FROM {table}")
    assert main(["audit", "verify", "--public-key", key, "--json"]) == 1
    assert (
        "4 records were signed"
        in json.loads(capsys.readouterr().out.split("\n", 1)[1])["faults"][0]["what"]
    )
    url = f"sqlite:///{configured}/audit.db"
    assert main(["audit", "verify", "--public-key", key, "--url", url]) == 0  # the control
