"""The error for an answer that the codec cannot read."""

from __future__ import annotations

from axonflow_core.codec.likeness import likeness
from axonflow_core.errors import DecodeError


def unreadable(family: str, body: bytes, cause: Exception | None, hint: str) -> DecodeError:
    """The error for an answer of status 200 that is not one of `family`."""
    what = f"the answer is not one of the {family} family"
    if isinstance(cause, DecodeError):
        what = cause.message
    return DecodeError(f"{what}; it is {likeness(body)}", hint=hint)
