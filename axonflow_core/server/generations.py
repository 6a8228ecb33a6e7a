"""One generation of the configuration, as it serves: who may call, what is decided, who answers.

A generation is built whole or not at all, and replaced as a whole. A call that began on one ends on
it: `hold` keeps its providers open until the last call has left.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from axonflow_core.budgets.prices import Prices
from axonflow_core.config.values import Config
from axonflow_core.errors import RequestError
from axonflow_core.governance.calls import Governance
from axonflow_core.http.client import HttpClient
from axonflow_core.plans.ground import Ground
from axonflow_core.policy.policies import Policies
from axonflow_core.routing.router import Router
from axonflow_core.runtime import Runtime
from axonflow_core.server.auth import Directory, OpenDirectory, caller_of
from axonflow_core.server.dialects import Dialects

if TYPE_CHECKING:
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.budgets.ledger import Ledger


class Generation:
    """A configuration that serves."""

    def __init__(
        self,
        number: int,
        config: Config,
        runtime: Runtime,
        policies: Policies,
        audit: AuditStore,
        clients: Directory | OpenDirectory,
        *,
        ledger: Ledger | None = None,
        prices: Prices | None = None,
    ) -> None:
        self.number = number
        self.config = config
        self.clients = clients
        self.at_us = time.time_ns() // 1_000
        """When it was built, in microseconds since 1970."""
        self.governance = Governance(
            policies,
            runtime.router,
            audit,
            generation=number,
            ledger=ledger,
            prices=prices,
            makes_copies=True,
        )
        self.dialects = Dialects(config, self.governance, clients)
        """The drop-in endpoints."""
        self._runtime = runtime
        self._hold = _Hold()

    @classmethod
    def build(
        cls,
        number: int,
        config: Config,
        *,
        audit: AuditStore,
        client: HttpClient,
        server_keys: Sequence[bytes],
        ledger: Ledger | None = None,
    ) -> Generation:
        """Build the generation. `ConfigError` where a part of the configuration cannot serve."""
        policies = Policies.build(config.policies, os.environ)
        server = config.server
        clients = OpenDirectory() if server.open else Directory(server.clients, server_keys)
        prices = Prices.read(os.environ)
        runtime = Runtime.open(config, client=client)
        _foresee(policies, config, runtime.router)
        return cls(number, config, runtime, policies, audit, clients, ledger=ledger, prices=prices)

    def renumber(self, number: int) -> None:
        """Give it another number, before it serves."""
        self.number = self.governance.generation = number

    def ground(self) -> Ground:
        """What plans stand on."""
        return Ground(
            governance=self.governance,
            plans=self.config.plans,
            agents=self.config.agents,
            caller=self.clients.named,
            hold=self.hold,
        )

    def hold(self) -> _Hold:
        """Keep the providers open for the block."""
        return self._hold

    async def aclose(self) -> None:
        """Close the providers once the last call has left."""
        self._hold.is_over = True
        if self._hold.count:
            await self._hold.left.wait()
        await self.governance.aclose()
        await self._runtime.aclose()


def _foresee(policies: Policies, config: Config, router: Router) -> None:
    """Have the policies built of the calls that clients will make: of one that names no model, and
    of one for each named model."""
    if not policies.vary_by_model:
        return
    for caller in map(caller_of, config.server.clients.values()):
        for name in (None, *config.models):
            with suppress(RequestError):  # a client may not use every one
                models = router.models_of(caller.wish(model=name))
                policies.of(caller.client, models, called=name)


class _Hold:
    """What has entered a generation and not left it. One for all blocks: it counts them."""

    def __init__(self) -> None:
        self.count = 0
        self.is_over = False
        """Whether nobody enters any more."""
        self.left = asyncio.Event()
        """Set once the last one has left."""

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.count -= 1
        if self.is_over and not self.count:
            self.left.set()
