"""The commands of `docs/audit.md` and `docs/controls.md` are run, each on records of its own, and
the recipe that ships an export."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from pages import Page

from axonflow_core.audit.keys import Signer
from axonflow_core.audit.store import AuditStore
from axonflow_core.cli import main
from axonflow_core.config import load_config
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.calls import Governance
from axonflow_core.keys import load_keys, written
from axonflow_core.modes.proxy import ProxyRequest, asked
from axonflow_core.policy.policies import Policies
from axonflow_core.runtime import Runtime

AUDIT, CONTROLS = Page("audit.md"), Page("controls.md")
CONFIG = """
version: "1.0"
llm_providers: {echo: {enabled: true}}
server: {keys_dir: keys, clients: {shop: {tenant: acme}}}
audit: {url: "sqlite:///audit.db", texts: redacted, retention_days: 2555}
"""
REQUEST = {"query": "Write to bob@example.com", "user_token": "ann@example.com"}
_ID = re.compile(r"\b0199f3a2[0-9a-f]*…|\bID\b")


def commands() -> list[str]:
    """Every command of the audit on both pages, in the order of the pages."""
    typed = [line for text, _ in AUDIT.commands() for line in text.splitlines()]
    listed = re.findall(r"`(axonflow audit [^`]*)`", CONTROLS.text)
    found = [each for each in (*typed, *listed) if each.startswith("axonflow ")]
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration, keys, records of two calls, an export and a hold."""
    folder = tmp_path_factory.mktemp("audited")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("AXONFLOW_KEYS_DIR", raising=False)
        (folder / "axonflow.yaml").write_text(CONFIG)
        (folder / "body.json").write_text(json.dumps(REQUEST))
        assert main(["keys", "init", "keys"]) == 0
        ids = asyncio.run(_recorded())
        (folder / "ids").write_text("\n".join(ids))
        assert main(["audit", "export", "exported", "--part", "2"]) == 0
        for name in ("case-7", "audit-2026"):
            assert main(["audit", "hold", "add", name, "--reason", "x", "--tenant", "none"]) == 0
    return folder


async def _recorded() -> list[str]:
    """Make two calls; the ids of their records."""
    config = load_config(Path("axonflow.yaml"))
    store = await AuditStore.open(config.audit.url, load_keys(Path("keys"), {}), keeps_texts=True)
    request = ProxyRequest(query=REQUEST["query"], user=REQUEST["user_token"])
    try:
        async with Runtime.open(config) as runtime:
            governance = Governance(Policies.build(config.policies), runtime.router, store)
            caller = Caller(client="shop", tenant="acme")
            outcomes = [await asked(governance, caller, request, timeout_s=30) for _ in range(2)]
    finally:
        await store.aclose()
    return [outcome.id for outcome in outcomes]


@pytest.fixture
def folder(served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to work in."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.delenv("AXONFLOW_KEYS_DIR", raising=False)
    shutil.copytree(served, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def public_key(folder: Path) -> str:
    return written(Signer(load_keys(folder / "keys", {})).public_key)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("command", commands())
def test_a_command_of_the_pages_does_what_it_says(command: str, folder: Path) -> None:
    ids = iter((folder / "ids").read_text().split() * 2)
    typed = _ID.sub(lambda _: next(ids), command).replace("KEY", public_key(folder))
    if "hold add" in typed:
        for name in ("case-7", "audit-2026"):
            assert main(["audit", "hold", "release", name]) == 0
    assert main(shlex.split(typed)[1:]) == 0, typed


def test_the_pages_have_commands_of_every_kind() -> None:
    """The control: what is parsed of the pages is what is on them."""
    kinds = {each.split()[2] for each in commands() if each.startswith("axonflow audit ")}
    assert kinds >= {"verify", "search", "export", "report", "replay", "erase", "hold", "retain"}
    assert kinds >= {"keys", "tail"}


def test_the_fields_that_controls_name_are_written_somewhere() -> None:
    root = Path(__file__).parents[2] / "axonflow_core"
    source = "\n".join(path.read_text() for path in root.rglob("*.py"))
    named = re.findall(r"`facts\.([a-z_.]+)`", CONTROLS.text)
    names = {part for name in named for part in name.split(".")}
    assert names >= {"decisions", "receipt", "generation"}
    assert [name for name in names if f'"{name}"' not in source] == []


# ── shipping ──────────────────────────────────────────────────────────────────────────────────────


def carried(folder: Path, target: Path) -> None:
    """Carry an export as a shipper of lines does: line by line, each into the file of its name."""
    target.mkdir()
    for path in sorted(folder.iterdir()):
        with (target / path.name).open("ab") as file:
            for line in path.read_bytes().splitlines():
                file.write(line + b"\n")


def verified(folder: Path, target: Path) -> int:
    """What verifying on the other side ends with: the public key is all that it has."""
    return main(["audit", "verify", str(target), "--public-key", public_key(folder)])


def test_an_export_that_was_carried_by_the_line_verifies_on_the_other_side(folder: Path) -> None:
    carried(folder / "exported", folder / "received")
    assert verified(folder, folder / "received") == 0


@pytest.mark.parametrize("harm", ["lost", "twice", "out of order", "written anew"])
def test_what_a_shipper_does_to_a_line_is_found(folder: Path, harm: str) -> None:
    carried(folder / "exported", folder / "received")
    part = folder / "received" / "part-00000001.jsonl"
    first, second = part.read_bytes().splitlines(keepends=True)
    anew = json.dumps(json.loads(first)).encode() + b"\n"
    lines = {
        "lost": [first],
        "twice": [first, first, second],
        "out of order": [second, first],
        "written anew": [anew, second],
    }
    part.write_bytes(b"".join(lines[harm]))
    assert verified(folder, folder / "received") == 1


def test_the_recipe_says_from_where_each_part_gets_what_it_carries() -> None:
    for text in AUDIT.files().values():
        config = yaml.safe_load(text)
        parts = {**config["sources"], **config.get("transforms", {}), **config["sinks"]}
        inputs = [name for part in parts.values() for name in part.get("inputs", ())]
        assert set(inputs) == parts.keys() - config["sinks"].keys()


@pytest.mark.thorough
def test_the_recipe_ships_an_export_that_verifies_on_the_other_side(folder: Path) -> None:
    if shutil.which("vector") is None:
        pytest.skip("vector is not installed here: the recipe is not run")
    for name, data in AUDIT.files().items():
        text = data.replace("/var/lib/axonflow/", f"{folder}/")
        text = text.replace("/var/lib/received", f"{folder}/received")
        text = re.sub(r"auditor\.example:|0\.0\.0\.0:", "127.0.0.1:", text)
        (folder / f"{name}.data").mkdir()
        (folder / name).write_text(text.replace("/var/lib/vector", f"{folder}/{name}.data"))
    with vector(folder / "receive.yaml"), vector(folder / "ship.yaml"):
        wanted = {path.name: path.read_bytes() for path in (folder / "exported").iterdir()}
        ends = time.monotonic() + 60
        while time.monotonic() < ends and _files(folder / "received") != wanted:
            time.sleep(0.2)
    assert verified(folder, folder / "received") == 0


@contextmanager
def vector(config: Path) -> Iterator[None]:
    """Vector, with a configuration."""
    process = subprocess.Popen(["vector", "--config", str(config)], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*")}
