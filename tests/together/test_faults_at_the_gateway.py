"""The fault catalogue once more, through the governed server: whole answers by `POST /api/request`,
streams as governance hands them to a dialect.

Each case is a provider of one server, at a service that does what the case says; a few dozen are
asked at once. Of each is held what `calls/test_catalogue.py` holds of the provider alone: the right
error in time, no secret in the answer or the record, no more requests upstream than are allowed.
And: exactly one record that ends the call, and at the end no socket and no task is left.

`ELSEWHERE` names the tests of the rows that no single call shows.
"""

from __future__ import annotations

import ast
import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from attrs import asdict, evolve, field, frozen
from catalogue import runs
from claude_wire import wire
from fault_cases import ASYNC, INVOKE, STREAM, Asking, Cancelled, Fails, Place, Run, Says
from fault_places import NewAuthority, becomes, complaints, placed
from fault_score import Score, note
from faulty_service import FaultyService
from http_client.peers import Authority, open_sockets
from on_time import timed
from server.in_process import Served

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.config.values import (
    AuditConfig,
    ClientConfig,
    Config,
    ProviderConfig,
    Role,
    ServerConfig,
)
from axonflow_core.errors import AxonFlowError
from axonflow_core.governance.streams import GovernedStream
from axonflow_core.governance.trail import GovernedCall, Outcome
from axonflow_core.http.client import Transport
from axonflow_core.keys import throwaway_keys
from axonflow_core.messages import CompletionRequest, user
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.rules import Verdict
from axonflow_core.runtime import Runtime
from axonflow_core.server.auth import Directory
from axonflow_core.server.generations import Generation
from axonflow_core.server.limits import Limits
from axonflow_core.server.service import Service
from axonflow_core.server.state import ServerState
from axonflow_core.stream import TextDelta

pytestmark = pytest.mark.timely

ROOT = Path(__file__).parents[2]
GRACE_S = 0.25
AT_ONCE = 8
LATE_S = 0.03
PROMPT = "a secret-word"
SECRETS = ("secret-word", "hunter2", "AKIDEXAMPLE", "wJalrXUtnFEMI")
CLIENT = ClientConfig("acme", tenant="acme", roles=tuple(Role))
NOT_HERE = {Asking.BY_TWO_READERS, Asking.BADLY, Asking.AND_LEAVES, Asking.AND_CLOSES}
"""Ways of asking that the server has not, or that are rows of `ELSEWHERE`."""

RUNS = [
    run
    for run in runs()
    if (run.surface, run.client) == (INVOKE, ASYNC) and run.case.asking not in NOT_HERE
]

ELSEWHERE: Mapping[int, Mapping[str, tuple[str, ...]]] = {
    56: {
        "tests/server/test_single_flight.py": (
            "test_a_call_that_nobody_comes_back_for_is_cancelled_after_the_grace",
        ),
        "tests/governance/test_streams.py": ("test_a_reader_that_leaves_early_is_on_record_once",),
    },
    57: {
        "tests/governance/test_streams.py": (
            "test_a_reader_that_is_cancelled_anywhere_is_on_record_once",
        ),
        "tests/server/test_departure.py": ("test_work_ends_with_its_client",),
    },
    58: {
        "tests/server/test_processes.py": (
            "test_a_signal_lets_requests_end_and_closes_the_app",
            "test_a_request_that_outlasts_the_drain_is_cancelled_and_has_a_last_word",
        ),
    },
    59: {
        "tests/server/test_processes.py": (
            "test_a_second_signal_stops_within_a_second_and_still_closes_the_app",
            "test_two_signals_stop_all_workers_at_once",
        ),
    },
    60: {"tests/audit/test_crashes.py": ("test_two_hundred_kills_lose_nothing",)},
    61: {
        "tests/audit/test_crashes.py": (
            "test_fifty_power_cuts_lose_nothing",
            "test_without_full_synchronisation_a_power_cut_loses_records",
        ),
    },
    62: {
        "tests/audit/test_crashes.py": (
            "test_on_a_full_disk_nothing_is_acknowledged_and_service_resumes_by_itself",
        ),
    },
    63: {
        "tests/server/test_connections.py": (
            "test_connections_beyond_the_limit_are_refused_save_health_checks",
        ),
    },
    64: {
        "tests/audit/test_opening.py": (
            "test_a_damaged_page_is_found",
            "test_a_database_that_became_empty_is_not_made_anew",
            "test_a_database_that_may_not_be_written_is_named",
        ),
    },
    65: {
        "tests/policy/test_engine.py": (
            "test_what_cannot_be_evaluated_is_an_error_that_shows_no_text",
        ),
        "tests/governance/test_streams.py": ("test_an_engine_that_fails_in_a_stream_stops_it",),
    },
    66: {
        "tests/test_plugins.py": (
            "test_a_provider_that_hangs_is_named_with_its_distribution_and_what_helps",
            "test_a_provider_that_is_broken_is_named_with_its_distribution",
            "test_a_broken_codec_is_marked_and_the_others_serve",
        ),
    },
    67: {
        "tests/server/test_reload.py": (
            "test_a_faulty_file_changes_nothing_and_every_fault_is_told_at_its_place",
            "test_a_pattern_that_no_engine_takes_is_a_fault_too",
            "test_a_call_ends_on_the_generation_that_it_began_with",
        ),
    },
    68: {
        "tests/governance/test_streams.py": (
            "test_what_takes_long_to_search_is_searched_beside_the_event_loop",
        ),
    },
    69: {
        "tests/server/test_connections.py": (
            "test_a_client_that_does_not_read_stops_the_stream_and_is_dropped",
            "test_a_slow_reader_gets_all",
        ),
    },
    70: {
        "tests/server/test_connections.py": (
            "test_requests_beyond_the_limit_are_refused_save_health_checks",
        ),
    },
}
"""Row -> the tests that show it: what is no answer of an upstream. No call runs in a thread, so 70
is the limit of requests at once; a process whose descriptors are all taken (63) is not tried, only
the limit of connections that keeps it from that."""


