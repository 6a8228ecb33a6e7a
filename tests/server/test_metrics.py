"""The page for Prometheus: what it counts, that its labels are bounded, and that workers add up."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from governed_server import GovernedServer, governed_server
from on_time import wait_until
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.schema import RECORDS
from axonflow_core.config.values import ClientConfig, Config, ProviderConfig, ServerConfig
from axonflow_core.echo import EchoConfig, EchoProvider
from axonflow_core.policy.rules import Verdict
from axonflow_core.routing.breaker import State
from axonflow_core.routing.health import TargetState
from axonflow_core.server.limits import Limits
from axonflow_core.server.metrics import (
    MAX_MODELS,
    MAX_ROWS,
    PAGE_LASTS_S,
    Metrics,
)
from axonflow_core.server.shared_counts import ALIVE_S
from axonflow_core.server.state import ServerState

from .in_process import CLIENTS, Served, serving

QUESTION = {"query": "Why is the sky blue?", "request_type": "chat"}


class Page:
    """The numbers of a page."""

    def __init__(self, page: bytes) -> None:
        families = text_string_to_metric_families(page.decode())
        self.samples = [sample for family in families for sample in family.samples]

    def number(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name that have these labels."""
        found = [
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        assert found or labels, f"no {name} on the page"
        return sum(found)

    def values(self, label: str) -> set[str]:
        return {each.labels[label] for each in self.samples if label in each.labels}

    def records(self, **labels: str) -> float:
        return self.number("axonflow_records_total", **labels)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path) as served:
        yield served


async def rows_of(served: Served) -> int:
    """How many records there are, the beginning of the chain included."""
    query = select(func.count()).select_from(RECORDS)
    rows = await served.service.audit.read(lambda connection: connection.execute(query).scalar())
    return rows or 0


async def page_of(served: Served) -> Page:
    return Page((await served.get("/metrics", client=None)).body)


def entry(**more: object) -> Entry:
    values = {
        "kind": Kind.CALL,
        "verdict": Verdict.ALLOWED,
        "provider": "echo",
        "model": "echo",
        "facts": {"mode": "proxy", "latency_ms": 3.0, "tokens": {"input": 5, "output": 7}},
    }
    return Entry(**{**values, **more})  # type: ignore[arg-type]


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def worker(folder: Path | None = None, number: int = 0, clock: Clock | None = None) -> Metrics:
    metrics = Metrics(ServerState(Limits(), worker=number), folder=folder, clock=clock or Clock())
    models = ("echo", *(f"m-{index}" for index in range(3)))
    client = ClientConfig("acme", models=models)
    metrics.serves(1, Config(server=ServerConfig(clients={"acme": client})), {})
    return metrics


async def test_a_call_is_counted_by_mode_provider_model_and_verdict(served: Served) -> None:
    await served.post("/api/request", QUESTION)
    await served.post("/api/request", {**QUESTION, "query": "tell me of project aurora"})
    page = await page_of(served)
    echo = {"kind": "call", "mode": "proxy", "provider": "echo", "model": "echo"}
    assert page.records(**echo, verdict="allowed") == 1
    assert page.records(kind="call", provider="none", verdict="blocked") == 1
    assert page.number("axonflow_tokens_total", provider="echo", direction="input") > 0
    assert page.number("axonflow_call_seconds_count", mode="proxy", provider="echo") == 1
    assert page.number("axonflow_answers_total", route="/api/request", status="200") == 1
    assert page.number("axonflow_answers_total", route="/api/request", status="403") == 1


async def test_the_counter_is_the_number_of_records(served: Served) -> None:
    for client in ("acme", "other", "nobody"):
        await served.post("/api/request", QUESTION, client=client)
        await served.post("/api/policy/pre-check", QUESTION, client=client)
    page = await page_of(served)
    assert page.records(mode="proxy") + page.records(mode="gateway") == 4
    assert await rows_of(served) == 1 + 4
    assert page.number("axonflow_answers_total", status="403") == 2


