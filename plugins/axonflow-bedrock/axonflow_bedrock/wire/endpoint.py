"""An ASGI app that serves Bedrock Runtime: the wire, without a model.

    POST /model/{modelId}/invoke                        the family's JSON back, counts in headers
    POST /model/{modelId}/invoke-with-response-stream   the family's chunks back, each in a frame
    POST /model/{modelId}/converse                      Converse's JSON back
    POST /model/{modelId}/converse-stream               Converse's events back, each in a frame
    POST /model/{modelId}/count-tokens                  how many tokens a prompt has

    path -> body -> who is calling (verifier) -> JSON -> what is answered (handler)
         -> answer, frames or error

Verifier and handler are handed in: with scripted models this app is an emulator, with a governed
runtime a drop-in endpoint. What either raises goes out as AWS reports it: a `ServiceException` in
its own words, an `AxonFlowError` by the error table read backwards (`errors.encode`), anything else
as an internal error that the log explains. Before the first chunk that is an HTTP status; after it
200 has been sent, and the error is an exception frame in the stream.

Each tuple of chunks that a handler yields leaves in one send, so that a network read upstream is a
write here. When the client closes its connection the handler is cancelled and its chunks are
closed, wherever they stand.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any, TypeAlias
from urllib.parse import unquote
from uuid import uuid4
from zlib import crc32

import orjson

from axonflow_core.codec import NativeError
from axonflow_core.errors import (
    AccessDenied,
    AnswerError,
    AxonFlowError,
    CredentialsError,
    ProviderError,
    RequestError,
)
from axonflow_core.frozen import frozen
from axonflow_core.http.asgi import (
    AsgiApp,
    BodyTooLong,
    ClientLeft,
    ReceivedRequest,
    ResponseWriter,
    cancelled_on_disconnect,
    read_request,
)
from axonflow_core.json import dumps, loads
from axonflow_core.messages import EMPTY, Json, hidden

from ..aws.signing import KeyRing, Refusal
from ..errors.encode import ERRORS, frame_name, type_header
from ..errors.table import MODELLED_STATUSES
from .eventstream import frame_of_chunk, frame_of_exception
from .surfaces import CONVERSE_CODECS, INVOKE_CODECS, SURFACES, WriteFrame

_LOG = logging.getLogger(__name__)

MAX_BODY_BYTES = 25_000_000
"""Source: shape `Body` of the bedrock-runtime service model, API 2023-09-30."""
MAX_DISCARDED_BYTES = 4 * MAX_BODY_BYTES
"""How much of a body that is too long is read before the refusal."""
MAX_ID_CHARACTERS = 2048


class Operation(StrEnum):
    """The value is the last segment of the path."""

    INVOKE = "invoke"
    INVOKE_STREAM = "invoke-with-response-stream"
    CONVERSE = "converse"
    CONVERSE_STREAM = "converse-stream"
    COUNT_TOKENS = "count-tokens"

    @property
    def is_streamed(self) -> bool:
        return self in (Operation.INVOKE_STREAM, Operation.CONVERSE_STREAM)

    @property
    def surface(self) -> str:
        """The surface of the codec that reads and writes its JSON."""
        return (
            CONVERSE_CODECS
            if self in (Operation.CONVERSE, Operation.CONVERSE_STREAM)
            else INVOKE_CODECS
        )


@frozen(kw_only=True)
class Call:
    """One call to answer."""

    operation: Operation
    model: str
    """The id or ARN as the client means it: percent-decoded once, otherwise untouched."""
    body: bytes = hidden()
    """What arrived, byte for byte: a call whose meaning is not changed can go on as it is."""
    json: Json = hidden()
    """The same, parsed."""

    @json.default
    def _parsed(self) -> Json:
        return loads(self.body)

    caller: str
    """The id of the client, as its verifier names it. Never a secret."""
    headers: Mapping[str, str] = EMPTY
    """`content-type` and the `x-amzn-bedrock-*` headers (guardrail, trace, tier, …), names in lower
    case."""
    request_id: str


@frozen
class NativeAnswer:
    """A whole answer, and the `x-amzn-bedrock-*` headers that go with it."""

    body: Json = hidden()
    """The family's JSON; `bytes` are sent as they are."""
    headers: Mapping[str, str] = EMPTY


