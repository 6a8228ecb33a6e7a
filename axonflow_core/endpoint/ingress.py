"""How a server lets clients of a vendor's dialect in: what a plugin says of it.

wire       paths, errors, bounds
read       a call -> what is asked in it
verifier   the server's clients -> who made a request
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from axonflow_core.errors import CredentialsError, CredentialsMissing
from axonflow_core.frozen import evolve, frozen
from axonflow_core.http.asgi import AsgiApp

from .app import dialect_app
from .calls import Call, Handler
from .conversation import Conversation, UnaryCall, read_conversation, read_unary
from .credentials import Verifier, basic, first_of, header
from .operations import Kind
from .wire import Wire

Asked: TypeAlias = Conversation | UnaryCall[Any, Any]
"""What a client asks in a call."""


class Clients(Protocol):
    """The clients of a server, as a verifier may know them."""

    def owner(self, key: str) -> str | None:
        """The id of the client that presents this key; None where it is nobody's."""
        ...

    def secrets(self, id: str) -> Sequence[str]:
        """The secrets of a client that are valid, the newest first; none of an unknown one."""
        ...


def read_call(call: Call) -> Asked:
    """What is asked in a call, read by the codec of its operation."""
    return read_conversation(call) if call.operation.kind is Kind.CHAT else read_unary(call)


def by_key(clients: Clients) -> Verifier:
    """A verifier for dialects whose clients present a key."""

    def verified(presented: str | None) -> str:
        if presented is None:
            raise CredentialsMissing("The request has no API key.")
        owner = clients.owner(presented)
        if owner is None:
            raise CredentialsError("The API key is not known.")
        return owner

    return verified


@frozen(kw_only=True)
class Ingress:
    """The way in for clients of one dialect: `ProviderSpec.ingress`."""

    wire: Wire
    read: Callable[[Call], Asked] = read_call
    verifier: Callable[[Clients], Verifier] = by_key
    """Gets what `Wire.presented` finds. A key is looked for in Basic and in `x-api-key` too."""

    def app(self, handler: Handler, clients: Clients, *, max_body_bytes: int) -> AsgiApp:
        """The app that serves `clients`, whose bodies may be so long."""
        wire = evolve(self.wire, max_body_bytes=min(max_body_bytes, self.wire.max_body_bytes))
        if self.verifier is by_key:
            ways = first_of(wire.presented, basic, header("x-api-key"))
            wire = evolve(wire, presented=ways)
        return dialect_app(wire, handler, self.verifier(clients))
