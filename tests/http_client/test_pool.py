"""The pool: a bound, a fair queue, room for other hosts, and nothing lost by a cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from on_time import until

from axonflow_core.errors import ProviderTimeout
from axonflow_core.http.client import HttpRequest, Network, Transport

from .peers import (
    CHUNKED,
    OK,
    Authority,
    Peer,
    Proxy,
    always,
    hang_up,
    in_turn,
    open_sockets,
    proxying,
    serving,
    settle,
)

pytestmark = pytest.mark.timely


def taken(transport: Transport) -> int:
    """How many places of the pool are taken by connections that do not rest."""
    pool = transport._client._pool
    assert pool is not None
    return pool._places_taken - len(pool._resting)


async def test_whoever_waits_longest_is_next() -> None:
    transport, order = Transport(max_connections=1), list[int]()

    async def call(request: HttpRequest, number: int) -> None:
        await transport.send(request)
        order.append(number)

    async with serving(always(0.002, OK)) as peer:
        await asyncio.gather(*(call(peer.request(), number) for number in range(20)))
        await transport.aclose()
    assert order == list(range(20))
    assert peer.connections == 1


async def test_a_newcomer_does_not_overtake_the_queue() -> None:
    transport, order = Transport(max_connections=1), list[str]()

    async def calls(request: HttpRequest, name: str, count: int) -> None:
        for _ in range(count):
            await transport.send(request)
            order.append(name)

    async with serving(always(OK)) as peer:
        await asyncio.gather(*(calls(peer.request(), name, 3) for name in "abc"))
        await transport.aclose()
    assert order == list("abcabcabc")


async def test_a_resting_connection_makes_room_for_another_host() -> None:
    transport = Transport(max_connections=1)
    async with serving(always(OK)) as one, serving(always(OK)) as other:
        for _ in range(2):
            await transport.send(one.request())
            await transport.send(other.request())
        await until(lambda: one.open_connections + other.open_connections == 1)
        await transport.aclose()
    assert (one.connections, other.connections) == (2, 2)


async def test_a_place_goes_to_a_call_of_another_host_that_waits() -> None:
    transport = Transport(max_connections=1)
    async with serving(always(0.02, OK)) as one, serving(always(OK)) as other:
        calls = (transport.send(peer.request()) for peer in (one, other, one))
        assert [answer.body for answer in await asyncio.gather(*calls)] == [b"ok"] * 3
        await transport.aclose()


async def test_a_place_is_free_again_whatever_ended_the_call(transport: Transport) -> None:
    async with serving(in_turn(always(b"rubbish\r\n\r\n"))) as peer:
        gone = HttpRequest("GET", "http://127.0.0.1:1/", {})
        results = await asyncio.gather(
            *(transport.send(request) for request in (peer.request(), gone, peer.request())),
            return_exceptions=True,
        )
    assert all(isinstance(result, Exception) for result in results)
    assert taken(transport) == 0


async def test_whoever_gave_up_waiting_is_passed_over() -> None:
    transport = Transport(max_connections=1)
    may_answer = asyncio.Event()

    async def answer(peer: Peer, writer: asyncio.StreamWriter, number: int) -> None:
        await may_answer.wait()
        writer.write(OK)

    async with serving(answer) as peer:
        first = asyncio.create_task(transport.send(peer.request()))
        await asyncio.sleep(0.01)
        late = asyncio.create_task(transport.send(peer.request(first_byte_s=0.02)))
        patient = asyncio.create_task(transport.send(peer.request()))
        with pytest.raises(ProviderTimeout, match="the pool of 1 is full"):
            await late
        may_answer.set()
        assert [(await call).body for call in (first, patient)] == [b"ok", b"ok"]
        assert taken(transport) == 0
        await transport.aclose()


# ── the timer of a connection ─────────────────────────────────────────────────────────────────────


async def test_a_connection_that_rests_too_long_is_closed_and_its_place_is_free(
    transport: Transport,
) -> None:
    async with serving(always(OK)) as peer:
        await transport.send(peer.request())
        pool = transport._client._pool
        assert pool is not None
        [connection] = pool._resting
        connection.rest(asyncio.get_running_loop().time() + 0.03, pool._forget)
        await until(lambda: peer.open_connections == 0)
    assert (pool._places_taken, len(pool._resting), len(pool._open)) == (0, 0, 0)


async def test_calls_on_an_open_connection_set_no_timer(transport: Transport) -> None:
    async with serving(always(OK)) as peer:
        await transport.send(peer.request(first_byte_s=600, total_s=3600))
        assert transport._client._pool is not None
        [connection] = transport._client._pool._resting
        timer = connection._timer
        for _ in range(20):
            await transport.send(peer.request(first_byte_s=600, total_s=3600))
        assert timer is not None
        assert connection._timer is timer


async def test_the_control_of_the_timers_a_limit_that_comes_sooner_sets_one(
    transport: Transport,
) -> None:
    async with serving(always(OK)) as peer:
        await transport.send(peer.request(first_byte_s=600))
        assert transport._client._pool is not None
        [connection] = transport._client._pool._resting
        timer = connection._timer
        await transport.send(peer.request(first_byte_s=1))
        assert connection._timer not in (timer, None)


# ── cancellation at every await ───────────────────────────────────────────────────────────────────

Step = Callable[[], Awaitable[object]]


async def cancelled_after(steps: int, call: Step) -> bool:
    """Cancel `call` after the loop turned `steps` times. Whether it was done before."""
    task = asyncio.ensure_future(call())
    for _ in range(steps):
        if task.done():
            break
        await asyncio.sleep(0)
    was_done = task.done()
    task.cancel()
    await asyncio.wait([task])
    return was_done


async def cancel_everywhere(transport: Transport, call: Step, *, at_most: int = 2000) -> int:
    """Cancel `call` after one turn of the loop, then after two, until it ends before. After each
    nothing is taken. How often it was cancelled."""
    for steps in range(at_most):
        if await cancelled_after(steps, call):
            return steps
        await asyncio.sleep(0)
        assert transport._client._pool is None or taken(transport) == 0, steps
        if transport._client._pool is not None and steps % 2:
            while transport._client._pool._evict():  # so that every other call opens a connection
                pass
    raise AssertionError("the call never ended")


@pytest.mark.parametrize("way", ["http", "https", "proxy"])
async def test_a_call_may_be_cancelled_at_every_await(authority: Authority, way: str) -> None:
    transport, sockets = Transport(max_connections=2), open_sockets()
    tls = None if way == "http" else authority.server
    async with serving(always(OK), tls) as peer, proxying(Proxy(), authority.server) as proxy:
        network = Network(proxy.url if way == "proxy" else None, authority.client)
        request = peer.request(network)
        assert await cancel_everywhere(transport, lambda: transport.send(request)) > 3
        await transport.send(request)
        await transport.aclose()
    await until(lambda: open_sockets() <= sockets)
    await settle()
    assert len(asyncio.all_tasks()) == 1


async def test_a_stream_may_be_cancelled_at_every_await() -> None:
    transport, sockets = Transport(max_connections=2), open_sockets()
    pieces = [piece for _ in range(5) for piece in (b"2\r\nhi\r\n", 0.0)]

    async def read() -> None:
        async with await transport.open_stream(request) as stream:
            async for _ in stream:
                pass

    async with serving(always(CHUNKED, *pieces, b"0\r\n\r\n")) as peer:
        request = peer.request()
        assert await cancel_everywhere(transport, read) > 5
        await transport.aclose()
    await until(lambda: open_sockets() <= sockets)


@pytest.mark.parametrize("steps", range(12))
async def test_a_wait_for_a_place_may_be_cancelled_while_it_gets_one(steps: int) -> None:
    """The place was given and nobody took it: it goes to the next."""
    transport = Transport(max_connections=1)
    async with serving(always(OK)) as peer:
        first = asyncio.create_task(transport.send(peer.request()))
        await asyncio.sleep(0)
        second = asyncio.create_task(transport.send(peer.request()))
        third = asyncio.create_task(transport.send(peer.request()))
        await asyncio.sleep(0)
        await first
        for _ in range(steps):
            await asyncio.sleep(0)
        second.cancel()
        assert (await third).body == b"ok"
        await asyncio.wait([second])
        assert taken(transport) == 0
        await transport.aclose()


async def test_a_place_that_is_given_to_somebody_cancelled_in_that_moment_is_not_lost() -> None:
    transport = Transport(max_connections=1)
    async with serving(always(OK)) as peer:
        held = await transport.open_stream(peer.request())
        waiting = asyncio.create_task(transport.send(peer.request()))
        await asyncio.sleep(0.01)
        await held.aclose()  # gives the place to the one that waits …
        waiting.cancel()  # … which is cancelled before it wakes
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert taken(transport) == 0
        assert (await transport.send(peer.request())).body == b"ok"
        await transport.aclose()


async def test_a_queued_call_whose_connection_dies_as_it_gets_it_is_served() -> None:
    transport = Transport(max_connections=1)
    async with serving(in_turn(always(OK), hang_up)) as peer:
        calls = (transport.send(peer.request()) for _ in range(6))
        assert [answer.body for answer in await asyncio.gather(*calls)] == [b"ok"] * 6
        await transport.aclose()
