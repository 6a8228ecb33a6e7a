"""Errors of Ollama, both roles.

    HTTP 404   {"error": "model 'llama3.1' not found"}
    stream     {"error": "an error was encountered while running the model"}

A refusal is one sentence with no code, so a class is told by the words where the status is shared
by several, and by the status elsewhere. The words are those of the server's sources
(github.com/ollama/ollama, commit 017eb8a: `server/routes.go` with `handleScheduleError`,
`server/sched.go`, `server/images.go`, `server/prompt.go`) and of docs.ollama.com, "Errors";
read November 2026. Those of the cloud's limits are as continuedev/continue issues 9233, 10579 and
11444 have them (2025-12 to 2026-03).
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

_NOT_PULLED = r"model .*not found|try pulling it first|pull model manifest: file does not exist"
_CANNOT = r"does not support (?:tools|thinking|chat|generate|vision|embeddings?|insert|image)"
_TOO_LONG = r"exceeds (?:the )?(?:available )?context|context length|input length exceeds"
_NO_MEMORY = r"requires more system memory|out of memory|model requires more .*memory"
_BUSY = r"server busy|maximum pending requests"
_USED_UP = r"(?:hourly|session|weekly|monthly) usage limit"

ROWS = (
    ErrorRow(error=ModelNotFound, status=404, pattern=_NOT_PULLED),
    ErrorRow(error=InvalidCall, status=400, pattern=_CANNOT),
    ErrorRow(error=InvalidCall, status=400, pattern=r"think value .* is not supported"),
    ErrorRow(error=ContextExceeded, status=400, pattern=_TOO_LONG),
    # The same call meets the same lack of memory again.
    ErrorRow(error=Unavailable, status=500, pattern=_NO_MEMORY, is_retryable=False),
    ErrorRow(error=Throttled, status=503, pattern=_BUSY),
    # What an account may use in hours or days does not come back within a call.
    ErrorRow(error=Throttled, status=429, pattern=_USED_UP, is_retryable=False),
    ErrorRow(error=InvalidCall, status=400),
    ErrorRow(error=ProfileRequired, status=400),
    ErrorRow(error=CredentialsError, status=401),
    # A plan of Ollama's cloud that does not include the call: no pause helps.
    ErrorRow(error=AccessDenied, status=402),
    ErrorRow(error=AccessDenied, status=403),
    ErrorRow(error=ModelNotFound, status=404),
    ErrorRow(error=InvalidCall, status=413),
    ErrorRow(error=Throttled, status=429),
    ErrorRow(error=Unavailable, status=500),
    ErrorRow(error=Unavailable, status=499),
    ErrorRow(error=Unavailable, status=502),
    ErrorRow(error=Unavailable, status=503),
    ErrorRow(error=ProviderTimeout, status=504),
)
"""Ollama's errors: by their words first, then by their status."""


def _read(native: Json) -> ReadError | None:
    """The message of an error's body or chunk; None where it reports none."""
    if not isinstance(native, dict):
        return None
    message = native.get("error")
    if message is None:
        return None
    return ReadError(message=message if isinstance(message, str) and message else None)


def _error_in(native: Json) -> dict[str, Json]:
    """Where what is said of an error stands: next to `error`, which is a sentence."""
    if not isinstance(native, dict):
        raise TypeError("an error is an object")
    return native


def _write(row: ErrorRow, error: ProviderError) -> Json:
    return {"error": error.message}


ERRORS = ErrorCodec(
    name="ollama",
    rows=ROWS,
    upstream=ErrorRow(error=ProviderError, status=UPSTREAM_STATUS),
    # A line of a stream has words alone, and no status that tells the class.
    in_stream=frozenset({Unavailable}),
    evidence="documents and sources of the server: Ollama, commit 017eb8a, November 2026",
    read=_read,
    write=_write,
    write_event=_write,
    error_in=_error_in,
)
