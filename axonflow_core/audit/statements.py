"""The statements that a batch runs, with the driver alone: SQLAlchemy writes them once, and is not
asked again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from sqlalchemy import bindparam, false, insert, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement

from axonflow_core.audit.databases import Driver
from axonflow_core.audit.schema import HEADS, RECORDS, SEALS, SERIES, TENANT_KEYS, TERMS, TEXTS

RECORD = tuple(column.name for column in RECORDS.columns if column.name != "row")
"""The values of a row of `records`, as they are inserted."""
Execute: TypeAlias = Callable[[str, Sequence[Any]], Any]
"""Runs a statement of SQL, with `?` for each of its values."""
_MAX_ROWS = 64
"""How many rows one statement inserts at most. The driver lets go of the interpreter several times
for a statement, and beside a busy loop it is long until a thread has it again; with `executemany`,
for every row."""


class Statements:
    """The statements of the batches, as the driver takes them."""

    def __init__(self, dialect: Dialect) -> None:
        self._is_qmark = dialect.paramstyle == "qmark"

        def compiled(statement: ClauseElement) -> str:
            return str(statement.compile(dialect=dialect))

        told = ("", _counted_back) if dialect.name == "sqlite" else (" RETURNING row", _returned)
        self.insert_records = _Insert(compiled(_INSERT_RECORDS), len(RECORD), *told)
        self.insert_terms = _Insert(compiled(insert(TERMS).inline()), len(TERMS.columns))
        self.insert_series = f"{compiled(insert(SERIES).inline())} ON CONFLICT DO NOTHING"
        self.insert_texts = _Insert(compiled(insert(TEXTS).inline()), len(TEXTS.columns))
        self.insert_tenant_keys = compiled(insert(TENANT_KEYS).inline())
        self.insert_seal = f"{compiled(insert(SEALS).inline())} ON CONFLICT DO NOTHING"
        self.move_head = compiled(_MOVE_HEAD)
        self.has_lost_key = compiled(_HAS_LOST_KEY)
        self.find_keys_again = compiled(_FIND_KEYS_AGAIN)
        self.find_head = compiled(_FIND_HEAD)
        self.find_tenant_key = compiled(FIND_TENANT_KEY)

    def executing(self, driver: Driver) -> Execute:
        """What runs statements of others on the driver's connection."""
        if self._is_qmark:
            run: Execute = driver.execute
            return run
        return lambda statement, values: driver.execute(statement.replace("?", "%s"), values)


def _counted_back(cursor: Any, count: int) -> Iterable[int]:
    """The numbers of the rows that a statement inserted, of which the driver knows the last: SQLite
    gives each new row the greatest number so far and one (sqlite.org/autoinc.html). To have it
    return them would make the statement a third dearer."""
    last = cursor.lastrowid
    return range(last - count + 1, last + 1)


def _returned(cursor: Any, _: int) -> Iterable[int]:
    """The numbers that the statement returned, in an order that PostgreSQL does not promise."""
    return sorted(number for (number,) in cursor.fetchall())


class _Insert:
    """Inserts rows, as many with one statement as there are."""

    def __init__(
        self,
        insert_one: str,
        width: int,
        returning: str = "",
        numbers: Callable[[Any, int], Iterable[int]] = lambda *_: (),
    ) -> None:
        """`width`: how many values a row has. `numbers`: those of the rows that a statement of so
        many inserted, by its cursor."""
        self._into, self._values = insert_one.split(" VALUES ")
        self._width = width
        self._returning = returning
        self._numbers = numbers
        self._statements: dict[int, str] = {}

    def __call__(self, driver: Driver, values: Sequence[Any]) -> list[int]:
        """The numbers of the rows, in their order, where they are told; `values` are those of all
        rows."""
        numbers: list[int] = []
        most = _MAX_ROWS * self._width
        for start in range(0, len(values), most):
            part = values[start : start + most]
            count = len(part) // self._width
            numbers += self._numbers(driver.execute(self._of(count), part), count)
        return numbers

    def _of(self, count: int) -> str:
        """The statement that inserts so many rows."""
        if (known := self._statements.get(count)) is None:
            rows = ", ".join([self._values] * count)
            known = self._statements[count] = f"{self._into} VALUES {rows}{self._returning}"
        return known


_FIND_HEAD = select(HEADS.c.seq, HEADS.c.hash, HEADS.c.is_swept).where(
    HEADS.c.chain == bindparam("of")
)
FIND_TENANT_KEY = select(TENANT_KEYS.c.wrapped).where(TENANT_KEYS.c.tenant == bindparam("of"))
_INSERT_RECORDS = insert(RECORDS).inline().values({name: bindparam(name) for name in RECORD})
_MOVED = ("seq", "hash", "count", "at_us", "key", "is_closed", "signature")
_MOVE_HEAD = (
    update(HEADS)
    .values({name: bindparam(name) for name in _MOVED})
    .where(
        HEADS.c.chain == bindparam("of"),
        HEADS.c.seq == bindparam("from_seq"),
        HEADS.c.hash == bindparam("from_hash"),
        ~HEADS.c.is_swept,
        ~HEADS.c.has_lost_key,
    )
)
_HAS_LOST_KEY = select(HEADS.c.chain).where(
    HEADS.c.chain == bindparam("of"), HEADS.c.has_lost_key, ~HEADS.c.is_swept
)
_FIND_KEYS_AGAIN = (
    update(HEADS).values(has_lost_key=false()).where(HEADS.c.chain == bindparam("of"))
)
