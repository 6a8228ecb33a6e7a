"""How a command says that it failed: as text or as one JSON object, with the nearest name, and
without a character that a terminal would obey."""

from __future__ import annotations

import ast
import io
import json
import logging
import sys
from pathlib import Path

import pytest

import axonflow_core.cli
from axonflow_core.cli import main
from axonflow_core.cli.failure import report
from axonflow_core.errors import RequestError

ECHO = 'version: "1.0"\nllm_providers:\n  echo:\n    enabled: true\n'
ESCAPE = "\x1b[31m"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    (tmp_path / "axonflow.yaml").write_text(ECHO)


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["ask", "hi", "--config", "no.yaml"], 3, "config"),
        (["ask", "hi", "--provider", "nobody"], 2, "request"),
        (["ask", "hi", "--temperature", "hot"], 2, "usage"),
        (["ask", "--no-such-option"], 2, "usage"),
        (["ask"], 2, "usage"),
        (["count", "hi"], 2, "request"),
        (["embed", "hi"], 2, "request"),
        (["explain", "call"], 2, "request"),
        (["models", "--provider", "nobody"], 3, "plugin"),
        (["plugins", "--no-such-option"], 2, "usage"),
        (["codecs", "check", "nowhere"], 2, "usage"),
        (["demo"], 2, "usage"),
        (["nothing"], 2, "usage"),
    ],
)
@pytest.mark.sampled(3)
def test_an_error_is_one_json_object_where_json_is_asked_for(
    arguments: list[str], code: int, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--json"]) == code
    said = capsys.readouterr()
    told = json.loads(said.out)["error"]
    assert (told["code"], said.err) == (error, "")
    assert told["message"] and "hint" in told

    if arguments != ["demo"]:  # which shows itself then, in the environment of its emulator
        assert main(arguments) == code, "the exit code is the same"


def test_faults_of_a_file_are_all_in_the_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "axonflow.yaml").write_text(ECHO + "    wieght: 1\n    prority: 2\n")
    assert main(["ask", "hi", "--json"]) == 3
    told = json.loads(capsys.readouterr().out)["error"]
    assert [(fault["line"], fault["fix"]) for fault in told["faults"]] == [
        (5, "did you mean `weight`?"),
        (6, "did you mean `priority`?"),
    ]
    assert (told["hint"], told["message"]) == (
        "did you mean `weight`?",
        "axonflow.yaml:5:5: unknown key `wieght`",
    )


def test_a_word_after_two_dashes_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--config", "no.yaml", "--", "--json"]) == 3
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["asq"], "did you mean `ask`?"),
        (["chekc"], "did you mean `check`?"),
        (["plugin"], "did you mean `plugins`?"),
        (["codecs", "lst"], "did you mean `list`?"),
        (["plugins", "new", "codex"], "did you mean `codec`?"),
        (["explain", "eror"], "did you mean `error`?"),
        (["zzz"], "the commands are: ask, audit, check"),
        (["why is the sky blue?"], 'a command comes first: axonflow ask "…"'),
    ],
)
def test_a_command_that_there_is_none_of_gets_the_nearest(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert told in err and "sky" not in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ask", "--modle", "x", "Hi"], "there is no option `--modle`; did you mean `--model`?"),
        (["ask", "--sytem=x", "Hi"], "did you mean `--system`?"),
        (["models", "--jsn"], "did you mean `--json`?"),
        (["ask", "--no-strem", "Hi"], "did you mean `--no-stream`?"),
        (["--verson"], "did you mean `--version`?"),
        (["check", "--zzz"], "the options are: --help, --json, --no-credentials, --strict"),
    ],
)
def test_an_option_that_there_is_none_of_gets_the_nearest(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("command", ["ask", "count", "explain call"])
@pytest.mark.parametrize("json", [[], ["--json"]])
def test_a_prompt_without_quotes_is_asked_for_with_them(
    command: str, json: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "why", "is", "the", "sky", "blue", *json]) == 2
    said = "".join(capsys.readouterr())
    assert "write it in quotes" in said and "sky" not in said


@pytest.mark.parametrize("block", ["Image", "Document"])
def test_a_hint_for_programs_is_one_for_the_command(
    block: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hint = f"fetch it and give its bytes: `{block}(response.content)`; it takes base64"
    report(RequestError("cannot take it", hint=hint))

    assert "fix: give it as a file; it takes base64" in capsys.readouterr().err


# ── completion ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"_AXONFLOW_COMPLETE={shell}_complete" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "number", "completed"),
    [
        ("axonflow mo", "1", "models"),
        ("axonflow ask --sy", "2", "--system"),
        ("axonflow codecs l", "2", "list"),
        ("axonflow completion f", "2", "fish"),
    ],
)
def test_commands_and_options_are_completed(
    words: str,
    number: str,
    completed: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("_AXONFLOW_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", number)
    assert main([]) == 0
    assert f"plain,{completed}\n" in capsys.readouterr().out


# ── terminal escapes ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (ECHO + f'    display_name: "{ESCAPE}"\n'.replace("\x1b", "\\e"), ["check"]),
        (ECHO + '    "\\e[31m": 1\n', ["check"]),
        (ECHO + '    priority: "\\e[31m"\n', ["ask", "hi"]),
        (ECHO, ["ask", "hi", "--provider", ESCAPE]),
        (ECHO, ["ask", "hi", "--max-tokens", ESCAPE]),
        (ECHO, [ESCAPE]),
        (ECHO, ["models", ESCAPE]),
        (ECHO, ["explain", "error", ESCAPE]),
        (ECHO, ["check", f"{ESCAPE}.yaml"]),
    ],
)
@pytest.mark.sampled(3)
def test_nothing_that_is_quoted_commands_a_terminal(
    text: str, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "axonflow.yaml").write_text(text)
    main(arguments)
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert said.out + said.err

    main([*arguments, "--json"])
    assert "\x1b" not in capsys.readouterr().out, "JSON escapes it"


def test_what_is_quoted_is_not_rewritten(capsys: pytest.CaptureFixture[str]) -> None:
    main(["ask", "hi", "--provider", ":key:[bold]x[/bold]"])
    assert "there is no provider ':key:[bold]x[/bold]'" in capsys.readouterr().err


_STREAMS = ("click", "sys.stdout", "sys.stderr", "stdout()", "stderr()")


def test_every_command_writes_through_the_module_that_hides_control_characters() -> None:
    folder = Path(axonflow_core.cli.__file__).parent
    allowed = {"display.py", "failure.py"}
    written = {
        f"{path.name}:{call.lineno}"
        for path in folder.glob("*.py")
        if path.name not in allowed
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("echo", "secho", "print", "write")
        and ast.unparse(call.func.value)
        in ("click", "sys.stdout", "sys.stderr", "stdout()", "stderr()")
    }
    assert written == set()


def test_a_secret_of_a_configuration_without_clients_says_where_they_stand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["clients", "secret", "acme"]) == 3
    assert "no clients: add it under `server.clients`" in capsys.readouterr().err


def test_a_command_that_is_over_writes_no_warning_of_what_comes_after_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = list(logging.getLogger().handlers)
    assert main(["ask", "hi"]) == 0
    assert main(["ask", "hi", "--provider", "nobody"]) == 2
    assert logging.getLogger().handlers == before
