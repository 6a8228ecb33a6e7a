"""The configuration of a running server changes: everywhere, whole or not at all, on record."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from on_time import until

from axonflow_core.audit.record import Entry
from axonflow_core.config import FaultyConfig
from axonflow_core.config.values import AuditConfig
from axonflow_core.errors import AuditError
from axonflow_core.keys import Keys, throwaway_keys
from axonflow_core.server.auth import client_secret
from axonflow_core.server.history import Archive, Source, Written
from axonflow_core.server.limits import Limits
from axonflow_core.server.service import Service, Shared
from axonflow_core.server.state import ServerState

from .in_process import Reply, Served

WORD = "pumpernickel"
"""A value of the file, which no record may have."""
FILE = """
version: "1.0"
llm_providers: {{echo: {{enabled: true}}}}
server:
  clients:
    acme: {{generation: {generation}, roles: [call]}}
    ops: {{roles: [admin]}}
policies:
  rules:
    - {{name: no-bread, text: {word}, action: {action}}}
audit: {{url: "sqlite:///audit.db", texts: {texts}}}
"""
RELOAD = "/api/v1/reload"


def file(**values: Any) -> str:
    return FILE.format(
        **{"generation": 1, "action": "log", "word": WORD, "texts": "none", **values}
    )


class Files:
    """A folder with the configuration file and the audit of one server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "axonflow.yaml"
        self.keys: Keys = throwaway_keys()
        self.shared = Shared(
            audit=AuditConfig(url=f"sqlite:///{folder}/audit.db"), source=Source(self.path, {})
        )
        self.write()

    def write(self, **values: Any) -> None:
        self.path.write_text(file(**values))

    @asynccontextmanager
    async def worker(self, *, launch: str = "first") -> AsyncIterator[Served]:
        shared = evolve(self.shared, launch=launch)
        service = await Service.share(shared, self.keys, ServerState(Limits()))
        try:
            yield Served(service, self.keys)
        finally:
            await service.aclose()

    @property
    def database(self) -> bytes:
        return b"".join(
            path.read_bytes() for path in self.folder.glob("audit.db*") if path.is_file()
        )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


async def ask(worker: Served, **more: Any) -> Reply:
    return await worker.post("/api/request", {"query": f"bake {WORD}"}, **more)


async def reload(worker: Served, **more: Any) -> Reply:
    return await worker.ask("POST", RELOAD, client="ops", **more)


async def changes(worker: Served) -> list[Entry]:
    """The records of the configuration, the oldest first."""
    entries = [*await worker.records(""), *await worker.records("ops")]
    return [entry for entry in entries if entry.kind == "configuration"]


async def test_a_reload_serves_what_the_file_says_now(files: Files) -> None:
    async with files.worker() as worker:
        assert (await ask(worker)).status == 200
        files.write(action="block")
        reply = await reload(worker)
        assert (reply.status, reply.json["generation"]) == (200, 2)
        assert reply.json["changes"] == {"changed": ["policies.rules"]}
        assert (await ask(worker)).status == 403


async def test_it_is_on_record_who_changed_which_keys_and_no_value_is(files: Files) -> None:
    async with files.worker() as worker:
        files.write(generation=2)
        await reload(worker)
        first, second = await changes(worker)
        assert (first.facts["who"], first.facts["generation"]) == ("start", 1)
        assert "server.clients.acme.roles" in first.facts["added"]
        assert (second.client, second.facts["who"]) == ("ops", "client ops")
        assert second.facts["changed"] == ["server.clients.acme.generation"]
    assert WORD.encode() not in files.database
    assert b"clients.acme.generation" in files.database


async def test_every_worker_switches_whichever_was_told(files: Files) -> None:
    async with files.worker() as one, files.worker() as two:
        files.write(action="block")
        await reload(one)
        await until(lambda: two.service.generation.number == 2)
        assert (await ask(two)).status == 403
        assert len(await changes(two)) == 2


async def test_an_old_secret_is_refused_everywhere_once_a_client_has_a_new_one(
    files: Files,
) -> None:
    async with files.worker() as one, files.worker() as two:
        files.write(generation=2)
        await reload(two)
        await until(lambda: one.service.generation.number == 2)
        new = client_secret(files.keys.server[0], "acme", 2)
        header = {"authorization": f"Basic {b64encode(f'acme:{new}'.encode()).decode()}"}
        for worker in (one, two):
            assert (await ask(worker)).status == 401
            assert (await ask(worker, client=None, headers=header)).status == 200


