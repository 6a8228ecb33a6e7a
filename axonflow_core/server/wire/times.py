"""Times as the product's JSON has them: RFC 3339, in UTC where we write."""

from __future__ import annotations

from datetime import UTC, datetime

from axonflow_core.errors import MalformedRequest

_SECOND_US = 1_000_000


def timestamp(at_us: int) -> str:
    """A time of ours, in microseconds since 1970, with all of its digits."""
    at = datetime.fromtimestamp(at_us / _SECOND_US, UTC)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def microseconds(name: str, text: str | None) -> int | None:
    """What `timestamp` wrote, or a client did, of the field `name`; without a zone it is UTC. None
    where there is no text, `MalformedRequest` where it is no time."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        zoned = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return round(zoned.timestamp() * _SECOND_US)
    except (ValueError, OverflowError):
        raise MalformedRequest(f"{name} is a time as 2026-11-29T12:00:00Z") from None
