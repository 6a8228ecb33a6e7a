"""What the server counts, and the page of it that Prometheus reads.

    records    the audit tells of each that became durable: one look-up and a few additions, on the
               writer's thread, without a lock; so what is counted is what is on record
    answers    the application counts them by route and status
    scrape     families of prometheus_client are made of the numbers, half a second apart at least

**Labels are bounded.** A provider or model that the configuration does not name is `other`,
whatever a request calls it, and beyond `MAX_ROWS` combinations every record is. No label names a
client, a tenant or a user: the page needs no credentials, as is the custom, so it says what an
operator may let everybody in the network know.

**Several workers** answer one scrape together. Each writes its numbers into a file of its own
(`shared_counts`) before it accepts connections, then once a second and before it answers a scrape,
and the page is the sum of the files alone: so it has every worker that answers, and no counter ever
runs backwards between two scrapes that different workers answer. What a worker had counted when it
died stays in its file, and its successor goes on from there. prometheus_client's own way with
several processes maps a file for each metric into memory, takes a lock for every count, and leaves
the files of dead processes.
"""

from __future__ import annotations

import asyncio
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.config.values import Config
from axonflow_core.frozen import frozen
from axonflow_core.policy.rules import Verdict
from axonflow_core.server.shared_counts import Key, Numbers, SharedCounts, summed

if TYPE_CHECKING:
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.provider import Provider
    from axonflow_core.routing.health import TargetState
    from axonflow_core.server.state import ServerState

CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER, NONE = "other", "none"
"""A label's value for what the configuration does not name, and for what there is none of."""
MAX_MODELS, MAX_BUDGETS, MAX_ROWS = 200, 200, 2_000
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the histogram of latencies, in seconds; one more bucket is for all above."""
PUBLISHED_EVERY_S = 1.0
PAGE_LASTS_S = 0.5
"""How long a page is served again: whoever asks for it without end costs no more than this."""


Labels: TypeAlias = tuple[str, ...]


@frozen
class Family:
    """A metric of the page."""

    name: str
    help: str
    labels: Labels = ()
    merged: Callable[[Iterable[float]], float] = sum
    """How the numbers of the workers become one."""


COUNTERS = (
    Family(
        "axonflow_records",
        "Calls, decisions and reports that are on record.",
        ("kind", "mode", "provider", "model", "verdict"),
    ),
    Family(
        "axonflow_tokens",
        "Tokens of calls; of a gateway_call as the client reports them.",
        ("kind", "provider", "model", "direction"),
    ),
    Family("axonflow_no_room", "Calls that a budget or a limit had no room for.", ("account",)),
    Family("axonflow_budget_alerts", "Thresholds that budgets came to.", ("budget", "threshold")),
    Family("axonflow_answers", "Answers to requests of clients.", ("route", "status")),
    Family("axonflow_refused", "Requests and connections that never came to a route.", ("reason",)),
    Family("axonflow_failed", "Requests that ended by a fault of the server."),
)
LATENCY = Family(
    "axonflow_call_seconds",
    "Time of a governed call, from its body to its record.",
    ("mode", "provider"),
)
GAUGES = (
    Family("axonflow_in_flight", "Requests that are being answered."),
    Family("axonflow_connections", "Open connections."),
    Family("axonflow_workers", "Processes that answer."),
    Family("axonflow_resident_bytes", "Resident memory of all workers."),
    Family("axonflow_ready", "1 where every worker takes new work.", merged=min),
    Family("axonflow_audit_healthy", "1 where every worker's audit can write.", merged=min),
    Family("axonflow_audit_lag_seconds", "How long the oldest unwritten record waits.", merged=max),
    Family("axonflow_generation", "The oldest generation that a worker serves.", merged=min),
    Family(
        "axonflow_breakers",
        "Breakers of targets, by what they do: one in each worker that called the target.",
        ("provider", "region", "model", "state"),
    ),
    Family(
        "axonflow_outliers",
        "Workers in which the target is asked last, for it does worse than those beside it.",
        ("provider", "region", "model"),
    ),
)


class Metrics:
    """The numbers of one worker."""

    def __init__(
        self,
        state: ServerState,
        *,
        folder: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._audit: AuditStore | None = None
        self._clock = clock
        self._shared = None if folder is None else SharedCounts(folder, state.worker, clock)
        self._before = {} if self._shared is None else self._shared.left_by_predecessor()
        self._providers: frozenset[str] = frozenset()
        self._models: frozenset[str] = frozenset()
        self._budgets: frozenset[str] = frozenset()
        self._generation = 0
        self._states: Callable[[], Iterable[TargetState]] = lambda: ()
        self._no_room: dict[str, int] = {}
        self._alerts: dict[tuple[str, str], int] = {}
        self._rows: dict[Labels, _Row] = {}
        self._latencies: dict[Labels, _Latency] = {}
        self._answers: dict[tuple[str, int], int] = {}
        self._page: tuple[float, bytes] | None = None

    # ── counting ──────────────────────────────────────────────────────────────────────────────────

    def watches(self, audit: AuditStore) -> None:
        """This is the store whose health and lag are on the page."""
        self._audit = audit

    def serves(
        self,
        number: int,
        config: Config,
        providers: Mapping[str, Provider],
        states: Callable[[], Iterable[TargetState]] = lambda: (),
    ) -> None:
        """A generation of the configuration came into force: its names are labels from now on.
        `states` are those of its targets."""
        self._generation = number
        self._states = states
        named = {each.default_model for each in providers.values()}
        named.update(each.model for targets in config.models.values() for each in targets)
        for client in config.server.clients.values():
            named.update(model for model in client.models if "*" not in model)
        self._models = frozenset(sorted(named)[:MAX_MODELS])
        self._providers = frozenset(providers)
        self._budgets = frozenset(sorted(config.budgets)[:MAX_BUDGETS])

    def recorded(self, entry: Entry) -> None:
        """An entry of the audit is durable. Called on the writer's thread."""
        facts = entry.facts
        row = self._row_of(entry.kind, facts.get("mode"), entry)
        row.records += 1
        if tokens := facts.get("tokens"):
            for direction, count in tokens.items():
                row.tokens[direction] = row.tokens.get(direction, 0) + count
        if entry.kind is Kind.CALL:
            elapsed_s = facts["latency_ms"] / 1_000
            row.latency.counts[bisect_left(BUCKETS_S, elapsed_s)] += 1
            row.latency.sum_s += elapsed_s
        if entry.rules:
            self._count_budgets(entry)

    def _count_budgets(self, entry: Entry) -> None:
        """Count refusals and alerts. Budgets of tenants are `other`: anybody could make many."""
        rule = entry.rules[0]
        kind, _, name = rule.partition(":")
        if kind == "budget" and name not in self._budgets:
            rule, name = f"budget:{OTHER}", OTHER
        if entry.kind is Kind.BUDGET:
            key = name, str(entry.facts["threshold"])
            self._alerts[key] = self._alerts.get(key, 0) + 1
        elif kind in ("budget", "limit") and entry.verdict is Verdict.BLOCKED:
            self._no_room[rule] = self._no_room.get(rule, 0) + 1

    def answered(self, route: str, status: int) -> None:
        """A request was answered. `route` is the path of the table, or `other`."""
        key = (route, status)
        self._answers[key] = self._answers.get(key, 0) + 1

    def _row_of(self, kind: str, mode: str | None, entry: Entry) -> _Row:
        provider, model = entry.provider, entry.model
        if provider not in self._providers:
            provider = NONE if provider is None else OTHER
        if model not in self._models:
            model = NONE if model is None else OTHER
        labels = (kind, mode or NONE, provider, model, entry.verdict)
        return self._rows.get(labels) or self._new_row(labels)

    def _new_row(self, labels: Labels) -> _Row:
        """A new row; that of all others where there are too many."""
        kind, mode, provider, _, verdict = labels
        if len(self._rows) >= MAX_ROWS:
            labels = (kind, mode, OTHER, OTHER, verdict)
        if labels not in self._rows:
            latency = self._latencies.setdefault((mode, provider), _Latency())
            self._rows[labels] = _Row(latency)
        return self._rows[labels]

    # ── the page ──────────────────────────────────────────────────────────────────────────────────

    def page(self) -> bytes:
        """The page, in Prometheus' text format."""
        now = self._clock()
        if self._page is None or now - self._page[0] >= PAGE_LASTS_S:
            registry = CollectorRegistry()
            registry.register(_Families(self.numbers()))
            self._page = now, generate_latest(registry)
        return self._page[1]

    def numbers(self) -> Numbers:
        """The numbers of all workers."""
        if self._shared is None:
            return {**self._counters(), **self._gauges()}
        self.publish()
        return summed(self._shared.read(), _MERGED)

    def publish(self) -> None:
        """Let the other workers know this one's numbers. `OSError` where the file cannot be
        written."""
        if self._shared is not None:
            self._shared.write(self._counters(), self._gauges())

    async def keep_published(self) -> None:
        """Publish at once, again and again, and once more at the end."""
        try:
            while self._shared is not None:
                self._try_to_publish()
                await asyncio.sleep(PUBLISHED_EVERY_S)
        finally:
            self._try_to_publish()

    def _try_to_publish(self) -> None:
        with suppress(OSError):  # a scrape tells of it
            self.publish()

    def _counters(self) -> Numbers:
        numbers = dict(self._before)
        for key, value in self._counted():
            numbers[key] = numbers.get(key, 0) + value
        return numbers

    def _counted(self) -> Iterator[tuple[Key, float]]:
        for labels, row in list(self._rows.items()):
            yield ("axonflow_records", *labels), row.records
            kind, _, provider, model, _ = labels
            for direction, count in list(row.tokens.items()):
                yield ("axonflow_tokens", kind, provider, model, direction), count
        for labels, latency in list(self._latencies.items()):
            yield (LATENCY.name, *labels, "sum"), latency.sum_s
            for index, count in enumerate(latency.counts):
                yield (LATENCY.name, *labels, str(index)), count
        for account, count in list(self._no_room.items()):
            yield ("axonflow_no_room", account), count
        for alert, count in list(self._alerts.items()):
            yield ("axonflow_budget_alerts", *alert), count
        for (route, status), count in self._answers.items():
            yield ("axonflow_answers", route, str(status)), count
        for reason, count in self._state.refused.items():
            yield ("axonflow_refused", reason), count
        yield ("axonflow_failed",), self._state.failed

    def _gauges(self) -> Numbers:
        state, audit = self._state, self._audit
        is_healthy = audit is not None and audit.is_healthy
        return {
            ("axonflow_in_flight",): state.in_flight,
            ("axonflow_connections",): len(state.connections),
            ("axonflow_workers",): 1,
            ("axonflow_resident_bytes",): _resident_bytes(),
            ("axonflow_ready",): is_healthy and not state.is_draining,
            ("axonflow_audit_healthy",): is_healthy,
            ("axonflow_audit_lag_seconds",): 0.0 if audit is None else audit.lag_s,
            ("axonflow_generation",): self._generation,
            **self._breakers(),
        }

    def _breakers(self) -> Numbers:
        """Targets that the configuration does not name are one, `other`."""
        numbers: Numbers = {}
        for each in self._states():
            model = each.model if each.model in self._models else OTHER
            labels = (each.provider, each.region or NONE, model)
            key: Key = ("axonflow_breakers", *labels, str(each.state))
            numbers[key] = numbers.get(key, 0) + 1
            if each.is_left_out:
                key = ("axonflow_outliers", *labels)
                numbers[key] = numbers.get(key, 0) + 1
        return numbers


