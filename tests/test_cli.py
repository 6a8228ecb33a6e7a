"""The command `axonflow`: what it prints where, and the code it exits with. Each case is a process
of its own."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import click
import pytest
from on_time import GUARD_S

from axonflow_core import errors
from axonflow_core.cli import axonflow
from axonflow_core.cli.display import visible
from axonflow_core.cli.failure import report
from axonflow_core.config import FaultyConfig

pytestmark = pytest.mark.sampled(3)  # every test starts a process

ECHO = 'version: "1.0"\nllm_providers:\n  echo:\n    enabled: true\n'
COMMAND = [sys.executable, "-m", "axonflow_core.cli"]
Finished: TypeAlias = "subprocess.CompletedProcess[str]"
Run: TypeAlias = Callable[..., Finished]


@pytest.fixture
def run(tmp_path: Path, environment_of: Callable[..., Mapping[str, str]]) -> Run:
    """Runs the command in a folder whose axonflow.yaml enables echo."""
    (tmp_path / "axonflow.yaml").write_text(ECHO)

    def execute(
        *arguments: str, stdin: str = "", environment: Mapping[str, str] | None = None
    ) -> Finished:
        finished = subprocess.run(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=environment_of(environment),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=GUARD_S,
        )
        sys.stdout.write(finished.stdout + finished.stderr)  # where planted secrets are looked for
        return finished

    return execute


# ── ask ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "options", [(), ("--no-stream",), ("-m", "any"), ("--provider", "echo"), ("--system", "Hi")]
)
def test_the_answer_is_all_that_stdout_gets(run: Run, options: tuple[str, ...]) -> None:
    finished = run("ask", "say  this back", *options)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "say  this back\n", "")


def test_the_prompt_may_come_from_stdin(run: Run) -> None:
    assert run("ask", "-", stdin="from a file").stdout == "from a file\n"


@pytest.mark.parametrize("command", ["ask", "embed", "count"])
@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("- <&-", "reads stdin, and stdin is closed"),
        (r"- < <(printf '\xff\xfe')", "is not UTF-8"),
        (r"$'a\xffb'", "is not UTF-8"),
    ],
    ids=["stdin closed", "stdin in no UTF-8", "an argument in no UTF-8"],
)
def test_a_text_that_cannot_be_read_is_the_callers_mistake(
    tmp_path: Path,
    environment_of: Callable[..., Mapping[str, str]],
    command: str,
    typed: str,
    told: str,
) -> None:
    shell = f"exec {shlex.join(COMMAND)} {command} {typed}"
    finished = subprocess.run(
        ["bash", "-c", shell],
        cwd=tmp_path,
        env=environment_of(None),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (2, "")
    assert told in finished.stderr


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("ask Hi >&-", 0),
        ("ask Hi 2>&-", 0),
        ("ask Hi --json >&- 2>&-", 0),
        ("codecs list >&-", 0),
        ("check --json >&-", 0),
        ("aks 2>&-", 2),
    ],
)
def test_what_is_written_to_a_closed_stream_vanishes(
    tmp_path: Path, environment_of: Callable[..., Mapping[str, str]], typed: str, code: int
) -> None:
    (tmp_path / "axonflow.yaml").write_text(
        'version: "1.0"\nllm_providers:\n  echo:\n    enabled: true\n'
    )
    finished = subprocess.run(
        ["bash", "-c", f"exec {shlex.join(COMMAND)} {typed} <&-"],
        cwd=tmp_path,
        env=environment_of(None),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (finished.returncode, "bug" in finished.stderr) == (code, False)


def test_a_number_that_is_none_is_the_callers_mistake(run: Run) -> None:
    finished = run("ask", "Hi", "--temperature", "nan")
    assert finished.returncode == 2
    assert "is not a number" in finished.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is always full")
def test_a_full_disk_is_no_bug_of_ours(
    tmp_path: Path, environment_of: Callable[..., Mapping[str, str]]
) -> None:
    (tmp_path / "axonflow.yaml").write_text(ECHO)
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            [*COMMAND, "ask", "Hi"],
            cwd=tmp_path,
            env=environment_of(None),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert finished.returncode == 1
    assert "no space left on the device" in finished.stderr


def test_a_folder_without_recordings_is_not_a_check_that_passed(run: Run, tmp_path: Path) -> None:
    finished = run("codecs", "check", str(tmp_path))
    assert finished.returncode == 2
    assert "contains no JSON Lines files" in finished.stderr


def test_a_package_goes_into_no_file(run: Run) -> None:
    finished = run("plugins", "new", "codec", "widget", "--into", "/dev/null")
    assert finished.returncode == 2
    assert "cannot be created" in finished.stderr


def test_the_answer_may_be_limited(run: Run) -> None:
    assert run("ask", "one two three", "--max-tokens", "2").stdout == "one two\n"


def test_the_answer_as_json(run: Run) -> None:
    answer = json.loads(run("ask", "one two", "--json", "--max-tokens", "1").stdout)
    assert answer["text"] == "one"
    assert answer["stop_reason"] == "max_tokens"
    assert answer["usage"] == {"input_tokens": 2, "output_tokens": 1}
    assert answer["content"][0]["type"] == "Text"


def test_a_configuration_may_be_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(ECHO.replace("echo:", "parrot:\n    type: echo"))
    assert run("ask", "hi", "--config", "other.yaml", "--provider", "parrot").stdout == "hi\n"


def test_the_environment_alone_will_do(run: Run, tmp_path: Path) -> None:
    (tmp_path / "axonflow.yaml").unlink()
    assert run("ask", "hi", environment={"ECHO_MODEL": "parrot"}).stdout == "hi\n"


FAULTY_PROVIDER = """
    import asyncio
    from attrs import frozen
    from axonflow_core import (
        CompletionStream, ProviderSpec, TextDelta, Throttled, TruncatedStream, hookimpl
    )

    @frozen
    class Settings:
        model: str = "m"

    class Stream(CompletionStream):
        def __init__(self, model):
            self.model, self.reads = model, 0

        async def read(self):
            self.reads += 1
            if self.reads == 1:
                return ((TextDelta("partial "), TextDelta("text")),)
            if self.model == "stalling":
                await asyncio.sleep(20)
            raise TruncatedStream(
                "the stream ended early", partial_text="partial text", hint="ask again"
            )

        async def aclose(self):
            pass

    class Provider:
        default_model = "m"

        def __init__(self, config, services):
            pass

        async def complete(self, request, *, model=None, timeout_s=None):
            if model == "unforeseen":
                raise ZeroDivisionError("a secret")
            error = Throttled("too much", hint="wait")
            raise error.enrich(provider="zoo", model=model, request_id="r-1")

        async def stream(self, request, *, model=None, timeout_s=None):
            return Stream(model)

        async def aclose(self):
            pass

    @hookimpl
    def axonflow_register_provider():
        return ProviderSpec(name="zoo", display_name="Zoo", config_type=Settings, create=Provider)
