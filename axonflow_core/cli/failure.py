"""How a failed command ends: its message on stderr and its exit code. No other module decides
either."""

from __future__ import annotations

import errno
import os
import re
import traceback
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from axonflow_core.config import Fault
    from axonflow_core.errors import AxonFlowError

OK = 0
"""Exit codes; the README lists them."""
CHECK_FAILED = 1
USAGE = 2
CONFIGURATION = 3
CREDENTIALS = 4
PROVIDER = 5
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


def report(error: BaseException) -> int:
    """Write the error to stderr and return the exit code."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.ClickException():
            error.show()
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            click.echo("interrupted", err=True)
            return INTERRUPTED
        case OSError(errno=errno.ENOSPC):
            click.echo("the output cannot be written: no space left on the device", err=True)
            # Output that is still buffered would fail again when the interpreter flushes it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return CHECK_FAILED
        case SystemExit():
            return error.code if isinstance(error.code, int) else CHECK_FAILED
    return _report_error(error)


def _report_error(error: BaseException) -> int:
    """Show an AxonFlow error and return its exit code; anything else is a bug."""
    for branch, code in _exit_codes().items():
        if isinstance(error, branch):
            show(error)  # type: ignore[arg-type]  # every branch is an AxonFlowError
            return code
    return _report_bug(error)


def _report_bug(error: BaseException) -> int:
    """Show the error's type only: the message of an unexpected error may contain prompt text."""
    is_debugging = os.environ.get("AXONFLOW_DEBUG") == "1"
    if is_debugging:
        traceback.print_exception(error)
    hint = (
        None
        if is_debugging
        else "run it again with AXONFLOW_DEBUG=1 for the traceback, and report it"
    )
    _print(
        _rendered("bug", f"AxonFlow failed with an unexpected error: {type(error).__name__}", hint)
    )
    return CHECK_FAILED


def show(error: AxonFlowError) -> None:
    """Write an error to stderr: message, place, fix, and the provider, model and request id."""
    from axonflow_core.config.faults import FaultyConfig

    if isinstance(error, FaultyConfig):
        _print(error.message)
    else:
        _print(
            "\n".join([_rendered(error.code, error.message, error.hint), *_circumstances(error)])
        )


def write_faults(faults: Iterable[Fault], *, kind: str = "error") -> None:
    """Write faults or warnings to stderr, each with place, snippet, fix and a blank line."""
    for fault in faults:
        _print(fault.rendered(kind) + "\n\n")


_KEYWORD = re.compile(r"`(model|provider)=`")
"""An argument of the library that is an option of the commands too."""


def _rendered(code: str, message: str, hint: str | None) -> str:
    from axonflow_core.config.faults import render

    return render(code, message, hint=hint and _KEYWORD.sub(r"`--\1`", hint))


def _circumstances(error: AxonFlowError) -> list[str]:
    """Provider, model and request id, where they are known."""
    facts = {"provider": error.provider, "model": error.model, "request id": error.request_id}
    return [f"  {name}: {value}" for name, value in facts.items() if value]


def _print(text: str) -> None:
    """Write lines to stderr, coloured by their beginning, without control characters."""
    from axonflow_core.cli.display import stderr, visible

    console = stderr()
    for line in visible(text).splitlines():
        style = {"error": "bold red", "warnin": "bold yellow", "  fix:": "green"}.get(
            line[:6].rstrip("[:")
        )
        console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)
