"""The command `axonflow`. Results go to stdout, everything else to stderr.

One module holds one command group and is imported when its command is named. A command's module
imports at its top what `--help` needs, and inside its functions what the work needs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

import click

from axonflow_core.cli.groups import Group

_COMMANDS: Mapping[str, str] = {
    "ask": "ask:ask",
    "audit": "audit:audit",
    "check": "check:check",
    "clients": "clients:clients",
    "codecs": "codecs:codecs",
    "completion": "completion:completion",
    "count": "count:count",
    "demo": "demo:demo",
    "embed": "embed:embed",
    "emulate": "emulate:emulate",
    "explain": "explain:explain",
    "init": "init:init",
    "keys": "keys:keys",
    "models": "models:models",
    "plan": "plan:plan",
    "plugins": "plugins:plugins",
    "policy": "policy:policy",
    "serve": "serve:serve",
    "worker": "worker:worker",
}
"""Command -> module of this package and the name in it."""


class _Commands(Group):
    """A group that imports a command's module when that command is named or listed in detail."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None where there is none of that name, which click reports."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), name)
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="axonflow-core", prog_name="axonflow")
@click.pass_context
def axonflow(context: click.Context) -> None:
    """Language models as a governed runtime: providers and model families are plugins.

    \b
    axonflow demo                      see it work, with no account and no network
    axonflow init                      write a first axonflow.yaml
    axonflow ask "Why is the sky blue?"
    """
    from axonflow_core.cli.display import warnings_shown

    context.with_resource(warnings_shown())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code (see `failure`). An exception is reported on stderr
    and not raised again.
    """
    from axonflow_core.cli.failure import asks_for_json, report

    _open_closed_streams()
    try:
        outcome = axonflow.main(args=arguments, prog_name="axonflow", standalone_mode=False)
    except BaseException as error:
        return report(error, is_json=asks_for_json(arguments))
    return outcome if isinstance(outcome, int) else 0


def _open_closed_streams() -> None:
    """Let what is written to a closed stdout or stderr vanish. Python has None in its place."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - for good
