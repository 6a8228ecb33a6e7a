"""`axonflow plan …` against a server that runs, over the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

import pytest
from attrs import frozen
from governed_server import GovernedServer, governed_server

from axonflow_core.cli.plan_tree import headline, line

pytestmark = [
    pytest.mark.skipif(
        find_spec("axonflow_bedrock") is None, reason="the emulator of Bedrock is missing"
    ),
    pytest.mark.thorough,
]
STEPS = [
    {"name": "facts", "agent": "researcher", "task": "Gather facts.", "depends_on": []},
    {"name": "text", "agent": "writer", "task": "Write a text.", "depends_on": ["facts"]},
]
SCRIPT = {
    "rules": [
        {"when": "</request>$", "answer": json.dumps({"steps": STEPS})},
        {"when": "^Gather", "answer": "Facts."},
        {"when": "^Write", "answer": "A text."},
        {"when": "result step", "answer": "All of it."},
    ]
}
CONFIG = """
version: "1.0"
llm_providers:
  bedrock: {enabled: true, config: {region: us-east-1, model: us.anthropic.claude-sonnet-4-6}}
server:
  clients:
    acme: {roles: [call, plans]}
    other: {roles: [call]}
plans: {enabled: true}
audit: {url: "sqlite:///%(folder)s/audit.db"}
"""


@frozen
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str


class Commands:
    """The commands, as a user of the server's machine has them."""

    def __init__(self, server: GovernedServer) -> None:
        self._server = server

    def __call__(self, *arguments: str, **environment: str) -> Ended:
        given: Mapping[str, str] = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "AXONFLOW_URL": f"http://127.0.0.1:{self._server.port}",
            "AXONFLOW_KEYS_DIR": str(self._server.folder / "keys"),
            **environment,
        }
        command = [sys.executable, "-m", "axonflow_core.cli", "plan", *arguments]
        ended = subprocess.run(
            command, env=given, cwd=self._server.folder, capture_output=True, text=True, timeout=60
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    from axonflow_core.cli.emulate import emulator_of
    from axonflow_core.emulator.serving import serving

    folder = tmp_path_factory.mktemp("commands")
    (folder / "script.json").write_text(json.dumps(SCRIPT))
    with (
        serving(emulator_of("bedrock", folder / "script.json")) as running,
        governed_server(folder / "server", CONFIG, running.environment) as server,
    ):
        yield Commands(server)


def test_a_question_is_answered_on_stdout_and_its_steps_are_told_on_stderr(plan: Commands) -> None:
    ended = plan("Write about tea.")
    assert (ended.code, ended.out) == (0, "All of it.\n"), ended.err
    told = [each.split("  ")[0] for each in ended.err.splitlines()]
    assert told == ["completed: facts", "completed: text", "completed: synthesize-results"]
    assert "(researcher)" in ended.err and "tokens" in ended.err


def test_json_is_the_whole_plan_and_nothing_else(plan: Commands) -> None:
    ended = plan("Write about tea.", "--json")
    state = json.loads(ended.out)
    assert (ended.code, ended.err, state["status"]) == (0, "", "completed")
    listed = json.loads(plan("list", "--json").out)
    assert state["plan_id"] in {each["plan_id"] for each in listed}
    shown = plan("status", state["plan_id"])
    assert "✓ facts" in shown.out and shown.out.endswith("All of it.\n")
    assert plan("cancel", state["plan_id"]).code == 1


def test_a_plan_waits_for_approval_and_goes_on(plan: Commands) -> None:
    ended = plan("--mode", "confirm", "Write about tea.")
    assert ended.code == 6
    id = ended.err.split()[-1]
    assert f"plan waits: axonflow plan approve {id}" in ended.err
    assert plan("approve", id).out == "All of it.\n"
    again = plan("approve", id)
    assert (again.code, again.out) == (2, "")
    assert "nothing of it waits for an approval" in again.err


def test_a_plan_that_is_refused_or_cancelled_is_over(plan: Commands) -> None:
    id = plan("--no-run", "--mode", "step", "Write about tea.").out.strip()
    assert plan("cancel", id).out == f"{id} is cancelled\n"
    assert plan("cancel", id).code == 0, "a client may say so twice"
    other = plan("--mode", "step", "Write about tea.").err.split()[-1]
    refused = plan("refuse", other)
    assert refused.code == 1 and "the approval of step_1 was refused" in refused.err
    assert plan("status", "plan_0_none").code == 2


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "message"),
    [
        (("list", "--url", "http://127.0.0.1:9"), {}, 3, "no server answers at"),
        (("list", "--url", "ftp://x"), {}, 3, "is no address of a server"),
        (("list", "--client", "nobody"), {}, 3, "the configuration has no client nobody"),
        (("list", "--client", "other"), {}, 2, "has not the role plans"),
        (("list",), {"AXONFLOW_CLIENT_SECRET": "wrong"}, 4, "Invalid credentials"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(
    plan: Commands, arguments: tuple[str, ...], environment: dict[str, str], code: int, message: str
) -> None:
    ended = plan(*arguments, **environment)
    assert ended.code == code and message in ended.err


def test_a_line_has_what_is_known_and_nothing_else() -> None:
    step = {
        "step_name": "facts",
        "agent": "",
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_usd": 0.0,
        "attempt": 1,
    }
    assert line(step) == "facts"
    more = {"agent": "a", "input_tokens": 1_000, "cost_usd": 0.25, "attempt": 2, "error": "down"}
    assert line({**step, **more}) == "facts  (a)  1,000 tokens  $0.2500  attempt 2  down"
    state = {
        "plan_id": "p",
        "status": "pending",
        "execution_mode": "auto",
        "actual_cost_usd": 0.0,
        "steps": [],
    }
    assert headline(state) == "p  pending  auto  0 tokens  $0.0000"
