"""ASGI 3, as far as this project serves it: a request read, a disconnect noticed, a response sent.

    request = await read_request(scope, receive, max_body_bytes=…)      ClientLeft, BodyTooLong
    async with cancelled_on_disconnect(receive):                        after the whole request
        writer = ResponseWriter(send)
        await writer.start(200, headers); await writer.write(data); await writer.end()
    by_path(app, {"v1": other})                                         several apps on one port

Every server of ours is made of these: the endpoints, the emulators, the services next to them. They
know HTTP and no dialect. Header names are in lower case on both sides.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.messages import hidden

AsgiApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI 3 application: `await app(scope, receive, send)`."""


CLIENT_CLOSED = "client_closed"
"""The message that a task is cancelled with because its client left."""


class ClientLeft(Exception):
    """The client closed its connection before it had sent its whole body."""


class BodyTooLong(Exception):
    """The body is longer than the app takes. Enough of it was read for the client to listen."""


@frozen
class ReceivedRequest:
    """A request as it arrived, which is what a signature is about."""

    method: str
    target: str
    """Path and query as they were sent, not decoded."""
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case; namesakes joined by commas."""
    body: bytes = hidden()


async def read_request(
    scope: Mapping[str, Any],
    receive: Any,
    *,
    max_body_bytes: int,
    max_discarded_bytes: int | None = None,
) -> ReceivedRequest:
    """The whole request. Errors as `read_body`."""
    body = await read_body(
        receive, max_body_bytes=max_body_bytes, max_discarded_bytes=max_discarded_bytes
    )
    return ReceivedRequest(scope["method"], _target(scope), _headers(scope), body)


def _target(scope: Mapping[str, Any]) -> str:
    """Path and query as they were sent: `raw_path` is not decoded, which a signature depends on."""
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """The headers with names in lower case; values of one name are joined by commas (RFC 9110,
    section 5.3)."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


async def read_body(
    receive: Any, *, max_body_bytes: int, max_discarded_bytes: int | None = None
) -> bytes:
    """The whole body. `ClientLeft` when it does not come; `BodyTooLong` when it is too long.

    A client that is still sending does not listen, so of a longer body up to `max_discarded_bytes`
    (default: four times the limit) are read and thrown away before the refusal.
    """
    most = 4 * max_body_bytes if max_discarded_bytes is None else max_discarded_bytes
    pieces: list[bytes] = []
    length, is_complete = 0, False
    while not is_complete and length <= most:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        piece = message.get("body", b"")
        length += len(piece)
        # What is too long is counted and thrown away, so that the body takes no more memory.
        if length <= max_body_bytes:
            pieces.append(piece)
        is_complete = not message.get("more_body", False)
    if length > max_body_bytes:
        raise BodyTooLong
    return b"".join(pieces)


@asynccontextmanager
async def cancelled_on_disconnect(receive: Any) -> AsyncIterator[None]:
    """Cancels what runs inside when the client closes its connection, and leaves quietly.

    A second task waits for `http.disconnect`, so nothing else may call `receive` meanwhile: the
    request is read completely before. A cancel from elsewhere is passed on.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - inside a coroutine there is one
    has_left = False

    async def watch() -> None:
        nonlocal has_left
        while (await receive())["type"] != "http.disconnect":
            pass
        has_left = True
        task.cancel(CLIENT_CLOSED)

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not has_left or task.uncancel() > 0:  # another cancel wants this task to end
            raise
    finally:
        watching.cancel()


def by_path(app: AsgiApp, others: Mapping[str, AsgiApp]) -> AsgiApp:
    """An app that routes by the first segment of the path: to one of `others`, else to `app`."""

    async def chosen(scope: Any, receive: Any, send: Any) -> None:
        await others.get(scope["path"].split("/")[1], app)(scope, receive, send)

    return chosen


class ResponseWriter:
    """One response, in the order of HTTP: a start, pieces of the body, one end.

    Each call of `write` is one `send` of ASGI, so what belongs together is joined before.
    """

    def __init__(self, send: Any) -> None:
        self._send = send
        self.has_started = False
        """Whether the status is sent: from then on an error is no status any more."""

    async def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Start, body and end of a response whose body is known, with its length."""
        await self.start(status, {**headers, "content-length": str(len(body))})
        await self.end(body)

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Send status and headers; the body follows in `write` and `end`."""
        self.has_started = True
        encoded = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def write(self, data: bytes) -> None:
        """One piece of a body that goes on."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """The last piece, which may be empty."""
        await self._send({"type": "http.response.body", "body": data, "more_body": False})