Chunks: TypeAlias = AsyncGenerator[tuple[Json | bytes, ...], None]
"""The family's chunks in order, those of one network read together; a ready frame is bytes. The
generator is closed as soon as the client has left."""
Handler: TypeAlias = Callable[[Call], Awaitable[NativeAnswer | Chunks]]
Verifier: TypeAlias = Callable[[ReceivedRequest], str]
"""Whose request it is, as an id; `ServiceException` where it is not authenticated."""


# ── errors ────────────────────────────────────────────────────────────────────────────────────────


class ServiceException(Exception):
    """A refusal or failure in AWS's own words. `code` is the exception's name; a modelled one has
    its status from the service model."""

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or MODELLED_STATUSES[code]

    @property
    def native(self) -> NativeError:
        headers = {"x-amzn-errortype": type_header(self.code)}
        return NativeError(self.status, headers, {"message": self.message})

    def frame(self) -> bytes:
        return frame_of_exception(frame_name(self.code), self.message)


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


def _unexpected() -> ServiceException:
    """The answer to a failure of our own, in the wording that Bedrock uses (recorded). The cause
    goes to the log only."""
    message = (
        "The system encountered an unexpected error during processing. Try your request again."
    )
    return ServiceException("InternalServerException", message)


# ── who is calling ────────────────────────────────────────────────────────────────────────────────


