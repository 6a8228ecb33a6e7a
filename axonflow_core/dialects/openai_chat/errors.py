"""Errors of OpenAI's chat completions, both roles.

    HTTP 429   {"error": {"message": "…", "type": "tokens", "param": null,
                          "code": "rate_limit_exceeded"}}
    stream     data: {"error": {…}}      the last chunk; no [DONE] follows

`code` is null or a word; where OpenAI has no word, ours is written. Some servers send a number
there, which is the status. Source: OpenAI's API reference, "Error codes", and openai-python 2
(`_base_client._should_retry`, `_parse_retry_after_header`), November 2026.
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
_FAILED = "server_error"

ROWS = (
    ErrorRow(error=CredentialsError, status=401, type=_INVALID, code="invalid_api_key"),
    ErrorRow(error=CredentialsError, status=401, type="authentication_error"),
    ErrorRow(error=AccessDenied, status=403, type="permission_error"),
    ErrorRow(error=ContextExceeded, status=400, type=_INVALID, code="context_length_exceeded"),
    ErrorRow(error=ModelNotFound, status=404, type=_INVALID, code="model_not_found"),
    ErrorRow(error=InvalidCall, status=400, type=_INVALID),
    ErrorRow(error=ProfileRequired, status=400, type=_INVALID, code="profile_required"),
    ErrorRow(error=ModelNotFound, status=404, type=_INVALID),
    ErrorRow(error=InvalidCall, status=413, type=_INVALID),
    ErrorRow(error=InvalidCall, status=422, type=_INVALID),
    ErrorRow(error=Throttled, status=429, type="requests", code="rate_limit_exceeded"),
    ErrorRow(error=Throttled, status=429, type="tokens", code="rate_limit_exceeded"),
    ErrorRow(error=Throttled, status=429, type="rate_limit_error"),
    ErrorRow(
        error=Throttled,
        status=429,
        type="insufficient_quota",
        code="insufficient_quota",
        is_retryable=False,
    ),
    ErrorRow(error=ProviderTimeout, status=504, type="timeout", code="timeout"),
    ErrorRow(error=ProviderTimeout, status=504),
    ErrorRow(error=ProviderTimeout, status=408),
    ErrorRow(error=Unavailable, status=500, type=_FAILED),
    ErrorRow(error=Unavailable, status=503, type="service_unavailable"),
)
"""OpenAI's errors, the particular before the general. Those without a type are of servers that
imitate it."""


def _read(native: Json) -> ReadError | None:
    """The names in an error's body or in the chunk that reports it; None where `error` is null,
    which some servers write into every chunk."""
    error = native["error"] if isinstance(native, dict) else None
    if error is None:
        return None
    if isinstance(error, str):  # {"error": "…"} of servers that imitate OpenAI
        return ReadError(message=error)
    code = error.get("code")
    return ReadError(
        type=_word(error.get("type")),
        code=_word(code),
        message=_word(error.get("message")),
        status=code if type(code) is int else None,
    )


def _word(value: Json) -> str | None:
    """`value` where it is a text with content: null, "" and numbers name nothing."""
    return value if isinstance(value, str) and value else None


def _error_in(native: Json) -> dict[str, Json]:
    error: dict[str, Json] = native["error"]
    return error


def _write(row: ErrorRow, error: ProviderError) -> Json:
    """The body of an error, which is also its chunk. An error more particular than its row has our
    own code, so that the client can tell the two apart."""
    members = {
        "message": error.message,
        "type": row.type,
        "param": None,
        "code": row.code or (None if type(error) is row.error else error.code),
    }
    return {"error": members}


ERRORS = ErrorCodec(
    name="openai_chat",
    rows=ROWS,
    upstream=ErrorRow(error=ProviderError, status=UPSTREAM_STATUS, type=_FAILED),
    evidence="documents: OpenAI's API reference and openai-python 2, November 2026",
    has_retry_header=True,
    read=_read,
    write=_write,
    write_event=_write,
    error_in=_error_in,
)
