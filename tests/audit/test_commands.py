"""`axonflow keys` and `axonflow audit`, run in their own process or in this one."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson
import pytest

from axonflow_core.audit.keys import Signer
from axonflow_core.audit.record import Entry
from axonflow_core.cli import main
from axonflow_core.keys import Keys, load_keys, written
from axonflow_core.policy.rules import Verdict

from .making import append_all, call, opened, rows

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Keys:
    """The keys that `axonflow keys init` made, for this process."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # a command adds one to stderr
    assert main(["keys", "init", str(tmp_path / "keys")]) == 0
    monkeypatch.setenv("AXONFLOW_KEYS_DIR", str(tmp_path / "keys"))
    keys = load_keys(None, os.environ)
    assert capsys.readouterr().out.strip() == written(Signer(keys).public_key)
    return keys


@pytest.fixture
def audit(keys: Keys, database: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `axonflow audit` on the database of the test, and returns exit code and stdout."""
    asyncio.run(_record(database, keys))

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["audit", *arguments, "--url", f"sqlite:///{database}"])
        return code, capsys.readouterr().out

    return run


async def _record(database: Path, keys: Keys) -> None:
    async with opened(database, keys) as store:
        user = await store.pseudonym("acme", "bob")
        entries: Sequence[Entry] = (
            call(
                id="c1",
                user=user,
                at_us=1_000_000,
                model="m-1",
                rules=("pii",),
                facts={"cost_usd": 0.5, "receipt": {"request_id": "req-1"}},
            ),
            call(id="c2", verdict=Verdict.BLOCKED, at_us=1_795_957_617_000_000),
        )
        await append_all(store, entries)


def test_records_that_are_as_they_were_verify(audit: Command) -> None:
    assert audit("verify") == (0, "3 records in 1 chain: as they were recorded\n")
    code, said = audit("verify", "--json")
    assert (code, orjson.loads(said)["valid"]) == (0, True)


def test_a_record_that_was_changed_is_named_and_fails(audit: Command, database: Path) -> None:
    rows(database, "UPDATE records SET tenant = 'globex' WHERE id = 'c1'")
    code, said = audit("verify")
    assert code == 1
    assert "record 2 (c1): the column tenant differs" in said
    assert "3 records in 1 chain: 1 fault" in said
    code, said = audit("verify", "--json")
    (fault,) = orjson.loads(said)["faults"]
    assert (code, fault["id"], fault["seq"]) == (1, "c1", 2)


def test_an_auditor_needs_the_public_key_alone(
    audit: Command, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AXONFLOW_KEYS_DIR")
    assert audit("verify", "--public-key", written(Signer(keys).public_key))[0] == 0
    assert audit("verify", "--public-key", written(b"x" * 32))[0] == 1
    assert audit("verify", "--public-key", "short")[0] == 3
    assert audit("verify")[0] == 3


def test_the_newest_records_are_shown_oldest_first(audit: Command) -> None:
    code, said = audit("tail", "-n", "2")
    first, second = said.splitlines()
    assert code == 0
    assert first.startswith("1970-01-01T00:00:01.000Z  allowed    call ")
    assert first.endswith("  m-1  pii  c1")
    assert "  blocked " in second
    code, said = audit("tail", "--json", "-n", "1")
    assert orjson.loads(said)["id"] == "c2"


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (("--tenant", "acme"), ["c2", "c1"]),
        (("--tenant", "acme", "--user", "bob"), ["c1"]),
        (("--tenant", "globex", "--user", "bob"), []),
        (("--tenant", "acme", "--verdict", "blocked"), ["c2"]),
        (("--rule", "pii"), ["c1"]),
        (("--model", "m-1"), ["c1"]),
        (("--provider", "none"), []),
        (("--receipt", "req-1"), ["c1"]),
        (("--min-cost", "0.5"), ["c1"]),
        (("--max-cost", "0.4"), []),
        (("--tenant", "acme", "--cursor", "1795957617000000.3"), ["c1"]),
        (("--id", "c2"), ["c2"]),
        (("--since", "2026-01-01", "--until", "2026-11-29T13:06:58Z", "--client", "shop"), ["c2"]),
        (("--tenant", "acme", "-n", "1", "--offset", "1"), ["c1"]),
    ],
)
def test_records_are_searched(audit: Command, arguments: tuple[str, ...], ids: list[str]) -> None:
    code, said = audit("search", *arguments, "--json")
    assert (code, [one["id"] for one in orjson.loads(said)["records"]]) == (0, ids)


def test_a_page_says_where_the_next_one_begins(audit: Command) -> None:
    page = orjson.loads(audit("search", "--tenant", "acme", "-n", "1", "--json")[1])
    arguments = ("search", "--tenant", "acme", "--cursor", page["next_cursor"], "--json")
    rest = orjson.loads(audit(*arguments)[1])
    assert [one["id"] for one in page["records"] + rest["records"]] == ["c2", "c1"]
    assert (page["total"], rest["next_cursor"]) == (2, None)


@pytest.mark.parametrize(
    "arguments",
    [
        *(("search", "--user", "bob"), ("search", "--since", "soon"), ("search", "-n", "1001")),
        *(("search", "--cursor", "1"), ("search", "--min-cost", "-1")),
    ],
)
def test_a_search_that_cannot_be_made_is_a_usage_error(
    audit: Command, arguments: tuple[str, ...]
) -> None:
    assert audit(*arguments) == (2, "")


def test_a_pseudonym_is_searched_without_keys(
    audit: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = orjson.loads(audit("search", "--id", "c1", "--json")[1])["records"][0]
    monkeypatch.delenv("AXONFLOW_KEYS_DIR")
    assert " c1\n" in audit("search", "--user", first["user"])[1]


def test_the_configuration_names_database_and_keys(
    audit: Command, keys: Keys, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AXONFLOW_KEYS_DIR")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "axonflow.yaml").write_text(
        'version: "1.0"\nllm_providers: {echo: {enabled: true}}\n'
        f"audit: {{url: 'sqlite:///{database}'}}\nserver: {{keys_dir: keys}}\n"
    )
    assert main(["audit", "verify"]) == 0


def test_a_database_that_is_not_there_is_named(
    keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "tail", "--url", f"sqlite:///{tmp_path}/none.db"]) == 3
    assert "none.db" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_keys_are_not_made_twice(
    keys: Keys, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "init", str(tmp_path / "keys")]) == 3
    assert "no key is ever overwritten" in capsys.readouterr().err
    assert load_keys(tmp_path / "keys", {}) == keys


# ── keys of the audit ─────────────────────────────────────────────────────────────────────────────


def test_a_key_that_was_changed_twice_leaves_every_head_verifiable(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, database = tmp_path / "keys", tmp_path / "audit.db"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "axonflow.yaml").write_text(
        'version: "1.0"\nllm_providers: {echo: {enabled: true}}\n'
        "server: {keys_dir: keys}\naudit: {url: 'sqlite:///audit.db'}\n"
    )
    public = [written(Signer(keys).public_key)]
    asyncio.run(_record(database, keys))
    for number in range(2):
        assert main(["audit", "keys", "rotate", str(folder)]) == 0
        public.append(capsys.readouterr().out.strip())
        asyncio.run(_begun(database, load_keys(folder, {}), f"after-{number}"))
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}

    assert main(["audit", "keys", "list", "--json"]) == 0
    listed = orjson.loads(capsys.readouterr().out)
    assert [each["public_key"] for each in listed] == public[::-1]
    assert [each["state"] for each in listed] == ["in use", "earlier", "earlier"]
    assert all(each["heads"] > 0 for each in listed)
    given = [word for key in public for word in ("--public-key", key)]
    assert main(["audit", "verify", *given]) == 0
    assert main(["audit", "verify", *given[2:]]) == 1  # the control: the first key is not known


async def _begun(database: Path, keys: Keys, id: str) -> None:
    async with opened(database, keys) as store:
        await store.append(call(id=id))


def test_a_folder_without_keys_is_no_folder_of_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "keys", "rotate", str(tmp_path)]) == 3
    assert list(tmp_path.iterdir()) == []


# ── copy ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_audit_is_copied_to_another_database(
    audit: Command, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = f"sqlite:///{database.with_name('new.db')}"
    code, said = audit("copy", "--to", to)
    assert (code, said) == (
        0,
        "3 records in 1 chain are copied and verified: as they were recorded\n",
    )
    assert main(["audit", "verify", "--url", to]) == 0
    assert "3 records in 1 chain" in capsys.readouterr().out
    assert audit("copy", "--to", to)[0] != 0


def test_a_copy_has_the_faults_of_what_it_is_of_and_fails(audit: Command, database: Path) -> None:
    rows(database, "UPDATE records SET tenant = 'globex' WHERE id = 'c1'")
    rows(database, "CREATE TABLE songs (name)")
    code, said = audit("copy", "--to", f"sqlite:///{database.with_name('new.db')}", "--json")
    found = orjson.loads(said)
    assert (code, found["left"], found["rows"]["records"]) == (1, ["songs"], 3)
    assert found["verification"]["faults"][0]["id"] == "c1"


def test_a_database_is_not_copied_to_itself(audit: Command, database: Path) -> None:
    assert audit("copy", "--to", f"sqlite:///{database}")[0] == 2
