"""Errors of Ollama, both roles.

    HTTP 404   {"error": "model 'llama3.1' not found"}
    stream     {"error": "an error was encountered while running the model"}

A refusal is one sentence with no code, so a class is told by the words where the status is shared
by several, and by the status elsewhere. The words are those of the server's sources
(github.com/ollama/ollama, commit 017eb8a: `server/routes.go` with `handleScheduleError`,
`server/sched.go`, `server/images.go`, `server/prompt.go`) and of docs.ollama.com, "Errors";
read November 2026. `ErrorEntry` has a row for each that an operator can mend.
"""

from __future__ import annotations

import re

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
from axonflow_core.plugin_spec import ErrorEntry, find_fix

_NOT_PULLED = r"model .*not found|try pulling it first|pull model manifest: file does not exist"
_CANNOT = r"does not support (?:tools|thinking|chat|generate|vision|embeddings?|insert|image)"
_TOO_LONG = r"exceeds (?:the )?(?:available )?context|context length|input length exceeds"
_NO_MEMORY = r"requires more system memory|out of memory|model requires more .*memory"
_BUSY = r"server busy|maximum pending requests"

ROWS = (
    ErrorRow(error=ModelNotFound, status=404, pattern=_NOT_PULLED),
    ErrorRow(error=InvalidCall, status=400, pattern=_CANNOT),
    ErrorRow(error=InvalidCall, status=400, pattern=r"think value .* is not supported"),
    ErrorRow(error=ContextExceeded, status=400, pattern=_TOO_LONG),
    # The same call meets the same lack of memory again.
    ErrorRow(error=Unavailable, status=500, pattern=_NO_MEMORY, is_retryable=False),
    ErrorRow(error=Throttled, status=503, pattern=_BUSY),
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

PULL = "`ollama pull MODEL` on the machine that serves, or name a model that `ollama list` shows"
SERVE = (
    "start it with `ollama serve`, or correct `endpoint:` (OLLAMA_ENDPOINT); one on another "
    "machine listens with OLLAMA_HOST=0.0.0.0 alone"
)
_LEAVE_OUT = "leave that out, or name a model that can: `ollama show MODEL` lists its capabilities"
_SMALLER = "name a smaller model or quantisation, or lower `num_ctx`"
_KEY = "Ollama's cloud and proxies want a key: `credentials: {api_key: ${OLLAMA_API_KEY}}`"

CATALOGUE = (
    ErrorEntry(
        code=ModelNotFound.code,
        statuses="404",
        cause="the model is not pulled",
        fix=PULL,
        example="model 'llama3.1' not found",
        issue="The model is not there",
    ),
    ErrorEntry(
        code=InvalidCall.code,
        statuses="400",
        cause="the model cannot do what the call asks for: tools, thinking, vision, chat",
        fix=_LEAVE_OUT,
        example="registry.ollama.ai/library/gemma3:4b does not support tools",
        issue="The model has no tools",
    ),
    ErrorEntry(
        code=ContextExceeded.code,
        statuses="400",
        cause="the prompt is longer than the context that the model was loaded with",
        fix="raise the option `num_ctx`, or shorten the conversation",
        example="the input length exceeds the context length",
    ),
    ErrorEntry(
        code=InvalidCall.code,
        statuses="413",
        cause="the body is too large for the server, or for the proxy before it",
        fix="send fewer or smaller pictures",
    ),
    ErrorEntry(
        code=CredentialsError.code,
        statuses="401",
        cause="the key is missing or not valid; a local Ollama wants none",
        fix=_KEY,
        example="unauthorized",
    ),
    ErrorEntry(
        code=AccessDenied.code,
        statuses="402, 403",
        cause="the account may not use this model, or the cloud is turned off on the server",
        fix="check the plan of the account on ollama.com, or name a model that is pulled",
    ),
    ErrorEntry(
        code=Throttled.code,
        statuses="503",
        cause="more calls wait for the model than the server keeps (OLLAMA_MAX_QUEUE)",
        fix="the call is repeated automatically; make fewer at once, or raise OLLAMA_NUM_PARALLEL",
        example="server busy, please try again.  maximum pending requests exceeded",
        is_retryable=True,
    ),
    ErrorEntry(
        code=Throttled.code,
        statuses="429",
        cause="the limit of the account in Ollama's cloud is reached",
        fix="the call is repeated automatically; try again later",
        is_retryable=True,
    ),
    ErrorEntry(
        code=Unavailable.code,
        statuses="500",
        cause="the model broke off, or could not be loaded",
        fix="the call is repeated automatically; the log of `ollama serve` has the reason",
        example="llama runner process has terminated: exit status 2",
        is_retryable=True,
    ),
    ErrorEntry(
        code=Unavailable.code,
        statuses="500",
        cause="the machine has too little memory for the model",
        fix=_SMALLER,
        example="model requires more system memory (18.2 GiB) than is available (7.1 GiB)",
    ),
    ErrorEntry(
        code=Unavailable.code,
        statuses="499, 502, 503",
        cause="the server is stopping, or a cloud model cannot be reached",
        fix="the call is repeated automatically; try again later",
        is_retryable=True,
    ),
    # After those with a status: without one there was no answer.
    ErrorEntry(
        code=Unavailable.code,
        cause="no Ollama listens at the endpoint",
        fix=SERVE,
        example="connection refused",
        is_retryable=True,
        issue="Ollama does not run",
    ),
    ErrorEntry(
        code=ProviderTimeout.code,
        cause="the model answers more slowly than the call may take: it may still be loading",
        fix="raise `timeouts: {total_s: …}` (OLLAMA_TIMEOUT_SECONDS), or keep the model loaded "
        "with the option `keep_alive`",
        is_retryable=True,
    ),
)
"""What `axonflow explain error` shows; `fix` is the hint of the error too."""

_FIXES = (
    (_CANNOT, _LEAVE_OUT),
    (r"think value", "ask for reasoning by `mode: enabled`: levels are gpt-oss's alone"),
    (_NO_MEMORY, _SMALLER),
)
"""Words -> the fix, where code and status have several."""


def hint(error: ProviderError, model: str) -> str | None:
    """How the operator mends `error`, which a call of `model` met."""
    words = error.native_message or ""
    fix = next((fix for pattern, fix in _FIXES if re.search(pattern, words)), None)
    if fix is None and (type(error), error.status) != (InvalidCall, 400):
        fix = find_fix(CATALOGUE, error)
    return None if fix is None else fix.replace("MODEL", model)