def signature_verifier(
    keys: KeyRing, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Verifier:
    """A verifier that knows the clients of `keys`, and refuses as AWS does."""

    def verified(request: ReceivedRequest) -> str:
        verdict = keys.verify(request.method, request.target, request.headers, request.body, now())
        if isinstance(verdict, Refusal):
            raise ServiceException(verdict.code, verdict.message, status=verdict.status)
        return verdict

    return verified


# ── the app ───────────────────────────────────────────────────────────────────────────────────────


def bedrock_app(
    handler: Handler,
    verifier: Verifier,
    *,
    new_request_id: Callable[[], str] = lambda: str(uuid4()),
) -> AsgiApp:
    """The app over `handler` and `verifier`. It serves HTTP alone: no lifespan, no websockets."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reply = _Reply(ResponseWriter(send), new_request_id())
        try:
            operation, model = _addressed(scope)
            reply.write_frame = SURFACES[operation.surface].write_frame
            request = await received(scope, receive)
            async with cancelled_on_disconnect(receive):
                call = _call(operation, model, request, verifier, reply.request_id)
                await reply.send(await handler(call))
        except ClientLeft:
            pass
        except ServiceException as error:
            await reply.fail(error.native, error.frame)
        except AxonFlowError as error:
            if _is_for_the_log(error):
                _LOG.error("call %s failed: %s", reply.request_id, error.message)
            await reply.fail(ERRORS.encode_error(error), partial(_frame_of_error, error))
        except Exception:  # a fault of ours: the log has its traceback, the client its request id
            _LOG.exception("the handler of call %s failed", reply.request_id)
            await reply.fail(_unexpected().native, _unexpected().frame)

    return app


def _is_for_the_log(error: AxonFlowError) -> bool:
    """Whether the client is told less than the operator: of this server's own faults, and of what
    its provider denies it."""
    if isinstance(error, AccessDenied | CredentialsError):
        return True
    return not isinstance(error, ProviderError | RequestError | AnswerError)


def _frame_of_error(error: AxonFlowError) -> bytes:
    ((name, payload),) = ERRORS.error_event(error).items()
    return frame_of_exception(name, payload)


def _call(
    operation: Operation, model: str, request: ReceivedRequest, verifier: Verifier, request_id: str
) -> Call:
    """The call in a request. Headers are reduced to those that belong to a call, in lower case."""
    return Call(
        caller=verifier(request),
        operation=operation,
        model=model,
        body=request.body,
        json=_json(request.body),
        headers={
            name: value
            for name, value in request.headers.items()
            if name.startswith(_HEADERS_OF_A_CALL)
        },
        request_id=request_id,
    )


_HEADERS_OF_A_CALL = ("x-amzn-bedrock-", "content-type")


def _addressed(scope: Mapping[str, Any]) -> tuple[Operation, str]:
    """Operation and model id of a path. An id is one segment: a slash in an ARN must have come as
    `%2F`."""
    match (scope["method"], *scope["raw_path"].decode("latin-1").split("/")):
        case ("POST", "", "model", segment, action) if action in tuple(Operation):
            return Operation(action), _model_id(segment)
    raise unknown_operation()


def _model_id(segment: str) -> str:
    """The id in the path, where `:` and `/` are percent-encoded once: 1 to 2048 characters (service
    model of bedrock-runtime, API 2023-09-30). `ServiceException` for any other length."""
    model = unquote(segment)
    if not 1 <= len(model) <= MAX_ID_CHARACTERS:
        raise invalid_call("The provided model identifier is invalid.")
    return model


def _json(body: bytes) -> Json:
    """The parsed body. The message for a body that is not JSON is Bedrock's own (recorded)."""
    try:
        return loads(body)
    except orjson.JSONDecodeError:
        raise invalid_call(
            "Malformed input request, please reformat your input and try again."
        ) from None


async def received(scope: Mapping[str, Any], receive: Any) -> ReceivedRequest:
    """The whole request, within AWS's bounds. `ServiceException` when its body is too long."""
    try:
        return await read_request(
            scope,
            receive,
            max_body_bytes=MAX_BODY_BYTES,
            max_discarded_bytes=MAX_DISCARDED_BYTES,
        )
    except BodyTooLong:
        raise ServiceException(
            "ValidationException",
            "1 validation error detected: Value at 'body' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAX_BODY_BYTES}",
            status=413,
        ) from None


# ── the reply ─────────────────────────────────────────────────────────────────────────────────────

_JSON = "application/json"
_EVENT_STREAM = "application/vnd.amazon.eventstream"


class _Reply:
    """What goes back, as AWS frames it."""

    def __init__(self, writer: ResponseWriter, request_id: str) -> None:
        self._writer = writer
        self.request_id = request_id
        self.write_frame: WriteFrame = frame_of_chunk

    async def send(self, answer: NativeAnswer | Chunks) -> None:
        if isinstance(answer, NativeAnswer):
            await self._whole(200, answer.headers, answer.body)
        else:
            await self._stream(answer)

    async def fail(self, native: NativeError, frame: Callable[[], bytes]) -> None:
        """Report an error: a status, or in a stream that has begun its last frame."""
        if self._writer.has_started:
            await self._writer.end(frame())
        else:
            await self._whole(native.status, native.headers, native.body)

    async def _whole(self, status: int, headers: Mapping[str, str], body: Json | bytes) -> None:
        data = body if isinstance(body, bytes) else dumps(body)
        await self._writer.whole(status, self._headers({"content-type": _JSON, **headers}), data)

    async def _stream(self, chunks: Chunks) -> None:
        """Sends one frame for each chunk. The status line waits for the first batch, because an
        error that is found until then still has an HTTP status; a later one becomes an exception
        frame."""
        inner = {"x-amzn-bedrock-content-type": _JSON} if self.write_frame is frame_of_chunk else {}
        headers = self._headers({"content-type": _EVENT_STREAM, **inner})
        async with aclosing(chunks):
            async for together in chunks:
                if not self._writer.has_started:  # until the first chunk an error has a status
                    await self._writer.start(200, headers)
                await self._writer.write(self._frames(together))
        if not self._writer.has_started:
            await self._writer.start(200, headers)
        await self._writer.end()

    def _frames(self, together: tuple[Json | bytes, ...]) -> bytes:
        """Chunks that arrived together, in one write. Bytes are a frame already."""
        return b"".join(
            [
                chunk if isinstance(chunk, bytes) else frame_of(chunk, self.write_frame)
                for chunk in together
            ]
        )

    def _headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        return {"x-amzn-requestid": self.request_id, **headers}


_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def frame_of(chunk: Json, write_frame: WriteFrame = frame_of_chunk) -> bytes:
    """The frame of one chunk, with padding as AWS adds it, which hides the lengths of words from
    an observer of sizes.

    How much follows from the chunk, so that the same answer is the same bytes.
    """
    return write_frame(chunk, padding=_PADDING[: crc32(dumps(chunk)) % (len(_PADDING) + 1)])
