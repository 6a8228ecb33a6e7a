"""Errors of Anthropic's Messages API, both roles.

    HTTP 429   {"type": "error", "error": {"type": "rate_limit_error", "message": "…"}}
    stream     event: error   data: {"type": "error", "error": {"type": "overloaded_error", …}}

The type decides alone: each has one status. Only what has the type of every faulty request and is
none is recognised by its message: a context that is too long, and an account without credit, at its
limit or disabled, whose calls another provider may answer. Source: Anthropic's API reference,
"Errors", and anthropic-sdk-python (`_base_client._should_retry`), November 2026; for the words of
accounts anthropics/claude-code issues 66314 (2026-06-08), 38035 (2026-03-24), 72457 (2026-06-30).
"""

from __future__ import annotations

from axonflow_core.codec.errors import UPSTREAM_STATUS, ErrorCodec, ErrorRow, ReadError
from axonflow_core.errors import (
    AccessDenied,
    ContextExceeded,
    CredentialsError,
    InvalidCall,
    ModelNotFound,
    ProfileRequired,
    ProviderError,
    ProviderTimeout,
    Throttled,
    Unavailable,
)
from axonflow_core.messages import Json

_INVALID = "invalid_request_error"

ROWS = (
    ErrorRow(
        error=ContextExceeded,
        status=400,
        type=_INVALID,
        pattern="prompt is too long|exceeds? (?:the )?context (?:limit|window)",
    ),
    ErrorRow(
        error=Throttled,
        status=400,
        type=_INVALID,
        pattern="credit balance is too low|reached your specified API usage limits",
        is_retryable=False,
    ),
    ErrorRow(
        error=AccessDenied, status=400, type=_INVALID, pattern="organization has been disabled"
    ),
    ErrorRow(error=InvalidCall, status=400, type=_INVALID),
    ErrorRow(error=ProfileRequired, status=400, type=_INVALID),
    ErrorRow(error=CredentialsError, status=401, type="authentication_error"),
    ErrorRow(error=AccessDenied, status=402, type="billing_error"),
    ErrorRow(error=AccessDenied, status=403, type="permission_error"),
    ErrorRow(error=ModelNotFound, status=404, type="not_found_error"),
    ErrorRow(error=InvalidCall, status=413, type="request_too_large"),
    ErrorRow(error=Throttled, status=429, type="rate_limit_error"),
    ErrorRow(error=Unavailable, status=500, type="api_error"),
    ErrorRow(error=ProviderTimeout, status=504, type="timeout_error"),
    ErrorRow(error=Unavailable, status=529, type="overloaded_error"),
)
"""Anthropic's errors: one status for each type (API reference, "Errors", November 2026)."""


def _read(native: Json) -> ReadError | None:
    """The names in an error's body or chunk; None for a chunk of another type."""
    if not isinstance(native, dict) or native.get("type", "error") != "error":
        return None
    error = native["error"]
    return ReadError(type=_word(error.get("type")), message=_word(error.get("message")))


def _word(value: Json) -> str | None:
    """`value` where it is a text with content."""
    return value if isinstance(value, str) and value else None


def _error_in(native: Json) -> dict[str, Json]:
    error: dict[str, Json] = native["error"]
    return error


def _write(row: ErrorRow, error: ProviderError) -> Json:
    return {"type": "error", "error": {"type": row.type, "message": error.message}}


ERRORS = ErrorCodec(
    name="anthropic_messages",
    rows=ROWS,
    upstream=ErrorRow(error=ProviderError, status=UPSTREAM_STATUS, type="api_error"),
    evidence="documents: Anthropic's API reference and SDK, November 2026",
    has_retry_header=True,
    read=_read,
    write=_write,
    write_event=_write,
    error_in=_error_in,
)
