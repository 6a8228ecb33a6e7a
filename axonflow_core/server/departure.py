"""A client that leaves, while its request is being answered.

The connection itself tells, through the `Delivery` of its answer: no task waits for the disconnect.
A handler that outlives its client (`single_flight`) watches the delivery itself, which ends this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from axonflow_core.governance.trail import CLIENT_CLOSED
from axonflow_core.http.asgi import ClientLeft
from axonflow_core.server.delivery import Delivery


@contextmanager
def cancelled_with_client(delivery: Delivery | None) -> Iterator[None]:
    """What runs inside is cancelled when the client closes its connection, and ends in
    `ClientLeft`. A cancel from elsewhere is passed on. Without a delivery nobody tells."""
    if delivery is None:
        yield
        return
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - inside a coroutine there is one
    is_inside, has_left = True, False

    def settled(is_read: bool) -> None:
        nonlocal has_left
        if is_inside and not is_read:
            has_left = True
            task.cancel(CLIENT_CLOSED)

    delivery.watch(settled)
    try:
        yield
    except asyncio.CancelledError:
        if not has_left or task.uncancel() > 0:  # another cancel wants this task to end
            raise
        raise ClientLeft from None
    finally:
        is_inside = False
