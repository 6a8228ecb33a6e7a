"""`axonflow plugins`: the installed plugins and their state; checks and scaffolds for authors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from axonflow_core.cli.groups import Group

if TYPE_CHECKING:
    from types import ModuleType

    from axonflow_core.codec import FamilyCodec
    from axonflow_core.plugins import PluginState
    from axonflow_core.testing import Law

_STYLES = {"loaded": "green", "failed": "bold red", "incompatible": "bold red", "blocked": "yellow"}


@click.group(
    cls=Group, short_help="The installed plugins and their state.", invoke_without_command=True
)
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="The configuration file, which enables plugins.",
)
@click.option("--json", "is_json", is_flag=True, help="One JSON object for each plugin.")
@click.option("-v", "--verbose", "is_verbose", is_flag=True, help="With modules and folders.")
@click.pass_context
def plugins(ctx: click.Context, *, path: Path | None, is_json: bool, is_verbose: bool) -> None:
    """List every installed plugin with its state. Plugins that the configuration does not enable
    are not imported."""
    if ctx.invoked_subcommand is None:
        _list_plugins(path, is_json=is_json, is_verbose=is_verbose)


def _list_plugins(path: Path | None, *, is_json: bool, is_verbose: bool) -> None:
    """Write the table to stdout, and the reason of each plugin that is not usable to stderr."""
    from axonflow_core.cli.display import tell, write_json, write_notes, write_table
    from axonflow_core.config import enabled_plugins
    from axonflow_core.detector_plugins import detector_states
    from axonflow_core.plugins import plugin_states

    enabled = enabled_plugins(path)
    states = (*plugin_states(enabled.providers), *detector_states(enabled.detectors))
    rows = [_row(state) for state in states]
    if is_json:
        write_json(rows)
        return
    cells = [
        (
            *(row[column].removeprefix("axonflow.") for column in ("name", "state", "group")),
            f"{row['distribution']} {row['version']}",  # in one column: 80 are few
        )
        for row in rows
    ]
    write_table(("name", "state", "group", "distribution"), cells, _STYLES)
    for row in rows if is_verbose else ():
        write_notes(row["name"], {name: row[name] for name in ("module", "origin")})
    for row in rows:
        if row["reason"]:
            tell(f"{row['name']}: {row['reason']}")


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


@plugins.group(cls=Group, short_help="Create the package of a new plugin.")
def new() -> None:
    """Create a small package that works and passes its tests, as a starting point."""


_INTO = click.option(
    "--into",
    "parent",
    type=click.Path(path_type=Path),
    default=".",
    help="The folder to create the package in. Default: the current one.",
)


@new.command("codec", short_help="Create a codec package for a model family.")
@click.argument("name")
@click.option(
    "--provider", default="bedrock", show_default=True, help="The provider that serves the models."
)
@click.option(
    "--chat",
    "is_chat",
    is_flag=True,
    help="A family of conversations: system prompt, turns, tools. Default: one prompt.",
)
@_INTO
def new_codec(*, name: str, provider: str, is_chat: bool, parent: Path) -> None:
    """Create the package axonflow-PROVIDER-NAME: a codec for the model family NAME, with tests that
    pass."""
    from axonflow_core.cli.scaffold import CHAT_CODEC, CODEC, write_package

    template = CHAT_CODEC if is_chat else CODEC
    _report_package(write_package(template, name, parent, provider=provider))


@new.command("provider", short_help="Create a provider package for a vendor's API.")
@click.argument("name")
@_INTO
def new_provider(*, name: str, parent: Path) -> None:
    """Create the package axonflow-provider-NAME: a provider for a vendor's API in the form of
    OpenAI's chat completions, with tests that pass."""
    from axonflow_core.cli.scaffold import PROVIDER, write_package

    _report_package(write_package(PROVIDER, name, parent))


def _report_package(folder: Path) -> None:
    from axonflow_core.cli.display import tell, write_line

    write_line(str(folder))
    tell(f"next: cd {folder} && pip install -e '.[testing]' && pytest")


# ── check ─────────────────────────────────────────────────────────────────────────────────────────


@plugins.command("check", short_help="Check an installed model family against every law.")
@click.argument("name")
@click.option(
    "--provider", default="bedrock", show_default=True, help="The provider that serves the models."
)
@click.option(
    "--mutants",
    "has_mutants",
    is_flag=True,
    help="Also count which seeded mistakes the laws would find.",
)
@click.pass_context
def check_codec(ctx: click.Context, *, name: str, provider: str, has_mutants: bool) -> None:
    """Check every codec of the family NAME against every law. Exits with 1 if a law is broken or a
    seeded mistake is not found."""
    judges = (_keeps_every_law, _shows_every_mistake) if has_mutants else (_keeps_every_law,)
    with _kit() as kit:
        verdicts = [judge(kit, codec) for codec in _codecs_of(name, provider) for judge in judges]
    ctx.exit(0 if all(verdicts) else 1)


def _codecs_of(name: str, provider: str) -> list[FamilyCodec]:
    """The codecs of that family or family/variant. `UndetectedFamily` names the installed
    families."""
    from axonflow_core.codec import FamilyCodec
    from axonflow_core.config.faults import suggest
    from axonflow_core.errors import UndetectedFamily
    from axonflow_core.plugins import load_codecs

    registry = load_codecs(provider).registry
    codecs = [
        codec for codec in registry.of_kind(FamilyCodec) if name in (codec.family, codec.name)
    ]
    if not codecs:
        raise UndetectedFamily(
            f"no codec for the family {name!r} is installed",
            hint=suggest(name, registry.names, noun="installed families"),
        )
    return codecs


def _keeps_every_law(kit: ModuleType, codec: FamilyCodec) -> bool:
    """Run the laws and write the broken ones; whether there are none."""
    from axonflow_core.cli.display import write_line

    laws = kit.codec_laws(codec)
    broken = [(law.name, fault) for law in laws if (fault := _fault_of(law)) is not None]
    write_line(f"{codec.name}: {len(laws) - len(broken)} of {len(laws)} laws hold")
    for name, fault in broken:
        write_line(f"  broken: {name}: {type(fault).__name__}: {fault}")
    return not broken


def _shows_every_mistake(kit: ModuleType, codec: FamilyCodec) -> bool:
    """Run the mutants and write the mistakes that no law finds; whether there are none."""
    from axonflow_core.cli.display import write_line

    mutants = kit.codec_mutants(codec)
    unseen = [mutant.mistake for mutant in mutants if not mutant.is_caught]
    write_line(
        f"{codec.name}: {len(mutants) - len(unseen)} of {len(mutants)} seeded mistakes are found"
    )
    for mistake in unseen:
        write_line(f"  not found: {mistake}")
    return not unseen


def _fault_of(law: Law[Any]) -> Exception | None:
    """What the law raises, None where it holds."""
    try:
        law()
    except Exception as fault:  # any exception that a codec raises breaks the law
        return fault
    return None


@contextmanager
def _kit() -> Iterator[ModuleType]:
    """The kit for codec authors, with Hypothesis's example database in a temporary folder.
    `PluginError` where Hypothesis is not installed.
    """
    from axonflow_core import testing
    from axonflow_core.errors import PluginError

    try:
        from hypothesis.configuration import set_hypothesis_home_dir
    except ImportError:
        raise PluginError(
            "checking the laws needs Hypothesis", hint='pip install "axonflow-core[testing]"'
        ) from None
    with TemporaryDirectory() as folder:
        set_hypothesis_home_dir(folder)
        yield testing
