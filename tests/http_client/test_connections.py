"""Connections that are used again, closed meanwhile, filled, or left."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from on_time import ends_within, until

from axonflow_core.errors import (
    AnswerError,
    ProviderTimeout,
    RequestError,
    TruncatedStream,
    Unavailable,
)
from axonflow_core.http.client import HttpRequest, Timeouts, Transport
from axonflow_core.http.connection import HIGH_WATER_BYTES, Connection
from axonflow_core.http.limits import Deadlines
from axonflow_core.http.response_parser import BadResponse, Rule
from axonflow_core.http.sockets import READ_BYTES

from .peers import (
    CHUNKED,
    OK,
    Authority,
    Peer,
    always,
    hang_up,
    high_descriptors,
    in_turn,
    open_sockets,
    reset,
    serving,
    settle,
)

pytestmark = pytest.mark.timely

# ── what is sent twice, and what is not ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("ending", [hang_up, reset])
async def test_a_reused_connection_that_ends_before_an_answer_is_replaced(
    transport: Transport, ending: Any
) -> None:
    async with serving(in_turn(always(OK), ending)) as peer:
        for _ in range(3):
            assert (await transport.send(peer.request())).body == b"ok"
    assert (peer.connections, len(peer.requests)) == (3, 5)


async def test_a_connection_that_closed_while_it_rested_costs_no_second_request(
    transport: Transport,
) -> None:
    async with serving(always(OK, closes=True)) as peer:
        for _ in range(3):
            await transport.send(peer.request())
            await until(lambda: peer.open_connections == 0)
    assert (peer.connections, len(peer.requests)) == (3, 3)


async def test_a_connection_is_used_again_whatever_its_descriptor(transport: Transport) -> None:
    with high_descriptors():
        async with serving(always(OK)) as peer:
            for _ in range(2):
                assert (await transport.send(peer.request())).body == b"ok"
            await transport.aclose()
    assert peer.connections == 1


@pytest.mark.parametrize("ending", [hang_up, reset])
async def test_a_request_on_a_new_connection_is_sent_once(
    transport: Transport, ending: Any
) -> None:
    async with serving(ending) as peer:
        with pytest.raises(Unavailable):
            await transport.send(peer.request())
    assert len(peer.requests) == 1


async def test_a_replacement_is_not_replaced(transport: Transport) -> None:
    async with serving(always(OK)) as peer:
        await transport.send(peer.request())
        peer.answer = hang_up
        with pytest.raises(Unavailable, match="closed the connection without an answer"):
            await transport.send(peer.request())
    assert len(peer.requests) == 3


async def test_once_a_byte_of_the_answer_was_seen_nothing_is_sent_again(
    transport: Transport,
) -> None:
    async with serving(in_turn(always(OK), always(b"H", closes=True))) as peer:
        await transport.send(peer.request())
        with pytest.raises(Unavailable, match="cut in mid-answer"):
            await transport.send(peer.request())
    assert len(peer.requests) == 2


# ── answers that nobody asked for ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("pause_s", [0.0, 0.05])
async def test_a_second_answer_is_not_the_next_calls(transport: Transport, pause_s: float) -> None:
    forged = OK.replace(b"ok", b"no")
    async with serving(in_turn(always(OK, pause_s, forged, 0.05), always(OK))) as peer:
        first = await asyncio.gather(transport.send(peer.request()), return_exceptions=True)
        await asyncio.sleep(0.1)
        peer.answer = always(OK)
        response = await transport.send(peer.request())
    assert response.body == b"ok"
    assert peer.connections == 2
    assert isinstance(first[0], AnswerError) or first[0].body == b"ok"


async def test_a_second_answer_that_the_loop_has_not_read_yet_is_not_the_next_calls(
    transport: Transport,
) -> None:
    """What is in the kernel's buffer when the connection is taken counts too."""
    async with serving(always(OK)) as peer:
        await transport.send(peer.request())
        descriptor = peer.writers[0].get_extra_info("socket").fileno()
        os.write(descriptor, OK.replace(b"ok", b"no"))
        assert (await transport.send(peer.request())).body == b"ok"
    assert peer.connections == 2


async def test_a_second_answer_is_not_that_of_a_call_that_waited_for_the_connection() -> None:
    transport = Transport(max_connections=1)
    async with serving(always(OK)) as peer:
        held = await transport.open_stream(peer.request())
        waiting = asyncio.create_task(transport.send(peer.request()))
        await asyncio.sleep(0.02)
        descriptor = peer.writers[0].get_extra_info("socket").fileno()
        os.write(descriptor, OK.replace(b"ok", b"no"))
        await held.aclose()  # gives the connection to the call that waits
        assert (await waiting).body == b"ok"
        await transport.aclose()
    assert peer.connections == 2


