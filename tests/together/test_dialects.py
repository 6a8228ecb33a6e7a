"""Drop-in endpoints: clients of a vendor's dialect at a governed server, before Bedrock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from axonflow_core.cli.emulate import emulator_of
from axonflow_core.http.local_server import Server
from tests.governed_server import GovernedServer, governed_server

CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
FILE = """\
version: "1.0"
llm_providers:
  bedrock: {enabled: true, config: {region: us-east-1}}
server:
  clients:
    acme: {generation: 1, tenant: acme, roles: [call]}
    reader: {generation: 1, tenant: acme, roles: [audit]}
policies:
  rules:
    - {name: no-aurora, pattern: '(?i)project\\s+aurora', action: block}
audit: {url: "sqlite:///%(folder)s/audit.db"}
"""
PATHS = {
    "/v1/chat/completions": {"model": CLAUDE, "messages": [{"role": "user", "content": "{}"}]},
    "/v1/messages": {
        "model": CLAUDE,
        "max_tokens": 99,
        "messages": [{"role": "user", "content": "{}"}],
    },
    f"/model/{CLAUDE}/converse": {"messages": [{"role": "user", "content": [{"text": "{}"}]}]},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GovernedServer]:
    emulator = emulator_of("bedrock")
    with Server(emulator.app) as bedrock:
        folder = tmp_path_factory.mktemp("dialects") / "server"
        with governed_server(folder, FILE, emulator.environment(bedrock.base_url)) as served:
            yield served


def asked(server: GovernedServer, path: str, text: str, key: str) -> tuple[int, bytes]:
    body = str(PATHS[path]).replace("{}", text).replace("'", '"').encode()
    reply = server.ask("POST", path, body, headers={"authorization": f"Bearer {key}"})
    return reply.status, reply.body


@pytest.mark.parametrize("path", PATHS)
def test_a_client_is_answered_in_its_dialect_and_the_policy_holds(
    server: GovernedServer, path: str
) -> None:
    key = server.secret("acme")
    status, body = asked(server, path, "hi", key)
    assert status == 200, body
    assert b"You said: hi" in body
    status, body = asked(server, path, "tell me of project aurora", key)
    assert status == 400
    assert b"no-aurora" in body


@pytest.mark.parametrize("path", PATHS)
def test_a_key_is_the_clients_secret_alone_or_behind_its_id(
    server: GovernedServer, path: str
) -> None:
    secret = server.secret("acme")
    assert asked(server, path, "hi", f"acme:{secret}")[0] == 200
    assert asked(server, path, "hi", f"reader:{secret}")[0] in (401, 403)
    assert asked(server, path, "hi", "nobody's")[0] in (401, 403)
