"""An ASGI app that speaks Bedrock Runtime: the wire, and nothing behind it.

    POST /model/{modelId}/invoke                        the family's JSON back, counts in headers
    POST /model/{modelId}/invoke-with-response-stream   the family's chunks back, each in a frame
    POST /model/{modelId}/converse                      Converse's JSON back
    POST /model/{modelId}/converse-stream               Converse's events back, each in a frame
    POST /model/{modelId}/count-tokens                  how many tokens a prompt has

    path -> body -> who is calling (verifier) -> JSON -> what is answered (handler) -> answer,
    frames or fault

Verifier and handler are handed in: with scripted models behind it this app is an emulator, with a
governed runtime a drop-in endpoint. Any of them raises `Fault`, and it goes out as AWS says it.
Before the first chunk that is an HTTP status; after it 200 has been said, and the fault is an
exception frame in the stream.

When the client goes away the handler is cancelled and its chunks are closed, wherever they stand.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeAlias
from urllib.parse import unquote
from uuid import uuid4
from zlib import crc32

import orjson
from attrs import field, frozen

from axonflow_core.http.asgi import AsgiApp
from axonflow_core.messages import EMPTY, Json, hidden

from ..aws.signing import Identity, Refusal, verify
from ..errors.table import MODELLED_STATUSES
from .eventstream import frame_of_chunk, frame_of_exception
from .surfaces import CONVERSE_CODECS, INVOKE_CODECS, SURFACES, WriteFrame

_LOG = logging.getLogger(__name__)

MAX_BODY_BYTES = 25_000_000
"""Source: shape `Body` of the bedrock-runtime service model, API 2023-09-30."""
MAX_DISCARDED_BYTES = 4 * MAX_BODY_BYTES
"""How much of a body that is too long is still read, for a client that is sending does not listen
yet."""
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


@frozen
class ReceivedRequest:
    """A request as it arrived: what a signature is about. Header names are in lower case."""

    method: str
    target: str
    """Path and query, not decoded."""
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = hidden()


@frozen(kw_only=True)
class Call:
    """One call to answer."""

    operation: Operation
    model: str
    """The id or ARN as the client means it: percent-decoded once, otherwise untouched."""
    body: Json = hidden()
    caller: Identity
    headers: Mapping[str, str] = EMPTY
    """`content-type` and the `x-amzn-bedrock-*` headers (guardrail, trace, tier, …), names in lower
    case."""
    request_id: str


@frozen
class NativeAnswer:
    """A whole answer: the family's JSON, and the `x-amzn-bedrock-*` headers that go with it."""

    body: Json = hidden()
    headers: Mapping[str, str] = EMPTY


Chunks: TypeAlias = AsyncGenerator[Json, None]
"""The family's chunks, in order. The generator is closed as soon as nobody listens any more."""
Handler: TypeAlias = Callable[[Call], Awaitable[NativeAnswer | Chunks]]
Verifier: TypeAlias = Callable[[ReceivedRequest], Identity]


# ── faults ────────────────────────────────────────────────────────────────────────────────────────

_BEDROCK = "com.amazon.bedrock"
_CORAL = "com.amazon.coral.service"
"""A modelled exception is Bedrock's own; every other comes from the layer before it, which has a
name of its own."""

