"""Errors of Google's APIs, both roles.

    HTTP 429   {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "…", "details": [
                 {"@type": "type.googleapis.com/google.rpc.QuotaFailure",
                  "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]},
                 {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45s"}]}}
    stream     data: {"error": {"code": 503, …}}

`status` is the class of error. Details tell some apart: the reason of an `ErrorInfo`, above all a
wrong key, which is a 400, and a quota of a day, which no pause of a call helps. Nor does one help
where the money is used up, which the words alone tell. `retryDelay` is the wait. A client without
server-sent events gets the error in a list of one, which is read too.

Source: Gemini API, "Troubleshooting" (backend error codes), "Rate limits"; google.rpc
`error_details.proto`; google-gemini/gemini-cli issue 8437 for a quota of a day; November 2026. For
credits and caps discuss.ai.google.dev topics 140828 and 170539 (2026-06-09), and
help.apiyi.com, "AI Studio monthly spending cap" (2026-05).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from axonflow_core.codec.errors import UPSTREAM_STATUS, ErrorCodec, ErrorRow, ReadError
from axonflow_core.codec.json_members import number_in_header
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

WRONG_KEY = "API_KEY_INVALID"
DAILY = "QUOTA_PER_DAY"
"""Our word for a `QuotaFailure` of a day: Google has a long id for each such quota."""
_DAILY_QUOTA = "GenerateRequestsPerDayPerProjectPerModel"
_INVALID, _EXHAUSTED = "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"
_RPC = "type.googleapis.com/google.rpc."

ROWS = (
    ErrorRow(
        error=ContextExceeded,
        status=400,
        type=_INVALID,
        pattern="input token count.*exceeds the maximum|exceeds the maximum number of tokens",
    ),
    ErrorRow(
        error=CredentialsError,
        status=403,
        type="PERMISSION_DENIED",
        pattern="unregistered callers|reported as leaked",
    ),
    ErrorRow(
        error=Throttled,
        status=429,
        type=_EXHAUSTED,
        pattern="prepayment credits are depleted|exceeded its (?:monthly )?spending cap",
        is_retryable=False,
    ),
    ErrorRow(error=InvalidCall, status=400, type=_INVALID),
    ErrorRow(error=ProfileRequired, status=400, type=_INVALID),
    ErrorRow(error=CredentialsError, status=400, type=_INVALID, code=WRONG_KEY),
    ErrorRow(error=CredentialsError, status=401, type="UNAUTHENTICATED"),
    ErrorRow(error=AccessDenied, status=400, type="FAILED_PRECONDITION"),
    ErrorRow(error=AccessDenied, status=403, type="PERMISSION_DENIED"),
    ErrorRow(error=ModelNotFound, status=404, type="NOT_FOUND"),
    ErrorRow(error=InvalidCall, status=400, type="OUT_OF_RANGE"),
    ErrorRow(error=InvalidCall, status=501, type="UNIMPLEMENTED"),
    ErrorRow(error=Throttled, status=429, type=_EXHAUSTED),
    ErrorRow(error=Throttled, status=429, type=_EXHAUSTED, code=DAILY, is_retryable=False),
    ErrorRow(error=Throttled, status=402, type=_EXHAUSTED, is_retryable=False),
    ErrorRow(error=ProviderTimeout, status=504, type="DEADLINE_EXCEEDED"),
    ErrorRow(error=ProviderTimeout, status=499, type="CANCELLED"),
    ErrorRow(error=Unavailable, status=503, type="UNAVAILABLE"),
    ErrorRow(error=Unavailable, status=409, type="ABORTED"),
    ErrorRow(error=Unavailable, status=500, type="INTERNAL"),
)
"""Google's errors, by status word ("Troubleshooting", November 2026)."""


def _read(native: Json) -> ReadError | None:
    """The names in an error's body or chunk; None for a chunk that reports none."""
    error = _error_in(native) if isinstance(native, dict | list) else None
    if error is None:
        return None
    code = error.get("code")
    details = list(_details(error))
    return ReadError(
        type=_word(error.get("status")),
        code=_reason_in(details),
        message=_word(error.get("message")),
        status=code if type(code) is int else None,
        retry_after_s=_delay_in(details),
    )


def _error_in(native: Json) -> dict[str, Json]:
    """The `error` object of a body, or of the one in a list."""
    body = native[0] if isinstance(native, list) else native
    error: dict[str, Json] = body.get("error")
    return error


def _word(value: Json) -> str | None:
    """`value` where it is a text with content."""
    return value if isinstance(value, str) and value else None


def _details(error: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict):
            yield detail


def _reason_in(details: list[Mapping[str, Json]]) -> str | None:
    """The reason of an `ErrorInfo`, or that a quota of a day is used up."""
    quotas = [_word(each.get("quotaId")) or "" for each in _violations(details)]
    if any("PerDay" in quota for quota in quotas):
        return DAILY
    return next((word for each in details if (word := _word(each.get("reason")))), None)


def _violations(details: list[Mapping[str, Json]]) -> Iterator[Mapping[str, Json]]:
    for detail in details:
        found = detail.get("violations")
        yield from (
            (each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()
        )


_DURATION = re.compile(r"([0-9.]+)s")
"""A duration as protocol buffers write it in JSON: `45.578569677s`."""


def _delay_in(details: list[Mapping[str, Json]]) -> float | None:
    """The seconds of a `RetryInfo`."""
    words = (_word(each.get("retryDelay")) for each in details)
    found = next((match for word in words if word and (match := _DURATION.fullmatch(word))), None)
    return None if found is None else number_in_header(found[1])


def _write(row: ErrorRow, error: ProviderError) -> Json:
    details = [*_reasons(row), *_delays(error)]
    named = {"code": row.status, "message": error.message, "status": row.type}
    return {"error": {**named, **({"details": details} if details else {})}}


def _reasons(row: ErrorRow) -> Iterator[Json]:
    """The detail that tells a row from its neighbours."""
    if row.code == DAILY:
        yield {"@type": f"{_RPC}QuotaFailure", "violations": [{"quotaId": _DAILY_QUOTA}]}
    elif row.code is not None:
        domain = {"domain": "googleapis.com"}
        yield {"@type": f"{_RPC}ErrorInfo", "reason": row.code, **domain}


def _delays(error: ProviderError) -> Iterator[Json]:
    if (wait_s := error.retry_after_s) is not None:
        written = int(wait_s) if wait_s == int(wait_s) else wait_s
        yield {"@type": f"{_RPC}RetryInfo", "retryDelay": f"{written!r}s"}


ERRORS = ErrorCodec(
    name="gemini",
    rows=ROWS,
    upstream=ErrorRow(error=ProviderError, status=UPSTREAM_STATUS, type="UNKNOWN"),
    evidence="documents: Gemini API, Troubleshooting, and google.rpc, November 2026",
    read=_read,
    write=_write,
    write_event=_write,
    error_in=_error_in,
)
