"""What routing adds to a call, over providers that cost nothing: against boto3's `invoke_model`.

one target       nothing to choose
two targets      of one priority, by weight
a conversation   of two targets, which keeps to the one that has its beginning in a cache

and, in all of them, what watches over the targets: the breaker asks before a call and counts it
afterwards, the budget counts it and is lent to it; against the 3 us that the design allows for it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from axonflow_core.calls.budget import BUDGET, RetryBudget
from axonflow_core.config.values import Config, ProviderConfig
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Receipt,
    StopReason,
    Text,
    assistant,
    user,
)
from axonflow_core.routing.health import Breakers
from axonflow_core.routing.router import Router
from axonflow_core.routing.targets import Target
from axonflow_core.runtime import router_of

from .callers import SETTINGS, boto3s
from .rows import Row, cpu_us, row
from .service import running_service

ROUNDS, CALLS = 9, 2_000
WATCHING_US = 3.0
"""What breaker and budget may cost a call."""
_RECEIPT = Receipt(provider="idle", family="idle", surface="idle", model="m", called="m")
_COMPLETION = Completion(
    content=(Text("Because."),), stop_reason=StopReason.END_TURN, receipt=_RECEIPT
)
QUESTION = CompletionRequest((user("Why is the sky blue?" * 10),), system="Be brief. " * 50)
CONVERSATION = CompletionRequest(
    (*QUESTION.messages, assistant("Because."), user("And at night?")), system=QUESTION.system
)


class _Idle:
    """A provider that answers at once."""

    default_model = "m"

    async def complete(self, request: Any, **_: Any) -> Completion:
        return _COMPLETION


def measure() -> Iterator[Row]:
    os.environ.update(SETTINGS)
    with running_service(with_tls=False) as service, asyncio.Runner() as runner:
        call = partial(cpu_us, boto3s(service.burst_url)["call"], 50, service.answered)
        cases = _cases()
        ours: Mapping[str, list[float]] = {name: [] for name in cases}
        theirs: list[float] = []
        call()  # warm
        for _ in range(ROUNDS):
            theirs.append(call())
            direct = runner.run(_cost_us(_Idle(), QUESTION))
            for name, (router, request) in cases.items():
                ours[name].append(runner.run(_cost_us(router, request)) - direct)
        for name, costs in ours.items():
            yield row("routing", name, "invoke_model", costs, theirs)
    watched = [_watched_us() for _ in range(ROUNDS)]
    yield row("routing", "breaker and budget", "allowed", watched, [WATCHING_US] * ROUNDS)


def _cases() -> Mapping[str, tuple[Router, CompletionRequest]]:
    return {
        "routing, one target": (_router("a"), QUESTION),
        "routing, two targets": (_router("a", "b"), QUESTION),
        "routing, a conversation": (_router("a", "b"), CONVERSATION),
    }


def _watched_us() -> float:
    """CPU of the breaker and the budget of one call that is answered, in microseconds."""
    health, budget, target = Breakers(), RetryBudget(), Target("a", "m")
    gc.collect()
    before = time.process_time()
    for _ in range(10 * CALLS):
        trial = health.admits(target)
        budget.asked()
        outer = BUDGET.set(budget)
        BUDGET.reset(outer)
        if trial is not None:
            trial.succeeded(0.5)
    return (time.process_time() - before) / (10 * CALLS) * 1e6


def _router(*names: str) -> Router:
    """As a runtime has it, breakers and budgets included."""
    entries = {name: ProviderConfig(name, is_enabled=True) for name in names}
    providers: Any = {name: _Idle() for name in names}
    return router_of(Config(providers=entries), providers)


async def _cost_us(provider: Any, request: CompletionRequest) -> float:
    """CPU of one call, in microseconds."""
    gc.collect()
    before = time.process_time()
    for _ in range(CALLS):
        await provider.complete(request)
    return (time.process_time() - before) / CALLS * 1e6
