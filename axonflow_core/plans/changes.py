"""Who waits for changes of plans, and hears of them: those that happen in this process."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from axonflow_core.plans.plan import Plan, StepState


class Changes:
    """All of it belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def next(self, plan: str) -> asyncio.Future[None]:
        """Done at the next change of a plan or of one of its steps."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting[plan]
        waiting.add(future)
        future.add_done_callback(lambda done: self._forget(plan, done))
        return future

    def tell(self, plan: Plan, state: StepState | None) -> None:
        """Something changed."""
        for future in list(self._waiting.get(plan.id, ())):
            if not future.done():
                future.set_result(None)

    def _forget(self, plan: str, future: asyncio.Future[None]) -> None:
        waiting = self._waiting[plan]
        waiting.discard(future)
        if not waiting:
            self._waiting.pop(plan, None)
