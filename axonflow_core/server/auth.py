"""Secrets of clients, and who presents one.

A secret is derived and never stored:

    base64url(HMAC-SHA256(server key, id ‖ 0x00 ‖ decimal generation))

The newest server key derives; older ones stay valid until they are dropped from the list. Raising a
client's generation makes another secret and ends the old one.

Whoever presents a secret is looked up by a MAC of it under a key of this process, and compared in
constant time: how long a refusal takes says nothing about any secret.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as InvalidBase64
from collections.abc import Mapping, Sequence

from axonflow_core.config.clients import COMMUNITY
from axonflow_core.config.values import ClientConfig, Role
from axonflow_core.governance.caller import Caller

HEADERS = ("authorization", "x-api-key", "origin")
"""The headers that tell who asks: those that may hold a secret, and the page of a browser."""
MAX_CREDENTIALS = 1_024
"""Characters of an Authorization header that are looked at; no secret of ours is longer."""


def client_secret(server_key: bytes, id: str, generation: int) -> str:
    """The secret of a client, without padding."""
    message = id.encode() + b"\0" + str(generation).encode()
    return urlsafe_b64encode(hmac.digest(server_key, message, "sha256")).rstrip(b"=").decode()


class Directory:
    """The clients of one generation of the configuration."""

    def __init__(self, clients: Mapping[str, ClientConfig], server_keys: Sequence[bytes]) -> None:
        self._process_key = os.urandom(32)
        self._callers = {id: caller_of(client) for id, client in clients.items()}
        self._generations = {id: client.generation for id, client in clients.items()}
        self._server_keys = server_keys
        self._by_mac = {self._mac(secret): id for id in clients for secret in self.secrets(id)}

    def identified(self, headers: Mapping[str, str]) -> Caller | None:
        """Who sent these headers (names in lower case); None where nobody of ours did."""
        id, secret = presented(headers)
        if not secret:
            return None
        mac = self._mac(secret)
        owner = self._by_mac.get(mac)
        if owner is None or (
            id is not None and not hmac.compare_digest(id.encode(), owner.encode())
        ):
            return None
        return self._callers[owner]

    def owner(self, key: str) -> str | None:
        """The id of the client that presents `key`, its secret or `ID:SECRET`; None where it is
        nobody's."""
        caller = self.identified({"authorization": f"Bearer {key}"})
        return None if caller is None else caller.client

    def secrets(self, id: str) -> Sequence[str]:
        """The secrets of a client that are valid, the newest first; none of an unknown one."""
        generation = self._generations.get(id)
        if generation is None:
            return ()
        return [client_secret(key, id, generation) for key in self._server_keys]

    def caller(self, id: str) -> Caller:
        """The client with this id, which is one of ours."""
        return self._callers[id]

    def named(self, id: str) -> Caller | None:
        """The client of that id, for what was begun in its name; None where there is none."""
        return self._callers.get(id)

    def _mac(self, secret: str) -> bytes:
        # BLAKE2's own keyed form costs a third of an HMAC, whose one-shot call gives up the
        # interpreter's lock to whichever thread waits for it.
        data = secret.encode("utf-8", "replace")
        return hashlib.blake2b(data, key=self._process_key, digest_size=32).digest()


class OpenDirectory:
    """The open mode: every program is one client, whatever it presents."""

    def __init__(self) -> None:
        roles = frozenset(Role) - {Role.ADMIN}
        self._everybody = Caller(client=COMMUNITY, tenant=COMMUNITY, roles=roles)

    def identified(self, headers: Mapping[str, str]) -> Caller | None:
        """The client `community`; nobody where a page of the web asks. A browser sends the request
        of any page to this machine, with the page's `Origin`, before it withholds the answer."""
        return None if "origin" in headers else self._everybody

    def owner(self, key: str) -> str | None:
        """The client `community`."""
        return self._everybody.client

    def secrets(self, id: str) -> Sequence[str]:
        """Nobody has one."""
        return ()

    def caller(self, id: str) -> Caller:
        """The client `community`."""
        return self._everybody

    def named(self, id: str) -> Caller | None:
        """The client `community`, for what was begun in its name."""
        return self._everybody if id == COMMUNITY else None


def caller_of(client: ClientConfig) -> Caller:
    """A client of the configuration, as whoever it calls sees it."""
    return Caller(
        client=client.id,
        tenant=client.tenant,
        roles=frozenset(client.roles),
        providers=client.providers,
        models=client.models,
        regions=client.regions,
    )


def presented(headers: Mapping[str, str]) -> tuple[str | None, str]:
    """The id and the secret that a request presents: `Basic`, `Bearer` or `x-api-key`. The id is
    None where the secret comes alone; the secret is empty where there is none, or no valid one."""
    authorization = headers.get("authorization", "")
    if len(authorization) > MAX_CREDENTIALS:
        return None, ""
    scheme, _, credentials = authorization.partition(" ")
    match scheme.lower():
        case "basic":
            return _of_basic(credentials.strip())
        case "bearer":
            id, colon, secret = credentials.strip().partition(":")
            return (id, secret) if colon else (None, id)
        case "":
            return None, headers.get("x-api-key", "")[:MAX_CREDENTIALS]
        case _:
            return None, ""


def _of_basic(credentials: str) -> tuple[str | None, str]:
    try:
        id, _, secret = b64decode(credentials, validate=True).decode().partition(":")
    except (InvalidBase64, UnicodeDecodeError, ValueError):
        return None, ""
    return id, secret
