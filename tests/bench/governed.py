"""What governance adds to a call and to a chunk, over a provider that costs nothing.

call               policy on a request of 100 characters and on an answer of 300, with five
                   rules and the detectors, and the record: against boto3's `invoke_model`
audit, 32 at once  the same with a real audit on a disk, as 32 calls in flight have it
budget             what money, requests and tokens a minute that are counted add to that: all of it,
                   and the parts of the event loop's thread and of the audit's writer
chunk              of a stream of 200 that is screened with look-ahead, a chunk a read (paced)
                   and 70 a read (burst): against a chunk of boto3's `converse_stream`
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from axonflow_core.audit.record import Entry
from axonflow_core.audit.store import AuditStore
from axonflow_core.budgets import book
from axonflow_core.budgets.ledger import Ledger
from axonflow_core.budgets.terms import Period, Scope
from axonflow_core.config.values import (
    BudgetConfig,
    Config,
    PoliciesConfig,
    RateLimits,
    ServerConfig,
    TenantConfig,
)
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.trail import GovernedCall, Outcome
from axonflow_core.keys import throwaway_keys
from axonflow_core.messages import Completion, CompletionRequest, Receipt, StopReason, Text, Usage
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.rules import Action, Rule
from axonflow_core.provider import CompletionStream, Price
from axonflow_core.routing.router import Router
from axonflow_core.stream import Batch, Ended, Started, Stopped, TextDelta, UsageUpdate

from .callers import IN_FLIGHT, SETTINGS, boto3s
from .rows import Row, cpu_us, row
from .service import CHUNKS, running_service

ROUNDS, CALLS, STREAMS = 9, 1_000, 10
SLICES, SLICE = 8, 500
"""Calls with and without a budget take turns, so many each time: what a budget adds is the small
difference of two numbers."""
RULES = (
    Rule(name="aurora", action=Action.BLOCK, pattern=r"(?i)project\s+aurora"),
    Rule(name="secret", action=Action.BLOCK, text="top secret"),
    Rule(name="staff", action=Action.REDACT, pattern=r"\bEMP-\d{6}\b"),
    Rule(name="internal", action=Action.WARN, text="internal only"),
    Rule(name="password", action=Action.BLOCK, pattern=r"(?i)password\s*[:=]"),
)
_QUERY = "Why is the sky blue, and why is it red in the evening? Explain it for a child. " * 2
_ANSWER = "The sky is blue because shorter waves are scattered more than longer ones are. " * 4
_RECEIPT = Receipt(provider="idle", family="idle", surface="idle", model="m", called="m")
_PRICE = Price(input=3.0, output=15.0)
_COMPLETION = Completion(
    content=(Text(_ANSWER[:300]),),
    stop_reason=StopReason.END_TURN,
    usage=Usage(input_tokens=30, output_tokens=60),
    receipt=_RECEIPT,
)
_CALL = GovernedCall(
    caller=Caller(client="acme", tenant="acme"),
    request=CompletionRequest(_QUERY[:100]),
    mode="proxy",
    user="ann",
)
_END: Batch = (UsageUpdate(_COMPLETION.usage), Stopped(StopReason.END_TURN), Ended())
_BATCHES: list[Batch] = [
    (Started("id", "m"),),
    *((TextDelta(f"word {number:03} "),) for number in range(CHUNKS)),
    _END,
]


class _Idle:
    """A provider that answers at once."""

    default_model = "m"

    def __init__(self, batches_a_read: int = 1) -> None:
        self._reads = [
            tuple(_BATCHES[at : at + batches_a_read])
            for at in range(0, len(_BATCHES), batches_a_read)
        ]

    def price(self, receipt: Receipt) -> Price:
        return _PRICE

    async def complete(self, request: Any, **_: Any) -> Completion:
        return _COMPLETION

    async def stream(self, request: Any, **_: Any) -> CompletionStream:
        return _IdleStream(self._reads)


class _IdleStream(CompletionStream):
    receipt = _RECEIPT

    def __init__(self, reads: list[tuple[Batch, ...]]) -> None:
        self._left = iter(reads)

    async def read(self) -> tuple[Batch, ...]:
        return next(self._left, ())

    async def aclose(self) -> None:
        """Nothing is open."""


class _NoAudit:
    async def append(self, entry: Entry) -> None:
        """Keep nothing."""

    async def pseudonym(self, tenant: str, user: str) -> str:
        return "u_1"


def measure() -> Iterator[Row]:
    os.environ.update(SETTINGS)
    with (
        running_service(with_tls=False) as service,
        asyncio.Runner() as runner,
        TemporaryDirectory() as folder,
    ):
        url = f"sqlite:///{Path(folder) / 'audit.db'}"
        store = runner.run(
            AuditStore.open(url, throwaway_keys(), tables=book.TABLES, on_write=book.settle)
        )
        theirs = boto3s(service.burst_url)
        for kind, baseline, count, each, cases in (
            ("call", "invoke_model", 50, 1, _calls(runner, store)),
            ("stream", "converse_stream, a chunk", 10, CHUNKS, _chunks(runner)),
        ):
            ours: dict[str, list[float]] = {name: [] for name in cases}
            base: list[float] = []
            for case in (partial(cpu_us, theirs[kind], count, service.answered), *cases.values()):
                case()  # warm
            for _ in range(ROUNDS):
                base.append(cpu_us(theirs[kind], count, service.answered) / each)
                for name, case in cases.items():
                    ours[name].append(case())
            for name, costs in ours.items():
                yield row("governance", name, baseline, costs, base)
        runner.run(store.aclose())


Case: TypeAlias = Callable[[], float]
"""What one call or chunk costs, in microseconds of CPU of all threads."""


def _calls(runner: asyncio.Runner, store: AuditStore) -> Mapping[str, Case]:
    alone, recorded = _governed(_Idle(), _NoAudit()), _governed(_Idle(), store)
    budgeted = _governed(_Idle(), store, _ledger(store))

    added = _Added(runner, recorded, budgeted)
    return {
        "governed call": lambda: _cpu_us(runner, _one_by_one(alone, CALLS), CALLS),
        f"governed call, audit, {IN_FLIGHT} at once": lambda: _cpu_us(
            runner, _together(recorded, CALLS), CALLS
        ),
        f"added by a budget, {IN_FLIGHT} at once": added,
        "added by a budget, on the loop's thread": lambda: added.on_loop,
        "added by a budget, on the writer's thread": lambda: added.on_writer,
    }


class _Added:
    """What a budget adds to a call, which is on in every other call of the measurement; and, of the
    last measurement, what of it which thread took."""

    def __init__(self, runner: asyncio.Runner, recorded: Governance, budgeted: Governance) -> None:
        self._runner = runner
        self._recorded = recorded
        self._budgeted = budgeted
        self.on_loop = self.on_writer = 0.0

    def __call__(self) -> float:
        self.on_loop = self.on_writer = 0.0
        for _ in range(SLICES):
            for governance, sign in ((self._recorded, -1), (self._budgeted, 1)):
                of_all, of_loop = _cpus_us(self._runner, _together(governance, SLICE), SLICE)
                self.on_loop += sign * of_loop / SLICES
                self.on_writer += sign * (of_all - of_loop) / SLICES
        return self.on_loop + self.on_writer


def _chunks(runner: asyncio.Runner) -> Mapping[str, Case]:
    paced, burst = _governed(_Idle(), _NoAudit()), _governed(_Idle(70), _NoAudit())
    return {
        "governed chunk, paced": lambda: _cpu_us(
            runner, _streamed(paced, STREAMS), STREAMS * CHUNKS
        ),
        "governed chunk, burst": lambda: _cpu_us(
            runner, _streamed(burst, STREAMS), STREAMS * CHUNKS
        ),
    }


def _governed(provider: _Idle, audit: Any, ledger: Ledger | None = None) -> Governance:
    providers: Any = {"idle": provider}
    policies = Policies.build(PoliciesConfig(rules=RULES))
    return Governance(policies, Router(providers), audit, ledger=ledger)


def _ledger(store: AuditStore) -> Ledger:
    """One budget and two limits, with room for all of the measurement."""
    ledger = Ledger(store)
    budget = BudgetConfig(scope=Scope.ORGANIZATION, limit_usd=1_000_000, period=Period.YEARLY)
    rates = RateLimits(requests_per_minute=50_000_000, tokens_per_minute=10_000_000_000)
    server = ServerConfig(tenants={"acme": TenantConfig(limits=rates)})
    ledger.serves(Config(budgets={"all": budget}, server=server))
    return ledger


def _cpu_us(runner: asyncio.Runner, work: Coroutine[Any, Any, None], count: int) -> float:
    return _cpus_us(runner, work, count)[0]


def _cpus_us(
    runner: asyncio.Runner, work: Coroutine[Any, Any, None], count: int
) -> tuple[float, float]:
    """CPU of all threads, and of this one."""
    gc.collect()
    before, before_here = time.process_time(), time.thread_time()
    runner.run(work)
    here, all_threads = time.thread_time() - before_here, time.process_time() - before
    return all_threads / count * 1e6, here / count * 1e6


async def _one_by_one(governance: Governance, count: int) -> None:
    for _ in range(count):
        await governance.complete(_CALL)


async def _together(governance: Governance, count: int) -> None:
    turns = iter(range(count))  # the tasks share them

    async def some() -> None:
        for _ in turns:
            await governance.complete(_CALL)

    await asyncio.gather(*(some() for _ in range(IN_FLIGHT)))


async def _streamed(governance: Governance, count: int) -> None:
    for _ in range(count):
        stream = await governance.stream(_CALL)
        assert not isinstance(stream, Outcome)
        async with stream:
            while await stream.read():
                pass
