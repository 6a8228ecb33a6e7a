"""What is kept of plans, encrypted.

Queries, tasks and results stand in the database for as long as plans are kept, whatever the
configuration says of texts: a plan that goes on after a crash needs them. Each is encrypted under a
key of its own, HMAC(key of plans, its name), which comes of a server key. Older server keys read
what was written under them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from hmac import digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from axonflow_core.errors import AuditError

_NONCE_BYTES = 12


class Unreadable(AuditError):
    """What was sealed is under a key that is not there any more."""


class PlanSeal:
    """Encrypts under the newest of the server keys, and reads what any of them wrote."""

    def __init__(self, server_keys: Sequence[bytes]) -> None:
        self._keys = [digest(key, b"axonflow server 1 kept plans", sha256) for key in server_keys]

    def __repr__(self) -> str:
        return "<PlanSeal>"

    def seal(self, name: str, content: bytes) -> bytes:
        """`content`, encrypted. `name` says whose it is, and only under it is it read again."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + _cipher(self._keys[0], name).encrypt(nonce, content, name.encode())

    def open(self, name: str, sealed: bytes) -> bytes:
        """What was sealed. `Unreadable` where no server key reads it."""
        nonce, content = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        for key in self._keys:
            try:
                return _cipher(key, name).decrypt(nonce, content, name.encode())
            except InvalidTag:
                continue
        raise Unreadable(
            f"the plan {name.partition('/')[0]} does not decrypt",
            hint="all servers of one database need the same server keys; keep an older one in "
            "the list for `plans.keep_days`",
        )


def _cipher(key: bytes, name: str) -> AESGCM:
    return AESGCM(digest(key, name.encode(), sha256))
