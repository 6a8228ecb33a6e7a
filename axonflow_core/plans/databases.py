"""The database of the engine: a file of its own beside the audit's, or a schema of its own on the
server that the audit is on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from axonflow_core.audit.databases import text_of
from axonflow_core.audit.databases.urls import path_of
from axonflow_core.audit.record import new_id
from axonflow_core.errors import ConfigError

SCHEMA = "axonflow_plans"
_QUICK = ("journal_mode=WAL", "synchronous=NORMAL")
ONE = "local"
"""The executor of a file: always the same, so that it finds what it left."""


class EngineDatabase:
    """Where the engine keeps its own."""

    def __init__(self, url: str | None, audit_url: str) -> None:
        """`url` is what the configuration says; None puts it beside the audit's. `ConfigError` for
        a file beside an audit on a server: whoever shares that would run plans on a file of its
        own, and each the same ones."""
        audit, path = path_of(audit_url), path_of(url or audit_url)
        if path is not None and audit is None:
            raise ConfigError(
                "`plans.url` is a file of SQLite, which has one executor, and `audit.url` is a "
                "server, which many share",
                hint="leave `plans.url` out: the engine then has a schema in the audit's database",
            )
        if url is None and path is not None:
            path = path.with_name(f"{path.stem}-plans.db")
        self.path = path
        """The file; None on a server."""
        self.schema = SCHEMA if path is None else None
        """The schema of its own on a server."""
        self.url = _of_server(url or audit_url) if path is None else f"sqlite:///{path}"
        self.executor = new_id("x") if path is None else ONE
        """The id of the executor that this process is."""
        self._files = () if path is None or audit is None else (audit, path)
        """Those that have one executor."""
        self._locks: list[int] = []

    def engine(self) -> Engine | None:
        """How the file is opened; None on a server, where DBOS opens its connections itself.

        As DBOS opens it, and with a write-ahead log, which saves two of three waits for the disk.
        Commits do not wait for it at all: what a power cut takes of them is run again, and finds in
        the audit's database what is done.
        """
        if self.path is None:
            return None
        engine = create_engine(self.url)

        @event.listens_for(engine, "connect")
        def set_up(connection: Any, _: object) -> None:
            connection.isolation_level = "IMMEDIATE"
            for pragma in ("busy_timeout=30000", "foreign_keys=ON", *_QUICK):
                connection.execute(f"PRAGMA {pragma}")

        return engine

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Errors of the database and of files become a `ConfigError` in words."""
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            text = error.strerror if isinstance(error, OSError) else text_of(error)
            what = str(text).partition("\n")[0]
            raise ConfigError(
                f"plans cannot be kept in {make_url(self.url).set(query={})!r}: {what}",
                hint="make its folder, and let the server write there"
                if self.schema is None
                else f"its user needs the schema {self.schema}, or the right to make it; "
                "`plans.url` names another database",
            ) from None

    def enter(self) -> None:
        """Be the executor of these files. `ConfigError` where another is."""
        try:
            for file in self._files:
                lock = f"{file.resolve()}.plans.lock"
                self._locks.append(os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
                fcntl.flock(self._locks[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.leave()
            if not isinstance(error, BlockingIOError):
                raise
            raise ConfigError(
                f"another process runs the plans of {file}: a file has one executor",
                hint="stop the other, serve with one worker, or put the audit on PostgreSQL, which "
                "many share",
            ) from None

    def leave(self) -> None:
        """Let another be it."""
        while self._locks:
            os.close(self._locks.pop())


def _of_server(url: str) -> str:
    """The URL as DBOS takes it: it chooses its driver itself."""
    parsed = make_url(url).set(drivername="postgresql")
    return parsed.render_as_string(hide_password=False)
