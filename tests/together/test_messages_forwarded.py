"""Messages of Anthropic's clients on their way to a Claude: at Anthropic byte for byte, at Bedrock
with all that they say."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import field, frozen
from grammar_messages import read_body

from axonflow_core.cli.emulate import emulator_of
from axonflow_core.http.local_server import Server
from tests.governed_server import GovernedServer, Reply, governed_server

MODEL, BEDROCKS = "claude-sonnet-5-5", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
LONG = "All is calm on the water today. " * 8
SCRIPT = {
    "rules": [
        {"when": "cut", "answer": LONG, "fault": "truncate"},
        {"when": "badges", "answer": f"{LONG * 40}It is ACME-BADGE. {LONG}"},
        {"when": "zeppelins", "answer": f"{LONG * 40}A zeppelin rises. {LONG}"},
        {"when": "riddle", "reasoning": "Four legs, then two.", "answer": "A human."},
    ]
}
FILE = """\
version: "1.0"
llm_providers:
  anthropic: {enabled: true, config: {endpoint: "ENDPOINT"}}
  bedrock: {enabled: true, config: {region: us-east-1, betas: [mine-2026-11-01]}}
models:
  claude-house: [{provider: anthropic, model: claude-sonnet-5-5}]
  claude-cloud: [{provider: bedrock, model: us.anthropic.claude-sonnet-4-5-20250929-v1:0}]
server:
  clients: {acme: {generation: 1, tenant: acme, roles: [call]}}
policies:
  rules:
    - {name: badge, text: ACME-BADGE, action: redact}
    - {name: no-zeppelin, pattern: '(?i)a zeppelin', action: block, on: [answer]}
audit: {url: "sqlite:///%(folder)s/audit.db"}
"""
POINT = {"type": "ephemeral", "ttl": "1h"}
SYSTEM = [
    {"type": "text", "text": "x-anthropic-billing-header: cc_version=2; cc_entrypoint=cli;"},
    {"type": "text", "text": "Be brief.", "cache_control": POINT},
]
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "EqQBCgIYAhIM"}
TALK = [
    {"role": "user", "content": [{"type": "text", "text": "hi"}]},
    {
        "role": "assistant",
        "content": [
            THOUGHT,
            {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": [1, None]}},
        ],
    },
    {
        "role": "user",
        "content": [
            {
                "type": "tool_result",
                "tool_use_id": "toolu_1",
                "content": "rain",
                "cache_control": {"type": "ephemeral"},
            }
        ],
    },
]
LOOK = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
BODY: dict[str, Any] = {
    "max_tokens": 4096,
    "system": SYSTEM,
    "messages": TALK,
    "tools": [LOOK],
}
EDITING = "context-management-2025-06-27"
BETAS = f"claude-code-20250219,{EDITING}"
EDITS = {"edits": [{"type": "clear_tool_uses_20250919"}]}


@frozen
class Exchange:
    """What reached a provider, and what it answered."""

    headers: dict[str, str]
    body: bytes
    answer: bytes


class Recorder:
    """An app that keeps its exchanges."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.exchanges: list[Exchange] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        asked, answered = bytearray(), bytearray()

        async def received() -> Any:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def sent(message: Any) -> None:
            answered.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, received, sent)
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            self.exchanges.append(Exchange(headers, bytes(asked), bytes(answered)))


