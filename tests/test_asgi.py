"""ASGI as this project serves it: a request within bounds, a disconnect, a response."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from axonflow_core.http.asgi import (
    BodyTooLong,
    ClientLeft,
    ResponseWriter,
    cancelled_on_disconnect,
    read_request,
)

SCOPE = {
    "method": "POST",
    "raw_path": b"/model/a%3Ab/invoke",
    "query_string": b"x=%20",
    "headers": [(b"Host", b"a.example"), (b"accept", b"a"), (b"Accept", b"b")],
}
LEFT = {"type": "http.disconnect"}


def receiving(messages: Iterable[dict[str, Any]]) -> Callable[[], Any]:
    left = iter(messages)

    async def receive() -> dict[str, Any]:
        message = next(left, None)
        return message if message is not None else await asyncio.Future()

    return receive


def pieces(*bodies: bytes) -> list[dict[str, Any]]:
    last = len(bodies) - 1
    return [
        {"type": "http.request", "body": body, "more_body": number < last}
        for number, body in enumerate(bodies)
    ]


# ── requests ──────────────────────────────────────────────────────────────────────────────────────


async def test_a_request_is_read_as_it_was_sent() -> None:
    request = await read_request(SCOPE, receiving(pieces(b"he", b"llo")), max_body_bytes=5)
    assert (request.method, request.target) == ("POST", "/model/a%3Ab/invoke?x=%20")
    assert request.headers == {"host": "a.example", "accept": "a,b"}
    assert request.body == b"hello"


async def test_without_a_query_the_target_is_the_path() -> None:
    scope = {**SCOPE, "query_string": b""}
    request = await read_request(scope, receiving([{"type": "http.request"}]), max_body_bytes=5)
    assert (request.target, request.body) == ("/model/a%3Ab/invoke", b"")


async def test_a_client_that_leaves_in_its_body_has_sent_no_request() -> None:
    with pytest.raises(ClientLeft):
        await read_request(SCOPE, receiving([*pieces(b"he", b"")[:1], LEFT]), max_body_bytes=5)


async def test_a_body_up_to_the_limit_is_taken() -> None:
    assert (await read_request(SCOPE, receiving(pieces(b"x" * 5)), max_body_bytes=5)).body


@pytest.mark.parametrize(("size", "read"), [(6, 6), (20, 20), (21, 21), (99, 21)])
async def test_of_a_body_that_is_too_long_four_times_the_limit_are_read(
    size: int, read: int
) -> None:
    sent = iter(pieces(*[b"x"] * size))

    async def receive() -> dict[str, Any]:
        return next(sent)

    with pytest.raises(BodyTooLong):
        await read_request(SCOPE, receive, max_body_bytes=5)
    assert size - len(list(sent)) == read


# ── disconnects ───────────────────────────────────────────────────────────────────────────────────


async def test_a_disconnect_ends_what_runs_inside_and_nothing_else() -> None:
    async with cancelled_on_disconnect(receiving([{"type": "http.request"}, LEFT])):
        await asyncio.sleep(10)
        raise AssertionError("it runs on")
    await asyncio.sleep(0)


async def test_a_cancel_from_elsewhere_is_passed_on() -> None:
    async def run(messages: list[dict[str, Any]]) -> None:
        async with cancelled_on_disconnect(receiving(messages)):
            await asyncio.sleep(10)

    for messages in ([], [LEFT]):
        task = asyncio.create_task(run(messages))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_the_wait_for_a_disconnect_ends_with_the_block() -> None:
    async with cancelled_on_disconnect(receiving([])):
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 2
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


# ── responses ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_response_is_a_start_pieces_and_one_end() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    writer = ResponseWriter(send)
    assert not writer.has_started
    await writer.start(200, {"x-a": "b"})
    assert writer.has_started
    await writer.write(b"he")
    await writer.end(b"llo")
    assert sent == [
        {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]},
        {"type": "http.response.body", "body": b"he", "more_body": True},
        {"type": "http.response.body", "body": b"llo", "more_body": False},
    ]


async def test_a_whole_response_has_its_length() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await ResponseWriter(send).whole(404, {}, b"no")
    assert sent[0]["headers"] == [(b"content-length", b"2")]
    assert sent[1] == {"type": "http.response.body", "body": b"no", "more_body": False}
