"""`axonflow audit hold`: records that may be neither erased nor removed for now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.audit_options import (
    opened,
    pseudonyms_of,
    server_keys,
    time_option,
    url_option,
    writing,
)
from axonflow_core.cli.groups import Group
from axonflow_core.cli.options import config_option, json_option

if TYPE_CHECKING:
    from axonflow_core.audit.holds import Hold


@click.group(cls=Group, short_help="Keep records from being erased or removed.")
def hold() -> None:
    """Holds: records that may be neither erased nor removed for now, and why. Each change of them
    is a record."""


@hold.command("add", short_help="Put records under a hold.")
@click.argument("name")
@click.option("--reason", required=True, help="Why, as it is recorded.")
@click.option("--tenant", help="Records of this tenant. Default: of any.")
@click.option("--client", help="Records of this client.")
@click.option("--subject", metavar="S", help="Records of this user, with --tenant.")
@time_option("--since", help="Records not before: 2026-11-29T12:30Z.")
@time_option("--until", help="Records before.")
@config_option
@url_option
def add(
    *,
    name: str,
    reason: str,
    tenant: str | None,
    client: str | None,
    subject: str | None,
    since: int | None,
    until: int | None,
    path: Path | None,
    url: str | None,
) -> None:
    """Put every record that fits all of what is given under the hold NAME, those that are written
    later too. Where nothing is given, that is every record."""
    import asyncio

    from axonflow_core.cli.display import tell
    from axonflow_core.cli.extras import server_extra

    if subject is not None and tenant is None:
        raise click.UsageError("a user's name is known within a tenant: add --tenant")
    with server_extra():
        from axonflow_core.audit import holds

    user = None if subject is None else _pseudonym(path, url, str(tenant), subject)
    held = holds.Hold(
        name=name,
        reason=reason,
        tenant=tenant,
        client=client,
        user=user,
        start_us=since,
        end_us=until,
    )

    async def put() -> None:
        async with writing(path, url) as store:
            await store.transact(lambda transaction: holds.add(transaction, held))

    asyncio.run(put())
    tell(f"{name} holds {_scope(held)}")


def _pseudonym(path: Path | None, url: str | None, tenant: str, subject: str) -> str:
    from axonflow_core.errors import RequestError

    with opened(path, url) as connection:
        known = pseudonyms_of(connection, server_keys(path, url), subject, tenant)
    if tenant not in known:
        raise RequestError(f"the tenant {tenant} has no key, and so no users")
    return known[tenant]


@hold.command("list", short_help="List the holds.")
@config_option
@url_option
@json_option
def list_(*, path: Path | None, url: str | None, is_json: bool) -> None:
    """List the holds that are in force."""
    import attrs

    from axonflow_core.cli.display import shown_time, write_json, write_table
    from axonflow_core.cli.extras import server_extra

    with server_extra():
        from axonflow_core.audit.holds import holds_in

    with opened(path, url) as connection:
        found = holds_in(connection)
    if is_json:
        write_json([attrs.asdict(one) for one in found])
        return
    rows = [(one.name, shown_time(one.at_us), _scope(one), one.reason) for one in found]
    write_table(("NAME", "SINCE", "HOLDS", "REASON"), rows)


@hold.command("release", short_help="Let go of what a hold covers.")
@click.argument("name")
@config_option
@url_option
def release(*, name: str, path: Path | None, url: str | None) -> None:
    """Let go of what the hold NAME covers."""
    import asyncio

    from axonflow_core.cli.display import tell
    from axonflow_core.cli.extras import server_extra

    with server_extra():
        from axonflow_core.audit import holds

    async def let_go() -> None:
        async with writing(path, url) as store:
            await store.transact(lambda transaction: holds.release(transaction, name))

    asyncio.run(let_go())
    tell(f"{name} is released")


def _scope(one: Hold) -> str:
    """What a hold covers, in words."""
    from axonflow_core.cli.display import shown_time

    times = (("since", one.start_us), ("until", one.end_us))
    named = (("tenant", one.tenant), ("client", one.client), ("user", one.user))
    words = [f"{what} {value}" for what, value in named if value is not None]
    words += [f"{what} {shown_time(at_us)}" for what, at_us in times if at_us is not None]
    return ", ".join(words) or "every record"
