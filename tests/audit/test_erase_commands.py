"""`axonflow audit erase` and `axonflow audit hold`, run in this process."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from axonflow_core.audit.batch import Transaction
from axonflow_core.audit.record import Kind
from axonflow_core.audit.store import AuditStore
from axonflow_core.cli import main
from axonflow_core.keys import Keys
from axonflow_core.modes import contexts
from axonflow_core.modes.contexts import Context
from axonflow_core.policy.rules import Verdict
from axonflow_core.server import replays
from axonflow_core.server.client_request import Answer
from axonflow_core.server.service import tables

from .making import append_all, call, opened, rows
from .test_commands import keys  # noqa: F401 - a fixture

Command = Callable[..., Any]
TOKEN = ".".join(
    base64.urlsafe_b64encode(orjson.dumps(part)).decode().rstrip("=")
    for part in ({"alg": "none"}, {"sub": "jo"}, {})
)


@pytest.fixture
def audit(keys: Keys, database: Path, capsys: pytest.CaptureFixture[str]) -> Command:  # noqa: F811
    """Runs `axonflow audit … --json` on the database of the test, and returns exit code and what
    stdout has."""
    asyncio.run(_record(database, keys))
    capsys.readouterr()

    def run(*arguments: str) -> tuple[int, Any]:
        code = main(["audit", *arguments, "--url", f"sqlite:///{database}", "--json"])
        return code, orjson.loads(capsys.readouterr().out)

    return run


async def _record(database: Path, keys: Keys) -> None:  # noqa: F811
    async with opened(database, keys, keeps_texts=True, tables=tables()) as store:
        users = {tenant: await store.pseudonym(tenant, TOKEN) for tenant in ("acme", "globex")}
        entries = [
            call(id=f"{tenant}-{name}", tenant=tenant, user=user, texts={"request": "x"})
            for tenant, pseudonym in users.items()
            for name, user in (("jo", pseudonym), ("none", None))
        ]
        await append_all(store, entries)
        await store.transact(_keep_others(keys))


def _keep_others(keys: Keys) -> Callable[[Transaction], None]:  # noqa: F811
    """Answers and contexts of two records, one of them used by a report."""
    seal, later = replays.Seal(keys.server[0]), time.time_ns()

    def work(transaction: Transaction) -> None:
        for id in ("acme-jo", "acme-none"):
            mark = seal.mark(id.encode())
            given = replays.Given(Answer(200, b"said"), id, Verdict.ALLOWED)
            replays.keep(transaction, mark, seal.seal(mark, given), later)
            context = Context(
                id=f"ctx-{id}",
                tenant="acme",
                client="shop",
                check_id=id,
                policy="p",
                expires_us=later,
            )
            contexts.keep(transaction, context)
        contexts.use(transaction, "ctx-acme-jo", "acme-jo", "mark")

    return work


def left(database: Path) -> list[str]:
    """The records that have a key."""
    query = "SELECT id FROM records WHERE record_key IS NOT NULL ORDER BY id"
    return [id for (id,) in rows(database, query)]


def test_a_person_is_erased_in_every_tenant_by_the_subject_of_the_token(
    audit: Command, database: Path
) -> None:
    before = rows(database, "SELECT count(*) FROM records")
    code, dry = audit("erase", "--subject", "jo", "--dry-run")
    assert (code, dry["erased"], dry["is_dry_run"]) == (0, 2, True)
    assert rows(database, "SELECT count(*) FROM records") == before
    code, said = audit("erase", "--subject", "jo")
    assert (code, said["erased"], said["left"]) == (0, 2, None)
    assert said["forgotten"] == {"texts": 2, "answers": 1, "contexts": 1}
    assert left(database) == ["acme-none", "globex-none"]
    assert rows(database, "SELECT id FROM contexts") == [("ctx-acme-none",)]
    assert rows(database, "SELECT count(*) FROM replays") == [(1,)]
    assert audit("erase", "--subject", "jo") == (0, {**said, **_nothing()})
    assert audit("verify")[1]["valid"]


def _nothing() -> dict[str, Any]:
    return {"erased": 0, "forgotten": {}, "records": []}


def test_a_person_is_erased_in_one_tenant_or_by_the_pseudonym(
    audit: Command, database: Path
) -> None:
    assert audit("erase", "--subject", TOKEN, "--tenant", "globex")[1]["erased"] == 1
    assert "acme-jo" in left(database)
    ((pseudonym,),) = rows(database, "SELECT user FROM records WHERE id = 'acme-jo'")
    assert audit("erase", "--subject", pseudonym)[1]["erased"] == 1
    assert left(database) == ["acme-none", "globex-none"]


def test_what_of_some_records_cannot_be_erased_is_named_and_fails(
    audit: Command, database: Path
) -> None:
    code, said = audit("erase", "acme-jo", "nothing", "globex-jo", "--tenant", "acme")
    assert (code, said["erased"], said["unknown"]) == (1, 1, ["globex-jo", "nothing"])
    assert "globex-jo" in left(database)
    code, said = audit("erase", "acme-jo")
    assert (code, said["erased"], said["empty"]) == (0, 0, 1)


def test_the_answers_of_a_tenant_go_with_its_key(audit: Command, database: Path) -> None:
    code, dry = audit("erase", "--tenant-key", "acme", "--dry-run")
    assert (code, dry["erased"]) == (0, 2)
    code, said = audit("erase", "--tenant-key", "acme")
    assert (code, said["forgotten"]) == (0, {"answers": 2, "contexts": 1})
    assert rows(database, "SELECT tenant FROM tenant_keys") == [("globex",)]
    code, said = audit("erase", "--tenant-key", "acme")
    assert (code, said["error"]["message"]) == (2, "the tenant acme has no key")
    assert audit("verify")[1]["valid"]


def test_a_hold_is_added_listed_and_released(
    audit: Command, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def hold(*arguments: str) -> int:
        return main(["audit", "hold", *arguments, "--url", f"sqlite:///{database}"])

    scope = ("--tenant", "acme", "--subject", "jo", "--since", "2026-01-01", "--client", "shop")
    assert hold("add", "case-7", "--reason", "a dispute", *scope) == 0
    assert hold("list") == 0
    listed = capsys.readouterr().out
    assert "case-7" in listed and "tenant acme, client shop, user u_" in listed
    code, said = audit("erase", "--subject", "jo")
    assert (code, said["erased"], said["held"]) == (1, 1, {"case-7": 1})
    assert "acme-jo" in left(database)
    code, said = audit("erase", "--tenant-key", "acme")
    assert (code, "a dispute" in said["error"]["message"]) == (1, True)
    assert hold("release", "case-7") == 0
    assert audit("hold", "list") == (0, [])
    assert audit("erase", "--subject", "jo")[1]["erased"] == 1
    kinds = rows(database, "SELECT tenant FROM records WHERE kind = 'hold'")
    assert kinds == [("acme",), ("acme",)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("erase",),
        ("erase", "id", "--subject", "jo"),
        ("erase", "--tenant-key", "acme", "--tenant", "acme"),
        ("hold", "add", "name"),
        ("hold", "add", "name", "--reason", "r", "--subject", "jo"),
        ("hold", "add", "name", "--reason", "r", "--subject", "jo", "--tenant", "nobody"),
    ],
)
def test_what_cannot_be_asked_is_a_usage_error_and_changes_nothing(
    audit: Command, database: Path, arguments: tuple[str, ...]
) -> None:
    before = rows(database, "SELECT count(*) FROM records")
    assert main(["audit", *arguments, "--url", f"sqlite:///{database}"]) == 2
    assert rows(database, "SELECT count(*) FROM records") == before


def test_a_database_that_is_not_there_is_not_made(
    audit: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "erase", "id", "--url", f"sqlite:///{tmp_path}/none.db"]) == 3
    assert not (tmp_path / "none.db").exists()


def test_what_is_said_names_records_and_counts(
    audit: Command, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{database}"
    assert main(["audit", "erase", "acme-jo", "acme-jo", "none", "--url", url]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "1 record is erased",
        "1 texts, 1 answers, 1 contexts went with them",
        "there is no record none",
        f"recorded as {_newest(database)}",
    ]


def _newest(database: Path) -> str:
    ((id,),) = rows(database, "SELECT id FROM records WHERE kind = 'erasure'")
    return str(id)


async def test_an_answer_that_no_key_opens_goes_too(database: Path) -> None:
    async with opened(database, tables=tables()) as store:
        seal = replays.Seal(b"a key that was replaced")
        given = replays.Given(Answer(200, b"said"), "r", Verdict.ALLOWED)
        mark = seal.mark(b"r")
        await _transact(store, lambda t: replays.keep(t, mark, seal.seal(mark, given), 1))
        seals = [replays.Seal(b"of now")]
        assert await _transact(store, lambda t: replays.erase(t, seals, lambda ids: ())) == 1


async def _transact(store: AuditStore, work: Callable[[Transaction], Any]) -> Any:
    return await store.transact(work)


def test_the_other_records_of_a_call_go_with_it(
    keys: Keys,  # noqa: F811
    database: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    related: list[dict[str, Any]] = [
        {"id": "opened", "kind": Kind.OPENED},
        {"id": "call", "closes": "opened"},
        {"id": "shadow", "facts": {"shadow_of": "call"}},
        {"id": "again", "facts": {"answer_of": "call"}, "kind": Kind.REPEAT},
        {"id": "check", "kind": Kind.CHECK},
        {"id": "report", "facts": {"check_id": "check"}, "kind": Kind.GATEWAY_CALL},
        {"id": "other", "facts": {"shadow_of": "one that is gone"}},
        {"id": "of-globex", "facts": {"shadow_of": "call"}, "tenant": "globex"},
    ]

    async def record() -> None:
        async with opened(database, keys, tables=tables()) as store:
            await append_all(store, [call(texts={"r": "x"}, **each) for each in related])

    asyncio.run(record())
    url = f"sqlite:///{database}"
    assert main(["audit", "erase", "report", "--url", url]) == 0
    assert left(database) == ["again", "call", "of-globex", "opened", "other", "shadow"]
    for asked in ("opened", "call", "shadow"):
        assert main(["audit", "erase", asked, "--url", url, "--dry-run"]) == 0
        assert capsys.readouterr().out.endswith("4 records would be erased\n")
    assert main(["audit", "erase", "other", "--url", url]) == 0
    assert main(["audit", "erase", "call", "--url", url]) == 0
    assert left(database) == ["of-globex"]
