"""Servers as processes: signals, drains, workers that die, and a supervisor that is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from on_time import GUARD_S, OTHERS_LATE_S, ends_within, wait_until

from .served import Client

pytestmark = pytest.mark.thorough
TESTS = Path(__file__).parent.parent


@frozen
class Running:
    """A server's process."""

    process: subprocess.Popen[str]
    port: int
    events_file: Path

    @property
    def events(self) -> list[str]:
        return self.events_file.read_text().splitlines() if self.events_file.exists() else []

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def get(self, path: str) -> str:
        with Client(self.port) as client:
            client.get(path, "Connection: close")
            return client.see().data.rpartition(b"\r\n0\r\n")[0].rpartition(b"\r\n")[2].decode()

    def ask(self, path: str) -> Client:
        """A client that waits for an answer which the app works on."""
        client = Client(self.port)
        client.get(path)
        wait_until(lambda: "waiting" in self.events)
        return client

    def until_draining(self) -> None:
        """Returns once new connections are refused."""

        def is_refused() -> bool:
            try:
                Client(self.port).socket.close()
            except ConnectionRefusedError:
                return True
            return False

        wait_until(is_refused)

    def go_on(self) -> None:
        """Let the requests that wait be answered."""
        self.events_file.with_name("go_on").touch()

    def is_over(self) -> int:
        """The exit code."""
        return self.process.wait(GUARD_S)


def start(events: Path, *, workers: int = 1, **argument: Any) -> subprocess.Popen[str]:
    given = json.dumps({"events": str(events), **argument})
    return subprocess.Popen(
        [sys.executable, "-m", "server.services", str(workers), given],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )


@contextmanager
def running(events: Path, **options: Any) -> Iterator[Running]:
    with start(events, **options) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline()
            yield Running(process, int(url.rpartition(":")[2]), events)
        finally:
            process.kill()


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return tmp_path / "events"


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    return False


# ── one worker ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.thorough)]
)
def test_a_signal_lets_requests_end_and_closes_the_app(
    events: Path, number: signal.Signals
) -> None:
    with running(events) as server, server.ask("/wait") as client, Client(server.port) as resting:
        server.signal(number)
        assert resting.see().is_closed
        server.until_draining()
        server.go_on()
        assert b"waited" in client.see().data
        assert server.is_over() == 0
        assert server.events == ["started 0", "waiting", "closed"]


@pytest.mark.thorough
def test_an_answer_in_a_drain_says_that_the_connection_ends(events: Path) -> None:
    with running(events) as server, server.ask("/wait") as client:
        server.signal(signal.SIGTERM)
        server.until_draining()
        server.go_on()
        assert b"\r\nconnection: close\r\n" in client.see().data


@pytest.mark.thorough
def test_a_request_whose_head_is_on_its_way_is_answered_and_sees_the_drain(events: Path) -> None:
    with running(events) as server, Client(server.port) as client, server.ask("/wait"):
        client.send(b"GET /draining HTTP/1.1\r\n")
        time.sleep(0.1)  # it arrives
        server.signal(signal.SIGTERM)
        server.until_draining()
        client.send(b"Host: localhost\r\n\r\n")
        assert b"True" in client.see().data


def test_a_client_that_asks_again_at_the_start_of_a_drain_is_answered(events: Path) -> None:
    options = {"last_call_s": 20.0}
    with running(events, **options) as server, Client(server.port) as client, server.ask("/wait"):
        client.get("/draining")
        client.read_until(b"0\r\n\r\n")
        server.signal(signal.SIGTERM)
        server.until_draining()
        client.get("/draining")
        seen = client.see()
    assert b"True" in seen.data
    assert b"\r\nconnection: close\r\n" in seen.data


def test_a_request_that_outlasts_the_drain_is_cancelled_and_has_a_last_word(events: Path) -> None:
    with running(events, drain_s=0.2) as server, server.ask("/wait") as client:
        server.signal(signal.SIGTERM)
        seen = client.see()
        assert server.is_over() == 0
        assert server.events[2:] == ["cancelled", "last word", "closed"]
    assert (seen.statuses, seen.is_closed) == ([503], True)
    assert b'"error":"shutting_down"' in seen.data