async def test_the_page_says_how_the_server_is(served: Served) -> None:
    served.service.state.refused["overloaded"] = 3
    page = await page_of(served)
    assert page.number("axonflow_refused_total", reason="overloaded") == 3
    for name, value in {
        "axonflow_workers": 1,
        "axonflow_ready": 1,
        "axonflow_audit_healthy": 1,
        "axonflow_audit_lag_seconds": 0,
        "axonflow_generation": 1,
        "axonflow_failed_total": 0,
        "axonflow_in_flight": 0,
    }.items():
        assert page.number(name) == value
    assert page.number("axonflow_resident_bytes") > 10_000_000


async def test_the_page_names_no_client_and_no_tenant(served: Served) -> None:
    for client in CLIENTS:
        await served.post("/api/request", QUESTION, client=client.id)
    page = await page_of(served)
    assert page.records(mode="proxy") > 0
    names = {client.id for client in CLIENTS} | {client.tenant for client in CLIENTS}
    shown = {value for sample in page.samples for value in sample.labels.values()}
    assert shown & names == set()


async def test_a_scrape_leaves_no_record(served: Served) -> None:
    for _ in range(20):
        assert (await served.get("/metrics", client=None)).status == 200
    assert await rows_of(served) == 1
    await served.post("/api/request", QUESTION)
    assert await rows_of(served) == 2


def test_ten_thousand_models_are_a_bounded_number_of_series() -> None:
    clock = Clock()
    metrics = worker(clock=clock)
    metrics.recorded(entry())
    few = len(Page(metrics.page()).samples)
    for number in range(10_000):
        metrics.recorded(entry(model=f"made-up-{number}", provider=f"p-{number}"))
    clock.now += 1
    page = Page(metrics.page())
    assert page.records(provider="other", model="other") == 10_000
    assert len(page.samples) < few + 40


def test_models_that_the_configuration_names_have_series_of_their_own() -> None:
    metrics = worker()
    for name in ("m-0", "m-1", "m-2", "m-3"):
        metrics.recorded(entry(model=name))
    assert Page(metrics.page()).values("model") == {"m-0", "m-1", "m-2", "other"}


