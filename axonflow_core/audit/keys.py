"""The keys of the audit: what they hide, what they prove, and what destroying one takes away.

    master key ──encrypts──> tenant key (random, table tenant_keys)
                               ├── pseudonyms of the tenant's users
                               ├── encrypts ──> record key (random, beside the record)
                               │                  ├── encrypts the record's texts
                               └──────── with ────┴── commitments to the record's texts

A commitment is an HMAC under the tenant's key of the record's key and the text, so whoever has the
database, but not both keys, cannot guess a text and test the guess. Neither key is in the chain:
either can be destroyed, and the chain still verifies.

The signing key is independent of these. It signs heads, and its public half is all that verifying
needs.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from hashlib import sha256
from hmac import digest

import orjson
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from axonflow_core.errors import AuditError
from axonflow_core.keys import Keys

SECRET_BYTES = 32
"""The size of a tenant's and of a record's key."""
_NONCE_BYTES = 12  # NIST SP 800-38D 8.2.2: a random nonce, for at most 2^32 records of a tenant


_DRAWN_BYTES = 2_048
Random = Callable[[int], bytes]
"""So many random bytes."""


class RandomPool:
    """`os.urandom` for one thread, which asks the kernel once for many uses: each time it lets go
    of the interpreter, and beside a busy loop it is long until the thread has it again."""

    def __init__(self) -> None:
        self._left = b""

    def __repr__(self) -> str:
        return "<RandomPool>"

    def __call__(self, count: int) -> bytes:
        if len(self._left) < count:
            self._left = os.urandom(max(count, _DRAWN_BYTES))
        taken, self._left = self._left[:count], self._left[count:]
        return taken


def key_id(public_key: bytes) -> str:
    """The name of a signing key: the first 16 hex digits of the SHA-256 of its public half."""
    return sha256(public_key).hexdigest()[:16]


class Signer:
    """Signs heads, and knows the public keys that earlier heads were signed with."""

    def __init__(self, keys: Keys) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(keys.signing)
        self.public_key = self._private.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_key)
        self.public_keys = (self.public_key, *keys.verify)
        self.sign = self._private.sign

    def __repr__(self) -> str:
        return f"<Signer {self.key_id}>"


def is_signed_by(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is the key's over `message`. False for a key that is none."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class MasterKey:
    """Encrypts the tenants' keys."""

    def __init__(self, master: bytes) -> None:
        self._cipher = AESGCM(_derived(master, b"tenant keys"))
        self.check = _derived(master, b"check")
        """A value that tells this master key from another and reveals neither."""

    def __repr__(self) -> str:
        return "<MasterKey>"

    def wrap(self, secret: bytes, tenant: str) -> bytes:
        """A tenant's key, encrypted."""
        return _encrypt(self._cipher, secret, tenant.encode())

    def unwrap(self, wrapped: bytes, tenant: str) -> TenantKey:
        """The tenant's key. `AuditError` where it was changed or belongs to another tenant."""
        return TenantKey(_decrypt(self._cipher, wrapped, tenant.encode(), "the key of a tenant"))


class TenantKey:
    """What one tenant's key hides."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(_derived(secret, b"record keys"))
        self._pseudonyms = _Mac(_derived(secret, b"pseudonyms"))
        self._commitments = _Mac(_derived(secret, b"commitments"))

    def __repr__(self) -> str:
        return "<TenantKey>"

    def pseudonym(self, user: str) -> str:
        """The name that records have for a user: `u_` and 32 hex digits.

        Of a JWT it is its subject that counts, so the name outlives the token.
        """
        return f"u_{self._pseudonyms.hexdigest(_lossless(subject_of(user)))[:32]}"

    def commitments(self, record_key: bytes, texts: Mapping[str, str]) -> dict[str, str]:
        """Label -> commitment to the text, 64 hex digits."""
        return {
            label: self._commitments.hexdigest(record_key + _lossless(f"{label}\0{text}"))
            for label, text in texts.items()
        }

    def wrap(self, record_key: bytes, record: str, random: Random = os.urandom) -> bytes:
        """A record's key, encrypted for the record of that id."""
        return _encrypt(self._cipher, record_key, record.encode(), random)

    def unwrap(self, wrapped: bytes, record: str) -> bytes:
        """The record's key. `AuditError` where it was changed or belongs to another record."""
        return _decrypt(self._cipher, wrapped, record.encode(), f"the key of the record {record}")


class _Mac:
    """HMAC-SHA-256 (RFC 2104) under one key, whose two blocks are hashed once: `hmac.digest` hashes
    them for each message, and takes more than twice as long for a short one."""

    def __init__(self, key: bytes) -> None:
        block = key.ljust(sha256().block_size, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def hexdigest(self, message: bytes) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.hexdigest()


def seal_texts(
    record_key: bytes, record: str, texts: Mapping[str, str], random: Random = os.urandom
) -> dict[str, bytes]:
    """Label -> text of a record, encrypted under the record's key."""
    cipher = AESGCM(_derived(record_key, b"texts"))
    return {
        label: _encrypt(cipher, _lossless(text), f"{record}\0{label}".encode(), random)
        for label, text in texts.items()
    }


def open_text(record_key: bytes, record: str, label: str, sealed: bytes) -> str:
    """The text. `AuditError` where it was changed or belongs elsewhere."""
    cipher = AESGCM(_derived(record_key, b"texts"))
    place = f"{record}\0{label}".encode()
    content = _decrypt(cipher, sealed, place, f"a text of the record {record}")
    return content.decode(errors="surrogatepass")


def subject_of(user: str) -> str:
    """The `sub` claim where `user` is a JWT (RFC 7519) that has one, else `user` itself. Nothing is
    verified here: who calls is decided before."""
    parts = user.split(".")
    if len(parts) != 3 or not all(parts[:2]):
        return user
    header, claims = (_json_object(part) for part in parts[:2])
    subject = claims.get("sub") if claims and header else None
    return subject if isinstance(subject, str) and subject else user


def _json_object(part: str) -> Mapping[str, object] | None:
    """The JSON object in a base64url part; None where there is none."""
    try:
        value = orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _derived(key: bytes, use: bytes) -> bytes:
    """A key for one use alone."""
    return digest(key, b"axonflow audit 1 " + use, sha256)


def _lossless(text: str) -> bytes:
    """Lone surrogates, which JSON can escape and UTF-8 cannot say, are kept apart."""
    return text.encode(errors="surrogatepass")


def _encrypt(cipher: AESGCM, content: bytes, place: bytes, random: Random = os.urandom) -> bytes:
    """Nonce and ciphertext. `place` is where it belongs: elsewhere it does not decrypt."""
    nonce = random(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, content, place)


def _decrypt(cipher: AESGCM, sealed: bytes, place: bytes, what: str) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
    except (InvalidTag, ValueError):
        raise AuditError(
            f"{what} does not decrypt", hint="the database or the master key was changed"
        ) from None