@pytest.mark.parametrize("path", ["/stubborn", pytest.param("/hang", marks=pytest.mark.thorough)])
def test_a_second_signal_stops_within_a_second_and_still_closes_the_app(
    events: Path, path: str
) -> None:
    with running(events) as server, server.ask(path):
        server.signal(signal.SIGTERM)
        server.until_draining()
        with ends_within(1.0 + OTHERS_LATE_S):
            server.signal(signal.SIGINT)
            assert server.is_over() == 0
        assert server.events[-1] == "closed"


@pytest.mark.thorough
def test_sighup_reloads(events: Path) -> None:
    with running(events) as server:
        server.signal(signal.SIGHUP)
        wait_until(lambda: "reloaded" in server.events)
        assert server.get("/draining") == "False"


def test_an_address_in_use_is_named(events: Path) -> None:
    from axonflow_core.errors import ConfigError
    from axonflow_core.server.serving import bound_socket

    with bound_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}: .*in use"):
            bound_socket("127.0.0.1", port)


# ── several workers ───────────────────────────────────────────────────────────────────────────────


def pids_of(server: Running) -> set[int]:
    """Who answers: of forty requests at least, and until two did."""
    pids: set[int] = set()
    for _ in range(40):
        pids.add(int(server.get("/pid")))
    wait_until(lambda: pids.add(int(server.get("/pid"))) or len(pids) > 1)
    return pids


def test_workers_share_a_port_drain_together_and_reload_together(events: Path) -> None:
    with running(events, workers=2) as server:
        assert len(pids_of(server)) == 2
        server.signal(signal.SIGHUP)
        wait_until(lambda: server.events.count("reloaded") == 2)
        with server.ask("/wait") as client:
            server.signal(signal.SIGTERM)
            server.go_on()
            assert b"waited" in client.see().data
        assert server.is_over() == 0
        assert server.events.count("closed") == 2


def test_a_worker_that_dies_is_started_again_and_no_new_connection_is_lost(events: Path) -> None:
    with running(events, workers=2) as server:
        before = pids_of(server)
        server.get("/die")
        after = pids_of(server)  # connections wait for the new worker
        assert len(after) == 2
        assert len(before & after) == 1
        starts = [event for event in server.events if event.startswith("started")]
        assert len(starts) == 3


def test_workers_end_when_their_supervisor_is_killed(events: Path) -> None:
    with running(events, workers=2) as server:
        pids = pids_of(server)
        server.signal(signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, pids)))
        assert server.events.count("closed") == 2


@pytest.mark.thorough
def test_two_signals_stop_all_workers_at_once(events: Path) -> None:
    with running(events, workers=2) as server, server.ask("/hang"):
        server.signal(signal.SIGTERM)
        server.until_draining()
        with ends_within(1.5 + OTHERS_LATE_S):
            server.signal(signal.SIGTERM)
            assert server.is_over() == 0
        assert server.events.count("closed") == 2


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.thorough), 2])
def test_a_configuration_error_ends_the_start_and_is_reported_once(
    events: Path, workers: int
) -> None:
    with start(events, workers=workers, fails="config") as process:
        output, _ = process.communicate(timeout=GUARD_S)
    assert output == "the audit cannot be opened / make the folder\n"
    assert process.returncode == 3


@pytest.mark.thorough
def test_another_error_at_the_start_is_told_without_its_text(events: Path) -> None:
    with start(events, workers=2, fails="text") as process:
        output, _ = process.communicate(timeout=GUARD_S)
    assert output.startswith("a worker did not start: ValueError at services.py:")
    assert "secret" not in output
    assert process.returncode == 3


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [1, 2])
def test_a_start_that_takes_too_long_can_be_stopped(events: Path, workers: int) -> None:
    with start(events, workers=workers, fails="never") as process:
        wait_until(events.exists)
        process.terminate()
        assert process.wait(GUARD_S) == 0


@pytest.mark.thorough
def test_a_supervisor_whose_workers_die_at_once_gives_up_with_their_exit_code(
    events: Path,
) -> None:
    with start(events, workers=2, fails="soon") as process:
        output, _ = process.communicate(timeout=GUARD_S)
    assert process.returncode == 9
    assert re.search(r"worker [01] ended with exit code 9\n", output)
