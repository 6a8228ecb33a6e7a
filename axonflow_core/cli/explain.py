"""`axonflow explain`: the cause and fix of an error code, and the details of a call
(`explain_call`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.explain_call import explain_call
from axonflow_core.cli.groups import Group

if TYPE_CHECKING:
    from axonflow_core.cli.troubleshooting import Catalogue
    from axonflow_core.plugin_spec import ErrorEntry


@click.group(cls=Group, short_help="Explain an error code, or a call.")
def explain() -> None:
    """Explain an error code, or what a call would send."""


explain.add_command(explain_call)


@explain.command("error")
@click.argument("code", required=False)
@click.option(
    "--markdown", "is_page", is_flag=True, help="All codes, as the page docs/troubleshooting.md."
)
def explain_error(*, code: str | None, is_page: bool) -> None:
    """Show cause and fix of CODE: one of AxonFlow's codes (`error[CODE]`) or a provider's name for
    an error.

    Without CODE all codes are listed.
    """
    from axonflow_core.cli.display import write_line, write_text
    from axonflow_core.cli.troubleshooting import page

    if is_page and code is not None:
        raise click.UsageError("--markdown writes all codes; leave CODE out")
    catalogues = installed_catalogues()
    if is_page:
        write_text(page(catalogues))
    elif code is None:
        _list(catalogues)
    else:
        write_line("\n\n".join(_explained(code, catalogues)))


def installed_catalogues() -> tuple[Catalogue, ...]:
    """The error catalogue of every installed provider that has one."""
    from axonflow_core.cli.providers import installed_specs
    from axonflow_core.cli.troubleshooting import Catalogue

    return tuple(
        Catalogue(spec.display_name, tuple(spec.error_catalogue()))
        for spec in installed_specs()
        if spec.error_catalogue is not None
    )


def _list(catalogues: Sequence[Catalogue]) -> None:
    """All of AxonFlow's codes with their causes, and the names of the providers' codes."""
    from axonflow_core.cli.display import write_line, write_table
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
        write_line(f"\nprovider codes: {', '.join(sorted(natives))}")


def _explained(code: str, catalogues: Sequence[Catalogue]) -> Iterator[str]:
    """The entry of that code, then every case of the providers under it. `click.UsageError` where
    the code is unknown.
    """
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
    """The error for an unknown code, with the most similar known one."""
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
    """One error of a provider, with its code, retryability, symptom, message, cause and fix."""
    names = ", ".join(
        [*entry.native_codes, *([f"HTTP {entry.statuses}"] if entry.statuses else [])]
    )
    retry = "retried" if entry.is_retryable else "not retried"
    lines = [f"{provider}{f', {names}' if names else ''} ({entry.code}, {retry})"]
    lines += [f"  symptom: {entry.issue}"] if entry.issue else []
    lines += [f"  message: {entry.example}"] if entry.example else []
    return "\n".join([*lines, f"  cause: {entry.cause}", f"  fix: {entry.fix}"])
