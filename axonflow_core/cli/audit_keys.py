"""`axonflow audit keys`: the keys that the heads of the audit are signed with."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from axonflow_core.cli.groups import Group
from axonflow_core.cli.options import config_option, json_option


@click.group(cls=Group, short_help="List and change the keys that the audit is signed with.")
def keys() -> None:
    """The keys that heads are signed with. A key that was in use once stays known by its public
    half, and so do the heads that it signed."""


@keys.command("list", short_help="List the keys, and how many heads each signed.")
@config_option
@json_option
def list_(*, path: Path | None, is_json: bool) -> None:
    """List the key in use and the earlier ones, with the heads that the database has of each. The
    public keys are what a verifier elsewhere needs: `axonflow audit verify --public-key`."""
    from axonflow_core.audit.keys import Signer, key_id
    from axonflow_core.cli.audit_options import server_keys
    from axonflow_core.cli.display import write_json, write_table
    from axonflow_core.config import load_config
    from axonflow_core.keys import written

    listed = [
        (key_id(key), "earlier" if number else "in use", written(key))
        for number, key in enumerate(Signer(server_keys(path)).public_keys)
    ]
    counts = _counted(load_config(path).audit.url)
    lost = counts.keys() - {id for id, _, _ in listed}
    listed += [(id, "not known", "") for id in sorted(lost)]
    if is_json:
        names = ("key_id", "state", "heads", "public_key")
        described = ((id, state, counts[id], key) for id, state, key in listed)
        write_json([dict(zip(names, each, strict=True)) for each in described])
    else:
        rows = [(id, state, str(counts[id]), key) for id, state, key in listed]
        write_table(("KEY", "STATE", "HEADS", "PUBLIC KEY"), rows)


def _counted(url: str) -> Counter[str]:
    """The id of a key -> how many heads of the database it signed."""
    from axonflow_core.audit.databases.urls import database_of, path_of
    from axonflow_core.audit.verify import signed_by

    file = path_of(url)
    if file is not None and not file.exists():
        return Counter()
    with database_of(url).reading() as connection:
        return Counter(signed_by(connection))


@keys.command("rotate", short_help="Put a new signing key in the place of the one in use.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def rotate(*, folder: Path) -> None:
    """Make a new signing key in the folder of keys DIR. The one before stays known by its public
    half in `audit-verify.key`. Servers sign with the new one from their next start; until then
    what they sign stays valid.

    The public half of the new key is written to stdout: hand it to whoever verifies elsewhere, on
    a way that you trust.
    """
    from axonflow_core.audit.keys import key_id
    from axonflow_core.cli.display import tell, write_line
    from axonflow_core.keys import public_key_of_seed, rotate_signing_key, written

    new, before = map(public_key_of_seed, rotate_signing_key(folder))
    write_line(written(new))
    tell(f"the audit is signed with {key_id(new)} once the servers are started again")
    tell(f"the key before, {key_id(before)}, is known by its public half in {folder}")
