"""The governed server: policies and a durable audit on, against boto3's `invoke_model` in the same
rounds, and against what the design allows.

    proxy                  CPU of the server's processes for each call that the service answered
    proxy, added median    at one connection: what a call takes longer than one that goes there
                           directly, with the same body, from the same client
    audit                  CPU of the threads beside the event loops, for each record
    resident memory        of a worker after the calls, and how it grows over 10,000 more
    proxy, two workers     CPU for each call against that of one worker

A figure with a limit instead of a baseline is divided by that limit.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from axonflow_core.cli.serve import serve

from .callers import BODY, IN_FLIGHT, SETTINGS, boto3s
from .load import Connection, Load, connected, on_connections, under_load
from .rows import Row, cpu_us, row
from .service import Service, running_service

SECTION = "governed server"
ROUNDS = 7
CALLS, BASE_CALLS, LATENCIES = 1_024, 128, 400
SLOPE_CALLS = 10_000
ADDED_US, AUDIT_US, RESIDENT_MB, SLOPE_MB = 600.0, 20.0, 100.0, 1.0
"""What the design allows."""
QUESTION = {
    "query": "word " * 250,
    "user_token": "bench-user",
    "client_id": "bench",
    "request_type": "chat",
    "context": {"max_tokens": 100},
}


def measure() -> Iterator[Row]:
    """The rows of the section."""
    os.environ.update(SETTINGS)
    with running_service(with_tls=False) as service, TemporaryDirectory() as folder:
        with under_load(Path(folder, "one"), service.burst_url) as server:
            yield from _costs(service, server)
            yield _added(service, server)
            yield from _memory(server)
        if "workers" in {option.name for option in serve.params}:
            yield _of_two(service, Path(folder))


def _of_two(service: Service, folder: Path) -> Row:
    """CPU for each call of two workers and of one, in the same rounds."""
    costs: dict[str, list[float]] = {"1": [], "2": []}
    with ExitStack() as stack:
        servers = {
            count: stack.enter_context(
                under_load(folder / f"w{count}", service.burst_url, arguments=("--workers", count))
            )
            for count in costs
        }
        for server in servers.values():
            call(server, CALLS, IN_FLIGHT)
        for _ in range(ROUNDS):
            for count, server in servers.items():
                before = server.cpu_ns()
                calls = answered_by(service, partial(call, server, CALLS, IN_FLIGHT))
                costs[count].append((server.cpu_ns() - before) / calls / 1e3)
    return row(SECTION, "proxy, two workers", "one worker", costs["2"], costs["1"])


def _costs(service: Service, server: Load) -> Iterator[Row]:
    """CPU for each call."""
    base = boto3s(service.burst_url)["call"]
    cases = {f"proxy, {IN_FLIGHT} at once": IN_FLIGHT, "proxy, one connection": 1}
    base(BASE_CALLS)
    for connections in cases.values():
        call(server, CALLS, connections)  # warm
    theirs: list[float] = []
    ours: dict[str, list[float]] = {name: [] for name in cases}
    audit: list[float] = []
    for _ in range(ROUNDS):
        theirs.append(cpu_us(base, BASE_CALLS, service.answered))
        for name, connections in cases.items():
            before, beside = server.cpu_ns(), server.beside_loops_ns()
            calls = answered_by(service, partial(call, server, CALLS, connections))
            ours[name].append((server.cpu_ns() - before) / calls / 1e3)
            if connections == IN_FLIGHT:
                audit.append((server.beside_loops_ns() - beside) / calls / 1e3)
    for name, costs in ours.items():
        yield row(SECTION, name, "invoke_model", costs, theirs)
    yield limited("audit, a record", audit, AUDIT_US)


def _added(service: Service, server: Load) -> Row:
    """Latency at one connection, call by call in turn with the direct one."""
    direct = int(service.burst_url.rpartition(":")[2])
    path = b"POST /model/x/invoke HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"

    async def both() -> list[float]:
        ours, theirs = await connected(server.server.port), await connected(direct)
        request, bare = server.request("/api/request", QUESTION), path % len(BODY) + BODY
        added = [await _took(ours, request) - await _took(theirs, bare) for _ in range(LATENCIES)]
        ours.transport.abort()
        theirs.transport.abort()
        return added

    medians = [statistics.median(asyncio.run(both())) * 1e6 for _ in range(ROUNDS)]
    return limited("proxy, added median", medians, ADDED_US)


async def _took(connection: Connection, request: bytes) -> float:
    began = time.perf_counter()
    status, body = await connection.ask(request)
    took = time.perf_counter() - began
    assert status == 200, body
    return took


def _memory(server: Load) -> Iterator[Row]:
    before = server.resident_mb()
    call(server, SLOPE_CALLS, IN_FLIGHT)
    after = server.resident_mb()
    yield limited("resident memory", [after], RESIDENT_MB, "MB")
    yield limited("growth over 10,000 calls", [after - before], SLOPE_MB, "MB")


def limited(name: str, ours: Sequence[float], limit: float, unit: str = "us") -> Row:
    """A row whose baseline is what the design allows."""
    return row(SECTION, name, "allowed", ours, [limit] * len(ours), unit)


def call(server: Load, count: int, connections: int) -> None:
    """So many proxy calls on so many connections. No two are equal, for equal ones share a call.
    Each must be answered by a model."""
    turns = iter(range(count))

    async def talk(connection: Connection) -> None:
        for turn in turns:
            question = {**QUESTION, "query": f"{turn} {QUESTION['query']}"}
            request = server.request("/api/request", question)
            status, body = await connection.ask(request)
            assert status == 200 and b'"success":true' in body, (status, body)

    asyncio.run(on_connections(server.server.port, connections, talk))


def answered_by(service: Service, work: Callable[[], None]) -> int:
    """How many calls the service answered during `work`."""
    before = service.answered()
    work()
    return service.answered() - before
