"""An ASGI app that serves Bedrock Runtime: `dialect_app` over AWS's paths, frames and words.

Verifier and handler are handed in: with scripted models this app is an emulator, with a governed
runtime a drop-in endpoint. What either raises goes out as AWS reports it: a `ServiceException` in
its own words, an `AxonFlowError` by the error table read backwards (`errors.encode`), anything else
as an internal error that the log explains. Before the first chunk that is an HTTP status; after it
200 has been sent, and the error is an exception frame in the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import uuid4

from axonflow_core.codec import NativeError
from axonflow_core.endpoint.app import dialect_app
from axonflow_core.endpoint.calls import Call as Call
from axonflow_core.endpoint.calls import Chunks as Chunks
from axonflow_core.endpoint.calls import Handler as Handler
from axonflow_core.endpoint.calls import NativeAnswer as NativeAnswer
from axonflow_core.endpoint.refusals import Refusal, Refusals
from axonflow_core.endpoint.wire import Wire
from axonflow_core.frozen import evolve
from axonflow_core.http.asgi import AsgiApp, ReceivedRequest

from ..aws.signing import KeyRing
from ..aws.signing import Refusal as SignatureRefusal
from ..errors.encode import ERRORS, frame_name, type_header
from ..errors.table import MODELLED_STATUSES
from .operations import OPERATIONS

MAX_BODY_BYTES = 25_000_000
"""Source: shape `Body` of the bedrock-runtime service model, API 2023-09-30."""
MAX_ID_CHARACTERS = 2048
"""Source: likewise; `:` and `/` of an id are percent-encoded once, and a slash in an ARN must have
come as `%2F`."""

Verifier: TypeAlias = Callable[[ReceivedRequest], str]
"""Whose request it is, as an id; `ServiceException` where it is not authenticated."""


# ── errors ────────────────────────────────────────────────────────────────────────────────────────


class ServiceException(Refusal):
    """A refusal or failure in AWS's own words. `code` is the exception's name; a modelled one has
    its status from the service model."""

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        self.code = code
        self.status = status or MODELLED_STATUSES[code]
        headers, body = {"x-amzn-errortype": type_header(code)}, {"message": message}
        native = NativeError(self.status, headers, body)
        super().__init__(message, native, {frame_name(code): body})


def invalid_call(message: str) -> ServiceException:
    """A `ValidationException` with AWS's message."""
    return ServiceException("ValidationException", message)


def malformed(what: str) -> ServiceException:
    """Bedrock's refusal of a body that its schema does not allow."""
    return invalid_call(
        f"Malformed input request: {what}, please reformat your input and try again."
    )


def unknown_operation() -> ServiceException:
    """AWS's refusal of a path that is no operation."""
    return ServiceException(
        "UnknownOperationException",
        "The requested operation is not recognized by the service.",
        status=404,
    )


def unexpected() -> ServiceException:
    """The answer to a failure of our own, in the wording that Bedrock uses (recorded). The cause
    goes to the log only."""
    message = (
        "The system encountered an unexpected error during processing. Try your request again."
    )
    return ServiceException("InternalServerException", message)


# ── who is calling ────────────────────────────────────────────────────────────────────────────────


def refused_signature(refusal: SignatureRefusal) -> ServiceException:
    """AWS's refusal of what proves nothing."""
    return ServiceException(refusal.code, refusal.message, status=refusal.status)


def signature_verifier(
    keys: KeyRing, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Verifier:
    """A verifier that knows the clients of `keys`, and refuses as AWS does."""

    def verified(request: ReceivedRequest) -> str:
        verdict = keys.verify(request.method, request.target, request.headers, request.body, now())
        if isinstance(verdict, SignatureRefusal):
            raise refused_signature(verdict)
        return verdict

    return verified


# ── the app ───────────────────────────────────────────────────────────────────────────────────────


def _not_json(why: str) -> ServiceException:
    """Bedrock's own words for a body that is not JSON (recorded)."""
    return invalid_call("Malformed input request, please reformat your input and try again.")


def _too_long(limit: int) -> ServiceException:
    return ServiceException(
        "ValidationException",
        "1 validation error detected: Value at 'body' failed to satisfy constraint: "
        f"Member must have length less than or equal to {limit}",
        status=413,
    )


def _signed(request: ReceivedRequest) -> ReceivedRequest:
    """A signature is about the whole request."""
    return request


WIRE = Wire(
    name="bedrock",
    operations=OPERATIONS,
    errors=ERRORS,
    presented=_signed,
    refusals=Refusals(
        unknown_path=lambda method, path: unknown_operation(),
        not_json=_not_json,
        too_long=_too_long,
        no_model=lambda: invalid_call("The provided model identifier is invalid."),
        unexpected=unexpected,
    ),
    request_id_header="x-amzn-requestid",
    new_request_id=lambda: str(uuid4()),
    call_headers=("x-amzn-bedrock-", "content-type"),
    max_body_bytes=MAX_BODY_BYTES,
    max_model_characters=MAX_ID_CHARACTERS,
)


def bedrock_app(
    handler: Handler,
    verifier: Verifier,
    *,
    new_request_id: Callable[[], str] = WIRE.new_request_id,
) -> AsgiApp:
    """The app over `handler` and `verifier`. It serves HTTP alone: no lifespan, no websockets."""
    return dialect_app(evolve(WIRE, new_request_id=new_request_id), handler, verifier)
