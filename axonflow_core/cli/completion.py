"""`axonflow completion`: the script that completes commands, options and model ids in a shell."""

from __future__ import annotations

import click


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(*, shell: str) -> None:
    """Print the script that completes commands, options and model ids in SHELL.

    \b
    eval "$(axonflow completion bash)"       in ~/.bashrc
    eval "$(axonflow completion zsh)"        in ~/.zshrc
    axonflow completion fish | source        in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from axonflow_core.cli import axonflow
    from axonflow_core.cli.display import write_line

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click completes nothing in {shell}")
    script = kind(axonflow, {}, "axonflow", "_AXONFLOW_COMPLETE")
    write_line(script.source_template % script.source_vars())
