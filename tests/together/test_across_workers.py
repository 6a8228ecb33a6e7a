"""What holds across the workers of a server, seen from its clients and from the emulator:
processes, sockets that close early, workers that are killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from on_time import OTHERS_LATE_S, ends_within, wait_until
from server.served import Client

from axonflow_core.keys import make_keys, written
from axonflow_core.server.metrics import PUBLISHED_EVERY_S

from .governed import Governed, config_text, seen, serving, start, status_of

pytestmark = pytest.mark.thorough
SEEN_S = 1.0 + PUBLISHED_EVERY_S + OTHERS_LATE_S
"""How long all workers may take to serve a new configuration, and to say so."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Governed]:
    with serving(tmp_path_factory.mktemp("server"), delay_s=1.0) as running:
        yield running


class Since:
    """What happens to a server from now on."""

    def __init__(self, server: Governed) -> None:
        self._server = server
        self._calls = len(server.upstream.began)
        self._ended = len(server.upstream.ended)
        self._records = len(server.records("call", "repeat"))

    @property
    def calls(self) -> int:
        """Calls that the emulator has seen begin."""
        return len(self._server.upstream.began) - self._calls

    @property
    def ended(self) -> int:
        return len(self._server.upstream.ended) - self._ended

    def records(self, kind: str) -> list[dict[str, Any]]:
        records = self._server.records("call", "repeat")[self._records :]
        return [record for record in records if record["kind"] == kind]

    def chains(self, kind: str) -> set[str]:
        """Which workers wrote such records, by their chains."""
        return {record["chain"] for record in self.records(kind)}


def test_the_three_sends_of_a_time_out_are_one_call(server: Governed) -> None:
    since = Since(server)
    queries = [f"slow {number}" for number in range(12)]
    for query in queries * 2:
        server.ask(query).socket.close()
    answers = [status_of(client) for client in [server.ask(query) for query in queries]]
    assert answers == [200] * 12
    assert since.calls == len(since.records("call")) == 12
    assert len(since.chains("call")) == len(since.chains("repeat")) == 2


def test_honest_repeats_are_calls_of_their_own(server: Governed) -> None:
    since = Since(server)
    assert [status_of(server.ask("again")) for _ in range(8)] == [200] * 8
    assert since.calls == len(since.records("call")) == 8
    assert since.records("repeat") == []


def test_an_answer_that_came_after_its_client_left_is_given_once_by_either_worker(
    server: Governed,
) -> None:
    since = Since(server)
    for number in range(8):
        server.ask(f"slowly {number}").socket.close()
    wait_until(lambda: len(since.records("call")) == 8)
    answers = [seen(server.ask(f"slowly {number}"))["data"] for number in range(8)]
    assert answers == [{"data": "at last"}] * 8
    repeats = since.records("repeat")
    assert since.calls == len(repeats) == 8
    assert "replayed" in {record["facts"]["how"] for record in repeats}
    assert status_of(server.ask("slowly 0")) == 200
    assert since.calls == 9


def test_an_answer_whose_bytes_nobody_read_is_given_to_the_next_attempt(server: Governed) -> None:
    since = Since(server)
    for number in range(6):
        unread = server.ask(f"hello {number}")
        wait_until(lambda n=number: since.ended > n)  # type: ignore[misc]
        time.sleep(0.2)
        unread.socket.close()
    assert [status_of(server.ask(f"hello {number}")) for number in range(6)] == [200] * 6
    assert since.calls == 6


def test_no_key_stands_in_the_command_or_the_environment_of_a_worker(server: Governed) -> None:
    assert server.keys is not None
    secrets = [*server.keys.server, server.keys.signing, server.keys.master]
    forms = [form for key in secrets for form in (written(key), key.hex())]
    for process in (server.process.pid, *server.workers):
        files = [Path(f"/proc/{process}/{name}") for name in ("cmdline", "environ")]
        shown = b"".join(file.read_bytes() for file in files)
        assert b"axonflow" in shown
        assert [form for form in forms if form.encode() in shown] == []


def test_a_call_that_nobody_comes_back_for_is_cancelled_upstream(tmp_path: Path) -> None:
    with serving(tmp_path, delay_s=30.0, server="retry_grace_s: 0.5") as server:
        client = server.ask("slow")
        wait_until(lambda: server.upstream.began)
        with ends_within(1.0 + OTHERS_LATE_S, not_before_s=0.4):
            client.socket.close()
            wait_until(lambda: server.upstream.ended)
        wait_until(lambda: server.records("call"))
        (record,) = server.records("call")
        assert record["facts"]["error"]["code"] == "client_closed"


