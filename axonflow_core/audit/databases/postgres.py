"""A server of PostgreSQL as the database of the audit, for writers on many machines.

Writers take turns by an advisory lock that ends with its transaction, so a writer that dies, or
whose connection is cut, gives its turn back. A commit waits for the disk (`synchronous_commit=on`).

No lock shows which writers live: connections are cut, and their writers go on. Each writer says so
in the table `audit_writers` every few seconds, by the server's clock. One that has been silent for
a minute counts as ended; but not in the first minute of the server itself, in which nobody could
say anything. A writer that was silent for so long and lives finds its head swept, and ends its
chain (`batch.move_head`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Engine,
    MetaData,
    String,
    Table,
    create_engine,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from axonflow_core.audit.databases import (
    MASTER_NAME,
    VERSION_NAME,
    Database,
    Driver,
    Presence,
    driver_of,
    wait_for,
)
from axonflow_core.audit.schema import (
    CLOSING,
    HEADS,
    IN_SERIES,
    OPENING,
    RECORDS,
    SETTINGS,
    TABLES,
    TENANT_KEYS,
    TEXTS,
    VERSION,
)

CONNECT_S = 5
"""How long a connection may take."""
TURN_MS = 10_000
"""How long a writer waits for its turn."""
STATEMENT_MS = 60_000
PAUSE_S = 30
"""How long a writer may pause within a transaction, in which nobody else has a turn."""
BEAT_S = 5.0
SILENT_S = 60
"""A writer that has been silent for so long counts as ended."""
_TURN, _OPENING = 0x6178_666C_6F77_0001, 0x6178_666C_6F77_0002
"""The keys of our advisory locks: "axflow" and a number."""
_OF_SERVER = MetaData()
WRITERS = Table(
    "audit_writers",
    _OF_SERVER,
    Column("chain", String, primary_key=True),
    Column("seen_at", DateTime(timezone=True), nullable=False),
)
# Not in the schema: SQLAlchemy would load the dialect, 2 MB, wherever there is a file of SQLite.
IN_SERIES.kwargs["postgresql_include"] = ["row"]
for _partial in (OPENING, CLOSING):
    _partial.kwargs["postgresql_where"] = _partial.kwargs["sqlite_where"]
_BEAT = f"""\
INSERT INTO {WRITERS.name} (chain, seen_at) VALUES (%s, clock_timestamp())
ON CONFLICT (chain) DO UPDATE SET seen_at = clock_timestamp()"""  # noqa: S608 - a name of ours
# A machine that is switched off has its turn, and its claims, for 25 seconds more.
_KEEP_ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
_KEPT = (
    "the server's WAL, its replicas and its backups have older pages until they are replaced, and "
    "so may free room in the pages of tables: `VACUUM FULL records, texts, tenant_keys` writes "
    "them anew, while servers wait"
)
_HINTS = {
    "password authentication failed": "give the password in PGPASSWORD, or in ~/.pgpass",
    "does not exist": "make the database, or the role, that `audit.url` names",
    "too many clients": "give the server more connections: max_connections",
    "remaining connection slots": "give the server more connections: max_connections",
    "Connection refused": "start the server, or name its address in `audit.url`",
    "could not translate host name": "name the server's address in `audit.url`",
    "lock timeout": "another writer holds its turn; call again later",
    "read-only transaction": "name the server that is written to, not a copy of it",
    "permission denied": "let the role write the tables: GRANT … ON ALL TABLES IN SCHEMA public",
    "No space left": "make room on the server's disk",
}


class PostgresDatabase(Database):
    """One database of a server."""

    beat_s: ClassVar = BEAT_S
    faults: ClassVar = (DBAPIError, psycopg.Error)
    failures: ClassVar = (OperationalError, psycopg.OperationalError)
    own_tables: ClassVar = Database.own_tables | {WRITERS.name}
    breaches: ClassVar = (psycopg.IntegrityError, psycopg.DataError, OverflowError)

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql+psycopg")
        self.name = url.set(drivername="postgresql", query={}).render_as_string()

    @contextmanager
    def alone(self) -> Iterator[None]:
        engine = self._engine("", connections=1)
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                take = select(func.pg_try_advisory_lock(_OPENING))
                wait_for(lambda: connection.execute(take).scalar() is True, self.name)
                yield
        finally:
            engine.dispose()

    def prepare(self, master_check: bytes) -> None:
        engine = self._engine("", connections=1)
        try:
            with engine.begin() as connection:
                _OF_SERVER.create_all(connection)
                if SETTINGS.name in inspect(connection).get_table_names():
                    return
                TABLES.create_all(connection)
                values = {VERSION_NAME: str(VERSION).encode(), MASTER_NAME: master_check}
                rows = [{"name": name, "value": value} for name, value in values.items()]
                connection.execute(insert(SETTINGS), rows)
        finally:
            engine.dispose()

    def writing_engine(self) -> Engine:
        options = (
            f"-c synchronous_commit=on -c lock_timeout={TURN_MS} "
            f"-c idle_in_transaction_session_timeout={PAUSE_S}s"
        )
        return self._engine(options, connections=1)

    def reading_engine(self, *, connections: int = 1) -> Engine:
        engine = self._engine("-c default_transaction_read_only=on", connections=connections)
        return engine.execution_options(isolation_level="REPEATABLE READ")

    def _engine(self, options: str, *, connections: int) -> Engine:
        alive = " ".join(f"-c tcp_{name}={value}" for name, value in _KEEP_ALIVE.items())
        return create_engine(
            self._url,
            paramstyle="format",
            connect_args={
                "connect_timeout": CONNECT_S,
                **_KEEP_ALIVE,
                "application_name": "axonflow-audit",
                "options": f"-c statement_timeout={STATEMENT_MS} {alive} {options}",
            },
            hide_parameters=True,  # parameters hold what records hold, and errors are logged
            pool_size=connections,
            max_overflow=0,
            pool_pre_ping=True,
        )

    def take_turn(self, driver: Driver) -> None:
        driver.execute("SELECT pg_advisory_xact_lock(%s)", (_TURN,))

    def is_in_transaction(self, driver: Driver) -> bool:
        return _status(driver) is TransactionStatus.INTRANS

    def can_undo(self, driver: Driver) -> bool:
        return _status(driver) in (TransactionStatus.INTRANS, TransactionStatus.INERROR)

    def enter(self, chain: str) -> Presence:
        return _Seen(chain)

    def is_alive(self, connection: Connection, chain: str) -> bool:
        a_while_ago = func.clock_timestamp() - text(f"interval '{SILENT_S} seconds'")
        seen = select(WRITERS.c.chain).where(
            WRITERS.c.chain == chain,
            (WRITERS.c.seen_at > a_while_ago) | (func.pg_postmaster_start_time() > a_while_ago),
            ~select(HEADS.c.chain).where(HEADS.c.chain == chain, HEADS.c.is_closed).exists(),
        )
        return connection.execute(seen).first() is not None

    def require_there(self) -> None:
        """The server says itself what is missing."""

    def require_whole(self) -> None:
        """The server looks after its pages."""

    def wipe(self, traces: Collection[bytes]) -> str | None:
        engine = self._engine("", connections=1)
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("SET statement_timeout = 0"))
                for table in (RECORDS, TEXTS, TENANT_KEYS):
                    connection.execute(text(f"VACUUM {table.name}"))
        finally:
            engine.dispose()
        return _KEPT

    def insert_into(self, table: Table) -> Any:
        return postgresql.insert(table).inline()  # else the count of rows is not told

    def load(self, connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        names = connection.dialect.identifier_preparer
        columns = ", ".join(map(names.format_column, table.columns))
        statement = f"COPY {names.format_table(table)} ({columns}) FROM STDIN"
        with driver_of(connection).cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def number_behind(self, connection: Connection) -> None:
        if last := connection.execute(select(func.max(RECORDS.c.row))).scalar():
            sequence = func.pg_get_serial_sequence(RECORDS.name, RECORDS.c.row.name)
            connection.execute(select(func.setval(sequence, last)))

    def hint_of(self, message: str) -> str | None:
        return next((hint for words, hint in _HINTS.items() if words in message), None)


def _status(driver: Driver) -> Any:
    return TransactionStatus.UNKNOWN if driver.closed else driver.info.transaction_status


class _Seen:
    """What one writer says of itself."""

    def __init__(self, chain: str) -> None:
        self._chain = chain

    def beat(self, driver: Driver) -> None:
        """Say that the writer lives."""
        driver.execute(_BEAT, (self._chain,))

    def end(self) -> None:
        """A closed head says it."""