"""


@pytest.fixture
def run_zoo(run: Run, tmp_path: Path, install: Callable[..., None]) -> Run:
    install("axonflow-zoo", "axonflow.providers", FAULTY_PROVIDER)
    (tmp_path / "axonflow.yaml").write_text(ECHO.replace("echo", "zoo"))
    return run


def test_a_truncated_stream_keeps_its_text_on_stdout_and_its_error_on_stderr(run_zoo: Run) -> None:
    finished = run_zoo("ask", "hi")
    assert finished.returncode == 5
    assert finished.stdout == "partial text\n"
    assert finished.stderr.startswith(
        "error[truncated_stream]: the stream ended early\n  fix: ask again\n"
    )


def test_an_error_tells_whose_call_it_was(run_zoo: Run) -> None:
    finished = run_zoo("ask", "hi", "--no-stream", "-m", "lion")
    assert (finished.returncode, finished.stdout) == (5, "")
    assert finished.stderr == (
        "error[throttled]: too much\n  fix: wait\n  provider: zoo\n  model: lion\n  request id: "
        "r-1\n"
    )


def test_ctrl_c_leaves_what_was_received_and_exits_with_130(
    run_zoo: Run, tmp_path: Path, environment_of: Callable[..., Mapping[str, str]]
) -> None:
    command = [*COMMAND, "ask", "hi", "-m", "stalling"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, env=environment_of(), **pipes) as process:
        received = os.read(process.stdout.fileno(), 100)  # type: ignore[union-attr]
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=GUARD_S)
    assert received + rest == b"partial text\n"
    assert (process.returncode, said.strip()) == (130, b"interrupted")


def test_an_unforeseen_error_is_reported_as_our_bug_and_keeps_its_message_to_itself(
    run_zoo: Run,
) -> None:
    finished = run_zoo("ask", "hi", "--no-stream", "-m", "unforeseen")
    assert finished.returncode == 1
    assert finished.stderr.startswith("error[bug]: ")
    assert "ZeroDivisionError" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert "a secret" not in finished.stderr


def test_the_traceback_of_a_bug_is_there_for_the_asking(run_zoo: Run) -> None:
    finished = run_zoo(
        "ask", "hi", "--no-stream", "-m", "unforeseen", environment={"AXONFLOW_DEBUG": "1"}
    )
    assert "Traceback" in finished.stderr


# ── check, plugins, codecs ────────────────────────────────────────────────────────────────────────


def test_a_sound_configuration_is_summed_up(run: Run) -> None:
    finished = run("check")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout.endswith("axonflow.yaml: 1 provider enabled\n")


def test_a_faulty_configuration_exits_with_3_and_tells_every_fault(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text(ECHO + "    wieght: 1\n    config: {max_tokens: x}\n")
    finished = run("check", "bad.yaml")
    assert (finished.returncode, finished.stdout) == (3, "")
    assert "  --> bad.yaml:5:5\n  5 |     wieght: 1\n    |     ^^^^^^\n" in finished.stderr
    assert "  fix: did you mean `weight`?\n" in finished.stderr
    assert "  --> bad.yaml:6:26\n" in finished.stderr


def test_a_check_as_json_says_where_each_fault_is_and_how_to_mend_it(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text(
        ECHO + "    wieght: 1\n    credentials: {api_key: open-sesame}\n"
    )
    finished = run("check", "bad.yaml", "--json")
    said = json.loads(finished.stdout)
    assert (finished.returncode, finished.stderr) == (3, "")
    assert (said["ok"], said["path"]) == (False, "bad.yaml")
    assert said["faults"] == [
        {
            "path": "bad.yaml",
            "line": 5,
            "column": 5,
            "code": "config",
            "message": "unknown key `wieght`",
            "fix": "did you mean `weight`?",
        }
    ]
    assert [(warning["line"], warning["column"]) for warning in said["warnings"]] == [(6, 28)]
    assert "open-sesame" not in finished.stdout


def test_a_sound_configuration_as_json(run: Run) -> None:
    finished = run("check", "--json")
    assert finished.returncode == 0
    told = json.loads(finished.stdout)
    assert told.pop("routing")["providers"] == {"echo": {"priority": 5, "weight": 1.0}}
    assert told.pop("models") == told.pop("policies") == {}
    assert told == {
        "ok": True,
        "path": "axonflow.yaml",
        "faults": [],
        "warnings": [],
        "providers": {"echo": {}},
    }


def test_what_stands_in_no_file_has_no_place_in_json(run: Run, tmp_path: Path) -> None:
    (tmp_path / "axonflow.yaml").write_text(ECHO.replace("true", "false"))
    finished = run("check", "--json")
    (fault,) = json.loads(finished.stdout)["faults"]
    assert finished.returncode == 3
    assert (fault["path"], fault["line"], fault["column"], fault["code"]) == (
        None,
        None,
        None,
        "config",
    )


def test_a_configuration_that_enables_nothing_would_not_start(run: Run, tmp_path: Path) -> None:
    (tmp_path / "axonflow.yaml").write_text(ECHO.replace("true", "false"))
    finished = run("check")
    assert finished.returncode == 3
    assert "error[config]: no provider is enabled" in finished.stderr


def test_a_codec_that_cannot_be_loaded_fails_the_check(
    run: Run, install: Callable[..., None]
) -> None:
    install("torn", "axonflow.codecs.echo", "raise RuntimeError('torn')", point="lion")
    finished = run("check")
    assert finished.returncode == 1
    assert (
        finished.stderr.count("lion (torn 1.2) is broken: importing torn raised RuntimeError: torn")
        == 1
    )
    checked = run("check", "--json")
    (fault,) = json.loads(checked.stdout)["faults"]
    assert (checked.returncode, fault["code"]) == (1, "plugin")
    assert "torn" in fault["message"]


def test_plugins_are_listed_with_state_distribution_version_and_origin(
    run: Run, install: Callable[..., None]
) -> None:
    install("torn", "axonflow.codecs.echo", "raise RuntimeError('torn')", point="lion")
    install("decoy", "axonflow.providers", "raise SystemExit('imported')", point="decoy")
    rows = json.loads(run("plugins", "--json").stdout)
    states = {row["name"]: row["state"] for row in rows}
    assert (states["echo"], states["lion"], states["decoy"]) == ("loaded", "failed", "available")
    (echo,) = (row for row in rows if row["name"] == "echo")
    assert echo["distribution"] == "axonflow-core"
    assert echo["origin"].endswith("echo.py")


def test_plugins_are_listed_whatever_is_wrong_with_the_configuration(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "axonflow.yaml").write_text(ECHO + "    wieght: 1\n")
    finished = run("plugins")
    assert finished.returncode == 0
    assert "loaded" in finished.stdout


def test_codecs_are_listed(run: Run) -> None:
    assert isinstance(json.loads(run("codecs", "list", "--json").stdout), list)


def test_emulating_a_provider_without_an_emulator_is_an_error(run: Run) -> None:
    finished = run("emulate", "echo")
    assert finished.returncode == 3
    assert "error[plugin]: the provider echo has no emulator" in finished.stderr


# ── exit codes ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (click.exceptions.Exit(0), 0),
        (click.UsageError("no"), 2),
        (errors.EncodeError("no", feature="images"), 2),
        (errors.UndetectedFamily("no"), 2),
        (errors.ConfigError("no"), 3),
        (errors.PluginError("no"), 3),
        (FaultyConfig([]), 3),
        (errors.CredentialsMissing("no"), 4),
        (errors.CredentialsExpired("no"), 4),
        (errors.AccessDenied("no"), 5),
        (errors.Throttled("no"), 5),
        (errors.DecodeError("no"), 5),
        (errors.TruncatedStream("no"), 5),
        (errors.AxonFlowError("no"), 1),
        (RuntimeError("no"), 1),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_the_branch_of_the_error_decides_the_exit_code(error: BaseException, code: int) -> None:
    assert report(error) == code


@pytest.mark.parametrize(
    "arguments", [("nope",), ("ask",), ("ask", ""), ("ask", "hi", "--max-tokens", "0")]
)
def test_a_wrong_call_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    finished = run(*arguments)
    assert (finished.returncode, finished.stdout) == (2, "")
    assert "Error: " in finished.stderr


def test_an_unknown_provider_is_an_error_and_no_traceback(run: Run) -> None:
    finished = run("ask", "hi", "--provider", "nobody")
    assert finished.returncode == 2
    assert finished.stderr.startswith("error[")


# ── manners ───────────────────────────────────────────────────────────────────────────────────────


def test_help_shows_every_command(run: Run) -> None:
    said = run("--help").stdout
    for name in axonflow.list_commands(click.Context(axonflow)):
        assert f"\n  {name} " in said


@pytest.mark.parametrize("arguments", [("plugins",), ("check", "nowhere.yaml")])
def test_no_colour_without_a_terminal(run: Run, arguments: tuple[str, ...]) -> None:
    finished = run(*arguments)
    assert "\x1b[" not in finished.stdout + finished.stderr


@pytest.mark.parametrize(("more", "is_coloured"), [({"FORCE_COLOR": "1"}, True), ({}, False)])
def test_colour_can_be_forced(run: Run, more: Mapping[str, str], *, is_coloured: bool) -> None:
    assert ("\x1b[" in run("plugins", environment=more).stdout) is is_coloured


@pytest.mark.parametrize(
    ("more", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_a_terminal_gets_colour_unless_it_says_no(
    tmp_path: Path,
    environment_of: Callable[..., Mapping[str, str]],
    more: Mapping[str, str],
    *,
    is_coloured: bool,
) -> None:
    (tmp_path / "axonflow.yaml").write_text(ECHO)
    ours, theirs = pty.openpty()
    environment = environment_of({"TERM": "xterm", **more})
    subprocess.run(
        [*COMMAND, "plugins"],
        cwd=tmp_path,
        env=environment,
        stdout=theirs,
        check=True,
        timeout=GUARD_S,
    )
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert "loaded" in shown
    assert ("\x1b[32m" in shown) is is_coloured


def test_a_model_cannot_drive_the_terminal() -> None:
    assert visible("a\x1b[31mb\x07\r\n\tc\x9b") == "a�[31mb�\r\n\tc�"


def test_a_fix_names_the_options_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    report(errors.RequestError("no", hint="give `model=`, or another `provider=`"))

    assert "fix: give `--model`, or another `--provider`" in capsys.readouterr().err
