"""`axonflow explain`: what an error code means and what to do about it; what a call would be
(`explain_call`)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.explain_call import explain_call

if TYPE_CHECKING:
    from axonflow_core.cli.troubleshooting import Catalogue
    from axonflow_core.plugin_spec import ErrorEntry


@click.group(short_help="What an error means; what a call would be.")
def explain() -> None:
    """Explain what AxonFlow says, and what it would do."""


explain.add_command(explain_call)


@explain.command("error")
@click.argument("code", required=False)
@click.option(
    "--markdown", "is_page", is_flag=True, help="Everything, as the page docs/troubleshooting.md."
)
def explain_error(*, code: str | None, is_page: bool) -> None:
    """Say what CODE stands for: a code of AxonFlow's (`error[CODE]`) or the provider's own name for
    a fault.

    Without CODE the codes are listed.
    """
    from axonflow_core.cli.troubleshooting import page

    if is_page and code is not None:
        raise click.UsageError("--markdown writes the whole page: leave CODE out")
    catalogues = installed_catalogues()
    if is_page:
        click.echo(page(catalogues), nl=False)
    elif code is None:
        _list(catalogues)
    else:
        click.echo("\n\n".join(_told(code, catalogues)))


def installed_catalogues() -> tuple[Catalogue, ...]:
    """What every installed provider tells apart. A broken plugin explains nothing, and `axonflow
    plugins` says why."""
    from axonflow_core.cli.troubleshooting import Catalogue
    from axonflow_core.errors import PluginError
    from axonflow_core.plugins import PROVIDERS, find_plugins, is_blocked, load_provider

    catalogues = []
    for name in sorted(
        {plugin.name for plugin in find_plugins(PROVIDERS) if not is_blocked(plugin, os.environ)}
    ):
        try:
            spec = load_provider(name)
        except PluginError as error:
            click.echo(f"warning: {error.message}", err=True)
            continue
        if spec.error_catalogue is not None:
            catalogues.append(Catalogue(spec.display_name, tuple(spec.error_catalogue())))
    return tuple(catalogues)


def _list(catalogues: Sequence[Catalogue]) -> None:
    from axonflow_core.cli.display import write_table
    from axonflow_core.cli.troubleshooting import OWN_CODES

    rows = [(code, own.cause) for code, own in OWN_CODES.items()]
    natives = {
        code
        for catalogue in catalogues
        for entry in catalogue.entries
        for code in entry.native_codes
    }
    write_table(("code", "meaning"), rows)
    if natives:
        click.echo(f"\nnames of the providers: {', '.join(sorted(natives))}")


def _told(code: str, catalogues: Sequence[Catalogue]) -> Iterator[str]:
    """The entry of that code, then every case that the providers tell apart under it."""
    from axonflow_core.cli.troubleshooting import OWN_CODES

    wanted = code.lower()
    own = OWN_CODES.get(wanted)
    cases = [
        (catalogue.provider, entry)
        for catalogue in catalogues
        for entry in catalogue.entries
        if wanted == entry.code or wanted in map(str.lower, entry.native_codes)
    ]
    if own is None and not cases:
        raise _unknown(code, catalogues)
    if own is not None:
        yield f"{wanted}: {own.cause}\n  fix: {own.fix}"
    for provider, entry in cases:
        yield _case(provider, entry)


def _unknown(code: str, catalogues: Sequence[Catalogue]) -> click.UsageError:
    from axonflow_core.cli.troubleshooting import OWN_CODES
    from axonflow_core.config.faults import suggest

    native = {
        name
        for catalogue in catalogues
        for entry in catalogue.entries
        for name in entry.native_codes
    }
    known = {name.lower(): name for name in {*OWN_CODES, *native}}
    hint = suggest(code, known, noun="known codes")
    for lower, name in known.items():
        hint = hint.replace(f"`{lower}`", f"`{name}`")
    return click.UsageError(f"there is no error code `{code}`; {hint}")


def _case(provider: str, entry: ErrorEntry) -> str:
    names = ", ".join(
        [*entry.native_codes, *([f"HTTP {entry.statuses}"] if entry.statuses else [])]
    )
    retry = "worth a retry" if entry.is_retryable else "not retried"
    lines = [f"{provider}{f', {names}' if names else ''} ({entry.code}, {retry})"]
    lines += [f"  seen as: {entry.issue}"] if entry.issue else []
    lines += [f"  says: {entry.example}"] if entry.example else []
    return "\n".join([*lines, f"  cause: {entry.cause}", f"  fix: {entry.fix}"])
