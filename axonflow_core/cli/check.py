"""`axonflow check`: whether the configuration is valid and its plugins load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from axonflow_core.config import Config, Fault, ProviderConfig
    from axonflow_core.errors import ConfigError
    from axonflow_core.messages import Json
    from axonflow_core.plugins import PluginState


@click.command(short_help="Check the configuration and the plugins it needs.")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--json", "is_json", is_flag=True, help="One JSON object with every fault and warning."
)
def check(*, file: Path | None, is_json: bool) -> int:
    """Read FILE, or the configuration found by default, and build its providers without calling
    them.

    Exits with 3 when the configuration has faults, and with 1 when a model family could not be
    loaded.
    """
    return _check_as_json(file) if is_json else _check(file)


def _check(file: Path | None) -> int:
    """Report on stdout for people, and return the exit code. A faulty configuration raises."""
    from axonflow_core.cli.failure import CHECK_FAILED, OK

    config = _built(file)
    are_loaded = [_show_families(entry) for entry in config.enabled.values()]
    count = len(config.enabled)
    click.echo(
        f"{config.path or 'the environment'}: {count} provider{'' if count == 1 else 's'} enabled"
    )
    return OK if all(are_loaded) else CHECK_FAILED


def _built(file: Path | None) -> Config:
    """The configuration, after every enabled provider has been built once."""
    import asyncio

    from axonflow_core.config import load_config

    config = load_config(file)
    asyncio.run(_build(config))
    return config


async def _build(config: Config) -> None:
    from axonflow_core.runtime import Runtime

    async with Runtime.open(config):
        pass


def _show_families(entry: ProviderConfig) -> bool:
    """Print the provider's families and return whether all were loaded. The loader logs why one
    was not.
    """
    from axonflow_core.plugins import load_codecs

    loaded = load_codecs(entry.type)
    families = ", ".join(loaded.registry.names) or "no model families of its own"
    click.echo(f"{entry.name}: {families}")
    return not any(_is_broken(state) for state in loaded.plugins)


def _is_broken(state: PluginState) -> bool:
    from axonflow_core.plugins import State

    return state.state in (State.FAILED, State.INCOMPATIBLE)


# ── as JSON ───────────────────────────────────────────────────────────────────────────────────────


def _check_as_json(file: Path | None) -> int:
    """Report the configuration's faults as the result, on stdout, and return the exit code."""
    from axonflow_core.cli.failure import CHECK_FAILED, CONFIGURATION, OK
    from axonflow_core.errors import ConfigError

    try:
        config = _built(file)
    except ConfigError as error:
        _write(file or _path_of(error), *_reported(error))
        return CONFIGURATION
    broken = _broken_families(config)
    _write(config.path, broken, _described(config.warnings))
    return CHECK_FAILED if broken else OK


def _write(path: Path | None, faults: list[Json], warnings: list[Json]) -> None:
    from axonflow_core.cli.display import write_json

    name = None if path is None else str(path)
    write_json({"ok": not faults, "path": name, "faults": faults, "warnings": warnings})


def _path_of(error: ConfigError) -> Path | None:
    """The path of the faulty file, None where the faults are in no file."""
    from axonflow_core.config import FaultyConfig

    return Path(error.faults[0].path) if isinstance(error, FaultyConfig) and error.faults else None


def _reported(error: ConfigError) -> tuple[list[Json], list[Json]]:
    from axonflow_core.config import FaultyConfig

    if isinstance(error, FaultyConfig):
        return _described(error.faults), _described(error.warnings)
    return [_placeless(error.code, error.message, error.hint)], []


def _described(faults: Iterable[Fault]) -> list[Json]:
    return [
        {
            "path": fault.path,
            "line": fault.line or None,
            "column": fault.column or None,
            "code": fault.code,
            "message": fault.message,
            "fix": fault.hint,
        }
        for fault in faults
    ]


def _placeless(code: str, message: str, fix: str | None) -> Json:
    """A fault that has no place in a file."""
    return {
        "path": None,
        "line": None,
        "column": None,
        "code": code,
        "message": message,
        "fix": fix,
    }


def _broken_families(config: Config) -> list[Json]:
    """A fault for each codec plugin of an enabled provider that could not be loaded."""
    from axonflow_core.plugins import load_codecs

    return [
        _placeless(
            "plugin",
            f"the model family {state.plugin.name} of {entry.name} was not loaded: {state.reason}",
            None,
        )
        for entry in config.enabled.values()
        for state in load_codecs(entry.type).plugins
        if _is_broken(state)
    ]
