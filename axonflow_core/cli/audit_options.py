"""What the commands of the audit have in common: which database, which keys, which time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from sqlalchemy import Connection

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


@contextmanager
def opened(path: Path | None, url: str | None) -> Iterator[Connection]:
    """The database that is named, or the configuration's."""
    from axonflow_core.audit.databases.urls import database_of

    with database_of(audit_of(path, url).url).reading() as connection:
        yield connection


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
