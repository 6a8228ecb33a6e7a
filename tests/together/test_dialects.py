"""Drop-in endpoints: clients of a vendor's dialect at a governed server, before Bedrock."""

from __future__ import annotations

import re
import sqlite3
import struct
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from axonflow_core.cli.emulate import emulator_of
from axonflow_core.emulator.serving import RunningEmulator
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
    narrow: {generation: 1, tenant: acme, roles: [call], models: [fast, "us.amazon.nova*"]}
models:
  fast: [{provider: bedrock, model: us.amazon.nova-lite-v1:0}]
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


def records(server: GovernedServer) -> list[Any]:
    """What is on record, the oldest first."""
    with closing(sqlite3.connect(server.folder / "audit.db")) as database:
        rows = database.execute("SELECT body FROM records ORDER BY row").fetchall()
    return [orjson.loads(body) for (body,) in rows]


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


# ── what is not a conversation ────────────────────────────────────────────────────────────────────

EMBEDDING = "amazon.titan-embed-text-v2:0"


def posted(server: GovernedServer, path: str, body: object) -> tuple[int, Any]:
    reply = server.ask("POST", path, body, client="acme")
    return reply.status, reply.json


def test_vectors_are_floats_or_the_same_in_base64(server: GovernedServer) -> None:
    body = {"model": EMBEDDING, "input": ["a", "b"]}
    _, floats = posted(server, "/v1/embeddings", body)
    _, packed = posted(server, "/v1/embeddings", {**body, "encoding_format": "base64"})
    for plain, text in zip(floats["data"], packed["data"], strict=True):
        numbers = struct.iter_unpack("<f", b64decode(text["embedding"]))
        assert [n for (n,) in numbers] == pytest.approx(plain["embedding"])
    assert floats["usage"]["prompt_tokens"] > 0


def test_vectors_are_governed_and_on_record(server: GovernedServer) -> None:
    assert posted(server, "/v1/embeddings", {"model": EMBEDDING, "input": "a"})[0] == 200
    status, body = posted(server, "/v1/embeddings", {"model": EMBEDDING, "input": "project aurora"})
    assert status == 400
    assert body["error"]["code"] == "policy_blocked"
    first, second = [
        entry for entry in records(server) if entry.get("request_type") == "embeddings"
    ][-2:]
    assert first["verdict"] == "allowed"
    assert first["facts"]["cost_usd"] > 0
    assert second["verdict"] == "blocked"


@pytest.mark.parametrize(
    ("path", "body", "count"),
    [
        (
            "/v1/messages/count_tokens",
            {"model": CLAUDE, "messages": [{"role": "user", "content": "{}"}]},
            "input_tokens",
        ),
        (
            f"/model/{CLAUDE}/count-tokens",
            {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "{}"}]}]}}},
            "inputTokens",
        ),
    ],
)
def test_tokens_are_counted_and_what_is_counted_is_governed(
    server: GovernedServer, path: str, body: object, count: str
) -> None:
    def with_text(text: str) -> bytes:
        return orjson.dumps(body).replace(b"{}", text.encode())

    status, counted = posted(server, path, with_text("a few words"))
    assert status == 200
    assert counted[count] > 1, counted
    assert posted(server, path, with_text("project aurora"))[0] == 400


# ── models ────────────────────────────────────────────────────────────────────────────────────────


def listed(server: GovernedServer, **headers: str) -> list[str]:
    reply = server.ask("GET", "/v1/models?limit=1000", client="acme", headers=headers)
    return [model["id"] for model in reply.json["data"]]


def test_models_are_listed_by_the_names_that_calls_have(server: GovernedServer) -> None:
    ids = listed(server)
    assert ids[0] == "fast"
    assert "us.amazon.nova-lite-v1:0" in ids
    assert len(ids) == len(set(ids))
    assert listed(server, **{"anthropic-version": "2023-06-01"}) == ids


def test_a_client_is_shown_what_it_may_call(server: GovernedServer) -> None:
    reply = server.ask("GET", "/v1/models", client="narrow")
    ids = [model["id"] for model in reply.json["data"]]
    assert ids
    assert all(id == "fast" or "nova" in id for id in ids)
    assert server.ask("GET", f"/v1/models/{ids[0]}", client="narrow").status == 200
    assert server.ask("GET", f"/v1/models/{EMBEDDING}", client="narrow").status == 404


@pytest.mark.parametrize(
    ("query", "vendors"),
    [
        ("byProvider=meta", {"meta"}),
        ("byProvider=Cohere&byOutputModality=EMBEDDING&byInferenceType=ON_DEMAND", {"cohere"}),
        ("byProvider=meta&byOutputModality=EMBEDDING", set()),
        ("byInferenceType=PROVISIONED", set()),
        ("byCustomizationType=FINE_TUNING", set()),
    ],
)
def test_bedrocks_list_of_models_is_narrowed(
    server: GovernedServer, query: str, vendors: set[str]
) -> None:
    reply = server.ask("GET", f"/foundation-models?{query}", client="acme")
    assert {each["modelId"].partition(".")[0] for each in reply.json["modelSummaries"]} == vendors


