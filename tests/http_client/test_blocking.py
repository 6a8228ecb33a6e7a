"""What is the blocking client's alone: its pool, its threads, what it hears while it sends."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from on_time import ends_within, until

from axonflow_core.errors import TruncatedStream
from axonflow_core.http.blocking.connection import (
    _POLL_ERR,
    _POLL_IN,
    _POLL_OUT,
    Connection,
    _polled,
    _selected,
)
from axonflow_core.http.blocking.pool import Lease, Pool
from axonflow_core.http.client import HttpRequest
from axonflow_core.http.ends import ClosedHere
from axonflow_core.waiting import now

from .in_threads import ThreadedTransport
from .peers import OK, always, in_turn, serving, settle

pytestmark = pytest.mark.timely

UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nsome"


@pytest.fixture
def transport() -> ThreadedTransport:
    return ThreadedTransport()


async def test_closing_from_another_thread_is_no_end_of_an_answer_without_length(
    transport: ThreadedTransport,
) -> None:
    async with serving(always(UNTIL_CLOSED, 5.0)) as peer:
        stream = await transport.open_stream(peer.request())
        assert await stream.read() == b"some"
        reading = asyncio.create_task(stream.read())
        await asyncio.sleep(0.05)
        await transport.aclose()
        with pytest.raises(TruncatedStream, match="this program closed the stream"):
            await reading


async def test_the_control_the_servers_own_end_is_one(transport: ThreadedTransport) -> None:
    async with serving(always(UNTIL_CLOSED, closes=True)) as peer:
        stream = await transport.open_stream(peer.request())
        assert await stream.read_all() == b"some"
        await transport.aclose()
        await until(lambda: peer.open_connections == 0)


async def test_an_answer_before_the_whole_request_is_taken_and_its_connection_closed(
    transport: ThreadedTransport,
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(0.1)
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        response = await transport.send(HttpRequest("POST", url, {}, bytes(16 * 2**20)))
        await asyncio.sleep(0.2)  # until the server has closed its end
        await settle()
    assert response.status == 413
    assert not transport.blocking._pool._resting  # half a request waits in it
    await transport.aclose()


@pytest.mark.parametrize("answer", [always(b"rubbish\r\n\r\n"), always(OK, b"more")])
async def test_a_place_is_free_again_whatever_ended_the_call(
    transport: ThreadedTransport, answer: Any
) -> None:
    async with serving(in_turn(answer)) as peer:
        gone = HttpRequest("GET", "http://127.0.0.1:1/", {})
        requests = (peer.request(), gone, peer.request())
        await asyncio.gather(*map(transport.send, requests), return_exceptions=True)
        assert transport.blocking._pool._taken == 0
        await transport.aclose()
        await until(lambda: peer.open_connections == 0)


async def test_two_reads_at_once_are_refused_and_harm_nothing(
    transport: ThreadedTransport,
) -> None:
    async with serving(always(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 0.2, b"ok")) as peer:
        stream = await transport.open_stream(peer.request())
        first = asyncio.create_task(stream.read())
        await asyncio.sleep(0.05)
        with pytest.raises(Exception, match="being read already"):
            await stream.read()
        assert (await first, await stream.read()) == (b"ok", b"")
        await transport.aclose()
        await until(lambda: peer.open_connections == 0)


async def test_what_rests_is_closed_with_the_transport(transport: ThreadedTransport) -> None:
    async with serving(always(OK)) as peer:
        await transport.send(peer.request())
        await transport.aclose()
        await until(lambda: peer.open_connections == 0)


# ── waiting at a socket ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as here,
        listener.accept()[0] as there,
    ):
        yield here, there


@pytest.mark.parametrize("ready", [_polled, _selected])
def test_a_socket_is_ready_for_what_it_is_asked_for(
    ready: Any, ends: tuple[socket.socket, socket.socket]
) -> None:
    here, there = ends
    assert ready(here, _POLL_IN, 0.0) == 0
    assert ready(here, _POLL_IN | _POLL_OUT, 0.0) == _POLL_OUT
    there.send(b"x")
    assert ready(here, _POLL_IN, 5.0) == _POLL_IN
    assert ready(here, _POLL_OUT, 0.0) == _POLL_OUT
    assert ready(here, _POLL_IN | _POLL_OUT, 0.0) == _POLL_IN | _POLL_OUT
    assert here.recv(2) == b"x"
    there.close()
    assert ready(here, _POLL_IN, 5.0) & _POLL_IN


def test_where_there_is_no_poll_an_error_is_seen_whatever_is_asked_for(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    here, there = ends
    there.send(b"!", socket.MSG_OOB)  # what select calls exceptional here
    assert _selected(here, _POLL_IN, 5.0) == _POLL_ERR


# ── places ────────────────────────────────────────────────────────────────────────────────────────


class Interrupted(Connection):
    """A connection at whose end Ctrl-C is pressed."""

    @property
    def can_rest(self) -> bool:
        raise KeyboardInterrupt


def test_an_end_that_is_interrupted_frees_its_place_once() -> None:
    pool = Pool(1)
    lease = Lease(pool, "key")
    lease.take(now() + 1)
    lease._seat.connection = Interrupted("key")
    with pytest.raises(KeyboardInterrupt):
        lease.end()

    Lease(pool, "key").end()

    assert (pool._taken, pool._resting) == (0, [])


def test_a_call_that_is_shut_after_its_end_leaves_its_connection_to_the_next() -> None:
    class Answered(Connection):
        can_rest = True

        def shut(self) -> None:
            raise AssertionError

    pool = Pool(1)
    ended, following = Lease(pool, "key"), Lease(pool, "key")
    ended.take(now() + 1)
    ended._seat.connection = resting = Answered("key")
    ended.end()
    following.take(now() + 1)

    ended.shut()

    assert following.connection is resting


def test_a_call_that_is_shut_before_it_connects_opens_no_connection() -> None:
    pool = Pool(1)
    lease = Lease(pool, "key")
    lease.take(now() + 1)
    lease.shut()

    with pytest.raises(ClosedHere):
        lease.renew()


def test_a_call_that_is_shut_in_the_queue_leaves_it() -> None:
    pool = Pool(1)
    first, second = Lease(pool, "key"), Lease(pool, "key")
    first.take(now() + 1)
    threading.Timer(0.05, second.shut).start()

    with ends_within(0.4), pytest.raises(ClosedHere):
        second.take(now() + 5)

    second.end()
    first.end()
    assert pool._taken == 0