@frozen
class Served:
    """A governed server before two emulated providers."""

    server: GovernedServer
    anthropic: Recorder = field(repr=False)
    bedrock: Recorder = field(repr=False)

    def ask(self, body: dict[str, Any], **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        key = {"x-api-key": self.server.secret("acme"), "anthropic-version": "2023-06-01"}
        return self.server.ask("POST", "/v1/messages?beta=true", body, headers={**key, **named})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("forwarded")
    (folder / "script.json").write_text(json.dumps(SCRIPT))
    made = [emulator_of(name, folder / "script.json") for name in ("anthropic", "bedrock")]
    anthropic, bedrock = (Recorder(emulator.app) for emulator in made)
    with Server(anthropic) as first, Server(bedrock) as second:
        environment = {
            **made[0].environment(first.base_url),
            **made[1].environment(second.base_url),
            "AWS_MAX_ATTEMPTS": "1",
        }
        file = FILE.replace("ENDPOINT", first.base_url)
        with governed_server(folder / "server", file, environment) as server:
            yield Served(server, anthropic, bedrock)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_at_anthropic_bytes_and_betas_pass_in_both_directions(
    served: Served, is_streamed: bool
) -> None:
    body = {"model": MODEL, **BODY, "context_management": EDITS, "stream": is_streamed}
    reply = served.ask(body, anthropic_beta=BETAS)
    exchange = served.anthropic.exchanges[-1]
    assert reply.status == 200, reply.body
    assert json.loads(exchange.body) == body
    assert exchange.body.count(b"  ") == 0 and exchange.body.startswith(b'{"model":')
    assert exchange.headers["anthropic-beta"] == BETAS
    assert exchange.headers["x-api-key"] != served.server.secret("acme")
    assert reply.body == exchange.answer
    if is_streamed:
        assert read_body(reply.body).error is None


def test_at_anthropic_an_alias_becomes_the_model_and_all_else_stays(served: Served) -> None:
    body = {"model": "claude-house", **BODY, "stream": True}
    reply = served.ask(body)
    assert read_body(reply.body).stop_reason == "end_turn"
    assert json.loads(served.anthropic.exchanges[-1].body) == {**body, "model": MODEL}


def test_what_a_policy_changes_is_all_that_changes(served: Served) -> None:
    said = {"role": "user", "content": [{"type": "text", "text": "My badge: ACME-BADGE"}]}
    body = {"model": MODEL, **BODY, "messages": [*TALK, said], "stream": True}
    served.ask(body, anthropic_beta=BETAS)
    exchange = served.anthropic.exchanges[-1]
    sent = json.loads(exchange.body)
    assert "ACME-BADGE" not in exchange.body.decode()
    assert exchange.headers["anthropic-beta"] == BETAS
    assert {**sent, "messages": None} == {**body, "messages": None}
    assert sent["messages"][0] == TALK[0]
    assert THOUGHT in sent["messages"][1]["content"]


def test_at_bedrock_all_that_is_said_arrives_without_model_and_stream(served: Served) -> None:
    body = {"model": "claude-cloud", **BODY, "context_management": EDITS, "stream": True}
    reply = served.ask(body, anthropic_beta=f"{BETAS},mine-2026-11-01")
    assert read_body(reply.body).error is None
    sent = json.loads(served.bedrock.exchanges[-1].body)
    assert sent == {
        **BODY,
        "context_management": EDITS,
        "anthropic_version": "bedrock-2023-05-31",
        "anthropic_beta": [EDITING, "mine-2026-11-01"],
    }


def test_a_beta_that_is_left_out_takes_what_it_opens_and_is_told(served: Served) -> None:
    tool = {**LOOK, "defer_loading": True}
    body = {"model": "claude-cloud", **BODY, "tools": [tool], "context_management": EDITS}
    assert served.ask(body, anthropic_beta="claude-code-20250219").status == 200
    sent = json.loads(served.bedrock.exchanges[-1].body)
    assert sent["tools"] == [LOOK]
    assert sent.keys().isdisjoint({"context_management", "anthropic_beta"})
    told = served.server.log.rpartition(b"does not take all as asked: ")[2]
    assert told.startswith(b"anthropic_beta, defer_loading, context_management")


@pytest.mark.parametrize(
    ("model", "betas"), [("claude-house", BETAS.split(",")), ("claude-cloud", [EDITING])]
)
def test_a_count_names_the_betas_that_a_call_would(
    served: Served, model: str, betas: list[str]
) -> None:
    body = {"model": model, "messages": TALK, "tools": [LOOK], "context_management": EDITS}
    key = {"x-api-key": served.server.secret("acme"), "anthropic-beta": BETAS}
    reply = served.server.ask("POST", "/v1/messages/count_tokens?beta=true", body, headers=key)
    assert reply.json["input_tokens"] > 0, reply.body
    if model == "claude-house":
        exchange = served.anthropic.exchanges[-1]
        assert exchange.headers["anthropic-beta"].split(",") == betas
        assert json.loads(exchange.body)["context_management"] == EDITS
    else:
        counted = json.loads(served.bedrock.exchanges[-1].body)["input"]["invokeModel"]["body"]
        sent = json.loads(b64decode(counted))
        assert (sent["anthropic_beta"], sent["context_management"]) == (betas, EDITS)


@pytest.mark.parametrize("model", ["claude-house", "claude-cloud"])
def test_a_thought_goes_back_with_the_signature_that_it_came_with(
    served: Served, model: str
) -> None:
    body = {"model": BEDROCKS if model == "claude-cloud" else MODEL, "max_tokens": 4096}
    budget = {"type": "enabled", "budget_tokens": 1024}
    thinking = budget if model == "claude-cloud" else {"type": "adaptive"}
    first = {"role": "user", "content": "a riddle"}
    answer = served.ask({**body, "thinking": thinking, "messages": [first]}).json
    assert answer["content"][0]["type"] == "thinking", answer
    again = [first, {"role": "assistant", "content": answer["content"]}, first]
    served.ask({**body, "thinking": thinking, "messages": again})
    provider = served.bedrock if model == "claude-cloud" else served.anthropic
    assert answer["content"][0] in json.loads(provider.exchanges[-1].body)["messages"][1]["content"]


@pytest.mark.parametrize("unsigned", [{}, {"signature": ""}, {"signature": None}])
def test_a_thought_that_nobody_signed_is_left_out_and_told(
    served: Served, unsigned: dict[str, Any]
) -> None:
    """Of another family, or changed by a policy: Anthropic would refuse the whole call."""
    thought = {"type": "thinking", "thinking": "Hm.", **unsigned}
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [thought]}]
    said[1]["content"] += [{"type": "text", "text": "Hello."}]  # type: ignore[operator]
    reply = served.ask({"model": MODEL, "max_tokens": 99, "messages": [*said, said[0]]})
    sent = json.loads(served.anthropic.exchanges[-1].body)
    assert [block["type"] for block in sent["messages"][1]["content"]] == ["text"]
    told = "reasoning: 1 of 1 blocks of earlier turns not sent"
    assert reply.headers["x-axonflow-adjustments"] == told


