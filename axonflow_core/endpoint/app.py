"""`dialect_app`: an ASGI app that serves a dialect, without a model.

    path -> body -> who is calling (verifier) -> JSON -> what is answered (handler)
         -> answer, frames or error

Verifier and handler are handed in: with scripted models this app is an emulator, with a governed
runtime a drop-in endpoint. What either raises goes out as the vendor reports it: a `Refusal` in its
own words, an `AxonFlowError` by the error table in its server role, anything else as an internal
error that the log explains. Before the first chunk that is an HTTP status; after it 200 has been
sent, and the error is the last chunk of the stream. `CredentialsError` of the verifier is the
client's own; of a handler it is this server's, which a client must not be told.

Each tuple of chunks that a handler yields leaves in one send, so that a network read upstream is a
write here. Where nothing leaves for a while, a ping does (`pings`). When the client closes its
connection the handler is cancelled and its chunks are closed, wherever they stand.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Any
from urllib.parse import parse_qsl

from axonflow_core.codec.errors import NativeError
from axonflow_core.errors import (
    AccessDenied,
    AnswerError,
    AxonFlowError,
    CredentialsError,
    ProviderError,
    RequestError,
)
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
from axonflow_core.messages import EMPTY, Json

from .calls import Call, Chunks, Handler, NativeAnswer, NativeStream, read_beside_loop
from .credentials import Verifier
from .operations import Framing, Operation
from .pings import kept_alive
from .refusals import Refusal
from .wire import Wire

_LOG = logging.getLogger(__name__)
_JSON = "application/json"


def dialect_app(wire: Wire, handler: Handler, verifier: Verifier) -> AsgiApp:
    """The app over `handler` and `verifier`. It serves HTTP alone: no lifespan, no websockets."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reply = _Reply(wire, ResponseWriter(send))
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        try:
            if (greeting := wire.greeting(method, path)) is not None:
                await reply.send(NativeAnswer(greeting))
                return
            operation, model = wire.addressed(method, path)
            reply.framing = _framing_of(operation)
            request = await received(wire, scope, receive)
            async with cancelled_on_disconnect(receive):
                caller = _verified(wire, request, verifier)
                given = (wire, operation, model, request, caller, reply.request_id)
                call = await read_beside_loop(request.body, call_of, *given)
                async with reply.kept_alive(call):
                    await reply.send(await handler(call))
                await reply.end()
        except ClientLeft:
            pass
        except Refusal as refusal:
            await reply.fail(refusal.native, refusal.chunk)
        except AxonFlowError as error:
            if _is_for_the_log(error):
                _LOG.error("call %s failed: %s", reply.request_id, error.message)
            await reply.fail(wire.errors.encode_error(error), wire.errors.error_event(error))
        except Exception:  # a fault of ours: the log has its traceback, the client its request id
            _LOG.exception("the handler of call %s failed", reply.request_id)
            unexpected = wire.refusal(wire.refusals.unexpected())
            await reply.fail(unexpected.native, unexpected.chunk)

    return app


def _is_for_the_log(error: AxonFlowError) -> bool:
    """Whether the client is told less than the operator: of this server's own faults, and of what
    its provider denies it."""
    if isinstance(error, AccessDenied | CredentialsError):
        return True
    return not isinstance(error, ProviderError | RequestError | AnswerError)


# ── the call ──────────────────────────────────────────────────────────────────────────────────────


async def received(wire: Wire, scope: Mapping[str, Any], receive: Any) -> ReceivedRequest:
    """The whole request, within the wire's bounds. `Refusal` when its body is too long."""
    try:
        return await read_request(scope, receive, max_body_bytes=wire.max_body_bytes)
    except BodyTooLong:
        raise wire.refusal(wire.refusals.too_long(wire.max_body_bytes)) from None


def call_of(
    wire: Wire,
    operation: Operation,
    model: str,
    request: ReceivedRequest,
    caller: str,
    request_id: str = "",
) -> Call:
    """The call in a request of `caller`. Headers and query are reduced to those that belong to a
    call. `Refusal` of a body that is none."""
    body = _json(wire, operation, request.body)
    return Call(
        caller=caller,
        operation=operation,
        model=model or _model_of(wire, operation, body),
        body=request.body,
        json=body,
        headers={
            name: value
            for name, value in request.headers.items()
            if name.startswith(wire.call_headers)
        },
        query=_query(wire, request),
        request_id=request_id,
    )


def _verified(wire: Wire, request: ReceivedRequest, verifier: Verifier) -> str:
    """The id of the client. `Refusal` of its key."""
    try:
        return verifier(wire.presented(request))
    except CredentialsError as error:
        raise wire.denial(error) from None


