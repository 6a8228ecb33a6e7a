"""A client that leaves while its request is answered: what is under way for it ends."""

from __future__ import annotations

import asyncio

import pytest

from axonflow_core.http.asgi import ClientLeft
from axonflow_core.server.delivery import Delivery
from axonflow_core.server.departure import cancelled_with_client


async def work(delivery: Delivery | None, began: asyncio.Event) -> str:
    with cancelled_with_client(delivery):
        began.set()
        await asyncio.sleep(0.05)
    return "done"


async def begun(delivery: Delivery | None) -> asyncio.Task[str]:
    began = asyncio.Event()
    task = asyncio.create_task(work(delivery, began))
    await began.wait()
    return task


async def test_work_ends_with_its_client() -> None:
    delivery = Delivery()
    task = await begun(delivery)
    delivery.end(False)
    with pytest.raises(ClientLeft):
        await task
    assert not task.cancelling()


async def test_a_client_that_left_before_ends_it_too() -> None:
    delivery = Delivery()
    delivery.end(False)
    with pytest.raises(ClientLeft):
        await (await begun(delivery))


async def test_what_becomes_of_the_answer_is_nothing_to_the_work() -> None:
    for is_read in (True, False):
        delivery = Delivery()
        task = await begun(delivery)
        assert await task == "done"
        delivery.settle(is_read)
        assert not task.cancelled()


async def test_what_the_task_does_afterwards_goes_on_without_the_client() -> None:
    delivery = Delivery()

    async def answered() -> str:
        with cancelled_with_client(delivery):
            pass
        await asyncio.sleep(0.05)
        return "written"

    task = asyncio.create_task(answered())
    await asyncio.sleep(0.01)
    delivery.end(False)
    assert await task == "written"


async def test_another_cancel_is_passed_on() -> None:
    delivery = Delivery()
    task = await begun(delivery)
    delivery.end(False)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_without_a_delivery_nobody_tells() -> None:
    assert await (await begun(None)) == "done"
