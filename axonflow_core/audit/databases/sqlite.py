"""A file of SQLite as the database of the audit: how it is opened, and what makes it unfit.

A database that is there is never replaced. A new one appears whole: it is made under another name
and renamed, so one that is empty or without its tables has lost them.

WAL, so that readers and the writer do not wait for each other. `synchronous=FULL`, so that a commit
is on the disk before anybody hears of it: with NORMAL the last commits are lost in a power cut.

Nobody opens the file but SQLite: whoever closes a file gives up all locks of its process on it
(POSIX), and the next process that closes the database would take itself for the last, and remove
the WAL with what others have committed.

Writers of several processes take turns. SQLite's own waiting sleeps for up to 100 ms, in which a
busy neighbour commits a hundred times; a writer here asks again after a fraction of a commit.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from axonflow_core.audit.databases import (
    MASTER_NAME,
    URL_HINT,
    VERSION_NAME,
    Database,
    Driver,
    Presence,
    driver_of,
    locks,
)
from axonflow_core.audit.schema import SETTINGS, TABLES, VERSION
from axonflow_core.errors import AuditError, ConfigError

BUSY_TIMEOUT_S = 5.0
"""How long a transaction waits for another process's."""
MAX_CHECKED_BYTES = 268_435_456
"""The largest database that is read through at each opening, in about a second. A larger one is
checked by `axonflow audit verify`."""
MAX_LOOKED_BYTES = 34_359_738_368
"""How much is read in looking for what was deleted, once for each trace of it: about ten seconds'
work."""
_LOOKING = Path(__file__).with_name("looking.py")
_HAS_NONE = 0
"""How the program `looking` ends where the file has nothing of what is looked for."""
_CHECKPOINT_PAGES = 4_000
"""After how many pages the WAL is copied into the database; SQLite's own 1,000 copy the pages that
every commit changes four times as often."""
_TURN_S = (0.000_2, 0.001)
"""How long a writer sleeps between asking for its turn."""
_RESTORE = "restore it from a copy, or move it away to begin a new one"
_KEPT_WAL = (
    "another connection kept the WAL, which has older pages: run the command again, or stop the "
    "servers once"
)
_LEFT_BEHIND = (
    "what this release deletes is overwritten; bytes that were not overwritten by an older one may "
    "be left in so large a file: stop the servers and run `sqlite3 FILE VACUUM`"
)
_HINTS = {
    "malformed": _RESTORE,
    "not a database": _RESTORE,
    "locked": "another program holds the database; end it",
    "full": "make room on the disk",
    "disk I/O": "look at the disk and its room",
    "readonly": "let the server write the database and its folder",
}