@pytest.mark.parametrize(("size", "rule"), [(6, Rule.UNASKED), (200_000, Rule.UNASKED)])
async def test_what_comes_before_the_request_is_no_answer(size: int, rule: Rule) -> None:
    loop = asyncio.get_running_loop()
    connection = Connection(loop, "key", memoryview(bytearray(READ_BYTES)))
    for _ in range(size // READ_BYTES + 1):
        connection.buffer_updated(min(size, READ_BYTES))
    with pytest.raises(BadResponse) as caught:
        connection.begin("GET", b"", b"", Deadlines(Timeouts(), loop.time()), None)
    assert caught.value.rule is rule
    assert len(connection._early) < 256 * 2**10


class Writes(asyncio.Transport):
    """Where a connection writes to, as a list of its writes."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def write(self, data: Any) -> None:
        self.sizes.append(len(data))


@pytest.mark.parametrize(
    ("size", "writes"), [(0, [4]), (64 * 2**10, [4 + 64 * 2**10]), (2**20, [4, 2**20])]
)
async def test_all_but_a_large_body_leaves_in_one_write_with_its_head(
    size: int, writes: list[int]
) -> None:
    loop, there = asyncio.get_running_loop(), Writes()
    connection = Connection(loop, "key", memoryview(bytearray(READ_BYTES)))
    connection.connection_made(there)
    connection.begin("PUT", b"head", bytes(size), Deadlines(Timeouts(), loop.time()), None)
    assert there.sizes == writes


@pytest.mark.parametrize(
    ("status", "is_redirect"), [(299, False), (300, True), (399, True), (400, False)]
)
async def test_a_status_of_3xx_alone_is_a_redirect(
    transport: Transport, status: int, is_redirect: bool
) -> None:
    async with serving(always(OK.replace(b"200", str(status).encode()))) as peer:
        if is_redirect:
            with pytest.raises(Unavailable, match=f"answered {status}, a redirect"):
                await transport.send(peer.request())
        else:
            assert (await transport.send(peer.request())).status == status


async def test_bytes_after_the_end_are_refused(transport: Transport) -> None:
    async with serving(always(OK + b"more")) as peer:
        with pytest.raises(AnswerError, match="bytes follow after its end"):
            await transport.send(peer.request())


async def test_an_answer_before_the_whole_request_is_taken_and_its_connection_closed(
    transport: Transport,
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(0.02)
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        response = await transport.send(HttpRequest("POST", url, {}, bytes(16 * 2**20)))
        assert transport._client._pool is not None
        assert not transport._client._pool._resting  # half a request waits in it
        await settle()
    assert response.status == 413


# ── what waits here ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_tls", [False, True])
async def test_a_slow_reader_holds_the_server_up_and_little_is_buffered(
    transport: Transport, authority: Authority, is_tls: bool
) -> None:
    chunk = b"%x\r\n%s\r\n" % (2**16, bytes(2**16))
    answer = always(CHUNKED, *[chunk] * 512, b"0\r\n\r\n")
    async with serving(answer, authority.server if is_tls else None) as peer:
        request = peer.request(authority.network if is_tls else None)
        stream = await transport.open_stream(request)
        most = size = 0
        while data := await stream.read():
            size += len(data)
            await asyncio.sleep(0.002)
            if stream._connection is not None:
                most = max(most, stream._connection.parser.buffered)
    assert size == 512 * 2**16
    assert READ_BYTES < most <= HIGH_WATER_BYTES + READ_BYTES < 256 * 2**10


async def test_two_reads_at_once_are_refused_and_harm_nothing(transport: Transport) -> None:
    async with serving(always(CHUNKED, 0.05, b"2\r\nhi\r\n0\r\n\r\n")) as peer:
        stream = await transport.open_stream(peer.request())
        first = asyncio.create_task(stream.read())
        await asyncio.sleep(0)
        with pytest.raises(RequestError, match="being read already"):
            await stream.read()
        assert (await first, await stream.read()) == (b"hi", b"")


async def test_one_read_of_the_network_is_one_read_of_the_stream(transport: Transport) -> None:
    async with serving(always(CHUNKED + b"1\r\na\r\n" * 200 + b"0\r\n\r\n")) as peer:
        stream = await transport.open_stream(peer.request())
        assert [await stream.read(), await stream.read()] == [b"a" * 200, b""]


async def test_bytes_without_a_body_are_no_end(transport: Transport) -> None:
    """A chunk's size alone wakes nobody: an empty read would pass for the end."""
    pieces = [piece for byte in b"2\r\nhi\r\n" for piece in (bytes([byte]), 0.005)]
    async with serving(always(CHUNKED, 0.01, *pieces, *pieces, b"0\r\n\r\n")) as peer:
        stream = await transport.open_stream(peer.request())
        assert [await stream.read() for _ in range(5)] == [b"h", b"i", b"h", b"i", b""]


async def test_a_consumer_that_rests_after_a_read_that_waited_is_no_idle_server(
    transport: Transport,
) -> None:
    async with serving(always(CHUNKED, 0.03, b"1\r\na\r\n", 0.2, b"1\r\nb\r\n0\r\n\r\n")) as peer:
        stream = await transport.open_stream(peer.request(idle_s=0.1))
        assert await stream.read() == b"a"
        await asyncio.sleep(0.25)
        assert await stream.read_all() == b"b"


async def test_a_consumer_whose_read_was_cancelled_is_no_idle_server(transport: Transport) -> None:
    async with serving(always(CHUNKED, 0.2, b"1\r\nb\r\n0\r\n\r\n")) as peer:
        stream = await transport.open_stream(peer.request(idle_s=0.1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.read(), 0.03)
        await asyncio.sleep(0.25)
        assert await stream.read_all() == b"b"


async def test_a_cancelled_read_loses_nothing(transport: Transport) -> None:
    async with serving(always(CHUNKED, 0.1, b"2\r\nhi\r\n0\r\n\r\n")) as peer:
        stream = await transport.open_stream(peer.request())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.read(), 0.03)
        assert [await stream.read(), await stream.read()] == [b"hi", b""]


async def test_a_stream_ends_at_its_deadline_however_much_of_it_waits_to_be_read(
    transport: Transport,
) -> None:
    async with serving(always(CHUNKED, *[b"1\r\nx\r\n", 0.002] * 5000)) as peer:
        stream = await transport.open_stream(peer.request(total_s=0.3))
        with ends_within(0.8, not_before_s=0.2), pytest.raises(ProviderTimeout, match="finish"):
            async for _ in stream:
                await asyncio.sleep(0.02)  # meanwhile more arrives


async def test_a_stream_that_arrived_whole_gives_its_connection_back_unread(
    transport: Transport,
) -> None:
    async with serving(always(OK)) as peer:
        for _ in range(3):
            stream = await transport.open_stream(peer.request())
            await asyncio.sleep(0.02)
            await stream.aclose()
    assert peer.connections == 1


async def test_a_stream_that_breaks_a_rule_hands_out_what_came_before(
    transport: Transport,
) -> None:
    async with serving(always(CHUNKED + b"2\r\nhi\r\nrubbish\r\n")) as peer:
        stream = await transport.open_stream(peer.request())
        assert await stream.read() == b"hi"
        for _ in range(2):
            with pytest.raises(TruncatedStream, match="refused in its middle: a chunk"):
                await stream.read()


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────


async def test_calls_over_tls_share_a_connection(
    transport: Transport, authority: Authority
) -> None:
    body = bytes(range(256)) * 4096
    async with serving(always(OK), authority.server) as peer:
        for _ in range(5):
            request = HttpRequest("POST", peer.url, {}, body, network=authority.network)
            assert (await transport.send(request)).body == b"ok"
    assert peer.connections == 1
    assert peer.requests[4].endswith(body)


async def test_an_end_without_tlss_farewell_is_no_end(
    transport: Transport, authority: Authority
) -> None:
    """Anybody on the way can close a TCP connection. Only a body without a length shows it."""
    async with serving(in_turn(_open_ended(reset)), authority.server) as peer:
        with pytest.raises(Unavailable, match="cut in mid-answer"):
            await transport.send(peer.request(authority.network))
    async with serving(in_turn(_open_ended(hang_up)), authority.server) as peer:
        assert (await transport.send(peer.request(authority.network))).body == b"half"


def _open_ended(ending: Any) -> Any:
    async def answer(peer: Peer, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await writer.drain()
        await asyncio.sleep(0.02)
        await ending(peer, writer, number)

    return answer


# ── the end ───────────────────────────────────────────────────────────────────────────────────────


async def test_closing_ends_calls_that_wait_in_every_state(authority: Authority) -> None:
    transport, sockets = Transport(max_connections=3), open_sockets()
    async with serving(always(5.0)) as silent, serving(always(CHUNKED, 5.0)) as slow:
        stream = await transport.open_stream(slow.request())
        calls = [asyncio.create_task(transport.send(silent.request())) for _ in range(4)]
        calls.append(asyncio.create_task(stream.read_all()))
        await until(lambda: len(silent.requests) == 2)
        await transport.aclose()
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {Unavailable, RequestError}
    assert not any(getattr(result, "is_retryable", False) for result in results[:4])
    await until(lambda: open_sockets() <= sockets)
