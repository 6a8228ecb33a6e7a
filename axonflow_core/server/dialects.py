"""The drop-in endpoints: clients of a vendor that are let in, and answered in its dialect.

Each dialect is one app, `endpoint.app`, over the one handler here: whose call it is, what is asked
in it, and then `modes.dialect`. A path that several dialects have is served in the one whose
clients say so in a header (`Wire.marks`), else in the first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from axonflow_core.config.values import Config, Role
from axonflow_core.endpoint.calls import (
    Call,
    Handler,
    NativeAnswer,
    NativeStream,
    read_beside_loop,
)
from axonflow_core.endpoint.conversation import Conversation
from axonflow_core.endpoint.credentials import Presented
from axonflow_core.endpoint.ingress import Ingress
from axonflow_core.endpoint.wire import Wire, root_of
from axonflow_core.errors import CredentialsError, NotAllowed
from axonflow_core.frozen import evolve
from axonflow_core.governance.calls import Governance
from axonflow_core.http.asgi import AsgiApp, ReceivedRequest
from axonflow_core.modes import dialect
from axonflow_core.plugins import (
    PROVIDERS,
    codecs_on_demand,
    find_plugins,
    is_blocked,
    load_provider,
)
from axonflow_core.server.auth import Directory, OpenDirectory
from axonflow_core.server.models import Models

_OWN = "api"
"""The root of the product's own paths."""


class Served(NamedTuple):
    """A dialect that is served."""

    wire: Wire
    app: AsgiApp


class Dialects:
    """The dialects that one generation serves."""

    def __init__(
        self,
        config: Config,
        governance: Governance,
        clients: Directory | OpenDirectory,
    ) -> None:
        self._settings = settings = config.server
        self._governance = governance
        self._clients = clients
        self._models = Models(config, governance.router)
        self._by_root: dict[str, list[Served]] = {}
        for each in map(self._built, ingresses(settings.dialects)):
            for root in each.wire.roots:
                self._by_root.setdefault(root, []).append(each)

    def find(self, scope: Mapping[str, Any]) -> Served | None:
        """What serves a request; None where no dialect has its path, nor another below the same
        root: a client of a vendor is told in its dialect that there is no such path."""
        path = scope["raw_path"].decode("latin-1")
        root = root_of(path)
        below = self._by_root.get(root)
        if below is None:
            return None
        found = [each for each in below if each.wire.has_path(path)]
        if not found and root != _OWN:
            found = below
        if len(found) > 1:
            names = {name.decode("latin-1") for name, _ in scope["headers"]}
            found = sorted(found, key=lambda each: is_unmarked(each.wire, names))
        return found[0] if found else None

    def _built(self, ingress: Ingress) -> Served:
        most = self._settings.max_body_bytes
        if isinstance(self._clients, OpenDirectory):
            ingress = evolve(ingress, wire=evolve(ingress.wire, presented=_of_a_program(ingress)))
        app = ingress.app(self._handler(ingress), self._clients, max_body_bytes=most)
        return Served(ingress.wire, app)

    def _handler(self, ingress: Ingress) -> Handler:
        async def answered(call: Call) -> NativeAnswer | NativeStream:
            caller = self._clients.caller(call.caller)
            if Role.CALL not in caller.roles:
                raise NotAllowed(f"the client {caller.client} has not the role {Role.CALL}")
            if not call.operation.is_about_a_model:
                return self._models.answer(call, caller)
            asked = await read_beside_loop(call.body, ingress.read, call)
            timeout_s = self._settings.call_timeout_s
            if isinstance(asked, Conversation):
                return await dialect.conversed(self._governance, caller, asked, timeout_s=timeout_s)
            return await dialect.measured(self._governance, caller, asked, timeout_s=timeout_s)

        return answered


def _of_a_program(ingress: Ingress) -> Presented:
    """What a request presents in the open mode, where no page of the web is let in."""

    def presented(request: ReceivedRequest) -> Any:
        if "origin" in request.headers:
            raise CredentialsError("A server without clients answers no page of the web.")
        return ingress.wire.presented(request)

    return presented


def is_unmarked(wire: Wire, headers: Iterable[str]) -> bool:
    """Whether a request has none of the headers that clients of this dialect alone send."""
    return wire.marks.isdisjoint(headers)


def ingresses(names: Sequence[str]) -> list[Ingress]:
    """The ways in of the providers' plugins with these names, as far as they are installed."""
    installed = {plugin.name: plugin for plugin in find_plugins(PROVIDERS)}
    found = []
    for name in names:
        if name not in installed or is_blocked(installed[name], os.environ):
            continue
        spec = load_provider(name, os.environ)
        if spec.ingress is not None:
            codecs = codecs_on_demand(spec.name, spec.codec_claims(), os.environ)
            found.append(spec.ingress(codecs))
    return found
