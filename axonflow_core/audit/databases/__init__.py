"""The database of the audit, whatever runs it: a file of SQLite, or a server of PostgreSQL.

    sqlite      one machine; a commit is on its disk before anybody hears of it
    postgres    many machines; a commit is on the server's disk

What both have in common is more than SQL. Writers take turns: a transaction that may write begins
once no other one is under way, so that rows are numbered in the order of the commits, and what one
work reads of budgets or contexts holds until its commit. And every writer shows that it lives, so
that others know whose streams and leases nobody will end any more.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, Protocol, TypeAlias

from sqlalchemy import Connection, Engine, Table, inspect, select
from sqlalchemy.exc import DBAPIError

from axonflow_core.audit.schema import SETTINGS, VERSION
from axonflow_core.errors import AuditError, ConfigError

Driver: TypeAlias = Any
"""A connection of the driver below SQLAlchemy's: `sqlite3.Connection` or `psycopg.Connection`. Both
have `execute`, `executemany` of cursors, `commit` and `rollback`."""
VERSION_NAME, MASTER_NAME = "version", "master check"
"""The settings of every database."""
COPY_NAME = "copy"
"""The setting of one that is not whole yet: how far the copy is (`audit.copying`)."""
URL_HINT = (
    "sqlite:///./axonflow-audit.db, sqlite:////var/lib/axonflow/audit.db, or "
    "postgresql://USER@HOST/DATABASE"
)
TELL_S = 10.0
"""How often a process that takes long to open a database says what it does."""
_POLL_S = 0.05
_LOG = logging.getLogger(__name__)
_FIRST = frozenset(("settings", "records", "heads", "tenant_keys", "texts"))
"""The tables of every version."""


class Presence(Protocol):
    """One writer, as others see it."""

    def beat(self, driver: Driver) -> None:
        """Show that the writer lives, in the transaction that is under way."""

    def end(self) -> None:
        """The writer has ended."""


class Database(ABC):
    """Where the records are."""

    beat_s: ClassVar[float | None] = None
    """How often a writer has to show that it lives; None where the system knows."""
    faults: ClassVar[tuple[type[Exception], ...]]
    """Errors of the database, as SQLAlchemy raises them and as the driver does."""
    breaches: ClassVar[tuple[type[Exception], ...]]
    """Errors of the driver for rows that break a rule of the tables, or do not fit into them."""
    failures: ClassVar[tuple[type[Exception], ...]]
    """Those of `faults` that are not the fault of what was asked."""
    own_tables: ClassVar[frozenset[str]] = frozenset(("alembic_version",))
    """Tables that hold nothing of the audit: where an older one was brought up to date, the mark of
    Alembic."""
    name: str
    """What messages call it. No password is in it."""

    @abstractmethod
    def alone(self) -> AbstractContextManager[None]:
        """A block that one process at a time is in. The others wait, and say so (`wait_for`)."""

    @abstractmethod
    def prepare(self, master_check: bytes) -> None:
        """Make the tables where nothing is there. `ConfigError` or `AuditError` with what to do
        where it cannot be written."""

    @abstractmethod
    def writing_engine(self) -> Engine:
        """An engine with one connection, whose commits are durable."""

    @abstractmethod
    def reading_engine(self, *, connections: int = 1) -> Engine:
        """An engine whose transactions see one state of the database and change nothing."""

    @abstractmethod
    def take_turn(self, driver: Driver) -> None:
        """Begin a transaction that may write, once no other writer is in one."""

    @abstractmethod
    def is_in_transaction(self, driver: Driver) -> bool:
        """Whether a transaction is under way that can go on."""

    def can_undo(self, driver: Driver) -> bool:
        """Whether a transaction is under way that can go back to a savepoint."""
        return self.is_in_transaction(driver)

    @abstractmethod
    def enter(self, chain: str) -> Presence:
        """A writer begins."""

    @abstractmethod
    def is_alive(self, connection: Connection, chain: str) -> bool:
        """Whether the writer of a chain lives."""

    @abstractmethod
    def require_there(self) -> None:
        """`ConfigError` or `AuditError` where there is no database that can be read."""

    @abstractmethod
    def require_whole(self) -> None:
        """`AuditError` where the database is damaged, as far as a look at it tells."""

    @abstractmethod
    def insert_into(self, table: Table) -> Any:
        """An INSERT that can say what becomes of a row that is there already: the one of
        SQLAlchemy's dialect, with `on_conflict_do_update` and `on_conflict_do_nothing`."""

    @abstractmethod
    def load(self, connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows with all columns of a table, in the transaction that is under way."""

    @abstractmethod
    def number_behind(self, connection: Connection) -> None:
        """Number the next record behind those that were loaded."""

    @abstractmethod
    def hint_of(self, message: str) -> str | None:
        """What to do about a message of the driver's, where that is known."""

    @abstractmethod
    def wipe(self, traces: Collection[bytes]) -> str | None:
        """Take what was deleted out of the bytes of the database, as far as it can. Returns what is
        left and what to do about it; None where nothing is. `traces` are bytes that were deleted
        and that stand nowhere else."""

    # ── what they have in common ──────────────────────────────────────────────────────────────────

    def require_fit(self, connection: Connection) -> None:
        """`ConfigError` where the database is another program's or another release's."""
        if missing := _FIRST - set(inspect(connection).get_table_names()):
            is_ours = SETTINGS.name not in missing
            what = "has lost tables" if is_ours else "is not a database of the audit"
            hint = "restore it from a copy" if is_ours else URL_HINT
            raise ConfigError(f"{self.name} {what}", hint=hint)
        if setting(connection, COPY_NAME) is not None:
            hint = "give `axonflow audit copy` again: it goes on where it was"
            raise ConfigError(f"{self.name} is a copy that is not whole yet", hint=hint)
        version = (setting(connection, VERSION_NAME) or b"none").decode(errors="replace")
        if version == str(VERSION):
            return
        is_older = version.isdecimal() and int(version) < VERSION
        raise ConfigError(
            f"{self.name} has tables of version {version}; this release works on version {VERSION}",
            hint="start the server once: it brings them up to date"
            if is_older
            else "use the release that made it, or another `audit.url`",
        )

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to a database that is there, in one transaction that changes nothing. Errors
        of the database are `AuditError`s; `ConfigError` where it is none of the audit's."""
        with self.reporting("the audit cannot read"):
            self.require_there()
            engine = self.reading_engine()
            try:
                with engine.begin() as connection:
                    self.require_fit(connection)
                    yield connection
            finally:
                engine.dispose()

    @contextmanager
    def reporting(self, doing: str) -> Iterator[None]:
        """Errors of the database and of files become an `AuditError` in words."""
        try:
            yield
        except self.faults as error:
            text = text_of(error)
            raise AuditError(f"{doing} {self.name}: {text}", hint=self.hint_of(text)) from None
        except OSError as error:
            raise AuditError(f"{doing} {self.name}: {error.strerror}") from None


def wait_for(is_ours: Callable[[], bool], name: str) -> None:
    """Return once `is_ours` has got the database of that name for this process alone."""
    began_s = told_s = time.monotonic()
    while not is_ours():
        if (now_s := time.monotonic()) - told_s >= TELL_S:
            told_s = now_s
            _LOG.warning(
                "another process has %s to itself, as while it brings the tables up to date or "
                "copies them; this one has waited for %.0f s",
                name,
                now_s - began_s,
            )
        time.sleep(_POLL_S)


def driver_of(connection: Connection) -> Driver:
    """The driver's connection that is below SQLAlchemy's."""
    return connection.connection.driver_connection


def setting(connection: Connection, name: str) -> bytes | None:
    """One of the settings."""
    query = select(SETTINGS.c.value).where(SETTINGS.c.name == name)
    value: bytes | None = connection.execute(query).scalar()
    return value


def text_of(fault: BaseException) -> str:
    """What the driver says of a fault, without what SQLAlchemy adds."""
    return str(fault.orig if isinstance(fault, DBAPIError) else fault).strip()
