"""The ASGI application: who calls, may they, what is the answer.

    probe?  route?  who?  role?  body  handler  answer

Each refusal is JSON with its text in `error` and `message`. Errors of ours become a status here and
nowhere else; an exception that is none of ours is a 500 that says nothing of it, and a line of the
log without any text of the request.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from axonflow_core.errors import (
    AuditError,
    AxonFlowError,
    ConfigError,
    MalformedRequest,
    RequestError,
)
from axonflow_core.http.asgi import (
    BodyTooLong,
    ClientLeft,
    ResponseWriter,
    cancelled_on_disconnect,
    read_body,
)
from axonflow_core.messages import EMPTY
from axonflow_core.server import auth
from axonflow_core.server.client_request import USER_TOKEN, Answer, ClientRequest, refusal
from axonflow_core.server.delivery import EXTENSION
from axonflow_core.server.departure import cancelled_with_client
from axonflow_core.server.endpoints.health import AUDIT_UNAVAILABLE, probe
from axonflow_core.server.metrics import OTHER
from axonflow_core.server.routes import Route, RouteTable
from axonflow_core.server.service import Service
from axonflow_core.server.traces import trace_of
from axonflow_core.server.wire import authzen, handshake

_LOG = logging.getLogger(__name__)

MAX_QUERY = 64
"""Fields of a query."""
CHALLENGE = 'Basic realm="axonflow"'
"""What a 401 asks for (RFC 9110, section 11.6.1)."""
_HEADERS: Mapping[bytes, str] = {
    name.encode(): name
    for name in (*auth.HEADERS, USER_TOKEN, authzen.PROFILE_HEADER, handshake.HEADER)
}
"""The headers that somebody here reads, as they come and as handlers know them."""


class App:
    """Serves `routes` in the name of `service`."""

    def __init__(self, service: Service, routes: RouteTable) -> None:
        self._service = service
        self._routes = routes

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        generation = self._service.generation
        served = generation.dialects.find(scope)
        if served is not None:
            with generation.hold():
                await served.app(scope, receive, self._counting(served.wire.name, send))
            return
        try:
            answer = await self._answer(scope, receive)
        except ClientLeft:
            return
        await _write(send, receive, answer, is_head=scope["method"] == "HEAD")

    def _counting(self, name: str, send: Any) -> Any:
        """`send`, whose answer is counted for a dialect of that name."""

        async def counted(message: Any) -> None:
            if message["type"] == "http.response.start":
                self._service.metrics.answered(name, message["status"])
            await send(message)

        return counted

    async def _live(self, receive: Any, send: Any) -> None:
        """The life of the worker: what it opened is closed at its end."""
        async for step in _steps(receive):
            if step == "lifespan.shutdown":
                await self._service.aclose()
            await send({"type": f"{step}.complete"})

    async def _answer(self, scope: Mapping[str, Any], receive: Any) -> Answer:
        method, path = scope["method"], scope["path"]
        if method in ("GET", "HEAD") and (probed := probe(self._service, path)) is not None:
            return probed
        found = self._routes.find(method, path)
        if found is None:
            answer, counted = self._unknown(method, path), OTHER
        else:
            answer, counted = await self._answered(*found, scope, receive), found[0].path
        self._service.metrics.answered(counted, answer.status)
        return answer

    async def _answered(
        self, route: Route, parameters: Mapping[str, str], scope: Mapping[str, Any], receive: Any
    ) -> Answer:
        """The answer of a route, whatever becomes of it."""
        try:
            return await self._handled(route, parameters, scope, receive)
        except AxonFlowError as error:
            return _refused(error)
        except ClientLeft:
            raise
        except Exception as error:
            _LOG.error("%s %s failed: %s", route.method, route.path, trace_of(error))
            return refusal(500, "internal error", code="internal")

    async def _handled(
        self, route: Route, parameters: Mapping[str, str], scope: Mapping[str, Any], receive: Any
    ) -> Answer:
        headers = _headers(scope)
        caller = self._service.generation.clients.identified(headers)
        if caller is None:
            return refusal(
                401,
                "Invalid credentials",
                code="unauthenticated",
                **{"www-authenticate": CHALLENGE},
            )
        if route.role not in caller.roles:
            message = f"the client {caller.client} has not the role {route.role}"
            return refusal(403, message, code="forbidden")
        try:
            most = self._service.settings.max_body_bytes
            body = await read_body(receive, max_body_bytes=most)
        except BodyTooLong:
            return refusal(413, f"the body is longer than {most:,} bytes", code="too_large")
        delivery = scope.get("extensions", {}).get(EXTENSION)
        request = ClientRequest(
            service=self._service,
            caller=caller,
            method=route.method,
            path=scope["path"],
            parameters=parameters,
            query=_query(scope),
            headers=headers,
            body=body,
            receive=receive,
            delivery=delivery,
        )
        with cancelled_with_client(delivery):
            return await route.handler(request)

    def _unknown(self, method: str, path: str) -> Answer:
        methods = self._routes.methods(path)
        if methods:
            message = f"this path takes {', '.join(methods)}"
            return refusal(405, message, code="method", allow=", ".join(methods))
        return refusal(404, "there is no such path", code="not_found")


async def _steps(receive: Any) -> AsyncIterator[str]:
    """The steps of a lifespan, until the last."""
    step = ""
    while step != "lifespan.shutdown":
        step = (await receive())["type"]
        yield step


def _query(scope: Mapping[str, Any]) -> Mapping[str, str]:
    """The fields of the query; the last of two with one name. `MalformedRequest` for too many, and
    for one with a NUL, which PostgreSQL does not take."""
    query = scope["query_string"].decode("latin-1")
    if not query:
        return EMPTY
    try:
        fields = parse_qsl(query, max_num_fields=MAX_QUERY)
    except ValueError:
        raise MalformedRequest(f"the query has more than {MAX_QUERY} fields") from None
    if "\0" in "".join(map("".join, fields)):
        raise MalformedRequest("the query has a NUL")
    return dict(fields)


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """The headers that somebody here reads; the last of two with one name."""
    return {
        _HEADERS[name]: value.decode("latin-1")
        for name, value in scope["headers"]
        if name in _HEADERS
    }


def _refused(error: AxonFlowError) -> Answer:
    """An error as a status: the caller's own fault is 400, ours is 500 or 503."""
    if isinstance(error, AuditError):
        return refusal(503, error.message, code=AUDIT_UNAVAILABLE, **{"retry-after": "1"})
    if isinstance(error, RequestError):
        return refusal(400, error.message, code=error.code)
    if isinstance(error, ConfigError):
        return refusal(500, "the configuration is at fault", code=error.code)
    return refusal(502, error.message, code=error.code)


async def _write(send: Any, receive: Any, answer: Answer, *, is_head: bool) -> None:
    """Write the whole answer in one go, or as it comes while the client is there."""
    writer = ResponseWriter(send)
    headers = {"content-type": answer.content_type, **answer.headers}
    if answer.pieces is None:
        headers = {**headers, "content-length": str(len(answer.body))}
    await writer.start(answer.status, headers)
    if answer.pieces is not None and not is_head:
        async with cancelled_on_disconnect(receive):
            async for piece in answer.pieces:
                await writer.write(piece)
    await writer.end(b"" if is_head else answer.body)
