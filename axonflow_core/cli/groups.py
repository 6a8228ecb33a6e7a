"""Command groups: one that names the nearest command for one that there is none of."""

from __future__ import annotations

from typing import NoReturn

import click


class Group(click.Group):
    """A group of commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's. `click.UsageError` for an unknown command has the nearest one."""
        name = args[0]
        is_option = name[:1] == "-"
        if not is_option and not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            self._refuse(ctx, name)
        return super().resolve_command(ctx, args)

    def _refuse(self, ctx: click.Context, name: str) -> NoReturn:
        from axonflow_core.config.faults import suggest

        if " " in name:  # a prompt: its words are in no message
            raise click.UsageError('a command comes first: axonflow ask "…"', ctx)
        hint = suggest(name, self.list_commands(ctx), noun="the commands are")
        raise click.UsageError(f"there is no command `{name}`; {hint}", ctx)
