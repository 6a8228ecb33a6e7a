"""Three readers of one answer: ours, h11 and the standard library's. What each makes of bytes after
which the server closes."""

from __future__ import annotations

import http.client
import io
from collections.abc import Iterable
from typing import Any, NamedTuple

import h11

from axonflow_core.http.response_parser import BadResponse, ResponseParser, Rule


class Reading(NamedTuple):
    """What a reader made of an answer. `status` None: there is none; `rule` is ours alone."""

    status: int | None = None
    headers: dict[str, str] | None = None
    body: bytes = b""
    is_whole: bool = False
    rule: Rule | None = None


def pieces_of(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def ours(pieces: Iterable[bytes], max_body_bytes: int | None = None) -> Reading:
    parser = ResponseParser()
    parser.begin("POST", max_body_bytes)
    rule = None
    try:
        for piece in pieces:
            parser.feed(piece)
        is_whole = parser.feed_eof()
    except BadResponse as bad:
        rule, is_whole = bad.rule, False
    head = parser.head
    if head is None:
        return Reading(rule=rule)
    return Reading(head.status, dict(head.headers), parser.take(), is_whole, rule)


def h11s(data: bytes) -> Reading:
    """h11, the strict sans-I/O reader that httpx uses."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=200_000)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "h")]))
    connection.send(h11.EndOfMessage())
    status, headers, body = None, {}, b""
    try:
        connection.receive_data(data)
        if data:
            connection.receive_data(b"")
        while True:
            event: Any = connection.next_event()
            match event:
                case h11.Response():
                    status = event.status_code
                    headers = {
                        name.decode(): value.decode("latin-1") for name, value in event.headers
                    }
                case h11.Data():
                    body += bytes(event.data)
                case h11.EndOfMessage():
                    return Reading(status, headers, body, is_whole=True)
                case h11.InformationalResponse():
                    pass
                case _:
                    return Reading(status, headers, body)
    except h11.RemoteProtocolError:
        return Reading(status, headers, body)


class _Socket:
    """What `http.client` wants of a socket: a file."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)


def stdlibs(data: bytes) -> Reading:
    """`http.client`, the lenient reader under urllib3 and boto3."""
    response = http.client.HTTPResponse(_Socket(data), method="POST")  # type: ignore[arg-type]
    try:
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        body = response.read()
    except (http.client.HTTPException, ValueError, OSError, OverflowError):
        return Reading()
    return Reading(response.status, headers, body, is_whole=True)
