"""A database copied to another one, on another system if need be, with everything that is proved in
it: rows keep their numbers, and chains, heads, seals and keys their bytes.

    source    nobody writes it: no writer lives, and none can begin while the copy is under way
    target    a new database. Until it has all, a setting says that it is a copy, of what, and how
              far it is; nothing else opens it

Tables are copied one after another, each in the order of its key, in pages. A page and how far the
copy is are one transaction. So a copy that is killed goes on where it was, without a gap and
without a double, as long as the source is what it was; that shows in its heads, for nothing changes
in a database without a record.

At the end the target is verified as `audit.verify` does, and compared with the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import (
    Connection,
    MetaData,
    Table,
    delete,
    func,
    insert,
    inspect,
    select,
    tuple_,
    update,
)

from axonflow_core.audit.anchors import SignedHead
from axonflow_core.audit.connection import WriterConnection
from axonflow_core.audit.databases import COPY_NAME, MASTER_NAME, Database, setting
from axonflow_core.audit.opening import require_master
from axonflow_core.audit.schema import HEADS, RECORDS, SERIES, SETTINGS, TABLES, TERMS, TEXTS
from axonflow_core.audit.verify import Verification, verify
from axonflow_core.errors import AuditError, ConfigError
from axonflow_core.frozen import evolve, frozen

PAGE = 5_000
"""How many rows one transaction copies."""
_LARGE = (RECORDS, TERMS, TEXTS, SERIES)
"""Tables of the audit that are compared by the number of their rows, as those of others are.
Records are verified besides."""
_EMPTY_HINT = "name a database that is new and empty"


@frozen
class Place:
    """How far a copy is."""

    source: str
    """What tells the state of the source from any other."""
    table: str | None = None
    """The table that is being copied; None before the first."""
    after: tuple[Any, ...] | None = None
    """The key of its last row that is there."""

    @property
    def content(self) -> bytes:
        """The setting."""
        after = None if self.after is None else [_written(value) for value in self.after]
        return orjson.dumps([self.source, self.table, after])

    @classmethod
    def of(cls, content: bytes) -> Place:
        """The place that a setting says."""
        source, table, after = orjson.loads(content)
        return cls(source, table, None if after is None else tuple(map(_read, after)))


def _written(value: Any) -> Any:
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


def _read(value: Any) -> Any:
    return bytes.fromhex(value["bytes"]) if isinstance(value, dict) else value


@frozen(kw_only=True)
class Copied:
    """What came of a copy."""

    rows: Mapping[str, int]
    """Table -> how many rows it has."""
    left: tuple[str, ...]
    """Tables of the source that are none of ours, and were not copied."""
    found: Verification
    """What verifying the copy found; faults are those of the source."""


def copy(
    source: Database,
    target: Database,
    tables: MetaData,
    public_keys: Sequence[bytes],
    *,
    anchors: Iterable[SignedHead] = (),
    progress: Callable[[int], object] | None = None,
) -> Copied:
    """Copy a database, or go on with a copy of it. `tables` are those of others in it;
    `public_keys` and `anchors` are as in `verify`. `progress` is told how many records are copied,
    then how many are verified.

    `ConfigError` where the target has something else, `AuditError` where a server is running, or a
    database fails. Where it is interrupted, nothing but this function opens the target.
    """
    with source.alone(), source.reading() as origin:
        _require_silence(source, origin)
        with target.alone(), _copying(source, origin, target) as copying:
            copying.prepare(tables)
            copying.run(progress)
            found = copying.verify(public_keys, tuple(anchors), progress)
            copying.end()
            return Copied(rows=copying.rows, left=copying.left, found=found)


def _require_silence(source: Database, origin: Connection) -> None:
    for chain in origin.execute(select(HEADS.c.chain).where(~HEADS.c.is_closed)).scalars():
        if source.is_alive(origin, chain):
            raise AuditError(
                f"a server, or a command, writes {source.name}",
                hint="stop it first, and copy then",
            )


@contextmanager
def _copying(source: Database, origin: Connection, target: Database) -> Iterator[_Copying]:
    master = setting(origin, MASTER_NAME)
    assert master is not None  # noqa: S101 - every database has it
    with target.reporting("the audit cannot copy to"):
        target.prepare(master)
        engine = target.writing_engine()
        try:
            with closing(WriterConnection(engine, target)) as writer:
                yield _Copying(source, origin, target, writer, master)
        finally:
            engine.dispose()


class _Copying:
    """One copy under way."""

    def __init__(
        self,
        source: Database,
        origin: Connection,
        target: Database,
        writer: WriterConnection,
        master: bytes,
    ) -> None:
        self._source, self._origin = source, origin
        self._target, self._writer = target, writer
        self._master = master
        self._place = Place(_state_of(origin))
        self._tables: list[Table] = []
        self.rows: dict[str, int] = {}
        self.left: tuple[str, ...] = ()

    def prepare(self, tables: MetaData) -> None:
        """Make what is missing of the target, and find how far the copy is. `ConfigError` where it
        is none of this source."""
        there = set(inspect(self._origin).get_table_names())
        ours = [*TABLES.sorted_tables, *tables.sorted_tables]
        self._tables = [table for table in ours if table.name in there and table is not SETTINGS]
        known = {*self._target.own_tables, *self._source.own_tables, *(t.name for t in ours)}
        self.left = tuple(sorted(there - known))
        with self._writer.transaction():
            connection = self._writer.joined()
            require_master(connection, self._target, self._master)
            tables.create_all(connection)
            if (content := setting(connection, COPY_NAME)) is not None:
                self._go_on(Place.of(content))
            elif connection.execute(select(RECORDS.c.row).limit(1)).first() is not None:
                self._refuse(connection)
            else:
                row = {"name": COPY_NAME, "value": self._place.content}
                connection.execute(insert(SETTINGS), row)

    def _go_on(self, place: Place) -> None:
        if place.source != self._place.source:
            raise ConfigError(
                f"{self._target.name} has the beginning of a copy of another database, or of what "
                f"{self._source.name} was before it was written to again",
                hint=_EMPTY_HINT,
            )
        self._place = place

    def _refuse(self, connection: Connection) -> None:
        is_copy = _state_of(connection) == self._place.source
        what = "is a copy of it already" if is_copy else "has records of its own"
        raise ConfigError(f"{self._target.name} {what}", hint=_EMPTY_HINT)

    def run(self, progress: Callable[[int], object] | None) -> None:
        """Copy what is not there yet."""
        names = [table.name for table in self._tables]
        first = names.index(self._place.table) if self._place.table in names else 0
        count = 0
        for table in self._tables[first:]:
            if self._place.table != table.name:
                self._place = evolve(self._place, table=table.name, after=None)
            for page in self._pages(table):
                self._keep(table, page)
                count += len(page) if table is RECORDS else 0
                if progress:
                    progress(count)

    def _pages(self, table: Table) -> Iterator[Sequence[Any]]:
        keys = list(table.primary_key)
        query = select(table).order_by(*keys).limit(PAGE)
        while True:
            after = self._place.after
            behind = query if after is None else query.where(tuple_(*keys) > after)
            with self._source.reporting("the audit cannot read"):
                rows = self._origin.execute(behind).all()
            if not rows:
                return
            yield rows

    def _keep(self, table: Table, page: Sequence[Any]) -> None:
        last = page[-1]._mapping
        place = evolve(self._place, after=tuple(last[key] for key in table.primary_key))
        with self._writer.transaction():
            connection = self._writer.joined()
            self._load(connection, table, page)
            connection.execute(
                update(SETTINGS).where(SETTINGS.c.name == COPY_NAME).values(value=place.content)
            )
        self._place = place

    def _load(self, connection: Connection, table: Table, page: Sequence[Any]) -> None:
        try:
            self._target.load(connection, table, page)
        except self._target.breaches as error:
            raise AuditError(
                f"{self._target.name} does not take a row of the table {table.name}: "
                f"{type(error).__name__}",
                hint="a text in it has a character that the target cannot hold, or was changed",
            ) from None

    def verify(
        self,
        public_keys: Sequence[bytes],
        anchors: Sequence[SignedHead],
        progress: Callable[[int], object] | None,
    ) -> Verification:
        """What verifying finds in the target. `AuditError` where that is not what is in the
        source."""
        engine = self._target.reading_engine()
        try:
            with engine.begin() as connection:
                found = verify(connection, public_keys, progress, anchors=anchors)
                what = self._difference(connection)
        finally:
            engine.dispose()
        if what is None and found.faults:
            before = verify(self._origin, public_keys, progress, anchors=anchors)
            what = "what verifying finds" if before != found else None
        if what is not None:
            raise AuditError(
                f"the copy in {self._target.name} differs from {self._source.name}: {what}",
                hint=_EMPTY_HINT,
            )
        return found

    def _difference(self, connection: Connection) -> str | None:
        for table in self._tables:
            count = select(func.count()).select_from(table)
            there, before = (
                each.execute(count).scalar_one() for each in (connection, self._origin)
            )
            if there != before:
                return f"{there} rows of the table {table.name}, and not {before}"
            self.rows[str(table.name)] = there  # SQLAlchemy's own string is no key of JSON
            is_read = table.metadata is TABLES and table not in _LARGE
            if is_read and not _is_same(table, connection, self._origin):
                return f"the table {table.name}"
        return None

    def end(self) -> None:
        """The target is whole."""
        with self._writer.transaction():
            connection = self._writer.joined()
            self._target.number_behind(connection)
            connection.execute(delete(SETTINGS).where(SETTINGS.c.name == COPY_NAME))


def _is_same(table: Table, one: Connection, other: Connection) -> bool:
    rows, before = (set(map(tuple, each.execute(select(table)))) for each in (one, other))
    return rows == before


def _state_of(connection: Connection) -> str:
    """What tells a state of a database from every other: each change of it moves a head."""
    heads = sorted(map(tuple, connection.execute(select(HEADS.c.chain, HEADS.c.signature))))
    digest = sha256()
    for chain, signature in heads:
        digest.update(b"%s %s\n" % (chain.encode(), signature.hex().encode()))
    return digest.hexdigest()
