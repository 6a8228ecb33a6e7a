"""One generation of the configuration, as it serves: who may call, what is decided, who answers.

A generation is built whole or not at all, and replaced as a whole. A call that began on one ends on
it: `hold` keeps its providers open until the last call has left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from axonflow_core.config.values import Config
from axonflow_core.governance.calls import Governance
from axonflow_core.http.client import HttpClient
from axonflow_core.policy.engine import Policy
from axonflow_core.runtime import Runtime
from axonflow_core.server.auth import Directory, OpenDirectory

if TYPE_CHECKING:
    from axonflow_core.audit.store import AuditStore


class Generation:
    """A configuration that serves."""

    def __init__(
        self,
        number: int,
        config: Config,
        runtime: Runtime,
        policy: Policy,
        audit: AuditStore,
        clients: Directory | OpenDirectory,
    ) -> None:
        self.number = number
        self.config = config
        self.clients = clients
        self.at_us = time.time_ns() // 1_000
        """When it was built, in microseconds since 1970."""
        self.governance = Governance(policy, runtime.providers, audit, generation=number)
        self._runtime = runtime
        self._holders = 0
        self._is_over = False
        self._left = asyncio.Event()

    @classmethod
    def build(
        cls,
        number: int,
        config: Config,
        *,
        audit: AuditStore,
        client: HttpClient,
        server_keys: Sequence[bytes],
    ) -> Generation:
        """Build the generation. `ConfigError` where a part of the configuration cannot serve."""
        policy = Policy.build(config.policies)
        server = config.server
        clients = OpenDirectory() if server.open else Directory(server.clients, server_keys)
        runtime = Runtime.open(config, client=client)
        return cls(number, config, runtime, policy, audit, clients)

    def renumber(self, number: int) -> None:
        """Give it another number, before it serves."""
        self.number = self.governance.generation = number

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the providers open for the block."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1
            if self._is_over and not self._holders:
                self._left.set()

    async def aclose(self) -> None:
        """Close the providers once the last call has left."""
        self._is_over = True
        if self._holders:
            await self._left.wait()
        await self._runtime.aclose()