_IN_STREAM = frozenset(
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


class ServiceException(Exception):
    """A refusal or failure in AWS's words. `code` is the exception's name; a modelled one says the
    status too."""

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or MODELLED_STATUSES[code]

    @property
    def type_header(self) -> str:
        service = _BEDROCK if self.code in MODELLED_STATUSES else _CORAL
        return f"{self.code}:http://internal.amazon.com/coral/{service}/"

    def frame(self) -> bytes:
        code = self.code if self.code in _IN_STREAM else "InternalServerException"
        return frame_of_exception(code[0].lower() + code[1:], self.message)


def invalid_call(message: str) -> ServiceException:
    return ServiceException("ValidationException", message)


def malformed(what: str) -> ServiceException:
    return invalid_call(
        f"Malformed input request: {what}, please reformat your input and try again."
    )


def unknown_operation() -> ServiceException:
    return ServiceException(
        "UnknownOperationException",
        "The requested operation is not recognized by the service.",
        status=404,
    )


def _unexpected() -> ServiceException:
    message = (
        "The system encountered an unexpected error during processing. Try your request again."
    )
    return ServiceException("InternalServerException", message)


# ── who is calling ────────────────────────────────────────────────────────────────────────────────


def signature_verifier(
    known: Iterable[Identity], now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Verifier:
    """A verifier that knows these identities, and says no as AWS does."""
    identities = tuple(known)

    def verified(request: ReceivedRequest) -> Identity:
        verdict = verify(
            identities, request.method, request.target, request.headers, request.body, now()
        )
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
    """The app over `handler` and `verifier`. It speaks HTTP alone: no lifespan, no websockets."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reply = _Reply(send, new_request_id())
        try:
            operation, model = _addressed(scope)
            reply.write_frame = SURFACES[operation.surface].write_frame
            request = await read_request(scope, receive)
            async with cancelled_on_disconnect(receive):
                call = _call(operation, model, request, verifier, reply.request_id)
                await reply.send(await handler(call))
        except ClientLeft:
            pass
        except ServiceException as fault:
            await reply.fault(fault)
        except (
            Exception
        ):  # a fault of ours: the log hears what it was, the client that there was one
            _LOG.exception("the handler of call %s failed", reply.request_id)
            await reply.fault(_unexpected())

    return app


def _call(
    operation: Operation, model: str, request: ReceivedRequest, verifier: Verifier, request_id: str
) -> Call:
    return Call(
        caller=verifier(request),
        operation=operation,
        model=model,
        body=_json(request.body),
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
    model = unquote(segment)
    if not 1 <= len(model) <= MAX_ID_CHARACTERS:
        raise invalid_call("The provided model identifier is invalid.")
    return model


def _json(body: bytes) -> Json:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise invalid_call(
            "Malformed input request, please reformat your input and try again."
        ) from None


class ClientLeft(Exception):
    """The client went before it had sent its whole body."""


async def read_request(scope: Mapping[str, Any], receive: Any) -> ReceivedRequest:
    """The whole request. `ClientLeft` when it does not come; `Fault` when its body is too long."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    target = scope["raw_path"].decode("latin-1")
    if scope["query_string"]:
        target += "?" + scope["query_string"].decode("latin-1")
    return ReceivedRequest(scope["method"], target, headers, await _read_body(receive))


async def _read_body(receive: Any) -> bytes:
    pieces: list[bytes] = []
    length, is_complete = 0, False
    while not is_complete and length <= MAX_DISCARDED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        piece = message.get("body", b"")
        length += len(piece)
        if length <= MAX_BODY_BYTES:
            pieces.append(piece)
        is_complete = not message.get("more_body", False)
    if length > MAX_BODY_BYTES:
        raise ServiceException(
            "ValidationException",
            "1 validation error detected: Value at 'body' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAX_BODY_BYTES}",
            status=413,
        )
    return b"".join(pieces)


@asynccontextmanager
async def cancelled_on_disconnect(receive: Any) -> AsyncIterator[None]:
    """Cancels what runs inside when the client goes away, and leaves quietly."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - inside a coroutine there is one
    has_left = False

    async def watch() -> None:
        nonlocal has_left
        while (await receive())["type"] != "http.disconnect":
            pass
        has_left = True
        task.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not has_left or task.uncancel() > 0:  # somebody else wants this task to end
            raise
    finally:
        watching.cancel()


# ── the reply ─────────────────────────────────────────────────────────────────────────────────────

_JSON = "application/json"
_EVENT_STREAM = "application/vnd.amazon.eventstream"


class _Reply:
    """What goes back, in the order of HTTP: one start, bodies, one end."""

    def __init__(self, send: Any, request_id: str) -> None:
        self._send = send
        self._has_started = False
        self.request_id = request_id
        self.write_frame: WriteFrame = frame_of_chunk

    async def send(self, said: NativeAnswer | Chunks) -> None:
        if isinstance(said, NativeAnswer):
            await self._whole(200, said.body, said.headers)
        else:
            await self._stream(said)

    async def fault(self, fault: ServiceException) -> None:
        if self._has_started:
            await self._body(fault.frame(), more=False)
        else:
            await self._whole(
                fault.status, {"message": fault.message}, {"x-amzn-errortype": fault.type_header}
            )

    async def _whole(self, status: int, body: Json, headers: Mapping[str, str]) -> None:
        data = orjson.dumps(body)
        await self._start(
            status, {"content-type": _JSON, "content-length": str(len(data)), **headers}
        )
        await self._body(data, more=False)

    async def _stream(self, chunks: Chunks) -> None:
        inner = {"x-amzn-bedrock-content-type": _JSON} if self.write_frame is frame_of_chunk else {}
        headers = {"content-type": _EVENT_STREAM, **inner}
        async with aclosing(chunks):
            async for chunk in chunks:
                if (
                    not self._has_started
                ):  # only now: until the first chunk a fault may still have a status
                    await self._start(200, headers)
                await self._body(frame_of(chunk, self.write_frame), more=True)
        if not self._has_started:
            await self._start(200, headers)
        await self._body(b"", more=False)

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        self._has_started = True
        said = {"x-amzn-requestid": self.request_id, **headers}
        encoded = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in said.items()
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def _body(self, data: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def frame_of(chunk: Json, write_frame: WriteFrame = frame_of_chunk) -> bytes:
    """The frame of one chunk, with padding as AWS adds it: who sees only sizes does not see how
    long a word is.

    How much follows from the chunk, so that the same answer is the same bytes.
    """
    return write_frame(chunk, padding=_PADDING[: crc32(orjson.dumps(chunk)) % (len(_PADDING) + 1)])