class _Latency:
    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0


class _Row:
    __slots__ = ("latency", "records", "tokens")

    def __init__(self, latency: _Latency) -> None:
        self.latency = latency
        self.records = 0
        self.tokens: dict[str, int] = {}


_MERGED: Mapping[str, Callable[[Iterable[float]], float]] = {
    each.name: each.merged for each in GAUGES
}


class _Families:
    """Numbers as prometheus_client takes them."""

    def __init__(self, numbers: Numbers) -> None:
        self._by_family: dict[str, dict[Labels, float]] = {}
        for (name, *labels), value in numbers.items():
            self._by_family.setdefault(name, {})[tuple(labels)] = value

    def collect(self) -> Iterator[Metric]:
        """Every family, those without a number too."""
        for family in COUNTERS:
            counter = CounterMetricFamily(family.name, family.help, labels=family.labels)
            for labels, value in self._of(family):
                counter.add_metric(labels, value)
            yield counter
        yield self._histogram()
        for family in GAUGES:
            gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            for labels, value in self._of(family):
                gauge.add_metric(labels, value)
            yield gauge

    def _of(self, family: Family) -> Iterable[tuple[Labels, float]]:
        return self._by_family.get(family.name, {}).items()

    def _histogram(self) -> Metric:
        histogram = HistogramMetricFamily(LATENCY.name, LATENCY.help, labels=LATENCY.labels)
        values = self._by_family.get(LATENCY.name, {})
        for labels in dict.fromkeys(key[:-1] for key in values):
            total, buckets = 0.0, []
            for index, bound in enumerate((*map(str, BUCKETS_S), "+Inf")):
                total += values[*labels, str(index)]
                buckets.append((bound, total))
            histogram.add_metric(labels, buckets, values[*labels, "sum"])
        return histogram


def _resident_bytes() -> int:
    """The resident memory of this process; 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
