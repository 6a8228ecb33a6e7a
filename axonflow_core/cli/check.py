"""`axonflow check`: whether the configuration would start."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from axonflow_core.config import Config, ProviderConfig


@click.command(short_help="Check the configuration and the plugins it needs.")
@click.argument("file", type=click.Path(path_type=Path), required=False)
def check(*, file: Path | None) -> int:
    """Read FILE, or the configuration that would be found without it, and build all that it asks for, but call nothing.

    Exits with 3 when the configuration has faults, and with 1 when a model family could not be loaded.
    """
    from axonflow_core.cli.failure import CHECK_FAILED, OK
    from axonflow_core.config import load_config

    config = load_config(file)
    asyncio.run(_build(config))
    families_serve = [_show_families(entry) for entry in config.enabled.values()]
    count = len(config.enabled)
    click.echo(f"{config.path or 'the environment'}: {count} provider{'' if count == 1 else 's'} enabled")
    return OK if all(families_serve) else CHECK_FAILED


async def _build(config: Config) -> None:
    from axonflow_core.runtime import Runtime

    async with Runtime.open(config):
        pass


def _show_families(entry: ProviderConfig) -> bool:
    """Whether all of the provider's families serve. Why one does not was logged when it was loaded."""
    from axonflow_core.plugins import State, load_codecs

    loaded = load_codecs(entry.type)
    families = ", ".join(loaded.registry.names) or "no model families of its own"
    click.echo(f"{entry.name}: {families}")
    return not any(state.state in (State.FAILED, State.INCOMPATIBLE) for state in loaded.plugins)
