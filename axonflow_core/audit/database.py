"""The SQLite database of the audit: where it is, how it is opened, what makes it unfit.

A database that is there is never replaced. A new one appears whole: it is made under another name
and renamed, so one that is empty or without its tables has lost them.

WAL, so that readers and the writer do not wait for each other. `synchronous=FULL`, so that a commit
is on the disk before anybody hears of it: with NORMAL the last commits are lost in a power cut.

Writers of several processes take turns. SQLite's own waiting sleeps for up to 100 ms, in which a
busy neighbour commits a hundred times; a writer here asks again after a fraction of a commit.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from axonflow_core.audit.schema import HEADS, SETTINGS, TABLES, VERSION
from axonflow_core.errors import AuditError, ConfigError

BUSY_TIMEOUT_S = 5.0
"""How long a transaction waits for another process's."""
MAX_CHECKED_BYTES = 268_435_456
"""The largest database that is read through at each opening, in about a second. A larger one is
checked by `axonflow audit verify`."""
_CHECKPOINT_PAGES = 4_000
"""After how many pages the WAL is copied into the database; SQLite's own 1,000 copy the pages that
every commit changes four times as often."""
_TURN_S = (0.000_2, 0.001)
"""How long a writer sleeps between asking for its turn."""
FAULTS = (DBAPIError, sqlite3.Error)
"""Errors of the database, as SQLAlchemy raises them and as the driver does."""
_MAGIC = b"SQLite format 3\0"
_VERSION, _MASTER = "version", "master check"


def path_of(url: str) -> Path:
    """The file of the database. `ConfigError` where the URL is of none that the audit works on."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError("`audit.url` is no URL", hint=_URL_HINT) from None
    backend = parsed.get_backend_name()
    if backend in ("postgresql", "postgres"):
        raise ConfigError("the audit does not work on PostgreSQL yet", hint=_URL_HINT)
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigError(f"the audit does not work on {parsed.drivername}", hint=_URL_HINT)
    name = parsed.database
    if not name or name == ":memory:" or name.startswith("file:") or parsed.query:
        raise ConfigError("`audit.url` names no file of its own", hint=_URL_HINT)
    return Path(name)


_URL_HINT = "sqlite:///./axonflow-audit.db, or sqlite:////var/lib/axonflow/audit.db"


def writing_engine(path: Path, *, synchronous: str = "FULL") -> Engine:
    """An engine whose transactions are exclusive from their beginning. `synchronous` is SQLite's;
    anything but FULL loses records in a power cut."""
    pragmas = (
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
        "trusted_schema=OFF",
        "busy_timeout=0",  # `take_turn` waits
    )
    return _engine(path, pragmas, _join, connections=1)


def reading_engine(path: Path, *, connections: int = 1) -> Engine:
    """An engine whose transactions see one state of the database and change nothing."""
    pragmas = ("query_only=ON", "trusted_schema=OFF")
    return _engine(path, pragmas, _begin, connections=connections)


def _engine(
    path: Path, pragmas: Sequence[str], begin: Callable[[Connection], None], *, connections: int
) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
        hide_parameters=True,  # parameters hold what records hold, and errors are logged
        pool_size=connections,
        max_overflow=0,
    )

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "begin", begin)
    return engine


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _join(connection: Connection) -> None:
    """Be in a transaction that may write: the one that the driver is in already, or a new one."""
    driver = driver_of(connection)
    if not driver.in_transaction:
        take_turn(driver)


def driver_of(connection: Connection) -> sqlite3.Connection:
    """The driver's connection that is below SQLAlchemy's."""
    driver: Any = connection.connection.driver_connection
    return cast(sqlite3.Connection, driver)


def take_turn(driver: sqlite3.Connection) -> None:
    """Begin a transaction that may write, once no other process has one."""
    until = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > until:
                raise
        else:
            return
        time.sleep(random.uniform(*_TURN_S))  # noqa: S311 - so that two do not ask in step


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # the other bits say why


def require_file(path: Path) -> None:
    """`ConfigError` or `AuditError`, with what to do, where there is no database that can be
    written."""
    if not path.is_file():
        raise ConfigError(f"{path} is not a file", hint="`audit.url` names the file of a database")
    if not os.access(path, os.R_OK | os.W_OK):
        raise ConfigError(f"{path} cannot be written", hint="chmod u+rw, or another owner")
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
    if not magic:
        raise AuditError(f"{path} is empty", hint=_RESTORE)
    if magic != _MAGIC:
        raise ConfigError(f"{path} is not an SQLite database", hint=_URL_HINT)


_RESTORE = "restore it from a copy, or move it away to begin a new one"


def require_folder(path: Path) -> None:
    """`ConfigError` where the folder of the database is missing or takes no files."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder} for the audit", hint=f"mkdir -p {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(
            f"no file can be made in {folder}",
            hint="SQLite keeps two files beside the database; let the server write there",
        )


