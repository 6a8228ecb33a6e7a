"""The server that the commands of plans talk to: where it is, who asks, and what it answers."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from axonflow_core.errors import AxonFlowError, ConfigError, CredentialsError, RequestError

if TYPE_CHECKING:
    from axonflow_core.config import Config

DEFAULT_URL = "http://127.0.0.1:8080"
URL, CLIENT, SECRET = "AXONFLOW_URL", "AXONFLOW_CLIENT_ID", "AXONFLOW_CLIENT_SECRET"
"""The variables that say where the server is, and who asks."""
ANSWER_S = 130.0
"""How long an answer is waited for: longer than the server waits for the end of a plan."""
_NOT_NOW = (502, 503, 504)
"""What a server answers that cannot now, or a proxy whose server is started again."""


class NobodyAnswers(ConfigError):
    """There is no server at the address, or it is gone."""


class CannotAnswer(AxonFlowError):
    """The server, or a proxy before it, says that it cannot answer now."""


GONE = (NobodyAnswers, CannotAnswer)
"""What is worth asking again after a while."""


class PlanServer:
    """A governed server with plans."""

    def __init__(self, url: str, client: str, secret: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{url!r} is no address of a server", hint=f"as {DEFAULT_URL}")
        self._url, self._parts = url, parts
        token = b64encode(f"{client}:{secret}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}

    def request(self, kind: str, query: str = "", **context: str | None) -> Any:
        """The answer to `POST /api/request` of that type."""
        given = {name: value for name, value in context.items() if value is not None}
        body = {"query": query, "request_type": kind, "context": given}
        return self.ask("POST", "/api/request", body)

    def plan(self, id: str) -> Any:
        """A plan as it stands."""
        return self.ask("GET", path_of(id))

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON object that the server answers with. `RequestError` where it refuses what is
        asked, `CredentialsError` who asks, `GONE` where it does not answer, `ConfigError` where
        what answers is another."""
        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=ANSWER_S)
        data = None if body is None else json.dumps(body)
        try:
            connection.request(method, self._parts.path.rstrip("/") + path, data, self._headers)
            answer = connection.getresponse()
            return _read(answer.status, answer.read())
        except (OSError, HTTPException) as error:
            raise NobodyAnswers(
                f"no server answers at {self._url}: {type(error).__name__}",
                hint=f"start `axonflow serve`, or name another: --url, {URL}",
            ) from None
        finally:
            connection.close()


def path_of(id: str) -> str:
    """The path of a plan."""
    return f"/api/v1/plan/{quote(id, safe='')}"


def server_of(url: str | None, client: str | None, path: Path | None) -> PlanServer:
    """The server of these options, of the variables, or of the configuration."""
    url = url or os.environ.get(URL) or DEFAULT_URL
    client = client or os.environ.get(CLIENT)
    secret = os.environ.get(SECRET)
    if client is None or secret is None:
        client, secret = _of_configuration(path, client, secret)
    return PlanServer(url, client, secret)


def _of_configuration(path: Path | None, client: str | None, secret: str | None) -> tuple[str, str]:
    """Who asks, and its secret, as far as the configuration of the server tells."""
    from axonflow_core.config import load_config
    from axonflow_core.config.clients import COMMUNITY
    from axonflow_core.config.values import Role

    config = load_config(path)
    if config.server.open:
        return client or COMMUNITY, secret or ""
    needed = {Role.CALL, Role.PLANS}
    able = [id for id, each in config.server.clients.items() if needed <= set(each.roles)]
    if client is None and len(able) != 1:
        listed = ", ".join(able) or "none"
        raise ConfigError(
            f"who asks? These clients have the roles `call` and `plans`: {listed}",
            hint=f"name one: --client ID, {CLIENT}",
        )
    client = client or able[0]
    return client, _secret(config, client) if secret is None else secret


def _secret(config: Config, client: str) -> str:
    from axonflow_core.server.auth import client_secret
    from axonflow_core.server.launch import keys_of

    known = config.server.clients.get(client)
    if known is None:
        raise ConfigError(
            f"the configuration has no client {client}", hint=f"set {SECRET} to its secret"
        )
    return client_secret(keys_of(config.server, os.environ).server[0], client, known.generation)


def _read(status: int, data: bytes) -> Any:
    """The JSON object of an answer. Raises what its status says."""
    try:
        value = json.loads(data)
    except ValueError:
        value = None
    if isinstance(value, dict) and status < 400:
        return value
    said = value if isinstance(value, dict) else {}
    message = said.get("error") or said.get("message") or said.get("block_reason")
    text = str(message or f"the server answered {status}")
    if status in _NOT_NOW:
        raise CannotAnswer(text)
    if not said:
        raise ConfigError(
            f"what answers is no AxonFlow server: {status}, {len(data)} bytes",
            hint=f"name another address: --url, {URL}",
        )
    if status == 401:
        raise CredentialsError(text, hint=f"name the client and its secret: {CLIENT}, {SECRET}")
    raise (RequestError if status < 500 else AxonFlowError)(text)
