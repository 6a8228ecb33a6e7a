"""The smallest way to answer a request: a function from what was received to a whole reply."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from uuid import uuid4

import orjson
from attrs import frozen

from axonflow_core.messages import Json
from axonflow_core.provider import AsgiApp

from ..endpoint import ClientLeft, Fault, ReceivedRequest, received

_LOG = logging.getLogger(__name__)


@frozen
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


Answering: TypeAlias = Callable[[ReceivedRequest], Awaitable[Reply]]
Refusing: TypeAlias = Callable[[Fault, str], Reply]
"""A fault and the id of the request -> how the service says it."""


def json_reply(body: Json) -> Reply:
    return Reply(200, {"content-type": "application/json"}, orjson.dumps(body))


def json_refusal(fault: Fault, request_id: str) -> Reply:
    headers = {"content-type": "application/json", "x-amzn-errortype": fault.type_header}
    return Reply(fault.status, headers, orjson.dumps({"message": fault.message}))


def replying(answer: Answering, refuse: Refusing = json_refusal) -> AsgiApp:
    """An app that answers each request whole. Like every emulated service it gives each an id."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request_id = str(uuid4())
        try:
            reply = await _answered(answer, refuse, scope, receive, request_id)
        except ClientLeft:
            return
        headers = {
            "x-amzn-requestid": request_id,
            "content-length": str(len(reply.body)),
            **reply.headers,
        }
        await send({"type": "http.response.start", "status": reply.status, "headers": encoded(headers)})
        await send({"type": "http.response.body", "body": reply.body})

    return app


async def _answered(answer: Answering, refuse: Refusing, scope: Any, receive: Any, request_id: str) -> Reply:
    try:
        return await answer(await received(scope, receive))
    except Fault as fault:
        return refuse(fault, request_id)
    except ClientLeft:
        raise
    except Exception:  # a fault of ours: the log hears what it was, the client that there was one
        _LOG.exception("request %s failed", request_id)
        return refuse(Fault("InternalServerException", "An internal error occurred."), request_id)


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
