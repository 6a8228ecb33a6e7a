"""Answers that nobody read, kept for the client's next attempt.

The product's SDK sends a request three times when time is over, 1 s and 2 s apart. So an answer
whose connection broke before it was read is kept for a while, whatever the configuration says of
texts, and is gone after it was given, or when the while is over:

    mark     MAC(key of marks, tenant, generation, client, user token, body): which request it is
    row      the mark, and the answer encrypted under HMAC(key of answers, mark)

Both keys are derived from the newest server key, so the database alone tells neither what was asked
nor what was answered, and the same request of another tenant has another mark. A new generation of
the configuration has other marks: what the old policies let go is not given under the new ones.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from hashlib import blake2b, sha256
from hmac import digest
from typing import TYPE_CHECKING

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, delete, insert, select

from axonflow_core.frozen import frozen
from axonflow_core.policy.rules import Verdict
from axonflow_core.server.client_request import Answer

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from axonflow_core.audit.batch import Transaction
    from axonflow_core.audit.erasure import Chosen

TABLES = MetaData()
"""To be made beside the audit's tables: `AuditStore.open(…, tables=…)`."""
REPLAYS = Table(
    "replays",
    TABLES,
    Column("mark", LargeBinary(32), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
)
_NONCE_BYTES = 12


@frozen
class Given:
    """An answer, with the id and the verdict of the record of the call that brought it."""

    answer: Answer
    record: str
    verdict: Verdict


class Seal:
    """Marks requests, and encrypts answers, under keys that come of a server key."""

    def __init__(self, server_key: bytes) -> None:
        self._marks = digest(server_key, b"axonflow server 1 marks of requests", sha256)
        self._answers = digest(server_key, b"axonflow server 1 kept answers", sha256)

    def __repr__(self) -> str:
        return "<Seal>"

    def mark(self, *parts: bytes) -> bytes:
        """What tells a request from every other: 32 bytes."""
        # BLAKE2's keyed form, as in `auth`; fixed lengths keep one part apart from the next.
        lengths = struct.pack(f"<{len(parts)}Q", *map(len, parts))
        return blake2b(b"".join((lengths, *parts)), key=self._marks, digest_size=32).digest()

    def seal(self, mark: bytes, given: Given) -> bytes:
        """The answer to the request of that mark, encrypted."""
        answer = given.answer
        head = [
            answer.status,
            answer.content_type,
            dict(answer.headers),
            given.record,
            given.verdict,
        ]
        content = orjson.dumps(head) + b"\n" + answer.body
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher(mark).encrypt(nonce, content, mark)

    def open(self, mark: bytes, sealed: bytes) -> Given | None:
        """The answer; None where it was sealed under another key, or changed."""
        nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            head, _, body = self._cipher(mark).decrypt(nonce, content, mark).partition(b"\n")
        except (InvalidTag, ValueError):
            return None
        status, content_type, headers, record, verdict = orjson.loads(head)
        return Given(Answer(status, body, headers, content_type), record, Verdict(verdict))

    def _cipher(self, mark: bytes) -> AESGCM:
        return AESGCM(digest(self._answers, mark, sha256))


def keep(transaction: Transaction, mark: bytes, sealed: bytes, expires_us: int) -> None:
    """Keep an answer in the place of one of the same mark."""
    drop(transaction, mark)
    row = {"mark": mark, "sealed": sealed, "expires_us": expires_us}
    transaction.execute(insert(REPLAYS), row)


def kept(transaction: Transaction, mark: bytes, at_us: int) -> bytes | None:
    """The sealed answer of that mark; None where none is kept, or its time is over."""
    is_it = (REPLAYS.c.mark == mark) & (REPLAYS.c.expires_us > at_us)
    sealed: bytes | None = transaction.execute(select(REPLAYS.c.sealed).where(is_it)).scalar()
    return sealed


def drop(transaction: Transaction, mark: bytes) -> None:
    """Keep the answer no longer."""
    transaction.execute(delete(REPLAYS).where(REPLAYS.c.mark == mark))


def marks(connection: Connection) -> Mapping[bytes, int]:
    """Mark -> when its time is over, in microseconds since 1970, of every answer that is kept."""
    rows = connection.execute(select(REPLAYS.c.mark, REPLAYS.c.expires_us))
    return {row.mark: row.expires_us for row in rows}


def erase(transaction: Transaction, seals: Sequence[Seal], chosen: Chosen) -> int:
    """Remove the answers of the calls whose records are erased, and those that no server key opens,
    which nobody can be given. Returns how many."""
    of_mark: dict[bytes, str | None] = {}
    for row in transaction.execute(select(REPLAYS.c.mark, REPLAYS.c.sealed)):
        opened = (seal.open(row.mark, row.sealed) for seal in seals)
        given = next((each for each in opened if each is not None), None)
        of_mark[row.mark] = None if given is None else given.record
    erased = chosen({record for record in of_mark.values() if record is not None})
    gone = [mark for mark, record in of_mark.items() if record is None or record in erased]
    for mark in gone:
        drop(transaction, mark)
    return len(gone)


def forget(transaction: Transaction, at_us: int) -> None:
    """Remove the answers whose time is over."""
    transaction.execute(delete(REPLAYS).where(REPLAYS.c.expires_us <= at_us))
