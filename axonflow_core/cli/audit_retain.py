"""`axonflow audit retain`: records whose time is over are removed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.audit_options import audit_of, opened, time_option, url_option, writing
from axonflow_core.cli.options import config_option, json_option

if TYPE_CHECKING:
    from axonflow_core.audit.retention import Plan
    from axonflow_core.messages import Json

_DAY_US = 86_400_000_000


@click.command("retain", short_help="Remove the records whose time is over.")
@time_option(
    "--before",
    "before_us",
    help="Remove what is older: 2026-05-01. Default: `audit.retention_days` before now.",
)
@click.option("--dry-run", "is_dry", is_flag=True, help="Change nothing: say what would go.")
@config_option
@url_option
@json_option
def retain(
    *, before_us: int | None, is_dry: bool, path: Path | None, url: str | None, is_json: bool
) -> None:
    """Remove the first records of each chain, up to a signed head that is older than the time for
    which they are kept; nothing that a hold covers, or that an export has yet to carry out. What is
    left verifies as before.
    """
    import asyncio

    from axonflow_core.cli.display import shown_time, write_json, write_line
    from axonflow_core.cli.extras import server_extra

    limit_us = _limit_us(path, url, before_us)
    with server_extra():
        from axonflow_core.audit.retention import plan

    if is_dry:
        with opened(path, url) as connection:
            planned = plan(connection, limit_us)
        removals: list[str] = []
    else:
        planned, removals = asyncio.run(_removed(path, url, limit_us))
    if is_json:
        write_json({**_as_json(planned), "removals": list(removals), "is_dry_run": is_dry})
        return
    for line in _lines(planned):
        write_line(line)
    verb = "would be removed" if is_dry else "are removed"
    write_line(f"{planned.count:,} records of before {shown_time(limit_us)} {verb}")
    for id in removals:
        write_line(f"recorded as {id}")


def _limit_us(path: Path | None, url: str | None, before_us: int | None) -> int:
    """Records that were signed before this time go."""
    from axonflow_core.errors import ConfigError

    days = audit_of(path, url).retention_days
    kept_since_us = None if days is None else time.time_ns() // 1_000 - days * _DAY_US
    if before_us is None and kept_since_us is None:
        raise ConfigError(
            "nothing says how long records are kept",
            hint="`audit: {retention_days: 365}` in the configuration, or --before DATE",
        )
    if before_us is not None and kept_since_us is not None and before_us > kept_since_us:
        raise click.UsageError(f"--before is within the {days} days of `audit.retention_days`")
    return kept_since_us if before_us is None else before_us  # type: ignore[return-value]


async def _removed(path: Path | None, url: str | None, before_us: int) -> tuple[Plan, list[str]]:
    """What was removed, and the records that say so."""
    from axonflow_core.audit.databases.urls import database_of
    from axonflow_core.audit.retention import removal

    async with writing(path, url) as store:
        removed = await removal(store, before_us, command="audit retain")
    database = database_of(audit_of(path, url).url)
    with database.reporting("the audit cannot overwrite what was removed in"):
        database.wipe(())
    return removed


def _lines(planned: Plan) -> list[str]:
    """What would be removed of each chain, and what stays."""
    counts = _counts(planned)
    lines = [f"chain {chain}: {count:,} records" for chain, count in counts.items()]
    held = {(segment.chain, segment.held_by): segment for segment in planned.held}
    return lines + [f"chain {chain}: the hold {name} keeps the rest" for chain, name in held]


def _counts(planned: Plan) -> Mapping[str, int]:
    """Chain -> how many of its records go."""
    counts: Counter[str] = Counter()
    for segment in planned.segments:
        counts[segment.chain] += segment.count
    return counts


def _as_json(planned: Plan) -> dict[str, Json]:
    held = [{"chain": each.chain, "hold": each.held_by} for each in planned.held]
    return {
        "before_us": planned.before_us,
        "records": planned.count,
        "chains": dict(_counts(planned)),
        "held": held,
    }
