"""The smallest way to answer a request: a function from what was received to a reply."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, TypeAlias
from uuid import uuid4

import orjson
from attrs import field, frozen

from axonflow_core.http.asgi import AsgiApp
from axonflow_core.messages import Json

from ..wire.endpoint import (
    ClientLeft,
    ReceivedRequest,
    ServiceException,
    cancelled_on_disconnect,
    read_request,
)

_LOG = logging.getLogger(__name__)


@frozen
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes | AsyncGenerator[bytes, None] = field(repr=False)
    """The whole, or its pieces as they come. Pieces that stop with an error leave the client with
    half an answer."""


Answering: TypeAlias = Callable[[ReceivedRequest], Awaitable[Reply]]
Refusing: TypeAlias = Callable[[ServiceException, str], Reply]
"""A fault and the id of the request -> how the service says it."""


def json_reply(body: Json) -> Reply:
    return Reply(200, {"content-type": "application/json"}, orjson.dumps(body))


def json_refusal(fault: ServiceException, request_id: str) -> Reply:
    headers = {"content-type": "application/json", "x-amzn-errortype": fault.type_header}
    return Reply(fault.status, headers, orjson.dumps({"message": fault.message}))


def replying(answer: Answering, refuse: Refusing = json_refusal) -> AsgiApp:
    """An app that answers each request with a reply. Like every emulated service it gives each an
    id."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request_id = str(uuid4())
        try:
            request = await read_request(scope, receive)
            async with cancelled_on_disconnect(receive):
                await _send(await _answered(answer, refuse, request, request_id), request_id, send)
        except ClientLeft:
            pass
        except ServiceException as fault:
            await _send(refuse(fault, request_id), request_id, send)

    return app


async def _answered(
    answer: Answering, refuse: Refusing, request: ReceivedRequest, request_id: str
) -> Reply:
    try:
        return await answer(request)
    except ServiceException as fault:
        return refuse(fault, request_id)
    except Exception:  # a fault of ours: the log hears what it was, the client that there was one
        _LOG.exception("request %s failed", request_id)
        return refuse(
            ServiceException("InternalServerException", "An internal error occurred."), request_id
        )


async def _send(reply: Reply, request_id: str, send: Any) -> None:
    headers = {"x-amzn-requestid": request_id, **reply.headers}
    if isinstance(reply.body, bytes):
        headers["content-length"] = str(len(reply.body))
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
    if isinstance(reply.body, bytes):
        await send({"type": "http.response.body", "body": reply.body})
        return
    async with aclosing(reply.body) as pieces:
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
