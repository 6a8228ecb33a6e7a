"""The smallest way to answer a request: a function from what was received to a reply."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeAlias
from uuid import uuid4

from attrs import field

from axonflow_core.endpoint.app import received
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

from ..wire.endpoint import WIRE, ServiceException

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
Refusing: TypeAlias = Callable[[ServiceException, str], Reply]
"""A fault and the id of the request -> how the service says it."""


def json_reply(body: Json) -> Reply:
    """A JSON answer with status 200."""
    return Reply(200, {"content-type": "application/json"}, dumps(body))


def json_refusal(fault: ServiceException, request_id: str) -> Reply:
    """An exception as Bedrock reports it in JSON."""
    native = fault.native
    headers = {"content-type": "application/json", **native.headers}
    return Reply(native.status, headers, dumps(native.body))


def replying(answer: Answering, refuse: Refusing = json_refusal) -> AsgiApp:
    """An app that answers each request with a reply. Like every emulated service it gives each an
    id."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request_id, writer = str(uuid4()), ResponseWriter(send)
        try:
            request = await received(WIRE, scope, receive)
            async with cancelled_on_disconnect(receive):
                reply = await _answered(answer, refuse, request, request_id)
                await _send(reply, request_id, writer)
        except ClientLeft:
            pass
        except ServiceException as fault:
            await _send(refuse(fault, request_id), request_id, writer)

    return app


async def _answered(
    answer: Answering, refuse: Refusing, request: ReceivedRequest, request_id: str
) -> Reply:
    try:
        return await answer(request)
    except ServiceException as fault:
        return refuse(fault, request_id)
    except Exception:  # a fault of ours: the log has its traceback
        _LOG.exception("request %s failed", request_id)
        return refuse(
            ServiceException("InternalServerException", "An internal error occurred."), request_id
        )


async def _send(reply: Reply, request_id: str, writer: ResponseWriter) -> None:
    headers = {"x-amzn-requestid": request_id, **reply.headers}
    if isinstance(reply.body, bytes):
        await writer.whole(reply.status, headers, reply.body)
        return
    await writer.start(reply.status, headers)
    async with aclosing(reply.body) as pieces:
        async for piece in pieces:
            await writer.write(piece)
    await writer.end()
