"""Who waits for changes of plans, and hears of them: those that happen in this process."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from axonflow_core.plans.plan import Plan, StepState


class Changes:
    """All of it belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)

    @contextmanager
    def waiting(self, plan: str) -> Iterator[asyncio.Future[None]]:
        """A future that is done at the next change of a plan or of one of its steps. What is read
        in the block is not older than that."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting[plan]
        waiting.add(future)
        try:
            yield future
        finally:
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(plan, None)

    def tell(self, plan: Plan, state: StepState | None) -> None:
        """Something changed."""
        for future in list(self._waiting.get(plan.id, ())):
            if not future.done():
                future.set_result(None)
