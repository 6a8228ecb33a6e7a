"""`axonflow audit report`: what the records say in sum."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from axonflow_core.cli.audit_options import opened, time_option, url_option
from axonflow_core.cli.groups import Group
from axonflow_core.cli.options import config_option, json_option

if TYPE_CHECKING:
    from axonflow_core.audit.reports import Report


@click.group(cls=Group, short_help="Sum up where calls went, what was used and decided.")
def report() -> None:
    """Sum up the records, of a time or a tenant."""


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What all reports take."""
    for option in (
        json_option,
        click.option("--csv", "is_csv", is_flag=True, help="Comma-separated values."),
        click.option("--tenant", help="Whose records. Default: everybody's."),
        time_option("--until", help="Before."),
        time_option("--since", help="Not before: 2026-11-29T12:30Z."),
        url_option,
        config_option,
    ):
        command = option(command)
    return command


@report.command("residency", short_help="Where calls were processed, and within which regions.")
@_options
def residency(**given: Any) -> int:
    """Count calls by provider, region called and verdict, failed attempts too. `within` says
    whether the region is one of those that were allowed: yes, no, unknown, or open where all were.

    Exits with 1 where a record is outside of its regions, and names the first hundred.
    """
    from axonflow_core.cli.extras import server_extra
    from axonflow_core.cli.failure import CHECK_FAILED, OK

    with server_extra():
        from axonflow_core.audit.reports import residency as made
        from axonflow_core.routing.targets import matches

    found = _written(lambda connection, period: made(connection, period, matches), **given)
    return CHECK_FAILED if found.outside else OK


@report.command("usage", short_help="Calls, tokens and cost by day, client and model.")
@_options
def usage(**given: Any) -> None:
    """Count calls, tokens and cost by day, tenant, client, provider and model."""
    from axonflow_core.cli.extras import server_extra

    with server_extra():
        from axonflow_core.audit.reports import usage as made

    _written(made, **given)


@report.command("decisions", short_help="How often each rule found something, and what it did.")
@_options
def decisions(**given: Any) -> None:
    """Count records by rule, action and verdict."""
    from axonflow_core.cli.extras import server_extra

    with server_extra():
        from axonflow_core.audit.reports import decisions as made

    _written(made, **given)


def _written(
    make: Callable[..., Report],
    *,
    path: Path | None,
    url: str | None,
    since: int | None,
    until: int | None,
    tenant: str | None,
    is_csv: bool,
    is_json: bool,
) -> Report:
    """Make a report and write it."""
    from axonflow_core.audit.reports import Period
    from axonflow_core.cli.display import progress

    if is_csv and is_json:
        raise click.UsageError("a report is written as --csv or as --json, not as both")
    with opened(path, url) as connection, progress() as tell:
        period = Period(tenant=tenant, start_us=since, end_us=until, progress=tell)
        found = make(connection, period)
    if is_json:
        _write_json(found)
    elif is_csv:
        _write_csv(found)
    else:
        _write_table(found)
    return found


def _write_json(found: Report) -> None:
    from axonflow_core.cli.display import write_json

    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    write_json({"rows": rows, "outside": list(found.outside)})


def _write_csv(found: Report) -> None:
    import csv
    import io

    from axonflow_core.cli.display import write_text

    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(found.columns)
    writer.writerows([_not_computed(value) for value in row] for row in found.rows)
    write_text(text.getvalue())
    _tell_outside(found)


def _not_computed(value: object) -> object:
    """A cell that a program for spreadsheets shows as it is, and does not take for a formula: a
    text that begins like one, as a model that a client names may, has an apostrophe before it
    (OWASP, CSV Injection). Numbers are numbers of ours."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _write_table(found: Report) -> None:
    from axonflow_core.cli.display import write_table

    names = [column.upper().replace("_", " ") for column in found.columns]
    write_table(names, [[_cell(value) for value in row] for row in found.rows])
    _tell_outside(found)


def _tell_outside(found: Report) -> None:
    from axonflow_core.cli.display import tell

    for id in found.outside:
        tell(f"outside of its regions: {id}")


def _cell(value: object) -> str:
    return f"{value:.6f}" if isinstance(value, float) else str(value)
