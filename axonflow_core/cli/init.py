"""`axonflow init`: a first configuration that works."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from axonflow_core.plugin_spec import FirstSettings, ProviderSpec, Setting


@click.command(short_help="Write a first axonflow.yaml.")
@click.argument("file", type=click.Path(path_type=Path), default="axonflow.yaml")
@click.option("--provider", help="The provider plugin. Default: the only one that can.")
@click.option("--force", "is_forced", is_flag=True, help="Overwrite FILE.")
def init(*, file: Path, provider: str | None, is_forced: bool) -> None:
    """Write FILE, by default axonflow.yaml, with the settings found on this machine, a model that
    lives, and a comment beside each key. Providers that variables enable are in it too, for a file
    is all that counts once there is one. An existing file is not overwritten.

    \b
    axonflow init && axonflow check && axonflow ask "Why is the sky blue?"
    """
    import asyncio

    from axonflow_core.cli.display import tell, write_line

    found = [] if provider else [*_enabled_by_variables()]
    spec, first_settings = _beginning(provider)
    settings = asyncio.run(first_settings(os.environ))
    others = [each for each in found if each[0].name != spec.name]
    if not others or all(map(_is_known, settings)):
        others.insert(0, (spec, settings))
    _write(file, "\n".join(_lines(others)) + "\n", is_forced=is_forced)
    write_line(str(file))
    tell("next: axonflow check, then axonflow ask")


def _beginning(provider: str | None) -> tuple[ProviderSpec, FirstSettings]:
    """The provider to write settings of, and where they come from. `PluginError` where it has none,
    or several have some."""
    from axonflow_core.cli.providers import installed_specs
    from axonflow_core.errors import PluginError

    specs = installed_specs(provider)
    able = [(spec, spec.first_settings) for spec in specs if spec.first_settings is not None]
    if len(able) == 1:
        return able[0]
    if able:
        several = ", ".join(spec.name for spec, _ in able)
        raise PluginError(
            f"several providers are installed: {several}",
            hint=f"choose one: --provider {able[0][0].name}",
        )
    raise PluginError(
        f"the provider {provider} has no settings to begin with"
        if provider
        else "no installed provider has settings to begin with",
        hint="docs/configure.md describes the file",
    )


def _enabled_by_variables() -> Iterator[tuple[ProviderSpec, Sequence[Setting]]]:
    """The providers that need no file, with settings that refer to their variables. A key that is
    not in the file is read from its variable all the same."""
    from axonflow_core.cli.providers import installed_specs
    from axonflow_core.plugin_spec import Setting

    for spec in installed_specs():
        if spec.enabling_variables and spec.config_from_environment(os.environ) is not None:
            named = {key: f"${{{variable}}}" for key, variable in spec.variables.items()}
            named |= (
                {"timeouts": f"{{total_s: {named['timeouts']}}}"} if "timeouts" in named else {}
            )
            present = spec.defaults_from_environment(os.environ)
            yield (
                spec,
                [
                    Setting(key=key, value=named[key], comment="is set")
                    for key in named
                    if key in present
                ],
            )


def _is_known(setting: Setting) -> bool:
    """Whether a setting does not refer to a variable that is not set."""
    variable = setting.value.removeprefix("${").removesuffix("}")
    return not setting.is_active or setting.value == variable or variable in os.environ


def _lines(providers: Sequence[tuple[ProviderSpec, Sequence[Setting]]]) -> Iterator[str]:
    """The lines of the file."""
    from axonflow_core.config.values import VERSION

    yield "# `axonflow check` says whether this works. A value may refer to a variable of the"
    yield "# environment: ${NAME}, or ${NAME:-default}. No secret belongs in here."
    yield f'version: "{VERSION}"'
    yield ""
    yield "llm_providers:"
    for spec, settings in providers:
        yield f"  {spec.name}:  # {spec.display_name}"
        yield "    enabled: true"
        if settings:
            yield "    config:"
        for setting in settings:
            mark = "" if setting.is_active else "# "
            yield f"      {mark}{setting.key}: {setting.value}  # {setting.comment}"


def _write(path: Path, text: str, *, is_forced: bool) -> None:
    try:
        with path.open("w" if is_forced else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.UsageError(f"{path} exists and is not overwritten; --force does") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from None