def _json(wire: Wire, operation: Operation, body: bytes) -> Json:
    """The parsed body, an object where its members address the call."""
    if not body and not operation.is_about_a_model:
        return None
    try:
        native = loads(body)
    except ValueError as fault:  # which has the place alone, and nothing of the body
        raise wire.refusal(wire.refusals.not_json(str(fault))) from None
    if not isinstance(native, dict) and not operation.has_model_in_path:
        raise wire.refusal(wire.refusals.not_json("it is another value"))
    return native


def _model_of(wire: Wire, operation: Operation, body: Json) -> str:
    """The model that the body names; `""` where the operation is about none."""
    if not operation.is_about_a_model:
        return ""
    return wire.checked_model(body.get(operation.model_member))


def _query(wire: Wire, request: ReceivedRequest) -> Mapping[str, str]:
    if not wire.call_query:
        return {}
    members = parse_qsl(request.target.partition("?")[2])
    return {name: value for name, value in members if name in wire.call_query}


# ── the reply ─────────────────────────────────────────────────────────────────────────────────────


class _Reply:
    """What goes back, as the wire has it."""

    def __init__(self, wire: Wire, writer: ResponseWriter) -> None:
        self._wire = wire
        self._writer = writer
        self.request_id = wire.new_request_id()
        self.framing: Framing | None = None
        self._now = asyncio.get_running_loop().time  # to ask which loop runs is a system call
        self._last_write = self._now()
        self._headers_of_stream: Mapping[str, str] = EMPTY
        self._has_chunks = False
        self._has_ended = False

    def kept_alive(self, call: Call) -> AbstractAsyncContextManager[None]:
        """What is inside answers `call`: a stream that is silent meanwhile is pinged."""
        framing = self.framing
        if framing is None or not framing.ping or not call.is_streamed:
            return nullcontext()

        async def ping() -> None:
            await self._write(framing, framing.ping if self._has_chunks else framing.early_ping)

        return kept_alive(ping, lambda: self._last_write, self._wire.silence_s)

    async def send(self, answer: NativeAnswer | NativeStream | Chunks) -> None:
        if isinstance(answer, NativeAnswer):
            await self._whole(200, answer.headers, answer.body)
        elif isinstance(answer, NativeStream):
            self._headers_of_stream = answer.headers
            await self._stream(answer.chunks)
        else:
            await self._stream(answer)

    async def fail(self, native: NativeError, chunk: Json) -> None:
        """Report an error: a status, or in a stream that has begun its last chunk."""
        if self._writer.has_started and self.framing is not None:
            await self._writer.end(self.framing.frame_error(chunk))
        else:
            body = self._wire.with_request_id(native.body, self.request_id)
            await self._whole(native.status, native.headers, body)

    async def end(self) -> None:
        """End a stream; a whole answer has its end."""
        if not self._has_ended:
            await self._writer.end()

    async def _whole(self, status: int, headers: Mapping[str, str], body: Json | bytes) -> None:
        self._has_ended = True
        data = body if isinstance(body, bytes) else dumps(body)
        await self._writer.whole(status, self._headers({"content-type": _JSON, **headers}), data)

    async def _stream(self, chunks: Chunks) -> None:
        """Sends one frame for each chunk. The status line waits for the first batch, because an
        error that is found until then still has an HTTP status; a later one becomes a chunk."""
        framing = self.framing or _UNFRAMED
        async with aclosing(chunks):
            async for together in chunks:
                self._has_chunks = True
                await self._write(framing, _frames(framing, together))
        await self._begin(framing)

    async def _write(self, framing: Framing, data: bytes) -> None:
        self._last_write = self._now()
        await self._begin(framing)
        await self._writer.write(data)

    async def _begin(self, framing: Framing) -> None:
        """The status line, where it has not left."""
        if not self._writer.has_started:
            own = {"content-type": framing.content_type, **framing.headers}
            await self._writer.start(200, self._headers({**self._headers_of_stream, **own}))

    def _headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        return {self._wire.request_id_header: self.request_id, **self._wire.headers, **headers}


def _framing_of(operation: Operation) -> Framing | None:
    framing = operation.framing
    return framing if framing is None or framing.of_a_stream is None else framing.of_a_stream()


def _no_frame(chunk: Json) -> bytes:
    raise TypeError("the handler streams the answer of an operation that has no streams")


_UNFRAMED = Framing(content_type=_JSON, frame=_no_frame)
"""Of an operation whose answers are whole: a handler's chunks end with an error there."""


def _frames(framing: Framing, together: tuple[Json | bytes, ...]) -> bytes:
    """Chunks that arrived together, in one write. Bytes are a frame already."""
    return b"".join(
        [chunk if isinstance(chunk, bytes) else framing.frame(chunk) for chunk in together]
    )
