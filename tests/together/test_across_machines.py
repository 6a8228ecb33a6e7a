"""What holds across servers that share a database of PostgreSQL, and nothing else."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pytest
from on_time import wait_until

pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")

from postgres_server import Postgres

from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.keys import Signer
from axonflow_core.audit.verify import verify
from axonflow_core.keys import load_keys

from .governed import Governed, seen, serving_on_two_machines, status_of


def records(postgres: Postgres, url: str, *kinds: str) -> list[dict[str, Any]]:
    rows = postgres.run('SELECT body FROM records ORDER BY "row"', url=url)
    bodies = [orjson.loads(body) for (body,) in rows]
    return [body for body in bodies if body["kind"] in kinds]


@pytest.mark.thorough
def test_requests_that_are_the_same_are_one_call_on_whichever_server(
    postgres: Postgres, url: str, tmp_path: Path
) -> None:
    with serving_on_two_machines(tmp_path, url, delay_s=1.0) as servers:
        queries = [f"slow {number}" for number in range(6)]
        clients = [server.ask(query) for _ in range(2) for query in queries for server in servers]
        assert [status_of(client) for client in clients] == [200] * 24
        assert len(servers[0].upstream.began) == 6
        calls = records(postgres, url, "call")
        repeats = records(postgres, url, "repeat")
        ids = {record["id"] for record in calls}
        assert (len(ids), len(repeats)) == (6, 18)
        assert {record["facts"]["answer_of"] for record in repeats} == ids
        assert len({record["chain"] for record in (*calls, *repeats)}) == 2
        ((connections,),) = postgres.run(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE application_name = 'axonflow-audit' AND datname = current_database()",
            url=url,
        )
        assert connections <= 2 * 4


@pytest.mark.thorough
def test_honest_repeats_on_two_servers_are_calls_of_their_own(url: str, tmp_path: Path) -> None:
    """The control of the test above."""
    with serving_on_two_machines(tmp_path, url) as servers:
        assert [status_of(server.ask("again")) for _ in range(3) for server in servers] == [200] * 6
        assert len(servers[0].upstream.began) == 6


@pytest.mark.thorough
def test_an_answer_that_nobody_read_is_given_by_the_other_server(url: str, tmp_path: Path) -> None:
    with serving_on_two_machines(tmp_path, url, delay_s=0.5) as (one, other):
        leaving = [one.ask(f"slow {number}") for number in range(4)]
        wait_until(lambda: len(one.upstream.began) == 4)
        for client in leaving:
            client.socket.close()
        wait_until(lambda: len(one.upstream.ended) == 4)
        assert [status_of(other.ask(f"slow {number}")) for number in range(4)] == [200] * 4
        assert len(one.upstream.began) == 4


@pytest.mark.exhaustive
def test_a_server_that_is_killed_has_no_claims(url: str, tmp_path: Path) -> None:
    with serving_on_two_machines(tmp_path, url, delay_s=3.0) as (one, other):
        lost = one.ask("slow")
        wait_until(lambda: len(one.upstream.began) == 1)
        waiting = other.ask("slow")
        time.sleep(0.5)
        assert len(one.upstream.began) == 1
        one.process.kill()
        assert (status_of(lost), status_of(waiting)) == (0, 200)
        assert len(one.upstream.began) == 2


@pytest.mark.exhaustive
def test_where_the_connections_of_both_are_cut_requests_are_still_one_call(
    postgres: Postgres, url: str, tmp_path: Path
) -> None:
    with serving_on_two_machines(tmp_path, url, delay_s=5.0) as (one, other):
        first = one.ask("slow")
        wait_until(lambda: len(one.upstream.began) == 1)
        postgres.cut()
        time.sleep(2.5)  # sessions are looked after every second
        second = other.ask("slow")
        assert (status_of(first), status_of(second)) == (200, 200)
        assert len(one.upstream.began) == 1


# ── servers that are killed ───────────────────────────────────────────────────────────────────────


def ask_until_killed(server: Governed, name: str, answered: list[str]) -> None:
    """Ask one thing after another, and keep the ids of the records that answers name."""
    for number in itertools.count():
        try:
            client = server.ask(f"{name} {number}")
            answer = seen(client)
        except (OSError, ValueError):  # it is killed, before the answer or within
            return
        if "metadata" in answer:  # a refusal promises nothing
            answered.append(answer["metadata"]["audit_id"])


def kill_round(servers: Sequence[Governed], draw: random.Random, name: str) -> list[str]:
    """Ask both at once, and kill them at drawn times: the ids of what was answered."""
    answered: list[str] = []
    clients = [
        Thread(target=ask_until_killed, args=(server, f"{name} {server.port} {number}", answered))
        for server in servers
        for number in range(4)
    ]
    for client in clients:
        client.start()
    wait_until(lambda: answered)
    for server in draw.sample(servers, 2):
        time.sleep(draw.uniform(0.05, 0.4))
        server.process.kill()
    for client in clients:
        client.join()
    return answered


def kills(postgres: Postgres, url: str, folder: Path, rounds: int, seed: int) -> None:
    draw, answered = random.Random(seed), []
    for number in range(rounds):
        with serving_on_two_machines(folder, url) as servers:
            answered += kill_round(servers, draw, f"{number}")
    ids = [id for (id,) in postgres.run("SELECT id FROM records", url=url)]
    lost = len(set(answered) - set(ids))
    print(  # noqa: T201
        f"{2 * rounds} kills of servers, seed {seed}: {len(answered)} answered, {lost} lost"
    )
    assert (lost, len(set(ids)), len(set(answered))) == (0, len(ids), len(answered))
    keys = Signer(load_keys(folder / "keys", {})).public_keys
    with database_of(url).reading() as connection:
        assert verify(connection, keys).faults == ()


@pytest.mark.thorough
def test_a_kill_of_servers_loses_no_record_of_an_answer(
    postgres: Postgres, url: str, tmp_path: Path
) -> None:
    kills(postgres, url, tmp_path, 1, seed=1)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(20))
def test_two_hundred_kills_of_servers_lose_no_record_of_an_answer(
    postgres: Postgres, url: str, tmp_path: Path, seed: int
) -> None:
    kills(postgres, url, tmp_path, 5, seed)
