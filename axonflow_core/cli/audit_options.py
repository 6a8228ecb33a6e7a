"""What the commands of the audit have in common: which database, which keys, which time, which
users."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

    from axonflow_core.audit.anchors import SignedHead
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.config.values import AuditConfig
    from axonflow_core.keys import Keys

Command = TypeVar("Command", bound=Callable[..., Any])

url_option = click.option(
    "--url", metavar="URL", help="The database. Default: the one of the configuration."
)


def time_option(*names: str, help: str) -> Callable[[Command], Command]:
    """An option with a time, which a command gets in microseconds since 1970."""
    return click.option(*names, metavar="TIME", callback=_time, help=help)


def _time(_: click.Context, option: click.Parameter, text: str | None) -> int | None:
    """Microseconds since 1970, of a time in ISO 8601; UTC where it names no zone."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("a time is written 2026-11-29 or 2026-11-29T12:30Z") from None
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return round(time.timestamp() * 1_000_000)


def audit_of(path: Path | None, url: str | None) -> AuditConfig:
    """The audit that is named, or the configuration's."""
    from axonflow_core.config import load_config
    from axonflow_core.config.values import AuditConfig

    return load_config(path).audit if url is None else AuditConfig(url=url)


def anchors_of(
    path: Path | None, url: str | None, given: tuple[Path, ...] = ()
) -> Iterator[SignedHead]:
    """The heads in the files that are given, else in those of the audit, as far as there are
    any."""
    from axonflow_core.audit.anchors import files_of, heads_in

    if given:
        files = list(given)
    else:
        files = [file for file in files_of(audit_of(path, url)) if file.exists()]
    for file in files:
        yield from heads_in(file)


@contextmanager
def opened(path: Path | None, url: str | None) -> Iterator[Connection]:
    """The database that is named, or the configuration's."""
    from axonflow_core.audit.databases.urls import database_of

    with database_of(audit_of(path, url).url).reading() as connection:
        yield connection


@asynccontextmanager
async def writing(
    path: Path | None, url: str | None, tables: MetaData | None = None
) -> AsyncIterator[AuditStore]:
    """A store of that database, which is there, with a chain of the command's own and `tables` of
    others."""
    import os

    from axonflow_core.audit.anchors import places_of
    from axonflow_core.audit.databases.urls import database_of
    from axonflow_core.audit.store import AuditStore

    audit = audit_of(path, url)
    with database_of(audit.url).reading():
        pass  # it is there, and of this release
    store = await AuditStore.open(
        audit.url,
        server_keys(path, url),
        tables=tables,
        places=tuple(places_of(audit, os.environ)),
    )
    try:
        yield store
    finally:
        await store.aclose()


def server_keys(path: Path | None, url: str | None = None) -> Keys:
    """The keys of the server: of its configuration, or of the environment where the database is
    named."""
    import os

    from axonflow_core.config import load_config
    from axonflow_core.keys import load_keys

    if url is not None and path is None:
        return load_keys(None, os.environ)
    server = load_config(path).server
    folder = Path(server.keys_dir) if server.keys_dir else None
    return load_keys(folder, os.environ, server.key_command)


def is_pseudonym(name: str) -> bool:
    """Whether a user is named as records name them."""
    return re.fullmatch(r"u_[0-9a-f]{32}", name) is not None


def pseudonyms_of(
    connection: Connection, keys: Keys, user: str, tenant: str | None = None
) -> Mapping[str, str]:
    """Tenant -> the name that records have for a user, of the tenants that have a key; of one
    where it is named."""
    from axonflow_core.audit.batch import Vault

    vault = Vault(keys)
    return {
        of: user if is_pseudonym(user) else key.pseudonym(user)
        for of, key in vault.all_stored(connection)
        if tenant in (None, of)
    }
