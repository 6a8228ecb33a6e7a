"""`axonflow plugins`: what is installed, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from axonflow_core.plugins import PluginState

_STYLES = {"loaded": "green", "failed": "bold red", "incompatible": "bold red", "blocked": "yellow"}


@click.command(short_help="The installed plugins and their state.")
@click.option("--config", "path", type=click.Path(path_type=Path), help="The configuration that says what is enabled.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object for each plugin.")
def plugins(*, path: Path | None, is_json: bool) -> None:
    """List every installed plugin with its state. What the configuration does not enable is not imported."""
    from axonflow_core.cli.display import write_json, write_table
    from axonflow_core.config import enabled_plugins
    from axonflow_core.plugins import plugin_states

    rows = [_row(state) for state in plugin_states(enabled_plugins(path))]
    if is_json:
        write_json(rows)
        return
    columns = ("state", "group", "name", "distribution", "version", "origin")
    write_table(columns, [[row[column] for column in columns] for row in rows], _STYLES)
    for row in rows:
        if row["reason"]:
            click.echo(f"{row['name']}: {row['reason']}", err=True)


def _row(state: PluginState) -> dict[str, str]:
    plugin = state.plugin
    return {
        "state": state.state.value,
        "group": plugin.group,
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "module": plugin.value,
        "origin": state.origin,
        "reason": state.reason,
    }
