"""A process that calls a provider as fast as a budget lets it, until it is killed or refused for a
while. Each call that reaches the provider goes to stdout as a line, before it is answered: so
whoever reads it knows what was billed, whatever the records say.

    python spender.py DATABASE LIMIT_USD EDGE_US MEMORY

`EDGE_US` is the time of the edge of a day, to which the clock comes once the process has made fifty
calls, or 0 for the time of the machine. `memory` as `MEMORY` keeps the counter in the memory of the
process: the control.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from budgets.spending import Costly, Worker, budget, config_of, working

from axonflow_core.budgets.accounts import Account
from axonflow_core.budgets.estimates import Estimate
from axonflow_core.budgets.ledger import Ledger, wall_us
from axonflow_core.budgets.refusals import Refusal
from axonflow_core.budgets.slices import Reservation
from axonflow_core.budgets.terms import Period
from axonflow_core.messages import Completion, CompletionRequest

CALLERS = 16
BEFORE_EDGE = 50
REFUSALS = 40
"""After so many refusals in a row a caller ends."""


class Billing(Costly):
    """Tells of each call before it answers."""

    async def complete(self, request: CompletionRequest, **more: Any) -> Completion:
        os.write(1, b"billed\n")
        await asyncio.sleep(0.002)
        return await super().complete(request, **more)


class InMemory(Ledger):
    """The control: what this process has spent is all that it knows."""

    spent = 0

    async def admit(self, accounts: Iterable[Account], estimate: Estimate) -> Reservation | Refusal:
        account, *_ = accounts
        if self.spent + (estimate.nanos or 0) > account.limit:
            return Refusal(account=account, message="in memory")
        self.spent += estimate.nanos or 0
        return Reservation(estimate)

    def settle(self, reservation: Reservation) -> None:
        self.spent += (reservation.actual_nanos or 0) - (reservation.estimate.nanos or 0)


async def spend(worker: Worker) -> None:
    """Call until so many calls in a row are refused."""
    refused = 0
    while refused < REFUSALS:
        outcome = await worker.call()
        refused = 0 if outcome.refusal is None else refused + 1
        if refused:
            await asyncio.sleep(0.02)


async def main(database: str, limit_usd: float, edge_us: int, is_in_memory: bool) -> None:
    began_us = wall_us()

    def at_edge_us() -> int:
        if provider.calls < BEFORE_EDGE:
            return edge_us - 1_000_000
        return edge_us + wall_us() - began_us

    clock: Any = at_edge_us if edge_us else wall_us
    period = Period.DAILY if edge_us else Period.YEARLY  # which no day ends meanwhile
    config = config_of(b=budget(limit_usd=limit_usd, period=period))
    provider = Billing()
    async with working(Path(database), config, clock=clock, provider=provider) as [worker]:
        if is_in_memory:
            worker.use(InMemory(worker.audit, clock), config)
        follow = asyncio.create_task(followed(worker))
        await asyncio.gather(*(spend(worker) for _ in range(CALLERS)))
        follow.cancel()
    os.write(1, b"done\n")


async def followed(worker: Worker) -> None:
    """As the server does."""
    while True:
        await asyncio.sleep(0.3)
        await worker.ledger.follow()


if __name__ == "__main__":
    database, limit_usd, edge_us, how = sys.argv[1:]
    asyncio.run(main(database, float(limit_usd), int(edge_us), how == "memory"))
