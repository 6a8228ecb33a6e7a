"""Pings in a silent stream, and the greeting of those who look whether somebody serves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest
from on_time import GUARD_S
from toy_wire import KEY, WIRE, Client, Reply, asked

from axonflow_core.dialects.anthropic_messages import ERRORS
from axonflow_core.endpoint.app import dialect_app
from axonflow_core.endpoint.calls import Call, Chunks, NativeAnswer
from axonflow_core.endpoint.credentials import key_verifier
from axonflow_core.errors import Throttled
from axonflow_core.frozen import evolve
from axonflow_core.http.local_server import Server

SILENCE_S = 0.02
START, STOP = {"type": "message_start"}, {"type": "message_stop"}
ASKED = {"model": "toy-1", "stream": True, "messages": []}
Answering = Callable[[Call], AsyncIterator[tuple[object, ...]]]


class Pause:
    """A handler waits in it until it is over."""

    def __init__(self) -> None:
        self._is_over = threading.Event()

    def end(self) -> None:
        self._is_over.set()

    async def __call__(self) -> None:
        while not self._is_over.is_set():  # noqa: ASYNC110 - a thread ends it
            await asyncio.sleep(0.001)


@contextmanager
def served(
    answering: Answering, *, before: Pause | None = None, silence_s: float = SILENCE_S
) -> Iterator[Client]:
    """A dialect whose handler answers, after a pause where there is one; silence is short in it."""

    async def handler(call: Call) -> NativeAnswer | Chunks:
        if before is not None:
            await before()
        return answering(call)  # type: ignore[return-value]

    wire = evolve(WIRE, errors=ERRORS, silence_s=silence_s, greetings={"/": {"message": "hello"}})
    with Server(dialect_app(wire, handler, key_verifier({KEY: "c"}))) as server:
        yield Client(server.base_url)


async def at_once(call: Call) -> AsyncIterator[tuple[object, ...]]:
    yield (START,)
    yield (STOP,)


def with_a_pause(pause: Pause) -> Answering:
    async def answer(call: Call) -> AsyncIterator[tuple[object, ...]]:
        yield (START,)
        await pause()
        yield (STOP,)

    return answer


def with_an_error(pause: Pause) -> Answering:
    async def answer(call: Call) -> AsyncIterator[tuple[object, ...]]:
        await pause()
        raise Throttled("too many")
        yield ()

    return answer


def seen(client: Client, pause: Pause, *, pings: int = 1, after: bytes = b":") -> Reply:
    """An answer in whose pause there are so many pings at least, after these bytes."""
    with client.open("/chat", ASKED) as response:
        data = b""
        while data.partition(after)[2].count(b"ping") < pings:
            data += response.readline()
        pause.end()
        return Reply(response.status, {}, data + response.read())


def test_silence_before_the_first_chunk_is_broken_by_comments_alone() -> None:
    pause = Pause()
    with served(at_once, before=pause) as client:
        reply = seen(client, pause, pings=2)
    assert reply.data.startswith(b": ping\n\n: ping\n\n")
    assert [name for name, _ in reply.events] == ["message_start", "message_stop"]


def test_silence_after_it_is_broken_by_the_events_of_the_dialect() -> None:
    pause = Pause()
    with served(with_a_pause(pause)) as client:
        events = seen(client, pause, after=b"message_start").events
    assert [events[0][1], events[-1][1]] == [START, STOP]
    assert {name for name, _ in events[1:-1]} == {"ping"}
    assert events[1][1] == {"type": "ping"}


def test_a_stream_that_is_not_silent_has_no_ping() -> None:
    with served(at_once, silence_s=GUARD_S) as client:
        assert b"ping" not in client.post("/chat", ASKED).data


def test_an_error_before_any_ping_has_its_status_and_a_later_one_stands_in_the_stream() -> None:
    pause = Pause()
    with served(with_an_error(pause)) as client:
        late = seen(client, pause)
        early = client.post("/ask", asked("Hi", stream=True))
    assert (early.status, late.status) == (429, 200)
    assert late.data.startswith(b": ping\n\n")
    assert "too many" in str(late.events[-1])


def test_a_dialect_without_pings_and_an_answer_that_is_whole_are_left_alone() -> None:
    async def handler(call: Call) -> NativeAnswer:
        await asyncio.sleep(4 * SILENCE_S)
        return NativeAnswer({"done": True})

    async def silent(call: Call) -> AsyncIterator[tuple[object, ...]]:
        yield (START,)
        await asyncio.sleep(4 * SILENCE_S)
        yield (STOP,)

    wire = evolve(WIRE, silence_s=SILENCE_S)
    with Server(dialect_app(wire, handler, key_verifier({KEY: "c"}))) as server:
        client = Client(server.base_url)
        assert client.post("/chat", {**ASKED, "stream": False}).json == {"done": True}
    with served(silent) as client:
        assert b"ping" not in client.post("/ask", asked("Hi", stream=True)).data


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_looks_whether_somebody_serves_needs_no_key(method: str) -> None:
    with served(at_once) as client:
        greeted = client.post("/", method=method, x_api_key="")
        refused = client.post("/", {}, x_api_key="")
    assert (greeted.status, greeted.data) == (
        200,
        b'{"message":"hello"}' if method == "GET" else b"",
    )
    assert refused.status in (401, 404)