@pytest.mark.parametrize("model", [MODEL, BEDROCKS])
def test_a_truncated_stream_ends_with_an_error(served: Served, model: str) -> None:
    talk = [{"role": "user", "content": "cut it"}]
    reply = served.ask({"model": model, "max_tokens": 99, "messages": talk, "stream": True})
    stream = read_body(reply.body)
    assert stream.error is not None
    assert stream.stop_reason is None


@pytest.mark.parametrize(("text", "reason"), [("badges", "end_turn"), ("zeppelins", "refusal")])
@pytest.mark.parametrize("model", [MODEL, BEDROCKS])
def test_a_stream_that_a_policy_changes_on_its_way_stays_one_stream(
    served: Served, model: str, text: str, reason: str
) -> None:
    talk = [{"role": "user", "content": text}]
    reply = served.ask({"model": model, "max_tokens": 9_999, "messages": talk, "stream": True})
    assert read_body(reply.body).stop_reason == reason
    assert b"ACME-BADGE" not in reply.body
    assert b"zeppelin rises" not in reply.body


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("path", ["/", "/api/hello"])
def test_who_looks_whether_somebody_serves_is_greeted(
    served: Served, method: str, path: str
) -> None:
    reply = served.server.ask(method, path)
    assert (reply.status, reply.body != b"") == (200, method == "GET")