# ── the server ────────────────────────────────────────────────────────────────────────────────────


@frozen
class Asked:
    """A case, where it is, and what the server calls its provider."""

    run: Run
    name: str
    service: FaultyService
    provider: ProviderConfig = field(repr=False)
    session: Any = field(repr=False)


class Gateway:
    """A server whose providers are the cases."""

    def __init__(self, served: Served, cases: list[Asked]) -> None:
        self.served = served
        self.cases = cases

    async def warm(self) -> None:
        """What botocore has to look up is not the calls' time."""
        providers = self.served.service.generation.governance.providers
        for each in self.cases:
            if each.run.case.is_warm:
                await providers[each.name].health()

    async def records(self) -> Mapping[str, list[Entry]]:
        """Provider -> the records that end a call of it."""
        found: dict[str, list[Entry]] = {each.name: [] for each in self.cases}
        for entry in await self.served.records():
            if entry.kind is Kind.CALL and entry.provider is not None:
                found[entry.provider].append(entry)
        return found


@asynccontextmanager
async def gateway(
    wanted: list[Run], folder: Path, authority: NewAuthority
) -> AsyncIterator[Gateway]:
    async with AsyncExitStack() as stack:
        cases = [
            await _placed(stack, run, f"case-{number}", authority)
            for number, run in enumerate(wanted)
        ]
        config = Config(
            providers={each.name: each.provider for each in cases},
            server=ServerConfig(clients={CLIENT.id: CLIENT}),
            audit=AuditConfig(url=f"sqlite:///{folder}/audit.db"),
        )
        keys = throwaway_keys()
        echo = {"echo": ProviderConfig("echo", is_enabled=True)}
        first = Config(providers=echo, server=config.server, audit=config.audit)
        service = await Service.open(first, keys, ServerState(Limits()))
        stack.push_async_callback(service.aclose)
        client = Transport()
        stack.push_async_callback(client.aclose)
        extras = {each.name: {"boto3_session": each.session} for each in cases}
        runtime = Runtime.open(config, client=client, extras=extras, environment={})
        directory = Directory(config.server.clients, keys.server)
        policies = Policies.build(config.policies, {})
        assert service._fixed is not None
        await service._fixed.aclose()
        service._fixed = Generation(1, config, runtime, policies, service.audit, directory)
        yield Gateway(Served(service, keys), cases)


async def _placed(stack: AsyncExitStack, run: Run, name: str, authority: NewAuthority) -> Asked:
    case, is_streamed = run.case, run.form == STREAM
    script = case.does(wire(run.surface, is_streamed=is_streamed))
    service = FaultyService(script, case.speaks_first)
    url = await stack.enter_async_context(placed(case.place, service, authority))
    session = case.account(url)
    if case.place in (Place.TLS, Place.OTHER_HOST):
        session.set_config_variable("ca_bundle", str(authority().certificate))
    limits = asdict(case.limits)
    if case.timeout_s is not None:
        limits["total_s"] = case.timeout_s
    config = {
        "region": "us-east-1",
        "model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "surface": run.surface,
        "timeouts": limits,
        **case.config,
    }
    provider = ProviderConfig(name, "bedrock", is_enabled=True, config=config)
    return Asked(run, name, service, provider, session)


# ── a case ────────────────────────────────────────────────────────────────────────────────────────


@frozen
class End:
    """How a call ended, as its client sees it."""

    code: str | None
    text: str | None
    attempts: int | None
    seen: bytes = field(repr=False)