class SQLiteDatabase(Database):
    """One file, with two beside it and a folder of locks."""

    faults: ClassVar = (DBAPIError, sqlite3.Error)
    failures: ClassVar = (OperationalError, sqlite3.OperationalError)
    breaches: ClassVar = (sqlite3.IntegrityError, OverflowError)

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        """`synchronous` is SQLite's; anything but FULL loses records in a power cut."""
        self.path = path
        self.name = str(path)
        self._synchronous = synchronous

    def alone(self) -> AbstractContextManager[None]:
        self._require_folder()
        return locks.alone(self.path)

    def prepare(self, master_check: bytes) -> None:
        if not self.path.exists():
            self._create(master_check)
        self._require_file()

    def writing_engine(self) -> Engine:
        pragmas = (
            "journal_mode=WAL",
            f"synchronous={self._synchronous}",
            f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
            "trusted_schema=OFF",
            "secure_delete=ON",  # what is deleted is overwritten
            "busy_timeout=0",  # `take_turn` waits
        )
        return _engine(self.path, pragmas, self._join, connections=1)

    def reading_engine(self, *, connections: int = 1) -> Engine:
        pragmas = ("query_only=ON", "trusted_schema=OFF")
        return _engine(self.path, pragmas, _begin, connections=connections)

    def _join(self, connection: Connection) -> None:
        """Be in a transaction that may write: the one that the driver is in already, or a new
        one."""
        driver = driver_of(connection)
        if not driver.in_transaction:
            self.take_turn(driver)

    def take_turn(self, driver: Driver) -> None:
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

    def is_in_transaction(self, driver: Driver) -> bool:
        is_in: bool = driver.in_transaction  # SQLite ends it itself for some errors
        return is_in

    def enter(self, chain: str) -> Presence:
        return locks.Lock(self.path, chain)

    def is_alive(self, connection: Connection, chain: str) -> bool:
        return locks.is_held(self.path, chain)

    def require_there(self) -> None:
        if not self.path.exists():
            raise ConfigError(f"there is no {self.path}", hint="name it: --url sqlite:///FILE")
        self._require_file()

    def require_whole(self) -> None:
        if self.path.stat().st_size > MAX_CHECKED_BYTES:
            return
        engine = self.reading_engine()
        try:
            with engine.begin() as connection:
                first = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        finally:
            engine.dispose()
        if first != "ok":
            raise AuditError(f"{self.path} is damaged", hint=_RESTORE)

    def insert_into(self, table: Table) -> Any:
        return sqlite.insert(table)

    def load(self, connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        statement = str(insert(table).compile(dialect=connection.dialect))
        driver_of(connection).executemany(statement, map(tuple, rows))

    def number_behind(self, connection: Connection) -> None:
        """SQLite numbers a row behind the last one."""

    def hint_of(self, message: str) -> str | None:
        return next((hint for word, hint in _HINTS.items() if word in message), None)

    def wipe(self, traces: Collection[bytes]) -> str | None:
        """What is deleted is overwritten in its page (`secure_delete`), and stands in the pages
        before in the file and in the WAL until they are copied over. What was deleted without being
        overwritten, as by an older release, is looked for, and goes as the file is written anew."""
        with closing(sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S)) as driver:
            driver.execute("PRAGMA secure_delete=ON")
            if not _copied_over(driver):
                return _KEPT_WAL
            if not self._has_any(traces):
                return None
            if self.path.stat().st_size > MAX_CHECKED_BYTES:
                return _LEFT_BEHIND
            driver.execute("VACUUM")
            return None if _copied_over(driver) else _KEPT_WAL

    def _has_any(self, traces: Collection[bytes]) -> bool:
        """Whether the file has any of these bytes. True where looking would take too long."""
        if self.path.stat().st_size * len(traces) > MAX_LOOKED_BYTES:
            return True
        if not traces:
            return False
        asked = b"".join(len(trace).to_bytes(4, "big") + trace for trace in traces)
        command = [sys.executable, "-I", str(_LOOKING), str(self.path)]
        looked = subprocess.run(command, input=asked, capture_output=True)  # noqa: S603
        return looked.returncode != _HAS_NONE

    def _require_file(self) -> None:
        path = self.path
        if not path.is_file():
            hint = "`audit.url` names the file of a database"
            raise ConfigError(f"{path} is not a file", hint=hint)
        if not os.access(path, os.R_OK | os.W_OK):
            raise ConfigError(f"{path} cannot be written", hint="chmod u+rw, or another owner")
        if not path.stat().st_size:
            raise AuditError(f"{path} is empty", hint=_RESTORE)
        if not _is_database(path):
            raise ConfigError(f"{path} is not an SQLite database", hint=URL_HINT)

    def _require_folder(self) -> None:
        """`ConfigError` where the folder of the database is missing or takes no files."""
        folder = self.path.absolute().parent
        if not folder.is_dir():
            message = f"there is no folder {folder} for the audit"
            raise ConfigError(message, hint=f"mkdir -p {folder}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigError(
                f"no file can be made in {folder}",
                hint="SQLite keeps two files beside the database; let the server write there",
            )

    def _create(self, master_check: bytes) -> None:
        """Make a new database, all at once."""
        path = self.path
        for suffix in ("-wal", "-journal"):
            if path.with_name(path.name + suffix).exists():
                message = f"{path} is gone, and its {path.name}{suffix} is there"
                raise AuditError(message, hint=_RESTORE)
        new = path.with_name(path.name + ".new")
        new.unlink(missing_ok=True)
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        engine = _engine(new, ("synchronous=FULL",), self._join, connections=1)
        with engine.begin() as connection:
            TABLES.create_all(connection)
            values = {VERSION_NAME: str(VERSION).encode(), MASTER_NAME: master_check}
            rows = [{"name": name, "value": value} for name, value in values.items()]
            connection.execute(insert(SETTINGS), rows)
        engine.dispose()
        new.rename(path)
        _sync_folder(path.absolute().parent)


def _is_database(path: Path) -> bool:
    """Whether SQLite takes the file for one of its own."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as driver:
            driver.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError:  # it is locked, or out of reach for now
        return True
    except sqlite3.DatabaseError:
        return False
    return True


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


def _copied_over(driver: sqlite3.Connection) -> bool:
    """Whether the WAL is in the database and empty now."""
    (is_busy, _, _) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # the other bits say why


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
