"""`axonflow audit export`: records carried out, in parts that can be verified elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.audit_options import audit_of, server_keys, time_option, url_option
from axonflow_core.cli.options import config_option

if TYPE_CHECKING:
    from axonflow_core.audit.export import Exporter
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.config.values import AuditConfig
    from axonflow_core.keys import Keys

_POLL_S = 1.0


@click.command("export", short_help="Carry records out, in parts that can be verified elsewhere.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@config_option
@url_option
@click.option(
    "--form",
    type=click.Choice(("records", "ocsf")),
    default="records",
    help="What a line is: the record as it is signed, or an event of OCSF. Default: records.",
)
@click.option("--name", default="default", help="The export's name in the database.")
@time_option("--since", "since_us", help="Where a new export begins. Default: the first record.")
@click.option(
    "--part",
    "most",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    help="The records of a part. Default: 10,000.",
)
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Go on with what comes.")
def export(
    *,
    folder: Path,
    path: Path | None,
    url: str | None,
    form: str,
    name: str,
    since_us: int | None,
    most: int,
    is_followed: bool,
) -> None:
    """Carry the records out to the folder DIR: parts of JSON lines, each with a signed manifest
    that is written last. An export that was cut short goes on from its last manifest. How far it is
    stands in the database, and retention removes nothing beyond it.

    `axonflow audit verify DIR` verifies a folder without the database.
    """
    import asyncio

    from axonflow_core.cli.extras import server_extra

    with server_extra():
        from axonflow_core.audit.export import Exporter, ExportFolder, Form
        from axonflow_core.audit.keys import Signer

    keys = server_keys(path, url)
    exporter = Exporter(ExportFolder(folder), Signer(keys), Form(form), since_us=since_us)
    audit = audit_of(path, url)
    asyncio.run(_run(exporter, audit, keys, name, most, is_followed=is_followed))


async def _run(
    exporter: Exporter, audit: AuditConfig, keys: Keys, name: str, most: int, *, is_followed: bool
) -> None:
    import asyncio
    import os

    from axonflow_core.audit.anchors import places_of
    from axonflow_core.audit.databases.urls import database_of
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.cli.emulate import until_interrupted

    database_of(audit.url).require_there()
    places = tuple(places_of(audit, os.environ))
    store = await AuditStore.open(audit.url, keys, places=places)
    try:
        with until_interrupted() as is_over:
            while not is_over():
                if not await _stepped(exporter, store, name, most):
                    if not is_followed:
                        return
                    await asyncio.sleep(_POLL_S)
    finally:
        await store.aclose()


async def _stepped(exporter: Exporter, store: AuditStore, name: str, most: int) -> bool:
    """Whether there was another part to write."""
    from axonflow_core.audit.export import has_news, note
    from axonflow_core.cli.display import write_line

    if not await store.read(lambda connection: has_news(connection, exporter.row)):
        return False
    manifest = await store.read(lambda connection: exporter.step(connection, most))
    if manifest is None:
        return False
    await store.transact(lambda transaction: note(transaction, name, manifest))
    write_line(f"part {manifest.number}: {manifest.count:,} records, up to row {manifest.last_row}")
    return True
