"""Nothing in a request chooses an endpoint, a region or a credential.

The server runs in this process on asyncio's own loop, so that the interpreter tells of each
connection (`sys.addaudithook`, event `socket.connect`) and of each name that is looked up
(`socket.getaddrinfo`). Whatever stands in which member, header, path or query of which route, there
is one host in both, the service of the configuration; and the region that is signed is its own.
"""

from __future__ import annotations

import asyncio
import os
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from axonflow_bedrock.emulator import MODELS, emulator
from axonflow_core.config.values import (
    AuditConfig,
    ClientConfig,
    Config,
    ProviderConfig,
    Role,
    ServerConfig,
)
from axonflow_core.http.asgi import AsgiApp
from axonflow_core.http.local_server import Server
from axonflow_core.keys import throwaway_keys
from axonflow_core.messages import EMPTY
from axonflow_core.server.api import ROUTES
from axonflow_core.server.app import App
from axonflow_core.server.auth import client_secret
from axonflow_core.server.limits import Limits
from axonflow_core.server.service import Service
from axonflow_core.server.state import ServerState

PLACES = (
    "http://169.254.169.254/latest/meta-data/",
    "https://evil.example",
    "evil.example:443",
    "//evil.example/x",
    "us-east-1.evil.example/#",
    "eu-west-1",
    "us-east-1@evil.example",
    "file:///etc/passwd",
    "gopher://127.0.0.1:9/_x",
    "[::1]:9",
    "../../../model/x/invoke",
    f"{MODELS[0]}/../../evil",
    "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-6",
    "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/evil",
    "%2e%2e%2fevil",
    "evil.example\r\nHost: evil.example",
)
MEMBERS = (
    *("endpoint", "endpoint_url", "base_url", "url", "host", "custom_host", "region", "aws_region"),
    *("proxy", "api_key", "aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
    *("role_arn", "profile", "provider", "model", "provider_config", "credentials", "headers"),
)
HEADERS = (
    *("host", "x-forwarded-host", "x-forwarded-for", "forwarded", "x-original-url", "x-amz-date"),
    *("x-amz-security-token", "x-amz-target", "x-axonflow-endpoint", "x-axonflow-region", "via"),
    *("x-bedrock-endpoint", "proxy", "referer", "origin", "x-amzn-bedrock-guardrailidentifier"),
)
WORDS = {"query": "Hello", "user_token": "u", "request_type": "chat", "provider": "bedrock"}


class Watch:
    """The hosts that this process connects to and looks up while it is on."""

    def __init__(self) -> None:
        self.hosts: set[object] = set()
        self.is_on = False
        sys.addaudithook(self._heard)

    def _heard(self, event: str, values: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event == "socket.connect" and isinstance(values[1], tuple):
            self.hosts.add(values[1][:2])
        elif event == "socket.getaddrinfo":
            self.hosts.add(values[:2])

    @contextmanager
    def on(self) -> Iterator[set[object]]:
        self.hosts = set()
        self.is_on = True
        try:
            yield self.hosts
        finally:
            self.is_on = False


@pytest.fixture(scope="session")
def watch() -> Watch:
    """One for the process: a hook stays for ever."""
    return Watch()


class Emulated:
    """The emulator, and the regions that calls to it were signed for."""

    def __init__(self) -> None:
        self.regions: list[str] = []
        self._app: AsgiApp = emulator().app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        for name, value in scope.get("headers", ()):
            if name == b"authorization":
                self.regions.append(value.decode().split("/")[2])
        await self._app(scope, receive, send)


@asynccontextmanager
async def serving(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A way to ask: method, path, query, headers, body -> status."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "BEDROCK_"))]:
        monkeypatch.delenv(name)
    for name, value in emulator().environment(url).items():
        monkeypatch.setenv(name, value)
    keys = throwaway_keys()
    config = Config(
        providers={
            "bedrock": ProviderConfig("bedrock", is_enabled=True, config={"model": MODELS[0]})
        },
        server=ServerConfig(clients={"acme": ClientConfig("acme", roles=tuple(Role))}),
        audit=AuditConfig(url=f"sqlite:///{folder}/audit.db"),
    )
    service = await Service.open(config, keys, ServerState(Limits()))
    app = App(service, ROUTES)
    pair = f"acme:{client_secret(keys.server[0], 'acme', 1)}".encode()
    proof = (b"authorization", b"Basic " + b64encode(pair))

    async def ask(
        method: str,
        path: str,
        body: object = None,
        query: str = "",
        headers: Mapping[str, str] = EMPTY,
    ) -> int:
        data = b"" if body is None else orjson.dumps(body)
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": data, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            statuses.append(message.get("status", 0))

        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [proof, *given],
        }
        await app(scope, receive, send)
        return statuses[0]

    try:
        yield ask
    finally:
        await service.aclose()


def bodies(place: str) -> Iterator[dict[str, Any]]:
    """A body with a place in every member, where they stand and where they could."""
    spread = dict.fromkeys(MEMBERS, place)
    yield {**WORDS, **spread}
    yield {**WORDS, "context": spread}
    for name in MEMBERS:
        yield {**WORDS, "context": {name: place}}
        yield {**WORDS, name: place}
    yield {**WORDS, "media": [{"url": place}]}
    yield {**WORDS, "context": {"media": [{"source": place}], "model": MODELS[0]}, **spread}


def requests(place: str) -> Iterator[tuple[str, str, object, str, dict[str, str]]]:
    """A request by every route with a place in the query, in headers and in every member."""
    headers = dict.fromkeys(HEADERS, place.partition("\r")[0])
    body = {**WORDS, **dict.fromkeys(MEMBERS, place)}
    query = f"region={place}&url={place}&type={place}"
    for route in ROUTES.routes:
        path = route.path.replace("{", "").replace("}", "")
        yield route.method, path, body, query, headers


@pytest.mark.sampled(8)
@pytest.mark.parametrize("place", PLACES, ids=range(len(PLACES)))
async def test_no_request_chooses_where_a_call_goes(
    place: str, tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Emulated()
    with Server(service) as bedrock:
        port = int(bedrock.base_url.rpartition(":")[2])
        async with serving(tmp_path, bedrock.base_url, monkeypatch) as ask:
            with watch.on() as hosts:
                assert await ask("POST", "/api/request", WORDS) == 200
                statuses = [await ask("POST", "/api/request", body) for body in bodies(place)]
                statuses += [await ask(*request) for request in requests(place)]
    assert hosts == {("127.0.0.1", port)}
    assert set(service.regions) == {"us-east-1"}
    assert len(statuses) > 80
    assert max(statuses) < 500


async def test_the_watch_sees_a_connection_to_anywhere_else(watch: Watch) -> None:
    with watch.on() as hosts, pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", 9)
    assert hosts == {("127.0.0.1", 9)}
