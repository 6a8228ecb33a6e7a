"""`axonflow plugins`: what is installed, and what became of it; a package for a new one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from types import ModuleType

    from axonflow_core.codec import FamilyCodec
    from axonflow_core.plugins import PluginState
    from axonflow_core.testing import Law

_STYLES = {"loaded": "green", "failed": "bold red", "incompatible": "bold red", "blocked": "yellow"}


@click.group(short_help="The installed plugins and their state.", invoke_without_command=True)
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="The configuration that says what is enabled.",
)
@click.option("--json", "is_json", is_flag=True, help="One JSON object for each plugin.")
@click.pass_context
def plugins(ctx: click.Context, *, path: Path | None, is_json: bool) -> None:
    """List every installed plugin with its state. What the configuration does not enable is not
    imported."""
    if ctx.invoked_subcommand is None:
        _list_plugins(path, is_json=is_json)


def _list_plugins(path: Path | None, *, is_json: bool) -> None:
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


# ── new ───────────────────────────────────────────────────────────────────────────────────────────


@plugins.group(short_help="Write the package of a plugin.")
def new() -> None:
    """Write a small package that works, for its author to go on from."""


@new.command("codec", short_help="Write the package of a model family.")
@click.argument("name")
@click.option("--provider", default="bedrock", show_default=True, help="Whose models they are.")
@click.option(
    "--into",
    "parent",
    type=click.Path(path_type=Path),
    default=".",
    help="The folder it goes into. Default: here.",
)
def new_codec(*, name: str, provider: str, parent: Path) -> None:
    """Write the package axonflow-PROVIDER-NAME: a codec for the family NAME, with tests that
    pass."""
    from axonflow_core.cli.scaffold import write_codec_package

    folder = write_codec_package(name, provider, parent)
    click.echo(folder)
    click.echo(f"next: cd {folder} && pip install -e '.[testing]' && pytest", err=True)


# ── check ─────────────────────────────────────────────────────────────────────────────────────────


@plugins.command("check", short_help="Hold an installed model family to every law.")
@click.argument("name")
@click.option("--provider", default="bedrock", show_default=True, help="Whose models they are.")
@click.option(
    "--mutants",
    "has_mutants",
    is_flag=True,
    help="Count too which mistakes in it the laws would see.",
)
@click.pass_context
def check_codec(ctx: click.Context, *, name: str, provider: str, has_mutants: bool) -> None:
    """Hold every codec of the family NAME to every law. Exits with 1 if one is broken or a mistake
    goes unseen."""
    judges = (_keeps_every_law, _shows_every_mistake) if has_mutants else (_keeps_every_law,)
    with _kit() as kit:
        verdicts = [judge(kit, codec) for codec in _codecs_of(name, provider) for judge in judges]
    ctx.exit(0 if all(verdicts) else 1)


def _codecs_of(name: str, provider: str) -> list[FamilyCodec]:
    from axonflow_core.codec import FamilyCodec
    from axonflow_core.errors import UndetectedFamily
    from axonflow_core.plugins import load_codecs

    registry = load_codecs(provider).registry
    codecs = [
        codec for codec in registry.of_kind(FamilyCodec) if name in (codec.family, codec.name)
    ]
    if not codecs:
        raise UndetectedFamily(
            f"no codec for a family {name!r} is installed",
            hint=f"there are: {', '.join(registry.names) or 'none'}",
        )
    return codecs


def _keeps_every_law(kit: ModuleType, codec: FamilyCodec) -> bool:
    from axonflow_core.cli.display import visible

    laws = kit.codec_laws(codec)
    broken = [(law.name, fault) for law in laws if (fault := _fault_of(law)) is not None]
    click.echo(f"{codec.name}: {len(laws) - len(broken)} of {len(laws)} laws kept")
    for name, fault in broken:
        click.echo(visible(f"  broken: {name}: {type(fault).__name__}: {fault}"))
    return not broken


def _shows_every_mistake(kit: ModuleType, codec: FamilyCodec) -> bool:
    mutants = kit.codec_mutants(codec)
    unseen = [mutant.mistake for mutant in mutants if not mutant.is_caught]
    click.echo(
        f"{codec.name}: {len(mutants) - len(unseen)} of {len(mutants)} mistakes would be seen"
    )
    for mistake in unseen:
        click.echo(f"  unseen: {mistake}")
    return not unseen


def _fault_of(law: Law[Any]) -> Exception | None:
    try:
        law()
    except Exception as fault:  # whatever a codec stumbles over breaks the law
        return fault
    return None


@contextmanager
def _kit() -> Iterator[ModuleType]:
    """The kit for authors. What Hypothesis writes down goes into a folder that is gone
    afterwards."""
    from axonflow_core import testing
    from axonflow_core.errors import PluginError

    try:
        from hypothesis.configuration import set_hypothesis_home_dir
    except ImportError:
        raise PluginError(
            "the laws need Hypothesis", hint='pip install "axonflow-core[testing]"'
        ) from None
    with TemporaryDirectory() as folder:
        set_hypothesis_home_dir(folder)
        yield testing
