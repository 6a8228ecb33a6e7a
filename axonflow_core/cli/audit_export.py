"""`axonflow audit export`: records carried out, in parts that can be verified elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.audit_options import server_keys, time_option, url_option, writing
from axonflow_core.cli.options import config_option

if TYPE_CHECKING:
    from axonflow_core.audit.export import Exporter
    from axonflow_core.audit.store import AuditStore

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

    from axonflow_core.cli.emulate import until_interrupted
    from axonflow_core.cli.extras import server_extra

    with server_extra():
        from axonflow_core.audit.export import Exporter, ExportFolder, Form
        from axonflow_core.audit.keys import Signer

    signer = Signer(server_keys(path, url))
    exporter = Exporter(ExportFolder(folder), signer, Form(form), since_us=since_us)

    async def run() -> None:
        async with writing(path, url) as store:
            with until_interrupted() as is_over:
                while not is_over():
                    if await _stepped(exporter, store, name, most):
                        continue
                    if not is_followed:
                        return
                    await asyncio.sleep(_POLL_S)

    asyncio.run(run())


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
