"""The chain: what of a record is hashed, how records hang together, what a head says.

    body    JSON of the record with its place (`chain`, `seq`): keys sorted, no blanks, UTF-8
    hash    SHA-256(tag, hash of the record before, body); before the first stand 32 zero bytes
    head    the last record's place and hash, and how many there are, signed with Ed25519

A changed record breaks its own hash, or, where that is made anew, the link of the next one, and at
the end the head, which cannot be made anew without the signing key. A head counts, so it also tells
that records behind the last one that is left were cut off.

Bodies differ where entries do: JSON's numbers, strings and nulls are told apart, keys are sorted,
and nothing is left out. NaN and infinities are no JSON and are written as null.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.errors import AuditError
from axonflow_core.frozen import frozen
from axonflow_core.policy.rules import Verdict

START = bytes(32)
"""What stands in the place of the hash before the first record of a chain."""
FIRST = 1
"""The place of a chain's first record."""
_RECORD = sha256(b"axonflow audit record 1\n")
"""What the hash of a record begins with, which is hashed once."""
_HEAD_TAG = b"axonflow audit head 1\n"


def new_chain_id() -> str:
    """A new identifier that sorts by time: 48 bits of milliseconds, 32 random ones, in hex."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(4).hex()}"


@frozen
class Head:
    """The end of a chain, as it is signed."""

    chain: str
    seq: int = 0
    """The place of the last record; 0 before the first."""
    hash: bytes = START
    count: int = 0
    """How many records the chain has had."""
    at_us: int = 0
    key: str = ""
    """The id of the signing key."""
    is_closed: bool = False
    """Whether its writer ended it, so that no record follows."""

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return _HEAD_TAG + _canonical(
            {
                "at_us": self.at_us,
                "chain": self.chain,
                "closed": self.is_closed,
                "count": self.count,
                "hash": self.hash.hex(),
                "key": self.key,
                "seq": self.seq,
            }
        )


def body_of(entry: Entry, chain: str, seq: int, commitments: Mapping[str, str]) -> bytes:
    """The canonical form of a record. `AuditError` where a fact is not JSON."""
    try:
        return _canonical(
            {
                "at_us": entry.at_us,
                "chain": chain,
                "client": entry.client,
                "closes": entry.closes,
                "commitments": commitments,
                "facts": entry.facts,
                "id": entry.id,
                "kind": entry.kind,
                "model": entry.model,
                "provider": entry.provider,
                "request_type": entry.request_type,
                "rules": entry.rules,
                "seq": seq,
                "tenant": entry.tenant,
                "user": entry.user,
                "verdict": entry.verdict,
            }
        )
    except TypeError as fault:
        raise AuditError(f"the record {entry.id} cannot be written as JSON: {fault}") from None


def entry_of(body: bytes) -> Entry:
    """The entry that a body is of, without its texts. `AuditError` where it is none."""
    try:
        members = orjson.loads(body)
        return Entry(
            kind=Kind(members["kind"]),
            verdict=Verdict(members["verdict"]),
            rules=tuple(members["rules"]),
            **{name: members[name] for name in _AS_THEY_ARE},
        )
    except (KeyError, TypeError, ValueError):
        raise AuditError("a record is not as the audit writes them") from None


_AS_THEY_ARE = (
    *("id", "at_us", "tenant", "client", "user", "request_type", "provider", "model", "closes"),
    "facts",
)


def link(previous: bytes, body: bytes) -> bytes:
    """The hash of a record: of its body and the hash of the record before."""
    hash = _RECORD.copy()
    hash.update(previous + body)
    return hash.digest()


def _canonical(members: Mapping[str, Any]) -> bytes:
    return orjson.dumps(members, default=_plain, option=orjson.OPT_SORT_KEYS)


def _plain(value: object) -> object:
    """orjson's `default`: a mapping that is no dict."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is no JSON")
