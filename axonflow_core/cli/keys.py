"""`axonflow keys`: the keys of a server."""

from __future__ import annotations

from pathlib import Path

import click

from axonflow_core.cli.groups import Group


@click.group(cls=Group, short_help="Make the keys of a server.")
def keys() -> None:
    """The keys of a server: what clients' secrets are derived from, what the audit is signed and
    encrypted with."""


@keys.command("init", short_help="Make a folder of new keys.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def init(*, folder: Path) -> None:
    """Make the folder DIR with a new key in each of its files, readable by its owner alone. A key
    that is there is never overwritten.

    The public key of the audit is written to stdout, for whoever verifies the records elsewhere.
    Keep a copy of the folder: without its keys no client's secret and no record's texts come back.
    """
    from axonflow_core.cli.display import tell, write_line
    from axonflow_core.cli.extras import server_extra
    from axonflow_core.keys import KEYS_DIR, make_keys, written

    with server_extra():
        from axonflow_core.audit.keys import Signer

    signer = Signer(make_keys(folder))
    write_line(written(signer.public_key))
    tell(f"the public key of the audit, {signer.key_id}; the keys are in {folder}")
    tell(f"next: export {KEYS_DIR}={folder}")
