"""What one worker of the server works with: the audit, and the generation in force."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Self

from axonflow_core.audit.store import AuditStore
from axonflow_core.config.values import Config, KeptTexts, ServerConfig
from axonflow_core.http.client import Transport
from axonflow_core.keys import Keys
from axonflow_core.modes import contexts
from axonflow_core.server.generations import Generation
from axonflow_core.server.metrics import Metrics
from axonflow_core.server.state import ServerState


class Service:
    """Opened with the worker, closed with it; every request is answered in its name."""

    def __init__(
        self,
        state: ServerState,
        audit: AuditStore,
        client: Transport,
        generation: Generation,
        metrics: Metrics,
    ) -> None:
        self.state = state
        self.metrics = metrics
        self.audit = audit
        self.generation = generation
        self._client = client
        self._publishing = asyncio.create_task(metrics.keep_published())

    @classmethod
    async def open(
        cls, config: Config, keys: Keys, state: ServerState, *, counts: Path | None = None
    ) -> Self:
        """Open the audit and build the first generation. `counts` is the folder in which several
        workers exchange their numbers. `ConfigError`, `AuditError`."""
        metrics = Metrics(state, folder=counts)
        audit = await AuditStore.open(
            config.audit.url,
            keys,
            keeps_texts=config.audit.texts is KeptTexts.REDACTED,
            tables=contexts.TABLES,
            on_record=metrics.recorded,
        )
        client = Transport()
        try:
            generation = Generation.build(
                1, config, audit=audit, client=client, server_keys=keys.server
            )
        except BaseException:
            await audit.aclose()
            raise
        metrics.watches(audit)
        metrics.serves(1, config, generation.governance.providers)
        return cls(state, audit, client, generation, metrics)

    @property
    def settings(self) -> ServerConfig:
        """The section `server` of the generation in force."""
        return self.generation.config.server

    @property
    def is_ready(self) -> bool:
        """Whether new work is welcome: the audit can write, and no stop has begun."""
        return not self.state.is_draining and self.audit.is_healthy

    async def aclose(self) -> None:
        """Close the providers, the connections, and at last the audit."""
        self._publishing.cancel()
        try:
            await self.generation.aclose()
            await self._client.aclose()
        finally:
            await self.audit.aclose()
