"""The generations of the configuration, as the store has them.

A generation is the text of a configuration file that was found to be sound, encrypted, for a file
may hold secrets. Its row and the record of the change are written in one transaction, and every
worker builds what it serves of the newest row: so all of them serve the same, whichever was told,
and a worker that starts anew serves what the others do and not what somebody is editing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from hmac import digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from attrs import field
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    inspect,
    select,
    update,
)

from axonflow_core.config import Config, load_config
from axonflow_core.config.document import document_text
from axonflow_core.config.loading import file_of
from axonflow_core.frozen import frozen

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from axonflow_core.audit.batch import Transaction

TABLES = MetaData()
"""To be made beside the audit's tables: `AuditStore.open(…, tables=…)`."""
GENERATIONS = Table(
    "generations",
    TABLES,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("who", String(256), nullable=False),
    # The last start of a server that found the file to be this generation.
    Column("launch", String(64), nullable=False, default=""),
)
MAX_KEPT = 50
"""How many generations keep their text; their records stay."""
_NONCE_BYTES = 12


@frozen
class Written:
    """A configuration as it is written."""

    path: Path | None
    """The file; None where the configuration is made of environment variables alone."""
    text: str = field(default="", repr=False)

    def config(self, environment: Mapping[str, str]) -> Config:
        """The configuration as values. `FaultyConfig` with all that is wrong in the file."""
        return load_config(self.path, environment, text=self.text if self.path else None)


@frozen
class Source:
    """Where a server reads its configuration, at its start and at each reload."""

    path: Path | None = None
    """As named on the command line; None has it looked for."""
    environment: Mapping[str, str] = field(factory=lambda: os.environ, repr=False)

    def read(self) -> Written:
        """What is written there now. `FaultyConfig` where it cannot be read."""
        path = file_of(self.path, self.environment)
        return Written(None) if path is None else Written(path, document_text(path))


@frozen
class Kept:
    """A generation of the store."""

    number: int
    written: Written | None
    """None where no server key of ours opens it: the server had others when it was made."""
    digest: bytes = field(repr=False)


class Archive:
    """Encrypts what the store keeps of configurations, under keys that come of the server keys."""

    def __init__(self, server_keys: Sequence[bytes]) -> None:
        self._keys = [digest(key, b"axonflow server 1 generations", sha256) for key in server_keys]
        self._digests = digest(server_keys[0], b"axonflow server 1 digests of files", sha256)

    def __repr__(self) -> str:
        return "<Archive>"

    def digest(self, written: Written) -> bytes:
        """What tells one text from another: a MAC, for a file may hold secrets."""
        return digest(self._digests, _content(written), sha256)

    def seal(self, number: int, written: Written) -> bytes:
        """The text of the generation of that number, encrypted."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._keys[0]).encrypt(nonce, _content(written), b"%d" % number)

    def open(self, number: int, sealed: bytes) -> Written | None:
        """The text; None where no server key of ours opens it."""
        nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        for key in self._keys:
            try:
                path, text = orjson.loads(AESGCM(key).decrypt(nonce, content, b"%d" % number))
            except (InvalidTag, ValueError):
                continue
            return Written(None if path is None else Path(path), text)
        return None


def _content(written: Written) -> bytes:
    path = None if written.path is None else str(written.path)
    return orjson.dumps([path, written.text])


def newest_number(connection: Connection | Transaction) -> int:
    """The number of the newest generation; 0 where there is none."""
    number: int | None = connection.execute(select(func.max(GENERATIONS.c.number))).scalar()
    return number or 0


def newest(connection: Connection | Transaction, archive: Archive) -> Kept | None:
    """The newest generation; None where there is none."""
    query = select(GENERATIONS).order_by(GENERATIONS.c.number.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Kept(row["number"], archive.open(row["number"], row["sealed"]), row["digest"])


def generation_of(connection: Connection, archive: Archive, number: int) -> Written | None:
    """The text of a generation; None where it is no more, or no server key of ours opens it."""
    if not inspect(connection).has_table(GENERATIONS.name):
        return None
    query = select(GENERATIONS.c.sealed).where(GENERATIONS.c.number == number)
    sealed = connection.execute(query).scalar()
    return None if sealed is None else archive.open(number, sealed)


def is_launched(connection: Connection | Transaction, launch: str) -> bool:
    """Whether a worker of that start has made the file the newest generation."""
    query = select(GENERATIONS.c.number).where(GENERATIONS.c.launch == launch)
    return connection.execute(query).first() is not None


def note_launch(transaction: Transaction, number: int, launch: str) -> None:
    """Note that a start found the file to be the generation of that number."""
    at = GENERATIONS.c.number == number
    transaction.execute(update(GENERATIONS).where(at).values(launch=launch))


def add(
    transaction: Transaction, archive: Archive, written: Written, *, who: str, after: int
) -> int | None:
    """Make `written` the newest generation: its number. None where the newest is not `after`."""
    number = after + 1
    if newest_number(transaction) != after:
        return None
    row: dict[str, Any] = {
        "number": number,
        "sealed": archive.seal(number, written),
        "digest": archive.digest(written),
        "at_us": time.time_ns() // 1_000,
        "who": who,
    }
    transaction.execute(insert(GENERATIONS), row)
    transaction.execute(delete(GENERATIONS).where(GENERATIONS.c.number <= number - MAX_KEPT))
    return number
