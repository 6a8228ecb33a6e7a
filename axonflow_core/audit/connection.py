"""The writer's connection: the driver's own, and SQLAlchemy's on top of it where a work needs one.

What every batch does is done with the driver: begin, insert, move the head, commit. SQLAlchemy's
part of a commit would cost more than SQLite's. It joins a transaction that is under way, and then
ends it, so there is one transaction, whoever looks at it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine

from axonflow_core.audit import database


class WriterConnection:
    """A connection whose transactions may write, one after another."""

    def __init__(self, engine: Engine) -> None:
        self._joining = engine.connect()
        self.driver: sqlite3.Connection = database.driver_of(self._joining)
        """What the batches' own statements run on."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, committed at its end, and taken back where the block raises."""
        database.take_turn(self.driver)
        try:
            yield
            (self._joining if self._joining.in_transaction() else self.driver).commit()
        except BaseException:
            with suppress(*database.FAULTS):  # it is the first error that counts
                self._roll_back()
            raise

    def joined(self) -> Connection:
        """SQLAlchemy's connection, which is in the transaction from now on."""
        if not self._joining.in_transaction():
            self._joining.begin()
        return self._joining

    @property
    def is_in_transaction(self) -> bool:
        """Whether the transaction outlived an error: SQLite ends it itself for some."""
        return self.driver.in_transaction

    def reset(self) -> None:
        """Be in no transaction: on the same connection of the driver where it can be rolled back,
        for where files are scarce there may be no other."""
        try:
            self._roll_back()
            if not self.driver.in_transaction:
                return
        except database.FAULTS:
            pass
        self._joining.invalidate()
        self.driver = database.driver_of(self._joining)

    def close(self) -> None:
        """Let go of the database."""
        self._joining.close()

    def _roll_back(self) -> None:
        self._joining.rollback()
        self.driver.rollback()