def test_bedrocks_list_of_profiles_has_pages(server: GovernedServer) -> None:
    met: list[str] = []
    token = ""
    while True:
        path = f"/inference-profiles?type=SYSTEM_DEFINED&maxResults=40{token}"
        page = server.ask("GET", path, client="acme").json
        met += [each["inferenceProfileId"] for each in page["inferenceProfileSummaries"]]
        if "nextToken" not in page:
            break
        token = f"&nextToken={page['nextToken']}"
    assert 40 < len(met) == len(set(met))
    others = server.ask("GET", "/inference-profiles?type=APPLICATION", client="acme").json
    assert others == {"inferenceProfileSummaries": []}


@pytest.mark.parametrize(
    "query",
    [
        "foundation-models?byOutputModality=SMELL",
        "foundation-models?byInferenceType=PROFILE",
        "inference-profiles?type=MINE",
        "inference-profiles?maxResults=0",
        "inference-profiles?nextToken=ZnJvbSAtMQ==",
    ],
)
def test_bedrocks_lists_refuse_a_query_that_is_none(server: GovernedServer, query: str) -> None:
    reply = server.ask("GET", f"/{query}", client="acme")
    assert reply.status == 400
    assert reply.headers["x-amzn-errortype"].startswith("ValidationException")


# ── refused ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", PATHS)
def test_a_client_without_the_role_is_told_so(server: GovernedServer, path: str) -> None:
    status, body = asked(server, path, "hi", server.secret("reader"))
    assert status == 400
    assert b"has not the role call" in body


def test_a_body_that_is_too_long_is_refused_in_the_dialect(server: GovernedServer) -> None:
    status, body = posted(server, "/v1/chat/completions", b" " * 5_000_000)
    assert (status, body["error"]["type"]) == (413, "invalid_request_error")


def test_each_call_is_on_record_with_its_way_in(server: GovernedServer) -> None:
    posted(server, "/v1/chat/completions", PATHS["/v1/chat/completions"])
    entry = records(server)[-1]
    assert entry["facts"]["mode"] == "dialect"
    assert (entry["client"], entry["request_type"]) == ("acme", "chat.completions")
    assert (entry["provider"], entry["model"]) == ("bedrock", CLAUDE)


@pytest.mark.parametrize("model", ["claude-nonesuch", "us.anthropic.claude-nonesuch"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_model_that_nobody_has_is_refused_in_the_dialect(
    server: GovernedServer, path: str, model: str
) -> None:
    reply = server.ask("POST", path, {**PATHS[path], "model": model}, client="acme")
    assert reply.status in (400, 404), reply.body
    assert reply.json["error"]["message"]


@pytest.mark.parametrize(
    ("path", "headers", "told"),
    [
        ("/v1/audio/speech", {}, b'"code":"unknown_url"'),
        ("/v1/batches", {"anthropic-version": "2023-06-01"}, b'"type":"error"'),
        (f"/model/{CLAUDE}/apply", {}, b"not recognized by the service"),
    ],
)
def test_a_path_that_is_none_is_refused_in_the_dialect_of_its_root(
    server: GovernedServer, path: str, headers: dict[str, str], told: bytes
) -> None:
    reply = server.ask("POST", path, {}, client="acme", headers=headers)
    assert reply.status == 404
    assert told in reply.body


def test_what_is_answered_is_counted_by_dialect(server: GovernedServer) -> None:
    server.ask("GET", "/v1/models", client="acme")
    counts = server.ask("GET", "/metrics", client="acme").body
    assert re.search(rb'route="openai",status="200"', counts), counts


@pytest.mark.thorough
def test_a_count_takes_of_the_requests_of_a_minute(
    tmp_path: Path, bedrock_emulator: RunningEmulator
) -> None:
    limits = "tenant: acme, limits: {requests_per_minute: 2}, roles: [call]}"
    limited = FILE.replace("tenant: acme, roles: [call]}", limits, 1)
    path = "/v1/messages/count_tokens"
    body = {"model": CLAUDE, "messages": [{"role": "user", "content": "hi"}]}
    environment = bedrock_emulator.environment
    with governed_server(tmp_path / "limited", limited, environment) as served:
        statuses = [served.ask("POST", path, body, client="acme").status for _ in range(5)]
    assert statuses[:2] == [200, 200]
    assert 429 in statuses  # five are more than two minutes take, should one end meanwhile
