"""`axonflow audit copy`: the audit moved to another database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.audit_options import anchors_of, audit_of, server_keys, url_option
from axonflow_core.cli.options import config_option, json_option

if TYPE_CHECKING:
    from axonflow_core.audit.copying import Copied


@click.command("copy", short_help="Copy all to another database, with every proof.")
@click.option("--to", "target", metavar="URL", required=True, help="The new database.")
@config_option
@url_option
@json_option
def copy(*, target: str, path: Path | None, url: str | None, is_json: bool) -> int:
    """Copy the database of a server that is stopped to a new one, such as from a file to
    PostgreSQL, and verify the copy. Chains, heads, seals, keys, holds and exports go on there as
    they are. A copy that was cut short goes on where it was when the command is given again.

    Exits with 1 where verifying finds something wrong in the copy, as in what was copied.
    """
    from axonflow_core.audit.keys import Signer
    from axonflow_core.cli.display import progress, write_json
    from axonflow_core.cli.extras import server_extra
    from axonflow_core.cli.failure import CHECK_FAILED, OK

    with server_extra():
        from axonflow_core.audit import copying
        from axonflow_core.audit.databases.urls import database_of
        from axonflow_core.server.service import tables

    source = audit_of(path, url).url
    if target == source:
        raise click.UsageError("--to names the database that is copied")
    keys = Signer(server_keys(path, url)).public_keys
    with progress() as tell:
        copied = copying.copy(
            database_of(source),
            database_of(target),
            tables(),
            keys,
            anchors=anchors_of(path, url),
            progress=tell,
        )
    if is_json:
        write_json(_as_json(copied))
    else:
        _write(copied, path, url)
    return OK if copied.found.is_valid else CHECK_FAILED


def _as_json(copied: Copied) -> dict[str, object]:
    import attrs

    found = {"valid": copied.found.is_valid, **attrs.asdict(copied.found)}
    return {"rows": dict(copied.rows), "left": list(copied.left), "verification": found}


def _write(copied: Copied, path: Path | None, url: str | None) -> None:
    from axonflow_core.audit.anchors import anchor_of
    from axonflow_core.cli.display import counted, tell, write_line

    found = copied.found
    records, chains = counted(found.records, "record"), counted(found.chains, "chain")
    state = "as they were recorded" if found.is_valid else "with the faults that they had"
    write_line(f"{records} in {chains} are copied and verified: {state}")
    if copied.left:
        tell(f"tables that are not the audit's were left: {', '.join(copied.left)}")
    audit = audit_of(path, url)
    anchor = anchor_of(audit)
    if audit.anchor is None and anchor is not None and anchor.exists():
        tell(f"its anchor goes on where the configuration names it: `audit.anchor: {anchor}`")
