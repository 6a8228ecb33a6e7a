"""Errors of ours as Bedrock reports them: the error table, read backwards.

    whole     HTTP status, x-amzn-errortype: NAME:…      {"message": "…"}
    stream    an exception frame, here {name: payload}   {"throttlingException": {"message": "…"}}

A row of `table.TABLE` that knows an error by its code alone, and repeats AWS's message, is written
as that code; a row that knows it by its message cannot be, because the message is AWS's. An error
that AWS reported is written with AWS's message, byte for byte (`ErrorCodec`). A stream may hold six
exceptions only; every other error becomes the one of them with the same blame.

Permission and credentials that this server lacks at its own provider are an
`InternalServerException`: AWS has no 502, and a client that reads a 403 mends its own policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from axonflow_core.codec.errors import ErrorCodec, ErrorRow
from axonflow_core.errors import (
    InvalidCall,
    ModelNotFound,
    ProfileRequired,
    ProviderError,
    ProviderTimeout,
    Throttled,
    Unavailable,
)
from axonflow_core.json import dumps
from axonflow_core.messages import Json

from .diagnose import diagnose, diagnose_exception_frame
from .table import MODELLED_STATUSES, TABLE

IN_STREAM = frozenset(
    {
        "InternalServerException",
        "ModelStreamErrorException",
        "ModelTimeoutException",
        "ServiceUnavailableException",
        "ThrottlingException",
        "ValidationException",
    }
)
"""What the service model allows as a frame. Source: shape `ResponseStream`."""

_IN_PLACE_OF: Mapping[str, str] = {
    "ConflictException": "ValidationException",
    "ModelErrorException": "ModelStreamErrorException",
    "ModelNotReadyException": "ServiceUnavailableException",
    "ResourceNotFoundException": "ValidationException",
    "ServiceQuotaExceededException": "ThrottlingException",
}
"""What a stream holds for an exception that it may not hold."""

_BEDROCK = "com.amazon.bedrock"
_CORAL = "com.amazon.coral.service"
"""A modelled exception is Bedrock's own; every other comes from the layer before it, which has a
name of its own."""


def _rows() -> Iterator[ErrorRow]:
    """The general row of each modelled exception: the one that matches by code alone and quotes
    AWS."""
    for row in TABLE:
        code = next((code for code in row.codes if code in MODELLED_STATUSES), None)
        if code is not None and row.pattern is None and "{message}" in row.cause:
            yield ErrorRow(
                error=row.error,
                status=MODELLED_STATUSES[code],
                code=code,
                is_retryable=row.is_retryable,
            )


_UNKNOWN_ID = ErrorRow(error=ModelNotFound, status=400, code="ValidationException")
"""How Bedrock reports an id that names nothing (recorded)."""
_PROFILE = ErrorRow(error=ProfileRequired, status=400, code="ValidationException")
_INTERNAL = ErrorRow(error=ProviderError, status=500, code="InternalServerException")
_EXHAUSTED = ErrorRow(
    error=Unavailable,
    status=MODELLED_STATUSES["ModelErrorException"],
    code="ModelErrorException",
    is_retryable=False,
)
"""A 424, which botocore does not repeat: it does 429, 500, 502, 503 and 504
(`botocore.retries.standard`, 1.44)."""


def type_header(code: str) -> str:
    """`x-amzn-errortype` of an exception, by its name."""
    service = _BEDROCK if code in MODELLED_STATUSES else _CORAL
    return f"{code}:http://internal.amazon.com/coral/{service}/"


def frame_name(code: str) -> str:
    """The name of the frame that reports the exception `code` in a stream: lower camel case."""
    if code not in IN_STREAM:
        code = _IN_PLACE_OF.get(code, "InternalServerException")
    return code[0].lower() + code[1:]


def _write(row: ErrorRow, error: ProviderError) -> Json:
    return _payload(error)


def _write_event(row: ErrorRow, error: ProviderError) -> Json:
    return {frame_name(row.code or ""): _payload(error)}


def _payload(error: ProviderError) -> Json:
    original = error.original_status
    payload = {"message": error.message}
    return payload if original is None else {**payload, "originalStatusCode": original}


def _headers(row: ErrorRow) -> Mapping[str, str]:
    return {"x-amzn-errortype": type_header(row.code or "")}


def _decode(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    return diagnose(status, headers.get("x-amzn-errortype"), body)


def _exception_in(native: Json) -> tuple[str, Json] | None:
    """Name and payload of a frame that is an exception."""
    if not isinstance(native, dict) or len(native) != 1:
        return None
    ((name, payload),) = native.items()
    return (name, payload) if name.endswith("Exception") else None


def _decode_in_stream(chunk: Json) -> ProviderError | None:
    """The error in a chunk `{"throttlingException": {"message": "…"}}`; None if the chunk is
    none."""
    found = _exception_in(chunk)
    return None if found is None else diagnose_exception_frame(found[0], dumps(found[1]))


def _error_in(native: Json) -> dict[str, Json]:
    found = _exception_in(native)
    error: dict[str, Json] = native if found is None else found[1]
    return error


ERRORS = ErrorCodec(
    name="bedrock",
    rows=(*_rows(), _UNKNOWN_ID, _PROFILE, _INTERNAL),
    upstream=_INTERNAL,
    exhausted=_EXHAUSTED,
    evidence="recorded traffic and the bedrock-runtime service model, API 2023-09-30",
    in_stream=frozenset({InvalidCall, ProviderTimeout, Throttled, Unavailable}),
    read=lambda native: None,
    write=_write,
    write_event=_write_event,
    error_in=_error_in,
    headers=_headers,
    decode=_decode,
    decode_in_stream=_decode_in_stream,
)
"""Both surfaces report errors alike."""
