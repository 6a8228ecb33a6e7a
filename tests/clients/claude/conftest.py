"""A governed server before Bedrock's emulator, for clients of Claude.

Each module is skipped by name where its client is not installed. The server and its audit live as
long as the session.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from attrs import field, frozen

from axonflow_core.cli.emulate import emulator_of
from axonflow_core.http.local_server import Server
from tests.governed_server import GovernedServer, governed_server

CLAUDE = "us.anthropic.claude-sonnet-4-6"
CALM = "All is calm on the water. " * 8
RULES = [
    {"when": "sky blue", "answer": "Shorter waves are scattered more."},
    {"when": "Good morning", "answer": "Good morning to you."},
    {"when": "Oslo", "calls": [{"name": "weather", "input": {"city": "Oslo"}}]},
    {"when": "shell", "calls": [{"name": "Bash", "input": {"command": "echo it is $((20+3))"}}]},
    {"when": "zeppelins", "answer": f"{CALM * 40}A zeppelin rises. {CALM}"},
    {"when": "riddle", "reasoning": "Four legs, then two.", "answer": "A human."},
    {"when": "cut it", "answer": CALM, "fault": "truncate"},
]
FILE = """\
version: "1.0"
llm_providers:
  bedrock: {enabled: true, config: {region: us-east-1}}
models:
  claude: [{provider: bedrock, model: us.anthropic.claude-sonnet-4-6}]
  claude-house: [{provider: bedrock, model: us.anthropic.claude-sonnet-4-6}]
  claude-nova: [{provider: bedrock, model: us.amazon.nova-lite-v1:0}]
  claude-llama: [{provider: bedrock, model: us.meta.llama3-3-70b-instruct-v1:0}]
server:
  clients: {acme: {generation: 1, tenant: acme, roles: [call]}}
policies:
  rules:
    - {name: no-aurora, pattern: '(?i)project\\s+aurora', action: block}
    - {name: no-zeppelin, pattern: '(?i)\\ba zeppelin', action: block, on: [answer]}
audit: {url: "sqlite:///%(folder)s/audit.db"}
"""


@frozen
class Counted:
    """An app, and the calls of models that reached it."""

    app: Any
    paths: list[str] = field(factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/model/"):
            self.paths.append(scope["path"])
        await self.app(scope, receive, send)


@frozen
class House:
    """What a client has to know of the server, and what reached the models."""

    url: str
    secret: str = field(repr=False)
    paths: list[str] = field(repr=False)

    @property
    def key(self) -> str:
        """The identity of a client as one text."""
        return f"acme:{self.secret}"

    @property
    def aws(self) -> Mapping[str, str]:
        """The same as the AWS SDKs have it: they sign with it."""
        return {"AWS_ACCESS_KEY_ID": "acme", "AWS_SECRET_ACCESS_KEY": self.secret}


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    (folder / "script.json").write_text(json.dumps({"rules": RULES}))
    emulator = emulator_of("bedrock", folder / "script.json")
    upstream = Counted(emulator.app)
    with Server(upstream) as bedrock:
        environment = {**emulator.environment(bedrock.base_url), "AWS_MAX_ATTEMPTS": "1"}
        with governed_server(folder / "server", FILE, environment) as server:
            yield _house(server, upstream)


def _house(server: GovernedServer, upstream: Counted) -> House:
    return House(f"http://127.0.0.1:{server.port}", server.secret("acme"), upstream.paths)
