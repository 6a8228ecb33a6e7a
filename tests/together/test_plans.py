"""Plans on emulated services: in every mode, with steps on three providers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from governed_server import GovernedServer, governed_server

from axonflow_core.cli.emulate import emulator_of
from axonflow_core.emulator.serving import RunningEmulator, serving
from axonflow_core.plans.terms import ExecutionMode

pytestmark = [
    pytest.mark.skipif(find_spec("dbos") is None, reason="the package dbos is missing"),
    pytest.mark.thorough,
]
NAMES = ("bedrock", "openai", "anthropic")
STEPS = [
    {"name": "ride", "agent": "on-bedrock", "task": "Find a train.", "depends_on": []},
    {"name": "bed", "agent": "on-openai", "task": "Find a hotel.", "depends_on": []},
    {"name": "days", "agent": "on-anthropic", "task": "Plan a day.", "depends_on": ["bed"]},
]
SCRIPT = {
    "rules": [
        {"when": "</request>$", "answer": json.dumps({"steps": STEPS})},
        {"when": "^Find a train", "answer": "A train at nine."},
        {"when": "^Find a hotel", "answer": "A hotel by the river."},
        {"when": "^Plan a day", "answer": "A day at the museum."},
    ]
}
CONFIG = """
version: "1.0"
llm_providers:
  bedrock:
    enabled: true
    priority: 10
    config: {region: us-east-1, model: us.anthropic.claude-sonnet-4-6}
  openai: {enabled: true, config: {model: gpt-4o, endpoint: "${OPENAI_ENDPOINT}"}}
  anthropic: {enabled: true, config: {model: claude-sonnet-5-5, endpoint: "${ANTHROPIC_ENDPOINT}"}}
server:
  clients:
    acme: {roles: [plans, call, audit]}
agents:
  on-bedrock: {description: trains, system_prompt: You know trains., provider: bedrock}
  on-openai: {description: hotels, system_prompt: You know hotels., provider: openai}
  on-anthropic: {description: days, system_prompt: You plan days., provider: anthropic}
plans: {enabled: true}
audit: {url: "sqlite:///%(folder)s/audit.db"}
"""


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunningEmulator]]:
    script = tmp_path_factory.mktemp("script") / "script.json"
    script.write_text(json.dumps(SCRIPT))
    bedrock, openai, anthropic = (emulator_of(name, script) for name in NAMES)
    with serving(bedrock) as first, serving(openai) as second, serving(anthropic) as third:
        yield {"bedrock": first, "openai": second, "anthropic": third}


@pytest.fixture(scope="module")
def server(
    services: dict[str, RunningEmulator], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GovernedServer]:
    environment = {
        name: value for each in services.values() for name, value in each.environment.items()
    }
    folder = tmp_path_factory.mktemp("plans")
    with governed_server(folder / "server", CONFIG, environment) as server:
        yield server


def asked(server: GovernedServer, request_type: str, query: str = "", **context: Any) -> Any:
    body = {"query": query, "request_type": request_type, "context": context}
    return server.ask("POST", "/api/request", body, client="acme").json


@pytest.mark.parametrize("mode", ExecutionMode)
def test_a_plan_ends_in_every_mode_with_steps_on_three_providers(
    server: GovernedServer, mode: ExecutionMode
) -> None:
    made = asked(server, "multi-agent-plan", "Plan a visit.", execution_mode=mode)
    assert made["success"], made
    plan = made["plan_id"]
    executed = asked(server, "execute-plan", plan_id=plan)
    status = executed["data"]["status"]
    approvals = 0
    while status == "awaiting_approval":
        reply = server.ask("POST", f"/api/v1/plan/{plan}/resume", {"approved": True}, client="acme")
        status, approvals = reply.json["status"], approvals + 1
    assert (status, approvals) == ("completed", {"confirm": 1, "step": 3}.get(mode, 0))
    steps = server.ask("GET", f"/api/v1/plan/{plan}", client="acme").json["steps"]
    assert [each["provider"] for each in steps] == [*NAMES, "bedrock"]
    assert {each["status"] for each in steps} == {"completed"}
    results = server.ask("GET", f"/api/v1/plan/{plan}", client="acme").json["step_results"]
    assert results["step_3"]["output"] == "A day at the museum."
