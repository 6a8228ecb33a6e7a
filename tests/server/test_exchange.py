"""Responses: how they are framed, and what a client gets where the app fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from axonflow_core.server.traces import trace_of

from .served import Client, Echo, respond, serving

Answer: TypeAlias = Callable[[Any], Awaitable[None]]


class Saying(Echo):
    """Answers as a function says."""

    def __init__(self, say: Answer) -> None:
        super().__init__()
        self.say = say

    async def answer(self, scope: Any, receive: Any, send: Any, text: bytes) -> None:
        await self.say(send)


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers}


def piece(body: bytes = b"", more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


def saying(*messages: dict[str, Any]) -> Answer:
    async def say(send: Any) -> None:
        for message in messages:
            await send(message)

    return say


def seen(say: Answer, request: bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n") -> bytes:
    """What comes on a connection within a moment after its last byte, without the date."""
    with serving(Saying(say), keep_alive_s=0.1) as served, served.connect() as client:
        client.send(request)
        return without_date(client)


def without_date(client: Client) -> bytes:
    lines = client.see().data.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith(b"date: "))


LENGTH = (b"Content-Length", b"4")


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([start(200, LENGTH), piece(b"abcd")], b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd"),
        (
            [start(200, LENGTH), piece(b"ab", more=True), piece(b"cd")],
            b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcd",
        ),
        (
            [start(), piece(b"ab", more=True), piece(b"", more=True), piece(b"cd")],
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
        ),
        (
            [start(), piece()],
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        ([start(204), piece()], b"HTTP/1.1 204 No Content\r\n\r\n"),
        (
            [start(200, LENGTH, (b"Connection", b"close")), piece(b"abcd")],
            b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nabcd",
        ),
    ],
)
def test_a_response_is_framed(messages: list[dict[str, Any]], expected: bytes) -> None:
    assert seen(saying(*messages)) == expected


def test_a_response_to_head_has_no_body() -> None:
    head = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
    expected = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
    assert seen(saying(start(200, LENGTH), piece(b"abcd")), head) == expected
    assert seen(saying(start(), piece(b"abcd")), head) == b"HTTP/1.1 200 OK\r\n\r\n"


def test_http_1_0_gets_no_chunks() -> None:
    data = seen(saying(start(), piece(b"ab", more=True), piece(b"cd")), b"GET / HTTP/1.0\r\n\r\n")
    assert data == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabcd"


def test_the_head_of_a_stream_does_not_wait_for_its_first_piece() -> None:
    async def hesitate(send: Any) -> None:
        await send(start())
        await asyncio.sleep(60)

    with serving(Saying(hesitate)) as served, served.connect() as client:
        client.get()
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_large_piece_comes_whole() -> None:
    body = b"a" * 300_000
    length = (b"content-length", b"300000")
    assert seen(saying(start(200, length), piece(body))).endswith(b"\r\n\r\n" + body)


FAILING = {
    "raises": [],
    "ends without an answer": [],
    "a header with a line end": [start(200, (b"x-a", b"b\r\nx-c: d")), piece()],
    "a header with a line feed": [start(200, (b"x-a", b"b\nx-c: d")), piece()],
    "a name with a line end": [start(200, (b"x-a\r\n", b"b")), piece()],
    "a coding of its own": [start(200, (b"transfer-encoding", b"gzip")), piece()],
    "a body first": [piece(b"abcd")],
}


async def broken(send: Any) -> None:
    raise ValueError("a secret of the client")


@pytest.mark.parametrize("name", FAILING)
def test_an_app_that_fails_is_answered_for(name: str) -> None:
    data = seen(broken if name == "raises" else saying(*FAILING[name]))
    assert data.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert data.count(b"HTTP/1.1") == 1
    assert b'"error":"internal"' in data
    assert b"secret" not in data


BREAKING = {
    "too short": [start(200, LENGTH), piece(b"ab")],
    "too long": [start(200, LENGTH), piece(b"ab", more=True), piece(b"abcd")],
    "never ended": [start(), piece(b"ab", more=True)],
    "started twice": [start(), start()],
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_response_that_goes_wrong_is_broken_off(name: str) -> None:
    with serving(Saying(saying(*BREAKING[name]))) as served, served.connect() as client:
        client.get()
        data = client.see()
        assert served.state.failed == 1
    assert data.is_closed
    assert not data.data.endswith((b"0\r\n\r\n", b"abcd"))


def test_a_failure_is_logged_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    seen(broken)
    (record,) = [each for each in caplog.records if each.name == "axonflow.server"]
    assert record.getMessage().startswith(
        "a request failed in the app: ValueError at test_exchange"
    )
    assert "secret" not in caplog.text


def test_a_request_leaves_no_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(Echo()) as served, served.connect() as client:
        client.get("/secret", "Authorization: Basic c2VjcmV0", "Connection: close")
        client.see()
        with served.connect() as other:
            other.send(b"GET /secret HTTP/1.1\r\nX-A : secret\r\n\r\n")
            other.see()
    assert [each.name for each in caplog.records if each.name != "asyncio"] == []


def test_a_trace_has_types_and_places_of_an_error_and_of_its_causes() -> None:
    async def fails() -> None:
        try:
            {}["a secret"]
        except KeyError as error:
            raise ValueError("a secret") from error

    with pytest.raises(ValueError) as caught:
        asyncio.run(fails())
    trace = trace_of(caught.value)
    assert trace.startswith("ValueError at test_exchange.py:")
    assert "; from KeyError at test_exchange.py:" in trace
    assert "secret" not in trace
    assert trace_of(None) == ""


def test_an_app_may_answer_twice_on_one_connection() -> None:
    async def answer(send: Any) -> None:
        await respond(send, b"abcd")

    with serving(Saying(answer)) as served, served.connect() as client:
        for _ in range(2):
            client.get()
            client.read_until(b"abcd")
        assert served.state.total_requests == 2