async def ended(served: Served, asked: Asked, query: str = PROMPT) -> End:
    if asked.run.form == STREAM:
        return await _streamed(served, asked)
    body = {
        "query": query,
        "user_token": "ann",
        "context": {"provider": asked.name, "strict_provider": True},
    }
    reply = await served.post("/api/request", body)
    assert reply.status == 200, reply.body
    told = reply.json
    metadata = told["metadata"]
    text = told["data"]["data"] if told["success"] else None
    return End(metadata.get("error_code"), text, metadata.get("attempts"), reply.body)


async def _streamed(served: Served, asked: Asked) -> End:
    """As a dialect takes a stream from governance: to its end, or to the error that ends it."""
    governance = served.service.generation.governance
    call = GovernedCall(
        caller=served.caller("acme"),
        request=CompletionRequest((user(PROMPT),)),
        mode="test",
        provider=asked.name,
        is_strict=True,
    )
    begun = await governance.stream(call)
    if isinstance(begun, Outcome):
        return _failed(begun.error, "")
    return await _read(begun)


async def _read(stream: GovernedStream) -> End:
    text = ""
    try:
        while batches := await stream.read():
            text += "".join(
                event.text for batch in batches for event in batch if isinstance(event, TextDelta)
            )
    except AxonFlowError as error:
        return _failed(error, text)
    finally:
        await stream.aclose()
    receipt = stream.receipt
    return End(None, text, receipt.attempts if receipt else None, b"")


def _failed(error: AxonFlowError | None, text: str) -> End:
    assert error is not None
    shown = "".join((str(error), error.hint or "", repr(error), *error.__notes__))
    return End(error.code, text, None, shown.encode())


async def tried(served: Served, asked: Asked) -> tuple[Score, list[str], int]:
    """What a case comes to, what of it is not as required, and how many calls it made. Where the
    machine was so late that the caller had left before anything was sent, it calls again."""
    case = asked.run.case
    fewest, most = case.calls
    calls = 1
    if asked.run.case.asking in (Asking.AGAIN, Asking.AFTER_A_FAILURE):
        await ended(served, asked)
        calls = 2
    for _ in range(3):
        with timed() as took:
            end = await ended(served, asked)
        if asked.service.calls >= fewest or took.late_s < LATE_S:
            break
        calls += 1
    wrong = list(_faults_of(asked.run, end))
    overrun_s = took.own_s - (case.limits.total_s if case.ends_s is None else case.ends_s)
    if overrun_s > GRACE_S:
        wrong.append(f"it ended {overrun_s:.3f} s late")
    if not fewest <= asked.service.calls <= most:
        wrong.append(f"{asked.service.calls} requests reached the service")
    beyond = max(asked.service.calls - most, 0)
    way = f"{asked.run.form} at the gateway"
    score = Score(asked.run.row.number, way, not wrong, round(overrun_s * 1000, 1), beyond)
    return score, wrong, calls


def _faults_of(run: Run, end: End) -> Iterator[str]:
    must = run.case.must
    match must:
        case Says():
            if (end.text, end.attempts) != (must.text, must.attempts):
                yield f"it said {end.text!r} in {end.attempts} attempts, {end.code}"
        case Fails():
            if end.code != must.kind.code:
                yield f"it is no {must.kind.code}: {end.code}, {end.text!r}"
            if must.text is not None and run.form == STREAM and (end.text or "") != must.text:
                yield f"before it there was {end.text!r}"
        case Cancelled():
            raise AssertionError
    for secret in SECRETS:
        if secret.encode() in end.seen:
            yield f"it shows {secret!r}"


def _faults_of_records(entries: list[Entry], calls: int, must: Fails | Says) -> Iterator[str]:
    if len(entries) != calls:
        yield f"{len(entries)} records of {calls} calls"
        return
    facts = entries[-1].facts
    told = orjson.dumps(dict(facts)).decode()
    error: Any = facts.get("error")
    code = error and error["code"]
    if code != (must.kind.code if isinstance(must, Fails) else None):
        yield f"its record says {code}"
    for secret in SECRETS:
        if secret in told:
            yield f"its record shows {secret!r}"


async def scored(
    wanted: list[Run],
    folder: Path,
    authority: NewAuthority,
    logged: pytest.LogCaptureFixture,
) -> Mapping[str, tuple[Score, list[str]]]:
    """Every case, side by side."""
    sockets, tasks = open_sockets(), len(asyncio.all_tasks())
    free = asyncio.Semaphore(AT_ONCE)
    found: dict[str, tuple[Score, list[str]]] = {}
    async with gateway(wanted, folder, authority) as server:
        await server.warm()

        async def ask(asked: Asked) -> tuple[Score, list[str], int]:
            async with free:
                return await tried(server.served, asked)

        ends = await asyncio.gather(*map(ask, server.cases))
        records = await server.records()
        for asked, (score, wrong, calls) in zip(server.cases, ends, strict=True):
            must = asked.run.case.must
            assert not isinstance(must, Cancelled)
            wrong += _faults_of_records(records[asked.name], calls, must)
            found[str(asked.run)] = (evolve(score, is_as_required=not wrong), wrong)
    left = []
    if not await becomes(lambda: not open_sockets() - sockets):
        left.append(f"{len(open_sockets() - sockets)} sockets are left")
    if not await becomes(lambda: len(asyncio.all_tasks()) <= tasks):
        left.append("a task is left")
    left += complaints(logged)
    assert left == []
    return found


