"""The application with its service in this process: no socket, a real audit, the echo provider."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

import orjson
from attrs import field, frozen
from postgres_server import url_for

from axonflow_core.audit.record import Entry
from axonflow_core.audit.search import search
from axonflow_core.config.values import (
    AuditConfig,
    BudgetConfig,
    ClientConfig,
    Config,
    PoliciesConfig,
    ProviderConfig,
    Role,
    ServerConfig,
)
from axonflow_core.governance.caller import Caller
from axonflow_core.keys import Keys, throwaway_keys
from axonflow_core.messages import EMPTY
from axonflow_core.policy.rules import Action, Rule
from axonflow_core.server.api import ROUTES
from axonflow_core.server.app import App
from axonflow_core.server.auth import client_secret
from axonflow_core.server.limits import Limits
from axonflow_core.server.routes import RouteTable
from axonflow_core.server.service import Service
from axonflow_core.server.state import ServerState

RULES = (
    Rule(name="no-aurora", pattern=r"(?i)project\s+aurora", action=Action.BLOCK),
    Rule(name="badge", pattern=r"badge-\d+", action=Action.REDACT),
    Rule(name="wire-transfer", text="wire transfer", action=Action.REQUIRE_APPROVAL),
    Rule(name="mentions-budget", text="budget", action=Action.WARN),
)
CLIENTS = (
    ClientConfig("acme", tenant="acme", roles=tuple(Role)),
    ClientConfig("acme-too", tenant="acme", roles=tuple(Role)),
    ClientConfig("other", tenant="other", roles=tuple(Role)),
    ClientConfig(
        "narrow", tenant="narrow", roles=tuple(Role), providers=("echo",), models=("echo", "e-*")
    ),
    *(ClientConfig(f"only-{role}", tenant="roles", roles=(role,)) for role in Role),
    ClientConfig("nobody", tenant="roles"),
)


@frozen
class Reply:
    """What the application answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @cached_property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Served:
    """The application, asked in the name of its clients."""

    def __init__(self, service: Service, keys: Keys, routes: RouteTable = ROUTES) -> None:
        self.service = service
        self._app = App(service, routes)
        self.keys = keys
        self._earlier: frozenset[str] = frozenset()

    async def from_now_on(self) -> Self:
        """This application, without the records that there are."""
        self._earlier = frozenset()
        tenants = {client.tenant for client in CLIENTS}
        earlier = [entry.id for tenant in tenants for entry in await self.records(tenant)]
        self._earlier = frozenset(earlier)
        return self

    def headers(self, client: str | None, *, id: str | None = None) -> dict[str, str]:
        """What proves that client; nothing for None. With `id`, its secret under another id."""
        if client is None:
            return {}
        pair = f"{id or client}:{client_secret(self.keys.server[0], client, 1)}"
        return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    def caller(self, client: str) -> Caller:
        """A client as whoever it calls sees it."""
        caller = self.service.generation.clients.identified(self.headers(client))
        assert caller is not None
        return caller

    async def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        client: str | None = "acme",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The answer to one request; `body` is bytes, or a value to be written as JSON."""
        path, _, query = target.partition("?")
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        sent = {**self.headers(client), **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        }
        messages: list[dict[str, Any]] = []

        bodies = [raw]

        async def receive() -> dict[str, Any]:
            if not bodies:
                await asyncio.Event().wait()  # the client stays
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        await self._app(scope, receive, send)
        start, *pieces = messages
        names = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], names, b"".join(piece["body"] for piece in pieces))

    async def post(self, path: str, body: object, **more: Any) -> Reply:
        return await self.ask("POST", path, body, **more)

    async def get(self, target: str, **more: Any) -> Reply:
        return await self.ask("GET", target, **more)

    async def records(self, tenant: str = "acme") -> list[Entry]:
        """The records of a tenant, the oldest first."""
        page = await search(self.service.audit, tenant, limit=1_000)
        entries = [each.entry for each in reversed(page.records)]
        return [entry for entry in entries if entry.id not in self._earlier]


def config_of(
    folder: Path,
    *,
    url: str | None = None,
    budgets: Mapping[str, BudgetConfig] = EMPTY,
    **server: Any,
) -> Config:
    """A configuration with the echo provider, these rules and clients, and an audit in `folder`, or
    at `url`."""
    return Config(
        providers={
            "echo": ProviderConfig("echo", is_enabled=True, priority=10, weight=0.7),
            "spare": ProviderConfig("spare", "echo"),
        },
        server=ServerConfig(clients={client.id: client for client in CLIENTS}, **server),
        policies=PoliciesConfig(rules=RULES),
        audit=AuditConfig(url=url or url_for(folder)),
        budgets=budgets,
    )


@asynccontextmanager
async def serving(
    folder: Path,
    *,
    change: Callable[[Service], None] = lambda service: None,
    routes: RouteTable = ROUTES,
    **server: Any,
) -> AsyncIterator[Served]:
    """The application over a new audit in `folder`, with these settings of the section `server`.
    `change` alters its service first."""
    keys = throwaway_keys()
    service = await Service.open(config_of(folder, **server), keys, ServerState(Limits()))
    try:
        change(service)
        yield Served(service, keys, routes)
    finally:
        await service.aclose()