def create(path: Path, master_check: bytes) -> None:
    """Make a new database, all at once."""
    for suffix in ("-wal", "-journal"):
        if path.with_name(path.name + suffix).exists():
            raise AuditError(f"{path} is gone, and its {path.name}{suffix} is there", hint=_RESTORE)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    engine = _engine(new, ("synchronous=FULL",), _join, connections=1)
    with engine.begin() as connection:
        TABLES.create_all(connection)
        values = {_VERSION: str(VERSION).encode(), _MASTER: master_check}
        rows = [{"name": name, "value": value} for name, value in values.items()]
        connection.execute(insert(SETTINGS), rows)
    engine.dispose()
    new.rename(path)
    _sync_folder(path.absolute().parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_whole(path: Path) -> None:
    """`AuditError` where a page of the database is damaged. A large one is not read through."""
    if path.stat().st_size > MAX_CHECKED_BYTES:
        return
    engine = reading_engine(path)
    try:
        with engine.begin() as connection:
            first = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    finally:
        engine.dispose()
    if first != "ok":
        raise AuditError(f"{path} is damaged", hint=_RESTORE)


def require_fit(connection: Connection, path: Path) -> None:
    """`ConfigError` where the database is another program's or another release's."""
    names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
    if missing := TABLES.tables.keys() - set(names.scalars()):
        is_ours = SETTINGS.name not in missing
        what = "has lost tables" if is_ours else "is not a database of the audit"
        raise ConfigError(f"{path} {what}", hint=_RESTORE if is_ours else _URL_HINT)
    version = (_setting(connection, _VERSION) or b"none").decode(errors="replace")
    if version != str(VERSION):
        raise ConfigError(
            f"{path} has tables of version {version}; this release works on version {VERSION}",
            hint="use the release that made it, or another `audit.url`",
        )


def require_master(connection: Connection, path: Path, master_check: bytes) -> None:
    """`ConfigError` where the database was made with another master key."""
    if _setting(connection, _MASTER) != master_check:
        raise ConfigError(
            f"{path} was made with another master key",
            hint="give the audit-master key that it was made with",
        )


def _setting(connection: Connection, name: str) -> bytes | None:
    query = select(SETTINGS.c.value).where(SETTINGS.c.name == name)
    value: bytes | None = connection.execute(query).scalar()
    return value


def require_known_keys(connection: Connection, path: Path, known: Sequence[str]) -> None:
    """`ConfigError` where a head is signed with a key that is not among the ids `known`: nobody
    could verify it."""
    for key in connection.execute(select(HEADS.c.key).distinct()).scalars():
        if key not in known:
            raise ConfigError(
                f"{path} has heads that are signed with the key {key}, which is not known",
                hint="add its public key to audit-verify (AXONFLOW_AUDIT_VERIFY_KEYS)",
            )


def add_tables(connection: Connection, tables: MetaData | None) -> None:
    """Make the tables of others that are not there yet."""
    if tables is not None:
        tables.create_all(connection)


@contextmanager
def reading(path: Path) -> Iterator[Connection]:
    """A connection to a database that is there, in one transaction that changes nothing. Errors of
    the database are `AuditError`s; `ConfigError` where it is none of the audit's."""
    with reporting(path, "the audit cannot read"):
        if not path.exists():
            raise ConfigError(f"there is no {path}", hint="name it: --url sqlite:///FILE")
        require_file(path)
        engine = reading_engine(path)
        try:
            with engine.begin() as connection:
                require_fit(connection, path)
                yield connection
        finally:
            engine.dispose()


@contextmanager
def reporting(path: Path, doing: str) -> Iterator[None]:
    """Errors of the database and of files become an `AuditError` in words."""
    try:
        yield
    except FAULTS as error:
        text = text_of(error)
        raise AuditError(f"{doing} {path}: {text}", hint=hint_of(text)) from None
    except OSError as error:
        raise AuditError(f"{doing} {path}: {error.strerror}") from None


def text_of(fault: BaseException) -> str:
    """What the driver says of a fault, without what SQLAlchemy adds."""
    return str(fault.orig if isinstance(fault, DBAPIError) else fault)


_HINTS = {
    "malformed": _RESTORE,
    "not a database": _RESTORE,
    "locked": "another program holds the database; end it",
    "full": "make room on the disk",
    "disk I/O": "look at the disk and its room",
    "readonly": "let the server write the database and its folder",
}


def hint_of(message: str) -> str | None:
    """What to do about a message of SQLite's, where that is known."""
    return next((hint for word, hint in _HINTS.items() if word in message), None)