def test_a_worker_that_is_killed_is_taken_over_from(tmp_path: Path) -> None:
    """That which has the call, while the other has clients that wait for it."""
    with serving(tmp_path) as server:
        since, upstream, clients = Since(server), server.upstream, list[Client]()

        def asked() -> int:
            """The worker that another request comes to."""
            clients.append(server.ask("hello"))
            ends = server.port, clients[-1].socket.getsockname()[1]
            wait_until(lambda: server.worker_at(*ends))
            return server.worker_at(*ends) or 0

        upstream.may_answer.clear()
        leader = asked()
        wait_until(lambda: since.calls)
        assert server.worker_at(*upstream.ports[-1]) == leader
        while (other := asked()) == leader:
            pass
        os.kill(leader, signal.SIGKILL)
        wait_until(lambda: since.calls == 2)
        assert server.worker_at(*upstream.ports[-1]) == other
        upstream.may_answer.set()
        assert Counter(map(status_of, clients)) == {0: len(clients) - 1, 200: 1}
        assert since.calls == 2


def test_one_worker_is_told_and_all_serve_the_new_configuration(tmp_path: Path) -> None:
    rules = "[{name: no-bread, text: bread, action: block}]"
    with serving(tmp_path) as server:
        assert {status_of(server.ask("bread")) for _ in range(8)} == {200}
        (tmp_path / "axonflow.yaml").write_text(config_text(tmp_path, rules=rules))
        with server.post("/api/v1/reload", {}, client="ops") as told:
            assert b'"generation":2' in told.see().data
        with ends_within(SEEN_S):
            wait_until(lambda: server.generation == 2)
        assert {status_of(server.ask("bread")) for _ in range(24)} == {403}
        (tmp_path / "axonflow.yaml").write_text(config_text(tmp_path, rules=rules, generation=2))
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(server.records("configuration")) == 3)
        with ends_within(SEEN_S):
            wait_until(lambda: server.generation == 3)
        assert {status_of(server.ask("x")) for _ in range(8)} == {401}
        assert {status_of(server.ask("x", generation=2)) for _ in range(24)} == {200}
        assert [r["facts"]["generation"] for r in server.records("configuration")] == [1, 2, 3]


OPEN = """
version: "1.0"
llm_providers: {{echo: {{enabled: true}}}}
server: {{open: true}}
audit: {{url: "sqlite:///{folder}/audit.db"}}
"""


def test_an_open_server_needs_no_keys_and_leaves_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, text=OPEN.format(folder=tmp_path)) as server:
        assert {status_of(server.ask("hello")) for _ in range(12)} == {200}
        assert status_of(server.ask("hello", host="rebound.example")) == 421
    assert not (tmp_path / "audit.db").exists()


def test_a_faulty_file_ends_the_start_and_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "axonflow.yaml"
    file.write_text(config_text(tmp_path).replace("roles: [admin]", "roles: [emperor]"))
    with start(file, 2, os.environ) as process:
        told = process.communicate(timeout=60)[1]
    assert process.returncode == 3
    assert told.count("error[") == 1 and f"{file}:7:" in told


def test_an_audit_that_cannot_be_opened_ends_the_start_and_is_told_once(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    file = tmp_path / "axonflow.yaml"
    file.write_text(config_text(tmp_path / "missing"))
    environment = {**os.environ, "AXONFLOW_KEYS_DIR": str(tmp_path / "keys")}
    with start(file, 2, environment) as process:
        told = process.communicate(timeout=60)[1]
    assert process.returncode == 3
    assert told.count("there is no folder") == 1 and "mkdir -p" in told


def test_wherever_a_client_breaks_off_its_request_is_one_call(server: Governed) -> None:
    """Clients that leave at drawn moments, before and after the answer came, and come back until
    they read one."""
    since, drawn = Since(server), random.Random(7)
    moments = [[drawn.uniform(0.0, 1.6) for _ in range(drawn.randint(0, 3))] for _ in range(24)]
    asyncio.run(_all_answered(server, moments))
    assert since.calls == len(since.records("call")) == len(moments)
    assert since.records("repeat") != []


async def _all_answered(server: Governed, moments: list[list[float]]) -> None:
    async def answered(number: int, leaves_after: list[float]) -> None:
        request = server.request(f"slow, by drawn moments {number}")
        for seconds in leaves_after:
            with socket.create_connection(("127.0.0.1", server.port)) as unread:
                unread.sendall(request)
                await asyncio.sleep(seconds)
            await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request)
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()

    await asyncio.gather(*(answered(number, each) for number, each in enumerate(moments)))