def test_a_configuration_cannot_make_too_many_series_either() -> None:
    metrics = worker()
    for generation in range(2 * MAX_ROWS // MAX_MODELS):
        models = tuple(f"g{generation}-{number}" for number in range(2 * MAX_MODELS))
        clients = {"acme": ClientConfig("acme", models=models)}
        metrics.serves(generation, Config(server=ServerConfig(clients=clients)), {})
        for model in models:
            metrics.recorded(entry(model=model))
    page = Page(metrics.page())
    assert MAX_ROWS // 2 < len(page.values("model")) <= MAX_ROWS + 5
    assert page.records() == 2 * MAX_ROWS // MAX_MODELS * 2 * MAX_MODELS


def test_workers_add_up_on_one_scrape(tmp_path: Path) -> None:
    first, second = worker(tmp_path, 0), worker(tmp_path, 1)
    for metrics, count in ((first, 3), (second, 4)):
        for _ in range(count):
            metrics.recorded(entry())
        metrics.publish()
    for metrics in (first, second):
        page = Page(metrics.page())
        assert page.records() == page.number("axonflow_call_seconds_bucket", le="0.005") == 7
        assert page.number("axonflow_workers") == 2


async def test_a_worker_is_on_the_page_from_its_start(tmp_path: Path) -> None:
    """A page without it would say that all serve what it does not."""
    publishing = asyncio.create_task(worker(tmp_path, 1).keep_published())
    await asyncio.sleep(0)
    assert Page(worker(tmp_path, 0).page()).number("axonflow_workers") == 2
    publishing.cancel()


def test_no_counter_runs_backwards_whichever_worker_answers(tmp_path: Path) -> None:
    clock = Clock()
    workers = [worker(tmp_path, number, clock) for number in range(3)]
    seen = []
    for turn in range(60):
        workers[turn % 2].recorded(entry())
        clock.now += PAGE_LASTS_S
        seen.append(Page(workers[turn * 7 % 3].page()).records(kind="call"))
    assert seen == sorted(seen)
    assert seen[-1] >= 58


def test_what_a_worker_counted_outlives_it_and_its_gauges_do_not(tmp_path: Path) -> None:
    clock = Clock()
    first, second = worker(tmp_path, 0, clock), worker(tmp_path, 1, clock)
    second.recorded(entry())
    second.publish()
    clock.now += 2 * ALIVE_S
    page = Page(first.page())
    assert (page.number("axonflow_workers"), page.records()) == (1, 1)
    successor = worker(tmp_path, 1, clock)
    successor.recorded(entry())
    page = Page(successor.page())
    assert (page.number("axonflow_workers"), page.records()) == (2, 2)


def test_a_page_is_made_anew_twice_a_second_at_most() -> None:
    clock = Clock()
    metrics = worker(clock=clock)
    page = metrics.page()
    metrics.recorded(entry())
    assert metrics.page() == page
    clock.now += PAGE_LASTS_S
    assert metrics.page() != page


async def test_a_folder_that_cannot_be_written_is_a_503(served: Served, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    served.service.metrics = Metrics(served.service.state, folder=gone)
    assert (await served.get("/metrics", client=None)).status == 503
    gone.mkdir()
    assert (await served.get("/metrics", client=None)).status == 200


ECHO = """\
version: "1.0"
llm_providers: {echo: {enabled: true}}
server: {clients: {acme: {tenant: acme, roles: [call]}}}
audit: {url: "sqlite:///%(folder)s/audit.db"}
"""


@pytest.mark.thorough
def test_two_workers_add_up_and_nothing_is_lost_with_one_that_dies(tmp_path: Path) -> None:
    def scraped() -> Page:
        return Page(server.ask("GET", "/metrics").body)

    with governed_server(tmp_path / "s", ECHO, {}, arguments=("--workers", "2")) as server:
        wait_until(lambda: scraped().number("axonflow_workers") == 2)
        for _ in range(40):
            assert server.ask("POST", "/api/request", QUESTION, client="acme").status == 200
        wait_until(lambda: scraped().records(kind="call") == 40)
        # A page is the sum of what all have published, so nothing is lost with one of them.
        first = int(children_of(server.pid)[0])
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: first not in children_of(server.pid))
        wait_until(lambda: len(children_of(server.pid)) == 2)
        for _ in range(10):
            wait_until(lambda: is_served(server))
        assert rows_in(server.folder / "audit.db") >= 50
        wait_until(lambda: scraped().records(kind="call") == rows_in(server.folder / "audit.db"))


def rows_in(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        query = "select count(*) from records where kind = 'call'"
        return int(connection.execute(query).fetchone()[0])


def is_served(server: GovernedServer) -> bool:
    """Whether a call was made; a worker that dies breaks connections."""
    try:
        return server.ask("POST", "/api/request", QUESTION, client="acme").status == 200
    except OSError:
        return False


def children_of(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def test_breakers_are_counted_by_what_they_do_and_unnamed_models_are_one() -> None:
    metrics = Metrics(ServerState(Limits()))
    provider = ProviderConfig("echo", is_enabled=True)
    states = [
        TargetState(
            provider="echo",
            region=region,
            model=model,
            state=state,
            is_left_out=is_left_out,
            calls=1,
            failures=0,
            opened=0,
            waits_s=0.0,
        )
        for region, model, state, is_left_out in (
            (None, "echo", State.CLOSED, False),
            ("eu-west-1", "echo", State.OPEN, True),
            (None, "a-client's", State.OPEN, False),
            (None, "another's", State.OPEN, False),
        )
    ]
    metrics.serves(
        1,
        Config(providers={"echo": provider}),
        {"echo": EchoProvider(EchoConfig(), "echo")},
        lambda: states,
    )
    page = Page(metrics.page())
    assert page.number("axonflow_breakers", model="echo", region="none", state="closed") == 1
    assert page.number("axonflow_breakers", model="echo", region="eu-west-1", state="open") == 1
    assert page.number("axonflow_breakers", model="other", state="open") == 2
    assert page.number("axonflow_outliers", provider="echo", region="eu-west-1") == 1
