"""`axonflow audit erase`: what records hide is made unreadable for ever."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.audit_options import (
    audit_of,
    opened,
    pseudonyms_of,
    server_keys,
    url_option,
    writing,
)
from axonflow_core.cli.options import config_option, json_option

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from axonflow_core.audit.erasure import Erasure, Forget
    from axonflow_core.audit.store import AuditStore


@click.command("erase", short_help="Make what records hide unreadable for ever.")
@click.argument("ids", metavar="[ID]…", nargs=-1)
@click.option(
    "--subject",
    metavar="S",
    help="Every record of a person: the subject of the user's token, else the user as clients "
    "name them, or a pseudonym (u_…).",
)
@click.option("--tenant", help="Records of this tenant alone. Default: of any.")
@click.option(
    "--tenant-key", metavar="TENANT", help="Destroy the key of a tenant: nothing of it is readable."
)
@click.option("--dry-run", "is_dry", is_flag=True, help="Change nothing: say what would be erased.")
@config_option
@url_option
@json_option
def erase(
    *,
    ids: tuple[str, ...],
    subject: str | None,
    tenant: str | None,
    tenant_key: str | None,
    is_dry: bool,
    path: Path | None,
    url: str | None,
    is_json: bool,
) -> int:
    """Destroy the keys and the texts of records, by id, of a person or of a tenant. The records
    stay, and their chains still verify. Servers may go on meanwhile.

    Exits with 1 where something that was asked for is left: a hold covers it, or there is no such
    record.
    """
    import asyncio

    from axonflow_core.cli.extras import server_extra
    from axonflow_core.cli.failure import CHECK_FAILED, OK

    if sum((bool(ids), subject is not None, tenant_key is not None)) != 1:
        raise click.UsageError("name records, or --subject, or --tenant-key")
    if tenant_key is not None and tenant is not None:
        raise click.UsageError("--tenant-key names the tenant itself")
    with server_extra():
        import sqlalchemy  # noqa: F401 - it is there
    asked = _Asked(ids, subject, tenant, tenant_key)
    if is_dry:
        with opened(path, url) as connection:
            outcome = asked.examined(connection, path, url)
        left = None
    else:
        outcome = asyncio.run(asked.erased(path, url))
        left = _wiped(path, url, outcome)
    _write(outcome, left, is_dry=is_dry, is_json=is_json)
    return OK if outcome.is_whole else CHECK_FAILED


class _Asked:
    """What is to be erased."""

    def __init__(
        self,
        ids: tuple[str, ...],
        subject: str | None,
        tenant: str | None,
        tenant_key: str | None,
    ) -> None:
        self._ids = tuple(dict.fromkeys(ids))
        self._subject = subject
        self._tenant = tenant
        self._tenant_key = tenant_key

    def examined(self, connection: Connection, path: Path | None, url: str | None) -> Erasure:
        from axonflow_core.audit import erasure
        from axonflow_core.audit.same_call import of_same_calls

        if self._tenant_key is not None:
            return erasure.examine_tenant(connection, self._tenant_key)
        if self._subject is not None:
            keys = server_keys(path, url)
            names = pseudonyms_of(connection, keys, self._subject, self._tenant)
            return erasure.examine_person(connection, names)
        ids = of_same_calls(connection, self._ids, self._tenant)
        return erasure.examine(connection, ids, self._tenant)

    async def erased(self, path: Path | None, url: str | None) -> Erasure:
        from axonflow_core.server.service import tables

        async with writing(path, url, tables()) as store:
            return await self._erased(store, path, url)

    async def _erased(self, store: AuditStore, path: Path | None, url: str | None) -> Erasure:
        from axonflow_core.audit import erasure
        from axonflow_core.audit.same_call import of_same_calls
        from axonflow_core.cli.display import progress

        keys = server_keys(path, url)
        forget = _forget(keys.server)
        if (tenant := self._tenant_key) is not None:
            return await store.transact(
                lambda transaction: erasure.destroy_tenant_key(
                    transaction, tenant, command="audit erase --tenant-key", forget=forget
                )
            )
        if (subject := self._subject) is not None:
            names = await store.read(
                lambda connection: pseudonyms_of(connection, keys, subject, self._tenant)
            )
            with progress() as tell:
                return await erasure.erase_person(
                    store, names, command="audit erase --subject", forget=forget, progress=tell
                )
        ids = await store.read(
            lambda connection: of_same_calls(connection, self._ids, self._tenant)
        )
        return await erasure.erase_all(
            store, ids, tenant=self._tenant, command="audit erase", forget=forget
        )


def _forget(server_keys: tuple[bytes, ...]) -> Mapping[str, Forget]:
    """What the server keeps of records in other tables."""
    from axonflow_core.modes import contexts
    from axonflow_core.plans import book
    from axonflow_core.server import replays

    seals = [replays.Seal(key) for key in server_keys]
    return {
        "answers": lambda transaction, chosen: replays.erase(transaction, seals, chosen),
        "contexts": contexts.erase,
        "plans": book.erase,
    }


def _wiped(path: Path | None, url: str | None, outcome: Erasure) -> str | None:
    """What of that is left in the bytes of the database."""
    from axonflow_core.audit.databases.urls import database_of

    database = database_of(audit_of(path, url).url)
    with database.reporting("the audit cannot overwrite what was erased in"):
        return database.wipe(outcome.traces)


def _write(outcome: Erasure, left: str | None, *, is_dry: bool, is_json: bool) -> None:
    from axonflow_core.cli.display import counted, tell, write_json, write_line

    if is_json:
        write_json(
            {
                "erased": outcome.erased,
                "empty": outcome.empty,
                "held": dict(outcome.held),
                "unknown": list(outcome.unknown),
                "forgotten": dict(outcome.forgotten),
                "records": list(outcome.records),
                "left": left,
                "is_dry_run": is_dry,
            }
        )
        return
    verb = ("would be", "would be") if is_dry else ("is", "are")
    write_line(f"{counted(outcome.erased, 'record')} {verb[outcome.erased != 1]} erased")
    if outcome.forgotten:
        rows = ", ".join(f"{count} {name}" for name, count in outcome.forgotten.items())
        write_line(f"{rows} went with them")
    if outcome.empty:
        write_line(f"{counted(outcome.empty, 'record')} had nothing to erase")
    for name, count in outcome.held.items():
        write_line(f"the hold {name} keeps {counted(count, 'record')}")
    for id in outcome.unknown:
        write_line(f"there is no record {id}")
    for id in outcome.records:
        write_line(f"recorded as {id}")
    if left is not None:
        tell(left)
