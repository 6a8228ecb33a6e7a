"""The command `axonflow` with Bedrock: the demo, the emulator in a process of its own, and the
page's YAML."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from on_time import GUARD_S

pytestmark = pytest.mark.sampled(3)  # every test starts a process

COMMAND = [sys.executable, "-m", "axonflow_core.cli"]
THE_PAGES_YAML = """\
version: "1.0"

llm_providers:
  bedrock:
    enabled: true
    config:
      region: ${BEDROCK_REGION}
      model: ${BEDROCK_MODEL:-anthropic.claude-sonnet-4-20250514-v1:0}
"""
PROFILE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
LIVING = "us.anthropic.claude-sonnet-4-6"


def clean_environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """No setting of the tester's own reaches the command."""
    path = os.pathsep.join(filter(None, sys.path))
    return {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": path, **(more or {})}


def run(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=clean_environment(folder, environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=GUARD_S,
    )
    sys.stdout.write(finished.stdout + finished.stderr)  # where planted secrets are looked for
    return finished


@contextmanager
def running(
    folder: Path, *arguments: str, stderr: Any = subprocess.DEVNULL
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A command that prints `export` lines and stays; the lines as an environment."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=clean_environment(folder),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    ) as process:
        try:
            yield process, dict(_exports(process))
        finally:
            process.kill()


def _exports(process: subprocess.Popen[str]) -> Iterator[tuple[str, str]]:
    assert process.stdout is not None
    for line in process.stdout:
        words = shlex.split(line)
        if words[:1] == ["export"]:
            name, _, value = words[1].partition("=")
            yield name, value
            if name.startswith("AWS_ENDPOINT_URL"):  # the last of them
                return


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running(tmp_path_factory.mktemp("emulator"), "emulate", "bedrock") as (_, environment):
        yield environment


def test_the_demo_shows_every_family_and_an_error_explained(tmp_path: Path) -> None:
    finished = run(tmp_path, "demo")
    assert finished.returncode == 0, finished.stderr
    families = ["anthropic", "nova", "llama", "mistral"]
    assert [family for family in families if family in finished.stdout] == families
    assert "warning:" not in finished.stderr
    assert "error[profile_required]" in finished.stderr
    assert f"fix: model: {LIVING}" in finished.stderr


def test_the_demo_takes_no_notice_of_the_callers_own_settings(tmp_path: Path) -> None:
    own = {
        "AWS_PROFILE": "nobody",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "BEDROCK_MODEL": "x",
        "AWS_REGION": "eu-west-1",
    }
    assert run(tmp_path, "demo", environment=own).returncode == 0


@pytest.mark.parametrize("arguments", [("emulate", "bedrock"), ("demo", "--keep")])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_what_stays_up_ends_well_when_it_is_told_to(
    tmp_path: Path, arguments: tuple[str, ...], stop: int
) -> None:
    with running(tmp_path, *arguments) as (process, environment):
        assert environment["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"].startswith("http://127.0.0.1:")
        process.send_signal(stop)
        assert process.wait(timeout=GUARD_S) == 0


@pytest.mark.parametrize("trial", range(3))
@pytest.mark.parametrize("again", [signal.SIGINT, signal.SIGTERM])
def test_what_is_told_twice_to_end_ends_as_well(tmp_path: Path, again: int, trial: int) -> None:
    with running(tmp_path, "emulate", "bedrock", stderr=subprocess.PIPE) as (process, _):
        for stop in (signal.SIGTERM, again, again):
            process.send_signal(stop)
        assert process.wait(timeout=GUARD_S) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_the_environment_alone_reaches_the_emulator(
    tmp_path: Path, emulator: Mapping[str, str]
) -> None:
    finished = run(tmp_path, "ask", "Are you there?", environment=emulator)
    assert finished.returncode == 0, finished.stderr
    assert "Are you there?" in finished.stdout


OPUS = "us.anthropic.claude-opus-4-7"
REFUSED = ("--temperature", "0.5", "--top-k", "5")


@pytest.mark.parametrize("mode", ["--stream", "--no-stream"])
def test_what_the_model_does_not_take_is_told_on_stderr(
    tmp_path: Path, emulator: Mapping[str, str], mode: str
) -> None:
    finished = run(tmp_path, "ask", "Hi", "-m", OPUS, mode, *REFUSED, environment=emulator)
    assert (finished.returncode, bool(finished.stdout)) == (0, True)
    assert finished.stderr.splitlines() == [
        "warning: temperature: not sent, for anthropic.claude-opus-4-7 does not take it",
        "warning: top_k: not sent, for anthropic.claude-opus-4-7 does not take it",
    ]


def test_what_the_model_does_not_take_is_in_the_json(
    tmp_path: Path, emulator: Mapping[str, str]
) -> None:
    told = json.loads(
        run(tmp_path, "ask", "Hi", "-m", OPUS, "--json", *REFUSED, environment=emulator).stdout
    )
    assert [adjustment["feature"] for adjustment in told["adjustments"]] == ["temperature", "top_k"]
    older = json.loads(
        run(tmp_path, "ask", "Hi", "-m", PROFILE, "--json", *REFUSED, environment=emulator).stdout
    )
    assert older["adjustments"] == [], "the control: this one takes all"


def test_the_pages_yaml_works_as_it_stands(tmp_path: Path, emulator: Mapping[str, str]) -> None:
    (tmp_path / "axonflow.yaml").write_text(THE_PAGES_YAML)
    finished = run(
        tmp_path, "ask", "Are you there?", environment={**emulator, "BEDROCK_MODEL": LIVING}
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert run(tmp_path, "check", environment=emulator).returncode == 0


def test_the_pages_default_model_is_refused_with_the_fix(
    tmp_path: Path, emulator: Mapping[str, str]
) -> None:
    (tmp_path / "axonflow.yaml").write_text(THE_PAGES_YAML)
    unset = {name: value for name, value in emulator.items() if name != "BEDROCK_MODEL"}
    finished = run(tmp_path, "ask", "Are you there?", environment=unset)
    assert (finished.returncode, finished.stdout) == (5, "")
    ended, error = finished.stderr.splitlines()[:2]
    assert ended.startswith("warning: anthropic.claude-sonnet-4-20250514-v1:0 reached its end of")
    assert "write `model: us.anthropic.claude-" in ended, "one line says which id to write"
    assert error.startswith("error[profile_required]: ")


def test_the_pages_yaml_without_a_region_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "axonflow.yaml").write_text(THE_PAGES_YAML)
    finished = run(tmp_path, "check")
    assert finished.returncode == 3
    assert "the environment variable BEDROCK_REGION is not set" in finished.stderr
    assert "--> axonflow.yaml:7:15" in finished.stderr


@pytest.mark.parametrize(
    "more",
    [
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"},
        {"AWS_SECRET_ACCESS_KEY": "wrong"},
    ],
    ids=["missing", "wrong"],
)
def test_credentials_have_an_exit_code_of_their_own(
    tmp_path: Path, emulator: Mapping[str, str], more: Mapping[str, str]
) -> None:
    finished = run(tmp_path, "ask", "hi", "-m", LIVING, environment={**emulator, **more})
    assert (finished.returncode, finished.stdout) == (4, "")
    assert finished.stderr.startswith("error[credentials")


def test_an_unknown_family_names_the_families_there_are(
    tmp_path: Path, emulator: Mapping[str, str]
) -> None:
    config = "{region: us-east-1, surface: invoke}"
    (tmp_path / "axonflow.yaml").write_text(
        f"version: '1.0'\nllm_providers:\n  bedrock: {{enabled: true, config: {config}}}\n"
    )

    finished = run(tmp_path, "ask", "hi", "-m", "zoo.lion-v1:0", environment=emulator)

    assert finished.returncode == 2
    assert "anthropic" in finished.stderr
    assert "titan" in finished.stderr


def test_the_emulator_writes_a_line_for_each_call_without_its_body(tmp_path: Path) -> None:
    program = (
        "import boto3; client = boto3.client('bedrock-runtime')\n"
        "messages = [{'role': 'user', 'content': [{'text': 'a secret'}]}]\n"
        "client.converse(modelId='amazon.nova-lite-v1:0', messages=messages)"
    )
    with (
        (tmp_path / "log").open("w") as log,
        running(tmp_path, "emulate", "bedrock", stderr=log) as (_, exports),
    ):
        environment = clean_environment(tmp_path, exports)
        subprocess.run(
            [sys.executable, "-c", program], env=environment, check=True, timeout=GUARD_S
        )

    written = (tmp_path / "log").read_text()
    assert "converse amazon.nova-lite-v1:0 200\n" in written
    assert "secret" not in written


def _asked_with_stderr(stderr: int, folder: Path, environment: Mapping[str, str]) -> str:
    """What stdout gets of an answer with reasoning, where stderr is this."""
    options = ("--reasoning", "low", "--max-tokens", "4000", "-m", LIVING)
    finished = subprocess.run(
        [*COMMAND, "ask", "Why?", *options],
        cwd=folder,
        env=clean_environment(folder, {**environment, "TERM": "xterm"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        check=True,
        timeout=GUARD_S,
    )
    return finished.stdout


@pytest.mark.thorough
def test_the_model_s_reasoning_is_dimmed_on_a_terminal_and_nowhere_else(
    tmp_path: Path, emulator: Mapping[str, str]
) -> None:
    ours, theirs = pty.openpty()
    out = _asked_with_stderr(theirs, tmp_path, emulator)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    thought = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "\x1b[2m" in shown and "emulated model thinks" in thought
    assert out == "Here speaks an emulated model of the anthropic family. You said: Why?\n"

    with (tmp_path / "log").open("w+") as log:
        assert _asked_with_stderr(log.fileno(), tmp_path, emulator) == out
        log.seek(0)
        assert "thinks" not in log.read()
