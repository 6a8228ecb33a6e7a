"""Cursors of searches: where a page goes on, in words that only we can write.

A cursor is a place and a mark of ours of the place and the tenant, in base64. Whoever changes one,
or brings one of another tenant, is refused. It outlives a restart, not a new server key.
"""

from __future__ import annotations

import binascii
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hmac import compare_digest

from axonflow_core.audit.places import Place
from axonflow_core.errors import MalformedRequest
from axonflow_core.server.replays import Seal

_PLACE = struct.Struct(">qq")
_PURPOSE = b"axonflow server 1 cursors"


def cursor_of(place: Place, tenant: str, seal: Seal) -> str:
    """The cursor of a place, for this tenant."""
    packed = _PLACE.pack(*place)
    return urlsafe_b64encode(packed + _mark(packed, tenant, seal)).decode()


def place_of(cursor: str, tenant: str, seal: Seal) -> Place:
    """The place of a cursor. `MalformedRequest` for one that is not this tenant's."""
    try:
        content = urlsafe_b64decode(cursor.encode("ascii"))
        packed, mark = content[: _PLACE.size], content[_PLACE.size :]
        if compare_digest(mark, _mark(packed, tenant, seal)):
            return Place(*_PLACE.unpack(packed))
    except (binascii.Error, UnicodeEncodeError):
        pass
    raise MalformedRequest(
        "cursor is none that this server gave the tenant",
        hint="begin the search again without a cursor",
    )


def _mark(packed: bytes, tenant: str, seal: Seal) -> bytes:
    return seal.mark(_PURPOSE, tenant.encode(), packed)
