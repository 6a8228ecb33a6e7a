"""How a failed command ends: its message and its exit code. No other module decides either.

The message is text on stderr; with `--json` it is one object on stdout, and the exit code the same:

    {"error": {"code": "throttled", "message": "…", "hint": "…", "provider": "bedrock"}}
"""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from axonflow_core.config import Fault, FaultyConfig
    from axonflow_core.errors import AxonFlowError
    from axonflow_core.messages import Json

OK = 0
"""Exit codes; the README lists them."""
CHECK_FAILED = 1
USAGE = 2
CONFIGURATION = 3
CREDENTIALS = 4
PROVIDER = 5
INCOMPLETE = 6
INTERRUPTED = 130


def _exit_codes() -> Mapping[type[BaseException], int]:
    """Branch of the error tree -> exit code. The first branch that fits decides, so a subclass
    stands before its base.
    """
    from axonflow_core import errors

    return {
        errors.ConfigError: CONFIGURATION,
        errors.RequestError: USAGE,
        errors.CredentialsError: CREDENTIALS,
        errors.ProviderError: PROVIDER,
        errors.AnswerError: PROVIDER,
        errors.AxonFlowError: CHECK_FAILED,
    }


def asks_for_json(arguments: Sequence[str] | None) -> bool:
    """Whether `--json` is among the arguments, those of the process where none are given. Read
    before they are parsed: wrong ones are reported as JSON too."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    return "--json" in given[: given.index("--")] if "--" in given else "--json" in given


def report(error: BaseException, *, is_json: bool = False) -> int:
    """Report the error and return the exit code."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case SystemExit():
            return error.code if isinstance(error.code, int) else CHECK_FAILED
        case OSError(errno=errno.ENOSPC):
            click.echo("the output cannot be written: no space left on the device", err=True)
            # Output that is still buffered would fail again when the interpreter flushes it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return CHECK_FAILED
    if isinstance(error, click.UsageError):
        error = _reworded(error)
    if is_json:
        _write_json(error)
    else:
        _show(error)
    return exit_code_of(error)


def _reworded(error: click.UsageError) -> click.UsageError:
    """A mistake in what was typed with the nearest option, and without the words of a prompt."""
    from axonflow_core.config.faults import suggest

    parameters = error.ctx.command.params if error.ctx is not None else []
    if isinstance(error, click.NoSuchOption):
        names = {name for each in parameters for name in (*each.opts, *each.secondary_opts)}
        options = {"--help", *(name for name in names if name.startswith("--"))}
        hint = suggest(error.option_name, options, noun="the options are")
        return click.UsageError(f"there is no option `{error.option_name}`; {hint}", error.ctx)
    takes_prompt = any(each.name == "prompt" for each in parameters)
    if takes_prompt and "unexpected extra argument" in error.message:
        return click.UsageError("the prompt is one argument: write it in quotes", error.ctx)
    return error


def exit_code_of(error: BaseException) -> int:
    """The exit code that an error ends the command with."""
    match error:
        case click.Abort() | KeyboardInterrupt():
            return INTERRUPTED
        case click.ClickException():
            return error.exit_code
    branches = (code for branch, code in _exit_codes().items() if isinstance(error, branch))
    return next(branches, CHECK_FAILED)


# ── as text ───────────────────────────────────────────────────────────────────────────────────────


def _show(error: BaseException) -> None:
    from axonflow_core.errors import AxonFlowError

    match error:
        case click.Abort() | KeyboardInterrupt():
            click.echo("interrupted", err=True)
        case click.ClickException():
            _show_usage(error)
        case AxonFlowError():
            show(error)
        case _:
            _show_bug(error)


def _show_usage(error: click.ClickException) -> None:
    from axonflow_core.cli.display import visible

    text = StringIO()
    error.show(text)  # which quotes what was typed
    click.echo(visible(text.getvalue()), nl=False, err=True)


def _show_bug(error: BaseException) -> None:
    """Show the error's type only: the message of an unexpected error may contain prompt text."""
    if os.environ.get("AXONFLOW_DEBUG") == "1":
        traceback.print_exception(error)
    said = _described(error)
    _print(_rendered(said["code"], said["message"], said["hint"]))


