"""The database that a URL names."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from axonflow_core.audit.databases import URL_HINT, Database
from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.errors import ConfigError


def database_of(url: str) -> Database:
    """The database of `audit.url`. `ConfigError` where the URL is of none that the audit works on,
    or the driver is not installed."""
    parsed = _parsed(url)
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return _postgres(parsed)
    return SQLiteDatabase(_path_in(parsed))


def path_of(url: str) -> Path | None:
    """The file of the database; None where it is on a server. `ConfigError` as `database_of`."""
    parsed = _parsed(url)
    is_file = parsed.get_backend_name() not in ("postgresql", "postgres")
    return _path_in(parsed) if is_file else None


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        raise ConfigError("`audit.url` is no URL", hint=URL_HINT) from None


def _path_in(parsed: URL) -> Path:
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigError(f"the audit does not work on {parsed.drivername}", hint=URL_HINT)
    name = parsed.database
    if not name or name == ":memory:" or name.startswith("file:") or parsed.query:
        raise ConfigError("`audit.url` names no file of its own", hint=URL_HINT)
    return Path(name)


def _postgres(parsed: URL) -> Database:
    try:
        from axonflow_core.audit.databases.postgres import PostgresDatabase
    except ImportError:
        message = "an audit on PostgreSQL needs the package psycopg, which is not installed"
        raise ConfigError(message, hint='pip install "axonflow-core[postgres]"') from None
    return PostgresDatabase(parsed)
