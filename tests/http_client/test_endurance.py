"""Thousands of calls and streams: memory stays flat, and no socket and no task is left."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

import pytest
from on_time import until

from axonflow_core.http.client import Transport

from .peers import CHUNKED, OK, Peer, always, open_sockets, serving, settle

CHUNKS = b"5\r\nhello\r\n" * 20 + b"0\r\n\r\n"


async def calls(transport: Transport, peer: Peer, count: int) -> None:
    for _ in range(count):
        assert (await transport.send(peer.request())).body == b"ok"


async def streams(transport: Transport, peer: Peer, count: int) -> None:
    for _ in range(count):
        async with await transport.open_stream(peer.request()) as stream:
            assert b"".join([data async for data in stream]) == b"hello" * 20


async def cancelled(transport: Transport, peer: Peer, count: int) -> None:
    for number in range(count):
        task = asyncio.create_task(transport.send(peer.request()))
        for _ in range(number % 7):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])


def used_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.thorough
async def test_thousands_of_calls_leave_nothing() -> None:
    transport, sockets = Transport(), open_sockets()
    async with serving(always(OK)) as called, serving(always(CHUNKED + CHUNKS)) as streamed:

        async def all_kinds(scale: int) -> None:
            await asyncio.gather(*(calls(transport, called, 50 * scale) for _ in range(10)))
            await asyncio.gather(*(streams(transport, streamed, 10 * scale) for _ in range(10)))
            await asyncio.gather(*(cancelled(transport, called, 5 * scale) for _ in range(5)))
            for peer in (called, streamed):
                peer.requests.clear()
                peer.writers.clear()
                peer.tasks.clear()

        tracemalloc.start()
        await all_kinds(1)
        before = used_bytes()
        await all_kinds(20)
        growth = used_bytes() - before
        tracemalloc.stop()
        await transport.aclose()
    await until(lambda: open_sockets() <= sockets)
    await settle()
    assert len(asyncio.all_tasks()) == 1
    assert growth < 200_000, "10,000 calls, 2,000 streams, 500 cancelled"


async def test_the_control_of_the_memory_what_is_kept_is_seen() -> None:
    tracemalloc.start()
    before, kept = used_bytes(), [bytes(1000) for _ in range(300)]
    growth = used_bytes() - before
    tracemalloc.stop()
    assert len(kept) == 300
    assert growth > 200_000


@pytest.mark.thorough
async def test_six_hundred_streams_end_in_a_pool_of_512() -> None:
    transport, most = Transport(), 0

    async def read(peer: Peer, number: int) -> bytes:
        nonlocal most
        async with await transport.open_stream(
            peer.request(first_byte_s=30, connect_s=5)
        ) as stream:
            most = max(most, peer.open_connections)
            return await stream.read_all()

    answer = always(CHUNKED, b"5\r\nhello\r\n", 1.0, b"6\r\n world\r\n", b"0\r\n\r\n")
    async with serving(answer) as peer:
        texts = await asyncio.gather(*(read(peer, number) for number in range(600)))
        await transport.aclose()
    assert set(texts) == {b"hello world"}
    assert len(texts) == 600
    assert most == peer.connections == 512
