"""Streams that Anthropic's clients get of every family, through the governed server: all of them
are grammatical, whatever becomes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from grammar_messages import Grammar, read_body

from axonflow_core.cli.emulate import emulator_of
from axonflow_core.http.local_server import Server
from tests.governed_server import GovernedServer, Reply, governed_server

pytestmark = pytest.mark.thorough
CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
MODELS = (
    CLAUDE,
    "us.amazon.nova-lite-v1:0",
    "meta.llama3-8b-instruct-v1:0",
    "mistral.mistral-large-2402-v1:0",
    "us.mistral.pixtral-large-2502-v1:0",
    "cohere.command-r-v1:0",
    "ai21.jamba-1-5-large-v1:0",
    "amazon.titan-text-express-v1",
    "openai.gpt-oss-20b-1:0",
    "qwen.qwen3-32b-v1:0",
    "us.deepseek.r1-v1:0",
)
WITH_TOOLS = (CLAUDE, "us.amazon.nova-lite-v1:0", "us.mistral.pixtral-large-2502-v1:0")
LONG = "All is calm on the water today. " * 8
SCRIPT = {
    "rules": [
        {"when": "riddle", "reasoning": "Four legs, then two.", "answer": "A human."},
        {"when": "zeppelins", "answer": f"{LONG * 20}A zeppelin rises. {LONG}"},
        {"when": "at once", "answer": f"A zeppelin rises. {LONG}"},
        {"when": "weather", "calls": [{"name": "weather", "input": {"city": "Oslo", "days": 3}}]},
        {"when": "cut", "answer": LONG, "fault": "truncate"},
        {"when": "reset", "answer": LONG, "fault": "reset"},
        {
            "when": "broken",
            "error": {
                "code": "ModelStreamErrorException",
                "message": "The model broke.",
                "after_chunks": 4,
            },
        },
        {
            "when": "invalid",
            "error": {"code": "ValidationException", "message": "x: Extra inputs"},
        },
    ]
}
FILE = """\
version: "1.0"
llm_providers:
  bedrock: {enabled: true, config: {region: us-east-1}}
models:
  claude-house: [{provider: bedrock, model: us.anthropic.claude-sonnet-4-20250514-v1:0}]
server:
  clients: {acme: {generation: 1, tenant: acme, roles: [call]}}
policies:
  rules: [{name: no-zeppelin, pattern: '(?i)\\ba zeppelin', action: block}]
audit: {url: "sqlite:///%(folder)s/audit.db"}
"""
WEATHER = {
    "name": "weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GovernedServer]:
    folder = tmp_path_factory.mktemp("messages")
    (folder / "script.json").write_text(json.dumps(SCRIPT))
    emulator = emulator_of("bedrock", folder / "script.json")
    with (
        Server(emulator.app) as bedrock,
        governed_server(
            folder / "server",
            FILE,
            {**emulator.environment(bedrock.base_url), "AWS_MAX_ATTEMPTS": "1"},
        ) as served,
    ):
        yield served


def asked(server: GovernedServer, text: str, model: str = CLAUDE, **more: Any) -> Reply:
    body = {
        "model": model,
        "max_tokens": 9_999,
        "stream": True,
        "messages": [{"role": "user", "content": text}],
        **more,
    }
    return server.ask("POST", "/v1/messages?beta=true", body, client="acme")


def streamed(server: GovernedServer, text: str, model: str = CLAUDE, **more: Any) -> Grammar:
    reply = asked(server, text, model, **more)
    assert reply.status == 200, reply.body
    return read_body(reply.body)


@pytest.mark.parametrize("model", MODELS)
def test_a_text_of_every_family_ends_its_turn(server: GovernedServer, model: str) -> None:
    stream = streamed(server, "hello", model)
    assert (stream.error, stream.stop_reason) == (None, "end_turn")
    assert stream.message is not None
    assert stream.message["model"] == model


@pytest.mark.parametrize("model", WITH_TOOLS)
def test_a_call_of_a_tool_begins_empty_and_means_tool_use(
    server: GovernedServer, model: str
) -> None:
    stream = streamed(server, "the weather?", model, tools=[WEATHER])
    assert (stream.kinds[-1], stream.stop_reason) == ("tool_use", "tool_use")


def test_a_thought_comes_first_with_its_signature(server: GovernedServer) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    reply = asked(server, "a riddle", thinking=thinking)
    assert read_body(reply.body).kinds == ["thinking", "text"]
    assert b"signature_delta" in reply.body


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_that_a_policy_stops_is_a_refusal(server: GovernedServer, model: str) -> None:
    """Where nothing of it has left it has a status."""
    reply = asked(server, "zeppelins", model)
    if reply.status == 200:
        stream = read_body(reply.body)
        assert (stream.error, stream.stop_reason) == (None, "refusal")
    else:
        assert (reply.status, reply.json["error"]["type"]) == (400, "invalid_request_error")
    assert b"zeppelin rises" not in reply.body
    assert b"The rule no-zeppelin does not allow the text. (record " in reply.body


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_that_a_policy_stops_at_once_is_refused_where_nothing_had_left(
    server: GovernedServer, model: str
) -> None:
    reply = asked(server, "at once", model)
    assert b"The rule no-zeppelin does not allow the text. (record " in reply.body
    if reply.status != 400:
        stream = read_body(reply.body)
        assert (stream.stop_reason, b"rises" in reply.body) == ("refusal", False)


@pytest.mark.parametrize("fault", ["cut", "reset", "broken"])
@pytest.mark.parametrize("model", MODELS)
def test_a_stream_that_breaks_off_has_an_error_and_no_stop_reason(
    server: GovernedServer, model: str, fault: str
) -> None:
    reply = asked(server, f"{fault} it", model)
    if reply.status == 200:
        stream = read_body(reply.body)
        assert stream.error is not None
        assert b"message_delta" not in reply.body
        assert b"message_stop" not in reply.body
    else:
        assert reply.json["error"]["message"]


def test_an_alias_is_the_model_of_the_answer(server: GovernedServer) -> None:
    stream = streamed(server, "hello", "claude-house")
    assert stream.message is not None
    assert stream.message["model"] == "claude-house"


def test_the_words_of_the_upstream_stand_in_the_envelope(server: GovernedServer) -> None:
    reply = asked(server, "invalid")
    assert reply.status == 400
    assert reply.json["error"]["type"] == "invalid_request_error"
    assert reply.json["error"]["message"].startswith("x: Extra inputs")
