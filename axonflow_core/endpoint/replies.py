"""The smallest way to answer a request: a function from what was received to a reply. For services
next to a dialect, whose paths are no operations of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeAlias

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.http.asgi import (
    AsgiApp,
    ClientLeft,
    ReceivedRequest,
    ResponseWriter,
    cancelled_on_disconnect,
)
from axonflow_core.json import dumps
from axonflow_core.messages import Json

from .app import received
from .refusals import Refusal
from .wire import Wire

_LOG = logging.getLogger(__name__)


@frozen
class Reply:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes | AsyncGenerator[bytes, None] = field(repr=False)
    """The whole, or its pieces as they come. Pieces that stop with an error leave the client with
    half an answer."""


Answering: TypeAlias = Callable[[ReceivedRequest], Awaitable[Reply]]
Refusing: TypeAlias = Callable[[Any, str], Reply]
"""A `Refusal` and the id of the request -> how the service says it."""


def json_reply(body: Json) -> Reply:
    """A JSON answer with status 200."""
    return Reply(200, {"content-type": "application/json"}, dumps(body))


def json_refusal(refusal: Refusal, request_id: str) -> Reply:
    """A refusal in JSON, as it is."""
    native = refusal.native
    headers = {"content-type": "application/json", **native.headers}
    return Reply(native.status, headers, dumps(native.body))


def replying(wire: Wire, answer: Answering, refuse: Refusing = json_refusal) -> AsgiApp:
    """An app that answers each request with a reply, and gives it an id; bounds, headers and words
    are those of `wire`."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request_id, writer = wire.new_request_id(), ResponseWriter(send)
        identified = {wire.request_id_header: request_id}
        try:
            request = await received(wire, scope, receive)
            async with cancelled_on_disconnect(receive):
                reply = await _answered(wire, answer, refuse, request, request_id)
                await _send(reply, identified, writer)
        except ClientLeft:
            pass
        except Refusal as refusal:
            await _send(refuse(refusal, request_id), identified, writer)

    return app


async def _answered(
    wire: Wire, answer: Answering, refuse: Refusing, request: ReceivedRequest, request_id: str
) -> Reply:
    try:
        return await answer(request)
    except Refusal as refusal:
        return refuse(refusal, request_id)
    except Exception:  # a fault of ours: the log has its traceback
        _LOG.exception("request %s failed", request_id)
        return refuse(wire.refusal(wire.refusals.unexpected()), request_id)


async def _send(reply: Reply, identified: Mapping[str, str], writer: ResponseWriter) -> None:
    headers = {**identified, **reply.headers}
    if isinstance(reply.body, bytes):
        await writer.whole(reply.status, headers, reply.body)
        return
    await writer.start(reply.status, headers)
    async with aclosing(reply.body) as pieces:
        async for piece in pieces:
            await writer.write(piece)
    await writer.end()