async def test_a_faulty_file_changes_nothing_and_every_fault_is_told_at_its_place(
    files: Files,
) -> None:
    async with files.worker() as worker:
        files.write(action="explode", generation="many")
        reply = await reload(worker)
        assert (reply.status, reply.json["generation"]) == (422, 1)
        places = {(fault["line"], fault["column"]) for fault in reply.json["faults"]}
        assert {line for line, _ in places} == {6, 10} and len(reply.json["faults"]) == 2
        assert WORD.encode() not in reply.body
        assert (await ask(worker)).status == 200
        refused = (await changes(worker))[-1]
        assert (refused.verdict, refused.facts["faults"]) == ("error", 2)


async def test_a_pattern_that_no_engine_takes_is_a_fault_too(files: Files) -> None:
    async with files.worker() as worker:
        files.path.write_text(file().replace(f"text: {WORD}", "pattern: '(?=x)'"))
        reply = await reload(worker)
        assert reply.status == 422
        assert "RE2" in reply.json["faults"][0]["message"]


async def test_a_setting_that_cannot_change_is_refused_by_its_name(files: Files) -> None:
    async with files.worker() as worker:
        files.write(texts="redacted")
        reply = await reload(worker)
        (fault,) = reply.json["faults"]
        assert "`audit.texts` cannot change while the server runs" in fault["message"]
        assert (reply.status, fault["line"]) == (422, 11)


async def test_a_file_that_says_the_same_is_no_new_generation(files: Files) -> None:
    async with files.worker() as worker:
        reply = await reload(worker)
        assert reply.json == {"success": True, "generation": 1, "changes": {}}
        assert len(await changes(worker)) == 1


async def test_two_workers_that_are_told_at_once_make_one_generation(files: Files) -> None:
    async with files.worker() as one, files.worker() as two:
        files.write(action="block")
        replies = await asyncio.gather(*map(reload, (one, two, one, two)))
        assert [reply.json["generation"] for reply in replies] == [2] * 4
        assert len(await changes(one)) == 2


async def test_a_signal_reloads(files: Files) -> None:
    async with files.worker() as worker:
        files.write(action="block")
        worker.service.state.reload()
        await until(lambda: worker.service.generation.number == 2)
        assert (await changes(worker))[-1].facts["who"] == "signal"


async def test_a_call_ends_on_the_generation_that_it_began_with(files: Files) -> None:
    async with files.worker() as worker:
        old = worker.service.generation
        with old.hold():
            files.write(action="block")
            await reload(worker)
            await asyncio.sleep(0.05)
            assert worker.service.reloading is not None
            assert len(worker.service.reloading._closing) == 1
        await until(lambda: not worker.service.reloading._closing)  # type: ignore[union-attr]


async def test_only_an_admin_may_reload(files: Files) -> None:
    async with files.worker() as worker:
        files.write(action="block")
        assert (await worker.ask("POST", RELOAD, client="acme")).status == 403
        assert worker.service.generation.number == 1


# ── starts ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_start_makes_what_was_edited_meanwhile_the_next_generation(files: Files) -> None:
    async with files.worker(launch="first"):
        pass
    async with files.worker(launch="second") as worker:
        assert worker.service.generation.number == 1
    files.write(action="block")
    async with files.worker(launch="third") as worker:
        assert worker.service.generation.number == 2


async def test_a_worker_that_is_started_again_serves_what_the_others_do(files: Files) -> None:
    async with files.worker() as one:
        files.path.write_text("this: is being edited")
        async with files.worker() as again:
            assert again.service.generation.number == 1
            assert (await ask(again)).status == 200
        assert len(await changes(one)) == 1


async def test_a_faulty_file_stops_a_start(files: Files) -> None:
    files.write(action="explode")
    with pytest.raises(FaultyConfig, match="explode"):
        async with files.worker():
            pass


def test_what_the_store_keeps_of_a_file_opens_with_a_server_key_that_is_still_known() -> None:
    written = Written(Path("axonflow.yaml"), "password: x")
    sealed = Archive([b"old" * 11]).seal(3, written)
    assert b"password" not in sealed
    assert Archive([b"new" * 11, b"old" * 11]).open(3, sealed) == written
    assert Archive([b"new" * 11]).open(3, sealed) is None
    assert Archive([b"old" * 11]).open(4, sealed) is None


async def test_a_start_with_another_server_key_begins_with_the_file(files: Files) -> None:
    async with files.worker():
        pass
    files.keys = evolve(files.keys, server=throwaway_keys().server)

    async with files.worker(launch="second") as worker:
        assert (await ask(worker)).status == 200
        assert [entry.facts["generation"] for entry in await changes(worker)] == [1, 2]


async def test_a_worker_with_another_server_key_than_the_first_says_so(files: Files) -> None:
    async with files.worker():
        files.keys = evolve(files.keys, server=throwaway_keys().server)
        with pytest.raises(AuditError, match="generation 1 of the configuration does not decrypt"):
            async with files.worker():
                pass
