"""Faults of `server.clients` that only the rest of the file, or HTTP, makes faults."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from axonflow_core.config.faults import Fault, suggest
from axonflow_core.config.nodes import Listing, Scalar, Section
from axonflow_core.config.structuring import fields_of, meant
from axonflow_core.config.values import ClientConfig, ServerConfig

EVERY = "*"
"""All providers."""
COMMUNITY = "community"
"""The client, and the tenant, of the open mode."""
MAX_ID = 128
"""Characters of a client's id."""


def unusable_clients(server: Section, providers: Collection[str]) -> Iterator[Fault]:
    """Ids that no request can present, and providers that are not among `providers`. What is not
    of the right kind is passed over: structuring reports it."""
    clients = meant(server, fields_of(ServerConfig)).get("clients")
    if not isinstance(clients, Section):
        return
    for id, client in clients.items():
        if ":" in id or not id.isprintable() or not 0 < len(id) <= MAX_ID:
            yield Fault(
                clients.place_of(id),
                f"`{id[:MAX_ID]!a}` cannot be a client's id",
                f"1 to {MAX_ID} printable characters and no colon, where HTTP's Basic ends an id",
            )
        if isinstance(client, Section):
            yield from _unknown_providers(client, providers)


def _unknown_providers(client: Section, providers: Collection[str]) -> Iterator[Fault]:
    named = meant(client, fields_of(ClientConfig)).get("providers")
    for name in named.items if isinstance(named, Listing) else ():
        if isinstance(name, Scalar) and name.text not in (EVERY, *providers):
            yield Fault(
                name.place,
                f"`llm_providers` has no `{name.text}`",
                suggest(name.text, providers, noun="it has"),
            )