# ── the table ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> NewAuthority:
    return cache(lambda: Authority(tmp_path_factory.mktemp("authority")))


async def _all_hold(
    wanted: list[Run],
    folder: Path,
    authority: NewAuthority,
    logged: pytest.LogCaptureFixture,
    record_property: Callable[[str, Any], None],
) -> None:
    logged.set_level(logging.WARNING)
    found = await scored(wanted, folder, authority, logged)
    note(record_property, *(score for score, _ in found.values()))
    assert {name: wrong for name, (_, wrong) in found.items() if wrong} == {}


@pytest.mark.thorough
async def test_one_case_of_each_row_and_form_ends_as_it_must_through_the_server(
    tmp_path: Path,
    authority: NewAuthority,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, Any], None],
) -> None:
    first = {(run.row.number, run.form): run for run in reversed(RUNS)}
    await _all_hold(list(first.values()), tmp_path, authority, caplog, record_property)


@pytest.mark.exhaustive
async def test_every_case_ends_as_it_must_through_the_server(
    tmp_path: Path,
    authority: NewAuthority,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, Any], None],
) -> None:
    await _all_hold(RUNS, tmp_path, authority, caplog, record_property)


def test_every_row_of_the_catalogue_has_cases_here_or_names_its_tests() -> None:
    rows = {run.row.number for run in RUNS}
    assert rows >= {*range(1, 56)}
    assert rows | ELSEWHERE.keys() == {*range(1, 71)}
    for tests in ELSEWHERE.values():
        for file, names in tests.items():
            assert {*names} <= _functions_of(ROOT / file), file


@cache
def _functions_of(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


# ── what the server tells of it ───────────────────────────────────────────────────────────────────


async def test_a_provider_whose_calls_fail_is_unhealthy_and_its_breaker_is_on_the_pages(
    tmp_path: Path, authority: NewAuthority
) -> None:
    busy = next(run for run in RUNS if str(run).startswith("22 503: again and again, call"))
    async with gateway([busy], tmp_path, authority) as server:
        (asked,), served = server.cases, server.served
        await server.warm()
        before = await served.get("/api/v1/llm-providers/status")
        # Requests that are the same would share a call.
        ends = await asyncio.gather(*(ended(served, asked, str(each)) for each in range(10)))
        last = await ended(served, asked)
        calls = asked.service.calls
        after = await served.get("/api/v1/llm-providers/status")
        one = await served.get(f"/api/v1/llm-providers/{asked.name}/health")
    assert before.json["providers"][asked.name]["status"] == "healthy"
    assert {end.code for end in (*ends, last)} == {"unavailable"}
    assert 10 <= calls <= 20
    health = after.json["providers"][asked.name]
    assert (health["status"], health["message"]) == ("unhealthy", "its last calls failed")
    (target,) = health["targets"]
    assert (target["breaker"], target["calls"], target["failures"]) == ("open", 10, 10)
    assert 0 < target["waits_s"] <= 5.5
    assert one.json["health"]["status"] == "unhealthy"


# ── controls ──────────────────────────────────────────────────────────────────────────────────────


def test_a_case_that_ends_otherwise_is_seen() -> None:
    run = next(run for run in RUNS if run.row.number == 19)
    right = End("throttled", None, None, b"")
    assert list(_faults_of(run, right)) == []
    assert list(_faults_of(run, End(None, "Good.", 1, b""))) == [
        "it is no throttled: None, 'Good.'"
    ]
    shown = End("throttled", None, None, b"a secret-word")
    assert list(_faults_of(run, shown)) == ["it shows 'secret-word'"]


def test_a_call_without_a_record_or_with_two_is_seen() -> None:
    run = next(run for run in RUNS if run.row.number == 19)
    assert isinstance(run.case.must, Fails)
    entry = Entry(
        kind=Kind.CALL, verdict=Verdict.ERROR, facts={"error": {"code": run.case.must.kind.code}}
    )
    assert list(_faults_of_records([entry], 1, run.case.must)) == []
    assert list(_faults_of_records([], 1, run.case.must)) == ["0 records of 1 calls"]
    assert list(_faults_of_records([entry, entry], 1, run.case.must)) == ["2 records of 1 calls"]