def show(error: AxonFlowError) -> None:
    """Write an error to stderr: message, place, fix, and the provider, model and request id."""
    from axonflow_core.config.faults import FaultyConfig

    if isinstance(error, FaultyConfig):
        _print(error.message)
    else:
        circumstances = [f"  {name}: {value}" for name, value in _circumstances(error).items()]
        _print("\n".join([_rendered(error.code, error.message, _hint_of(error)), *circumstances]))


def write_faults(faults: Iterable[Fault], *, kind: str = "error") -> None:
    """Write faults or warnings to stderr, each with place, snippet, fix and a blank line."""
    for fault in faults:
        _print(fault.rendered(kind) + "\n\n")


def _rendered(code: str, message: str, hint: str | None) -> str:
    from axonflow_core.config.faults import render

    return render(code, message, hint=hint)


_IN_COMMANDS = (
    (re.compile(r"`(model|provider)=`"), r"`--\1`"),
    (re.compile(r"has its tokens: `runtime\.complete`"), "has its tokens: `axonflow ask -u`"),
    (re.compile(r"`runtime\.complete`"), "`axonflow ask`"),
    (re.compile(r"`runtime\.embed`"), "`axonflow embed`"),
    (re.compile(r"fetch it and give its bytes: `\w+\(response\.content\)`"), "give it as a file"),
)
"""What a hint calls in the library -> the same in the command."""


def _hint_of(error: AxonFlowError) -> str | None:
    hint = error.hint
    for called, written in _IN_COMMANDS if hint else ():
        hint = called.sub(written, hint or "")
    return hint


def _circumstances(error: AxonFlowError) -> Mapping[str, str]:
    """Provider, model and request id, where they are known."""
    facts = {"provider": error.provider, "model": error.model, "request id": error.request_id}
    return {name: value for name, value in facts.items() if value}


def _print(text: str) -> None:
    """Write lines to stderr, coloured by their beginning, without control characters."""
    from axonflow_core.cli.display import stderr, visible

    console = stderr()
    for line in visible(text).splitlines():
        style = {"error": "bold red", "warnin": "bold yellow", "  fix:": "green"}.get(
            line[:6].rstrip("[:")
        )
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


# ── as JSON ───────────────────────────────────────────────────────────────────────────────────────


def _write_json(error: BaseException) -> None:
    from axonflow_core.cli.display import write_json

    write_json({"error": _described(error)})


def _described(error: BaseException) -> dict[str, Any]:
    """Code, message and hint of any error, and what else is known of it."""
    from axonflow_core.config.faults import FaultyConfig
    from axonflow_core.errors import AxonFlowError

    match error:
        case click.Abort() | KeyboardInterrupt():
            return {"code": "interrupted", "message": "interrupted", "hint": None}
        case click.ClickException():
            return {"code": "usage", "message": error.format_message(), "hint": _help_of(error)}
        case FaultyConfig():
            return _of_faults(error)
        case AxonFlowError():
            said = {"code": error.code, "message": error.message, "hint": _hint_of(error)}
            return {**said, **{k.replace(" ", "_"): v for k, v in _circumstances(error).items()}}
    is_debugging = os.environ.get("AXONFLOW_DEBUG") == "1"
    again = "run it again with AXONFLOW_DEBUG=1 for the traceback, and report it"
    message = f"AxonFlow failed with an unexpected error: {type(error).__name__}"
    return {"code": "bug", "message": message, "hint": None if is_debugging else again}


def _help_of(error: click.ClickException) -> str | None:
    ctx = getattr(error, "ctx", None)
    return f"{ctx.command_path} --help" if ctx is not None else None


def _of_faults(error: FaultyConfig) -> dict[str, Any]:
    """The first fault, and all of them."""
    first = error.faults[0]
    said = {"code": first.code, "message": f"{first.place}: {first.message}", "hint": first.hint}
    return {**said, "faults": [described_fault(fault) for fault in error.faults]}


def described_fault(fault: Fault) -> Json:
    """A fault or warning as JSON."""
    return {
        "path": fault.path or None,
        "line": fault.line or None,
        "column": fault.column or None,
        "code": fault.code,
        "message": fault.message,
        "fix": fault.hint,
    }
