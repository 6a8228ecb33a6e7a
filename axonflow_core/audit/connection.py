"""The writer's connection: the driver's own, and SQLAlchemy's on top of it where a work needs one.

What every batch does is done with the driver: begin, insert, move the head, commit. SQLAlchemy's
part of a commit would cost more than SQLite's. It joins a transaction that is under way, and then
ends it, so there is one transaction, whoever looks at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from axonflow_core.audit.databases import Database, Driver, driver_of
from axonflow_core.errors import AuditError


class WriterConnection:
    """A connection whose transactions may write, one after another."""

    def __init__(self, engine: Engine, database: Database) -> None:
        self.database = database
        self._engine = engine
        self._joining = engine.connect()
        self.driver: Driver = driver_of(self._joining)
        """What the batches' own statements run on."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, committed at its end, and taken back where the block raises."""
        self.database.take_turn(self.driver)
        try:
            yield
            if not self.is_in_transaction:  # a commit of it would say that all is well
                raise AuditError("the transaction was ended by the database")
            (self._joining if self._joining.in_transaction() else self.driver).commit()
        except BaseException:
            with suppress(*self.database.faults):  # it is the first error that counts
                self._roll_back()
            raise

    def joined(self) -> Connection:
        """SQLAlchemy's connection, which is in the transaction from now on."""
        if not self._joining.in_transaction():
            self._joining.begin()
        return self._joining

    @property
    def is_in_transaction(self) -> bool:
        """Whether the transaction outlived an error."""
        return self.database.is_in_transaction(self.driver)

    @property
    def can_undo(self) -> bool:
        """Whether it can go back to a savepoint."""
        return self.database.can_undo(self.driver)

    def reset(self) -> None:
        """Be in no transaction: on the same connection of the driver where it can be rolled back,
        for where files are scarce there may be no other."""
        gone: tuple[type[Exception], ...] = (*self.database.faults, SQLAlchemyError)
        try:
            self._roll_back()
            if not self.can_undo:
                return
        except gone:
            pass
        with suppress(*gone):
            self._joining.invalidate()
            self._joining.close()
        self._joining = self._engine.connect()
        self.driver = driver_of(self._joining)

    def close(self) -> None:
        """Let go of the database."""
        self._joining.close()

    def _roll_back(self) -> None:
        self._joining.rollback()
        self.driver.rollback()
